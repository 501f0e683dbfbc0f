//! Rows are positional: a boxed slice of values over a shared schema. Names are resolved to positions once,
//! when a plan is compiled; no record carries a map.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::Value;

/// What a field holds, in the few kinds both sides share. The wire types of either side map onto these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A Salesforce id, or a reference to one.
    Id,
    /// Text of any length, picklists included.
    Text,
    /// True or false.
    Bool,
    /// Whole numbers.
    Int,
    /// Exact decimals.
    Decimal,
    /// Calendar date.
    Date,
    /// Time of day.
    Time,
    /// Instant.
    DateTime,
    /// Several values (multi-picklist, array).
    List,
    /// A JSON object, taken as it is.
    Json,
    /// Unknown until a value is seen (history columns, undeclared app fields).
    Any,
}

impl Kind {
    /// The word of the messages: `text`, `integer`, …
    pub fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Text => "text",
            Self::Bool => "boolean",
            Self::Int => "integer",
            Self::Decimal => "decimal",
            Self::Date => "date",
            Self::Time => "time",
            Self::DateTime => "date-time",
            Self::List => "list",
            Self::Json => "object",
            Self::Any => "any",
        }
    }
}

/// A named, typed column of a [`Schema`]. Names are paths as the files write them: `Name`, `Account.Name`, `custom.next_step`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Path of the field.
    pub name: Arc<str>,
    /// Its kind.
    pub kind: Kind,
}

/// The columns of a set of rows, shared by all of them.
#[derive(Clone, Default)]
pub struct Schema {
    fields: Box<[Field]>,
    positions: HashMap<Arc<str>, usize>,
}

impl Schema {
    /// Fields in the order of their positions. A name that repeats keeps its first position.
    pub fn new(fields: impl IntoIterator<Item = Field>) -> Self {
        let fields: Box<[Field]> = fields.into_iter().collect();
        let mut positions = HashMap::with_capacity(fields.len());
        for (at, field) in fields.iter().enumerate() {
            positions.entry(Arc::clone(&field.name)).or_insert(at);
        }
        Self { fields, positions }
    }

    /// From pairs of name and kind, for tests and small tables.
    pub fn of(fields: &[(&str, Kind)]) -> Arc<Self> {
        Arc::new(Self::new(fields.iter().map(|(name, kind)| Field { name: Arc::from(*name), kind: *kind })))
    }

    /// The fields in order.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Position of a field by its exact name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.positions.get(name).copied()
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// True without fields.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.fields == other.fields
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.fields.iter().map(|field| &field.name)).finish()
    }
}

/// The values of one record, in the order of its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(pub Box<[Value]>);

impl Row {
    /// A row in which nothing is provided yet.
    pub fn absent(len: usize) -> Self {
        Self(vec![Value::Absent; len].into_boxed_slice())
    }

    /// The value at a position that the plan resolved; `Absent` beyond the end.
    pub fn get(&self, position: usize) -> &Value {
        self.0.get(position).unwrap_or(&Value::Absent)
    }

    /// Sets a value; positions beyond the end are ignored.
    pub fn set(&mut self, position: usize, value: Value) {
        if let Some(slot) = self.0.get_mut(position) {
            *slot = value;
        }
    }
}

impl From<Vec<Value>> for Row {
    fn from(values: Vec<Value>) -> Self {
        Self(values.into_boxed_slice())
    }
}
