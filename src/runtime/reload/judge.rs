//! Which version of each file runs: the one on disk, the last good one, or none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

use jiff::Timestamp;

use crate::diag::{Diagnostic, SourceId};
use crate::model::{ConnectionName, PipelineName};
use crate::plan::catalog::Catalog;
use crate::plan::{Broken, Files};
use crate::runtime::catalogs;
use crate::runtime::folder::{File, Texts};
use crate::runtime::load::{self, Loaded};
use crate::runtime::refused;
use crate::runtime::supervisor::Supervisor;
use crate::spec::Entry;
use crate::store::StoreError;

/// What is wanted and what runs instead of it where it is broken.
pub(super) struct Judged {
    pub(super) desired: Loaded,
    /// `None` where nothing is broken.
    pub(super) instead: Option<Loaded>,
    /// What is known of the systems, those of connections included whose file on disk is broken.
    pub(super) known: Option<Catalog>,
    /// The versions that go on, by printed path.
    pub(super) old: BTreeMap<String, Timestamp>,
    /// Pipelines that files look up and that are not there, with the reason.
    pub(super) absent: BTreeMap<PipelineName, String>,
    /// Files that changed since the last load, by printed path.
    pub(super) changed: BTreeSet<String>,
}

impl Judged {
    pub(super) fn running(&self) -> &Loaded {
        self.instead.as_ref().unwrap_or(&self.desired)
    }

    /// The first of the connections of a pipeline whose file on disk is not what runs.
    pub(super) fn broken_connection(&self, name: &PipelineName) -> Option<SourceId> {
        let files = &self.desired.files;
        let file = files.pipeline(name)?.value()?;
        let names = [file.salesforce.connection_name(), file.app.resource.connection.value.clone()];
        let broken =
            |name: &&ConnectionName| self.desired.compiled.connections.get(*name).is_some_and(Result::is_err);
        files.connection(names.iter().find(broken)?).map(|file| file.source)
    }

    /// Whether the file on disk is what runs.
    pub(super) fn is_current(&self, name: &PipelineName) -> bool {
        let is_good = |loaded: &Loaded| loaded.compiled.pipelines.get(name).is_some_and(Result::is_ok);
        is_good(&self.desired) && is_good(self.running())
    }
}

impl Supervisor {
    /// Which of the files may run, and what runs instead of the others.
    pub(super) fn judge(
        &self,
        texts: &Texts,
        mut desired: Loaded,
        (catalog, changed, refused): (&Catalog, BTreeSet<String>, &BTreeSet<ConnectionName>),
        now: Timestamp,
    ) -> Result<Judged, StoreError> {
        self.meaning().check_lineage(&mut desired, catalog, |path| self.since(path))?;
        self.meaning().check_renamed(&mut desired)?;
        let mut removed = self.removed_but_named(texts, &desired.files);
        let broken = desired.compiled.pipelines.values().any(Result::is_err)
            || desired.compiled.connections.values().any(Result::is_err)
            || desired.files.settings.as_ref().is_some_and(crate::spec::Parsed::has_errors);
        let mut judged = Judged {
            desired,
            instead: None,
            known: None,
            old: BTreeMap::new(),
            absent: BTreeMap::new(),
            changed,
        };
        if broken {
            let mut replaced = self.replaced(texts, &mut judged);
            let parse =
                |texts: &Texts| load::parse_after(texts, &judged.desired.files, |path| self.since(path));
            // The versions that go on may name what the broken ones on disk do not.
            removed.extend(self.removed_but_named(texts, &parse(&replaced)));
            self.bring_back(&removed, &mut replaced);
            self.bring_back_connections(&parse(&replaced), &mut replaced);
            let mut files = parse(&replaced);
            silence(&mut files, &removed);
            let earlier = judged.desired.earlier();
            let catalog = self.with_stored(catalog, &files);
            let mut instead = self.load(files, (&catalog, now), &earlier);
            self.meaning().check_lineage(&mut instead, &catalog, |path| self.since(path))?;
            self.withhold(&judged.desired, &mut instead);
            refused::withhold(&mut instead, &judged.desired.files, refused);
            judged.old.retain(|path, _| is_good(&instead, path));
            judged.instead = Some(instead);
            judged.known = Some(catalog);
        }
        judged.absent = absent(&judged, &removed);
        Ok(judged)
    }

    /// What is known, with what the state knows of connections that nobody could ask, since their files on disk are broken.
    fn with_stored(&self, catalog: &Catalog, files: &Files) -> Catalog {
        let mut known = catalogs::stored(files, &self.world, Some(&self.store));
        known.orgs.extend(catalog.orgs.clone());
        known.databases.extend(catalog.databases.clone());
        Catalog { orgs: known.orgs, databases: known.databases, ..catalog.clone() }
    }

    /// The texts with those of broken files in their last good version.
    fn replaced(&self, texts: &Texts, judged: &mut Judged) -> Texts {
        let mut replaced = texts.clone();
        let (compiled, old) = (&judged.desired.compiled, &mut judged.old);
        let mut instead = |file: &File| {
            let good = self.good(&file.path)?;
            old.insert(file.path.clone(), good.loaded_at);
            Some(File::new(file.path.clone(), good.text.into_bytes()))
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
        replaced
    }

    /// Adds the last good versions of pipelines whose files are gone.
    fn bring_back(&self, removed: &BTreeMap<PipelineName, String>, texts: &mut Texts) {
        for (name, path) in removed {
            let good = self.good(path).map(|good| File::new(path.clone(), good.text.into_bytes()));
            put(&mut texts.pipelines, name.as_str(), good);
        }
    }

    /// Adds the last good versions of connections whose files are gone although pipelines need them.
    fn bring_back_connections(&self, files: &Files, texts: &mut Texts) {
        let values = files.pipelines.iter().filter_map(|file| file.value());
        let named = values
            .flat_map(|file| [file.salesforce.connection_name(), file.app.resource.connection.value.clone()]);
        let missing: BTreeSet<ConnectionName> =
            named.filter(|name| !texts.connections.contains_key(name.as_str())).collect();
        let good = self.good.read().unwrap_or_else(PoisonError::into_inner);
        for name in missing {
            let fits = |path: &&String| stem(path) == name.as_str() && path.contains("connections/");
            let newest = good.keys().filter(fits).filter_map(|path| Some((path, good.get(path)?)));
            if let Some((path, good)) = newest.max_by_key(|(_, good)| good.loaded_at) {
                let file = File::new(path.clone(), good.text.clone().into_bytes());
                texts.connections.insert(name.to_string(), file);
            }
        }
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
