//! Tables as they are and as they must be, and what differs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};

use super::org_rows::plain;

/// Values by column.
pub type Row = BTreeMap<String, Json>;

/// A whole table: rows by what identifies them for people, mostly the Salesforce id.
pub type Table = BTreeMap<String, Row>;

/// Makes a row of an expectation.
pub fn row(columns: impl IntoIterator<Item = (&'static str, Json)>) -> Row {
    columns.into_iter().map(|(name, value)| (name.to_owned(), plain(value))).collect()
}

/// Every row of a SQLite table, by the value of `key`. A second row with the same key is an error of its own.
pub fn sqlite(database: &rusqlite::Connection, table: &str, key: &str, found: &mut Vec<String>) -> Table {
    let mut rows = Vec::new();
    let mut statement = match database.prepare(&format!("SELECT * FROM {table}")) {
        Ok(statement) => statement,
        Err(error) if error.to_string().contains("no such table") => return Table::new(),
        Err(error) => panic!("{table}: {error}"),
    };
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut cursor = statement.query([]).expect("the table is readable");
    while let Some(stored) = cursor.next().expect("a row") {
        let cells = names.iter().enumerate();
        rows.push(
            cells.map(|(at, name)| (name.clone(), cell(stored.get_ref(at).expect("a cell")))).collect(),
        );
    }
    by_key(table, key, rows, found)
}

fn cell(value: rusqlite::types::ValueRef<'_>) -> Json {
    use rusqlite::types::ValueRef;
    match value {
        ValueRef::Null => Json::Null,
        ValueRef::Integer(number) => json!(number),
        ValueRef::Real(number) => plain(json!(number)),
        ValueRef::Text(text) => Json::String(String::from_utf8(text.to_vec()).expect("UTF-8")),
        ValueRef::Blob(_) => json!("a blob"),
    }
}

/// Every row of a PostgreSQL table as the database itself puts it into JSON.
pub async fn postgres(
    client: &tokio_postgres::Client,
    table: &str,
    key: &str,
    found: &mut Vec<String>,
) -> Table {
    let sql = format!("SELECT to_jsonb(t)::text FROM {table} t");
    let stored = client.query(&sql, &[]).await.unwrap_or_else(|error| panic!("{table}: {error:?}"));
    let rows = stored.iter().map(|row| {
        let map: Map<String, Json> = serde_json::from_str(row.get(0)).expect("JSON");
        map.into_iter().map(|(name, value)| (name, plain(value))).collect()
    });
    by_key(table, key, rows.collect(), found)
}

fn by_key(table: &str, key: &str, rows: Vec<Row>, found: &mut Vec<String>) -> Table {
    let mut all = Table::new();
    for row in rows {
        let name = match row.get(key) {
            Some(Json::String(text)) => text.clone(),
            other => format!("{other:?}"),
        };
        if all.insert(name.clone(), row).is_some() {
            found.push(format!("{table}: {key} {name} is there twice"));
        }
    }
    all
}

/// The id that the table gave to a record, as the value of a lookup.
pub fn id_of(table: &Table, key: Option<&str>) -> Json {
    key.and_then(|key| table.get(key)).and_then(|row| row.get("id")).cloned().unwrap_or(Json::Null)
}

/// Appends what differs, row by row and column by column. `id` is the database's own.
pub fn compare(name: &str, expected: &Table, actual: &Table, found: &mut Vec<String>) {
    for (key, row) in expected {
        match actual.get(key) {
            None => found.push(format!("{name} {key}: missing")),
            Some(stored) => columns(name, key, (row, stored), found),
        }
    }
    for key in actual.keys().filter(|key| !expected.contains_key(*key)) {
        found.push(format!("{name} {key}: should not be there"));
    }
}

fn columns(name: &str, key: &str, (expected, stored): (&Row, &Row), found: &mut Vec<String>) {
    for (column, value) in expected {
        let held = stored.get(column).unwrap_or(&Json::Null);
        if held != value {
            found.push(format!("{name} {key} {column}: expected {}, holds {}", short(value), short(held)));
        }
    }
    for column in stored.keys().filter(|column| *column != "id" && !expected.contains_key(*column)) {
        found.push(format!("{name} {key}: nobody expects the column {column}"));
    }
}

fn short(value: &Json) -> String {
    value.to_string().chars().take(80).collect()
}

/// The first differences as one text.
pub fn listed(found: &[String]) -> String {
    let mut text = format!("{} differences", found.len());
    for line in found.iter().take(25) {
        let _ = write!(text, "\n  {line}");
    }
    text
}
