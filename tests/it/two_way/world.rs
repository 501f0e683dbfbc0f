//! Two tables in memory, a state on the disk, and the real passes between them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use sfsync::connect::memory::{MemoryDestination, MemoryKey, MemorySource, MemoryTable};
use sfsync::connect::{ConnectError, Limit};
use sfsync::model::{Counts, Key, Kind, PipelineName, Row, Side, Value};
use sfsync::plan::Pipeline;
use sfsync::plan::catalog::Catalog;
use sfsync::runtime::batch::{Demand, Partners, References, Swings};
use sfsync::runtime::clock::ManualClock;
use sfsync::runtime::facts::OrgFacts;
use sfsync::runtime::pass::{Observer, PassError, Runner};
use sfsync::store::{FailureFilter, Store, StoreKey};
use tempfile::TempDir;

use crate::harness::plans;

/// Fields of the Salesforce object `Account`, and of the table `customers` by the same place.
pub const SALESFORCE: [&str; 7] = ["Id", "Email__c", "Name", "Phone", "Industry", "Type", "SystemModstamp"];
pub const APP: [&str; 6] = ["id", "email", "name", "phone", "industry", "salesforce_id"];

/// Two systems and what is between them.
pub struct World {
    pub salesforce: MemoryTable,
    pub app: MemoryTable,
    pub pipeline: Arc<Pipeline>,
    state: TempDir,
    store: Option<Arc<Store>>,
    limit: usize,
    runs: i64,
    swings: Option<Swings>,
}

impl World {
    /// Empty tables, with the pipeline of a file.
    pub fn new(file: &str) -> Self {
        let pipeline = compiled(file);
        let table = |side: Side, key: &str| {
            let schema = Arc::clone(pipeline.schema(side));
            let at = schema.position(key).unwrap();
            MemoryTable::new(schema, MemoryKey::Issued(at))
        };
        let (salesforce, app) = (table(Side::Salesforce, "Id"), table(Side::App, "id"));
        Self {
            salesforce,
            app,
            pipeline,
            state: TempDir::new().unwrap(),
            store: None,
            limit: 10_000,
            runs: 0,
            swings: None,
        }
    }

