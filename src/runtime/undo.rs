//! `sfsync undo`: what the last run wrote is taken back, record by record, where the record has not moved since. What the undo leaves
//! behind is in docs/decisions/0034. Read [`Runner::undo`] first.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::batch::{References, stamp};
use super::build::{self, Workshop};
use super::control::{ControlError, ControlErrorKind, UndoQuery};
use super::pass::{PassError, Runner};
use super::planner::{PlanEntry, PlanField, shown};
use super::planning::quiet;
use super::registry::Registry;
use super::supervisor::Supervisor;
use super::task::Command;
use super::workbench::{WorkError, Workbench};
use crate::connect::WriteMode;
use crate::model::{
    Commit, Key, Link, Outcome, PipelineName, RecordError, Replaced, Row, RunWrites, Side, WriteOp,
};
use crate::plan::{Lane, LinkRule};
use crate::store::LastRun;
use crate::sync::{self, Mode, TakeBack};

/// Records that are read and written at once.
const TOGETHER: usize = 2_000;

/// What an undo would do, or did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoReport {
    /// The pipeline.
    pub pipeline: PipelineName,
    /// When the run began whose writes it is about; `None`: there is none.
    pub run: Option<Timestamp>,
    /// It was carried out; else nothing was written.
    pub done: bool,
    /// Records that are put back.
    pub restored: u64,
    /// Records that somebody has changed since, or that are gone: they stay.
    pub moved: u64,
    /// Records that could not be written; they can be undone again.
    pub failed: u64,
    /// Records that the run, or a later one, created: they replaced nothing, and stay.
    pub created: u64,
    /// Records that the run, or a later one, deleted or archived: they stay so.
    pub deleted: u64,
    /// There is a run before it that can be undone after it.
    pub earlier: bool,
    /// The first records.
    pub entries: Vec<PlanEntry>,
    /// Records that are counted and not listed.
    pub more: u64,
    /// Why nothing can be undone here at all.
    #[serde(default)]
    pub impossible: String,
}

/// One record and what becomes of it.
struct Step {
    write: Replaced,
    row: Option<Row>,
    fate: Result<TakeBack, &'static str>,
}

impl Runner {
    /// Takes back what the last run wrote, or tells what that would be (`act: false`). Records are listed up to `limit`. Safe to repeat:
    /// what is back already is only remembered.
    pub async fn undo(&mut self, act: bool, limit: usize) -> Result<UndoReport, PassError> {
        let mut report = UndoReport::new(&self.pipeline.name, act);
        if self.pipeline.lane == Lane::Mirror {
            report.impossible =
                "a mirror keeps no replaced values; correct the file, and the next comparison writes them"
                    .to_owned();
            return Ok(report);
        }
        let Some(last) = self.store.last_run(self.name(), self.pipeline.generation)? else {
            return Ok(report);
        };
        report.about(&last);
        let over: Vec<(Timestamp, u64)> =
            last.parcels.iter().map(|(number, _)| (last.run, *number)).collect();
        let writes = sync::as_one(last.parcels.into_iter().flat_map(|(_, parcel)| parcel.replaced));
        let mut failed = Vec::new();
        for side in [Side::App, Side::Salesforce] {
            let writes: Vec<&Replaced> = writes.iter().filter(|write| write.side == side).collect();
            for writes in writes.chunks(TOGETHER) {
                let steps = self.steps(side, writes).await?;
                for step in &steps {
                    report.list(self, step, limit);
                }
                if act {
                    failed.extend(self.put_back(side, steps, &mut report).await?);
                }
            }
        }
        if act {
            report.failed = failed.len() as u64;
            let left = RunWrites { run: last.run, replaced: failed, made: 0, removed: 0 };
            let replaced = (!left.replaced.is_empty()).then_some(left);
            let commit = Commit { undone: over, replaced, ..Commit::default() };
            self.store.commit(self.name(), self.pipeline.generation, &commit)?;
        }
        Ok(report)
    }

    /// Reads the records and says what becomes of each.
    async fn steps(&mut self, side: Side, writes: &[&Replaced]) -> Result<Vec<Step>, PassError> {
        let step = |write: &Replaced, row, fate| Step { write: write.clone(), row, fate };
        if !self.pipeline.ops_on(side).update {
            let not_listed = |write: &&Replaced| step(write, None, Err("update is not listed any more"));
            return Ok(writes.iter().map(not_listed).collect());
        }
        let keys: Vec<Key> = writes.iter().map(|write| write.key().clone()).collect();
        let pass = self.gathered(Mode::Changes, side.other());
        let rows: HashMap<Key, Row> =
            self.bench(&pass.setting).destination(side)?.fetch(&keys).await?.into_iter().collect();
        let make = pass.setting.facts.fingerprints;
        Ok(writes
            .iter()
            .map(|write| match rows.get(write.key()) {
                None => step(write, None, Err("it is gone")),
                Some(row) => {
                    let fate = sync::take_back(&self.pipeline, make, write, row);
                    step(write, Some(row.clone()), Ok(fate))
                }
            })
            .collect())
    }

