//! E305: what every new record needs.

use super::Checked;
use super::suggest::{nearest, snake_case};
use super::unit::{Out, Unit};
use crate::diag::Diagnostic;
use crate::model::{FieldInfo, Kind, Op, Side};

pub(super) fn check_required(checked: &Checked<'_>, out: &mut Out) {
    let unit = checked.unit;
    if unit.file.fields.iter().any(|row| row.incomplete) {
        return;
    }
    salesforce(unit, out);
    app(unit, out);
}

fn salesforce(unit: &Unit<'_>, out: &mut Out) {
    let Some(span) = unit.ops_entry(Side::Salesforce).and_then(|ops| ops.value.span_of(Op::Create)) else {
        return;
    };
    let Some(object) = unit.salesforce.info() else { return };
    for field in object
        .fields
        .iter()
        .filter(|field| is_required(&object.name, field) && !filled(unit, Side::Salesforce, &field.name))
    {
        let title = format!("a new {} needs `{}`, and no row fills it", object.name, field.name);
        let label = "every create would be refused by Salesforce";
        out.push(Diagnostic::error("E305", title, span, label).help(row_for(unit, field)));
    }
}

/// What describe does not say: Salesforce refuses a lead without a company although the field may be empty, and fills the
/// business hours of a case although nothing says so (Object Reference, Lead and Case).
const REQUIRED: [(&str, &str); 1] = [("Lead", "Company")];
const FILLED: [(&str, &str); 1] = [("Case", "BusinessHoursId")];

/// A field that must be given: it may not be empty, the user may set it, and the platform does not fill it. Checkboxes
/// are false by themselves.
fn is_required(object: &str, field: &FieldInfo) -> bool {
    let listed = |list: &[(&str, &str)]| list.contains(&(object, field.name.as_str()));
    if listed(&FILLED) {
        return false;
    }
    listed(&REQUIRED)
        || !field.nillable && field.createable && !field.defaulted_on_create && field.kind != Kind::Bool
}

/// `Name` of a person is filled by its parts; a compound field by any of them.
fn filled(unit: &Unit<'_>, side: Side, name: &str) -> bool {
    let parts = |path: &str| {
        let info = unit.salesforce.info().and_then(|object| object.field(path));
        info.is_some_and(|field| field.compound.as_deref() == Some(name))
    };
    unit.rows.iter().filter(|row| row.writes(side)).filter_map(|row| row.field(side)).any(|(path, _)| {
        path == name
            || (side == Side::Salesforce && (path.eq_ignore_ascii_case(name) || parts(path)))
            || (side == Side::Salesforce && path == "RecordType" && name == "RecordTypeId")
            || (side == Side::App && path.split('.').next() == Some(name))
    })
}

fn row_for(unit: &Unit<'_>, field: &FieldInfo) -> String {
    let wanted = snake_case(&field.name);
    let columns =
        || unit.app.table.iter().flat_map(|table| &table.columns).map(|column| column.name.as_str());
    let like = || columns().find(|column| column.starts_with(&wanted));
    let app = nearest(&wanted, columns()).or_else(like).map_or(wanted.clone(), str::to_owned);
    let default = if field.kind == Kind::Text && field.picklist.is_empty() {
        ", default: \"[not provided]\""
    } else {
        ""
    };
    format!("  - {{ salesforce: {}, app: {app}{default} }}", field.name)
}

fn app(unit: &Unit<'_>, out: &mut Out) {
    let Some(span) = unit.ops_entry(Side::App).and_then(|ops| ops.value.span_of(Op::Create)) else { return };
    let Some(table) = &unit.app.table else { return };
    let required =
        table.columns.iter().filter(|column| !column.nullable && !column.has_default && !column.read_only);
    for column in
        required.filter(|column| column.name != *unit.app.key && !filled(unit, Side::App, &column.name))
    {
        let title =
            format!("a new record of {} needs `{}`, and no row fills it", unit.resource_name(), column.name);
        let label = format!("every create would be refused by {}", unit.side_name(Side::App));
        let help = format!("  - {{ salesforce: …, app: {} }}   or   - {{ app: {0}, const: … }}", column.name);
        out.push(Diagnostic::error("E305", title, span, label).help(help));
    }
}
