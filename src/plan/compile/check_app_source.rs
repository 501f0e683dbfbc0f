//! E310, E322: what a table needs so that its changes can be read, and what it means where it has no change time.

use super::Checked;
use super::unit::{Out, Unit};
use crate::diag::{Diagnostic, Span};
use crate::model::{ColumnInfo, Kind, TableInfo};
use crate::plan::AppKind;
use crate::spec::{Backfill, ConnectionKind, SqlResource};

pub(super) fn check_app_source(checked: &Checked<'_>, out: &mut Out, notes: &mut Vec<String>) {
    let unit = checked.unit;
    if unit.file.to_salesforce.is_none() || !unit.app.is_sql() {
        return;
    }
    let spec = resource(unit);
    let updated_at = spec.and_then(|spec| spec.updated_at.as_ref());
    let deleted_at = spec.and_then(|spec| spec.deleted_at.as_ref());
    if updated_at.is_none() {
        bounded_backfill(unit, out);
        notes.push(format!(
            "{}: every look at {} reads all of its rows, because its resource names no `updated_at`",
            unit.file.name, unit.app.table_name
        ));
    }
    let Some(table) = &unit.app.table else { return };
    for (key, entry) in [("updated_at", updated_at), ("deleted_at", deleted_at)] {
        let Some(entry) = entry else { continue };
        let name = entry.value.to_string();
        match table.column(&name) {
            None => out.push(no_column(table, key, (&name, entry.span))),
            Some(column) if key == "updated_at" => {
                out.extend(no_time(unit.app.kind, column, entry.span));
                notes.extend(no_zone(unit, column));
            }
            Some(_) => {}
        }
    }
}

fn resource<'a>(unit: &Unit<'a>) -> Option<&'a SqlResource> {
    let resources = match &unit.app_connection?.kind {
        ConnectionKind::Postgres(file) => &file.resources,
        ConnectionKind::Sqlite(file) => &file.resources,
        _ => return None,
    };
    resources.iter().find(|spec| spec.name.value == unit.file.app.resource.resource.value.as_str())
}

fn no_column(table: &TableInfo, key: &str, (name, span): (&str, Span)) -> Diagnostic {
    let title = format!("{} has no column `{name}`", table.name);
    let error = Diagnostic::error("E310", title, span, format!("its `{key}`"));
    match super::suggest::nearest(name, table.columns.iter().map(|column| column.name.as_str())) {
        Some(near) => error.help(format!("did you mean `{near}`?")).fix(span, near),
        None if key == "updated_at" => {
            error.help("add the column and let the database fill it on every change, or remove the line")
        }
        None => error.help("add the column, or remove the line"),
    }
}

/// SQLite keeps times in columns of any type, so only the types that surely hold something else are refused there.
fn no_time(kind: Option<AppKind>, column: &ColumnInfo, span: Span) -> Option<Diagnostic> {
    let fits = match kind {
        Some(AppKind::Postgres) => matches!(column.kind, Kind::DateTime | Kind::Date),
        _ => !matches!(column.kind, Kind::Bool | Kind::Json | Kind::Time | Kind::List),
    };
    if fits {
        return None;
    }
    let title = format!("`{}` holds no times", column.name);
    let error = Diagnostic::error("E322", title, span, format!("its type is {}", column.native));
    Some(error.help("name the column that the database sets on every change, or remove the line: then every look compares all rows"))
}

fn no_zone(unit: &Unit<'_>, column: &ColumnInfo) -> Option<String> {
    let zoneless = column.native.starts_with("timestamp") && column.native.ends_with("without time zone");
    zoneless.then(|| {
        format!(
            "{}: `{}` of {} has no time zone and is read as UTC; a column of type timestamptz needs no such rule",
            unit.file.name, column.name, unit.app.table_name
        )
    })
}

/// Without a change time nothing tells what is new from what was there before.
fn bounded_backfill(unit: &Unit<'_>, out: &mut Out) {
    let Some(entry) = &unit.file.app.backfill else { return };
    let bounded = match &entry.value {
        Backfill::All => false,
        Backfill::None => true,
        Backfill::Window(window) => window.condition.is_some() || window.last.is_some(),
    };
    if bounded {
        let title = "`backfill` leaves rows out, and nothing tells them from new ones";
        let error = Diagnostic::error("E322", title, entry.span, "the resource names no `updated_at`");
        let resource = &unit.file.app.resource;
        out.push(error.help(format!(
            "name the column in connections/{}.yaml:  resources: {{ {}: {{ updated_at: <column> }} }}",
            resource.connection.value, resource.resource.value
        )));
    }
}
