//! From texts to what runs: all or nothing per file. What is good is taken over, what is broken leaves its last good version running, and
//! only the tasks of what changed are made anew. Read [`Supervisor::take_over`] first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

use jiff::Timestamp;

use super::catalogs::{self, Look, Looked};
use super::control::{FileReport, ReloadReport};
use super::folder::{File, Texts};
use super::lineage::Made;
use super::load::{self, Loaded, Loading};
use super::status::{ConfigStatus, State};
use super::supervisor::{Latest, MadeOf, Seed, StartError, Supervisor};
use crate::diag::Diagnostic;
use crate::model::{ConnectionName, PipelineName};
use crate::plan::catalog::Catalog;
use crate::plan::{Broken, Files, Pipeline, diff};
use crate::spec::{Entry, PipelineFile, Settings, Template};
use crate::store::{LastGood, StoreError};

/// What is wanted and what runs instead of it where it is broken.
struct Judged {
    desired: Loaded,
    /// `None` where nothing is broken.
    instead: Option<Loaded>,
    /// The versions that go on, by printed path.
    old: BTreeMap<String, Timestamp>,
    /// Pipelines that files look up and that are not there, with the reason.
    absent: BTreeMap<PipelineName, String>,
    /// Files that changed since the last load, by printed path.
    changed: BTreeSet<String>,
}

impl Judged {
    fn running(&self) -> &Loaded {
        self.instead.as_ref().unwrap_or(&self.desired)
    }

