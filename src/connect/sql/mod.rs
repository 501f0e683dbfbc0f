//! Databases as a side of a pipeline: SQLite and PostgreSQL behind one set of types.
//!
//! [`TableSpec`] says what a pipeline wants of a table, [`check`] holds it against what exists and names the DDL that is
//! missing, [`SqlDestination`] writes, [`SqlSource`] reads what changed. Texts of statements are made by pure functions; only the two `sqlite` and
//! `postgres` modules talk to a database. Nothing in here drops or alters what exists beyond adding columns.
//!
//! Read [`TableSpec`] first, then [`SqlDestination`] and [`SqlSource`].

mod batch;
mod check;
mod connection;
mod convert;
mod ddl;
mod destination;
mod dialect;
mod error;
mod guard;
mod postgres;
mod select;
mod source;
mod spec;
mod spelled;
mod sqlite;
mod statement;
mod types;

pub use check::{ProblemKind, SchemaProblem, check};
pub use connection::{Ensured, Guard, SqlConnection};
pub use destination::SqlDestination;
pub use dialect::Dialect;
pub use postgres::{PostgresConfig, Tls};
pub use source::{LoadScope, SourceSpec, SqlSource};
pub use spec::{ColumnSpec, KeyOrigin, KeySpec, Policy, TableName, TableSpec};
pub use sqlite::SqliteConfig;
pub use types::Shape;
