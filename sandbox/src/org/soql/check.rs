//! Tests of single values, compiled from the comparisons of WHERE.
//! May not know paths or rows. Read [`Check`] first.

use std::collections::HashSet;

use super::ast::Operator;
use super::like::Pattern;
use crate::org::ids::Id;
use crate::org::store::Store;
use crate::org::value::{RowRef, Value, compare_numbers, equals_folded, fold};

/// What a value must satisfy. Null satisfies only [`Check::Null`] and what is inverted around a check.
#[derive(Debug, Clone)]
pub(crate) enum Check {
    Null,
    Bool(bool),
    Number(Operator, i64, u8),
    /// Days or seconds in `[from, to)`, or before or behind it.
    Range {
        operator: Operator,
        from: i64,
        to: i64,
    },
    Text(Operator, String),
    TextIn(HashSet<String>),
    Numbers(Vec<(i64, u8)>),
    Ranges(Vec<(i64, i64)>),
    Like(Pattern),
    Rows(HashSet<u64>),
    IdOrder(Operator, Id),
    /// One of the groups must be among the values in full.
    Includes(Vec<Vec<String>>),
    Any(Vec<Check>),
    Never,
}

impl Check {
    pub(crate) fn accepts(&self, value: &Value<'_>, store: &Store) -> bool {
        match (self, value) {
            (Self::Null, value) => value.is_null(),
            (Self::Bool(wanted), Value::Bool(value)) => wanted == value,
            (Self::Number(operator, m, s), Value::Number(mantissa, scale)) => {
                operator.holds(compare_numbers((*mantissa, *scale), (*m, *s)))
            }
            (Self::Numbers(all), Value::Number(mantissa, scale)) => {
                all.iter().any(|wanted| compare_numbers((*mantissa, *scale), *wanted).is_eq())
            }
            (Self::Range { operator, from, to }, Value::Date(days)) => {
                in_range(*operator, i64::from(*days), *from, *to)
            }
            (Self::Range { operator, from, to }, Value::Stamp(seconds)) => {
                in_range(*operator, *seconds, *from, *to)
            }
            (Self::Ranges(all), Value::Date(days)) => within(all, i64::from(*days)),
            (Self::Ranges(all), Value::Stamp(seconds)) => within(all, *seconds),
            (Self::Text(operator, wanted), Value::Text(text)) => match operator {
                Operator::Equal => equals_folded(text, wanted),
                operator => operator.holds(fold(text).as_ref().cmp(wanted)),
            },
            (Self::TextIn(wanted), Value::Text(text)) => wanted.contains(fold(text).as_ref()),
            (Self::Like(pattern), Value::Text(text)) => pattern.matches(text),
            (Self::Rows(rows), Value::Reference(at)) => rows.contains(&at.pack()),
            (Self::IdOrder(operator, id), Value::Reference(at)) => operator.holds(store.id_of(*at).cmp(id)),
            (Self::Includes(groups), Value::Text(text)) => includes(groups, text),
            (Self::Any(checks), value) => checks.iter().any(|check| check.accepts(value, store)),
            _ => false,
        }
    }
}

impl Operator {
    /// Whether the operator holds for this order of value and literal.
    pub(crate) fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal | Self::Like => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

fn in_range(operator: Operator, value: i64, from: i64, to: i64) -> bool {
    match operator {
        Operator::Equal | Operator::Like => from <= value && value < to,
        Operator::NotEqual => value < from || value >= to,
        Operator::Less => value < from,
        Operator::LessOrEqual => value < to,
        Operator::Greater => value >= to,
        Operator::GreaterOrEqual => value >= from,
    }
}

fn within(ranges: &[(i64, i64)], value: i64) -> bool {
    ranges.iter().any(|(from, to)| *from <= value && value < *to)
}

fn includes(groups: &[Vec<String>], text: &str) -> bool {
    let has = |wanted: &String| text.split(';').any(|value| equals_folded(value, wanted));
    groups.iter().any(|group| group.iter().all(has))
}

/// Rows as a set for [`Check::Rows`].
pub(crate) fn row_set(rows: impl IntoIterator<Item = RowRef>) -> HashSet<u64> {
    rows.into_iter().map(RowRef::pack).collect()
}
