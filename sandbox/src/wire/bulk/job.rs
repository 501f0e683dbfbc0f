//! One Bulk query job and the list of all: states that advance with polls and time. Knows no HTTP. Read [`Job`].

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::org::{CsvStyle, Id, QueryResult};
use crate::wire::config::BulkSettings;
use crate::wire::request::api_datetime;

/// Jobs and their results are kept so long, on the org's clock.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How a job will end once it has run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Complete,
    Aborted,
    Failed(String),
}

/// What a job is made of.
pub(super) struct NewJob {
    pub(super) operation: String,
    pub(super) user: Id,
    pub(super) version: String,
    pub(super) column_delimiter: String,
    pub(super) line_ending: String,
    pub(super) style: CsvStyle,
    pub(super) result: QueryResult,
    pub(super) ending: Ending,
    pub(super) now: Timestamp,
}

/// A job. The rows are found when it is created; its states only pretend to work.
pub(crate) struct Job {
    pub(super) id: Id,
    operation: String,
    user: Id,
    pub(super) version: String,
    column_delimiter: String,
    line_ending: String,
    pub(super) style: CsvStyle,
    pub(super) result: Arc<QueryResult>,
    ending: Ending,
    created: Timestamp,
    started: Instant,
    progress: Mutex<Progress>,
}

struct Progress {
    state: State,
    polls: u32,
    modified: Timestamp,
    took: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    UploadComplete,
    InProgress,
    Ended(Ending),
}

impl State {
    fn name(&self) -> &'static str {
        match self {
            State::UploadComplete => "UploadComplete",
            State::InProgress => "InProgress",
            State::Ended(Ending::Complete) => "JobComplete",
            State::Ended(Ending::Aborted) => "Aborted",
            State::Ended(Ending::Failed(_)) => "Failed",
        }
    }
}

impl Job {
    fn new(id: Id, new: NewJob) -> Self {
        let progress =
            Progress { state: State::UploadComplete, polls: 0, modified: new.now, took: Duration::ZERO };
        Self {
            id,
            operation: new.operation,
            user: new.user,
            version: new.version,
            column_delimiter: new.column_delimiter,
            line_ending: new.line_ending,
            style: new.style,
            result: Arc::new(new.result),
            ending: new.ending,
            created: new.now,
            started: Instant::now(),
            progress: Mutex::new(progress),
        }
    }

    /// A status poll: the job moves on if it has been polled and has run long enough.
    pub(super) fn poll(&self, settings: BulkSettings, now: Timestamp) {
        let mut progress = self.progress();
        if matches!(progress.state, State::Ended(_)) {
            return;
        }
        progress.polls += 1;
        let elapsed = self.started.elapsed();
        let ended = progress.polls > settings.polls && elapsed >= Duration::from_millis(settings.millis);
        progress.state = if ended { State::Ended(self.ending.clone()) } else { State::InProgress };
        progress.modified = now;
        progress.took = elapsed;
    }

    /// Stops the job; false if it has ended already.
    pub(super) fn abort(&self, now: Timestamp) -> bool {
        let mut progress = self.progress();
        if matches!(progress.state, State::Ended(_)) {
            return false;
        }
        progress.state = State::Ended(Ending::Aborted);
        progress.modified = now;
        true
    }

    /// Whether results may be fetched.
    pub(super) fn is_complete(&self) -> bool {
        self.progress().state == State::Ended(Ending::Complete)
    }

    /// The job as JSON: with counters for a poll, without them for create, abort and list.
    pub(super) fn description(&self, with_counters: bool) -> Value {
        let progress = self.progress();
        let mut out = json!({
            "id": self.id.to_string(), "operation": self.operation, "object": self.result.object,
            "createdById": self.user.to_string(), "createdDate": api_datetime(self.created),
            "systemModstamp": api_datetime(progress.modified), "state": progress.state.name(),
            "concurrencyMode": "Parallel", "contentType": "CSV", "apiVersion": self.version_number(),
        });
        if with_counters {
            out["jobType"] = "V2Query".into();
        }
        out["lineEnding"] = self.line_ending.clone().into();
        out["columnDelimiter"] = self.column_delimiter.clone().into();
        if with_counters {
            let processed =
                if progress.state == State::Ended(Ending::Complete) { self.result.len() } else { 0 };
            out["numberRecordsProcessed"] = processed.into();
            out["retries"] = 0.into();
            let took = u64::try_from(progress.took.as_millis()).unwrap_or(u64::MAX);
            out["totalProcessingTime"] = took.into();
            out["isPkChunkingSupported"] = true.into();
        }
        if let State::Ended(Ending::Failed(message)) = &progress.state {
            out["errorMessage"] = message.clone().into();
        }
        out
    }

    /// A JSON number that prints as `66.0`.
    fn version_number(&self) -> Value {
        serde_json::from_str(&self.version).unwrap_or(Value::Null)
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All jobs of the last seven days.
#[derive(Default)]
pub(crate) struct Jobs(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    next: u64,
    kept: BTreeMap<Id, Arc<Job>>,
    /// When jobs were created, deleted ones included: they count against the limit of 24 hours.
    created: VecDeque<Timestamp>,
}

impl Jobs {
    pub(super) fn add(&self, new: NewJob) -> Arc<Job> {
        let mut inner = self.lock();
        inner.next += 1;
        inner.created.push_back(new.now);
        let job = Arc::new(Job::new(Id::assemble(*b"750", *b"Hq", 0, inner.next), new));
        inner.kept.insert(job.id, job.clone());
        job
    }

    pub(super) fn find(&self, id: Id, now: Timestamp) -> Option<Arc<Job>> {
        let mut inner = self.lock();
        inner.kept.retain(|_, job| now.duration_since(job.created) <= KEPT);
        inner.kept.get(&id).cloned()
    }

    /// Deletes a job that has ended; false if it still runs.
    pub(super) fn remove(&self, job: &Job) -> bool {
        let ended = matches!(job.progress().state, State::Ended(_));
        if ended {
            self.lock().kept.remove(&job.id);
        }
        ended
    }

    /// All jobs, oldest first.
    pub(super) fn all(&self) -> Vec<Arc<Job>> {
        self.lock().kept.values().cloned().collect()
    }

    /// Jobs created in the last 24 hours.
    pub(crate) fn created_since_yesterday(&self, now: Timestamp) -> u64 {
        let day = SignedDuration::from_hours(24);
        self.lock().created.iter().filter(|at| now.duration_since(**at) < day).count() as u64
    }

    /// How many jobs are kept.
    pub(crate) fn count(&self) -> usize {
        self.lock().kept.len()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
