//! What will run: pipelines compiled from files and catalogs, validated, with every name resolved to a position.
//!
//! No I/O. Read [`Pipeline`] and [`Mapping`] first.

mod pipeline;

pub use pipeline::{
    AppSide, BackfillRange, Conflict, Flow, Lane, LinkRule, Lookup, ManualLink, ManualRecord, Mapping,
    Missing, OnError, OnLeave, OnNull, Pipeline, Push, RowSet, SalesforceSide, Scope, Selection, ValueMap,
    WritePolicy,
};
