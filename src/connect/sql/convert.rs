//! Values between the model and what databases keep, as far as both databases share it: text forms, JSON, and reading a
//! stored value as the kind a pipeline asks for. Pure.

use std::fmt::Write as _;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use crate::model::{Key, Kind, Value};

/// Why a value cannot go into a column. The text never has the value itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    /// Text with a NUL character.
    Nul,
    /// More digits than the column keeps.
    Digits,
    /// Another kind than the column holds.
    Kind,
    /// A number or a date outside of the range of the column.
    Range,
    /// Text of which the database would make a number: `007` becomes 7.
    Numeral,
}

/// Appends the text form of a value: ISO dates in UTC, exact decimals, lists joined by `;` as Salesforce writes them.
pub(super) fn write_text(value: &Value, out: &mut String) {
    match value {
        Value::Absent | Value::Null => {}
        Value::List(items) => {
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(';');
                }
                write_text(item, out);
            }
        }
        other => _ = write!(out, "{other}"),
    }
}

/// Appends a value as JSON.
pub(super) fn write_json(value: &Value, out: &mut String) {
    match value {
        Value::Absent | Value::Null => out.push_str("null"),
        Value::Bool(_) | Value::Int(_) | Value::Decimal(_) | Value::Json(_) => _ = write!(out, "{value}"),
        Value::Text(text) => json_string(text, out),
        Value::Date(_) | Value::Time(_) | Value::DateTime(_) => _ = write!(out, "\"{value}\""),
        Value::List(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_json(item, out);
            }
            out.push(']');
        }
    }
}

/// Whether there is a NUL character anywhere in a value: no database keeps it.
pub(super) fn has_nul(value: &Value) -> bool {
    match value {
        Value::Text(text) => text.as_bytes().contains(&0),
        Value::List(items) => items.iter().any(has_nul),
        Value::Json(json) => json_has_nul(json),
        _ => false,
    }
}

fn json_has_nul(json: &serde_json::Value) -> bool {
    match json {
        serde_json::Value::String(text) => text.contains('\0'),
        serde_json::Value::Array(items) => items.iter().any(json_has_nul),
        serde_json::Value::Object(fields) => {
            fields.iter().any(|(key, value)| key.contains('\0') || json_has_nul(value))
        }
        _ => false,
    }
}

fn json_string(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

/// A JSON value as a value: numbers exact, text as text, arrays as lists, objects as they are.
pub(super) fn from_json(json: serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Bool(value),
        serde_json::Value::Number(number) => number_from(&number.to_string()),
        serde_json::Value::String(text) => Value::from(text),
        serde_json::Value::Array(items) => Value::List(items.into_iter().map(from_json).collect()),
        object @ serde_json::Value::Object(_) => Value::Json(Arc::new(object)),
    }
}

/// A number from its text: whole, else exact decimal, else the text.
fn number_from(text: &str) -> Value {
    if let Ok(whole) = text.parse() {
        return Value::Int(whole);
    }
    decimal(text).map_or_else(|| Value::text(text), Value::Decimal)
}

/// An exact decimal from its text, with or without an exponent. `None` where it has more than 28 digits.
pub(super) fn decimal(text: &str) -> Option<Decimal> {
    Decimal::from_str_exact(text).or_else(|_| Decimal::from_scientific(text)).ok()
}

/// The decimal that a binary float stands for: the shortest that reads back as the same float.
pub(super) fn decimal_of_float(float: f64) -> Value {
    let text = format!("{float}");
    decimal(&text).map_or_else(|| Value::text(text), |value| Value::Decimal(value.normalize()))
}

/// A stored value as the kind a pipeline asks for; unchanged where it is no value of that kind.
pub(super) fn to_kind(value: Value, kind: Kind) -> Value {
    match (kind, &value) {
        (Kind::Bool, Value::Int(number @ (0 | 1))) => Value::Bool(*number == 1),
        (Kind::Decimal, Value::Int(number)) => Value::Decimal(Decimal::from(*number)),
        (Kind::Int, Value::Decimal(number)) => whole(*number).map_or(value, Value::Int),
        (Kind::Text | Kind::Id, Value::Int(_) | Value::Decimal(_) | Value::Bool(_)) => {
            Value::text(value.to_string())
        }
        (Kind::DateTime, Value::Date(date)) => midnight(*date).map_or(value, Value::DateTime),
        (kind, Value::Text(text)) => text_to_kind(text, kind).unwrap_or(value),
        _ => value,
    }
}

