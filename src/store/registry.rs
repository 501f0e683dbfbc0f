//! Which pipelines have state, under which numbers, and what was said about them: generations, pauses, removals. A copy is kept in
//! memory, so a name costs no read; it changes together with the transaction that stores it.

use std::collections::HashMap;

use jiff::Timestamp;
use redb::{ReadableTable, WriteTransaction};
use serde::{Deserialize, Serialize};

use super::StoreError;
use super::tables::{self, PIPELINES, SPACES};
use crate::model::{Counts, PipelineName};

/// Something somebody said, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Who, or what: `admin`, `pause_after`.
    pub by: String,
    /// When.
    pub since: Timestamp,
}

/// What was said about a pipeline and holds over a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flags {
    /// Paused until somebody resumes it.
    pub paused: Option<Mark>,
    /// A mass change was approved; used up by the run that it was given for.
    pub approved: Option<Mark>,
    /// Its file is gone; after the retention its state goes too.
    pub removed: Option<Timestamp>,
}

/// One generation of a pipeline.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Generation {
    #[serde(rename = "generation")]
    pub(super) number: u32,
    pub(super) space: u32,
    /// Since when another generation is in use.
    pub(super) retired: Option<Timestamp>,
}

/// A row of `pipelines`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) name: PipelineName,
    /// The generation in use, once there is one.
    pub(super) current: Option<u32>,
    pub(super) generations: Vec<Generation>,
    pub(super) flags: Flags,
    /// It was merged into another pipeline by a rename and is kept because wants may name its number.
    pub(super) alias: bool,
}

impl Entry {
    /// The space of a generation.
    pub(super) fn space(&self, generation: u32) -> Option<u32> {
        self.generations.iter().find(|known| known.number == generation).map(|known| known.space)
    }

    /// The space in use.
    pub(super) fn current_space(&self) -> Option<u32> {
        self.space(self.current?)
    }
}

/// A row of `spaces`: counters that every commit carries on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Space {
    pub(super) next_link: u64,
    pub(super) linked: u64,
    pub(super) failed: u64,
    pub(super) held: u64,
    pub(super) waiting: u64,
    pub(super) totals: Counts,
}

/// All pipelines by number and by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Registry {
    pub(super) entries: HashMap<u32, Entry>,
    names: HashMap<PipelineName, u32>,
    next_space: u32,
}

impl Registry {
    /// As it is stored.
    pub(super) fn load(txn: &WriteTransaction) -> Result<Self, StoreError> {
        let mut registry = Self::default();
        for row in txn.open_table(PIPELINES)?.iter()? {
            let (number, bytes) = row?;
            registry.put(number.value(), tables::from_json(bytes.value(), "pipeline")?);
        }
        let last_space = txn.open_table(SPACES)?.last()?.map(|(space, _)| space.value());
        registry.next_space = registry.next_space.max(last_space.map_or(0, |space| space + 1));
        Ok(registry)
    }

    fn put(&mut self, number: u32, entry: Entry) {
        if !entry.alias {
            self.names.insert(entry.name.clone(), number);
        }
        let after_spaces = entry.generations.iter().map(|known| known.space + 1).max().unwrap_or_default();
        self.next_space = self.next_space.max(after_spaces);
        self.entries.insert(number, entry);
    }

    /// Number of a pipeline.
    pub(super) fn number(&self, name: &PipelineName) -> Option<u32> {
        self.names.get(name).copied()
    }

    /// A pipeline by its name.
    pub(super) fn entry(&self, name: &PipelineName) -> Option<&Entry> {
        self.entries.get(&self.number(name)?)
    }

    /// The space in use of a pipeline.
    pub(super) fn current_space(&self, name: &PipelineName) -> Option<u32> {
        self.entry(name)?.current_space()
    }

    /// Name behind a number, also one that was renamed.
    pub(super) fn name(&self, number: u32) -> PipelineName {
        self.entries.get(&number).map_or_else(|| PipelineName::from("?"), |entry| entry.name.clone())
    }

    /// Name of the pipeline that a space belongs to.
    pub(super) fn owner(&self, space: u32) -> Option<&Entry> {
        self.entries.values().find(|entry| entry.generations.iter().any(|known| known.space == space))
    }

    /// Number of a pipeline, which begins to exist by being asked for.
    pub(super) fn ensure(&mut self, txn: &WriteTransaction, name: &PipelineName) -> Result<u32, StoreError> {
        if let Some(number) = self.number(name) {
            return Ok(number);
        }
        let number = self.entries.keys().max().map_or(1, |last| last + 1);
        let flags = Flags::default();
        let entry = Entry { name: name.clone(), current: None, generations: Vec::new(), flags, alias: false };
        self.save(txn, number, entry)?;
        Ok(number)
    }

    /// Stores a row, here and in the table.
    pub(super) fn save(
        &mut self,
        txn: &WriteTransaction,
        number: u32,
        entry: Entry,
    ) -> Result<(), StoreError> {
        txn.open_table(PIPELINES)?.insert(number, tables::to_json(&entry, "pipeline")?.as_slice())?;
        self.names.retain(|_, known| *known != number);
        self.put(number, entry);
        Ok(())
    }

    /// Number and space of a generation; the first commit of a new one makes it the one in use.
    pub(super) fn enter(
        &mut self,
        txn: &WriteTransaction,
        name: &PipelineName,
        generation: u32,
    ) -> Result<(u32, u32), StoreError> {
        let number = self.ensure(txn, name)?;
        let Some(entry) = self.entries.get(&number) else {
            return Err(StoreError::Unreadable { what: "pipeline" });
        };
        if let Some(space) = entry.space(generation) {
            return match entry.current {
                Some(current) if current != generation => {
                    Err(StoreError::OldGeneration { pipeline: name.clone(), current, asked: generation })
                }
                _ => Ok((number, space)),
            };
        }
        let (mut entry, space) = (entry.clone(), self.next_space);
        entry.generations.push(Generation { number: generation, space, retired: None });
        entry.current = Some(generation);
        txn.open_table(SPACES)?.insert(space, tables::to_json(&Space::default(), "counters")?.as_slice())?;
        self.save(txn, number, entry)?;
        Ok((number, space))
    }
}

/// The counters of a space.
pub(super) fn space(table: &impl ReadableTable<u32, tables::Bytes>, space: u32) -> Result<Space, StoreError> {
    match table.get(space)? {
        Some(bytes) => tables::from_json(bytes.value(), "counters"),
        None => Ok(Space::default()),
    }
}
