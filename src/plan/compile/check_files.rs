//! E211, E213, E601: the files of the folder, and the secrets of connections.

use std::collections::BTreeMap;

use super::unit::World;
use crate::diag::Diagnostic;
use crate::model::{ConnectionName, PipelineName};
use crate::plan::Files;
use crate::spec::{ConnectionFile, ConnectionKind, SecretRef, SecretSource};

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

/// `parent` of a resource names another resource of the same connection.
pub(super) fn check_parents(connection: &ConnectionFile) -> Vec<Diagnostic> {
    let ConnectionKind::Http(http) = &connection.kind else { return Vec::new() };
    let unknown = http.resources.iter().filter_map(|resource| resource.parent.as_ref());
    let unknown = unknown.filter(|parent| http.resource(&parent.value).is_none());
    unknown
        .map(|parent| {
            let title = format!("`{}` has no resource `{}`", connection.name, parent.value);
            let error =
                Diagnostic::error("E213", title, parent.span, "not among the `resources` of this file");
            let names = http.resources.iter().map(|resource| resource.name.value.as_str());
            match super::suggest::nearest(&parent.value, names) {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => error,
            }
        })
        .collect()
}

/// Secrets that are not set, once per place.
pub(super) fn check_secrets(
    world: &World<'_>,
    connection: &ConnectionFile,
    waiting: &BTreeMap<ConnectionName, Vec<PipelineName>>,
) -> Vec<Diagnostic> {
    let missing = connection.secrets.iter().filter(|secret| world.catalog.lacks(&secret.source));
    let waiting = waiting.get(&connection.name).map_or(&[][..], Vec::as_slice);
    missing.map(|secret| not_set(secret, waiting)).collect()
}

fn not_set(secret: &SecretRef, waiting: &[PipelineName]) -> Diagnostic {
    let (title, label, help) = match &secret.source {
        SecretSource::Env(name) => (
            format!("secret {name} is not set"),
            "no such environment variable in the daemon",
            format!(
                "set it for the service (systemd: EnvironmentFile=), then: sfsync reload.  Or use ${{file:/run/secrets/{}}}",
                name.to_lowercase()
            ),
        ),
        SecretSource::File(path) => (
            format!("secret file {path} cannot be read"),
            "not there, or not readable for the daemon",
            "make it, readable for the user of the daemon, then: sfsync reload".to_owned(),
        ),
    };
    let error = Diagnostic::error("E601", title, secret.span, label);
    let error = match waiting {
        [] => error,
        [one] => error.note(format!("pipeline {one} waits for it")),
        several => {
            let names: Vec<&str> = several.iter().map(PipelineName::as_str).collect();
            error.note(format!("pipelines {} wait for it", names.join(", ")))
        }
    };
    error.help(help)
}
