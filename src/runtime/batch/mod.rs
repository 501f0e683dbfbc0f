//! One batch of one pipeline: records come in, decisions come out, writes are executed, and everything that is remembered moves in
//! one commit. The decisions are those of [`crate::sync`]; this module only brings what they need and carries out what they say.
//!
//! Read [`Item`] first: a record on its way through the stages `recall` (links) → `resolve` (lookups, mapping) → `meet` (the other
//! side) → `decide` → `execute` → `settle`.

mod decide;
mod execute;
mod failures;
mod intents;
mod meet;
mod mirror;
mod resolve;

pub use decide::{Fate, Item, Prepared};
pub use execute::{Executed, title};
pub use failures::{FailureDetail, failure_id};
pub use mirror::MirrorBatch;

use std::collections::HashMap;
use std::sync::Arc;

use super::facts::{OrgFacts, RunFacts};
use crate::connect::{ConnectError, Destination};
use crate::model::{Key, PipelineName};
use crate::plan::Pipeline;
use crate::store::{Store, StoreError};

/// A batch could not be carried through. Nothing of it was committed; the cursor stays where it was.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// A system failed.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The state failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Asks other pipelines to bring records in that a lookup needs (`scope: referenced`).
#[async_trait::async_trait]
pub trait References: Send + Sync {
    /// Whether the pipeline brings records in on demand, and may be waited for from here (no circle).
    fn on_demand(&self, asking: &PipelineName, pipeline: &PipelineName) -> Demand;
    /// Brings these records in; returns when they are linked, left out or failed.
    async fn require(&self, pipeline: &PipelineName, keys: Vec<Key>) -> Result<(), ConnectError>;
}

/// How a looked-up pipeline gets its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// By itself.
    No,
    /// On demand, and it may be waited for.
    Now,
    /// On demand, but waiting for it could be a circle: ask, and fill in later.
    Later,
}

/// What a batch works with.
pub struct Bench<'a> {
    /// The plan.
    pub pipeline: &'a Arc<Pipeline>,
    /// The state.
    pub store: &'a Arc<Store>,
    /// The app.
    pub app: &'a mut dyn Destination,
    /// Facts of the run.
    pub facts: &'a RunFacts,
    /// Facts of the org.
    pub org: &'a OrgFacts,
    /// Other pipelines.
    pub references: &'a dyn References,
    /// Records without a link are left out (`scope: referenced`, when nobody asked for them).
    pub linked_only: bool,
    /// Rows of earlier versions of the plan, by the id of the set: links carry the id.
    pub row_sets: &'a HashMap<u32, Vec<u64>>,
}
