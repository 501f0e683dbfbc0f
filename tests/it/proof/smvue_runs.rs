//! The set `smvue` into PostgreSQL, compared value by value: after the first load, after thousands of random edits, after faults, after
//! crashes. The tables are the app's own, with foreign keys: parents come before children, or the database refuses.

use std::sync::Arc;

use jiff::SignedDuration;
use sfsync::runtime::supervisor::Supervisor;
use sfsync_sandbox::{Customization, EditMix, Fault, FaultKind, OrgConfig, Population, SandboxConfig};
use tokio_postgres::Client;

use super::drive;
use super::faults::{self, Scripted};
use super::operating_runs::Mortal;
use super::smvue::{Actual, Expected};
use super::tables::listed;
use super::{factor, seed};
use crate::harness::postgres;
use crate::harness::rig::Rig;

const PIPELINES: [&str; 16] = [
    "team_members",
    "pipelines",
    "stages",
    "accounts",
    "contacts",
    "leads",
    "opportunities",
    "stage_history",
    "lead_history",
    "contact_roles",
    "deal_collaborators",
    "account_collaborators",
    "events",
    "tasks",
    "emails",
    // Accounts and contacts that were named meanwhile are looked at once more.
    "accounts",
];

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

const TABLES: &str = include_str!("../../../pipelines/smvue/tables.sql");

/// The set over an org of so many opportunities, with the expectation beside it.
struct Bench {
    rig: Rig,
    client: Client,
    expected: Expected,
}

impl Bench {
    async fn rig(opportunities: u32, seed: u64) -> (Rig, Client) {
        let org = OrgConfig {
            seed,
            now: Some(jiff::Timestamp::now()),
            customizations: vec![Customization::load("smvue").expect("it is shipped")],
            ..OrgConfig::default()
        };
        let population = Some(Population::around(opportunities));
        let mut rig = Rig::new(SandboxConfig { org, population, ..SandboxConfig::default() }).await;
        // Everything generated is older than any window.
        rig.sandbox.org().clock().advance(SignedDuration::from_mins(30));
        rig.copy_set("smvue");
        // It would not begin before the evening.
        rig.edit_file("opportunities.yaml", &[(", during: 20:00-06:00", "")]);
        let schema = postgres::unique_name("smvue");
        rig.write("connections/salesforce.yaml", SALESFORCE);
        let resources = std::fs::read_to_string(rig.folder().join("connections/smvue.yaml")).unwrap();
        let resources = resources.replace("type: postgres\n", &format!("type: postgres\nschema: {schema}\n"));
        rig.write("connections/smvue.yaml", &resources);
        rig.secrets.0.insert("SF_WEBHOOK_TOKEN".to_owned(), "never".to_owned());
        rig.secrets.0.insert("SMVUE_DATABASE_URL".to_owned(), postgres::url().to_owned());
        let client = postgres::connect().await;
        let prepare =
            format!("CREATE SCHEMA {schema}; SET search_path TO {schema}; SET timezone TO 'UTC'; {TABLES}");
        client.batch_execute(&prepare).await.unwrap();
        (rig, client)
    }

    async fn start((mut rig, client): (Rig, Client)) -> Self {
        let supervisor = rig.start().await;
        drive::loaded(&supervisor, &PIPELINES).await;
        Self { rig, client, expected: Expected::default() }
    }

    /// The daemon. Nobody else keeps it, so that the state is closed when it stops.
    fn supervisor(&self) -> &Arc<Supervisor> {
        self.rig.supervisor.as_ref().expect("it runs")
    }

    /// Random edits, spread over seconds of the org's clock.
    fn edit(&self, seed: u64, count: usize) {
        // Later than everything that the last look saw.
        self.rig.sandbox.org().clock().advance(SignedDuration::from_secs(2));
        for part in 0..count.div_ceil(100) {
            self.rig.sandbox.org().random_edits(
                seed + part as u64,
                100.min(count - part * 100),
                &EditMix::default(),
            );
            self.rig.sandbox.org().clock().advance(SignedDuration::from_secs(2));
        }
    }

