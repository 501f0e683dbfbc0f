//! Diagnostics as data: what is wrong, where, and what to do. One value is rendered for terminals, JSON, status and logs.
//!
//! Read [`Diagnostic`] first. Nothing in here knows what the codes are about; [`codes`](Code) is the table.

mod diagnostic;
mod span;

pub use diagnostic::{Code, Diagnostic, Fix, Label, Severity};
pub use span::{Place, Source, SourceId, SourceMap, Span};
