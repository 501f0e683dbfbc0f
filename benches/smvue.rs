//! The first load of the whole set `smvue` into PostgreSQL: `cargo bench --bench smvue`. The org and the database are on the same machine; the
//! time is from the start of the daemon to the moment at which every pipeline has read everything once.

// A benchmark has no outside, and prints its table.
#![allow(unreachable_pub, missing_docs, clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

#[path = "shared/postgres.rs"]
mod postgres;

use std::collections::HashMap;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use postgres::Postgres;
use sfsync::cli::demo::sets::{Set, StandIns, notices};
use sfsync::connect::Limit;
use sfsync::runtime::clock::SystemClock;
use sfsync::runtime::status::State;
use sfsync::runtime::supervisor::{Options, Supervisor};
use sfsync::runtime::world::Secrets;
use sfsync::spec::SecretSource;
use sfsync::store::{Store, StoreKey};
use sfsync_sandbox::{OrgConfig, Population, Sandbox, SandboxConfig};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures the first load of the set `smvue`
#[derive(Parser)]
struct Arguments {
    /// Opportunities of the org; accounts, contacts, roles, histories and activities in proportion
    #[arg(long, default_value_t = 10_000)]
    opportunities: u32,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

struct Given(HashMap<String, String>);

impl Secrets for Given {
    fn get(&self, source: &SecretSource) -> Option<String> {
        match source {
            SecretSource::Env(name) => self.0.get(name).cloned(),
            SecretSource::File(_) => None,
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    _ = rustls::crypto::ring::default_provider().install_default();
    let set = Set::named("smvue").ok_or("the set is not shipped")?;
    let postgres = Postgres::start()?;
    postgres.psql(&["-f", concat!(env!("CARGO_MANIFEST_DIR"), "/pipelines/smvue/tables.sql")])?;
    let org = OrgConfig { customizations: set.customizations(), ..OrgConfig::default() };
    let population = Some(Population::around(arguments.opportunities));
    let sandbox = Sandbox::start(SandboxConfig { org, population, ..SandboxConfig::default() }).await?;
    let dir = tempfile::tempdir()?;
    let supervisor = daemon(set, &sandbox, &postgres, dir.path()).await?;
    let began = Instant::now();
    let loaded = loop {
        let statuses = supervisor.statuses();
        if statuses.iter().all(|status| status.passes > 0 && status.state == State::Running) {
            break began.elapsed();
        }
        if began.elapsed() > Duration::from_secs(900) {
            return Err(format!("it does not come to an end: {statuses:#?}").into());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let calls = sandbox.limits().usage(sandbox.org().clock().now()).used;
    let mut rows = 0;
    for status in supervisor.statuses() {
        println!(
            "{:<24}{:>10} created {:>10} left out {:>6} failed",
            status.name.as_str(),
            status.totals.created,
            status.totals.skipped,
            status.totals.failed
        );
        rows += status.totals.created;
    }
    println!(
        "{rows} rows of {} opportunities and what belongs to them in {:.1} s, {calls} API calls",
        arguments.opportunities,
        loaded.as_secs_f32()
    );
    println!("opportunities in the table: {}", postgres.psql(&["-c", "SELECT count(*) FROM opportunities"])?);
    supervisor.shutdown().await;
    Ok(())
}

/// The daemon over the shipped files; only the connections are other, and the first load does not wait for the night.
async fn daemon(
    set: &'static Set,
    sandbox: &Sandbox,
    postgres: &Postgres,
    dir: &Path,
) -> Result<Arc<Supervisor>, Box<dyn Error>> {
    let notices = notices().await?;
    let stand_ins =
        StandIns { sandbox, app: None, notices: &notices, database: "", public_url: "http://127.0.0.1:9" };
    let mut secrets: HashMap<String, String> = set.secrets(&stand_ins).into_iter().collect();
    secrets.insert("SMVUE_DATABASE_URL".to_owned(), postgres.url.clone());
    for ((name, here), (_, shipped)) in set.for_stand_ins().into_iter().zip(set.files) {
        let path = dir.join("files").join(name);
        std::fs::create_dir_all(path.parent().ok_or("a folder")?)?;
        let is_database = name == "connections/smvue.yaml";
        std::fs::write(path, if is_database { (*shipped).to_owned() } else { here })?;
    }
    let options = Options {
        folder: dir.join("files"),
        store: Arc::new(Store::open(&dir.join("state"), &StoreKey::File)?),
        clock: Arc::new(SystemClock),
        secrets: Arc::new(Given(secrets)),
        limit: Limit::default(),
    };
    Ok(Supervisor::start(options).await?)
}
