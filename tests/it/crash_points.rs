//! A process that dies at a named moment of a batch of creates, and the next one on the same state: every record is there once, with
//! its values, and nobody else's record is touched.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use async_trait::async_trait;
use jiff::tz::TimeZone;
use sfsync::connect::memory::{Call, Fault, MemoryDestination, MemoryKey, MemorySource, MemoryTable};
use sfsync::connect::{
    ConnectError, Destination, Found, Limit, MatchQuery, Notes, Trace, WriteMode, sql::KeySpec,
    sql::TableSpec,
};
use sfsync::expr::Engine;
use sfsync::model::{
    Class, Clock as _, Counts, Key, Kind, Outcome, PipelineName, Row, Schema, Side, Value, WriteOp,
};
use sfsync::plan::Pipeline;
use sfsync::plan::catalog::Catalog;
use sfsync::runtime::batch::{Demand, Partners, References};
use sfsync::runtime::clock::SystemClock;
use sfsync::runtime::facts::OrgFacts;
use sfsync::runtime::folder::{File, Texts};
use sfsync::runtime::load::{Loading, load, parse};
use sfsync::runtime::pass::{Observer, PassError, Runner};
use sfsync::store::{Store, StoreKey};

use crate::sql_rig::{Database, on_both};

/// Like budgets: nothing in a row tells which record it is of.
const PIPELINE: &str = "\
salesforce: Opportunity
app: desk.budgets
to_app: [create, update]
fields:
  - { salesforce: Name,          app: name }
  - { salesforce: Amount,        app: amount }
  - { salesforce: Description,   app: note }
  - { app: currency,             to_app: '\"EUR\"' }
";

/// Like a hierarchy of accounts, of which only those come that somebody names.
const ON_DEMAND: &str = "\
salesforce: { object: Opportunity, scope: referenced }
app: desk.budgets
to_app: [create, update]
fields:
  - { salesforce: Name,          app: name }
  - { salesforce: ParentId,      app: parent_id, lookup: budgets, missing: empty }
";

const CONNECTIONS: [(&str, &str); 2] = [
    (
        "salesforce",
        "type: salesforce\nenvironment: production\nlogin_url: http://127.0.0.1:1\nauth: { flow: client_credentials, \
         client_id: '${env:ID}', client_secret: '${env:SECRET}' }\n",
    ),
    ("desk", "type: sqlite\npath: '${env:DB}'\nresources:\n  budgets: { table: budgets }\n"),
];

/// When a process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Death {
    BeforeTheNote,
    BetweenNoteAndCommit,
    BetweenCommitAndAnswer,
}

const DEATHS: [Death; 3] = [Death::BeforeTheNote, Death::BetweenNoteAndCommit, Death::BetweenCommitAndAnswer];

/// A destination that takes the process with it.
struct Dying(Box<dyn Destination>, Option<Death>);

fn died() -> ConnectError {
    ConnectError::new("R105", Class::TRANSIENT, "the process is gone")
}

struct LastWords(Arc<dyn Notes>, Death);

impl Notes for LastWords {
    fn sending(&self) -> Result<(), ConnectError> {
        self.storing(&[])
    }

    fn storing(&self, keys: &[(usize, Key)]) -> Result<(), ConnectError> {
        if self.1 == Death::BeforeTheNote {
            return Err(died());
        }
        self.0.storing(keys)?;
        if self.1 == Death::BetweenNoteAndCommit { Err(died()) } else { Ok(()) }
    }
}

#[async_trait]
impl Destination for Dying {
    async fn fetch(&mut self, keys: &[Key]) -> Result<Vec<(Key, Row)>, ConnectError> {
        self.0.fetch(keys).await
    }

    async fn find(&mut self, query: &MatchQuery) -> Result<Vec<Found>, ConnectError> {
        self.0.find(query).await
    }

    async fn write(&mut self, ops: Vec<WriteOp>, mode: WriteMode) -> Result<Vec<Outcome>, ConnectError> {
        self.0.write(ops, mode).await
    }

    fn tells_keys(&self) -> bool {
        self.0.tells_keys()
    }

