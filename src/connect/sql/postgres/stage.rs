//! Rows of a batch on their way into PostgreSQL: a binary COPY, encoded straight from the rows without a value of its own
//! per field, either into a temporary table that a statement then reads or straight into the table of the pipeline.

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::SinkExt as _;
use tokio_postgres::Transaction;

use super::codec::Codec;
use super::refusal;
use crate::connect::sql::batch::{Group, OpKind, unidentified};
use crate::connect::sql::dialect::ident;
use crate::connect::sql::error::{Refusal, misfit};
use crate::connect::sql::statement::{STAGE, Statements, table};
use crate::connect::sql::{Dialect, TableSpec};
use crate::model::{Key, RecordError, Row, WriteOp};

/// Section "COPY", file formats: signature, flags, no extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// Bytes that are handed to the connection at once.
const CHUNK: usize = 128 << 10;

/// Staged rows from which on it pays to count them.
const WORTH_COUNTING: usize = 200;

/// How the rows of a group are sent.
pub(super) struct Stage<'a> {
    spec: &'a TableSpec,
    group: &'a Group,
    columns: Vec<(usize, Codec)>,
}

/// Where a COPY goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Into {
    /// The temporary table, with the place in the batch and the key of the operation.
    Stage,
    /// The table of the pipeline.
    Table,
}

/// A record that was left out because a value of it cannot be sent.
pub(super) type LeftOut = (usize, RecordError);

impl<'a> Stage<'a> {
    pub(super) fn new(spec: &'a TableSpec, group: &'a Group) -> Self {
        let columns =
            group.provided.iter().filter_map(|at| Some((*at, Codec::of_column(spec.columns.get(*at)?))));
        Self { spec, group, columns: columns.collect() }
    }

    /// Updates and deletes name their record by key.
    fn is_keyed(&self) -> bool {
        matches!(self.group.kind, OpKind::Update | OpKind::Archive | OpKind::Delete)
    }

    /// The temporary table.
    pub(super) fn create_sql(&self) -> String {
        let mut columns = vec!["at int4".to_owned()];
        if self.is_keyed() {
            columns.push("k text".to_owned());
        }
        for (input, (at, codec)) in self.columns.iter().enumerate() {
            columns.push(format!("c{input} {}", codec.stage_type(&self.spec.columns[*at])));
        }
        format!("CREATE TEMPORARY TABLE {STAGE} ({}) ON COMMIT DROP", columns.join(", "))
    }

    /// Counts what is staged, where that is much: the server would guess a handful of rows, and compare every one with every other. Only
    /// the columns that statements join by.
    pub(super) fn analyze_sql(&self, statements: &Statements<'_>) -> Option<String> {
        if self.group.ops.len() < WORTH_COUNTING {
            return None;
        }
        let mut columns = vec!["at".to_owned()];
        columns.extend(self.is_keyed().then(|| "k".to_owned()));
        let unique = statements.unique_inputs(&self.group.provided);
        columns.extend(unique.iter().map(|(_, input)| format!("c{input}")));
        Some(format!("ANALYZE {STAGE} ({})", columns.join(", ")))
    }

    /// Whether rows can be copied straight into the table: every value has a binary form and a column of its own.
    pub(super) fn can_go_straight(&self) -> bool {
        let plain =
            |(at, codec): &(usize, Codec)| codec.is_binary() && self.spec.columns[*at].json_key.is_none();
        self.columns.iter().all(plain)
    }

    fn copy_sql(&self, into: Into) -> String {
        if into == Into::Stage {
            return format!("COPY {STAGE} FROM STDIN (FORMAT binary)");
        }
        let columns: Vec<_> =
            self.columns.iter().map(|(at, _)| ident(&self.spec.columns[*at].column)).collect();
        format!("COPY {} ({}) FROM STDIN (FORMAT binary)", table(&self.spec.table), columns.join(", "))
    }

    /// Sends the operations at these places of the batch, in this order. Those with a value that cannot be sent are left out.
    pub(super) async fn send(
        &self,
        transaction: &Transaction<'_>,
        into: Into,
        ops: &[WriteOp],
        order: &[usize],
    ) -> Result<Vec<LeftOut>, Refusal> {
        let sink =
            transaction.copy_in::<_, Bytes>(&self.copy_sql(into)).await.map_err(|error| refusal(&error))?;
        let mut sink = std::pin::pin!(sink);
        let mut buffer = BytesMut::with_capacity(CHUNK + CHUNK / 4);
        buffer.put_slice(HEADER);
        let (mut scratch, mut left_out) = (String::new(), Vec::new());
        for (place, at) in order.iter().enumerate() {
            let start = buffer.len();
            if let Err(error) = self.encode(into, place, &ops[*at], &mut buffer, &mut scratch) {
                buffer.truncate(start);
                left_out.push((*at, error));
            }
            if buffer.len() >= CHUNK {
                let chunk = std::mem::replace(&mut buffer, BytesMut::with_capacity(CHUNK + CHUNK / 4));
                sink.feed(chunk.freeze()).await.map_err(|error| refusal(&error))?;
            }
        }
        buffer.put_i16(-1);
        sink.feed(buffer.freeze()).await.map_err(|error| refusal(&error))?;
        sink.finish().await.map_err(|error| refusal(&error))?;
        Ok(left_out)
    }

    fn encode(
        &self,
        into: Into,
        place: usize,
        op: &WriteOp,
        buffer: &mut BytesMut,
        scratch: &mut String,
    ) -> Result<(), RecordError> {
        let (key, row) = parts(op);
        let extra = if into == Into::Table { 0 } else { 1 + usize::from(self.is_keyed()) };
        buffer.put_u16(u16::try_from(self.columns.len() + extra).unwrap_or(u16::MAX));
        if into == Into::Stage {
            buffer.put_i32(4);
            buffer.put_i32(i32::try_from(place).unwrap_or(i32::MAX));
            if let Some(key) = key.filter(|_| self.is_keyed()) {
                buffer.put_i32(i32::try_from(key.as_str().len()).unwrap_or(0));
                buffer.put_slice(key.as_str().as_bytes());
            }
        }
        let Some(row) = row else { return Ok(()) };
        if let Some(error) =
            (self.group.kind == OpKind::Upsert).then(|| unidentified(self.spec, row)).flatten()
        {
            return Err(error);
        }
        for (at, codec) in &self.columns {
            let encoded = codec.encode(row.get(*at), buffer, scratch);
            encoded.map_err(|why| misfit(Dialect::Postgres, why, &self.spec.columns[*at]))?;
        }
        Ok(())
    }
}

fn parts(op: &WriteOp) -> (Option<&Key>, Option<&Row>) {
    match op {
        WriteOp::Create { row } | WriteOp::Upsert { row } => (None, Some(row)),
        WriteOp::Update { key, row, .. } | WriteOp::Archive { key, row } => (Some(key), Some(row)),
        WriteOp::Delete { key } => (Some(key), None),
    }
}
