//! Work on a folder without a daemon: check, inline tests, plans, one pass and exit. The same loading, the same runners, the same policy.

mod checking;
mod kept;
mod running;

pub use self::checking::{CheckReport, FileCheck};
pub use self::running::RunQuery;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::catalogs::{self, Looked};
use super::folder::{self, Texts};
use super::load::{self, Loaded, Loading};
use super::pass::PassError;
use super::refused;
use super::schemas::Schemas;
use super::stories::StoryResult;
use super::world::{Secrets, System, World};
use crate::connect::ConnectError;
use crate::expr::Engine;
use crate::model::{Clock, Counts, ObjectInfo, PipelineName, TableInfo};
use crate::plan::Pipeline;
use crate::plan::catalog::Catalog;
use crate::spec::{ConnectionFile, ConnectionKind};
use crate::store::{Store, StoreError};

/// Work that could not be begun or carried through.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// The folder cannot be read.
    #[error("the configuration folder {0} cannot be read")]
    Folder(String, #[source] std::io::Error),
    /// The state failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A system failed.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A pass ended early.
    #[error(transparent)]
    Pass(#[from] PassError),
    /// There is no such thing in the folder.
    #[error("{0}")]
    Unknown(String),
    /// The files have errors; `check` shows them.
    #[error("{0} has errors: sfsync check {0}")]
    Broken(PipelineName),
    /// Somebody, or an undo, said that it rests until told otherwise.
    #[error("it is paused by {by}; it goes on after: sfsync resume {name}")]
    Paused {
        /// The pipeline.
        name: PipelineName,
        /// Who, or what.
        by: String,
    },
}

/// A folder on the bench.
pub struct Workbench {
    folder: PathBuf,
    texts: Texts,
    pub(super) engine: Engine,
    pub(super) world: Arc<World>,
    pub(super) store: Option<Arc<Store>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) looked: Looked,
    pub(super) loaded: Loaded,
}

