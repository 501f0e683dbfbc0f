//! The stream of one channel: events against credit, a deadline for signs of life, schemas by id, another session when one ends.
//! It does not come back by itself after anything else: whoever reads it knows from where. Read [`EventStream`] first.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::event::{Event, Writer};
use super::fault::{Fault, fault_of, senseless};
use super::proto::{self, Consumed, FetchResponse, Start};
use super::rpc::{Caller, Stream, Wire, within};
use crate::connect::ConnectError;
use crate::connect::salesforce::client::Client;

/// Events that may be under way: the most that is allowed.
const CREDIT: u32 = 100;
/// More is asked for when so many are left, so that the stream never waits.
const REFILL: u64 = 50;
/// A stream says something within 270 seconds.
const SILENCE: Duration = Duration::from_secs(300);
/// Schemas that are kept; an object has one at a time.
const MOST_SCHEMAS: usize = 500;

/// What came: events in their order, none for a mere sign of life, and the position behind them.
#[derive(Clone, Debug)]
pub struct EventBatch {
    /// The events.
    pub events: Vec<Event>,
    /// Where to go on, once the events are taken care of.
    pub position: Bytes,
}

/// The changes of one channel as they happen.
pub struct EventStream {
    client: Arc<Client>,
    topic: String,
    start: Start,
    open: Option<Open>,
    schemas: HashMap<String, Writer>,
    /// Whether the session was renewed since something came.
    renewed: bool,
}

struct Open {
    wire: Wire,
    stream: Stream,
    caller: Caller,
}

impl std::fmt::Debug for EventStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventStream").field("topic", &self.topic).finish_non_exhaustive()
    }
}

impl EventStream {
    /// A stream of a channel (`/data/ChangeEvents`), behind a position if there is one. Nothing is sent before it is read.
    pub fn new(client: Arc<Client>, topic: &str, position: Option<Bytes>) -> Self {
        let start = position.map_or(Start::Latest, Start::After);
        Self { client, topic: topic.to_owned(), start, open: None, schemas: HashMap::new(), renewed: false }
    }

    /// Connects and asks for the first events, unless that was done.
    pub async fn open(&mut self) -> Result<(), ConnectError> {
        if self.open.is_none() {
            self.open = Some(self.connect().await?);
        }
        Ok(())
    }

    /// What comes next; must be waited for until it answers. A session that ended is renewed once, and the stream taken up behind what was read. After any other error the next
    /// call connects anew.
    pub async fn next(&mut self) -> Result<EventBatch, ConnectError> {
        loop {
            let over = self.open.as_ref().map(|open| Arc::clone(&open.caller.live));
            let error = match self.read().await {
                Ok(batch) => {
                    self.renewed = false;
                    return Ok(batch);
                }
                Err(error) => error,
            };
            let over = self.open.take().map(|open| open.caller.live).or(over);
            match over {
                Some(over) if fault_of(&error) == Fault::Session && !self.renewed => {
                    self.renewed = true;
                    self.client.session().renew(&self.client, &over).await?;
                }
                _ => return Err(error),
            }
        }
    }

    async fn read(&mut self) -> Result<EventBatch, ConnectError> {
        self.open().await?;
        let Some(open) = &mut self.open else { return Err(senseless("no stream")) };
        let message = within(SILENCE, "sign of life", open.stream.next()).await?;
        let response = FetchResponse::read(message).map_err(senseless)?;
        if response.pending <= REFILL {
            let more = CREDIT - u32::try_from(response.pending).unwrap_or_default();
            open.stream.say(&proto::fetch_request(None, more), false)?;
        }
        let mut events = Vec::with_capacity(response.events.len());
        for consumed in &response.events {
            events.push(self.event(consumed).await?);
        }
        let last = response.events.last().map(|event| event.replay_id.clone());
        let position = last.unwrap_or(response.latest);
        if !position.is_empty() {
            self.start = Start::After(position.clone());
        }
        Ok(EventBatch { events, position })
    }

    async fn connect(&self) -> Result<Open, ConnectError> {
        let client = &self.client;
        let base = client.config().pubsub_base()?;
        let tenant = client.established().await?.org.id.clone();
        let caller = Caller { live: client.sign_in().await?, tenant };
        let limit = client.config().transport.connect;
        let wire = within(limit, "connection", Wire::connect(&base)).await?;
        let mut stream = within(limit, "connection", wire.call("Subscribe", &caller)).await?;
        stream.say(&proto::fetch_request(Some((&self.topic, &self.start)), CREDIT), false)?;
        Ok(Open { wire, stream, caller })
    }

    async fn event(&mut self, consumed: &Consumed) -> Result<Event, ConnectError> {
        if !self.schemas.contains_key(&consumed.schema_id) {
            let writer = self.schema(&consumed.schema_id).await?;
            if self.schemas.len() >= MOST_SCHEMAS {
                self.schemas.clear();
            }
            self.schemas.insert(consumed.schema_id.clone(), writer);
        }
        let Some(writer) = self.schemas.get(&consumed.schema_id) else { return Err(senseless("no schema")) };
        Ok(writer.event(consumed).unwrap_or_else(|error| {
            // To stop here would be to stop for ever: the stream brings it again.
            tracing::warn!(topic = %self.topic, %error, "a change event could not be read; its records are looked for");
            Event::unknown(consumed.replay_id.clone())
        }))
    }

    async fn schema(&self, id: &str) -> Result<Writer, ConnectError> {
        let Some(open) = &self.open else { return Err(senseless("no stream")) };
        let limit = self.client.config().transport.answer;
        let asked = proto::one_text(id);
        let message = within(limit, "schema", open.wire.ask("GetSchema", &open.caller, &asked)).await?;
        let json = proto::schema_json(message).map_err(senseless)?;
        Writer::parse(&json).map_err(senseless)
    }
}
