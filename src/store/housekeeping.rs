//! The life of a pipeline's state besides commits: generations, pauses, renames, forgetting, retention.

use std::time::Duration;

use jiff::Timestamp;
use redb::WriteTransaction;

use super::failures::FailureTables;
use super::intents::IntentTable;
use super::links::LinkTables;
use super::registry::{Entry, Flags, Mark, Registry};
use super::replaced::ReplacedTable;
use super::seen::SeenTable;
use super::tables::{CURSORS, RUNS, SPACES, USAGE};
use super::wants::WantTables;
use super::{Store, StoreError, pipeline_facts};
use crate::model::PipelineName;

impl Store {
    /// The pipelines that have state, with the generation in use.
    pub fn pipelines(&self) -> Vec<(PipelineName, u32)> {
        let registry = self.registry();
        let entries = registry.entries.values().filter(|entry| !entry.alias);
        let mut names: Vec<_> =
            entries.filter_map(|entry| Some((entry.name.clone(), entry.current?))).collect();
        names.sort();
        names
    }

    /// Makes a generation the one in use, also an older one: its links are there again until the retention drops them. Call it whenever
    /// a pipeline starts; it writes only if something changes. Commits for another generation are refused from then on.
    pub fn activate(
        &self,
        pipeline: &PipelineName,
        generation: u32,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let known = self.registry();
        let is_active = |entry: &Entry| entry.current == Some(generation) && entry.flags.removed.is_none();
        if known.entry(pipeline).is_some_and(is_active) {
            return Ok(());
        }
        self.write(|txn, registry| {
            let number = registry.ensure(txn, pipeline)?;
            if registry.entries.get(&number).is_some_and(|entry| entry.space(generation).is_none()) {
                registry.enter(txn, pipeline, generation)?;
            }
            change(txn, registry, number, |entry| {
                entry.current = Some(generation);
                entry.flags.removed = None;
                retire(entry, now);
            })
        })
    }

    /// What was said about a pipeline.
    pub fn flags(&self, pipeline: &PipelineName) -> Flags {
        self.registry().entry(pipeline).map(|entry| entry.flags.clone()).unwrap_or_default()
    }

    /// Who paused a pipeline, and since when.
    pub fn paused(&self, pipeline: &PipelineName) -> Result<Option<Mark>, StoreError> {
        Ok(self.flags(pipeline).paused)
    }

    /// Pauses (by somebody) or resumes a pipeline, also over a restart.
    pub fn set_paused(
        &self,
        pipeline: &PipelineName,
        by: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.set_flags(pipeline, |flags| flags.paused = by.map(|by| Mark { by: by.to_owned(), since: now }))
    }

    /// Remembers that a mass change was approved, or that the approval is used up.
    pub fn set_approved(
        &self,
        pipeline: &PipelineName,
        by: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.set_flags(pipeline, |flags| flags.approved = by.map(|by| Mark { by: by.to_owned(), since: now }))
    }

    /// The file of a pipeline is gone since a moment, or is there again.
    pub fn set_removed(&self, pipeline: &PipelineName, since: Option<Timestamp>) -> Result<(), StoreError> {
        if self.flags(pipeline).removed.is_some() == since.is_some() {
            return Ok(());
        }
        self.set_flags(pipeline, |flags| flags.removed = since)
    }

    fn set_flags(&self, pipeline: &PipelineName, set: impl FnOnce(&mut Flags)) -> Result<(), StoreError> {
        self.write(|txn, registry| {
            let number = registry.ensure(txn, pipeline)?;
            change(txn, registry, number, |entry| set(&mut entry.flags))
        })
    }

    /// Moves links, cursors, failures and history to a new name (`renamed_from`). Does nothing if the old name has no state; fails if
    /// the new one has links or cursors of its own. Wants for the new name that came first are kept.
    pub fn rename(&self, from: &PipelineName, to: &PipelineName) -> Result<(), StoreError> {
        if from == to || self.registry().entry(from).is_none_or(|entry| entry.generations.is_empty()) {
            return Ok(());
        }
        self.write(|txn, registry| {
            let Some(number) = registry.number(from) else { return Ok(()) };
            if let Some(placeholder) = registry.number(to) {
                if registry.entry(to).is_some_and(|entry| !entry.generations.is_empty()) {
                    return Err(StoreError::NameTaken { pipeline: to.clone() });
                }
                WantTables::open(txn)?.redirect(placeholder, number)?;
                change(txn, registry, placeholder, |entry| entry.alias = true)?;
            }
            pipeline_facts::rename(txn, from, to)?;
            change(txn, registry, number, |entry| {
                entry.name = to.clone();
                entry.flags.removed = None;
            })
        })
    }

