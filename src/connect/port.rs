//! The contract between the runtime and the connectors.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::connect::ConnectError;
use crate::expr::{NormalForm, normalise, pieces};
use crate::model::{ChangeEvent, Class, Cursor, Key, Outcome, Read, Row, Value, WriteOp, fingerprint};

/// How much one read may bring. Both bounds hold; a batch has at least one record if there is one.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// Records.
    pub records: usize,
    /// Bytes, estimated.
    pub bytes: usize,
}

impl Default for Limit {
    fn default() -> Self {
        Self { records: 10_000, bytes: 16 << 20 }
    }
}

/// Reads the records of one side of one pipeline. Owned by that pipeline; never called by two tasks at once.
#[async_trait::async_trait]
pub trait Source: Send {
    /// The next batch after a cursor; `None` begins the first load. The cursor of the answer may be stored once every event of the
    /// batch is settled; calling again with the old cursor brings the same records again (at least once). A source may read
    /// ahead between calls: what it read ahead is dropped when it is called with another cursor than it returned last.
    async fn read(&mut self, from: Option<&Cursor>, limit: Limit) -> Result<Read, ConnectError>;

    /// These records as they are now: `Upsert` if they pass the filters, `Left` if they exist and do not, `Delete` on positive
    /// evidence. A key that is simply not found any more is reported as `Delete` only where the system can prove it.
    async fn fetch(&mut self, keys: &[Key]) -> Result<Vec<ChangeEvent>, ConnectError>;
}

/// That something changed. Never the change itself: a hint may be lost, repeated or wrong, and only says where to look.
#[derive(Debug)]
pub enum Hint {
    /// These records, by key: [`Source::fetch`] tells what they are.
    Keys(Vec<Key>),
    /// Hints may have been lost: read on from the cursor.
    Everything,
    /// Nothing is heard for now, and why. Said once; [`Everything`](Self::Everything) follows when hints come again.
    Silent(ConnectError),
}

/// News at once of one pipeline. What comes faster than it is taken is kept in bounded memory; no wake-up is lost.
#[async_trait::async_trait]
pub trait Hints: Send {
    /// Waits for the next hint. May be dropped while it waits.
    async fn next(&mut self) -> Hint;
}

/// One question to a destination: which records have one of these values in this field? Text is compared trimmed and without case.
#[derive(Clone, Debug)]
pub struct MatchQuery {
    /// Field of the destination's read schema, by position.
    pub field: usize,
    /// The values, in normal form, without empty ones.
    pub values: Vec<Value>,
    /// The normal form in which the field is compared, where the row has one: what is stored may be written otherwise.
    pub form: Option<NormalForm>,
    /// Country of phone numbers that do not say theirs.
    pub region: Option<String>,
}

impl MatchQuery {
    /// Values that are compared as they are written.
    pub fn exact(field: usize, values: Vec<Value>) -> Self {
        Self { field, values, form: None, region: None }
    }

    /// What is stored, as it is compared.
    pub(super) fn normal<'a>(&self, stored: &'a Value) -> Cow<'a, Value> {
        match self.form {
            Some(form) => Cow::Owned(normalise(stored, form, self.region.as_deref())),
            None => Cow::Borrowed(stored),
        }
    }

    /// What stands in every spelling of a value, for the form of the question: see [`pieces`].
    pub(super) fn pieces(&self, value: &Value) -> Option<Vec<String>> {
        pieces(value.as_text()?.trim(), self.form?)
    }
}

/// A record that a [`MatchQuery`] found.
#[derive(Clone, Debug)]
pub struct Found {
    /// Which of the values it matched (index into `values`).
    pub value: usize,
    /// Its key.
    pub key: Key,
    /// The record, in the destination's read schema.
    pub row: Row,
}

/// Hears of creates before they can no longer be taken back, so that they are found again if the answer is lost or the process dies.
pub trait Notes: Send + Sync {
    /// The creates of the batch are sent now, and nobody knows under which keys they will be stored.
    fn sending(&self) -> Result<(), ConnectError>;

    /// These creates are about to become durable: places in the batch with the keys of the records. Said again for a place, the
    /// last word counts: everything that was said of it before was taken back.
    fn storing(&self, keys: &[(usize, Key)]) -> Result<(), ConnectError>;
}

/// A create of which nobody knows whether it was stored.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The key it was going to have, where that is known.
    pub key: Option<Key>,
    /// What it was going to say, in the destination's write schema; nothing where the key is known.
    pub row: Row,
    /// When it was sent.
    pub since: Timestamp,
}

/// What the destination may assume about a batch of writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteMode {
    /// A first load: most records are new, so a straight insert is tried first.
    Load,
    /// Changes: records may or may not exist.
    Changes,
}

/// Writes the records of one side of one pipeline.
#[async_trait::async_trait]
pub trait Destination: Send + Sync {
    /// The records of these keys that exist, in the destination's read schema, in any order.
    async fn fetch(&mut self, keys: &[Key]) -> Result<Vec<(Key, Row)>, ConnectError>;

    /// Whether a record that [`fetch`](Self::fetch) does not bring is surely not there. A system of which only a list can be read cannot
    /// tell: what a list lacks is no evidence.
    fn tells_absence(&self) -> bool {
        true
    }

    /// The records that match.
    async fn find(&mut self, query: &MatchQuery) -> Result<Vec<Found>, ConnectError>;

    /// Which of these keys exist: the look-ups of pipelines without links ask. Cheaper than [`fetch`](Self::fetch) where the
    /// system can answer without the record.
    async fn presence(&mut self, keys: &[Key]) -> Result<HashSet<Key>, ConnectError> {
        Ok(self.fetch(keys).await?.into_iter().map(|(key, _)| key).collect())
    }

