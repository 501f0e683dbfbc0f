//! All pipelines of a folder under one roof: files are loaded and loaded again, what changed is swapped between two batches, tasks that
//! panic begin again. *Desired* (what the files say) and *running* are two values; a broken file never changes what runs.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Mutex, Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use xxhash_rust::xxh3::xxh3_64;

use super::build::{self, Workshop};
use super::catalogs;
use super::control::{FileReport, ReloadReport};
use super::folder::{self, Texts};
use super::load::{self, Loaded, Loading};
use super::metrics::Metrics;
use super::registry::{Declared, Registry, Running};
use super::status::{ConfigStatus, PipelineStatus, State, StatusCounts};
use super::task::{Command, Task, TaskObserver, TaskParts};
use super::world::{Secrets, World};
use crate::connect::{ConnectError, Limit};
use crate::expr::Engine;
use crate::model::{Clock, ConnectionName, Counts, PipelineName};
use crate::plan::catalog::Catalog;
use crate::plan::{Files, Pipeline};
use crate::store::{LastGood, Store, StoreError};

/// Panics of one pipeline within this time that end it.
const PANIC_WINDOW: Duration = Duration::from_secs(600);
const PANICS: usize = 5;
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
struct Live {
    identity: u64,
    plan: Arc<Pipeline>,
    commands: mpsc::Sender<Command>,
    stop: CancellationToken,
    watcher: JoinHandle<()>,
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
    live: Mutex<BTreeMap<PipelineName, Live>>,
    statuses: RwLock<BTreeMap<PipelineName, watch::Sender<PipelineStatus>>>,
    pub(super) latest: RwLock<Latest>,
    reloading: Mutex<Option<Texts>>,
    /// Systems that did not answer when files were loaded last.
    unreachable: RwLock<BTreeMap<ConnectionName, ConnectError>>,
    /// Tells that one of them did not.
    missed: Arc<Notify>,
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
    /// The files that run: on disk, or the last good version of those that are broken.
    pub files: Files,
    /// What is known of the systems.
    pub catalog: Catalog,
    /// What the load came to.
    pub report: ReloadReport,
}

