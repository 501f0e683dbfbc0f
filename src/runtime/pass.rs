//! One pass of one pipeline: read, settle, commit, until there is nothing more. Three kinds: changes since the cursor (the first load
//! included), everything (reconciliation), and single records (hints, retries, records another pipeline needs).
//!
//! A cursor is committed only after everything before it is settled, held or stored as a failure. Deletes of a pass are counted before the
//! first is executed, and so are the creates and updates of a reconciliation.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::tz::TimeZone;
use xxhash_rust::xxh3::xxh3_64;

use super::batch::{BatchError, Bench, Executed, Fate, Item, MirrorBatch, Prepared, References};
use super::facts::{OrgFacts, RunFacts};
use crate::connect::{ConnectError, Destination, Limit, Source, WriteMode};
use crate::model::{ChangeEvent, Clock, Commit, Counts, Cursor, Key, PipelineName, Read, Side, WriteOp};
use crate::plan::{Lane, Pipeline, Scope};
use crate::store::{Store, StoreError};
use crate::sync::{Decision, Fingerprints, Mode};

/// Why a pass ended early. What was committed before stays; the cursor is where it was committed last.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// A system failed.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The state failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// More deletes or changes than the file allows; nothing of them was written.
    #[error("{0}")]
    Approval(Approval),
    /// Somebody wants the task between two batches; the pass is taken up from the cursor.
    #[error("interrupted between two batches")]
    Interrupted,
    /// So many records failed in a row that something is wrong with all of them.
    #[error("{0} records failed in a row (pause_after)")]
    FailuresInARow(u32),
}

impl From<BatchError> for PassError {
    fn from(error: BatchError) -> Self {
        match error {
            BatchError::Connect(error) => Self::Connect(error),
            BatchError::Store(error) => Self::Store(error),
        }
    }
}

/// A mass change that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{run} wants {wanted} {what}, {limit_name} is {limit}")]
pub struct Approval {
    /// `reconciliation`, `this run`.
    pub run: &'static str,
    /// `updates`, `deletes`.
    pub what: &'static str,
    /// How many.
    pub wanted: u64,
    /// Key of the file.
    pub limit_name: &'static str,
    /// Its value.
    pub limit: u64,
}

/// Hears how a pass goes on.
pub trait Observer: Send + Sync {
    /// A batch was committed.
    fn settled(&self, pipeline: &PipelineName, counts: &Counts, loading: bool, total: Option<u64>);
}

/// What a pass works with; owned by the pipeline's task.
pub struct Runner {
    /// The plan; swapped only between passes.
    pub pipeline: Arc<Pipeline>,
    /// The state.
    pub store: Arc<Store>,
    /// Reads Salesforce.
    pub source: Box<dyn Source>,
    /// Reads and writes the app.
    pub app: Box<dyn Destination>,
    /// Facts of the org.
    pub org: Arc<OrgFacts>,
    /// Other pipelines.
    pub references: Arc<dyn References>,
    /// Rows of earlier versions of the plan.
    pub row_sets: Arc<HashMap<u32, Vec<u64>>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Time zone of the settings.
    pub zone: TimeZone,
    /// Secret seed of the fingerprints.
    pub seed: u64,
    /// Hears how it goes on.
    pub observer: Arc<dyn Observer>,
    /// Bounds of a batch.
    pub limit: Limit,
    /// Set by others: end the pass at the next edge of a batch.
    pub interrupt: Arc<AtomicBool>,
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner").field("pipeline", &self.pipeline.name).finish_non_exhaustive()
    }
}

/// What has been gathered over the batches of a pass.
pub(super) struct Gathered {
    pub(super) facts: RunFacts,
    counts: Counts,
    deletes: Vec<Item>,
    pub(super) mirror_deletes: Vec<(Key, WriteOp)>,
    pub(super) failed_in_a_row: u32,
    pub(super) linked_only: bool,
}

impl Gathered {
    pub(super) fn holds_cursor(&self) -> bool {
        !self.deletes.is_empty() || !self.mirror_deletes.is_empty()
    }
}

impl Runner {
    fn name(&self) -> &PipelineName {
        &self.pipeline.name
    }

