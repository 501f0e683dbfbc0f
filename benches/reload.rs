//! What a reload costs: one file among five hundred, and five hundred pipelines that have nothing to do.
//!
//! `cargo bench --bench reload [pipelines] [idle seconds]` starts the simulated org and a supervisor in this process, over real files and a
//! SQLite file, and prints one line per figure. Processor time and memory are those of the whole process, the simulated org included.

// A benchmark has no outside, prints its table, and counts in floating point.
#![allow(unreachable_pub, missing_docs, clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]
#![allow(clippy::cast_precision_loss, clippy::unchecked_time_subtraction, clippy::too_many_lines)]

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use sfsync::model::{Clock, PipelineName};
use sfsync::runtime::clock::SystemClock;
use sfsync::runtime::status::State;
use sfsync::runtime::supervisor::{Options, Supervisor};
use sfsync::runtime::world::Secrets;
use sfsync::spec::SecretSource;
use sfsync::store::{Store, StoreKey};
use sfsync_sandbox::{Population, Sandbox, SandboxConfig};

/// Reloads that are measured; the middle one counts.
const RELOADS: usize = 15;

struct Given(HashMap<&'static str, String>);

impl Secrets for Given {
    fn get(&self, source: &SecretSource) -> Option<String> {
        match source {
            SecretSource::Env(name) => self.0.get(name.as_str()).cloned(),
            SecretSource::File(_) => None,
        }
    }
}

fn pipeline(number: usize, version: usize) -> String {
    format!(
        "description: Version {version}.\nsalesforce: {{ object: Account }}\napp: warehouse.clients_{number}\nto_app: [create, update]\nmatch: [salesforce_id]\nfields:\n  - {{ salesforce: Id, app: salesforce_id }}\n  - {{ salesforce: Name, app: name, to_app: 'truncate(value, 80)' }}\n  - {{ salesforce: Website, app: domain, as: domain }}\n  - {{ salesforce: Industry, app: industry }}\n  - {{ app: label, to_app: 'if value == () {{ \"none\" }} else {{ upper(value) }}', salesforce: Phone }}\n"
    )
}

const ORG: &str = "type: salesforce\nenvironment: production\nlogin_url: ${env:URL}\nauth:\n  flow: client_credentials\n  client_id: ${env:ID}\n  client_secret: ${env:SECRET}\n";

fn write_files(folder: &Path, pipelines: usize) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder.join("connections"))?;
    std::fs::write(folder.join("connections/salesforce.yaml"), ORG)?;
    std::fs::write(
        folder.join("connections/warehouse.yaml"),
        "type: sqlite\npath: ${env:DB}\ncreate_tables: true\n",
    )?;
    for number in 0..pipelines {
        std::fs::write(folder.join(format!("clients_{number}.yaml")), pipeline(number, 0))?;
    }
    Ok(())
}

async fn until_all_run(supervisor: &Supervisor) {
    while supervisor.statuses().iter().any(|status| status.state != State::Running || status.passes == 0) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Edits one file; the time until its new version runs.
async fn reload(
    supervisor: &Arc<Supervisor>,
    folder: &Path,
    (number, version): (usize, usize),
) -> anyhow::Result<Duration> {
    let name = PipelineName::from(format!("clients_{number}").as_str());
    std::fs::write(folder.join(format!("{name}.yaml")), pipeline(number, version))?;
    let mut status = supervisor.status_receiver(&name).context("the pipeline is there")?;
    let passes = status.borrow_and_update().passes;
    let begun = Instant::now();
    supervisor.reload_now(false).await?;
    status.wait_for(|status| status.passes > passes).await?;
    Ok(begun.elapsed())
}

/// Seconds of processor time and bytes of resident memory of this process (Linux; zero elsewhere).
fn used() -> (f64, u64) {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let stat = read("/proc/self/stat");
    let after_name = stat.rsplit(") ").next().unwrap_or_default().to_owned();
    let tick =
        |n: usize| after_name.split(' ').nth(n).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
    let pages: u64 =
        read("/proc/self/statm").split(' ').nth(1).and_then(|text| text.parse().ok()).unwrap_or_default();
    // The kernel counts in hundredths of a second and pages of 4 KiB on every machine that this is run on.
    ((tick(11) + tick(12)) / 100.0, pages * 4096)
}

fn megabytes(bytes: u64) -> u64 {
    bytes >> 20
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).filter_map(|text| text.parse::<usize>().ok());
    let (pipelines, idle) = (arguments.next().unwrap_or(500), arguments.next().unwrap_or(30));
    let population = Some(Population::around(50));
    let sandbox = Sandbox::start(SandboxConfig { population, ..SandboxConfig::default() }).await?;
    let dir = tempfile::tempdir()?;
    let folder = dir.path().join("files");
    write_files(&folder, pipelines)?;
    let secrets = Given(HashMap::from([
        ("URL", sandbox.url().to_owned()),
        ("ID", Sandbox::CLIENT_ID.to_owned()),
        ("SECRET", Sandbox::CLIENT_SECRET.to_owned()),
        ("DB", dir.path().join("warehouse.db").display().to_string()),
    ]));
    let (_, before) = used();
    let begun = Instant::now();
    let options = Options {
        folder: folder.clone(),
        store: Arc::new(Store::open(&dir.path().join("state"), &StoreKey::File)?),
        clock: Arc::new(SystemClock) as Arc<dyn Clock>,
        secrets: Arc::new(secrets),
        limit: sfsync::connect::Limit::default(),
    };
    let supervisor = Supervisor::start(options).await?;
    println!("start           {pipelines} files loaded in {:?}", begun.elapsed());
    until_all_run(&supervisor).await;
    println!("first load      all {pipelines} pipelines caught up after {:?}", begun.elapsed());

    let mut times = Vec::new();
    for version in 1..=RELOADS {
        times.push(reload(&supervisor, &folder, (version * 31 % pipelines, version)).await?);
    }
    times.sort();
    let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
    println!(
        "reload          one file among {pipelines}: median {median:?}, worst {worst:?} (until its first pass is done; goal 100 ms)"
    );

    let (cpu, _) = used();
    let begun = Instant::now();
    tokio::time::sleep(Duration::from_secs(idle as u64)).await;
    let ((after, memory), took) = (used(), begun.elapsed().as_secs_f64());
    println!("idle            {:.2} % of a core over {idle} s (goal 1 %)", (after - cpu) / took * 100.0);
    println!(
        "memory          {} MB resident, {} MB before the start (goal 100 MB)",
        megabytes(memory),
        megabytes(before)
    );
    supervisor.shutdown().await;
    Ok(())
}
