//! Records by sObject Collections: one call for up to 200. Only the records that failed for a passing reason are sent again, a call that failed
//! as a whole is halved until the bad record is alone, and an answer that was lost leaves creates unknown.

use std::collections::VecDeque;

use futures_util::future::join_all;
use jiff::Timestamp;
use reqwest::Method;

use super::door::Context;
use super::guard;
use super::ledger::{Ledger, written};
use super::order::{Batch, batches, next_round};
use super::prepare::{Place, Prepared, Verb};
use crate::connect::ConnectError;
use crate::connect::salesforce::api::collections::{self, Record, Saved};
use crate::connect::salesforce::api::error::{
    Reaction, Scope, maybe_stored, reaction, record_error, record_of, verdict,
};
use crate::connect::salesforce::api::graph;
use crate::connect::salesforce::client::{Answer, Call};
use crate::connect::salesforce::notes;
use crate::model::{Class, Key, Outcome, RecordError};

/// Most calls that a search for bad records may cost in one write.
const MAX_HALVINGS: usize = 64;

/// What became of one record of a call.
pub(super) enum Fate {
    /// This.
    Settled(Outcome),
    /// It was refused for a reason that passes: send it again.
    Again(RecordError),
    /// It was too much together with its neighbours.
    Smaller(RecordError),
}

/// Records that wait to be sent again.
#[derive(Default)]
struct Left {
    records: Vec<Prepared>,
    error: Option<RecordError>,
}

/// Sends records of one verb, whatever it takes.
pub(super) async fn send(context: &Context, ledger: &mut Ledger, verb: Verb, records: Vec<Prepared>) {
    let mut pauses = context.client.pauses();
    let mut at_once = context.client.config().concurrency;
    let mut pending = records;
    let mut is_again = false;
    while !pending.is_empty() && !ledger.is_stopped() {
        let most = if makes_notes(context, verb) { graph::MAX_GRAPHS } else { usize::MAX };
        let size = context.batch_size().min(most);
        let mut waiting = batches(pending, size);
        let left = pass(context, ledger, verb, &mut waiting, at_once).await;
        let Some(error) = left.error else { return };
        if is_again {
            context
                .client
                .batch_sizes()
                .too_many(&context.spec.object.name, size.min(left.records.len().max(2)));
        }
        let Some(pause) = pauses.next() else {
            for record in &left.records {
                ledger.settle(record.at, Outcome::Rejected(error.clone()));
            }
            return;
        };
        context.client.clock().sleep(pause).await;
        // Whoever held the lock may have changed the record.
        pending = match guard::unmoved(context, ledger, left.records).await {
            Ok(records) => records,
            Err(error) => return ledger.stop(error),
        };
        // One request at a time from now on: what contends are mostly our own requests.
        (at_once, is_again) = (1, true);
    }
}

/// Sends all batches once, in rounds without common parents.
async fn pass(
    context: &Context,
    ledger: &mut Ledger,
    verb: Verb,
    waiting: &mut VecDeque<Batch>,
    at_once: usize,
) -> Left {
    let mut left = Left::default();
    let mut halvings = 0;
    while !waiting.is_empty() && !ledger.is_stopped() {
        let round = next_round(waiting, at_once);
        let answers = join_all(round.iter().map(|batch| call(context, verb, &batch.records))).await;
        for (batch, answer) in round.into_iter().zip(answers) {
            let smaller = match answer {
                Ok(saved) => answered(context, ledger, (verb, batch), saved, &mut left),
                Err(error) => failed(context, ledger, (verb, batch), error, &mut left),
            };
            if let Some(batch) = smaller {
                halvings += 1;
                if halvings > MAX_HALVINGS {
                    let text = "salesforce refuses every part of this batch, so it is not cut further";
                    ledger.stop(ConnectError::new("R122", Class::Pipeline, text));
                } else {
                    batch.halves().into_iter().rev().for_each(|half| waiting.push_front(half));
                }
            }
        }
    }
    left
}

