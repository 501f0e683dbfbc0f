//! E603: an org that is not of the kind its connection file says is refused by whoever signs in to it, before anything of it is known. Here
//! that becomes a message about the file, and the file counts as broken: its last good version goes on, or nothing.

use std::collections::BTreeSet;

use super::catalogs::Looked;
use super::load::Loaded;
use crate::diag::{Code, Diagnostic};
use crate::model::ConnectionName;
use crate::plan::{Broken, Files};
use crate::spec::{ConnectionFile, ConnectionKind};

/// The code of an org of the wrong kind.
pub(super) const WRONG_ORG: &str = "E603";

/// Marks the connections that were refused, and returns them.
pub(super) fn refuse(loaded: &mut Loaded, looked: &Looked) -> BTreeSet<ConnectionName> {
    let wrong = looked.unreachable.iter().filter(|(_, error)| error.code == WRONG_ORG);
    let mut refused = BTreeSet::new();
    for (name, error) in wrong {
        let Some(file) = loaded.files.connection(name).and_then(|file| file.value()) else { continue };
        let Some(mut message) = at_environment(file, &error.message) else { continue };
        message.help.extend(error.help.clone());
        if !loaded.compiled.diagnostics.iter().any(|known| is_same(known, &message)) {
            loaded.compiled.diagnostics.push(message);
        }
        loaded.compiled.connections.insert(name.clone(), Err(Broken));
        refused.insert(name.clone());
    }
    refused
}

fn at_environment(file: &ConnectionFile, message: &str) -> Option<Diagnostic> {
    let ConnectionKind::Salesforce(org) = &file.kind else { return None };
    Some(Diagnostic::error(WRONG_ORG, message.to_owned(), org.environment.span, ""))
}

fn is_same(one: &Diagnostic, other: &Diagnostic) -> bool {
    let place = |message: &Diagnostic| message.primary.as_ref().map(|label| label.span);
    one.code == Code(WRONG_ORG) && place(one) == place(other)
}

/// Keeps the pipelines back that would run with a refused connection because there is no other version of it.
pub(super) fn withhold(instead: &mut Loaded, desired: &Files, refused: &BTreeSet<ConnectionName>) {
    let text = |files: &Files, name: &ConnectionName| {
        files.connection(name).and_then(|file| files.map.get(file.source)).map(|source| source.text.clone())
    };
    let files = &instead.files;
    let same = |name: &ConnectionName| refused.contains(name) && text(files, name) == text(desired, name);
    let with = files.pipelines.iter().filter_map(|file| file.value());
    let kept: Vec<_> =
        with.filter(|file| same(&file.salesforce.connection_name())).map(|file| file.name.clone()).collect();
    for name in kept {
        instead.compiled.pipelines.insert(name, Err(Broken));
    }
}
