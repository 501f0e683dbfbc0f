//! What the writes of a run replaced, as far as it can be put back: `undo` reads it.

use jiff::Timestamp;

use super::{Fingerprint, Key, Side, Value};

/// One field of a record before and after a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplacedField {
    /// Identity of the row of the file that wrote it (see the plan's `RowSet`).
    pub row: u64,
    /// Name of the field on the side that was written.
    pub field: String,
    /// What was there.
    pub before: Value,
    /// What was written.
    pub after: Value,
    /// The fingerprint of what was there, as a baseline of that side would have it.
    pub seen: Fingerprint,
}

/// An update of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// The side that was written.
    pub side: Side,
    /// The Salesforce record of the pair.
    pub salesforce: Key,
    /// The app record of the pair.
    pub app: Key,
    /// What was written.
    pub fields: Vec<ReplacedField>,
}

impl Replaced {
    /// The record that was written.
    pub fn key(&self) -> &Key {
        match self.side {
            Side::Salesforce => &self.salesforce,
            Side::App => &self.app,
        }
    }
}

/// What a batch of a run wrote. Creates and deletes replaced nothing that could be put back: they are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunWrites {
    /// When the run began; with the pipeline its identity.
    pub run: Timestamp,
    /// Updates, in the order in which they were written.
    pub replaced: Vec<Replaced>,
    /// Records that were created.
    pub made: u64,
    /// Records that were deleted or archived.
    pub removed: u64,
}

impl RunWrites {
    /// Writes that came after these.
    pub fn add(&mut self, later: Self) {
        self.replaced.extend(later.replaced);
        self.made += later.made;
        self.removed += later.removed;
    }
}
