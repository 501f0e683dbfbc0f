//! What `sfsync plan` tells, with or without a daemon: what the files on disk would change against the versions that run, and what a
//! sync of each pipeline would do. Runners that are made here only look: no table is created, no state is written.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ahead::{Ahead, Known};
use super::build::{self, Workshop};
use super::control::{ControlError, ControlErrorKind, PlanQuery};
use super::folder::{self, File, Texts};
use super::load::{self, Loaded, Loading};
use super::pass::{Observer, PassError};
use super::planner::{self, ApiNeed, PlanReport};
use super::registry::Registry;
use super::supervisor::Supervisor;
use super::workbench::{WorkError, Workbench};
use crate::model::{Counts, PipelineName};
use crate::plan::{Files, Pipeline, diff};
use crate::store::LastGood;

/// Everything that `plan` tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanAnswer {
    /// Files on disk that are not what runs.
    pub files: Vec<FileChange>,
    /// What a sync would do.
    pub pipelines: Vec<PlanReport>,
}

/// A file on disk against the version that runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// Printed path.
    pub file: String,
    /// What loading it would change, the heaviest first.
    pub changes: Vec<Difference>,
}

/// One difference.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// ``group `project`: always → on_create``
    pub what: String,
    /// What it means for records.
    pub meaning: String,
}

impl FileChange {
    fn one(file: &str, what: impl Into<String>, meaning: &str) -> Self {
        let change = Difference { what: what.into(), meaning: meaning.to_owned() };
        Self { file: file.to_owned(), changes: vec![change] }
    }
}

/// What loading the files on disk would change. Where nothing was ever loaded everything is new, and only what is broken is told.
pub fn file_changes(desired: &Loaded, before: &Files) -> Vec<FileChange> {
    let mut all = Vec::new();
    let first = before.pipelines.is_empty();
    for file in &desired.files.connections {
        let known = before.connection(&file.name).and_then(|file| file.value());
        if known.is_some() && known != file.value() {
            let meaning =
                "its pipelines stop between two batches, connect again and go on from their cursors";
            all.push(FileChange::one(desired.files.path(file.source), "changed", meaning));
        }
    }
    for file in &desired.files.pipelines {
        let path = desired.files.path(file.source);
        let is_good = desired.compiled.pipelines.get(&file.name).is_some_and(Result::is_ok);
        let known = before.pipeline(&file.name).and_then(|file| file.value());
        match (file.value(), known) {
            (Some(new), Some(old)) if is_good => {
                let changes: Vec<Difference> = diff(old, new).into_iter().map(difference).collect();
                if !changes.is_empty() {
                    all.push(FileChange { file: path.to_owned(), changes });
                }
            }
            (Some(_), None) if is_good && first => {}
            (Some(_), None) if is_good => all.push(FileChange::one(path, "new", "begins with a first load")),
            _ => {
                let what = format!("not loadable, see: sfsync check {}", file.name);
                let meaning = if known.is_some() { "the version that runs goes on" } else { "" };
                all.push(FileChange::one(path, what, meaning));
            }
        }
    }
    let gone = before.pipelines.iter().filter(|file| desired.files.pipeline(&file.name).is_none());
    for file in gone {
        let meaning = "stops; links and cursors are kept 30 days, no record is changed";
        all.push(FileChange::one(before.path(file.source), "removed", meaning));
    }
    all
}

fn difference(change: crate::plan::Change) -> Difference {
    let meaning = change.meaning.unwrap_or_else(|| change.effect.to_string());
    Difference { what: change.what, meaning }
}

/// The last good versions of the state as files; of several folders that used the same state, the newest.
pub fn last_good(
    good: impl IntoIterator<Item = (String, LastGood)>,
    is_gone: impl Fn(&PipelineName) -> bool,
) -> Files {
    let mut newest: BTreeMap<(bool, String), (String, LastGood)> = BTreeMap::new();
    for (path, good) in good {
        let name = path.rsplit('/').next().unwrap_or(&path);
        let name = name.trim_end_matches(".yaml").trim_end_matches(".yml").to_owned();
        let key = (path.contains("connections/"), name);
        if newest.get(&key).is_none_or(|(_, known)| known.loaded_at < good.loaded_at) {
            newest.insert(key, (path, good));
        }
    }
    let mut texts = Texts::default();
    for ((is_connection, name), (path, good)) in newest {
        let file = File::new(path, good.text.into_bytes());
        if is_connection {
            texts.connections.insert(name, file);
        } else if name != "settings" && !is_gone(&PipelineName::from(name.as_str())) {
            texts.pipelines.insert(name, file);
        }
    }
    load::parse(&texts, |_| None)
}

