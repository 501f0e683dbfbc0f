//! Downloads the result pages of a bulk job: some at once, through one bounded channel. Memory is bounded by the channel, whatever the
//! size of a page. Read [`PageFeed`] first.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::api::bulk;
use super::api::bulk_csv::Decoder;
use super::api::columns::Record;
use super::backfill_bulk::{Settled, check_count};
use super::budget::Purpose;
use super::client::{Call, Client};
use super::fetch::Shapes;
use super::ordered::stopped;
use super::source::SalesforceSource;
use super::transport::Opened;
use crate::connect::ConnectError;
use crate::model::Class;

/// Records of one chunk.
const CHUNK: usize = 500;
/// Bytes of one chunk: long texts make chunks shorter, not larger.
const CHUNK_BYTES: usize = 256 << 10;
/// Chunks that wait for the reader.
const WAITING: usize = 6;

/// Some records of a page.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    /// In the order of the page.
    pub records: Vec<Record>,
    /// Their size in the answer.
    pub bytes: usize,
    /// Set with the last chunk of a page.
    pub end: Option<PageEnd>,
}

/// The end of a page.
#[derive(Debug)]
pub(super) struct PageEnd {
    /// Its locator.
    pub locator: String,
    /// Its rows.
    pub rows: u64,
}

/// What of a job is downloaded, and how.
pub(super) struct Wanted {
    /// Pages that are settled: not downloaded again.
    pub settled: Settled,
    /// The job was a queryAll.
    pub all: bool,
    /// Pages at once; with 1 the rows come in the order of the result.
    pub at_once: usize,
    /// What it is for.
    pub purpose: Purpose,
}

/// The pages of a job as they arrive. Dropping it ends the downloads.
pub(super) struct PageFeed {
    chunks: mpsc::Receiver<Chunk>,
    downloads: JoinSet<Result<(), ConnectError>>,
    announced: Option<u64>,
    received: u64,
}

impl PageFeed {
    /// Begins to download a complete job that announced so many rows.
    pub(super) fn start(
        source: &SalesforceSource,
        (id, announced): (&str, Option<u64>),
        wanted: Wanted,
    ) -> Self {
        let (sender, chunks) = mpsc::channel(WAITING);
        let received = wanted.settled.iter().map(|(_, rows)| rows).sum();
        let parallel = wanted.at_once.max(1);
        let job = Download {
            client: Arc::clone(&source.client),
            shapes: Arc::clone(&source.shapes),
            id: id.to_owned(),
            rows: source.spec.lanes.page,
            purpose: wanted.purpose,
            all: wanted.all,
            settled: wanted.settled.into_iter().map(|(locator, _)| locator).collect(),
            sender,
        };
        let mut downloads = JoinSet::new();
        downloads.spawn(Arc::new(job).run(parallel));
        Self { chunks, downloads, announced, received }
    }

    /// The next records; `None` when all pages were read to their end.
    pub(super) async fn next(&mut self) -> Result<Option<Chunk>, ConnectError> {
        if let Some(chunk) = self.chunks.recv().await {
            self.received += chunk.records.len() as u64;
            return Ok(Some(chunk));
        }
        while let Some(done) = self.downloads.join_next().await {
            done.unwrap_or_else(|cause| Err(stopped(&cause)))?;
        }
        Ok(None)
    }

    /// Fails unless the job's announced rows came. Called after the end.
    pub(super) fn check_total(&self, object: &str) -> Result<(), ConnectError> {
        check_count(object, self.announced, self.received)
    }
}

/// The downloads of one job.
struct Download {
    client: Arc<Client>,
    shapes: Arc<Shapes>,
    id: String,
    rows: u32,
    purpose: Purpose,
    all: bool,
    settled: HashSet<String>,
    sender: mpsc::Sender<Chunk>,
}

