//! The rows of every version of a plan, by the id that links carry: baselines find their rows again after a reload that moved them.

use std::collections::HashMap;

use redb::WriteTransaction;

use super::tables::CATALOG;
use super::{Store, StoreError};
use crate::model::{ConnectionName, PipelineName};

/// Name of the fact.
const FACT: &str = "row_sets";

impl Store {
    /// All row sets that links of a pipeline may carry.
    pub fn row_sets(&self, pipeline: &PipelineName) -> Result<HashMap<u32, Vec<u64>>, StoreError> {
        Ok(self.fact(&owner(pipeline), FACT)?.unwrap_or_default())
    }

    /// Remembers a row set before the first link carries it. Storing it again changes nothing.
    pub fn save_row_set(&self, pipeline: &PipelineName, id: u32, rows: &[u64]) -> Result<(), StoreError> {
        let mut sets = self.row_sets(pipeline)?;
        if sets.get(&id).is_some_and(|known| known == rows) {
            return Ok(());
        }
        sets.insert(id, rows.to_vec());
        self.save_fact(&owner(pipeline), FACT, &sets)
    }
}

/// Moves the row sets to a new name, or drops them.
pub(super) fn rename(
    txn: &WriteTransaction,
    from: &PipelineName,
    to: Option<&PipelineName>,
) -> Result<(), StoreError> {
    let mut table = txn.open_table(CATALOG)?;
    let key = (owner(from), to.map(owner));
    let Some(sets) = table.remove((key.0.as_str(), "fact", FACT))?.map(|sets| sets.value().to_vec()) else {
        return Ok(());
    };
    if let Some(to) = &key.1 {
        table.insert((to.as_str(), "fact", FACT), sets.as_slice())?;
    }
    Ok(())
}

/// Facts are kept by connection; no connection has a slash in its name.
fn owner(pipeline: &PipelineName) -> ConnectionName {
    ConnectionName::from(format!("pipelines/{pipeline}").as_str())
}
