//! Why a record is or is not synced: it is read again and decided as a look would, and what would become of it is said in words. A
//! record may be named by its Salesforce id or by its key in the app, linked or not.

use std::sync::Arc;

use super::batch::{self, FailureDetail, Fate, Item, MirrorBatch, failure_id};
use super::control::{ControlError, ControlErrorKind, Why, WhyEntry};
use super::pass::Runner;
use super::preview::Preview;
use super::supervisor::Supervisor;
use super::{planner, words};
use crate::model::{Change, ChangeEvent, FailureKind, Key, SalesforceId, Side, WriteOp};
use crate::plan::Pipeline;
use crate::sync::{Decision, Mode, Stop};

/// A record that an id given by a person may mean: whose, and on which side it is read.
type Meant = (Arc<Pipeline>, Side, Key);

impl Supervisor {
    /// What every pipeline that could carry the record says about it.
    pub(super) async fn why(&self, id: &str) -> Result<Why, ControlError> {
        let mut why = Why { record: id.to_owned(), entries: Vec::new() };
        let mut unknown = Vec::new();
        for (plan, side, key) in self.meant(id).await? {
            let (title, entry) = self.why_one(&plan, (side, &key)).await?;
            let is_there = entry.verdict != NOT_FOUND;
            if is_there && !title.is_empty() {
                why.record = format!("{} {key} \"{title}\"", place(&plan, side));
            }
            // A key of the app is looked for everywhere: where there is no such record, there is nothing to say.
            if is_there || side == Side::Salesforce { &mut why.entries } else { &mut unknown }.push(entry);
        }
        if why.entries.is_empty() {
            let message = format!("no pipeline carries a record {id}");
            let help =
                "name it by its Salesforce id, or by its key in an app whose changes a pipeline follows";
            return Err(ControlError::new(ControlErrorKind::NotFound, message).help(help));
        }
        Ok(why)
    }

    async fn meant(&self, id: &str) -> Result<Vec<Meant>, ControlError> {
        let plans = self.plans().await;
        if SalesforceId::parse(id).is_some() {
            let key = Key::salesforce(id);
            let plans = plans.into_iter().filter(|plan| self.may_be(plan, &key));
            return Ok(plans.map(|plan| (plan, Side::Salesforce, key.clone())).collect());
        }
        let (key, mut found) = (Key::app(id), Vec::new());
        for plan in plans {
            let links = self.store.links_by_app(&plan.name, plan.generation, std::slice::from_ref(&key));
            let links: Vec<_> = links.map_err(failed)?.into_iter().flatten().collect();
            if links.is_empty() && plan.sources().any(|side| side == Side::App) {
                found.push((Arc::clone(&plan), Side::App, key.clone()));
            }
            found
                .extend(links.into_iter().map(|link| (Arc::clone(&plan), Side::Salesforce, link.salesforce)));
        }
        Ok(found)
    }

    /// Whether a record with this id can be of the pipeline's object.
    fn may_be(&self, plan: &Pipeline, key: &Key) -> bool {
        let latest = self.latest();
        let object = latest.catalog.org(&plan.salesforce.connection).and_then(|org| {
            org.objects.iter().find(|object| object.name.eq_ignore_ascii_case(&plan.salesforce.object))
        });
        object
            .and_then(|object| object.key_prefix.as_deref())
            .is_none_or(|prefix| key.as_str().starts_with(prefix))
    }

