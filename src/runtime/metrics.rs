//! The metrics of section 7.3 of the language, in one registry. Labels are names of files, pipelines, connections and states; never a
//! record, a value or a secret. [`Metrics::text`] is what `GET /metrics` answers.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::control::ApiUse;
use super::status::{PipelineStatus, State};
use crate::model::{Counts, PipelineName};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct File {
    file: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Pipeline {
    pipeline: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct InState {
    pipeline: String,
    state: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Done {
    pipeline: String,
    direction: String,
    op: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Connection {
    connection: String,
}

/// All states of `sfsync_pipeline_state`; the one that holds is 1.
const STATES: [State; 8] = [
    State::Running,
    State::Loading,
    State::Degraded,
    State::Blocked,
    State::Approval,
    State::Paused,
    State::Disabled,
    State::Invalid,
];

/// Every metric of the daemon. Cheap to update from any task.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    reload_ok: Family<File, Gauge>,
    reload_at: Family<File, Gauge>,
    state: Family<InState, Gauge>,
    records: Family<Done, Counter>,
    failures: Family<Pipeline, Gauge>,
    held: Family<Pipeline, Gauge>,
    queue: Family<Pipeline, Gauge>,
    lag: Family<Pipeline, Gauge>,
    push_up: Family<Pipeline, Gauge>,
    repairs: Family<Pipeline, Counter>,
    calls: Family<Connection, Counter>,
    budget_left: Family<Connection, Gauge>,
    caught_up: Mutex<HashMap<PipelineName, Timestamp>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// An empty registry.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        macro_rules! register {
            ($name:literal, $help:literal) => {{
                let family = Family::default();
                registry.register($name, $help, family.clone());
                family
            }};
        }
        Self {
            reload_ok: register!(
                "sfsync_config_last_reload_successful",
                "1 if the file on disk is what runs"
            ),
            reload_at: register!(
                "sfsync_config_last_reload_success_timestamp_seconds",
                "When the file was taken over last"
            ),
            state: register!("sfsync_pipeline_state", "1 for the state the pipeline is in"),
            records: register!("sfsync_records", "Settled records by what was done"),
            failures: register!("sfsync_failures", "Failed records that wait for a retry or a person"),
            held: register!("sfsync_held", "Records held for a person"),
            queue: register!("sfsync_queue", "Records known to need work"),
            lag: register!(
                "sfsync_lag_seconds",
                "Age of the moment up to which everything was read and settled"
            ),
            push_up: register!("sfsync_push_up", "1 if changes arrive by push"),
            repairs: register!("sfsync_reconcile_differences", "Repairs that push and poll had missed"),
            calls: register!("sfsync_salesforce_api_calls", "Calls of the Salesforce API"),
            budget_left: register!("sfsync_salesforce_api_budget_remaining", "Calls left of the budget"),
            caught_up: Mutex::default(),
            registry,
        }
    }

    /// A file was read: whether it is what runs now.
    pub fn reloaded(&self, file: &str, good: bool, now: Timestamp) {
        let label = File { file: file.to_owned() };
        self.reload_ok.get_or_create(&label).set(i64::from(good));
        if good {
            self.reload_at.get_or_create(&label).set(now.as_second());
        }
    }

    /// A file is gone.
    pub fn forget_file(&self, file: &str) {
        let label = File { file: file.to_owned() };
        self.reload_ok.remove(&label);
        self.reload_at.remove(&label);
    }

    /// How a pipeline is now; called whenever its status changes.
    pub fn pipeline(&self, status: &PipelineStatus) {
        let pipeline = status.name.to_string();
        for state in STATES {
            let label = InState { pipeline: pipeline.clone(), state: state.name().to_owned() };
            self.state.get_or_create(&label).set(i64::from(state == status.state));
        }
        let label = Pipeline { pipeline };
        let gauges = [
            (&self.failures, status.counts.failed),
            (&self.held, status.counts.held),
            (&self.queue, status.counts.queued),
        ];
        for (family, value) in gauges {
            family.get_or_create(&label).set(i64::try_from(value).unwrap_or(i64::MAX));
        }
        let push = status.conditions.iter().find(|condition| condition.kind == "Push");
        if let Some(push) = push {
            self.push_up.get_or_create(&label).set(i64::from(push.status));
        }
        if let Some(moment) = status.caught_up {
            let mut caught_up = self.caught_up.lock().unwrap_or_else(PoisonError::into_inner);
            caught_up.insert(status.name.clone(), moment);
        }
    }

    /// A pipeline is gone: its series end.
    pub fn forget(&self, name: &PipelineName) {
        let pipeline = name.to_string();
        for state in STATES {
            self.state.remove(&InState { pipeline: pipeline.clone(), state: state.name().to_owned() });
        }
        let label = Pipeline { pipeline };
        for family in [&self.failures, &self.held, &self.queue, &self.lag, &self.push_up] {
            family.remove(&label);
        }
        self.caught_up.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// A batch towards the app was committed.
    pub fn settled(&self, name: &PipelineName, counts: &Counts) {
        self.settled_towards(name, "to_app", counts);
    }

    /// A batch was committed; `direction` is `to_app` or `to_salesforce`.
    pub fn settled_towards(&self, name: &PipelineName, direction: &str, counts: &Counts) {
        for (op, count) in by_op(counts) {
            if count > 0 {
                let (pipeline, direction) = (name.to_string(), direction.to_owned());
                self.records.get_or_create(&Done { pipeline, direction, op: op.to_owned() }).inc_by(count);
            }
        }
    }

    /// A reconciliation repaired differences.
    pub fn repaired(&self, name: &PipelineName, differences: u64) {
        self.repairs.get_or_create(&Pipeline { pipeline: name.to_string() }).inc_by(differences);
    }

    /// Calls of an org's API were made.
    pub fn api_calls(&self, connection: &str, calls: u64) {
        self.calls.get_or_create(&Connection { connection: connection.to_owned() }).inc_by(calls);
    }

    /// What is left of the budget of an org.
    pub fn api(&self, usage: &ApiUse) {
        let label = Connection { connection: usage.connection.clone() };
        if let Some(budget) = usage.budget {
            let left = i64::try_from(budget.saturating_sub(usage.used)).unwrap_or(i64::MAX);
            self.budget_left.get_or_create(&label).set(left);
        }
    }

    /// Everything in the text format of Prometheus (OpenMetrics). `now` is for the lags.
    pub fn text(&self, now: Timestamp) -> String {
        for (name, moment) in self.caught_up.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let label = Pipeline { pipeline: name.to_string() };
            self.lag.get_or_create(&label).set((now.as_second() - moment.as_second()).max(0));
        }
        let mut text = String::new();
        if prometheus_client::encoding::text::encode(&mut text, &self.registry).is_err() {
            let _ = writeln!(text, "# EOF");
        }
        text
    }
}

/// The values of the label `op`.
fn by_op(counts: &Counts) -> [(&'static str, u64); 10] {
    [
        ("read", counts.read),
        ("create", counts.created),
        ("update", counts.updated),
        ("delete", counts.deleted),
        ("link", counts.linked),
        ("unchanged", counts.unchanged),
        ("skip", counts.skipped),
        ("wait", counts.waiting),
        ("hold", counts.held),
        ("fail", counts.failed),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::status::{Condition, ConfigStatus, StatusCounts};

    fn status(state: State) -> PipelineStatus {
        PipelineStatus {
            name: PipelineName::from("deals"),
            state,
            message: String::new(),
            config: ConfigStatus::default(),
            conditions: vec![Condition {
                kind: "Push".into(),
                status: true,
                reason: String::new(),
                message: String::new(),
                since: None,
            }],
            counts: StatusCounts { linked: 9, queued: 2, held: 1, failed: 3 },
            caught_up: Some(Timestamp::from_second(1_000).unwrap()),
            push: String::new(),
            progress: None,
            totals: Counts::default(),
            passes: 0,
            next_look: None,
        }
    }

    #[test]
    fn every_metric_of_the_language_is_there() {
        let metrics = Metrics::new();
        let deals = PipelineName::from("deals");
        metrics.reloaded("deals.yaml", true, Timestamp::from_second(77).unwrap());
        metrics.reloaded("deals.yaml", false, Timestamp::from_second(99).unwrap());
        metrics.pipeline(&status(State::Loading));
        metrics.pipeline(&status(State::Running));
        metrics.settled(&deals, &Counts { created: 4, ..Counts::default() });
        metrics.settled(&deals, &Counts { created: 1, failed: 1, ..Counts::default() });
        metrics.repaired(&deals, 6);
        metrics.api_calls("salesforce", 5);
        let usage = ApiUse { connection: "salesforce".into(), used: 40, budget: Some(100), org: None };
        metrics.api(&usage);
        let text = metrics.text(Timestamp::from_second(1_030).unwrap());
        for line in [
            r#"sfsync_config_last_reload_successful{file="deals.yaml"} 0"#,
            r#"sfsync_config_last_reload_success_timestamp_seconds{file="deals.yaml"} 77"#,
            r#"sfsync_pipeline_state{pipeline="deals",state="running"} 1"#,
            r#"sfsync_pipeline_state{pipeline="deals",state="loading"} 0"#,
            r#"sfsync_records_total{pipeline="deals",direction="to_app",op="create"} 5"#,
            r#"sfsync_records_total{pipeline="deals",direction="to_app",op="fail"} 1"#,
            r#"sfsync_failures{pipeline="deals"} 3"#,
            r#"sfsync_held{pipeline="deals"} 1"#,
            r#"sfsync_queue{pipeline="deals"} 2"#,
            r#"sfsync_lag_seconds{pipeline="deals"} 30"#,
            r#"sfsync_push_up{pipeline="deals"} 1"#,
            r#"sfsync_salesforce_api_calls_total{connection="salesforce"} 5"#,
            r#"sfsync_salesforce_api_budget_remaining{connection="salesforce"} 60"#,
            r#"sfsync_reconcile_differences_total{pipeline="deals"} 6"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
    }

    #[test]
    fn what_is_gone_is_shown_no_more() {
        let metrics = Metrics::new();
        metrics.pipeline(&status(State::Running));
        metrics.reloaded("deals.yaml", true, Timestamp::UNIX_EPOCH);
        metrics.forget(&PipelineName::from("deals"));
        metrics.forget_file("deals.yaml");
        let text = metrics.text(Timestamp::UNIX_EPOCH);
        assert!(!text.contains("deals"), "{text}");
    }
}
