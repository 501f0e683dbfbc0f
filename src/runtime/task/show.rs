//! How a task is, for people and machines.

use jiff::Timestamp;

use super::Task;
use crate::model::{Cursor, Side};
use crate::runtime::status::{Condition, PipelineStatus, State, StatusCounts};
use crate::store::PipelineCounts;

impl Task {
    /// Shows how it is now.
    pub(super) fn show(&self) {
        let pipeline = &self.parts.pipeline;
        let summary = self.parts.store.summary(&pipeline.name, pipeline.generation).unwrap_or_default();
        let cursor =
            self.parts.store.cursor(&pipeline.name, pipeline.generation, Side::Salesforce).ok().flatten();
        let push = self.parts.registry.push(pipeline);
        let absent = || {
            let absent = self.parts.registry.absent(&pipeline.looks_up);
            absent.or_else(|| push.as_ref().and_then(|push| push.problem.clone()))
        };
        let (state, message) = self.life.shown(&self.rules, absent);
        let next_look = Some(self.due()).filter(|due| *due != Timestamp::MAX);
        self.parts.status.send_modify(|status| {
            status.state = state;
            status.message = message;
            status.push = push.as_ref().map_or(PipelineStatus::NO_PUSH, |push| &push.word).to_owned();
            status.counts = counts(&summary);
            status.caught_up = match cursor {
                Some(Cursor::Changes { upto, .. }) => Some(upto),
                _ => status.caught_up,
            };
            status.next_look = next_look;
            if state != State::Loading {
                status.progress = None;
            }
            status.conditions = conditions(status, self.life.is_loaded());
        });
        self.parts.metrics.pipeline(&self.parts.status.borrow());
        self.parts.changed.notify_waiters();
    }
}

fn counts(summary: &PipelineCounts) -> StatusCounts {
    StatusCounts {
        linked: summary.linked,
        queued: summary.queued + summary.waiting,
        held: summary.held,
        failed: summary.failed,
    }
}

fn conditions(status: &PipelineStatus, loaded: bool) -> Vec<Condition> {
    let condition = |kind: &str, is: bool, reason: &str, message: &str, since: Option<Timestamp>| Condition {
        kind: kind.to_owned(),
        status: is,
        reason: reason.to_owned(),
        message: message.to_owned(),
        since,
    };
    let works = !matches!(status.state, State::Blocked | State::Degraded | State::Invalid);
    let mut conditions = vec![
        status.config.loaded(),
        condition("Backfill", loaded, "", "", None),
        condition("CaughtUp", status.caught_up.is_some() && works, "", &status.message, status.caught_up),
    ];
    if status.asks_for_news() {
        conditions.push(condition("Push", status.news_arrive(), &status.push, "", None));
    }
    conditions
}
