//! E306: picklist values and record types that a file writes exist, for the record type they stand beside.

use super::Checked;
use super::salesforce::SalesforceField;
use super::suggest::{list, nearest};
use super::unit::{Out, RowView, Unit};
use crate::diag::{Diagnostic, Span};
use crate::model::{FieldInfo, ObjectInfo, PicklistValue, Side};
use crate::spec::soql::SoqlLiteral;
use crate::spec::{Filter, Literal};

pub(super) fn check_picklists(checked: &Checked<'_>, out: &mut Out) {
    let unit = checked.unit;
    let side = &unit.file.salesforce;
    for filter in [&side.include, &side.exclude].into_iter().flatten().flat_map(|entry| &entry.value) {
        check_filter(unit, filter, out);
    }
    check_where(unit, out);
    for (path, value) in side.archive.iter().flat_map(|entry| &entry.value) {
        if let Some(text) = value.text().filter(|_| !value.is_null()) {
            out.extend(wrong(unit, path.value.as_str(), (text, value.span), &[], Purpose::Write));
        }
    }
    for row in &unit.rows {
        check_row(unit, row, out);
    }
}

fn check_filter(unit: &Unit<'_>, filter: &Filter, out: &mut Out) {
    let types: Vec<String> = filter
        .conditions
        .iter()
        .filter(|condition| condition.field.value.as_str() == "RecordType")
        .flat_map(|condition| condition.values.iter().filter_map(|value| value.text().map(str::to_owned)))
        .collect();
    for condition in &filter.conditions {
        for value in condition.values.iter().filter(|value| !value.is_null()) {
            let Some(text) = value.text() else { continue };
            out.extend(wrong(
                unit,
                condition.field.value.as_str(),
                (text, value.span),
                &types,
                Purpose::Filter,
            ));
        }
    }
}

fn check_where(unit: &Unit<'_>, out: &mut Out) {
    for condition in super::selection::soql_conditions(&unit.file.salesforce) {
        for field in condition.fields.iter().filter(|field| field.object.is_none()) {
            if !matches!(field.operator.as_str(), "=" | "!=" | "<>" | "IN" | "NOT IN") {
                continue;
            }
            for value in &field.values {
                if let SoqlLiteral::Text(text) = &value.value {
                    out.extend(wrong(unit, &field.path.value, (text, value.span), &[], Purpose::Filter));
                }
            }
        }
    }
}

fn check_row(unit: &Unit<'_>, row: &RowView<'_>, out: &mut Out) {
    let Some((path, _)) = row.field(Side::Salesforce) else { return };
    if row.writes(Side::Salesforce) {
        for (text, span) in written(row, Side::Salesforce) {
            out.extend(wrong(unit, path, (&text, span), &[], Purpose::Write));
        }
    } else if row.spec.expression_to(Side::App).is_none() && row.spec.lookup.is_none() {
        for (value, _) in row.spec.values.iter().flat_map(|entry| &entry.value.pairs) {
            if let Some(text) = value.text().filter(|_| !value.is_null()) {
                out.extend(wrong(unit, path, (text, value.span), &[], Purpose::Filter));
            }
        }
    }
}

/// The texts that a row itself writes to a side: constant, default, `values`.
pub(super) fn written(row: &RowView<'_>, side: Side) -> Vec<(String, Span)> {
    let spec = row.spec;
    let mut all: Vec<(&Literal, Span)> = Vec::new();
    all.extend(spec.constant.iter().map(|entry| (&entry.value, entry.span)));
    // A default is written in the terms of the side the row flows to; of both ways, that is the app.
    let default = spec.default.iter().filter(|_| side == Side::App || !row.writes(Side::App));
    all.extend(default.map(|entry| (&entry.value, entry.span)));
    for map in spec.values.iter().map(|entry| &entry.value) {
        for (salesforce, app) in &map.pairs {
            let value = if side == Side::App { app } else { salesforce };
            all.push((&value.value, value.span));
        }
        let otherwise = map.otherwise.iter().filter(|_| side == Side::App);
        all.extend(otherwise.map(|value| (&value.value, value.span)));
    }
    let texts = all.into_iter().filter(|(literal, _)| !literal.is_null());
    texts.filter_map(|(literal, span)| Some((literal.text()?.to_owned(), span))).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// Records are compared with it: values that can no longer be chosen still occur.
    Filter,
    /// It is written.
    Write,
}

