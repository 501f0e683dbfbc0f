//! Reconciliation: everything of both sides is read and compared, and what differs is repaired. Changes are gathered first: more than
//! `max_changes` wait for a person, and then nothing of them was written.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use xxhash_rust::xxh3::xxh3_64;

use super::batch::{Fate, Item, MirrorBatch, Prepared};
use super::mass::{self, Approval, Ask, Ending, Sides};
use super::pass::{Gathered, PassError, Runner, Setting};
use super::settling::{gather, settle};
use super::status::Comparison;
use crate::connect::WriteMode;
use crate::model::{ChangeEvent, Commit, Counts, Cursor, Key, Read, Side};
use crate::plan::{Lane, Scope};
use crate::sync::{Decision, Mode, Stop};

/// Name of the fact that keeps what came of the last comparison.
pub(super) const DIFFERENCES: &str = "differences";

/// Records that a reconciliation has met, by the hashes of their keys.
#[derive(Default)]
struct Met {
    salesforce: HashSet<u64>,
    app: HashSet<u64>,
}

impl Met {
    fn of(&mut self, side: Side) -> &mut HashSet<u64> {
        match side {
            Side::Salesforce => &mut self.salesforce,
            Side::App => &mut self.app,
        }
    }
}

impl Runner {
    /// Compares everything and repairs differences (reconciliation, `sync --full`).
    pub async fn everything(&mut self, approved: bool) -> Result<Counts, PassError> {
        let mut met = Met::default();
        let mut pending = Pending::default();
        let mut passes = Vec::new();
        for side in self.pipeline.sources() {
            passes.push(self.gathered(Mode::Repair, side));
        }
        let turn = match passes.first() {
            Some(pass) => pass.turn().await,
            None => None,
        };
        if let Some(pass) = passes.first() {
            let setting = pass.setting.clone();
            self.bench(&setting).reclaim().await?;
        }
        for pass in &mut passes {
            self.read_all(pass, &mut pending, &mut met, approved).await?;
            self.unseen(pass, &mut pending, &mut met, approved).await?;
            self.count_compared(pass, &mut pending, None);
        }
        self.compared(pending.differed)?;
        if let Some(approval) = self.too_much(&pending, &passes).filter(|_| !approved) {
            return Err(PassError::Approval(approval));
        }
        if let Some(pass) = passes.first_mut() {
            self.write_pending(pass, pending).await?;
        }
        let endings = passes.into_iter().map(|pass| Ending { pass, cursor: None }).collect();
        drop(turn);
        // The deletes were counted already.
        self.conclude("reconciliation", endings, true).await
    }

    /// Counts the records that were compared and need nothing; those that are written are counted with their writes.
    fn count_compared(&self, pass: &mut Gathered, pending: &mut Pending, total: Option<u64>) {
        let counts = std::mem::take(&mut pending.at_rest);
        pass.counts += counts;
        self.observer.settled(&self.pipeline.name, &counts, true, total);
    }

    /// Tells and remembers how far the sides were from being equal.
    fn compared(&self, differed: u64) -> Result<(), PassError> {
        let comparison = Comparison { at: self.clock.now(), differed };
        self.store.save_pipeline_fact(self.name(), DIFFERENCES, &comparison)?;
        self.observer.compared(self.name(), &comparison);
        Ok(())
    }

    /// Changes and deletes of both sides, if they are more than the file allows: nothing is written before a person has seen the numbers.
    fn too_much(&self, pending: &Pending, passes: &[Gathered]) -> Option<Approval> {
        let limit = self.pipeline.max_changes;
        let mut deletes = pending.deletes;
        for pass in passes {
            mass::count(&pass.deletes, &mut deletes);
            deletes.app += pass.mirror_deletes.len() as u64;
        }
        let wanted = pending.changes;
        let changes = (wanted.all() > limit).then_some(Ask {
            what: "changes",
            wanted,
            limit_name: "max_changes",
            limit,
        });
        let asks: Vec<Ask> = changes.into_iter().chain(self.too_many_deletes(deletes)).collect();
        (!asks.is_empty()).then_some(Approval { run: "reconciliation", asks })
    }

    /// Reads a side from its beginning to its end.
    async fn read_all(
        &mut self,
        pass: &mut Gathered,
        pending: &mut Pending,
        met: &mut Met,
        approved: bool,
    ) -> Result<(), PassError> {
        let side = pass.setting.origin;
        if self.pipeline.scope(side) == Scope::Referenced {
            return Ok(());
        }
        let limit = self.limit;
        let mut cursor: Option<Cursor> = None;
        loop {
            let read = self.source_of(side)?.read(cursor.as_ref(), limit).await?;
            let Read::Batch { events, next, more, total } = read else { return Ok(()) };
            let complete = matches!(next, Cursor::Changes { .. });
            self.compare(pass, pending, events, met).await?;
            self.hold_back(pass, pending, approved).await?;
            self.count_compared(pass, pending, total);
            cursor = Some(next);
            if complete || !more {
                return Ok(());
            }
            if self.interrupt.load(Ordering::Relaxed) {
                return Err(PassError::Interrupted);
            }
        }
    }

