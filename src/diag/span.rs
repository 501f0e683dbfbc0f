//! Places in files. Everything that may be wrong carries a [`Span`]; a [`SourceMap`] turns it into file, line and column.

use std::fmt;
use std::sync::Arc;

/// A file of a [`SourceMap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u32);

/// A range of bytes in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// Which file.
    pub source: SourceId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// A part of this span, in bytes from its start. Clipped to the span.
    #[must_use]
    pub fn part(self, from: u32, to: u32) -> Self {
        let start = self.start.saturating_add(from).min(self.end);
        let end = self.start.saturating_add(to).clamp(start, self.end);
        Self { source: self.source, start, end }
    }
}

/// A file that was read: its printed path and its text.
#[derive(Clone, Debug)]
pub struct Source {
    /// The path as messages print it.
    pub path: Arc<str>,
    /// The whole text.
    pub text: Arc<str>,
}

/// All files of one load.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    sources: Vec<Source>,
}

impl SourceMap {
    /// Adds a file.
    pub fn add(&mut self, path: &str, text: &str) -> SourceId {
        self.sources.push(Source { path: Arc::from(path), text: Arc::from(text) });
        SourceId(u32::try_from(self.sources.len() - 1).unwrap_or(u32::MAX))
    }

    /// Adds a file, or takes the place of the one with the same path: a file keeps its id while its text changes.
    pub fn put(&mut self, path: &str, text: &str) -> SourceId {
        match self.sources.iter().position(|source| &*source.path == path) {
            Some(at) => {
                self.sources[at].text = Arc::from(text);
                SourceId(u32::try_from(at).unwrap_or(u32::MAX))
            }
            None => self.add(path, text),
        }
    }

    /// All files.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        self.sources.iter()
    }

    /// A file by its id. Ids come from `add` of the same map.
    pub fn get(&self, id: SourceId) -> Option<&Source> {
        self.sources.get(id.0 as usize)
    }

    /// File, line and column of the start of a span, counted from 1; columns count characters.
    pub fn place(&self, span: Span) -> Option<Place> {
        let source = self.get(span.source)?;
        let start = (span.start as usize).min(source.text.len());
        let before = source.text.get(..start)?;
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = before[line_start..].chars().count() + 1;
        Some(Place { path: Arc::clone(&source.path), line, column })
    }
}

/// `file:line:column`, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Printed path.
    pub path: Arc<str>,
    /// Line from 1.
    pub line: usize,
    /// Column from 1, in characters.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.path, self.line, self.column)
    }
}
