//! A compiled expression, and the same bound to the schemas of its records.

use std::ops::Range;
use std::sync::Arc;

/// Where an expression stands: it decides which variables there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScriptKind {
    /// `to_app` or `to_salesforce` of a row.
    Row,
    /// `filter` of a side.
    Filter,
}

/// The variables of expressions (language, 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Var {
    /// The source field of the row.
    Value,
    /// The source record.
    Record,
    /// The linked record on the target side.
    Other,
    /// The source record at the last sync.
    Old,
    /// `"create"` or `"update"`.
    Op,
    /// Date-time of the run.
    Now,
    /// Date of the run.
    Today,
    /// `pipeline.name`, `pipeline.generation`.
    Pipeline,
}

/// A field that an expression names: `record.Account.Name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldUse {
    /// The path as the schema writes it: `Account.Name`, `My Field`, `custom.next_step`.
    pub path: Arc<str>,
    /// Where the path stands in the text, without the variable.
    pub span: Range<usize>,
    /// It need not exist (`currency_of(record)` looks for `CurrencyIsoCode`).
    pub optional: bool,
}
