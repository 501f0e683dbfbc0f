//! The state of a folder without a daemon: files may not mean something else under their links, a new name takes the state along, and
//! what ran is remembered, all as a daemon does it.

use std::collections::BTreeMap;

use super::{WorkError, Workbench};
use crate::model::{FailureKind, PipelineName};
use crate::runtime::lineage::{Lineage, Made};
use crate::runtime::meaning::{Meaning, good_of};
use crate::store::{FailureFilter, LastGood, Store, StoreError};

type Good = BTreeMap<String, LastGood>;

impl Workbench {
    /// Refuses files that would use the state for something else (E504), or that look renamed (W210).
    pub(super) fn keep_meaning(&mut self) -> Result<(), StoreError> {
        let Some(store) = self.store.clone() else { return Ok(()) };
        let (lineage, good) = (Lineage::default(), known(&store)?);
        let meaning = Meaning { store: &store, lineage: &lineage };
        let since = |path: &str| good_of(&good, path).map(|good| good.loaded_at);
        meaning.check_lineage(&mut self.loaded, &self.looked.catalog, since)?;
        meaning.check_renamed(&mut self.loaded)
    }

    /// Before a run: the state moves with new names, generations begin, what failed with another version of its file is due again.
    pub(super) fn enter_state(&self) -> Result<(), WorkError> {
        let Some(store) = &self.store else { return Ok(()) };
        let (lineage, good, now) = (Lineage::default(), known(store)?, self.clock.now());
        let meaning = Meaning { store, lineage: &lineage };
        let files = &self.loaded.files;
        meaning.forget_gone(&self.loaded, now)?;
        for plan in self.loaded.compiled.plans().iter().filter(|plan| plan.enabled) {
            let Some(file) = files.pipeline(&plan.name).and_then(|file| file.value()) else { continue };
            meaning.rename(files, file)?;
            if let Some(source) = files.map.get(file.source) {
                meaning.try_again((&plan.name, &source.text), good_of(&good, &source.path), now)?;
            }
            lineage.enter(store, &plan.name, &Made::of(file, plan, &self.looked.catalog), now)?;
        }
        Ok(self.remember(store, &good)?)
    }

    /// Stores the texts that run, for `plan`, for the next run, and for a daemon that finds a broken file.
    fn remember(&self, store: &Store, good: &Good) -> Result<(), StoreError> {
        let (files, compiled, loaded_at) = (&self.loaded.files, &self.loaded.compiled, self.clock.now());
        let pipelines = files.pipelines.iter();
        let pipelines = pipelines
            .filter(|file| compiled.pipelines.get(&file.name).is_some_and(Result::is_ok))
            .map(|file| file.source);
        let connections = files.connections.iter();
        let connections = connections
            .filter(|file| compiled.connections.get(&file.name).is_some_and(Result::is_ok))
            .map(|file| file.source);
        let taken = pipelines.chain(connections).filter_map(|source| files.map.get(source));
        let fresh: Vec<(&str, LastGood)> = taken
            .filter(|source| good.get(&*source.path).is_none_or(|known| *known.text != *source.text))
            .map(|source| (&*source.path, LastGood { text: source.text.to_string(), loaded_at }))
            .collect();
        if fresh.is_empty() { Ok(()) } else { store.save_last_good(&fresh) }
    }

    /// How many records of a pipeline failed, now or earlier, and are not settled.
    pub(super) fn standing(&self, name: &PipelineName) -> Result<usize, StoreError> {
        let Some(store) = &self.store else { return Ok(0) };
        let filter = FailureFilter { pipeline: Some(name.clone()), ..FailureFilter::default() };
        let failed =
            store.failures(&filter)?.into_iter().filter(|failure| failure.kind == FailureKind::Failed);
        Ok(failed.count())
    }
}

fn known(store: &Store) -> Result<Good, StoreError> {
    Ok(store.last_good_files()?.into_iter().collect())
}
