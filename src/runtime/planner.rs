//! What a sync would do, record by record and field by field, without doing it (`sfsync plan`).

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::ahead::NEW;
use super::batch::{Fate, Item, MirrorBatch, Prepared};
use super::pass::{PassError, Runner};
use super::preview::Preview;
use super::words;
use crate::model::{Cursor, Key, PipelineName, Read, Row, SalesforceId, Side, Value, WriteOp};
use crate::plan::{Pipeline, Scope};
use crate::sync::{Decision, Kept, Mode, SideWrite, Stop};

/// What a sync of one pipeline would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanReport {
    /// The pipeline.
    pub pipeline: String,
    /// `Opportunity → operating.projects`
    pub way: String,
    /// Records that were looked at.
    pub looked_at: u64,
    /// Linked records besides them: a full read did not bring them, and they were asked for by their ids.
    #[serde(default)]
    pub by_id: u64,
    /// How many of each kind.
    pub counts: PlanCounts,
    /// The first changes, in the order in which they came.
    pub entries: Vec<PlanEntry>,
    /// Changes that are counted and not listed.
    pub more: u64,
    /// Records that need nothing and have fields that differ and stay; listed after the changes, as far as there is room.
    #[serde(default)]
    pub stays: u64,
    /// Records that do not pass the filters.
    #[serde(default)]
    pub left_out: u64,
    /// What it needs of the org's API.
    #[serde(default)]
    pub api: Option<ApiNeed>,
    /// Name of the app's connection.
    #[serde(default)]
    pub app: String,
    /// Why nothing could be compared, if so.
    #[serde(default)]
    pub unplanned: String,
}

/// Calls that a sync needs, about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiNeed {
    /// Calls that the plan itself made: a sync of everything reads the same.
    pub calls: u64,
    /// What is left of the budget.
    pub left: Option<u64>,
    /// Calls that the connection may make in 24 hours.
    pub budget: Option<u64>,
}

/// Decisions by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // the words of the summary line
pub struct PlanCounts {
    pub create: u64,
    pub update: u64,
    pub delete: u64,
    pub unchanged: u64,
    pub skip: u64,
    pub wait: u64,
    pub hold: u64,
    pub fail: u64,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanEntry {
    /// `create`, `update`, `link`, `delete`, `archive`, `wait`, `hold`, `fail`.
    pub op: String,
    /// Salesforce id; none for a record that would be made there.
    pub salesforce: Option<Key>,
    /// The app record, where there is one.
    pub app: Option<Key>,
    /// The record as people know it.
    pub title: String,
    /// Fields that would be written, or stay with a reason.
    pub fields: Vec<PlanField>,
    /// Why, for everything that is not written.
    pub reason: String,
}

/// One field of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanField {
    /// Name on the side that is written.
    pub name: String,
    /// What is there; `None` for a new record.
    pub before: Option<String>,
    /// What would be written; `None`: it stays.
    pub after: Option<String>,
    /// Why it stays, or where the value comes from.
    pub note: String,
}

/// Plans a full sync, or one record, named by its Salesforce id or by its key in the app. `limit` entries are listed, everything is
/// counted.
pub async fn plan(runner: &mut Runner, record: Option<&str>, limit: usize) -> Result<PlanReport, PassError> {
    let pipeline = std::sync::Arc::clone(&runner.pipeline);
    let mut looks = Looks { report: unplanned(&pipeline, String::new()), stays: Vec::new(), limit };
    if let Some(id) = record {
        for (side, key) in named(runner, id)? {
            let events = runner.source_of(side)?.fetch(std::slice::from_ref(&key)).await?;
            let preview = runner.preview(side, events, Mode::Repair).await?;
            looks.add(&pipeline, preview);
        }
        return Ok(looks.end());
    }
    let mut met = HashSet::new();
    for side in pipeline.sources().filter(|side| pipeline.scope(*side) != Scope::Referenced) {
        let mut cursor: Option<Cursor> = None;
        let limit = runner.limit;
        while let Read::Batch { mut events, next, more, .. } =
            runner.source_of(side)?.read(cursor.as_ref(), limit).await?
        {
            // Pairs that were looked at from the other side are not looked at again.
            events.retain(|event| met.insert((side, hash(&event.key))));
            looks.report.looked_at += events.len() as u64;
            let preview = runner.preview(side, events, Mode::Repair).await?;
            if let Preview::Linked(prepared) = &preview {
                let others = prepared.items.iter().filter_map(|item| item.key_on(side.other()));
                met.extend(others.map(|key| (side.other(), hash(key))));
            }
            looks.add(&pipeline, preview);
            let complete = matches!(next, Cursor::Changes { .. });
            cursor = Some(next);
            if complete || !more {
                break;
            }
        }
        gone(runner, side, &mut met, &mut looks).await?;
    }
    Ok(looks.end())
}

