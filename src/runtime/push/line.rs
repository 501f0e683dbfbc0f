//! One connection that is listened to: its channel is prepared, its stream read, what it says is put into queues. Read [`Line::run`] first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::super::backoff;
use super::super::registry::PushState;
use super::super::supervisor::Supervisor;
use super::super::task::Command;
use super::{CDC, Reader, Wanted};
use crate::connect::ConnectError;
use crate::connect::salesforce::{
    Client, Event, EventBatch, EventKind, EventStream, Fault, fault_of, prepare_channel,
};
use crate::model::{ConnectionName, Key, PipelineName, Side};
use crate::store::StoreError;

/// After so long a stream certainly brings what happens: Salesforce needs some seconds to connect it through.
const SETTLED: Duration = Duration::from_secs(5);
/// When an object that has no slot, or a channel that is not there, is tried again.
const AGAIN: Duration = Duration::from_secs(600);
/// Breaks in a row before a pipeline is called degraded: streams end every day.
const PATIENCE: u32 = 3;

/// The place in a stream, as the state keeps it.
#[derive(Serialize, Deserialize)]
struct Place {
    /// Hexadecimal.
    position: String,
}

/// A connection that is listened to.
pub(super) struct Line {
    supervisor: Arc<Supervisor>,
    connection: ConnectionName,
    client: Arc<Client>,
    wanted: Wanted,
    topic: String,
    failures: u32,
    /// What happened before anybody listened was not looked for yet; a stream that breaks before it was still owes it.
    unheard: bool,
}

impl Line {
    pub(super) fn new(
        supervisor: Arc<Supervisor>,
        (connection, client): (ConnectionName, Arc<Client>),
        wanted: Wanted,
    ) -> Self {
        let topic = wanted.channel.topic();
        Self { supervisor, connection, client, wanted, topic, failures: 0, unheard: false }
    }

    /// Listens for ever.
    pub(super) async fn run(mut self) {
        self.connects();
        loop {
            let pause = match Box::pin(self.listen()).await {
                Ok(()) => continue,
                Err(error) => self.failed(&error),
            };
            self.supervisor.clock.sleep(pause).await;
        }
    }

    /// Says what is wrong, and how long to wait.
    fn failed(&mut self, error: &ConnectError) -> Duration {
        self.failures += 1;
        let fault = fault_of(error);
        let lasting = matches!(fault, Fault::Topic | Fault::Permission | Fault::Session | Fault::Limit);
        tracing::warn!(connection = %self.connection, %error, failures = self.failures, "no change events for now");
        if lasting || self.failures >= PATIENCE {
            for reader in self.wanted.all() {
                self.tell(reader, Some(&error.message));
            }
        } else {
            self.connects();
        }
        let seed = self.connection.as_str().len() as u64;
        if matches!(fault, Fault::Topic | Fault::Permission) {
            AGAIN
        } else {
            backoff::pause(error.class, self.failures, seed)
        }
    }

