//! What a reader brings: rows, deletes, and hints that something changed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Cursor, Key, Row};

/// The stamp of a record at the moment it was read. A later version never loses to an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version(pub Timestamp);

/// What happened to a record, as far as the reader knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The record as it is now, in the schema of its source.
    Upsert(Row),
    /// Positive evidence of a delete. `merged_into` names the surviving record of a merge.
    Delete {
        /// `MasterRecordId` of a merge loser.
        merged_into: Option<Key>,
    },
    /// It changed and no longer passes the filters of the pipeline. The record comes along where the source was asked
    /// for it (`on_leave: keep` goes on syncing it).
    Left(Option<Row>),
    /// Something changed, content unknown: read it.
    Touched,
}

/// One change of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeEvent {
    /// Which record.
    pub key: Key,
    /// What happened.
    pub change: Change,
    /// When, where the source tells.
    pub version: Option<Version>,
}

/// The answer of one read. A lost cursor becomes a bounded re-read by reconciliation, never a start from now.
#[derive(Debug)]
pub enum Read {
    /// Some changes, in the order in which they must be settled.
    Batch {
        /// The changes; the same record may come again in a later batch.
        events: Vec<ChangeEvent>,
        /// Where to go on once every event of this batch is settled.
        next: Cursor,
        /// More can be read at once; otherwise wait for the next poll or hint.
        more: bool,
        /// For progress: how many records this load or window has in all, where the source tells.
        total: Option<u64>,
    },
    /// The source can no longer tell what happened since the cursor.
    CursorLost,
}
