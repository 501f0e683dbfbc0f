//! The table as a source: a first load in key order, then the last change of every record in the order of the changes.

use std::ops::Bound;

use super::script::Call;
use super::{Fault, MemoryTable, timestamp, version};
use crate::connect::{ConnectError, Limit, Source};
use crate::model::{Backfill, Change, ChangeEvent, Cursor, Key, Read, Row};

/// Reads the table.
pub struct MemorySource(MemoryTable);

impl MemorySource {
    /// A source on a table.
    pub fn new(table: MemoryTable) -> Self {
        Self(table)
    }

    fn load(&self, anchor: jiff::Timestamp, after: Option<&Key>, limit: Limit) -> Read {
        let state = self.0.lock();
        let total = state.records.values().filter(|(_, row)| row.is_some()).count() as u64;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = state
            .records
            .range::<Key, _>((from, Bound::Unbounded))
            .filter_map(|(key, (stamp, row))| Some((key, *stamp, row.as_ref()?)));
        let mut events: Vec<ChangeEvent> = Vec::new();
        for (key, stamp, row) in rest.by_ref().take(limit.records.max(1)) {
            events.push(upsert(key, stamp, row));
        }
        let more = rest.next().is_some();
        let next = match events.last() {
            Some(last) if more => {
                Cursor::Backfill { anchor, done: Backfill::Keys { after: Some(last.key.clone()) } }
            }
            _ => Cursor::Changes { upto: anchor, within: None },
        };
        Read::Batch { events, next, more, total: Some(total) }
    }

    fn changes(&self, upto: jiff::Timestamp, limit: Limit) -> Read {
        let state = self.0.lock();
        let from = upto.as_second();
        let mut rest = state.changes.range((Bound::Excluded(from), Bound::Unbounded));
        let taken: Vec<_> = rest.by_ref().take(limit.records.max(1)).collect();
        let last = taken.last().map_or(from, |(stamp, _)| **stamp);
        let event = |(stamp, key): (&i64, &Key)| match state.get(key) {
            Some(row) => upsert(key, *stamp, row),
            None => deleted(key, *stamp, state.merged.get(key)),
        };
        let events = taken.into_iter().map(event).collect();
        let next = Cursor::Changes { upto: timestamp(last), within: None };
        Read::Batch { events, next, more: rest.next().is_some(), total: None }
    }
}

#[async_trait::async_trait]
impl Source for MemorySource {
    async fn read(&mut self, from: Option<&Cursor>, limit: Limit) -> Result<Read, ConnectError> {
        let fault = self.0.next_fault(Call::Read);
        fault.before().await?;
        if matches!(fault, Fault::CursorLost) {
            return Ok(Read::CursorLost);
        }
        let read = match from {
            None => {
                let anchor = timestamp(self.0.lock().stamp);
                self.load(anchor, None, limit)
            }
            Some(Cursor::Backfill { anchor, done: Backfill::Keys { after } }) => {
                self.load(*anchor, after.as_ref(), limit)
            }
            Some(Cursor::Backfill { anchor, .. }) => self.load(*anchor, None, limit),
            Some(Cursor::Changes { upto, .. }) => self.changes(*upto, limit),
        };
        fault.after().map(|()| read)
    }

    async fn fetch(&mut self, keys: &[Key]) -> Result<Vec<ChangeEvent>, ConnectError> {
        let fault = self.0.next_fault(Call::SourceFetch);
        fault.before().await?;
        let events = {
            let state = self.0.lock();
            let known = keys.iter().filter_map(|key| Some((key, state.records.get(key)?)));
            let event = |(key, (stamp, row)): (&Key, &(i64, Option<Row>))| match row {
                Some(row) => upsert(key, *stamp, row),
                None => deleted(key, *stamp, state.merged.get(key)),
            };
            known.map(event).collect()
        };
        fault.after().map(|()| events)
    }
}

fn upsert(key: &Key, stamp: i64, row: &Row) -> ChangeEvent {
    ChangeEvent { key: key.clone(), change: Change::Upsert(row.clone()), version: Some(version(stamp)) }
}

fn deleted(key: &Key, stamp: i64, survivor: Option<&Key>) -> ChangeEvent {
    ChangeEvent {
        key: key.clone(),
        change: Change::Delete { merged_into: survivor.cloned() },
        version: Some(version(stamp)),
    }
}