/// What becomes of the records that a full read did not bring: most of them are deleted.
async fn gone(
    runner: &mut Runner,
    side: Side,
    met: &mut HashSet<(Side, u64)>,
    looks: &mut Looks,
) -> Result<(), PassError> {
    let pipeline = std::sync::Arc::clone(&runner.pipeline);
    let mut after: Option<Key> = None;
    while let Some(mut keys) = runner.remembered(side, &mut after).await? {
        keys.retain(|key| met.insert((side, hash(key))));
        if keys.is_empty() {
            continue;
        }
        let events = runner.source_of(side)?.fetch(&keys).await?;
        looks.report.by_id += events.len() as u64;
        let preview = runner.preview(side, events, Mode::Repair).await?;
        if let Preview::Linked(prepared) = &preview {
            let others = prepared.items.iter().filter_map(|item| item.key_on(side.other()));
            met.extend(others.map(|key| (side.other(), hash(key))));
        }
        // What does not pass of these does not say how many of the others pass.
        let left_out = looks.report.left_out;
        looks.add(&pipeline, preview);
        let theirs = std::mem::replace(&mut looks.report.left_out, left_out);
        looks.report.counts.skip += theirs.saturating_sub(left_out);
    }
    Ok(())
}

/// The records that an id may mean: a Salesforce record, one linked to an app record, or an app record that is not linked.
fn named(runner: &Runner, id: &str) -> Result<Vec<(Side, Key)>, PassError> {
    if SalesforceId::parse(id).is_some() {
        return Ok(vec![(Side::Salesforce, Key::salesforce(id))]);
    }
    let (pipeline, key) = (&runner.pipeline, Key::app(id));
    let links = runner.store.links_by_app(&pipeline.name, pipeline.generation, std::slice::from_ref(&key))?;
    let linked: Vec<(Side, Key)> =
        links.into_iter().flatten().map(|link| (Side::Salesforce, link.salesforce)).collect();
    let follows = pipeline.sources().any(|side| side == Side::App);
    Ok(if linked.is_empty() && follows { vec![(Side::App, key)] } else { linked })
}

fn hash(key: &Key) -> u64 {
    xxhash_rust::xxh3::xxh3_64(key.as_str().as_bytes())
}

/// A report while it is being made.
struct Looks {
    report: PlanReport,
    /// Records that need nothing and have something to say.
    stays: Vec<PlanEntry>,
    limit: usize,
}

impl Looks {
    fn add(&mut self, pipeline: &Pipeline, preview: Preview) {
        match preview {
            Preview::Linked(prepared) => self.linked(pipeline, prepared),
            Preview::Mirror(batch) => self.report.mirror(pipeline, batch, self.limit),
        }
    }

    fn linked(&mut self, pipeline: &Pipeline, prepared: Prepared) {
        for item in prepared.items {
            self.report.count(&item);
            match entry(pipeline, &item) {
                Some(entry) if entry.op == STAYS => {
                    self.report.stays += 1;
                    if self.stays.len() < self.limit {
                        self.stays.push(entry);
                    }
                }
                Some(entry) => self.report.list(entry, self.limit),
                None => {}
            }
        }
    }

    /// What changes comes first.
    fn end(mut self) -> PlanReport {
        let room = self.limit.saturating_sub(self.report.entries.len());
        self.report.entries.extend(self.stays.into_iter().take(room));
        self.report
    }
}

