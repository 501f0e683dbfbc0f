//! Connectors: everything that talks to a system outside. A connector never decides: it reads what changed, fetches what is
//! asked for and writes what it is told, with an outcome for each record.
//!
//! Read [`Source`] and [`Destination`] first. Connectors are chosen by YAML, so they are `dyn` at batch granularity.

mod error;
pub mod http;
pub mod memory;
pub mod notify;
mod port;
pub mod salesforce;
pub mod sql;

pub use error::ConnectError;
pub use port::{Destination, Found, Hint, Hints, Limit, MatchQuery, Notes, Source, Trace, WriteMode};
