//! The first load of a mirror: two batches are written at once, by two writers, while the next one is read. A database that waits for its
//! disk at the end of one batch works on the other meanwhile. What is remembered moves in the order of the batches, and only after they
//! were written: a crash replays some batches, and the destination changes nothing of what it has.
//!
//! Mirrors only: where links are remembered, a batch has to see those of the batch before. Read [`Runner::stream`] first.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;

use super::batch::{BatchError, Bench, Executed, References, Swings};
use super::facts::OrgFacts;
use super::pass::{Gathered, Observer, PassError, Runner, Setting, gather, merge, remember};
use crate::connect::{Destination, WriteMode};
use crate::model::{ChangeEvent, Commit, Cursor, Key, Read, Side, WriteOp};
use crate::plan::Pipeline;
use crate::store::Store;

/// Batches that are remembered together at most, while there is always another one: what a crash repeats.
const TOGETHER: usize = 20;

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
}

/// A batch that was written, with its writer.
struct Done<'a> {
    app: Writer<'a>,
    written: Result<Executed, BatchError>,
    deletes: Vec<(Key, WriteOp)>,
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

/// The load under way.
struct Load<'a, 'p> {
    pass: &'p mut Gathered,
    shared: Shared<'a>,
    observer: &'a dyn Observer,
    /// Writers without work.
    idle: Vec<Writer<'a>>,
    together: Together,
}

impl Runner {
    /// Loads from a cursor on. Gives the first answer of the source that is not one of many batches: the last one, to be settled by the
    /// caller.
    pub(super) async fn stream(
        &mut self,
        pass: &mut Gathered,
        from: Option<Cursor>,
        mut twin: Box<dyn Destination>,
    ) -> Result<Read, PassError> {
        let Self { source, app, pipeline, store, org, references, row_sets, limit, .. } = self;
        let setting = Setting { loading: true, ..pass.setting.clone() };
        let references = references.as_ref();
        let shared = Shared { pipeline, store, setting: &setting, org, references, row_sets };
        let (observer, idle) = (self.observer.as_ref(), vec![twin.as_mut(), app.as_mut()]);
        let mut load = Load { pass, shared, observer, idle, together: Together::default() };
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
            let (events, next, total) = match read {
                Ok(Read::Batch { events, next: next @ Cursor::Backfill { .. }, more: true, total }) => {
                    (events, next, total)
                }
                last => {
                    load.finish(&mut writing).await?;
                    return Ok(last?);
                }
            };
            let writer = load.writer(&mut writing).await?;
            place = Some(next.clone());
            writing.push_back(write(shared, writer, (events, next, total)));
            if self.interrupt.load(Ordering::Relaxed) {
                load.finish(&mut writing).await?;
                return Err(PassError::Interrupted);
            }
        }
    }
}

/// Maps and writes one batch.
async fn write<'a>(
    shared: Shared<'a>,
    app: Writer<'a>,
    (events, next, total): (Vec<ChangeEvent>, Cursor, Option<u64>),
) -> Done<'a> {
    let Shared { pipeline, store, setting, org, references, row_sets } = shared;
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
    let written = bench.execute_mirror(batch, WriteMode::Load).await;
    Done { app, written, deletes, next, total }
}

impl<'a> Load<'a, '_> {
    /// A batch was written. `alone`: no other one is being written, so nothing is worth waiting for.
    fn done(&mut self, done: Done<'a>, alone: bool) -> Result<(), PassError> {
        let Done { app, written, deletes, next, total } = done;
        self.idle.push(app);
        let executed = match written {
            Ok(executed) => executed,
            Err(error) => {
                // What was written before it need not be written again.
                self.remember()?;
                return Err(error.into());
            }
        };
        let commit = gather(self.pass, executed);
        self.pass.mirror_deletes.extend(deletes);
        // Deletes are counted before the first, so a load that has some is complete only with its end.
        if !self.pass.holds_cursor() {
            self.together.commit.cursors = vec![(Side::Salesforce, next)];
        }
        merge(&mut self.together.commit, commit);
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
        let Shared { pipeline, store, .. } = self.shared;
        remember((pipeline, store, self.observer), self.pass, &commit, (true, total))
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
