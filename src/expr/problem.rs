//! What is wrong with the text of an expression. Positions are bytes of that text; the caller adds the place in the file.

use std::ops::Range;

use crate::diag::{Diagnostic, Span};

/// A mistake found by [`Engine::compile`](super::Engine::compile). It becomes a `Diagnostic` once the file is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExprProblem {
    /// `E401` syntax, `E402` variable, `E403` function, `E405` change of the record, `E406` use of a whole record.
    pub code: &'static str,
    /// One line, lower case, without a full stop.
    pub title: String,
    /// First byte in the text.
    pub start: usize,
    /// One past the last byte; equal to `start` where something is missing (there it may be the length of the text).
    pub end: usize,
    /// What stands at the place; may be empty.
    pub label: String,
    /// Facts.
    pub notes: Vec<String>,
    /// Ways out, best first.
    pub help: Vec<String>,
    /// The correction, where there is one sure one.
    pub fix: Option<TextFix>,
}

/// A replacement of a part of the expression's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextFix {
    /// First byte that is replaced.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// By what.
    pub text: String,
}

impl ExprProblem {
    /// The problem as a message about a file. `place` tells where a range of the expression's text stands in it.
    pub fn into_diagnostic(self, place: impl Fn(Range<usize>) -> Span) -> Diagnostic {
        let mut message = Diagnostic::error(self.code, self.title, place(self.start..self.end), self.label);
        message.notes = self.notes;
        message.help = self.help;
        match self.fix {
            Some(fix) => message.fix(place(fix.start..fix.end), fix.text),
            None => message,
        }
    }

    pub(crate) fn new(code: &'static str, title: impl Into<String>, place: Range<usize>) -> Self {
        Self {
            code,
            title: title.into(),
            start: place.start,
            end: place.end,
            label: String::new(),
            notes: Vec::new(),
            help: Vec::new(),
            fix: None,
        }
    }

    pub(crate) fn label(mut self, text: impl Into<String>) -> Self {
        self.label = text.into();
        self
    }

    pub(crate) fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    pub(crate) fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    pub(crate) fn fix(mut self, place: Range<usize>, text: impl Into<String>) -> Self {
        self.fix = Some(TextFix { start: place.start, end: place.end, text: text.into() });
        self
    }
}
