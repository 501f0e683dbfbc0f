//! Records that could not be settled: failed, held or waiting. They are durable, listed and retried; the batch goes on without them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::decide::Item;
use super::execute::{Executed, title};
use super::{BatchError, Bench};
use crate::model::{
    Class, Failure, FailureId, FailureKind, FailureWay, Key, PipelineName, RecordError, Side, Want,
};
use crate::runtime::backoff;
use crate::sync::{Held, Stop};

/// A record that waits longer than this for a lookup is a failure (section 3.7 of the language).
const WAIT_LIMIT: Duration = Duration::from_secs(24 * 3600);

/// What people read about a failure. It may hold record values: encrypted at rest, shown only to those who may.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureDetail {
    /// The record as people know it.
    pub title: String,
    /// One sentence.
    pub message: String,
    /// Fields it speaks of.
    pub fields: Vec<String>,
    /// Held conflicts: row, Salesforce value, app value.
    pub values: Vec<(String, String, String)>,
    /// Records that are there already and stand in the way of a new one.
    #[serde(default)]
    pub existing: Vec<Key>,
}

impl FailureDetail {
    /// As the state keeps it.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// From the state; text of an unknown form becomes the message.
    pub fn from_text(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|_| Self { message: text.to_owned(), ..Self::default() })
    }
}

/// The id of a record's failure: the same over all its tries.
pub fn failure_id(pipeline: &PipelineName, side: Side, key: &Key) -> FailureId {
    let hash = xxh3_64(format!("{pipeline}\n{side}\n{key}").as_bytes());
    FailureId(format!("{:010x}", hash >> 24))
}

