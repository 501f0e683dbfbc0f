//! The [`Diagnostic`] value itself.

use std::fmt;

use super::Span;

/// Code of a message: `E101`, `W307`, `R211`. `sfsync explain` has a page for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(pub &'static str);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The file is not loaded.
    Error,
    /// The file is loaded.
    Warning,
    /// A record failed at run time.
    Failed,
}

/// A marked place with a few words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is there; may be empty.
    pub text: String,
}

/// A text edit that surely corrects the mistake; `check --fix` applies it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What is replaced.
    pub span: Span,
    /// By what.
    pub text: String,
}

/// One message: what is wrong, where, why, and the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its code.
    pub code: Code,
    /// How bad.
    pub severity: Severity,
    /// One line, lower case, without a full stop.
    pub title: String,
    /// The place, marked with `^^^`. `None` only for problems that are in no file.
    pub primary: Option<Label>,
    /// Other places, marked with `---`.
    pub labels: Vec<Label>,
    /// Facts.
    pub notes: Vec<String>,
    /// Ways out, best first.
    pub help: Vec<String>,
    /// The correction, where there is one sure one.
    pub fix: Option<Fix>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(code: &'static str, title: impl Into<String>, span: Span, label: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, title, Some(Label { span, text: label.into() }))
    }

    /// A warning at a place.
    pub fn warning(
        code: &'static str,
        title: impl Into<String>,
        span: Span,
        label: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Warning, code, title, Some(Label { span, text: label.into() }))
    }

    /// A message that belongs to no file.
    pub fn new(
        severity: Severity,
        code: &'static str,
        title: impl Into<String>,
        primary: Option<Label>,
    ) -> Self {
        let (labels, notes, help) = (Vec::new(), Vec::new(), Vec::new());
        Self { code: Code(code), severity, title: title.into(), primary, labels, notes, help, fix: None }
    }

    /// Adds another place.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Adds a way out.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// Adds the sure correction.
    #[must_use]
    pub fn fix(mut self, span: Span, text: impl Into<String>) -> Self {
        self.fix = Some(Fix { span, text: text.into() });
        self
    }

    /// Whether it keeps the file from loading.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}
