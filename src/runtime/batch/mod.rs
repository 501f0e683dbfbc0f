//! One batch of one pipeline: records of one side come in, decisions come out, writes are executed, and everything that is remembered
//! moves in one commit. The decisions are those of [`crate::sync`]; this module only brings what they need and carries out what they say.
//!
//! Read [`Item`] first: a record on its way through the stages `recall` (links) → `resolve` (lookups, mapping) → `meet` (the other
//! side) → `answer back` (the other record's own words) → `decide` → `execute` → `settle`.

mod back;
mod breaker;
mod decide;
mod execute;
mod failures;
mod inherit;
mod intents;
mod meet;
mod mirror;
mod moved;
mod pairs;
mod partners;
mod recall;
mod replaced;
mod resolve;
mod retold;
mod seen;
mod sleeping;
mod vanished;

pub use breaker::{CODE as BACK_AND_FORTH, Swings};
pub(super) use decide::stamp;
pub use decide::{Fate, Item, Prepared};
pub(super) use execute::name_of;
pub use execute::{Executed, title};
pub use failures::{FailureDetail, failure_id};
pub use mirror::{MirrorBatch, Unmapped};
pub use partners::Partners;
pub(super) use recall::align;
pub(super) use vanished::MISSED;

use std::collections::HashMap;
use std::sync::Arc;

use super::facts::{OrgFacts, RunFacts};
use crate::connect::{ConnectError, Destination};
use crate::model::{Class, Key, PipelineName, Side};
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
    /// The pipelines that share records with this one, as they are now.
    fn partners(&self, pipeline: &Pipeline) -> Partners;
    /// Brings these records in; returns when they are linked, left out or failed.
    async fn require(&self, pipeline: &PipelineName, keys: Vec<Key>) -> Result<(), ConnectError>;
    /// Which of these records, as a side knows them, a sync would have linked before it comes to this one, and with what. Only a plan
    /// assumes anything: when records are written, what is not linked is not linked.
    async fn would_link(
        &self,
        _pipeline: &PipelineName,
        _from: Side,
        _keys: &[Key],
    ) -> Result<Vec<(Key, Key)>, ConnectError> {
        Ok(Vec::new())
    }
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
    /// The side whose records come in.
    pub origin: Side,
    /// The state.
    pub store: &'a Arc<Store>,
    /// The app.
    pub app: &'a mut dyn Destination,
    /// Salesforce, for pipelines that write there.
    pub salesforce: Option<&'a mut (dyn Destination + 'static)>,
    /// Facts of the run.
    pub facts: &'a RunFacts,
    /// Facts of the org.
    pub org: &'a OrgFacts,
    /// Other pipelines.
    pub references: &'a dyn References,
    /// Pipelines that share records with this one.
    pub partners: &'a Partners,
    /// Records without a link are left out (`scope: referenced`, when nobody asked for them).
    pub linked_only: bool,
    /// The first look at this side, while it is loaded.
    pub loading: bool,
    /// A person has said whose values count where both sides changed.
    pub take: Option<Side>,
    /// How the writes to pairs went lately.
    pub swings: &'a Swings,
    /// When the run began that this batch belongs to, for `undo`.
    pub run: jiff::Timestamp,
    /// Rows of earlier versions of the plan, by the id of the set: links carry the id.
    pub row_sets: &'a HashMap<u32, Vec<u64>>,
}

impl Bench<'_> {
    /// The side that is opposite the records that come in.
    pub(super) fn target(&self) -> Side {
        self.origin.other()
    }

    /// The writer and reader of single records of a side.
    pub(super) fn destination(&mut self, side: Side) -> Result<&mut dyn Destination, ConnectError> {
        match (side, &mut self.salesforce) {
            (Side::App, _) => Ok(&mut *self.app),
            (Side::Salesforce, Some(salesforce)) => Ok(&mut **salesforce),
            (Side::Salesforce, None) => Err(ConnectError::new(
                "R109",
                Class::Pipeline,
                format!("{} does not list anything to do in Salesforce", self.pipeline.name),
            )),
        }
    }
}
