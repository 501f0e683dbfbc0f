//! What others need for the same work, where they can be had: simple-salesforce from the Python registry with COPY, into the table of the
//! floor, and the Singer tap with a target for PostgreSQL, into a table that the target makes. Nothing of theirs is part of this repository: a virtual environment is made outside of it, and without one the lines are missing.

use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use super::Bench;
use super::databases::{Postgres, answer};
use super::deals::FIELDS;

/// The program that does it.
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/others/simple_salesforce_copy.py");

/// The tap with a token in place of its sign-in.
const SINGER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/others/singer_tap.py");

/// One line for each way that could be measured.
pub fn measure(bench: &Bench, postgres: &Postgres) -> Result<Vec<String>, Box<dyn Error>> {
    let mut lines = simple_salesforce(bench, postgres)?;
    lines.push(singer(bench, postgres)?);
    Ok(lines)
}

fn simple_salesforce(bench: &Bench, postgres: &Postgres) -> Result<Vec<String>, Box<dyn Error>> {
    let packages = ["simple-salesforce==1.12.10", "psycopg2-binary==2.9.13"];
    let Some(python) = environment(&bench.folder.join("python"), &packages) else {
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

/// As many records are enough for a rate that is a small part of the others.
const SINGER_RECORDS: u32 = 100_000;

/// The tap as it is published, in a pipe with the target that most use it with; both are installed apart, as Singer asks.
fn singer(bench: &Bench, postgres: &Postgres) -> Result<String, Box<dyn Error>> {
    let folder = bench.folder.join("singer");
    std::fs::create_dir_all(&folder)?;
    let tap = environment(&folder.join("tap"), &["tap-salesforce==2.8.1"]);
    let target = environment(&folder.join("target"), &["pipelinewise-target-postgres==2.1.2"]);
    let (Some(tap), Some(target)) = (tap, target) else {
        return Ok("Singer: not measured, it could not be installed".to_owned());
    };
    let records = bench.opportunities.min(SINGER_RECORDS);
    let tap = || {
        let mut command = Command::new(&tap);
        command.arg(SINGER).stderr(Stdio::null());
        command.env("ORG_URL", &bench.org.url).env("ORG_TOKEN", &bench.pages.token);
        command.env("RECORDS", records.to_string()).env("FIELDS", FIELDS.map(|(field, ..)| field).join(","));
        command
    };
    let catalog = folder.join("catalog.json");
    std::fs::write(&catalog, answer(tap().arg("catalog"))?)?;
    std::fs::write(folder.join("target.json"), target_of(&postgres.url))?;
    let started = Instant::now();
    let mut reading = tap().arg("sync").arg(&catalog).stdout(Stdio::piped()).spawn()?;
    let messages = reading.stdout.take().ok_or("the tap has no output")?;
    let target = target.with_file_name("target-postgres");
    answer(Command::new(target).arg("--config").arg(folder.join("target.json")).stdin(messages))?;
    let took = started.elapsed().as_secs_f64();
    reading.wait()?;
    postgres.expect_rows("singer.opportunity", records)?;
    let rate = f64::from(records) / took / 1000.0;
    Ok(format!(
        "Singer tap over REST into its target: {took:.2} s for {records} records ({rate:.1} k records/s)"
    ))
}

/// The target's own form of the address of a server that listens in a folder.
fn target_of(url: &str) -> String {
    let folder =
        url.trim_start_matches("postgres://sfsync@").trim_end_matches("/postgres").replace("%2F", "/");
    serde_json::json!({
        "host": folder, "port": 5432, "user": "sfsync", "password": "none", "dbname": "postgres",
        "default_target_schema": "singer", "flush_all_streams": true,
    })
    .to_string()
}

/// A virtual environment with these packages; `None` where that cannot be had.
fn environment(folder: &Path, packages: &[&str]) -> Option<std::path::PathBuf> {
    let run = |command: &mut Command| {
        let done = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        done.is_ok_and(|status| status.success()).then_some(())
    };
    run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    run(Command::new(folder.join("bin/pip")).args(["install", "-q"]).args(packages))?;
    Some(folder.join("bin/python"))
}
