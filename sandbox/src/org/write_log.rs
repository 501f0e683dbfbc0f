//! What was written by API calls: who wrote which fields of which record when, refused writes included.
//! May not change records. Read [`LoggedWrite`] first.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::ids::Id;
use super::write::WriteSource;

/// How many writes are kept.
const KEPT: usize = 200_000;

/// One write of one record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoggedWrite {
    /// Grows by one with each write of the org.
    pub sequence: u64,
    /// When it was written, on the org's clock.
    pub at: Timestamp,
    /// By which resource it came.
    pub source: WriteSource,
    /// `insert`, `update`, `upsert`, `delete`, `hard_delete` or `undelete`.
    pub action: &'static str,
    /// Name of the object.
    pub object: String,
    /// The record, as far as it is known.
    #[serde(serialize_with = "as_text")]
    pub id: Option<Id>,
    /// Whether the record is new.
    pub created: bool,
    /// The user who wrote.
    #[serde(serialize_with = "as_text")]
    pub user: Option<Id>,
    /// The fields that were given, with their values as sent.
    pub fields: Map<String, Json>,
    /// Names of the fields that have another value now.
    pub changed: Vec<String>,
    /// The code of the error if the write was refused or taken back.
    pub error: Option<&'static str>,
}

#[allow(clippy::ref_option)] // the signature that serde asks for
fn as_text<S: serde::Serializer>(id: &Option<Id>, serializer: S) -> Result<S::Ok, S::Error> {
    match id {
        Some(id) => serializer.collect_str(id),
        None => serializer.serialize_none(),
    }
}

/// A bounded list of writes.
#[derive(Debug, Default)]
pub(crate) struct WriteLog {
    next: u64,
    kept: VecDeque<LoggedWrite>,
}

impl WriteLog {
    /// Appends a write and numbers it.
    pub(crate) fn push(&mut self, mut write: LoggedWrite) {
        write.sequence = self.next;
        self.next += 1;
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(write);
    }

    /// Marks writes from a sequence number on as taken back.
    pub(crate) fn take_back(&mut self, sequences: &[u64], error: &'static str) {
        for write in self.kept.iter_mut().filter(|write| sequences.contains(&write.sequence)) {
            write.error = Some(error);
            write.changed.clear();
        }
    }

    /// Writes from a sequence number on, and the number to ask for next.
    pub(crate) fn since(&self, sequence: u64) -> (Vec<LoggedWrite>, u64) {
        let first = self.kept.front().map_or(self.next, |write| write.sequence);
        let skip = usize::try_from(sequence.saturating_sub(first)).unwrap_or(usize::MAX);
        (self.kept.iter().skip(skip).cloned().collect(), self.next)
    }

    /// The number that the next write gets.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }
}
