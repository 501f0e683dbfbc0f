//! Carrying out what was decided: writes with an outcome for each record, and the commit that follows from them.

use super::decide::{Fate, Item, Prepared, situation};
use super::{BatchError, Bench};
use crate::connect::WriteMode;
use crate::model::{
    Change, ChangeEvent, Commit, Counts, Key, Link, LinkState, Op, Outcome, Row, Side, Value, Version, Want,
    WriteOp,
};
use crate::sync::{self, Decision, Image, Stop};

/// What came of a batch. The commit is not applied yet: the caller adds the cursor and commits.
#[derive(Debug, Default)]
pub struct Executed {
    /// Everything the state has to remember.
    pub commit: Commit,
    /// To be decided again after the commit.
    pub again: Vec<ChangeEvent>,
    /// Deletes that were decided and not executed: the run counts them all before the first.
    pub deletes: Vec<Item>,
    /// Failures in a row at the end of the batch, for `pause_after`.
    pub failed_in_a_row: u32,
}

/// An operation and the item it belongs to.
struct Planned {
    at: usize,
    op: WriteOp,
    kind: Op,
}

impl Bench<'_> {
    /// Writes what was decided. Deletes are handed back undone.
    pub async fn execute(&mut self, prepared: Prepared, mode: WriteMode) -> Result<Executed, BatchError> {
        let mut executed = Executed::default();
        executed.commit.counts.read = prepared.items.len() as u64;
        executed
            .commit
            .touch
            .extend(prepared.later.into_iter().map(|(pipeline, key)| (pipeline, Side::Salesforce, key)));
        let mut items: Vec<Item> = Vec::with_capacity(prepared.items.len());
        for item in prepared.items {
            match item.fate {
                Some(Fate::Delete(_)) => executed.deletes.push(item),
                Some(Fate::Postponed) => executed.again.extend(again(item)),
                _ => items.push(item),
            }
        }
        self.write(&mut executed, &mut items, mode).await?;
        Ok(executed)
    }

    /// Executes deletes that the run has allowed.
    pub async fn execute_deletes(&mut self, items: Vec<Item>) -> Result<Executed, BatchError> {
        let mut executed = Executed::default();
        let mut items = items;
        self.write(&mut executed, &mut items, WriteMode::Changes).await?;
        Ok(executed)
    }

    async fn write(
        &mut self,
        executed: &mut Executed,
        items: &mut [Item],
        mode: WriteMode,
    ) -> Result<(), BatchError> {
        let planned: Vec<Planned> =
            items.iter().enumerate().filter_map(|(at, item)| self.planned(at, item)).collect();
        let places: Vec<(usize, Op)> = planned.iter().map(|planned| (planned.at, planned.kind)).collect();
        let ops: Vec<WriteOp> = planned.into_iter().map(|planned| planned.op).collect();
        let outcomes = if ops.is_empty() {
            Vec::new()
        } else if let Some(journal) = self.journal(items, &places, &ops) {
            let outcomes = self.app.write_noting(ops, mode, journal.notes()).await?;
            journal.close(&outcomes, &mut executed.commit);
            outcomes
        } else {
            self.app.write(ops, mode).await?
        };
        let mut written: Vec<Option<(Op, Outcome)>> = items.iter().map(|_| None).collect();
        for ((at, kind), outcome) in places.into_iter().zip(outcomes) {
            written[at] = Some((kind, outcome));
        }
        for (item, outcome) in items.iter().zip(written) {
            match outcome {
                Some((kind, outcome)) => self.answered(executed, item, kind, outcome)?,
                None => self.unwritten(executed, item)?,
            }
        }
        Ok(())
    }

    fn planned(&self, at: usize, item: &Item) -> Option<Planned> {
        let (op, kind) = match item.fate.as_ref()? {
            Fate::Decided(Decision::Create { row, .. }) => (WriteOp::Create { row: row.clone() }, Op::Create),
            Fate::Decided(Decision::Update { writes, .. }) => {
                let write = writes.iter().find(|write| write.side == Side::App)?;
                (
                    WriteOp::Update { key: write.key.clone(), row: write.row.clone(), expected: None },
                    Op::Update,
                )
            }
            Fate::Delete(key) => (WriteOp::Delete { key: key.clone() }, Op::Delete),
            Fate::Archive(key) => {
                (WriteOp::Update { key: key.clone(), row: self.archived(), expected: None }, Op::Archive)
            }
            _ => return None,
        };
        Some(Planned { at, op, kind })
    }

    fn archived(&self) -> Row {
        let mut row = Row::absent(self.pipeline.app.schema.len());
        for (field, value) in &self.pipeline.app.archive {
            row.set(*field, value.clone());
        }
        row
    }

    /// A write was answered.
    fn answered(
        &self,
        executed: &mut Executed,
        item: &Item,
        kind: Op,
        outcome: Outcome,
    ) -> Result<(), BatchError> {
        match outcome {
            Outcome::Written { key, version } => {
                count(&mut executed.commit.counts, kind);
                self.remember(executed, item, kind, (key, version));
            }
            Outcome::Unchanged { key } => {
                executed.commit.counts.unchanged += 1;
                self.remember(executed, item, kind, (key, None));
            }
            Outcome::Stale => executed.again.extend(again_ref(item)),
            Outcome::Rejected(error) | Outcome::Unknown(error) => {
                self.failed(executed, item, &error, None)?;
            }
        }
        Ok(())
    }

    fn remember(&self, executed: &mut Executed, item: &Item, kind: Op, stored: (Key, Option<Version>)) {
        executed.failed_in_a_row = 0;
        let commit = &mut executed.commit;
        commit.settled.push((Side::Salesforce, item.key.clone()));
        if let (Op::Delete | Op::Archive, Some(link)) = (kind, &item.link) {
            let state = LinkState::Gone;
            commit.links.push(Link { state, salesforce_version: item.version, ..link.clone() });
        } else {
            commit.links.push(self.link(item, stored));
            self.want(commit, item);
        }
    }

    /// Nothing was written for this record.
    fn unwritten(&self, executed: &mut Executed, item: &Item) -> Result<(), BatchError> {
        let counts = &mut executed.commit.counts;
        match item.fate.as_ref() {
            None | Some(Fate::NotLinked | Fate::LeftOut(_) | Fate::Decided(Decision::NotListed(_))) => {
                counts.skipped += 1;
            }
            Some(Fate::Unchanged) => counts.unchanged += 1,
            Some(Fate::Retire(state)) => self.retire(&mut executed.commit, item, *state),
            Some(Fate::Decided(Decision::Hold(held))) => return self.held(executed, item, held),
            Some(Fate::Decided(_)) => self.agreed(&mut executed.commit, item),
            Some(Fate::Stopped(Stop::Fail { row, error })) => {
                return self.failed(executed, item, error, Some(*row));
            }
            Some(Fate::Stopped(stop)) => return self.stopped(executed, item, stop),
            Some(Fate::Delete(_) | Fate::Archive(_) | Fate::Postponed) => {}
        }
        executed.commit.settled.push((Side::Salesforce, item.key.clone()));
        Ok(())
    }

    /// Both sides agree, or what differs stays: a pair may be new, baselines may move.
    fn agreed(&self, commit: &mut Commit, item: &Item) {
        let Some((key, _)) = &item.other else {
            commit.counts.skipped += 1;
            return;
        };
        let link = self.link(item, (key.clone(), None));
        if item.link.is_none() {
            commit.counts.linked += 1;
        } else {
            commit.counts.unchanged += 1;
        }
        if item.link.as_ref() != Some(&link) {
            commit.links.push(link);
        }
        self.want(commit, item);
    }

    fn retire(&self, commit: &mut Commit, item: &Item, state: LinkState) {
        commit.counts.skipped += 1;
        if let Some(link) = item.link.as_ref().filter(|link| link.state != state) {
            commit.links.push(Link { state, salesforce_version: item.version, ..link.clone() });
        }
    }

    /// The pair as it is now, with the baselines of what both sides hold after the write.
    pub(super) fn link(&self, item: &Item, (key, version): (Key, Option<Version>)) -> Link {
        if let Some(pair) = &item.pair {
            return Link { app: key, app_version: version.or(pair.app_version), ..pair.clone() };
        }
        let before = situation(self.pipeline, self.facts, item);
        let image = match &item.fate {
            Some(Fate::Decided(decision)) => Image::after(&before, decision),
            _ => Image::after(&before, &Decision::Nothing { kept: Vec::new() }),
        };
        let app = sync::Known { key: &key, row: &image.app, modified: None };
        let after = sync::Situation { app: Some(app), ..before };
        let (salesforce_baseline, app_baseline) = sync::baselines(&after);
        Link {
            salesforce: item.key.clone(),
            app: key,
            state: LinkState::Active,
            salesforce_version: item.version,
            app_version: version.or(item.link.as_ref().and_then(|link| link.app_version)),
            row_set: self.pipeline.row_set.id,
            salesforce_baseline,
            app_baseline,
        }
    }

    /// Lookups that were not linked although the record went on: it comes back when they are.
    pub(super) fn want(&self, commit: &mut Commit, item: &Item) {
        let wants = item.mapped.iter().flat_map(|mapped| &mapped.wants);
        let source = (Side::Salesforce, item.key.clone());
        commit.wants.extend(wants.map(|(pipeline, key)| Want {
            pipeline: pipeline.clone(),
            key: key.clone(),
            source: source.clone(),
        }));
    }
}

fn count(counts: &mut Counts, kind: Op) {
    match kind {
        Op::Create => counts.created += 1,
        Op::Update => counts.updated += 1,
        Op::Delete | Op::Archive => counts.deleted += 1,
        Op::Link => counts.linked += 1,
    }
}

fn again(item: Item) -> Option<ChangeEvent> {
    let row = item.row?;
    Some(ChangeEvent { key: item.key, change: Change::Upsert(row), version: item.version })
}

fn again_ref(item: &Item) -> Option<ChangeEvent> {
    let row = item.row.clone()?;
    Some(ChangeEvent { key: item.key.clone(), change: Change::Upsert(row), version: item.version })
}

/// The name people know the record by, for lists of failures.
pub fn title(pipeline: &crate::plan::Pipeline, row: Option<&Row>) -> String {
    let schema = &pipeline.salesforce.schema;
    let named = ["Name", "Subject", "Title", "CaseNumber", "Email"];
    let value = named.iter().find_map(|name| row?.0.get(schema.position(name)?));
    match value {
        Some(Value::Text(text)) => text.to_string(),
        _ => String::new(),
    }
}
