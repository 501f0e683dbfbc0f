//! The records of the app, in SQLite: one table for each kind, one row for each record with its JSON in `_doc`, and every declared
//! field as a column that is read from it, so that `SELECT name, status FROM projects` shows what the app holds.
//! May not know HTTP. Read [`Database`].

use std::fmt::Write as _;
use std::path::Path;

use jiff::Timestamp;
use rusqlite::types::{Value as Sql, ValueRef};
use rusqlite::{Connection, OptionalExtension as _, params, params_from_iter};
use serde_json::{Map, Value as Json};

use super::description::{Description, FieldType, Resource};

/// A record.
pub type Record = Map<String, Json>;

type Result<T> = std::result::Result<T, rusqlite::Error>;

/// What a list asks for.
#[derive(Debug, Default)]
pub(super) struct Question {
    /// Fields with the value that they must have.
    pub(super) equal: Vec<(String, String)>,
    /// Fields in which small letters and capitals are the same.
    pub(super) any_case: Vec<String>,
    /// Changed at this time or later.
    pub(super) since: Option<Timestamp>,
    /// Only records behind this number.
    pub(super) behind: u64,
    pub(super) skip: usize,
    pub(super) limit: usize,
}

/// The tables.
#[derive(Debug)]
pub(super) struct Database {
    connection: Connection,
    /// The number given last; all kinds share the numbers.
    number: u64,
}

impl Database {
    /// Opens a file, or a database that is only in memory, and makes its tables.
    pub(super) fn open(path: Option<&Path>, description: &Description) -> Result<Self> {
        let connection = match path {
            Some(path) => Connection::open(path)?,
            None => Connection::open_in_memory()?,
        };
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;")?;
        let mut number = 0;
        for (name, resource) in &description.resources {
            connection.execute_batch(&table(name, resource))?;
            let sql = format!("SELECT coalesce(max(_number), 0) FROM {}", quoted(name));
            number = number.max(connection.query_row(&sql, [], numbered)?);
        }
        Ok(Self { connection, number })
    }

    /// Stores a new record; answers its number.
    pub(super) fn store(&mut self, name: &str, resource: &Resource, mut given: Record) -> Result<u64> {
        self.number += 1;
        let number = self.number;
        let id = if resource.text_ids { Json::from(format!("r{number}")) } else { Json::from(number) };
        given.remove("id");
        let mut record = Record::from_iter([("id".to_owned(), id)]);
        for field in resource.fields.keys().filter(|field| *field != "id") {
            record.insert(field.clone(), given.remove(field).unwrap_or(Json::Null));
        }
        record.append(&mut given);
        let stamp = stamp(resource, &mut record);
        let sql = format!("INSERT INTO {} (_number, _stamp, _doc) VALUES (?, ?, ?)", quoted(name));
        let doc = Json::Object(record).to_string();
        self.connection.prepare_cached(&sql)?.execute(params![whole(number), stamp, doc])?;
        Ok(number)
    }

    /// Changes fields of a record; `None` if it is not there.
    pub(super) fn change(
        &mut self,
        name: &str,
        resource: &Resource,
        number: u64,
        changes: Record,
    ) -> Result<Option<Record>> {
        let Some(mut record) = self.get(name, number)? else { return Ok(None) };
        record.extend(changes);
        let stamp = stamp(resource, &mut record);
        let sql = format!("UPDATE {} SET _stamp = ?, _doc = ? WHERE _number = ?", quoted(name));
        let doc = Json::Object(record.clone()).to_string();
        self.connection.prepare_cached(&sql)?.execute(params![stamp, doc, whole(number)])?;
        Ok(Some(record))
    }

    /// Deletes a record, or marks it where deleted ones stay; the record as it was last, `None` if there was nothing to delete.
    pub(super) fn remove(&mut self, name: &str, resource: &Resource, number: u64) -> Result<Option<Record>> {
        let Some(record) = self.get(name, number)? else { return Ok(None) };
        if let Some(mark) = &resource.deleted {
            if record.get(mark) == Some(&Json::from(true)) {
                return Ok(None);
            }
            let changes = Record::from_iter([(mark.clone(), Json::from(true))]);
            return self.change(name, resource, number, changes);
        }
        let sql = format!("DELETE FROM {} WHERE _number = ?", quoted(name));
        self.connection.prepare_cached(&sql)?.execute([whole(number)])?;
        Ok(Some(record))
    }

    /// One record.
    pub(super) fn get(&self, name: &str, number: u64) -> Result<Option<Record>> {
        let sql = format!("SELECT _doc FROM {} WHERE _number = ?", quoted(name));
        let doc = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
        let text = self.connection.prepare_cached(&sql)?.query_row([whole(number)], doc).optional()?;
        Ok(text.map(|text| parsed(&text)))
    }

