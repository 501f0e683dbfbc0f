//! The whole way of a first load, against the same done by hand: `./bench`.
//!
//! Everything runs on one machine: the org, the databases, sfsync in a process of its own, `curl`, `psql` and `sqlite3`. Runs of sfsync and
//! of the floor alternate and the best of each counts, so that noise hits both. Figures are ratios of one machine; nothing here fails by time.

// A benchmark has no outside, prints its table, and counts in floating point.
#![allow(unreachable_pub, missing_docs, clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]
#![allow(clippy::cast_precision_loss, clippy::unchecked_time_subtraction, clippy::too_many_lines)]

mod bus;
mod daemon;
mod databases;
#[path = "../shared/deals.rs"]
mod deals;
mod desk;
mod events;
mod facts;
mod floor;
mod idle;
mod links;
mod org;
mod others;
#[path = "../shared/postgres.rs"]
mod postgres;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;

use daemon::{Daemon, Load, write_files};
use databases::{Postgres, ask_sqlite, reset_sqlite};
use floor::Pages;
use org::Org;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Measures the first load, an idle look and a look after changes
#[derive(Parser)]
struct Arguments {
    /// Opportunities of the org
    #[arg(long, default_value_t = 1_000_000)]
    opportunities: u32,
    /// Alternating runs of which the best counts
    #[arg(long, default_value_t = 3)]
    runs: u32,
    /// Only one part: postgres, sqlite, others, links, idle, events
    #[arg(long)]
    only: Option<String>,
    /// What this process is; set by the benchmark itself
    #[arg(long, default_value = "bench")]
    role: String,
    /// Folder of the daemon; set by the benchmark itself
    #[arg(long, default_value = ".")]
    folder: PathBuf,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Outcome<()> {
    let arguments = Arguments::parse();
    // One provider for everything, as in the program itself.
    _ = rustls::crypto::ring::default_provider().install_default();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.enable_all().build()?;
    match arguments.role.as_str() {
        "org" => runtime.block_on(org::serve(arguments.opportunities)),
        "daemon" => runtime.block_on(daemon::run(&arguments.folder)),
        "reread" => runtime.block_on(links::run(&arguments.folder)),
        "many" => runtime.block_on(idle::run(&arguments.folder)),
        _ => runtime.block_on(bench(&arguments)),
    }
}

/// What one database came to.
struct Column {
    name: &'static str,
    floor: Vec<Duration>,
    loads: Vec<Load>,
    peaks: Vec<u64>,
    idle_calls: u64,
    /// How long each look after changes took, and how many records it read.
    looks: Vec<(Duration, u64)>,
}

async fn bench(arguments: &Arguments) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    println!("{}", facts::machine());
    let wanted = |name: &str| arguments.only.as_deref().is_none_or(|only| only == name);
    if wanted("events") {
        // An org of its own, in this process: who changes it knows when.
        let postgres = Postgres::start()?;
        println!(
            "{}",
            facts::events(&Box::pin(events::measure(&folder.path().join("events"), &postgres)).await?)
        );
    }
    if arguments.only.as_deref() == Some("events") {
        return Ok(());
    }
    let org = Org::start(arguments.opportunities)?;
    let (url, token) = org.job().await?;
    let bench = Bench {
        org,
        pages: Pages { url, token },
        folder: folder.path().to_owned(),
        runs: arguments.runs,
        opportunities: arguments.opportunities,
    };
    let alone = bench.pages.to_nothing(&bench.folder)?;
    println!("{}", facts::alone(arguments.opportunities, alone));
    let postgres = if wanted("postgres") || wanted("others") { Some(Postgres::start()?) } else { None };
    if let Some(postgres) = &postgres {
        println!("PostgreSQL {}, waiting for the disk at every commit", postgres.version()?);
    }
    if let Some(postgres) = postgres.as_ref().filter(|_| wanted("postgres")) {
        println!("{}", facts::table(&bench.postgres(postgres).await?));
    }
    if wanted("sqlite") {
        println!("{}", facts::table(&bench.sqlite().await?));
    }
    if let Some(postgres) = postgres.as_ref().filter(|_| wanted("others")) {
        for line in others::measure(&bench, postgres)? {
            println!("{line}");
        }
    }
    if wanted("links") {
        println!("{}", facts::links(&bench.links().await?));
    }
    if wanted("idle") {
        println!("{}", facts::idle(&idle::measure(&bench.folder.join("many"), &bench.org, 500)?));
    }
    Ok(())
}

