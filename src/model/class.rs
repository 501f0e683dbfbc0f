//! What can be done about a failure.

use std::time::Duration;

/// Every error below the runtime answers this; what nobody knows is `Pipeline`, so that it is loud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It may work in a moment: time-outs, 5xx, locks, broken transfers.
    Transient {
        /// What the other side asked for, if it did.
        retry_after: Option<Duration>,
    },
    /// An allocation is used up: wait for the window to move, keep the cursor.
    Quota,
    /// Sign in again: the session ended. The client refreshes once by itself; this is what remains.
    Session,
    /// This record cannot be written or read; the others can.
    Record,
    /// Nothing of this pipeline can work until somebody changes something: permission, schema, configuration.
    Pipeline,
}

impl Class {
    /// A transient failure without a wish for the pause.
    pub const TRANSIENT: Self = Self::Transient { retry_after: None };

    /// Whether trying again without a change can help.
    pub fn is_retried(self) -> bool {
        matches!(self, Self::Transient { .. } | Self::Quota)
    }
}