    /// Records in the order of their numbers, with them.
    pub(super) fn list(&self, name: &str, question: &Question) -> Result<Vec<(u64, Record)>> {
        let mut sql = format!("SELECT _number, _doc FROM {} WHERE _number > ?", quoted(name));
        let mut values = vec![whole(question.behind)];
        for (field, wanted) in &question.equal {
            let folded = if question.any_case.contains(field) { " COLLATE NOCASE" } else { "" };
            let _ = write!(sql, " AND {} = ?{folded}", said(field));
            values.push(Sql::from(wanted.clone()));
        }
        if let Some(since) = question.since {
            sql.push_str(" AND _stamp >= ?");
            values.push(Sql::from(since.as_microsecond()));
        }
        sql.push_str(" ORDER BY _number LIMIT ? OFFSET ?");
        values.extend([whole(question.limit as u64), whole(question.skip as u64)]);
        let mut statement = self.connection.prepare_cached(&sql)?;
        let record = |row: &rusqlite::Row<'_>| Ok((numbered(row)?, parsed(&row.get::<_, String>(1)?)));
        statement.query_map(params_from_iter(values), record)?.collect()
    }

    /// The field among these of which another record has the same value.
    pub(super) fn taken<'a>(
        &self,
        name: &str,
        resource: &'a Resource,
        record: &Record,
        own: Option<u64>,
    ) -> Result<Option<&'a str>> {
        for field in &resource.unique {
            let Some(value) = record.get(field).filter(|value| !value.is_null()) else { continue };
            let question =
                Question { equal: vec![(field.clone(), shown(value))], limit: 2, ..Question::default() };
            if self.list(name, &question)?.iter().any(|(number, _)| Some(*number) != own) {
                return Ok(Some(field));
            }
        }
        Ok(None)
    }

    /// Rows of any query, by column.
    pub(super) fn query(&self, sql: &str) -> Result<Vec<Record>> {
        let mut statement = self.connection.prepare(sql)?;
        let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let record = |row: &rusqlite::Row<'_>| {
            let cells = names.iter().enumerate();
            cells.map(|(at, name)| Ok((name.clone(), cell(row.get_ref(at)?)))).collect()
        };
        statement.query_map([], record)?.collect()
    }
}

/// A value as a query says it.
pub(super) fn shown(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The number in the first column.
fn numbered(row: &rusqlite::Row<'_>) -> Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(0)?).unwrap_or_default())
}

fn whole(number: u64) -> Sql {
    Sql::from(i64::try_from(number).unwrap_or(i64::MAX))
}

fn parsed(text: &str) -> Record {
    serde_json::from_str(text).unwrap_or_default()
}

fn cell(value: ValueRef<'_>) -> Json {
    match value {
        ValueRef::Null | ValueRef::Blob(_) => Json::Null,
        ValueRef::Integer(number) => Json::from(number),
        ValueRef::Real(number) => Json::from(number),
        ValueRef::Text(text) => Json::from(String::from_utf8_lossy(text)),
    }
}

/// Puts the change time into a record; answers it.
fn stamp(resource: &Resource, record: &mut Record) -> i64 {
    let now = Timestamp::now();
    if let Some(field) = &resource.updated {
        record.insert(field.clone(), Json::from(format!("{now:.6}")));
    }
    now.as_microsecond()
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn path(field: &str) -> String {
    format!("'$.\"{}\"'", field.replace(['\'', '"'], ""))
}

/// The value of a field as text, as indexes have it.
fn said(field: &str) -> String {
    format!("CAST(_doc ->> {} AS TEXT)", path(field))
}

fn table(name: &str, resource: &Resource) -> String {
    let mut sql = format!(
        "CREATE TABLE IF NOT EXISTS {} (_number INTEGER PRIMARY KEY, _stamp INTEGER NOT NULL, _doc TEXT NOT NULL, \
         id AS (_doc ->> '$.id')",
        quoted(name)
    );
    for (field, kind) in resource.fields.iter().filter(|(field, _)| *field != "id") {
        let path = path(field);
        // A decimal in JSON has all its digits; SQL would make a binary number of it.
        let value = match kind.r#type {
            FieldType::Decimal => format!("nullif(_doc -> {path}, 'null')"),
            _ => format!("_doc ->> {path}"),
        };
        let _ = write!(sql, ", {} AS ({value})", quoted(field));
    }
    sql.push_str(");\n");
    let asked = resource.finds.values().chain(&resource.unique).chain(&resource.parent);
    for field in asked.map(String::as_str).collect::<std::collections::BTreeSet<_>>() {
        let index = quoted(&format!("{name} by {field}"));
        let _ = writeln!(sql, "CREATE INDEX IF NOT EXISTS {index} ON {} ({});", quoted(name), said(field));
    }
    let index = quoted(&format!("{name} by time"));
    let _ = writeln!(sql, "CREATE INDEX IF NOT EXISTS {index} ON {} (_stamp);", quoted(name));
    sql
}