impl Bench<'_> {
    /// Stores that a record failed.
    pub(super) fn failed(
        &self,
        executed: &mut Executed,
        item: &Item,
        error: &RecordError,
        row: Option<usize>,
    ) -> Result<(), BatchError> {
        executed.commit.counts.failed += 1;
        executed.failed_in_a_row += 1;
        let mut failure =
            self.failure(item, error.code, FailureKind::Failed, &error.message, &error.fields)?;
        failure.remote.clone_from(&error.remote);
        failure.place = row.map(|row| format!("{} row {}", self.pipeline.file, row + 1));
        let retried = matches!(error.class, Class::Transient { .. } | Class::Quota);
        failure.next_try = if retried { self.retry_at(&item.key, failure.tries) } else { None };
        executed.commit.failures.push(failure);
        Ok(())
    }

    /// Stores that a record is held.
    pub(super) fn held(&self, executed: &mut Executed, item: &Item, held: &Held) -> Result<(), BatchError> {
        executed.commit.counts.held += 1;
        let (code, message) = match held {
            Held::Conflict(rows) => {
                ("R303", format!("both sides changed {} (conflict: hold)", self.row_names(rows)))
            }
            Held::SeveralMatches(keys) => ("R301", format!("several records match: {}", list(keys))),
            Held::OneToOne(keys) => (
                "R302",
                format!(
                    "{} Salesforce records, one app record (links: one_to_one): {}",
                    keys.len(),
                    list(keys)
                ),
            ),
            Held::Taken { .. } => ("R302", crate::runtime::words::held(self.pipeline, held)),
            Held::BackAndForth(_) => {
                self.is_held_for_swinging(item);
                (super::breaker::CODE, crate::runtime::words::held(self.pipeline, held))
            }
        };
        let mut failure = self.failure(item, code, FailureKind::Held, &message, &[])?;
        failure.way = FailureWay::Both;
        if let Held::Conflict(rows) | Held::BackAndForth(rows) = held {
            let mut detail = FailureDetail::from_text(&failure.detail);
            detail.values = self.both_values(item, rows);
            failure.detail = detail.to_text();
        }
        executed.commit.failures.push(failure);
        Ok(())
    }

    /// The values of both sides, for the person who has to decide.
    fn both_values(&self, item: &Item, rows: &[usize]) -> Vec<(String, String, String)> {
        let shown = |side: Side, row: &crate::plan::Mapping| {
            let value = row.field_on(side).and_then(|field| Some(item.row_on(side)?.get(field)));
            value.map(ToString::to_string).unwrap_or_default()
        };
        let rows = rows.iter().filter_map(|row| self.pipeline.rows.get(*row));
        rows.map(|row| (row.name.to_string(), shown(Side::Salesforce, row), shown(Side::App, row))).collect()
    }

    /// A side refused what was written there.
    pub(super) fn refused(
        &self,
        executed: &mut Executed,
        item: &Item,
        side: Side,
        error: &RecordError,
    ) -> Result<(), BatchError> {
        let by_rule = error.remote.as_deref() == Some("DUPLICATES_DETECTED");
        if error.code == "R232" && (by_rule || !error.existing.keys().is_empty()) {
            return self.duplicate(executed, item, side, error);
        }
        self.failed(executed, item, error, None)?;
        if let Some(failure) = executed.commit.failures.last_mut() {
            failure.way = way(side);
        }
        Ok(())
    }

    /// A side has such a record already and says which: whether it is the same is for a person to decide.
    fn duplicate(
        &self,
        executed: &mut Executed,
        item: &Item,
        side: Side,
        error: &RecordError,
    ) -> Result<(), BatchError> {
        executed.commit.counts.held += 1;
        let existing = error.existing.keys();
        let message = match existing {
            [] => error.message.clone(),
            [..] => format!("{} ({} is there already)", error.message, list(existing)),
        };
        let mut failure = self.failure(item, error.code, FailureKind::Held, &message, &error.fields)?;
        failure.way = way(side);
        failure.remote.clone_from(&error.remote);
        let mut detail = FailureDetail::from_text(&failure.detail);
        detail.existing = existing.to_vec();
        failure.detail = detail.to_text();
        executed.commit.failures.push(failure);
        Ok(())
    }

    /// The records that a person means who decides about a record of which others are there already (`failures resolve`).
    pub(super) fn named(&self, key: &Key) -> Result<Vec<Key>, BatchError> {
        let failure = self.store.failure(&failure_id(&self.pipeline.name, self.origin, key))?;
        Ok(failure.map(|failure| FailureDetail::from_text(&failure.detail).existing).unwrap_or_default())
    }

    /// Waiting records are stored; skipped ones only want to come back.
    pub(super) fn stopped(
        &self,
        executed: &mut Executed,
        item: &Item,
        stop: &Stop,
    ) -> Result<(), BatchError> {
        match stop {
            Stop::Skip { want, .. } => {
                executed.commit.counts.skipped += 1;
                executed.commit.settled.push((self.origin, item.key.clone()));
                let source = self.stopped_at(item);
                let want = want.clone().map(|(pipeline, key)| Want { pipeline, key, source });
                executed.commit.wants.extend(want);
                Ok(())
            }
            Stop::Wait { row, pipeline, key } => self.waiting(executed, item, *row, (pipeline, key)),
            Stop::Fail { row, error } => self.failed(executed, item, error, Some(*row)),
        }
    }

    fn waiting(
        &self,
        executed: &mut Executed,
        item: &Item,
        row: usize,
        (pipeline, key): (&PipelineName, &Key),
    ) -> Result<(), BatchError> {
        let kind = FailureKind::Waiting { pipeline: pipeline.clone(), key: key.clone() };
        let message = format!("{key} is not linked in {pipeline} yet (missing: wait)");
        let mut failure = self.failure(item, "R305", kind, &message, &[])?;
        failure.place = Some(format!("{} row {}", self.pipeline.file, row + 1));
        let waited = self.facts.now.duration_since(failure.since);
        if waited.unsigned_abs() > WAIT_LIMIT {
            failure.kind = FailureKind::Failed;
            executed.commit.counts.failed += 1;
        } else {
            executed.commit.counts.waiting += 1;
            failure.next_try = self.facts.now.checked_add(Duration::from_secs(3600)).ok();
        }
        let source = self.stopped_at(item);
        executed.commit.wants.push(Want { pipeline: pipeline.clone(), key: key.clone(), source });
        executed.commit.failures.push(failure);
        Ok(())
    }

    pub(super) fn failure(
        &self,
        item: &Item,
        code: &str,
        kind: FailureKind,
        message: &str,
        fields: &[String],
    ) -> Result<Failure, BatchError> {
        let id = failure_id(&self.pipeline.name, self.origin, &item.key);
        let known = self.store.failure(&id)?;
        let detail = FailureDetail {
            title: title(self.pipeline, item),
            message: message.to_owned(),
            fields: fields.to_vec(),
            values: Vec::new(),
            existing: Vec::new(),
        };
        Ok(Failure {
            id,
            pipeline: self.pipeline.name.clone(),
            way: way(self.target()),
            kind,
            source: (self.origin, item.key.clone()),
            target: item.key_on(self.target()).cloned(),
            code: code.to_owned(),
            remote: None,
            place: None,
            detail: detail.to_text(),
            tries: known.as_ref().map_or(0, |known| known.tries) + 1,
            since: known.as_ref().map_or(self.facts.now, |known| known.since),
            last: self.facts.now,
            next_try: None,
        })
    }

    /// The record whose lookup stopped it: the one that came in, or the one it was merged with.
    fn stopped_at(&self, item: &Item) -> (Side, Key) {
        match (&item.other, &item.mapped, &item.back) {
            (Some((key, _)), Some(_), None) => (self.target(), key.clone()),
            _ => (self.origin, item.key.clone()),
        }
    }

    /// When a record that failed so often is tried again; spread by its key.
    pub(super) fn retry_at(&self, key: &Key, tries: u32) -> Option<jiff::Timestamp> {
        backoff::retry_at(self.facts.now, tries, self.pipeline.retries, xxh3_64(key.as_str().as_bytes()))
    }

    fn row_names(&self, rows: &[usize]) -> String {
        let names =
            rows.iter().filter_map(|row| self.pipeline.rows.get(*row)).map(|row| format!("`{}`", row.name));
        names.collect::<Vec<_>>().join(", ")
    }
}

fn way(towards: Side) -> FailureWay {
    match towards {
        Side::App => FailureWay::ToApp,
        Side::Salesforce => FailureWay::ToSalesforce,
    }
}

fn list(keys: &[Key]) -> String {
    keys.iter().map(Key::as_str).collect::<Vec<_>>().join(", ")
}
