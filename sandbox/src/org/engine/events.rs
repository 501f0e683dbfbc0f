//! The event bus as tests and the wire use it: selecting objects, gaps on demand, delivery.
//! May not keep events. Read [`Org::deliver`] first.

use super::{Org, State};
use crate::org::change_log::Change;
use crate::org::error::ApiError;
use crate::org::events::{
    DEFAULT, Entry, Event, EventKind, Events, Member, Publisher, entity_of, has_events,
};
use crate::org::ids::Id;
use crate::org::soql::run::QueryOptions;
use crate::org::store::Store;
use crate::org::visibility::Visibility;

/// Entries that are looked at in one step.
const STEP: usize = 1_000;

/// Whose events somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Topic {
    /// Those of one object.
    Object(u16),
    /// Those of a channel's members.
    Channel(String),
}

/// An event as it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Delivered {
    pub(crate) number: u64,
    pub(crate) uuid: String,
    pub(crate) schema_id: String,
    pub(crate) payload: Vec<u8>,
}

/// What a topic is, for whoever asks.
pub(crate) struct TopicFacts {
    pub(crate) topic: Topic,
    /// Empty for channels.
    pub(crate) schema_id: String,
}

impl Org {
    #[cfg(test)]
    pub(crate) fn with_schema<T>(&self, work: impl FnOnce(&crate::org::schema::Schema) -> T) -> T {
        work(&self.read().store.schema)
    }

    /// The event bus.
    pub(crate) fn events(&self) -> &Events {
        &self.events
    }

    /// Publishes the changes of a transaction and notes them in the log of changes.
    pub(super) fn committed(&self, state: &mut State, changes: Vec<Change>, origin: &str) {
        let now = self.clock.now_seconds();
        publish(&self.events, (&state.store, &state.visibility), &changes, origin, now);
        self.send_messages(&changes);
        state.changes.extend(changes);
    }

    /// Selects an object for change events on the channel that every org has, as an administrator does in Setup.
    pub fn select_for_events(&self, object: &str) -> Result<Id, ApiError> {
        let entity = entity_of(object);
        let name = format!("{DEFAULT}_{}", entity.replace("__", "_"));
        self.add_channel_member((&name, DEFAULT, &entity), Vec::new(), None)
    }

    /// Which objects are selected on which channel: pairs of channel and event entity, in the order of their selection.
    pub fn selected_for_events(&self) -> Vec<(String, String)> {
        let inner = self.events.lock();
        let members = inner.channels.members.iter();
        members.map(|member| (member.channel.clone(), member.entity.clone())).collect()
    }

    /// Takes an object off the channel that every org has; false if it was not on it.
    pub fn deselect_for_events(&self, object: &str) -> bool {
        let entity = entity_of(object);
        let channels = &mut self.events.lock().channels;
        let of = |member: &&Member| member.channel == DEFAULT && member.entity == entity;
        let id = channels.members.iter().find(of).map(|member| member.id);
        id.is_some_and(|id| channels.remove(id))
    }

    /// Selects an object on a channel: full name of the member, channel and entity.
    pub(crate) fn add_channel_member(
        &self,
        (name, channel, entity): (&str, &str, &str),
        enriched: Vec<String>,
        filter: Option<String>,
    ) -> Result<Id, ApiError> {
        let object = self.event_object(entity).ok_or_else(|| crate::org::events::invalid_entity(entity))?;
        if let Some(filter) = &filter {
            self.check_filter(object, filter)?;
        }
        let member = Member {
            id: self.integration_user(),
            name: name.to_owned(),
            channel: channel.to_owned(),
            entity: entity.to_owned(),
            object,
            enriched,
            filter,
        };
        self.events.lock().channels.add_member(member)
    }

    /// The object whose events these are.
    pub(crate) fn event_object(&self, entity: &str) -> Option<u16> {
        let state = self.read();
        let schema = &state.store.schema;
        let known = |(index, object): (u16, &crate::org::schema::Object)| {
            (entity_of(&object.name) == entity && has_events(object)).then_some(index)
        };
        (0u16..).zip(&schema.objects).find_map(known)
    }

    /// Says that something happened to records without saying what.
    pub fn publish_gap(&self, object: &str, kind: EventKind, ids: &[Id]) -> Result<(), ApiError> {
        let ids = ids.iter().map(Id::to_string).collect();
        self.gap(object, (kind, ids))
    }

    /// Says that more happened to the records of an object than could be said.
    pub fn publish_overflow(&self, object: &str) -> Result<(), ApiError> {
        self.gap(object, (EventKind::GapOverflow, vec!["000000000000000AAA".to_owned()]))
    }

    fn gap(&self, object: &str, gap: (EventKind, Vec<String>)) -> Result<(), ApiError> {
        let user = self.integration_user();
        let state = self.read();
        let index = Self::visible(&state, object)?;
        self.events.publish_gap(&state.store.schema, (index, user), gap, self.clock.now_seconds());
        Ok(())
    }

    /// The next so many events never reach the bus.
    pub fn lose_events(&self, count: usize) {
        self.events.lose_next(count);
    }

    /// The next so many events are published as gaps.
    pub fn gap_events(&self, count: usize) {
        self.events.gap_next(count);
    }

    /// Gives the events of an object one more field, always empty, and with it another schema.
    pub fn add_event_field(&self, object: &str, name: &str) -> Result<(), ApiError> {
        let index = Self::visible(&self.read(), object)?;
        self.events.add_field(index, name);
        Ok(())
    }

