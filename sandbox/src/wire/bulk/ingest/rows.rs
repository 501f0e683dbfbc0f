//! Rows of the uploaded file as writes: columns, empty cells, `#N/A`, parents by external id (section 8.3).
//! Writes nothing. Read [`Columns`] first.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::csv;
use super::job::{IngestJob, Operation, Table};
use crate::org::{Action, ApiError, Org, Write};

/// The header may have so many characters.
const LONGEST_HEADER: usize = 32_000;
/// Characters of one cell, and of one record.
const LONGEST_CELL: usize = 131_072;
const LONGEST_RECORD: usize = 400_000;
/// The cell that clears a field.
const NULL: &str = "#N/A";

/// Reads the file; `Err` is the `errorMessage` of the failed job.
pub(super) fn table(org: &Org, job: &IngestJob, body: bytes::Bytes) -> Result<Table, String> {
    let order = &job.order;
    let mut rows = csv::records(&body, order.style.crlf).map_err(|_| {
        format!(
            "InvalidBatch : LineEnding is invalid on user data. Current LineEnding setting is {}",
            order.line_ending
        )
    })?;
    if rows.is_empty() {
        return Err("InvalidBatch : The batch has no header".to_owned());
    }
    let first = rows.remove(0);
    if first.len() > LONGEST_HEADER {
        return Err(format!("InvalidBatch : The header has more than {LONGEST_HEADER} characters"));
    }
    let header = csv::cells(&body[first], order.style.delimiter);
    let header = header.map_err(|reason| format!("InvalidBatch : Invalid header, {reason}"))?;
    check_header(org, job, &header)?;
    Ok(Table { body, header: Arc::from(header), rows })
}

fn check_header(org: &Org, job: &IngestJob, header: &[String]) -> Result<(), String> {
    let not_found = |name: &str| format!("InvalidBatch : Field name not found : {name}");
    let has = |name: &str| header.iter().any(|column| column.eq_ignore_ascii_case(name));
    let deletes = matches!(job.order.operation, Operation::Delete | Operation::HardDelete);
    for name in header {
        let known =
            if deletes { name.eq_ignore_ascii_case("Id") } else { org.takes_column(&job.order.object, name) };
        if !known {
            return Err(not_found(name));
        }
    }
    let needed = match (job.order.operation, &job.order.external_id) {
        (Operation::Insert, _) => None,
        (Operation::Upsert, Some(field)) => Some(field.as_str()),
        _ => Some("Id"),
    };
    match needed.filter(|name| !has(name)) {
        Some(name) => Err(not_found(name)),
        None => Ok(()),
    }
}

/// The write of a row, or why there is none.
pub(super) fn write(job: &IngestJob, table: &Table, row: usize) -> Result<Write, ApiError> {
    let invalid = |reason: String| ApiError::dml("INVALID_FIELD", reason, &[]);
    let record = &table.body[table.rows[row].clone()];
    if record.len() > LONGEST_RECORD {
        return Err(invalid(format!("the record has more than {LONGEST_RECORD} characters")));
    }
    let cells = csv::cells(record, job.order.style.delimiter).map_err(invalid)?;
    if cells.len() != table.header.len() {
        let message =
            format!("the row has {} values, the header has {} columns", cells.len(), table.header.len());
        return Err(invalid(message));
    }
    let mut fields = Map::new();
    for (name, cell) in table.header.iter().zip(&cells) {
        if cell.len() > LONGEST_CELL {
            let message = format!("{name}: data value too large (max length={LONGEST_CELL})");
            return Err(ApiError::dml("STRING_TOO_LONG", message, &[name]));
        }
        if !cell.is_empty() {
            add(&mut fields, name, cell);
        }
    }
    Ok(Write { object: job.order.object.clone(), action: action(job, &mut fields), fields })
}

fn add(fields: &mut Map<String, Value>, name: &str, cell: &str) {
    let value = if cell == NULL { Value::Null } else { cell.into() };
    let Some((path, field)) = name.split_once('.') else {
        fields.insert(name.to_owned(), value);
        return;
    };
    let (kind, relationship) = path.split_once(':').map_or((None, path), |(kind, path)| (Some(kind), path));
    let parent = match (value, kind) {
        (Value::Null, _) => Value::Null,
        (value, None) => json!({ field: value }),
        (value, Some(kind)) => json!({ "attributes": { "type": kind }, field: value }),
    };
    fields.insert(relationship.to_owned(), parent);
}

fn action(job: &IngestJob, fields: &mut Map<String, Value>) -> Action {
    if let (Operation::Upsert, Some(key)) = (job.order.operation, &job.order.external_id) {
        return Action::Upsert(key.clone());
    }
    if job.order.operation == Operation::Insert {
        return Action::Insert;
    }
    let key = fields.keys().find(|name| name.eq_ignore_ascii_case("Id")).cloned();
    let id = key.and_then(|key| fields.shift_remove(&key));
    let id = id.and_then(|id| id.as_str().map(|id| id.trim().to_owned())).unwrap_or_default();
    match job.order.operation {
        Operation::Delete => Action::Delete(id),
        Operation::HardDelete => Action::HardDelete(id),
        _ => Action::Update(id),
    }
}
