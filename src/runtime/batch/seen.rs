//! What records said when they were last settled, for expressions that ask for it (`old`): read with a batch, remembered with its commit.

use super::decide::{Fate, Item, Prepared, stamp};
use super::{BatchError, Bench};
use crate::model::{Change, ChangeEvent, Commit, Key, Seen, Side};
use crate::sync::{self, Decision, Old};

impl Bench<'_> {
    /// What is remembered of records of a side, in the order of the keys.
    pub(super) fn seen(&self, side: Side, keys: &[Key]) -> Result<Vec<Option<Seen>>, BatchError> {
        if self.pipeline.reads_old(side).is_none() {
            return Ok(vec![None; keys.len()]);
        }
        Ok(self.store.seen(&self.pipeline.name, self.pipeline.generation, (side, keys))?)
    }

    /// Looks back from a record that comes in.
    pub(super) fn look_back(&self, event: &ChangeEvent, seen: Option<&Seen>) -> Old {
        match &event.change {
            Change::Upsert(row) | Change::Left(Some(row)) => {
                sync::look_back(self.pipeline, self.origin, (row, event.version), seen)
            }
            _ => Old::default(),
        }
    }

    /// Looks back from the other records of a batch.
    pub(super) fn look_back_there(&self, prepared: &mut Prepared) -> Result<(), BatchError> {
        let there = self.target();
        if self.pipeline.reads_old(there).is_none() {
            return Ok(());
        }
        let met: Vec<&mut Item> = prepared.items.iter_mut().filter(|item| item.other.is_some()).collect();
        let keys: Vec<Key> =
            met.iter().filter_map(|item| item.other.as_ref()).map(|(key, _)| key.clone()).collect();
        for (item, seen) in met.into_iter().zip(self.seen(there, &keys)?) {
            let Some((_, row)) = &item.other else { continue };
            let version = stamp(self.pipeline, there, row);
            item.other_old = sync::look_back(self.pipeline, there, (row, version), seen.as_ref());
        }
        Ok(())
    }

    /// An item is settled: what its records said is remembered. What was left out was not synced, and what is gone says nothing any more.
    pub(super) fn note_seen(&self, commit: &mut Commit, item: &Item) {
        let synced = match &item.fate {
            Some(Fate::Unchanged) => true,
            Some(Fate::Decided(decision)) => !matches!(decision, Decision::NotListed(_) | Decision::Hold(_)),
            Some(fate) if is_the_end(fate) && self.pipeline.reads_old(self.origin).is_some() => {
                commit.seen.push((self.origin, item.key.clone(), None));
                false
            }
            _ => false,
        };
        if !synced {
            return;
        }
        if let Some(next) = &item.old.next {
            commit.seen.push((self.origin, item.key.clone(), Some(next.clone())));
        }
        if let (Some(next), Some((key, _))) = (&item.other_old.next, &item.other) {
            commit.seen.push((self.target(), key.clone(), Some(next.clone())));
        }
    }
}

fn is_the_end(fate: &Fate) -> bool {
    match fate {
        Fate::Delete { .. } | Fate::Archive { .. } | Fate::Moved(_) | Fate::Converted(_) => true,
        Fate::Retire(state) => state.is_gone(),
        _ => false,
    }
}
