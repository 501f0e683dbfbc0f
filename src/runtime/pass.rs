//! One pass of one pipeline: read, settle, commit, until there is nothing more. Three kinds: changes since the cursor (the first load
//! included), everything (reconciliation, see `compare`), and single records (hints, retries, records another pipeline needs). A pipeline
//! that flows both ways reads Salesforce first, then the app.
//!
//! A cursor is committed only after everything before it is settled, held or stored as a failure. Deletes of a pass are counted before the
//! first is executed, and so are the creates and updates of a reconciliation.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::OwnedMutexGuard;

use super::batch::{BatchError, Bench, Item, Partners, References, Swings};
use super::calculated::Calculated;
use super::facts::{OrgFacts, RunFacts};
use super::kept::Kept;
use super::mass::{Approval, Ending};
use super::settling::{remember, settle};
use super::status::Comparison;
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

/// Hears how a pass goes on.
pub trait Observer: Send + Sync {
    /// A batch was committed.
    fn settled(&self, pipeline: &PipelineName, counts: &Counts, loading: bool, total: Option<u64>);

    /// The same, by direction.
    fn flowed(&self, _: &PipelineName, _to_app: &Counts, _to_salesforce: &Counts) {}

    /// Everything was compared.
    fn compared(&self, _: &PipelineName, _: &Comparison) {}
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
    /// What Salesforce calculates, where rows need it.
    pub calculated: Option<Calculated>,
    /// How the writes to pairs went lately.
    pub swings: Swings,
    /// What was read of a bulk job when its load was interrupted.
    pub kept: Kept,
    /// When the run began, for `undo`: a run may be several passes, if they were interrupted.
    pub run: Timestamp,
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
    /// How far the queue of touched records had come before the first record was read: what is touched later is looked at again.
    pub(super) touched_upto: u64,
}

/// Records of a side that somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The side they are read from.
    pub side: Side,
    /// Which.
    pub keys: Vec<Key>,
    /// Whose values count where both sides changed, if a person has said so.
    pub take: Option<Side>,
}

/// What has been gathered over the batches of a pass over one side.
pub(super) struct Gathered {
    pub(super) setting: Setting,
    pub(super) counts: Counts,
    pub(super) deletes: Vec<Item>,
    pub(super) mirror_deletes: Vec<(Key, WriteOp)>,
    /// Records whose rows a mirror has deleted before.
    pub(super) done_before: Vec<Key>,
    pub(super) failed_in_a_row: u32,
    /// Updates of Salesforce are gathered over batches: many of them cost no more calls than one.
    pub(super) gathers: bool,
    /// Those that were decided and not written.
    pub(super) later: Vec<Item>,
}

impl Gathered {
    pub(super) fn holds_cursor(&self) -> bool {
        !self.deletes.is_empty() || !self.mirror_deletes.is_empty()
    }

