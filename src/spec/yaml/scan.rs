//! A quick look at the raw text that finds the mistakes people make with YAML, so that they are told in their own words and
//! not in the parser's. It knows quotes, brackets, blocks and comments, and nothing else of YAML.
//!
//! Findings that are `sure` stand even where the parser accepts the text; the others only explain why it did not.

use super::limits::offset;
use super::scan_flow::Bracket;
use super::scan_value as say;
use crate::diag::{Diagnostic, SourceId, Span};

/// Something the scan noticed.
pub(super) struct Finding {
    /// Whether it is a mistake even if the parser accepts the text.
    pub(super) sure: bool,
    pub(super) diagnostic: Diagnostic,
}

pub(super) struct Scan<'t> {
    pub(super) source: SourceId,
    pub(super) text: &'t str,
    /// Name of the file without its extension, for commands to paste.
    pub(super) name: &'t str,
    pub(super) at: usize,
    /// End of the line that is being read.
    pub(super) end: usize,
    /// Indentation of that line.
    pub(super) indent: usize,
    pub(super) flow: Vec<Bracket>,
    /// The key that the value at hand belongs to.
    pub(super) key: &'t str,
    /// Inside a `|` or `>` block whose key has this indentation.
    block: Option<usize>,
    /// Tabs before the first word of a line.
    tabs: Vec<Span>,
    alias: bool,
    anchor: Option<Diagnostic>,
    findings: Vec<Finding>,
    pub(super) stopped: bool,
}

/// At most so many findings; a file with more is not a file with single mistakes.
const MAX_FINDINGS: usize = 100;

/// Looks through a text that passed the limits.
pub(super) fn scan(source: SourceId, name: &str, text: &str) -> Vec<Finding> {
    read(source, name, text).finish()
}

/// The places of tabs that indent.
pub(super) fn tabs(source: SourceId, text: &str) -> Vec<Span> {
    read(source, "", text).tabs
}

fn read<'t>(source: SourceId, name: &'t str, text: &'t str) -> Scan<'t> {
    let mut scan = Scan {
        source,
        text,
        name,
        at: 0,
        end: 0,
        indent: 0,
        flow: Vec::new(),
        key: "",
        block: None,
        tabs: Vec::new(),
        alias: false,
        anchor: None,
        findings: Vec::new(),
        stopped: false,
    };
    while scan.at < text.len() && !scan.stopped && scan.findings.len() < MAX_FINDINGS {
        scan.line();
    }
    scan
}

