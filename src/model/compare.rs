//! When two values are the same, for the whole product: match, merge, fingerprints.
//!
//! The rules are those of what Salesforce stores, so that a value that was written and read back is the same value:
//! empty text is nothing, ends are trimmed, line ends are one kind, ids have 15 or 18 characters, `62.0` is `62`,
//! date-times have seconds, and a list is a set. Both functions go through one canonical form, so they cannot disagree.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Time};
use rust_decimal::Decimal;
use serde_json::Value as Json;
use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed};

use super::{Fingerprint, SalesforceId, Value};

/// Whether two values are the same. Normal forms (`as:`) are applied before, see `expr::normal`.
pub fn same_value(left: &Value, right: &Value) -> bool {
    canonical(left) == canonical(right)
}

/// A keyed hash: values that are the same have the same fingerprint. Never [`Fingerprint::UNKNOWN`]. The seed is the
/// secret of a state; without it the values cannot be guessed from what is stored.
pub fn fingerprint(value: &Value, seed: u64) -> Fingerprint {
    Fingerprint(hash(&canonical(value), seed).max(1))
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Canonical<'a> {
    Nothing,
    Bool(bool),
    Number(Decimal),
    Text(Cow<'a, str>),
    Id(SalesforceId),
    Date(Date),
    Time(Time),
    Second(i64),
    Set(BTreeSet<Canonical<'a>>),
    Array(Vec<Canonical<'a>>),
    Object(BTreeMap<&'a str, Canonical<'a>>),
}

fn canonical(value: &Value) -> Canonical<'_> {
    match value {
        Value::Absent | Value::Null => Canonical::Nothing,
        Value::Bool(value) => Canonical::Bool(*value),
        Value::Int(value) => Canonical::Number(Decimal::from(*value)),
        Value::Decimal(value) => number(*value),
        Value::Text(text) => canonical_text(text),
        Value::Date(date) => Canonical::Date(*date),
        Value::Time(time) => Canonical::Time(*time),
        Value::DateTime(stamp) => Canonical::Second(stamp.as_second()),
        Value::List(items) => set(items.iter().map(canonical)),
        Value::Json(json) => match &**json {
            Json::Array(items) => set(items.iter().map(canonical_json)),
            other => canonical_json(other),
        },
    }
}

fn number(value: Decimal) -> Canonical<'static> {
    Canonical::Number(if value.is_zero() { Decimal::ZERO } else { value.normalize() })
}

fn canonical_text(text: &str) -> Canonical<'_> {
    let text = text.trim();
    if text.is_empty() {
        return Canonical::Nothing;
    }
    if let Some(id) = SalesforceId::parse(text) {
        return Canonical::Id(id);
    }
    if text.contains("\r\n") {
        return Canonical::Text(Cow::Owned(text.replace("\r\n", "\n")));
    }
    Canonical::Text(Cow::Borrowed(text))
}

/// A set without its empty members; a set of nothing is nothing, as an empty multi-picklist is.
fn set<'a>(items: impl Iterator<Item = Canonical<'a>>) -> Canonical<'a> {
    let items: BTreeSet<_> = items.filter(|item| *item != Canonical::Nothing).collect();
    if items.is_empty() { Canonical::Nothing } else { Canonical::Set(items) }
}

fn canonical_json(json: &Json) -> Canonical<'_> {
    match json {
        Json::String(text) => canonical_text(text),
        Json::Array(items) => Canonical::Array(items.iter().map(canonical_json).collect()),
        Json::Object(fields) => Canonical::Object(
            fields.iter().map(|(name, value)| (name.as_str(), canonical_json(value))).collect(),
        ),
        scalar => match Value::from_json(scalar) {
            Value::Bool(value) => Canonical::Bool(value),
            Value::Int(value) => Canonical::Number(Decimal::from(value)),
            Value::Decimal(value) => number(value),
            Value::Text(text) => Canonical::Text(Cow::Owned(text.to_string())),
            _ => Canonical::Nothing,
        },
    }
}

/// The seed is moved by the kind, so that a text never has the fingerprint of a number with the same bytes.
fn hash(value: &Canonical<'_>, seed: u64) -> u64 {
    let of = |kind: u64, bytes: &[u8]| xxh3_64_with_seed(bytes, seed.wrapping_add(kind));
    match value {
        Canonical::Nothing => of(0, b""),
        Canonical::Bool(value) => of(1, &[u8::from(*value)]),
        Canonical::Number(value) => of(2, &value.serialize()),
        Canonical::Text(text) => of(3, text.as_bytes()),
        Canonical::Id(id) => of(4, id.as_str().as_bytes()),
        Canonical::Date(date) => of(5, date.to_string().as_bytes()),
        Canonical::Time(time) => of(6, time.to_string().as_bytes()),
        Canonical::Second(second) => of(7, &second.to_le_bytes()),
        Canonical::Set(items) => fold(8, items.iter().map(|item| hash(item, seed)), seed),
        Canonical::Array(items) => fold(9, items.iter().map(|item| hash(item, seed)), seed),
        Canonical::Object(fields) => {
            let parts = fields.iter().flat_map(|(name, value)| [of(3, name.as_bytes()), hash(value, seed)]);
            fold(10, parts, seed)
        }
    }
}

