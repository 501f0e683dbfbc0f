//! Pairs that are written to both sides in turn, without an end: counted here, judged by [`crate::sync::Swing`], held like a conflict.
//!
//! The counters live as long as the runner, which is until the file changes or the daemon ends: then a loop takes its turns again. What was
//! held is durable, because the failure itself says so: as long as it stands and nobody has asked for another try, the pair is not
//! written.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::decide::{Fate, Item};
use super::moved::Moved;
use super::{Bench, failure_id};
use crate::model::{FailureKind, Key, Side};
use crate::store::StoreError;
use crate::sync::{Decision, Held, Swing};

/// Code of pairs that are held for it.
pub const CODE: &str = "R307";

/// Pairs that are remembered at most; a mass change is no loop, and what was written before it may be forgotten for it.
const MOST: usize = 20_000;

/// The swings of the pairs of a pipeline that were written lately, by Salesforce key. Cheap to clone: all clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Swings {
    pairs: Arc<Mutex<HashMap<Key, Swing>>>,
    /// Those that move while they are written, which is another way of never coming to rest.
    pub(super) moved: Moved,
}

impl Swings {
    fn wrote(&self, pair: &Key, side: Side, rows: &[usize], now: i64) {
        let mut swings = self.pairs.lock().unwrap_or_else(PoisonError::into_inner);
        if swings.len() >= MOST && !swings.contains_key(pair) {
            swings.retain(|_, swing| !swing.is_calm(now));
            if swings.len() >= MOST {
                swings.clear();
            }
        }
        let after = Swing::after(swings.get(pair), side, rows, now);
        swings.insert(pair.clone(), after);
    }

    /// The rows that swing, if it is too much.
    fn too_much(&self, pair: &Key) -> Option<Vec<usize>> {
        let swings = self.pairs.lock().unwrap_or_else(PoisonError::into_inner);
        swings.get(pair).filter(|swing| swing.is_open()).map(|swing| swing.rows().to_vec())
    }

    fn forget(&self, pair: &Key) {
        self.pairs.lock().unwrap_or_else(PoisonError::into_inner).remove(pair);
    }
}

impl Bench<'_> {
    /// Holds the pairs among decided items that swing, or that were held for it and still wait for a person.
    pub(super) fn hold_swinging(&self, items: &mut [Item]) -> Result<(), StoreError> {
        let ops = [self.pipeline.to_app.update, self.pipeline.to_salesforce.update];
        if ops != [true, true] || self.take.is_some() {
            return Ok(());
        }
        let mut any_held = None;
        for item in items {
            let Some(Fate::Decided(Decision::Update { writes, linking: false, .. })) = &item.fate else {
                continue;
            };
            let Some(pair) = item.key_on(Side::Salesforce) else { continue };
            let mut rows = self.swings.too_much(pair);
            if rows.is_none() {
                if any_held.is_none() {
                    let summary = self.store.summary(&self.pipeline.name, self.pipeline.generation)?;
                    any_held = Some(summary.held > 0);
                }
                if any_held == Some(true) && self.waits_for_a_person(item)? {
                    rows = Some(writes.iter().flat_map(|write| write.rows.iter().copied()).collect());
                }
            }
            if let Some(rows) = rows {
                item.fate = Some(Fate::Decided(Decision::Hold(Held::BackAndForth(rows))));
            }
        }
        Ok(())
    }

    fn waits_for_a_person(&self, item: &Item) -> Result<bool, StoreError> {
        for side in [Side::Salesforce, Side::App] {
            let Some(key) = item.key_on(side) else { continue };
            let known = self.store.failure(&failure_id(&self.pipeline.name, side, key))?;
            // Another try that somebody asked for is due now.
            let holds = |known: &crate::model::Failure| {
                known.kind == FailureKind::Held && known.code == CODE && known.next_try.is_none()
            };
            if known.as_ref().is_some_and(holds) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// An update of a pair was stored.
    pub(super) fn note_swing(&self, item: &Item, side: Side) {
        let (Some(pair), Some(Fate::Decided(Decision::Update { writes, .. }))) =
            (item.key_on(Side::Salesforce), &item.fate)
        else {
            return;
        };
        if let Some(write) = writes.iter().find(|write| write.side == side) {
            self.swings.wrote(pair, side, &write.rows, self.facts.now.as_second());
        }
    }

    /// From now on the failure holds it; a person begins the count anew.
    pub(super) fn is_held_for_swinging(&self, item: &Item) {
        if let Some(pair) = item.key_on(Side::Salesforce) {
            self.swings.forget(pair);
        }
    }
}
