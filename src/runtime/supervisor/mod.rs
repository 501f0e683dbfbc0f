//! All pipelines of a folder under one roof. *Desired* (what the files say) and *running* are two values; how files become
//! pipelines stands in `reload`, when they are looked at in [`super::follow`], how a task is kept alive in [`super::keeper`]. Here: what a
//! daemon is made of, its beginning and its end; `tasks` begins and ends pipelines, `ask` answers questions.

mod ask;
mod tasks;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use futures_util::future::join_all;
use tokio::sync::{Mutex, Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

pub use crate::connect::Limit;
use crate::expr::Engine;
use crate::model::{Clock, ConnectionName, Counts, PipelineName};
use crate::plan::catalog::Catalog;
use crate::plan::{Files, Pipeline};
use crate::runtime::control::ReloadReport;
use crate::runtime::folder::{self, Texts};
use crate::runtime::follow::Reloaded;
use crate::runtime::hooks::HookDesk;
use crate::runtime::lineage::{Lineage, Made};
use crate::runtime::load::Earlier;
use crate::runtime::metrics::Metrics;
use crate::runtime::registry::Registry;
use crate::runtime::schemas::Schemas;
use crate::runtime::sign_in::SignIns;
use crate::runtime::status::{ConfigStatus, PipelineStatus, State, StatusCounts};
use crate::runtime::task::Command;
use crate::runtime::world::{Secrets, World};
use crate::store::{LastGood, Store, StoreError};
use crate::telemetry::LevelHandle;

/// What a daemon is started with.
pub struct Options {
    /// The configuration folder.
    pub folder: PathBuf,
    /// The state.
    pub store: Arc<Store>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Where secrets come from.
    pub secrets: Arc<dyn Secrets>,
    /// Bounds of a batch.
    pub limit: Limit,
}

/// A daemon that could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The folder cannot be read.
    #[error("the configuration folder {folder} cannot be read")]
    Folder {
        /// The folder.
        folder: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The state failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A pipeline with a task.
pub(super) struct Live {
    pub(super) made_of: MadeOf,
    pub(super) plan: Arc<Pipeline>,
    commands: mpsc::Sender<Command>,
    stop: CancellationToken,
    keeper: AbortOnDropHandle<()>,
}

/// What a task was made of, besides its plan: when this changes, it is made anew.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct MadeOf {
    /// The text of the file.
    pub(super) text: Arc<str>,
    /// Both connections, secrets included, as hashes.
    pub(super) systems: [u64; 2],
    /// Time zone of the settings.
    pub(super) zone: String,
    /// Whether the schema of the object and of the table was known.
    pub(super) known: [bool; 2],
}

impl Drop for Supervisor {
    /// Runners know the registry and the registry knows the runners: without this the state would stay open.
    fn drop(&mut self) {
        self.registry.clear();
    }
}

/// What a task grows from, again and again.
pub(super) struct Seed {
    pub(super) plan: Arc<Pipeline>,
    pub(super) made: Made,
    pub(super) made_of: MadeOf,
    pub(super) files: Arc<Files>,
    pub(super) catalog: Arc<Catalog>,
}

/// Everything the daemon is made of.
pub struct Supervisor {
    pub(super) folder: PathBuf,
    pub(super) store: Arc<Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) engine: Engine,
    pub(super) world: Arc<World>,
    pub(super) registry: Arc<Registry>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) changed: Arc<Notify>,
    limit: Limit,
    pub(super) live: Mutex<BTreeMap<PipelineName, Live>>,
    statuses: RwLock<BTreeMap<PipelineName, watch::Sender<PipelineStatus>>>,
    latest: RwLock<Arc<Latest>>,
    pub(super) reloading: Mutex<Option<Texts>>,
    pub(super) good: RwLock<BTreeMap<String, LastGood>>,
    pub(super) lineage: Lineage,
    pub(super) relook: Notify,
    pub(super) level: RwLock<Option<LevelHandle>>,
    pub(in crate::runtime) reloaded: RwLock<Option<Reloaded>>,
    pub(in crate::runtime) callback: RwLock<Option<String>>,
    pub(in crate::runtime) sign_ins: SignIns,
    pub(in crate::runtime) hooks: HookDesk,
    pub(super) attendants: std::sync::Mutex<Vec<AbortOnDropHandle<()>>>,
    ready: AtomicBool,
    pub(super) stop: CancellationToken,
}

