//! Text of a file with the way back: every byte of the text knows where it is written, through quotes, escapes and blocks.

use std::sync::Arc;

use crate::diag::{SourceId, Span};

/// How a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// `'…'`
    Single,
    /// `"…"`
    Double,
    /// A `|` block.
    Literal,
    /// A `>` block.
    Folded,
}

impl Style {
    /// Whether it stands in quotes or in a block, so that it is text whatever it looks like.
    pub fn is_quoted(self) -> bool {
        self != Self::Plain
    }
}

/// One point of the way back: from this byte of the text on, bytes are written from that byte of the file on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Anchor {
    /// Byte in the text.
    pub(crate) text: u32,
    /// Byte in the file.
    pub(crate) file: u32,
}

/// A text as it is meant, and where it is written. Equality looks at the text only.
#[derive(Clone, Debug)]
pub struct Scalar {
    /// The text: without quotes, escapes replaced, indentation of blocks removed.
    pub text: Arc<str>,
    /// Where it is written, quotes included.
    pub span: Span,
    /// How it is written.
    pub style: Style,
    /// Ascending; the first is for byte 0.
    pub(crate) anchors: Arc<[Anchor]>,
}

impl Scalar {
    /// The place of a part of the text, given in bytes of the text. Never fails: offsets beyond the end, or inside a
    /// character, are moved to the nearest place.
    pub fn span_in(&self, start: usize, end: usize) -> Span {
        let from = self.file_offset(start);
        let last = if end > start { self.file_offset(end - 1) + self.width_at(end - 1) } else { from };
        Span { source: self.source(), start: from, end: last.min(self.span.end).max(from) }
    }

    /// The file.
    pub fn source(&self) -> SourceId {
        self.span.source
    }

    fn file_offset(&self, text: usize) -> u32 {
        let text = u32::try_from(text).unwrap_or(u32::MAX);
        let at = self.anchors.partition_point(|anchor| anchor.text <= text);
        let Some(anchor) = at.checked_sub(1).and_then(|at| self.anchors.get(at)) else {
            return self.span.start;
        };
        let limit = self.anchors.get(at).map_or(self.span.end, |next| next.file);
        anchor.file.saturating_add(text - anchor.text).min(limit)
    }

    /// How many bytes of the file one byte of the text takes: more than one for escapes.
    fn width_at(&self, text: usize) -> u32 {
        let text = u32::try_from(text).unwrap_or(u32::MAX);
        let at = self.anchors.partition_point(|anchor| anchor.text <= text);
        match (at.checked_sub(1).and_then(|at| self.anchors.get(at)), self.anchors.get(at)) {
            (Some(here), Some(next)) if next.text == text + 1 && !self.breaks_line(text) => {
                (next.file - here.file).saturating_sub(text - here.text).max(1)
            }
            _ => 1,
        }
    }

    fn breaks_line(&self, text: u32) -> bool {
        matches!(self.text.as_bytes().get(text as usize), Some(b'\n' | b' '))
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}