impl Supervisor {
    /// Loads the folder and starts its pipelines.
    pub async fn start(options: Options) -> Result<Arc<Self>, StartError> {
        let store = options.store;
        let world =
            Arc::new(World::new(Arc::clone(&options.clock), options.secrets, Some(Arc::clone(&store))));
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
            unreachable: RwLock::default(),
            missed: Arc::default(),
            ready: AtomicBool::new(false),
            stop: CancellationToken::new(),
        });
        supervisor.reload_now(true).await?;
        supervisor.ready.store(true, Ordering::Release);
        let (missed, stop, clock) = (&supervisor.missed, &supervisor.stop, &supervisor.clock);
        tokio::spawn(Self::look_again(
            Arc::downgrade(&supervisor),
            Arc::clone(missed),
            stop.clone(),
            Arc::clone(clock),
        ));
        Ok(supervisor)
    }

    /// Loads the files again as long as a system does not answer: without its schema the plans of its pipelines are only guesses.
    /// It keeps nothing alive while it waits.
    async fn look_again(
        this: Weak<Self>,
        missed: Arc<Notify>,
        stop: CancellationToken,
        clock: Arc<dyn Clock>,
    ) {
        let mut tries = 0_u32;
        loop {
            let pause = Duration::from_secs(1 << tries.min(6));
            let due = async {
                if tries == 0 {
                    missed.notified().await;
                }
                clock.sleep(pause).await;
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = due => {}
            }
            let Some(supervisor) = this.upgrade() else { return };
            if let Err(error) = supervisor.reload_now(true).await {
                tracing::warn!(%error, "the files could not be loaded again");
            }
            tries = if supervisor.unreachable().is_empty() { 0 } else { tries + 1 };
        }
    }

    fn unreachable(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<ConnectionName, ConnectError>> {
        self.unreachable.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why a plan is only a guess: a system that did not answer, and whose schema nobody remembers.
    fn guessed(&self, seed: &Seed) -> Option<ConnectError> {
        let (plan, catalog) = (&seed.plan, &seed.catalog);
        let object = catalog.org(&plan.salesforce.connection).map(|org| org.object(&plan.salesforce.object));
        let knows_object = object.is_some_and(|object| object.known().is_some());
        let knows_app = catalog.database(&plan.app.connection).is_some();
        let unreachable = self.unreachable();
        let missed = [(&plan.salesforce.connection, knows_object), (&plan.app.connection, knows_app)];
        let error = missed.into_iter().find_map(|(name, known)| unreachable.get(name).filter(|_| !known))?;
        let mut again = ConnectError::new(error.code, error.class, error.message.clone());
        again.help.clone_from(&error.help);
        Some(again)
    }

    /// State opened and first load of files done.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Stops all pipelines at the end of their batches. The state may be closed afterwards.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        let names: Vec<PipelineName> = self.live.lock().await.keys().cloned().collect();
        for name in names {
            self.end(&name).await;
        }
    }

    /// Loads the files now. Nothing happens if they are as they were, unless `always`.
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

    pub(super) fn latest(&self) -> std::sync::RwLockReadGuard<'_, Latest> {
        self.latest.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// All or nothing per file: what is good is taken over, what is broken leaves its last good version running.
    async fn take_over(self: &Arc<Self>, texts: &Texts, again: bool) -> Result<ReloadReport, StartError> {
        let now = self.clock.now();
        let files = load::parse(texts, |path| self.since(path));
        let looked =
            catalogs::look(&files, &self.world, Some(&self.store), now, again && self.is_ready()).await;
        for (connection, error) in &looked.unreachable {
            tracing::warn!(%connection, %error, "connection cannot be reached");
        }
        if !looked.unreachable.is_empty() {
            self.missed.notify_one();
        }
        *self.unreachable.write().unwrap_or_else(PoisonError::into_inner) = looked.unreachable;
        let loading = Loading { engine: &self.engine, catalog: &looked.catalog, now, ignore_not_yet: false };
        let desired = load::load(files, &loading);
        let (effective, old) = self.effective(texts, &desired, &loading)?;
        let running = effective.as_ref().unwrap_or(&desired);
        self.apply(running, &looked.catalog).await;
        self.remember(texts, &desired, now)?;
        let report = self.report(texts, &desired, &old).await;
        self.show_configs(texts, &desired, &old, now);
        let files = running.files.clone();
        *self.latest.write().unwrap_or_else(PoisonError::into_inner) =
            Latest { files, catalog: looked.catalog, report: report.clone() };
        Ok(report)
    }

    fn since(&self, path: &str) -> Option<Timestamp> {
        self.store.last_good(path).ok().flatten().map(|good| good.loaded_at)
    }

    /// The files as they run: broken pipelines in their last good version. `None` where nothing is broken.
    fn effective(
        &self,
        texts: &Texts,
        desired: &Loaded,
        loading: &Loading<'_>,
    ) -> Result<(Option<Loaded>, BTreeMap<PipelineName, Timestamp>), StoreError> {
        let mut replaced = texts.clone();
        let mut old = BTreeMap::new();
        let mut broken = false;
        for (name, plan) in &desired.compiled.pipelines {
            if plan.is_ok() {
                continue;
            }
            broken = true;
            let Some(file) = texts.pipelines.get(name.as_str()) else { continue };
            match self.store.last_good(&file.path)? {
                Some(good) => {
                    let file = folder::File { path: file.path.clone(), bytes: good.text.into_bytes() };
                    replaced.pipelines.insert(name.to_string(), file);
                    old.insert(name.clone(), good.loaded_at);
                }
                None => drop(replaced.pipelines.remove(name.as_str())),
            }
        }
        if !broken {
            return Ok((None, old));
        }
        let loaded = load::load(load::parse(&replaced, |path| self.since(path)), loading);
        old.retain(|name, _| loaded.compiled.pipelines.get(name).is_some_and(Result::is_ok));
        Ok((Some(loaded), old))
    }

    /// Starts what is new, swaps what changed, ends what is gone.
    async fn apply(self: &Arc<Self>, loaded: &Loaded, catalog: &Catalog) {
        let plans = loaded.compiled.plans();
        let gone: Vec<PipelineName> = {
            let live = self.live.lock().await;
            live.keys().filter(|name| !plans.iter().any(|plan| plan.name == **name)).cloned().collect()
        };
        for name in gone {
            if !loaded.compiled.pipelines.contains_key(&name) {
                self.end(&name).await;
                self.statuses.write().unwrap_or_else(PoisonError::into_inner).remove(&name);
                tracing::info!(pipeline = %name, "pipeline removed; its state is kept");
            }
        }
        self.declare(&plans);
        for (place, plan) in plans.iter().enumerate() {
            let identity = self.identity(&loaded.files, plan);
            let same = self.live.lock().await.get(&plan.name).is_some_and(|live| live.identity == identity);
            if !same {
                self.end(&plan.name).await;
                self.begin(plan, (place, identity), (&loaded.files, catalog)).await;
            }
        }
    }

    fn declare(&self, plans: &[Arc<Pipeline>]) {
        let declared = plans.iter().enumerate().map(|(place, plan)| {
            let status = self.status_of(&plan.name).subscribe();
            (plan.name.clone(), Declared { place, scope: plan.salesforce.scope, status })
        });
        self.registry.declare(declared.collect());
    }

    /// Changes when anything changes that the pipeline is made of.
    fn identity(&self, files: &Files, plan: &Pipeline) -> u64 {
        let mut text = String::new();
        if let Some(file) = files.pipeline(&plan.name)
            && let Some(source) = files.map.get(file.source)
        {
            text.push_str(&source.text);
        }
        for name in [&plan.salesforce.connection, &plan.app.connection] {
            let identity =
                files.connection(name).and_then(|file| file.value()).map(|file| self.world.identity(file));
            text.push_str(&format!("\n{identity:?}"));
        }
        let shape = (&plan.salesforce.schema, &plan.app.schema, plan.lane, &plan.row_set);
        text.push_str(&format!("\n{shape:?}{:?}", files.timezone().iana_name()));
        xxh3_64(text.as_bytes())
    }

    /// Ends a task at the end of its batch.
    async fn end(&self, name: &PipelineName) {
        let Some(live) = self.live.lock().await.remove(name) else { return };
        live.stop.cancel();
        if tokio::time::timeout(DEADLINE, live.watcher).await.is_err() {
            tracing::warn!(pipeline = %name, "the pipeline did not end its batch in time; it will be repeated");
        }
        self.registry.remove(name);
    }

    /// Makes the runner and starts the task. A system that cannot be reached now is tried again by the task's own rules.
    async fn begin(
        self: &Arc<Self>,
        plan: &Arc<Pipeline>,
        (place, identity): (usize, u64),
        (files, catalog): (&Files, &Catalog),
    ) {
        let status = self.status_of(&plan.name);
        let (commands, receiver) = mpsc::channel(16);
        let stop = self.stop.child_token();
        let seed = Seed {
            plan: Arc::clone(plan),
            place,
            files: files.clone(),
            catalog: catalog.clone(),
            status,
            stop: stop.clone(),
        };
        let watcher = tokio::spawn(Arc::clone(self).watch(seed, receiver));
        let live = Live { identity, plan: Arc::clone(plan), commands, stop, watcher };
        self.live.lock().await.insert(plan.name.clone(), live);
    }

    fn status_of(&self, name: &PipelineName) -> watch::Sender<PipelineStatus> {
        let mut statuses = self.statuses.write().unwrap_or_else(PoisonError::into_inner);
        statuses.entry(name.clone()).or_insert_with(|| watch::Sender::new(new_status(name))).clone()
    }

    /// Lives as long as the pipeline: makes its task, and makes it again when it panics.
    async fn watch(self: Arc<Self>, seed: Seed, mut commands: mpsc::Receiver<Command>) {
        let mut panics: VecDeque<Timestamp> = VecDeque::new();
        let mut tries = 0_u32;
        while !seed.stop.is_cancelled() {
            let (forward, receiver) = mpsc::channel(16);
            let task = match self.task(&seed, receiver).await {
                Ok(task) => task,
                Err(error) => {
                    tries += 1;
                    self.blocked(&seed, &error);
                    let pause = Duration::from_secs(1 << tries.min(6));
                    tokio::select! {
                        () = seed.stop.cancelled() => {}
                        _ = commands.recv() => {}
                        () = self.clock.sleep(pause) => {}
                    }
                    continue;
                }
            };
            tries = 0;
            let mut running = tokio::spawn(task.run());
            let ended = loop {
                tokio::select! {
                    ended = &mut running => break ended,
                    Some(command) = commands.recv() => drop(forward.send(command).await),
                }
            };
            self.registry.remove(&seed.plan.name);
            if ended.is_ok() {
                return;
            }
            let now = self.clock.now();
            panics.push_back(now);
            panics.retain(|at| now.duration_since(*at).unsigned_abs() < PANIC_WINDOW);
            tracing::error!(pipeline = %seed.plan.name, count = panics.len(), "the pipeline panicked; this is a bug");
            if panics.len() >= PANICS {
                seed.status.send_modify(|status| {
                    status.state = State::Blocked;
                    status.message =
                        "it panicked five times in ten minutes; this is a bug, see the log".to_owned();
                });
                return;
            }
            self.clock.sleep(Duration::from_secs(1 << panics.len())).await;
        }
    }

    fn blocked(&self, seed: &Seed, error: &ConnectError) {
        tracing::warn!(pipeline = %seed.plan.name, %error, "the pipeline cannot start");
        let help = error.help.as_deref().map(|help| format!(" ({help})")).unwrap_or_default();
        seed.status.send_modify(|status| {
            status.state = if error.class.is_retried() { State::Degraded } else { State::Blocked };
            status.message = format!("{}{help}", error.message);
        });
        self.changed.notify_waiters();
    }

    async fn task(
        self: &Arc<Self>,
        seed: &Seed,
        commands: mpsc::Receiver<Command>,
    ) -> Result<Task, ConnectError> {
        let plan = &seed.plan;
        if let Some(error) = self.guessed(seed) {
            return Err(error);
        }
        let observer = Arc::new(TaskObserver {
            name: plan.name.clone(),
            status: seed.status.clone(),
            changed: Arc::clone(&self.changed),
            registry: Arc::downgrade(&self.registry),
            metrics: Arc::clone(&self.metrics),
            done: std::sync::Mutex::new(0),
        });
        let shop = Workshop {
            world: Arc::clone(&self.world),
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            limit: self.limit,
        };
        let references: Arc<dyn super::batch::References> = Arc::clone(&self.registry) as _;
        let runner = build::runner(&shop, plan, (&seed.files, &seed.catalog), references, observer).await?;
        let runner = Arc::new(Mutex::new(runner));
        let wake = Arc::new(Notify::new());
        let task = Task::new(TaskParts {
            runner: Arc::clone(&runner),
            pipeline: Arc::clone(plan),
            store: Arc::clone(&self.store),
            registry: Arc::clone(&self.registry),
            clock: Arc::clone(&self.clock),
            zone: seed.files.timezone(),
            status: seed.status.clone(),
            changed: Arc::clone(&self.changed),
            wake: Arc::clone(&wake),
            commands,
            stop: seed.stop.clone(),
            metrics: Arc::clone(&self.metrics),
        });
        let running = Running {
            runner,
            place: seed.place,
            scope: plan.salesforce.scope,
            looks_up: plan.looks_up.clone(),
            wake,
            status: seed.status.subscribe(),
        };
        self.registry.insert(plan.name.clone(), running);
        Ok(task)
    }

    /// Stores the texts that were taken over, so that they survive a restart with a broken file on disk.
    fn remember(&self, texts: &Texts, desired: &Loaded, now: Timestamp) -> Result<(), StoreError> {
        for (name, plan) in &desired.compiled.pipelines {
            let Some(file) = texts.pipelines.get(name.as_str()).filter(|_| plan.is_ok()) else { continue };
            let text = String::from_utf8_lossy(&file.bytes);
            let known = self.store.last_good(&file.path)?;
            if known.is_none_or(|known| known.text != text) {
                let good = LastGood { text: text.into_owned(), loaded_at: now };
                self.store.save_last_good(&[(&file.path, good)])?;
            }
        }
        Ok(())
    }

    async fn report(
        &self,
        texts: &Texts,
        desired: &Loaded,
        old: &BTreeMap<PipelineName, Timestamp>,
    ) -> ReloadReport {
        let mut report = ReloadReport::default();
        let live = self.live.lock().await;
        for file in &desired.files.connections {
            let (errors, warnings) = desired.counts(file.source);
            let path =
                texts.connections.get(file.name.as_str()).map(|file| file.path.clone()).unwrap_or_default();
            let state = if errors == 0 { "ok" } else { "invalid" }.to_owned();
            report.files.push(FileReport { file: path, errors, warnings, tests: (0, 0), state });
        }
        for file in &desired.files.pipelines {
            let (errors, warnings) = desired.counts(file.source);
            let path =
                texts.pipelines.get(file.name.as_str()).map(|file| file.path.clone()).unwrap_or_default();
            let state = match (old.get(&file.name), live.contains_key(&file.name)) {
                (Some(at), _) => format!("last good of {}", clock_time(*at)),
                (None, true) => "this version".to_owned(),
                (None, false) => "invalid".to_owned(),
            };
            report.files.push(FileReport {
                file: path,
                errors,
                warnings,
                tests: desired.tests(&file.name),
                state,
            });
        }
        let map = &desired.files.map;
        report.diagnostics =
            desired.compiled.diagnostics.iter().map(|message| crate::diag::to_data(message, map)).collect();
        report
    }

    /// Puts into every status which version of its file runs.
    fn show_configs(
        &self,
        texts: &Texts,
        desired: &Loaded,
        old: &BTreeMap<PipelineName, Timestamp>,
        now: Timestamp,
    ) {
        for file in &desired.files.pipelines {
            let (errors, _) = desired.counts(file.source);
            let good = desired.compiled.pipelines.get(&file.name).is_some_and(Result::is_ok);
            let path =
                texts.pipelines.get(file.name.as_str()).map(|file| file.path.clone()).unwrap_or_default();
            let known = self.store.last_good(&path).ok().flatten();
            let status = self.status_of(&file.name);
            status.send_modify(|status| {
                if !good && !old.contains_key(&file.name) {
                    status.state = State::Invalid;
                    status.message = format!("no version of {path} was ever loaded");
                }
                status.config = ConfigStatus {
                    file: path.clone(),
                    loaded_at: if good {
                        known.as_ref().map(|good| good.loaded_at).or(Some(now))
                    } else {
                        old.get(&file.name).copied()
                    },
                    current: good,
                    generation: file.value().map_or(1, crate::spec::PipelineFile::generation),
                    errors,
                };
            });
            self.metrics.reloaded(&path, good, now);
        }
        self.changed.notify_waiters();
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
        let catalog = self.latest().catalog.clone();
        let loading =
            Loading { engine: &self.engine, catalog: &catalog, now: self.clock.now(), ignore_not_yet: false };
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

impl Drop for Supervisor {
    /// Runners know the registry and the registry knows the runners: without this the state would stay open.
    fn drop(&mut self) {
        self.registry.clear();
    }
}

/// What a task grows from, again and again.
struct Seed {
    plan: Arc<Pipeline>,
    place: usize,
    files: Files,
    catalog: Catalog,
    status: watch::Sender<PipelineStatus>,
    stop: CancellationToken,
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
        next_look: None,
    }
}

/// `14:02`, in UTC.
fn clock_time(at: Timestamp) -> String {
    at.to_zoned(jiff::tz::TimeZone::UTC).strftime("%H:%M").to_string()
}
