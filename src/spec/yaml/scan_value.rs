//! What the scan says about each mistake.

use super::scan::Scan;
use crate::diag::{Diagnostic, Span};

/// Keys whose values are expressions.
const EXPRESSION_KEYS: [&str; 3] = ["to_app", "to_salesforce", "filter"];

/// A value in single quotes.
pub(in crate::spec) fn in_single_quotes(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

impl Scan<'_> {
    fn what(&self) -> &'static str {
        if EXPRESSION_KEYS.contains(&self.key) { "the expression" } else { "the value" }
    }

    fn quoting_help(&self, value: &str) -> String {
        let quoted = in_single_quotes(value);
        let pair = if self.key.is_empty() { quoted } else { format!("{}: {quoted}", self.key) };
        format!("put {} in single quotes:  {pair}", self.what())
    }
}

/// E001, once for all lines.
pub(super) fn tabs(raw: &Scan<'_>, span: Span, more: usize) -> Diagnostic {
    let (text, start) = (raw.text, span.start as usize);
    let line = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let margin_end = line + text[line..].find(|c| c != ' ' && c != '\t').unwrap_or(0);
    let spaces = text[line..margin_end].replace('\t', "  ");
    let diagnostic = Diagnostic::error("E001", "a tab is used for indentation", span, "tab");
    let diagnostic = match more {
        0 => diagnostic.fix(raw.span(line, margin_end), spaces),
        1 => diagnostic.note("one more line begins with tabs"),
        _ => diagnostic.note(format!("{more} more lines begin with tabs")),
    };
    diagnostic.help(format!(
        "YAML allows only spaces here; use 2 spaces.  sfsync fmt {}  does it for you",
        raw.name
    ))
}

/// E002: `: ` in a value without quotes, from the bracket that opens around it to the end of its word.
pub(super) fn colon(raw: &Scan<'_>, end: usize, colon: usize) -> Diagnostic {
    let value = &raw.text[raw.at..end];
    let before = &value[..colon];
    let quote = before.rfind('"').filter(|_| before.matches('"').count() % 2 == 1);
    let word = quote.unwrap_or_else(|| before.trim_end().rfind(' ').map_or(0, |at| at + 1));
    let start = open_bracket_before(&value[..word]).unwrap_or(word);
    let stop = if quote.is_some() {
        value[colon..].find('"').map_or(value.len(), |at| colon + at + 1)
    } else {
        let rest = &value[colon + 1..];
        let skipped = rest.len() - rest.trim_start().len();
        colon + 1 + skipped + rest.trim_start().find(' ').unwrap_or(rest.trim_start().len())
    };
    let span = raw.span(raw.at + start, raw.at + stop);
    let title = "this value must be in quotes: it contains `: `";
    Diagnostic::error("E002", title, span, "YAML reads `: ` as a new key")
        .help(raw.quoting_help(value))
        .fix(raw.span(raw.at, end), in_single_quotes(value))
}

/// The innermost bracket that is still open.
fn open_bracket_before(text: &str) -> Option<usize> {
    let mut open = Vec::new();
    for (at, c) in text.char_indices() {
        match c {
            '{' | '(' | '[' => open.push(at),
            '}' | ')' | ']' => {
                open.pop();
            }
            _ => {}
        }
    }
    open.pop()
}

/// E002: a bracket in a value without quotes inside brackets.
pub(super) fn bracket(raw: &Scan<'_>, start: usize, end: usize, byte: u8) -> Diagnostic {
    let value = raw.text[start..end].trim_end();
    let title = format!("this value must be in quotes: it contains `{}`", char::from(byte));
    Diagnostic::error(
        "E002",
        title,
        raw.span(raw.at, raw.at + 1),
        "YAML begins something new at this bracket",
    )
    .help(raw.quoting_help(value))
    .fix(raw.span(start, start + value.len()), in_single_quotes(value))
}

/// E003: `&`, `*`, `!`.
pub(super) fn indicator(raw: &Scan<'_>, first: u8, end: usize) -> Diagnostic {
    let span = raw.span(raw.at, end);
    match first {
        b'*' => Diagnostic::error("E003", "anchors and aliases are not supported", span, "alias")
            .note("refused at the first alias; nothing was expanded")
            .help("write the value out; one file is one pipeline, so there is little to share"),
        b'&' => Diagnostic::error("E003", "anchors and aliases are not supported", span, "anchor")
            .help("write the value out; one file is one pipeline, so there is little to share"),
        _ => {
            let diagnostic = Diagnostic::error("E003", "tags are not supported", span, "tag");
            if EXPRESSION_KEYS.contains(&raw.key) {
                diagnostic.help("an expression that begins with `!` needs quotes")
            } else {
                diagnostic.help("remove it; what a value is follows from its key")
            }
        }
    }
}

