//! The engine of the simulated org: schema, records, SOQL, describe, generator.
//! May not know HTTP, tokens or limits. Read [`Org`] first.

mod change_log;
mod clock;
mod column;
mod config;
mod customization;
mod dates;
mod describe;
mod dml;
mod engine;
mod error;
mod events;
mod field_kind;
mod generate;
mod ids;
mod locks;
pub(crate) mod metadata;
mod objects_file;
mod render;
mod replication;
mod rules;
mod rules_file;
mod schema;
mod schema_builder;
mod setup;
mod single;
mod soql;
mod store;
mod table;
mod value;
mod visibility;
mod write;
mod write_log;

pub use change_log::{Change, ChangeKind};
pub use clock::Clock;
pub use config::{Edition, OrgConfig};
pub use customization::{Customization, CustomizationError};
pub use describe::Describe;
pub use engine::{Atomic, Journal, Org, Outcomes, Txn, UserInfo};
pub(crate) use engine::{CHUNK, Delivered, Sending, Topic, doubled_keys};
pub use error::ApiError;
pub use events::EventKind;
pub(crate) use events::{replay_id, replay_number};
pub use generate::Population;
pub use generate::edits::EditMix;
pub(crate) use generate::rng::Rng;
pub use ids::{Id, MalformedId};
pub use locks::RowLocks;
pub use metadata::FlowPolicy;
pub use render::csv::CsvStyle;
pub use replication::{Deleted, Updated};
pub use soql::run::{QueryOptions, QueryResult};
pub use visibility::VisibilityRule;
pub use write::{
    Action, Assignment, Conversion, Converted, DuplicateOptions, Rejection, Write, WriteOptions, WriteSource,
    Written,
};
pub(crate) use write::{Dialect, Rejecting};
pub use write_log::LoggedWrite;

#[cfg(test)]
mod tests;
