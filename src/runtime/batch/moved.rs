//! Records that moved between being read and being written, again and again: each time they are read and decided anew, at once. After a few
//! times in a row that is no coincidence any more, so the record becomes a failure that is tried again with growing pauses: nothing may spend
//! the org's calls on one record without an end.
//!
//! The counters live as long as the runner, as those of [`super::breaker`]: a daemon that begins anew reads the record a few times more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Bench;
use crate::model::{Class, Commit, Key, RecordError, Side};

/// Looks in a row that may find a record moved.
const TIMES: u32 = 5;

/// Records that are counted at most. Where more move at once, some are read a few times more.
const MOST: usize = 20_000;

/// How often the records of a pipeline were found moved, in a row. Cheap to clone: all clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Moved(Arc<Mutex<HashMap<(Side, Key), u32>>>);

impl Moved {
    /// Once more; how often in a row.
    fn again(&self, side: Side, key: &Key) -> u32 {
        let mut moved = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (side, key.clone());
        if moved.len() >= MOST && !moved.contains_key(&place) {
            moved.clear();
        }
        let times = moved.entry(place).or_default();
        *times = times.saturating_add(1);
        *times
    }

    fn forget(&self, side: Side, key: &Key) {
        let mut moved = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !moved.is_empty() {
            moved.remove(&(side, key.clone()));
        }
    }
}

impl Bench<'_> {
    /// A record moved since it was read. It is looked at again at once; if that has not helped, the error of its failure is given back.
    pub(super) fn moved_again(&self, commit: &mut Commit, key: &Key) -> Option<RecordError> {
        let times = self.swings.moved.again(self.origin, key);
        if times < TIMES {
            commit.touch.push((self.pipeline.name.clone(), self.origin, key.clone()));
            return None;
        }
        let message = format!("it changed between being read and being written, {times} times in a row");
        Some(RecordError::new("R237", Class::TRANSIENT, message))
    }

    /// A record was written, or needed nothing.
    pub(super) fn stands_still(&self, key: &Key) {
        self.swings.moved.forget(self.origin, key);
    }
}
