//! The first load over REST: pages in id order. All ids up to the cursor's are settled, so a load is taken up anywhere.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;

use super::api::columns::Record;
use super::client::Client;
use super::fetch::Shapes;
use super::ordered::{Order, OrderedQuery, Question};
use crate::connect::{ConnectError, Limit};
use crate::model::{Backfill, Cursor, Key, Read};

/// Records that were read and not handed out yet, with their size.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    records: VecDeque<Record>,
    bytes: usize,
}

impl Buffer {
    /// Adds a page of so many bytes.
    pub(super) fn add(&mut self, records: Vec<Record>, bytes: usize) {
        self.bytes += bytes;
        self.records.extend(records);
    }

    /// Whether a batch is full.
    pub(super) fn holds(&self, limit: Limit) -> bool {
        self.records.len() >= limit.records || self.bytes >= limit.bytes
    }

    /// Whether a batch is full, or would be split by another page of so many records.
    pub(super) fn holds_beside(&self, page: usize, limit: Limit) -> bool {
        self.holds(limit) || (!self.is_empty() && self.records.len() + page > limit.records)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Takes one batch; at least one record if there is one.
    pub(super) fn take(&mut self, limit: Limit) -> Vec<Record> {
        let each = (self.bytes / self.records.len().max(1)).max(1);
        let count = limit.records.min(limit.bytes / each).max(1).min(self.records.len());
        self.bytes -= (each * count).min(self.bytes);
        self.records.drain(..count).collect()
    }
}

/// A load over REST under way.
#[derive(Debug)]
pub(super) struct RestLoad {
    query: OrderedQuery,
    anchor: Timestamp,
    buffer: Buffer,
    total: Option<u64>,
    from_start: bool,
}

impl RestLoad {
    /// A load that goes on after an id.
    pub(super) fn new(question: Question, anchor: Timestamp, after: Option<Key>) -> Self {
        let from_start = after.is_none();
        let query = OrderedQuery::new(question, Order::Id(after));
        Self { query, anchor, buffer: Buffer::default(), total: None, from_start }
    }

    /// Whether the last batch was handed out.
    pub(super) fn is_finished(&self) -> bool {
        self.query.is_finished() && self.buffer.is_empty()
    }

    /// The next batch.
    pub(super) async fn read(
        &mut self,
        client: &Arc<Client>,
        shapes: &Arc<Shapes>,
        limit: Limit,
    ) -> Result<Read, ConnectError> {
        while !self.buffer.holds(limit) {
            let Some(page) = self.query.page(client, shapes).await? else { break };
            if self.from_start && self.total.is_none() {
                self.total = Some(page.announced);
            }
            self.buffer.add(page.records, page.bytes);
            self.query.read_ahead(client, shapes);
        }
        let records = self.buffer.take(limit);
        let next = match records.last() {
            Some(last) if !self.is_finished() => Cursor::Backfill {
                anchor: self.anchor,
                done: Backfill::Keys { after: Some(last.id.clone()) },
            },
            _ => Cursor::Changes { upto: self.anchor, within: None },
        };
        let events = records.into_iter().map(Record::into_event).collect();
        Ok(Read::Batch { events, next, more: true, total: self.total })
    }
}
