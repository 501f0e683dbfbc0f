//! The lines of a file that a message shows: few, short, with tabs visible and secrets masked.

use std::ops::Range;

use super::Span;

/// Longer lines are shown in part.
const MAX_LINE: usize = 400;
/// Lines between the first and the last place; places further away are shown with what is between left out by the renderer.
const MAX_BYTES: usize = 64 * 1024;

/// A part of a file, as it is shown.
pub(super) struct Excerpt {
    /// The lines.
    pub(super) text: String,
    /// The number of the first one, from 1.
    pub(super) first_line: usize,
    /// File offset and offset in `text`, ascending: where the two go out of step.
    steps: Vec<(usize, usize)>,
    source_end: usize,
}

impl Excerpt {
    /// The lines from the first to the last span.
    pub(super) fn new(text: &str, spans: &[Span], masks: &[Span]) -> Self {
        let offsets = |span: &Span| {
            let start = boundary(text, (span.start as usize).min(text.len()));
            start..boundary(text, (span.end as usize).clamp(start, text.len()))
        };
        let places: Vec<Range<usize>> = spans.iter().map(offsets).collect();
        let from = places.iter().map(|place| place.start).min().unwrap_or(0);
        let until = places.iter().map(|place| last_byte(text, place)).max().unwrap_or(0);
        let line_start = text[..from].rfind('\n').map_or(0, |at| at + 1);
        let start = boundary(text, line_start.max(from.saturating_sub(MAX_LINE / 2)));
        let line_end = text[until..].find('\n').map_or(text.len(), |at| until + at);
        let end = boundary(text, line_end.min(until + MAX_LINE / 2).min(start + MAX_BYTES));
        let first_line = text[..line_start].bytes().filter(|byte| *byte == b'\n').count() + 1;
        let mut excerpt = Self { text: String::new(), first_line, steps: vec![(start, 0)], source_end: end };
        let source = spans.first().map(|span| span.source);
        let masks: Vec<Range<usize>> =
            masks.iter().filter(|mask| Some(mask.source) == source).map(offsets).collect();
        excerpt.copy(&text[start..end], start, &masks);
        excerpt
    }

    fn copy(&mut self, part: &str, start: usize, masks: &[Range<usize>]) {
        let mut at = 0;
        while let Some(c) = part[at..].chars().next() {
            let place = start + at;
            if let Some(mask) = masks.iter().find(|mask| mask.start == place && !mask.is_empty()) {
                let hidden = &part[at..(mask.end - start).min(part.len())];
                self.text.push_str(&masked(hidden));
                at += hidden.len();
            } else {
                match c {
                    '\t' => self.text.push('→'),
                    '\r' | '\n' => self.text.push(if c == '\n' { '\n' } else { ' ' }),
                    _ if c.is_control() => self.text.push('\u{FFFD}'),
                    _ => self.text.push(c),
                }
                at += c.len_utf8();
            }
            self.steps.push((start + at, self.text.len()));
        }
        self.thin();
    }

    /// Keeps only the steps where file and text go out of step.
    fn thin(&mut self) {
        let mut kept: Vec<(usize, usize)> = Vec::new();
        for (file, shown) in std::mem::take(&mut self.steps) {
            let in_step = kept.last().is_some_and(|(f, s)| file - f == shown - s);
            if !in_step {
                kept.push((file, shown));
            }
        }
        self.steps = kept;
    }

    /// Where a place of the file is in the text. An empty place is one character wide where there is one.
    pub(super) fn range(&self, span: Span) -> Range<usize> {
        let start = self.shown(span.start as usize);
        let end = self.shown(span.end as usize).max(start);
        if end > start {
            return start..end;
        }
        let next = self.text[start..].chars().next().filter(|c| *c != '\n').map_or(0, char::len_utf8);
        start..start + next
    }

    fn shown(&self, file: usize) -> usize {
        let file = file.min(self.source_end);
        let at = self.steps.partition_point(|(known, _)| *known <= file);
        let Some((known, shown)) = at.checked_sub(1).and_then(|at| self.steps.get(at)) else { return 0 };
        let limit = self.steps.get(at).map_or(self.text.len(), |(_, next)| *next);
        let place = (shown + (file - known)).min(limit);
        boundary(&self.text, place)
    }
}

/// The place where the last character of a range begins: a range that ends with a line break ends on its line.
fn last_byte(text: &str, place: &Range<usize>) -> usize {
    let mut at = place.end;
    while at > place.start && text[place.start..at].ends_with(['\n', '\r', ' ']) {
        at -= 1;
    }
    at
}

fn boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The beginning of a secret, at most a third of it, so that it can be told from others.
fn masked(secret: &str) -> String {
    let length = secret.chars().count();
    let shown: String = secret.chars().take((length / 3).min(12)).filter(|c| *c != '\n').collect();
    format!("{shown}...")
}
