//! Diagnostics as data: what is wrong, where, and what to do. One value is rendered for terminals, JSON, status and logs.
//!
//! Read [`Diagnostic`] first. Nothing in here knows the YAML, the expressions or the plan; [`codes`] is the table of all
//! codes with their explanations.

pub mod codes;
mod diagnostic;
mod excerpt;
mod fix;
mod json;
mod render;
mod span;

pub use diagnostic::{Code, Diagnostic, Fix, Label, Severity};
pub(crate) use fix::apply;
pub use fix::apply_fixes;
pub use json::to_json;
pub use render::{Counted, MAX_PER_FILE, Renderer, masks, summary};
pub use span::{Place, Source, SourceId, SourceMap, Span};
