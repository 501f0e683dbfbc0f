//! `sfsync demo`: a simulated Salesforce org, a SQLite file, the pipelines of `pipelines/quickstart`, and records that change. Only the org is
//! simulated: supervisor, state, HTTP and hot reload are those of the daemon.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sfsync_sandbox::{Population, Sandbox, SandboxConfig};

use super::Context;
use super::daemon::{Service, Start};
use super::exit::{Exit, Failure};
use super::progress::Bars;
use super::{Screen, tell};
use crate::model::Counts;
use crate::runtime::control::ReloadReport;
use crate::runtime::status::{PipelineStatus, State};
use crate::runtime::world::Secrets;
use crate::serve::Serving;
use crate::serve::shown::thousands;
use crate::spec::SecretSource;

const OPPORTUNITIES: u32 = 10_000;
const EDITS_PER_SECOND: f64 = 5.0;
/// How often the pipelines are looked at.
const LOOK: Duration = Duration::from_millis(250);
/// A first load that takes longer is reported as it stands.
const PATIENCE: Duration = Duration::from_secs(300);

/// The files of `pipelines/quickstart`, so that the program alone is enough.
const FILES: [(&str, &str); 5] = [
    ("connections/salesforce.yaml", include_str!("../../pipelines/quickstart/connections/salesforce.yaml")),
    ("connections/warehouse.yaml", include_str!("../../pipelines/quickstart/connections/warehouse.yaml")),
    ("accounts.yaml", include_str!("../../pipelines/quickstart/accounts.yaml")),
    ("opportunities.yaml", include_str!("../../pipelines/quickstart/opportunities.yaml")),
    ("owners.yaml", include_str!("../../pipelines/quickstart/owners.yaml")),
];

/// See it work: a simulated Salesforce org, a SQLite file, records that change while you watch
///
/// Files are written to ./sfsync-demo and may be edited while it runs. Nothing is installed; delete the folder and it never was.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where the files, the state and the database go; files that are there stay as they are
    #[arg(long, value_name = "DIR", default_value = "sfsync-demo")]
    folder: PathBuf,
    /// End by itself after this time, such as 20s
    #[arg(long = "for", value_name = "TIME", value_parser = seconds)]
    length: Option<Duration>,
    /// Opportunities in the simulated org
    #[arg(long, value_name = "N", default_value_t = OPPORTUNITIES)]
    opportunities: u32,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let (number, unit) =
        text.split_at(text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len()));
    let number: u64 = number.parse().map_err(|_| "write it like 20s or 2m".to_owned())?;
    match unit {
        "" | "s" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number * 60)),
        _ => Err("write it like 20s or 2m".to_owned()),
    }
}

/// The secrets of the demo's connections.
struct DemoSecrets(BTreeMap<&'static str, String>);

impl Secrets for DemoSecrets {
    fn get(&self, source: &SecretSource) -> Option<String> {
        match source {
            SecretSource::Env(name) => {
                self.0.get(name.as_str()).cloned().or_else(|| std::env::var(name).ok())
            }
            SecretSource::File(_) => None,
        }
    }
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let began = Instant::now();
    let screen = context.screen;
    prepare(&args.folder)?;
    let sandbox = org(args.opportunities, screen).await?;
    let service = service(&args.folder, &sandbox, context).await?;
    let loaded = load(&service, screen).await;
    screen.remark(&told_of_load(&loaded, began.elapsed()));
    screen.remark(&where_to_look(&args.folder, &service));
    sandbox.live(EDITS_PER_SECOND);
    screen.remark("Records are edited in the org now, about 5 per second. Ctrl-C ends.\n");
    let left = args.length.map(|length| length.saturating_sub(began.elapsed()));
    let changes = follow(&service, left, screen);
    tokio::select! {
        () = changes => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    let last = service.control.pipelines();
    service.end().await;
    sandbox.shutdown().await;
    if screen.json {
        screen.show(&last, String::new);
    }
    screen.remark(&hint(&args.folder));
    Ok(if last.is_empty() || last.iter().any(broken) { Exit::Errors } else { Exit::Done })
}

fn broken(status: &PipelineStatus) -> bool {
    matches!(status.state, State::Blocked | State::Invalid)
}

/// Writes the files that are not there. The org begins afresh with every demo, so the state and the database do, too.
fn prepare(folder: &Path) -> Result<(), Failure> {
    let failed = |path: &Path, error: &std::io::Error| {
        Failure::new(format!("cannot write {}: {error}", path.display()), "go to a folder that you may write")
    };
    for (name, text) in FILES {
        let path = folder.join(name);
        if path.exists() {
            continue;
        }
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).map_err(|error| failed(parent, &error))?;
        // The first line names the schema for editors: here it lies beside the files.
        let text = text.replace("$schema=../../", "$schema=");
        std::fs::write(&path, text).map_err(|error| failed(&path, &error))?;
    }
    super::write::schemas(folder)?;
    for old in ["warehouse.db", "warehouse.db-wal", "warehouse.db-shm", "state/state.redb"] {
        let path = folder.join(old);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(&path, &error)),
            _ => {}
        }
    }
    Ok(())
}

async fn org(opportunities: u32, screen: Screen) -> Result<Sandbox, Failure> {
    let population = Some(Population::around(opportunities));
    let began = Instant::now();
    let sandbox = Sandbox::start(SandboxConfig { population, ..SandboxConfig::default() }).await;
    let sandbox = sandbox.map_err(|error| Failure::caused(&error, ""))?;
    let seconds = began.elapsed().as_secs_f32();
    let count = thousands(u64::from(opportunities));
    screen.remark(&format!(
        "A simulated Salesforce org with {count} opportunities at {} ({seconds:.1} s)",
        sandbox.url()
    ));
    Ok(sandbox)
}

