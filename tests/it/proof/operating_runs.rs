//! The one-way parts of the set `operating` into SQLite, compared value by value: after the first load, after thousands of random
//! edits, after faults of every kind, after crashes.

use std::sync::Arc;

use jiff::SignedDuration;
use sfsync::model::PipelineName;
use sfsync::runtime::status::State;
use sfsync::runtime::supervisor::Supervisor;
use sfsync::runtime::task::Command;
use sfsync_sandbox::{
    Customization, EditMix, Fault, FaultKind, OrgConfig, Population, ResourceKind, SandboxConfig,
};

use super::drive;
use super::faults::{self, Scripted};
use super::operating::{Actual, Expected};
use super::tables::listed;
use super::{FASTER, factor, seed};
use crate::harness::clock::Fast;
use crate::harness::rig::{Rig, until};

/// Looked-up pipelines first.
pub const PIPELINES: [&str; 5] = ["people", "clients", "projects", "deals", "budgets"];

const SALESFORCE: &str = "type: salesforce
environment: production
login_url: ${env:SF_LOGIN_URL}
auth:
  flow: client_credentials
  client_id: ${env:SF_CLIENT_ID}
  client_secret: ${env:SF_CLIENT_SECRET}
read_only: true
default_currency: EUR
webhook:
  token: ${env:SF_WEBHOOK_TOKEN}
";

const TABLES: &str = "type: sqlite
path: ${env:WAREHOUSE_DB}
create_tables: true
resources:
  people: { table: people }
  clients: { table: clients }
  projects: { table: projects }
  crm_deals: { table: crm_deals }
  budgets: { table: budgets }
";

/// The set over an org of so many opportunities, with the expectation beside it.
pub struct Bench {
    pub rig: Rig,
    pub expected: Expected,
}

impl Bench {
    /// A rig whose daemon is not started yet.
    pub async fn rig(opportunities: u32, seed: u64) -> Rig {
        let org = OrgConfig {
            seed,
            now: Some(jiff::Timestamp::now()),
            customizations: vec![Customization::load("operating").expect("it is shipped")],
            ..OrgConfig::default()
        };
        let population = Some(Population::around(opportunities));
        let mut rig = Rig::new(SandboxConfig { org, population, ..SandboxConfig::default() }).await;
        // Everything generated is older than any window.
        rig.sandbox.org().clock().advance(SignedDuration::from_mins(30));
        rig.copy_set("operating");
        rig.write("connections/salesforce.yaml", SALESFORCE);
        rig.write("connections/operating.yaml", TABLES);
        for name in ["SF_WEBHOOK_TOKEN", "SLACK_WEBHOOK_URL"] {
            rig.secrets.0.insert(name.to_owned(), "https://127.0.0.1/never".to_owned());
        }
        rig
    }

    /// Starts the daemon and waits for the first load.
    pub async fn start(mut rig: Rig) -> Self {
        rig.clock = Arc::new(Fast::by(FASTER));
        let supervisor = rig.start().await;
        drive::loaded(&supervisor, &PIPELINES).await;
        Self { rig, expected: Expected::default() }
    }

    /// The daemon. Nobody else keeps it, so that the state is closed when it stops.
    pub fn supervisor(&self) -> &Arc<Supervisor> {
        self.rig.supervisor.as_ref().expect("it runs")
    }

    /// Random edits, spread over seconds of the org's clock.
    pub fn edit(&self, seed: u64, count: usize) {
        for part in 0..count.div_ceil(100) {
            self.rig.sandbox.org().random_edits(
                seed + part as u64,
                100.min(count - part * 100),
                &EditMix::default(),
            );
            self.rig.sandbox.org().clock().advance(SignedDuration::from_secs(2));
        }
    }

    /// All pipelines look, and then every value must be right.
    pub async fn prove(&mut self, when: &str) {
        drive::look(self.supervisor(), &PIPELINES).await;
        self.expected.look(self.rig.sandbox.org(), &Actual::read(&self.rig.database()));
        let (rig, expected) = (&self.rig, &self.expected);
        let found = drive::eventually(self.supervisor(), async || {
            expected.differences(&Actual::read(&rig.database()))
        })
        .await;
        assert!(found.is_empty(), "{when}: {}\n{:#?}", listed(&found), self.supervisor().statuses());
        self.unexplained(when).await;
    }

    /// After the daily limit nothing is asked for a quarter of an hour; a new daemon has not heard of it.
    async fn rest_until_restarted(&mut self) {
        self.supervisor().command(&PipelineName::from("projects"), Command::Sync { full: false }).await;
        until(self.supervisor(), "projects", |status| status.state == State::Degraded).await;
        self.rig.stop().await;
        self.rig.start().await;
    }

    async fn unexplained(&self, when: &str) {
        for view in drive::failures(self.supervisor()).await {
            let failure = &view.failure;
            let (pipeline, id) = (failure.pipeline.as_str(), failure.source.1.as_str());
            assert!(
                self.expected.explains(pipeline, &failure.code, id),
                "{when}: a failure without a reason: {view:?}"
            );
        }
    }