    /// Batches of at most so many records.
    pub fn with_batches_of(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Another version of the file takes over.
    pub fn edit(&mut self, file: &str) {
        let edited = compiled(file);
        for side in [Side::Salesforce, Side::App] {
            let names = |plan: &Pipeline| {
                plan.schema(side).fields().iter().map(|field| field.name.clone()).collect::<Vec<_>>()
            };
            assert_eq!(names(&edited), names(&self.pipeline), "the tables keep their columns");
        }
        self.pipeline = edited;
        self.swings = None;
    }

    pub fn store(&mut self) -> Arc<Store> {
        let store = self.store.get_or_insert_with(|| open(self.state.path()));
        Arc::clone(store)
    }

    /// The process dies: everything that is not on the disk is gone.
    pub fn die(&mut self) {
        self.store = None;
        self.swings = None;
    }

    pub fn table(&self, side: Side) -> &MemoryTable {
        match side {
            Side::Salesforce => &self.salesforce,
            Side::App => &self.app,
        }
    }

    /// Somebody sets fields of a record.
    pub fn set(&self, side: Side, key: &str, fields: &[(&str, &str)]) {
        let schema = self.pipeline.schema(side);
        let mut row = Row::absent(schema.len());
        for (name, text) in fields {
            let Some(at) = schema.position(name) else { continue };
            row.set(at, if text.is_empty() { Value::Null } else { Value::text(*text) });
        }
        let id = if side == Side::Salesforce { "Id" } else { "id" };
        row.set(schema.position(id).unwrap(), Value::text(key));
        self.table(side).put(&Key::app(key), &row);
    }

    pub fn get(&self, side: Side, key: &str, field: &str) -> String {
        let at = self.pipeline.schema(side).position(field).unwrap();
        let row = self.table(side).get(&Key::app(key)).unwrap_or_else(|| panic!("{side} has no {key}"));
        match row.get(at) {
            Value::Null | Value::Absent => String::new(),
            value => value.to_string(),
        }
    }

    /// A runner as a start makes it.
    pub fn runner(&mut self) -> Runner {
        let store = self.store();
        self.runs += 1;
        let name = &self.pipeline.name;
        store.save_row_set(name, self.pipeline.row_set.id, &self.pipeline.row_set.rows).unwrap();
        let row_sets = store.row_sets(name).unwrap();
        let remembered = || Swings::remembered(&store, &self.pipeline);
        let swings = self.swings.get_or_insert_with(remembered).clone();
        Runner {
            pipeline: Arc::clone(&self.pipeline),
            source: Box::new(MemorySource::new(self.salesforce.clone())),
            salesforce: Some(Box::new(MemoryDestination::new(self.salesforce.clone()))),
            app_source: Some(Box::new(MemorySource::new(self.app.clone()))),
            app: Box::new(MemoryDestination::new(self.app.clone())),
            org: Arc::new(OrgFacts::default()),
            references: Arc::new(Alone),
            row_sets: Arc::new(row_sets),
            clock: Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH)),
            zone: TimeZone::UTC,
            seed: store.seed(),
            observer: Arc::new(Deaf),
            limit: Limit { records: self.limit, bytes: 16 << 20 },
            calculated: None,
            swings,
            kept: sfsync::runtime::kept::Kept::default(),
            run: Timestamp::from_second(self.runs).unwrap(),
            interrupt: Arc::new(AtomicBool::new(false)),
            store,
        }
    }

    /// One look at both sides, and at the records that were touched or are to be tried again.
    pub async fn look(&mut self) -> Result<Counts, PassError> {
        let mut runner = self.runner();
        let mut counts = runner.changes(false).await?;
        let store = self.store();
        for side in [Side::Salesforce, Side::App] {
            let mut keys = store.touched(&self.pipeline.name, side, 1_000).unwrap();
            let filter =
                FailureFilter { pipeline: Some(self.pipeline.name.clone()), ..FailureFilter::default() };
            let failures = store.failures(&filter).unwrap();
            keys.extend(failures.into_iter().filter(|one| one.source.0 == side).map(|one| one.source.1));
            keys.sort();
            keys.dedup();
            if !keys.is_empty() {
                counts += runner.records(side, &keys, true).await?;
            }
        }
        Ok(counts)
    }

    /// Looks until nothing changes any more.
    pub async fn settle(&mut self) {
        for _ in 0..20 {
            let before = (self.salesforce.changes_made(), self.app.changes_made());
            self.look().await.unwrap();
            if before == (self.salesforce.changes_made(), self.app.changes_made()) && self.is_quiet() {
                return;
            }
        }
        panic!("it never becomes silent:\n{}", self.shown());
    }

    fn is_quiet(&mut self) -> bool {
        let store = self.store();
        let name = self.pipeline.name.clone();
        [Side::Salesforce, Side::App]
            .into_iter()
            .all(|side| store.touched(&name, side, 1).unwrap().is_empty())
    }

    /// Both tables, for messages.
    pub fn shown(&self) -> String {
        let mut text = String::new();
        for side in [Side::Salesforce, Side::App] {
            for (key, row) in self.table(side).rows() {
                let values: Vec<String> = row.0.iter().map(ToString::to_string).collect();
                text += &format!("{side} {key}: {}\n", values.join(" | "));
            }
        }
        text
    }

    /// The pairs, by Salesforce key.
    pub fn links(&mut self) -> Vec<sfsync::model::Link> {
        let (name, generation) = (self.pipeline.name.clone(), self.pipeline.generation);
        self.store().links(&name, generation, None, 100_000).unwrap()
    }

    /// Records that are held for a reason.
    pub fn held(&mut self, code: &str) -> Vec<(Side, Key)> {
        let filter = FailureFilter { code: Some(code.to_owned()), ..FailureFilter::default() };
        self.store().failures(&filter).unwrap().into_iter().map(|failure| failure.source).collect()
    }

    /// Codes of the records that failed or are held.
    pub fn failures(&mut self) -> Vec<String> {
        let failures = self.store().failures(&FailureFilter::default()).unwrap();
        failures.into_iter().map(|failure| format!("{} {}", failure.code, failure.source.1)).collect()
    }
}

fn open(path: &Path) -> Arc<Store> {
    Arc::new(Store::open(path, &StoreKey::from_environment(None)).unwrap())
}

/// No other pipelines.
struct Alone;

#[async_trait::async_trait]
impl References for Alone {
    fn on_demand(&self, _: &PipelineName, _: &PipelineName) -> Demand {
        Demand::No
    }

    fn partners(&self, _: &Pipeline) -> Partners {
        Partners::default()
    }

    async fn require(&self, _: &PipelineName, _: Vec<Key>) -> Result<(), ConnectError> {
        Ok(())
    }
}

struct Deaf;

impl Observer for Deaf {
    fn settled(&self, _: &PipelineName, _: &Counts, _: bool, _: Option<u64>) {}
}

fn compiled(pipeline: &str) -> Arc<Pipeline> {
    plans::plan("customers", pipeline, "", &catalog())
}

fn catalog() -> Catalog {
    let kind = |name: &str| match name {
        "Id" => Kind::Id,
        "SystemModstamp" => Kind::DateTime,
        _ => Kind::Text,
    };
    let fields = SALESFORCE.map(|name| plans::field(name, "string", kind(name), 0));
    let columns = APP.map(|name| plans::column(name, "text", Kind::Text));
    plans::catalog(("Account", fields.into()), ("customers", columns.into()))
}
