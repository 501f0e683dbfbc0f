//! What the state of a pipeline was made with: a file may not change that under its links (E504), and a file that is gone may have come
//! back under another name (W210, `renamed_from`). Kept in the state beside the links, one entry per generation.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::diag::Diagnostic;
use crate::model::{PipelineName, Side};
use crate::plan::catalog::Catalog;
use crate::plan::{Gone, Identity, Lane, Pipeline, Running, check_generation, check_renames};
use crate::spec::PipelineFile;
use crate::store::{Store, StoreError};

/// Name of the fact.
const FACT: &str = "made_with";

/// What the state of one generation was made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// What the file said.
    pub identity: Identity,
    /// Id of the org, where it is known.
    pub org: Option<String>,
    /// Whether pairs are remembered.
    pub linked: bool,
}

impl Made {
    /// As a plan would make it now.
    pub fn of(file: &PipelineFile, plan: &Pipeline, catalog: &Catalog) -> Self {
        let org = catalog.org(&plan.salesforce.connection).and_then(|org| org.facts.as_ref());
        Self {
            identity: Identity::of(file),
            org: org.map(|facts| facts.id.clone()).filter(|id| !id.is_empty()),
            linked: plan.lane == Lane::Linked,
        }
    }

    fn is_other_org(&self, next: &Self) -> bool {
        matches!((&self.org, &next.org), (Some(old), Some(new)) if old != new)
    }

    fn means_the_same(&self, next: &Self) -> bool {
        self.identity == next.identity && !self.is_other_org(next)
    }
}

/// By generation.
type Line = BTreeMap<u32, Made>;

/// All of them, read once.
#[derive(Debug, Default)]
pub struct Lineage {
    known: Mutex<HashMap<PipelineName, Line>>,
}

impl Lineage {
    fn line(&self, store: &Store, name: &PipelineName) -> Result<Line, StoreError> {
        if let Some(line) = self.lock().get(name) {
            return Ok(line.clone());
        }
        let line: Line = store.pipeline_fact(name, FACT)?.unwrap_or_default();
        self.lock().insert(name.clone(), line.clone());
        Ok(line)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<PipelineName, Line>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what was read: the state of a pipeline was renamed or dropped.
    pub fn changed(&self, name: &PipelineName) {
        self.lock().remove(name);
    }

    /// E504, if a plan would use links that mean something else. `state` is the name the state has now, `loaded` when the running version
    /// was loaded.
    pub fn check(
        &self,
        store: &Store,
        (file, next): (&PipelineFile, &Made),
        state: &PipelineName,
        loaded: Option<&str>,
    ) -> Result<Option<Diagnostic>, StoreError> {
        let generation = next.identity.generation;
        let line = self.line(store, state)?;
        let Some(made) = line.get(&generation).filter(|made| !made.means_the_same(next)) else {
            return Ok(None);
        };
        let links = records(store, state, made)?;
        if links == 0 {
            return Ok(None);
        }
        let running = Running { identity: &made.identity, links, loaded };
        Ok(check_generation(running, file)
            .or_else(|| made.is_other_org(next).then(|| other_org(file, made, next, links))))
    }

    /// Begins or goes on with a generation. State of it that means something else has no links (or [`Lineage::check`] would have
    /// refused) and is dropped; a pipeline that remembers pairs from now on reads everything once more, because it had none.
    pub fn enter(
        &self,
        store: &Store,
        name: &PipelineName,
        made: &Made,
        now: jiff::Timestamp,
    ) -> Result<(), StoreError> {
        let generation = made.identity.generation;
        let mut line = self.line(store, name)?;
        let before = line.get(&generation);
        if before == Some(made) {
            return store.activate(name, generation, now);
        }
        if before.is_some_and(|before| !before.means_the_same(made)) {
            store.drop_generation(name, generation)?;
        }
        store.activate(name, generation, now)?;
        if before.is_some_and(|before| !before.linked && made.linked) {
            store.drop_cursor(name, generation, Side::Salesforce)?;
        }
        line.insert(generation, made.clone());
        store.save_pipeline_fact(name, FACT, &line)?;
        self.lock().insert(name.clone(), line);
        Ok(())
    }

    /// W210 for files that look like renamed ones. `gone` have state and no file.
    pub fn suspicions(
        &self,
        store: &Store,
        gone: &[(PipelineName, u32)],
        came: &[&PipelineFile],
    ) -> Result<Vec<(PipelineName, Diagnostic)>, StoreError> {
        let mut known = Vec::new();
        for (name, generation) in gone {
            if let Some(made) = self.line(store, name)?.remove(generation) {
                known.push(Gone { name: name.clone(), identity: made.identity });
            }
        }
        Ok(check_renames(&known, came))
    }
}

/// How many records stand behind a generation: its links; of a pipeline without links the rows it made.
fn records(store: &Store, name: &PipelineName, made: &Made) -> Result<u64, StoreError> {
    let counts = store.summary(name, made.identity.generation)?;
    Ok(if made.linked {
        counts.linked
    } else {
        counts.totals.created + counts.totals.updated + counts.totals.unchanged
    })
}

fn other_org(file: &PipelineFile, made: &Made, next: &Made, links: u64) -> Diagnostic {
    let name = file.salesforce.connection_name();
    let title = format!("the connection `{name}` leads to another org");
    let (old, new) = (made.org.as_deref().unwrap_or("?"), next.org.as_deref().unwrap_or("?"));
    let generation = next.identity.generation.saturating_add(1);
    Diagnostic::error(
        "E504",
        title,
        file.salesforce.object.span,
        format!("{links} records were linked in the org {old}, now it is {new}"),
    )
    .help(format!("point connections/{name}.yaml to the org {old} again"))
    .help(format!(
        "or `generation: {generation}`  starts over with the records of the other org; nothing is deleted"
    ))
}
