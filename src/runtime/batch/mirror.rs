//! The stream of a mirror: rows keyed by the Salesforce id, no links. Records are mapped and written; a record that was seen before is
//! the same write again, and the destination changes only rows that differ.

use std::collections::HashMap;

use super::execute::{Executed, count, name_of};
use super::failures::{FailureDetail, failure_id};
use super::{BatchError, Bench};
use crate::connect::WriteMode;
use crate::model::{
    Change, ChangeEvent, Class, Failure, FailureKind, FailureWay, Key, Op, Outcome, RecordError, Row, Side,
    Value, WriteOp,
};
use crate::plan::{OnLeave, WritePolicy};
use crate::runtime::facts::RunContext;
use crate::sync::{self, Carrier, LookupTable, MapInputs, Stop};

/// A batch of a mirror, mapped and not yet written. `plan` and reconciliation look at it before anything happens.
#[derive(Debug, Default)]
pub struct MirrorBatch {
    /// Inserts and updates.
    pub writes: Vec<(Key, WriteOp)>,
    /// Deletes, which the run counts before the first.
    pub deletes: Vec<(Key, WriteOp)>,
    /// Records that could not be mapped.
    pub failed: Vec<(Key, Option<Row>, RecordError)>,
    /// Records that are left out.
    pub skipped: u64,
    /// Records that came in.
    pub read: u64,
    /// Rows that are there, where somebody looked.
    pub before: HashMap<Key, Row>,
}

/// Whether a write would change a row that is there.
fn differs(row: &Row, held: &Row, policies: &[(usize, WritePolicy)]) -> bool {
    policies.iter().any(|(field, policy)| {
        let (said, held) = (row.get(*field), held.get(*field));
        let may = match policy {
            WritePolicy::OnCreate | WritePolicy::Off => false,
            WritePolicy::IfEmpty => held.is_blank(),
            WritePolicy::Always | WritePolicy::UnlessEdited => true,
        };
        may && !said.is_absent() && !crate::model::same_value(said, held)
    })
}

/// Whether a row has a value that another does not have.
fn says_more(row: &Row, held: &Row) -> bool {
    let differs =
        |(at, said): (usize, &Value)| !said.is_absent() && !crate::model::same_value(said, held.get(at));
    row.0.iter().enumerate().any(differs)
}

/// What a write counts as. Only a first load can tell a new row from one that is there, because all of its rows are new.
fn kind(op: &WriteOp, mode: WriteMode) -> Op {
    match op {
        WriteOp::Delete { .. } => Op::Delete,
        WriteOp::Archive { .. } => Op::Archive,
        WriteOp::Create { .. } | WriteOp::Upsert { .. } if mode == WriteMode::Load => Op::Create,
        WriteOp::Create { .. } | WriteOp::Upsert { .. } | WriteOp::Update { .. } => Op::Update,
    }
}

/// Whether a write only concerns a row that is there. None of a mirror has a guard, so what such a write did not find is absent.
fn needs_row(op: &WriteOp) -> bool {
    matches!(op, WriteOp::Update { .. } | WriteOp::Archive { .. })
}

/// How the records of a batch are mapped.
struct Way<'a> {
    carrier: Carrier<'a>,
    inputs: &'a MapInputs<'a>,
}

