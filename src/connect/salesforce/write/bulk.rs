//! Many records by one Bulk API 2.0 ingest job: create, upload, wait, read all three files of results. Rows are known again by what they
//! hold, never by their order. A row that no file speaks of is never taken for success.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use reqwest::Method;

use super::door::Context;
use super::guard;
use super::ledger::Ledger;
use super::prepare::{Prepared, Verb};
use super::rest::{Fate, fate, names};
use crate::connect::ConnectError;
use crate::connect::salesforce::api::bulk::{Job, JobState};
use crate::connect::salesforce::api::cell::cell;
use crate::connect::salesforce::api::collections::Saved;
use crate::connect::salesforce::api::error::{Reaction, maybe_stored, reaction, record_of, request_error};
use crate::connect::salesforce::api::ingest::{self, ResultFile, Table, push_line, row_fault};
use crate::connect::salesforce::budget::Purpose;
use crate::connect::salesforce::client::Call;
use crate::model::{Class, Key, Outcome, RecordError, SalesforceId, Value};

/// First pause between two looks at a job; each is four times as long, since every look is a call.
const FIRST_LOOK: Duration = Duration::from_millis(250);
/// Longest pause.
const LONGEST_LOOK: Duration = Duration::from_secs(60);
/// Tries to read a file of results whole.
const TRIES: usize = 3;

/// Whether records of this object may go by Bulk with the same effect as by REST: it has no header for assignment rules, and some
/// objects it refuses.
pub(super) fn is_possible(context: &Context) -> bool {
    let object = context.spec.object.name.as_str();
    let is_assigned =
        context.client.config().assignment_rules && matches!(object, "Account" | "Case" | "Lead");
    !is_assigned && !context.client.is_rest_only(object)
}

/// Sends records of one verb by as few jobs as possible; gives back those that go on by REST: locked ones, and what Bulk refuses.
pub(super) async fn send(
    context: &Context,
    ledger: &mut Ledger,
    verb: Verb,
    mut records: Vec<Prepared>,
) -> Vec<Prepared> {
    // Rows of one parent next to each other are in one internal batch, and do not wait for each other's lock.
    records.sort_by(|left, right| left.parent.cmp(&right.parent));
    let mut by_rest = Vec::new();
    let mut pauses = context.client.pauses();
    while !records.is_empty() && !ledger.is_stopped() {
        let mut locked = Vec::new();
        for upload in uploads(context, verb, std::mem::take(&mut records)) {
            match job(context, verb, &upload).await {
                Ok(report) => settle(context, ledger, (verb, upload), report, &mut locked, &mut by_rest),
                Err(error) if reaction(&error) == Reaction::UseRest => {
                    context.client.remember_rest_only(&context.spec.object.name);
                    by_rest.extend(upload.records);
                }
                Err(error) => ledger.stop(error),
            }
        }
        if locked.len() <= context.spec.lanes.bulk {
            by_rest.extend(locked);
            break;
        }
        let Some(pause) = pauses.next() else {
            by_rest.extend(locked);
            break;
        };
        context.client.clock().sleep(pause).await;
        match guard::unmoved(context, ledger, locked).await {
            Ok(again) => records = again,
            Err(error) => ledger.stop(error),
        }
    }
    by_rest
}

/// The rows of one job.
struct Upload {
    records: Vec<Prepared>,
    csv: Vec<u8>,
    /// The columns by which rows are known again.
    known_by: Vec<String>,
    /// What each row has in them.
    keys: Vec<Vec<String>>,
}

