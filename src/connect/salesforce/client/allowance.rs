//! What a connection may ask of its org: own calls are counted, and work that has to wait is told until when. The policy is in
//! [`Budget`](super::super::budget::Budget).

use super::super::budget::{Admission, BudgetStatus, Purpose};
use super::{Call, Client, locked};
use crate::connect::ConnectError;
use crate::model::Class;

/// Own calls are stored every so many.
const STORE_EVERY: u64 = 20;

impl Client {
    /// Use of the budget, for status and metrics.
    pub fn budget_status(&self) -> BudgetStatus {
        locked(&self.budget).status(self.clock.now())
    }

    /// Whether work of this purpose may begin now. Called before a poll, a batch of a backfill, a reconciliation.
    pub fn admit(&self, purpose: Purpose) -> Admission {
        locked(&self.budget).admit(purpose, self.clock.now())
    }

    pub(super) fn count(&self) {
        let (hour, calls) = locked(&self.budget).count(self.clock.now());
        if let Some(usage) = self.usage.as_ref().filter(|_| calls % STORE_EVERY == 1) {
            usage.save(hour, calls);
        }
    }

    pub(super) async fn check_budget(&self, call: &Call) -> Result<(), ConnectError> {
        let mut admission = self.admit(call.purpose);
        if admission != Admission::Go && locked(&self.budget).may_ask(self.clock.now()) {
            self.ask_limits(call).await;
            admission = self.admit(call.purpose);
        }
        match admission {
            Admission::Go => Ok(()),
            Admission::WaitUntil(until) => {
                let text =
                    format!("the API budget of {} is used up; waiting until {until}", self.config.name);
                Err(ConnectError::new("R121", Class::Quota, text)
                    .help("raise `api_budget` of the connection, or poll less often"))
            }
        }
    }

    /// The org said that its day is used up: its counters tell whether that holds still. Their answer is learned from its headers.
    async fn ask_limits(&self, before: &Call) {
        let root: Vec<&str> = before.path.splitn(5, '/').take(4).collect();
        let limits = Call::get(format!("{}/limits", root.join("/")), Purpose::Control);
        if let Ok(session) = self.session.current(self).await
            && let Err(error) = self.exchange(&limits, &session).await
        {
            tracing::debug!(connection = %self.config.name, error = %error.message, "the counters of the org did not answer");
        }
    }
}
