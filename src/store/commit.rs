//! The one commit point: everything that a settled batch changes, in one durable transaction.

use std::collections::BTreeSet;

use redb::{Table, WriteTransaction};

use super::cursors::put_cursor;
use super::failures::FailureTables;
use super::intents::IntentTable;
use super::links::LinkTables;
use super::registry::{self, Registry, Space};
use super::replaced::ReplacedTable;
use super::seen::SeenTable;
use super::tables::{self, Bytes, CURSORS, SPACES};
use super::wants::WantTables;
use super::{Store, StoreError};
use crate::model::{Commit, Elsewhere, FailureKind, PipelineName, Side, Want};

/// A commit with its address, for several in one transaction.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// The pipeline.
    pub pipeline: &'a PipelineName,
    /// Its generation. The first commit of a new generation makes it the one in use.
    pub generation: u32,
    /// What changes.
    pub commit: &'a Commit,
}

/// What a commit came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitSummary {
    /// Links that were not there before.
    pub new_links: u64,
    /// Pipelines that have records to look at again because of this commit: wake them. A lost wake-up costs only time, the records are
    /// in their queues.
    pub woken: Vec<PipelineName>,
    /// Number of the parcel in which the intents of the commit are stored.
    pub parcel: Option<u64>,
}

/// What a commit changes in other pipelines, as commits of theirs.
fn elsewhere(commit: &Commit) -> impl Iterator<Item = (&Elsewhere, Commit)> {
    commit.elsewhere.iter().map(|to| (to, Commit { links: vec![to.link.clone()], ..Commit::default() }))
}

impl Store {
    /// Applies one commit. When it returns, everything is on the disk; when it fails, nothing changed and the batch may be replayed.
    /// Applying the same commit twice is the same as once, except for the counters.
    pub fn commit(
        &self,
        pipeline: &PipelineName,
        generation: u32,
        commit: &Commit,
    ) -> Result<CommitSummary, StoreError> {
        let mut summaries = self.commit_many(&[Batch { pipeline, generation, commit }])?;
        Ok(summaries.pop().unwrap_or_default())
    }

    /// Applies several commits, in their order, in one transaction: one wait for the disk instead of many. All or nothing.
    pub fn commit_many(&self, batches: &[Batch<'_>]) -> Result<Vec<CommitSummary>, StoreError> {
        let others: Vec<(&Elsewhere, Commit)> =
            batches.iter().flat_map(|batch| elsewhere(batch.commit)).collect();
        let others = others.iter().map(|(to, commit)| Batch {
            pipeline: &to.pipeline,
            generation: to.generation,
            commit,
        });
        let all: Vec<Batch<'_>> = batches.iter().copied().chain(others).collect();
        let mut summaries: Vec<CommitSummary> = self.write(|txn, registry| {
            let mut numbers = Vec::new();
            for batch in &all {
                numbers.push(Address::of(txn, registry, batch)?);
            }
            let mut tables = Tables::open(txn)?;
            let addressed = all.iter().zip(&numbers);
            addressed
                .map(|(batch, address)| self.apply(&mut tables, registry, address, batch.commit))
                .collect::<Result<_, _>>()
        })?;
        summaries.truncate(batches.len());
        Ok(summaries)
    }

    fn apply(
        &self,
        tables: &mut Tables<'_>,
        registry: &Registry,
        address: &Address,
        commit: &Commit,
    ) -> Result<CommitSummary, StoreError> {
        let mut counters = registry::space(&tables.spaces, address.space)?;
        let mut woken = BTreeSet::new();
        tables.untouch(address, commit)?;
        self.fail(tables, address, &mut counters, commit)?;
        tables.want(registry, address, commit, &mut woken)?;
        tables.links.remove(address.space, &mut counters, &commit.unlinked)?;
        let new_links = tables.links.put(address.space, &mut counters, &commit.links)?;
        tables.wake(address, commit, &mut woken)?;
        for (number, (_, side, key)) in address.touched.iter().zip(&commit.touch) {
            tables.wants.touch(*number, *side, key)?;
            woken.insert(*number);
        }
        tables.intents.remove(address.space, &commit.arrived)?;
        let parcel = match commit.intents.as_slice() {
            [] => None,
            intents => Some(tables.intents.put(&self.vault, address.space, intents)?),
        };
        for remember in &commit.seen {
            tables.seen.put(&self.vault, address.space, remember)?;
        }
        tables.replaced.remove(address.space, &commit.undone)?;
        if let Some(writes) = &commit.replaced {
            tables.replaced.put(&self.vault, address.space, writes)?;
        }
        for (side, cursor) in &commit.cursors {
            put_cursor(&mut tables.cursors, address.space, *side, cursor)?;
        }
        counters.totals += commit.counts;
        tables.spaces.insert(address.space, tables::to_json(&counters, "counters")?.as_slice())?;
        let woken = woken.into_iter().map(|number| registry.name(number)).collect();
        Ok(CommitSummary { new_links, woken, parcel })
    }

    fn fail(
        &self,
        tables: &mut Tables<'_>,
        address: &Address,
        counters: &mut Space,
        commit: &Commit,
    ) -> Result<(), StoreError> {
        for (side, key) in &commit.settled {
            tables.failures.settle(address.space, counters, *side, key)?;
        }
        for (failure, waits_on) in commit.failures.iter().zip(&address.waits_on) {
            tables.failures.put((address.space, counters), &self.vault, failure, *waits_on)?;
        }
        Ok(())
    }
}

/// The numbers behind the names of a commit.
struct Address {
    pipeline: u32,
    space: u32,
    /// Of `failures`, one each.
    waits_on: Vec<Option<u32>>,
    /// Of `wants`, one each.
    wanted: Vec<u32>,
    /// Of `touch`, one each.
    touched: Vec<u32>,
}

impl Address {
    fn of(txn: &WriteTransaction, registry: &mut Registry, batch: &Batch<'_>) -> Result<Self, StoreError> {
        let commit = batch.commit;
        let (pipeline, space) = registry.enter(txn, batch.pipeline, batch.generation)?;
        let mut waits_on = Vec::with_capacity(commit.failures.len());
        for failure in &commit.failures {
            waits_on.push(match &failure.kind {
                FailureKind::Waiting { pipeline, .. } => Some(registry.ensure(txn, pipeline)?),
                _ => None,
            });
        }
        let wanted = commit.wants.iter().map(|want| registry.ensure(txn, &want.pipeline));
        let wanted = wanted.collect::<Result<_, _>>()?;
        let touched = commit.touch.iter().map(|(pipeline, _, _)| registry.ensure(txn, pipeline));
        let touched = touched.collect::<Result<_, _>>()?;
        Ok(Self { pipeline, space, waits_on, wanted, touched })
    }
}

struct Tables<'t> {
    links: LinkTables<'t>,
    failures: FailureTables<'t>,
    wants: WantTables<'t>,
    intents: IntentTable<'t>,
    replaced: ReplacedTable<'t>,
    seen: SeenTable<'t>,
    cursors: Table<'t, (u32, u8), Bytes>,
    spaces: Table<'t, u32, Bytes>,
}

