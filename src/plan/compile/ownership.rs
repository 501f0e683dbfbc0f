//! E207: two pipelines that write the same field of the same records would undo each other. A table over all files, keyed by
//! connection, resource and field; records are told apart by constants and by filters that exclude each other.

use std::collections::{BTreeMap, BTreeSet};

use super::unit::{RowView, Unit};
use crate::diag::{Diagnostic, Span};
use crate::model::{ConnectionName, Side};
use crate::plan::WritePolicy;
use crate::spec::Links;

/// A field that a pipeline keeps in sync.
#[derive(Clone, Copy)]
struct Claim<'a> {
    unit: &'a Unit<'a>,
    row: &'a RowView<'a>,
    span: Span,
}

type Target = (Side, ConnectionName, String);

/// One message per pair of pipelines and side, in the file that is newer (of two that came together, the later by name).
pub(super) fn check_ownership<'a>(units: &'a [Unit<'a>]) -> Vec<(usize, Diagnostic)> {
    let mut found = Vec::new();
    let mut claims: BTreeMap<(Target, String), Vec<(usize, Claim<'a>)>> = BTreeMap::new();
    for (target, holders) in shared(units) {
        for (at, unit) in holders {
            for (field, claim) in claimed(unit, target.0) {
                claims.entry((target.clone(), field)).or_default().push((at, claim));
            }
        }
    }
    let mut reported = BTreeSet::new();
    for (((side, ..), field), holders) in claims {
        for (first, (left, one)) in holders.iter().enumerate() {
            for (right, other) in &holders[first + 1..] {
                if left == right
                    || apart(one.unit, other.unit, side)
                    || !reported.insert((side, *left, *right))
                {
                    continue;
                }
                let older = (*left, *one);
                let newer = (*right, *other);
                let (newer, older) =
                    if is_newer(older.1.unit, newer.1.unit) { (older, newer) } else { (newer, older) };
                found.push((newer.0, undo(side, &field, newer.1, older.1)));
            }
        }
    }
    found
}

/// The targets of more than one file: alone, nobody undoes anything.
fn shared<'a>(units: &'a [Unit<'a>]) -> BTreeMap<Target, Vec<(usize, &'a Unit<'a>)>> {
    let mut by_target: BTreeMap<Target, Vec<(usize, &Unit<'_>)>> = BTreeMap::new();
    for (at, unit) in units.iter().enumerate().filter(|(_, unit)| unit.file.enabled()) {
        for side in [Side::App, Side::Salesforce] {
            if unit.file.ops_to(side).update {
                by_target.entry(target(unit, side)).or_default().push((at, unit));
            }
        }
    }
    by_target.retain(|_, holders| holders.len() > 1);
    by_target
}

fn target(unit: &Unit<'_>, side: Side) -> Target {
    match side {
        Side::App => {
            let resource = &unit.file.app.resource;
            (side, resource.connection.value.clone(), resource.resource.value.to_string())
        }
        Side::Salesforce => {
            (side, unit.file.salesforce.connection_name(), unit.file.salesforce.object.value.to_lowercase())
        }
    }
}

/// Fields that existing records get again and again: what is only written on create undoes nothing.
fn claimed<'a>(unit: &'a Unit<'a>, side: Side) -> impl Iterator<Item = (String, Claim<'a>)> {
    let updates = unit.file.ops_to(side).update;
    let rows =
        unit.rows.iter().filter(move |row| updates && row.writes(side) && row.write < WritePolicy::OnCreate);
    rows.filter_map(move |row| {
        let (path, span) = row.field(side)?;
        let field = if side == Side::Salesforce { path.to_lowercase() } else { path.to_owned() };
        Some((field, Claim { unit, row, span }))
    })
}

/// Whether the records of two pipelines on one resource are never the same, or are shared on purpose.
fn apart(one: &Unit<'_>, other: &Unit<'_>, side: Side) -> bool {
    if one.file.links() == Links::ManyToOne && other.file.links() == Links::ManyToOne {
        return true;
    }
    let (left, right) = (marks(one, side), marks(other, side));
    left.iter().any(|(field, values)| right.get(field).is_some_and(|others| values.is_disjoint(others)))
}

/// The values that a field has in all records of a pipeline: constants that it writes, and what `include` lets through.
fn marks(unit: &Unit<'_>, side: Side) -> BTreeMap<String, BTreeSet<String>> {
    let mut marks: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in &unit.rows {
        let (Some(constant), Some((path, _))) = (&row.spec.constant, row.field(side)) else { continue };
        if unit.file.ops_to(side).create {
            marks.insert(
                path.to_lowercase(),
                BTreeSet::from([constant.value.value.to_string().to_lowercase()]),
            );
        }
    }
    let include = match side {
        Side::Salesforce => unit.file.salesforce.include.as_ref(),
        Side::App => unit.file.app.include.as_ref(),
    };
    if let Some([only]) = include.map(|entry| entry.value.as_slice()) {
        for condition in &only.conditions {
            let values = condition.values.iter().map(|value| value.value.value.to_string().to_lowercase());
            marks.entry(condition.field.value.as_str().to_lowercase()).or_insert_with(|| values.collect());
        }
    }
    marks
}

fn is_newer(one: &Unit<'_>, other: &Unit<'_>) -> bool {
    match (one.since, other.since) {
        (None, Some(_)) => true,
        (Some(_), None) => false,
        (Some(one), Some(other)) if one != other => one > other,
        _ => one.file.name > other.file.name,
    }
}

fn undo(side: Side, field: &str, newer: Claim<'_>, older: Claim<'_>) -> Diagnostic {
    let title = "two pipelines write the same field, and each would undo the other";
    Diagnostic::error("E207", title, newer.span, way(side, field, newer))
        .also(older.span, way(side, field, older))
        .help("remove one of the two rows, or")
        .help("tell the records apart with a `const` row that differs in the two files, or")
        .help(format!(
            "if both sets of records really share one {}: `links: many_to_one` in both files (newest wins)",
            one_of(newer.unit.record_name(side))
        ))
}

/// `Account.Name → startdeliver.customers.name`
fn way(side: Side, field: &str, claim: Claim<'_>) -> String {
    let unit = claim.unit;
    let end = |of: Side| match of {
        Side::Salesforce => unit.salesforce.object_name.to_owned(),
        Side::App => unit.resource_name(),
    };
    let field = claim.row.field(side).map_or(field, |(path, _)| path);
    let from = match claim.row.field(side.other()) {
        Some((path, _)) => format!("{}.{path}", end(side.other())),
        None => end(side.other()),
    };
    format!("{from} → {}.{field}", end(side))
}

/// `customers` → `customer`
fn one_of(plural: &str) -> &str {
    plural.strip_suffix('s').filter(|one| one.len() > 2).unwrap_or(plural)
}
