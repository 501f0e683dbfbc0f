//! The counters and gauges of section 7.3 of the language. Labels are names of pipelines, files and connections; never a value of a record.

use std::fmt::Write as _;
use std::sync::atomic::AtomicU64;

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::control::ApiUse;
use super::status::{Comparison, PipelineStatus, State};
use crate::model::{Counts, PipelineName};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfPipeline {
    pipeline: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct InState {
    pipeline: String,
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfOp {
    pipeline: String,
    direction: &'static str,
    op: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfFile {
    file: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfCall {
    connection: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfConnection {
    connection: String,
}

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

/// The registry of one daemon.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    reload_ok: Family<OfFile, Gauge>,
    reload_at: Family<OfFile, Gauge>,
    state: Family<InState, Gauge>,
    records: Family<OfOp, Counter>,
    failures: Family<OfPipeline, Gauge>,
    held: Family<OfPipeline, Gauge>,
    queue: Family<OfPipeline, Gauge>,
    lag: Family<OfPipeline, Gauge<f64, AtomicU64>>,
    push_up: Family<OfPipeline, Gauge>,
    push_gaps: Family<OfConnection, Counter>,
    hooks: Family<OfCall, Counter>,
    api_calls: Family<OfConnection, Counter>,
    api_left: Family<OfConnection, Gauge>,
    repairs: Family<OfPipeline, Counter>,
    differences: Family<OfPipeline, Gauge>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All metrics, at zero.
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("sfsync"),
            reload_ok: Family::default(),
            reload_at: Family::default(),
            state: Family::default(),
            records: Family::default(),
            failures: Family::default(),
            held: Family::default(),
            queue: Family::default(),
            lag: Family::default(),
            push_up: Family::default(),
            push_gaps: Family::default(),
            hooks: Family::default(),
            api_calls: Family::default(),
            api_left: Family::default(),
            repairs: Family::default(),
            differences: Family::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "config_last_reload_successful",
            "1 if the file on disk runs",
            self.reload_ok.clone(),
        );
        registry.register(
            "config_last_reload_success_timestamp_seconds",
            "When the running version was taken over",
            self.reload_at.clone(),
        );
        registry.register("pipeline_state", "1 for the state the pipeline is in", self.state.clone());
        registry.register("records", "Records by what was done with them", self.records.clone());
        registry.register("failures", "Failed records that wait", self.failures.clone());
        registry.register("held", "Records held for a person", self.held.clone());
        registry.register("queue", "Records known to need work", self.queue.clone());
        registry.register(
            "lag_seconds",
            "Age of the newest moment up to which everything was read",
            self.lag.clone(),
        );
        registry.register("push_up", "1 if news arrive at once", self.push_up.clone());
        registry.register(
            "push_gaps",
            "Times that news were lost and everything since the last look was read once",
            self.push_gaps.clone(),
        );
        registry.register("hooks", "Calls from outside by what became of them", self.hooks.clone());
        registry.register("salesforce_api_calls", "API calls of this daemon", self.api_calls.clone());
        registry.register(
            "salesforce_api_budget_remaining",
            "API calls left of the budget",
            self.api_left.clone(),
        );
        registry.register(
            "reconcile_differences",
            "Repairs of a reconciliation that push and poll had missed",
            self.repairs.clone(),
        );
        registry.register(
            "differences",
            "Records that differed when everything was compared last; 0 if both sides were equal",
            self.differences.clone(),
        );
    }

    /// A batch was committed: what of it flowed in a direction.
    pub fn settled(&self, pipeline: &PipelineName, direction: &'static str, counts: &Counts) {
        let ops = [
            ("create", counts.created),
            ("update", counts.updated),
            ("delete", counts.deleted),
            ("link", counts.linked),
            ("none", counts.unchanged),
            ("skip", counts.skipped),
            ("wait", counts.waiting),
            ("hold", counts.held),
            ("fail", counts.failed),
        ];
        for (op, count) in ops.into_iter().filter(|(_, count)| *count > 0) {
            let labels = OfOp { pipeline: pipeline.to_string(), direction, op };
            self.records.get_or_create(&labels).inc_by(count);
        }
    }

    /// A reconciliation repaired so many differences.
    pub fn repaired(&self, pipeline: &PipelineName, count: u64) {
        self.repairs.get_or_create(&OfPipeline { pipeline: pipeline.to_string() }).inc_by(count);
    }

    /// Everything was compared.
    pub fn compared(&self, pipeline: &PipelineName, comparison: &Comparison) {
        let differed = i64::try_from(comparison.differed).unwrap_or(i64::MAX);
        self.differences.get_or_create(&OfPipeline { pipeline: pipeline.to_string() }).set(differed);
    }

    /// A status changed.
    pub fn pipeline(&self, status: &PipelineStatus) {
        let pipeline = status.name.to_string();
        for state in STATES {
            let labels = InState { pipeline: pipeline.clone(), state: state.name() };
            self.state.get_or_create(&labels).set(i64::from(state == status.state));
        }
        let labels = OfPipeline { pipeline };
        let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.failures.get_or_create(&labels).set(gauge(status.counts.failed));
        self.held.get_or_create(&labels).set(gauge(status.counts.held));
        self.queue.get_or_create(&labels).set(gauge(status.counts.queued));
        if status.asks_for_news() {
            self.push_up.get_or_create(&labels).set(i64::from(status.news_arrive()));
        }
        if let Some(upto) = status.caught_up {
            let lag = Timestamp::now().duration_since(upto).as_secs_f64().max(0.0);
            self.lag.get_or_create(&labels).set(lag);
        }
    }

    /// News of a connection were lost.
    pub fn push_gap(&self, connection: &str) {
        self.push_gaps.get_or_create(&OfConnection { connection: connection.to_owned() }).inc();
    }

    /// Somebody called. The connection is one that there is, or empty.
    pub fn hook(&self, connection: &str, outcome: &'static str) {
        self.hooks.get_or_create(&OfCall { connection: connection.to_owned(), outcome }).inc();
    }

    /// A file was loaded.
    pub fn reloaded(&self, file: &str, good: bool, now: Timestamp) {
        let labels = OfFile { file: file.to_owned() };
        self.reload_ok.get_or_create(&labels).set(i64::from(good));
        if good {
            self.reload_at.get_or_create(&labels).set(now.as_second());
        }
    }

    /// Use of an org's API.
    pub fn api(&self, usage: &ApiUse) {
        let labels = OfConnection { connection: usage.connection.clone() };
        let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        // The client counts; made anew it begins at zero, which is what a counter may do.
        self.api_calls.remove(&labels);
        self.api_calls.get_or_create(&labels).inc_by(usage.counted);
        if let Some(budget) = usage.budget {
            self.api_left.get_or_create(&labels).set(gauge(budget.saturating_sub(usage.used)));
        }
    }

    /// The text format of Prometheus.
    pub fn text(&self) -> String {
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            let _ = writeln!(text, "# the metrics could not be written");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::supervisor::new_status;

    #[test]
    fn calls_are_a_counter_and_news_are_told_only_where_they_are_asked_for() {
        let metrics = Metrics::new();
        let usage = |counted| ApiUse {
            connection: "salesforce".to_owned(),
            used: 90,
            counted,
            budget: Some(100),
            org: None,
        };
        // 3: the client was made anew.
        for counted in [7, 9, 3] {
            metrics.api(&usage(counted));
            let line = format!("sfsync_salesforce_api_calls_total{{connection=\"salesforce\"}} {counted}\n");
            assert!(metrics.text().contains(&line), "{}", metrics.text());
        }
        assert!(
            metrics.text().contains("sfsync_salesforce_api_budget_remaining{connection=\"salesforce\"} 10\n")
        );
        let mut status = new_status(&PipelineName::from("deals"));
        metrics.pipeline(&status);
        assert!(!metrics.text().contains("sfsync_push_up{"), "{}", metrics.text());
        status.push = "cdc off".to_owned();
        metrics.pipeline(&status);
        assert!(metrics.text().contains("sfsync_push_up{pipeline=\"deals\"} 0\n"), "{}", metrics.text());
    }
}
