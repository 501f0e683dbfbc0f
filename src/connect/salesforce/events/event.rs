//! What a change event says, without the values: which records, what happened, which fields. Read [`Event`] first.

use bytes::Bytes;
use jiff::Timestamp;

use super::avro::{Datum, Schema, Unreadable};
use super::bitmap::FieldNames;
use super::proto::Consumed;

/// What happened to the records of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// They are new.
    Create,
    /// They changed.
    Update,
    /// They are in the recycle bin.
    Delete,
    /// They are back.
    Undelete,
    /// Something of these happened, and nobody says which values they have.
    Gap,
    /// More happened to the object than was told: everything has to be looked at.
    Overflow,
}

impl EventKind {
    /// A word that is not known is a gap: the records are read.
    fn of(word: Option<&str>) -> Self {
        match word {
            Some("CREATE") => Self::Create,
            Some("UPDATE") => Self::Update,
            Some("DELETE") => Self::Delete,
            Some("UNDELETE") => Self::Undelete,
            Some("GAP_OVERFLOW") => Self::Overflow,
            _ => Self::Gap,
        }
    }
}

/// One change event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Name of the object; empty for an event that could not be read.
    pub object: String,
    /// Ids of the records, 18 characters; empty where it concerns all of the object.
    pub ids: Vec<String>,
    /// What happened.
    pub kind: EventKind,
    /// Fields that changed, parts of compounds as `Name.LastName`; empty unless it is an update.
    pub changed: Vec<String>,
    /// Those of them that are empty now.
    pub nulled: Vec<String>,
    /// Those of which the event holds only a difference.
    pub diff: Vec<String>,
    /// Which API wrote, and which client: `com/salesforce/api/rest/66.0;client=sfsync`.
    pub origin: String,
    /// Who wrote.
    pub user: String,
    /// When it was committed.
    pub committed: Timestamp,
    /// What all events of a transaction share, and the place in it.
    pub transaction: (String, i64),
    /// The position of the event.
    pub replay_id: Bytes,
}

impl Event {
    /// In the place of one that cannot be read: anything may have happened.
    pub(super) fn unknown(replay_id: Bytes) -> Self {
        Self {
            object: String::new(),
            ids: Vec::new(),
            kind: EventKind::Overflow,
            changed: Vec::new(),
            nulled: Vec::new(),
            diff: Vec::new(),
            origin: String::new(),
            user: String::new(),
            committed: Timestamp::UNIX_EPOCH,
            transaction: (String::new(), 0),
            replay_id,
        }
    }
}

/// A schema that is known, with the names that bitmaps count.
#[derive(Debug)]
pub(super) struct Writer {
    schema: Schema,
    names: FieldNames,
}

impl Writer {
    /// Reads the text of a schema.
    pub(super) fn parse(json: &str) -> Result<Self, Unreadable> {
        let schema = Schema::parse(json)?;
        let names = FieldNames::of(&schema);
        Ok(Self { schema, names })
    }

    /// Reads an event that was written by this schema.
    pub(super) fn event(&self, consumed: &Consumed) -> Result<Event, Unreadable> {
        let header = self.schema.read_first(&consumed.payload)?;
        let text =
            |name| header.field(name).and_then(Datum::text).ok_or(Unreadable("its header lacks a text"));
        let number =
            |name| header.field(name).and_then(Datum::number).ok_or(Unreadable("its header lacks a number"));
        let texts = |name| header.field(name).and_then(Datum::texts).unwrap_or_default();
        let millis = number("commitTimestamp")?;
        let committed = Timestamp::from_millisecond(millis).map_err(|_| Unreadable("its time is none"))?;
        let kind = EventKind::of(header.field("changeType").and_then(Datum::text));
        // `001*` and the zeros of an overflow stand for all records.
        let one = |id: &&str| {
            id.len() == 18 && !id.starts_with("000") && id.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        let ids = texts("recordIds");
        let kind = if ids.iter().all(one) { kind } else { EventKind::Overflow };
        Ok(Event {
            object: text("entityName")?.to_owned(),
            ids: if kind == EventKind::Overflow {
                Vec::new()
            } else {
                ids.iter().map(|id| (*id).to_owned()).collect()
            },
            kind,
            changed: self.names.named(&texts("changedFields"))?,
            nulled: self.names.named(&texts("nulledFields"))?,
            diff: self.names.named(&texts("diffFields"))?,
            origin: text("changeOrigin")?.to_owned(),
            user: text("commitUser")?.to_owned(),
            committed,
            transaction: (text("transactionKey")?.to_owned(), number("sequenceNumber")?),
            replay_id: consumed.replay_id.clone(),
        })
    }
}
