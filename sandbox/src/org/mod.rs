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
mod field_kind;
mod generate;
mod ids;
mod objects_file;
mod render;
mod replication;
mod schema;
mod schema_builder;
mod setup;
mod single;
mod soql;
mod store;
mod table;
mod value;
mod visibility;

pub use change_log::{Change, ChangeKind};
pub use clock::Clock;
pub use config::{Edition, OrgConfig};
pub use customization::{Customization, CustomizationError};
pub use describe::Describe;
pub use engine::{Org, Txn, UserInfo};
pub use error::ApiError;
pub use generate::Population;
pub use generate::edits::EditMix;
pub use ids::{Id, MalformedId};
pub use render::csv::CsvStyle;
pub use replication::{Deleted, Updated};
pub use soql::run::{QueryOptions, QueryResult};
pub use visibility::VisibilityRule;

#[cfg(test)]
mod tests;
