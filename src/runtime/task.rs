//! The task of one pipeline: it waits for a reason to look, makes passes, and shows how it is. It owns nothing that outlives it; what it
//! knows is in the state, so it may be stopped between any two batches.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;
use xxhash_rust::xxh3::xxh3_64;

use super::backoff;
use super::metrics::Metrics;
use super::pass::{Approval, PassError, Runner};
use super::registry::Registry;
use super::schedule;
use super::status::{Condition, PipelineStatus, Progress, State, StatusCounts};
use crate::model::{Class, Clock, Counts, Cursor, Key, Side};
use crate::plan::{Pipeline, Scope};
use crate::store::{PipelineCounts, Store};

/// What a task can be told. The answer is the changed status.
#[derive(Debug)]
pub enum Command {
    /// Look now; `full` compares everything.
    Sync {
        /// Compare everything.
        full: bool,
    },
    /// Read these records now.
    Records(Vec<Key>),
    /// Rest until told otherwise.
    Pause {
        /// Who says so.
        by: String,
    },
    /// Go on.
    Resume,
    /// The mass change that waits may happen.
    Approve,
}

/// Everything a task needs besides its runner.
pub struct TaskParts {
    /// The runner, shared with pipelines that need records of this one.
    pub runner: Arc<tokio::sync::Mutex<Runner>>,
    /// The plan of the runner.
    pub pipeline: Arc<Pipeline>,
    /// The state.
    pub store: Arc<Store>,
    /// The others.
    pub registry: Arc<Registry>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Time zone of schedules.
    pub zone: jiff::tz::TimeZone,
    /// Where the status is shown.
    pub status: watch::Sender<PipelineStatus>,
    /// Tells that any status changed.
    pub changed: Arc<Notify>,
    /// Wakes the task.
    pub wake: Arc<Notify>,
    /// Commands.
    pub commands: mpsc::Receiver<Command>,
    /// End.
    pub stop: CancellationToken,
    /// Counters.
    pub metrics: Arc<Metrics>,
}

/// Why nothing is done at the moment.
#[derive(Debug, Default)]
struct Hold {
    paused: Option<String>,
    approval: Option<(Work, Approval)>,
    approved: Option<Work>,
    /// Errors in a row, for the pause between tries.
    errors: u32,
    /// Not before.
    until: Option<Timestamp>,
    /// The last error, as people read it.
    blocked: Option<(State, String)>,
}

/// A kind of pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Changes,
    Everything,
}

/// A task that lives.
pub struct Task {
    parts: TaskParts,
    hold: Hold,
    loaded: bool,
    look_at: Timestamp,
    reconcile_at: Option<Timestamp>,
    wanted: Option<Work>,
    records: Vec<Key>,
}

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Task").field("pipeline", &self.parts.pipeline.name).finish_non_exhaustive()
    }
}

impl Task {
    /// A task that looks at once.
    pub fn new(parts: TaskParts) -> Self {
        let now = parts.clock.now();
        let pipeline = &parts.pipeline;
        let cursor = parts.store.cursor(&pipeline.name, pipeline.generation, Side::Salesforce).ok().flatten();
        let loaded =
            matches!(cursor, Some(Cursor::Changes { .. })) || pipeline.salesforce.scope == Scope::Referenced;
        let paused = parts.store.paused(&pipeline.name).ok().flatten().map(|flag| flag.by);
        let reconcile_at = schedule::next(&pipeline.reconcile, now, &parts.zone, pipeline.name.as_str());
        let hold = Hold { paused, ..Hold::default() };
        Self { parts, hold, loaded, look_at: now, reconcile_at, wanted: None, records: Vec::new() }
    }

    /// Lives until it is stopped.
    pub async fn run(mut self) {
        self.show();
        loop {
            if self.parts.stop.is_cancelled() {
                break;
            }
            self.work().await;
            self.show();
            self.rest().await;
        }
        tracing::info!(pipeline = %self.parts.pipeline.name, "pipeline stopped");
    }

