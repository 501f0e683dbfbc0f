//! What a refusal said, kept as the cause of its error for those who write records: whether something may be stored nevertheless, and
//! what the refusal means when it is about one record.

use std::fmt;

use super::{Fault, by_status, record_error};
use crate::connect::ConnectError;
use crate::model::{Existing, RecordError};

/// Status and faults of a refusal. Shows the status alone, because faults may quote values.
pub struct Refusal {
    /// Status of the answer.
    pub status: u16,
    /// What its body said.
    pub faults: Vec<Fault>,
}

impl Refusal {
    /// The refusal behind an error, if there was one.
    pub fn of(error: &ConnectError) -> Option<&Self> {
        error.source.as_ref()?.downcast_ref()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}", self.status)
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Refusal({})", self.status)
    }
}

impl std::error::Error for Refusal {}

/// Whether a write that failed like this may be stored all the same: the connection broke after sending, nobody answered in time, the
/// server failed while it worked. Everything else was refused before.
pub fn maybe_stored(error: &ConnectError) -> bool {
    let slowed_down = Refusal::of(error).is_some_and(|refusal| refusal.status == 429);
    matches!(error.code, "R101" | "R102" | "R106") && !slowed_down
}

/// A failure of a whole request as the failure of the one record that it was about.
pub fn record_of(error: &ConnectError) -> RecordError {
    if let Some(Refusal { status, faults }) = Refusal::of(error) {
        if let Some(fault) = faults.first() {
            return record_error(*status, fault);
        }
        let verdict = by_status(*status);
        return RecordError::new(verdict.message_code, verdict.class, error.message.clone());
    }
    RecordError {
        code: error.code,
        remote: error.remote.clone(),
        message: error.message.clone(),
        fields: Vec::new(),
        existing: Existing::default(),
        class: error.class,
    }
}
