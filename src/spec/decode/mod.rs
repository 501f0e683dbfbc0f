//! A checked tree to the typed results. Says nothing about what does not fit: the grammar has reported and marked it, and it
//! is taken for missing here. What concerns several keys of one file is checked on the results, in [`checks`].

mod checks;
mod connection;
mod fields;
mod http;
mod pipeline;
mod rows;
mod settings;
mod sides;
mod stories;

use super::grammar::{CONNECTION, Checker, PIPELINE, SETTINGS};
use super::yaml::{self, Node};
use super::{ConnectionFile, Parsed, PipelineFile, Settings, secrets};
use crate::diag::{Diagnostic, SourceId, SourceMap, Span};
use crate::model::{ConnectionName, PipelineName};

/// Reads a pipeline file. `name` is the name of the file without its extension.
pub fn read_pipeline(source: SourceId, map: &SourceMap, name: &str) -> Parsed<PipelineFile> {
    let mut out = Vec::new();
    check_name(name, source, "pipeline", &mut out);
    let value = read_tree(source, map, "a pipeline", &mut out).and_then(|mut root| {
        let connection = pipeline::connection_word(&root);
        secrets::refuse_in_pipeline(&mut root, connection.as_deref(), &mut out);
        Checker::new(map, &mut out).file(&mut root, &PIPELINE);
        let mut file = pipeline::decode(&root, source, &PipelineName::from(name), &mut out)?;
        checks::check(&mut file, &root, map, &mut out);
        Some(file)
    });
    finish(value, out)
}

/// Reads a file of `connections/`.
pub fn read_connection(source: SourceId, map: &SourceMap, name: &str) -> Parsed<ConnectionFile> {
    let mut out = Vec::new();
    check_name(name, source, "connection", &mut out);
    let value = read_tree(source, map, "a connection", &mut out).and_then(|mut root| {
        Checker::new(map, &mut out).file_by_word(&mut root, &CONNECTION);
        connection::decode(&root, source, &ConnectionName::from(name), &mut out)
    });
    finish(value, out)
}

/// Reads `settings.yaml`. An empty file is one without settings.
pub fn read_settings(source: SourceId, map: &SourceMap) -> Parsed<Settings> {
    let mut out = Vec::new();
    let nothing = map.get(source).is_some_and(|file| {
        file.text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
    });
    if nothing {
        return finish(Some(Settings::empty(source)), out);
    }
    let value = read_tree(source, map, "settings.yaml", &mut out).map(|mut root| {
        Checker::new(map, &mut out).file(&mut root, &SETTINGS);
        settings::decode(&root, source, &mut out)
    });
    finish(value, out)
}

fn read_tree(source: SourceId, map: &SourceMap, what: &str, out: &mut Vec<Diagnostic>) -> Option<Node> {
    let before = out.len();
    let root = yaml::read(source, map, out);
    let empty = root.as_ref().is_none_or(Node::is_nothing);
    if empty && out.len() == before {
        let span = Span { source, start: 0, end: 0 };
        out.push(
            Diagnostic::error("E102", "the file is empty", span, "")
                .help(format!("{what} begins with its keys")),
        );
    }
    root.filter(|_| !empty)
}

/// E008.
fn check_name(name: &str, source: SourceId, what: &str, out: &mut Vec<Diagnostic>) {
    if super::grammar::is_name(name) {
        return;
    }
    let span = Span { source, start: 0, end: 0 };
    out.push(
        Diagnostic::error("E008", format!("`{name}` cannot be the name of a {what}"), span, "")
            .note("the name of the file is the name of what is in it")
            .help("rename the file: a-z, 0-9, _ and -, up to 60 characters"),
    );
}

fn finish<T>(value: Option<T>, mut diagnostics: Vec<Diagnostic>) -> Parsed<T> {
    // The order of the file; those of one place stay in the order they were found.
    diagnostics.sort_by_key(|diagnostic| diagnostic.primary.as_ref().map(|label| label.span.start));
    Parsed { value, diagnostics }
}
