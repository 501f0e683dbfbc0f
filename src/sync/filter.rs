//! Which records take part: `include`, `exclude` and `filter`, evaluated on a row. `where` is evaluated by the system that
//! is queried and never here.

use crate::expr::{Eval, Inputs};
use crate::model::{PipelineName, Row, Value};
use crate::plan::Selection;

/// Why a record is left out, for `why` and `plan`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// No map of `include` fits; the position is that of the first field that did not fit in the nearest map.
    NotIncluded {
        /// Position of the field in the schema.
        field: usize,
    },
    /// A map of `exclude` fits.
    Excluded {
        /// Position of the first field of that map.
        field: usize,
    },
    /// `filter` is not true.
    Filtered,
    /// `filter` could not be computed; the text names the reason.
    Broken(String),
    /// Another pipeline of the same pair of systems created it (`own_records: skip`).
    MadeBy(PipelineName),
    /// Another pipeline of the resource has a link for it (`links: many_to_one`).
    LinkedBy(PipelineName),
}

/// Whether a record passes. `inputs` are those of the filter expression; its `record` must be `row`.
pub fn passes(selection: &Selection, row: &Row, inputs: &Inputs<'_>) -> Result<(), LeftOut> {
    included(selection, row)?;
    excluded(selection, row)?;
    let Some(filter) = &selection.filter else { return Ok(()) };
    match filter.eval(inputs) {
        Ok(Eval::Value(Value::Bool(true)) | Eval::Keep) => Ok(()),
        Ok(_) => Err(LeftOut::Filtered),
        Err(error) => Err(LeftOut::Broken(error.to_string())),
    }
}

fn included(selection: &Selection, row: &Row) -> Result<(), LeftOut> {
    let mut nearest: Option<(usize, usize)> = None;
    for map in &selection.include {
        match map.iter().position(|(field, values)| !one_of(row.get(*field), values)) {
            None => return Ok(()),
            Some(at) if nearest.is_none_or(|(best, _)| at > best) => nearest = Some((at, map[at].0)),
            Some(_) => {}
        }
    }
    nearest.map_or(Ok(()), |(_, field)| Err(LeftOut::NotIncluded { field }))
}

fn excluded(selection: &Selection, row: &Row) -> Result<(), LeftOut> {
    for map in &selection.exclude {
        if let Some((field, _)) = map.first()
            && map.iter().all(|(field, values)| one_of(row.get(*field), values))
        {
            return Err(LeftOut::Excluded { field: *field });
        }
    }
    Ok(())
}

fn one_of(value: &Value, choices: &[Value]) -> bool {
    choices.iter().any(|choice| match choice {
        Value::Null => value.is_blank(),
        choice => same_choice(value, choice),
    })
}

/// Text of the file against a value: without case and outer spaces, as Salesforce compares; a multi-picklist fits if one of its values does.
fn same_choice(value: &Value, choice: &Value) -> bool {
    match (value, choice) {
        (Value::List(items), choice) => items.iter().any(|item| same_choice(item, choice)),
        (Value::Text(value), Value::Text(choice)) => same_text(value, choice),
        (value, Value::Text(choice)) if !value.is_null() => same_text(&value.to_string(), choice),
        (Value::Text(value), choice) => same_text(value, &choice.to_string()),
        (value, choice) => crate::model::same_value(value, choice),
    }
}

fn same_text(left: &str, right: &str) -> bool {
    let (left, right) = (left.trim(), right.trim());
    left.eq_ignore_ascii_case(right) || left.to_lowercase() == right.to_lowercase()
}
