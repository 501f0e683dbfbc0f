//! A small sfsync for tests of reloads: an org with a few accounts and opportunities, two pipelines, everything polled fast.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value as Json};
use sfsync::model::{Counts, PipelineName};
use sfsync::runtime::control::ReloadReport;
use sfsync::runtime::status::{PipelineStatus, State};
use sfsync::runtime::supervisor::Supervisor;
use sfsync::runtime::watch::Timing;
use sfsync_sandbox::{Population, SandboxConfig};

use super::rig::{PATIENCE, Rig, caught_up, until};

/// Accounts that opportunities look up.
pub const ACCOUNTS: &str = "\
salesforce: { object: Account, poll: 1 second }
app: warehouse.clients
to_app: [create, update]
match: [salesforce_id]
reconcile: off
fields:
  - { salesforce: Id,   app: salesforce_id }
  - { salesforce: Name, app: name }
";

/// Opportunities with the account they belong to.
pub const DEALS: &str = "\
salesforce: { object: Opportunity, poll: 1 second }
app: warehouse.deals
to_app: [create, update]
match: [salesforce_id]
reconcile: off
fields:
  - { salesforce: Id,        app: salesforce_id }
  - { salesforce: Name,      app: name }
  - { salesforce: StageName, app: stage }
  - { salesforce: AccountId, app: client_id, lookup: accounts, missing: empty }
";

/// The rig and the supervisor that runs.
pub struct Small {
    pub rig: Rig,
    pub daemon: Arc<Supervisor>,
}

impl Small {
    /// An org with about so many opportunities and no pipeline file yet.
    pub async fn empty(opportunities: u32) -> Rig {
        let population = Some(Population::around(opportunities));
        let rig = Rig::new(SandboxConfig { population, ..SandboxConfig::default() }).await;
        rig.copy_set("quickstart");
        for name in ["accounts", "owners", "opportunities"] {
            std::fs::remove_file(rig.folder().join(format!("{name}.yaml"))).unwrap();
        }
        rig
    }

    /// Accounts and deals, loaded.
    pub async fn loaded(opportunities: u32) -> Self {
        let rig = Self::empty(opportunities).await;
        rig.write("accounts.yaml", ACCOUNTS);
        rig.write("deals.yaml", DEALS);
        let small = Self::of(rig).await;
        small.caught_up().await;
        small
    }

    /// A rig, started.
    pub async fn of(mut rig: Rig) -> Self {
        let daemon = rig.start().await;
        Self { rig, daemon }
    }

    /// Stops and starts the daemon.
    pub async fn restart(mut self) -> Self {
        self.rig.stop().await;
        drop(self.daemon);
        Self::of(self.rig).await
    }

    /// All pipelines have looked after now.
    pub async fn caught_up(&self) {
        for status in self.daemon.statuses() {
            if matches!(status.state, State::Running | State::Loading) {
                caught_up(&self.daemon, status.name.as_str()).await;
            }
        }
    }

    /// A pipeline that cannot begin yet begins, and has looked.
    pub async fn caught_up_once(&self, name: &str) -> PipelineStatus {
        until(&self.daemon, name, |status| status.state == State::Running && status.passes > 0).await
    }

    /// Follows files with a short silence.
    pub fn follow(&self) {
        self.daemon.follow(Timing { silence: Duration::from_millis(50), every: Duration::from_secs(3600) });
    }

    /// Writes a file and loads the folder.
    pub async fn reload(&self, name: &str, text: &str) -> ReloadReport {
        self.rig.write(name, text);
        self.daemon.reload_now(false).await.unwrap()
    }

    /// Removes a file and loads the folder.
    pub async fn remove(&self, name: &str) -> ReloadReport {
        std::fs::remove_file(self.rig.folder().join(name)).unwrap();
        self.daemon.reload_now(false).await.unwrap()
    }

    /// The status as it is.
    pub fn status(&self, name: &str) -> PipelineStatus {
        self.daemon.statuses().into_iter().find(|status| status.name.as_str() == name).unwrap()
    }

    /// What was done since the start.
    pub fn totals(&self, name: &str) -> Counts {
        self.status(name).totals
    }

    /// Waits for a state.
    pub async fn state(&self, name: &str, state: State) -> PipelineStatus {
        until(&self.daemon, name, |status| status.state == state).await
    }

    /// One number of the app's database.
    pub fn number(&self, sql: &str) -> i64 {
        self.rig.database().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// One text of the app's database.
    pub fn text(&self, sql: &str) -> Option<String> {
        self.rig.database().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Looks until the app's database answers so.
    pub async fn becomes(&self, pipeline: &str, sql: &str, wanted: i64) {
        let look = async {
            while self.number(sql) != wanted {
                caught_up_whatever(&self.daemon, pipeline).await;
            }
        };
        let came = tokio::time::timeout(PATIENCE, look).await.is_ok();
        assert!(came, "{sql} is {}, not {wanted}: {:?}", self.number(sql), self.daemon.statuses());
    }

    /// Creates a record.
    pub fn insert(&self, object: &str, fields: Json) -> String {
        self.rig.sandbox.org().insert(object, map(fields)).unwrap().to_string()
    }

    /// Changes a record.
    pub fn update(&self, object: &str, id: &str, fields: Json) {
        self.rig.sandbox.org().update(object, id, map(fields)).unwrap();
    }

    /// An account with a deal: their ids.
    pub fn deal(&self, name: &str) -> (String, String) {
        let account = self.insert("Account", serde_json::json!({ "Name": format!("{name} Ltd") }));
        let deal = self.insert(
            "Opportunity",
            serde_json::json!({ "Name": name, "StageName": "Prospecting", "CloseDate": "2026-12-01", "AccountId": account }),
        );
        (account, deal)
    }

    /// Compares everything.
    pub async fn full(&self, name: &str) {
        let before = self.status(name).passes;
        self.daemon
            .command(&PipelineName::from(name), sfsync::runtime::task::Command::Sync { full: true })
            .await;
        until(&self.daemon, name, |status| status.passes > before).await;
    }
}

async fn caught_up_whatever(daemon: &Supervisor, name: &str) {
    let before = until(daemon, name, |_| true).await.passes;
    daemon.command(&PipelineName::from(name), sfsync::runtime::task::Command::Sync { full: false }).await;
    until(daemon, name, |status| status.passes > before).await;
}

fn map(json: Json) -> Map<String, Json> {
    match json {
        Json::Object(map) => map,
        other => panic!("no object: {other}"),
    }
}

/// The state of a file in a report.
pub fn file_state<'a>(report: &'a ReloadReport, name: &str) -> &'a str {
    let end = format!("/{name}");
    &report
        .files
        .iter()
        .find(|file| file.file.ends_with(&end))
        .unwrap_or_else(|| panic!("{name} is not in {report:?}"))
        .state
}

/// The codes of a report's messages.
pub fn codes(report: &ReloadReport) -> Vec<&str> {
    report.diagnostics.iter().map(|message| message.code.as_str()).collect()
}