/// Cuts records into uploads of a size that Salesforce takes. Nearly always one.
fn uploads(context: &Context, verb: Verb, records: Vec<Prepared>) -> Vec<Upload> {
    let header = header(verb, &records);
    let known_by = match (verb, &context.targets.upsert) {
        (Verb::Update | Verb::Delete, _) => vec!["Id".to_owned()],
        (Verb::Upsert, Some((_, field))) => vec![field.to_string()],
        _ => header.clone(),
    };
    let places: Vec<usize> =
        known_by.iter().filter_map(|name| header.iter().position(|known| known == name)).collect();
    let start = || {
        let mut csv = Vec::new();
        push_line(&mut csv, header.iter().map(|name| Cow::from(name.as_str())));
        Upload { records: Vec::new(), csv, known_by: known_by.clone(), keys: Vec::new() }
    };
    let mut out = Vec::new();
    let mut upload = start();
    for record in records {
        if upload.csv.len() + record.weight() > ingest::MAX_UPLOAD {
            out.push(std::mem::replace(&mut upload, start()));
        }
        let cells = cells(&header, &record);
        upload.keys.push(places.iter().map(|at| canonical(&cells[*at])).collect());
        push_line(&mut upload.csv, cells);
        upload.records.push(record);
    }
    out.push(upload);
    out
}

/// The union of the fields of all rows.
fn header(verb: Verb, records: &[Prepared]) -> Vec<String> {
    let mut header = Vec::new();
    if matches!(verb, Verb::Update | Verb::Delete) {
        header.push("Id".to_owned());
    }
    header.extend(names(records).into_iter().filter(|name| name != "RecordType"));
    header
}

fn cells(header: &[String], record: &Prepared) -> Vec<Cow<'static, str>> {
    let of = |name: &String| -> Cow<'static, str> {
        if let (true, Some(id)) = (name == "Id", &record.id) {
            return id.to_string().into();
        }
        let found = record.fields.iter().find(|(known, _)| **known == **name);
        cell(found.map_or(&Value::Absent, |(_, value)| value)).into_owned().into()
    };
    header.iter().map(of).collect()
}

/// The form in which a cell that was sent and one that came back are compared.
fn canonical(cell: &str) -> String {
    let cell = cell.trim();
    match SalesforceId::parse(cell) {
        Some(id) => id.to_string(),
        None => cell.replace("\r\n", "\n"),
    }
}

/// What a job did.
#[derive(Default)]
struct Report {
    stored: Vec<(Vec<String>, Option<Key>)>,
    refused: Vec<(Vec<String>, String)>,
    untouched: Vec<Vec<String>>,
    /// Why it did not get to the end.
    failure: Option<ConnectError>,
}

/// Runs a job to its end and reads what it did. An error means that nothing was begun, or that nobody can know what was.
async fn job(context: &Context, verb: Verb, upload: &Upload) -> Result<Report, ConnectError> {
    let client = &context.client;
    let data = client.data_path().await?;
    let operation = match verb {
        Verb::Create => "insert",
        Verb::Update => "update",
        Verb::Upsert => "upsert",
        Verb::Delete => "delete",
    };
    let external =
        context.targets.upsert.as_ref().filter(|_| verb == Verb::Upsert).map(|(_, field)| &**field);
    let fields = names(&upload.records);
    let body = ingest::create_body(&context.spec.object.name, operation, external);
    let create = context.call(Method::POST, ingest::jobs_path(data), Some(body), fields.clone());
    // A job whose answer was lost stays open and empty, and is nobody's harm.
    let answer = client.change(&create, true).await?;
    let job: Job = serde_json::from_slice(&answer.body).map_err(|_| {
        ConnectError::new("R106", Class::TRANSIENT, "the answer to a new bulk job cannot be read")
    })?;
    let put = context.call(Method::PUT, ingest::upload_path(data, &job.id), Some(upload.csv.clone()), fields);
    if let Err(error) = client.change(&Call { content_type: "text/csv", ..put }, false).await {
        // Nothing runs before the upload is called complete.
        abort(context, &job.id).await;
        return Err(error);
    }
    if let Err(error) = begin(context, &job.id).await {
        abort(context, &job.id).await;
        return Err(error);
    }
    match follow(context, upload, &job.id).await {
        Ok(report) => Ok(report),
        Err(error) => Ok(Report { failure: Some(error), ..Report::default() }),
    }
}