/// What is wrong with a value that stands for a field; nothing where the choices are not known.
fn wrong(
    unit: &Unit<'_>,
    path: &str,
    value: (&str, Span),
    record_types: &[String],
    purpose: Purpose,
) -> Option<Diagnostic> {
    if path == "RecordType" || path == "RecordType.DeveloperName" {
        return unit.salesforce.info().and_then(|object| record_type(object, value));
    }
    let SalesforceField::Field(field, object) = unit.salesforce.field(path) else { return None };
    if field.picklist.is_empty() || (purpose == Purpose::Write && !field.restricted) {
        return None;
    }
    // Of several record types, any may have it. What an unknown one has, nobody knows; that it is unknown was said.
    let kind = |name: &String| object.record_types.iter().find(|kind| kind.developer_name == *name);
    if record_types.iter().any(|name| kind(name).is_none()) {
        return None;
    }
    let told = record_types.iter().all(|name| kind(name).is_some_and(|kind| kind.offers_read));
    let record_types = if told { record_types } else { &[] };
    let fits = |choice: &PicklistValue| {
        choice.value.eq_ignore_ascii_case(value.0)
            && offers(choice, record_types)
            && (choice.active || purpose == Purpose::Filter)
    };
    (!field.picklist.iter().any(fits)).then(|| unknown(field, &object.name, value, record_types))
}

fn offers(choice: &PicklistValue, record_types: &[String]) -> bool {
    record_types.is_empty() || choice.record_types.iter().any(|of| record_types.contains(of))
}

fn unknown(
    field: &FieldInfo,
    object: &str,
    (text, span): (&str, Span),
    record_types: &[String],
) -> Diagnostic {
    let of = match record_types {
        [] => object.to_owned(),
        [one] => format!("record type {one}"),
        several => format!("record types {}", several.join(", ")),
    };
    let choices = field.picklist.iter().filter(|choice| choice.active && offers(choice, record_types));
    let choices: Vec<&str> = choices.map(|choice| choice.value.as_str()).collect();
    let error = Diagnostic::error("E306", format!("`{text}` is not a {} of {of}", field.name), span, "");
    near(error, (text, span), &choices)
}

fn record_type(object: &ObjectInfo, (text, span): (&str, Span)) -> Option<Diagnostic> {
    let names = object.record_types.iter().map(|kind| kind.developer_name.as_str());
    // The master record type is what records without one have; nobody sets it.
    let names: Vec<&str> = names.filter(|name| *name != "Master").collect();
    if names.is_empty() || names.iter().any(|name| name.eq_ignore_ascii_case(text)) {
        return None;
    }
    let title = format!("`{text}` is not a record type of {}", object.name);
    let error = Diagnostic::error("E306", title, span, "");
    match object.record_types.iter().find(|kind| kind.name.eq_ignore_ascii_case(text)) {
        Some(by_label) => Some(error.help(format!("use the developer name: `{}`", by_label.developer_name))),
        None => Some(near(error, (text, span), &names)),
    }
}

fn near(error: Diagnostic, (text, span): (&str, Span), choices: &[&str]) -> Diagnostic {
    let all = list(choices.iter().copied(), 12);
    match nearest(text, choices.iter().copied()) {
        Some(near) => error.help(format!("did you mean `{near}`?  ({all})")).fix(span, near),
        None => error.help(format!("one of: {all}")),
    }
}
