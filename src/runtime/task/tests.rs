//! A task with its passes: what the table of its life says is carried out.

use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::*;
use crate::connect::memory::{Call, Fault, Gate, MemoryDestination, MemoryKey, MemorySource, MemoryTable};
use crate::connect::{ConnectError, Limit, Source};
use crate::expr::Engine;
use crate::model::{Backfill, Change, ChangeEvent, ConnectionName, Cursor, PipelineName, Read, Row, Value};
use crate::plan::catalog::{Catalog, DatabaseCatalog};
use crate::runtime::clock::ManualClock;
use crate::runtime::facts::OrgFacts;
use crate::runtime::folder::{File, Texts};
use crate::runtime::load::{self, Loading};
use crate::runtime::status::State;
use crate::runtime::supervisor::new_status;
use crate::store::StoreKey;

const ORG: &str =
    "type: salesforce\nenvironment: production\nauth: { flow: authorization_code, client_id: x }\n";
const DATABASE: &str = "type: sqlite\npath: /tmp/never.db\ncreate_tables: true\n";
const PIPELINE: &str = "salesforce:\n  object: Account\n  backfill: { during: 20:00-06:00 }\n  poll: 15 minutes\napp: db.clients\nto_app: [create, update]\nmatch: [sf_id]\nreconcile: off\nfields:\n  - { salesforce: Id, app: sf_id }\n  - { salesforce: Name, app: name }\n";

fn plan() -> Arc<Pipeline> {
    let file = |path: &str, text: &str| File::new(path, text.as_bytes().to_vec());
    let mut texts = Texts::default();
    texts.connections.insert("salesforce".to_owned(), file("connections/salesforce.yaml", ORG));
    texts.connections.insert("db".to_owned(), file("connections/db.yaml", DATABASE));
    texts.pipelines.insert("clients".to_owned(), file("clients.yaml", PIPELINE));
    let missing = DatabaseCatalog { missing: ["clients".to_owned()].into(), ..DatabaseCatalog::default() };
    let databases = [(ConnectionName::from("db"), missing)].into();
    let catalog = Catalog { databases, ..Catalog::default() };
    let engine = Engine::new();
    let loading =
        Loading { engine: &engine, catalog: &catalog, now: Timestamp::UNIX_EPOCH, ignore_not_yet: false };
    let loaded = load::load(load::parse(&texts, |_| None), &loading);
    let plans = loaded.compiled.plans();
    Arc::clone(plans.first().unwrap_or_else(|| panic!("{:?}", loaded.compiled.diagnostics)))
}

/// A task over tables in memory, two records to a batch.
struct Stage {
    clock: Arc<ManualClock>,
    store: Arc<Store>,
    plan: Arc<Pipeline>,
    source: MemoryTable,
    app: MemoryTable,
    status: watch::Receiver<PipelineStatus>,
    commands: mpsc::Sender<Command>,
    stop: CancellationToken,
    running: JoinHandle<()>,
    _dir: TempDir,
}

impl Stage {
    /// It begins at this time.
    fn set(now: &str, records: usize) -> Self {
        Self::reading(now, records, |table| Box::new(MemorySource::new(table)))
    }

