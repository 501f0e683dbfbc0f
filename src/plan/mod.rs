//! What will run: pipelines compiled from files and catalogs, validated, with every name resolved to a position.
//!
//! No I/O. Read [`Pipeline`] and [`Mapping`] first; [`compile_all`] makes them from [`Files`] and a [`catalog::Catalog`].

pub mod catalog;
mod compile;
mod files;
mod kinds;
mod pipeline;
pub mod required;

pub use compile::{AppKind, Broken, Compiled, TableWriter, Tools, check_org, compile_all, order};
pub use files::{FileOf, Files};
pub use pipeline::{
    AppSide, BackfillRange, Conflict, Flow, Lane, LinkRule, Lookup, ManualLink, ManualRecord, Mapping,
    Missing, OnError, OnLeave, OnNull, Pipeline, Push, RowSet, SalesforceSide, Scope, Selection, ValueMap,
    WritePolicy,
};