    /// Waits for a command, a wake-up, the next due time, or the end.
    async fn rest(&mut self) {
        let due = self.next_due();
        let now = self.parts.clock.now();
        let length = Duration::try_from(due.duration_since(now)).unwrap_or(Duration::ZERO);
        let clock = Arc::clone(&self.parts.clock);
        let wake = Arc::clone(&self.parts.wake);
        let stop = self.parts.stop.clone();
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            command = self.parts.commands.recv() => if let Some(command) = command { self.obey(command) },
            () = wake.notified() => {}
            () = clock.sleep(length) => {}
        }
    }

    fn next_due(&self) -> Timestamp {
        if self.is_idle() {
            return Timestamp::MAX;
        }
        if let Some(until) = self.hold.until {
            return until;
        }
        let retry = self.parts.store.next_retry(&self.parts.pipeline.name).ok().flatten();
        [Some(self.look_at), self.reconcile_at, retry].into_iter().flatten().min().unwrap_or(Timestamp::MAX)
    }

    /// Nothing happens by itself: paused or disabled.
    fn is_idle(&self) -> bool {
        self.hold.paused.is_some() || !self.parts.pipeline.enabled
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Sync { full } => {
                self.wanted = Some(if full { Work::Everything } else { Work::Changes });
                self.hold.until = None;
            }
            Command::Records(keys) => self.records.extend(keys),
            Command::Pause { by } => {
                self.hold.paused = Some(by.clone());
                self.remember_pause(Some(by));
            }
            Command::Resume => {
                self.hold = Hold::default();
                self.look_at = self.parts.clock.now();
                self.remember_pause(None);
            }
            Command::Approve => {
                if let Some((work, _)) = self.hold.approval.take() {
                    self.hold.approved = Some(work);
                    self.wanted = Some(work);
                }
            }
        }
    }

    fn remember_pause(&self, by: Option<String>) {
        let name = &self.parts.pipeline.name;
        if let Err(error) = self.parts.store.set_paused(name, by.as_deref(), self.parts.clock.now()) {
            tracing::error!(pipeline = %name, %error, "the pause could not be stored");
        }
    }

    /// Does what is due, one pass at a time, until nothing is.
    async fn work(&mut self) {
        while let Ok(command) = self.parts.commands.try_recv() {
            self.obey(command);
        }
        while !self.parts.stop.is_cancelled() {
            let now = self.parts.clock.now();
            if self.hold.until.is_some_and(|until| until > now) && self.wanted.is_none() {
                return;
            }
            self.hold.until = None;
            if self.wanted.is_none() && (self.is_idle() || self.waits_for_parents()) {
                return;
            }
            let Some(result) = self.one_pass(now).await else { return };
            self.after(result);
            while let Ok(command) = self.parts.commands.try_recv() {
                self.obey(command);
            }
        }
    }

    /// Parents before children: the first load waits for those of the pipelines it looks up.
    fn waits_for_parents(&mut self) -> bool {
        if self.loaded {
            return false;
        }
        let loading = self.parts.registry.loading(&self.parts.pipeline.looks_up);
        if let Some(parent) = loading.first() {
            self.look_at = self.parts.clock.now() + Duration::from_millis(500);
            self.hold.blocked = Some((State::Loading, format!("waits for the first load of {parent}")));
            return true;
        }
        if matches!(&self.hold.blocked, Some((State::Loading, _))) {
            self.hold.blocked = None;
        }
        false
    }

    /// The most urgent pass that is due, or nothing.
    async fn one_pass(&mut self, now: Timestamp) -> Option<(Work, Result<Counts, PassError>)> {
        let keys = self.due_records(now);
        if !keys.is_empty() {
            let result = self.interruptible(Job::Records(keys)).await;
            return Some((Work::Changes, result));
        }
        let work = self.wanted.take().or_else(|| self.due_work(now))?;
        let approved = self.hold.approved.take() == Some(work);
        let job = if work == Work::Changes { Job::Changes(approved) } else { Job::Everything(approved) };
        if work == Work::Changes {
            self.look_at = self.parts.pipeline.salesforce.poll.map_or(Timestamp::MAX, |poll| now + poll);
        } else {
            let pipeline = &self.parts.pipeline;
            self.reconcile_at =
                schedule::next(&pipeline.reconcile, now, &self.parts.zone, pipeline.name.as_str());
        }
        self.show();
        let result = self.interruptible(job).await;
        if approved && matches!(result, Err(PassError::Interrupted)) {
            self.hold.approved = Some(work);
        }
        Some((work, result))
    }

    fn due_work(&self, now: Timestamp) -> Option<Work> {
        if self.look_at <= now {
            return Some(Work::Changes);
        }
        (self.loaded && self.reconcile_at.is_some_and(|at| at <= now)).then_some(Work::Everything)
    }

    /// Records to look at again: asked for, touched by another pipeline's links, failed and due.
    fn due_records(&mut self, now: Timestamp) -> Vec<Key> {
        let mut keys = std::mem::take(&mut self.records);
        let name = &self.parts.pipeline.name;
        keys.extend(self.parts.store.touched(name, Side::Salesforce, 2_000).unwrap_or_default());
        keys.extend(self.parts.store.due_retries(name, Side::Salesforce, now, 2_000).unwrap_or_default());
        keys.sort();
        keys.dedup();
        keys
    }

    /// Runs a pass; commands that arrive meanwhile make it end at the next edge of a batch.
    async fn interruptible(&mut self, job: Job) -> Result<Counts, PassError> {
        let runner = Arc::clone(&self.parts.runner);
        let mut runner = runner.lock().await;
        let interrupt = Arc::clone(&runner.interrupt);
        interrupt.store(false, Ordering::Relaxed);
        let stop = self.parts.stop.clone();
        let mut queue = Vec::new();
        let result = {
            let pass = job.run(&mut runner);
            tokio::pin!(pass);
            loop {
                tokio::select! {
                    result = &mut pass => break result,
                    () = stop.cancelled(), if !interrupt.load(Ordering::Relaxed) => interrupt.store(true, Ordering::Relaxed),
                    Some(command) = self.parts.commands.recv() => {
                        interrupt.store(true, Ordering::Relaxed);
                        queue.push(command);
                    }
                }
            }
        };
        for command in queue {
            self.obey(command);
        }
        result
    }

    /// What follows from a pass.
    fn after(&mut self, (work, result): (Work, Result<Counts, PassError>)) {
        let now = self.parts.clock.now();
        match result {
            Ok(_) => {
                self.loaded = true;
                self.hold.errors = 0;
                self.hold.blocked = None;
                let everything = matches!(work, Work::Everything);
                self.parts.status.send_modify(|status| {
                    status.passes += 1;
                    status.comparisons += u64::from(everything);
                });
            }
            Err(PassError::Interrupted) if work == Work::Everything => self.reconcile_at = Some(now),
            Err(PassError::Interrupted) => self.look_at = self.look_at.min(now),
            Err(PassError::Approval(approval)) => self.hold.approval = Some((work, approval)),
            Err(PassError::FailuresInARow(count)) => {
                let by = format!("itself: {count} records failed in a row (pause_after)");
                self.hold.paused = Some(by.clone());
                self.remember_pause(Some(by));
            }
            Err(PassError::Store(error)) => {
                let error = super::build::state_failed(error);
                let help = error.help.as_deref().map(|help| format!(" ({help})")).unwrap_or_default();
                self.failed(now, error.class, format!("{}{help}", error.message));
            }
            Err(PassError::Connect(error)) => {
                let help = error.help.as_deref().map(|help| format!(" ({help})")).unwrap_or_default();
                self.failed(now, error.class, format!("{}{help}", error.message));
            }
        }
    }

    /// A pass failed as a whole: pause and try again; what needs a person is tried rarely.
    fn failed(&mut self, now: Timestamp, class: Class, message: String) {
        self.hold.errors = self.hold.errors.saturating_add(1);
        let seed =
            xxh3_64(self.parts.pipeline.name.as_str().as_bytes()) ^ now.as_microsecond().unsigned_abs();
        let pause = backoff::pause(class, self.hold.errors, seed);
        let state = if class.is_retried() { State::Degraded } else { State::Blocked };
        tracing::warn!(pipeline = %self.parts.pipeline.name, errors = self.hold.errors, %message, "pass failed");
        self.hold.until = Some(now + pause);
        self.look_at = now + pause;
        self.hold.blocked = Some((state, message));
    }

    /// Shows how it is now.
    fn show(&self) {
        let pipeline = &self.parts.pipeline;
        let summary = self.parts.store.summary(&pipeline.name, pipeline.generation).unwrap_or_default();
        let cursor =
            self.parts.store.cursor(&pipeline.name, pipeline.generation, Side::Salesforce).ok().flatten();
        let (state, message) = self.state();
        let next_look = Some(self.next_due()).filter(|due| *due != Timestamp::MAX);
        self.parts.status.send_modify(|status| {
            status.state = state;
            status.message = message;
            status.counts = counts(&summary);
            status.caught_up = match cursor {
                Some(Cursor::Changes { upto, .. }) => Some(upto),
                _ => status.caught_up,
            };
            status.next_look = next_look;
            if state != State::Loading {
                status.progress = None;
            }
            status.conditions = conditions(status, self.loaded);
        });
        self.parts.metrics.pipeline(&self.parts.status.borrow());
        self.parts.changed.notify_waiters();
    }

    fn state(&self) -> (State, String) {
        if !self.parts.pipeline.enabled {
            return (State::Disabled, "enabled: false".to_owned());
        }
        if let Some(by) = &self.hold.paused {
            return (State::Paused, format!("paused by {by}"));
        }
        if let Some((_, approval)) = &self.hold.approval {
            let name = &self.parts.pipeline.name;
            return (State::Approval, format!("{approval}.  sfsync plan {name}, then sfsync approve {name}"));
        }
        if let Some((state, message)) = &self.hold.blocked {
            return (*state, message.clone());
        }
        if !self.loaded {
            return (State::Loading, String::new());
        }
        if let Some(reason) = self.parts.registry.absent(&self.parts.pipeline.looks_up) {
            return (State::Degraded, reason);
        }
        (State::Running, String::new())
    }
}