    /// It begins at this time, and reads the table in its own way.
    fn reading(now: &str, records: usize, reads: impl FnOnce(MemoryTable) -> Box<dyn Source>) -> Self {
        let (clock, plan) = (Arc::new(ManualClock::at(now.parse().unwrap())), plan());
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(&dir.path().join("state"), &StoreKey::File).unwrap());
        let source =
            MemoryTable::new(Arc::clone(&plan.salesforce.schema), MemoryKey::InRow(plan.salesforce.id));
        let key = plan.app.schema.position("sf_id").unwrap();
        let app = MemoryTable::new(Arc::clone(&plan.app.schema), MemoryKey::InRow(key));
        let (commands, receiver) = mpsc::channel(16);
        let (status, stop) = (watch::Sender::new(new_status(&plan.name)), CancellationToken::new());
        let (registry, metrics): (Arc<Registry>, _) = (Arc::default(), Arc::new(Metrics::new()));
        let observer = TaskObserver {
            name: plan.name.clone(),
            status: status.clone(),
            changed: Arc::default(),
            registry: Arc::downgrade(&registry),
            metrics: Arc::clone(&metrics),
            done: std::sync::Mutex::new(0),
        };
        let runner = Runner {
            pipeline: Arc::clone(&plan),
            store: Arc::clone(&store),
            source: reads(source.clone()),
            salesforce: None,
            app_source: None,
            app: Box::new(MemoryDestination::new(app.clone())),
            org: Arc::new(OrgFacts::default()),
            references: Arc::clone(&registry) as _,
            row_sets: Arc::new(HashMap::new()),
            clock: Arc::<ManualClock>::clone(&clock),
            zone: jiff::tz::TimeZone::UTC,
            seed: 1,
            observer: Arc::new(observer),
            limit: Limit { records: 2, ..Limit::default() },
            calculated: None,
            swings: crate::runtime::batch::Swings::default(),
            kept: crate::runtime::kept::Kept::default(),
            run: clock.now(),
            interrupt: Arc::default(),
        };
        store.activate(&plan.name, plan.generation, clock.now()).unwrap();
        let parts = TaskParts {
            version: 1,
            runner: Arc::new(tokio::sync::Mutex::new(runner)),
            pipeline: Arc::clone(&plan),
            store: Arc::clone(&store),
            registry,
            clock: Arc::<ManualClock>::clone(&clock),
            zone: jiff::tz::TimeZone::UTC,
            status: status.clone(),
            changed: Arc::default(),
            wake: Arc::default(),
            commands: receiver,
            stop: stop.clone(),
            metrics,
            listening: None,
        };
        let status = status.subscribe();
        let stage = Self {
            clock,
            store,
            plan,
            source,
            app,
            status,
            commands,
            stop,
            running: tokio::spawn(async {}),
            _dir: dir,
        };
        for number in 0..records {
            stage.put(number);
        }
        Self { running: tokio::spawn(Task::new(parts).run()), ..stage }
    }

    fn put(&self, number: usize) {
        let key = Key::salesforce(&format!("001{number:012}"));
        let value = |name: &str| match name {
            "Id" => Value::text(key.as_str()),
            "Name" => Value::text(format!("Client {number}")),
            _ => Value::Null,
        };
        let fields = self.plan.salesforce.schema.fields();
        let row: Vec<Value> = fields.iter().map(|field| value(&field.name)).collect();
        self.source.put(&key, &Row::from(row));
    }

    async fn until(&mut self, wanted: impl Fn(&PipelineStatus) -> bool) -> PipelineStatus {
        self.status.wait_for(|status| wanted(status)).await.unwrap().clone()
    }

    async fn until_it_waits(&mut self, until: &str) {
        self.until(|status| {
            status.state == State::Loading
                && status.message == "waits until 20:00"
                && status.next_look == Some(until.parse().unwrap())
        })
        .await;
    }

    fn hours(&self, hours: u64) {
        self.clock.advance(Duration::from_secs(hours * 3_600));
    }

    fn cursor(&self) -> Option<Cursor> {
        self.store.cursor(&self.plan.name, self.plan.generation, Side::Salesforce).unwrap()
    }

    async fn end(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }
}

#[tokio::test]
async fn a_first_load_runs_in_its_hours_and_goes_on_the_next_evening() {
    let mut stage = Stage::set("2026-03-01T12:00:00Z", 7);
    stage.until_it_waits("2026-03-01T20:00:00Z").await;
    assert_eq!((stage.cursor(), stage.app.rows().len()), (None, 0));

    // The second page comes only in the morning.
    let gate = Gate::default();
    stage.source.fault(Call::Read, Fault::None);
    stage.source.fault(Call::Read, Fault::Hold(gate.clone()));
    stage.hours(8);
    gate.arrival().await;
    stage.hours(10);
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    gate.open();
    stage.until_it_waits("2026-03-02T20:00:00Z").await;
    let loaded = stage.app.rows().len();
    assert_eq!(loaded, 2, "it stops at an edge of a batch");
    assert!(matches!(stage.cursor(), Some(Cursor::Backfill { .. })), "and its place is kept");

    let reads = stage.app.changes_made();
    stage.hours(14);
    stage.until(|status| status.state == State::Running).await;
    assert_eq!(stage.app.rows().len(), 7);
    assert_eq!(stage.app.changes_made() - reads, 5, "nothing is loaded again");

    // By day it follows changes.
    stage.hours(16);
    stage.until(|status| status.passes > 1).await;
    stage.put(7);
    let passes = stage.status.borrow().passes;
    stage.clock.advance(Duration::from_secs(900));
    stage.until(|status| status.passes > passes).await;
    assert_eq!(stage.app.rows().len(), 8);
    stage.end().await;
}

