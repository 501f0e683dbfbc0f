//! Bulk API 2.0 ingest (section 8): jobs that write many records out of a CSV file. Read [`create`] first,
//! [`job::IngestJob`] for the states, [`run`] for the work.

mod csv;
mod job;
mod multipart;
mod results;
mod rows;
mod run;

use std::sync::Arc;

use axum::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

pub(crate) use job::IngestJobs;
pub(crate) use results::results;

use self::job::{IngestJob, Operation, Order, Shown, State, Stop};
use super::style;
use crate::faults::FaultKind;
use crate::org::{ApiError, Id};
use crate::wire::reply::Reply;
use crate::wire::request::WireRequest;
use crate::wire::resources::Exchange;

/// Jobs on one page of the list.
const PAGE: usize = 1_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    object: String,
    operation: String,
    external_id_field_name: Option<String>,
    assignment_rule_id: Option<String>,
    content_type: Option<String>,
    column_delimiter: Option<String>,
    line_ending: Option<String>,
}

/// `POST /jobs/ingest`: 200 with the job, in state `Open`; a multipart body brings the file along.
pub(crate) fn create(exchange: &Exchange, request: &WireRequest) -> Result<Reply, ApiError> {
    let (wanted, file) = match multipart::parts(request)? {
        Some((wanted, file)) => (wanted, Some(file)),
        None => (request.json()?, None),
    };
    let order = order(exchange, wanted)?;
    let job = exchange.server.ingest.add(order);
    if let Some(file) = file {
        job.upload(file);
        close(exchange, &job)?;
        return Ok(Reply::json(200, &job.description(Shown::Change)));
    }
    Ok(Reply::json(200, &job.description(Shown::Created)))
}

fn order(exchange: &Exchange, wanted: Wanted) -> Result<Order, ApiError> {
    let server = &exchange.server;
    let operation = Operation::parse(&wanted.operation)
        .ok_or_else(|| invalid_job(format!("unknown operation {}", wanted.operation)))?;
    let object = server.org.bulk_object(&wanted.object)?;
    let external_id = external_id(exchange, operation, &object, wanted.external_id_field_name.as_deref())?;
    if operation == Operation::HardDelete && !server.config.bulk.hard_delete {
        let message = "hardDelete operation requires special user profile permission, please contact your system administrator";
        return Err(ApiError::request("FEATURENOTENABLED", message));
    }
    if wanted.content_type.as_deref().is_some_and(|kind| kind != "CSV") {
        return Err(invalid_job("contentType must be CSV".to_owned()));
    }
    let column_delimiter = wanted.column_delimiter.unwrap_or_else(|| "COMMA".to_owned());
    let line_ending = wanted.line_ending.unwrap_or_else(|| "LF".to_owned());
    Ok(Order {
        operation,
        object,
        external_id,
        assignment_rule: wanted.assignment_rule_id,
        style: style(&column_delimiter, &line_ending)?,
        column_delimiter,
        line_ending,
        user: exchange.session.grant.user,
        version: exchange.version.clone(),
        created: server.now(),
        stop: stop(exchange.fault()),
        rejecting: exchange.rejecting(),
    })
}

fn external_id(
    exchange: &Exchange,
    operation: Operation,
    object: &str,
    field: Option<&str>,
) -> Result<Option<String>, ApiError> {
    match (operation, field) {
        (Operation::Upsert, None) => {
            Err(invalid_job("externalIdFieldName is required for upsert operation".to_owned()))
        }
        (Operation::Upsert, Some(field)) => {
            let known = exchange.server.org.check_key(object, field).map_err(|_| {
                invalid_job(format!(
                    "Field name provided, {field} does not match an External ID for {object}"
                ))
            })?;
            Ok(Some(known))
        }
        _ => Ok(None),
    }
}

fn stop(fault: Option<&FaultKind>) -> Option<Stop> {
    match fault {
        Some(FaultKind::IngestStops { after_rows, aborted, message }) => {
            let ending = if *aborted { State::Aborted } else { State::Failed(message.clone()) };
            Some(Stop { after_rows: *after_rows, ending })
        }
        _ => None,
    }
}

fn invalid_job(message: String) -> ApiError {
    ApiError::request("INVALIDJOB", format!("InvalidJob : {message}"))
}

fn invalid_state(message: &str) -> ApiError {
    ApiError::request("INVALIDJOBSTATE", message)
}

