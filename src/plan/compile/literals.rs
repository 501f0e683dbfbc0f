//! Values that a file writes, brought to the kind of the field they are for.

use jiff::tz::TimeZone;

use super::unit::{Out, Unit};
use crate::diag::{Diagnostic, Span};
use crate::model::{Kind, Side, Value};
use crate::spec::Literal;

/// A literal as a value of a field. `None` if it cannot be one.
pub(super) fn value_for(literal: &Literal, kind: Kind, timezone: &TimeZone) -> Option<Value> {
    if let Some(value) = literal.of_kind(kind) {
        return Some(value);
    }
    match kind {
        // A day where an instant is wanted is its midnight, as for records (language, 3.7).
        Kind::DateTime => {
            let day: jiff::civil::Date = literal.text()?.parse().ok()?;
            Some(Value::DateTime(day.to_zoned(timezone.clone()).ok()?.timestamp()))
        }
        // `62.0` is no text here.
        Kind::Int => {
            let number: rust_decimal::Decimal = literal.text()?.parse().ok()?;
            if number.fract().is_zero() { i64::try_from(number).ok().map(Value::Int) } else { None }
        }
        Kind::Text | Kind::Id => match &literal.value {
            Value::List(items) => Some(joined(items)),
            _ => None,
        },
        _ => None,
    }
}

/// Salesforce writes several values of a picklist with semicolons.
fn joined(items: &[Value]) -> Value {
    let texts: Vec<String> = items.iter().map(ToString::to_string).collect();
    Value::from(texts.join(";"))
}

/// A literal for a field of a side; one that does not fit is reported and taken by its looks.
pub(super) fn literal_for(
    unit: &Unit<'_>,
    side: Side,
    path: &str,
    (literal, span): (&Literal, Span),
    out: &mut Out,
) -> Value {
    let kind = unit.kind_of(side, path);
    value_for(literal, kind, &unit.world.timezone).unwrap_or_else(|| {
        out.push(does_not_fit(path, kind, literal, span));
        literal.value.clone()
    })
}

fn does_not_fit(path: &str, kind: Kind, literal: &Literal, span: Span) -> Diagnostic {
    let written = literal.text().map_or_else(|| literal.value.to_string(), str::to_owned);
    let title = format!("`{written}` does not fit `{path}`: it is no {}", kind.name());
    Diagnostic::error("E316", title, span, format!("not {}", article(kind))).help(example(kind))
}

/// `a date`, `an integer`, `text`.
pub(super) fn article(kind: Kind) -> &'static str {
    match kind {
        Kind::Id => "an id",
        Kind::Text => "text",
        Kind::Bool => "a boolean",
        Kind::Int => "an integer",
        Kind::Decimal => "a decimal",
        Kind::Date => "a date",
        Kind::Time => "a time",
        Kind::DateTime => "a date-time",
        Kind::List => "a list",
        Kind::Json => "an object",
        Kind::Any => "anything",
    }
}

fn example(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "true or false",
        Kind::Int => "a whole number such as 25",
        Kind::Decimal => "a number such as 12.50",
        Kind::Date => "a date such as 2026-03-01",
        Kind::Time => "a time such as 08:30:00",
        Kind::DateTime => "an instant such as 2026-03-01T10:00:00Z",
        Kind::List => "a list such as [red, blue]",
        _ => "another value",
    }
}
