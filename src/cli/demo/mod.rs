//! `sfsync demo`: a simulated Salesforce org, a SQLite file or a small app behind HTTP, the pipelines of a shipped set, and records that
//! change. Only the systems are simulated: supervisor, state, HTTP and hot reload are those of the daemon.

mod adapt;
pub mod sets;
mod show;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sfsync_sandbox::app::{App, AppError, AppSettings};
use sfsync_sandbox::{OrgConfig, Population, Sandbox, SandboxConfig};

use super::Context;
use super::daemon::{Service, Start};
use super::exit::{Exit, Failure};
use crate::runtime::status::{PipelineStatus, State};
use crate::runtime::world::Secrets;
use crate::serve::shown::thousands;
use crate::serve::{Listening, Serving};
use crate::spec::SecretSource;

use sets::{Set, StandIns};
use show::{follow, hint, load, told_of_load, told_of_reload, where_to_look};

/// In the simulated org: enough to see a bulk load …
const OPPORTUNITIES: u32 = 10_000;
/// … and few enough for an app that takes records one by one.
const OPPORTUNITIES_OF_SETS: u32 = 300;
const EDITS_PER_SECOND: f64 = 5.0;
/// See it work: a simulated Salesforce org, a SQLite file, records that change while you watch
///
/// Files are written to ./sfsync-demo and may be edited while it runs. Nothing is installed; delete the folder and it never was.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which of the shipped sets; all but the quickstart talk to an app that is started, too
    #[arg(long, value_name = "NAME", default_value = "quickstart", value_parser = sets::SETS.each_ref().map(|set| set.name))]
    set: String,
    /// Where the files, the state and the database go; files that are there stay as they are [default: sfsync-demo, or
    /// sfsync-demo-<set>]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// End by itself after this time, such as 20s
    #[arg(long = "for", value_name = "TIME", value_parser = seconds)]
    length: Option<Duration>,
    /// Opportunities in the simulated org [default: 10000 for the quickstart, else 300]
    #[arg(long, value_name = "N")]
    opportunities: Option<u32>,
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
struct DemoSecrets(BTreeMap<String, String>);

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

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        Self::caused(&error, "")
    }
}

/// A demo that is being shown.
struct Demo<'a> {
    set: &'static Set,
    folder: PathBuf,
    context: &'a Context,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let began = Instant::now();
    let screen = context.screen;
    let set = Set::named(&args.set).unwrap_or(&sets::SETS[0]);
    let is_quickstart = set.name == "quickstart";
    let named = args.folder.is_some();
    let folder = args.folder.unwrap_or_else(|| {
        PathBuf::from(if is_quickstart {
            "sfsync-demo".to_owned()
        } else {
            format!("sfsync-demo-{}", set.name)
        })
    });
    let demo = Demo { set, folder, context };
    demo.prepare()?;
    let count = if is_quickstart { OPPORTUNITIES } else { OPPORTUNITIES_OF_SETS };
    let sandbox = demo.org(args.opportunities.unwrap_or(count)).await?;
    let app = demo.app().await?;
    let notices = sets::notices().await?;
    let service = demo.service(&sandbox, app.as_ref(), &notices).await?;
    let loaded = load(&service, screen).await;
    screen.remark(&told_of_load(&loaded, began.elapsed()));
    screen.remark(&where_to_look(&demo.folder, set, &service));
    sandbox.live(EDITS_PER_SECOND);
    screen.remark("Records are edited in the org now, about 5 per second. Ctrl-C ends.\n");
    let left = args.length.map(|length| length.saturating_sub(began.elapsed()));
    let others = show::Others { set, app: app.as_ref(), notices: &notices };
    tokio::select! {
        () = follow(&service, left, &others, screen) => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    let last = service.control.pipelines();
    service.end().await;
    sandbox.shutdown().await;
    if screen.json {
        screen.show(&last, String::new);
    }
    screen.remark(&hint(&demo.folder, set, named));
    Ok(if last.is_empty() || last.iter().any(broken) { Exit::Errors } else { Exit::Done })
}

fn broken(status: &PipelineStatus) -> bool {
    matches!(status.state, State::Blocked | State::Invalid)
}

impl Demo<'_> {
    /// Writes the files that are not there. The org begins afresh with every demo, so the state and the databases do, too.
    fn prepare(&self) -> Result<(), Failure> {
        let failed = |path: &Path, error: &std::io::Error| {
            let said = format!("cannot write {}: {error}", path.display());
            Failure::new(said, "go to a folder that you may write")
        };
        for (name, text) in self.set.for_stand_ins() {
            let path = self.folder.join(name);
            if path.exists() {
                continue;
            }
            let parent = path.parent().unwrap_or(&self.folder);
            std::fs::create_dir_all(parent).map_err(|error| failed(parent, &error))?;
            // The first line names the schema for editors: here it lies beside the files.
            let text = text.replace("$schema=../../", "$schema=");
            std::fs::write(&path, text).map_err(|error| failed(&path, &error))?;
        }
        super::write::schemas(&self.folder)?;
        let databases = ["warehouse.db", "app.db"].into_iter();
        let files = databases.flat_map(|name| ["", "-wal", "-shm"].map(|end| format!("{name}{end}")));
        for old in files.chain(["state/state.redb".to_owned()]) {
            let path = self.folder.join(old);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(failed(&path, &error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    async fn org(&self, opportunities: u32) -> Result<Sandbox, Failure> {
        let began = Instant::now();
        let org = OrgConfig { customizations: self.set.customizations(), ..OrgConfig::default() };
        let population = Some(Population::around(opportunities));
        let sandbox = Sandbox::start(SandboxConfig { org, population, ..SandboxConfig::default() }).await;
        let sandbox = sandbox.map_err(|error| Failure::caused(&error, ""))?;
        let seconds = began.elapsed().as_secs_f32();
        let count = thousands(u64::from(opportunities));
        self.context.screen.remark(&format!(
            "A simulated Salesforce org with {count} opportunities at {} ({seconds:.1} s)",
            sandbox.url()
        ));
        Ok(sandbox)
    }

    async fn app(&self) -> Result<Option<App>, Failure> {
        let Some(description) = self.set.app() else { return Ok(None) };
        let settings =
            AppSettings { database: Some(self.folder.join("app.db")), seed: true, ..AppSettings::default() };
        let app = App::start_with(description, settings).await?;
        self.context.screen.remark(&format!("An app that plays {} at {}", self.set.name, app.address()));
        Ok(Some(app))
    }

    async fn service(&self, sandbox: &Sandbox, app: Option<&App>, notices: &App) -> Result<Service, Failure> {
        let screen = self.context.screen;
        let socket = self.context.socket.clone().unwrap_or_else(|| self.folder.join("sfsync.sock"));
        // A free port: a daemon may be running beside the demo.
        let serving = Serving { listen: "127.0.0.1:0".to_owned(), sockets: vec![socket], admin_token: None };
        let listening = Listening::bind(serving).await?;
        let public_url = format!("http://{}", listening.address());
        let database = self.folder.join("warehouse.db").display().to_string();
        let stand_ins = StandIns { sandbox, app, notices, database: &database, public_url: &public_url };
        let start = Start {
            public_url: Some(public_url.clone()),
            state: self.folder.join("state"),
            secrets: Arc::new(DemoSecrets(self.set.secrets(&stand_ins))),
            folder: self.folder.clone(),
            level: None,
            reloaded: Some(Box::new(move |report| screen.remark(&told_of_reload(report)))),
        };
        let service = Service::start(listening, start).await?;
        stand_ins.call_back(self.set);
        Ok(service)
    }
}
