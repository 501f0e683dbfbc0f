//! Reads one object of one org for one pipeline: first everything, then what changed.
//!
//! The cursor says where to go on; what is under way between two reads (open pages, downloads) is only read-ahead, and is dropped
//! whenever the caller goes on from another cursor. Read [`SalesforceSource`] first, then [`super::poll`] for the cursor rules.

use std::sync::Arc;

use jiff::Timestamp;

use super::api::error::{Reaction, reaction};
use super::api::soql::{self, Select};
use super::ask::ask;
use super::backfill_bulk::{self, BulkLoad, Ended};
use super::backfill_rest::RestLoad;
use super::budget::Purpose;
use super::client::Client;
use super::fetch::{self, Shapes};
use super::notes::Notes;
use super::ordered::Question;
use super::poll::Window;
use super::{LoadScope, ReadSpec};
use crate::connect::{ConnectError, Limit, Source};
use crate::model::{Backfill, ChangeEvent, Cursor, Key, Read};

/// Notes of a batch at most: each of them is a call of its own, and what was read is settled with the batch.
const NOTES: usize = 200;

/// One object of one org, as one pipeline reads it.
pub struct SalesforceSource {
    pub(super) client: Arc<Client>,
    pub(super) spec: Arc<ReadSpec>,
    pub(super) shapes: Arc<Shapes>,
    /// What loads count as.
    pub(super) purpose: Purpose,
    /// What is asked for besides, where the object is that of notes.
    notes: Option<Notes>,
    under_way: UnderWay,
    last: Option<Cursor>,
    /// A bulk job that this source saw fail: it is not taken up again.
    bad_job: Option<String>,
}

/// What is under way between two reads.
enum UnderWay {
    Nothing,
    Rest(Box<RestLoad>),
    Bulk(Box<BulkLoad>),
    Window(Box<Window>),
}

impl SalesforceSource {
    /// A source. Makes no call until it is read.
    pub fn new(client: Arc<Client>, spec: ReadSpec) -> Self {
        Self::for_purpose(client, spec, Purpose::Backfill)
    }

    /// A source that reads everything to compare it: its calls give way before those that follow changes.
    pub fn comparing(client: Arc<Client>, spec: ReadSpec) -> Self {
        Self::for_purpose(client, spec, Purpose::Reconcile)
    }

    pub(super) fn for_purpose(client: Arc<Client>, spec: ReadSpec, purpose: Purpose) -> Self {
        let shapes = Arc::new(Shapes::new(&spec));
        Self {
            notes: Notes::of(&spec.object, &spec.schema, &spec.parents),
            client,
            spec: Arc::new(spec),
            shapes,
            purpose,
            under_way: UnderWay::Nothing,
            last: None,
            bad_job: None,
        }
    }

    /// The conditions of the first load.
    pub(super) fn load_conditions(&self) -> Vec<String> {
        let mut conditions: Vec<String> = self.spec.filter.iter().cloned().collect();
        if let LoadScope::Where(more) = &self.spec.load {
            conditions.push(more.clone());
        }
        conditions
    }

    pub(super) fn load_question(&self) -> Question {
        Question {
            object: self.spec.object.clone(),
            conditions: self.load_conditions(),
            all: false,
            purpose: self.purpose,
        }
    }

    async fn step(&mut self, from: Option<&Cursor>, limit: Limit) -> Result<Read, ConnectError> {
        match (from, std::mem::replace(&mut self.under_way, UnderWay::Nothing)) {
            (Some(Cursor::Backfill { .. }), UnderWay::Rest(load)) => self.read_rest(load, limit).await,
            (Some(Cursor::Backfill { .. }), UnderWay::Bulk(load)) => self.read_bulk(load, limit).await,
            (Some(Cursor::Changes { .. }), UnderWay::Window(window)) => self.read_window(window, limit).await,
            (None, _) => self.begin().await,
            (Some(Cursor::Backfill { anchor, done: Backfill::Keys { after } }), _) => {
                let load = RestLoad::new(self.load_question(), *anchor, after.clone());
                self.read_rest(Box::new(load), limit).await
            }
            (Some(Cursor::Backfill { anchor, done: Backfill::Job { id, pages, .. } }), _) => {
                self.resume_job(*anchor, id, pages.clone(), limit).await
            }
            (Some(Cursor::Changes { upto, within }), _) => {
                let window = Window::new(&self.spec, *upto, within.clone());
                self.read_window(Box::new(window), limit).await
            }
        }
    }

    async fn read_rest(&mut self, mut load: Box<RestLoad>, limit: Limit) -> Result<Read, ConnectError> {
        let read = load.read(&self.client, &self.shapes, limit).await?;
        if !load.is_finished() {
            self.under_way = UnderWay::Rest(load);
        }
        Ok(read)
    }

    async fn read_bulk(&mut self, mut load: Box<BulkLoad>, limit: Limit) -> Result<Read, ConnectError> {
        match load.read(limit).await {
            Ok(read) => {
                if !load.is_finished() {
                    self.under_way = UnderWay::Bulk(load);
                }
                Ok(read)
            }
            Err(error) => {
                if backfill_bulk::spoils_job(&error) {
                    self.bad_job = Some(load.job().to_owned());
                }
                Err(error)
            }
        }
    }

    async fn read_window(&mut self, mut window: Box<Window>, limit: Limit) -> Result<Read, ConnectError> {
        let read = window.read(self, limit).await?;
        if !window.is_finished() {
            self.under_way = UnderWay::Window(window);
        }
        Ok(read)
    }

