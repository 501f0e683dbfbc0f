//! What will run: pipelines compiled from files and catalogs, validated, with every name resolved to a position.
//!
//! No I/O. Read [`Pipeline`] and [`Mapping`] first; [`compile_all`] makes them from [`Files`] and a [`catalog::Catalog`].

pub mod catalog;
mod compile;
pub mod diff;
mod files;
pub mod generation;
mod kinds;
mod pipeline;
pub mod rename;
pub mod required;
mod row;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod words;

pub use catalog::{Catalog, DatabaseCatalog, Knowledge, MissingSecret, OrgCatalog, OrgFacts};
pub use compile::{
    AppKind, Broken, Compiled, FieldsChecked, Kept, TableWriter, Tools, check_org, compile_after,
    compile_all, order, without_schema,
};
pub use diff::{Change, Effect, diff};
pub use files::{FileOf, Files};
pub use generation::{Identity, Running, check_generation};
pub use pipeline::{
    AppSide, BackfillRange, Lane, LinkRule, ManualLink, ManualRecord, OnLeave, Pipeline, Push,
    SalesforceSide, Scope, Selection,
};
pub use rename::{Gone, check_renames};
pub use required::{RequiredColumn, RequiredKey, RequiredTable, required};
pub use row::{Conflict, Flow, Lookup, Mapping, Missing, OnError, OnNull, RowSet, ValueMap, WritePolicy};