async fn abort(context: &Context, id: &str) {
    let Ok(data) = context.client.data_path().await else { return };
    let path = ingest::job_path(data, id);
    let call = context.call(Method::PATCH, path, Some(ingest::state_body("Aborted")), Vec::new());
    if let Err(error) = context.client.change(&call, false).await {
        tracing::debug!(
            code = error.code,
            "a bulk job could not be aborted; salesforce closes it after a day"
        );
    }
}

/// Calls the upload complete. After a lost answer the job itself tells whether it heard.
async fn begin(context: &Context, id: &str) -> Result<(), ConnectError> {
    let path = ingest::job_path(context.client.data_path().await?, id);
    let call = context.call(Method::PATCH, path, Some(ingest::state_body("UploadComplete")), Vec::new());
    let mut pauses = context.client.pauses();
    loop {
        let Err(error) = context.client.change(&call, false).await else { return Ok(()) };
        if !maybe_stored(&error) {
            return Err(error);
        }
        if state(context, id).await?.state != JobState::Open {
            return Ok(());
        }
        let Some(pause) = pauses.next() else { return Err(error) };
        context.client.clock().sleep(pause).await;
    }
}

/// A job that runs is followed whatever the budget says: its results are owed.
async fn state(context: &Context, id: &str) -> Result<Job, ConnectError> {
    let path = ingest::job_path(context.client.data_path().await?, id);
    let call = Call::get(path, Purpose::Control);
    context.client.read(&call, |answer| serde_json::from_slice(&answer.body)).await
}

async fn follow(context: &Context, upload: &Upload, id: &str) -> Result<Report, ConnectError> {
    let mut pause = FIRST_LOOK;
    let job = loop {
        let job = state(context, id).await?;
        if matches!(job.state, JobState::JobComplete | JobState::Failed | JobState::Aborted) {
            break job;
        }
        context.client.clock().sleep(pause).await;
        pause = (pause * 4).min(LONGEST_LOOK);
    };
    let failure = match job.state {
        JobState::JobComplete => None,
        JobState::Failed => Some(request_error(400, &[job.fault()])),
        _ => Some(ConnectError::new("R123", Class::TRANSIENT, "somebody aborted the bulk job")),
    };
    let failed = job.number_records_failed;
    let good = job.number_records_processed.zip(failed).map(|(all, failed)| all.saturating_sub(failed));
    let mut report = Report { failure, ..Report::default() };
    for row in file(context, id, ResultFile::Successful, good).await?.known(upload) {
        report.stored.push((row.key, row.id));
    }
    for row in file(context, id, ResultFile::Failed, failed).await?.known(upload) {
        report.refused.push((row.key, row.error));
    }
    for row in file(context, id, ResultFile::Unprocessed, None).await?.known(upload) {
        report.untouched.push(row.key);
    }
    Ok(report)
}

/// A file of results with as many rows as the job announced; asked for again if it has not.
async fn file(
    context: &Context,
    id: &str,
    file: ResultFile,
    announced: Option<u64>,
) -> Result<Table, ConnectError> {
    let path = ingest::results_path(context.client.data_path().await?, id, file);
    let call = Call { accept: "text/csv", ..Call::get(path, Purpose::Control) };
    let mut error = None;
    for _ in 0..TRIES {
        let answer = context.client.send(&call).await?;
        match Table::parse(&answer.body) {
            Ok(table) if announced.is_none_or(|rows| rows == table.rows.len() as u64) => return Ok(table),
            Ok(table) => {
                let text = format!(
                    "a bulk job announced {} rows and {} came",
                    announced.unwrap_or_default(),
                    table.rows.len()
                );
                error = Some(ConnectError::new("R107", Class::TRANSIENT, text));
            }
            Err(cause) => {
                let text = "a file of bulk results cannot be read";
                error = Some(ConnectError::new("R106", Class::TRANSIENT, text).caused_by(cause));
            }
        }
    }
    Err(error.unwrap_or_else(|| ConnectError::new("R106", Class::TRANSIENT, "no file of bulk results")))
}

/// A row of a file of results.
struct Known {
    key: Vec<String>,
    id: Option<Key>,
    error: String,
}

