//! Kinds of values that stand in files.

use crate::model::{Kind, Value};

/// The kind of a value by its looks.
pub(super) fn of_value(value: &Value) -> Kind {
    match value {
        Value::Absent | Value::Null => Kind::Any,
        Value::Bool(_) => Kind::Bool,
        Value::Int(_) => Kind::Int,
        Value::Decimal(_) => Kind::Decimal,
        Value::Text(_) => Kind::Text,
        Value::Date(_) => Kind::Date,
        Value::Time(_) => Kind::Time,
        Value::DateTime(_) => Kind::DateTime,
        Value::List(_) => Kind::List,
        Value::Json(_) => Kind::Json,
    }
}
