//! Change events: what is published of each write, and what is kept of it for 72 hours.
//! May not know gRPC. Read [`Events`] first, then [`publish`] for what an event says.

mod avro;
mod bitmap;
mod channels;
mod diff;
mod event;
mod event_schema;
mod log;
mod publish;
mod standard;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use self::channels::FREE;
pub(crate) use self::channels::{Channels, DEFAULT, Member, invalid_entity};
pub(crate) use self::event::Event;
pub use self::event::EventKind;
pub(crate) use self::event_schema::{EventSchema, entity_of, has_events};
use self::log::EventLog;
pub(crate) use self::log::{Entry, replay_id, replay_number};
pub(crate) use self::publish::Publisher;
use self::publish::{Transaction, told};
use super::change_log::Change;
use super::config::Edition;
use super::ids::Id;
use super::schema::Schema;

/// Commit numbers are larger than a double can hold exactly.
const FIRST_COMMIT: i64 = 1_778_192_987_716_501_507;

/// The event bus of the org.
pub(crate) struct Events {
    inner: Mutex<Inner>,
    news: watch::Sender<u64>,
}

pub(crate) struct Inner {
    pub(crate) log: EventLog,
    pub(crate) channels: Channels,
    schemas: HashMap<u16, Arc<EventSchema>>,
    /// Texts of all schemas that ever were, by id.
    texts: HashMap<String, String>,
    /// Fields that only the events of an object have.
    added: HashMap<u16, Vec<String>>,
    transactions: u64,
    /// So many events are lost before they are published.
    lose: usize,
    /// So many events are published as gaps.
    gaps: usize,
}

impl Events {
    pub(super) fn new(edition: Edition) -> Self {
        let limit = (edition != Edition::Professional).then_some(FREE);
        let inner = Inner {
            log: EventLog::default(),
            channels: Channels::new(limit),
            schemas: HashMap::new(),
            texts: HashMap::new(),
            added: HashMap::new(),
            transactions: 0,
            lose: 0,
            gaps: 0,
        };
        Self { inner: Mutex::new(inner), news: watch::Sender::new(0) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hears of everything that is published.
    pub(crate) fn listen(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// Lets everybody who listens look again.
    pub(crate) fn poke(&self) {
        self.news.send_modify(|count| *count += 1);
    }

    /// Publishes a transaction.
    pub(super) fn publish(&self, publisher: &Publisher<'_>, changes: &[Change], origin: &str, now: i64) {
        let mut inner = self.lock();
        if inner.channels.members.is_empty() || changes.is_empty() {
            return;
        }
        let transaction = inner.transaction(origin, now);
        let mut events: Vec<Event> = Vec::new();
        for told in told(changes) {
            let schema = &publisher.reader.store.schema;
            let Some(object) = schema.find(&told.change.object) else { continue };
            if !inner.channels.selects(object) {
                continue;
            }
            let event_schema = inner.schema(schema, object);
            let Some(event) = publisher.event(object, &event_schema, &told, &transaction) else { continue };
            match events.last_mut() {
                Some(last) if last.says_the_same(&event) => last.ids.extend(event.ids),
                _ => events.push(event),
            }
        }
        for event in events {
            inner.send(event, now);
        }
        drop(inner);
        self.poke();
    }

    /// Publishes an event without values: a gap, or an overflow.
    pub(super) fn publish_gap(
        &self,
        schema: &Schema,
        (object, user): (u16, Id),
        gap: (EventKind, Vec<String>),
        now: i64,
    ) {
        let (kind, ids) = gap;
        let mut inner = self.lock();
        let event_schema = inner.schema(schema, object);
        let Transaction { key, commit, .. } = inner.transaction("", now);
        let event = Event {
            object,
            object_name: schema.object(object).name.clone(),
            schema: event_schema,
            uuid: String::new(),
            kind,
            ids,
            origin: String::new(),
            transaction: key,
            sequence: 1,
            at_millis: now * 1_000,
            commit,
            user: user.to_string(),
            nulled: Vec::new(),
            diff: Vec::new(),
            changed: Vec::new(),
            values: Vec::new(),
        };
        inner.send(event, now);
        drop(inner);
        self.poke();
    }

    /// The next so many events never reach the bus.
    pub(super) fn lose_next(&self, count: usize) {
        self.lock().lose = count;
    }

    /// The next so many events are published as gaps.
    pub(super) fn gap_next(&self, count: usize) {
        self.lock().gaps = count;
    }

    /// Gives the events of an object one more field, and with it another schema.
    pub(super) fn add_field(&self, object: u16, name: &str) {
        let mut inner = self.lock();
        inner.added.entry(object).or_default().push(name.to_owned());
        inner.schemas.remove(&object);
    }

    /// Begins a new stream, as the move of an org to another instance does.
    pub(super) fn reset(&self) {
        self.lock().log.reset();
        self.poke();
    }
}

impl Inner {
    fn transaction<'a>(&mut self, origin: &'a str, now: i64) -> Transaction<'a> {
        self.transactions += 1;
        let count = self.transactions;
        Transaction {
            key: format!("{:08x}-0ac9-7da3-edb3-{count:012x}", now & 0xFFFF_FFFF),
            commit: FIRST_COMMIT + i64::try_from(count).unwrap_or(0),
            origin,
            now,
        }
    }

    fn send(&mut self, mut event: Event, now: i64) {
        if self.lose > 0 {
            self.lose -= 1;
            return;
        }
        if self.gaps > 0 {
            self.gaps -= 1;
            event.kind = event.kind.gap();
            event.values.clear();
            for bitmaps in [&mut event.changed, &mut event.nulled, &mut event.diff] {
                bitmaps.clear();
            }
        }
        let (high, low) = (self.transactions, self.log.position(now));
        event.uuid = format!("{high:08x}-923d-4766-ad50-{low:012x}");
        self.log.push(event, now);
    }

    /// The present schema of an object's events.
    pub(crate) fn schema(&mut self, schema: &Schema, object: u16) -> Arc<EventSchema> {
        if let Some(known) = self.schemas.get(&object) {
            return Arc::clone(known);
        }
        let added = self.added.get(&object).map_or(&[][..], Vec::as_slice);
        let made = Arc::new(EventSchema::new(schema, schema.object(object), added));
        self.texts.insert(made.id.clone(), made.json.clone());
        self.schemas.insert(object, Arc::clone(&made));
        made
    }

    /// The text of a schema, the present one or an older one.
    pub(crate) fn schema_text(&self, id: &str) -> Option<String> {
        self.texts.get(id).cloned()
    }
}
