//! One row of a compiled pipeline: which fields it joins, which way it flows, what it may do.

use std::collections::HashMap;
use std::sync::Arc;

use crate::diag::Span;
use crate::expr::Bound;
use crate::expr::normal::NormalForm;
use crate::model::{Kind, Op, PipelineName, Side, StoredForm, Value};

/// Who wins when both sides changed the same field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// Salesforce.
    Salesforce,
    /// The app.
    App,
    /// The side that changed last.
    Newest,
    /// Nobody: it is listed for a decision.
    Hold,
}

/// When a row may write. Ordered from the mildest to the strictest; a row and its group take the stricter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WritePolicy {
    /// Whenever it differs.
    Always,
    /// Until someone edits it on the target; again once it is emptied there.
    UnlessEdited,
    /// Only into an empty field.
    IfEmpty,
    /// Only when the record is created.
    OnCreate,
    /// Never (a group that is switched off).
    Off,
}

/// What an emptied source does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnNull {
    /// Empties the target.
    Clear,
    /// Leaves the target alone.
    Keep,
}

/// What happens when a row cannot be computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// The record fails.
    Fail,
    /// The field stays as it is, with a warning.
    Skip,
}

/// What happens when the record that a lookup needs is not linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Keep the record back until it is; a failure after 24 hours.
    Wait,
    /// Leave the field empty for now, fill it in when linked.
    Empty,
    /// Leave the whole record out until then.
    Skip,
    /// Report it.
    Fail,
}

/// The value is the id of a record of another pipeline; the linked id is written.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// The pipelines that may know the id, in order.
    pub pipelines: Vec<PipelineName>,
    /// When none of them does.
    pub missing: Missing,
}

/// `values`: Salesforce value ↔ app value.
#[derive(Clone, Debug, Default)]
pub struct ValueMap {
    /// Salesforce text (lower case, trimmed) → app value.
    pub to_app: HashMap<String, Value>,
    /// App text → the Salesforce values that mean the same, the first listed first.
    pub to_salesforce: HashMap<String, Vec<Value>>,
    /// For all others, to the app.
    pub otherwise: Option<Value>,
}

/// How a row gets its value in one direction.
#[derive(Clone, Debug)]
pub enum Flow {
    /// It does not flow this way.
    Off,
    /// Copied from the field of the other side.
    Copy,
    /// Computed.
    Compute(Arc<Bound>),
    /// Fixed.
    Const(Value),
}

impl Flow {
    /// Whether anything flows.
    pub fn is_on(&self) -> bool {
        !matches!(self, Self::Off)
    }
}

/// One row of `fields`: order within it is source field → expression → lookup → values → as → default → conversion → write.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// Place of the row in the file.
    pub span: Span,
    /// What identifies the row across reloads and names it in plans: `Name → name`.
    pub name: Arc<str>,
    /// Position of the Salesforce field in the Salesforce schema.
    pub salesforce: Option<usize>,
    /// Position of the app field in the app schema.
    pub app: Option<usize>,
    /// Towards the app.
    pub to_app: Flow,
    /// Towards Salesforce.
    pub to_salesforce: Flow,
    /// Ids of another pipeline.
    pub lookup: Option<Lookup>,
    /// Translation of values.
    pub values: Option<ValueMap>,
    /// Normal form.
    pub form: Option<NormalForm>,
    /// If the result is empty.
    pub default: Option<Value>,
    /// When it may write, the group taken into account.
    pub write: WritePolicy,
    /// What an emptied source does.
    pub on_null: OnNull,
    /// Who wins.
    pub conflict: Conflict,
    /// What happens when it cannot be computed.
    pub on_error: OnError,
    /// Kind of the Salesforce field, `Any` where it is not known.
    pub salesforce_kind: Kind,
    /// Kind of the app field.
    pub app_kind: Kind,
    /// What Salesforce makes of a value when it stores it, where that is known.
    pub salesforce_form: Option<StoredForm>,
    /// What the app makes of it.
    pub app_form: Option<StoredForm>,
}

impl Mapping {
    /// How the row flows towards a side.
    pub fn flow_to(&self, side: Side) -> &Flow {
        match side {
            Side::App => &self.to_app,
            Side::Salesforce => &self.to_salesforce,
        }
    }

    /// Whether the row can write towards a side in this operation: it flows, is not switched off, and `on_create` is not an update.
    pub fn is_live(&self, towards: Side, op: Op) -> bool {
        let once = self.write == WritePolicy::OnCreate && op != Op::Create;
        self.flow_to(towards).is_on() && self.write != WritePolicy::Off && !once
    }

    /// Position of the row's field in the schema of a side.
    pub fn field_on(&self, side: Side) -> Option<usize> {
        match side {
            Side::App => self.app,
            Side::Salesforce => self.salesforce,
        }
    }

    /// Kind of the row's field on a side.
    pub fn kind_on(&self, side: Side) -> Kind {
        match side {
            Side::App => self.app_kind,
            Side::Salesforce => self.salesforce_kind,
        }
    }

    /// What a side makes of a value of the row when it stores it.
    pub fn stored_on(&self, side: Side) -> Option<StoredForm> {
        match side {
            Side::App => self.app_form,
            Side::Salesforce => self.salesforce_form,
        }
    }

    /// Whether the other side gets the value of the field as it is, but for its kind and its normal form.
    pub fn is_copied_to(&self, side: Side) -> bool {
        let plain = self.lookup.is_none() && self.values.is_none() && self.default.is_none();
        plain && matches!(self.flow_to(side), Flow::Copy)
    }
}

/// Identity of the rows of a plan: a stable hash per row, and one of the whole set, which links carry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowSet {
    /// Of the whole set.
    pub id: u32,
    /// Per row.
    pub rows: Vec<u64>,
    /// What a row that flows one way would be called if it flowed both ways: a direction that is taken away leaves the baselines.
    pub both: Vec<u64>,
}
