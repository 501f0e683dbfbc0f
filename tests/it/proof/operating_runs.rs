//! The one-way parts of the set `operating` into SQLite, compared value by value: after the first load, after thousands of random
//! edits, after faults of every kind, after crashes.
//!
//! `SFSYNC_PROOF=10` makes the campaigns ten times as long (more opportunities, more edits, more rounds of faults).

use std::sync::Arc;

use jiff::SignedDuration;
use sfsync::runtime::supervisor::Supervisor;
use sfsync_sandbox::{Customization, EditMix, OrgConfig, Population, SandboxConfig};

use super::drive;
use super::operating::{Actual, Expected};
use super::tables::listed;
use crate::harness::rig::Rig;

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

/// The stages of the simulated org in place of those that the set assumes.
const STAGES: [(&str, &str); 3] = [
    ("[Proposal, Negotiation, Closed Won]", "[Proposal/Price Quote, Negotiation/Review, Closed Won]"),
    ("[Quote Sent, Closed Won]", "[Negotiation/Review, Closed Won]"),
    ("StageName: Proposal,", "StageName: Proposal/Price Quote,"),
];

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

/// How much longer than usual.
pub fn factor() -> u32 {
    std::env::var("SFSYNC_PROOF").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// The set over an org of so many opportunities, with the expectation beside it.
pub struct Bench {
    pub rig: Rig,
    pub supervisor: Arc<Supervisor>,
    expected: Expected,
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
        rig.edit_file("projects.yaml", &STAGES);
        for name in ["SF_WEBHOOK_TOKEN", "SLACK_WEBHOOK_URL"] {
            rig.secrets.0.insert(name.to_owned(), "https://127.0.0.1/never".to_owned());
        }
        rig
    }

    /// Starts the daemon and waits for the first load.
    pub async fn start(mut rig: Rig) -> Self {
        let supervisor = rig.start().await;
        drive::loaded(&supervisor, &PIPELINES).await;
        Self { rig, supervisor, expected: Expected::default() }
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
        drive::look(&self.supervisor, &PIPELINES).await;
        self.expected.look(self.rig.sandbox.org(), &Actual::read(&self.rig.database()));
        let (rig, expected) = (&self.rig, &self.expected);
        let found = drive::eventually(&self.supervisor, async || {
            expected.differences(&Actual::read(&rig.database()))
        })
        .await;
        assert!(found.is_empty(), "{when}: {}\n{:#?}", listed(&found), self.supervisor.statuses());
        self.unexplained(when).await;
    }

    async fn unexplained(&self, when: &str) {
        for view in drive::failures(&self.supervisor).await {
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
    let mut bench = Bench::start(Bench::rig(400 * factor(), 11).await).await;
    bench.prove("after the first load").await;
    assert!(bench.rows() > 400, "{} rows", bench.rows());
    for round in 0..rounds {
        bench.edit(round * 1_000, 1_000);
        bench.prove(&format!("after {} edits", (round + 1) * 1_000)).await;
    }
    bench.rig.stop().await;
}