    /// Drops all state of a pipeline. What other pipelines want of it stays, in case it comes back.
    pub fn forget(&self, pipeline: &PipelineName) -> Result<(), StoreError> {
        self.write(|txn, registry| {
            let Some(number) = registry.number(pipeline) else { return Ok(()) };
            drop_all(txn, registry, number)
        })
    }

    /// Drops one generation of a pipeline.
    pub fn drop_generation(&self, pipeline: &PipelineName, generation: u32) -> Result<(), StoreError> {
        self.write(|txn, registry| {
            let Some(number) = registry.number(pipeline) else { return Ok(()) };
            let Some(space) = registry.entry(pipeline).and_then(|entry| entry.space(generation)) else {
                return Ok(());
            };
            clear_space(txn, space)?;
            change(txn, registry, number, |entry| {
                entry.generations.retain(|known| known.number != generation);
                entry.current = entry.current.filter(|current| *current != generation);
            })
        })
    }

    /// Drops what is older than `keep`: generations that are not in use, state of removed pipelines, resolved failures, replaced values, runs, counters of
    /// API calls. Call it once a day.
    pub fn clean_up(&self, now: Timestamp, keep: Duration) -> Result<(), StoreError> {
        let before = now.checked_sub(keep).unwrap_or(Timestamp::MIN);
        self.write(|txn, registry| {
            let numbers: Vec<u32> = registry.entries.keys().copied().collect();
            for number in numbers {
                clean_pipeline(txn, registry, number, (now, before))?;
            }
            ReplacedTable::open(txn)?.forget(before)?;
            txn.open_table(RUNS)?.retain(|(_, started), _| started >= before.as_microsecond())?;
            txn.open_table(USAGE)?.retain(|(_, hour), _| hour >= before.as_second() / 3600)?;
            Ok(())
        })
    }
}

fn change(
    txn: &WriteTransaction,
    registry: &mut Registry,
    number: u32,
    change: impl FnOnce(&mut Entry),
) -> Result<(), StoreError> {
    let Some(mut entry) = registry.entries.get(&number).cloned() else { return Ok(()) };
    change(&mut entry);
    registry.save(txn, number, entry)
}

/// Marks the generations that are not in use, and only those.
fn retire(entry: &mut Entry, now: Timestamp) {
    let current = entry.current;
    for known in &mut entry.generations {
        known.retired = if current == Some(known.number) { None } else { known.retired.or(Some(now)) };
    }
}

fn clean_pipeline(
    txn: &WriteTransaction,
    registry: &mut Registry,
    number: u32,
    (now, before): (Timestamp, Timestamp),
) -> Result<(), StoreError> {
    let Some(entry) = registry.entries.get(&number).cloned() else { return Ok(()) };
    if entry.flags.removed.is_some_and(|since| since < before) {
        return drop_all(txn, registry, number);
    }
    let (old, kept): (Vec<_>, Vec<_>) = entry
        .generations
        .iter()
        .cloned()
        .partition(|known| known.retired.is_some_and(|since| since < before));
    for known in &old {
        clear_space(txn, known.space)?;
    }
    for known in &kept {
        FailureTables::open(txn)?.forget_resolved(known.space, before)?;
    }
    change(txn, registry, number, |entry| {
        entry.generations = kept;
        retire(entry, now);
    })
}

fn drop_all(txn: &WriteTransaction, registry: &mut Registry, number: u32) -> Result<(), StoreError> {
    let spaces = registry.entries.get(&number).map(|entry| entry.generations.clone()).unwrap_or_default();
    for known in spaces {
        clear_space(txn, known.space)?;
    }
    WantTables::open(txn)?.clear(number)?;
    if let Some(entry) = registry.entries.get(&number) {
        pipeline_facts::forget(txn, &entry.name)?;
    }
    txn.open_table(RUNS)?.retain_in((number, i64::MIN)..=(number, i64::MAX), |_, _| false)?;
    change(txn, registry, number, |entry| {
        entry.generations.clear();
        entry.current = None;
        entry.flags = Flags::default();
    })
}

fn clear_space(txn: &WriteTransaction, space: u32) -> Result<(), StoreError> {
    LinkTables::open(txn)?.clear(space)?;
    FailureTables::open(txn)?.clear(space)?;
    IntentTable::open(txn)?.clear(space)?;
    ReplacedTable::open(txn)?.clear(space)?;
    SeenTable::open(txn)?.clear(space)?;
    txn.open_table(CURSORS)?.retain_in((space, 0)..=(space, u8::MAX), |_, _| false)?;
    txn.open_table(SPACES)?.remove(space)?;
    Ok(())
}
