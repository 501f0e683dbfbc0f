//! What a pass tells while it goes on.

use std::sync::{Arc, PoisonError};

use tokio::sync::{Notify, watch};

use crate::model::Counts;
use crate::runtime::metrics::Metrics;
use crate::runtime::registry::Registry;
use crate::runtime::status::{Comparison, PipelineStatus, Progress};

/// Carries progress of passes into the status and the metrics, and wakes the pipelines that may have waited.
pub struct TaskObserver {
    /// Whose.
    pub name: crate::model::PipelineName,
    /// Where the status is shown.
    pub status: watch::Sender<PipelineStatus>,
    /// Tells that any status changed.
    pub changed: Arc<Notify>,
    /// The others.
    pub registry: std::sync::Weak<Registry>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Progress of the load under way.
    pub done: std::sync::Mutex<u64>,
}

impl crate::runtime::pass::Observer for TaskObserver {
    fn settled(&self, _: &crate::model::PipelineName, counts: &Counts, loading: bool, total: Option<u64>) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        *done = if loading { *done + counts.read } else { 0 };
        let progress = loading.then_some(Progress { done: *done, total });
        self.status.send_modify(|status| {
            status.totals += *counts;
            status.progress = progress;
        });
        self.changed.notify_waiters();
        if let (true, Some(registry)) = (counts.created + counts.linked > 0, self.registry.upgrade()) {
            registry.wake_users_of(&self.name);
        }
    }

    fn flowed(&self, _: &crate::model::PipelineName, to_app: &Counts, to_salesforce: &Counts) {
        self.metrics.settled(&self.name, "to_app", to_app);
        self.metrics.settled(&self.name, "to_salesforce", to_salesforce);
    }

    fn compared(&self, _: &crate::model::PipelineName, comparison: &Comparison) {
        self.metrics.compared(&self.name, comparison);
        self.status.send_modify(|status| status.comparison = Some(*comparison));
        self.changed.notify_waiters();
    }
}
