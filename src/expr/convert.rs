//! The conversions a row makes without being asked (language, 3.7). Everything else is an error and needs an expression.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::model::{Kind, Value};

/// A value that does not fit its field. The message never contains the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    /// Another kind of value than the field takes.
    #[error("the field takes {}, the value is {found}", article(.wanted.name()))]
    Kind {
        /// What the value is: `text`, `integer`, …
        found: &'static str,
        /// What the field takes.
        wanted: Kind,
    },
    /// A decimal for an integer field.
    #[error("the field takes whole numbers, the value has a fraction")]
    Fraction,
    /// Text of an untyped source that does not read as what the field takes.
    #[error("the field takes {}, and the text is none", article(.0.name()))]
    Unreadable(Kind),
    /// A number or date beyond what the field can hold.
    #[error("the value is out of range")]
    Range,
}

/// Whether values of one kind may go into a field of another, for E303 when a plan is made. Single values may still
/// fail, see [`convert`].
pub fn convertible(from: Kind, to: Kind) -> bool {
    use Kind::{Any, Date, DateTime, Decimal, Id, Int, Json, List, Text};
    from == to
        || matches!(
            (from, to),
            (Any, _)
                | (_, Any)
                | (Id, Text)
                | (Int, Decimal)
                | (Decimal, Int)
                | (Date, DateTime)
                | (DateTime, Date)
                | (List, Text | Json)
                | (Text, Id | List)
        )
}

/// Whether a value of a declared kind goes into a field as it is.
#[inline]
pub fn fits(value: &Value, to: Kind) -> bool {
    matches!(
        (value, to),
        (_, Kind::Any)
            | (Value::Null | Value::Absent, _)
            | (Value::Text(_), Kind::Id | Kind::Text)
            | (Value::Bool(_), Kind::Bool)
            | (Value::Int(_), Kind::Int)
            | (Value::Decimal(_), Kind::Decimal)
            | (Value::Date(_), Kind::Date)
            | (Value::Time(_), Kind::Time)
            | (Value::DateTime(_), Kind::DateTime)
            | (Value::List(_), Kind::List | Kind::Json)
            | (Value::Json(_), Kind::Json)
    )
}

/// Brings a value to the kind of its field. `from` is the declared kind of the source: what nobody declared
/// (`Kind::Any`) is read from text where the field needs it. Nothing stays nothing.
pub fn convert(value: Value, from: Kind, to: Kind, timezone: &TimeZone) -> Result<Value, ConvertError> {
    if let (Kind::Any, Value::Text(text)) = (from, &value) {
        return read(text, to, timezone);
    }
    if fits(&value, to) {
        return Ok(value);
    }
    match (value, to) {
        (Value::Int(number), Kind::Decimal) => Ok(Value::Decimal(number.into())),
        (Value::Decimal(number), Kind::Int) => whole(number),
        (Value::Date(date), Kind::DateTime) => midnight(date, timezone).map(Value::DateTime),
        (Value::DateTime(stamp), Kind::Date) => Ok(Value::Date(stamp.to_zoned(timezone.clone()).date())),
        (Value::List(items), Kind::Text) => multi_picklist_text(&items),
        (Value::Text(text), Kind::List) => Ok(multi_picklist_list(&text)),
        (value, wanted) => Err(ConvertError::Kind { found: value.kind_name(), wanted }),
    }
}

/// The start of a day. Where the clock jumps over midnight, the first instant of that day.
pub fn midnight(date: Date, timezone: &TimeZone) -> Result<Timestamp, ConvertError> {
    date.to_zoned(timezone.clone()).map(|zoned| zoned.timestamp()).map_err(|_| ConvertError::Range)
}

fn whole(number: Decimal) -> Result<Value, ConvertError> {
    if !number.fract().is_zero() {
        return Err(ConvertError::Fraction);
    }
    number.to_i64().map(Value::Int).ok_or(ConvertError::Range)
}

/// Salesforce writes multi-picklists with semicolons.
fn multi_picklist_text(items: &[Value]) -> Result<Value, ConvertError> {
    let mut text = String::new();
    for item in items.iter().filter(|item| !item.is_null()) {
        let Value::Text(item) = item else {
            return Err(ConvertError::Kind { found: "a list of other values than text", wanted: Kind::Text });
        };
        if !text.is_empty() {
            text.push(';');
        }
        text.push_str(item);
    }
    Ok(if text.is_empty() { Value::Null } else { text.into() })
}

fn multi_picklist_list(text: &str) -> Value {
    Value::List(text.split(';').map(str::trim).filter(|item| !item.is_empty()).map(Value::from).collect())
}

fn read(text: &str, to: Kind, timezone: &TimeZone) -> Result<Value, ConvertError> {
    let trimmed = text.trim();
    if trimmed.is_empty() && !matches!(to, Kind::Any | Kind::Text) {
        return Ok(Value::Null);
    }
    let value = match to {
        Kind::Any | Kind::Text | Kind::Id => return Ok(Value::from(text)),
        Kind::List => return Ok(multi_picklist_list(text)),
        Kind::Bool => trimmed.parse().ok().map(Value::Bool),
        Kind::Int => return read_decimal(trimmed).ok_or(ConvertError::Unreadable(to)).and_then(whole),
        Kind::Decimal => read_decimal(trimmed).map(Value::Decimal),
        Kind::Date => read_date(trimmed, timezone).map(Value::Date),
        Kind::Time => Time::from_str(trimmed.trim_end_matches('Z')).ok().map(Value::Time),
        Kind::DateTime => read_datetime(trimmed, timezone).map(Value::DateTime),
        Kind::Json => serde_json::from_str(trimmed).ok().map(|json| Value::from_json(&json)),
    };
    value.ok_or(ConvertError::Unreadable(to))
}