    /// Decides about a batch and keeps what would be written. Pairs that were compared from the other side are not compared again.
    async fn compare(
        &mut self,
        pass: &mut Gathered,
        pending: &mut Pending,
        mut events: Vec<ChangeEvent>,
        met: &mut Met,
    ) -> Result<(), PassError> {
        let side = pass.setting.origin;
        events.retain(|event| !met.of(side).contains(&hash(&event.key)));
        met.of(side).extend(events.iter().map(|event| hash(&event.key)));
        if events.is_empty() {
            return Ok(());
        }
        let lane = self.pipeline.lane;
        let setting = pass.setting.clone();
        let mut bench = self.bench(&setting);
        match lane {
            Lane::Linked => {
                let prepared = bench.prepare(events).await?;
                let others = prepared.items.iter().filter_map(|item| item.key_on(side.other()));
                met.of(side.other()).extend(others.map(hash));
                let links = bench.rebased(&prepared.items);
                pending.add(prepared);
                if !links.is_empty() {
                    self.commit(pass, Commit { links, ..Commit::default() }, false, None)?;
                }
            }
            Lane::Mirror => {
                let batch = bench.mirror(events);
                pending.add_mirror(bench.differing(batch).await?);
            }
        }
        Ok(())
    }

    /// What is allowed is written at once; what may need a person is only counted.
    async fn hold_back(
        &mut self,
        pass: &mut Gathered,
        pending: &mut Pending,
        approved: bool,
    ) -> Result<(), PassError> {
        if approved {
            let batch = std::mem::take(pending);
            (pending.differed, pending.at_rest) = (batch.differed, batch.at_rest);
            return self.write_pending(pass, batch).await;
        }
        if pending.changes.all() > self.pipeline.max_changes {
            // Counting goes on without keeping what is counted: the number is what the person decides by.
            pending.forget();
        }
        Ok(())
    }

    /// Linked records that the full read did not bring: they are asked for one by one, so that only positive evidence counts.
    async fn unseen(
        &mut self,
        pass: &mut Gathered,
        pending: &mut Pending,
        met: &mut Met,
        approved: bool,
    ) -> Result<(), PassError> {
        if self.pipeline.lane == Lane::Mirror {
            return self.unseen_mirror(pass, pending, met, approved).await;
        }
        let side = pass.setting.origin;
        let mut after: Option<Key> = None;
        loop {
            let links = self.store.links(self.name(), self.pipeline.generation, after.as_ref(), 2_000)?;
            let Some(last) = links.last() else { return Ok(()) };
            after = Some(last.salesforce.clone());
            let keys: Vec<Key> = links
                .into_iter()
                .map(|link| link.key(side).clone())
                .filter(|key| !met.of(side).contains(&hash(key)))
                .collect();
            self.ask(pass, pending, (met, &keys), approved).await?;
        }
    }

    async fn unseen_mirror(
        &mut self,
        pass: &mut Gathered,
        pending: &mut Pending,
        met: &mut Met,
        approved: bool,
    ) -> Result<(), PassError> {
        let mut after: Option<Key> = None;
        loop {
            let keys = self.app.keys(after.as_ref(), 10_000).await?;
            let Some(last) = keys.last() else { return Ok(()) };
            after = Some(last.clone());
            let keys: Vec<Key> =
                keys.into_iter().filter(|key| !met.salesforce.contains(&hash(key))).collect();
            self.ask(pass, pending, (met, &keys), approved).await?;
        }
    }

    async fn ask(
        &mut self,
        pass: &mut Gathered,
        pending: &mut Pending,
        (met, keys): (&mut Met, &[Key]),
        approved: bool,
    ) -> Result<(), PassError> {
        let side = pass.setting.origin;
        for keys in keys.chunks(2_000) {
            let events = self.source_of(side)?.fetch(keys).await?;
            self.compare(pass, pending, events, met).await?;
            self.hold_back(pass, pending, approved).await?;
        }
        Ok(())
    }

    /// Writes what a comparison found.
    async fn write_pending(&mut self, pass: &mut Gathered, pending: Pending) -> Result<(), PassError> {
        let mut pairs = false;
        for mut prepared in pending.linked {
            if pairs {
                prepared.items.iter_mut().filter(|item| makes_pair(item)).for_each(decide_again);
            }
            pairs |= prepared.items.iter().any(makes_pair);
            let setting = Setting { origin: prepared.origin, ..pass.setting.clone() };
            let executed = self.bench(&setting).execute(prepared, WriteMode::Changes).await?;
            let again = executed.again.clone();
            let commit = gather(pass, executed);
            self.commit(pass, commit, false, None)?;
            let commit = settle(&mut self.bench(&setting), pass, again, WriteMode::Changes).await?;
            self.commit(pass, commit, false, None)?;
        }
        for mut batch in pending.mirror {
            pass.mirror_deletes.append(&mut batch.deletes);
            let setting = pass.setting.clone();
            let executed = self.bench(&setting).execute_mirror(batch, WriteMode::Changes).await?;
            let commit = gather(pass, executed);
            self.commit(pass, commit, false, None)?;
        }
        Ok(())
    }
}

