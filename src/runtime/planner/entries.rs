//! The lines of a plan: what would be written of one record, field by field, and why the rest stays.

use super::{PlanEntry, PlanField};
use crate::model::{PipelineName, Row, Side, Value};
use crate::plan::Pipeline;
use crate::runtime::ahead::NEW;
use crate::runtime::batch::{self, Fate, Item};
use crate::runtime::words;
use crate::sync::{Decision, Kept, SideWrite, Stop};

/// The word for records of which some fields differ and stay.
pub(super) const STAYS: &str = "keep";

/// The fields of a row that differ from what is there.
pub(super) fn changed(schema: &crate::model::Schema, row: &Row, before: Option<&Row>) -> Vec<PlanField> {
    let fields = schema.fields().iter().zip(&row.0).enumerate();
    let written = fields.filter(|(_, (_, value))| !value.is_absent());
    let field = |(at, (field, value)): (usize, (&crate::model::Field, &Value))| {
        let held = before.map(|row| row.get(at));
        if held.is_some_and(|held| crate::model::same_value(held, value))
            || (held.is_none() && value.is_null())
        {
            return None;
        }
        Some(PlanField {
            name: field.name.to_string(),
            before: held.map(shown),
            after: Some(shown(value)),
            note: String::new(),
        })
    };
    written.filter_map(field).collect()
}

/// What the plan says about a record; nothing for those that need no attention.
pub(in crate::runtime) fn entry(pipeline: &Pipeline, item: &Item) -> Option<PlanEntry> {
    let stay = |kept: &[(usize, Kept)]| -> Vec<PlanField> {
        kept.iter().filter_map(|kept| kept_field(pipeline, item, *kept)).collect()
    };
    let (op, fields, reason) = match item.fate.as_ref()? {
        Fate::Decided(Decision::Nothing { kept }) if !kept.is_empty() => (STAYS, stay(kept), String::new()),
        Fate::Decided(Decision::Create { on, row }) => {
            let mut fields = changed(pipeline.schema(*on), row, None);
            for field in &mut fields {
                field.note = on_side(pipeline, *on);
            }
            name_new(pipeline, *on, &mut fields);
            ("create", fields, String::new())
        }
        Fate::Decided(Decision::Update { writes, kept, linking }) => {
            let mut fields: Vec<PlanField> =
                writes.iter().flat_map(|write| written(pipeline, item, write)).collect();
            fields.extend(stay(kept));
            (if *linking { "link" } else { "update" }, fields, String::new())
        }
        Fate::Decided(Decision::Link { kept }) => ("link", stay(kept), String::new()),
        Fate::Decided(Decision::Hold(held)) => ("hold", Vec::new(), words::held(pipeline, held)),
        Fate::Delete { on, .. } => ("delete", Vec::new(), words::gone(on.other())),
        Fate::Archive { on, .. } => ("archive", Vec::new(), words::gone(on.other())),
        Fate::Stopped(Stop::Wait { pipeline, key, .. }) => {
            ("wait", Vec::new(), format!("{key} is not linked in {pipeline} yet"))
        }
        Fate::Stopped(Stop::Fail { error, .. }) => ("fail", Vec::new(), error.message.clone()),
        _ => return None,
    };
    let title = batch::title(pipeline, item);
    let key = |side: Side| item.key_on(side).cloned();
    let (salesforce, app) = (key(Side::Salesforce), key(Side::App));
    Some(PlanEntry { op: op.to_owned(), salesforce, app, title, fields, reason })
}

fn written(pipeline: &Pipeline, item: &Item, write: &SideWrite) -> Vec<PlanField> {
    let held = item.row_on(write.side);
    let fields = pipeline.schema(write.side).fields().iter().enumerate();
    let set = fields.filter(|(at, _)| !write.row.get(*at).is_absent());
    let mut fields: Vec<PlanField> = set
        .map(|(at, field)| PlanField {
            name: field.name.to_string(),
            before: held.map(|row| shown(row.get(at))),
            after: Some(shown(write.row.get(at))),
            note: on_side(pipeline, write.side),
        })
        .collect();
    name_new(pipeline, write.side, &mut fields);
    fields
}

/// Ids of records that other pipelines would make first.
fn name_new(pipeline: &Pipeline, side: Side, fields: &mut [PlanField]) {
    for field in fields.iter_mut().filter(|field| field.after.as_deref() == Some(NEW)) {
        let is_it =
            |at: usize| pipeline.schema(side).fields().get(at).is_some_and(|one| *one.name == *field.name);
        let lookup = pipeline.rows.iter().find_map(|row| {
            let lookup = row.lookup.as_ref()?;
            row.field_on(side).is_some_and(is_it).then_some(lookup)
        });
        let names = lookup.map(|lookup| {
            let names: Vec<&str> = lookup.pipelines.iter().map(PipelineName::as_str).collect();
            names.join(" or ")
        });
        let names = names.unwrap_or_else(|| "another pipeline".to_owned());
        field.after = Some("new".to_owned());
        field.note = format!("{names} would create it first");
    }
}

/// Where a field is written, for pipelines that write to both sides.
fn on_side(pipeline: &Pipeline, side: Side) -> String {
    let place = match side {
        _ if !writes_both(pipeline) => "",
        Side::Salesforce => "in Salesforce",
        Side::App => "in the app",
    };
    place.to_owned()
}

pub(super) fn writes_both(pipeline: &Pipeline) -> bool {
    pipeline.to_app.writes() && pipeline.to_salesforce.writes()
}

pub(super) fn arrow(pipeline: &Pipeline) -> &'static str {
    match (pipeline.to_app.any(), pipeline.to_salesforce.any()) {
        (true, true) => "↔",
        (false, true) => "←",
        (_, false) => "→",
    }
}

fn kept_field(pipeline: &Pipeline, item: &Item, (row, why): (usize, Kept)) -> Option<PlanField> {
    let mapping = pipeline.rows.get(row)?;
    let side = if mapping.to_app.is_on() { Side::App } else { Side::Salesforce };
    let field = mapping.field_on(side)?;
    let held = item.row_on(side).map(|row| shown(row.get(field)));
    let name = words::field_name(pipeline, side, field);
    let said = mapping.field_on(side.other()).and_then(|field| Some(item.row_on(side.other())?.get(field)));
    let said =
        said.filter(|_| writes_both(pipeline)).map(|value| format!("; the other side says {}", shown(value)));
    let note = format!("{}{}", why.reason(), said.unwrap_or_default());
    Some(PlanField { name, before: held, after: None, note })
}

pub(in crate::runtime) fn shown(value: &Value) -> String {
    if value.is_null() { "empty".to_owned() } else { value.to_string() }
}
