//! Reads of single records from SQLite: by key and by match.

use std::collections::{HashMap, HashSet};

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::bind;
use crate::connect::sql::convert;
use crate::connect::sql::spelled::{self, Search};
use crate::connect::sql::statement::Statements;
use crate::connect::sql::{Dialect, TableSpec};
use crate::connect::{Found, MatchQuery};
use crate::model::{Key, Kind, Row, SalesforceId, Value};

fn statements(spec: &TableSpec) -> Statements<'_> {
    Statements { dialect: Dialect::Sqlite, spec }
}

/// The key of a record from its stored form.
pub(super) fn key(stored: ValueRef<'_>) -> Key {
    Key::app(bind::plain(stored).to_string())
}

/// Which of the keys exist.
pub(super) fn presence(
    connection: &Connection,
    spec: &TableSpec,
    keys: &[Key],
) -> rusqlite::Result<HashSet<Key>> {
    let mut statement = connection.prepare_cached(&statements(spec).presence())?;
    let mut rows = statement.query([json_keys(keys)])?;
    let mut present = HashSet::with_capacity(keys.len());
    while let Some(row) = rows.next()? {
        present.insert(key(row.get_ref(0)?));
    }
    Ok(present)
}

/// A page of keys in the order of the key column.
pub(super) fn keys(
    connection: &Connection,
    spec: &TableSpec,
    after: Option<&Key>,
    limit: usize,
) -> rusqlite::Result<Vec<Key>> {
    let mut statement = connection.prepare_cached(&statements(spec).keys(after.is_some(), limit))?;
    let mut rows = statement.query(rusqlite::params_from_iter(after.map(Key::as_str)))?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        keys.push(key(row.get_ref(0)?));
    }
    Ok(keys)
}

/// The records of these keys.
pub(super) fn fetch(
    connection: &Connection,
    spec: &TableSpec,
    keys: &[Key],
) -> rusqlite::Result<Vec<(Key, Row)>> {
    let mut statement = connection.prepare_cached(&statements(spec).fetch())?;
    let mut rows = statement.query([json_keys(keys)])?;
    let mut records = Vec::with_capacity(keys.len());
    while let Some(row) = rows.next()? {
        records.push((key(row.get_ref(0)?), record(row, spec)?));
    }
    Ok(records)
}

/// The records that match.
pub(super) fn find(
    connection: &Connection,
    spec: &TableSpec,
    query: &MatchQuery,
) -> rusqlite::Result<Vec<Found>> {
    let Some(field) = spec.reads.get(query.field) else { return Ok(Vec::new()) };
    let statements = statements(spec);
    let folded = statements.is_folded(field);
    if spelled::is_needed(query, folded) {
        return find_spelled(connection, spec, query);
    }
    let mut places: HashMap<String, Vec<usize>> = HashMap::with_capacity(query.values.len());
    for (place, value) in query.values.iter().enumerate() {
        places.entry(convert::match_form(value, field.kind, folded)).or_default().push(place);
    }
    let mut statement = connection.prepare_cached(&statements.find(field))?;
    let mut rows = statement.query([json_values(&query.values, field.kind, folded)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let stored = bind::plain(row.get_ref(spec.reads.len() + 1)?);
        let form = convert::match_form(&stored, field.kind, folded);
        for place in places.get(&form).into_iter().flatten() {
            found.push(Found { value: *place, key: key(row.get_ref(0)?), row: record(row, spec)? });
        }
    }
    Ok(found)
}

/// Compares the texts of all records in the normal form of the question.
fn find_spelled(
    connection: &Connection,
    spec: &TableSpec,
    query: &MatchQuery,
) -> rusqlite::Result<Vec<Found>> {
    let Some(field) = spec.reads.get(query.field) else { return Ok(Vec::new()) };
    let mut search = Search::new(query);
    let mut statement = connection.prepare_cached(&statements(spec).spelled(field, false))?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        let stored = bind::plain(row.get_ref(1)?);
        let id = row.get_ref(0)?;
        search.see(|| key(id), &stored);
    }
    Ok(search.found(fetch(connection, spec, &search.keys())?))
}

fn record(row: &rusqlite::Row<'_>, spec: &TableSpec) -> rusqlite::Result<Row> {
    let mut values = Vec::with_capacity(spec.reads.len());
    for (at, column) in spec.reads.iter().enumerate() {
        values.push(bind::read(row.get_ref(at + 1)?, column));
    }
    Ok(Row::from(values))
}

pub(super) fn json_keys(keys: &[Key]) -> String {
    let keys = keys.iter().map(|key| Value::text(key.as_str())).collect();
    let mut json = String::new();
    convert::write_json(&Value::List(keys), &mut json);
    json
}

/// Ids are looked for in both of their lengths.
fn json_values(values: &[Value], kind: Kind, folded: bool) -> String {
    let mut asked = Vec::with_capacity(values.len());
    for value in values {
        match value {
            Value::Text(text) if kind == Kind::Id => {
                if let Some(id) = SalesforceId::parse(text.trim()) {
                    asked.push(Value::text(&id.as_str()[..15]));
                }
                asked.push(Value::text(convert::match_form(value, kind, folded)));
            }
            Value::Text(_) => asked.push(Value::text(convert::match_form(value, kind, folded))),
            Value::Bool(value) => asked.push(Value::Int(i64::from(*value))),
            other => asked.push(other.clone()),
        }
    }
    let mut json = String::new();
    convert::write_json(&Value::List(asked.into()), &mut json);
    json
}