    /// Whether the file on disk is what runs.
    fn is_current(&self, name: &PipelineName) -> bool {
        let is_good = |loaded: &Loaded| loaded.compiled.pipelines.get(name).is_some_and(Result::is_ok);
        is_good(&self.desired) && is_good(self.running())
    }
}

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
        let (desired, looked) = self.desired(files, (&changed, &moved), &before, (asked, now)).await;
        moved.retain(|name| !looked.reached.contains(name) && connections.contains_key(name));
        let catalog = Arc::new(looked.catalog);
        let judged = self.judge(texts, desired, (&catalog, changed), now)?;
        self.apply(&judged, &before, &catalog).await?;
        self.remember(texts, &judged, now)?;
        self.show_configs(texts, &judged, now);
        self.use_settings(&judged.running().files);
        let report = self.report(texts, &judged, &before);
        let (files, desired) = (Arc::new(judged.running().files.clone()), Arc::new(judged.desired.files));
        self.set_latest(Latest { desired, files, catalog, connections, moved, report: report.clone() });
        Ok(report)
    }

    pub(super) fn since(&self, path: &str) -> Option<Timestamp> {
        self.good(path).map(|good| good.loaded_at)
    }

    fn good(&self, path: &str) -> Option<LastGood> {
        self.good.read().unwrap_or_else(PoisonError::into_inner).get(path).cloned()
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
        let loaded = self.load(files.clone(), &looked.catalog, now);
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
        (self.load(files, &again.catalog, now), again)
    }

    fn load(&self, files: Files, catalog: &Catalog, now: Timestamp) -> Loaded {
        load::load(files, &Loading { engine: &self.engine, catalog, now, ignore_not_yet: false })
    }

    /// Which of the files may run, and what runs instead of the others.
    fn judge(
        &self,
        texts: &Texts,
        mut desired: Loaded,
        (catalog, changed): (&Catalog, BTreeSet<String>),
        now: Timestamp,
    ) -> Result<Judged, StoreError> {
        self.check_lineage(&mut desired, catalog)?;
        self.check_renamed(&mut desired)?;
        let removed = self.removed_but_named(texts, &desired.files);
        let broken = desired.compiled.pipelines.values().any(Result::is_err)
            || desired.compiled.connections.values().any(Result::is_err)
            || desired.files.settings.as_ref().is_some_and(crate::spec::Parsed::has_errors);
        let mut judged =
            Judged { desired, instead: None, old: BTreeMap::new(), absent: BTreeMap::new(), changed };
        if broken {
            let replaced = self.replaced(texts, &removed, &mut judged);
            let mut files = load::parse_after(&replaced, &judged.desired.files, |path| self.since(path));
            silence(&mut files, &removed);
            let mut instead = self.load(files, catalog, now);
            self.check_lineage(&mut instead, catalog)?;
            self.withhold(&judged.desired, &mut instead);
            judged.old.retain(|path, _| is_good(&instead, path));
            judged.instead = Some(instead);
        }
        judged.absent = absent(&judged, &removed);
        Ok(judged)
    }

    /// The texts with those of broken files in their last good version, and those of removed pipelines that others still name.
    fn replaced(
        &self,
        texts: &Texts,
        removed: &BTreeMap<PipelineName, String>,
        judged: &mut Judged,
    ) -> Texts {
        let mut replaced = texts.clone();
        let (compiled, old) = (&judged.desired.compiled, &mut judged.old);
        let mut instead = |file: &File| {
            let good = self.good(&file.path)?;
            old.insert(file.path.clone(), good.loaded_at);
            Some(File { path: file.path.clone(), bytes: good.text.into_bytes() })
        };
        for (name, _) in compiled.pipelines.iter().filter(|(_, plan)| plan.is_err()) {
            let file = texts.pipelines.get(name.as_str()).and_then(&mut instead);
            put(&mut replaced.pipelines, name.as_str(), file);
        }
        for (name, _) in compiled.connections.iter().filter(|(_, connection)| connection.is_err()) {
            if let Some(file) = texts.connections.get(name.as_str()).and_then(&mut instead) {
                replaced.connections.insert(name.to_string(), file);
            }
        }
        if judged.desired.files.settings.as_ref().is_some_and(crate::spec::Parsed::has_errors) {
            replaced.settings = texts.settings.as_ref().and_then(&mut instead);
        }
        for (name, path) in removed {
            let good = self.good(path).map(|good| File { path: path.clone(), bytes: good.text.into_bytes() });
            put(&mut replaced.pipelines, name.as_str(), good);
        }
        replaced
    }

    /// What must not run although its last good version would compile: files that look renamed.
    fn withhold(&self, desired: &Loaded, instead: &mut Loaded) {
        let codes = |message: &&Diagnostic| message.code.to_string() == "W210";
        for message in desired.compiled.diagnostics.iter().filter(codes) {
            let source = message.primary.as_ref().map(|label| label.span.source);
            let file = desired.files.pipelines.iter().find(|file| Some(file.source) == source);
            if let Some(file) = file {
                instead.compiled.pipelines.insert(file.name.clone(), Err(Broken));
            }
        }
    }

    /// E504 for files that would use their links for something else.
    fn check_lineage(&self, loaded: &mut Loaded, catalog: &Catalog) -> Result<(), StoreError> {
        let mut refused = Vec::new();
        for file in loaded.files.pipelines.iter().filter_map(|file| file.value()) {
            let Some(Ok(plan)) = loaded.compiled.pipelines.get(&file.name) else { continue };
            let made = Made::of(file, plan, catalog);
            let state = self.state_name(&loaded.files, file);
            let path = loaded.files.path(file.source);
            let good = self.since(path).map(clock_time);
            if let Some(error) = self.lineage.check(&self.store, (file, &made), &state, good.as_deref())? {
                refused.push((file.name.clone(), error));
            }
        }
        for (name, error) in refused {
            loaded.compiled.diagnostics.push(error);
            loaded.compiled.pipelines.insert(name, Err(Broken));
        }
        Ok(())
    }

    /// The name under which the state of a file is kept: its own, or that of `renamed_from` until the state has moved.
    fn state_name(&self, files: &Files, file: &PipelineFile) -> PipelineName {
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

    /// W210 for new files that look like renamed ones; they are not started.
    fn check_renamed(&self, desired: &mut Loaded) -> Result<(), StoreError> {
        let known = self.store.pipelines();
        let files = &desired.files;
        let claimed: BTreeSet<&PipelineName> = files
            .pipelines
            .iter()
            .filter_map(|file| Some(&file.value()?.renamed_from.as_ref()?.value))
            .collect();
        let is_gone = |name: &PipelineName| {
            files.pipeline(name).is_none()
                && !claimed.contains(name)
                && self.store.flags(name).removed.is_none()
        };
        let gone: Vec<(PipelineName, u32)> =
            known.iter().filter(|(name, _)| is_gone(name)).cloned().collect();
        if gone.is_empty() {
            return Ok(());
        }
        let is_new = |file: &&PipelineFile| known.iter().all(|(name, _)| *name != file.name);
        let came: Vec<&PipelineFile> =
            files.pipelines.iter().filter_map(|file| file.value()).filter(is_new).collect();
        for (name, warning) in self.lineage.suspicions(&self.store, &gone, &came)? {
            desired.compiled.diagnostics.push(warning);
            desired.compiled.pipelines.insert(name, Err(Broken));
        }
        Ok(())
    }

    /// Pipelines without a file whose links are still looked up, with the path that their file had.
    fn removed_but_named(&self, texts: &Texts, files: &Files) -> BTreeMap<PipelineName, String> {
        let rows = files.pipelines.iter().filter_map(|file| file.value()).flat_map(|file| &file.fields);
        let named: BTreeSet<&PipelineName> = rows
            .filter_map(|row| row.lookup.as_ref())
            .flat_map(|entry| &entry.value)
            .map(|name| &name.value)
            .collect();
        let good = self.good.read().unwrap_or_else(PoisonError::into_inner);
        let missing = named.into_iter().filter(|name| !texts.pipelines.contains_key(name.as_str()));
        let path_of = |name: &PipelineName| {
            let fits = |path: &&String| stem(path) == name.as_str() && !path.contains("connections/");
            good.keys().find(fits).cloned()
        };
        missing.filter_map(|name| Some((name.clone(), path_of(name)?))).collect()
    }

    /// Starts what is new, swaps what changed, ends what is gone.
    async fn apply(
        self: &Arc<Self>,
        judged: &Judged,
        before: &Latest,
        catalog: &Arc<Catalog>,
    ) -> Result<(), StoreError> {
        let loaded = judged.running();
        let files = Arc::new(loaded.files.clone());
        let is_there = |name: &PipelineName| judged.desired.files.pipeline(name).is_some();
        let plans: Vec<Arc<Pipeline>> =
            loaded.compiled.plans().into_iter().filter(|plan| is_there(&plan.name)).collect();
        let (mut ending, mut beginning) = (Vec::new(), Vec::new());
        {
            let live = self.live.lock().await;
            ending.extend(live.keys().filter(|name| !is_there(name)).cloned());
            for plan in &plans {
                let made_of = self.made_of(&files, plan);
                let known = live.get(&plan.name);
                if known.is_some_and(|live| live.made_of == made_of && same_plan(&live.plan, plan)) {
                    continue;
                }
                ending.extend(known.map(|_| plan.name.clone()));
                beginning.push((Arc::clone(plan), made_of));
            }
        }
        self.end_all(&ending).await;
        self.forget_gone(&judged.desired, ending.iter().filter(|name| !is_there(name)))?;
        self.registry.set_order(plans.iter().map(|plan| (plan.name.clone(), plan.salesforce.scope)));
        for (plan, made_of) in beginning {
            let Some(file) = files.pipeline(&plan.name).and_then(|file| file.value()) else { continue };
            if let Err(error) = self.rename(&files, file) {
                tracing::error!(pipeline = %plan.name, %error, "the state could not be renamed; the pipeline is not started");
                continue;
            }
            log_changes(&before.files, file);
            let made = Made::of(file, &plan, catalog);
            self.begin(Seed { plan, made, made_of, files: Arc::clone(&files), catalog: Arc::clone(catalog) })
                .await;
        }
        self.registry.set_absent(judged.absent.clone());
        Ok(())
    }

    /// Moves the state of a file that says what it was called before.
    fn rename(&self, files: &Files, file: &PipelineFile) -> Result<(), StoreError> {
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
    fn forget_gone<'a>(
        &self,
        desired: &Loaded,
        ended: impl Iterator<Item = &'a PipelineName>,
    ) -> Result<(), StoreError> {
        for name in ended {
            self.drop_status(name);
            tracing::info!(pipeline = %name, "pipeline removed; its state is kept");
        }
        let files = &desired.files;
        let suspects = desired.compiled.diagnostics.iter().any(|message| message.code.to_string() == "W210");
        let claimed = |name: &PipelineName| {
            files
                .pipelines
                .iter()
                .filter_map(|file| file.value()?.renamed_from.as_ref())
                .any(|from| from.value == *name)
        };
        for (name, _) in self.store.pipelines() {
            if files.pipeline(&name).is_none() && !suspects && !claimed(&name) {
                self.store.set_removed(&name, Some(self.clock.now()))?;
            }
        }
        Ok(())
    }

    fn made_of(&self, files: &Files, plan: &Pipeline) -> MadeOf {
        let source = files.pipeline(&plan.name).and_then(|file| files.map.get(file.source));
        let system = |name: &ConnectionName| {
            files.connection(name).and_then(|file| file.value()).map_or(0, |file| self.world.identity(file))
        };
        MadeOf {
            text: source.map_or_else(|| Arc::from(""), |source| Arc::clone(&source.text)),
            systems: [system(&plan.salesforce.connection), system(&plan.app.connection)],
            zone: files.timezone().iana_name().unwrap_or_default().to_owned(),
        }
    }

    /// Stores the texts that were taken over, so that they survive a restart with a broken file on disk.
    fn remember(&self, texts: &Texts, judged: &Judged, now: Timestamp) -> Result<(), StoreError> {
        let compiled = &judged.desired.compiled;
        let pipelines =
            texts.pipelines.iter().filter(|(name, _)| judged.is_current(&PipelineName::from(name.as_str())));
        let connections = texts.connections.iter().filter(|(name, _)| {
            compiled.connections.get(&ConnectionName::from(name.as_str())).is_some_and(Result::is_ok)
        });
        let settings = texts.settings.iter().filter(|_| {
            judged.desired.files.settings.as_ref().is_some_and(|settings| !settings.has_errors())
        });
        let taken = pipelines.chain(connections).map(|(_, file)| file).chain(settings);
        let mut good = self.good.write().unwrap_or_else(PoisonError::into_inner);
        let mut fresh: Vec<(&str, LastGood)> = Vec::new();
        for file in taken {
            if good.get(&file.path).is_some_and(|known| known.text.as_bytes() == file.bytes) {
                continue;
            }
            let text = String::from_utf8_lossy(&file.bytes).into_owned();
            fresh.push((&file.path, LastGood { text, loaded_at: now }));
        }
        if !fresh.is_empty() {
            self.store.save_last_good(&fresh)?;
            good.extend(fresh.into_iter().map(|(path, good)| (path.to_owned(), good)));
        }
        Ok(())
    }

    /// Puts into every status which version of its file runs.
    fn show_configs(&self, texts: &Texts, judged: &Judged, now: Timestamp) {
        for file in &judged.desired.files.pipelines {
            let (errors, _) = judged.desired.counts(file.source);
            let current = judged.is_current(&file.name);
            let path =
                texts.pipelines.get(file.name.as_str()).map(|file| file.path.clone()).unwrap_or_default();
            let old = judged.old.get(&path).copied();
            let loaded_at = if current { self.since(&path).or(Some(now)) } else { old };
            let running = judged.running().files.pipeline(&file.name).and_then(|file| file.value());
            let generation = running.map_or(1, PipelineFile::generation);
            let config = ConfigStatus { file: path.clone(), loaded_at, current, generation, errors };
            let invalid = !current && old.is_none();
            self.status_of(&file.name).send_if_modified(|status| {
                let changed = status.config != config || (invalid && status.state != State::Invalid);
                if invalid {
                    status.state = State::Invalid;
                    status.message = why_invalid(&judged.desired, file.source, &path);
                }
                status.config = config;
                changed
            });
            self.metrics.reloaded(&path, current, now);
        }
        self.changed.notify_waiters();
    }

    /// The settings that are hot.
    fn use_settings(&self, files: &Files) {
        let settings = files.settings.as_ref().and_then(|parsed| parsed.value.as_ref());
        let level = self.level.read().unwrap_or_else(PoisonError::into_inner);
        if let (Some(settings), Some(handle)) = (settings, level.as_ref()) {
            handle.set(settings.log());
        }
    }

    fn report(&self, texts: &Texts, judged: &Judged, before: &Latest) -> ReloadReport {
        let mut report = ReloadReport::default();
        let desired = &judged.desired;
        let mut add = |path: &str, source, tests, state: Option<String>| {
            let (errors, warnings) = desired.counts(source);
            let state = match (state, judged.old.get(path)) {
                (Some(state), _) => state,
                (None, Some(at)) => format!("last good of {}", clock_time(*at)),
                (None, None) => "invalid".to_owned(),
            };
            report.files.push(FileReport { file: path.to_owned(), errors, warnings, tests, state });
        };
        let taken =
            |path: &str| if judged.changed.contains(path) { "taken over" } else { "unchanged" }.to_owned();
        if let (Some(file), Some(parsed)) = (&texts.settings, &desired.files.settings) {
            let source = parsed.value.as_ref().map(|settings| settings.source);
            let source = source.or_else(|| Some(parsed.diagnostics.first()?.primary.as_ref()?.span.source));
            let state = (!parsed.has_errors())
                .then(|| cold(before, parsed.value.as_ref()).unwrap_or_else(|| taken(&file.path)));
            add(&file.path, source.unwrap_or(crate::diag::SourceId(u32::MAX)), (0, 0), state);
        }
        for file in &desired.files.connections {
            let path = desired.files.path(file.source);
            let good = desired.compiled.connections.get(&file.name).is_some_and(Result::is_ok);
            add(path, file.source, (0, 0), good.then(|| taken(path)));
        }
        for file in &desired.files.pipelines {
            let path = desired.files.path(file.source);
            let state = judged.is_current(&file.name).then(|| taken(path));
            add(path, file.source, desired.tests(&file.name), state);
        }
        let gone =
            before.desired.pipelines.iter().filter(|file| !texts.pipelines.contains_key(file.name.as_str()));
        let gone = gone.map(|file| before.desired.path(file.source).to_owned());
        report.files.extend(gone.map(|file| FileReport {
            file,
            state: "removed".to_owned(),
            ..FileReport::default()
        }));
        let map = &desired.files.map;
        report.diagnostics =
            desired.compiled.diagnostics.iter().map(|message| crate::diag::to_data(message, map)).collect();
        report
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
    for (connection, error) in &looked.unreachable {
        tracing::warn!(%connection, %error, "connection cannot be reached");
    }
}

fn put(files: &mut BTreeMap<String, File>, name: &str, file: Option<File>) {
    match file {
        Some(file) => drop(files.insert(name.to_owned(), file)),
        None => drop(files.remove(name)),
    }
}

/// Pipelines without a file stand only for their links: they own no field and undo nothing.
fn silence(files: &mut Files, removed: &BTreeMap<PipelineName, String>) {
    for file in files.pipelines.iter_mut().filter(|file| removed.contains_key(&file.name)) {
        if let Some(value) = &mut Arc::make_mut(&mut file.parsed).value {
            let span = value.salesforce.key;
            value.enabled = Some(Entry { key: span, span, value: false });
        }
    }
}

/// Whether the file of a path gave something that may run.
fn is_good(loaded: &Loaded, path: &str) -> bool {
    let (files, compiled) = (&loaded.files, &loaded.compiled);
    let pipeline = files.pipelines.iter().find(|file| files.path(file.source) == path);
    let connection = files.connections.iter().find(|file| files.path(file.source) == path);
    match (pipeline, connection) {
        (Some(file), _) => compiled.pipelines.get(&file.name).is_some_and(Result::is_ok),
        (None, Some(file)) => compiled.connections.get(&file.name).is_some_and(Result::is_ok),
        (None, None) => files.settings.as_ref().is_some_and(|settings| !settings.has_errors()),
    }
}

/// The looked-up pipelines that do not run.
fn absent(judged: &Judged, removed: &BTreeMap<PipelineName, String>) -> BTreeMap<PipelineName, String> {
    let running = judged.running();
    let plans = running.compiled.pipelines.values().filter_map(|plan| plan.as_ref().ok());
    let named: BTreeSet<&PipelineName> = plans.flat_map(|plan| &plan.looks_up).collect();
    let reason = |name: &&PipelineName| {
        if removed.contains_key(*name) || judged.desired.files.pipeline(name).is_none() {
            return Some(format!("the file of {name} is gone; lookups go on with the links it left"));
        }
        let broken = running.compiled.pipelines.get(*name).is_none_or(Result::is_err);
        broken.then(|| format!("no version of {name} can run; lookups go on with the links it left"))
    };
    named.into_iter().filter_map(|name| Some((name.clone(), reason(&name)?))).collect()
}

/// The name of a file without folder and extension.
fn stem(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.strip_suffix(".yaml").or_else(|| file.strip_suffix(".yml")).unwrap_or(file)
}

/// Whether two plans of the same text are the same: what is known of the systems may have changed in between.
fn same_plan(one: &Arc<Pipeline>, other: &Arc<Pipeline>) -> bool {
    let fields =
        |plan: &Pipeline| (plan.salesforce.schema.fields().to_vec(), plan.app.schema.fields().to_vec());
    Arc::ptr_eq(one, other)
        || (one.lane == other.lane && one.row_set == other.row_set && fields(one) == fields(other))
}

fn log_changes(before: &Files, file: &PipelineFile) {
    let Some(old) = before.pipeline(&file.name).and_then(|file| file.value()) else {
        tracing::info!(pipeline = %file.name, "pipeline loaded");
        return;
    };
    for change in diff(old, file) {
        tracing::info!(pipeline = %file.name, change = %change.what, effect = %change.effect, "file taken over");
    }
}

/// The first thing that keeps a file from running.
fn why_invalid(desired: &Loaded, source: crate::diag::SourceId, path: &str) -> String {
    let here =
        |message: &&Diagnostic| message.primary.as_ref().is_some_and(|label| label.span.source == source);
    let mut messages: Vec<&Diagnostic> = desired.compiled.diagnostics.iter().filter(here).collect();
    messages.sort_by_key(|message| !message.is_error());
    match messages.first() {
        Some(message) => format!("{}: {} (sfsync check shows more)", message.code, message.title),
        None => format!("no version of {path} was ever loaded"),
    }
}

/// The settings that changed and are not hot: they are used from the next start.
fn cold(before: &Latest, now: Option<&Settings>) -> Option<String> {
    let old = before.desired.settings.as_ref()?.value.as_ref()?;
    let now = now?;
    let texts = |settings: &Settings| {
        let text = |entry: &Option<Entry<Template>>| entry.as_ref().map(|entry| entry.value.clone());
        [
            text(&settings.listen),
            text(&settings.public_url),
            text(&settings.admin_token),
            text(&settings.state),
        ]
    };
    let names = ["listen", "public_url", "admin_token", "state"];
    let changed: Vec<&str> = names
        .into_iter()
        .zip(texts(old).into_iter().zip(texts(now)))
        .filter(|(_, (old, now))| old != now)
        .map(|(name, _)| name)
        .collect();
    (!changed.is_empty()).then(|| format!("taken over; {} from the next start", changed.join(", ")))
}

/// `14:02`, in UTC.
fn clock_time(at: Timestamp) -> String {
    at.to_zoned(jiff::tz::TimeZone::UTC).strftime("%H:%M").to_string()
}
