//! One ordered query, page by page: follows locators, starts again after the last record when a locator is lost, takes smaller pages
//! when the query runs too long, and counts what it got against what was announced. The next page may be on its way while the last one
//! is worked on. Read [`OrderedQuery`] first.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::task::JoinSet;

use super::api::columns::Record;
use super::api::error::{Reaction, reaction};
use super::api::query::Shape;
use super::api::soql::{self, Select};
use super::ask::{Asked, ask};
use super::budget::Purpose;
use super::client::Client;
use super::fetch::Shapes;
use crate::connect::ConnectError;
use crate::model::{Class, Key, Keyset};

/// Page sizes that are tried one after the other when the query runs too long.
const SMALLER: [u32; 4] = [2_000, 1_000, 500, 200];

/// The order of the records, which is also how a query goes on after the last one.
#[derive(Clone, Debug)]
pub(super) enum Order {
    /// By id, after this one.
    Id(Option<Key>),
    /// By stamp and id, after this place.
    Stamp {
        /// The stamp field.
        field: String,
        /// Last record that was read.
        after: Option<Keyset>,
    },
}

/// What is asked.
#[derive(Clone, Debug)]
pub(super) struct Question {
    /// API name of the object.
    pub object: String,
    /// Conditions besides the order's own.
    pub conditions: Vec<String>,
    /// With deleted records.
    pub all: bool,
    /// What it is for.
    pub purpose: Purpose,
}

/// One ordered query under way.
#[derive(Debug)]
pub(super) struct OrderedQuery {
    question: Question,
    order: Order,
    next: Option<String>,
    /// The page at `next`, on its way. It ends with the query.
    ahead: JoinSet<Result<Asked, ConnectError>>,
    /// Rows that the run which is under way announced, and rows that came.
    announced: u64,
    received: u64,
    limit: Option<u32>,
    finished: bool,
}

/// One page of it.
#[derive(Debug)]
pub(super) struct Batch {
    /// The records in order.
    pub records: Vec<Record>,
    /// Size of the answer.
    pub bytes: usize,
    /// Server time when it was asked for.
    pub asked_at: Option<Timestamp>,
    /// Rows of the whole run.
    pub announced: u64,
}

impl OrderedQuery {
    /// A query that has not begun.
    pub(super) fn new(question: Question, order: Order) -> Self {
        Self {
            question,
            order,
            next: None,
            ahead: JoinSet::new(),
            announced: 0,
            received: 0,
            limit: None,
            finished: false,
        }
    }

    /// Whether everything was read.
    pub(super) fn is_finished(&self) -> bool {
        self.finished
    }

    /// The query without pages, in the same order: for the bulk lane.
    pub(super) fn soql(&self, shapes: &Shapes) -> String {
        let mut conditions = self.question.conditions.clone();
        let order = match &self.order {
            Order::Id(after) => {
                conditions.extend(after.as_ref().map(|id| format!("Id > {}", soql::quoted(id.as_str()))));
                "Id".to_owned()
            }
            Order::Stamp { field, after } => {
                conditions.extend(after.as_ref().map(|place| soql::after(field, place)));
                format!("{field}, Id")
            }
        };
        let columns = self.shape(shapes).columns().select();
        Select {
            columns: &columns,
            object: &self.question.object,
            conditions,
            order: &order,
            limit: self.limit,
        }
        .text()
    }

    /// The next page; `None` when everything was read.
    pub(super) async fn page(
        &mut self,
        client: &Client,
        shapes: &Shapes,
    ) -> Result<Option<Batch>, ConnectError> {
        while !self.finished {
            match self.answer(client, shapes).await {
                Ok(asked) => return self.take(asked).map(Some),
                Err(error) => self.recover(error)?,
            }
        }
        Ok(None)
    }

