//! What a plan says, as people, pages and machines get it.

use serde::{Deserialize, Serialize};

use crate::model::Key;

/// What a sync of one pipeline would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanReport {
    /// The pipeline.
    pub pipeline: String,
    /// `Opportunity → operating.projects`
    pub way: String,
    /// Records that were looked at.
    pub looked_at: u64,
    /// Linked records besides them: a full read did not bring them, and they were asked for by their ids.
    #[serde(default)]
    pub by_id: u64,
    /// How many of each kind.
    pub counts: PlanCounts,
    /// The first changes, in the order in which they came.
    pub entries: Vec<PlanEntry>,
    /// Changes that are counted and not listed.
    pub more: u64,
    /// Records that need nothing and have fields that differ and stay; listed after the changes, as far as there is room.
    #[serde(default)]
    pub stays: u64,
    /// Records that do not pass the filters.
    #[serde(default)]
    pub left_out: u64,
    /// What it needs of the org's API.
    #[serde(default)]
    pub api: Option<ApiNeed>,
    /// Name of the app's connection.
    #[serde(default)]
    pub app: String,
    /// Why nothing could be compared, if so.
    #[serde(default)]
    pub unplanned: String,
}

/// Calls that a sync needs, about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiNeed {
    /// Calls that the plan itself made: a sync of everything reads the same.
    pub calls: u64,
    /// What is left of the budget.
    pub left: Option<u64>,
    /// Calls that the connection may make in 24 hours.
    pub budget: Option<u64>,
}

/// Decisions by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // the words of the summary line
pub struct PlanCounts {
    pub create: u64,
    pub update: u64,
    pub delete: u64,
    pub unchanged: u64,
    pub skip: u64,
    pub wait: u64,
    pub hold: u64,
    pub fail: u64,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanEntry {
    /// `create`, `update`, `link`, `delete`, `archive`, `wait`, `hold`, `fail`.
    pub op: String,
    /// Salesforce id; none for a record that would be made there.
    pub salesforce: Option<Key>,
    /// The app record, where there is one.
    pub app: Option<Key>,
    /// The record as people know it.
    pub title: String,
    /// Fields that would be written, or stay with a reason.
    pub fields: Vec<PlanField>,
    /// Why, for everything that is not written.
    pub reason: String,
}

/// One field of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanField {
    /// Name on the side that is written.
    pub name: String,
    /// What is there; `None` for a new record.
    pub before: Option<String>,
    /// What would be written; `None`: it stays.
    pub after: Option<String>,
    /// Why it stays, or where the value comes from.
    pub note: String,
}