    /// Rows of the app.
    pub fn rows(&self) -> usize {
        Actual::read(&self.rig.database()).rows()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn operating_holds_every_value_after_ten_thousand_edits() {
    let rounds = 10 * u64::from(factor());
    let mut bench = Bench::start(Bench::rig(440 * factor(), 11 + seed()).await).await;
    bench.prove("after the first load").await;
    assert!(bench.rows() > 400, "{} rows", bench.rows());
    for round in 0..rounds {
        bench.edit(seed() + round * 1_000, 1_000);
        bench.prove(&format!("after {} edits", (round + 1) * 1_000)).await;
    }
    bench.rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operating_survives_every_fault_of_a_poll() {
    let mut bench = Bench::start(Bench::rig(120, 12 + seed()).await).await;
    bench.prove("after the first load").await;
    for round in 0..u64::from(factor()) {
        let mishaps = faults::of_polls(bench.rig.sandbox.org());
        for (number, mishap) in (0_u64..).zip(mishaps) {
            bench.edit(round * 100_000 + number * 100, 40);
            let name = mishap.name;
            let scripted = Scripted::new(bench.rig.sandbox.faults(), [mishap]);
            if matches!(name, "the daily limit") {
                bench.rest_until_restarted().await;
            } else {
                drive::look(bench.supervisor(), &PIPELINES).await;
            }
            scripted.end(bench.rig.sandbox.faults(), name);
            bench.prove(name).await;
        }
    }
    bench.rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operating_sees_what_changes_while_a_query_hangs() {
    let mut bench = Bench::start(Bench::rig(60, 13 + seed()).await).await;
    bench.prove("after the first load").await;
    let hold = bench.rig.sandbox.faults().add(Fault::new(FaultKind::Hold).on(ResourceKind::Query).once());
    let supervisor = Arc::clone(bench.supervisor());
    let looking = tokio::spawn(async move { drive::look(&supervisor, &PIPELINES).await });
    bench.rig.sandbox.faults().wait_held(1).await;
    bench.edit(2, 60);
    bench.rig.sandbox.faults().release(hold);
    looking.await.unwrap();
    bench.prove("after edits during a query that hung").await;
    bench.rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operating_survives_every_fault_of_a_first_load_over_rest() {
    let mishaps = |rig: &Rig| faults::of_polls(rig.sandbox.org());
    let kinds = mishaps(&Bench::rig(20, 1).await).len();
    for group in 0..kinds.div_ceil(8) {
        let rig = Bench::rig(80, 14 + seed()).await;
        // Those of this org: one of them changes a record that it has.
        let group: Vec<_> = mishaps(&rig).into_iter().skip(group * 8).take(8).collect();
        let when = format!("a load with {:?}", group.iter().map(|mishap| mishap.name).collect::<Vec<_>>());
        let scripted = Scripted::new(rig.sandbox.faults(), group);
        let mut bench = Bench::start(rig).await;
        scripted.end(bench.rig.sandbox.faults(), &when);
        bench.prove(&when).await;
        bench.rig.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn operating_survives_every_fault_of_a_first_load_by_bulk() {
    let rig = Bench::rig(11_500, 15 + seed()).await;
    let scripted = Scripted::new(rig.sandbox.faults(), faults::of_loads());
    let mut bench = Bench::start(rig).await;
    scripted.end(bench.rig.sandbox.faults(), "a load by bulk");
    bench.prove("after a load by bulk").await;
    bench.rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operating_doubles_nothing_when_it_dies_at_any_moment() {
    let mut bench = Bench { rig: Bench::rig(120, 16 + seed()).await, expected: Expected::default() };
    for phase in 0..4 * u64::from(factor()) {
        for death in 0..4 {
            let daemon = Mortal::start(&bench.rig).await;
            // It dies with its nth call of this life in the air, whatever else it is doing.
            bench.rig.sandbox.faults().add(Fault::new(FaultKind::Hold).nth(1 + (phase * 4 + death) * 7 % 23));
            daemon.ask_all(&PIPELINES).await;
            let held = bench.rig.sandbox.faults().wait_held(1);
            drop(tokio::time::timeout(std::time::Duration::from_secs(1), held).await);
            daemon.die().await;
            bench.rig.sandbox.faults().clear();
        }
        let supervisor = bench.rig.start().await;
        drive::loaded(&supervisor, &PIPELINES).await;
        drop(supervisor);
        bench.prove(&format!("after {} deaths", 4 * (phase + 1))).await;
        bench.rig.stop().await;
        // What the next lives have to find.
        bench.edit(seed() + phase * 1_000, 100);
    }
}

/// A daemon on a runtime of its own, which can be taken away from under it.
pub struct Mortal {
    runtime: tokio::runtime::Runtime,
    supervisor: Arc<Supervisor>,
}

impl Mortal {
    /// Starts one.
    pub async fn start(rig: &Rig) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let supervisor = runtime.spawn(Supervisor::start(rig.options())).await.unwrap().unwrap();
        Self { runtime, supervisor }
    }

    /// Asks these pipelines to look.
    pub async fn ask_all(&self, names: &[&str]) {
        for name in names {
            self.supervisor.command(&PipelineName::from(*name), Command::Sync { full: false }).await;
        }
    }

    /// Every task ends where it stands; nothing is shut down.
    pub async fn die(self) {
        let Self { runtime, supervisor } = self;
        tokio::task::spawn_blocking(move || {
            runtime.shutdown_timeout(std::time::Duration::from_secs(10));
            drop(supervisor);
        })
        .await
        .unwrap();
    }
}
