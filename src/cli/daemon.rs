//! `sfsync daemon`: the service. Read [`Service`]; the demo runs the same one.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Context;
use super::bench;
use super::exit::{Exit, Failure};
use crate::model::Clock;
use crate::runtime::clock::SystemClock;
use crate::runtime::control::Control;
use crate::runtime::doors::Door;
use crate::runtime::follow::Reloaded;
use crate::runtime::service::open_state;
use crate::runtime::supervisor::{Options, StartError, Supervisor};
use crate::runtime::watch::Timing;
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
    let serving = Serving { listen: settings.listen, sockets, admin_token: settings.admin_token };
    let start = Start {
        public_url: settings.public_url,
        state: settings.state,
        secrets: Arc::new(ProcessSecrets),
        folder,
        level,
        reloaded: None,
    };
    let service = Service::start(Listening::bind(serving).await?, start).await?;
    tracing::info!(address = %service.address, socket = %service.socket.display(), "ready");
    ended_by_signal().await?;
    tracing::info!("stopping after the batches under way");
    service.end().await;
    tracing::info!("stopped");
    Ok(Exit::Done)
}

/// Waits for SIGTERM or Ctrl-C.
async fn ended_by_signal() -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        ended = tokio::signal::ctrl_c() => Ok(ended?),
    }
}

/// What a service is started with.
pub(super) struct Start {
    /// `public_url` of settings.yaml.
    pub(super) public_url: Option<String>,
    pub(super) state: PathBuf,
    pub(super) secrets: Arc<dyn Secrets>,
    pub(super) folder: PathBuf,
    /// Takes `log` of settings.yaml, which is hot.
    pub(super) level: Option<LevelHandle>,
    /// Called after files were loaded again.
    pub(super) reloaded: Option<Reloaded>,
}

/// A running supervisor that follows its files, and its doors.
pub(super) struct Service {
    pub(super) control: Arc<dyn Control>,
    pub(super) address: std::net::SocketAddr,
    pub(super) socket: PathBuf,
    supervisor: Arc<Supervisor>,
    stop: CancellationToken,
    server: JoinHandle<std::io::Result<()>>,
}

impl Service {
    /// Opens the state, loads the files, starts the pipelines, answers. It is bound before, so that what keeps a daemon from starting
    /// is said before anything is touched.
    pub(super) async fn start(listening: Listening, start: Start) -> Result<Self, Failure> {
        let store = open_state(&start.state).map_err(|error| {
            let help = error.help().unwrap_or_default();
            Failure::caused(&error, help)
        })?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        #[allow(clippy::default_trait_access)]
        // the type of the limit belongs to a layer that the command line may not name
        let options = Options {
            folder: start.folder,
            store,
            clock,
            secrets: start.secrets,
            limit: crate::runtime::supervisor::Limit::default(),
        };
        let stop = CancellationToken::new();
        let (address, socket) = (listening.address(), listening.socket().to_owned());
        let slot = ControlSlot::default();
        let server = tokio::spawn(listening.serve(Arc::clone(&slot), stop.clone()));
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
        if let Some(reloaded) = start.reloaded {
            supervisor.tell_reloads(reloaded);
        }
        if let Some(level) = start.level {
            supervisor.log_through(level);
        }
        supervisor.is_reached_at(callback(start.public_url.as_deref(), address));
        supervisor.follow(Timing::default());
        Ok(Self { control, address, socket, supervisor, stop, server })
    }

    /// Stops answering, then the pipelines at the end of their batches.
    pub(super) async fn end(self) {
        self.stop.cancel();
        if let Ok(Err(error)) = self.server.await {
            tracing::warn!(%error, "a listener failed");
        }
        self.supervisor.shutdown().await;
    }
}

/// Where a browser finds `GET /oauth/callback` of this daemon: at its public address, else on this machine.
fn callback(public_url: Option<&str>, address: std::net::SocketAddr) -> String {
    match public_url {
        Some(url) => format!("{}/oauth/callback", url.trim_end_matches('/')),
        None => format!("http://localhost:{}/oauth/callback", address.port()),
    }
}

fn not_started(error: &StartError) -> Failure {
    let help = match error {
        StartError::Folder { .. } => "name the configuration folder: sfsync daemon <folder>",
        StartError::Store(error) => error.help().unwrap_or_default(),
    };
    Failure::caused(error, help)
}
