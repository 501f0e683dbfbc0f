//! A value written in a file: constants, filters, value maps, records of tests.

use std::sync::Arc;

use rust_decimal::Decimal;

use crate::model::{Kind, Value};
use crate::spec::Scalar;

/// A value as written. What it is depends on where it goes: `007` is text for a text field and 7 for a number.
#[derive(Clone, Debug, PartialEq)]
pub struct Literal {
    /// The value by its looks: `true`, `null`, whole numbers and decimals without quotes are what they look like,
    /// everything else is text; lists and maps are `List` and `Json`.
    pub value: Value,
    /// The text, where it is a single value.
    pub scalar: Option<Scalar>,
}

impl Literal {
    /// The value by the looks of a text. Numbers that would not be written back the same way (`007`, `62.0`, `1e3`) are text.
    pub(crate) fn of_scalar(scalar: &Scalar) -> Self {
        let text = &*scalar.text;
        let value = match text {
            _ if scalar.style.is_quoted() => Value::text(text),
            "" | "null" | "~" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => number(text).unwrap_or_else(|| Value::text(text)),
        };
        Self { value, scalar: Some(scalar.clone()) }
    }

    /// A list or a mapping.
    pub(crate) fn of_value(value: Value) -> Self {
        Self { value, scalar: None }
    }

    /// The text as written, for single values.
    pub fn text(&self) -> Option<&str> {
        self.scalar.as_ref().map(|scalar| &*scalar.text)
    }

    /// Whether it is `null` (without quotes) or nothing.
    pub fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    /// The value for a field of this kind; `None` if the text cannot be one. `Any` takes it by its looks.
    pub fn of_kind(&self, kind: Kind) -> Option<Value> {
        let Some(scalar) = &self.scalar else {
            return self.composite(kind);
        };
        if self.is_null() {
            return Some(Value::Null);
        }
        let text = &*scalar.text;
        match kind {
            Kind::Id | Kind::Text => Some(Value::text(text)),
            Kind::Bool => match text {
                "true" => Some(Value::Bool(true)),
                "false" => Some(Value::Bool(false)),
                _ => None,
            },
            Kind::Int => text.parse().ok().map(Value::Int),
            Kind::Decimal => text.parse().ok().map(Value::Decimal),
            Kind::Date => text.parse().ok().map(Value::Date),
            Kind::Time => text.parse().ok().map(Value::Time),
            Kind::DateTime => text.parse().ok().map(Value::DateTime),
            Kind::List => Some(Value::List(Arc::from([self.value.clone()]))),
            Kind::Json | Kind::Any => Some(self.value.clone()),
        }
    }

    fn composite(&self, kind: Kind) -> Option<Value> {
        match (kind, &self.value) {
            (Kind::Any | Kind::Json, _) | (Kind::List, Value::List(_)) => Some(self.value.clone()),
            _ => None,
        }
    }
}

/// A number whose text is its only way to be written.
fn number(text: &str) -> Option<Value> {
    if let Ok(whole) = text.parse::<i64>() {
        return (whole.to_string() == text).then_some(Value::Int(whole));
    }
    let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-'));
    let decimal: Decimal = text.parse().ok().filter(|_| plain)?;
    (decimal.normalize().to_string() == text).then_some(Value::Decimal(decimal))
}