fn counts(summary: &PipelineCounts) -> StatusCounts {
    StatusCounts {
        linked: summary.linked,
        queued: summary.queued + summary.waiting,
        held: summary.held,
        failed: summary.failed,
    }
}

fn conditions(status: &PipelineStatus, loaded: bool) -> Vec<Condition> {
    let condition = |kind: &str, is: bool, reason: &str, message: &str, since: Option<Timestamp>| Condition {
        kind: kind.to_owned(),
        status: is,
        reason: reason.to_owned(),
        message: message.to_owned(),
        since,
    };
    let works = !matches!(status.state, State::Blocked | State::Degraded | State::Invalid);
    vec![
        condition("Loaded", status.config.current, "", "", status.config.loaded_at),
        condition("Backfill", loaded, "", "", None),
        condition("CaughtUp", status.caught_up.is_some() && works, "", &status.message, status.caught_up),
        condition("Push", false, &status.push, "", None),
    ]
}

/// A pass, by kind.
enum Job {
    Records(Vec<Key>),
    Changes(bool),
    Everything(bool),
}

impl Job {
    async fn run(self, runner: &mut Runner) -> Result<Counts, PassError> {
        match self {
            // Whatever is in the queue was asked for by somebody, so it takes part in `scope: referenced` too.
            Self::Records(keys) => runner.records(Side::Salesforce, &keys, true).await,
            Self::Changes(approved) => runner.changes(approved).await,
            Self::Everything(approved) => runner.everything(approved).await,
        }
    }
}

/// Carries progress of passes into the status and the metrics, and wakes the pipelines that may have waited.
pub struct TaskObserver {
    /// Whose.
    pub name: crate::model::PipelineName,
    /// Where the status is shown.
    pub status: watch::Sender<PipelineStatus>,
    /// Tells that any status changed.
    pub changed: Arc<Notify>,
    /// The others.
    pub registry: std::sync::Weak<Registry>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Progress of the load under way.
    pub done: std::sync::Mutex<u64>,
}

impl super::pass::Observer for TaskObserver {
    fn settled(&self, _: &crate::model::PipelineName, counts: &Counts, loading: bool, total: Option<u64>) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        *done = if loading { *done + counts.read } else { 0 };
        let progress = loading.then_some(Progress { done: *done, total });
        self.status.send_modify(|status| {
            status.totals += *counts;
            status.progress = progress;
        });
        self.metrics.settled(&self.name, counts);
        self.changed.notify_waiters();
        if let (true, Some(registry)) = (counts.created + counts.linked > 0, self.registry.upgrade()) {
            registry.wake_users_of(&self.name);
        }
    }
}
