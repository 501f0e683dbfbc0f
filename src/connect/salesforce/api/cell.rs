//! Values onto the wire: as JSON for REST, as text for the CSV of Bulk. Both lanes write the same thing (sections 3.4, 8.3).

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Time;
use rust_decimal::Decimal;
use serde_json::{Number, Value as Json};

use crate::model::{Text, Value};

/// What clears a field in a CSV. A text that reads like this cannot go by Bulk.
pub const NOTHING: &str = "#N/A";
/// Longest text of one cell.
pub const MAX_CELL: usize = 131_072;

/// A value as JSON. `Absent` has no form: callers leave it out.
pub fn json(value: &Value) -> Json {
    match value {
        Value::Absent | Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(value) => Json::Number((*value).into()),
        Value::Decimal(value) => number(*value),
        other => Json::String(text(other).into_owned()),
    }
}

/// Exact: the digits are written as they are, no binary float is made of them.
fn number(value: Decimal) -> Json {
    let digits = value.normalize().to_string();
    Number::from_str(&digits).map_or(Json::String(digits), Json::Number)
}

/// A value as a cell: empty for `Absent`, `#N/A` for `Null`.
pub fn cell(value: &Value) -> std::borrow::Cow<'_, str> {
    match value {
        Value::Absent => "".into(),
        Value::Null => NOTHING.into(),
        other => text(other),
    }
}

/// Whether Bulk can carry a value as it is.
pub fn fits_bulk(value: &Value) -> bool {
    match value {
        Value::Json(_) => false,
        Value::Text(text) => text.as_str() != NOTHING && text.len() <= MAX_CELL,
        _ => true,
    }
}

fn text(value: &Value) -> std::borrow::Cow<'_, str> {
    match value {
        Value::Absent | Value::Null => "".into(),
        Value::Text(text) => text.as_str().into(),
        Value::Decimal(number) => number.normalize().to_string().into(),
        Value::DateTime(stamp) => date_time(*stamp).into(),
        Value::Time(time) => time_of_day(*time).into(),
        Value::List(items) => {
            let items: Vec<Text> = items.iter().map(|item| Text::new(text(item))).collect();
            items.join(";").into()
        }
        Value::Bool(_) | Value::Int(_) | Value::Date(_) | Value::Json(_) => value.to_string().into(),
    }
}

fn date_time(stamp: Timestamp) -> String {
    stamp.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

fn time_of_day(time: Time) -> String {
    format!("{:02}:{:02}:{:02}.{:03}Z", time.hour(), time.minute(), time.second(), time.millisecond())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::super::convert::from_text;
    use super::*;
    use crate::model::{Kind, same_value};

    fn values() -> Vec<(Value, Kind, &'static str, &'static str)> {
        vec![
            (Value::Null, Kind::Text, "null", "#N/A"),
            (Value::Bool(true), Kind::Bool, "true", "true"),
            (Value::Int(-7), Kind::Int, "-7", "-7"),
            (
                Value::Decimal("12345678901234567.8900".parse().unwrap()),
                Kind::Decimal,
                "12345678901234567.89",
                "12345678901234567.89",
            ),
            (Value::text("a \"b\" ü"), Kind::Text, "\"a \\\"b\\\" ü\"", "a \"b\" ü"),
            (Value::Date("2026-03-01".parse().unwrap()), Kind::Date, "\"2026-03-01\"", "2026-03-01"),
            (Value::Time("09:30:00.5".parse().unwrap()), Kind::Time, "\"09:30:00.500Z\"", "09:30:00.500Z"),
            (
                Value::DateTime("2026-03-01T09:30:00Z".parse().unwrap()),
                Kind::DateTime,
                "\"2026-03-01T09:30:00.000Z\"",
                "2026-03-01T09:30:00.000Z",
            ),
            (Value::List(vec!["a".into(), "b c".into()].into()), Kind::List, "\"a;b c\"", "a;b c"),
        ]
    }

    #[test]
    fn both_lanes_write_the_same() {
        for (value, kind, rest, bulk) in values() {
            assert_eq!(json(&value).to_string(), rest);
            assert_eq!(cell(&value), bulk);
            if value != Value::Null {
                assert!(same_value(&from_text(bulk, kind), &value), "{bulk}");
            }
        }
        assert_eq!(cell(&Value::Absent), "");
    }

    #[test]
    fn what_bulk_cannot_carry() {
        assert!(!fits_bulk(&Value::text("#N/A")));
        assert!(!fits_bulk(&Value::text("x".repeat(MAX_CELL + 1))));
        assert!(!fits_bulk(&Value::Json(Arc::new(serde_json::json!({})))));
        assert!(fits_bulk(&Value::text("N/A")) && fits_bulk(&Value::Null));
    }

    proptest! {
        #[test]
        fn numbers_come_back_exactly(units in any::<i64>(), scale in 0u32..18) {
            let value = Value::Decimal(Decimal::new(units, scale).normalize());
            prop_assert_eq!(&from_text(&cell(&value), Kind::Decimal), &value);
            prop_assert_eq!(&from_text(&json(&value).to_string(), Kind::Decimal), &value);
        }
    }
}