    fn gathered(&self, mode: Mode) -> Gathered {
        let facts = RunFacts::new(self.clock.now(), self.zone.clone(), mode, Fingerprints::new(self.seed));
        let linked_only = self.pipeline.salesforce.scope == Scope::Referenced;
        Gathered {
            facts,
            counts: Counts::default(),
            deletes: Vec::new(),
            mirror_deletes: Vec::new(),
            failed_in_a_row: 0,
            linked_only,
        }
    }

    /// Follows changes from the stored cursor; begins or goes on with the first load if it is not complete. `approved`: a person has
    /// allowed more deletes than the file.
    pub async fn changes(&mut self, approved: bool) -> Result<Counts, PassError> {
        let mut pass = self.gathered(Mode::Changes);
        let from = self.store.cursor(self.name(), self.pipeline.generation, Side::Salesforce)?;
        let mut loading = !matches!(from, Some(Cursor::Changes { .. }));
        let twin = if loading && self.pipeline.lane == Lane::Mirror { self.app.twin() } else { None };
        let mut read = match twin {
            Some(twin) => Box::pin(self.stream(&mut pass, from, twin)).await?,
            None => self.source.read(from.as_ref(), self.limit).await?,
        };
        loop {
            let Read::Batch { events, next, more, total } = read else {
                self.everything(approved).await?;
                return Ok(pass.counts);
            };
            let mode = if loading { WriteMode::Load } else { WriteMode::Changes };
            loading = matches!(next, Cursor::Backfill { .. });
            let (settled, ahead) = self.settle_and_read(&mut pass, events, mode, more.then_some(&next)).await;
            let mut commit = settled?;
            if !pass.holds_cursor() || !more {
                self.deletes(&mut pass, &mut commit, approved).await?;
                commit.cursors.push((Side::Salesforce, next));
            }
            self.commit(&mut pass, commit, mode == WriteMode::Load, total)?;
            match ahead {
                Some(_) if self.interrupt.load(Ordering::Relaxed) => return Err(PassError::Interrupted),
                Some(next) => read = next?,
                None => return Ok(pass.counts),
            }
        }
    }

    /// Settles a batch while the next one is being read.
    async fn settle_and_read(
        &mut self,
        pass: &mut Gathered,
        events: Vec<ChangeEvent>,
        mode: WriteMode,
        next: Option<&Cursor>,
    ) -> (Result<Commit, PassError>, Option<Result<Read, ConnectError>>) {
        let Self { source, app, pipeline, store, org, references, row_sets, limit, .. } = self;
        let mut bench = Bench {
            pipeline,
            store,
            app: app.as_mut(),
            facts: &pass.facts.clone(),
            org,
            references: references.as_ref(),
            linked_only: pass.linked_only,
            row_sets,
        };
        let settle = settle(&mut bench, pass, events, mode);
        let ahead = async {
            match next {
                Some(next) => Some(source.read(Some(next), *limit).await),
                None => None,
            }
        };
        tokio::join!(settle, ahead)
    }

    fn commit(
        &self,
        pass: &mut Gathered,
        commit: Commit,
        loading: bool,
        total: Option<u64>,
    ) -> Result<(), PassError> {
        remember((&self.pipeline, &self.store, self.observer.as_ref()), pass, &commit, (loading, total))
    }

    /// Executes the deletes that were gathered, if they are few enough or a person has allowed them.
    async fn deletes(
        &mut self,
        pass: &mut Gathered,
        commit: &mut Commit,
        approved: bool,
    ) -> Result<(), PassError> {
        let wanted = (pass.deletes.len() + pass.mirror_deletes.len()) as u64;
        if wanted == 0 {
            return Ok(());
        }
        let limit = self.pipeline.max_deletes.unwrap_or(0);
        if wanted > limit && !approved {
            let approval =
                Approval { run: "this run", what: "deletes", wanted, limit_name: "max_deletes", limit };
            return Err(PassError::Approval(approval));
        }
        let items = std::mem::take(&mut pass.deletes);
        let mirrored = std::mem::take(&mut pass.mirror_deletes);
        let facts = pass.facts.clone();
        let mut bench = self.bench(&facts, pass.linked_only);
        let executed = bench.execute_deletes(items).await?;
        merge(commit, executed.commit);
        let executed = bench.execute_mirror_deletes(mirrored).await?;
        merge(commit, executed.commit);
        Ok(())
    }