fn text_to_kind(text: &str, kind: Kind) -> Option<Value> {
    match kind {
        Kind::Bool => boolean(text).map(Value::Bool),
        Kind::Int => text.trim().parse().ok().map(Value::Int),
        Kind::Decimal => decimal(text.trim()).map(Value::Decimal),
        Kind::Date => date(text).map(Value::Date),
        Kind::Time => time(text).map(Value::Time),
        Kind::DateTime => timestamp(text).map(Value::DateTime),
        Kind::List => Some(list(text)),
        Kind::Json => serde_json::from_str(text).ok().map(from_json),
        Kind::Id | Kind::Text | Kind::Any => None,
    }
}

fn list(text: &str) -> Value {
    if text.starts_with('[')
        && let Ok(json @ serde_json::Value::Array(_)) = serde_json::from_str(text)
    {
        return from_json(json);
    }
    Value::List(text.split(';').filter(|item| !item.is_empty()).map(Value::text).collect())
}

/// The whole number that a decimal is, if it is one.
pub(super) fn whole(number: Decimal) -> Option<i64> {
    let whole = number.normalize();
    if whole.scale() == 0 { i64::try_from(whole.mantissa()).ok() } else { None }
}

/// A boolean from the ways databases write one.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "t" | "1" => Some(true),
        "false" | "f" | "0" => Some(false),
        _ => None,
    }
}

/// A calendar date from ISO text.
pub(super) fn date(text: &str) -> Option<Date> {
    text.trim().parse().ok()
}

/// A time of day from ISO text; a zone is ignored, as Salesforce's `Z` on times means nothing.
pub(super) fn time(text: &str) -> Option<Time> {
    text.trim().trim_end_matches('Z').parse().ok()
}

/// An instant from ISO text; without a zone it is UTC.
pub(super) fn timestamp(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    text.parse().ok().or_else(|| {
        let civil: DateTime = text.parse().ok()?;
        civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    })
}

/// The first instant of a day in UTC.
pub(super) fn midnight(date: Date) -> Option<Timestamp> {
    date.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// The form in which text is compared when records are matched.
pub(super) fn fold(text: &str) -> String {
    text.trim().to_lowercase()
}

/// What a value of a match query is compared as: ids in 18 characters, text folded, all else as it is written.
pub(super) fn match_form(value: &Value, kind: Kind, folded: bool) -> String {
    match value {
        Value::Text(text) if kind == Kind::Id => Key::salesforce(text.trim()).to_string(),
        Value::Text(text) if folded => fold(text),
        Value::Decimal(number) => number.normalize().to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_give_their_decimal_back() {
        for text in ["0.1", "12345678.91", "1e-7", "999999999999.99", "-0.5", "0"] {
            let float: f64 = text.parse().unwrap();
            let exact = decimal(text).unwrap();
            assert_eq!(decimal_of_float(float), Value::Decimal(exact), "{text}");
        }
    }

    #[test]
    fn json_both_ways_is_exact() {
        let value = Value::List(
            vec![
                Value::Int(3),
                Value::Decimal(decimal("0.10").unwrap()),
                Value::text("a\"b\nc"),
                Value::Null,
                Value::Bool(true),
            ]
            .into(),
        );
        let mut text = String::new();
        write_json(&value, &mut text);
        assert_eq!(text, r#"[3,0.10,"a\"b\nc",null,true]"#);
        assert_eq!(from_json(serde_json::from_str(&text).unwrap()), value);
    }

    #[test]
    fn stored_text_is_read_as_the_kind_that_is_asked_for() {
        let read = |text: &str, kind| to_kind(Value::text(text), kind).to_string();
        assert_eq!(read("2026-03-01 14:02:11", Kind::DateTime), "2026-03-01T14:02:11Z");
        assert_eq!(read("2026-03-01T14:02:11+02:00", Kind::DateTime), "2026-03-01T12:02:11Z");
        assert_eq!(read("a;b", Kind::List), "[a, b]");
        assert_eq!(read("10:00:00.000Z", Kind::Time), "10:00:00");
        assert_eq!(to_kind(Value::text("x"), Kind::Int), Value::text("x"));
        assert_eq!(to_kind(Value::Int(1), Kind::Bool), Value::Bool(true));
    }
}
