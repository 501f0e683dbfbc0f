//! The outcomes of one write, and what happens to the rest when it cannot go on.

use crate::connect::ConnectError;
use crate::connect::salesforce::api::error::record_of;
use crate::model::{Class, Key, Outcome, RecordError};

/// One outcome per operation, in their order.
pub(super) struct Ledger {
    outcomes: Vec<Option<Outcome>>,
    stopped: Option<ConnectError>,
}

impl Ledger {
    pub(super) fn new(ops: usize) -> Self {
        Self { outcomes: (0..ops).map(|_| None).collect(), stopped: None }
    }

    /// Notes what became of an operation.
    pub(super) fn settle(&mut self, at: usize, outcome: Outcome) {
        if let Some(slot) = self.outcomes.get_mut(at) {
            *slot = Some(outcome);
        }
    }

    /// Whether an operation was carried out.
    pub(super) fn is_written(&self, at: usize) -> bool {
        matches!(self.outcomes.get(at), Some(Some(Outcome::Written { .. })))
    }

    /// Nothing more can be sent.
    pub(super) fn stop(&mut self, error: ConnectError) {
        self.stopped.get_or_insert(error);
    }

    /// Whether [`stop`](Self::stop) was called.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.is_some()
    }

    /// Operations that were refused, with their errors.
    pub(super) fn refused(&mut self) -> impl Iterator<Item = (usize, &mut RecordError)> {
        self.outcomes.iter_mut().enumerate().filter_map(|(at, outcome)| match outcome {
            Some(Outcome::Rejected(error)) => Some((at, error)),
            _ => None,
        })
    }

    /// The outcomes. Where the write stopped, the whole call failed as long as nothing is stored; afterwards only the operations that were
    /// not carried out did, because their neighbours must not be written again.
    pub(super) fn finish(self) -> Result<Vec<Outcome>, ConnectError> {
        let is_kept = |outcome: &Option<Outcome>| {
            matches!(outcome, Some(Outcome::Written { .. } | Outcome::Unknown(_)))
        };
        let rest = match self.stopped {
            Some(error) if !self.outcomes.iter().any(is_kept) => return Err(error),
            Some(error) => record_of(&error),
            None => RecordError::new("R107", Class::TRANSIENT, "no answer came for this record"),
        };
        let fill = |outcome: Option<Outcome>| outcome.unwrap_or_else(|| Outcome::Rejected(rest.clone()));
        Ok(self.outcomes.into_iter().map(fill).collect())
    }
}

/// It is stored, and the answer did not tell the new stamp.
pub(super) fn written(key: Key) -> Outcome {
    Outcome::Written { key, version: None }
}
