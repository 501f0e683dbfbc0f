//! What Salesforce calculates moves without a stamp and without an event: formulas, roll-ups, fields of parents.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sfsync::model::Clock;
use sfsync::runtime::clock::SystemClock;
use sfsync::runtime::status::State;
use sfsync::runtime::supervisor::{Options, Supervisor};
use sfsync_sandbox::org::{Customization, QueryOptions};
use sfsync_sandbox::{OrgConfig, Population, SandboxConfig};

use crate::harness::rig::{Rig, until};
use crate::harness::small::Small;

const FIELDS: &str = "\
fields:
  Opportunity:
    Owner_Mail__c: { type: formula, returns: text, formula: Owner.Email }
  Account:
    Pipeline__c: { type: rollup, returns: currency, formula: sum(Opportunity.AccountId.Amount) }
    Deals__c: { type: rollup, returns: number, formula: count(Opportunity.AccountId) }
";

/// Rows with keys of their own: pairs are remembered.
const TABLES: &str = "
CREATE TABLE deals (id INTEGER PRIMARY KEY, salesforce_id TEXT, name TEXT, owner_mail TEXT, title TEXT);
CREATE TABLE clients (id INTEGER PRIMARY KEY, salesforce_id TEXT, name TEXT, pipeline NUMERIC, deals INTEGER);
CREATE TABLE written (what TEXT);
CREATE TRIGGER deals_name AFTER UPDATE OF name ON deals BEGIN INSERT INTO written VALUES ('deals.name'); END;
CREATE TRIGGER deals_mail AFTER UPDATE OF owner_mail ON deals BEGIN INSERT INTO written VALUES ('deals.owner_mail'); END;
CREATE TRIGGER deals_title AFTER UPDATE OF title ON deals BEGIN INSERT INTO written VALUES ('deals.title'); END;
CREATE TRIGGER clients_name AFTER UPDATE OF name ON clients BEGIN INSERT INTO written VALUES ('clients.name'); END;
CREATE TRIGGER clients_pipeline AFTER UPDATE OF pipeline ON clients BEGIN INSERT INTO written VALUES ('clients.pipeline'); END;
";

const DEALS: &str = "\
salesforce: { object: Opportunity, poll: 1 second }
app: warehouse.deals
to_app: [create, update]
match: [salesforce_id]
reconcile: weekly
fields:
  - { salesforce: Id,            app: salesforce_id }
  - { salesforce: Name,          app: name }
  - { salesforce: Owner_Mail__c, app: owner_mail }
  - { app: title, to_app: '`${record.Name} of ${record.Account.Name}`' }
";

const CLIENTS: &str = "\
salesforce: { object: Account, poll: 1 second }
app: warehouse.clients
to_app: [create, update]
match: [salesforce_id]
reconcile: weekly
fields:
  - { salesforce: Id,          app: salesforce_id }
  - { salesforce: Name,        app: name }
  - { salesforce: Pipeline__c, app: pipeline }
  - { salesforce: Deals__c,    app: deals }
";

/// A clock that can be put ahead.
#[derive(Default)]
struct Ahead(AtomicI64);

#[async_trait::async_trait]
impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock.now() + SignedDuration::from_secs(self.0.load(Ordering::Relaxed))
    }

    async fn sleep(&self, length: Duration) {
        SystemClock.sleep(length).await;
    }
}

/// The daemon, and its time.
struct Bench {
    small: Small,
    clock: Arc<Ahead>,
}

