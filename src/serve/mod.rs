//! HTTP: status, metrics, the doors of section 7.3 of the language. One router on two listeners: TCP for machines and people,
//! a unix socket for the command line of this machine.
//!
//! It asks a [`crate::runtime::control::Control`] and turns answers into JSON; it decides nothing and knows no connector and no
//! state. Read [`Listening`] first: it is bound before the state is opened, so that a port in use is said at once.

mod access;
mod answer;
mod configuration;
mod failures;
mod health;
mod hooks;
mod links;
mod listen;
mod page;
mod pipelines;
mod plan;
mod router;
pub mod shown;
mod sign_in;
mod socket;
mod undo;

pub use access::{Door, FOLDER};
pub use answer::{Forgotten, Refused};
pub use configuration::CheckQuery;
pub use failures::{FailureList, FailureQuery, ResolveQuery, Resolved, Retried};
pub use health::Alive;
pub use hooks::Taken;
pub use links::{LinkList, LinkQuery};
pub use listen::{Listening, ServeError, Serving};
pub use pipelines::{Accepted, PauseQuery, StatusAnswer, SyncQuery};
pub use router::{ControlSlot, router};
pub use socket::candidates;

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;