    /// Records that wait for their delete are not settled by the batch that decided it.
    pub(super) fn keep_asked_for(&self, side: Side, commit: &mut Commit) {
        let mirrored = self.mirror_deletes.iter().map(|(key, _)| key);
        let linked = self.deletes.iter().filter(|item| item.origin == side).map(|item| &item.key);
        let waiting: HashSet<&Key> = linked.chain(mirrored).collect();
        commit.settled.retain(|(at, key)| *at != side || !waiting.contains(key));
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
            // Where the state cannot tell, everything that is in the queue stays there.
            touched_upto: self.store.touched_upto().unwrap_or_default(),
        };
        Gathered {
            setting,
            counts: Counts::default(),
            deletes: Vec::new(),
            mirror_deletes: Vec::new(),
            done_before: Vec::new(),
            failed_in_a_row: 0,
            gathers: false,
            later: Vec::new(),
        }
    }

    /// The reader of a side.
    pub(super) fn source_of(&mut self, side: Side) -> Result<&mut dyn Source, ConnectError> {
        source_of(side, self.source.as_mut(), self.app_source.as_deref_mut())
    }

    /// Follows changes of both sides from the stored cursors; begins or goes on with the first load where it is not complete. Deletes
    /// come last, counted over both sides. `approved`: a person has allowed more of them than the file.
    pub async fn changes(&mut self, approved: bool) -> Result<Counts, PassError> {
        let (mut counts, mut endings, mut failed) = (Counts::default(), Vec::new(), None);
        for side in self.pipeline.sources() {
            match self.follow(side, approved).await {
                Ok(ending) if ending.cursor.is_some() => endings.push(ending),
                Ok(ending) => counts += ending.pass.counts,
                Err(PassError::Interrupted) => return Err(PassError::Interrupted),
                // What the other side wants done does not wait for this one.
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        counts += self.conclude("this run", endings, approved).await?;
        failed.map_or(Ok(counts), Err)
    }

    /// Settles everything of a side but the deletes, which hold its cursor.
    async fn follow(&mut self, side: Side, approved: bool) -> Result<Ending, PassError> {
        let mut pass = self.gathered(Mode::Changes, side);
        let from = self.store.cursor(self.name(), self.pipeline.generation, side)?;
        let mut loading = !matches!(from, Some(Cursor::Changes { .. }));
        pass.gathers = self.gathers(&pass, loading);
        let mut read = Box::pin(self.begin(&mut pass, from)).await?;
        loop {
            let Read::Batch { events, next, more, total } = read else {
                Box::pin(self.everything(approved)).await?;
                return Ok(Ending { pass, cursor: None });
            };
            let mode = if loading { WriteMode::Load } else { WriteMode::Changes };
            loading = matches!(next, Cursor::Backfill { .. });
            let turn = pass.turn().await;
            let (settled, ahead) = self.settle_and_read(&mut pass, events, mode, more.then_some(&next)).await;
            let mut commit = settled?;
            let interrupted = self.interrupt.load(Ordering::Relaxed);
            let goes_on = !interrupted && matches!(ahead, Some(Ok(Read::Batch { .. })));
            if pass.is_much() || !goes_on {
                commit.absorb(self.write_gathered(&mut pass).await?);
            }
            let place = interrupted.then(|| next.clone());
            let held = pass.holds_cursor().then(|| next.clone());
            if held.is_none() && pass.later.is_empty() {
                commit.cursors.push((side, next));
            }
            self.commit(&mut pass, commit, mode == WriteMode::Load, total)?;
            drop(turn);
            match ahead {
                Some(ahead) if interrupted => {
                    if let (Some(place), Ok(read)) = (place, ahead) {
                        self.kept.keep(side, place, read);
                    }
                    return Err(PassError::Interrupted);
                }
                Some(next) => read = next?,
                None => return Ok(Ending { pass, cursor: held }),
            }
        }
    }

    /// The first answer of a side that the caller settles: the last one of many batches of a mirror, or what comes after the cursor.
    async fn begin(&mut self, pass: &mut Gathered, from: Option<Cursor>) -> Result<Read, PassError> {
        let (side, loading) = (pass.setting.origin, !matches!(from, Some(Cursor::Changes { .. })));
        let streams = self.pipeline.lane == Lane::Mirror && (loading || pass.setting.partners.turn.is_none());
        if let Some(twin) = if streams { self.app.twin() } else { None } {
            return self.stream(pass, from, twin).await;
        }
        if let Some(read) = self.kept.take(side, from.as_ref()) {
            return Ok(read);
        }
        let limit = self.batches(pass, loading);
        Ok(self.source_of(side)?.read(from.as_ref(), limit).await?)
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
        let limit = self.batches(pass, pass.setting.loading);
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
        let commit = Commit { touched_upto: pass.setting.touched_upto, ..commit };
        remember((&self.pipeline, &self.store, self.observer.as_ref()), pass, &commit, (loading, total))?;
        self.swings.remember(&self.store, &self.pipeline, pass.setting.facts.now.as_second())?;
        Ok(())
    }

    pub(super) fn bench<'a>(&'a mut self, setting: &'a Setting) -> Bench<'a> {
        self.split(setting).0
    }

    /// A bench, and the reader of its side beside it.
    pub(super) fn split<'a>(
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
            swings: &self.swings,
            run: self.run,
            row_sets: &self.row_sets,
        };
        (bench, source)
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