    async fn write_noting(
        &mut self,
        ops: Vec<WriteOp>,
        mode: WriteMode,
        notes: Arc<dyn Notes>,
    ) -> Result<Vec<Outcome>, ConnectError> {
        let Some(death) = self.1 else { return self.0.write_noting(ops, mode, notes).await };
        self.0.write_noting(ops, mode, Arc::new(LastWords(notes, death))).await?;
        Err(died())
    }

    async fn trace(&mut self, traces: &[Trace]) -> Result<Vec<Found>, ConnectError> {
        self.0.trace(traces).await
    }
}

struct Alone;

#[async_trait]
impl References for Alone {
    fn on_demand(&self, _: &PipelineName, _: &PipelineName) -> Demand {
        Demand::Later
    }

    fn partners(&self, _: &Pipeline) -> Partners {
        Partners::default()
    }

    async fn require(&self, _: &PipelineName, _: Vec<Key>) -> Result<(), ConnectError> {
        Ok(())
    }
}

impl Observer for Alone {
    fn settled(&self, _: &PipelineName, _: &Counts, _: bool, _: Option<u64>) {}
}

fn plan(pipeline: &str) -> Arc<Pipeline> {
    let file = |path: &str, text: &str| File::new(path, text.as_bytes().to_vec());
    let mut texts = Texts::default();
    texts.pipelines.insert("budgets".to_owned(), file("budgets.yaml", pipeline));
    for (name, text) in CONNECTIONS {
        texts.connections.insert(name.to_owned(), file(name, text));
    }
    let (engine, catalog) = (Engine::new(), Catalog::default());
    let loading =
        Loading { engine: &engine, catalog: &catalog, now: SystemClock.now(), ignore_not_yet: false };
    let loaded = load(parse(&texts, |_| None), &loading);
    let told = &loaded.compiled.diagnostics;
    loaded.compiled.plans().into_iter().next().unwrap_or_else(|| panic!("{told:?}"))
}

fn numbered(n: usize) -> Key {
    Key::salesforce(&format!("006{n:012}"))
}

/// The Salesforce side and the state, which outlive every process.
struct Scene {
    plan: Arc<Pipeline>,
    salesforce: MemoryTable,
    state: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        Self::with(PIPELINE)
    }

    fn with(pipeline: &str) -> Self {
        let plan = plan(pipeline);
        let salesforce = MemoryTable::new(Arc::clone(&plan.salesforce.schema), MemoryKey::InRow(0));
        Self { plan, salesforce, state: tempfile::tempdir().unwrap() }
    }

    /// A record as people save it.
    fn save(&self, n: usize, name: &str, amount: i64) {
        self.save_under(n, name, amount, Value::Null);
    }

    fn save_under(&self, n: usize, name: &str, amount: i64, parent: Value) {
        let schema = &self.plan.salesforce.schema;
        let mut row = Row::absent(schema.len());
        let key = numbered(n);
        for (field, value) in [
            ("Id", Value::text(key.as_str())),
            ("Name", Value::text(name)),
            ("Amount", Value::Int(amount)),
            ("Description", Value::text(format!("about {n}"))),
            ("ParentId", parent),
        ] {
            if let Some(at) = schema.position(field) {
                row.set(at, value);
            }
        }
        self.salesforce.put(&key, &row);
    }

    /// One life: everything is looked at, as far as it gets.
    async fn live(&self, app: Box<dyn Destination>, death: Option<Death>) -> Result<Counts, PassError> {
        self.runner(app, death).changes(false).await
    }

    fn runner(&self, app: Box<dyn Destination>, death: Option<Death>) -> Runner {
        let store = Arc::new(Store::open(self.state.path(), &StoreKey::File).unwrap());
        let seed = store.seed();
        let set = &self.plan.row_set;
        store.save_row_set(&self.plan.name, set.id, &set.rows).unwrap();
        Runner {
            pipeline: Arc::clone(&self.plan),
            store,
            source: Box::new(MemorySource::new(self.salesforce.clone())),
            salesforce: None,
            app_source: None,
            app: Box::new(Dying(app, death)),
            org: Arc::new(OrgFacts::default()),
            references: Arc::new(Alone),
            row_sets: Arc::new(HashMap::new()),
            clock: Arc::new(SystemClock),
            zone: TimeZone::UTC,
            seed,
            observer: Arc::new(Alone),
            limit: Limit::default(),
            calculated: None,
            swings: sfsync::runtime::batch::Swings::default(),
            kept: sfsync::runtime::kept::Kept::default(),
            run: jiff::Timestamp::UNIX_EPOCH,
            interrupt: Arc::new(AtomicBool::new(false)),
        }
    }

    fn store(&self) -> Store {
        Store::open(self.state.path(), &StoreKey::File).unwrap()
    }

    /// Every record is linked, nothing is on its way.
    fn assert_settled(&self, records: usize) {
        let store = self.store();
        let (name, generation) = (&self.plan.name, self.plan.generation);
        assert_eq!(store.links(name, generation, None, usize::MAX).unwrap().len(), records);
        assert_eq!(store.intents(name, generation).unwrap(), []);
    }
}

