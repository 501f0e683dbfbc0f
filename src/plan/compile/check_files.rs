//! E211, E601: the files of the folder, and the secrets of connections.

use std::collections::BTreeMap;

use super::unit::World;
use crate::diag::Diagnostic;
use crate::model::{ConnectionName, PipelineName};
use crate::plan::Files;
use crate::spec::{ConnectionFile, SecretError, SecretSource};

/// Two files of one name: `clients.yaml` and `clients.yml`.
pub(super) fn check_names(files: &Files) -> Vec<Diagnostic> {
    let pipelines = files.pipelines.iter().map(|file| (file.name.to_string(), file.source));
    let connections =
        files.connections.iter().map(|file| (format!("connections/{}", file.name), file.source));
    let mut seen = BTreeMap::new();
    let mut found = Vec::new();
    for (name, source) in pipelines.chain(connections) {
        if let Some(first) = seen.insert(name.clone(), source) {
            let span = crate::diag::Span { source, start: 0, end: 0 };
            let title = format!("two files have the name `{name}`");
            let error = Diagnostic::error("E211", title, span, "");
            found.push(error.note(format!("the other is {}", files.path(first))).help("keep one of them"));
        }
    }
    found
}

/// E601 for secrets that are known to be missing, with the pipelines that wait for them.
pub(super) fn check_secrets(
    world: &World<'_>,
    connection: &ConnectionFile,
    waiting: &BTreeMap<ConnectionName, Vec<PipelineName>>,
) -> Vec<Diagnostic> {
    let resolver = |source: &SecretSource| {
        if world.catalog.lacks(source) { Err(SecretError::NotSet(source.clone())) } else { Ok("".into()) }
    };
    let waiting = waiting.get(&connection.name).map_or(&[][..], Vec::as_slice);
    crate::spec::check_secrets(&connection.secrets, &resolver, waiting)
}
