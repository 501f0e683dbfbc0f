//! One change event before it is sent to somebody.
//! May not know who listens. Read [`Event`] first.

use std::sync::Arc;

use super::avro;
use super::event_schema::EventSchema;

/// What an event says has happened, by its place in the schema's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the words of the schema
pub enum EventKind {
    Create = 0,
    Update = 1,
    Delete = 2,
    Undelete = 3,
    GapCreate = 4,
    GapUpdate = 5,
    GapDelete = 6,
    GapUndelete = 7,
    GapOverflow = 8,
}

impl EventKind {
    /// What is sent where the event itself cannot be.
    pub(super) fn gap(self) -> Self {
        match self {
            Self::Create => Self::GapCreate,
            Self::Update => Self::GapUpdate,
            Self::Delete => Self::GapDelete,
            Self::Undelete => Self::GapUndelete,
            gap => gap,
        }
    }
}

/// The fields of an event by their position behind the header, as they are written; what is missing is null.
pub(super) type Values = Vec<(usize, Vec<u8>)>;

/// One change event.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) object: u16,
    pub(crate) object_name: String,
    pub(crate) schema: Arc<EventSchema>,
    pub(crate) uuid: String,
    pub(crate) kind: EventKind,
    pub(crate) ids: Vec<String>,
    pub(super) origin: String,
    pub(super) transaction: String,
    pub(super) sequence: i64,
    pub(super) at_millis: i64,
    pub(super) commit: i64,
    pub(super) user: String,
    pub(super) nulled: Vec<String>,
    pub(super) diff: Vec<String>,
    pub(super) changed: Vec<String>,
    pub(super) values: Values,
}

impl Event {
    /// The Avro datum, for these of its records and with these further values.
    pub(crate) fn payload(&self, ids: &[String], further: &Values) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        avro::text(&self.object_name, &mut out);
        avro::texts(ids, &mut out);
        avro::long(self.kind as i64, &mut out);
        avro::text(&self.origin, &mut out);
        avro::text(&self.transaction, &mut out);
        avro::long(self.sequence, &mut out);
        avro::long(self.at_millis, &mut out);
        avro::long(self.commit, &mut out);
        avro::text(&self.user, &mut out);
        avro::texts(&self.nulled, &mut out);
        avro::texts(&self.diff, &mut out);
        avro::texts(&self.changed, &mut out);
        for at in 0..self.schema.fields.len() {
            let own = self.values.iter().chain(further).find(|(place, _)| *place == at);
            match own {
                Some((_, bytes)) => out.extend_from_slice(bytes),
                None => out.push(0),
            }
        }
        out
    }

    /// Whether enriched fields may be added.
    pub(crate) fn is_enriched(&self) -> bool {
        matches!(self.kind, EventKind::Update | EventKind::Delete)
    }

    /// Whether another event of the same transaction can be told together with this one.
    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        self.object == other.object
            && self.kind == other.kind
            && self.kind != EventKind::Create
            && self.values == other.values
            && self.changed == other.changed
            && self.nulled == other.nulled
            && self.diff == other.diff
    }
}
