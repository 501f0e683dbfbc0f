//! Bulk API 2.0: ingest in [`ingest`], query here (section 7): jobs, their states, results in pages. Read [`create`] first, [`Job`] for the states.

pub(crate) mod ingest;
mod job;
mod list;
mod results;

use axum::http::Method;
use serde::Deserialize;
use serde_json::Value;

pub(crate) use ingest::IngestJobs;
pub(crate) use job::Jobs;
pub(crate) use list::list;
pub(crate) use results::{pages, results};

use super::reply::Reply;
use super::request::WireRequest;
use super::resources::Exchange;
use crate::faults::FaultKind;
use crate::org::{ApiError, CsvStyle, Id, QueryOptions};
use job::{Ending, Job, NewJob};

/// Jobs per rolling 24 hours.
const MOST_JOBS: u64 = 10_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    operation: String,
    query: String,
    #[serde(default)]
    content_type: Option<String>,
    #[serde(default)]
    column_delimiter: Option<String>,
    #[serde(default)]
    line_ending: Option<String>,
}

/// `POST /jobs/query`: 200 with the job, in state `UploadComplete`.
pub(crate) fn create(exchange: &Exchange, request: &WireRequest) -> Result<Reply, ApiError> {
    let wanted: Wanted = request.json()?;
    let server = &exchange.server;
    let now = server.now();
    if server.jobs.created_since_yesterday(now) >= MOST_JOBS {
        let message = format!("Max bulk v2 query jobs ({MOST_JOBS}) per 24 hrs has been reached");
        return Err(ApiError::request("LIMIT_EXCEEDED", message));
    }
    let include_deleted = match wanted.operation.as_str() {
        "query" => false,
        "queryAll" => true,
        other => return Err(invalid_job(format!("unknown operation {other}"))),
    };
    if wanted.content_type.as_deref().is_some_and(|kind| kind != "CSV") {
        return Err(invalid_job("contentType must be CSV".to_owned()));
    }
    let column_delimiter = wanted.column_delimiter.unwrap_or_else(|| "COMMA".to_owned());
    let line_ending = wanted.line_ending.unwrap_or_else(|| "LF".to_owned());
    let style = style(&column_delimiter, &line_ending)?;
    let result = server.org.query(&wanted.query, &QueryOptions { include_deleted, bulk: true })?;
    let ending = match exchange.fault() {
        Some(FaultKind::BulkJobFailed { message }) => Ending::Failed(message.clone()),
        Some(FaultKind::BulkJobAborted) => Ending::Aborted,
        _ => Ending::Complete,
    };
    let job = server.jobs.add(NewJob {
        operation: wanted.operation,
        user: exchange.session.grant.user,
        version: exchange.version.clone(),
        column_delimiter,
        line_ending,
        style,
        result,
        ending,
        now,
    });
    Ok(Reply::json(200, &job.description(false)))
}

fn style(delimiter: &str, line_ending: &str) -> Result<CsvStyle, ApiError> {
    let delimiter = match delimiter {
        "BACKQUOTE" => b'`',
        "CARET" => b'^',
        "COMMA" => b',',
        "PIPE" => b'|',
        "SEMICOLON" => b';',
        "TAB" => b'\t',
        other => return Err(invalid_job(format!("unknown columnDelimiter {other}"))),
    };
    match line_ending {
        "LF" => Ok(CsvStyle { delimiter, crlf: false }),
        "CRLF" => Ok(CsvStyle { delimiter, crlf: true }),
        other => Err(invalid_job(format!("unknown lineEnding {other}"))),
    }
}

fn invalid_job(message: String) -> ApiError {
    ApiError::request("INVALIDJOB", message)
}

/// The job with this id; a deleted or expired one is 404.
fn find(exchange: &Exchange, id: &str) -> Result<std::sync::Arc<Job>, ApiError> {
    let id = Id::parse(id).map_err(|_| ApiError::not_found())?;
    exchange.server.jobs.find(id, exchange.server.now()).ok_or_else(ApiError::not_found)
}

/// `/jobs/query/{id}`: status, abort, delete.
pub(crate) fn one(
    exchange: &Exchange,
    id: &str,
    method: &Method,
    request: &WireRequest,
) -> Result<Reply, ApiError> {
    let job = find(exchange, id)?;
    let now = exchange.server.now();
    match *method {
        Method::PATCH => {
            let wanted: Value = request.json()?;
            if wanted["state"] != "Aborted" {
                return Err(ApiError::request("INVALIDJOBSTATE", "only Aborted can be set"));
            }
            if !job.abort(now) {
                let message = "Aborting already Completed Job not allowed";
                return Err(ApiError::request("INVALIDJOBSTATE", message));
            }
            Ok(Reply::json(200, &job.description(false)))
        }
        Method::DELETE => {
            if !exchange.server.jobs.remove(&job) {
                let message = "Error encountered when deleting the job because the job is not terminated";
                return Err(ApiError::request("API_ERROR", message));
            }
            Ok(Reply::empty(204))
        }
        _ => {
            job.poll(exchange.server.config.bulk, now);
            Ok(Reply::json(200, &job.description(true)))
        }
    }
}
