//! SOQL text of `include` and `exclude` (SOQL and SOSL Reference, "Condition Expression Syntax"). `exclude` is written
//! without `NOT`: every comparison has an opposite, and opposites keep the records whose field is empty.

use super::selection::{Choice, Choices};
use super::unit::Unit;
use crate::model::{Kind, Side, Value};

/// Both lists as conditions of which all hold; none for all records.
pub(super) fn filters(unit: &Unit<'_>, choices: &Choices<'_>) -> Vec<String> {
    let is = |map: &Vec<Choice<'_>>| all(map.iter().map(|choice| comparison(unit, choice, Sense::Is)));
    let is_not = |map: &Vec<Choice<'_>>| any(map.iter().map(|choice| comparison(unit, choice, Sense::IsNot)));
    let include = match choices.include.as_slice() {
        // The conditions of a single map stand beside the others without parentheses.
        [only] => only.iter().map(|choice| comparison(unit, choice, Sense::Is)).collect(),
        several => vec![any(several.iter().map(is))],
    };
    include.into_iter().chain(choices.exclude.iter().map(is_not)).filter(|text| !text.is_empty()).collect()
}

/// Conditions of which all hold.
pub(super) fn all(conditions: impl IntoIterator<Item = String>) -> String {
    joined(conditions, " AND ")
}

/// Conditions of which one holds.
pub(super) fn any(conditions: impl IntoIterator<Item = String>) -> String {
    joined(conditions, " OR ")
}

fn joined(conditions: impl IntoIterator<Item = String>, word: &str) -> String {
    let mut conditions: Vec<String> = conditions.into_iter().filter(|text| !text.is_empty()).collect();
    match conditions.len() {
        0 | 1 => conditions.pop().unwrap_or_default(),
        _ => {
            let wrapped: Vec<String> = conditions.iter().map(|text| wrapped(text)).collect();
            wrapped.join(word)
        }
    }
}

/// In parentheses, unless it is a single comparison.
fn wrapped(text: &str) -> String {
    let single = !text.contains(" AND ") && !text.contains(" OR ") && !text.contains("NOT ");
    if single { text.to_owned() } else { format!("({text})") }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sense {
    Is,
    IsNot,
}

/// `StageName IN ('Proposal','Closed Won')` or its opposite.
fn comparison(unit: &Unit<'_>, choice: &Choice<'_>, sense: Sense) -> String {
    let path = choice.condition.field.value.as_str();
    let field = if path == "RecordType" { "RecordType.DeveloperName" } else { path };
    let kind = unit.kind_of(Side::Salesforce, path);
    let with_null = choice.values.iter().any(Value::is_null);
    let mut texts: Vec<String> =
        choice.values.iter().filter(|value| !value.is_null()).map(|value| literal(value, kind)).collect();
    texts.dedup();
    let values = match (texts.as_slice(), kind, sense) {
        ([], ..) => None,
        (_, Kind::List, Sense::Is) => Some(format!("{field} INCLUDES ({})", texts.join(","))),
        (_, Kind::List, Sense::IsNot) => Some(format!("{field} EXCLUDES ({})", texts.join(","))),
        ([one], _, Sense::Is) => Some(format!("{field} = {one}")),
        ([one], _, Sense::IsNot) => Some(format!("{field} != {one}")),
        (_, _, Sense::Is) => Some(format!("{field} IN ({})", texts.join(","))),
        (_, _, Sense::IsNot) => Some(format!("{field} NOT IN ({})", texts.join(","))),
    };
    match sense {
        Sense::Is => any(values.into_iter().chain(with_null.then(|| format!("{field} = null")))),
        Sense::IsNot => all(values.into_iter().chain(with_null.then(|| format!("{field} != null")))),
    }
}

/// A value as SOQL writes it: text, ids and picklists in quotes, everything else without.
fn literal(value: &Value, kind: Kind) -> String {
    match (value, kind) {
        (Value::Text(text), Kind::Any) if is_date(text) => text.to_string(),
        (Value::List(items), _) => items.iter().map(|item| literal(item, kind)).collect::<Vec<_>>().join(","),
        (Value::Bool(_) | Value::Int(_) | Value::Decimal(_) | Value::Date(_) | Value::DateTime(_), kind)
            if !matches!(kind, Kind::Text | Kind::Id) =>
        {
            value.to_string()
        }
        (Value::Time(time), _) => format!("{}Z", time.strftime("%H:%M:%S%.3f")),
        (value, _) => quoted(&value.to_string()),
    }
}

fn is_date(text: &str) -> bool {
    text.parse::<jiff::civil::Date>().is_ok_and(|date| date.to_string() == text)
        || (text.contains('T') && text.parse::<jiff::Timestamp>().is_ok())
}

/// Text in quotes, with the escapes of the SOQL reference ("Quoted String Escape Sequences").
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for c in text.chars() {
        match c {
            '\'' | '\\' => {
                quoted.push('\\');
                quoted.push(c);
            }
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            c => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}
