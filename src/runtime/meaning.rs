//! What the state of a folder's pipelines means must not change under its links: E504 for a file that would use them for something else,
//! W210 for a file that looks renamed, the state that moves with `renamed_from`. The same for a daemon and for `sfsync run`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::lineage::{Lineage, Made};
use super::load::Loaded;
use crate::model::PipelineName;
use crate::plan::catalog::Catalog;
use crate::plan::{Broken, Files};
use crate::spec::PipelineFile;
use crate::store::{FailureFilter, LastGood, Store, StoreError};

/// The state, and what it was made with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meaning<'a> {
    pub(super) store: &'a Store,
    pub(super) lineage: &'a Lineage,
}

impl Meaning<'_> {
    /// E504 for files that would use their links for something else; they may not run. `since` knows when the version of a path that runs
    /// was loaded.
    pub(super) fn check_lineage(
        &self,
        loaded: &mut Loaded,
        catalog: &Catalog,
        since: impl Fn(&str) -> Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let mut refused = Vec::new();
        for file in loaded.files.pipelines.iter().filter_map(|file| file.value()) {
            let Some(Ok(plan)) = loaded.compiled.pipelines.get(&file.name) else { continue };
            let made = Made::of(file, plan, catalog);
            let state = self.state_name(&loaded.files, file);
            let good = since(loaded.files.path(file.source)).map(clock_time);
            if let Some(error) = self.lineage.check(self.store, (file, &made), &state, good.as_deref())? {
                refused.push((file.name.clone(), error));
            }
        }
        for (name, error) in refused {
            loaded.compiled.diagnostics.push(error);
            loaded.compiled.pipelines.insert(name, Err(Broken));
        }
        Ok(())
    }

    /// W210 for new files that look like renamed ones; they may not run.
    pub(super) fn check_renamed(&self, loaded: &mut Loaded) -> Result<(), StoreError> {
        let known = self.store.pipelines();
        let files = &loaded.files;
        let is_gone = |name: &PipelineName| {
            files.pipeline(name).is_none()
                && !is_claimed(files, name)
                && self.store.flags(name).removed.is_none()
        };
        let gone: Vec<(PipelineName, u32)> =
            known.iter().filter(|(name, _)| is_gone(name)).cloned().collect();
        if gone.is_empty() {
            return Ok(());
        }
        let names: BTreeSet<&PipelineName> = known.iter().map(|(name, _)| name).collect();
        let is_new = |file: &&PipelineFile| !names.contains(&file.name);
        let came: Vec<&PipelineFile> =
            files.pipelines.iter().filter_map(|file| file.value()).filter(is_new).collect();
        for (name, warning) in self.lineage.suspicions(self.store, &gone, &came)? {
            loaded.compiled.diagnostics.push(warning);
            loaded.compiled.pipelines.insert(name, Err(Broken));
        }
        Ok(())
    }

    /// The name under which the state of a file is kept: its own, or that of `renamed_from` until the state has moved.
    pub(super) fn state_name(&self, files: &Files, file: &PipelineFile) -> PipelineName {
        match &file.renamed_from {
            Some(from) if self.moves(files, file, &from.value) => from.value.clone(),
            _ => file.name.clone(),
        }
    }

    fn moves(&self, files: &Files, file: &PipelineFile, from: &PipelineName) -> bool {
        let known = self.store.pipelines();
        let has_state = |name: &PipelineName| known.iter().any(|(known, _)| known == name);
        files.pipeline(from).is_none() && has_state(from) && !has_state(&file.name)
    }

    /// Moves the state of a file that says what it was called before.
    pub(super) fn rename(&self, files: &Files, file: &PipelineFile) -> Result<(), StoreError> {
        let from = self.state_name(files, file);
        if from != file.name {
            self.store.rename(&from, &file.name)?;
            self.lineage.changed(&from);
            self.lineage.changed(&file.name);
            tracing::info!(pipeline = %file.name, %from, "links and cursors moved to the new name");
        }
        Ok(())
    }

    /// Notes since when files are gone, unless another file may be the same under a new name.
    pub(super) fn forget_gone(&self, loaded: &Loaded, now: Timestamp) -> Result<(), StoreError> {
        let files = &loaded.files;
        let suspects = loaded.compiled.diagnostics.iter().any(|message| message.code.to_string() == "W210");
        for (name, _) in self.store.pipelines() {
            if files.pipeline(&name).is_none() && !suspects && !is_claimed(files, &name) {
                self.store.set_removed(&name, Some(now))?;
            }
        }
        Ok(())
    }

    /// What failed may go well with another version of the file: its failures are due at once. `good` is the version that ran last.
    pub(super) fn try_again(
        &self,
        (name, text): (&PipelineName, &str),
        good: Option<&LastGood>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if good.is_none_or(|good| good.text == text) {
            return Ok(());
        }
        let filter = FailureFilter { pipeline: Some(name.clone()), ..FailureFilter::default() };
        let count = self.store.retry_failures(&filter, now)?;
        if count > 0 {
            tracing::info!(pipeline = %name, count, "the file changed, so what failed is tried again");
        }
        Ok(())
    }
}

/// Whether a file says that it had this name.
fn is_claimed(files: &Files, name: &PipelineName) -> bool {
    let mut claims = files.pipelines.iter().filter_map(|file| file.value()?.renamed_from.as_ref());
    claims.any(|from| from.value == *name)
}

/// A moment as a status tells it.
pub(super) fn clock_time(at: Timestamp) -> String {
    at.to_zoned(jiff::tz::TimeZone::UTC).strftime("%H:%M").to_string()
}

/// The last good version of a file. Where the folder was spelled otherwise when it ran (`.` and `/etc/sfsync`), the newest of the same name.
pub(super) fn good_of<'a>(good: &'a BTreeMap<String, LastGood>, path: &str) -> Option<&'a LastGood> {
    let same = |known: &&String| name_of(known) == name_of(path);
    let newest =
        || good.keys().filter(same).filter_map(|path| good.get(path)).max_by_key(|good| good.loaded_at);
    good.get(path).or_else(newest)
}

/// What a path names: the file without its folder and ending, and whether it is one of a connection.
fn name_of(path: &str) -> (bool, &str) {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let is_connection = folder == "connections" || folder.ends_with("/connections");
    (is_connection, file.strip_suffix(".yaml").or_else(|| file.strip_suffix(".yml")).unwrap_or(file))
}