    async fn why_one(
        &self,
        plan: &Arc<Pipeline>,
        (side, key): (Side, &Key),
    ) -> Result<(String, WhyEntry), ControlError> {
        let mut entry = WhyEntry {
            pipeline: plan.name.clone(),
            verdict: "unknown".to_owned(),
            reason: String::new(),
            place: None,
            linked: None,
        };
        let Some(running) = self.registry.get(&plan.name) else {
            entry.verdict = "not running".to_owned();
            return Ok((String::new(), entry));
        };
        let asks = running.status.borrow().state == super::status::State::Approval;
        let mut runner = running.runner.lock().await;
        let source = runner.source_of(side).map_err(failed)?;
        let events = source.fetch(std::slice::from_ref(key)).await.map_err(failed)?;
        if let Some((verdict, reason)) = not_decided(plan, side, events.first()) {
            (entry.verdict, entry.reason) = (verdict.to_owned(), reason);
            return Ok((String::new(), entry));
        }
        let said = match events.first().map(|event| &event.change) {
            Some(Change::Upsert(row) | Change::Left(Some(row))) => Some(row),
            _ => None,
        };
        let is_there = said.is_some();
        let mut title = batch::name_of(plan.schema(side), said);
        let left = events.first().filter(|event| matches!(event.change, Change::Left(Some(_)))).cloned();
        match runner.preview(side, events, Mode::Repair).await.map_err(failed)? {
            Preview::Linked(prepared) => {
                if let Some(item) = prepared.items.first() {
                    title = batch::title(plan, item);
                    explain(plan, item, &mut entry, |row| self.place_of(plan, row));
                }
            }
            Preview::Mirror(batch) => {
                mirrored((&batch, is_there), &mut entry, |row| self.place_of(plan, row));
            }
        }
        if let Some(event) = left.filter(|_| entry.verdict == NOT_FOUND) {
            // It is there, does not pass the filters, and never was linked.
            entry.verdict = "left out".to_owned();
            entry.reason = left_out(&mut runner, plan, (side, event)).await?;
        }
        self.failed_before(plan, (side, key), &mut entry)?;
        if asks && matches!(entry.verdict.as_str(), "to be: delete" | "to be: archive") {
            let waits = format!("waits for approval: sfsync approve {}", plan.name);
            entry.reason = [entry.reason.as_str(), &waits].join("; ").trim_start_matches("; ").to_owned();
        }
        Ok((title, entry))
    }

    /// Where a row stands: `file:line`.
    fn place_of(&self, plan: &Pipeline, row: usize) -> Option<String> {
        let latest = self.latest();
        let span = latest.files.pipeline(&plan.name)?.value()?.fields.get(row)?.span;
        let at = latest.files.map.place(span)?;
        Some(format!("{}:{}", at.path, at.line))
    }

    /// A record that would be written and could not: what the failure says counts, not what would be tried again.
    fn failed_before(
        &self,
        plan: &Pipeline,
        (side, key): (Side, &Key),
        entry: &mut WhyEntry,
    ) -> Result<(), ControlError> {
        if !entry.verdict.starts_with("to be") {
            return Ok(());
        }
        let known = self.store.failure(&failure_id(&plan.name, side, key)).map_err(failed)?;
        let Some(known) = known else { return Ok(()) };
        let verdict = match known.kind {
            FailureKind::Failed => "failed",
            FailureKind::Held => "held",
            FailureKind::Waiting { .. } => "waiting",
        };
        let message = FailureDetail::from_text(&known.detail).message;
        let tries = if known.tries == 1 { "once".to_owned() } else { format!("{} times", known.tries) };
        entry.reason = format!("{} {message} (tried {tries}, {})", known.code, entry.verdict);
        entry.verdict = verdict.to_owned();
        entry.place = known.place.or_else(|| entry.place.take());
        Ok(())
    }
}

/// Why nothing can be decided of a record: its own side does not show it.
fn not_decided(plan: &Pipeline, side: Side, event: Option<&ChangeEvent>) -> Option<(&'static str, String)> {
    match event.map(|event| &event.change) {
        None => {
            let reason = "has no such record, or the integration user may not see it";
            Some((NOT_FOUND, format!("{} {reason}", place(plan, side))))
        }
        Some(Change::Left(None)) => {
            Some(("left out", format!("it does not pass the filters{}", condition(plan, side))))
        }
        Some(_) => None,
    }
}

/// Which of the filters a record does not pass: those that can be evaluated here are told in words, else it is the condition of the query.
async fn left_out(
    runner: &mut Runner,
    plan: &Pipeline,
    (side, event): (Side, ChangeEvent),
) -> Result<String, ControlError> {
    let Change::Left(Some(row)) = event.change else { return Ok(String::new()) };
    let event = ChangeEvent { change: Change::Upsert(row.clone()), ..event };
    if let Preview::Linked(prepared) =
        runner.preview(side, vec![event], Mode::Repair).await.map_err(failed)?
        && let Some(Fate::LeftOut(why)) = prepared.items.first().and_then(|item| item.fate.as_ref())
    {
        return Ok(words::left_out(plan, side, why, &row));
    }
    Ok(format!("it does not pass the filters{}", condition(plan, side)))
}

const NOT_FOUND: &str = "not found";

fn failed(error: impl std::fmt::Display) -> ControlError {
    ControlError::new(ControlErrorKind::Failed, error.to_string())
}