    /// The first read: counts, chooses the lane. Costs one call, and one more to create a job.
    async fn begin(&mut self) -> Result<Read, ConnectError> {
        if self.spec.load == LoadScope::Nothing {
            self.client.data_path().await?;
            let upto = self.server_time(None);
            return Ok(empty(Cursor::Changes { upto, within: None }, false, None));
        }
        let (total, asked_at) = match self.count().await {
            Ok((total, asked_at)) => (Some(total), asked_at),
            // Too many to count in two minutes is a job for bulk.
            Err(error) if reaction(&error) == Reaction::Narrow => (None, None),
            Err(error) => return Err(error),
        };
        let anchor = self.server_time(asked_at);
        if total == Some(0) {
            return Ok(empty(Cursor::Changes { upto: anchor, within: None }, true, total));
        }
        let many = total.is_none_or(|total| total > self.spec.lanes.load);
        if many && !self.spec.needs_rest() && !self.client.is_rest_only(&self.spec.object) {
            return self.begin_job(anchor, total).await;
        }
        Ok(empty(begin_keys(anchor), true, total))
    }

    /// Creates a job and returns at once, so that its id is stored before anybody waits for it.
    async fn begin_job(&mut self, anchor: Timestamp, total: Option<u64>) -> Result<Read, ConnectError> {
        let soql = Select {
            columns: &self.shapes.live.columns().select(),
            object: &self.spec.object,
            conditions: self.load_conditions(),
            order: "",
            limit: None,
        };
        match backfill_bulk::create(&self.client, &soql.text(), false, self.purpose).await {
            Ok(id) => {
                let done = Backfill::Job { id, pages: Vec::new(), rows: 0 };
                Ok(empty(Cursor::Backfill { anchor, done }, true, total))
            }
            Err(error) if reaction(&error) == Reaction::UseRest => {
                tracing::info!(object = %self.spec.object, "bulk refuses this object, it is read over rest");
                self.client.remember_rest_only(&self.spec.object);
                Ok(empty(begin_keys(anchor), true, total))
            }
            Err(error) => Err(error),
        }
    }

    /// Waits for a job and begins to download what is not settled. A job that is gone is made again, from the same anchor.
    async fn resume_job(
        &mut self,
        anchor: Timestamp,
        id: &str,
        settled: backfill_bulk::Settled,
        limit: Limit,
    ) -> Result<Read, ConnectError> {
        if self.bad_job.as_deref() == Some(id) {
            self.bad_job = None;
            return self.begin_job(anchor, None).await;
        }
        match backfill_bulk::wait(&self.client, id, self.purpose).await? {
            Ended::Complete(rows) => {
                let load = BulkLoad::start(self, anchor, (id, rows), settled);
                self.read_bulk(Box::new(load), limit).await
            }
            Ended::Gone => self.begin_job(anchor, None).await,
            Ended::Failed(error) => match reaction(&error) {
                Reaction::UseRest => {
                    self.client.remember_rest_only(&self.spec.object);
                    Ok(empty(begin_keys(anchor), true, None))
                }
                // Pages in id order are small enough for the two minutes that a query has.
                Reaction::Narrow => Ok(empty(begin_keys(anchor), true, None)),
                _ => {
                    self.bad_job = Some(id.to_owned());
                    Err(error)
                }
            },
        }
    }

    async fn count(&self) -> Result<(u64, Option<Timestamp>), ConnectError> {
        let select = Select {
            columns: "COUNT()",
            object: &self.spec.object,
            conditions: self.load_conditions(),
            order: "",
            limit: None,
        };
        let path = soql::query_path(self.client.data_path().await?, false, &select.text());
        let asked = ask(&self.client, path, &self.shapes.live, self.purpose).await?;
        Ok((asked.page.total, asked.sent_at))
    }

    /// The server's time when something was asked, minus the lag: what was committed before has been seen. The org always tells its
    /// time; our own clock is the last resort, and the overlap of windows covers its error.
    pub(super) fn server_time(&self, asked_at: Option<Timestamp>) -> Timestamp {
        let time = asked_at.or_else(|| self.client.server_now()).unwrap_or_else(|| self.client.clock().now());
        time - jiff::SignedDuration::try_from(self.spec.lag).unwrap_or_default()
    }
}

fn begin_keys(anchor: Timestamp) -> Cursor {
    Cursor::Backfill { anchor, done: Backfill::Keys { after: None } }
}

fn empty(next: Cursor, more: bool, total: Option<u64>) -> Read {
    Read::Batch { events: Vec::new(), next, more, total }
}

#[async_trait::async_trait]
impl Source for SalesforceSource {
    async fn read(&mut self, from: Option<&Cursor>, limit: Limit) -> Result<Read, ConnectError> {
        if from != self.last.as_ref() {
            self.under_way = UnderWay::Nothing;
        }
        // After an error nothing is under way, and the next read begins at its cursor.
        self.last = None;
        let limit = match &self.notes {
            Some(_) => Limit { records: limit.records.min(NOTES), ..limit },
            None => limit,
        };
        let mut read = self.step(from, limit).await?;
        if let (Some(notes), Read::Batch { events, .. }) = (&self.notes, &mut read) {
            let purpose = match from {
                Some(Cursor::Changes { .. }) => Purpose::Poll,
                _ => self.purpose,
            };
            *events = notes.complete(&self.client, std::mem::take(events), purpose).await?;
        }
        if let Read::Batch { next, .. } = &read {
            self.last = Some(next.clone());
        }
        Ok(read)
    }

    async fn fetch(&mut self, keys: &[Key]) -> Result<Vec<ChangeEvent>, ConnectError> {
        let events = fetch::fetch(&self.client, &self.spec, &self.shapes, keys).await?;
        match &self.notes {
            Some(notes) => notes.complete(&self.client, events, Purpose::Push).await,
            None => Ok(events),
        }
    }
}
