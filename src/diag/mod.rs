//! Diagnostics as data: what is wrong, where, and what to do. One value is rendered for terminals, JSON, status and logs.
//!
//! Read [`Diagnostic`] first. Nothing in here knows what the codes are about; [`codes`] is the table.

pub mod codes;
mod diagnostic;
mod excerpt;
mod fix;
mod render;
mod span;

pub use diagnostic::{Code, Diagnostic, Fix, Label, Severity};
pub use fix::apply_fixes;
pub use render::{Rendered, RenderedFix, RenderedLabel, all_to_text, to_data, to_text};
pub use span::{Place, Source, SourceId, SourceMap, Span};
