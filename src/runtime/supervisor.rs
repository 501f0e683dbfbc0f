//! All pipelines of a folder under one roof. *Desired* (what the files say) and *running* are two values; how files become
//! pipelines stands in `reload`, when they are looked at in [`super::follow`], how a task is kept alive in [`super::keeper`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{Mutex, Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::build::{self, Workshop};
use super::control::ReloadReport;
use super::folder::{self, Texts};
use super::follow::Reloaded;
use super::keeper::{Keeper, News};
use super::lineage::{Lineage, Made};
use super::load::{self, Loading};
use super::metrics::Metrics;
use super::registry::{Registry, Running};
use super::sign_in::SignIns;
use super::status::{ConfigStatus, PipelineStatus, State, StatusCounts};
use super::task::{Command, Task, TaskObserver, TaskParts};
use super::world::{Secrets, World};
use crate::connect::ConnectError;
pub use crate::connect::Limit;
use crate::expr::Engine;
use crate::model::{Class, Clock, ConnectionName, Counts, PipelineName};
use crate::plan::catalog::Catalog;
use crate::plan::{Files, Pipeline};
use crate::store::{LastGood, Store, StoreError};
use crate::telemetry::LevelHandle;

/// How long a task may take to come to the end of its batch.
const DEADLINE: Duration = Duration::from_secs(30);

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
    pub(super) reloaded: RwLock<Option<Reloaded>>,
    pub(super) callback: RwLock<Option<String>>,
    pub(super) sign_ins: SignIns,
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

    pub(super) fn latest(&self) -> Arc<Latest> {
        Arc::clone(&self.latest.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn set_latest(&self, latest: Latest) {
        *self.latest.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(latest);
    }

    /// Ends tasks at the end of their batches, all at the same time.
    pub(super) async fn end_all(&self, names: &[PipelineName]) {
        let mut ending = Vec::new();
        for name in names {
            if let Some(live) = self.live.lock().await.remove(name) {
                live.stop.cancel();
                ending.push(self.ended(name, live));
            }
        }
        join_all(ending).await;
    }

    async fn ended(&self, name: &PipelineName, live: Live) {
        let mut keeper = live.keeper;
        if tokio::time::timeout(DEADLINE, &mut keeper).await.is_err() {
            tracing::warn!(pipeline = %name, "the pipeline did not end its batch in time; it will be repeated");
            keeper.abort();
            let _aborted = keeper.await;
        }
        self.registry.remove(name);
    }

    /// Starts the task of a plan. A system that cannot be reached now is tried again by the task's own rules.
    pub(super) async fn begin(self: &Arc<Self>, seed: Seed) {
        let (commands, receiver) = mpsc::channel(16);
        let stop = self.stop.child_token();
        let (plan, made_of) = (Arc::clone(&seed.plan), seed.made_of.clone());
        let kept = Arc::clone(self).keep(seed, receiver, stop.clone());
        let keeper = AbortOnDropHandle::new(tokio::spawn(kept));
        let name = plan.name.clone();
        self.live.lock().await.insert(name, Live { made_of, plan, commands, stop, keeper });
    }

    async fn keep(self: Arc<Self>, seed: Seed, commands: mpsc::Receiver<Command>, stop: CancellationToken) {
        let name = seed.plan.name.clone();
        let status = self.status_of(&name);
        if !seed.plan.enabled {
            status.send_modify(|status| {
                status.state = State::Disabled;
                status.message = "enabled: false".to_owned();
                status.next_look = None;
            });
            self.changed.notify_waiters();
            return disabled(commands, stop).await;
        }
        let tell = |news: News<'_>| self.hear(&name, &status, &news);
        let keeper = Keeper { clock: Arc::clone(&self.clock), stop: stop.clone(), tell };
        keeper
            .keep(commands, |receiver| {
                let (supervisor, seed, stop) = (&self, &seed, stop.clone());
                async move { supervisor.task(seed, (receiver, stop)).await.map(Task::run) }
            })
            .await;
        self.registry.remove(&name);
    }

    fn hear(&self, name: &PipelineName, status: &watch::Sender<PipelineStatus>, news: &News<'_>) {
        self.registry.remove(name);
        match news {
            News::CannotBegin(error) => {
                tracing::warn!(pipeline = %name, %error, "the pipeline cannot start");
                let help = error.help.as_deref().map(|help| format!(" ({help})")).unwrap_or_default();
                status.send_modify(|status| {
                    status.state = if error.class.is_retried() { State::Degraded } else { State::Blocked };
                    status.message = format!("{}{help}", error.message);
                });
            }
            News::Panicked(count) => {
                tracing::error!(pipeline = %name, count, "the pipeline panicked and begins again; this is a bug");
            }
            News::GivenUp => status.send_modify(|status| {
                status.state = State::Blocked;
                status.message =
                    "it panicked five times in ten minutes; this is a bug, see the log".to_owned();
            }),
        }
        self.changed.notify_waiters();
    }

    pub(super) fn status_of(&self, name: &PipelineName) -> watch::Sender<PipelineStatus> {
        let mut statuses = self.statuses.write().unwrap_or_else(PoisonError::into_inner);
        statuses.entry(name.clone()).or_insert_with(|| watch::Sender::new(new_status(name))).clone()
    }

    pub(super) fn drop_status(&self, name: &PipelineName) {
        self.statuses.write().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    async fn task(
        self: &Arc<Self>,
        seed: &Seed,
        (commands, stop): (mpsc::Receiver<Command>, CancellationToken),
    ) -> Result<Task, ConnectError> {
        let plan = &seed.plan;
        self.needs_schema(seed).await?;
        let entered = self.lineage.enter(&self.store, &plan.name, &seed.made, self.clock.now());
        entered.map_err(build::state_failed)?;
        let status = self.status_of(&plan.name);
        let observer = Arc::new(TaskObserver {
            name: plan.name.clone(),
            status: status.clone(),
            changed: Arc::clone(&self.changed),
            registry: Arc::downgrade(&self.registry),
            metrics: Arc::clone(&self.metrics),
            done: std::sync::Mutex::new(0),
        });
        let shop = self.workshop();
        let references: Arc<dyn super::batch::References> = Arc::clone(&self.registry) as _;
        let runner = build::runner(&shop, plan, (&seed.files, &seed.catalog), references, observer).await?;
        let runner = Arc::new(Mutex::new(runner));
        let wake = Arc::new(Notify::new());
        let running = Running {
            runner: Arc::clone(&runner),
            scope: plan.salesforce.scope,
            looks_up: plan.looks_up.clone(),
            wake: Arc::clone(&wake),
            status: status.subscribe(),
        };
        let task = Task::new(TaskParts {
            runner,
            pipeline: Arc::clone(plan),
            store: Arc::clone(&self.store),
            registry: Arc::clone(&self.registry),
            clock: Arc::clone(&self.clock),
            zone: seed.files.timezone(),
            status,
            changed: Arc::clone(&self.changed),
            wake,
            commands,
            stop,
            metrics: Arc::clone(&self.metrics),
        });
        self.registry.insert(plan.name.clone(), running);
        Ok(task)
    }

    /// What runners are made with.
    pub(super) fn workshop(&self) -> Workshop {
        Workshop {
            world: Arc::clone(&self.world),
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            limit: self.limit,
            only_looks: false,
        }
    }

    /// A plan that was made while its org could not be reached knows too little to run: once the org answers, the files are loaded again.
    async fn needs_schema(&self, seed: &Seed) -> Result<(), ConnectError> {
        let side = &seed.plan.salesforce;
        let org = seed.catalog.org(&side.connection);
        if org.is_some_and(|org| org.object(&side.object).known().is_some()) {
            return Ok(());
        }
        if let Some(file) = seed.files.connection(&side.connection).and_then(|file| file.value())
            && let super::world::System::Salesforce(client) = self.world.open(file).await?
        {
            client.sign_in().await?;
        }
        self.relook.notify_one();
        let message = format!("the schema of {} in {} is not known yet", side.object, side.connection);
        Err(ConnectError::new("R112", Class::TRANSIENT, message))
    }

    /// Checks the text of one file among the files that are there; nothing is taken over.
    pub fn check_text(&self, path: &str, text: &str) -> ReloadReport {
        let mut texts = folder::read(&self.folder).unwrap_or_default();
        let name = path
            .rsplit('/')
            .next()
            .unwrap_or(path)
            .trim_end_matches(".yaml")
            .trim_end_matches(".yml")
            .to_owned();
        let file = folder::File { path: path.to_owned(), bytes: text.as_bytes().to_vec() };
        if path.contains("connections/") {
            texts.connections.insert(name, file);
        } else if name == "settings" {
            texts.settings = Some(file);
        } else {
            texts.pipelines.insert(name, file);
        }
        let files = load::parse(&texts, |path| self.since(path));
        let latest = self.latest();
        let loading = Loading {
            engine: &self.engine,
            catalog: &latest.catalog,
            now: self.clock.now(),
            ignore_not_yet: false,
        };
        let loaded = load::load(files, &loading);
        let map = &loaded.files.map;
        let here = |message: &&crate::diag::Diagnostic| {
            message
                .primary
                .as_ref()
                .and_then(|label| map.get(label.span.source))
                .is_some_and(|source| &*source.path == path)
        };
        let diagnostics =
            loaded.compiled.diagnostics.iter().filter(here).map(|message| crate::diag::to_data(message, map));
        ReloadReport { files: Vec::new(), diagnostics: diagnostics.collect() }
    }

    /// All statuses by name.
    pub fn statuses(&self) -> Vec<PipelineStatus> {
        let statuses = self.statuses.read().unwrap_or_else(PoisonError::into_inner);
        statuses.values().map(|status| status.borrow().clone()).collect()
    }

    /// Follows the status of a pipeline.
    pub fn status_receiver(&self, name: &PipelineName) -> Option<watch::Receiver<PipelineStatus>> {
        let statuses = self.statuses.read().unwrap_or_else(PoisonError::into_inner);
        statuses.get(name).map(watch::Sender::subscribe)
    }

    /// Gives a command to a pipeline; false if there is none of that name with a task.
    pub async fn command(&self, name: &PipelineName, command: Command) -> bool {
        let sender = self.live.lock().await.get(name).map(|live| live.commands.clone());
        match sender {
            Some(sender) => sender.send(command).await.is_ok(),
            None => false,
        }
    }

    /// The plan that runs.
    pub async fn plan(&self, name: &PipelineName) -> Option<Arc<Pipeline>> {
        self.live.lock().await.get(name).map(|live| Arc::clone(&live.plan))
    }

    /// All plans that run.
    pub async fn plans(&self) -> Vec<Arc<Pipeline>> {
        self.live.lock().await.values().map(|live| Arc::clone(&live.plan)).collect()
    }
}

/// Lives without doing anything.
async fn disabled(mut commands: mpsc::Receiver<Command>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            command = commands.recv() => if command.is_none() { return },
        }
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
        push: "–".to_owned(),
        progress: None,
        totals: Counts::default(),
        passes: 0,
        comparisons: 0,
        next_look: None,
    }
}