    fn bench<'a>(&'a mut self, facts: &'a RunFacts, linked_only: bool) -> Bench<'a> {
        Bench {
            pipeline: &self.pipeline,
            store: &self.store,
            app: self.app.as_mut(),
            facts,
            org: &self.org,
            references: self.references.as_ref(),
            linked_only,
            row_sets: &self.row_sets,
        }
    }

    /// Reads these records and settles them: hints, retries, records that another pipeline needs (`asked`: they take part even in
    /// `scope: referenced`).
    pub async fn records(&mut self, keys: &[Key], asked: bool) -> Result<Counts, PassError> {
        let mut pass = self.gathered(Mode::Changes);
        pass.linked_only &= !asked;
        for keys in keys.chunks(2_000) {
            let events = self.source.fetch(keys).await?;
            let found: HashSet<&Key> = events.iter().map(|event| &event.key).collect();
            let lost: Vec<Key> = keys.iter().filter(|key| !found.contains(key)).cloned().collect();
            let facts = pass.facts.clone();
            let mut bench = self.bench(&facts, pass.linked_only);
            let mut commit = settle(&mut bench, &mut pass, events, WriteMode::Changes).await?;
            commit.settled.extend(lost.into_iter().map(|key| (Side::Salesforce, key)));
            commit.settled.extend(settled_keys(keys, &commit));
            self.deletes(&mut pass, &mut commit, false).await?;
            self.commit(&mut pass, commit, false, None)?;
        }
        Ok(pass.counts)
    }

    /// Compares everything and repairs differences (reconciliation, `sync --full`). Changes are gathered first: more than `max_changes`
    /// wait for a person, and then nothing of them was written.
    pub async fn everything(&mut self, approved: bool) -> Result<Counts, PassError> {
        let mut pass = self.gathered(Mode::Repair);
        let mut seen: HashSet<u64> = HashSet::new();
        self.reclaim(&pass).await?;
        let mut pending = Pending::default();
        let mut cursor: Option<Cursor> = None;
        let referenced = self.pipeline.salesforce.scope == Scope::Referenced;
        loop {
            if referenced {
                break;
            }
            let read = self.source.read(cursor.as_ref(), self.limit).await?;
            let Read::Batch { events, next, more, total } = read else { break };
            let complete = matches!(next, Cursor::Changes { .. });
            seen.extend(events.iter().map(|event| hash(&event.key)));
            self.compare(&mut pass, &mut pending, events, approved).await?;
            self.observer.settled(&self.pipeline.name, &Counts::default(), true, total);
            cursor = Some(next);
            if complete || !more {
                break;
            }
            if self.interrupt.load(Ordering::Relaxed) {
                return Err(PassError::Interrupted);
            }
        }
        self.unseen(&mut pass, &mut pending, &seen, approved).await?;
        self.write_pending(&mut pass, pending).await?;
        let mut commit = Commit::default();
        self.deletes(&mut pass, &mut commit, approved).await?;
        self.commit(&mut pass, commit, false, None)?;
        Ok(pass.counts)
    }

    /// Decides about records as they are now and writes nothing: for plans and `why`.
    pub async fn preview(&mut self, events: Vec<ChangeEvent>, mode: Mode) -> Result<Preview, PassError> {
        let facts = self.gathered(mode).facts;
        let lane = self.pipeline.lane;
        let mut bench = self.bench(&facts, false);
        match lane {
            Lane::Linked => Ok(Preview::Linked(bench.prepare(events).await?)),
            Lane::Mirror => {
                let batch = bench.mirror(events);
                Ok(Preview::Mirror(bench.differing(batch).await?))
            }
        }
    }

    /// Finds out what became of creates of an earlier life.
    async fn reclaim(&mut self, pass: &Gathered) -> Result<(), PassError> {
        let facts = pass.facts.clone();
        Ok(self.bench(&facts, pass.linked_only).reclaim().await?)
    }