impl Bench<'_> {
    /// Maps a batch of changes.
    pub fn mirror(&self, events: Vec<ChangeEvent>) -> MirrorBatch {
        let mut batch = MirrorBatch { read: events.len() as u64, ..MirrorBatch::default() };
        batch.writes.reserve(events.len());
        let table = LookupTable::default();
        let context = RunContext::new(self.org, self.facts, &table, Side::Salesforce);
        let inputs = MapInputs {
            other: None,
            old: None,
            op: Op::Create,
            now: self.facts.now,
            today: self.facts.today,
            lookups: &table,
            context: &context,
        };
        let way = Way { carrier: Carrier::new(self.pipeline), inputs: &inputs };
        for event in events {
            self.mirror_one(&mut batch, event, &way);
        }
        batch
    }

    fn mirror_one(&self, batch: &mut MirrorBatch, event: ChangeEvent, way: &Way<'_>) {
        let key = event.key;
        match (event.change, self.pipeline.salesforce.on_leave) {
            (Change::Upsert(row), on_leave) => match (self.mirror_passes(&row, way.inputs), on_leave) {
                (true, _) => self.mirror_row(batch, key, row, way, true),
                (false, OnLeave::Keep) => self.mirror_row(batch, key, row, way, false),
                (false, OnLeave::Delete) => self.mirror_gone(batch, key),
                (false, OnLeave::Stop) => batch.skipped += 1,
            },
            (Change::Left(Some(row)), OnLeave::Keep) => self.mirror_row(batch, key, row, way, false),
            (Change::Delete { .. }, _) | (Change::Left(_), OnLeave::Delete) => self.mirror_gone(batch, key),
            _ => batch.skipped += 1,
        }
    }

    fn mirror_passes(&self, row: &Row, inputs: &MapInputs<'_>) -> bool {
        let selection = &self.pipeline.salesforce.selection;
        if selection.include.is_empty() && selection.exclude.is_empty() && selection.filter.is_none() {
            return true;
        }
        let inputs = crate::expr::Inputs {
            value: &Value::Null,
            record: row,
            other: None,
            old: None,
            op: Op::Update,
            now: inputs.now,
            today: inputs.today,
            pipeline: (self.pipeline.name.as_str(), self.pipeline.generation),
            context: inputs.context,
        };
        sync::passes(selection, row, &inputs).is_ok()
    }

    /// `insert`: the record takes part; otherwise it is only kept up to date if it is there already.
    fn mirror_row(&self, batch: &mut MirrorBatch, key: Key, row: Row, way: &Way<'_>, insert: bool) {
        match way.carrier.carry(row, way.inputs) {
            Ok(row) => {
                let op = if insert {
                    WriteOp::Upsert { row }
                } else {
                    WriteOp::Update { key: key.clone(), row, expected: None }
                };
                batch.writes.push((key, op));
            }
            Err(stopped) => match *stopped {
                (row, Stop::Fail { error, .. }) => batch.failed.push((key, Some(row), error)),
                _ => batch.skipped += 1,
            },
        }
    }

    fn mirror_gone(&self, batch: &mut MirrorBatch, key: Key) {
        let ops = self.pipeline.to_app;
        if ops.delete {
            batch.deletes.push((key.clone(), WriteOp::Delete { key }));
        } else if ops.archive {
            let mut row = Row::absent(self.pipeline.app.schema.len());
            for (field, value) in &self.pipeline.app.archive {
                row.set(*field, value.clone());
            }
            batch.writes.push((key.clone(), WriteOp::Archive { key, row }));
        } else {
            batch.skipped += 1;
        }
    }

    /// The same batch without the rows that the destination already has, for reconciliation and plans: only what differs is a change.
    pub async fn differing(&mut self, mut batch: MirrorBatch) -> Result<MirrorBatch, BatchError> {
        let keys: Vec<Key> = batch.writes.iter().map(|(key, _)| key.clone()).collect();
        let deleted: Vec<Key> = batch.deletes.iter().map(|(key, _)| key.clone()).collect();
        let there: HashMap<Key, Row> = self.app.fetch(&[keys, deleted].concat()).await?.into_iter().collect();
        let policies: Vec<(usize, WritePolicy)> =
            self.pipeline.rows.iter().filter_map(|row| Some((row.app?, row.write))).collect();
        batch.writes.retain(|(key, op)| match (op, there.get(key)) {
            (WriteOp::Upsert { row } | WriteOp::Update { row, .. }, Some(held)) => {
                differs(row, held, &policies)
            }
            (WriteOp::Archive { row, .. }, Some(held)) => says_more(row, held),
            (WriteOp::Update { .. } | WriteOp::Archive { .. }, None) => false,
            _ => true,
        });
        batch.deletes.retain(|(key, _)| there.contains_key(key));
        batch.before = there;
        Ok(batch)
    }

    /// Writes a mapped batch; its deletes are written only if `with_deletes`.
    pub async fn execute_mirror(
        &mut self,
        batch: MirrorBatch,
        mode: WriteMode,
    ) -> Result<Executed, BatchError> {
        let mut executed = Executed::default();
        executed.commit.counts.read = batch.read;
        executed.commit.counts.skipped = batch.skipped;
        for (key, row, error) in batch.failed {
            self.mirror_failed(&mut executed, key, row.as_ref(), &error)?;
        }
        self.write_mirror(&mut executed, batch.writes, mode).await?;
        Ok(executed)
    }

    /// Executes deletes that the run has allowed.
    pub async fn execute_mirror_deletes(
        &mut self,
        deletes: Vec<(Key, WriteOp)>,
    ) -> Result<Executed, BatchError> {
        let mut executed = Executed::default();
        self.write_mirror(&mut executed, deletes, WriteMode::Changes).await?;
        Ok(executed)
    }

    async fn write_mirror(
        &mut self,
        executed: &mut Executed,
        writes: Vec<(Key, WriteOp)>,
        mode: WriteMode,
    ) -> Result<(), BatchError> {
        if writes.is_empty() {
            return Ok(());
        }
        let (keys, ops): (Vec<Key>, Vec<WriteOp>) = writes.into_iter().unzip();
        let kinds: Vec<(Op, bool)> = ops.iter().map(|op| (kind(op, mode), needs_row(op))).collect();
        let outcomes = self.app.write(ops, mode).await?;
        for ((key, outcome), (kind, needs_row)) in keys.into_iter().zip(outcomes).zip(kinds) {
            let counts = &mut executed.commit.counts;
            match outcome {
                Outcome::Written { .. } => count(counts, kind),
                Outcome::Unchanged { .. } => counts.unchanged += 1,
                // There is nothing to keep up to date or to archive.
                Outcome::Stale if needs_row => counts.skipped += 1,
                Outcome::Stale => {
                    if let Some(error) = self.moved_again(&mut executed.commit, &key) {
                        self.mirror_failed(executed, key, None, &error)?;
                    }
                    continue;
                }
                Outcome::Rejected(error) | Outcome::Unknown(error) => {
                    self.mirror_failed(executed, key, None, &error)?;
                    continue;
                }
            }
            self.stands_still(&key);
        }
        Ok(())
    }

    fn mirror_failed(
        &self,
        executed: &mut Executed,
        key: Key,
        row: Option<&Row>,
        error: &RecordError,
    ) -> Result<(), BatchError> {
        executed.commit.counts.failed += 1;
        executed.failed_in_a_row += 1;
        let id = failure_id(&self.pipeline.name, Side::Salesforce, &key);
        let known = self.store.failure(&id)?;
        let detail = FailureDetail {
            title: name_of(&self.pipeline.salesforce.schema, row),
            message: error.message.clone(),
            fields: error.fields.clone(),
            ..FailureDetail::default()
        };
        let tries = known.as_ref().map_or(0, |known| known.tries) + 1;
        let retried = matches!(error.class, Class::Transient { .. } | Class::Quota);
        let next_try = if retried { self.retry_at(&key, tries) } else { None };
        executed.commit.failures.push(Failure {
            id,
            pipeline: self.pipeline.name.clone(),
            way: FailureWay::ToApp,
            kind: FailureKind::Failed,
            source: (Side::Salesforce, key),
            target: None,
            code: error.code.to_owned(),
            remote: error.remote.clone(),
            place: None,
            detail: detail.to_text(),
            tries,
            since: known.as_ref().map_or(self.facts.now, |known| known.since),
            last: self.facts.now,
            next_try,
        });
        Ok(())
    }
}
