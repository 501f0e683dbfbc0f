//! E302, E320: every field that a file names exists.

use std::collections::HashSet;

use super::Checked;
use super::app::{AppField, AppKind};
use super::mentions::{Mention, Role};
use super::salesforce::SalesforceField;
use super::suggest::nearest;
use super::unit::{Out, Unit};
use crate::diag::{Diagnostic, Span};
use crate::model::{ObjectInfo, Side};

pub(super) fn check_fields(checked: &Checked<'_>, out: &mut Out) {
    let mut seen = HashSet::new();
    for mention in checked.mentions.iter().filter(|mention| mention.role != Role::Optional) {
        if !seen.insert((mention.side, mention.path.as_str())) {
            continue;
        }
        match mention.side {
            Side::Salesforce => salesforce(checked.unit, mention, out),
            Side::App => app(checked.unit, mention, out),
        }
    }
    subqueries(checked.unit, out);
}

fn salesforce(unit: &Unit<'_>, mention: &Mention, out: &mut Out) {
    match unit.salesforce.field(&mention.path) {
        SalesforceField::TooDeep => {
            let title = format!("`{}` goes up more than five parents", mention.path);
            let error = Diagnostic::error("E320", title, mention.span, "Salesforce answers up to five");
            out.push(
                error
                    .help("use a formula field, or sync the parent by a pipeline of its own and `lookup` it"),
            );
        }
        SalesforceField::Missing { object, step } => out.push(no_field(unit, object, mention, step)),
        _ if mention.path.starts_with('$') => {
            let title = "a JSONPath cannot be used on the Salesforce side";
            out.push(Diagnostic::error("E302", title, mention.span, "needs a field name"));
        }
        _ => {}
    }
}

fn no_field(unit: &Unit<'_>, object: &ObjectInfo, mention: &Mention, step: usize) -> Diagnostic {
    let steps: Vec<&str> = mention.path.split('.').collect();
    let (wanted, is_parent) = (steps.get(step).copied().unwrap_or(""), step + 1 < steps.len());
    let place = step_span(mention, &steps, step);
    let what = if is_parent { "parent" } else { "field" };
    let title = format!("{} has no {what} `{wanted}`", object.name);
    let error = Diagnostic::error("E302", title, place, "").note(salesforce_note(unit, object));
    let error =
        if is_parent { near_parent(error, object, wanted) } else { near_field(error, object, wanted, place) };
    match wanted {
        "RecordType" => error.help(format!("{} has no record types", object.name)),
        _ if mention.role == Role::Expression && error.help.is_empty() => {
            error.help("if it exists, the integration user may not see it: check field-level security")
        }
        _ => error,
    }
}

fn near_field(error: Diagnostic, object: &ObjectInfo, wanted: &str, place: Span) -> Diagnostic {
    let names = object.fields.iter().map(|field| field.name.as_str());
    let by_label = || {
        let field = object.fields.iter().find(|field| field.label.eq_ignore_ascii_case(wanted));
        field.map(|field| field.name.as_str())
    };
    match nearest(wanted, names).or_else(by_label).and_then(|name| object.field(name)) {
        Some(field) => error
            .help(format!("did you mean `{}` ({}, {})?", field.name, field.label, field.wire))
            .fix(place, field.name.clone()),
        None => error,
    }
}

fn near_parent(error: Diagnostic, object: &ObjectInfo, wanted: &str) -> Diagnostic {
    let parents = || object.fields.iter().filter_map(|field| field.relationship.as_deref());
    // `AccountId.Name`: the reference instead of its relationship.
    let by_id = object.field(wanted).and_then(|field| field.relationship.as_deref());
    match by_id.or_else(|| nearest(wanted, parents())) {
        Some(parent) => error.help(format!("did you mean `{parent}`?")),
        None => {
            error.help("a path goes over the name of a relationship, such as Account.Name or Owner.Email")
        }
    }
}

fn step_span(mention: &Mention, steps: &[&str], step: usize) -> Span {
    // A place inside quotes or an expression may be shorter or longer than its text; then the whole is marked.
    let plain = (mention.span.end - mention.span.start) as usize == mention.path.len();
    if steps.len() == 1 || !plain {
        return mention.span;
    }
    let before: usize = steps.iter().take(step).map(|step| step.len() + 1).sum();
    let length = steps.get(step).map_or(0, |step| step.len());
    let at = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
    mention.span.part(at(before), at(before + length))
}

/// Where the schema comes from, and how old it is.
pub(super) fn salesforce_note(unit: &Unit<'_>, object: &ObjectInfo) -> String {
    let connection = unit.file.salesforce.connection_name();
    let age = unit.age(object.read_at);
    format!(
        "fields of {0} as read from connection `{connection}` {age}; refresh with: sfsync schema {0} --refresh",
        object.name
    )
}

fn app(unit: &Unit<'_>, mention: &Mention, out: &mut Out) {
    match unit.app.field(&mention.path) {
        // A column that may be created is no mistake; without the right to, E310 shows the statement.
        AppField::Missing if unit.app.is_sql() => {}
        AppField::Missing => out.push(no_app_field(unit, mention)),
        AppField::NotInside(column) => {
            let title = format!("`{}` holds no fields: it is {}", column.name, column.native);
            out.push(Diagnostic::error("E302", title, mention.span, "a path needs a column that holds JSON"));
        }
        _ => {}
    }
}

fn no_app_field(unit: &Unit<'_>, mention: &Mention) -> Diagnostic {
    let table = unit.app.table.as_ref();
    let names = || table.iter().flat_map(|table| &table.columns).map(|column| column.name.as_str());
    let title = format!("{} has no field `{}`", unit.resource_name(), mention.path);
    let error = Diagnostic::error("E302", title, mention.span, "").note(app_note(unit));
    match nearest(&mention.path, names()).and_then(|name| table.and_then(|table| table.column(name))) {
        Some(column) => error
            .help(format!("did you mean `{}` ({})?", column.name, column.native))
            .fix(mention.span, column.name.clone()),
        None => error.help(format!("if {} has it, declare it there", unit.side_name(Side::App))),
    }
}

/// Where the fields of the app are known from.
pub(super) fn app_note(unit: &Unit<'_>) -> String {
    let connection = unit.side_name(Side::App);
    match (unit.app.kind, &unit.app.table) {
        (Some(AppKind::Http), _) => {
            format!("fields of {} as declared in connections/{connection}.yaml", unit.resource_name())
        }
        (_, Some(table)) => format!(
            "columns of {} as read from connection `{connection}` {}; refresh with: sfsync schema {} --refresh",
            table.name,
            unit.age(table.read_at),
            unit.resource_name()
        ),
        _ => format!("connection `{connection}` has no such table"),
    }
}

/// Fields of other objects, in subqueries of `where`.
fn subqueries(unit: &Unit<'_>, out: &mut Out) {
    for condition in super::selection::soql_conditions(&unit.file.salesforce) {
        for field in &condition.fields {
            let Some(object) =
                field.object.as_ref().and_then(|name| unit.salesforce.look(&name.value).known())
            else {
                continue;
            };
            let path = &field.path.value;
            if !path.contains('.') && object.field(path).is_none() {
                let title = format!("{} has no field `{path}`", object.name);
                let error = Diagnostic::error("E302", title, field.path.span, "");
                let error = error.note(salesforce_note(unit, object));
                out.push(near_field(error, object, path, field.path.span));
            }
        }
    }
}