    /// Decides about a batch and keeps what would be written.
    async fn compare(
        &mut self,
        pass: &mut Gathered,
        pending: &mut Pending,
        events: Vec<ChangeEvent>,
        approved: bool,
    ) -> Result<(), PassError> {
        let facts = pass.facts.clone();
        let linked_only = pass.linked_only;
        let lane = self.pipeline.lane;
        let mut bench = self.bench(&facts, linked_only);
        match lane {
            Lane::Linked => {
                let prepared = bench.prepare(events).await?;
                pending.add(prepared);
            }
            Lane::Mirror => {
                let batch = bench.mirror(events);
                let batch = bench.differing(batch).await?;
                pending.add_mirror(batch);
            }
        }
        if approved {
            let batch = std::mem::take(pending);
            return self.write_pending(pass, batch).await;
        }
        let limit = self.pipeline.max_changes;
        if pending.changes > limit {
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
        seen: &HashSet<u64>,
        approved: bool,
    ) -> Result<(), PassError> {
        if self.pipeline.lane == Lane::Mirror {
            return self.unseen_mirror(pass, pending, seen, approved).await;
        }
        let mut after: Option<Key> = None;
        loop {
            let links = self.store.links(self.name(), self.pipeline.generation, after.as_ref(), 2_000)?;
            let Some(last) = links.last() else { return Ok(()) };
            after = Some(last.salesforce.clone());
            let keys: Vec<Key> = links
                .into_iter()
                .map(|link| link.salesforce)
                .filter(|key| !seen.contains(&hash(key)))
                .collect();
            self.ask(pass, pending, &keys, approved).await?;
        }
    }

    async fn unseen_mirror(
        &mut self,
        pass: &mut Gathered,
        pending: &mut Pending,
        seen: &HashSet<u64>,
        approved: bool,
    ) -> Result<(), PassError> {
        let mut after: Option<Key> = None;
        loop {
            let keys = self.app.keys(after.as_ref(), 10_000).await?;
            let Some(last) = keys.last() else { return Ok(()) };
            after = Some(last.clone());
            let keys: Vec<Key> = keys.into_iter().filter(|key| !seen.contains(&hash(key))).collect();
            self.ask(pass, pending, &keys, approved).await?;
        }
    }

    async fn ask(
        &mut self,
        pass: &mut Gathered,
        pending: &mut Pending,
        keys: &[Key],
        approved: bool,
    ) -> Result<(), PassError> {
        for keys in keys.chunks(2_000) {
            let events = self.source.fetch(keys).await?;
            self.compare(pass, pending, events, approved).await?;
        }
        Ok(())
    }

    /// Writes what a comparison found, unless it is too much.
    async fn write_pending(&mut self, pass: &mut Gathered, pending: Pending) -> Result<(), PassError> {
        let limit = self.pipeline.max_changes;
        if pending.forgotten {
            let wanted = pending.changes;
            let approval =
                Approval { run: "reconciliation", what: "changes", wanted, limit_name: "max_changes", limit };
            return Err(PassError::Approval(approval));
        }
        let facts = pass.facts.clone();
        let linked_only = pass.linked_only;
        for prepared in pending.linked {
            let executed = self.bench(&facts, linked_only).execute(prepared, WriteMode::Changes).await?;
            let commit = gather(pass, executed);
            self.commit(pass, commit, false, None)?;
        }
        for mut batch in pending.mirror {
            pass.mirror_deletes.append(&mut batch.deletes);
            let executed = self.bench(&facts, linked_only).execute_mirror(batch, WriteMode::Changes).await?;
            let commit = gather(pass, executed);
            self.commit(pass, commit, false, None)?;
        }
        Ok(())
    }
}

/// Decisions that nobody carried out.
#[derive(Debug)]
pub enum Preview {
    /// Of a pipeline with links.
    Linked(Prepared),
    /// Of a mirror.
    Mirror(MirrorBatch),
}

/// What a reconciliation found and has not written.
#[derive(Default)]
struct Pending {
    linked: Vec<Prepared>,
    mirror: Vec<MirrorBatch>,
    changes: u64,
    forgotten: bool,
}

impl Pending {
    fn add(&mut self, mut prepared: Prepared) {
        // Records that are equal and whose baseline need not move carry nothing to write.
        prepared
            .items
            .retain(|item| !matches!(item.fate, Some(Fate::Unchanged | Fate::NotLinked | Fate::LeftOut(_))));
        let writes = |item: &&Item| {
            matches!(
                item.fate,
                Some(Fate::Decided(Decision::Create { .. } | Decision::Update { .. }) | Fate::Archive(_))
            )
        };
        self.changes += prepared.items.iter().filter(writes).count() as u64;
        prepared.items.retain(is_worth_keeping);
        let is_empty = prepared.items.is_empty() && prepared.later.is_empty();
        if !self.forgotten && !is_empty {
            self.linked.push(prepared);
        }
    }

