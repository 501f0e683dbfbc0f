//! What a comparison found and has not written: kept while it is little, counted when it is much.

use crate::model::Counts;
use crate::runtime::batch::{Fate, Item, MirrorBatch, Prepared};
use crate::runtime::mass::{self, Sides};
use crate::sync::{Decision, Stop};

/// What a reconciliation found and has not written.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) linked: Vec<Prepared>,
    pub(super) mirror: Vec<MirrorBatch>,
    /// Creates and updates, by the side that would be written.
    pub(super) changes: Sides,
    pub(super) deletes: Sides,
    /// Records that are not equal, whatever becomes of them.
    pub(super) differed: u64,
    /// Records that need nothing, and are not counted yet.
    pub(super) at_rest: Counts,
    forgotten: bool,
}

impl Pending {
    pub(super) fn add(&mut self, mut prepared: Prepared) {
        // Records that are equal and whose baseline need not move carry nothing to write.
        prepared.items.retain(|item| match item.fate {
            Some(Fate::Unchanged) => self.rests(1, 0),
            Some(Fate::NotLinked | Fate::LeftOut(_)) => self.rests(0, 1),
            _ => true,
        });
        self.differed += prepared.items.iter().filter(|item| differs(item)).count() as u64;
        for item in &prepared.items {
            match &item.fate {
                Some(Fate::Decided(Decision::Create { on, .. }) | Fate::Archive { on, .. }) => {
                    self.changes.count(*on);
                }
                Some(Fate::Decided(Decision::Update { writes, .. })) => {
                    for write in writes {
                        self.changes.count(write.side);
                    }
                }
                _ => {}
            }
        }
        mass::count(&prepared.items, &mut self.deletes);
        prepared.items.retain(|item| is_worth_keeping(item) || self.rests(1, 0));
        let is_empty = prepared.items.is_empty() && prepared.later.is_empty();
        if !self.forgotten && !is_empty {
            self.linked.push(prepared);
        }
    }

    pub(super) fn add_mirror(&mut self, mut batch: MirrorBatch) {
        let changes = (batch.writes.len() + batch.deletes.len() + batch.failed.len()) as u64;
        self.differed += changes;
        let skipped = std::mem::take(&mut batch.skipped);
        self.rests(batch.read.saturating_sub(changes + skipped), skipped);
        batch.read = changes;
        self.changes.app += batch.writes.len() as u64;
        self.deletes.app += batch.deletes.len() as u64;
        let is_empty = batch.writes.is_empty() && batch.deletes.is_empty() && batch.failed.is_empty();
        if !self.forgotten && !is_empty {
            self.mirror.push(batch);
        }
    }

    /// Counts records that were read and need nothing, or are left out. False: they need not be kept.
    pub(super) fn rests(&mut self, unchanged: u64, skipped: u64) -> bool {
        self.at_rest.read += unchanged + skipped;
        self.at_rest.unchanged += unchanged;
        self.at_rest.skipped += skipped;
        false
    }

    pub(super) fn forget(&mut self) {
        self.forgotten = true;
        self.linked.clear();
        self.mirror.clear();
    }
}

/// Whether a record is not as the file wants it to be. What a policy keeps apart is as it should be.
fn differs(item: &Item) -> bool {
    match &item.fate {
        Some(Fate::Decided(decision)) => {
            matches!(decision, Decision::Create { .. } | Decision::Update { .. } | Decision::Hold(_))
        }
        Some(Fate::Delete { .. } | Fate::Archive { .. } | Fate::Postponed | Fate::Missed(_)) => true,
        Some(Fate::Stopped(stop)) => matches!(stop, Stop::Wait { .. } | Stop::Fail { .. }),
        _ => false,
    }
}

/// A pair that is equal and already linked needs no memory until the writes.
fn is_worth_keeping(item: &Item) -> bool {
    !matches!(&item.fate, Some(Fate::Decided(Decision::Nothing { kept })) if kept.is_empty() && item.link.is_some())
}

/// A new pair. What it was decided by may have been linked or made by an earlier batch meanwhile: all batches of a comparison are
/// decided before the first is written.
pub(super) fn makes_pair(item: &Item) -> bool {
    let makes = |decision: &Decision| match decision {
        Decision::Create { .. } | Decision::Link { .. } => true,
        Decision::Update { linking, .. } => *linking,
        _ => false,
    };
    matches!(&item.fate, Some(Fate::Decided(decision)) if makes(decision))
}

pub(super) fn decide_again(item: &mut Item) {
    item.fate = Some(Fate::Postponed);
}
