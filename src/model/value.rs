//! One value of one field, as it travels from reader to writer.
//!
//! `Absent`, `Null` and a value are three different things from parser to wire: leave out, clear, set.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use rust_decimal::Decimal;

/// Text of a field. Up to 24 bytes (ids, codes, most picklist values) live inline without an allocation.
pub type Text = compact_str::CompactString;

/// A value of a field. Decimals are exact; there are no binary floats anywhere.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum Value {
    /// Not provided: the reader did not ask for it, or a change event did not carry it. Never written.
    Absent,
    /// Provided and empty. Written, it clears the field.
    #[default]
    Null,
    /// A checkbox.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction: decimal, currency, percent.
    Decimal(Decimal),
    /// Text, picklist value, id, email, …
    Text(Text),
    /// A calendar date without a zone.
    Date(Date),
    /// A time of day without a zone.
    Time(Time),
    /// An instant, in UTC.
    DateTime(Timestamp),
    /// Several values: multi-picklist, JSON array.
    List(Arc<[Value]>),
    /// A JSON object that is carried as it is.
    Json(Arc<serde_json::Value>),
}

impl Value {
    /// Text from anything that is text.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::Text(Text::new(text.as_ref()))
    }

    /// True for `Null` and for `Absent`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null | Self::Absent)
    }

    /// True where nobody provided a value.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// True for nothing, for text of spaces only and for an empty list.
    pub fn is_blank(&self) -> bool {
        match self {
            Self::Absent | Self::Null => true,
            Self::Text(text) => text.trim().is_empty(),
            Self::List(items) => items.is_empty(),
            _ => false,
        }
    }

    /// The text, if this is text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A word for messages: `text`, `number`, `date`, …
    pub fn kind_name(&self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Int(_) => "integer",
            Self::Decimal(_) => "decimal",
            Self::Text(_) => "text",
            Self::Date(_) => "date",
            Self::Time(_) => "time",
            Self::DateTime(_) => "date-time",
            Self::List(_) => "list",
            Self::Json(_) => "object",
        }
    }
}

/// The value as people read it in a plan or a diff. Not for logs: record values never reach a log line.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => Ok(()),
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Decimal(value) => write!(f, "{value}"),
            Self::Text(value) => f.write_str(value),
            Self::Date(value) => write!(f, "{value}"),
            Self::Time(value) => write!(f, "{value}"),
            Self::DateTime(value) => write!(f, "{value}"),
            Self::List(items) => {
                f.write_str("[")?;
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{item}")?;
                }
                f.write_str("]")
            }
            Self::Json(value) => write!(f, "{value}"),
        }
    }
}

/// Debug output names the kind, never the content, so that a stray `{:?}` in a log line leaks nothing.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if cfg!(test) { write!(f, "{}({self})", self.kind_name()) } else { f.write_str(self.kind_name()) }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}
impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}
impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}
impl From<Decimal> for Value {
    fn from(value: Decimal) -> Self {
        Self::Decimal(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_small() {
        assert!(size_of::<Value>() <= 24, "{} bytes", size_of::<Value>());
    }

    #[test]
    fn absent_and_null_differ() {
        assert_ne!(Value::Absent, Value::Null);
        assert!(Value::Absent.is_null() && Value::Null.is_null());
    }
}
