//! The plan of a test that says how switches of its file stand (`with`): made from the same files, with these switches in place of those of
//! the file. So a test about a switch holds whichever way somebody turns it, and both ways can be shown.

use std::sync::Arc;

use super::Mismatch;
use crate::diag::Diagnostic;
use crate::model::PipelineName;
use crate::plan::{Compiled, FileOf, Files, Pipeline};
use crate::spec::{Entry, Parsed, PipelineFile, Switches};

/// The plan of a file with other switches.
pub fn switched(
    files: &Files,
    file: &FileOf<PipelineName, PipelineFile>,
    switches: &Entry<Switches>,
    compile: impl Fn(&Files) -> Compiled,
) -> Result<Arc<Pipeline>, Mismatch> {
    let refused = |got: String| Mismatch {
        expected: "switches that fit the file".to_owned(),
        got,
        because: None,
        span: Some(switches.span),
    };
    let said = file.value().ok_or_else(|| refused("the file cannot be read".to_owned()))?;
    let is_there = |name: &str| said.groups.iter().any(|group| group.name.value == name);
    if let Some(group) = switches.value.groups.iter().find(|group| !is_there(&group.name.value)) {
        return Err(refused(format!("`groups` of the file has no `{}`", group.name.value)));
    }
    let mut others = files.clone();
    for other in others.pipelines.iter_mut().filter(|other| other.name == file.name) {
        let value = Some(said.switched(&switches.value));
        other.parsed = Arc::new(Parsed { value, diagnostics: file.parsed.diagnostics.clone() });
    }
    let compiled = compile(&others);
    match compiled.pipelines.get(&file.name) {
        Some(Ok(plan)) => Ok(Arc::clone(plan)),
        _ => Err(refused(first_error(&compiled, file))),
    }
}

fn first_error(compiled: &Compiled, file: &FileOf<PipelineName, PipelineFile>) -> String {
    let here = |diagnostic: &&Diagnostic| {
        let place = diagnostic.primary.as_ref().map(|label| label.span.source);
        diagnostic.is_error() && place == Some(file.source)
    };
    let error = compiled.diagnostics.iter().find(here);
    error.map_or_else(|| "errors".to_owned(), |error| format!("{}: {}", error.code, error.title))
}
