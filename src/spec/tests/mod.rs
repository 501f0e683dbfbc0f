//! What files say and what is said about them.

mod complete;
mod mistakes;
mod places;
mod secrets;
mod soql;

use super::{ConnectionFile, Parsed, PipelineFile, read_connection, read_pipeline};
use crate::diag::{Diagnostic, SourceMap, Span};

/// A file of one test.
struct File {
    map: SourceMap,
}

impl File {
    fn pipeline(text: &str) -> (Self, Parsed<PipelineFile>) {
        let mut map = SourceMap::default();
        let source = map.add("pipelines/a.yaml", text);
        let parsed = read_pipeline(source, &map, "a");
        (Self { map }, parsed)
    }

    fn connection(text: &str) -> (Self, Parsed<ConnectionFile>) {
        let mut map = SourceMap::default();
        let source = map.add("connections/a.yaml", text);
        let parsed = read_connection(source, &map, "a");
        (Self { map }, parsed)
    }

    /// What is written at a place.
    fn at(&self, span: Span) -> &str {
        &self.map.get(span.source).unwrap().text[span.start as usize..span.end as usize]
    }

    /// Code and marked text of each message.
    fn marks<'f>(&'f self, diagnostics: &[Diagnostic]) -> Vec<(&'static str, &'f str)> {
        let mark = |diagnostic: &Diagnostic| {
            (diagnostic.code.0, diagnostic.primary.as_ref().map_or("", |label| self.at(label.span)))
        };
        diagnostics.iter().map(mark).collect()
    }
}
