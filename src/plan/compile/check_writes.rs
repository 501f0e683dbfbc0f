//! E206: two rows write the same field.

use std::collections::HashMap;

use super::Checked;
use super::app::AppKind;
use super::unit::{Out, RowView};
use crate::diag::{Diagnostic, Span};
use crate::model::Side;

pub(super) fn check_writes(checked: &Checked<'_>, out: &mut Out) {
    for side in [Side::App, Side::Salesforce] {
        let mut seen: HashMap<String, (&RowView<'_>, Span)> = HashMap::new();
        for row in checked.unit.rows.iter().filter(|row| row.writes(side)) {
            let Some((path, span)) = row.field(side) else { continue };
            // SQLite has one column for `name` and `Name`.
            let one = side == Side::Salesforce || checked.unit.app.kind == Some(AppKind::Sqlite);
            let key = if one { path.to_lowercase() } else { path.to_owned() };
            match seen.get(&key) {
                Some((first, place)) => out.push(twice(side, path, (span, row), (*place, first))),
                None => drop(seen.insert(key, (row, span))),
            }
        }
    }
}

fn twice(side: Side, path: &str, second: (Span, &RowView<'_>), first: (Span, &RowView<'_>)) -> Diagnostic {
    let error = Diagnostic::error("E206", format!("two rows write `{path}`"), second.0, "and again here");
    let error = error.also(first.0, "first here");
    let source = |row: &RowView<'_>| row.field(side.other()).map(|(path, _)| path.to_owned());
    let plain = second.1.spec.constant.is_none() && first.1.spec.constant.is_none();
    match (source(second.1), source(first.1)) {
        (Some(second), Some(first)) if plain && second != first => error.help(format!(
            "keep one, or join them in one row:  to_{side}: 'record.{second} ?? record.{first}'"
        )),
        _ => error.help("keep one of the two rows"),
    }
}
