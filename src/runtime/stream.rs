//! Many batches of a mirror, of its first load or of a window of changes: two are written at once, by two writers, while the next one is
//! read. A database that waits for its disk at the end of one batch works on the other meanwhile. What is remembered moves in the order of
//! the batches, and only after they were written: a crash replays some batches, and the destination changes nothing of what it has.
//!
//! Mirrors only: where links are remembered, a batch has to see those of the batch before. Read [`Runner::stream`] first.

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;

use super::batch::{BatchError, Bench, Executed, References, Swings};
use super::facts::OrgFacts;
use super::pass::{Gathered, Observer, PassError, Runner, Setting};
use super::settling::{gather, remember, settled_keys};
use crate::connect::{Destination, WriteMode};
use crate::model::{ChangeEvent, Commit, Cursor, Key, Read, Side, WriteOp};
use crate::plan::Pipeline;
use crate::store::Store;

/// Batches that are remembered together at most, while there is always another one: what a crash repeats.
const TOGETHER: usize = 20;
/// Records of changes that are told apart at most.
const TOLD_APART: usize = 100_000;

/// One of the two.
type Writer<'a> = &'a mut (dyn Destination + 'static);

/// What writers share.
#[derive(Clone, Copy)]
struct Shared<'a> {
    pipeline: &'a Arc<Pipeline>,
    store: &'a Arc<Store>,
    setting: &'a Setting,
    org: &'a OrgFacts,
    references: &'a dyn References,
    row_sets: &'a HashMap<u32, Vec<u64>>,
    mode: WriteMode,
}

/// A batch that was read.
struct Batch {
    events: Vec<ChangeEvent>,
    next: Cursor,
    total: Option<u64>,
}

/// A batch that was written, with its writer.
struct Done<'a> {
    app: Writer<'a>,
    written: Result<Executed, BatchError>,
    deletes: Vec<(Key, WriteOp)>,
    /// Records whose failures are over if they did not fail again; none in a first load.
    keys: Vec<Key>,
    next: Cursor,
    total: Option<u64>,
}

/// What was written and is not remembered yet.
#[derive(Default)]
struct Together {
    commit: Commit,
    batches: usize,
    total: Option<u64>,
}

/// What is under way.
struct Load<'a, 'p> {
    pass: &'p mut Gathered,
    shared: Shared<'a>,
    observer: &'a dyn Observer,
    /// Writers without work.
    idle: Vec<Writer<'a>>,
    together: Together,
    /// Records that are being written, or that were and are not remembered; not kept in a first load, which brings each record once.
    met: HashSet<Key>,
}

impl Runner {
    /// Goes on from a cursor. Gives the first answer of the source that is not one of many batches, to be settled by the caller; of the
    /// last of many only the cursor is left.
    pub(super) async fn stream(
        &mut self,
        pass: &mut Gathered,
        from: Option<Cursor>,
        mut twin: Box<dyn Destination>,
    ) -> Result<Read, PassError> {
        let Self { source, app, pipeline, store, org, references, row_sets, limit, .. } = self;
        let loading = !matches!(from, Some(Cursor::Changes { .. }));
        let mode = if loading { WriteMode::Load } else { WriteMode::Changes };
        let setting = Setting { loading, ..pass.setting.clone() };
        let references = references.as_ref();
        let shared = Shared { pipeline, store, setting: &setting, org, references, row_sets, mode };
        let (observer, idle) = (self.observer.as_ref(), vec![twin.as_mut(), app.as_mut()]);
        let mut load =
            Load { pass, shared, observer, idle, together: Together::default(), met: HashSet::new() };
        let mut writing = FuturesOrdered::new();
        let mut place = from;
        loop {
            let read = {
                let mut reading = pin!(source.read(place.as_ref(), *limit));
                loop {
                    tokio::select! {
                        biased;
                        Some(done) = writing.next() => load.done(done, writing.is_empty())?,
                        read = &mut reading => break read,
                    }
                }
            };
            let (batch, last) = match (read, &place) {
                (Ok(Read::Batch { events, next, more: true, total }), _) if is_within(&next) => {
                    (Batch { events, next, total }, None)
                }
                // The last of many is written beside those before it; only its cursor is the caller's.
                (Ok(Read::Batch { events, next, more: false, total }), Some(place))
                    if !events.is_empty() && !writing.is_empty() =>
                {
                    let last = Read::Batch { events: Vec::new(), next, more: false, total };
                    (Batch { events, next: place.clone(), total }, Some(last))
                }
                (last, _) => {
                    load.finish(&mut writing).await?;
                    return Ok(last?);
                }
            };
            load.tell_apart(&batch.events, &mut writing).await?;
            let writer = load.writer(&mut writing).await?;
            place = Some(batch.next.clone());
            writing.push_back(write(shared, writer, batch));
            if let Some(last) = last {
                load.finish(&mut writing).await?;
                return Ok(last);
            }
            if self.interrupt.load(Ordering::Relaxed) {
                load.finish(&mut writing).await?;
                return Err(PassError::Interrupted);
            }
        }
    }
}

