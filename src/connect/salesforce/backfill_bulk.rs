//! The first load by one Bulk API 2.0 job (section 7): create, wait, download pages in parallel.
//!
//! Each page is found in the headers of the page before it, long before that page's body is read, so pages download in parallel
//! without a call besides the pages themselves. (`resultPages` would tell five of them at a time, for one call more.)
//! A page that breaks off is asked for again and read over up to the rows that were delivered; results do not change while the job exists.
//! Read [`BulkLoad`] first.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use super::api::bulk::{self, Job, JobState};
use super::api::columns::Record;
use super::api::error::request_error;
use super::backfill_rest::Buffer;
use super::budget::Purpose;
use super::client::{Call, Client};
use super::ordered::incomplete;
use super::source::SalesforceSource;
use crate::connect::{ConnectError, Limit};
use crate::model::{Backfill, Class, Cursor, Read};

pub(super) use super::result_pages::{PageEnd, PageFeed, Wanted};

/// Pause before the first look at a job: none is done at once. Each pause is four times as long, since every look is a call.
const FIRST_LOOK: Duration = Duration::from_millis(250);
/// Longest pause.
const LONGEST_LOOK: Duration = Duration::from_secs(60);

/// Pages of a job that are settled, with their rows.
pub(super) type Settled = Vec<(String, u64)>;

/// How a job ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// With so many rows.
    Complete(Option<u64>),
    /// It was cancelled, or is not there any more: results are kept for seven days.
    Gone,
    /// For this reason.
    Failed(ConnectError),
}

/// Creates a job; gives its id.
pub(super) async fn create(
    client: &Client,
    soql: &str,
    all: bool,
    purpose: Purpose,
) -> Result<String, ConnectError> {
    let path = bulk::jobs_path(client.data_path().await?);
    let call = Call::post(path, bulk::create_body(soql, all), purpose);
    let job: Job = client.read(&call, |answer| serde_json::from_slice(&answer.body)).await?;
    Ok(job.id)
}

/// Waits until a job ends.
pub(super) async fn wait(client: &Client, id: &str, purpose: Purpose) -> Result<Ended, ConnectError> {
    let call = Call::get(bulk::job_path(client.data_path().await?, id), purpose);
    let mut pause = FIRST_LOOK;
    loop {
        client.clock().sleep(pause).await;
        pause = (pause * 4).min(LONGEST_LOOK);
        let job: Job = match client.read(&call, |answer| serde_json::from_slice(&answer.body)).await {
            Ok(job) => job,
            Err(error) if error.remote.as_deref() == Some("NOT_FOUND") => return Ok(Ended::Gone),
            Err(error) => return Err(error),
        };
        match job.state {
            JobState::JobComplete => return Ok(Ended::Complete(job.number_records_processed)),
            JobState::Aborted => return Ok(Ended::Gone),
            JobState::Failed => return Ok(Ended::Failed(failed(&job))),
            JobState::Open | JobState::UploadComplete | JobState::InProgress => {}
        }
    }
}

fn failed(job: &Job) -> ConnectError {
    let fault = job.fault();
    if fault.code.is_empty() {
        return ConnectError::new(
            "R123",
            Class::Pipeline,
            "salesforce could not finish the bulk job, and gave no code",
        )
        .help("look at the job in Setup, Bulk Data Load Jobs");
    }
    request_error(400, &[fault])
}

/// Whether an error means that the job cannot be trusted and a new one is needed.
pub(super) fn spoils_job(error: &ConnectError) -> bool {
    matches!(error.code, "R123" | "R107")
}

/// A load by bulk under way.
pub(super) struct BulkLoad {
    feed: PageFeed,
    anchor: Timestamp,
    job: String,
    buffer: Buffer,
    /// Pages that arrived whole, with the number of rows that had arrived by then.
    arrived: VecDeque<(u64, PageEnd)>,
    rows_arrived: u64,
    settled: Settled,
    handed_out: u64,
    expected: Option<u64>,
    object: String,
    finished: bool,
}

impl BulkLoad {
    /// Begins to download what of a complete job is not settled.
    pub(super) fn start(
        source: &SalesforceSource,
        anchor: Timestamp,
        (id, expected): (&str, Option<u64>),
        settled: Settled,
    ) -> Self {
        let at_once = source.spec.lanes.pages_at_once;
        let wanted = Wanted { settled: settled.clone(), all: false, at_once, purpose: source.purpose };
        let rows = settled.iter().map(|(_, rows)| rows).sum();
        Self {
            feed: PageFeed::start(source, (id, expected), wanted),
            anchor,
            job: id.to_owned(),
            buffer: Buffer::default(),
            arrived: VecDeque::new(),
            rows_arrived: rows,
            settled,
            handed_out: rows,
            expected,
            object: source.spec.object.clone(),
            finished: false,
        }
    }

    /// Id of the job.
    pub(super) fn job(&self) -> &str {
        &self.job
    }

    /// Whether the last batch was handed out.
    pub(super) fn is_finished(&self) -> bool {
        self.finished
    }

    /// The next batch. A page counts as settled with the batch that has its last row.
    pub(super) async fn read(&mut self, limit: Limit) -> Result<Read, ConnectError> {
        let drained = self.fill(limit).await?;
        let records = self.buffer.take(limit);
        self.handed_out += records.len() as u64;
        self.finished = drained && self.buffer.is_empty();
        let next = if self.finished {
            Cursor::Changes { upto: self.anchor, within: None }
        } else {
            Cursor::Backfill { anchor: self.anchor, done: self.progress() }
        };
        let events = records.into_iter().map(Record::into_event).collect();
        Ok(Read::Batch { events, next, more: true, total: self.expected })
    }

    /// Takes chunks until a batch is full; true when nothing more will come.
    async fn fill(&mut self, limit: Limit) -> Result<bool, ConnectError> {
        while !self.buffer.holds(limit) {
            let Some(chunk) = self.feed.next().await? else {
                return self.feed.check_total(&self.object).map(|()| true);
            };
            self.rows_arrived += chunk.records.len() as u64;
            self.buffer.add(chunk.records, chunk.bytes);
            self.arrived.extend(chunk.end.map(|end| (self.rows_arrived, end)));
        }
        Ok(false)
    }

    fn progress(&mut self) -> Backfill {
        while self.arrived.front().is_some_and(|(rows, _)| *rows <= self.handed_out) {
            self.settled.extend(self.arrived.pop_front().map(|(_, end)| (end.locator, end.rows)));
        }
        Backfill::Job { id: self.job.clone(), pages: self.settled.clone(), rows: self.handed_out }
    }
}

/// Fails unless exactly the announced rows came.
pub(super) fn check_count(what: &str, announced: Option<u64>, received: u64) -> Result<(), ConnectError> {
    match announced {
        Some(announced) if announced != received => Err(incomplete(what, announced, received)),
        _ => Ok(()),
    }
}
