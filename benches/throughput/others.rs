//! What others need for the same work, where they can be had: simple-salesforce from the Python registry with COPY, into the table of the
//! floor. Nothing of theirs is part of this repository: a virtual environment is made outside of it, and without one the lines are missing.

use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use super::Bench;
use super::databases::{Postgres, answer};
use super::deals::FIELDS;

/// The program that does it.
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/others/simple_salesforce_copy.py");

/// One line for each way that could be measured.
pub fn measure(bench: &Bench, postgres: &Postgres) -> Result<Vec<String>, Box<dyn Error>> {
    let Some(python) = environment(&bench.folder.join("python")) else {
        return Ok(vec!["simple-salesforce: not measured, it could not be installed".to_owned()]);
    };
    let records = bench.opportunities;
    let mut lines = Vec::new();
    for (way, name) in [("bulk", "Bulk API 2.0, pages into COPY"), ("rest", "query_all_iter, rows into COPY")]
    {
        postgres.reset()?;
        let started = Instant::now();
        answer(
            Command::new(&python)
                .arg(PROGRAM)
                .arg(way)
                .env("ORG_URL", &bench.org.url)
                .env("ORG_TOKEN", &bench.pages.token)
                .env("DATABASE", &postgres.url)
                .env("FIELDS", FIELDS.map(|(field, ..)| field).join(","))
                .env("COLUMNS", FIELDS.map(|(_, column, ..)| column).join(",")),
        )?;
        let took = started.elapsed().as_secs_f64();
        let rate = f64::from(records) / took / 1000.0;
        lines.push(format!("simple-salesforce, {name}: {took:.2} s ({rate:.0} k records/s)"));
    }
    Ok(lines)
}

/// A virtual environment with what the program needs; `None` where that cannot be had.
fn environment(folder: &Path) -> Option<std::path::PathBuf> {
    let run = |command: &mut Command| {
        let done = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        done.is_ok_and(|status| status.success()).then_some(())
    };
    run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    let packages = ["simple-salesforce==1.12.10", "psycopg2-binary==2.9.13"];
    run(Command::new(folder.join("bin/pip")).args(["install", "-q"]).args(packages))?;
    Some(folder.join("bin/python"))
}
