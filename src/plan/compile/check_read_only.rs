//! E304: fields that nobody can write.

use super::Checked;
use super::app::AppField;
use super::salesforce::SalesforceField;
use super::unit::{Out, RowView, Unit};
use crate::diag::Diagnostic;
use crate::model::{FieldInfo, Side};
use crate::plan::WritePolicy;

/// Set by the platform on every object (Object Reference, "System Fields").
const SYSTEM: [&str; 6] =
    ["CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById", "SystemModstamp", "IsDeleted"];

pub(super) fn check_read_only(checked: &Checked<'_>, out: &mut Out) {
    let unit = checked.unit;
    for row in &unit.rows {
        if row.writes(Side::Salesforce) {
            salesforce(unit, row, out);
        }
        if row.writes(Side::App) {
            app(unit, row, out);
        }
    }
}

/// Why a field cannot be written, and what stands at its place.
struct Why(String, String);

impl Why {
    fn new(why: &str, label: &str) -> Self {
        Self(why.to_owned(), label.to_owned())
    }
}

fn salesforce(unit: &Unit<'_>, row: &RowView<'_>, out: &mut Out) {
    let Some((path, span)) = row.field(Side::Salesforce) else { return };
    let Some(Why(why, label)) = by_name(path).or_else(|| by_describe(unit, row, path)) else { return };
    let error = Diagnostic::error("E304", format!("`{path}` cannot be written: {why}"), span, label);
    out.push(match (row.field(Side::App), why.starts_with("it can only be set")) {
        (_, true) => error.help("add `write: on_create` to the row"),
        (Some((app, _)), _) => error.help(format!(
            "let it flow one way:  - {{ salesforce: {path}, app: {app}, to_salesforce: false }}"
        )),
        (None, _) => error.help("remove the row"),
    });
}

/// What needs no catalog.
fn by_name(path: &str) -> Option<Why> {
    match path.split_once('.') {
        _ if path == "Id" => Some(Why::new("Salesforce gives it", "the id of the record")),
        Some((parent, _)) => Some(Why(
            format!("it belongs to the parent record `{parent}`"),
            "a field of a parent is read-only".into(),
        )),
        None if SYSTEM.contains(&path) => Some(Why::new("Salesforce sets it", "a system field")),
        None => None,
    }
}

fn by_describe(unit: &Unit<'_>, row: &RowView<'_>, path: &str) -> Option<Why> {
    let SalesforceField::Field(field, _) = unit.salesforce.field(path) else { return None };
    // Where the whole object may not be written, E313 said so.
    if unit.salesforce.info().is_some_and(|object| !object.createable && !object.updateable) {
        return None;
    }
    let (create, update) = (field.createable, field.updateable);
    let ops = unit.file.ops_to(Side::Salesforce);
    match (create, update) {
        (false, false) => Some(never(field)),
        (true, false) if ops.update && row.write != WritePolicy::OnCreate => {
            Some(Why::new("it can only be set when the record is created", "not updateable"))
        }
        _ => None,
    }
}

fn never(field: &FieldInfo) -> Why {
    if field.calculated {
        Why::new("it is a formula", "calculated by Salesforce")
    } else if field.auto_number {
        Why::new("it is an auto number", "numbered by Salesforce")
    } else {
        Why::new("the integration user may not change it", "read-only for the integration user")
    }
}

fn app(unit: &Unit<'_>, row: &RowView<'_>, out: &mut Out) {
    let Some((path, span)) = row.field(Side::App) else { return };
    let why = match unit.app.field(path) {
        _ if path.starts_with('$') => Why::new("it is a JSONPath", "can only be read"),
        AppField::Column(column) if column.read_only && *unit.app.key == *column.name => {
            Why(format!("{} gives it", unit.side_name(Side::App)), "the key of the record".into())
        }
        AppField::Column(column) if column.read_only => {
            Why(format!("{} sets it", unit.side_name(Side::App)), "read-only".into())
        }
        _ => return,
    };
    let error = Diagnostic::error("E304", format!("`{path}` cannot be written: {}", why.0), span, why.1);
    out.push(match row.field(Side::Salesforce) {
        Some((salesforce, _)) if unit.file.is_two_way() => error.help(format!(
            "let it flow one way:  - {{ salesforce: {salesforce}, app: {path}, to_app: false }}"
        )),
        _ => error.help("remove the row"),
    });
}
