//! A throw-away PostgreSQL with its durability on.

use std::error::Error;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

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

    /// What `psql` prints with these arguments.
    pub fn psql(&self, arguments: &[&str]) -> Result<String, Box<dyn Error>> {
        answer(Command::new("psql").args(["-qtA", "-v", "ON_ERROR_STOP=1", &self.url]).args(arguments))
    }
}

/// What a program printed.
pub fn answer(command: &mut Command) -> Result<String, Box<dyn Error>> {
    let output = command.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
