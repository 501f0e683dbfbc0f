//! The error of every connector call that fails as a whole. Failures of single records are outcomes instead.

use crate::model::Class;

/// A call failed. The message is safe to log: it names the system and what it answered, never a record value or a secret.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ConnectError {
    /// Code of the message (`R102`), see `sfsync explain`.
    pub code: &'static str,
    /// What the other side calls it (`REQUEST_LIMIT_EXCEEDED`, a SQLSTATE).
    pub remote: Option<String>,
    /// What happened, where, in one sentence.
    pub message: String,
    /// What a person can do.
    pub help: Option<String>,
    /// What can be done about it.
    pub class: Class,
    /// What caused it.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl ConnectError {
    /// A failure without a cause of its own.
    pub fn new(code: &'static str, class: Class, message: impl Into<String>) -> Self {
        Self { code, remote: None, message: message.into(), help: None, class, source: None }
    }

    /// Adds the other side's name of the error.
    #[must_use]
    pub fn remote(mut self, remote: impl Into<String>) -> Self {
        self.remote = Some(remote.into());
        self
    }

    /// Adds the way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}
