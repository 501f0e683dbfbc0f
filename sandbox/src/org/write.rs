//! Writes of several records as the wire brings them, and what comes of each.
//! Data only; read [`Write`] first.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::engine::Journal;
use super::generate::rng::Rng;
use super::ids::Id;

/// One change of one record.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    /// Name of the object.
    pub object: String,
    /// What is done.
    pub action: Action,
    /// The fields that are given; `null` clears one.
    pub fields: Map<String, Json>,
}

/// What is done with one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Creates it.
    Insert,
    /// Changes the record with this id.
    Update(String),
    /// Changes the record with this value in this field, or creates it. The value is among the fields.
    Upsert(String),
    /// Moves the record with this id to the recycle bin.
    Delete(String),
    /// Takes the record with this id past the recycle bin.
    HardDelete(String),
    /// Brings the record with this id back.
    Undelete(String),
}

impl Action {
    /// The word of the log.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update(_) => "update",
            Self::Upsert(_) => "upsert",
            Self::Delete(_) => "delete",
            Self::HardDelete(_) => "hard_delete",
            Self::Undelete(_) => "undelete",
        }
    }

    /// The id that the write names.
    pub(crate) fn id(&self) -> Option<&str> {
        match self {
            Self::Insert | Self::Upsert(_) => None,
            Self::Update(id) | Self::Delete(id) | Self::HardDelete(id) | Self::Undelete(id) => Some(id),
        }
    }
}

/// A write that was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// The record.
    pub id: Id,
    /// Whether it is new.
    pub created: bool,
}

/// By which resource a write came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteSource {
    /// `/sobjects/X…`, also inside a composite request.
    Record,
    /// `/composite/sobjects…`
    Collections,
    /// `/composite/tree/X`
    Tree,
    /// A Bulk API 2.0 ingest job.
    Bulk,
}

/// How the values of a write are spelled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// JSON of a REST call.
    #[default]
    Json,
    /// Cells of a CSV file whose header has these columns.
    Csv(Arc<[String]>),
}

/// The `Sforce-Duplicate-Rule-Header`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DuplicateOptions {
    /// Passes rules that only alert.
    pub allow_save: bool,
    /// Shows the fields of the records that were found.
    pub include_record_details: bool,
}

/// Which assignment rule gives an owner to leads and cases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Assignment {
    /// The active one of the object.
    Active,
    /// None.
    #[default]
    Off,
    /// The one with this id, if it is there.
    Rule(String),
}

/// An error that the org gives to some records by chance, whatever they hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rejection {
    /// `UNABLE_TO_LOCK_ROW`, naming the parent of the record if it has one.
    LockedRow,
    /// `FIELD_CUSTOM_VALIDATION_EXCEPTION` with this text.
    ValidationRule(String),
    /// `CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY`: an Apex trigger failed.
    TriggerFailed,
    /// `CANNOT_EXECUTE_FLOW_TRIGGER`
    FlowFailed,
    /// `INSUFFICIENT_ACCESS_OR_READONLY`
    InsufficientAccess,
    /// `ENTITY_IS_LOCKED`: the record waits for an approval.
    InApproval,
    /// `STORAGE_LIMIT_EXCEEDED`
    StorageFull,
    /// `UNKNOWN_EXCEPTION`
    Unexpected,
}

/// Rejections by chance, drawn one record after the other.
#[derive(Debug, Clone)]
pub(crate) struct Rejecting {
    pub(crate) rejection: Rejection,
    pub(crate) object: Option<String>,
    pub(crate) rate: f64,
    pub(crate) random: Rng,
}

/// What a lead is converted into; ids that are given are taken, the rest is made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Conversion {
    /// The lead.
    pub lead: String,
    /// Its status afterwards; `None`: `Closed - Converted`.
    pub status: Option<String>,
    /// An account that is there.
    pub account: Option<String>,
    /// A contact that is there.
    pub contact: Option<String>,
    /// Makes no opportunity.
    pub without_opportunity: bool,
    /// Name of the opportunity; `None`: that of the company.
    pub opportunity_name: Option<String>,
}

/// What a lead was converted into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Converted {
    /// The lead.
    pub lead: Id,
    /// The account.
    pub account: Id,
    /// The contact.
    pub contact: Id,
    /// The opportunity, if one was made.
    pub opportunity: Option<Id>,
}

/// How writes are done.
#[derive(Clone, Default)]
pub struct WriteOptions {
    /// Who writes; `None`: the integration user.
    pub author: Option<Id>,
    /// One failure takes back all.
    pub all_or_none: bool,
    /// By which resource they came; `None` leaves them out of the log.
    pub source: Option<WriteSource>,
    /// What duplicate rules may let pass.
    pub duplicates: DuplicateOptions,
    /// Which assignment rules run.
    pub assignment: Assignment,
    /// The write is refused with 412 if the record was modified later.
    pub unmodified_since: Option<Timestamp>,
    /// What change events say of where the writes came from.
    pub origin: String,
    pub(crate) dialect: Dialect,
    pub(crate) rejecting: Option<Rejecting>,
    /// The atomic request that the writes belong to.
    pub(crate) journal: Option<Arc<Journal>>,
    /// The holder of the row locks that are the writer's own.
    pub(crate) lock_owner: u64,
}
