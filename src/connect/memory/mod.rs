//! A system in memory with scripted faults: the tests of everything above the connectors read from it and write to it, and
//! decide what goes wrong and when. It never sleeps and never looks at a clock; its stamps count its changes.
//!
//! Read [`MemoryTable`] first. A [`MemorySource`] and a [`MemoryDestination`] on one table see the same records.

mod destination;
mod script;
mod source;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

pub use destination::MemoryDestination;
pub use script::{Call, Fault, Gate};
pub use source::MemorySource;

use crate::model::{Key, Row, Schema, Value, Version};

/// Where the key of a record comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryKey {
    /// It is the value at this position of the schema, as in a mirror.
    InRow(usize),
    /// The table numbers its records from 1.
    Generated,
    /// The same, and the number stands in the row at this position.
    Issued(usize),
}

/// A table that tests, sources and destinations share. Clones are handles to the same records.
#[derive(Clone)]
pub struct MemoryTable {
    schema: Arc<Schema>,
    key: MemoryKey,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// `None` for records that were deleted.
    records: BTreeMap<Key, (i64, Option<Row>)>,
    /// The last change of every record, by stamp.
    changes: BTreeMap<i64, Key>,
    stamp: i64,
    generated: u64,
    writes: u64,
    script: Vec<(Call, VecDeque<Fault>)>,
    /// Records that were merged into another one.
    merged: BTreeMap<Key, Key>,
}

impl MemoryTable {
    /// An empty table. The schema is the read and the write schema of its destinations, and that of its sources.
    pub fn new(schema: Arc<Schema>, key: MemoryKey) -> Self {
        Self { schema, key, state: Arc::default() }
    }

    /// The columns.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Stores a record as somebody else would: a source sees the change. Values that are `Absent` are left as they are.
    pub fn put(&self, key: &Key, row: &Row) {
        self.lock().put(key, row, self.schema.len());
    }

    /// Deletes a record as somebody else would.
    pub fn remove(&self, key: &Key) {
        self.lock().remove(key);
    }

    /// Merges a record into another one, as somebody else would: the first is deleted.
    pub fn merge(&self, key: &Key, survivor: &Key) {
        let mut state = self.lock();
        if state.remove(key) {
            state.merged.insert(key.clone(), survivor.clone());
        }
    }

    /// A record as it is now.
    pub fn get(&self, key: &Key) -> Option<Row> {
        self.lock().get(key).cloned()
    }

    /// All records in key order.
    pub fn rows(&self) -> Vec<(Key, Row)> {
        let state = self.lock();
        state.records.iter().filter_map(|(key, (_, row))| Some((key.clone(), row.clone()?))).collect()
    }

    /// How many writes changed something, ours and others'. A silent pipeline leaves it as it is.
    pub fn changes_made(&self) -> u64 {
        self.lock().writes
    }

    /// Adds a fault for the next call of a kind that has none yet: the first fault for the next call, the second for the
    /// one after it.
    pub fn fault(&self, call: Call, fault: Fault) {
        let mut state = self.lock();
        match state.script.iter_mut().find(|(scripted, _)| *scripted == call) {
            Some((_, faults)) => faults.push_back(fault),
            None => state.script.push((call, VecDeque::from([fault]))),
        }
    }

    /// How many scripted faults have not happened yet.
    pub fn faults_left(&self) -> usize {
        self.lock().script.iter().map(|(_, faults)| faults.len()).sum()
    }

    /// Takes back all faults that have not happened yet.
    pub fn no_more_faults(&self) {
        self.lock().script.clear();
    }

    fn next_fault(&self, call: Call) -> Fault {
        let mut state = self.lock();
        let scripted = state.script.iter_mut().find(|(scripted, _)| *scripted == call);
        scripted.and_then(|(_, faults)| faults.pop_front()).unwrap_or(Fault::None)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn get(&self, key: &Key) -> Option<&Row> {
        self.records.get(key).and_then(|(_, row)| row.as_ref())
    }

    fn version(&self, key: &Key) -> Option<Version> {
        self.records.get(key).map(|(stamp, _)| version(*stamp))
    }

    /// True where it changed something.
    fn put(&mut self, key: &Key, row: &Row, len: usize) -> bool {
        let mut stored = self.get(key).cloned().unwrap_or_else(|| Row(vec![Value::Null; len].into()));
        for (at, value) in row.0.iter().enumerate().filter(|(_, value)| !value.is_absent()) {
            stored.set(at, value.clone());
        }
        if self.get(key) == Some(&stored) {
            return false;
        }
        self.change(key, Some(stored));
        true
    }

    /// True where there was a record.
    fn remove(&mut self, key: &Key) -> bool {
        let existed = self.get(key).is_some();
        if existed {
            self.change(key, None);
        }
        existed
    }

    fn change(&mut self, key: &Key, row: Option<Row>) {
        self.stamp += 1;
        self.writes += 1;
        if let Some((stamp, _)) = self.records.insert(key.clone(), (self.stamp, row)) {
            self.changes.remove(&stamp);
        }
        self.changes.insert(self.stamp, key.clone());
    }
}

/// The stamps of a table are seconds since 1970, one for each change.
fn version(stamp: i64) -> Version {
    Version(timestamp(stamp))
}

fn timestamp(stamp: i64) -> Timestamp {
    Timestamp::from_second(stamp).unwrap_or(Timestamp::MAX)
}
