//! Writing to Salesforce: the [`SalesforceDestination`] of one pipeline.
//!
//! A write is checked against describe, put in order (`order`), guarded against records that moved (`guard`) and sent by sObject Collections
//! (`rest`) or Bulk API 2.0 (`bulk`). Nothing here decides what a record should hold. Read [`WriteSpec`] first, then `run`.

mod bulk;
mod check;
mod door;
mod guard;
mod ledger;
mod order;
mod prepare;
mod read;
mod rest;
mod run;
mod sequel;
mod sizes;
mod spec;
mod target;
mod trace;

use std::collections::HashSet;
use std::sync::Arc;

pub(super) use sizes::BatchSizes;
pub use spec::{WriteLanes, WriteSpec};

use self::door::Context;
use self::read::Reader;
use self::target::Targets;
use super::budget::Purpose;
use super::client::Client;
use crate::connect::{ConnectError, Destination, Found, MatchQuery, Trace, WriteMode};
use crate::model::{Key, Outcome, Row, WriteOp};

/// Writes the records of one pipeline to one object of an org.
pub struct SalesforceDestination {
    context: Context,
    reader: Reader,
}

impl SalesforceDestination {
    /// A destination that can do what the pipeline lists, and nothing else. Makes no call.
    pub fn new(client: Arc<Client>, spec: WriteSpec) -> Self {
        let reader = Reader::new(&spec.object.name, &spec.schema);
        let targets = Targets::new(&spec);
        Self { context: Context { client, spec, targets, purpose: Purpose::Poll }, reader }
    }
}

#[async_trait::async_trait]
impl Destination for SalesforceDestination {
    async fn fetch(&mut self, keys: &[Key]) -> Result<Vec<(Key, Row)>, ConnectError> {
        self.reader.fetch(&self.context.client, keys).await
    }

    async fn find(&mut self, query: &MatchQuery) -> Result<Vec<Found>, ConnectError> {
        self.reader.find(&self.context.client, query, "").await
    }

    async fn presence(&mut self, keys: &[Key]) -> Result<HashSet<Key>, ConnectError> {
        self.reader.presence(&self.context.client, keys).await
    }

    async fn leads_of(&mut self, keys: &[Key]) -> Result<Vec<(Key, Key)>, ConnectError> {
        self.reader.leads_of(&self.context.client, keys).await
    }

    async fn keys(&mut self, after: Option<&Key>, limit: usize) -> Result<Vec<Key>, ConnectError> {
        self.reader.keys(&self.context.client, after, limit).await
    }

    async fn write(&mut self, ops: Vec<WriteOp>, mode: WriteMode) -> Result<Vec<Outcome>, ConnectError> {
        if ops.is_empty() {
            return Ok(Vec::new());
        }
        self.context.purpose = Context::purpose_of(mode);
        Box::pin(run::write(&self.context, &ops)).await
    }

    async fn trace(&mut self, traces: &[Trace]) -> Result<Vec<Found>, ConnectError> {
        trace::trace(&self.context, &self.reader, traces).await
    }
}
