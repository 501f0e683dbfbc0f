//! The latest changes of the org, for everything that follows them: change events, outbound messages, tests.
//! May not change records. Read [`Change`] first.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::ids::Id;

/// How many changes are kept.
const KEPT: usize = 100_000;

/// What happened to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// Created.
    Create,
    /// Changed.
    Update,
    /// Moved to the recycle bin, or gone at once for objects without one.
    Delete,
    /// Brought back.
    Undelete,
}

/// One committed change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Grows by one with each change of the org.
    pub sequence: u64,
    /// Name of the object.
    pub object: String,
    /// The record.
    pub id: Id,
    /// What happened.
    pub kind: ChangeKind,
    /// Names of the fields that have another value now.
    pub fields: Vec<String>,
    /// Long texts that were replaced: name of the field, and what it held before.
    pub replaced: Vec<(String, String)>,
    /// SystemModstamp of the change; with a late commit older than that of earlier changes.
    pub stamp: Timestamp,
    /// The user who made it.
    pub author: Id,
}

/// A bounded list of changes.
#[derive(Debug, Default)]
pub(crate) struct ChangeLog {
    next: u64,
    kept: VecDeque<Change>,
}

impl ChangeLog {
    /// Appends committed changes and numbers them.
    pub(crate) fn extend(&mut self, changes: impl IntoIterator<Item = Change>) {
        for mut change in changes {
            change.sequence = self.next;
            self.next += 1;
            self.kept.push_back(change);
        }
        while self.kept.len() > KEPT {
            self.kept.pop_front();
        }
    }

    /// Changes from a sequence number on, and the number to ask for next.
    pub(crate) fn since(&self, sequence: u64) -> (Vec<Change>, u64) {
        let first = self.kept.front().map_or(self.next, |change| change.sequence);
        let skip = usize::try_from(sequence.saturating_sub(first)).unwrap_or(usize::MAX);
        (self.kept.iter().skip(skip).cloned().collect(), self.next)
    }
}
