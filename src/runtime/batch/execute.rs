//! Carrying out what was decided: writes with an outcome for each record, and the commit that follows from them.

use super::decide::{Fate, Item, Prepared, stamp};
use super::{BatchError, Bench};
use crate::connect::WriteMode;
use crate::model::{
    Change, ChangeEvent, Commit, Counts, Key, Link, LinkState, Op, Outcome, RecordError, Row, Schema, Side,
    Value, Version, WriteOp,
};
use crate::plan::{LinkRule, Pipeline};
use crate::sync::{Decision, Stop};

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
    /// Writes to the side that the records come from.
    pub(super) back: Counts,
}

/// An operation and the item it belongs to.
struct Planned {
    at: usize,
    op: WriteOp,
    kind: Op,
}

/// The answers to the writes of one item; at most one per side.
type Answers = Vec<(Side, Op, Outcome)>;

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
                Some(Fate::Delete { .. }) => executed.deletes.push(item),
                Some(Fate::Postponed) => executed.again.extend(again(&item)),
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
        let mut answers: Vec<Answers> = items.iter().map(|_| Answers::new()).collect();
        for side in [self.target(), self.origin] {
            let planned: Vec<Planned> =
                items.iter().enumerate().filter_map(|(at, item)| self.planned(at, item, side)).collect();
            let places: Vec<(usize, Op)> = planned.iter().map(|planned| (planned.at, planned.kind)).collect();
            let ops: Vec<WriteOp> = planned.into_iter().map(|planned| planned.op).collect();
            if ops.is_empty() {
                continue;
            }
            let journal = self.journal(items, side, (&places, &ops), &executed.commit.touch)?;
            let destination = self.destination(side)?;
            let outcomes = match journal {
                Some(journal) => {
                    journal.begin()?;
                    let outcomes = destination.write_noting(ops, mode, journal.notes()).await?;
                    journal.close(&outcomes, &mut executed.commit);
                    outcomes
                }
                None => destination.write(ops, mode).await?,
            };
            for ((at, kind), outcome) in places.into_iter().zip(outcomes) {
                answers[at].push((side, kind, outcome));
            }
        }
        for (item, answers) in items.iter().zip(answers) {
            if answers.is_empty() {
                self.unwritten(executed, item)?;
            } else {
                self.answered(executed, item, answers)?;
            }
        }
        let (commit, back) = (&mut executed.commit, executed.back);
        commit.to_salesforce = match self.origin {
            Side::Salesforce => back,
            Side::App => commit.counts.without(back),
        };
        Ok(())
    }

    /// The write of an item to one side.
    fn planned(&self, at: usize, item: &Item, side: Side) -> Option<Planned> {
        let (op, kind) = match item.fate.as_ref()? {
            Fate::Decided(Decision::Create { on, row }) if *on == side => {
                (WriteOp::Create { row: row.clone() }, Op::Create)
            }
            Fate::Decided(Decision::Update { writes, .. }) => {
                let write = writes.iter().find(|write| write.side == side)?;
                let expected = self.read_at(item, side);
                (WriteOp::Update { key: write.key.clone(), row: write.row.clone(), expected }, Op::Update)
            }
            Fate::Delete { on, key } if *on == side => (WriteOp::Delete { key: key.clone() }, Op::Delete),
            Fate::Archive { on, key } if *on == side => {
                let row = self.archived(side);
                (WriteOp::Archive { key: key.clone(), row }, Op::Archive)
            }
            _ => return None,
        };
        Some(Planned { at, op, kind })
    }

    /// The stamp of the record of a side as it was read.
    fn read_at(&self, item: &Item, side: Side) -> Option<Version> {
        item.row_on(side).and_then(|row| stamp(self.pipeline, side, row))
    }

    fn archived(&self, side: Side) -> Row {
        let mut row = Row::absent(self.pipeline.schema(side).len());
        for (field, value) in self.pipeline.archive(side) {
            row.set(*field, value.clone());
        }
        row
    }

    /// The writes of a record were answered. What one side stored is remembered also if the other side refused: the next try then finds
    /// that half done.
    fn answered(&self, executed: &mut Executed, item: &Item, answers: Answers) -> Result<(), BatchError> {
        let mut stored: Vec<(Side, Op, Key, Option<Version>)> = Vec::new();
        let mut refused: Vec<(Side, RecordError)> = Vec::new();
        let (mut stale, mut changed) = (false, false);
        for (side, kind, outcome) in answers {
            match outcome {
                Outcome::Written { key, version } => {
                    count(&mut executed.commit.counts, kind);
                    if side == self.origin {
                        count(&mut executed.back, kind);
                    }
                    changed = true;
                    self.note_write(&mut executed.commit, item, (side, kind));
                    self.note_swing(item, side);
                    stored.push((side, kind, key, version));
                }
                Outcome::Unchanged { key } => stored.push((side, kind, key, None)),
                Outcome::Stale => stale = true,
                Outcome::Rejected(error) | Outcome::Unknown(error) => refused.push((side, error)),
            }
        }
        if !changed && !stored.is_empty() {
            executed.commit.counts.unchanged += 1;
        }
        if !stored.is_empty() {
            self.remember(executed, item, &stored);
        }
        if stale {
            // It moved since it was read: it is read again, and merged with what it says then.
            if let Some(error) = self.moved_again(&mut executed.commit, &item.key) {
                return self.failed(executed, item, &error, None);
            }
        }
        if let Some((side, error)) = refused.into_iter().next() {
            return self.refused(executed, item, side, &error);
        }
        executed.failed_in_a_row = 0;
        if !stale {
            self.settled(&mut executed.commit, item);
        }
        Ok(())
    }

    fn remember(&self, executed: &mut Executed, item: &Item, stored: &[(Side, Op, Key, Option<Version>)]) {
        let commit = &mut executed.commit;
        let removed = stored.iter().find(|(_, kind, ..)| matches!(kind, Op::Delete | Op::Archive));
        if let (Some((side, ..)), Some(link)) = (removed, &item.link) {
            let mut link = Link { state: LinkState::gone_on(side.other()), ..link.clone() };
            link.set_version(self.origin, item.version);
            commit.links.push(link);
            return;
        }
        let Some(link) = self.link(item, stored) else { return };
        if let Some((side, _, key, _)) = stored.iter().find(|(_, kind, ..)| *kind == Op::Create)
            && self.tells_back(*side)
        {
            commit.touch.push((self.pipeline.name.clone(), *side, key.clone()));
        }
        commit.links.push(link);
        self.want(commit, item);
    }

    /// Whether a record that was just made on a side has something to tell that only it knows: its id, values computed there.
    pub(super) fn tells_back(&self, side: Side) -> bool {
        let updates = self.pipeline.ops_on(side.other()).update;
        let only_back =
            |row: &crate::plan::Mapping| row.flow_to(side.other()).is_on() && !row.flow_to(side).is_on();
        updates && self.pipeline.rows.iter().any(only_back)
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
            Some(Fate::Converted(heir)) => self.converted_to(&mut executed.commit, item, heir.as_ref()),
            Some(Fate::Moved(survivor)) => self.moved(&mut executed.commit, item, survivor)?,
            Some(Fate::AskApp(key)) => {
                counts.skipped += 1;
                executed.commit.touch.push((self.pipeline.name.clone(), Side::App, key.clone()));
            }
            Some(Fate::AskSalesforce(key)) => {
                counts.skipped += 1;
                // The app record is back. The other one may have left meanwhile, and is asked.
                let back = item.link.iter().filter(|link| link.state == LinkState::StoppedInApp);
                executed
                    .commit
                    .links
                    .extend(back.map(|link| Link { state: LinkState::Stopped, ..link.clone() }));
                let asked = (self.pipeline.name.clone(), Side::Salesforce, key.clone());
                executed.commit.touch.push(asked);
            }
            Some(Fate::Missed(key)) => return self.missed(&mut executed.commit, item, key),
            Some(Fate::Decided(Decision::Hold(held))) => return self.held(executed, item, held),
            Some(Fate::Decided(_)) => self.agreed(&mut executed.commit, item),
            Some(Fate::Stopped(Stop::Fail { row, error })) => {
                return self.failed(executed, item, error, Some(*row));
            }
            Some(Fate::Stopped(stop)) => return self.stopped(executed, item, stop),
            Some(Fate::Delete { .. } | Fate::Archive { .. } | Fate::Postponed) => {}
        }
        self.settled(&mut executed.commit, item);
        Ok(())
    }

    /// A pair that is settled is settled from both sides, unless the app record has more of them.
    fn settled(&self, commit: &mut Commit, item: &Item) {
        commit.settled.push((self.origin, item.key.clone()));
        self.stands_still(&item.key);
        self.note_seen(commit, item);
        if self.pipeline.links == LinkRule::OneToOne
            && let Some((key, _)) = &item.other
        {
            commit.settled.push((self.target(), key.clone()));
        }
    }
}

pub(super) fn count(counts: &mut Counts, kind: Op) {
    match kind {
        Op::Create => counts.created += 1,
        Op::Update => counts.updated += 1,
        Op::Delete | Op::Archive => counts.deleted += 1,
        Op::Link => counts.linked += 1,
    }
}

fn again(item: &Item) -> Option<ChangeEvent> {
    let row = item.row.clone()?;
    Some(ChangeEvent { key: item.key.clone(), change: Change::Upsert(row), version: item.version })
}

/// The name people know the record by, for lists of failures.
pub fn title(pipeline: &Pipeline, item: &Item) -> String {
    name_of(pipeline.schema(item.origin), item.row.as_ref())
}

/// The same of a row alone.
pub(in crate::runtime) fn name_of(schema: &Schema, row: Option<&Row>) -> String {
    let named = ["Name", "Subject", "Title", "CaseNumber", "Email", "name", "title", "email"];
    let value = named.iter().find_map(|name| row?.0.get(schema.position(name)?));
    match value {
        Some(Value::Text(text)) => text.to_string(),
        _ => String::new(),
    }
}
