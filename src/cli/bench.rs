//! The folder on the workbench, for the verbs that need no daemon.

use std::path::Path;
use std::sync::Arc;

use super::Context;
use super::call::Daemon;
use super::exit::Failure;
use crate::runtime::clock::SystemClock;
use crate::runtime::control::ControlError;
use crate::runtime::pass::PassError;
use crate::runtime::schemas::Schemas;
use crate::runtime::service::{
    ServiceSettings, SettingsError, StateOpened, is_begun, open_state, state_to_look_at,
};
use crate::runtime::workbench::{WorkError, Workbench};
use crate::runtime::world::ProcessSecrets;

impl From<WorkError> for Failure {
    fn from(error: WorkError) -> Self {
        let help = match &error {
            WorkError::Folder(..) => "name the configuration folder with --config, or go there",
            WorkError::Store(error) => error.help().unwrap_or_default(),
            WorkError::Connect(error) => return Self::caused(error, error.help.clone().unwrap_or_default()),
            WorkError::Pass(PassError::Connect(error)) => {
                return Self::caused(error, error.help.clone().unwrap_or_default());
            }
            WorkError::Pass(_) | WorkError::Unknown(_) | WorkError::Broken(_) | WorkError::Paused { .. } => {
                ""
            }
        };
        Self::caused(&error, help)
    }
}

impl From<ControlError> for Failure {
    fn from(error: ControlError) -> Self {
        Self::new(error.message, error.help)
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        let help = match &error {
            SettingsError::Folder { .. } => "name the configuration folder with --config, or go there",
            SettingsError::Broken(_) => "correct settings.yaml",
            SettingsError::Secret(error) => error.help.as_deref().unwrap_or_default(),
        };
        Self::new(error.to_string().trim_end().to_owned(), help)
    }
}

/// The settings of a folder.
pub(super) fn settings(folder: &Path) -> Result<ServiceSettings, SettingsError> {
    ServiceSettings::read(folder, Arc::new(ProcessSecrets))
}

/// The folder without a state: nothing is written, and schemas of earlier runs are not known.
pub(super) fn without_state(context: &Context) -> Result<Workbench, Failure> {
    let bench = Workbench::open(&context.folder(), None, Arc::new(ProcessSecrets), Arc::new(SystemClock))?;
    Ok(bench.only_looking())
}

/// Who does what needs the state.
pub(super) enum Bench {
    /// This command: nobody else has the state.
    Free(Box<Workbench>),
    /// The daemon that has it.
    Daemon(Daemon),
}

/// The folder with its state, or the daemon that has the state open.
pub(super) fn bench(context: &Context) -> Result<Bench, Failure> {
    bench_with(context, open_state)
}

/// The same for who only looks: where no state was begun yet, none is begun.
pub(super) fn looking(context: &Context) -> Result<Bench, Failure> {
    Ok(match bench_with(context, state_to_look_at)? {
        Bench::Free(bench) => Bench::Free(Box::new(bench.only_looking())),
        daemon @ Bench::Daemon(_) => daemon,
    })
}

/// The state of the folder, for what only looks at it or notes something in it, or the daemon that has it; where there is none, the daemon
/// that answers.
pub(super) fn daemon_or_state(context: &Context) -> Result<Bench, Failure> {
    let begun = settings(&context.folder()).is_ok_and(|settings| is_begun(&settings.state));
    match looking(context) {
        Ok(bench) if begun => Ok(bench),
        other => {
            let daemon = context.daemon();
            if daemon.answers() { Ok(Bench::Daemon(daemon)) } else { other }
        }
    }
}

fn bench_with(context: &Context, open: fn(&Path) -> StateOpened) -> Result<Bench, Failure> {
    let folder = context.folder();
    // A socket that is named is meant.
    if context.socket.is_some() {
        return Ok(Bench::Daemon(context.daemon()));
    }
    match open(&settings(&folder)?.state) {
        Ok(store) => {
            let bench =
                Workbench::open(&folder, Some(store), Arc::new(ProcessSecrets), Arc::new(SystemClock))?;
            Ok(Bench::Free(Box::new(bench)))
        }
        Err(error) if error.is_in_use() && context.daemon().answers() => Ok(Bench::Daemon(context.daemon())),
        Err(error) => {
            let help = error.help().unwrap_or_default();
            Err(Failure::caused(&error, help))
        }
    }
}

/// The folder with its state, for this command alone.
pub(super) fn alone(context: &Context) -> Result<Workbench, Failure> {
    let folder = context.folder();
    let store = open_state(&settings(&folder)?.state).map_err(|error| {
        let help = if error.is_in_use() {
            "a daemon runs these pipelines already; ask it to look now: sfsync sync <name>   (or stop it first)"
        } else {
            error.help().unwrap_or_default()
        };
        Failure::caused(&error, help)
    })?;
    Ok(Workbench::open(&folder, Some(store), Arc::new(ProcessSecrets), Arc::new(SystemClock))?)
}

/// The folder for a check: with its state, or with what the daemon that has the state knows of the systems.
pub(super) async fn to_check(context: &Context) -> Result<(Workbench, Option<Daemon>), Failure> {
    let mut workbench = with_state_if_free(context)?;
    let taken = || {
        let state = settings(&context.folder()).ok()?.state;
        Some(state.is_dir() && open_state(&state).is_err_and(|error| error.is_in_use()))
    };
    let beside = context.socket.is_some() || (!workbench.has_state() && taken().unwrap_or(false));
    let daemon = Some(context.daemon()).filter(|daemon| beside && daemon.answers());
    if let Some(daemon) = &daemon
        && let Ok(schemas) = daemon.get::<Schemas>(&["api", "schemas"], &()).await
    {
        workbench.know(schemas);
    }
    Ok((workbench, daemon))
}

/// The folder with its state if that is there and free, else without: a check never begins a state and never waits for a daemon.
pub(super) fn with_state_if_free(context: &Context) -> Result<Workbench, Failure> {
    let state =
        settings(&context.folder()).ok().map(|settings| settings.state).filter(|state| state.is_dir());
    let store = state.and_then(|state| open_state(&state).ok());
    let bench = Workbench::open(&context.folder(), store, Arc::new(ProcessSecrets), Arc::new(SystemClock))?;
    Ok(bench.only_looking())
}