/// Object or table.
fn place(plan: &Pipeline, side: Side) -> String {
    match side {
        Side::Salesforce => plan.salesforce.object.to_string(),
        Side::App => format!("{}.{}", plan.app.connection, plan.app.resource),
    }
}

fn condition(plan: &Pipeline, side: Side) -> String {
    let condition = match side {
        Side::Salesforce => Some(&plan.salesforce.condition),
        Side::App => plan.app.condition.as_ref(),
    };
    condition.filter(|text| !text.is_empty()).map(|text| format!(": {text}")).unwrap_or_default()
}

/// What is to become of a record, in words.
fn explain(plan: &Pipeline, item: &Item, entry: &mut WhyEntry, row_place: impl Fn(usize) -> Option<String>) {
    entry.linked = item.link.as_ref().map(|link| link.key(item.origin.other()).clone());
    let (verdict, reason) = match item.fate.as_ref() {
        Some(Fate::LeftOut(why)) => {
            let row = item.row.clone().unwrap_or_else(|| crate::model::Row::absent(0));
            ("left out".to_owned(), words::left_out(plan, item.origin, why, &row))
        }
        Some(Fate::Stopped(stop)) => {
            let (row, verdict, reason) = stopped(stop);
            entry.place = row_place(row);
            (verdict.to_owned(), reason)
        }
        Some(Fate::Decided(Decision::NotListed(why))) => ("left out".to_owned(), (*why).to_owned()),
        Some(Fate::NotLinked) => (NOT_FOUND.to_owned(), "it is not there, and was never linked".to_owned()),
        _ => planned(plan, item),
    };
    (entry.verdict, entry.reason) = (verdict, reason);
}

/// What is to become of a record of a mirror.
fn mirrored(
    (batch, is_there): (&MirrorBatch, bool),
    entry: &mut WhyEntry,
    row_place: impl Fn(usize) -> Option<String>,
) {
    let gone = || {
        if is_there {
            "it does not pass the filters any more (on_leave: delete)".to_owned()
        } else {
            words::gone(Side::Salesforce)
        }
    };
    let (verdict, reason) = match (batch.failed.first(), batch.writes.first(), batch.deletes.first()) {
        (Some(failed), ..) => {
            entry.place = row_place(failed.row);
            ("failed", format!("{} {}", failed.error.code, failed.error.message))
        }
        (_, _, Some(_)) => ("to be: delete", gone()),
        (_, Some((_, WriteOp::Archive { .. })), _) => ("to be: archive", gone()),
        (_, Some((key, _)), _) if batch.before.contains_key(key) => ("to be: update", String::new()),
        (_, Some(_), _) => ("to be: create", String::new()),
        _ if batch.skipped > 0 => ("left out", String::new()),
        _ => ("in sync", String::new()),
    };
    (entry.verdict, entry.reason) = (verdict.to_owned(), reason);
}

fn stopped(stop: &Stop) -> (usize, &'static str, String) {
    match stop {
        Stop::Skip { row, reason, .. } => (*row, "left out", format!("row {}: {reason}", row + 1)),
        Stop::Wait { row, pipeline, key } => {
            (*row, "waiting", format!("row {}: {key} is not linked in {pipeline} yet", row + 1))
        }
        Stop::Fail { row, error } => (*row, "failed", error.message.clone()),
    }
}

/// What a sync would do, and which fields stay although they differ.
fn planned(plan: &Pipeline, item: &Item) -> (String, String) {
    let Some(planned) = planner::entry(plan, item) else { return ("in sync".to_owned(), String::new()) };
    let (written, kept): (Vec<_>, Vec<_>) = planned.fields.iter().partition(|field| field.after.is_some());
    let mut reasons = vec![planned.reason.clone()];
    reasons.extend(written.iter().map(|field| {
        let note = if field.note.is_empty() { String::new() } else { format!(" {}", field.note) };
        format!("writes {}{note}", field.name)
    }));
    reasons.extend(kept.iter().map(|field| format!("{} stays ({})", field.name, field.note)));
    reasons.retain(|reason| !reason.is_empty());
    let is_quiet = written.is_empty() && planned.reason.is_empty() && planned.op != "link";
    let verdict = if is_quiet { "in sync".to_owned() } else { format!("to be: {}", planned.op) };
    (verdict, reasons.join("; "))
}