/// The table of the app, with a key that is made in this way.
struct Desk(Database);

impl Desk {
    async fn new(database: Database, key: &str) -> Self {
        let columns = "name text, amount numeric, note text, currency text, parent_id bigint";
        database.execute(&format!("CREATE TABLE budgets (id {key}, {columns})")).await;
        Self(database)
    }

    async fn numbered(database: Database) -> Self {
        let key = match database.dialect {
            sfsync::connect::sql::Dialect::Postgres => "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
            sfsync::connect::sql::Dialect::Sqlite => "INTEGER PRIMARY KEY",
        };
        Self::new(database, key).await
    }

    async fn open(&self, plan: &Pipeline) -> Box<dyn Destination> {
        let fields: Vec<(&str, Kind)> =
            plan.app.schema.fields().iter().map(|field| (&*field.name, field.kind)).collect();
        let spec = TableSpec {
            key: KeySpec::generated(self.0.dialect, "id"),
            unique: Vec::new(),
            create: false,
            ..self.0.mirror("budgets", &fields)
        };
        // A connection of its own, as every process has.
        let connection = self.0.again().await;
        let table = connection.inspect(&spec.table).await.unwrap().expect("the table is there");
        Box::new(sfsync::connect::sql::SqlDestination::new(connection, spec, &table).unwrap())
    }

    async fn rows(&self) -> Vec<String> {
        let rows =
            self.0.rows("SELECT name, amount, note, currency FROM budgets ORDER BY name, amount, note").await;
        rows.into_iter().map(|row| row.into_iter().flatten().collect::<Vec<_>>().join(" ")).collect()
    }
}

async fn dies_once_and_goes_on(database: Database) {
    let desk = Desk::numbered(database).await;
    dies_in_every_way(&desk).await;
}

/// Keys that nobody can reserve, because only the database knows how they come about.
async fn keys_of_a_default_that_nobody_foresees(database: Database) {
    let key = match database.dialect {
        sfsync::connect::sql::Dialect::Postgres => "text DEFAULT md5(random()::text) PRIMARY KEY",
        sfsync::connect::sql::Dialect::Sqlite => "TEXT DEFAULT (lower(hex(randomblob(16)))) PRIMARY KEY",
    };
    let desk = Desk::new(database, key).await;
    dies_in_every_way(&desk).await;
}

