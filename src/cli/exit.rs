//! How a verb ends: with one of the exit codes of section 7.1 of the language, or with a message and the way out.

use std::fmt::Write as _;
use std::process::ExitCode;

use crate::serve::{Refused, ServeError};

/// Codes of a verb that did what it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// Done, and nothing to report.
    Done,
    /// Errors in files, failed tests, failed records.
    Errors,
    /// Warnings, with `--deny-warnings`.
    Warnings,
    /// `plan` found changes.
    Changes,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Errors => 1,
            Exit::Warnings => 2,
            Exit::Changes => 3,
        })
    }
}

/// A verb that could not do what it was told.
#[derive(Debug)]
pub(super) struct Failure {
    message: String,
    help: String,
}

impl Failure {
    pub(super) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }

    /// An error with everything that caused it.
    pub(super) fn caused(error: &dyn std::error::Error, help: impl Into<String>) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if !message.contains(&text) {
                let _ = write!(message, ": {text}");
            }
            source = cause.source();
        }
        Self::new(message, help)
    }

    /// As people read it.
    pub(super) fn text(&self) -> String {
        let help = if self.help.is_empty() { String::new() } else { format!("\n  = help: {}", self.help) };
        format!("error: {}{help}", self.message)
    }

    /// For a list of several.
    pub(super) fn in_one_line(&self) -> String {
        if self.help.is_empty() { self.message.clone() } else { format!("{} ({})", self.message, self.help) }
    }

    /// As machines read it: the same shape as the answers of the daemon.
    pub(super) fn data(&self) -> Refused {
        Refused { error: self.message.clone(), help: self.help.clone() }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self::new(refused.error, refused.help)
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        Self::caused(&error, error.help())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::caused(&error, "")
    }
}
