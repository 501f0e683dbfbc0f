//! `sfsync daemon`: the service. Read [`Service`]; the demo runs the same one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Context;
use super::bench;
use super::exit::{Exit, Failure};
use crate::model::Clock;
use crate::runtime::clock::SystemClock;
use crate::runtime::control::{Control, ReloadReport};
use crate::runtime::doors::Door;
use crate::runtime::folder;
use crate::runtime::service::open_state;
use crate::runtime::supervisor::{Options, StartError, Supervisor};
use crate::runtime::watch::{Timing, Watch};
use crate::runtime::world::{ProcessSecrets, Secrets};
use crate::serve::{self, ControlSlot, Listening, Serving};
use crate::telemetry::{self, LevelHandle};

/// Run the service: follow changes, load edited files, answer on HTTP and on the unix socket
///
/// Ends by SIGTERM or Ctrl-C after the batches under way; SIGHUP loads the files. Broken files never stop what runs.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The configuration folder
    folder: Option<PathBuf>,
    /// Listen here instead of `listen` in settings.yaml
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// Keep the state here instead of in `state` of settings.yaml
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// How log lines look
    #[arg(long, value_name = "FORM", default_value = "text")]
    log_format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let folder = args.folder.clone().unwrap_or_else(|| context.folder());
    let mut settings = bench::settings(&folder)?;
    settings.listen = args.listen.unwrap_or(settings.listen);
    settings.state = args.state.unwrap_or(settings.state);
    let format = match args.log_format {
        LogFormat::Text => telemetry::Format::Text,
        LogFormat::Json => telemetry::Format::Json,
    };
    let level = telemetry::init(settings.log, format);
    let sockets =
        context.socket.clone().map_or_else(|| serve::candidates(Some(&settings.state)), |path| vec![path]);
    let start = Start {
        serving: Serving { listen: settings.listen, sockets, admin_token: settings.admin_token },
        state: settings.state,
        secrets: Arc::new(ProcessSecrets),
        folder: folder.clone(),
        reloaded: Box::new(move |_| follow_level(&folder, level.as_ref())),
    };
    let service = Service::start(start).await?;
    tracing::info!(address = %service.address, socket = %service.socket.display(), "ready");
    ended_by_signal(&service).await?;
    tracing::info!("stopping after the batches under way");
    service.end().await;
    tracing::info!("stopped");
    Ok(Exit::Done)
}

/// `log` of settings.yaml is hot; a broken settings.yaml changes nothing.
fn follow_level(folder: &Path, level: Option<&LevelHandle>) {
    if let (Some(level), Ok(settings)) = (level, bench::settings(folder)) {
        level.set(settings.log);
    }
}

/// Waits for SIGTERM or Ctrl-C; SIGHUP loads the files meanwhile.
async fn ended_by_signal(service: &Service) -> Result<(), Failure> {
    let (mut terminate, mut hang_up) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            ended = tokio::signal::ctrl_c() => return Ok(ended?),
            _ = hang_up.recv() => service.reload().await,
        }
    }
}

/// What a service is started with.
pub(super) struct Start {
    pub(super) serving: Serving,
    pub(super) state: PathBuf,
    pub(super) secrets: Arc<dyn Secrets>,
    pub(super) folder: PathBuf,
    /// Called after files were loaded again.
    pub(super) reloaded: Box<dyn Fn(&ReloadReport) + Send + Sync>,
}

/// A running supervisor, its doors, and the watch over its files.
pub(super) struct Service {
    pub(super) control: Arc<dyn Control>,
    pub(super) address: std::net::SocketAddr,
    pub(super) socket: PathBuf,
    supervisor: Arc<Supervisor>,
    reloaded: Arc<dyn Fn(&ReloadReport) + Send + Sync>,
    stop: CancellationToken,
    server: JoinHandle<std::io::Result<()>>,
    watcher: JoinHandle<()>,
}

impl Service {
    /// Binds, opens the state, loads the files, starts the pipelines, answers. In this order, so that what keeps a daemon from starting
    /// is said before anything is touched.
    pub(super) async fn start(start: Start) -> Result<Self, Failure> {
        let listening = Listening::bind(start.serving).await?;
        let store = open_state(&start.state).map_err(|error| {
            let help = error.help().unwrap_or_default();
            Failure::caused(&error, help)
        })?;
        // What is on disk before the first load: whatever is written after it is a change.
        let seen = folder::read(&start.folder).ok();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        #[allow(clippy::default_trait_access)]
        // the type of the limit belongs to a layer that the command line may not name
        let options = Options {
            folder: start.folder.clone(),
            store,
            clock: Arc::clone(&clock),
            secrets: start.secrets,
            limit: crate::runtime::supervisor::Limit::default(),
        };
        let (stop, reloaded) = (CancellationToken::new(), Arc::from(start.reloaded));
        let (address, socket) = (listening.address(), listening.socket().to_owned());
        let slot = ControlSlot::default();
        let server = tokio::spawn(listening.serve(Arc::clone(&slot), None, stop.clone()));
        let supervisor = match Supervisor::start(options).await {
            Ok(supervisor) => supervisor,
            Err(error) => {
                stop.cancel();
                let _ = server.await;
                return Err(not_started(&error));
            }
        };
        let control: Arc<dyn Control> = Arc::new(Door(Arc::clone(&supervisor)));
        let _ = slot.set(Arc::clone(&control));
        let folder = start.folder;
        let read = folder.clone();
        let watch = Watch::new(&folder, move || folder::read(&read), seen, (clock, Timing::default()));
        let watcher =
            tokio::spawn(watched(watch, Arc::clone(&supervisor), Arc::clone(&reloaded), stop.clone()));
        Ok(Self { control, address, socket, supervisor, reloaded, stop, server, watcher })
    }

    /// Loads the files now.
    async fn reload(&self) {
        load(&self.supervisor, &self.reloaded, true).await;
    }

    /// Stops answering, then the pipelines at the end of their batches.
    pub(super) async fn end(self) {
        self.stop.cancel();
        let _ = self.watcher.await;
        if let Ok(Err(error)) = self.server.await {
            tracing::warn!(%error, "a listener failed");
        }
        self.supervisor.shutdown().await;
    }
}

fn not_started(error: &StartError) -> Failure {
    let help = match error {
        StartError::Folder { .. } => "name the configuration folder: sfsync daemon <folder>",
        StartError::Store(error) => error.help().unwrap_or_default(),
    };
    Failure::caused(error, help)
}

type Reloaded = Arc<dyn Fn(&ReloadReport) + Send + Sync>;

async fn watched(
    mut watch: Watch<folder::Texts>,
    supervisor: Arc<Supervisor>,
    reloaded: Reloaded,
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = watch.changed() => load(&supervisor, &reloaded, false).await,
        }
    }
}

async fn load(supervisor: &Arc<Supervisor>, reloaded: &Reloaded, always: bool) {
    match supervisor.reload_now(always).await {
        Ok(report) => {
            let errors: usize = report.files.iter().map(|file| file.errors).sum();
            tracing::info!(files = report.files.len(), errors, "files loaded");
            reloaded(&report);
        }
        Err(error) => tracing::warn!(%error, "the files cannot be loaded, what runs stays"),
    }
}
