//! SQL text of `include` and `exclude` for databases. Text is compared trimmed and without case, as everywhere; empty text
//! counts as nothing.

use super::app::AppKind;
use super::selection::{Choice, Choices};
use super::unit::Unit;
use crate::model::{Kind, Side, Value};

/// Both lists as one condition; `None` for all records.
pub(super) fn filters(unit: &Unit<'_>, choices: &Choices<'_>) -> Option<String> {
    let include =
        any(choices.include.iter().map(|map| all(map.iter().map(|choice| comparison(unit, choice)))));
    let exclude = choices.exclude.iter().map(|map| {
        // What compares to NULL is unknown in SQL; only what surely fits is excluded.
        format!("NOT coalesce({}, false)", wrapped(&all(map.iter().map(|choice| comparison(unit, choice)))))
    });
    let text = all(Some(include).filter(|text| !text.is_empty()).into_iter().chain(exclude));
    (!text.is_empty()).then_some(text)
}

/// Conditions of which all hold, each in parentheses.
pub(super) fn all(conditions: impl IntoIterator<Item = String>) -> String {
    joined(conditions, " AND ")
}

fn any(conditions: impl IntoIterator<Item = String>) -> String {
    joined(conditions, " OR ")
}

fn joined(conditions: impl IntoIterator<Item = String>, word: &str) -> String {
    let mut conditions: Vec<String> = conditions.into_iter().filter(|text| !text.is_empty()).collect();
    match conditions.len() {
        0 | 1 => conditions.pop().unwrap_or_default(),
        _ => conditions.iter().map(|text| wrapped(text)).collect::<Vec<_>>().join(word),
    }
}

fn wrapped(text: &str) -> String {
    format!("({text})")
}

fn comparison(unit: &Unit<'_>, choice: &Choice<'_>) -> String {
    let path = choice.condition.field.value.as_str();
    let kind = unit.kind_of(Side::App, path);
    let column = column(unit.app.kind, path);
    let is_text = choice.values.iter().any(|value| matches!(value, Value::Text(_)));
    let subject = if is_text { format!("lower(trim({}))", as_text(&column)) } else { column.clone() };
    let texts: Vec<String> = choice.values.iter().filter(|value| !value.is_null()).map(literal).collect();
    let values = match texts.as_slice() {
        [] => None,
        [one] => Some(format!("{subject} = {one}")),
        _ => Some(format!("{subject} IN ({})", texts.join(", "))),
    };
    let null = choice.values.iter().any(Value::is_null).then(|| empty(&column, kind));
    any(values.into_iter().chain(null))
}

fn empty(column: &str, kind: Kind) -> String {
    match kind {
        Kind::Text | Kind::Id => format!("{column} IS NULL OR trim({column}) = ''"),
        _ => format!("{column} IS NULL"),
    }
}

fn as_text(column: &str) -> String {
    format!("CAST({column} AS text)")
}

/// A column, or a key inside a JSON column.
pub(super) fn column(kind: Option<AppKind>, path: &str) -> String {
    match (path.split_once('.'), kind) {
        (Some((column, key)), Some(AppKind::Sqlite)) => {
            format!(
                "json_extract({}, {})",
                identifier(column),
                quoted(&format!("$.\"{}\"", key.replace('"', "")))
            )
        }
        (Some((column, key)), _) => format!("({} ->> {})", identifier(column), quoted(key)),
        (None, _) => identifier(path),
    }
}

fn literal(value: &Value) -> String {
    match value {
        Value::Bool(_) | Value::Int(_) | Value::Decimal(_) => value.to_string(),
        Value::Text(text) => quoted(&text.trim().to_lowercase()),
        value => quoted(&value.to_string()),
    }
}

/// A name in double quotes, as both dialects take it.
fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