/// The word for records of which some fields differ and stay.
const STAYS: &str = "keep";

/// A report without any record, and why.
pub(super) fn unplanned(pipeline: &Pipeline, why: String) -> PlanReport {
    let (salesforce, app) = (&pipeline.salesforce, &pipeline.app);
    PlanReport {
        pipeline: pipeline.name.to_string(),
        way: format!("{} {} {}.{}", salesforce.object, arrow(pipeline), app.connection, app.resource),
        app: if writes_both(pipeline) { "both sides".to_owned() } else { app.connection.to_string() },
        unplanned: why,
        ..PlanReport::default()
    }
}

impl PlanReport {
    fn list(&mut self, entry: PlanEntry, limit: usize) {
        if self.entries.len() < limit {
            self.entries.push(entry);
        } else {
            self.more += 1;
        }
    }

    fn count(&mut self, item: &Item) {
        let counts = &mut self.counts;
        let counter = match item.fate.as_ref() {
            Some(Fate::Decided(Decision::Create { .. }) | Fate::Postponed) => &mut counts.create,
            Some(Fate::Decided(Decision::Update { .. } | Decision::Link { .. })) => &mut counts.update,
            Some(Fate::Decided(Decision::Nothing { .. }) | Fate::Unchanged) => &mut counts.unchanged,
            Some(Fate::Decided(Decision::Hold(_))) => &mut counts.hold,
            Some(Fate::Delete { .. } | Fate::Archive { .. }) => &mut counts.delete,
            Some(Fate::Stopped(Stop::Wait { .. })) => &mut counts.wait,
            Some(Fate::Stopped(Stop::Fail { .. }) | Fate::Missed(_)) => &mut counts.fail,
            Some(Fate::LeftOut(_)) => &mut self.left_out,
            _ => &mut counts.skip,
        };
        *counter += 1;
    }

    fn mirror(&mut self, pipeline: &Pipeline, batch: MirrorBatch, limit: usize) {
        self.counts.skip += batch.skipped;
        self.counts.fail += batch.failed.len() as u64;
        let changes = (batch.writes.len() + batch.deletes.len() + batch.failed.len()) as u64;
        self.counts.unchanged += batch.read.saturating_sub(changes + batch.skipped);
        for (key, op) in batch.writes.iter().chain(&batch.deletes) {
            let before = batch.before.get(key);
            let op_name = match (op, before) {
                (WriteOp::Delete { .. }, _) => "delete",
                (WriteOp::Archive { .. }, _) => "archive",
                (_, None) => "create",
                (_, Some(_)) => "update",
            };
            match op_name {
                "delete" | "archive" => self.counts.delete += 1,
                "create" => self.counts.create += 1,
                _ => self.counts.update += 1,
            }
            let fields = match op {
                WriteOp::Upsert { row }
                | WriteOp::Update { row, .. }
                | WriteOp::Archive { row, .. }
                | WriteOp::Create { row } => changed(&pipeline.app.schema, row, before),
                WriteOp::Delete { .. } => Vec::new(),
            };
            self.list(
                PlanEntry {
                    op: op_name.to_owned(),
                    salesforce: Some(key.clone()),
                    app: before.map(|_| key.clone()),
                    title: String::new(),
                    fields,
                    reason: String::new(),
                },
                limit,
            );
        }
    }
}

/// The fields of a row that differ from what is there.
fn changed(schema: &crate::model::Schema, row: &Row, before: Option<&Row>) -> Vec<PlanField> {
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
pub(super) fn entry(pipeline: &Pipeline, item: &Item) -> Option<PlanEntry> {
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
    let title = super::batch::title(pipeline, item);
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

fn writes_both(pipeline: &Pipeline) -> bool {
    pipeline.to_app.writes() && pipeline.to_salesforce.writes()
}

fn arrow(pipeline: &Pipeline) -> &'static str {
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

pub(super) fn shown(value: &Value) -> String {
    if value.is_null() { "empty".to_owned() } else { value.to_string() }
}