    /// One stream, until it breaks or the channel has to be looked at again.
    async fn listen(&mut self) -> Result<(), ConnectError> {
        let objects: BTreeSet<String> = self.wanted.readers.keys().cloned().collect();
        let prepared = prepare_channel(&self.client, &self.wanted.channel, &objects).await?;
        if prepared.missing.len() == objects.len() {
            self.show(&prepared.missing);
            self.supervisor.clock.sleep(AGAIN).await;
            return Ok(());
        }
        let position = self.place();
        self.unheard |= position.is_none() || prepared.changed;
        let mut stream = EventStream::new(Arc::clone(&self.client), &self.topic, position);
        stream.open().await?;
        self.show(&prepared.missing);
        let clock = Arc::clone(&self.supervisor.clock);
        let (again, settled) = (clock.sleep(AGAIN), clock.sleep(SETTLED));
        tokio::pin!(again, settled);
        loop {
            let next = stream.next();
            tokio::pin!(next);
            let batch = loop {
                tokio::select! {
                    batch = &mut next => break batch,
                    // What happened before anybody listened is found by a look.
                    () = &mut settled, if self.unheard => {
                        self.unheard = false;
                        self.look_everywhere().await;
                    }
                    // What was read and not taken in is brought again: the place has not moved.
                    () = &mut again, if !prepared.missing.is_empty() => return Ok(()),
                }
            };
            match batch {
                Ok(batch) => {
                    if std::mem::take(&mut self.failures) > 0 {
                        self.show(&prepared.missing);
                    }
                    self.take_in(batch).await?;
                }
                Err(error) if fault_of(&error) == Fault::Position => {
                    tracing::warn!(connection = %self.connection, "the place in the stream of changes is gone; everything since the last look is read once");
                    self.supervisor.metrics.push_gap(self.connection.as_str());
                    self.move_to(&Bytes::new())?;
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Puts what happened into the queues, then moves the place.
    async fn take_in(&self, batch: EventBatch) -> Result<(), ConnectError> {
        let mut touched: BTreeMap<&PipelineName, (&Reader, BTreeSet<Key>)> = BTreeMap::new();
        let mut looks: BTreeSet<&PipelineName> = BTreeSet::new();
        for event in &batch.events {
            for reader in self.readers(event) {
                if event.kind == EventKind::Overflow {
                    looks.insert(&reader.name);
                } else {
                    let (_, keys) = touched.entry(&reader.name).or_insert_with(|| (reader, BTreeSet::new()));
                    keys.extend(event.ids.iter().map(|id| Key::salesforce(id)));
                }
            }
        }
        for (reader, keys) in touched.into_values() {
            self.touch(reader, keys.into_iter().collect()).map_err(super::super::build::state_failed)?;
        }
        if !looks.is_empty() {
            self.supervisor.metrics.push_gap(self.connection.as_str());
        }
        for name in looks {
            tracing::warn!(pipeline = %name, "more changed than events can tell; everything since the last look is read");
            self.look(name).await;
        }
        self.move_to(&batch.position)
    }

    /// Who is concerned; everybody by an event that could not be read.
    fn readers(&self, event: &Event) -> Vec<&Reader> {
        if event.object.is_empty() {
            return self.wanted.all().collect();
        }
        self.wanted.readers.get(&event.object).into_iter().flatten().collect()
    }

    fn touch(&self, reader: &Reader, mut keys: Vec<Key>) -> Result<(), StoreError> {
        let store = &self.supervisor.store;
        if reader.linked_only {
            let links = store.links_of_current(&reader.name, (Side::Salesforce, &keys))?;
            let mut linked = links.into_iter().map(|links| !links.is_empty());
            keys.retain(|_| linked.next().unwrap_or(false));
        }
        if keys.is_empty() {
            return Ok(());
        }
        store.touch(&reader.name, Side::Salesforce, &keys)?;
        if let Some(running) = self.supervisor.registry.get(&reader.name) {
            running.wake.notify_one();
        }
        Ok(())
    }

    async fn look_everywhere(&self) {
        for reader in self.wanted.all() {
            self.look(&reader.name).await;
        }
    }

    async fn look(&self, name: &PipelineName) {
        // One that does not run looks when it begins.
        self.supervisor.command(name, Command::Sync { full: false }).await;
    }

    fn show(&self, missing: &BTreeMap<String, String>) {
        for (object, readers) in &self.wanted.readers {
            for reader in readers {
                self.tell(reader, missing.get(object).map(String::as_str));
            }
        }
    }

    fn connects(&self) {
        for reader in self.wanted.all() {
            self.supervisor.registry.push_connects(&reader.name, CDC);
        }
    }

    fn tell(&self, reader: &Reader, problem: Option<&str>) {
        let problem = problem.map(|problem| format!("{problem}. {}.", reader.rhythm));
        self.supervisor.registry.set_push(&reader.name, CDC, Some(PushState::of(problem)));
    }

    fn fact(&self) -> String {
        format!("events {}", self.topic)
    }

    /// Where the stream has got to.
    fn place(&self) -> Option<Bytes> {
        let place: Option<Place> = self.supervisor.store.fact(&self.connection, &self.fact()).ok().flatten();
        let bytes = place.and_then(|place| from_hex(&place.position)).unwrap_or_default();
        (!bytes.is_empty()).then(|| bytes.into())
    }

    fn move_to(&self, position: &Bytes) -> Result<(), ConnectError> {
        let position: String =
            position.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
        let saved = self.supervisor.store.save_fact(&self.connection, &self.fact(), &Place { position });
        saved.map_err(super::super::build::state_failed)
    }
}

fn digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16).unwrap_or('0')
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_its_text() {
        for place in [vec![], vec![0, 1, 0xAB, 0xFF]] {
            let text: String = place.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
            assert_eq!(from_hex(&text), Some(place));
        }
        assert_eq!(from_hex("zz"), None);
    }
}