    /// Writes the old values, and remembers them as baselines. Returns what could not be written.
    async fn put_back(
        &mut self,
        side: Side,
        steps: Vec<Step>,
        report: &mut UndoReport,
    ) -> Result<Vec<Replaced>, PassError> {
        let (mut ops, mut written, mut back, mut failed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for Step { write, row, fate } in steps {
            match fate {
                Ok(TakeBack::Restore(values)) => {
                    let expected = row.as_ref().and_then(|row| stamp(&self.pipeline, side, row));
                    ops.push(WriteOp::Update { key: write.key().clone(), row: values, expected });
                    written.push(write);
                }
                Ok(TakeBack::Done) => back.push(write),
                Ok(TakeBack::Moved(_) | TakeBack::NotListed(_)) | Err(_) => {}
            }
        }
        let pass = self.gathered(Mode::Changes, side.other());
        let _turn = pass.turn().await;
        let outcomes = if ops.is_empty() {
            Vec::new()
        } else {
            self.bench(&pass.setting).destination(side)?.write(ops, WriteMode::Changes).await?
        };
        for (write, outcome) in written.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Written { .. } | Outcome::Unchanged { .. } => back.push(write),
                // It moved between the two.
                Outcome::Stale => (report.restored, report.moved) = (report.restored - 1, report.moved + 1),
                Outcome::Rejected(error) | Outcome::Unknown(error) => {
                    report.refused(&write, &error);
                    failed.push(write);
                }
            }
        }
        let commit = Commit { links: self.links_after(&back)?, ..Commit::default() };
        self.store.commit(self.name(), self.pipeline.generation, &commit)?;
        Ok(failed)
    }

    /// The pairs of records that were put back. An app record that several Salesforce records share belongs to all of their pairs.
    fn links_after(&self, back: &[Replaced]) -> Result<Vec<Link>, PassError> {
        let mut links: HashMap<(Key, Key), Link> = HashMap::new();
        for write in back {
            let keys = (write.side, std::slice::from_ref(write.key()));
            let of_key = self.store.links_of(self.name(), self.pipeline.generation, keys)?;
            let one_to_one = self.pipeline.links == LinkRule::OneToOne;
            for link in of_key.into_iter().flatten() {
                let pair = (link.salesforce.clone(), link.app.clone());
                if one_to_one && pair != (write.salesforce.clone(), write.app.clone()) {
                    continue;
                }
                let link = links.remove(&pair).unwrap_or_else(|| self.aligned(link));
                links.insert(pair, sync::after_undo(&self.pipeline, link, write));
            }
        }
        let mut links: Vec<Link> = links.into_values().collect();
        links.sort_by(|one, other| one.salesforce.cmp(&other.salesforce));
        Ok(links)
    }

    fn aligned(&self, link: Link) -> Link {
        super::batch::align(&self.pipeline, &self.row_sets, link)
    }
}

impl UndoReport {
    /// Nothing yet.
    pub fn new(pipeline: &PipelineName, done: bool) -> Self {
        Self {
            pipeline: pipeline.clone(),
            run: None,
            done,
            restored: 0,
            moved: 0,
            failed: 0,
            created: 0,
            deleted: 0,
            earlier: false,
            entries: Vec::new(),
            more: 0,
            impossible: String::new(),
        }
    }

    fn about(&mut self, last: &LastRun) {
        (self.run, self.earlier) = (Some(last.run), last.earlier);
        (self.created, self.deleted) = (last.made, last.removed);
    }

    fn list(&mut self, runner: &Runner, step: &Step, limit: usize) {
        let (op, reason) = match &step.fate {
            Ok(TakeBack::Restore(_)) => ("undo", String::new()),
            Ok(TakeBack::Done) => return,
            Ok(TakeBack::Moved(fields)) => ("stays", format!("changed since: {}", fields.join(", "))),
            Ok(TakeBack::NotListed(fields)) => {
                ("stays", format!("the file does not write {} any more", fields.join(", ")))
            }
            Err(why) => ("stays", (*why).to_owned()),
        };
        if op == "undo" {
            self.restored += 1;
        } else {
            self.moved += 1;
        }
        if self.entries.len() >= limit {
            self.more += 1;
            return;
        }
        let write = &step.write;
        let schema = runner.pipeline.schema(write.side);
        let changed: HashSet<&str> = match &step.fate {
            Ok(TakeBack::Restore(row)) => {
                let named = schema.fields().iter().zip(&row.0);
                named.filter(|(_, value)| !value.is_absent()).map(|(field, _)| &*field.name).collect()
            }
            _ => HashSet::new(),
        };
        let fields = write.fields.iter().filter(|field| changed.contains(field.field.as_str()));
        let field = |field: &crate::model::ReplacedField| PlanField {
            name: field.field.clone(),
            before: Some(shown(&field.after)),
            after: Some(shown(&field.before)),
            note: format!("in {}", place(write.side)),
        };
        self.entries.push(PlanEntry {
            op: op.to_owned(),
            salesforce: Some(write.salesforce.clone()),
            app: Some(write.app.clone()),
            title: super::batch::name_of(schema, step.row.as_ref()),
            fields: fields.map(field).collect(),
            reason,
        });
    }

