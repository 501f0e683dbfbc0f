//! A compiled expression: what it uses, and binding it to the schemas of its records.

use std::ops::Range;
use std::sync::Arc;

use crate::model::Schema;

use super::bound::Bound;
use super::general::General;
use super::native::Node;
use super::walk::Analysis;

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
    /// The source record.
    Record,
    /// The source field of the row.
    Value,
    /// The linked record on the target side.
    Other,
    /// The source record at the last sync.
    Old,
    /// Date-time of the run.
    Now,
    /// Date of the run.
    Today,
    /// `"create"` or `"update"`.
    Op,
    /// `pipeline.name`, `pipeline.generation`.
    Pipeline,
}

impl Var {
    /// All of them, in the order in which messages list them.
    pub const ALL: [Self; 8] =
        [Self::Record, Self::Value, Self::Other, Self::Old, Self::Now, Self::Today, Self::Op, Self::Pipeline];

    /// The name in expressions.
    pub fn name(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Value => "value",
            Self::Other => "other",
            Self::Old => "old",
            Self::Now => "now",
            Self::Today => "today",
            Self::Op => "op",
            Self::Pipeline => "pipeline",
        }
    }

    pub(super) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|var| var.name() == name)
    }

    pub(super) fn names(kind: ScriptKind) -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().filter(move |var| var.exists_in(kind)).map(Self::name)
    }

    pub(super) fn exists_in(self, kind: ScriptKind) -> bool {
        match kind {
            ScriptKind::Row => true,
            ScriptKind::Filter => matches!(self, Self::Record | Self::Old | Self::Now | Self::Today),
        }
    }

    /// Whether it is a record: something with fields, not a value.
    pub(super) fn is_record(self) -> bool {
        matches!(self, Self::Record | Self::Other | Self::Old)
    }
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

/// A compiled expression. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Script(pub(super) Arc<Compiled>);

#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) text: Arc<str>,
    pub(super) kind: ScriptKind,
    pub(super) analysis: Analysis,
    /// The form for the common shapes; the rest goes through the engine.
    pub(super) native: Option<Node>,
    pub(super) general: General,
}

impl Script {
    /// The text as it was written.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Where it stands.
    pub fn kind(&self) -> ScriptKind {
        self.0.kind
    }

    /// Whether a variable is used.
    pub fn uses(&self, var: Var) -> bool {
        self.0.analysis.variables.contains(&var)
    }

    /// The fields of `record`, `other` or `old` that are named, in the order of the text. A field may repeat.
    pub fn fields(&self, var: Var) -> impl Iterator<Item = &FieldUse> {
        self.0.analysis.fields.iter().filter(move |(of, _)| *of == var).map(|(_, field)| field)
    }

    /// Places where the name of a field of this record is computed (`record[…]`): it needs `salesforce.select`.
    pub fn computed(&self, var: Var) -> impl Iterator<Item = Range<usize>> {
        self.0.analysis.computed.iter().filter(move |(of, _)| *of == var).map(|(_, place)| place.clone())
    }

    /// Pipelines that `linked("…", …)` names, with the places of the names.
    pub fn linked(&self) -> impl Iterator<Item = (&str, Range<usize>)> {
        self.0.analysis.linked.iter().map(|(name, place)| (&**name, place.clone()))
    }

    /// Resolves the fields to positions. Called once per plan; a field that a schema does not have is `null` there
    /// (the plan reports it).
    pub fn bind(
        &self,
        record: &Arc<Schema>,
        other: Option<&Arc<Schema>>,
        old: Option<&Arc<Schema>>,
    ) -> Bound {
        Bound::new(self.clone(), [Some(record), other, old])
    }
}
