//! A pipeline both ways: what a reconciliation that finds nothing takes against reading both sides alone, what a link costs in the state,
//! and how many calls changes of the app cost.

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sfsync::connect::{Limit, Source};
use sfsync::expr::Engine;
use sfsync::model::{Clock, Cursor, PipelineName, Read};
use sfsync::runtime::build::{self, Workshop};
use sfsync::runtime::clock::SystemClock;
use sfsync::runtime::load::{Loading, load, parse};
use sfsync::runtime::registry::Registry;
use sfsync::runtime::world::{ProcessSecrets, World};
use sfsync::runtime::{catalogs, folder, planning};
use sfsync::store::{Store, StoreKey};
use sfsync_sandbox::Sandbox;

use super::daemon::{Daemon, SALESFORCE};
use super::databases::{answer, ask_sqlite};
use super::deals::{FIELDS, both_ways};
use super::{Bench, Outcome, remove};

/// What was measured.
pub struct Links {
    /// Pairs that are remembered.
    pub pairs: u64,
    /// Reading both sides alone, in a process of its own.
    pub reread: Duration,
    /// A reconciliation that finds nothing.
    pub reconciliation: Duration,
    /// Size of the state.
    pub state: u64,
    /// The most memory of the process, in MB: after the reconciliation, and with the load.
    pub memory: u64,
    /// For so many changed rows of the app: calls that write, and all calls of the look.
    pub calls: Vec<(u64, u64, u64)>,
}

/// Changed rows of the app whose calls are counted.
const CHANGED: [u64; 6] = [0, 1, 200, 1_000, 10_000, 40_000];

impl Bench {
    /// Loads everything into an app, compares, and changes some of it.
    pub async fn links(&self) -> Outcome<Links> {
        let folder = self.folder.join("links");
        let file = self.folder.join("app.db");
        remove(&folder)?;
        write_files(&folder)?;
        ask_sqlite(&file, &tables())?;
        let database = file.display().to_string();
        self.org.forget_calls().await?;
        let mut daemon = Daemon::start(&folder, &self.org, ("WAREHOUSE", &database))?;
        let load = daemon.load(&self.org).await?;
        // What the app stamped while it was filled comes back once.
        println!("  both ways: {} records loaded in {:.2} s", load.records, load.whole.as_secs_f64());
        let (took, back) = daemon.look()?;
        println!(
            "  both ways: what the app stamped is looked at in {:.2} s, {back} records",
            took.as_secs_f64()
        );
        let pairs: u64 = ask_sqlite(&file, "select count(*) from deals")?.parse()?;
        let mut reconciliation = Duration::MAX;
        for _ in 0..2 {
            let took = daemon.full()?;
            println!("  both ways: a reconciliation in {:.2} s", took.as_secs_f64());
            reconciliation = reconciliation.min(took);
        }
        let memory = daemon.peak()?;
        let state = std::fs::metadata(folder.join("state/state.redb"))?.len();
        let mut calls = Vec::new();
        for changed in CHANGED {
            calls.push(self.calls_of(&mut daemon, &file, changed).await?);
        }
        daemon.stop()?;
        let reread = self.reread(&folder, &database)?.min(self.reread(&folder, &database)?);
        Ok(Links { pairs, reread, reconciliation, state, memory, calls })
    }

    /// Changes some rows as another program would, and looks.
    async fn calls_of(&self, daemon: &mut Daemon, file: &Path, changed: u64) -> Outcome<(u64, u64, u64)> {
        let edit = format!(
            "update deals set next_step = 'Call again, {changed}' where number in (select number from deals order by number limit {changed})"
        );
        ask_sqlite(file, &edit)?;
        self.org.forget_calls().await?;
        daemon.look()?;
        let (writes, all) = self.org.writes().await?;
        Ok((changed, writes, all))
    }

    fn reread(&self, folder: &Path, database: &str) -> Outcome<Duration> {
        let mut reader = Command::new(std::env::current_exe()?);
        reader
            .args(["--role", "reread", "--folder"])
            .arg(folder)
            .env("SF_LOGIN_URL", &self.org.url)
            .env("SF_CLIENT_ID", Sandbox::CLIENT_ID)
            .env("SF_CLIENT_SECRET", Sandbox::CLIENT_SECRET)
            .env("WAREHOUSE", database);
        Ok(Duration::from_micros(answer(&mut reader)?.parse()?))
    }
}

/// The role of the process: reads both sides from their beginning to their end with the readers of the pipeline, one after the other as a
/// reconciliation does, and prints the microseconds.
pub async fn run(folder: &Path) -> Result<(), Box<dyn Error>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = Arc::new(Store::open(&folder.join("other-state"), &StoreKey::File)?);
    let world = Arc::new(World::new(Arc::clone(&clock), Arc::new(ProcessSecrets), None));
    let files = parse(&folder::read(&folder.join("files"))?, |_| None);
    let looked = catalogs::look(&files, &world, None, clock.now(), false).await;
    let engine = Engine::new();
    let loading =
        Loading { engine: &engine, catalog: &looked.catalog, now: clock.now(), ignore_not_yet: false };
    let loaded = load(files, &loading);
    let plan = loaded.compiled.pipelines.get(&PipelineName::from("deals"));
    let plan = plan.and_then(|plan| plan.as_ref().ok()).ok_or("the pipeline did not load")?;
    let shop = Workshop { world, store, clock, limit: Limit::default(), only_looks: true };
    let known = (&loaded.files, &looked.catalog);
    let mut runner =
        build::runner(&shop, plan, known, Arc::new(Registry::default()), planning::quiet()).await?;
    let started = Instant::now();
    read_all(runner.source.as_mut()).await?;
    read_all(runner.app_source.as_mut().ok_or("the app is not read")?.as_mut()).await?;
    println!("{}", started.elapsed().as_micros());
    Ok(())
}

async fn read_all(source: &mut dyn Source) -> Result<(), Box<dyn Error>> {
    let mut cursor: Option<Cursor> = None;
    loop {
        let Read::Batch { events, next, more, .. } = source.read(cursor.as_ref(), Limit::default()).await?
        else {
            return Err("the source begins anew".into());
        };
        drop(events);
        let complete = matches!(next, Cursor::Changes { .. });
        cursor = Some(next);
        if complete || !more {
            return Ok(());
        }
    }
}

fn write_files(folder: &Path) -> Outcome<()> {
    std::fs::create_dir_all(folder.join("files/connections"))?;
    std::fs::write(folder.join("files/connections/salesforce.yaml"), SALESFORCE)?;
    let app = "type: sqlite\npath: ${env:WAREHOUSE}\nresources:\n  deals: { table: deals, updated_at: updated_at }\n";
    std::fs::write(folder.join("files/connections/warehouse.yaml"), app)?;
    std::fs::write(folder.join("files/deals.yaml"), both_ways())?;
    Ok(())
}

/// The table of an app with a key of its own, which stamps its rows itself.
fn tables() -> String {
    let columns: Vec<String> = FIELDS.iter().map(|(_, name, _, native)| format!("{name} {native}")).collect();
    let columns = columns.join(", ").replacen("id TEXT", "id TEXT UNIQUE", 1);
    let stamp = "update deals set updated_at = strftime('%Y-%m-%dT%H:%M:%fZ') where number = new.number";
    format!(
        "pragma journal_mode = wal; create table deals (number integer primary key, {columns}, updated_at text);
         create index deals_by_time on deals (updated_at, number);
         create trigger deals_new after insert on deals begin {stamp}; end;
         create trigger deals_changed after update on deals when new.updated_at is old.updated_at begin {stamp}; end;"
    )
}