    fn refused(&mut self, write: &Replaced, error: &RecordError) {
        self.restored -= 1;
        let is_it = |entry: &&mut PlanEntry| {
            entry.salesforce.as_ref() == Some(&write.salesforce) && entry.app.as_ref() == Some(&write.app)
        };
        if let Some(entry) = self.entries.iter_mut().find(is_it) {
            (entry.op, entry.reason) = ("fail".to_owned(), format!("{}: {}", error.code, error.message));
        }
    }
}

fn place(side: Side) -> &'static str {
    match side {
        Side::Salesforce => "Salesforce",
        Side::App => "the app",
    }
}

impl UndoReport {
    /// Whether the plan that somebody looked at is still the plan.
    fn is_of(&self, run: Option<Timestamp>) -> bool {
        run.is_none() || run == self.run
    }
}

/// Who undoes, as the status of the paused pipeline shows it.
fn pauses(query: &UndoQuery) -> String {
    if query.by.is_empty() { "undo".to_owned() } else { format!("undo by {}", query.by) }
}

fn another(report: &UndoReport) -> ControlError {
    let message = match report.run {
        Some(run) => format!("{} has written again since: its last run is of {run}", report.pipeline),
        None => format!("that run of {} was undone already", report.pipeline),
    };
    let help = format!("look at what it would undo now: sfsync undo {}", report.pipeline);
    ControlError::new(ControlErrorKind::Conflict, message).help(help)
}

fn failed(error: impl std::fmt::Display) -> ControlError {
    ControlError::new(ControlErrorKind::Failed, error.to_string())
}

impl Supervisor {
    /// Plans an undo beside the pipeline that runs, or pauses it and carries the undo out.
    pub(super) async fn undo(
        &self,
        name: &PipelineName,
        query: UndoQuery,
    ) -> Result<UndoReport, ControlError> {
        let Some(plan) = self.plan(name).await else {
            let message = format!("there is no pipeline {name} that runs");
            return Err(ControlError::new(ControlErrorKind::NotFound, message));
        };
        let latest = self.latest();
        let shop = Workshop { only_looks: true, ..self.workshop() };
        let known = (&*latest.files, &*latest.catalog);
        let references: Arc<dyn References> = Arc::clone(&self.registry) as _;
        let mut looks = build::runner(&shop, &plan, known, references, quiet()).await?;
        let report = looks.undo(false, query.limit).await.map_err(failed)?;
        drop(looks);
        if !query.act || report.restored == 0 && report.run.is_none() {
            return Ok(report);
        }
        if !report.is_of(query.run) {
            return Err(another(&report));
        }
        if self.store.paused(name).map_err(failed)?.is_none() {
            self.command(name, Command::Pause { by: pauses(&query) }).await;
        }
        let Some(running) = self.registry.get(name) else {
            return Err(failed(format!("{name} has just stopped; try again")));
        };
        let mut runner = running.runner.lock().await;
        let now = runner.undo(false, 0).await.map_err(failed)?;
        if now.run != report.run {
            return Err(another(&now));
        }
        runner.undo(true, query.limit).await.map_err(failed)
    }
}

impl Workbench {
    /// The same without a daemon.
    pub async fn undo(&mut self, name: &str, query: &UndoQuery) -> Result<UndoReport, WorkError> {
        self.look(false).await?;
        let plans = self.plans(&[name.to_owned()])?;
        let (Some(store), Some(plan)) = (self.store.clone(), plans.first()) else {
            return Err(WorkError::Unknown("this needs a state folder".to_owned()));
        };
        let shop = Workshop { only_looks: true, ..self.workshop(&store) };
        let known = (&self.loaded.files, &self.looked.catalog);
        let references: Arc<dyn References> = Arc::new(Registry::default());
        let mut runner = build::runner(&shop, plan, known, references, quiet()).await?;
        if query.act {
            if let Some(other) = Some(runner.undo(false, 0).await?).filter(|now| !now.is_of(query.run)) {
                return Err(WorkError::Unknown(another(&other).message));
            }
            if store.paused(&plan.name)?.is_none() {
                store.set_paused(&plan.name, Some(&pauses(query)), self.clock.now())?;
            }
        }
        Ok(runner.undo(query.act, query.limit).await?)
    }
}
