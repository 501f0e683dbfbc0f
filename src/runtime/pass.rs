//! One pass of one pipeline: read, settle, commit, until there is nothing more. Three kinds: changes since the cursor (the first load
//! included), everything (reconciliation, see `compare`), and single records (hints, retries, records another pipeline needs). A pipeline
//! that flows both ways reads Salesforce first, then the app.
//!
//! A cursor is committed only after everything before it is settled, held or stored as a failure. Deletes of a pass are counted before the
//! first is executed, and so are the creates and updates of a reconciliation.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::tz::TimeZone;
use tokio::sync::OwnedMutexGuard;

use super::batch::{BatchError, Bench, Executed, Item, MirrorBatch, Partners, Prepared, References};
use super::facts::{OrgFacts, RunFacts};
use crate::connect::{ConnectError, Destination, Limit, Source, WriteMode};
use crate::model::{
    ChangeEvent, Class, Clock, Commit, Counts, Cursor, Key, PipelineName, Read, Side, WriteOp,
};
use crate::plan::{Lane, Pipeline, Scope};
use crate::store::{Store, StoreError};
use crate::sync::{Fingerprints, Mode};

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
    /// Reads and writes single records of Salesforce, for pipelines that write there.
    pub salesforce: Option<Box<dyn Destination>>,
    /// Reads the app, for pipelines that follow it.
    pub app_source: Option<Box<dyn Source>>,
    /// Reads and writes single records of the app.
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

/// What is the same for all batches of a pass over one side.
#[derive(Clone)]
pub(super) struct Setting {
    pub(super) origin: Side,
    pub(super) facts: RunFacts,
    pub(super) partners: Partners,
    pub(super) linked_only: bool,
    pub(super) loading: bool,
    pub(super) take: Option<Side>,
}

/// What has been gathered over the batches of a pass over one side.
pub(super) struct Gathered {
    pub(super) setting: Setting,
    pub(super) counts: Counts,
    pub(super) deletes: Vec<Item>,
    pub(super) mirror_deletes: Vec<(Key, WriteOp)>,
    pub(super) failed_in_a_row: u32,
}

impl Gathered {
    pub(super) fn holds_cursor(&self) -> bool {
        !self.deletes.is_empty() || !self.mirror_deletes.is_empty()
    }

    /// The turn among pipelines that share app records, until it is dropped.
    pub(super) async fn turn(&self) -> Option<OwnedMutexGuard<()>> {
        match &self.setting.partners.turn {
            Some(turn) => Some(Arc::clone(turn).lock_owned().await),
            None => None,
        }
    }
}

impl Runner {
    pub(super) fn name(&self) -> &PipelineName {
        &self.pipeline.name
    }

    pub(super) fn gathered(&self, mode: Mode, origin: Side) -> Gathered {
        let fingerprints = Fingerprints::new(self.seed).at_home_in(self.org.region.as_deref());
        let facts = RunFacts::new(self.clock.now(), self.zone.clone(), mode, fingerprints);
        let setting = Setting {
            origin,
            facts,
            partners: self.references.partners(&self.pipeline),
            linked_only: self.pipeline.scope(origin) == Scope::Referenced,
            loading: false,
            take: None,
        };
        Gathered {
            setting,
            counts: Counts::default(),
            deletes: Vec::new(),
            mirror_deletes: Vec::new(),
            failed_in_a_row: 0,
        }
    }

    /// The reader of a side.
    pub(super) fn source_of(&mut self, side: Side) -> Result<&mut dyn Source, ConnectError> {
        source_of(side, self.source.as_mut(), self.app_source.as_deref_mut())
    }

    /// Follows changes of both sides from the stored cursors; begins or goes on with the first load where it is not complete.
    /// `approved`: a person has allowed more deletes than the file.
    pub async fn changes(&mut self, approved: bool) -> Result<Counts, PassError> {
        let mut counts = Counts::default();
        for side in self.pipeline.sources() {
            counts += self.follow(side, approved).await?;
        }
        Ok(counts)
    }

