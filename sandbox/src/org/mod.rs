//! The engine of the simulated org: schema, records, SOQL, describe, generator.
//! May not know HTTP, tokens or limits. Read [`Org`] first.

mod clock;
mod column;
mod config;
mod customization;
mod dates;
mod engine;
mod error;
mod generate;
mod ids;
mod objects_file;
mod render;
mod schema;
mod schema_builder;
mod setup;
mod soql;
mod store;
mod table;
mod value;
mod visibility;

pub use clock::Clock;
pub use config::{Edition, OrgConfig};
pub use customization::{Customization, CustomizationError};
pub use engine::*;
pub use error::ApiError;
pub use generate::Population;
pub use ids::{Id, MalformedId};
pub use render::csv::CsvStyle;
pub use soql::run::{QueryOptions, QueryResult};
pub use visibility::VisibilityRule;

#[cfg(test)]
mod tests;