impl std::fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Supervisor").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// What the last load brought.
#[derive(Default)]
pub struct Latest {
    /// The files on disk.
    pub desired: Arc<Files>,
    /// The files that run: on disk, or the last good version of those that are broken.
    pub files: Arc<Files>,
    /// What is known of the systems.
    pub catalog: Arc<Catalog>,
    /// Connections as they were, as hashes.
    pub connections: BTreeMap<ConnectionName, u64>,
    /// Connections that changed and have not answered since.
    pub moved: BTreeSet<ConnectionName>,
    /// What the load came to.
    pub report: ReloadReport,
    /// What the next load need not do again.
    pub earlier: Earlier,
}

impl Supervisor {
    /// Loads the folder and starts its pipelines. Files are followed once [`Supervisor::follow`] is called.
    pub async fn start(options: Options) -> Result<Arc<Self>, StartError> {
        let store = options.store;
        let world =
            Arc::new(World::new(Arc::clone(&options.clock), options.secrets, Some(Arc::clone(&store))));
        let good = store.last_good_files()?.into_iter().collect();
        let supervisor = Arc::new(Self {
            folder: options.folder,
            store,
            clock: options.clock,
            engine: Engine::new(),
            world,
            registry: Arc::default(),
            metrics: Arc::new(Metrics::new()),
            changed: Arc::default(),
            limit: options.limit,
            live: Mutex::default(),
            statuses: RwLock::default(),
            latest: RwLock::default(),
            reloading: Mutex::new(None),
            good: RwLock::new(good),
            lineage: Lineage::default(),
            relook: Notify::new(),
            level: RwLock::default(),
            reloaded: RwLock::default(),
            callback: RwLock::default(),
            sign_ins: SignIns::default(),
            hooks: HookDesk::default(),
            attendants: std::sync::Mutex::default(),
            ready: AtomicBool::new(false),
            stop: CancellationToken::new(),
        });
        supervisor.reload_now(true).await?;
        supervisor.ready.store(true, Ordering::Release);
        supervisor.attend();
        Ok(supervisor)
    }

    /// State opened and first load of files done.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Stops all pipelines at the end of their batches, and what has not come to it in half a minute in the middle; that batch is repeated
    /// after the next start. The state may be closed afterwards.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        let attendants = std::mem::take(&mut *self.attendants.lock().unwrap_or_else(PoisonError::into_inner));
        join_all(attendants).await;
        let names: Vec<PipelineName> = self.live.lock().await.keys().cloned().collect();
        self.end_all(&names).await;
    }

    /// Loads the files now. Nothing happens if they are as they were, unless `always`: then what is broken or unknown is looked at again.
    pub async fn reload_now(self: &Arc<Self>, always: bool) -> Result<ReloadReport, StartError> {
        let mut last = self.reloading.lock().await;
        let texts = folder::read(&self.folder)
            .map_err(|source| StartError::Folder { folder: self.folder.display().to_string(), source })?;
        if !always && last.as_ref() == Some(&texts) {
            return Ok(self.latest().report.clone());
        }
        let report = self.take_over(&texts, always).await?;
        *last = Some(texts);
        Ok(report)
    }

    /// What is known of the systems.
    pub fn schemas(&self) -> Schemas {
        Schemas::from(&*self.latest().catalog)
    }

    pub(super) fn latest(&self) -> Arc<Latest> {
        Arc::clone(&self.latest.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn set_latest(&self, latest: Latest) {
        *self.latest.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(latest);
        self.registry.tell_moved();
    }
}

/// A pipeline of which nothing is known yet.
pub(super) fn new_status(name: &PipelineName) -> PipelineStatus {
    PipelineStatus {
        name: name.clone(),
        state: State::Loading,
        message: String::new(),
        config: ConfigStatus::default(),
        conditions: Vec::new(),
        counts: StatusCounts::default(),
        caught_up: None,
        push: PipelineStatus::NO_PUSH.to_owned(),
        progress: None,
        totals: Counts::default(),
        passes: 0,
        comparisons: 0,
        comparison: None,
        next_look: None,
    }
}
