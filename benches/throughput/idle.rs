//! Many pipelines that have nothing to do: what they cost while they wait. sfsync is a process of its own, so the org does not count.

use std::error::Error;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use sfsync::connect::Limit;
use sfsync::runtime::clock::SystemClock;
use sfsync::runtime::status::State;
use sfsync::runtime::supervisor::{Options, Supervisor};
use sfsync::runtime::world::ProcessSecrets;
use sfsync::store::{Store, StoreKey};
use sfsync_sandbox::Sandbox;

use super::daemon::{SALESFORCE, status_line};
use super::org::Org;

/// How long they are watched.
const WATCHED: Duration = Duration::from_secs(60);

/// What waiting costs.
pub struct Idle {
    /// Pipelines.
    pub pipelines: u32,
    /// Processor time, as a share of one core.
    pub share: f64,
    /// Memory while they wait, and the most there ever was, in MB.
    pub memory: (u64, u64),
}

/// The role of the process: prints a line when all pipelines have looked, and lives until its input closes.
pub async fn run(folder: &Path) -> Result<(), Box<dyn Error>> {
    let options = Options {
        folder: folder.join("files"),
        store: Arc::new(Store::open(&folder.join("state"), &StoreKey::File)?),
        clock: Arc::new(SystemClock),
        secrets: Arc::new(ProcessSecrets),
        limit: Limit::default(),
    };
    let supervisor = Supervisor::start(options).await?;
    while supervisor.statuses().iter().any(|status| status.state != State::Running || status.passes == 0) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("{}", supervisor.statuses().len());
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    supervisor.shutdown().await;
    Ok(())
}

/// Starts so many pipelines, waits until all have loaded and looked, and watches them wait.
pub fn measure(folder: &Path, org: &Org, pipelines: u32) -> Result<Idle, Box<dyn Error>> {
    write_files(folder, pipelines)?;
    let mut process = Command::new(std::env::current_exe()?)
        .args(["--role", "many", "--folder"])
        .arg(folder)
        .env("SF_LOGIN_URL", &org.url)
        .env("SF_CLIENT_ID", Sandbox::CLIENT_ID)
        .env("SF_CLIENT_SECRET", Sandbox::CLIENT_SECRET)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut ready = String::new();
    let output = process.stdout.take().ok_or("the daemon has no output")?;
    BufReader::new(output).read_line(&mut ready)?;
    if ready.trim() != pipelines.to_string() {
        return Err(format!("{} of {pipelines} pipelines run", ready.trim()).into());
    }
    // What the first looks left to do is not waiting.
    std::thread::sleep(Duration::from_secs(5));
    let before = ticks(process.id())?;
    std::thread::sleep(WATCHED);
    let used = ticks(process.id())? - before;
    let memory = (status_line(process.id(), "VmRSS:")?, status_line(process.id(), "VmHWM:")?);
    drop(process.stdin.take());
    process.wait()?;
    // The kernel counts in hundredths of a second.
    Ok(Idle { pipelines, share: used as f64 / 100.0 / WATCHED.as_secs_f64(), memory })
}

/// Processor time that a process has used.
fn ticks(process: u32) -> Result<u64, Box<dyn Error>> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    let tick = |at: usize| after_name.split(' ').nth(at).and_then(|text| text.parse::<u64>().ok());
    Ok(tick(11).unwrap_or_default() + tick(12).unwrap_or_default())
}

fn write_files(folder: &Path, pipelines: u32) -> Result<(), Box<dyn Error>> {
    let files = folder.join("files");
    std::fs::create_dir_all(files.join("connections"))?;
    std::fs::write(files.join("connections/salesforce.yaml"), SALESFORCE)?;
    let database = format!("type: sqlite\npath: {}\ncreate_tables: true\n", folder.join("many.db").display());
    std::fs::write(files.join("connections/warehouse.yaml"), database)?;
    for number in 0..pipelines {
        let file = format!(
            "salesforce: {{ object: Account, poll: 15 minutes, backfill: none }}\napp: warehouse.clients_{number}\n\
             to_app: [create, update]\nmatch: [salesforce_id]\nfields:\n  - {{ salesforce: Id, app: salesforce_id }}\n  \
             - {{ salesforce: Name, app: name, to_app: 'truncate(value, 80)' }}\n  \
             - {{ salesforce: Website, app: domain, as: domain }}\n  - {{ salesforce: Industry, app: industry }}\n"
        );
        std::fs::write(files.join(format!("clients_{number}.yaml")), file)?;
    }
    Ok(())
}