impl Download {
    /// Walks along the pages and downloads those that are not settled.
    async fn run(self: Arc<Self>, parallel: usize) -> Result<(), ConnectError> {
        let places = Arc::new(Semaphore::new(parallel));
        let mut pages = JoinSet::new();
        let mut locator = Some(String::new());
        while let Some(current) = locator {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
            while let Some(done) = pages.try_join_next() {
                done.unwrap_or_else(|cause| Err(stopped(&cause)))?;
            }
            let opened = self.open(&current).await?;
            locator = bulk::next_locator(opened.header("sforce-locator"));
            // A settled page is only asked for the way to the next one.
            if !self.settled.contains(&current) {
                let job = Arc::clone(&self);
                pages.spawn(async move {
                    let done = job.page(current, opened).await;
                    drop(place);
                    done
                });
            }
        }
        while let Some(done) = pages.join_next().await {
            done.unwrap_or_else(|cause| Err(stopped(&cause)))?;
        }
        Ok(())
    }

    async fn open(&self, locator: &str) -> Result<Opened, ConnectError> {
        let path = bulk::results_path(self.client.data_path().await?, &self.id, locator, self.rows);
        let call = Call { accept: "text/csv", ..Call::get(path, self.purpose) };
        self.client.open(&call).await.map_err(|error| match error.remote.as_deref() {
            Some("NOT_FOUND") => {
                ConnectError::new("R123", Class::TRANSIENT, "a result page of the bulk job is gone")
                    .help("the job is made again")
            }
            _ => error,
        })
    }

    /// Reads one page to its end, asking for it again when the transfer breaks.
    async fn page(&self, locator: String, opened: Opened) -> Result<(), ConnectError> {
        let announced = opened.header("sforce-numberofrecords").and_then(|count| count.parse().ok());
        let mut opened = Some(opened);
        let mut delivered = 0;
        let mut pauses = self.client.pauses();
        let rows = loop {
            let body = match opened.take() {
                Some(body) => body,
                None => self.open(&locator).await?,
            };
            match self.body(body, &mut delivered).await {
                Ok(rows) => break rows,
                Err(error) if error.class.is_retried() => match pauses.next() {
                    Some(pause) => self.client.clock().sleep(pause).await,
                    None => return Err(error),
                },
                Err(error) => return Err(error),
            }
        };
        check_count("a result page", announced, rows)?;
        self.send(Chunk { end: Some(PageEnd { locator, rows }), ..Chunk::default() }).await
    }

    /// Reads one body and sends its records on. `delivered`: rows that were sent, kept over a broken transfer.
    async fn body(&self, mut opened: Opened, delivered: &mut u64) -> Result<u64, ConnectError> {
        let shape = if self.all { &self.shapes.all } else { &self.shapes.live };
        let silence = self.client.config().transport.silence;
        let mut decoder = Decoder::new(shape.columns(), *delivered);
        let mut chunk = Chunk { records: Vec::with_capacity(CHUNK), ..Chunk::default() };
        while let Some(bytes) = opened.chunk(silence).await? {
            chunk.bytes += bytes.len();
            decoder.push(&bytes, &mut chunk.records).map_err(unreadable)?;
            if chunk.records.len() >= CHUNK || chunk.bytes >= CHUNK_BYTES {
                *delivered += chunk.records.len() as u64;
                self.send(std::mem::take(&mut chunk)).await?;
            }
        }
        decoder.finish(&mut chunk.records).map_err(unreadable)?;
        *delivered += chunk.records.len() as u64;
        self.send(chunk).await?;
        Ok(decoder.rows())
    }

    async fn send(&self, chunk: Chunk) -> Result<(), ConnectError> {
        let closed = |_| ConnectError::new("R106", Class::TRANSIENT, "nobody reads the download any more");
        self.sender.send(chunk).await.map_err(closed)
    }
}

/// A page that was cut or garbled is asked for again; one of another shape is not.
fn unreadable(cause: super::api::bulk_csv::CsvError) -> ConnectError {
    ConnectError::new("R106", Class::TRANSIENT, format!("a result page cannot be read: {cause}"))
        .caused_by(cause)
}