impl<'t> Tables<'t> {
    fn open(txn: &'t WriteTransaction) -> Result<Self, StoreError> {
        Ok(Self {
            links: LinkTables::open(txn)?,
            failures: FailureTables::open(txn)?,
            wants: WantTables::open(txn)?,
            intents: IntentTable::open(txn)?,
            replaced: ReplacedTable::open(txn)?,
            seen: SeenTable::open(txn)?,
            cursors: txn.open_table(CURSORS)?,
            spaces: txn.open_table(SPACES)?,
        })
    }

    /// Records that were looked at leave the queue, whatever became of them.
    fn untouch(&mut self, address: &Address, commit: &Commit) -> Result<(), StoreError> {
        if self.wants.is_touched(address.pipeline)? {
            let failed = commit.failures.iter().map(|failure| &failure.source);
            for (side, key) in commit.settled.iter().chain(failed) {
                self.wants.untouch(address.pipeline, commit.touched_upto, (*side, key))?;
            }
        }
        if self.wants.is_told(address.pipeline)? {
            for (side, key) in &commit.settled {
                self.wants.untell(address.pipeline, (*side, key))?;
            }
        }
        Ok(())
    }

    /// Stores wants before the links of the same commit, so that these wake them. A record that was linked since the want arose is
    /// looked at again at once.
    fn want(
        &mut self,
        registry: &Registry,
        address: &Address,
        commit: &Commit,
        woken: &mut BTreeSet<u32>,
    ) -> Result<(), StoreError> {
        let implied = commit.failures.iter().zip(&address.waits_on).filter_map(|(failure, number)| {
            let FailureKind::Waiting { pipeline, key } = &failure.kind else { return None };
            let want = Want { pipeline: pipeline.clone(), key: key.clone(), source: failure.source.clone() };
            Some((want, (*number)?))
        });
        let explicit = commit.wants.iter().cloned().zip(address.wanted.iter().copied());
        for (want, wanted) in explicit.chain(implied) {
            let (side, source) = (want.source.0, &want.source.1);
            let space = registry.entries.get(&wanted).and_then(registry::Entry::current_space);
            let linked = space.map_or(Ok(false), |space| self.links.is_linked(space, side, &want.key))?;
            if linked {
                self.wants.touch(address.pipeline, side, source)?;
                woken.insert(address.pipeline);
            } else {
                self.wants.want(wanted, address.pipeline, &want)?;
            }
        }
        Ok(())
    }

    fn wake(
        &mut self,
        address: &Address,
        commit: &Commit,
        woken: &mut BTreeSet<u32>,
    ) -> Result<(), StoreError> {
        if commit.links.is_empty() || !self.wants.is_wanted(address.pipeline)? {
            return Ok(());
        }
        for link in commit.links.iter().filter(|link| !link.state.is_gone()) {
            woken.extend(self.wants.wake(address.pipeline, Side::Salesforce, &link.salesforce)?);
            woken.extend(self.wants.wake(address.pipeline, Side::App, &link.app)?);
        }
        Ok(())
    }
}