struct Bench {
    org: Org,
    pages: Pages,
    folder: PathBuf,
    runs: u32,
    opportunities: u32,
}

impl Bench {
    async fn postgres(&self, postgres: &Postgres) -> Outcome<Column> {
        let connection = "type: postgres\nurl: ${env:WAREHOUSE}\nresources:\n  deals: { table: deals }\n";
        let mut column = Column::new("PostgreSQL");
        for _ in 0..self.runs {
            postgres.reset()?;
            column.floor.push(self.pages.to_postgres(&self.folder, &postgres.url)?);
            let daemon = self.load(&mut column, connection, ("WAREHOUSE", &postgres.url)).await?;
            let different = postgres.different()?;
            if different != "0" {
                return Err(format!("{different} rows differ from those of the floor").into());
            }
            self.finish(daemon, &mut column).await?;
        }
        Ok(column)
    }

    async fn sqlite(&self) -> Outcome<Column> {
        let connection = "type: sqlite\npath: ${env:WAREHOUSE}\nresources:\n  deals: { table: deals }\n";
        let file = self.folder.join("warehouse.db");
        let mut column = Column::new("SQLite");
        for _ in 0..self.runs {
            reset_sqlite(&file)?;
            column.floor.push(self.pages.to_sqlite(&self.folder, &file)?);
            let daemon =
                self.load(&mut column, connection, ("WAREHOUSE", &file.display().to_string())).await?;
            let different =
                ask_sqlite(&file, "select count(*) from (select id from floor except select id from deals)")?;
            if different != "0" {
                return Err(format!("{different} rows of the floor are missing").into());
            }
            self.finish(daemon, &mut column).await?;
        }
        Ok(column)
    }

    /// A first load by a new daemon with a new state.
    async fn load(&self, column: &mut Column, connection: &str, database: (&str, &str)) -> Outcome<Daemon> {
        let folder = self.folder.join("sfsync");
        remove(&folder)?;
        write_files(&folder, connection)?;
        self.org.forget_calls().await?;
        let mut daemon = Daemon::start(&folder, &self.org, database)?;
        let load = daemon.load(&self.org).await?;
        println!("{}", facts::run(column.name, column.floor.last().copied().unwrap_or_default(), &load));
        column.loads.push(load);
        Ok(daemon)
    }

    /// Each daemon also looks when nothing happened, and after one record in a hundred changed.
    async fn finish(&self, mut daemon: Daemon, column: &mut Column) -> Outcome<()> {
        self.org.forget_calls().await?;
        daemon.look()?;
        column.idle_calls = column.idle_calls.max(self.org.calls().await?.0);
        let records = column.loads.last().map_or(0, |load| load.records);
        self.org.edit(u32::try_from(records / 100)?).await?;
        let look = daemon.look()?;
        println!("{}", facts::look(column.name, look));
        column.looks.push(look);
        column.peaks.push(daemon.peak()?);
        // The windows of the next daemon do not reach back over these edits.
        self.org.wait(700).await?;
        daemon.stop()
    }
}

impl Column {
    fn new(name: &'static str) -> Self {
        let (floor, loads, peaks) = (Vec::new(), Vec::new(), Vec::new());
        Self { name, floor, loads, peaks, idle_calls: 0, looks: Vec::new() }
    }
}

fn remove(folder: &Path) -> Outcome<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