    fn add_mirror(&mut self, batch: MirrorBatch) {
        self.changes += batch.writes.len() as u64;
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

/// A pair that is equal and already linked needs no memory until the writes.
fn is_worth_keeping(item: &Item) -> bool {
    !matches!(&item.fate, Some(Fate::Decided(Decision::Nothing { kept })) if kept.is_empty() && item.link.is_some())
}

/// Settles one batch: decides, writes, and says what to remember.
async fn settle(
    bench: &mut Bench<'_>,
    pass: &mut Gathered,
    events: Vec<ChangeEvent>,
    mode: WriteMode,
) -> Result<Commit, PassError> {
    if events.is_empty() {
        return Ok(Commit::default());
    }
    if bench.pipeline.lane == Lane::Mirror {
        let keys: Vec<Key> =
            if mode == WriteMode::Load { Vec::new() } else { events.iter().map(|e| e.key.clone()).collect() };
        let mut batch = bench.mirror(events);
        pass.mirror_deletes.append(&mut batch.deletes);
        let executed = bench.execute_mirror(batch, mode).await?;
        let mut commit = gather(pass, executed);
        commit.settled.extend(settled_keys(&keys, &commit));
        return Ok(commit);
    }
    bench.reclaim().await?;
    let prepared = bench.prepare(events).await?;
    let executed = bench.execute(prepared, mode).await?;
    let again = executed.again.clone();
    let mut commit = gather(pass, executed);
    if !again.is_empty() {
        // The first of the twins has to be remembered before the second is decided.
        bench.store.commit(&bench.pipeline.name, bench.pipeline.generation, &commit)?;
        pass.counts += commit.counts;
        commit = Box::pin(settle(bench, pass, again, WriteMode::Changes)).await?;
    }
    Ok(commit)
}

pub(super) fn gather(pass: &mut Gathered, executed: Executed) -> Commit {
    pass.deletes.extend(executed.deletes);
    let counts = &executed.commit.counts;
    let good = counts.created + counts.updated + counts.unchanged + counts.linked + counts.deleted;
    pass.failed_in_a_row =
        if good > 0 { executed.failed_in_a_row } else { pass.failed_in_a_row + executed.failed_in_a_row };
    executed.commit
}

/// The records of a request that left no failure behind.
fn settled_keys(keys: &[Key], commit: &Commit) -> Vec<(Side, Key)> {
    let failed: HashSet<&Key> = commit.failures.iter().map(|failure| &failure.source.1).collect();
    keys.iter().filter(|key| !failed.contains(key)).map(|key| (Side::Salesforce, key.clone())).collect()
}

/// Commits what was settled, and tells.
pub(super) fn remember(
    (pipeline, store, observer): (&Pipeline, &Store, &dyn Observer),
    pass: &mut Gathered,
    commit: &Commit,
    (loading, total): (bool, Option<u64>),
) -> Result<(), PassError> {
    let counts = commit.counts;
    store.commit(&pipeline.name, pipeline.generation, commit)?;
    pass.counts += counts;
    observer.settled(&pipeline.name, &counts, loading, total);
    if pass.failed_in_a_row >= pipeline.pause_after {
        return Err(PassError::FailuresInARow(pass.failed_in_a_row));
    }
    Ok(())
}

pub(super) fn merge(into: &mut Commit, from: Commit) {
    into.links.extend(from.links);
    into.unlinked.extend(from.unlinked);
    into.failures.extend(from.failures);
    into.settled.extend(from.settled);
    into.wants.extend(from.wants);
    into.touch.extend(from.touch);
    into.intents.extend(from.intents);
    into.arrived.extend(from.arrived);
    into.counts += from.counts;
}

fn hash(key: &Key) -> u64 {
    xxh3_64(key.as_str().as_bytes())
}