impl Bench {
    async fn of(tables: &str, files: &[(&str, &str)]) -> Self {
        let customizations = vec![Customization::parse("custom", FIELDS).unwrap()];
        let org = OrgConfig { customizations, ..OrgConfig::default() };
        let population = Some(Population::around(20));
        let mut rig = Rig::new(SandboxConfig { org, population, ..SandboxConfig::default() }).await;
        rig.copy_set("quickstart");
        for name in ["accounts", "owners", "opportunities"] {
            std::fs::remove_file(rig.folder().join(format!("{name}.yaml"))).unwrap();
        }
        rig.database().execute_batch(tables).unwrap();
        for (name, text) in files {
            rig.write(name, text);
        }
        let clock = Arc::new(Ahead::default());
        let time = Arc::clone(&clock) as Arc<dyn Clock>;
        let daemon = Supervisor::start(Options { clock: time, ..rig.options() }).await.unwrap();
        rig.supervisor = Some(Arc::clone(&daemon));
        let bench = Self { small: Small { rig, daemon }, clock };
        for (name, _) in files {
            let name = name.trim_end_matches(".yaml");
            until(&bench.small.daemon, name, |now| now.state == State::Running && now.passes > 1).await;
        }
        bench
    }

    /// What was changed until now is no longer read again by every look, as what has just changed is.
    async fn settles(&self) {
        self.small.rig.sandbox.org().clock().advance(SignedDuration::from_hours(1));
        for _ in 0..2 {
            self.small.caught_up().await;
        }
    }

    fn goes_by(&self, length: SignedDuration) {
        self.clock.0.fetch_add(length.as_secs(), Ordering::Relaxed);
    }

    fn stamp(&self, object: &str, id: &str) -> String {
        self.said(object, "SystemModstamp", &format!("Id = '{id}'"))
    }

    fn said(&self, object: &str, field: &str, condition: &str) -> String {
        let org = self.small.rig.sandbox.org();
        let soql = format!("SELECT {field} FROM {object} WHERE {condition} LIMIT 1");
        let found = org.query(&soql, &QueryOptions::default()).unwrap();
        let mut body = Vec::new();
        org.render_json(&found, 0..1, &mut body);
        serde_json::from_slice::<serde_json::Value>(&body).unwrap()[field].as_str().unwrap().to_owned()
    }

    /// Waits until a look has brought it.
    async fn comes(&self, pipeline: &str, sql: &str, wanted: i64) {
        until(&self.small.daemon, pipeline, |_| self.small.number(sql) == wanted).await;
    }

