//! A query as it was written.
//! May not know the schema. Read [`Query`] first.

/// A dotted name with its byte offset in the query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Path {
    pub(crate) parts: Vec<String>,
    pub(crate) at: usize,
}

impl Path {
    pub(crate) fn text(&self) -> String {
        self.parts.join(".")
    }
}

/// A query or subquery.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Query {
    pub(crate) select: Vec<Selected>,
    pub(crate) from: Path,
    pub(crate) alias: Option<String>,
    pub(crate) condition: Option<Condition>,
    pub(crate) group: Vec<Path>,
    pub(crate) order: Vec<Ordering>,
    pub(crate) limit: Option<u64>,
    pub(crate) offset: Option<(u64, usize)>,
}

/// One element of SELECT.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Selected {
    Field(Path),
    /// `FIELDS(ALL)` and its kin.
    Fields {
        which: FieldSet,
        at: usize,
    },
    /// `COUNT()` without a field.
    CountAll,
    Aggregate {
        function: Function,
        argument: Path,
        alias: Option<String>,
        at: usize,
    },
    Subquery {
        query: Box<Query>,
        at: usize,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldSet {
    All,
    Standard,
    Custom,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Count,
    CountDistinct,
    Sum,
    Avg,
    Min,
    Max,
}

/// An element of ORDER BY.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ordering {
    pub(crate) path: Path,
    pub(crate) descending: bool,
    pub(crate) nulls_last: bool,
}

/// A condition of WHERE.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Compare { path: Path, operator: Operator, literal: Literal, at: usize },
    In { path: Path, negated: bool, set: Set },
    Includes { path: Path, negated: bool, groups: Vec<Literal>, at: usize },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Like,
}

/// What stands behind IN.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Set {
    List(Vec<(Literal, usize)>),
    Subquery(Box<Query>, usize),
}

/// A value in a condition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Null,
    Bool(bool),
    Text(String),
    Number(String),
    /// A date or date-time as written.
    Moment(String),
    /// `TODAY`, `LAST_N_DAYS:3` and their kin, in upper case.
    Relative(String, Option<i64>),
}
