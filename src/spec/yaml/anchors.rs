//! The way back from the text of a scalar to the file: through doubled quotes, escapes, folded lines and indentation.

use std::sync::Arc;

use super::limits::offset;
use crate::spec::Style;
use crate::spec::scalar::Anchor;

/// Walks text and file side by side.
struct Walk<'a> {
    raw: &'a [u8],
    /// Offset of `raw` in the file.
    base: usize,
    /// Position in `raw`.
    at: usize,
    style: Style,
    /// Spaces before each line of a block.
    indent: usize,
    anchors: Vec<Anchor>,
}

/// Where the bytes of `text` are written. `raw` is what is written, without the outer quotes, and begins at `base`;
/// `indent` is the indentation of a block.
pub(super) fn anchors(text: &str, raw: &str, base: usize, style: Style, indent: usize) -> Arc<[Anchor]> {
    if text == raw {
        return Arc::from([Anchor { text: 0, file: offset(base) }]);
    }
    let mut walk = Walk { raw: raw.as_bytes(), base, at: 0, style, indent, anchors: Vec::new() };
    for (position, c) in text.char_indices() {
        walk.step(position, c);
    }
    if walk.anchors.is_empty() {
        walk.push(0);
    }
    Arc::from(walk.anchors)
}

impl Walk<'_> {
    fn step(&mut self, position: usize, c: char) {
        self.skip_continuations();
        if let Some(len) = self.escape_len() {
            self.push(position);
            self.at += len;
            return;
        }
        if !self.matches(c) {
            if matches!(c, ' ' | '\n') && self.raw.get(self.at).is_some_and(u8::is_ascii_whitespace) {
                self.push(position);
                self.skip_whitespace();
                return;
            }
            self.seek(c);
        }
        self.push(position);
        if self.matches(c) {
            self.at += c.len_utf8();
            if c == '\n' && matches!(self.style, Style::Literal | Style::Folded) {
                self.skip_indent();
            }
        }
    }

    fn matches(&self, c: char) -> bool {
        let mut buffer = [0; 4];
        self.raw.get(self.at..).is_some_and(|rest| rest.starts_with(c.encode_utf8(&mut buffer).as_bytes()))
    }

    /// Length of an escape at this place.
    fn escape_len(&self) -> Option<usize> {
        let rest = self.raw.get(self.at..)?;
        match self.style {
            Style::Single if rest.starts_with(b"''") => Some(2),
            Style::Double if rest.first() == Some(&b'\\') => Some(match rest.get(1) {
                Some(b'x') => 4,
                Some(b'u') => 6,
                Some(b'U') => 10,
                _ => 2,
            }),
            _ => None,
        }
    }

    /// A backslash at the end of a line joins it with the next one.
    fn skip_continuations(&mut self) {
        while self.style == Style::Double
            && self.raw.get(self.at) == Some(&b'\\')
            && matches!(self.raw.get(self.at + 1), Some(b'\n' | b'\r'))
        {
            self.at += 1;
            self.skip_whitespace();
        }
    }

    fn skip_whitespace(&mut self) {
        while self.raw.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn skip_indent(&mut self) {
        let limit = self.at + self.indent;
        while self.at < limit && self.raw.get(self.at) == Some(&b' ') {
            self.at += 1;
        }
    }

    /// Goes over line breaks and indentation to the character, if that is all there is before it.
    fn seek(&mut self, c: char) {
        let here = self.at;
        while !self.matches(c) && self.raw.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        if !self.matches(c) {
            self.at = here;
        }
    }

    /// Adds a point where the two walk out of step.
    fn push(&mut self, position: usize) {
        let (text, file) = (offset(position), offset(self.base + self.at));
        let in_step =
            self.anchors.last().is_some_and(|last| file >= last.file && file - last.file == text - last.text);
        if !in_step {
            self.anchors.push(Anchor { text, file });
        }
    }
}