    /// All pipelines look, and then every value must be right. A user who became an owner did not change, so only the full comparison
    /// of team_members finds them.
    async fn prove(&mut self, when: &str) {
        drive::look_at_everything(self.supervisor(), "team_members").await;
        drive::look(self.supervisor(), &PIPELINES).await;
        self.expected.look(self.rig.sandbox.org());
        let (client, expected) = (&self.client, &self.expected);
        let found =
            drive::eventually(self.supervisor(), async || expected.differences(&Actual::read(client).await))
                .await;
        assert!(found.is_empty(), "{when}: {}\n{:#?}", listed(&found), self.supervisor().statuses());
        let failures = drive::failures(self.supervisor()).await;
        assert!(failures.is_empty(), "{when}: {failures:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn smvue_holds_every_value_after_ten_thousand_edits() {
    let rounds = 10 * u64::from(factor());
    let mut bench = Bench::start(Bench::rig(300 * factor(), 21 + seed()).await).await;
    bench.prove("after the first load").await;
    let actual = Actual::read(&bench.client).await;
    for table in super::smvue::TABLES {
        assert!(actual.len(table) > 1, "{table} has {} rows", actual.len(table));
    }
    for round in 0..rounds {
        bench.edit(seed() + round * 1_000, 1_000);
        bench.prove(&format!("after {} edits", (round + 1) * 1_000)).await;
    }
    bench.rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn smvue_survives_faults_by_chance_on_any_call() {
    let mut bench = Bench::start(Bench::rig(60, 24 + seed()).await).await;
    bench.prove("after the first load").await;
    let kinds = [
        FaultKind::ServiceUnavailable,
        FaultKind::ConnectionReset { after_bytes: 300 },
        FaultKind::TruncatedBody { after_bytes: None },
        FaultKind::HtmlPage,
        FaultKind::Unauthorized,
        FaultKind::TokenRevoked,
    ];
    for round in 0..3 * u64::from(factor()) {
        bench.edit(seed() + round * 1_000, 100);
        drive::look_at_everything(bench.supervisor(), "team_members").await;
        for (seed, kind) in (round * 10..).zip(&kinds) {
            bench.rig.sandbox.faults().add(Fault::new(kind.clone()).probability(0.04, seed).times(3));
        }
        drive::look(bench.supervisor(), &PIPELINES).await;
        bench.rig.sandbox.faults().clear();
        bench.prove(&format!("after faults of round {round}")).await;
    }
    assert!(bench.rig.sandbox.faults().fired().len() >= 3, "{:?}", bench.rig.sandbox.faults().fired());
    bench.rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn smvue_survives_every_fault_of_a_first_load_by_bulk() {
    let (rig, client) = Bench::rig(11_500, 25 + seed()).await;
    let scripted = Scripted::new(rig.sandbox.faults(), faults::of_loads());
    let mut bench = Bench::start((rig, client)).await;
    scripted.end(bench.rig.sandbox.faults(), "a load by bulk");
    bench.prove("after a load by bulk").await;
    bench.rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn smvue_doubles_nothing_when_its_first_load_dies() {
    let (rig, client) = Bench::rig(80, 23 + seed()).await;
    for death in 0..6 * u64::from(factor()) {
        let daemon = Mortal::start(&rig).await;
        rig.sandbox.faults().add(Fault::new(FaultKind::Hold).nth(20 + death * 11 % 47));
        daemon.ask_all(&PIPELINES).await;
        let held = rig.sandbox.faults().wait_held(1);
        drop(tokio::time::timeout(std::time::Duration::from_secs(1), held).await);
        daemon.die().await;
        rig.sandbox.faults().clear();
    }
    let mut bench = Bench::start((rig, client)).await;
    bench.prove("after the deaths").await;
    bench.edit(1, 100);
    bench.prove("after the deaths and 100 edits").await;
    bench.rig.stop().await;
}