/// The job with this id; a deleted or expired one is 404.
fn find(exchange: &Exchange, id: &str) -> Result<Arc<IngestJob>, ApiError> {
    let id = Id::parse(id).map_err(|_| ApiError::not_found())?;
    exchange.server.ingest.find(id, exchange.server.now()).ok_or_else(ApiError::not_found)
}

/// `PUT /jobs/ingest/{id}/batches`: 201 without a body, once in the life of a job.
pub(crate) fn upload(exchange: &Exchange, id: &str, request: &WireRequest) -> Result<Reply, ApiError> {
    let job = find(exchange, id)?;
    let content_type = request.header("content-type").unwrap_or("").to_ascii_lowercase();
    let encoded = request.header("content-encoding").is_some_and(|encoding| encoding != "identity");
    if !content_type.starts_with("text/csv") || (encoded && !exchange.server.config.bulk.gzip_upload) {
        let message = "Content-Type header specified in HTTP request is not supported";
        return Err(ApiError { status: 415, ..ApiError::request("UNSUPPORTED_MEDIA_TYPE", message) });
    }
    if job.state() != State::Open {
        return Err(invalid_state("The job is not in state Open"));
    }
    if !job.upload(request.plain_body()?) {
        let message = format!(
            "Found multiple contents for job: <{id}>, please 'Close' / 'Abort' / 'Delete' the current Job then create a new Job and make sure you only do 'PUT' once on a given Job."
        );
        return Err(ApiError::request("CLIENTINPUTERROR", message));
    }
    Ok(Reply::empty(201))
}

/// `/jobs/ingest/{id}`: status, close, abort, delete.
pub(crate) fn one(
    exchange: &Exchange,
    id: &str,
    method: &Method,
    request: &WireRequest,
) -> Result<Reply, ApiError> {
    let job = find(exchange, id)?;
    match *method {
        Method::PATCH => {
            let wanted: Value = request.json()?;
            match wanted["state"].as_str() {
                Some("UploadComplete") => close(exchange, &job)?,
                Some("Aborted") => abort(exchange, &job)?,
                _ => return Err(invalid_state("only UploadComplete and Aborted can be set")),
            }
            Ok(Reply::json(200, &job.description(Shown::Change)))
        }
        Method::DELETE => {
            if matches!(job.state(), State::Open | State::InProgress) {
                let message = "Error encountered when deleting the job because the job is not terminated";
                return Err(ApiError::request("API_ERROR", message));
            }
            job.abort(exchange.server.now());
            exchange.server.ingest.remove(&job);
            Ok(Reply::empty(204))
        }
        _ => {
            job.poll(exchange.server.config.bulk, exchange.server.now());
            Ok(Reply::json(200, &job.description(Shown::Status)))
        }
    }
}

fn close(exchange: &Exchange, job: &Arc<IngestJob>) -> Result<(), ApiError> {
    let server = &exchange.server;
    let Some(body) = job.close(server.now()) else {
        return Err(invalid_state("Closing already Completed Job not allowed"));
    };
    let (server, job) = (server.clone(), job.clone());
    if server.config.bulk.ingest_at_once {
        run::run(&server, &job, body);
    } else {
        // The job itself says how it ended.
        drop(tokio::task::spawn_blocking(move || run::run(&server, &job, body)));
    }
    Ok(())
}

fn abort(exchange: &Exchange, job: &IngestJob) -> Result<(), ApiError> {
    if job.abort(exchange.server.now()) {
        return Ok(());
    }
    Err(invalid_state("Aborting already Completed Job not allowed"))
}

/// `GET /jobs/ingest`: the jobs of the last seven days.
pub(crate) fn list(exchange: &Exchange, request: &WireRequest) -> Reply {
    let wanted = request.query.get("jobType").is_none_or(|kind| kind == "V2Ingest");
    let jobs = if wanted { exchange.server.ingest.all() } else { Vec::new() };
    let start = request.query.get("queryLocator").and_then(|locator| locator.parse().ok()).unwrap_or(0);
    let records: Vec<Value> =
        jobs.iter().skip(start).take(PAGE).map(|job| job.description(Shown::Created)).collect();
    let next = start + records.len();
    let done = next >= jobs.len();
    let url = (!done).then(|| format!("{}/jobs/ingest?queryLocator={next}", exchange.base()));
    Reply::json(200, &json!({ "done": done, "records": records, "nextRecordsUrl": url }))
}