async fn dies_in_every_way(desk: &Desk) {
    for death in DEATHS {
        desk.0.execute("DELETE FROM budgets").await;
        let scene = Scene::new();
        let open = async || desk.open(&scene.plan).await;
        // Two of them say the same: their rows cannot be told apart.
        for (n, name) in ["a", "b", "c", "c"].iter().enumerate() {
            scene.save(n, name, 100);
        }
        assert!(scene.live(open().await, Some(death)).await.is_err());
        let written = desk.rows().await.len();
        assert_eq!(written, if death == Death::BetweenCommitAndAnswer { 4 } else { 0 }, "{death:?}");
        let noted = scene.store().intents(&scene.plan.name, scene.plan.generation).unwrap();
        assert_eq!(noted.len(), usize::from(death != Death::BeforeTheNote), "{death:?}");
        scene.live(open().await, None).await.unwrap();
        let expected = ["a 100 about 0 EUR", "b 100 about 1 EUR", "c 100 about 2 EUR", "c 100 about 3 EUR"];
        assert_eq!(desk.rows().await, expected, "{death:?}");
        scene.assert_settled(4);
        // The pairs are the right ones: a change reaches its own row.
        scene.save(3, "d", 400);
        scene.live(open().await, None).await.unwrap();
        assert_eq!(desk.rows().await[3], "d 400 about 3 EUR", "{death:?}");
    }
}

/// Dying again and again while it repairs what it left before.
async fn dies_many_times(database: Database) {
    let desk = Desk::numbered(database).await;
    let scene = Scene::new();
    let mut expected = Vec::new();
    for round in 0..9 {
        for n in round * 3..round * 3 + 3 {
            scene.save(n, &format!("r{n:02}"), 1);
            expected.push(format!("r{n:02} 1 about {n} EUR"));
        }
        let death = DEATHS[round % 3];
        assert!(scene.live(desk.open(&scene.plan).await, Some(death)).await.is_err());
        if round % 4 == 3 {
            scene.live(desk.open(&scene.plan).await, None).await.unwrap();
            assert_eq!(desk.rows().await, expected, "round {round}");
        }
    }
    scene.live(desk.open(&scene.plan).await, None).await.unwrap();
    assert_eq!(desk.rows().await, expected);
    scene.assert_settled(27);
}

/// Both sides move on while nobody is there.
async fn edits_of_the_dead_time_are_kept(database: Database) {
    let desk = Desk::numbered(database).await;
    let scene = Scene::new();
    for (n, name) in ["a", "b", "c"].iter().enumerate() {
        scene.save(n, name, 100);
    }
    let death = Death::BetweenCommitAndAnswer;
    assert!(scene.live(desk.open(&scene.plan).await, Some(death)).await.is_err());
    desk.0.execute("UPDATE budgets SET note = 'mine' WHERE name = 'a'").await;
    scene.save(1, "b, renamed", 200);
    scene.salesforce.remove(&Key::salesforce("006000000000002"));
    scene.live(desk.open(&scene.plan).await, None).await.unwrap();
    // Nothing deletes: the row of the record that is gone stays, as it would have without the crash.
    assert_eq!(desk.rows().await, ["a 100 mine EUR", "b, renamed 200 about 1 EUR", "c 100 about 2 EUR"]);
    scene.assert_settled(3);
}

/// The creates were noted and never came to be, and their keys go to rows of another program.
async fn a_key_that_went_to_somebody_else_is_let_go(database: Database) {
    let desk = Desk::numbered(database).await;
    let scene = Scene::new();
    scene.save(0, "a", 100);
    scene.save(1, "b", 100);
    let death = Death::BetweenNoteAndCommit;
    assert!(scene.live(desk.open(&scene.plan).await, Some(death)).await.is_err());
    desk.0
        .execute("INSERT INTO budgets (name, amount, note, currency) VALUES ('x', 7, 'theirs', 'EUR')")
        .await;
    scene.live(desk.open(&scene.plan).await, None).await.unwrap();
    assert_eq!(desk.rows().await, ["a 100 about 0 EUR", "b 100 about 1 EUR", "x 7 theirs EUR"]);
    scene.assert_settled(2);
}

