//! The history of runs of a pipeline: when, what came of it, why it ended.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::tables::{self, RUNS};
use super::{Store, StoreError};
use crate::model::{Counts, PipelineName};

/// One run. Stored when it begins and again when it ends; one without an end was cut off by a crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// When it began; with the pipeline its identity.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// What made it run: `first load`, `changes`, `reconcile`, `by hand`, …
    pub cause: String,
    /// What it did.
    pub counts: Counts,
    /// Why it ended early. Safe to log.
    pub error: Option<String>,
}

impl Store {
    /// Inserts a run or replaces the one with the same start. Idle polls need no run; they would only fill the history.
    pub fn save_run(&self, pipeline: &PipelineName, run: &Run) -> Result<(), StoreError> {
        self.write(|txn, registry| {
            let number = registry.ensure(txn, pipeline)?;
            let key = (number, run.started.as_microsecond());
            txn.open_table(RUNS)?.insert(key, tables::to_json(run, "run")?.as_slice())?;
            Ok(())
        })
    }

    /// The latest runs, newest first, at most so many.
    pub fn runs(&self, pipeline: &PipelineName, limit: usize) -> Result<Vec<Run>, StoreError> {
        let Some(number) = self.registry().number(pipeline) else { return Ok(Vec::new()) };
        self.read(|txn| {
            let table = txn.open_table(RUNS)?;
            let newest_first = table.range((number, i64::MIN)..=(number, i64::MAX))?.rev().take(limit);
            newest_first.map(|entry| tables::from_json(entry?.1.value(), "run")).collect()
        })
    }
}
