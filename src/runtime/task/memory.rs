//! What a task has the state remember of its pipeline: pauses, approvals, when everything was compared last.

use jiff::Timestamp;

use super::Task;
use crate::runtime::state::Work;

/// Name of the fact that keeps when everything was compared last.
pub(super) const COMPARED: &str = "compared";
/// Name of the fact that keeps which mass change a person has allowed.
pub(super) const APPROVED: &str = "approved";

/// A mass change that a person has allowed and that has not come to its end.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Allowed {
    /// Of which text the plan was made that asked.
    pub(super) version: u64,
    /// The pass; nothing once it is done.
    pub(super) work: Option<Work>,
}

impl Task {
    pub(super) fn remember_pause(&self, by: Option<&str>) {
        let name = &self.parts.pipeline.name;
        if let Err(error) = self.parts.store.set_paused(name, by, self.parts.clock.now()) {
            tracing::error!(pipeline = %name, %error, "the pause could not be stored");
        }
        // Who was signed out wants no change events until somebody signs in again.
        self.parts.registry.tell_moved();
    }

    pub(super) fn remember_approval(&self, work: Option<Work>) {
        let name = &self.parts.pipeline.name;
        let allowed = Allowed { version: self.parts.version, work };
        if let Err(error) = self.parts.store.save_pipeline_fact(name, APPROVED, &allowed) {
            tracing::warn!(pipeline = %name, %error, "the approval could not be stored; after a restart it is asked for again");
        }
    }

    pub(super) fn remember_comparison(&self, at: Timestamp) {
        let name = &self.parts.pipeline.name;
        if let Err(error) = self.parts.store.save_pipeline_fact(name, COMPARED, &at) {
            tracing::warn!(pipeline = %name, %error, "the time of the comparison could not be stored");
        }
    }
}
