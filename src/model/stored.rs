//! What a side makes of a value when it stores it, so that a value is compared and written in the form in which it will be read back.
//! Whoever compares a value of one side with what the other holds brings it into this form first, or both never become equal.

use rust_decimal::{Decimal, RoundingStrategy};

use super::{ColumnInfo, FieldInfo, Kind, Text, Value};

/// The form of one field. Small: made once when a plan is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredForm {
    kind: Kind,
    scale: Option<u32>,
}

impl StoredForm {
    /// The form of a field that describe told of.
    pub fn of(field: &FieldInfo) -> Self {
        let scale = match field.kind {
            Kind::Decimal => Some(field.scale),
            Kind::Int => Some(0),
            _ => None,
        };
        Self { kind: field.kind, scale }
    }

    /// The form of a column of a database, where it changes what it is given: numbers lose the decimals that it has no room for.
    pub fn of_column(column: &ColumnInfo) -> Option<Self> {
        let native = column.native.to_ascii_lowercase();
        let inside = native.strip_prefix("numeric(")?.strip_suffix(')')?;
        let scale = inside.split_once(',').map_or("0", |(_, scale)| scale).trim().parse().ok()?;
        Some(Self { kind: Kind::Decimal, scale: Some(scale) })
    }

    /// The value as it will be stored: text is trimmed and empty text is nothing, numbers have the decimals of the field, date-times
    /// whole seconds, and a checkbox is never empty. `Absent` stays absent.
    #[must_use]
    pub fn apply(&self, value: &Value) -> Value {
        match value {
            Value::Null if self.kind == Kind::Bool => Value::Bool(false),
            Value::Text(text) => trimmed(text).map_or_else(|| self.apply(&Value::Null), Value::Text),
            Value::Decimal(number) => self.rounded(*number),
            Value::DateTime(stamp) => {
                Value::DateTime(jiff::Timestamp::from_second(stamp.as_second()).unwrap_or(*stamp))
            }
            Value::List(items) => {
                let items: Vec<Value> =
                    items.iter().map(|item| self.apply(item)).filter(|item| !item.is_blank()).collect();
                if items.is_empty() { Value::Null } else { Value::List(items.into()) }
            }
            other => other.clone(),
        }
    }

    fn rounded(&self, number: Decimal) -> Value {
        let number = match self.scale {
            Some(scale) => number.round_dp_with_strategy(scale, RoundingStrategy::MidpointAwayFromZero),
            None => number,
        };
        let number = number.normalize();
        match i64::try_from(number) {
            Ok(whole) if self.kind == Kind::Int => Value::Int(whole),
            _ => Value::Decimal(if number.is_zero() { Decimal::ZERO } else { number }),
        }
    }
}

fn trimmed(text: &Text) -> Option<Text> {
    let short = text.trim();
    match short.len() {
        0 => None,
        same if same == text.len() => Some(text.clone()),
        _ => Some(Text::new(short)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn form(kind: Kind, scale: Option<u32>) -> StoredForm {
        StoredForm { kind, scale }
    }

    fn decimal(text: &str) -> Value {
        Value::Decimal(text.parse().unwrap())
    }

    #[test]
    fn what_salesforce_makes_of_values() {
        let money = form(Kind::Decimal, Some(2));
        for (form, written, stored) in [
            (form(Kind::Text, None), " Acme \n".into(), Value::from("Acme")),
            (form(Kind::Text, None), "  ".into(), Value::Null),
            (form(Kind::Text, None), Value::Absent, Value::Absent),
            (money, decimal("10.005"), decimal("10.01")),
            (money, decimal("-10.005"), decimal("-10.01")),
            (money, decimal("10.00"), decimal("10")),
            (money, decimal("-0.001"), decimal("0")),
            (form(Kind::Int, Some(0)), decimal("7.5"), Value::Int(8)),
            (form(Kind::Bool, None), Value::Null, Value::Bool(false)),
            (form(Kind::Bool, None), Value::Absent, Value::Absent),
            (
                form(Kind::DateTime, None),
                Value::DateTime("2026-03-01T12:00:00.750Z".parse().unwrap()),
                Value::DateTime("2026-03-01T12:00:00Z".parse().unwrap()),
            ),
            (
                form(Kind::List, None),
                Value::List(vec![" a ".into(), "".into()].into()),
                Value::List(vec!["a".into()].into()),
            ),
            (form(Kind::List, None), Value::List(vec![" ".into()].into()), Value::Null),
        ] {
            assert_eq!(form.apply(&written), stored, "{written}");
        }
    }

    proptest! {
        #[test]
        fn storing_twice_changes_nothing(text in "[ a\n]{0,6}", units in -100_000i64..100_000, scale in 0u32..6, kept in 0u32..4) {
            for value in [Value::text(&text), Value::Decimal(Decimal::new(units, scale))] {
                for form in [form(Kind::Text, None), form(Kind::Decimal, Some(kept)), form(Kind::Int, Some(0))] {
                    let once = form.apply(&value);
                    prop_assert_eq!(form.apply(&once), once);
                }
            }
        }
    }
}
