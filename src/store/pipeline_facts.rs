//! Facts about a pipeline that belong to its state and go with it: they move with a rename and go when it is forgotten. The layer that
//! knows what they mean gives them their names.

use redb::WriteTransaction;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::tables::CATALOG;
use super::{Store, StoreError};
use crate::model::{ConnectionName, PipelineName};

impl Store {
    /// A fact of a pipeline, as its owner writes it.
    pub fn pipeline_fact<T: DeserializeOwned>(
        &self,
        pipeline: &PipelineName,
        name: &str,
    ) -> Result<Option<T>, StoreError> {
        self.fact(&owner(pipeline), name)
    }

    /// Replaces a fact of a pipeline. Not for secrets and not for record values.
    pub fn save_pipeline_fact(
        &self,
        pipeline: &PipelineName,
        name: &str,
        fact: &impl Serialize,
    ) -> Result<(), StoreError> {
        self.save_fact(&owner(pipeline), name, fact)
    }
}

/// Facts are kept by connection; no connection has a slash in its name.
pub(super) fn owner(pipeline: &PipelineName) -> ConnectionName {
    ConnectionName::from(format!("pipelines/{pipeline}").as_str())
}

/// Gives the facts of a pipeline to another name.
pub(super) fn rename(
    txn: &WriteTransaction,
    from: &PipelineName,
    to: &PipelineName,
) -> Result<(), StoreError> {
    let (from, to) = (owner(from), owner(to));
    let mut table = txn.open_table(CATALOG)?;
    let mut moved: Vec<(String, String, Vec<u8>)> = Vec::new();
    for entry in table.extract_if(|(of, _, _), _| of == from.as_str())? {
        let (key, bytes) = entry?;
        let (_, kind, name) = key.value();
        moved.push((kind.to_owned(), name.to_owned(), bytes.value().to_vec()));
    }
    for (kind, name, bytes) in moved {
        table.insert((to.as_str(), kind.as_str(), name.as_str()), bytes.as_slice())?;
    }
    Ok(())
}

/// Drops the facts of a pipeline.
pub(super) fn forget(txn: &WriteTransaction, pipeline: &PipelineName) -> Result<(), StoreError> {
    let owner = owner(pipeline);
    txn.open_table(CATALOG)?.retain(|(of, _, _), _| of != owner.as_str())?;
    Ok(())
}