async fn service(folder: &Path, sandbox: &Sandbox, context: &Context) -> Result<Service, Failure> {
    let screen = context.screen;
    let secrets = DemoSecrets(BTreeMap::from([
        ("SF_LOGIN_URL", sandbox.url().to_owned()),
        ("SF_CLIENT_ID", Sandbox::CLIENT_ID.to_owned()),
        ("SF_CLIENT_SECRET", Sandbox::CLIENT_SECRET.to_owned()),
        ("WAREHOUSE_DB", folder.join("warehouse.db").display().to_string()),
    ]));
    let sockets = vec![context.socket.clone().unwrap_or_else(|| folder.join("sfsync.sock"))];
    let start = Start {
        // A free port: a daemon may be running beside the demo.
        serving: Serving { listen: "127.0.0.1:0".to_owned(), sockets, admin_token: None },
        public_url: None,
        state: folder.join("state"),
        secrets: Arc::new(secrets),
        folder: folder.to_owned(),
        level: None,
        reloaded: Some(Box::new(move |report| screen.remark(&told_of_reload(report)))),
    };
    Service::start(start).await
}

/// Waits until every pipeline has read everything once.
async fn load(service: &Service, screen: Screen) -> Vec<PipelineStatus> {
    let mut bars = Bars::new(screen);
    let until = Instant::now() + PATIENCE;
    loop {
        let pipelines = service.control.pipelines();
        for status in &pipelines {
            match status.progress {
                Some(progress) => bars.at(status.name.as_str(), progress.done, progress.total),
                None => bars.done(status.name.as_str()),
            }
        }
        let loaded = |status: &PipelineStatus| {
            status.passes > 0 || !matches!(status.state, State::Loading | State::Running)
        };
        if pipelines.iter().all(loaded) || Instant::now() > until {
            return pipelines;
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn told_of_load(pipelines: &[PipelineStatus], took: Duration) -> String {
    let mut text = String::new();
    for status in pipelines {
        let totals = &status.totals;
        let written = format!(
            "{} created, {} left out, {} failed",
            thousands(totals.created),
            thousands(totals.skipped),
            thousands(totals.failed)
        );
        let remark =
            crate::serve::shown::remark(status).map(|remark| format!("   {}: {remark}", status.state.name()));
        let _ = writeln!(text, "  {:<16} {written}{}", status.name.as_str(), remark.unwrap_or_default());
    }
    format!("Loaded after {:.1} s\n{text}", took.as_secs_f32())
}

fn where_to_look(folder: &Path, service: &Service) -> String {
    format!(
        "  the files    {0}/*.yaml   (edit one: it runs two seconds later; break one: the last good version goes on)\n  \
         the rows     sqlite3 {0}/warehouse.db 'SELECT size, count(*) FROM deals GROUP BY 1'\n  \
         the status   http://{1}/   or   sfsync status --socket {2}\n",
        folder.display(),
        service.address,
        service.socket.display()
    )
}

fn told_of_reload(report: &ReloadReport) -> String {
    let errors: usize = report.files.iter().map(|file| file.errors).sum();
    if errors == 0 { "files loaded: what you saved runs now".to_owned() } else { tell::told(report) }
}

/// A line for each pipeline that did something, as it happens.
async fn follow(service: &Service, length: Option<Duration>, screen: Screen) {
    let until = length.map(|length| Instant::now() + length);
    let totals = |pipelines: &[PipelineStatus]| -> BTreeMap<String, Counts> {
        pipelines.iter().map(|status| (status.name.to_string(), status.totals)).collect()
    };
    let mut before = totals(&service.control.pipelines());
    while until.is_none_or(|until| Instant::now() < until) {
        tokio::time::sleep(LOOK).await;
        let pipelines = service.control.pipelines();
        for status in &pipelines {
            let old = before.get(status.name.as_str()).copied().unwrap_or_default();
            if let Some(line) = told_of_change(status, &old) {
                screen.remark(&line);
            }
        }
        before = totals(&pipelines);
    }
}

fn told_of_change(status: &PipelineStatus, old: &Counts) -> Option<String> {
    let new = &status.totals;
    let more = [
        ("created", new.created.saturating_sub(old.created)),
        ("updated", new.updated.saturating_sub(old.updated)),
        ("deleted", new.deleted.saturating_sub(old.deleted)),
        ("held", new.held.saturating_sub(old.held)),
        ("failed", new.failed.saturating_sub(old.failed)),
    ];
    let words: Vec<String> = more
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    let time = jiff::Zoned::now().strftime("%H:%M:%S");
    (!words.is_empty()).then(|| format!("{time}  {:<16} {}", status.name.as_str(), words.join(", ")))
}

fn hint(folder: &Path) -> String {
    format!(
        "\nNext: start it again and, while it runs, edit {0}/opportunities.yaml: 100000 to 50000 in the row of `size`, or\n\
         `money: off` under groups. Two seconds after you save it runs. A mistake is shown, and the last good version goes on.\n\
         For your own org: copy the folder, take `login_url` out of connections/salesforce.yaml, set the variables it names, and run\n\
         sfsync check --online --config <folder>.",
        folder.display()
    )
}
