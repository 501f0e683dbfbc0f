//! Pairs that are written to both sides in turn, without an end: counted here, judged by [`crate::sync::Swing`], held like a conflict.
//!
//! A pair that has turned a few times is remembered in the state, so that a loop which takes longer than the daemon lives is stopped all the
//! same. What was held is durable, because the failure itself says so: as long as it stands and nobody has asked for another try, the pair
//! is not written.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::decide::{Fate, Item};
use super::moved::Moved;
use super::{Bench, failure_id};
use crate::model::{FailureKind, Key, Side};
use crate::plan::Pipeline;
use crate::store::{Store, StoreError};
use crate::sync::{Decision, Held, Swing};

/// Code of pairs that are held for it.
pub const CODE: &str = "R307";

/// Pairs that are remembered at most; a mass change is no loop, and what was written before it may be forgotten for it.
const MOST: usize = 20_000;

/// Pairs that are remembered over a restart at most, those that turned most first. A loop beyond them is found once these are held.
const MOST_STORED: usize = 500;

/// The name of what is remembered among the facts of a pipeline.
const FACT: &str = "swings";

/// The swings of the pairs of a pipeline that were written lately, by Salesforce key. Cheap to clone: all clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Swings {
    pairs: Arc<Mutex<Pairs>>,
    /// Those that move while they are written, which is another way of never coming to rest.
    pub(super) moved: Moved,
}

#[derive(Debug, Default)]
struct Pairs {
    swings: HashMap<Key, Swing>,
    /// What the state remembers is not this any more.
    is_new: bool,
}

/// What the state remembers. Rows are positions, so it holds for these rows only.
#[derive(Debug, Serialize, Deserialize)]
struct Remembered {
    generation: u32,
    row_set: u32,
    swings: Vec<(Key, Swing)>,
}

impl Swings {
    /// As the state remembers them for these rows; what it does not is counted anew.
    pub fn remembered(store: &Store, pipeline: &Pipeline) -> Self {
        let known = store.pipeline_fact(&pipeline.name, FACT).unwrap_or_else(|error| {
            tracing::warn!(pipeline = %pipeline.name, %error, "records that go back and forth are counted anew");
            None
        });
        let (generation, row_set) = (pipeline.generation, pipeline.row_set.id);
        let known =
            known.filter(|known: &Remembered| known.generation == generation && known.row_set == row_set);
        let swings = known.map(|known| known.swings.into_iter().collect()).unwrap_or_default();
        Self { pairs: Arc::new(Mutex::new(Pairs { swings, is_new: false })), ..Self::default() }
    }

    /// After a commit: what the state remembers is brought up to date, where that says something new.
    pub(in crate::runtime) fn remember(
        &self,
        store: &Store,
        pipeline: &Pipeline,
        now: i64,
    ) -> Result<(), StoreError> {
        let Some(mut swings) = self.lock().news(now) else { return Ok(()) };
        swings.sort_by_key(|(_, swing)| std::cmp::Reverse(swing.turns()));
        swings.truncate(MOST_STORED);
        let fact = Remembered { generation: pipeline.generation, row_set: pipeline.row_set.id, swings };
        store.save_pipeline_fact(&pipeline.name, FACT, &fact)
    }

    fn lock(&self) -> MutexGuard<'_, Pairs> {
        self.pairs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pairs {
    fn wrote(&mut self, pair: &Key, side: Side, rows: &[usize], now: i64) {
        let swings = &mut self.swings;
        if swings.len() >= MOST && !swings.contains_key(pair) {
            swings.retain(|_, swing| !swing.is_calm(now));
            if swings.len() >= MOST {
                swings.clear();
            }
        }
        let after = Swing::after(swings.get(pair), side, rows, now);
        self.is_new |= after.is_remembered();
        swings.insert(pair.clone(), after);
    }

    /// The rows that swing, if it is too much.
    fn too_much(&self, pair: &Key) -> Option<Vec<usize>> {
        self.swings.get(pair).filter(|swing| swing.is_open()).map(|swing| swing.rows().to_vec())
    }

    fn forget(&mut self, pair: &Key) {
        self.is_new |= self.swings.remove(pair).is_some_and(|swing| swing.is_remembered());
    }

    /// What has to be remembered now, if something changed.
    fn news(&mut self, now: i64) -> Option<Vec<(Key, Swing)>> {
        let is_worth = |(_, swing): &(&Key, &Swing)| swing.is_remembered() && !swing.is_calm(now);
        let swings = self.swings.iter().filter(is_worth);
        std::mem::take(&mut self.is_new)
            .then(|| swings.map(|(pair, swing)| (pair.clone(), swing.clone())).collect())
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
            let mut rows = self.swings.lock().too_much(pair);
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
            self.swings.lock().wrote(pair, side, &write.rows, self.facts.now.as_second());
        }
    }

    /// From now on the failure holds it; a person begins the count anew.
    pub(super) fn is_held_for_swinging(&self, item: &Item) {
        if let Some(pair) = item.key_on(Side::Salesforce) {
            self.swings.lock().forget(pair);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the first version that remembers swings wrote: it must be readable for ever, and today's must look the same.
    const WRITTEN: &str = r#"{"generation":2,"row_set":7,"swings":[["0015f00000A1b2cAAB",{"side":"app","rows":[3],"turns":4,"last":900}]]}"#;

    #[test]
    fn what_was_remembered_is_read_and_written() {
        let known: Remembered = serde_json::from_str(WRITTEN).unwrap();
        assert_eq!(serde_json::to_string(&known).unwrap(), WRITTEN);
        let (_, swing) = &known.swings[0];
        assert!(swing.is_remembered() && !swing.is_open() && !swing.is_calm(901));
    }

    #[test]
    fn only_what_has_turned_a_few_times_is_remembered_and_only_as_long_as_it_is_not_calm() {
        let (loops, busy) = (Key::app("1"), Key::app("2"));
        let mut pairs = Pairs::default();
        for turn in 0..5 {
            let side = if turn % 2 == 0 { Side::App } else { Side::Salesforce };
            pairs.wrote(&loops, side, &[3], turn);
            pairs.wrote(&busy, Side::App, &[3], turn);
        }
        let keys = |news: Option<Vec<(Key, Swing)>>| {
            news.map(|all| all.into_iter().map(|(key, _)| key).collect::<Vec<_>>())
        };
        assert_eq!(keys(pairs.news(5)), Some(vec![loops.clone()]));
        assert_eq!(keys(pairs.news(5)), None, "the state knows it");
        pairs.wrote(&busy, Side::App, &[3], 6);
        assert_eq!(keys(pairs.news(6)), None, "no loop, nothing to write");
        pairs.forget(&loops);
        assert_eq!(keys(pairs.news(7)), Some(Vec::new()), "a person has decided");
    }
}
