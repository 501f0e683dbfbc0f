//! The first load by one Bulk API 2.0 job (section 7): create, wait, download pages in parallel.
//!
//! Each page is found in the headers of the page before it, long before that page's body is read, so pages download in parallel
//! without a call besides the pages themselves. (`resultPages` would tell five of them at a time, for one call more.)
//! A page that breaks off is asked for again and read over up to the rows that were delivered; results do not change while the job exists.
//! Read [`BulkLoad`] first.

use std::time::Duration;

use jiff::Timestamp;

use super::api::bulk::{self, Job, JobState};
use super::api::columns::Record;
use super::api::error::request_error;
use super::budget::Purpose;
use super::client::{Call, Client};
use super::ordered::incomplete;
use super::source::SalesforceSource;
use crate::connect::{ConnectError, Limit};
use crate::model::{Backfill, ChangeEvent, Class, Cursor, Read};

pub(super) use super::result_pages::PageFeed;

/// First pause between two looks at a job; each is four times as long, since every look is a call.
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
        client.clock().sleep(pause).await;
        pause = (pause * 4).min(LONGEST_LOOK);
    }
}

fn failed(job: &Job) -> ConnectError {
    let fault = job.fault();
    if fault.code.is_empty() {
        return ConnectError::new(
            "R111",
            Class::Pipeline,
            "salesforce could not finish the bulk job, and gave no code",
        )
        .help("look at the job in Setup, Bulk Data Load Jobs");
    }
    request_error(400, &[fault])
}

/// Whether an error means that the job cannot be trusted and a new one is needed.
pub(super) fn spoils_job(error: &ConnectError) -> bool {
    matches!(error.code, "R111" | "R115")
}

/// A load by bulk under way.
pub(super) struct BulkLoad {
    feed: PageFeed,
    anchor: Timestamp,
    job: String,
    settled: Settled,
    handed_out: u64,
    expected: Option<u64>,
    object: String,
    finished: bool,
}

impl BulkLoad {
    /// Begins to download what of a complete job is not settled.
    pub fn start(
        source: &SalesforceSource,
        anchor: Timestamp,
        (id, expected): (&str, Option<u64>),
        settled: Settled,
    ) -> Self {
        let parallel = source.spec.lanes.pages_at_once.max(1);
        Self {
            feed: PageFeed::start(source, (id, expected), settled.clone(), false, parallel),
            anchor,
            job: id.to_owned(),
            handed_out: settled.iter().map(|(_, rows)| rows).sum(),
            settled,
            expected,
            object: source.spec.object.clone(),
            finished: false,
        }
    }

    /// Id of the job.
    pub fn job(&self) -> &str {
        &self.job
    }

    /// Whether the last batch was handed out.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// The next batch. A page counts as settled with the batch that has its last row.
    pub async fn read(&mut self, limit: Limit) -> Result<Read, ConnectError> {
        let mut events: Vec<ChangeEvent> = Vec::new();
        let mut bytes = 0;
        while events.len() < limit.records && bytes < limit.bytes {
            let Some(chunk) = self.feed.next().await? else {
                self.feed.check_total(&self.object)?;
                self.finished = true;
                break;
            };
            bytes += chunk.bytes;
            events.extend(chunk.records.into_iter().map(Record::into_event));
            if let Some(end) = chunk.end {
                self.settled.push((end.locator, end.rows));
            }
        }
        self.handed_out += events.len() as u64;
        let next = if self.finished {
            Cursor::Changes { upto: self.anchor, within: None }
        } else {
            let done =
                Backfill::Job { id: self.job.clone(), pages: self.settled.clone(), rows: self.handed_out };
            Cursor::Backfill { anchor: self.anchor, done }
        };
        Ok(Read::Batch { events, next, more: true, total: self.expected })
    }
}

/// Fails unless exactly the announced rows came.
pub(super) fn check_count(what: &str, announced: Option<u64>, received: u64) -> Result<(), ConnectError> {
    match announced {
        Some(announced) if announced != received => Err(incomplete(what, announced, received)),
        _ => Ok(()),
    }
}