    async fn follow(&mut self, side: Side, approved: bool) -> Result<Counts, PassError> {
        let mut pass = self.gathered(Mode::Changes, side);
        let from = self.store.cursor(self.name(), self.pipeline.generation, side)?;
        let mut loading = !matches!(from, Some(Cursor::Changes { .. }));
        let twin = if loading && self.pipeline.lane == Lane::Mirror { self.app.twin() } else { None };
        let limit = self.limit;
        let mut read = match twin {
            Some(twin) => Box::pin(self.stream(&mut pass, from, twin)).await?,
            None => self.source_of(side)?.read(from.as_ref(), limit).await?,
        };
        loop {
            let Read::Batch { events, next, more, total } = read else {
                Box::pin(self.everything(approved)).await?;
                return Ok(pass.counts);
            };
            let mode = if loading { WriteMode::Load } else { WriteMode::Changes };
            loading = matches!(next, Cursor::Backfill { .. });
            let turn = pass.turn().await;
            let (settled, ahead) = self.settle_and_read(&mut pass, events, mode, more.then_some(&next)).await;
            let mut commit = settled?;
            if !pass.holds_cursor() || !more {
                self.deletes(&mut pass, &mut commit, approved).await?;
                commit.cursors.push((side, next));
            }
            self.commit(&mut pass, commit, mode == WriteMode::Load, total)?;
            drop(turn);
            match ahead {
                Some(_) if self.interrupt.load(Ordering::Relaxed) => return Err(PassError::Interrupted),
                Some(next) => read = next?,
                None => return Ok(pass.counts),
            }
        }
    }

    /// Settles a batch while the next one is being read; one after the other where the batch may write to the side that is read.
    async fn settle_and_read(
        &mut self,
        pass: &mut Gathered,
        events: Vec<ChangeEvent>,
        mode: WriteMode,
        next: Option<&Cursor>,
    ) -> (Result<Commit, PassError>, Option<Result<Read, ConnectError>>) {
        pass.setting.loading = mode == WriteMode::Load;
        let setting = pass.setting.clone();
        let limit = self.limit;
        let writes_back = self.pipeline.ops_on(setting.origin).any();
        let (mut bench, source) = self.split(&setting);
        let settle = settle(&mut bench, pass, events, mode);
        let ahead = async {
            match next {
                Some(next) => Some(match source {
                    Ok(source) => source.read(Some(next), limit).await,
                    Err(error) => Err(error),
                }),
                None => None,
            }
        };
        if writes_back {
            // What is read before these writes would pass for somebody's answer to them, and undo them.
            return (settle.await, ahead.await);
        }
        tokio::join!(settle, ahead)
    }

    pub(super) fn commit(
        &self,
        pass: &mut Gathered,
        commit: Commit,
        loading: bool,
        total: Option<u64>,
    ) -> Result<(), PassError> {
        remember((&self.pipeline, &self.store, self.observer.as_ref()), pass, &commit, (loading, total))
    }

    /// Executes the deletes that were gathered, if they are few enough or a person has allowed them.
    pub(super) async fn deletes(
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
        let (here, there): (Vec<Item>, Vec<Item>) =
            items.into_iter().partition(|item| item.origin == pass.setting.origin);
        for items in [here, there] {
            let Some(origin) = items.first().map(|item| item.origin) else { continue };
            let setting = Setting { origin, ..pass.setting.clone() };
            merge(commit, self.bench(&setting).execute_deletes(items).await?.commit);
        }
        let setting = pass.setting.clone();
        let executed = self.bench(&setting).execute_mirror_deletes(mirrored).await?;
        merge(commit, executed.commit);
        Ok(())
    }

    pub(super) fn bench<'a>(&'a mut self, setting: &'a Setting) -> Bench<'a> {
        self.split(setting).0
    }

