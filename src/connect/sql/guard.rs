//! The guard against lost updates: a record that somebody changed since it was read is not written, but answered [`Outcome::Stale`], and
//! decided again. Its stamp is read once more in the transaction of the write, which keeps everybody else out until it is over.
//!
//! [`Outcome::Stale`]: crate::model::Outcome::Stale

use std::collections::{HashMap, HashSet};

use super::TableSpec;
use crate::model::{Key, Row, Value, Version, WriteOp};

/// The updates of a batch that have to find their records as they were read.
pub(super) struct Guard<'a> {
    /// The table with its stamp alone.
    pub(super) spec: TableSpec,
    expected: HashMap<&'a Key, Version>,
}

impl<'a> Guard<'a> {
    /// `None` where no update of the batch has a guard, or the table has no stamp to guard by.
    pub(super) fn of(spec: &TableSpec, ops: &'a [WriteOp]) -> Option<Self> {
        let stamp = spec.updated_at.as_ref()?;
        let read = spec.reads.iter().find(|read| read.json_key.is_none() && read.column == *stamp)?.clone();
        let expected = ops.iter().filter_map(|op| match op {
            WriteOp::Update { key, expected: Some(version), .. } => Some((key, *version)),
            _ => None,
        });
        let expected: HashMap<&Key, Version> = expected.collect();
        let spec = TableSpec { reads: vec![read], ..spec.clone() };
        (!expected.is_empty()).then_some(Self { spec, expected })
    }

    /// The records to ask for.
    pub(super) fn keys(&self) -> Vec<Key> {
        self.expected.keys().map(|key| (*key).clone()).collect()
    }

    /// Those of the records, as they are now, that moved. What is not there at all is for the write itself to find out.
    pub(super) fn moved(&self, now: Vec<(Key, Row)>) -> HashSet<Key> {
        let stands = |key: &Key, row: &Row| match (self.expected.get(key), row.get(0)) {
            (Some(expected), Value::DateTime(stamp)) => expected.0 == *stamp,
            (expected, _) => expected.is_none(),
        };
        now.into_iter().filter(|(key, row)| !stands(key, row)).map(|(key, _)| key).collect()
    }
}

/// Whether a write is an update of one of these records.
pub(super) fn is_held_off(op: &WriteOp, moved: &HashSet<Key>) -> bool {
    matches!(op, WriteOp::Update { key, expected: Some(_), .. } if moved.contains(key))
}
