//! The databases: a throw-away PostgreSQL with its durability on, a SQLite file, and the same table twice in each.

use std::error::Error;
use std::path::Path;
use std::process::Command;

use super::deals::FIELDS;
pub use super::postgres::{Postgres, answer};

impl Postgres {
    /// Empty tables.
    pub fn reset(&self) -> Result<(), Box<dyn Error>> {
        self.ask(&format!("{}; checkpoint", tables(|field| field.2))).map(drop)
    }

    /// Rows that one of the tables has and the other has not.
    pub fn different(&self) -> Result<String, Box<dyn Error>> {
        self.ask(
            "select count(*) from ((table floor except all table deals) union all (table deals except all table floor)) x",
        )
    }

    /// An error unless the table has so many rows.
    pub fn expect_rows(&self, table: &str, rows: u32) -> Result<(), Box<dyn Error>> {
        let found = self.ask(&format!("select count(*) from {table}"))?;
        if found == rows.to_string() {
            Ok(())
        } else {
            Err(format!("{table} has {found} rows of {rows}").into())
        }
    }

    /// The version.
    pub fn version(&self) -> Result<String, Box<dyn Error>> {
        self.ask("show server_version")
    }

    fn ask(&self, sql: &str) -> Result<String, Box<dyn Error>> {
        self.psql(&["-c", sql])
    }
}

/// Empty tables in a new SQLite file.
pub fn reset_sqlite(file: &Path) -> Result<(), Box<dyn Error>> {
    for end in ["", "-wal", "-shm", "-journal"] {
        _ = std::fs::remove_file(format!("{}{end}", file.display()));
    }
    ask_sqlite(file, &tables(|field| field.3)).map(drop)
}

/// Asks a SQLite file.
pub fn ask_sqlite(file: &Path, sql: &str) -> Result<String, Box<dyn Error>> {
    answer(Command::new("sqlite3").arg(file).arg(sql))
}

fn tables(native: impl Fn(&super::deals::Field) -> &'static str) -> String {
    let columns: Vec<_> = FIELDS.iter().map(|field| format!("{} {}", field.1, native(field))).collect();
    let columns = columns.join(", ").replacen(" text", " text primary key", 1).replacen(
        " TEXT",
        " TEXT PRIMARY KEY",
        1,
    );
    let table = |name: &str| format!("drop table if exists {name}; create table {name} ({columns})");
    format!("{}; {}", table("floor"), table("deals"))
}