impl Table {
    /// The rows with what they are known by.
    fn known(self, upload: &Upload) -> Vec<Known> {
        let id = self.column("sf__Id");
        let error = self.column("sf__Error");
        // Old versions do not repeat the id that was sent; `sf__Id` is the same.
        let column = |name: &String| self.column(name).or(id.filter(|_| name == "Id"));
        let columns: Vec<Option<usize>> = upload.known_by.iter().map(column).collect();
        let known = |row: &Vec<String>| {
            let text = |at: Option<usize>| at.and_then(|at| row.get(at)).map_or("", String::as_str);
            let id = text(id);
            Known {
                key: columns.iter().map(|at| canonical(text(*at))).collect(),
                id: (!id.is_empty()).then(|| Key::salesforce(id)),
                error: text(error).to_owned(),
            }
        };
        self.rows.iter().map(known).collect()
    }
}

/// Gives every record its outcome.
fn settle(
    context: &Context,
    ledger: &mut Ledger,
    (verb, upload): (Verb, Upload),
    report: Report,
    locked: &mut Vec<Prepared>,
    by_rest: &mut Vec<Prepared>,
) {
    let mut waiting: HashMap<Vec<String>, VecDeque<Prepared>> = HashMap::new();
    for (key, record) in upload.keys.into_iter().zip(upload.records) {
        waiting.entry(key).or_default().push_back(record);
    }
    let mut take = |key: &Vec<String>| waiting.get_mut(key).and_then(VecDeque::pop_front);
    for (key, id) in report.stored {
        let Some(record) = take(&key) else { continue };
        let saved = Saved { id, faults: Vec::new() };
        if let Fate::Settled(outcome) = fate(verb, record.id.as_ref(), saved) {
            ledger.settle(record.at, outcome);
        }
    }
    let allows = context.client.config().allow_duplicates;
    for (key, reason) in report.refused {
        let Some(record) = take(&key) else { continue };
        let fault = row_fault(&reason);
        // Only REST can say that a warning of a duplicate rule is to be passed.
        if allows && fault.code == "DUPLICATES_DETECTED" {
            by_rest.push(record);
            continue;
        }
        match fate(verb, record.id.as_ref(), Saved { id: None, faults: vec![fault] }) {
            Fate::Settled(outcome) => ledger.settle(record.at, outcome),
            Fate::Again(_) => locked.push(record),
            Fate::Smaller(_) => by_rest.push(record),
        }
    }
    let untouched: Vec<Prepared> = report.untouched.iter().filter_map(&mut take).collect();
    let rest: Vec<Prepared> = waiting.into_values().flatten().collect();
    if report.failure.as_ref().is_some_and(|failure| failure.code == "R212") {
        // The job gave up for too many locks; these rows are known not to be stored.
        locked.extend(untouched);
        return unfinished(ledger, verb, (Vec::new(), rest), None);
    }
    unfinished(ledger, verb, (untouched, rest), report.failure);
}

/// Rows that were not tried, and rows that nobody speaks of.
fn unfinished(
    ledger: &mut Ledger,
    verb: Verb,
    (untouched, silent): (Vec<Prepared>, Vec<Prepared>),
    failure: Option<ConnectError>,
) {
    let reason = failure.as_ref().map(record_of);
    let default = RecordError::new("R123", Class::TRANSIENT, "the bulk job did not get to this record");
    for record in untouched {
        let error = reason.clone().unwrap_or_else(|| default.clone());
        ledger.settle(record.at, Outcome::Rejected(error));
    }
    let message = "the bulk job does not tell what became of this record";
    let lost = reason.clone().unwrap_or_else(|| RecordError::new("R107", Class::TRANSIENT, message));
    for record in silent {
        let outcome = match verb {
            Verb::Create => Outcome::Unknown(lost.clone()),
            // Writing the same again does no harm.
            _ => Outcome::Rejected(lost.clone()),
        };
        ledger.settle(record.at, outcome);
    }
    // A field that Bulk does not know, a right that is missing: nothing of this pipeline can work.
    if let Some(error) = failure.filter(|error| error.class == Class::Pipeline) {
        ledger.stop(error);
    }
}