/// Settles what a call answered; gives back the records that have to go in smaller company.
fn answered(
    context: &Context,
    ledger: &mut Ledger,
    (verb, batch): (Verb, Batch),
    saved: Vec<Saved>,
    left: &mut Left,
) -> Option<Batch> {
    let object = &context.spec.object.name;
    let (count, mut smaller) = (batch.records.len(), Batch::default());
    let mut is_clean = true;
    for (record, saved) in batch.records.into_iter().zip(saved) {
        match fate(verb, record.id.as_ref(), saved) {
            Fate::Settled(outcome) => ledger.settle(record.at, outcome),
            Fate::Again(error) => {
                is_clean = false;
                left.error = Some(error);
                left.records.push(record);
            }
            Fate::Smaller(error) if count == 1 => ledger.settle(record.at, Outcome::Rejected(error)),
            Fate::Smaller(_) => smaller.records.push(record),
        }
    }
    if smaller.records.is_empty() {
        if is_clean {
            context.client.batch_sizes().went_well(object);
        }
        return None;
    }
    context.client.batch_sizes().too_many(object, count);
    // One of them alone may have been the reason, or all together.
    if smaller.records.len() == 1 {
        let alone = smaller.records.remove(0);
        left.error.get_or_insert_with(|| RecordError::new("R236", Class::TRANSIENT, "sent again alone"));
        left.records.push(alone);
        return None;
    }
    Some(smaller)
}

/// Judges a call that failed as a whole; gives back what has to be cut.
fn failed(
    context: &Context,
    ledger: &mut Ledger,
    (verb, batch): (Verb, Batch),
    error: ConnectError,
    left: &mut Left,
) -> Option<Batch> {
    if verb == Verb::Create && maybe_stored(&error) {
        for record in &batch.records {
            ledger.settle(record.at, Outcome::Unknown(lost(&error)));
        }
        return None;
    }
    let alone = record_of(&error);
    if alone.code == "R212" {
        left.error = Some(alone);
        left.records.extend(batch.records);
        return None;
    }
    let is_narrow = reaction(&error) == Reaction::Narrow;
    if !is_narrow && alone.class != Class::Record {
        ledger.stop(error);
        return None;
    }
    if is_narrow {
        context.client.batch_sizes().too_many(&context.spec.object.name, batch.records.len());
    }
    match batch.records.as_slice() {
        [record] => {
            // Too large even alone is a fault of the record, not of the pipeline.
            let class = if alone.class == Class::Pipeline { Class::Record } else { alone.class };
            ledger.settle(record.at, Outcome::Rejected(RecordError { class, ..alone }));
            None
        }
        _ => Some(batch),
    }
}

fn lost(error: &ConnectError) -> RecordError {
    let message = format!("the answer was lost, so the record may be there or not: {}", error.message);
    RecordError { message, ..record_of(error) }
}

/// What an answer means for its record.
pub(super) fn fate(verb: Verb, id: Option<&Key>, saved: Saved) -> Fate {
    let Some(fault) = saved.faults.first() else {
        return Fate::Settled(match (saved.id, id) {
            (Some(stored), Some(expected)) if stored != *expected => Outcome::Unknown(RecordError::new(
                "R107",
                Class::TRANSIENT,
                "the answer speaks of another record",
            )),
            (Some(stored), _) => written(stored),
            (None, Some(expected)) => written(expected.clone()),
            (None, None) => Outcome::Unknown(RecordError::new(
                "R107",
                Class::TRANSIENT,
                "the answer does not name the new record",
            )),
        });
    };
    let error = refusal(&saved);
    let reaction = verdict(400, fault, Scope::Record).reaction;
    match reaction {
        Reaction::Gone if verb == Verb::Delete => {
            let key = id.cloned().unwrap_or_else(|| Key::app(""));
            Fate::Settled(Outcome::Unchanged { key })
        }
        Reaction::Narrow => Fate::Smaller(error),
        Reaction::Resend => Fate::Again(error),
        _ if error.code == "R212" => Fate::Again(error),
        _ if error.code == "R237" => Fate::Settled(Outcome::Stale),
        _ => Fate::Settled(Outcome::Rejected(error)),
    }
}

/// All that was said against a record; the first reason decides.
fn refusal(saved: &Saved) -> RecordError {
    let mut errors = saved.faults.iter().map(|fault| record_error(400, fault));
    let Some(mut first) = errors.next() else {
        return RecordError::new("R124", Class::Pipeline, "refused without a reason");
    };
    for other in errors {
        first.message = format!("{}; {}", first.message, other.message);
        first.fields.extend(other.fields);
    }
    first
}

