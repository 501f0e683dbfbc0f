//! From texts to what runs: all or nothing per file. What is good is taken over, what is broken leaves its last good version running, and
//! only the tasks of what changed are made anew. Read [`Supervisor::take_over`] first; then `judge` says which version of a file runs,
//! `apply` makes it run, `show` tells about it.

mod apply;
mod judge;
mod show;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

use jiff::Timestamp;

use super::catalogs::{self, Look, Looked};
use super::control::ReloadReport;
use super::folder::Texts;
use super::load::{self, Earlier, Loaded, Loading};
use super::meaning::{Meaning, good_of};
use super::refused;
use super::supervisor::{Latest, StartError, Supervisor};
use crate::diag::Diagnostic;
use crate::model::{ConnectionName, PipelineName};
use crate::plan::Files;
use crate::plan::catalog::Catalog;
use crate::store::LastGood;

impl Supervisor {
    /// Takes over a folder. The files are looked at together, so they may have been saved in any order.
    pub(super) async fn take_over(
        self: &Arc<Self>,
        texts: &Texts,
        asked: bool,
    ) -> Result<ReloadReport, StartError> {
        let (now, before) = (self.clock.now(), self.latest());
        let files = load::parse_after(texts, &before.desired, |path| self.since(path));
        let changed = changed(&files, &before.desired);
        let connections: BTreeMap<ConnectionName, u64> = files
            .connections
            .iter()
            .filter_map(|file| Some((file.name.clone(), self.world.identity(file.value()?))))
            .collect();
        let moved = connections
            .iter()
            .filter(|(name, identity)| before.connections.get(*name).is_some_and(|known| known != *identity));
        let mut moved: BTreeSet<ConnectionName> =
            moved.map(|(name, _)| name.clone()).chain(before.moved.iter().cloned()).collect();
        let (mut desired, looked) = self.desired(files, (&changed, &moved), &before, (asked, now)).await;
        let refused = refused::refuse(&mut desired, &looked);
        moved.retain(|name| !looked.reached.contains(name) && connections.contains_key(name));
        // Asked again by every load, until it is the org that the file means.
        moved.extend(refused.iter().cloned());
        let catalog = Arc::new(looked.catalog);
        let mut judged = self.judge(texts, desired, (&catalog, changed, &refused), now)?;
        let catalog = judged.known.take().map_or(catalog, Arc::new);
        self.apply(&judged, &before, &catalog).await?;
        self.remember(texts, &judged, now)?;
        self.show_configs(texts, &judged, now);
        self.use_settings(&judged.running().files);
        let report = self.report(texts, &judged, &before);
        show::log_messages(&report, &before.report);
        let earlier = judged.desired.earlier();
        let (files, desired) = (Arc::new(judged.running().files.clone()), Arc::new(judged.desired.files));
        self.set_latest(Latest {
            desired,
            files,
            catalog,
            connections,
            moved,
            report: report.clone(),
            earlier,
        });
        Ok(report)
    }

    pub(super) fn since(&self, path: &str) -> Option<Timestamp> {
        self.good(path).map(|good| good.loaded_at)
    }

    pub(super) fn good(&self, path: &str) -> Option<LastGood> {
        let good = self.good.read().unwrap_or_else(PoisonError::into_inner);
        good_of(&good, path).cloned()
    }

    pub(super) fn meaning(&self) -> Meaning<'_> {
        Meaning { store: &self.store, lineage: &self.lineage }
    }

    /// What the files say, checked against what is known of the systems. A file that changed and does not fit gets a second look at
    /// them: a field or table may have been added a minute ago.
    async fn desired(
        &self,
        files: Files,
        (changed, moved): (&BTreeSet<String>, &BTreeSet<ConnectionName>),
        before: &Latest,
        (asked, now): (bool, Timestamp),
    ) -> (Loaded, Looked) {
        let first = !self.is_ready();
        let known = if first {
            catalogs::stored(&files, &self.world, Some(&self.store))
        } else {
            (*before.catalog).clone()
        };
        let named = |path: &str| changed.contains(path);
        let pipelines = files
            .pipelines
            .iter()
            .filter(|file| named(files.path(file.source)))
            .map(|file| file.name.clone());
        let look =
            Look { everything: first, moved: moved.clone(), pipelines: pipelines.collect(), again: false };
        let looked = catalogs::refresh(&files, (&self.world, Some(&self.store)), known, (&look, now)).await;
        warn_unreachable(&looked);
        let loaded = self.load(files.clone(), (&looked.catalog, now), &before.earlier);
        let broken = loaded
            .compiled
            .pipelines
            .iter()
            .filter(|(name, plan)| plan.is_err() && (asked || look.pipelines.contains(*name)));
        let broken: BTreeSet<PipelineName> =
            broken.map(|(name, _)| name.clone()).filter(|name| misfits(&loaded, name)).collect();
        if broken.is_empty() || first {
            return (loaded, looked);
        }
        let look = Look { pipelines: broken, again: true, ..Look::default() };
        let mut again =
            catalogs::refresh(&files, (&self.world, Some(&self.store)), looked.catalog, (&look, now)).await;
        again.reached.extend(looked.reached);
        again.unreachable.extend(looked.unreachable);
        (self.load(files, (&again.catalog, now), &loaded.earlier()), again)
    }

    pub(super) fn load(
        &self,
        files: Files,
        (catalog, now): (&Catalog, Timestamp),
        earlier: &Earlier,
    ) -> Loaded {
        let loading = Loading { engine: &self.engine, catalog, now, ignore_not_yet: false };
        load::load_after(files, &loading, earlier)
    }
}

/// Printed paths of the files whose texts differ from those of the last load.
fn changed(files: &Files, before: &Files) -> BTreeSet<String> {
    let known: BTreeSet<(&str, &str)> =
        before.map.sources().map(|source| (&*source.path, &*source.text)).collect();
    let sources = files.map.sources().filter(|source| !known.contains(&(&*source.path, &*source.text)));
    sources.map(|source| source.path.to_string()).collect()
}

/// Whether a file has errors that a look at the systems can take away.
fn misfits(loaded: &Loaded, name: &PipelineName) -> bool {
    let Some(file) = loaded.files.pipeline(name) else { return false };
    let here = |message: &&Diagnostic| {
        message.primary.as_ref().is_some_and(|label| label.span.source == file.source)
    };
    loaded
        .compiled
        .diagnostics
        .iter()
        .filter(here)
        .any(|message| message.is_error() && message.code.to_string().starts_with("E3"))
}

fn warn_unreachable(looked: &Looked) {
    let others = looked.unreachable.iter().filter(|(_, error)| error.code != refused::WRONG_ORG);
    for (connection, error) in others {
        tracing::warn!(%connection, %error, "connection cannot be reached");
    }
}
