//! Following changes: one window after the other, in the order by stamp and id.
//!
//! The rules of the cursor, each with a test against the simulated org:
//! - A place is (stamp, id), never a stamp alone: a page edge inside equal stamps loses nothing.
//! - A window ends at the server's time when it was asked for, minus a lag; our own clock has no say.
//! - Windows overlap by the lookback, because a transaction commits up to ten minutes after the stamp that its records carry.
//! - There is no upper bound in the query: what is newer than the window's end comes early, and again with the next window.
//! - A delete needs evidence: `IsDeleted` of queryAll.
//!
//! Records that no longer pass a filter are found by reading everything that changed, without the filter, and then asking by id which
//! of them pass. Asking with `NOT (filter)` instead would take two calls for an idle poll, and could report a record as gone that
//! changed between both; asking by id is right at any moment, and an idle poll stays one call.

use jiff::{SignedDuration, Timestamp};

use super::ReadSpec;
use super::api::columns::Record;
use super::api::error::{Reaction, reaction};
use super::api::soql;
use super::backfill_bulk::{self, Ended, PageFeed, Settled, Wanted};
use super::backfill_rest::Buffer;
use super::budget::Purpose;
use super::fetch::judge;
use super::ordered::{Order, OrderedQuery, Question, keyset};
use super::source::SalesforceSource;
use crate::connect::{ConnectError, Limit};
use crate::model::{Cursor, Keyset, Read};

/// A window under way.
pub(super) struct Window {
    query: OrderedQuery,
    /// Where the window before it ended.
    upto: Timestamp,
    /// Its own end; known with the first page.
    end: Option<Timestamp>,
    buffer: Buffer,
    total: Option<u64>,
    /// Set while the rows come by bulk.
    feed: Option<PageFeed>,
    finished: bool,
}

impl Window {
    /// A window after `upto`, or the rest of one that was begun.
    pub(super) fn new(spec: &ReadSpec, upto: Timestamp, within: Option<(Timestamp, Keyset)>) -> Self {
        let (end, after) = within.map_or((None, None), |(end, place)| (Some(end), Some(place)));
        let mut conditions = Vec::new();
        if after.is_none() {
            let lookback = SignedDuration::try_from(spec.lookback).unwrap_or_default();
            conditions.push(format!("{} >= {}", spec.stamp_field, soql::instant(upto - lookback)));
        }
        let with_deleted = spec.deletes && spec.has_is_deleted;
        match &spec.filter {
            Some(_) if spec.leavers => {}
            // A deleted record is reported whether it passes or not: it may have passed before.
            Some(filter) if with_deleted => conditions.push(format!("IsDeleted = true OR ({filter})")),
            Some(filter) => conditions.push(filter.clone()),
            None => {}
        }
        let question =
            Question { object: spec.object.clone(), conditions, all: with_deleted, purpose: Purpose::Poll };
        let order = Order::Stamp { field: spec.stamp_field.clone(), after };
        Self {
            query: OrderedQuery::new(question, order),
            upto,
            end,
            buffer: Buffer::default(),
            total: None,
            feed: None,
            finished: false,
        }
    }

    /// Whether the last batch was handed out.
    pub(super) fn is_finished(&self) -> bool {
        self.finished
    }

    /// The next batch of the window.
    pub(super) async fn read(
        &mut self,
        source: &SalesforceSource,
        limit: Limit,
    ) -> Result<Read, ConnectError> {
        let drained = self.fill(source, limit).await?;
        let records = if self.buffer.is_empty() { Vec::new() } else { self.buffer.take(limit) };
        self.finished = drained && self.buffer.is_empty();
        // Without a server time the window ends where it began, and its rows are read again.
        let end = self.end.unwrap_or(self.upto).max(self.upto);
        let next = match records.last() {
            Some(last) if !self.finished => {
                Cursor::Changes { upto: self.upto, within: Some((end, keyset(last)?)) }
            }
            _ => Cursor::Changes { upto: end, within: None },
        };
        let events = if source.spec.leavers {
            judge(&source.client, &source.spec, &source.shapes, records, Purpose::Poll).await?
        } else {
            records.into_iter().map(Record::into_event).collect()
        };
        Ok(Read::Batch { events, next, more: !self.finished, total: self.total })
    }

    /// Reads until a batch is full, by whole pages where it is larger than one; true when nothing more will come.
    async fn fill(&mut self, source: &SalesforceSource, limit: Limit) -> Result<bool, ConnectError> {
        let mut page_size = 0;
        while !self.buffer.holds_beside(page_size, limit) {
            if let Some(feed) = &mut self.feed {
                match feed.next().await? {
                    Some(chunk) => self.buffer.add(chunk.records, chunk.bytes),
                    None => return feed.check_total(&source.spec.object).map(|()| true),
                }
                continue;
            }
            let Some(page) = self.query.page(&source.client, &source.shapes).await? else {
                return Ok(true);
            };
            if self.end.is_none() {
                self.end = page.asked_at.map(|at| source.server_time(Some(at)));
            }
            self.total.get_or_insert(page.announced);
            page_size = page.records.len();
            self.buffer.add(page.records, page.bytes);
            if page.announced > source.spec.lanes.changes && !self.query.is_finished() {
                self.switch_to_bulk(source).await?;
            }
            if self.feed.is_none() {
                self.query.read_ahead(&source.client, &source.shapes);
            }
        }
        Ok(self.feed.is_none() && self.query.is_finished())
    }

    /// A large rest of the window by one bulk job, in the same order, so that the place stays a place.
    /// What Bulk refuses, or cannot do now, goes on page by page.
    async fn switch_to_bulk(&mut self, source: &SalesforceSource) -> Result<(), ConnectError> {
        let spec = &source.spec;
        if spec.needs_rest() || source.client.is_rest_only(&spec.object) {
            return Ok(());
        }
        let soql = self.query.soql(&source.shapes);
        let all = spec.deletes && spec.has_is_deleted;
        let id = match backfill_bulk::create(&source.client, &soql, all, Purpose::Poll).await {
            Ok(id) => id,
            Err(error) => {
                if reaction(&error) == Reaction::UseRest {
                    source.client.remember_rest_only(&spec.object);
                }
                return Ok(());
            }
        };
        if let Ended::Complete(rows) = backfill_bulk::wait(&source.client, &id, Purpose::Poll).await? {
            let wanted = Wanted { settled: Settled::new(), all, at_once: 1, purpose: Purpose::Poll };
            self.feed = Some(PageFeed::start(source, (&id, rows), wanted));
        }
        Ok(())
    }
}