/// Plans one pipeline with a runner of its own, so that the one that works is not kept from it.
pub async fn plan_one(
    shop: &Workshop,
    plan: &Arc<Pipeline>,
    known: Known<'_>,
    registry: &Arc<Registry>,
    (record, limit): (Option<&str>, usize),
) -> Result<PlanReport, PassError> {
    let shop = Workshop { only_looks: true, ..shop.clone() };
    let references = Ahead::of(&shop, plan, known, registry).await;
    let mut runner = match build::runner(&shop, plan, (known.files, known.catalog), references, quiet()).await
    {
        Ok(runner) => runner,
        // The table is there and lacks something.
        Err(error) if error.code == "R108" => return Ok(planner::unplanned(plan, error.message)),
        Err(error) => return Err(error.into()),
    };
    let client = shop.world.salesforce(&plan.salesforce.connection);
    let used = |client: &Arc<_>| crate::connect::salesforce::Client::budget_status(client);
    let before = client.as_ref().map(used);
    let mut report = planner::plan(&mut runner, record, limit).await?;
    if let (Some(before), Some(after)) = (before, client.as_ref().map(used)) {
        report.api = Some(ApiNeed {
            calls: after.used.saturating_sub(before.used),
            left: after.remaining,
            budget: after.budget,
        });
    }
    Ok(report)
}

/// Nobody listens.
pub fn quiet() -> Arc<dyn Observer> {
    struct Quiet;
    impl Observer for Quiet {
        fn settled(&self, _: &PipelineName, _: &Counts, _: bool, _: Option<u64>) {}
    }
    Arc::new(Quiet)
}

impl Supervisor {
    /// Plans what runs, and tells how the files on disk differ from it.
    pub(super) async fn plan_all(&self, query: PlanQuery) -> Result<PlanAnswer, ControlError> {
        let latest = self.latest();
        let plans = self.chosen(&query.names).await?;
        let mut answer = PlanAnswer::default();
        if let Ok(texts) = folder::read(&self.folder) {
            let files = load::parse_after(&texts, &latest.desired, |path| self.since(path));
            let (engine, now) = (&self.engine, self.clock.now());
            let loading = Loading { engine, catalog: &latest.catalog, now, ignore_not_yet: false };
            let changes = file_changes(&load::load(files, &loading), &latest.files);
            answer.files = changes.into_iter().filter(|change| is_asked(change, &query.names)).collect();
        }
        let shop = self.workshop();
        let all = self.plans().await;
        for plan in plans {
            let known = Known { files: &latest.files, catalog: &latest.catalog, plans: &all };
            let report =
                plan_one(&shop, &plan, known, &self.registry, (query.record.as_deref(), query.limit)).await;
            answer.pipelines.push(report.map_err(|error| refused(&plan.name, error))?);
        }
        Ok(answer)
    }

    async fn chosen(&self, names: &[String]) -> Result<Vec<Arc<Pipeline>>, ControlError> {
        let running = self.plans().await;
        for name in names {
            if running.iter().all(|plan| plan.name.as_str() != name) {
                let message = format!("there is no pipeline {name} that runs");
                let help = format!(
                    "sfsync status shows those that do; sfsync check {name} shows what is wrong with the file"
                );
                return Err(ControlError::new(ControlErrorKind::NotFound, message).help(help));
            }
        }
        let is_chosen = |plan: &Arc<Pipeline>| {
            plan.enabled && (names.is_empty() || names.iter().any(|name| name == plan.name.as_str()))
        };
        Ok(running.into_iter().filter(is_chosen).collect())
    }
}

/// Whether a change is of a pipeline that is asked for. Connections and settings concern everybody.
pub fn is_asked(change: &FileChange, names: &[String]) -> bool {
    let name = change.file.rsplit('/').next().unwrap_or_default();
    let name = name.trim_end_matches(".yaml").trim_end_matches(".yml");
    names.is_empty() || change.file.contains("connections/") || names.iter().any(|asked| asked == name)
}

fn refused(name: &PipelineName, error: PassError) -> ControlError {
    match error {
        PassError::Connect(error) => {
            let help = error.help.clone().unwrap_or_default();
            ControlError::new(ControlErrorKind::Failed, format!("{name}: {error}")).help(help)
        }
        error => ControlError::new(ControlErrorKind::Failed, format!("{name}: {error}")),
    }
}

impl Workbench {
    /// What a sync would do, and what the files would change against the last versions that a daemon ran. Writes nothing: tables that
    /// `create_tables` would make are made by a run.
    pub async fn plan(&mut self, query: &PlanQuery) -> Result<PlanAnswer, WorkError> {
        self.look(false).await?;
        let Some(store) = &self.store else {
            return Err(WorkError::Unknown("this needs a state folder".to_owned()));
        };
        let is_gone = |name: &PipelineName| store.flags(name).removed.is_some();
        let before = last_good(store.last_good_files()?, is_gone);
        let mut files = file_changes(&self.loaded, &before);
        files.retain(|change| is_asked(change, &query.names));
        let mut answer = PlanAnswer { files, pipelines: Vec::new() };
        let registry = Arc::new(Registry::default());
        let plans = self.loaded.compiled.plans();
        registry.set_order(&plans);
        let shop = self.workshop(store);
        for plan in self.plans(&query.names)?.iter().filter(|plan| plan.enabled) {
            let known = Known { files: &self.loaded.files, catalog: &self.looked.catalog, plans: &plans };
            let asked = (query.record.as_deref(), query.limit);
            answer.pipelines.push(plan_one(&shop, plan, known, &registry, asked).await?);
        }
        Ok(answer)
    }
}