    /// Asks for the page after the last one while that one is worked on. A query that ends before it is taken has cost a call too many.
    pub(super) fn read_ahead(&mut self, client: &Arc<Client>, shapes: &Arc<Shapes>) {
        let Some(next) = self.next.clone().filter(|_| self.ahead.is_empty()) else { return };
        let (client, shapes) = (Arc::clone(client), Arc::clone(shapes));
        let (all, purpose) = (self.question.all, self.question.purpose);
        self.ahead.spawn(async move { ask(&client, next, shape(&shapes, all), purpose).await });
    }

    async fn answer(&mut self, client: &Client, shapes: &Shapes) -> Result<Asked, ConnectError> {
        if let Some(ahead) = self.ahead.join_next().await {
            return ahead.unwrap_or_else(|cause| Err(stopped(&cause)));
        }
        let path = match &self.next {
            Some(next) => next.clone(),
            None => self.begin(client, shapes).await?,
        };
        ask(client, path, self.shape(shapes), self.question.purpose).await
    }

    /// Begins a run after the last record that was read.
    async fn begin(&mut self, client: &Client, shapes: &Shapes) -> Result<String, ConnectError> {
        self.received = 0;
        Ok(soql::query_path(client.data_path().await?, self.question.all, &self.soql(shapes)))
    }

    fn shape<'a>(&self, shapes: &'a Shapes) -> &'a Shape {
        shape(shapes, self.question.all)
    }

    /// What a failed page leads to: another run, smaller pages, or the error itself.
    fn recover(&mut self, error: ConnectError) -> Result<(), ConnectError> {
        match reaction(&error) {
            Reaction::RestartQuery if self.next.is_some() => {}
            Reaction::Narrow if error.remote.as_deref() == Some("QUERY_TIMEOUT") => {
                let smaller = SMALLER.iter().find(|size| self.limit.is_none_or(|limit| **size < limit));
                self.limit = Some(*smaller.ok_or(error)?);
            }
            _ => return Err(error),
        }
        self.next = None;
        Ok(())
    }

    fn take(&mut self, asked: Asked) -> Result<Batch, ConnectError> {
        let Asked { page, bytes, sent_at: asked_at } = asked;
        self.received += page.records.len() as u64;
        self.announced = page.total;
        if page.next.is_none() && self.received != page.total {
            return Err(incomplete(&self.question.object, page.total, self.received));
        }
        if let Some(last) = page.records.last() {
            self.advance(last)?;
        }
        let full = self.limit.is_some_and(|limit| page.total >= u64::from(limit));
        self.finished = page.next.is_none() && !full;
        self.next = page.next;
        Ok(Batch { records: page.records, bytes, asked_at, announced: self.announced })
    }

    fn advance(&mut self, last: &Record) -> Result<(), ConnectError> {
        match &mut self.order {
            Order::Id(after) => *after = Some(last.id.clone()),
            Order::Stamp { after, .. } => *after = Some(keyset(last)?),
        }
        Ok(())
    }
}

fn shape(shapes: &Shapes, all: bool) -> &Shape {
    if all { &shapes.all } else { &shapes.live }
}

/// A task that brought something did not come to its end.
pub(super) fn stopped(cause: &tokio::task::JoinError) -> ConnectError {
    ConnectError::new("R106", Class::TRANSIENT, format!("a download stopped: {cause}"))
}

/// The place of a record in the order by stamp and id.
pub(super) fn keyset(record: &Record) -> Result<Keyset, ConnectError> {
    let stamp = record.stamp.ok_or_else(|| {
        ConnectError::new("R106", Class::Pipeline, format!("record {} came without a stamp", record.id))
    })?;
    Ok(Keyset { stamp, id: record.id.clone() })
}

/// Fewer or more records came than were announced. Never success.
pub(super) fn incomplete(what: &str, announced: u64, received: u64) -> ConnectError {
    let text = format!("{what}: salesforce announced {announced} records and sent {received}");
    ConnectError::new("R107", Class::TRANSIENT, text).help("it is read again from the last settled record")
}
