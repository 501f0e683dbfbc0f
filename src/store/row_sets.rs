//! The rows of every version of a plan, by the id that links carry: baselines find their rows again after a reload that moved them.

use std::collections::HashMap;

use super::{Store, StoreError};
use crate::model::PipelineName;

/// Name of the fact.
const FACT: &str = "row_sets";

impl Store {
    /// All row sets that links of a pipeline may carry.
    pub fn row_sets(&self, pipeline: &PipelineName) -> Result<HashMap<u32, Vec<u64>>, StoreError> {
        Ok(self.pipeline_fact(pipeline, FACT)?.unwrap_or_default())
    }

    /// Remembers a row set before the first link carries it. Storing it again changes nothing.
    pub fn save_row_set(&self, pipeline: &PipelineName, id: u32, rows: &[u64]) -> Result<(), StoreError> {
        let mut sets = self.row_sets(pipeline)?;
        if sets.get(&id).is_some_and(|known| known == rows) {
            return Ok(());
        }
        sets.insert(id, rows.to_vec());
        self.save_pipeline_fact(pipeline, FACT, &sets)
    }
}
