//! The contract between the runtime and the connectors.

use std::collections::HashSet;

use crate::connect::ConnectError;
use crate::model::{ChangeEvent, Class, Cursor, Key, Outcome, Read, Row, Value, WriteOp};

/// How much one read may bring. Both bounds hold; a batch has at least one record if there is one.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// Records.
    pub records: usize,
    /// Bytes, estimated.
    pub bytes: usize,
}

impl Default for Limit {
    fn default() -> Self {
        Self { records: 10_000, bytes: 16 << 20 }
    }
}

/// Reads the records of one side of one pipeline. Owned by that pipeline; never called by two tasks at once.
#[async_trait::async_trait]
pub trait Source: Send {
    /// The next batch after a cursor; `None` begins the first load. The cursor of the answer may be stored once every event of the
    /// batch is settled; calling again with the old cursor brings the same records again (at least once). A source may read
    /// ahead between calls: what it read ahead is dropped when it is called with another cursor than it returned last.
    async fn read(&mut self, from: Option<&Cursor>, limit: Limit) -> Result<Read, ConnectError>;

    /// These records as they are now: `Upsert` if they pass the filters, `Left` if they exist and do not, `Delete` on positive
    /// evidence. A key that is simply not found any more is reported as `Delete` only where the system can prove it.
    async fn fetch(&mut self, keys: &[Key]) -> Result<Vec<ChangeEvent>, ConnectError>;
}

/// One question to a destination: which records have one of these values in this field? Text is compared trimmed and without case.
#[derive(Clone, Debug)]
pub struct MatchQuery {
    /// Field of the destination's read schema, by position.
    pub field: usize,
    /// The values, in normal form, without empty ones.
    pub values: Vec<Value>,
}

/// A record that a [`MatchQuery`] found.
#[derive(Clone, Debug)]
pub struct Found {
    /// Which of the values it matched (index into `values`).
    pub value: usize,
    /// Its key.
    pub key: Key,
    /// The record, in the destination's read schema.
    pub row: Row,
}

/// What the destination may assume about a batch of writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteMode {
    /// A first load: most records are new, so a straight insert is tried first.
    Load,
    /// Changes: records may or may not exist.
    Changes,
}

/// Writes the records of one side of one pipeline.
#[async_trait::async_trait]
pub trait Destination: Send + Sync {
    /// The records of these keys that exist, in the destination's read schema, in any order.
    async fn fetch(&mut self, keys: &[Key]) -> Result<Vec<(Key, Row)>, ConnectError>;

    /// The records that match.
    async fn find(&mut self, query: &MatchQuery) -> Result<Vec<Found>, ConnectError>;

    /// Which of these keys exist: the look-ups of pipelines without links ask. Cheaper than [`fetch`](Self::fetch) where the
    /// system can answer without the record.
    async fn presence(&mut self, keys: &[Key]) -> Result<HashSet<Key>, ConnectError> {
        Ok(self.fetch(keys).await?.into_iter().map(|(key, _)| key).collect())
    }

    /// Keys of the records that exist, in key order, after a key; at most `limit`. Reconciliation of mirrors asks for them to find
    /// records that are gone at the source.
    async fn keys(&mut self, _after: Option<&Key>, _limit: usize) -> Result<Vec<Key>, ConnectError> {
        Err(ConnectError::new("R109", Class::Pipeline, "this destination cannot list its keys"))
    }

    /// Another writer to the same place, so that two batches of a load are written at once; `None` where that gains nothing.
    fn twin(&self) -> Option<Box<dyn Destination>> {
        None
    }

    /// Writes; one outcome per operation, in the same order. A batch-level fault is halved until the bad record is alone, so one bad
    /// record never costs its neighbours. An error of the whole call means that nothing of the batch is known to be stored.
    async fn write(&mut self, ops: Vec<WriteOp>, mode: WriteMode) -> Result<Vec<Outcome>, ConnectError>;
}