    /// A bench, and the reader of its side beside it.
    fn split<'a>(
        &'a mut self,
        setting: &'a Setting,
    ) -> (Bench<'a>, Result<&'a mut dyn Source, ConnectError>) {
        let source = source_of(setting.origin, self.source.as_mut(), self.app_source.as_deref_mut());
        let bench = Bench {
            pipeline: &self.pipeline,
            origin: setting.origin,
            store: &self.store,
            app: self.app.as_mut(),
            salesforce: self.salesforce.as_deref_mut(),
            facts: &setting.facts,
            org: &self.org,
            references: self.references.as_ref(),
            partners: &setting.partners,
            linked_only: setting.linked_only,
            loading: setting.loading,
            take: setting.take,
            row_sets: &self.row_sets,
        };
        (bench, source)
    }

    /// Reads these records of a side and settles them: hints, retries, records that another pipeline needs (`asked`: they take part even
    /// in `scope: referenced`).
    pub async fn records(&mut self, side: Side, keys: &[Key], asked: bool) -> Result<Counts, PassError> {
        self.decided_records(side, keys, asked, None).await
    }

    /// The same for records of which a person has said whose values count (`failures resolve`).
    pub async fn resolved(&mut self, side: Side, keys: &[Key], take: Side) -> Result<Counts, PassError> {
        self.decided_records(side, keys, true, Some(take)).await
    }

    async fn decided_records(
        &mut self,
        side: Side,
        keys: &[Key],
        asked: bool,
        take: Option<Side>,
    ) -> Result<Counts, PassError> {
        let mut pass = self.gathered(Mode::Changes, side);
        pass.setting.linked_only &= !asked;
        pass.setting.take = take;
        for keys in keys.chunks(2_000) {
            let _turn = pass.turn().await;
            let events = self.source_of(side)?.fetch(keys).await?;
            let found: HashSet<&Key> = events.iter().map(|event| &event.key).collect();
            let lost: Vec<Key> = keys.iter().filter(|key| !found.contains(key)).cloned().collect();
            let setting = pass.setting.clone();
            let mut bench = self.bench(&setting);
            let mut commit = settle(&mut bench, &mut pass, events, WriteMode::Changes).await?;
            commit.settled.extend(lost.into_iter().map(|key| (side, key)));
            commit.settled.extend(settled_keys(side, keys, &commit));
            self.deletes(&mut pass, &mut commit, false).await?;
            self.commit(&mut pass, commit, false, None)?;
        }
        Ok(pass.counts)
    }

    /// Decides about records as they are now and writes nothing: for plans and `why`.
    pub async fn preview(
        &mut self,
        side: Side,
        events: Vec<ChangeEvent>,
        mode: Mode,
    ) -> Result<Preview, PassError> {
        let mut setting = self.gathered(mode, side).setting;
        setting.linked_only = false;
        let lane = self.pipeline.lane;
        let mut bench = self.bench(&setting);
        match lane {
            Lane::Linked => Ok(Preview::Linked(bench.prepare(events).await?)),
            Lane::Mirror => {
                let batch = bench.mirror(events);
                Ok(Preview::Mirror(bench.differing(batch).await?))
            }
        }
    }
}

fn source_of<'a>(
    side: Side,
    salesforce: &'a mut dyn Source,
    app: Option<&'a mut (dyn Source + 'static)>,
) -> Result<&'a mut dyn Source, ConnectError> {
    match (side, app) {
        (Side::Salesforce, _) => Ok(salesforce),
        (Side::App, Some(app)) => Ok(app),
        (Side::App, None) => {
            Err(ConnectError::new("R109", Class::Pipeline, "the app of this pipeline is not followed"))
        }
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
        commit.settled.extend(settled_keys(Side::Salesforce, &keys, &commit));
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
fn settled_keys(side: Side, keys: &[Key], commit: &Commit) -> Vec<(Side, Key)> {
    let failed: HashSet<&Key> = commit.failures.iter().map(|failure| &failure.source.1).collect();
    keys.iter().filter(|key| !failed.contains(key)).map(|key| (side, key.clone())).collect()
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
