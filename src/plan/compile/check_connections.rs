//! E201, E202, E204: the connections and resources that a pipeline names.

use super::Checked;
use super::suggest::{list, nearest};
use super::unit::{Out, Unit};
use crate::diag::{Diagnostic, Span};
use crate::model::ConnectionName;
use crate::spec::{ConnectionFile, ConnectionKind};

pub(super) fn check_connections(checked: &Checked<'_>, out: &mut Out) {
    let unit = checked.unit;
    check_salesforce(unit, out);
    check_app(unit, out);
    for name in unit.file.notify.iter().flat_map(|entry| &entry.value) {
        check_notify(unit, &name.value, name.span, out);
    }
}

fn check_salesforce(unit: &Unit<'_>, out: &mut Out) {
    let side = &unit.file.salesforce;
    let span = side.connection.as_ref().map_or(side.object.span, |entry| entry.span);
    let Some(file) = found(unit, &side.connection_name(), span, out) else { return };
    if !matches!(file.kind, ConnectionKind::Salesforce(_)) {
        let title = format!("`{}` is not a Salesforce org: it is {}", file.name, typed(file));
        out.push(with_choices(
            unit,
            Diagnostic::error("E204", title, span, "needs `type: salesforce`"),
            |file| matches!(file.kind, ConnectionKind::Salesforce(_)),
        ));
    }
}

fn check_app(unit: &Unit<'_>, out: &mut Out) {
    let resource = &unit.file.app.resource;
    let span = resource.connection.span;
    let Some(file) = found(unit, &resource.connection.value, span, out) else { return };
    if !file.kind.is_app() {
        let title = format!("`{}` holds no records for `app`: it is {}", file.name, typed(file));
        let error = Diagnostic::error("E202", title, span, "needs an http, postgres or sqlite connection");
        out.push(with_choices(unit, error, |file| file.kind.is_app()));
        return;
    }
    let ConnectionKind::Http(http) = &file.kind else { return };
    let wanted = resource.resource.value.as_str();
    if http.resource(wanted).is_none() {
        let names = || http.resources.iter().map(|resource| resource.name.value.as_str());
        let title = format!("`{}` has no resource `{wanted}`", file.name);
        let label = format!("not in connections/{}.yaml", file.name);
        let error = Diagnostic::error("E202", title, resource.resource.span, label);
        out.push(choose(
            error,
            nearest(wanted, names()),
            "resources",
            &list(names(), 20),
            resource.resource.span,
        ));
    }
}

fn check_notify(unit: &Unit<'_>, name: &ConnectionName, span: Span, out: &mut Out) {
    let Some(file) = found(unit, name, span, out) else { return };
    if !file.kind.is_notification() {
        let title = format!("`{name}` cannot send notifications: it is {}", typed(file));
        let error = Diagnostic::error("E204", title, span, "needs a slack, email or webhook connection");
        out.push(with_choices(unit, error, |file| file.kind.is_notification()));
    }
}

/// `an http connection`
fn typed(file: &ConnectionFile) -> String {
    let word = file.kind.word();
    let article = if word.starts_with(['e', 'h']) { "an" } else { "a" };
    format!("{article} {word} connection")
}

/// The connection file, if it can be read. One that does not exist is reported; one with errors has its own messages.
fn found<'a>(
    unit: &Unit<'a>,
    name: &ConnectionName,
    span: Span,
    out: &mut Out,
) -> Option<&'a ConnectionFile> {
    let files = unit.world.files;
    if let Some(file) = files.connection(name) {
        return file.value();
    }
    let names = || sorted(files.connections.iter().map(|file| file.name.as_str()));
    let error = Diagnostic::error(
        "E201",
        format!("unknown connection `{name}`"),
        span,
        format!("no file connections/{name}.yaml"),
    );
    out.push(choose(error, nearest(name.as_str(), names()), "connections", &list(names(), 20), span));
    None
}

fn with_choices(unit: &Unit<'_>, error: Diagnostic, fits: impl Fn(&ConnectionFile) -> bool) -> Diagnostic {
    let files = unit.world.files.connections.iter().filter_map(|file| file.value());
    let names = sorted(files.filter(|file| fits(file)).map(|file| file.name.as_str()));
    if names.is_empty() {
        error
    } else {
        error.help(format!("connections of that kind: {}", list(names, 20)))
    }
}

fn sorted<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names
}

/// "did you mean `x`?  (things: …)", with the edit where one name is near.
fn choose(error: Diagnostic, near: Option<&str>, what: &str, all: &str, span: Span) -> Diagnostic {
    match (near, all.is_empty()) {
        (Some(near), _) => error.help(format!("did you mean `{near}`?  ({what}: {all})")).fix(span, near),
        (None, false) => error.help(format!("{what}: {all}")),
        (None, true) => error.help(format!("there are no {what} yet")),
    }
}