impl std::fmt::Debug for Workbench {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workbench").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// What a run did with one pipeline.
#[derive(Debug)]
pub struct RunReport {
    /// The pipeline.
    pub pipeline: PipelineName,
    /// What was done.
    pub counts: Counts,
    /// Records that failed, now or earlier, and are not settled.
    pub standing: usize,
    /// Why it ended early, or did not begin.
    pub error: Option<WorkError>,
}

impl Workbench {
    /// Reads and checks a folder with what is known; talks to nobody. Without a state, links and schemas of earlier runs are not known.
    pub fn open(
        folder: &Path,
        store: Option<Arc<Store>>,
        secrets: Arc<dyn Secrets>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, WorkError> {
        let texts =
            folder::read(folder).map_err(|error| WorkError::Folder(folder.display().to_string(), error))?;
        let world = Arc::new(World::new(Arc::clone(&clock), secrets, store.clone()));
        let engine = Engine::new();
        let files = load::parse(&texts, |_| None);
        let catalog = catalogs::stored(&files, &world, store.as_deref());
        let loading = Loading { engine: &engine, catalog: &catalog, now: clock.now(), ignore_not_yet: false };
        let loaded = load::load(files, &loading);
        let looked = Looked { catalog, ..Looked::default() };
        let folder = folder.to_owned();
        let mut bench = Self { folder, texts, engine, world, store, clock, looked, loaded };
        bench.keep_meaning()?;
        Ok(bench)
    }

    /// For verbs that only look: nothing outside is begun by them, not even an empty database file.
    #[must_use]
    pub fn only_looking(self) -> Self {
        self.world.only_look();
        self
    }

    /// Names of the pipelines in the folder.
    pub fn names(&self) -> Vec<PipelineName> {
        self.loaded.files.pipelines.iter().map(|file| file.name.clone()).collect()
    }

    /// Names of all pipelines and connections in the folder, read or not.
    pub fn file_names(&self) -> Vec<String> {
        let pipelines = self.loaded.files.pipelines.iter().map(|file| file.name.to_string());
        pipelines.chain(self.loaded.files.connections.iter().map(|file| file.name.to_string())).collect()
    }

    /// Looks at the systems and checks again with what they say.
    pub async fn look(&mut self, again: bool) -> Result<(), WorkError> {
        let now = self.clock.now();
        let files = load::parse(&self.texts, |_| None);
        self.looked = catalogs::look(&files, &self.world, self.store.as_deref(), now, again).await;
        let loading =
            Loading { engine: &self.engine, catalog: &self.looked.catalog, now, ignore_not_yet: false };
        self.loaded = load::load(files, &loading);
        refused::refuse(&mut self.loaded, &self.looked);
        Ok(self.keep_meaning()?)
    }

    /// Checks again with what a daemon knows of the systems.
    pub fn know(&mut self, schemas: Schemas) {
        self.looked.catalog.orgs.extend(schemas.orgs);
        self.looked.catalog.databases.extend(schemas.databases);
        let (catalog, now) = (&self.looked.catalog, self.clock.now());
        let loading = Loading { engine: &self.engine, catalog, now, ignore_not_yet: false };
        self.loaded = load::load(load::parse(&self.texts, |_| None), &loading);
    }

    /// The sure corrections of a file's messages, applied to its text: the path, the new text, how many.
    pub fn fixes(&self) -> Vec<(String, String, usize)> {
        let sources = self.loaded.files.pipelines.iter().map(|file| file.source);
        let sources = sources.chain(self.loaded.files.connections.iter().map(|file| file.source));
        let fix = |source| {
            let text = self.loaded.files.map.get(source)?;
            let (fixed, count) =
                crate::diag::apply_fixes(&text.text, source, &self.loaded.compiled.diagnostics);
            (count > 0).then(|| (text.path.to_string(), fixed, count))
        };
        sources.filter_map(fix).collect()
    }

    /// Runs the inline tests of the pipelines that are asked for, those whose name contains `wanted`.
    pub fn stories(&self, names: &[String], wanted: Option<&str>) -> Vec<(PipelineName, Vec<StoryResult>)> {
        let chosen = self
            .loaded
            .stories
            .iter()
            .filter(|(name, _)| names.is_empty() || names.iter().any(|n| n == name.as_str()));
        let fits = |result: &&StoryResult| wanted.is_none_or(|text| result.name.contains(text));
        chosen
            .map(|(name, told)| (name.clone(), told.results.iter().filter(fits).cloned().collect()))
            .collect()
    }

    /// Line of a place in a file, for test reports.
    pub fn place(&self, span: crate::diag::Span) -> String {
        self.loaded
            .files
            .map
            .place(span)
            .map(|place| format!("{}:{}", place.path, place.line))
            .unwrap_or_default()
    }

    pub(super) fn plans(&self, names: &[String]) -> Result<Vec<Arc<Pipeline>>, WorkError> {
        for name in names {
            let name = PipelineName::from(name.as_str());
            match self.loaded.compiled.pipelines.get(&name) {
                None => {
                    return Err(WorkError::Unknown(format!(
                        "there is no pipeline {name} in {}",
                        self.folder.display()
                    )));
                }
                Some(Err(_)) => return Err(WorkError::Broken(name)),
                Some(Ok(_)) => {}
            }
        }
        let plans = self.loaded.compiled.plans().into_iter();
        Ok(plans
            .filter(|plan| names.is_empty() || names.iter().any(|name| name == plan.name.as_str()))
            .collect())
    }

    fn connection(&self, name: &str) -> Option<&ConnectionFile> {
        self.loaded
            .files
            .connections
            .iter()
            .find(|file| file.name.as_str() == name)
            .and_then(|file| file.value())
    }

    /// An object of Salesforce, by its API name, from the first Salesforce connection or the named one.
    pub async fn object(&self, connection: Option<&str>, name: &str) -> Result<ObjectInfo, WorkError> {
        let salesforce = |file: &&ConnectionFile| matches!(file.kind, ConnectionKind::Salesforce(_));
        let file = match connection {
            Some(name) => self.connection(name),
            None => self.loaded.files.connections.iter().filter_map(|file| file.value()).find(salesforce),
        };
        let file = file.ok_or_else(|| {
            WorkError::Unknown("there is no Salesforce connection in the folder".to_owned())
        })?;
        let System::Salesforce(client) = self.world.open(file).await? else {
            return Err(WorkError::Unknown(format!("{} is no Salesforce connection", file.name)));
        };
        let object = Box::pin(client.describe_all(&[name.to_owned()])).await?.pop().flatten();
        object.ok_or_else(|| {
            WorkError::Unknown(format!("the org has no object {name}, or the user may not see it"))
        })
    }

    /// A table of a database connection.
    pub async fn table(&self, connection: &str, resource: &str) -> Result<TableInfo, WorkError> {
        let file = self
            .connection(connection)
            .ok_or_else(|| WorkError::Unknown(format!("there is no connection {connection}")))?;
        let System::Sql(database) = self.world.open(file).await? else {
            return Err(WorkError::Unknown(format!("{connection} is no database")));
        };
        let table = crate::connect::sql::TableName::parse(&catalogs::table_of(file, resource));
        let info = database.inspect(&table).await?;
        info.ok_or_else(|| {
            let way_out = "sfsync check --online prints the statement that makes it";
            WorkError::Unknown(format!("{connection} has no table {table}; {way_out}"))
        })
    }

    /// Whether it has the state.
    pub fn has_state(&self) -> bool {
        self.store.is_some()
    }

    /// What is known of the systems.
    pub fn catalog(&self) -> &Catalog {
        &self.looked.catalog
    }
}
