//! What the YAML says, with the place of every word: pipelines, connections, settings.
//!
//! Text arrives as `&str`, secrets are resolved by a closure after parsing; nothing in here opens a file, reads the
//! environment or knows what exists in a system. Whether names refer to anything is the plan's question.
//! Read [`PipelineFile`] first; every value carries the [`crate::diag::Span`] it was written at.

mod decode;
mod format;
pub mod grammar;
pub mod model;
mod scalar;
mod secrets;
pub mod soql;
mod spanned;
#[cfg(test)]
mod tests;
pub mod values;
mod words;
mod yaml;

pub use decode::{read_connection, read_pipeline, read_settings};
pub use format::format;
pub use model::*;
pub use scalar::{Scalar, Style};
pub use secrets::{Resolver, SecretError, check_secrets};
pub use spanned::{Entry, Spanned};
pub use words::Choice;
pub use yaml::add_file;

use crate::diag::Diagnostic;

/// What came of reading a file. A value may be there beside errors: it holds what could be read, so that later checks can
/// report the rest of a file at once. Only a value without errors may run.
#[derive(Clone, Debug)]
pub struct Parsed<T> {
    /// What the file says, as far as it could be read.
    pub value: Option<T>,
    /// Everything that is wrong, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

impl<T> Parsed<T> {
    /// Whether an error keeps the file from loading.
    pub fn has_errors(&self) -> bool {
        self.value.is_none() || self.diagnostics.iter().any(Diagnostic::is_error)
    }
}
