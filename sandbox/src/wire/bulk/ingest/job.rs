//! One Bulk ingest job: what it is made of, its states, what came of its rows. Knows no HTTP and writes no records.
//! Read [`IngestJob`] first.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::org::{CsvStyle, Id, Rejecting};
use crate::wire::config::BulkSettings;
use crate::wire::request::api_datetime;

/// Jobs and their results are kept so long, on the org's clock.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// A job that was not closed by then is given up.
const OPEN: SignedDuration = SignedDuration::from_hours(24);

/// What a job is created with.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) operation: Operation,
    pub(super) object: String,
    pub(super) external_id: Option<String>,
    pub(super) assignment_rule: Option<String>,
    pub(super) column_delimiter: String,
    pub(super) line_ending: String,
    pub(super) style: CsvStyle,
    pub(super) user: Id,
    pub(super) version: String,
    pub(super) created: Timestamp,
    /// The fault that stops it early.
    pub(super) stop: Option<Stop>,
    pub(super) rejecting: Option<Rejecting>,
}

/// What a job does with its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Insert,
    Update,
    Upsert,
    Delete,
    HardDelete,
}

impl Operation {
    const NAMES: [(Self, &'static str); 5] = [
        (Self::Insert, "insert"),
        (Self::Update, "update"),
        (Self::Upsert, "upsert"),
        (Self::Delete, "delete"),
        (Self::HardDelete, "hardDelete"),
    ];

    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| known.eq_ignore_ascii_case(name)).map(|(kind, _)| *kind)
    }

    fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }
}

/// Where a job stops early, and how.
#[derive(Debug, Clone)]
pub(super) struct Stop {
    pub(super) after_rows: usize,
    pub(super) ending: State,
}

/// The states that a client sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    Open,
    UploadComplete,
    InProgress,
    Complete,
    Failed(String),
    Aborted,
}

impl State {
    fn name(&self) -> &'static str {
        match self {
            Self::Open => "Open",
            Self::UploadComplete => "UploadComplete",
            Self::InProgress => "InProgress",
            Self::Complete => "JobComplete",
            Self::Failed(_) => "Failed",
            Self::Aborted => "Aborted",
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(self, Self::Complete | Self::Failed(_) | Self::Aborted)
    }
}

/// The uploaded file, cut into records.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) body: Bytes,
    pub(super) header: Arc<[String]>,
    pub(super) rows: Vec<Range<usize>>,
}

/// What came of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Row {
    /// Nothing yet, and nothing at all once the job has ended.
    Waiting,
    Done {
        id: Id,
        created: bool,
    },
    /// The id that the row names, and `sf__Error`.
    Failed {
        id: String,
        error: String,
    },
    /// Beyond the daily allocation: in none of the files.
    Lost,
}

/// A job.
pub(crate) struct IngestJob {
    pub(super) id: Id,
    pub(super) number: u64,
    pub(super) order: Order,
    started: Instant,
    progress: Mutex<Progress>,
}

struct Progress {
    state: State,
    /// How the work ended, before a poll says so.
    ended: Option<State>,
    polls: u32,
    modified: Timestamp,
    took: Duration,
    upload: Option<Bytes>,
    table: Option<Arc<Table>>,
    rows: Vec<Row>,
}

impl IngestJob {
    fn new(id: Id, number: u64, order: Order) -> Self {
        let progress = Progress {
            state: State::Open,
            ended: None,
            polls: 0,
            modified: order.created,
            took: Duration::ZERO,
            upload: None,
            table: None,
            rows: Vec::new(),
        };
        Self { id, number, order, started: Instant::now(), progress: Mutex::new(progress) }
    }

    /// Takes the file; false if there is one already or the job is not open.
    pub(super) fn upload(&self, body: Bytes) -> bool {
        let mut progress = self.progress();
        let takes = progress.state == State::Open && progress.upload.is_none();
        if takes {
            progress.upload = Some(body);
        }
        takes
    }

    /// Closes the upload; the file if the job was open.
    pub(super) fn close(&self, now: Timestamp) -> Option<Bytes> {
        let mut progress = self.progress();
        if progress.state != State::Open {
            return None;
        }
        progress.state = State::UploadComplete;
        progress.modified = now;
        Some(progress.upload.clone().unwrap_or_default())
    }

    /// Stops the job; false if it has ended already.
    pub(super) fn abort(&self, now: Timestamp) -> bool {
        let mut progress = self.progress();
        let runs = !progress.state.has_ended();
        if runs {
            progress.state = State::Aborted;
            progress.modified = now;
        }
        runs
    }

    /// The work begins: every row waits.
    pub(super) fn begin(&self, table: Arc<Table>) {
        let mut progress = self.progress();
        progress.rows = vec![Row::Waiting; table.rows.len()];
        progress.table = Some(table);
    }

    /// Notes what came of rows; false once the job was aborted: then nothing more may be done.
    pub(super) fn settle(&self, rows: impl IntoIterator<Item = (usize, Row)>) -> bool {
        let mut progress = self.progress();
        for (at, row) in rows {
            progress.rows[at] = row;
        }
        progress.state != State::Aborted
    }

    /// The work is over; the next polls say so.
    pub(super) fn end(&self, ending: State) {
        let mut progress = self.progress();
        progress.ended = Some(ending);
        progress.took = self.started.elapsed();
    }

