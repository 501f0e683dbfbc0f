//! E208: lookups that wait for each other in a circle would wait for ever.

use std::collections::{BTreeMap, BTreeSet};

use super::unit::Unit;
use crate::diag::{Diagnostic, Span};
use crate::model::PipelineName;
use crate::spec::Missing;

/// A lookup that keeps records back until it is linked.
#[derive(Clone)]
struct Edge<'a> {
    to: &'a PipelineName,
    span: Span,
}

/// One message per circle, in the newest of its files (of several that came together, the first by name).
pub(super) fn check_circles(units: &[Unit<'_>]) -> Vec<(usize, Diagnostic)> {
    let edges: BTreeMap<&PipelineName, Vec<Edge<'_>>> =
        units.iter().map(|unit| (&unit.file.name, blocking(unit))).collect();
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for start in edges.keys() {
        let Some(circle) = circle(start, &edges) else { continue };
        let members: BTreeSet<&PipelineName> = circle.iter().map(|(from, _)| *from).collect();
        if seen.insert(members) {
            found.extend(report(units, &circle));
        }
    }
    found
}

/// Lookups of other pipelines that hold records back. Looking up oneself (a parent account) ends at the top record.
fn blocking<'a>(unit: &Unit<'a>) -> Vec<Edge<'a>> {
    let rows = unit.rows.iter().filter(|row| row.spec.missing() != Missing::Empty);
    // Of several pipelines any one will do, so none of them alone can block.
    let lookups = rows.filter_map(|row| row.spec.lookup.as_ref()).filter(|lookup| lookup.value.len() == 1);
    let names = lookups.flat_map(|lookup| &lookup.value);
    names
        .filter(|name| name.value != unit.file.name)
        .map(|name| Edge { to: &name.value, span: name.span })
        .collect()
}

type Circle<'a> = Vec<(&'a PipelineName, Edge<'a>)>;

/// The shortest way from a pipeline back to itself.
fn circle<'a>(
    start: &'a PipelineName,
    edges: &BTreeMap<&'a PipelineName, Vec<Edge<'a>>>,
) -> Option<Circle<'a>> {
    let mut ways: Vec<Circle<'a>> = vec![Vec::new()];
    let mut visited = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            let at = way.last().map_or(start, |(_, edge)| edge.to);
            for edge in edges.get(at).into_iter().flatten() {
                let mut next = way.clone();
                next.push((at, edge.clone()));
                if edge.to == start {
                    return Some(next);
                }
                if visited.insert(edge.to) {
                    longer.push(next);
                }
            }
        }
        ways = longer;
    }
    None
}

fn report(units: &[Unit<'_>], circle: &Circle<'_>) -> Option<(usize, Diagnostic)> {
    let unit_of = |name: &PipelineName| units.iter().position(|unit| unit.file.name == *name);
    // `None` (new) is later than any time.
    let age = |name: &PipelineName| {
        let since = unit_of(name).and_then(|at| units[at].since);
        (since.is_none(), since)
    };
    let newest = circle.iter().map(|(from, _)| age(from)).max()?;
    let first = circle.iter().position(|(from, _)| age(from) == newest)?;
    let mut ordered = circle.clone();
    ordered.rotate_left(first);
    let ((from, edge), rest) = ordered.split_first()?;
    let waits = |from: &PipelineName, edge: &Edge<'_>| format!("{from} waits for {}", edge.to);
    let mut error = Diagnostic::error("E208", "`lookup` goes in a circle", edge.span, waits(from, edge));
    for (from, edge) in rest {
        error = error.also(edge.span, waits(from, edge));
    }
    let of = if circle.len() == 2 { "the two rows" } else { "the rows" };
    let help = format!("add `missing: empty` to the less important of {of}; it is then filled in afterwards");
    Some((unit_of(from)?, error.help(help)))
}
