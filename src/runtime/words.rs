//! The sentences in which decisions are told to people: in plans, in `why`, in test reports and in failures.

use crate::model::{Key, Row, Side, Value};
use crate::plan::Pipeline;
use crate::sync::{Held, LeftOut};

/// Why a record is left out: `StageName is Proposal; the file includes Quote Sent, Closed Won`.
pub fn left_out(pipeline: &Pipeline, side: Side, why: &LeftOut, row: &Row) -> String {
    let name = |field: usize| field_name(pipeline, side, field);
    match why {
        LeftOut::NotIncluded { field } => {
            let wanted = included(pipeline, side, *field, row);
            format!("{} is {}; the file includes {wanted}", name(*field), shown(row.get(*field)))
        }
        LeftOut::Excluded { field } => {
            format!("{} is {}, which the file excludes", name(*field), shown(row.get(*field)))
        }
        LeftOut::Filtered => "the filter is not true for it".to_owned(),
        LeftOut::Broken(message) => format!("the filter cannot be computed: {message}"),
        LeftOut::MadeBy(maker) => format!("{maker} created it (own_records: skip)"),
        LeftOut::LinkedBy(other) => format!("it is linked in {other} (links: many_to_one)"),
    }
}

/// The values that `include` allows for a field, in the maps whose earlier fields fit the record.
fn included(pipeline: &Pipeline, side: Side, field: usize, row: &Row) -> String {
    let selection = match side {
        Side::Salesforce => &pipeline.salesforce.selection,
        Side::App => &pipeline.app.selection,
    };
    let fits = |map: &Vec<(usize, Vec<Value>)>| {
        map.iter().take_while(|(at, _)| *at != field).all(|(at, values)| values.contains(row.get(*at)))
    };
    let wanted = selection
        .include
        .iter()
        .filter(|map| fits(map))
        .flat_map(|map| map.iter().filter(|(at, _)| *at == field));
    let mut values: Vec<String> = wanted.flat_map(|(_, values)| values.iter().map(shown)).collect();
    values.dedup();
    values.join(", ")
}

/// Why a record is held.
pub fn held(pipeline: &Pipeline, held: &Held) -> String {
    match held {
        Held::Conflict(rows) => {
            let names =
                rows.iter().filter_map(|row| pipeline.rows.get(*row)).map(|row| format!("`{}`", row.name));
            format!("both sides changed {} (conflict: hold)", names.collect::<Vec<_>>().join(", "))
        }
        Held::SeveralMatches(found) => format!("several records match: {}", keys(found)),
        Held::OneToOne(all) => {
            format!(
                "{} Salesforce records belong to one app record (links: one_to_one): {}",
                all.len(),
                keys(all)
            )
        }
        Held::BackAndForth(rows) => {
            let names =
                rows.iter().filter_map(|row| pipeline.rows.get(*row)).map(|row| format!("`{}`", row.name));
            format!(
                "{} went back and forth between both sides: something there changes what is written (a trigger, a flow, a format)",
                names.collect::<Vec<_>>().join(", ")
            )
        }
        Held::Taken { salesforce, by } => {
            format!("the Salesforce record that matches, {salesforce}, is linked to {by} already")
        }
    }
}

/// Why a record is deleted or archived.
pub fn gone(on: Side) -> String {
    match on {
        Side::Salesforce => "it is deleted in Salesforce".to_owned(),
        Side::App => "it is deleted in the app".to_owned(),
    }
}

/// Path of a field.
pub fn field_name(pipeline: &Pipeline, side: Side, field: usize) -> String {
    pipeline.schema(side).fields().get(field).map(|field| field.name.to_string()).unwrap_or_default()
}

fn keys(keys: &[Key]) -> String {
    keys.iter().map(Key::as_str).collect::<Vec<_>>().join(", ")
}

fn shown(value: &Value) -> String {
    if value.is_blank() { "empty".to_owned() } else { value.to_string() }
}
