//! What the operators of expressions mean (language, 5.3), on values. Both evaluators use these and nothing else.

use std::cmp::Ordering;
use std::fmt::Write;
use std::sync::Arc;

use jiff::{Span, Timestamp};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::model::Value;

use super::Context;
use super::convert::{midnight, read_date, read_datetime};
use super::stop::{Outcome, limit, misfit};

/// Longest text an expression may make, in bytes.
pub(crate) const MAX_TEXT: usize = 1 << 20;
/// Most items a list or an object may have.
pub(crate) const MAX_ITEMS: usize = 1_000;

/// The operators with two sides. `&&`, `||` and `??` are not here: they do not always look at their right side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Operator {
    pub(crate) const ALL: [Self; 11] = [
        Self::Add,
        Self::Subtract,
        Self::Multiply,
        Self::Divide,
        Self::Remainder,
        Self::Equal,
        Self::NotEqual,
        Self::Less,
        Self::LessOrEqual,
        Self::Greater,
        Self::GreaterOrEqual,
    ];

    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    pub(crate) fn of(symbol: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operator| operator.symbol() == symbol)
    }
}

/// Applies an operator. The context is asked for the time zone where a date meets a date-time.
pub(crate) fn apply(
    operator: Operator,
    left: &Value,
    right: &Value,
    context: &dyn Context,
) -> Outcome<Value> {
    let holds = |wanted: fn(Ordering) -> bool| {
        order(left, right, context).map(|found| Value::Bool(found.is_some_and(wanted)))
    };
    match operator {
        Operator::Add => add(left, right, context),
        Operator::Subtract => subtract(left, right, context),
        Operator::Multiply => arithmetic("*", left, right, Decimal::checked_mul),
        Operator::Divide => divided("/", left, right, Decimal::checked_div),
        Operator::Remainder => divided("%", left, right, Decimal::checked_rem),
        Operator::Equal => Ok(Value::Bool(equal(left, right, context))),
        Operator::NotEqual => Ok(Value::Bool(!equal(left, right, context))),
        Operator::Less => holds(Ordering::is_lt),
        Operator::LessOrEqual => holds(Ordering::is_le),
        Operator::Greater => holds(Ordering::is_gt),
        Operator::GreaterOrEqual => holds(Ordering::is_ge),
    }
}

/// `-x`
pub(crate) fn negate(value: &Value) -> Outcome<Value> {
    match value {
        Value::Int(whole) => {
            Ok(whole.checked_neg().map_or_else(|| number(-Decimal::from(*whole)), Value::Int))
        }
        Value::Decimal(value) => Ok(Value::Decimal(-*value)),
        other => misfit(arithmetic_misfit("-", other, &Value::Int(0))),
    }
}

/// `!x`
pub(crate) fn not(value: &Value) -> Outcome<Value> {
    condition(value).map(|value| Value::Bool(!value))
}

/// The truth of an `if` condition, of a side of `&&` and `||`, of the answer of a closure.
pub(crate) fn condition(value: &Value) -> Outcome<bool> {
    match value {
        Value::Bool(value) => Ok(*value),
        Value::Null | Value::Absent => {
            misfit("the condition is null: write `?? false` after what may be empty")
        }
        other => misfit(format!("the condition is {}, not true or false", other.kind_name())),
    }
}

/// A number in the shape that is easiest to use: whole numbers as integers.
pub(crate) fn number(value: Decimal) -> Value {
    if (value.scale() == 0 || value.fract().is_zero())
        && let Some(whole) = value.to_i64()
    {
        return Value::Int(whole);
    }
    Value::Decimal(value)
}

/// The number, if it is one.
pub(crate) fn as_decimal(value: &Value) -> Option<Decimal> {
    match value {
        Value::Int(whole) => Some(Decimal::from(*whole)),
        Value::Decimal(value) => Some(*value),
        _ => None,
    }
}