    /// Forgets all events and begins a new stream, whose positions have nothing to do with the old ones.
    pub fn reset_events(&self) {
        self.events.reset();
    }

    /// What a topic names; `None` if there is none, or nobody selected its object.
    pub(crate) fn topic(&self, name: &str) -> Option<TopicFacts> {
        let name = name.strip_prefix("/data/")?;
        let state = self.read();
        let channel = |name: &str| {
            let inner = self.events.lock();
            let known = inner.channels.has(name) && inner.channels.limit.is_some();
            known.then(|| TopicFacts { topic: Topic::Channel(name.to_owned()), schema_id: String::new() })
        };
        channel(name).or_else(|| {
            let schema = &state.store.schema;
            let index = (0u16..)
                .zip(&schema.objects)
                .find_map(|(i, object)| (entity_of(&object.name) == name).then_some(i));
            let index = index.filter(|index| state.visibility.sees_object(*index))?;
            let mut inner = self.events.lock();
            let selected = inner.channels.selects(index);
            selected.then(|| TopicFacts {
                topic: Topic::Object(index),
                schema_id: inner.schema(schema, index).id.clone(),
            })
        })
    }

    /// About `most` events of a topic behind a position, and the position up to which all are told.
    pub(crate) fn deliver(&self, topic: &Topic, after: u64, most: usize) -> (Vec<Delivered>, u64) {
        let (mut sent, mut position) = (Vec::new(), after);
        while sent.len() < most {
            let entries = self.events.lock().log.after(position, STEP);
            if entries.is_empty() {
                break;
            }
            for entry in entries {
                position = entry.number;
                self.deliver_entry(topic, &entry, &mut sent);
                if sent.len() >= most {
                    break;
                }
            }
        }
        (sent, position)
    }

    /// A position behind which nothing is untold, as new as can be said.
    pub(crate) fn quiet_position(&self, told: u64) -> u64 {
        let log = &mut self.events.lock().log;
        if log.after(told, 1).is_empty() { log.position(self.clock.now_seconds()) } else { told }
    }

    fn deliver_entry(&self, topic: &Topic, entry: &Entry, sent: &mut Vec<Delivered>) {
        let Some(event) = &entry.event else { return };
        let member = match topic {
            Topic::Object(object) if *object == event.object => None,
            Topic::Channel(name) => match self.events.lock().channels.member(name, event.object) {
                Some(member) => Some(member.clone()),
                None => return,
            },
            Topic::Object(_) => return,
        };
        let mut send = |payload| {
            let (uuid, schema_id) = (event.uuid.clone(), event.schema.id.clone());
            sent.push(Delivered { number: entry.number, uuid, schema_id, payload });
        };
        match member {
            Some(member) if !member.enriched.is_empty() || member.filter.is_some() => {
                for id in event.ids.iter().filter(|id| self.passes(&member, event, id)) {
                    send(event.payload(std::slice::from_ref(id), &self.enrichment(&member, event, id)));
                }
            }
            _ if self.read().visibility.sees_object(event.object) => {
                send(event.payload(&event.ids, &Vec::new()));
            }
            _ => {}
        }
    }

    /// The enriched fields of a record as they are now.
    fn enrichment(&self, member: &Member, event: &Event, id: &str) -> Vec<(usize, Vec<u8>)> {
        let state = self.read();
        let at = Id::parse(id).ok().and_then(|id| state.store.find(&id));
        let Some(at) = at.filter(|_| event.is_enriched()) else { return Vec::new() };
        let reader = state.store.reader(self.clock.now_seconds());
        let publisher = Publisher { reader, visibility: &state.visibility };
        publisher.enriched(event, &member.enriched, at)
    }

    /// Whether a record passes the filter of a member; gaps always do.
    fn passes(&self, member: &Member, event: &Event, id: &str) -> bool {
        let Some(filter) = &member.filter else { return true };
        let written = matches!(
            event.kind,
            EventKind::Create | EventKind::Update | EventKind::Delete | EventKind::Undelete
        );
        let soql = self.filter_query(member.object, &format!("Id = '{id}' AND ({filter})"));
        let options = QueryOptions { include_deleted: true, ..QueryOptions::default() };
        !written || self.query(&soql, &options).is_ok_and(|found| !found.is_empty())
    }

    fn check_filter(&self, object: u16, filter: &str) -> Result<(), ApiError> {
        let soql = self.filter_query(object, filter);
        self.query(&soql, &QueryOptions::default()).map(drop).map_err(|error| {
            let text = format!("filter expression has syntax errors: {}", error.message);
            ApiError::dml("FIELD_INTEGRITY_EXCEPTION", text, &["FilterExpression"])
        })
    }

    /// A filter names parts of compounds with a dot; a query does not.
    fn filter_query(&self, object: u16, filter: &str) -> String {
        let filter = filter.replace("Address.", "").replace("Name.", "");
        format!("SELECT Id FROM {} WHERE {filter} LIMIT 1", self.read().store.schema.object(object).name)
    }
}

/// Publishes the changes of a transaction.
fn publish(events: &Events, org: (&Store, &Visibility), changes: &[Change], origin: &str, now: i64) {
    let (store, visibility) = org;
    events.publish(&Publisher { reader: store.reader(now), visibility }, changes, origin, now);
}
