//! The task of one pipeline: it tells the table of its life ([`super::state`]) what happens, carries out what follows, and shows how it is.
//! It owns nothing that outlives it; what it knows is in the state, so it may be stopped between any two batches.

mod memory;
mod observer;
mod passes;
mod show;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use self::memory::{APPROVED, Allowed, COMPARED};
pub use self::observer::TaskObserver;
use self::passes::{is_loaded, make, outcome};
use super::compare::DIFFERENCES;
use super::metrics::Metrics;
use super::pass::Runner;
use super::registry::Registry;
use super::state::{Effect, Hours, Input, Life, Outcome, Pass, Phase, Rules, Wish, Work};
use super::status::{Comparison, PipelineStatus};
use crate::model::{Clock, Key, Side};
use crate::plan::Pipeline;
use crate::store::Store;

/// Records of one pass that nobody asked for: touched by others, failed and due.
const RECORDS: usize = 2_000;

/// What a task can be told. The answer is the changed status.
#[derive(Debug)]
pub enum Command {
    /// Look now; `full` compares everything.
    Sync {
        /// Compare everything.
        full: bool,
    },
    /// Read these records of a side now.
    Records(Side, Vec<Key>),
    /// Decide about these records with the values of a side, where both changed.
    Resolve {
        /// The records, on the side they were met.
        records: (Side, Vec<Key>),
        /// Whose values count.
        take: Side,
    },
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
    /// Of which text the plan was made: an approval is for what that wants.
    pub version: u64,
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
    /// What listens for it, as long as it lives.
    pub listening: Option<AbortOnDropHandle<()>>,
}