fn add(left: &Value, right: &Value, context: &dyn Context) -> Outcome<Value> {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => match a.checked_add(*b) {
            Some(sum) => Ok(Value::Int(sum)),
            None => arithmetic("+", left, right, Decimal::checked_add),
        },
        (Value::Text(_), _) | (_, Value::Text(_)) => {
            let mut text = String::new();
            append(&mut text, left)?;
            append(&mut text, right)?;
            Ok(text.into())
        }
        (Value::List(a), Value::List(b)) => {
            within_limits(Value::List(a.iter().chain(b.iter()).cloned().collect()))
        }
        (Value::Date(_) | Value::DateTime(_), Value::Int(days)) => move_days(left, *days, context),
        (Value::Int(days), Value::Date(_) | Value::DateTime(_)) => move_days(right, *days, context),
        _ => arithmetic("+", left, right, Decimal::checked_add),
    }
}

fn subtract(left: &Value, right: &Value, context: &dyn Context) -> Outcome<Value> {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => match a.checked_sub(*b) {
            Some(difference) => Ok(Value::Int(difference)),
            None => arithmetic("-", left, right, Decimal::checked_sub),
        },
        (Value::Date(a), Value::Date(b)) => Ok(Value::Int(days_from(*b, *a))),
        (Value::DateTime(a), Value::DateTime(b)) => {
            let seconds = Decimal::from(a.as_second() - b.as_second());
            Ok(number(seconds / Decimal::from(86_400)))
        }
        (Value::Date(_) | Value::DateTime(_), Value::Int(days)) => {
            move_days(left, days.saturating_neg(), context)
        }
        _ => arithmetic("-", left, right, Decimal::checked_sub),
    }
}

/// Whole days from one date to another.
pub(crate) fn days_from(start: jiff::civil::Date, end: jiff::civil::Date) -> i64 {
    (end - start).get_days().into()
}

/// Moves a date by days. A date-time keeps its time of day in the time zone, also over a change of the clocks.
pub(crate) fn move_days(value: &Value, days: i64, context: &dyn Context) -> Outcome<Value> {
    let Ok(span) = Span::new().try_days(days) else { return misfit("the date is out of range") };
    let moved = match value {
        Value::Date(date) => date.checked_add(span).map(Value::Date),
        Value::DateTime(stamp) => {
            let local = stamp.to_zoned(context.timezone().clone());
            local.checked_add(span).map(|moved| Value::DateTime(moved.timestamp()))
        }
        other => return misfit(format!("cannot move {} by days", other.kind_name())),
    };
    moved.or_else(|_| misfit("the date is out of range"))
}

fn divided(
    symbol: &str,
    left: &Value,
    right: &Value,
    apply: fn(Decimal, Decimal) -> Option<Decimal>,
) -> Outcome<Value> {
    if as_decimal(right).is_some_and(|divisor| divisor.is_zero()) && as_decimal(left).is_some() {
        return misfit("division by zero");
    }
    arithmetic(symbol, left, right, apply)
}

fn arithmetic(
    symbol: &str,
    left: &Value,
    right: &Value,
    apply: fn(Decimal, Decimal) -> Option<Decimal>,
) -> Outcome<Value> {
    let (Some(a), Some(b)) = (as_decimal(left), as_decimal(right)) else {
        return misfit(arithmetic_misfit(symbol, left, right));
    };
    match apply(a, b) {
        Some(result) => Ok(number(result)),
        None => misfit("the number has more than 28 digits"),
    }
}

fn arithmetic_misfit(symbol: &str, left: &Value, right: &Value) -> String {
    if left.is_null() || right.is_null() {
        return format!("`{symbol}` cannot calculate with null: write `?? 0` after what may be empty");
    }
    let odd = if as_decimal(left).is_none() { left } else { right };
    format!("`{symbol}` cannot calculate with {}", odd.kind_name())
}