/// Whether a cursor stands between two batches, not at the end of a load or a window.
fn is_within(cursor: &Cursor) -> bool {
    matches!(cursor, Cursor::Backfill { .. } | Cursor::Changes { within: Some(_), .. })
}

/// Maps and writes one batch.
async fn write<'a>(shared: Shared<'a>, app: Writer<'a>, batch: Batch) -> Done<'a> {
    let Shared { pipeline, store, setting, org, references, row_sets, mode } = shared;
    let Batch { events, next, total } = batch;
    let keys = if mode == WriteMode::Load { Vec::new() } else { keys_of(&events) };
    let mut bench = Bench {
        pipeline,
        origin: setting.origin,
        store,
        app: &mut *app,
        salesforce: None,
        facts: &setting.facts,
        org,
        references,
        partners: &setting.partners,
        linked_only: setting.linked_only,
        loading: setting.loading,
        take: setting.take,
        swings: &Swings::default(),
        run: setting.facts.now,
        row_sets,
    };
    let mut batch = bench.mirror(events);
    let deletes = std::mem::take(&mut batch.deletes);
    let written = bench.execute_mirror(batch, mode).await;
    Done { app, written, deletes, keys, next, total }
}

fn keys_of(events: &[ChangeEvent]) -> Vec<Key> {
    events.iter().map(|event| event.key.clone()).collect()
}

impl<'a> Load<'a, '_> {
    /// A batch was written. `alone`: no other one is being written, so nothing is worth waiting for.
    fn done(&mut self, done: Done<'a>, alone: bool) -> Result<(), PassError> {
        let Done { app, written, deletes, keys, next, total } = done;
        self.idle.push(app);
        let executed = match written {
            Ok(executed) => executed,
            Err(error) => {
                // What was written before it need not be written again.
                self.remember()?;
                return Err(error.into());
            }
        };
        let mut commit = gather(self.pass, executed);
        commit.settled.extend(settled_keys(Side::Salesforce, &keys, &commit));
        self.pass.mirror_deletes.extend(deletes);
        // Deletes are counted before the first, so a load that has some is complete only with its end.
        if !self.pass.holds_cursor() {
            self.together.commit.cursors = vec![(Side::Salesforce, next)];
        }
        self.together.commit.absorb(commit);
        self.together.batches += 1;
        self.together.total = total;
        let failing = self.pass.failed_in_a_row >= self.shared.pipeline.pause_after;
        if alone || failing || self.together.batches >= TOGETHER { self.remember() } else { Ok(()) }
    }

    fn remember(&mut self) -> Result<(), PassError> {
        let Together { commit, batches, total } = std::mem::take(&mut self.together);
        if batches == 0 {
            return Ok(());
        }
        let Shared { pipeline, store, mode, .. } = self.shared;
        remember((pipeline, store, self.observer), self.pass, &commit, (mode == WriteMode::Load, total))
    }

    /// A record that changed again while its window was read comes twice: its first write, and what came of it, has to be over before the
    /// second begins.
    async fn tell_apart<F>(
        &mut self,
        events: &[ChangeEvent],
        writing: &mut FuturesOrdered<F>,
    ) -> Result<(), PassError>
    where
        F: Future<Output = Done<'a>>,
    {
        if self.shared.mode == WriteMode::Load {
            return Ok(());
        }
        let is_again = events.iter().any(|event| self.met.contains(&event.key));
        if is_again || self.met.len() >= TOLD_APART {
            self.finish(writing).await?;
            self.met.clear();
        }
        self.met.extend(keys_of(events));
        Ok(())
    }

    /// A writer, as soon as one has no work.
    async fn writer<F>(&mut self, writing: &mut FuturesOrdered<F>) -> Result<Writer<'a>, PassError>
    where
        F: Future<Output = Done<'a>>,
    {
        loop {
            if let Some(writer) = self.idle.pop() {
                return Ok(writer);
            }
            if let Some(done) = writing.next().await {
                self.done(done, writing.is_empty())?;
            }
        }
    }

    /// Waits for what is being written.
    async fn finish<F>(&mut self, writing: &mut FuturesOrdered<F>) -> Result<(), PassError>
    where
        F: Future<Output = Done<'a>>,
    {
        while let Some(done) = writing.next().await {
            self.done(done, writing.is_empty())?;
        }
        self.remember()
    }
}
