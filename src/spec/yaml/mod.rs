//! YAML as data: text to a tree in which everything has a place. No anchors, aliases, tags, directives or merge keys, one
//! document, and limits that hold before anything is built, so that a hostile file costs milliseconds.
//!
//! Read [`Node`] first. What the keys mean is the grammar's business.

mod anchors;
mod builder;
mod feed;
mod limits;
mod node;
mod scan;
mod scan_flow;
mod scan_value;
mod translate;

use crate::diag::{Diagnostic, Fix, SourceId, SourceMap, Span};

pub use limits::add_file;
pub(crate) use limits::{MAX_DEPTH, MAX_VALUES};
pub(crate) use node::{Data, Node};
pub(in crate::spec) use scan_value::in_single_quotes;

/// Reads one file. Without a tree there is at least one error; with a tree there may still be some (duplicate keys).
pub(crate) fn read(source: SourceId, map: &SourceMap, out: &mut Vec<Diagnostic>) -> Option<Node> {
    let file = map.get(source)?;
    let text = &file.text;
    if let Err(problem) = limits::check(source, text) {
        out.push(*problem);
        return None;
    }
    let findings = scan::scan(source, stem(&file.path), text);
    match builder::build(source, text) {
        Ok(built) => {
            let sure: Vec<Diagnostic> = findings
                .into_iter()
                .filter(|finding| finding.sure)
                .map(|finding| finding.diagnostic)
                .collect();
            let broken = !sure.is_empty();
            out.extend(sure);
            out.extend(built.problems);
            if broken { None } else { built.root }
        }
        Err(problem) => {
            if findings.is_empty() || problem.code.0 == "E007" {
                out.push(*problem);
            } else {
                out.extend(findings.into_iter().map(|finding| finding.diagnostic));
            }
            None
        }
    }
}

/// Corrections of the raw text that make it YAML again: quotes that are missing. Empty where the text passes or no
/// correction is sure.
pub(crate) fn repairs(source: SourceId, text: &str) -> Vec<Fix> {
    let findings = scan::scan(source, "", text);
    let quoting = findings
        .into_iter()
        .filter(|finding| ["E002", "E005", "E010", "E011"].contains(&finding.diagnostic.code.0));
    quoting.filter_map(|finding| finding.diagnostic.fix).collect()
}

/// The places of tabs that indent.
pub(crate) fn tabs(source: SourceId, text: &str) -> Vec<Span> {
    scan::tabs(source, text)
}

/// The tree of a text, if it passes the limits and the parser.
pub(crate) fn tree(source: SourceId, text: &str) -> Option<Node> {
    limits::check(source, text).ok()?;
    builder::build(source, text).ok()?.root
}

/// `projects` of `pipelines/projects.yaml`.
pub(crate) fn stem(path: &str) -> &str {
    let file = path.rsplit(['/', '\\']).next().unwrap_or(path);
    file.strip_suffix(".yaml").or_else(|| file.strip_suffix(".yml")).unwrap_or(file)
}