/// A number as JSON or CSV write it.
pub fn read_decimal(text: &str) -> Option<Decimal> {
    Decimal::from_str(text).or_else(|_| Decimal::from_scientific(text)).ok()
}

/// `2026-03-01`, or the day of a date-time in the time zone. A date-time with an offset other than zero keeps the day
/// that is written in it.
pub fn read_date(text: &str, timezone: &TimeZone) -> Option<Date> {
    if text.len() == 10 {
        return Date::from_str(text).ok();
    }
    if let Some(zoned) = read_with_offset(text) {
        return Some(zoned.date());
    }
    read_datetime(text, timezone).map(|stamp| stamp.to_zoned(timezone.clone()).date())
}

/// RFC 3339 and Salesforce's `+0000`; without an offset in the time zone; a date is its midnight.
pub fn read_datetime(text: &str, timezone: &TimeZone) -> Option<Timestamp> {
    if let Ok(stamp) = Timestamp::from_str(text) {
        return Some(stamp);
    }
    let civil = DateTime::from_str(text).ok()?;
    civil.to_zoned(timezone.clone()).ok().map(|zoned| zoned.timestamp())
}

/// A date-time whose text says its own offset, other than UTC: `to_timezone` writes such text.
pub fn read_with_offset(text: &str) -> Option<jiff::Zoned> {
    let pieces = jiff::fmt::temporal::Pieces::parse(text).ok()?;
    let offset = pieces.to_numeric_offset()?;
    if offset.is_zero() || text.ends_with(['Z', 'z']) {
        return None;
    }
    let stamp = Timestamp::from_str(text).ok()?;
    Some(stamp.to_zoned(TimeZone::fixed(offset)))
}

fn article(word: &str) -> String {
    match word {
        "text" => word.to_owned(),
        "integer" | "object" | "id" => format!("an {word}"),
        word => format!("a {word}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn helsinki() -> TimeZone {
        TimeZone::get("Europe/Helsinki").unwrap()
    }

    fn decimal(text: &str) -> Value {
        Value::Decimal(text.parse().unwrap())
    }

    fn list(items: &[&str]) -> Value {
        Value::List(items.iter().map(|item| Value::from(*item)).collect())
    }

    #[test]
    fn every_conversion_that_needs_no_asking() {
        use Kind::{Any, Bool, Date, DateTime, Decimal, Id, Int, List, Text};
        let date = Value::Date("2026-03-01".parse().unwrap());
        let stamp = Value::DateTime("2026-02-28T22:00:00Z".parse().unwrap());
        for (value, from, to, result) in [
            (Value::Int(62), Int, Decimal, Value::Decimal(62.into())),
            (decimal("62.0"), Decimal, Int, Value::Int(62)),
            ("006A".into(), Id, Text, "006A".into()),
            (date.clone(), Date, DateTime, stamp.clone()),
            (stamp.clone(), DateTime, Date, date.clone()),
            ("a; b;".into(), Text, List, list(&["a", "b"])),
            (list(&["a", "b"]), List, Text, "a;b".into()),
            (Value::Null, Int, Decimal, Value::Null),
            (Value::Absent, Int, Decimal, Value::Absent),
            ("2026-03-01".into(), Any, Date, date.clone()),
            ("2026-02-28T22:00:00.000+0000".into(), Any, Date, date.clone()),
            ("2026-03-01T05:00:00+09:00".into(), Any, Date, date),
            ("2026-02-28T22:00:00Z".into(), Any, DateTime, stamp),
            ("12.50".into(), Any, Decimal, decimal("12.50")),
            ("12".into(), Any, Int, Value::Int(12)),
            ("true".into(), Any, Bool, Value::Bool(true)),
            (" ".into(), Any, Int, Value::Null),
        ] {
            assert!(convertible(from, to), "{from:?} {to:?}");
            assert_eq!(convert(value.clone(), from, to, &helsinki()), Ok(result), "{value:?} to {to:?}");
        }
    }

    #[test]
    fn everything_else_is_an_error_without_the_value() {
        for (value, from, to, message) in [
            (Value::Int(7), Kind::Int, Kind::Text, "the field takes text, the value is integer"),
            (
                decimal("7.5"),
                Kind::Decimal,
                Kind::Int,
                "the field takes whole numbers, the value has a fraction",
            ),
            ("secret".into(), Kind::Text, Kind::Int, "the field takes an integer, the value is text"),
            ("secret".into(), Kind::Any, Kind::Date, "the field takes a date, and the text is none"),
            (decimal("100000000000000000000"), Kind::Decimal, Kind::Int, "the value is out of range"),
            (Value::Bool(true), Kind::Bool, Kind::Text, "the field takes text, the value is boolean"),
        ] {
            let error = convert(value, from, to, &TimeZone::UTC).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn what_the_plan_refuses() {
        for (from, to) in [
            (Kind::Int, Kind::Text),
            (Kind::Text, Kind::Int),
            (Kind::Bool, Kind::Text),
            (Kind::Date, Kind::Text),
        ] {
            assert!(!convertible(from, to), "{from:?} {to:?}");
        }
    }
}