/// What a reconciliation found and has not written.
#[derive(Default)]
struct Pending {
    linked: Vec<Prepared>,
    mirror: Vec<MirrorBatch>,
    /// Creates and updates, by the side that would be written.
    changes: Sides,
    deletes: Sides,
    /// Records that are not equal, whatever becomes of them.
    differed: u64,
    /// Records that need nothing, and are not counted yet.
    at_rest: Counts,
    forgotten: bool,
}

impl Pending {
    fn add(&mut self, mut prepared: Prepared) {
        // Records that are equal and whose baseline need not move carry nothing to write.
        prepared.items.retain(|item| match item.fate {
            Some(Fate::Unchanged) => rests(&mut self.at_rest, 1, 0),
            Some(Fate::NotLinked | Fate::LeftOut(_)) => rests(&mut self.at_rest, 0, 1),
            _ => true,
        });
        self.differed += prepared.items.iter().filter(|item| differs(item)).count() as u64;
        for item in &prepared.items {
            match &item.fate {
                Some(Fate::Decided(Decision::Create { on, .. }) | Fate::Archive { on, .. }) => {
                    self.changes.count(*on);
                }
                Some(Fate::Decided(Decision::Update { writes, .. })) => {
                    for write in writes {
                        self.changes.count(write.side);
                    }
                }
                _ => {}
            }
        }
        mass::count(&prepared.items, &mut self.deletes);
        prepared.items.retain(|item| is_worth_keeping(item) || rests(&mut self.at_rest, 1, 0));
        let is_empty = prepared.items.is_empty() && prepared.later.is_empty();
        if !self.forgotten && !is_empty {
            self.linked.push(prepared);
        }
    }

    fn add_mirror(&mut self, mut batch: MirrorBatch) {
        self.differed += (batch.writes.len() + batch.deletes.len() + batch.failed.len()) as u64;
        let changes = (batch.writes.len() + batch.deletes.len() + batch.failed.len()) as u64;
        let skipped = std::mem::take(&mut batch.skipped);
        rests(&mut self.at_rest, batch.read.saturating_sub(changes + skipped), skipped);
        batch.read = changes;
        self.changes.app += batch.writes.len() as u64;
        self.deletes.app += batch.deletes.len() as u64;
        let is_empty = batch.writes.is_empty() && batch.deletes.is_empty() && batch.failed.is_empty();
        if !self.forgotten && !is_empty {
            self.mirror.push(batch);
        }
    }

    fn forget(&mut self) {
        self.forgotten = true;
        self.linked.clear();
        self.mirror.clear();
    }
}

/// Counts records that were read and need nothing, or are left out. False: they need not be kept.
fn rests(counts: &mut Counts, unchanged: u64, skipped: u64) -> bool {
    counts.read += unchanged + skipped;
    counts.unchanged += unchanged;
    counts.skipped += skipped;
    false
}

/// Whether a record is not as the file wants it to be. What a policy keeps apart is as it should be.
fn differs(item: &Item) -> bool {
    match &item.fate {
        Some(Fate::Decided(decision)) => {
            matches!(decision, Decision::Create { .. } | Decision::Update { .. } | Decision::Hold(_))
        }
        Some(Fate::Delete { .. } | Fate::Archive { .. } | Fate::Postponed) => true,
        Some(Fate::Stopped(stop)) => matches!(stop, Stop::Wait { .. } | Stop::Fail { .. }),
        _ => false,
    }
}

/// A pair that is equal and already linked needs no memory until the writes.
fn is_worth_keeping(item: &Item) -> bool {
    !matches!(&item.fate, Some(Fate::Decided(Decision::Nothing { kept })) if kept.is_empty() && item.link.is_some())
}

/// A new pair. What it was decided by may have been linked or made by an earlier batch meanwhile: all batches of a comparison are
/// decided before the first is written.
fn makes_pair(item: &Item) -> bool {
    let makes = |decision: &Decision| match decision {
        Decision::Create { .. } | Decision::Link { .. } => true,
        Decision::Update { linking, .. } => *linking,
        _ => false,
    };
    matches!(&item.fate, Some(Fate::Decided(decision)) if makes(decision))
}

fn decide_again(item: &mut Item) {
    item.fate = Some(Fate::Postponed);
}

fn hash(key: &Key) -> u64 {
    xxh3_64(key.as_str().as_bytes())
}
