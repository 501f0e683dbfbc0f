//! The set `smvue` into PostgreSQL, compared value by value: after the first load, after thousands of random edits, after faults, after
//! crashes. The tables are the app's own, with foreign keys: parents come before children, or the database refuses.

use std::sync::Arc;

use jiff::SignedDuration;
use sfsync::model::PipelineName;
use sfsync::runtime::status::State;
use sfsync::runtime::supervisor::Supervisor;
use sfsync::runtime::task::Command;
use sfsync_sandbox::{Customization, EditMix, Fault, FaultKind, OrgConfig, Population, SandboxConfig};
use tokio_postgres::Client;

use super::drive;
use super::faults::{self, Scripted};
use super::killed::{self, Moments};
use super::operating_runs::Mortal;
use super::org_rows::{records, text};
use super::smvue::{Actual, Expected};
use super::tables::listed;
use super::{FASTER, factor, seed};
use crate::harness::clock::Fast;
use crate::harness::postgres;
use crate::harness::rig::{Rig, until};

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

/// Every active user owns an opportunity from the beginning. Who owns one later is found by comparisons only, and then what was left out for want of
/// them comes, too: more than what is expected here could say.
fn everybody_owns(rig: &Rig) {
    let org = rig.sandbox.org();
    let strangers = records(
        org,
        "SELECT Id FROM User WHERE IsActive = true AND Id NOT IN (SELECT OwnerId FROM Opportunity)",
    );
    let deals = records(org, "SELECT Id, OwnerId FROM Opportunity WHERE IsClosed = false");
    let owner = |deal: &serde_json::Map<String, serde_json::Value>| text(deal, "OwnerId").map(str::to_owned);
    let mut owned = std::collections::BTreeMap::new();
    deals.values().filter_map(owner).for_each(|user| *owned.entry(user).or_insert(0) += 1);
    // Nobody loses the last one.
    let mut spare = deals.into_iter().filter_map(|(deal, record)| {
        let count = owned.get_mut(&owner(&record)?)?;
        *count -= 1;
        (*count > 0).then_some(deal)
    });
    for user in strangers.into_keys() {
        let deal = spare.next().expect("there are more deals than owners");
        let owner = serde_json::json!({ "OwnerId": user });
        org.update("Opportunity", &deal, owner.as_object().expect("it is one").clone()).unwrap();
    }
    let strangers = records(
        org,
        "SELECT Id FROM User WHERE IsActive = true AND Id NOT IN (SELECT OwnerId FROM Opportunity)",
    );
    assert!(strangers.is_empty(), "{strangers:?}");
    org.clock().advance(SignedDuration::from_mins(30));
}

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
        rig.clock = Arc::new(Fast::by(FASTER));
        let supervisor = rig.start().await;
        drive::loaded(&supervisor, &PIPELINES).await;
        Self { rig, client, expected: Expected::default() }
    }

    /// The daemon. Nobody else keeps it, so that the state is closed when it stops.
    fn supervisor(&self) -> &Arc<Supervisor> {
        self.rig.supervisor.as_ref().expect("it runs")
    }

    /// After the daily limit nothing is asked for a quarter of an hour; a new daemon has not heard of it.
    async fn rest_until_restarted(&mut self) {
        let name = "opportunities";
        self.supervisor().command(&PipelineName::from(name), Command::Sync { full: false }).await;
        until(self.supervisor(), name, |status| status.state == State::Degraded).await;
        self.rig.stop().await;
        self.rig.start().await;
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

    /// Kills the process some time after it began, at its next commit to the database: rows are stored and not yet linked.
    async fn kill(&self, life: std::time::Duration) {
        let mut daemon = killed::spawn(&self.rig, "text");
        drop(tokio::time::timeout(life, std::future::pending::<()>()).await);
        let rows = super::smvue::TABLES.map(|table| format!("(SELECT count(*) FROM {table})")).join(" + ");
        let sql = format!("SELECT {rows}");
        let count = async || self.client.query_one(&sql, &[]).await.unwrap().get::<_, i64>(0);
        let (before, until) =
            (count().await, std::time::Instant::now() + std::time::Duration::from_millis(300));
        while count().await == before && std::time::Instant::now() < until {}
        let ended = daemon.try_wait().unwrap();
        daemon.kill().unwrap();
        daemon.wait().unwrap();
        let log = std::fs::read_to_string(self.rig.dir.path().join("log")).unwrap_or_default();
        assert!(ended.is_none(), "it ended by itself: {ended:?}\n{log}");
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
        let failures = drive::failures(self.supervisor()).await;
        assert!(failures.is_empty(), "{when}: {failures:#?}\n{}", listed(&found));
        assert!(found.is_empty(), "{when}: {}\n{:#?}", listed(&found), self.supervisor().statuses());
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
async fn smvue_survives_every_fault_of_a_poll() {
    let (rig, client) = Bench::rig(300, 22 + seed()).await;
    everybody_owns(&rig);
    let mut bench = Bench::start((rig, client)).await;
    bench.prove("after the first load").await;
    for round in 0..u64::from(factor()) {
        let mishaps = faults::of_polls(bench.rig.sandbox.org());
        let (limit, mut others): (Vec<_>, Vec<_>) =
            mishaps.into_iter().partition(|mishap| mishap.name == "the daily limit");
        let mut groups = vec![limit];
        while !others.is_empty() {
            groups.push(others.drain(..others.len().min(4)).collect());
        }
        for (number, group) in (0_u64..).zip(groups) {
            bench.edit(round * 100_000 + number * 100, 100);
            let when = format!("{:?}", group.iter().map(|mishap| mishap.name).collect::<Vec<_>>());
            let scripted = Scripted::new(bench.rig.sandbox.faults(), group);
            if number == 0 {
                bench.rest_until_restarted().await;
            } else {
                drive::look(bench.supervisor(), &PIPELINES).await;
            }
            scripted.end(bench.rig.sandbox.faults(), &when);
            bench.prove(&when).await;
        }
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
    everybody_owns(&rig);
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
    // Dying takes a moment in which the connection breaks: whose answer was lost is tried again within a minute.
    drive::retry(bench.supervisor()).await;
    bench.prove("after the deaths").await;
    bench.edit(1, 100);
    bench.prove("after the deaths and 100 edits").await;
    bench.rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn smvue_survives_kills_of_the_process() {
    let (rig, client) = Bench::rig(300, 26 + seed()).await;
    everybody_owns(&rig);
    let mut bench = Bench { rig, client, expected: Expected::default() };
    let mut moments = Moments(seed() + 1);
    for phase in 0..2 * u64::from(factor()) {
        for _ in 0..6 {
            bench.kill(moments.next()).await;
        }
        let supervisor = bench.rig.start().await;
        drive::loaded(&supervisor, &PIPELINES).await;
        drop(supervisor);
        bench.prove(&format!("after {} kills", 6 * (phase + 1))).await;
        bench.rig.stop().await;
        bench.edit(seed() + phase * 1_000, 200);
    }
    bench.rig.stop().await;
}
