//! What a sync would do, record by record and field by field, without doing it (`sfsync plan`).

use serde::{Deserialize, Serialize};

use super::batch::{Fate, Item, MirrorBatch, Prepared};
use super::pass::{PassError, Preview, Runner};
use super::words;
use crate::model::{Cursor, Key, Read, Row, Side, Value, WriteOp};
use crate::plan::Pipeline;
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
    /// How many of each kind.
    pub counts: PlanCounts,
    /// The first changes, in the order in which they came.
    pub entries: Vec<PlanEntry>,
    /// Changes that are counted and not listed.
    pub more: u64,
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

/// Plans a full sync, or one record. `limit` entries are listed, everything is counted.
pub async fn plan(runner: &mut Runner, record: Option<&Key>, limit: usize) -> Result<PlanReport, PassError> {
    let pipeline = std::sync::Arc::clone(&runner.pipeline);
    let mut report = unplanned(&pipeline, String::new());
    if let Some(key) = record {
        let events = runner.source.fetch(std::slice::from_ref(key)).await?;
        let preview = runner.preview(Side::Salesforce, events, Mode::Repair).await?;
        report.add(&pipeline, preview, limit);
        return Ok(report);
    }
    let mut cursor: Option<Cursor> = None;
    while let Read::Batch { events, next, more, .. } =
        runner.source.read(cursor.as_ref(), runner.limit).await?
    {
        report.looked_at += events.len() as u64;
        let preview = runner.preview(Side::Salesforce, events, Mode::Repair).await?;
        report.add(&pipeline, preview, limit);
        let complete = matches!(next, Cursor::Changes { .. });
        cursor = Some(next);
        if complete || !more {
            break;
        }
    }
    Ok(report)
}

/// A report without any record, and why.
pub(super) fn unplanned(pipeline: &Pipeline, why: String) -> PlanReport {
    let (salesforce, app) = (&pipeline.salesforce, &pipeline.app);
    PlanReport {
        pipeline: pipeline.name.to_string(),
        way: format!("{} → {}.{}", salesforce.object, app.connection, app.resource),
        app: app.connection.to_string(),
        unplanned: why,
        ..PlanReport::default()
    }
}

impl PlanReport {
    fn add(&mut self, pipeline: &Pipeline, preview: Preview, limit: usize) {
        match preview {
            Preview::Linked(prepared) => self.linked(pipeline, prepared, limit),
            Preview::Mirror(batch) => self.mirror(pipeline, batch, limit),
        }
    }

    fn linked(&mut self, pipeline: &Pipeline, prepared: Prepared, limit: usize) {
        for item in prepared.items {
            self.count(&item);
            if let Some(entry) = entry(pipeline, &item) {
                self.list(entry, limit);
            }
        }
    }

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
            Some(Fate::Stopped(Stop::Fail { .. })) => &mut counts.fail,
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
                (_, None) => "create",
                (_, Some(_)) => "update",
            };
            match op_name {
                "delete" => self.counts.delete += 1,
                "create" => self.counts.create += 1,
                _ => self.counts.update += 1,
            }
            let fields = match op {
                WriteOp::Upsert { row } | WriteOp::Update { row, .. } | WriteOp::Create { row } => {
                    changed(&pipeline.app.schema, row, before)
                }
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
    let (op, fields, reason) = match item.fate.as_ref()? {
        Fate::Decided(Decision::Create { on, row }) => {
            ("create", changed(pipeline.schema(*on), row, None), String::new())
        }
        Fate::Decided(Decision::Update { writes, kept, linking }) => {
            let mut fields: Vec<PlanField> =
                writes.iter().flat_map(|write| written(pipeline, item, write)).collect();
            fields.extend(kept.iter().filter_map(|kept| kept_field(pipeline, item, *kept)));
            (if *linking { "link" } else { "update" }, fields, String::new())
        }
        Fate::Decided(Decision::Link { kept }) => (
            "link",
            kept.iter().filter_map(|kept| kept_field(pipeline, item, *kept)).collect(),
            String::new(),
        ),
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
    set.map(|(at, field)| PlanField {
        name: field.name.to_string(),
        before: held.map(|row| shown(row.get(at))),
        after: Some(shown(write.row.get(at))),
        note: String::new(),
    })
    .collect()
}

fn kept_field(pipeline: &Pipeline, item: &Item, (row, why): (usize, Kept)) -> Option<PlanField> {
    let mapping = pipeline.rows.get(row)?;
    let side = if mapping.to_app.is_on() { Side::App } else { Side::Salesforce };
    let field = mapping.field_on(side)?;
    let held = item.row_on(side).map(|row| shown(row.get(field)));
    let name = words::field_name(pipeline, side, field);
    Some(PlanField { name, before: held, after: None, note: why.reason().to_owned() })
}

pub(super) fn shown(value: &Value) -> String {
    if value.is_null() { "empty".to_owned() } else { value.to_string() }
}
