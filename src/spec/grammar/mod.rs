//! The grammar as one table: which keys each mapping has, what their values are, what they mean. The table drives the
//! checks, "did you mean", `explain`, the JSON schemas and the reference page, so that they cannot disagree.
//!
//! Read [`Mapping`] first. What the values mean for one another is checked elsewhere, on the typed results.

mod check;
mod connections;
mod describe;
mod http;
mod page;
mod pipelines;
mod schema;
mod settings;
mod shape;
mod sides;
mod spill;
mod suggest;
mod tests_table;
mod values;

pub(crate) use check::Checker;
pub(in crate::spec) use check::clip;
pub(crate) use connections::CONNECTION;
pub use page::{explain_key, reference};
pub(crate) use pipelines::PIPELINE;
pub use schema::{SCHEMAS, render_schema};
pub(crate) use settings::SETTINGS;
pub use shape::{ByWord, Each, Key, Mapping, Shape};
pub(in crate::spec) use spill::spilled_expression;
pub use suggest::closest;
pub(in crate::spec) use values::is_name;

/// The mapping of a pipeline file.
pub(in crate::spec) fn pipeline() -> &'static Mapping {
    &PIPELINE
}