    /// A status poll: the job moves on if it has been polled and has run long enough.
    pub(super) fn poll(&self, settings: BulkSettings, now: Timestamp) {
        let mut progress = self.progress();
        if progress.state == State::Open && now.duration_since(self.order.created) > OPEN {
            progress.state = State::Aborted;
        }
        if progress.state == State::Open || progress.state.has_ended() {
            return;
        }
        progress.polls += 1;
        let waited = progress.polls > settings.polls
            && self.started.elapsed() >= Duration::from_millis(settings.millis);
        progress.state = progress.ended.clone().filter(|_| waited).unwrap_or(State::InProgress);
        progress.modified = now;
    }

    pub(super) fn state(&self) -> State {
        self.progress().state.clone()
    }

    /// The file, if it could be read, and what came of its rows.
    pub(super) fn outcome(&self) -> (Option<Arc<Table>>, Vec<Row>) {
        let progress = self.progress();
        (progress.table.clone(), progress.rows.clone())
    }

    /// The job as JSON (section 8.1): creation and list show where to upload, a poll shows counters.
    pub(super) fn description(&self, shown: Shown) -> Value {
        let progress = self.progress();
        let mut out = json!({
            "id": self.id.to_string(), "operation": self.order.operation.name(), "object": self.order.object,
            "createdById": self.order.user.to_string(), "createdDate": api_datetime(self.order.created),
            "systemModstamp": api_datetime(progress.modified), "state": progress.state.name(),
        });
        if let Some(name) = &self.order.external_id {
            out["externalIdFieldName"] = name.clone().into();
        }
        if let Some(rule) = &self.order.assignment_rule {
            out["assignmentRuleId"] = rule.clone().into();
        }
        out["concurrencyMode"] = "Parallel".into();
        out["contentType"] = "CSV".into();
        // A JSON number that prints as `66.0`.
        out["apiVersion"] = serde_json::from_str(&self.order.version).unwrap_or(Value::Null);
        if shown == Shown::Change {
            return out;
        }
        if shown == Shown::Status {
            out["jobType"] = "V2Ingest".into();
        }
        if progress.state == State::Open {
            let url = format!("services/data/v{}/jobs/ingest/{}/batches", self.order.version, self.id);
            out["contentUrl"] = url.into();
        }
        out["lineEnding"] = self.order.line_ending.clone().into();
        out["columnDelimiter"] = self.order.column_delimiter.clone().into();
        if shown == Shown::Status && progress.state != State::Open {
            progress.count(&mut out);
        }
        if let State::Failed(message) = &progress.state {
            out["errorMessage"] = message.clone().into();
        }
        out
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    fn count(&self, out: &mut Value) {
        let failed = self.rows.iter().filter(|row| matches!(row, Row::Failed { .. })).count();
        let done = self.rows.iter().filter(|row| matches!(row, Row::Done { .. })).count();
        let took = u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX);
        out["numberRecordsProcessed"] = (done + failed).into();
        out["numberRecordsFailed"] = failed.into();
        out["retries"] = 0.into();
        out["totalProcessingTime"] = took.into();
        out["apiActiveProcessingTime"] = took.into();
        out["apexProcessingTime"] = 0.into();
    }
}

/// How much of a job is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    Created,
    Change,
    Status,
}

/// All jobs of the last seven days.
#[derive(Default)]
pub(crate) struct IngestJobs(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    next: u64,
    kept: BTreeMap<Id, Arc<IngestJob>>,
    /// Internal batches with their time: they count against the allocation of 24 hours.
    batches: Vec<(Timestamp, u64)>,
}

impl IngestJobs {
    pub(super) fn add(&self, order: Order) -> Arc<IngestJob> {
        let mut inner = self.lock();
        inner.next += 1;
        // The discriminator keeps the ids apart from those of query jobs.
        let id = Id::assemble(*b"750", *b"Hq", 1, inner.next);
        let job = Arc::new(IngestJob::new(id, inner.next, order));
        inner.kept.insert(id, job.clone());
        job
    }

    pub(super) fn find(&self, id: Id, now: Timestamp) -> Option<Arc<IngestJob>> {
        let mut inner = self.lock();
        inner.kept.retain(|_, job| now.duration_since(job.order.created) <= KEPT);
        inner.kept.get(&id).cloned()
    }

    pub(super) fn remove(&self, job: &IngestJob) {
        self.lock().kept.remove(&job.id);
    }

    /// All jobs, oldest first.
    pub(super) fn all(&self) -> Vec<Arc<IngestJob>> {
        self.lock().kept.values().cloned().collect()
    }

    /// Takes up to `wanted` batches out of the daily allocation; gives their number.
    pub(super) fn take_batches(&self, wanted: u64, daily: u64, now: Timestamp) -> u64 {
        let used = self.batches_since_yesterday(now);
        let taken = wanted.min(daily.saturating_sub(used));
        self.lock().batches.push((now, taken));
        taken
    }

    /// Internal batches of the last 24 hours.
    pub(crate) fn batches_since_yesterday(&self, now: Timestamp) -> u64 {
        let day = SignedDuration::from_hours(24);
        let mut inner = self.lock();
        inner.batches.retain(|(at, _)| now.duration_since(*at) < day);
        inner.batches.iter().map(|(_, count)| count).sum()
    }

    /// How many jobs are kept.
    pub(crate) fn count(&self) -> usize {
        self.lock().kept.len()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