    fn written(&self) -> Vec<String> {
        let database = self.small.rig.database();
        let mut all = database.prepare("SELECT what FROM written ORDER BY what").unwrap();
        let all = all.query_map([], |row| row.get(0)).unwrap();
        all.map(Result::unwrap).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_formula_that_moves_without_the_stamp_is_there_within_an_hour() {
    let bench = Bench::of(TABLES, &[("deals.yaml", DEALS)]).await;
    let small = &bench.small;
    let owner = bench.said("User", "Id", "Email LIKE 'user03@%'");
    let (account, deal) = small.deal("Renewal");
    small.update("Opportunity", &deal, json!({ "OwnerId": owner }));
    let of = |mail: &str| {
        format!("SELECT count(*) FROM deals WHERE salesforce_id = '{deal}' AND owner_mail = '{mail}'")
    };
    bench.comes("deals", &of("user03@acme.example"), 1).await;
    bench.settles().await;
    let stamp = bench.stamp("Opportunity", &deal);
    let theirs = small.number("SELECT count(*) FROM deals WHERE owner_mail = 'user03@acme.example'");
    small.rig.database().execute_batch("DELETE FROM written").unwrap();
    small.update("User", &owner, json!({ "Email": "zoe@acme.example" }));
    assert_eq!(bench.stamp("Opportunity", &deal), stamp, "nothing tells of it");
    small.caught_up().await;
    small.caught_up().await;
    assert_eq!(small.number(&of("zoe@acme.example")), 0);
    let before = small.totals("deals");
    bench.goes_by(SignedDuration::from_mins(61));
    bench.comes("deals", &of("zoe@acme.example"), 1).await;
    bench.comes("deals", "SELECT count(*) FROM deals WHERE owner_mail = 'zoe@acme.example'", theirs).await;
    until(&small.daemon, "deals", |now| now.totals.updated - before.updated == theirs.unsigned_abs()).await;
    // Only those were read as a whole, and only what differs was written.
    let read = small.totals("deals").read - before.read;
    assert!(read < 20, "{read} of {}", small.number("SELECT count(*) FROM deals"));
    assert_eq!(bench.written(), vec!["deals.owner_mail"; usize::try_from(theirs).unwrap()]);
    // The name of a parent is in an expression.
    small.rig.database().execute_batch("DELETE FROM written").unwrap();
    small.update("Account", &account, json!({ "Name": "Gamma" }));
    assert_eq!(bench.stamp("Opportunity", &deal), stamp);
    bench.goes_by(SignedDuration::from_mins(61));
    let title =
        format!("SELECT count(*) FROM deals WHERE salesforce_id = '{deal}' AND title = 'Renewal of Gamma'");
    bench.comes("deals", &title, 1).await;
    assert_eq!(bench.written(), ["deals.title"]);
    assert_eq!(small.status("deals").comparisons, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roll_up_that_moves_without_the_stamp_is_there_within_an_hour() {
    let bench = Bench::of(TABLES, &[("clients.yaml", CLIENTS)]).await;
    let small = &bench.small;
    let (account, deal) = small.deal("First");
    let of = |sum: i64, count: i64| {
        format!(
            "SELECT count(*) FROM clients WHERE salesforce_id = '{account}' AND coalesce(pipeline, 0) = {sum} AND deals = {count}"
        )
    };
    until(&small.daemon, "clients", |_| small.number(&of(0, 0)) + small.number(&of(0, 1)) == 1).await;
    bench.settles().await;
    let stamp = bench.stamp("Account", &account);
    small.update("Opportunity", &deal, json!({ "Amount": 1_200 }));
    small.insert(
        "Opportunity",
        json!({ "Name": "Second", "StageName": "Prospecting", "CloseDate": "2026-12-01", "AccountId": account, "Amount": 300 }),
    );
    assert_eq!(bench.stamp("Account", &account), stamp, "nothing tells of it");
    small.caught_up().await;
    assert_eq!(small.number(&of(1_500, 2)), 0);
    small.rig.database().execute_batch("DELETE FROM written").unwrap();
    bench.goes_by(SignedDuration::from_mins(61));
    bench.comes("clients", &of(1_500, 2), 1).await;
    assert_eq!(bench.written(), ["clients.pipeline"]);
    small.rig.sandbox.org().delete("Opportunity", &deal).unwrap();
    bench.goes_by(SignedDuration::from_mins(61));
    bench.comes("clients", &of(300, 1), 1).await;
    assert_eq!(bench.written(), ["clients.pipeline"; 2]);
    // Nobody asks again before the hour is over, and nothing is written again.
    let before = small.totals("clients");
    bench.goes_by(SignedDuration::from_mins(61));
    small.caught_up().await;
    small.caught_up().await;
    assert_eq!(small.totals("clients").updated, before.updated);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_is_refreshed_by_the_comparison() {
    let mirror = DEALS.replace("weekly", "daily").replace("title, to_app", "label, to_app");
    let tables =
        "CREATE TABLE deals (salesforce_id TEXT PRIMARY KEY, name TEXT, owner_mail TEXT, label TEXT)";
    let bench = Bench::of(tables, &[("deals.yaml", &mirror)]).await;
    let small = &bench.small;
    let (_, deal) = small.deal("Renewal");
    let owner = bench.said("User", "Id", "Email LIKE 'user03@%'");
    small.update("Opportunity", &deal, json!({ "OwnerId": owner }));
    let of = |mail: &str| {
        format!("SELECT count(*) FROM deals WHERE salesforce_id = '{deal}' AND owner_mail = '{mail}'")
    };
    bench.comes("deals", &of("user03@acme.example"), 1).await;
    bench.settles().await;
    small.update("User", &owner, json!({ "Email": "zoe@acme.example" }));
    small.caught_up().await;
    assert_eq!(small.number(&of("zoe@acme.example")), 0);
    bench.goes_by(SignedDuration::from_hours(25));
    bench.comes("deals", &of("zoe@acme.example"), 1).await;
    until(&small.daemon, "deals", |now| now.comparisons > 0).await;
}