#[tokio::test]
async fn a_stop_in_the_middle_of_a_pass_ends_it_at_the_edge_of_a_batch() {
    let mut stage = Stage::set("2026-03-01T21:00:00Z", 7);
    let gate = Gate::default();
    stage.app.fault(Call::Write, Fault::Hold(gate.clone()));
    gate.arrival().await;
    stage.stop.cancel();
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert!(!stage.running.is_finished(), "the batch is not torn");
    gate.open();
    (&mut stage.running).await.unwrap();
    assert_eq!(stage.app.rows().len(), 2);
    assert!(matches!(stage.cursor(), Some(Cursor::Backfill { .. })));
}

#[tokio::test]
async fn a_pause_holds_and_is_remembered() {
    let mut stage = Stage::set("2026-03-01T21:00:00Z", 3);
    stage.until(|status| status.state == State::Running).await;
    stage.commands.send(Command::Pause { by: "me".to_owned() }).await.unwrap();
    stage.until(|status| status.message == "paused by me" && status.next_look.is_none()).await;
    assert_eq!(stage.store.paused(&stage.plan.name).unwrap().unwrap().by, "me");
    let passes = stage.status.borrow().passes;
    stage.put(3);
    stage.hours(100);
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(stage.status.borrow().passes, passes);
    stage.commands.send(Command::Resume).await.unwrap();
    stage.until(|status| status.passes > passes).await;
    assert_eq!(stage.app.rows().len(), 4);
    assert_eq!(stage.store.paused(&PipelineName::from("clients")).unwrap(), None);
    stage.end().await;
}

/// A first load by one job of one page: whoever goes on from another place than where it stands begins the page again.
struct OnePage {
    table: MemoryTable,
    stands: Option<Cursor>,
    handed_out: usize,
    begun: Arc<AtomicUsize>,
}

#[async_trait::async_trait]
impl Source for OnePage {
    async fn read(&mut self, from: Option<&Cursor>, limit: Limit) -> Result<Read, ConnectError> {
        let anchor = Timestamp::UNIX_EPOCH;
        let mut events = Vec::new();
        if matches!(from, Some(Cursor::Backfill { .. })) {
            if from != self.stands.as_ref() || self.handed_out == 0 {
                self.begun.fetch_add(1, Ordering::Relaxed);
                self.handed_out = 0;
            }
            let rows = self.table.rows().into_iter().skip(self.handed_out).take(limit.records);
            let event = |(key, row)| ChangeEvent { key, change: Change::Upsert(row), version: None };
            events.extend(rows.map(event));
            self.handed_out += events.len();
        }
        let done = matches!(from, Some(Cursor::Changes { .. })) || self.handed_out == self.table.rows().len();
        let job = || Backfill::Job { id: "750".to_owned(), pages: Vec::new(), rows: self.handed_out as u64 };
        let next = if done {
            Cursor::Changes { upto: anchor, within: None }
        } else {
            Cursor::Backfill { anchor, done: job() }
        };
        self.stands = Some(next.clone());
        Ok(Read::Batch { events, next, more: !done, total: None })
    }

    async fn fetch(&mut self, _: &[Key]) -> Result<Vec<ChangeEvent>, ConnectError> {
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn a_load_by_bulk_that_is_interrupted_at_every_batch_goes_on_with_its_download() {
    let begun = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&begun);
    let mut stage = Stage::reading("2026-03-01T21:00:00Z", 7, |table| {
        Box::new(OnePage { table, stands: None, handed_out: 0, begun: count })
    });
    let gate = Gate::default();
    for _ in 0..4 {
        stage.app.fault(Call::Write, Fault::Hold(gate.clone()));
    }
    for batch in 1..=4 {
        gate.arrival().await;
        // News of a record, as they come while the rest is loaded.
        let news = Command::Records(Side::Salesforce, vec![Key::salesforce("001000000000000")]);
        stage.commands.send(news).await.unwrap();
        while stage.commands.capacity() < stage.commands.max_capacity() {
            tokio::task::yield_now().await;
        }
        gate.open();
        let loaded = stage.until(move |status| status.totals.read >= (2 * batch).min(7)).await;
        assert_eq!(loaded.totals.unchanged, 0, "nothing comes twice");
    }
    stage.until(|status| status.state == State::Running).await;
    assert_eq!((stage.app.rows().len(), begun.load(Ordering::Relaxed)), (7, 1), "one download brought all");
    stage.end().await;
}