    /// Which of these records leads became that were converted: record and lead. Only Salesforce knows such.
    async fn leads_of(&mut self, _keys: &[Key]) -> Result<Vec<(Key, Key)>, ConnectError> {
        Ok(Vec::new())
    }

    /// Keys of the records that exist, in key order, after a key; at most `limit`. Reconciliation of mirrors asks for them to find
    /// records that are gone at the source.
    async fn keys(&mut self, _after: Option<&Key>, _limit: usize) -> Result<Vec<Key>, ConnectError> {
        Err(ConnectError::new("R109", Class::Pipeline, "this destination cannot list its keys"))
    }

    /// Another writer to the same place, so that two batches of a load are written at once; `None` where that gains nothing.
    fn twin(&self) -> Option<Box<dyn Destination>> {
        None
    }

    /// Writes; one outcome per operation, in the same order. A batch-level fault is halved until the bad record is alone, so one bad
    /// record never costs its neighbours. An error of the whole call means that nothing of the batch is known to be stored.
    async fn write(&mut self, ops: Vec<WriteOp>, mode: WriteMode) -> Result<Vec<Outcome>, ConnectError>;

    /// Whether [`write_noting`](Self::write_noting) tells the keys of new records before they are durable: a system with
    /// transactions does. Where it does not, creates are looked for by their values.
    fn tells_keys(&self) -> bool {
        false
    }

    /// Writes a batch with creates in it. `notes` hears of them before they can no longer be taken back; when it fails, nothing is
    /// stored.
    async fn write_noting(
        &mut self,
        ops: Vec<WriteOp>,
        mode: WriteMode,
        notes: Arc<dyn Notes>,
    ) -> Result<Vec<Outcome>, ConnectError> {
        notes.sending()?;
        self.write(ops, mode).await
    }

    /// The records that creates may have made whose outcome nobody heard: those with the key, or those that say everything that it
    /// was going to say. [`Found::value`] is the place of the trace; a record may be found for several. Answers only when no
    /// create of this destination is in the air any more.
    async fn trace(&mut self, traces: &[Trace]) -> Result<Vec<Found>, ConnectError> {
        traced(self, traces, says).await
    }
}

/// The usual way of [`Destination::trace`]: by key where it is known, else by value. `says`: whether a record says what a row says.
pub(super) async fn traced<D: Destination + ?Sized>(
    destination: &mut D,
    traces: &[Trace],
    says: impl Fn(&Row, &Row) -> bool,
) -> Result<Vec<Found>, ConnectError> {
    let mut found = by_key(destination, traces).await?;
    let alike = by_value(destination, traces).await?;
    found.extend(alike.into_iter().filter(|found| says(&found.row, &traces[found.value].row)));
    Ok(found)
}

/// Whether a record says all that a row says; empty values are not written, and say nothing.
pub(super) fn says(record: &Row, row: &Row) -> bool {
    let same = |one: &Value, other: &Value| fingerprint(one, 0) == fingerprint(other, 0);
    row.0.iter().enumerate().all(|(at, value)| value.is_blank() || same(record.get(at), value))
}

/// Longer text can often not be searched.
const SEARCHABLE: usize = 200;

async fn by_key<D: Destination + ?Sized>(
    destination: &mut D,
    traces: &[Trace],
) -> Result<Vec<Found>, ConnectError> {
    let mut places: HashMap<Key, Vec<usize>> = HashMap::new();
    for (place, trace) in traces.iter().enumerate() {
        if let Some(key) = &trace.key {
            places.entry(key.clone()).or_default().push(place);
        }
    }
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<Key> = places.keys().cloned().collect();
    let mut found = Vec::new();
    for (key, row) in destination.fetch(&keys).await? {
        for place in places.get(&key).into_iter().flatten() {
            found.push(Found { value: *place, key: key.clone(), row: row.clone() });
        }
    }
    Ok(found)
}

async fn by_value<D: Destination + ?Sized>(
    destination: &mut D,
    traces: &[Trace],
) -> Result<Vec<Found>, ConnectError> {
    // By field, then by value: several traces may ask for the same.
    let mut questions: BTreeMap<usize, (Vec<Value>, Vec<Vec<usize>>)> = BTreeMap::new();
    for (place, trace) in traces.iter().enumerate().filter(|(_, trace)| trace.key.is_none()) {
        let Some((field, value)) = telling(&trace.row) else { continue };
        let (values, places) = questions.entry(field).or_default();
        if let Some(known) = values.iter().position(|known| known == value) {
            places[known].push(place);
        } else {
            values.push(value.clone());
            places.push(vec![place]);
        }
    }
    let mut found = Vec::new();
    for (field, (values, places)) in questions {
        for hit in destination.find(&MatchQuery::exact(field, values)).await? {
            let places = places.get(hit.value).into_iter().flatten();
            found.extend(places.map(|place| Found { value: *place, ..hit.clone() }));
        }
    }
    Ok(found)
}

/// The value that the fewest other records are likely to share: the longest text that can be searched, or a number.
fn telling(row: &Row) -> Option<(usize, &Value)> {
    let weight = |value: &Value| match value {
        Value::Text(text) if !text.trim().is_empty() && text.len() <= SEARCHABLE => 1 + text.len(),
        Value::Int(_) | Value::Decimal(_) => 1,
        _ => 0,
    };
    row.0.iter().enumerate().filter(|(_, value)| weight(value) > 0).max_by_key(|(_, value)| weight(value))
}
