//! The databases: a throw-away PostgreSQL with its durability on, a SQLite file, and the same table twice in each.

use std::error::Error;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::deals::FIELDS;

/// A PostgreSQL that ends with this process.
pub struct Postgres {
    process: Child,
    /// Its address.
    pub url: String,
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        _ = self.process.wait();
    }
}

impl Postgres {
    /// Starts one that waits for the disk at every commit, as a real one does.
    pub fn start() -> Result<Self, Box<dyn Error>> {
        let mut process = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/postgres.sh"))
            .env("SFSYNC_POSTGRES_OPTIONS", "-c max_wal_size=4GB")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut url = String::new();
        let output = process.stdout.take().ok_or("postgres.sh has no output")?;
        BufReader::new(output).read_line(&mut url)?;
        if url.is_empty() {
            return Err("PostgreSQL did not start; ./test installs it".into());
        }
        Ok(Self { process, url: url.trim().to_owned() })
    }

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
        answer(Command::new("psql").args(["-qtA", "-v", "ON_ERROR_STOP=1", &self.url, "-c", sql]))
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

/// What a program printed.
pub fn answer(command: &mut Command) -> Result<String, Box<dyn Error>> {
    let output = command.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
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