/// Whether two values are equal in an expression. Text is compared exactly; null equals null only.
pub(crate) fn equal(left: &Value, right: &Value, context: &dyn Context) -> bool {
    match (left, right) {
        (Value::Null | Value::Absent, Value::Null | Value::Absent) => true,
        (Value::Text(a), Value::Text(b)) => a == b,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| equal(a, b, context))
        }
        (Value::Json(a), Value::Json(b)) => Arc::ptr_eq(a, b) || a == b,
        _ => matches!(order(left, right, context), Ok(Some(Ordering::Equal))),
    }
}

/// The order of two values; `None` where one is null, so that every comparison is false.
pub(crate) fn order(left: &Value, right: &Value, context: &dyn Context) -> Outcome<Option<Ordering>> {
    let found = match (left, right) {
        (Value::Null | Value::Absent, _) | (_, Value::Null | Value::Absent) => return Ok(None),
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Int(_) | Value::Decimal(_), Value::Int(_) | Value::Decimal(_)) => {
            as_decimal(left).cmp(&as_decimal(right))
        }
        (Value::Text(a), Value::Text(b)) => a.as_str().cmp(b.as_str()),
        (Value::Date(a), Value::Date(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Time(a), Value::Time(b)) => a.cmp(b),
        (Value::DateTime(a), Value::DateTime(b)) => a.cmp(b),
        (Value::Date(_) | Value::DateTime(_), Value::Text(text)) => {
            return order_with_text(left, text, context);
        }
        (Value::Text(text), Value::Date(_) | Value::DateTime(_)) => {
            return order_with_text(right, text, context).map(|order| order.map(Ordering::reverse));
        }
        (Value::Date(_) | Value::DateTime(_), Value::Date(_) | Value::DateTime(_)) => {
            return Ok(instant(left, context).zip(instant(right, context)).map(|(a, b)| a.cmp(&b)));
        }
        _ => return misfit(format!("cannot compare {} with {}", left.kind_name(), right.kind_name())),
    };
    Ok(Some(found))
}

/// A date against text that is written as one.
fn order_with_text(date: &Value, text: &str, context: &dyn Context) -> Outcome<Option<Ordering>> {
    let zone = context.timezone();
    let other = match date {
        Value::Date(_) if text.len() == 10 => read_date(text, zone).map(Value::Date),
        _ => read_datetime(text, zone).map(Value::DateTime),
    };
    match other {
        Some(other) => order(date, &other, context),
        None => misfit(format!("cannot compare {} with text that is no date", date.kind_name())),
    }
}

fn instant(value: &Value, context: &dyn Context) -> Option<Timestamp> {
    match value {
        Value::DateTime(stamp) => Some(*stamp),
        Value::Date(date) => midnight(*date, context.timezone()).ok(),
        _ => None,
    }
}

/// Appends a value as text, null as nothing: `+`, `${…}` and `to_text` write the same.
pub(crate) fn append(text: &mut String, value: &Value) -> Outcome<()> {
    match value {
        Value::Null | Value::Absent => {}
        Value::Text(more) => text.push_str(more),
        Value::Decimal(value) => write_display(text, &value.normalize()),
        Value::List(items) => {
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    text.push(';');
                }
                append(text, item)?;
            }
        }
        other => write_display(text, other),
    }
    if text.len() > MAX_TEXT { limit("a text of more than 1 MiB") } else { Ok(()) }
}

/// Holds a new value against the limits of size.
pub(crate) fn within_limits(value: Value) -> Outcome<Value> {
    match &value {
        Value::Text(text) if text.len() > MAX_TEXT => limit("a text of more than 1 MiB"),
        Value::List(items) if items.len() > MAX_ITEMS => limit("a list of more than 1 000 items"),
        Value::List(items) if items.iter().map(weight).sum::<usize>() > MAX_TEXT => {
            limit("a list with more than 1 MiB of text")
        }
        _ => Ok(value),
    }
}

/// Bytes of text in a value.
pub(crate) fn weight(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::List(items) => items.iter().map(weight).sum(),
        _ => 0,
    }
}

fn write_display(text: &mut String, value: &impl std::fmt::Display) {
    // Writing into a String cannot fail.
    let _ = write!(text, "{value}");
}