/// E003: `%YAML`.
pub(super) fn directive(raw: &Scan<'_>) -> Diagnostic {
    let end = raw.at + raw.text[raw.at..].find('\n').unwrap_or(raw.text.len() - raw.at);
    Diagnostic::error("E003", "directives are not supported", raw.span(raw.at, end), "directive")
        .help("remove the line")
}

/// E003: `<<:`.
pub(super) fn merge_key(raw: &Scan<'_>) -> Diagnostic {
    let span = raw.span(raw.at, raw.at + 2);
    Diagnostic::error("E003", "merge keys are not supported", span, "merge key")
        .help("write the keys out; one file is one pipeline, so there is little to share")
}

/// E005: `${env:X}` inside `{ }`.
pub(super) fn secret_in_flow(raw: &Scan<'_>, start: usize, end: usize) -> Diagnostic {
    let value = &raw.text[start..end];
    let line = raw.text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = raw.text[start..].find('\n').map_or(raw.text.len(), |at| start + at);
    let before = raw.text[line..start].trim_start();
    let repaired = format!("{before}\"{value}\"{}", raw.text[end..line_end].trim_end());
    Diagnostic::error(
        "E005",
        "`${...}` must be in quotes inside `{ }`",
        raw.span(start, end),
        "YAML ends the value at this brace",
    )
    .help(format!("{repaired}   or one key per line"))
    .fix(raw.span(start, end), format!("\"{value}\""))
}

/// E010: a backtick or `@` where a value begins.
pub(super) fn reserved(raw: &Scan<'_>, end: usize) -> Diagnostic {
    let value = raw.text[raw.at..end].trim_end();
    let what = if value.starts_with('@') { "`@`" } else { "a backtick" };
    let title = format!("a value cannot begin with {what}");
    let span = raw.span(raw.at, raw.at + 1);
    Diagnostic::error("E010", title, span, "reserved in YAML")
        .help(raw.quoting_help(value))
        .fix(raw.span(raw.at, raw.at + value.len()), in_single_quotes(value))
}

/// E011: ` #` cuts an expression without quotes in two. Only where what remains cannot be meant.
pub(super) fn cut_by_comment(raw: &Scan<'_>, end: usize, line_end: usize) -> Option<Diagnostic> {
    let value = &raw.text[raw.at..end];
    let unbalanced = value.matches('"').count() % 2 == 1 || open_bracket_before(value).is_some();
    if !EXPRESSION_KEYS.contains(&raw.key) || !unbalanced {
        return None;
    }
    let hash = end + raw.text[end..line_end].find('#')?;
    let whole = raw.text[raw.at..line_end].trim_end();
    let title = "this value must be in quotes: it contains ` #`";
    let span = raw.span(hash, raw.at + whole.len());
    Some(
        Diagnostic::error("E011", title, span, "YAML reads the rest of the line as a comment")
            .help(raw.quoting_help(whole))
            .fix(raw.span(raw.at, raw.at + whole.len()), in_single_quotes(whole)),
    )
}

/// E012: a quote that is never closed.
pub(super) fn open_quote(raw: &Scan<'_>, start: usize, end: usize) -> Diagnostic {
    let end = start + raw.text[start..end].trim_end().len();
    Diagnostic::error("E012", "this quote is never closed", raw.span(start, end), "opened here")
        .help("close it on the same line; a quote inside single quotes is doubled: ''")
}

/// E012: text behind a closing quote.
pub(super) fn behind_quote(raw: &Scan<'_>, start: usize, close: usize) -> Diagnostic {
    let line_end = raw.text[close..].find('\n').map_or(raw.text.len(), |at| close + at);
    let end = close + raw.text[close..line_end].trim_end().len();
    let help = if raw.text[start..].starts_with('\'') {
        "double a quote that is part of the text: ''"
    } else {
        "a value that begins with a quote has to end with it; put the whole value in single quotes"
    };
    Diagnostic::error(
        "E012",
        "text follows the closing quote",
        raw.span(close + 1, end),
        "not part of the value",
    )
    .also(raw.span(start, close + 1), "the value")
    .help(help)
}

/// E013: a bracket that is never closed.
pub(super) fn open_bracket(raw: &Scan<'_>, byte: u8, at: usize) -> Diagnostic {
    let partner = if byte == b'[' { ']' } else { '}' };
    let title = format!("this `{}` is never closed", char::from(byte));
    Diagnostic::error("E013", title, raw.span(at, at + 1), "opened here")
        .help(format!("add `{partner}` where the value ends"))
}

/// E013: a bracket closed by the wrong partner.
pub(super) fn wrong_bracket(raw: &Scan<'_>, byte: u8, open: u8, at: usize) -> Diagnostic {
    let title = format!("`{}` does not close `{}`", char::from(byte), char::from(open));
    Diagnostic::error("E013", title, raw.span(raw.at, raw.at + 1), "closed here")
        .also(raw.span(at, at + 1), "opened here")
        .help("each bracket is closed by its own partner: [ ] and { }")
}