/// A task that lives.
pub struct Task {
    parts: TaskParts,
    rules: Rules,
    life: Life,
    /// Records that somebody asked for.
    records: Vec<(Side, Key)>,
    /// Records about which somebody has decided: whose values count.
    decided: Vec<(Side, Key, Side)>,
    /// A pass was interrupted and is taken up again: the run goes on.
    goes_on: bool,
    /// Of the pass that is under way.
    interrupt: Arc<AtomicBool>,
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
        let rules = rules(&parts.pipeline, &parts.zone);
        let loaded = is_loaded(&parts);
        let (store, name) = (&parts.store, &parts.pipeline.name);
        let paused = store.paused(name).ok().flatten().map(|flag| flag.by);
        let compared: Option<Timestamp> = store.pipeline_fact(name, COMPARED).ok().flatten();
        let allowed: Option<Allowed> = store.pipeline_fact(name, APPROVED).ok().flatten();
        let allowed = allowed.filter(|allowed| allowed.version == parts.version).and_then(|one| one.work);
        let life = Life::new(&rules, now, (loaded, paused, compared), allowed);
        if let Some(comparison) = store.pipeline_fact::<Comparison>(name, DIFFERENCES).ok().flatten() {
            parts.metrics.compared(name, &comparison);
            parts.status.send_modify(|status| status.comparison = Some(comparison));
        }
        let task = Self {
            parts,
            rules,
            life,
            records: Vec::new(),
            decided: Vec::new(),
            goes_on: false,
            interrupt: Arc::default(),
        };
        if loaded && compared.is_none() {
            task.remember_comparison(now);
        }
        task
    }

    /// Lives until it is stopped.
    pub async fn run(mut self) {
        self.show();
        while self.life.phase() != Phase::Stopped {
            match self.look() {
                Some(pass) => self.make(pass).await,
                None if self.life.phase() == Phase::Stopped => {}
                None => {
                    self.show();
                    self.rest().await;
                }
            }
        }
        tracing::info!(pipeline = %self.parts.pipeline.name, "pipeline stopped");
    }

    /// Something happens: carries out what follows. A pass to begin is given back.
    fn happens(&mut self, input: Input) -> Option<Pass> {
        let now = self.parts.clock.now();
        let (life, effects) = self.life.clone().on(&self.rules, now, input);
        self.life = life;
        let mut begun = None;
        for effect in effects {
            match effect {
                Effect::Begin(pass) => begun = Some(pass),
                Effect::Interrupt => self.interrupt.store(true, Ordering::Relaxed),
                Effect::RememberPause(by) => self.remember_pause(by.as_deref()),
                Effect::RememberComparison(at) => self.remember_comparison(at),
                Effect::RememberApproval(work) => self.remember_approval(work),
                // The loop sees it by the phase.
                Effect::Leave => {}
            }
        }
        begun
    }

    /// Looks for something to do.
    fn look(&mut self) -> Option<Pass> {
        while let Ok(command) = self.parts.commands.try_recv() {
            self.obey(command);
        }
        if self.parts.stop.is_cancelled() {
            return self.happens(Input::Stop);
        }
        let asked = !self.records.is_empty() || !self.decided.is_empty();
        let records = asked || !self.due_records(1).is_empty();
        let parent = if self.life.is_loaded() {
            None
        } else {
            self.parts.registry.loading(&self.parts.pipeline.looks_up).into_iter().next()
        };
        self.happens(Input::Look { records, parent })
    }

    /// Waits for a command, a wake-up, the next due time, or the end.
    async fn rest(&mut self) {
        let wake = Arc::clone(&self.parts.wake);
        tokio::select! {
            () = wake.notified() => {}
            heard = self.hear() => self.heed(heard),
        }
    }

    /// What happens next besides a pass that is under way. May be dropped at any point.
    async fn hear(&mut self) -> Heard {
        let length = Duration::try_from(self.due().duration_since(self.parts.clock.now()));
        let clock = Arc::clone(&self.parts.clock);
        let (stop, stops) = (self.parts.stop.clone(), !self.life.is_stopping());
        tokio::select! {
            biased;
            () = stop.cancelled(), if stops => Heard::Stop,
            Some(command) = self.parts.commands.recv() => Heard::Command(command),
            () = clock.sleep(length.unwrap_or_default()) => Heard::Time,
        }
    }

    fn heed(&mut self, heard: Heard) {
        match heard {
            Heard::Stop => drop(self.happens(Input::Stop)),
            Heard::Command(command) => self.obey(command),
            Heard::Time => {}
        }
    }

    fn obey(&mut self, command: Command) {
        let wish = match command {
            Command::Sync { full: false } => Wish::Look,
            Command::Sync { full: true } => Wish::Compare,
            Command::Records(side, keys) => {
                self.records.extend(keys.into_iter().map(|key| (side, key)));
                Wish::Records
            }
            Command::Resolve { records: (side, keys), take } => {
                self.decided.extend(keys.into_iter().map(|key| (side, key, take)));
                Wish::Records
            }
            Command::Pause { by } => Wish::Pause(by),
            Command::Resume => Wish::Resume,
            Command::Approve => Wish::Approve,
        };
        self.happens(Input::Told(wish));
    }

    /// Makes a pass. What happens meanwhile may make it end at the next edge of a batch.
    async fn make(&mut self, pass: Pass) {
        let (asked, decided) = if pass.work == Work::Records {
            (std::mem::take(&mut self.records), std::mem::take(&mut self.decided))
        } else {
            Default::default()
        };
        let keys = if pass.work == Work::Records { self.keys(&asked) } else { Vec::new() };
        if pass.work != Work::Records {
            self.show();
        }
        let runner = Arc::clone(&self.parts.runner);
        let mut runner = runner.lock().await;
        self.interrupt = Arc::clone(&runner.interrupt);
        self.interrupt.store(false, Ordering::Relaxed);
        if !self.goes_on {
            runner.run = self.parts.clock.now();
        }
        let result = {
            let made = make(&mut runner, pass, (&keys, &decided));
            tokio::pin!(made);
            loop {
                let heard = tokio::select! {
                    result = &mut made => break result,
                    heard = self.hear() => heard,
                };
                match heard {
                    Heard::Time => drop(self.happens(Input::Look { records: false, parent: None })),
                    heard => self.heed(heard),
                }
            }
        };
        drop(runner);
        if let (Work::Everything, Ok(counts)) = (pass.work, &result) {
            let repaired = counts.created + counts.updated + counts.deleted;
            self.parts.metrics.repaired(&self.parts.pipeline.name, repaired);
        }
        let outcome = outcome(result);
        let again = match &outcome {
            Outcome::Failed { class, .. } => class.is_retried(),
            Outcome::Approval(_) => true,
            _ => false,
        };
        if again {
            self.records.extend(asked);
            self.decided.extend(decided);
        }
        if pass.work != Work::Records {
            self.goes_on = outcome == Outcome::Interrupted;
        }
        self.tell(pass, &outcome);
        let loaded = is_loaded(&self.parts);
        self.happens(Input::Ended { outcome, loaded });
    }

    fn tell(&self, pass: Pass, outcome: &Outcome) {
        match outcome {
            Outcome::Done => self.parts.status.send_modify(|status| {
                status.passes += 1;
                status.comparisons += u64::from(pass.work == Work::Everything);
            }),
            Outcome::Failed { message, .. } => {
                tracing::warn!(pipeline = %self.parts.pipeline.name, %message, "pass failed");
            }
            _ => {}
        }
    }

    /// Records to look at again: asked for, touched by another pipeline's links, failed and due.
    fn keys(&self, asked: &[(Side, Key)]) -> Vec<(Side, Key)> {
        let mut keys = self.due_records(RECORDS);
        keys.extend(asked.iter().cloned());
        keys.sort();
        keys.dedup();
        keys
    }

    fn due_records(&self, limit: usize) -> Vec<(Side, Key)> {
        let (store, name) = (&self.parts.store, &self.parts.pipeline.name);
        let now = self.parts.clock.now();
        let sides = [Side::Salesforce, Side::App].into_iter();
        sides
            .flat_map(|side| {
                let touched = store.touched(name, side, limit).unwrap_or_default();
                let due = store.due_retries(name, side, now, limit).unwrap_or_default();
                touched.into_iter().chain(due).map(move |key| (side, key))
            })
            .collect()
    }

    fn due(&self) -> Timestamp {
        let retry = self.parts.store.next_retry(&self.parts.pipeline.name).ok().flatten();
        self.life.due(&self.rules, self.parts.clock.now(), retry)
    }
}

/// What a task hears while it waits.
enum Heard {
    Stop,
    Command(Command),
    Time,
}

/// What a file says about when to work.
fn rules(pipeline: &Pipeline, zone: &jiff::tz::TimeZone) -> Rules {
    let during = pipeline.salesforce.backfill.during.or(pipeline.app.backfill.during);
    Rules {
        name: pipeline.name.clone(),
        enabled: pipeline.enabled,
        poll: pipeline.sources().filter_map(|side| pipeline.poll(side)).min(),
        reconcile: pipeline.reconcile.clone(),
        hours: during.map(Hours::new),
        zone: zone.clone(),
    }
}
