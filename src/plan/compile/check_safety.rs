//! E502, E503, E506: what the owner of a connection forbids, and archives that set nothing.

use super::Checked;
use super::unit::{Out, Unit};
use crate::diag::{Diagnostic, Span};
use crate::model::{Op, Side};
use crate::spec::{ConnectionFile, Entry, OpList};

pub(super) fn check_safety(checked: &Checked<'_>, out: &mut Out) {
    for side in [Side::Salesforce, Side::App] {
        let unit = checked.unit;
        if let Some(connection) = unit.connection(side) {
            check_read_only(unit, side, connection, out);
            check_protected(unit, side, connection, out);
        }
        check_archive(unit, side, out);
    }
}

fn check_read_only(unit: &Unit<'_>, side: Side, connection: &ConnectionFile, out: &mut Out) {
    let (Some(ops), Some(read_only)) = (unit.ops_entry(side), &connection.read_only) else { return };
    if !ops.value.ops.writes() || !read_only.value {
        return;
    }
    let name = &connection.name;
    let title = format!("this pipeline writes to {}, but the connection is read-only", unit.side_name(side));
    out.push(
        Diagnostic::error("E502", title, listed(ops), "")
            .also(whole(read_only), "set here")
            .help(format!("remove `to_{side}`, or ask the owner of connections/{name}.yaml")),
    );
}

/// The operations, without the brackets around them.
fn listed(ops: &Entry<OpList>) -> Span {
    match (ops.value.items.first(), ops.value.items.last()) {
        (Some(first), Some(last)) => Span { end: last.span.end, ..first.span },
        _ => ops.span,
    }
}

/// Key and value.
fn whole<T>(entry: &Entry<T>) -> Span {
    Span { end: entry.span.end.max(entry.key.end), ..entry.key }
}

fn check_protected(unit: &Unit<'_>, side: Side, connection: &ConnectionFile, out: &mut Out) {
    let object = unit.record_name(side);
    let same = |left: &str, right: &str| match side {
        Side::Salesforce => left.eq_ignore_ascii_case(right),
        Side::App => left == right,
    };
    let mut written: Vec<(&str, Span, bool)> = unit
        .rows
        .iter()
        .filter(|row| row.writes(side))
        .filter_map(|row| row.field(side).map(|(path, span)| (path, span, row.field(side.other()).is_some())))
        .collect();
    written.extend(archived(unit, side));
    for protected in connection.protect.iter().filter(|field| same(&field.object, object)) {
        let field = protected.value.field.as_str();
        for (_, span, has_other) in written.iter().filter(|(path, ..)| same(path, field)) {
            let title = format!("`{}.{field}` is protected", protected.object);
            let label = format!("would be written to {}", unit.side_name(side));
            let error = Diagnostic::error("E503", title, *span, label).also(protected.span, "protected here");
            out.push(if *has_other {
                error.help(format!("add `to_{side}: false` to the row"))
            } else {
                error.help("remove it")
            });
        }
    }
}

fn archived<'a>(unit: &'a Unit<'_>, side: Side) -> Vec<(&'a str, Span, bool)> {
    let fields = match side {
        Side::Salesforce => unit.file.salesforce.archive.as_ref(),
        Side::App => unit.file.app.archive.as_ref(),
    };
    let listed = unit.file.ops_to(side).archive;
    let fields = fields.filter(|_| listed).into_iter().flat_map(|entry| &entry.value);
    fields.map(|(path, _)| (path.value.as_str(), path.span, false)).collect()
}

fn check_archive(unit: &Unit<'_>, side: Side, out: &mut Out) {
    let Some(span) = unit.ops_entry(side).and_then(|ops| ops.value.span_of(Op::Archive)) else { return };
    let archive = match side {
        Side::Salesforce => unit.file.salesforce.archive.as_ref(),
        Side::App => unit.file.app.archive.as_ref(),
    };
    if archive.is_none_or(|entry| entry.value.is_empty()) {
        let error = Diagnostic::error("E506", "`archive` does not say what it sets", span, "");
        out.push(error.help(format!("under `{side}:`  archive: {{ status: archived }}")));
    }
}
