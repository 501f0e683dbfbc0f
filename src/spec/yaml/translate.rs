//! The parser's own messages in the words of the people who edit the files, for what the scan did not explain.

use super::limits::offset;
use crate::diag::{Diagnostic, SourceId, Span};

/// Part of the parser's text, our title, our help.
const TABLE: &[(&str, &str, &str)] = &[
    (
        "mapping values are not allowed",
        "this line cannot be a key here",
        "keys of one mapping begin in the same column; is it indented too far?",
    ),
    (
        "did not find expected key",
        "this line is not indented like its neighbours",
        "keys of one mapping begin in the same column",
    ),
    (
        "did not find expected '-'",
        "this line is not indented like its neighbours",
        "items of one list begin with `- ` in the same column",
    ),
    (
        "block sequence entries are not allowed",
        "a list cannot begin here",
        "put the list on the next line, or in brackets: [a, b]",
    ),
    (
        "did not find expected ',' or '}'",
        "this `{ }` is not closed properly",
        "values inside `{ }` that hold brackets or commas need quotes",
    ),
    (
        "did not find expected ',' or ']'",
        "this `[ ]` is not closed properly",
        "values inside `[ ]` that hold brackets or commas need quotes",
    ),
    (
        "illegal placement of ':'",
        "a bracket before this place is not closed",
        "look for a `[` or `{` without its partner",
    ),
    (
        "invalid indentation in quoted",
        "this quote is never closed",
        "close it on the same line; a quote inside single quotes is doubled: ''",
    ),
    ("simple key expected", "a `:` is missing after this key", "keys are written `key: value`"),
    ("could not find expected ':'", "a `:` is missing after this key", "keys are written `key: value`"),
    ("unknown escape", "this escape does not exist", "use single quotes: nothing is escaped there"),
    ("tabs disallowed", "a tab is used for indentation", "YAML allows only spaces here; use 2 spaces"),
];

/// The message for an error of the parser at a byte of the text.
pub(super) fn problem(source: SourceId, text: &str, at: usize, info: &str) -> Diagnostic {
    let bytes = text.as_bytes();
    // At the end of a line the mistake is before it.
    let mut start = at.min(text.len());
    while start > 0 && bytes.get(start).is_none_or(u8::is_ascii_whitespace) {
        start -= 1;
    }
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let len = text[start..].find([' ', '\n', '\t', ',']).unwrap_or(text.len() - start).clamp(0, 40);
    let mut end = start + len.max(usize::from(start < text.len()));
    while !text.is_char_boundary(end) {
        end += 1;
    }
    let span = Span { source, start: offset(start), end: offset(end) };
    match TABLE.iter().find(|(part, ..)| info.contains(part)) {
        Some((_, title, help)) => Diagnostic::error("E006", *title, span, "").help(*help),
        None => Diagnostic::error("E006", "this is not valid YAML", span, info.trim().replace('\n', " ")),
    }
}