/// One Collections call. As many answers as records, or an error.
async fn call(context: &Context, verb: Verb, records: &[Prepared]) -> Result<Vec<Saved>, ConnectError> {
    let request = request(context, verb, records).await?;
    let answer = context.client.change(&request, verb != Verb::Create).await?;
    let read = if makes_notes(context, verb) { graph::results } else { collections::results };
    let saved = read(&answer.body).map_err(|_| unreadable(&answer))?;
    if saved.len() != records.len() {
        let text = format!("{} records were written and {} answers came", records.len(), saved.len());
        return Err(ConnectError::new("R106", Class::TRANSIENT, text));
    }
    Ok(saved)
}

/// A note is made together with its link, or not at all.
fn makes_notes(context: &Context, verb: Verb) -> bool {
    verb == Verb::Create && notes::are(&context.spec.object.name)
}

pub(super) fn unreadable(answer: &Answer) -> ConnectError {
    let text = format!("an answer of salesforce cannot be read ({} bytes)", answer.body.len());
    ConnectError::new("R106", Class::TRANSIENT, text)
}

async fn request(context: &Context, verb: Verb, records: &[Prepared]) -> Result<Call, ConnectError> {
    let data = context.client.data_path().await?;
    let object = &context.spec.object.name;
    if verb == Verb::Delete {
        let ids = records.iter().filter_map(|record| record.id.as_ref().map(Key::as_str));
        return Ok(context.call(Method::DELETE, collections::delete_path(data, ids), None, Vec::new()));
    }
    if makes_notes(context, verb) {
        let notes = records
            .iter()
            .map(|record| (record.fields.as_slice(), record.link.as_ref().and_then(Place::record)));
        let body = graph::notes(data, notes);
        return Ok(context.call(Method::POST, graph::path(data), Some(body), names(records)));
    }
    let (method, path) = match (verb, &context.targets.upsert) {
        (Verb::Upsert, Some((_, field))) => (Method::PATCH, collections::upsert_path(data, object, field)),
        (Verb::Update, _) => (Method::PATCH, collections::path(data)),
        _ => (Method::POST, collections::path(data)),
    };
    let sent: Vec<Record<'_>> = records
        .iter()
        .map(|record| Record { id: record.id.as_ref().map(Key::as_str), fields: &record.fields })
        .collect();
    Ok(context.call(method, path, Some(collections::body(object, &sent)), names(records)))
}

/// Names of all fields that are set, the virtual ones included.
pub(super) fn names(records: &[Prepared]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    if records.iter().any(|record| record.link.is_some()) {
        names.push(notes::LINK.to_owned());
    }
    for (name, _) in records.iter().flat_map(|record| &record.fields) {
        if !names.iter().any(|known| known == &**name) {
            names.push(name.to_string());
            if &**name == "RecordTypeId" {
                names.push("RecordType".to_owned());
            }
        }
    }
    names
}

/// One update, refused by the org itself if the record moved since: no look before, and no gap between look and write.
pub(super) async fn update_if_unmoved(context: &Context, record: &Prepared, since: Timestamp) -> Fate {
    match alone(context, record, Some(since)).await {
        Ok(saved) => fate(record.verb, record.id.as_ref(), saved),
        Err(error) => {
            let error = record_of(&error);
            match error.code {
                "R237" => Fate::Settled(Outcome::Stale),
                "R212" => Fate::Again(error),
                _ => Fate::Settled(Outcome::Rejected(error)),
            }
        }
    }
}

/// One create or update as a call of its own, which tells more than a Collections call does.
pub(super) async fn alone(
    context: &Context,
    record: &Prepared,
    unmodified_since: Option<Timestamp>,
) -> Result<Saved, ConnectError> {
    let data = context.client.data_path().await?;
    let object = &context.spec.object.name;
    let body = collections::record_body(&record.fields);
    let fields = names(std::slice::from_ref(record));
    let Some(id) = &record.id else {
        let call = context.call(Method::POST, collections::create_path(data, object), Some(body), fields);
        let answer = context.client.change(&call, false).await?;
        return collections::result(&answer.body).map_err(|_| unreadable(&answer));
    };
    let path = collections::record_path(data, object, id.as_str());
    let call = Call { unmodified_since, ..context.call(Method::PATCH, path, Some(body), fields) };
    context.client.change(&call, true).await?;
    Ok(Saved { id: Some(id.clone()), faults: Vec::new() })
}
