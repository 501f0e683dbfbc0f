//! What SQLite says about its own tables.

use jiff::Timestamp;
use rusqlite::Connection;

use crate::connect::sql::{Dialect, TableName, types};
use crate::model::{ColumnInfo, TableInfo};

/// All tables and views of the main database, sorted.
pub(super) fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY name";
    connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
}

/// A table as it is now; `None` where there is none. Names are compared without case, as SQLite does.
pub(super) fn table(connection: &Connection, name: &TableName) -> rusqlite::Result<Option<TableInfo>> {
    let schema = name.schema.as_deref().unwrap_or("main");
    let mut columns = Vec::new();
    let mut primary: Vec<(i64, String)> = Vec::new();
    let sql =
        "SELECT name, type, \"notnull\", dflt_value IS NOT NULL, pk, hidden FROM pragma_table_xinfo(?1, ?2)";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query((&name.name, schema))?;
    while let Some(row) = rows.next()? {
        let (column, place) = column(row)?;
        if place > 0 {
            primary.push((place, column.name.clone()));
        }
        columns.push(column);
    }
    if columns.is_empty() {
        return Ok(None);
    }
    primary.sort();
    let primary_key: Vec<_> = primary.into_iter().map(|(_, name)| name).collect();
    fill_rowid(&mut columns, &primary_key);
    let unique = unique(connection, &name.name, schema)?;
    Ok(Some(TableInfo { name: name.to_string(), columns, primary_key, unique, read_at: Timestamp::now() }))
}

fn column(row: &rusqlite::Row<'_>) -> rusqlite::Result<(ColumnInfo, i64)> {
    let native: String = row.get(1)?;
    let hidden: i64 = row.get(5)?;
    let info = ColumnInfo {
        name: row.get(0)?,
        kind: types::kind_of(Dialect::Sqlite, &native),
        native,
        nullable: !row.get::<_, bool>(2)?,
        has_default: row.get(3)?,
        // 2 and 3 are generated columns.
        read_only: hidden >= 2,
        one_of: Vec::new(),
    };
    Ok((info, row.get(4)?))
}

/// `INTEGER PRIMARY KEY` is the rowid: SQLite fills it, and it is never null.
fn fill_rowid(columns: &mut [ColumnInfo], primary_key: &[String]) {
    let [key] = primary_key else { return };
    for column in columns.iter_mut().filter(|column| column.name == *key) {
        column.has_default |= column.native.eq_ignore_ascii_case("INTEGER");
    }
}

fn unique(connection: &Connection, table: &str, schema: &str) -> rusqlite::Result<Vec<Vec<String>>> {
    let sql = "SELECT l.name, i.name FROM pragma_index_list(?1, ?2) l, pragma_index_info(l.name, ?2) i \
               WHERE l.\"unique\" AND NOT l.partial AND l.origin <> 'pk' ORDER BY l.seq, i.seqno";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query((table, schema))?;
    let mut sets: Vec<(String, Vec<String>)> = Vec::new();
    while let Some(row) = rows.next()? {
        // An expression has no name; the set then matches nothing.
        let (index, column): (String, Option<String>) = (row.get(0)?, row.get(1)?);
        let column = column.unwrap_or_default();
        match sets.last_mut() {
            Some((name, columns)) if *name == index => columns.push(column),
            _ => sets.push((index, vec![column])),
        }
    }
    Ok(sets.into_iter().map(|(_, columns)| columns).collect())
}

/// Runs DDL in one transaction.
pub(super) fn apply(connection: &mut Connection, statements: &[String]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for statement in statements {
        transaction.execute_batch(statement)?;
    }
    transaction.commit()
}