impl Scan<'_> {
    pub(super) fn span(&self, start: usize, end: usize) -> Span {
        Span { source: self.source, start: offset(start), end: offset(end) }
    }

    pub(super) fn found(&mut self, sure: bool, diagnostic: Diagnostic) {
        self.findings.push(Finding { sure, diagnostic });
    }

    /// A finding after which the scan no longer knows where it is.
    pub(super) fn lost(&mut self, diagnostic: Diagnostic) {
        self.found(false, diagnostic);
        self.stopped = true;
    }

    pub(super) fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    /// Reads from the start of a line to the start of the next one that is not yet read.
    fn line(&mut self) {
        let start = self.at;
        self.end = self.text[start..].find('\n').map_or(self.text.len(), |at| start + at);
        let rest = self.text[start..self.end].trim_start_matches([' ', '\t']);
        let margin = self.end - rest.len() - start;
        self.indent = margin;
        if rest.trim_end().is_empty() || self.inside_block() {
            self.at = self.end + 1;
            return;
        }
        if rest.starts_with('#') {
            self.at = self.end + 1;
            return;
        }
        if let Some(tab) = self.text[start..start + margin].find('\t') {
            let span = self.span(start + tab, start + margin);
            self.tabs.push(span);
        }
        self.at = start + margin;
        if self.flow.is_empty() {
            self.block_line(margin == 0);
        } else if !self.flow_was_forgotten() {
            self.flow_line();
        }
        if self.at <= self.end {
            self.at = self.end + 1;
        }
    }

    /// Whether this line belongs to a `|` block.
    fn inside_block(&mut self) -> bool {
        match self.block {
            Some(parent) if self.indent > parent => true,
            _ => {
                self.block = None;
                false
            }
        }
    }

    /// `- key: value` and its parts.
    fn block_line(&mut self, first_column: bool) {
        if first_column && self.byte(self.at) == Some(b'%') {
            let diagnostic = say::directive(self);
            self.found(true, diagnostic);
            return;
        }
        let mut column = self.indent;
        while self.text[self.at..self.end].starts_with("- ") {
            let rest = self.text[self.at + 1..self.end].trim_start_matches(' ');
            column += self.end - rest.len() - self.at;
            self.at = self.end - rest.len();
        }
        self.indent = column;
        if let Some(len) = key_len(&self.text[self.at..self.end]) {
            self.key = self.text[self.at..self.at + len].trim_matches(['"', '\'']);
            if self.key == "<<" {
                let diagnostic = say::merge_key(self);
                self.found(true, diagnostic);
            }
            self.at += len + 1;
            self.skip_spaces();
        }
        self.block_value();
    }

    pub(super) fn skip_spaces(&mut self) {
        while matches!(self.byte(self.at), Some(b' ' | b'\t')) && self.at < self.end {
            self.at += 1;
        }
    }

    fn block_value(&mut self) {
        let Some(first) = self.byte(self.at).filter(|_| self.at < self.end) else { return };
        match first {
            b'#' => {}
            b'|' | b'>' => self.block = Some(self.indent),
            b'"' | b'\'' => self.quoted(),
            b'[' | b'{' => self.flow_line(),
            b'&' | b'*' | b'!' => self.indicator(first),
            b'`' | b'@' => {
                let value = self.plain_end();
                let diagnostic = say::reserved(self, value);
                self.found(false, diagnostic);
            }
            _ => self.plain(),
        }
    }

    /// End of a plain value on this line: before ` #`.
    fn plain_end(&self) -> usize {
        let rest = &self.text[self.at..self.end];
        let comment = rest.find(" #").unwrap_or(rest.len());
        self.at + rest[..comment].trim_end().len()
    }

    fn plain(&mut self) {
        let end = self.plain_end();
        let value = &self.text[self.at..end];
        if let Some(colon) = value.find(": ").or_else(|| value.ends_with(':').then(|| value.len() - 1)) {
            let diagnostic = say::colon(self, end, colon);
            self.found(false, diagnostic);
        } else if end < self.text[..self.end].trim_end().len()
            && let Some(diagnostic) = say::cut_by_comment(self, end, self.end)
        {
            self.found(true, diagnostic);
        }
    }

    /// `&anchor`, `*alias`, `!tag`.
    pub(super) fn indicator(&mut self, first: u8) {
        let rest = &self.text[self.at..self.end];
        let len = rest.find([' ', ',', ']', '}', '\t', '\r']).unwrap_or(rest.len());
        let diagnostic = say::indicator(self, first, self.at + len);
        self.at += len;
        match first {
            // The first alias says it all; an anchor is told only where no alias uses it.
            b'*' if !self.alias => {
                self.alias = true;
                self.found(true, diagnostic);
            }
            b'&' if self.anchor.is_none() => self.anchor = Some(diagnostic),
            b'!' => self.found(true, diagnostic),
            _ => {}
        }
    }

    /// A quoted text, over lines if need be, and what stands behind it.
    pub(super) fn quoted(&mut self) {
        let start = self.at;
        let Some(close) = self.closing_quote(start) else {
            let end = self.text[start..].find('\n').map_or(self.text.len(), |at| start + at);
            let diagnostic = say::open_quote(self, start, end);
            self.lost(diagnostic);
            return;
        };
        let several_lines = close >= self.end;
        self.at = close + 1;
        self.end = self.text[close..].find('\n').map_or(self.text.len(), |at| close + at);
        let behind = self.text[self.at..self.end].trim();
        let fits = behind.is_empty()
            || behind.starts_with([':', '#'])
            || (!self.flow.is_empty() && behind.starts_with([',', '}', ']']));
        if fits {
            return;
        }
        if several_lines {
            let end = self.text[start..].find('\n').map_or(self.text.len(), |at| start + at);
            let diagnostic = say::open_quote(self, start, end);
            self.lost(diagnostic);
        } else {
            let diagnostic = say::behind_quote(self, start, close);
            self.found(false, diagnostic);
            self.at = if self.flow.is_empty() { self.end } else { self.flow_value_end() };
        }
    }

    fn closing_quote(&self, start: usize) -> Option<usize> {
        let quote = self.byte(start)?;
        let mut at = start + 1;
        while let Some(byte) = self.byte(at) {
            match byte {
                b'\\' if quote == b'"' => at += 2,
                b'\'' if quote == b'\'' && self.byte(at + 1) == Some(b'\'') => at += 2,
                _ if byte == quote => return Some(at),
                _ => at += 1,
            }
        }
        None
    }

    /// A key at or left of the line that opened a bracket: the bracket was never closed.
    fn flow_was_forgotten(&mut self) -> bool {
        let Some(bracket) = self.flow.first() else { return false };
        if self.indent > bracket.indent || key_len(&self.text[self.at..self.end]).is_none() {
            return false;
        }
        let diagnostic = say::open_bracket(self, bracket.byte, bracket.at);
        self.found(false, diagnostic);
        self.flow.clear();
        self.block_line(false);
        true
    }

    fn finish(mut self) -> Vec<Finding> {
        if let Some(diagnostic) = self.anchor.take().filter(|_| !self.alias) {
            self.found(true, diagnostic);
        }
        if let Some(bracket) = self.flow.first().filter(|_| !self.stopped) {
            let diagnostic = say::open_bracket(&self, bracket.byte, bracket.at);
            self.found(false, diagnostic);
        }
        if let Some(first) = self.tabs.first() {
            let diagnostic = say::tabs(&self, *first, self.tabs.len() - 1);
            self.findings.insert(0, Finding { sure: true, diagnostic });
        }
        self.findings
    }
}

/// Length of the key that a line begins with; `None` if it begins with none.
fn key_len(line: &str) -> Option<usize> {
    let first = line.as_bytes().first()?;
    if matches!(first, b'"' | b'\'') {
        let close = 1 + line.get(1..)?.find(char::from(*first))?;
        let behind = line.get(close + 1..)?;
        return (behind == ":" || behind.starts_with(": ") || behind.trim_end() == ":").then_some(close + 1);
    }
    if matches!(first, b'{' | b'[' | b'#' | b'|' | b'>') {
        return None;
    }
    let before_comment = line.find(" #").map_or(line, |at| &line[..at]).trim_end();
    let colon = before_comment
        .find(": ")
        .or_else(|| before_comment.ends_with(':').then(|| before_comment.len() - 1))?;
    Some(colon)
}