fn fold(kind: u64, parts: impl Iterator<Item = u64>, seed: u64) -> u64 {
    let mut state = Xxh3::with_seed(seed.wrapping_add(kind));
    for part in parts {
        state.update(&part.to_le_bytes());
    }
    state.digest()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    fn list(items: &[&str]) -> Value {
        Value::List(items.iter().map(|item| Value::from(*item)).collect())
    }

    fn json(text: &str) -> Value {
        Value::Json(Arc::new(serde_json::from_str(text).unwrap()))
    }

    fn stamp(text: &str) -> Value {
        Value::DateTime(text.parse().unwrap())
    }

    fn decimal(text: &str) -> Value {
        Value::Decimal(text.parse().unwrap())
    }

    fn same() -> Vec<(Value, Value)> {
        vec![
            (Value::Null, Value::Absent),
            (Value::Null, "".into()),
            (Value::Null, "  \n ".into()),
            (" Acme ".into(), "Acme".into()),
            ("a\r\nb".into(), "a\nb".into()),
            (decimal("62.0"), Value::Int(62)),
            (decimal("-0.00"), Value::Int(0)),
            (decimal("1.50"), decimal("1.5")),
            ("001M000000qfPyS".into(), "001M000000qfPySIAU".into()),
            (stamp("2026-03-01T12:00:00.750Z"), stamp("2026-03-01T12:00:00Z")),
            (list(&["b", "a", "b"]), list(&["a", "b"])),
            (list(&[]), Value::Null),
            (list(&["", "a"]), list(&["a"])),
            (json(r#"{"b": 1.0, "a": [1, 2]}"#), json(r#"{"a": [1, 2], "b": 1}"#)),
            (json(r#"["a", "b"]"#), list(&["b", "a"])),
        ]
    }

    #[test]
    fn what_is_the_same() {
        for (left, right) in same() {
            assert!(same_value(&left, &right), "{left:?} {right:?}");
            assert_eq!(fingerprint(&left, 7), fingerprint(&right, 7), "{left:?} {right:?}");
            assert_ne!(fingerprint(&left, 7), fingerprint(&left, 8), "the seed counts");
        }
    }

    #[test]
    fn what_differs() {
        for (left, right) in [
            ("Acme".into(), Value::from("acme")),
            ("62".into(), Value::Int(62)),
            (Value::Bool(false), Value::Null),
            (Value::Int(0), Value::Null),
            (stamp("2026-03-01T12:00:00Z"), stamp("2026-03-01T12:00:01Z")),
            (list(&["a"]), list(&["a", "b"])),
            ("001M000000qfPyS".into(), "001M000000qfPys".into()),
            (json(r#"{"a": [1, 2]}"#), json(r#"{"a": [2, 1]}"#)),
        ] {
            assert!(!same_value(&left, &right), "{left:?} {right:?}");
            assert_ne!(fingerprint(&left, 7), fingerprint(&right, 7), "{left:?} {right:?}");
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            Just(Value::Absent),
            any::<bool>().prop_map(Value::Bool),
            (-20i64..20).prop_map(Value::Int),
            (-20i64..20, 0u32..4).prop_map(|(units, scale)| Value::Decimal(Decimal::new(units, scale))),
            "[ ab\r\n]{0,4}".prop_map(Value::from),
            "[A-Za-z0-9]{15}".prop_map(Value::from),
            (0i64..3_000).prop_map(|ms| Value::DateTime(jiff::Timestamp::from_millisecond(ms).unwrap())),
        ];
        leaf.prop_recursive(2, 8, 3, |item| {
            proptest::collection::vec(item, 0..3).prop_map(|items| Value::List(items.into()))
        })
    }

    proptest! {
        #[test]
        fn the_same_values_have_the_same_fingerprint(a in any_value(), b in any_value(), seed in any::<u64>()) {
            prop_assert!(same_value(&a, &a));
            prop_assert_eq!(same_value(&a, &b), same_value(&b, &a));
            prop_assert_eq!(same_value(&a, &b), fingerprint(&a, seed) == fingerprint(&b, seed));
        }
    }
}
