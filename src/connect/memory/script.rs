//! What goes wrong, and when.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::connect::ConnectError;
use crate::model::{Class, RecordError};

/// The calls that a fault can be scripted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `Source::read`.
    Read,
    /// `Source::fetch`.
    SourceFetch,
    /// `Destination::fetch`.
    Fetch,
    /// `Destination::find`.
    Find,
    /// `Destination::presence` and `Destination::keys`.
    Presence,
    /// `Destination::write`.
    Write,
}

/// What happens to one call.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Nothing: the call works. It fills the places before a later fault.
    None,
    /// The call fails before it did anything.
    Fail(Class),
    /// The call is carried out, and its answer is lost: it fails with class `Transient`.
    LoseAnswer,
    /// A write is carried out, and the outcome of every record is `Unknown`.
    Unknown,
    /// A write refuses the records at these places of the batch; the others are stored.
    Reject(Vec<usize>),
    /// A write finds the records at these places moved; the others are stored.
    Stale(Vec<usize>),
    /// A read can no longer tell what happened since the cursor.
    CursorLost,
    /// The call waits until the gate is opened, and then works.
    Hold(Gate),
    /// The call gives way this many times to all other tasks, and then works.
    Slow(u32),
}

/// Holds a call until the test lets it go. Clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate {
    arrived: Arc<Semaphore>,
    opened: Arc<Semaphore>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { arrived: Arc::new(Semaphore::new(0)), opened: Arc::new(Semaphore::new(0)) }
    }
}

impl Gate {
    /// Waits until a call has come to the gate.
    pub async fn arrival(&self) {
        // The semaphores are never closed.
        if let Ok(permit) = self.arrived.acquire().await {
            permit.forget();
        }
    }

    /// Lets one call go.
    pub fn open(&self) {
        self.opened.add_permits(1);
    }

    async fn pass(&self) {
        self.arrived.add_permits(1);
        if let Ok(permit) = self.opened.acquire().await {
            permit.forget();
        }
    }
}

impl Fault {
    /// The part of a fault that comes before a call does anything.
    pub(super) async fn before(&self) -> Result<(), ConnectError> {
        match self {
            Self::Fail(class) => return Err(ConnectError::new("R102", *class, "memory: scripted failure")),
            Self::Hold(gate) => gate.pass().await,
            Self::Slow(times) => {
                for _ in 0..*times {
                    tokio::task::yield_now().await;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The part that comes after a call did its work.
    pub(super) fn after(&self) -> Result<(), ConnectError> {
        match self {
            Self::LoseAnswer => {
                Err(ConnectError::new("R105", Class::TRANSIENT, "memory: the answer was lost"))
            }
            _ => Ok(()),
        }
    }
}

/// The outcome of a record that the script refuses.
pub(super) fn refused() -> RecordError {
    error("R201", "scripted refusal", Class::Record)
}

/// The outcome of a record whose answer was lost.
pub(super) fn unknown() -> RecordError {
    error("R105", "the answer was lost", Class::TRANSIENT)
}

/// A record without a value for its key.
pub(super) fn without_key() -> RecordError {
    error("R222", "the record has no key", Class::Record)
}

fn error(code: &'static str, message: &str, class: Class) -> RecordError {
    RecordError::new(code, class, message)
}