/// Budgets that hang on each other come in because somebody named them, and so does what they name themselves. Once the record is there
/// nobody asks for it again: what it still needs has to be remembered before it is stored.
async fn what_a_new_record_needs_is_brought_in(database: Database) {
    let desk = Desk::numbered(database).await;
    let scene = Scene::with(ON_DEMAND);
    scene.save(0, "parent", 1);
    scene.save_under(1, "child", 1, Value::text(numbered(0).as_str()));
    scene.save(2, "another", 1);
    let death = Death::BetweenCommitAndAnswer;
    let wanted = [numbered(1)];
    // Nobody has named them so far, and they do not change any more.
    scene.live(desk.open(&scene.plan).await, None).await.unwrap();
    assert_eq!(desk.rows().await.len(), 0);
    let mut dying = scene.runner(desk.open(&scene.plan).await, Some(death));
    assert!(dying.records(Side::Salesforce, &wanted, true).await.is_err());
    drop(dying);
    // The next life links what it finds before it brings anything else in. Whoever needed the child finds it linked.
    let mut runner = scene.runner(desk.open(&scene.plan).await, None);
    runner.records(Side::Salesforce, &[numbered(2)], true).await.unwrap();
    let link = runner.store.linked(&scene.plan.name, Side::Salesforce, &wanted).unwrap();
    assert!(link[0].is_some(), "the child is linked");
    for _ in 0..2 {
        let queued = runner.store.touched(&scene.plan.name, Side::Salesforce, 10).unwrap();
        runner.records(Side::Salesforce, &queued, true).await.unwrap();
    }
    let named = "SELECT child.name, parent.name FROM budgets child JOIN budgets parent ON child.parent_id = parent.id";
    assert_eq!(desk.0.rows(named).await, [[Some("child".to_owned()), Some("parent".to_owned())]]);
}

on_both!(
    what_a_new_record_needs_is_brought_in,
    dies_once_and_goes_on,
    keys_of_a_default_that_nobody_foresees,
    dies_many_times,
    edits_of_the_dead_time_are_kept,
    a_key_that_went_to_somebody_else_is_let_go,
);

/// A system that cannot say keys in advance: an API.
fn api(scene: &Scene) -> MemoryTable {
    let fields: Vec<(&str, Kind)> =
        scene.plan.app.schema.fields().iter().map(|field| (&*field.name, field.kind)).collect();
    MemoryTable::new(Schema::of(&fields), MemoryKey::Generated)
}

fn names(api: &MemoryTable) -> Vec<String> {
    let name = api.schema().position("name").unwrap();
    api.rows().iter().map(|(_, row)| row.get(name).to_string()).collect()
}

#[tokio::test]
async fn without_keys_creates_are_found_by_what_they_say() {
    for fault in [Fault::LoseAnswer, Fault::Unknown, Fault::Fail(Class::TRANSIENT)] {
        let scene = Scene::new();
        let api = api(&scene);
        let open = || Box::new(MemoryDestination::new(api.clone()));
        // A record of somebody else with the same name, and two of ours that say the same.
        let mut theirs = Row::absent(api.schema().len());
        theirs.set(api.schema().position("name").unwrap(), Value::text("a"));
        api.put(&Key::app("theirs"), &theirs);
        for (n, name) in ["a", "b", "b"].iter().enumerate() {
            scene.save(n, name, 100);
        }
        api.fault(Call::Write, fault.clone());
        drop(scene.live(open(), None).await);
        assert_eq!(names(&api).len(), if matches!(fault, Fault::Fail(_)) { 1 } else { 4 }, "{fault:?}");
        assert_eq!(scene.store().intents(&scene.plan.name, scene.plan.generation).unwrap().len(), 1);
        for n in 0..3 {
            scene.save(n, ["a", "b", "b"][n], 200);
        }
        scene.live(open(), None).await.unwrap();
        assert_eq!(names(&api), ["a", "b", "b", "a"], "{fault:?}");
        let amount = api.schema().position("amount").unwrap();
        let amounts: Vec<String> = api.rows().iter().map(|(_, row)| row.get(amount).to_string()).collect();
        assert_eq!(amounts, ["200", "200", "200", "null"], "{fault:?}");
        scene.assert_settled(3);
        assert!(
            scene
                .store()
                .links(&scene.plan.name, scene.plan.generation, None, 9)
                .unwrap()
                .iter()
                .all(|link| link.app != Key::app("theirs") && link.salesforce.as_str().starts_with("006"))
        );
        assert_eq!(scene.store().cursor(&scene.plan.name, scene.plan.generation, Side::App).unwrap(), None);
    }
}
