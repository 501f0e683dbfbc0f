//! What a sync would do, record by record and field by field, without doing it (`sfsync plan`).

mod entries;
mod report;

use std::collections::HashSet;

use self::entries::{STAYS, arrow, changed, writes_both};
pub(super) use self::entries::{entry, shown};
pub use self::report::{ApiNeed, PlanCounts, PlanEntry, PlanField, PlanReport};
use super::batch::{Fate, Item, MirrorBatch, Prepared};
use super::pass::{PassError, Runner};
use super::preview::Preview;
use crate::model::{Cursor, Key, Read, SalesforceId, Side, WriteOp};
use crate::plan::{Pipeline, Scope};
use crate::sync::{Decision, Mode, Stop};

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
