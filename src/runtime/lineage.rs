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
        // An org that does not say who it is now is no other org.
        let org = made.org.clone().or_else(|| before?.org.clone());
        let made = &Made { org, ..made.clone() };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::SourceMap;
    use crate::model::{Commit, Counts};
    use crate::store::StoreKey;

    const FILE: &str = "salesforce: { object: Account }\napp: erp.clients\nto_app: [create]\nmatch: [id]\nfields:\n  - { salesforce: Id, app: id }\n";

    fn file(text: &str) -> PipelineFile {
        let mut map = SourceMap::default();
        let source = map.add("accounts.yaml", text);
        crate::spec::read_pipeline(source, &map, "accounts").value.unwrap()
    }

    fn made(file: &PipelineFile, org: &str) -> Made {
        Made { identity: Identity::of(file), org: Some(org.to_owned()), linked: false }
    }

    /// A pipeline that has made three rows.
    fn begun(store: &Store, lineage: &Lineage, made: &Made) -> PipelineName {
        let name = PipelineName::from("accounts");
        lineage.enter(store, &name, made, jiff::Timestamp::UNIX_EPOCH).unwrap();
        let counts = Counts { created: 3, ..Counts::default() };
        store.commit(&name, made.identity.generation, &Commit { counts, ..Commit::default() }).unwrap();
        name
    }

    fn check(store: &Store, lineage: &Lineage, file: &PipelineFile, made: &Made) -> Option<String> {
        let found = lineage.check(store, (file, made), &PipelineName::from("accounts"), None).unwrap();
        found.map(|error| format!("{}: {}", error.code, error.title))
    }

    #[test]
    fn another_org_behind_the_same_connection_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &StoreKey::File).unwrap();
        let (lineage, file) = (Lineage::default(), file(FILE));
        begun(&store, &lineage, &made(&file, "00D1"));
        assert_eq!(check(&store, &lineage, &file, &made(&file, "00D1")), None);
        let refused = check(&store, &lineage, &file, &made(&file, "00D2"));
        assert_eq!(refused.as_deref(), Some("E504: the connection `salesforce` leads to another org"));
        // An org that could not be asked is no other org.
        assert_eq!(check(&store, &lineage, &file, &Made { org: None, ..made(&file, "") }), None);
        // What is known outlives the process.
        assert!(check(&store, &Lineage::default(), &file, &made(&file, "00D2")).is_some());
    }

    #[test]
    fn a_higher_generation_is_free_and_the_old_one_is_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &StoreKey::File).unwrap();
        let (lineage, first) = (Lineage::default(), file(FILE));
        let name = begun(&store, &lineage, &made(&first, "00D1"));
        let contacts = FILE.replace("object: Account", "object: Contact");
        let (same, second) = (file(&contacts), file(&format!("generation: 2\n{contacts}")));
        assert!(
            check(&store, &lineage, &same, &made(&same, "00D1"))
                .is_some_and(|error| error.starts_with("E504"))
        );
        assert_eq!(check(&store, &lineage, &second, &made(&second, "00D1")), None);
        lineage.enter(&store, &name, &made(&second, "00D1"), jiff::Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(store.summary(&name, 2).unwrap().totals.created, 0);
        assert_eq!(check(&store, &lineage, &first, &made(&first, "00D1")), None);
        lineage.enter(&store, &name, &made(&first, "00D1"), jiff::Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(store.summary(&name, 1).unwrap().totals.created, 3);
    }

    #[test]
    fn state_that_made_nothing_is_dropped_and_one_that_remembers_pairs_begins_its_load_again() {
        use crate::model::Cursor;
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &StoreKey::File).unwrap();
        let (lineage, first) = (Lineage::default(), file(FILE));
        let name = begun(&store, &lineage, &made(&first, "00D1"));
        let upto = jiff::Timestamp::UNIX_EPOCH;
        let cursor = Cursor::Changes { upto, within: None };
        let commit = Commit { cursors: vec![(Side::Salesforce, cursor)], ..Commit::default() };
        store.commit(&name, 1, &commit).unwrap();
        let linked = Made { linked: true, ..made(&first, "00D1") };
        lineage.enter(&store, &name, &linked, upto).unwrap();
        assert_eq!(store.cursor(&name, 1, Side::Salesforce).unwrap(), None, "it has no links yet");
        // It has no links, so another object begins with nothing.
        let other = file(&FILE.replace("object: Account", "object: Contact"));
        let other = Made { linked: true, ..made(&other, "00D1") };
        lineage.enter(&store, &name, &other, upto).unwrap();
        assert_eq!(store.summary(&name, 1).unwrap().totals.created, 0);
    }
}
