//! `/composite` (section 6.1) and `/composite/batch` (section 6.4): several requests in one.

use std::collections::HashSet;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::references::{Answers, resolve, resolve_body};
use super::{Exchange, answer};
use crate::org::ApiError;
use crate::wire::reply::Reply;
use crate::wire::request::{Params, WireRequest};
use crate::wire::route::{Resource, Target, parse};
use crate::wire::versions;

const MOST: usize = 25;
/// Subrequests that are queries or collections.
const MOST_LARGE: usize = 5;
const HALTED: &str = "PROCESSING_HALTED";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Composite {
    #[serde(default)]
    all_or_none: bool,
    composite_request: Vec<Part>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part {
    pub(super) method: String,
    pub(super) url: String,
    pub(super) reference_id: String,
    #[serde(default)]
    body: Option<Value>,
    #[serde(default)]
    http_headers: Map<String, Value>,
}

/// The outcome of one subrequest.
pub(super) struct Outcome {
    status: u16,
    headers: Map<String, Value>,
    body: Bytes,
}

/// `POST /composite`
pub(super) fn composite(exchange: &Exchange, request: &WireRequest) -> Result<Reply, ApiError> {
    let composite: Composite = request.json()?;
    let parts = &composite.composite_request;
    check_count(parts.len())?;
    check_parts(parts)?;
    let outcomes = if composite.all_or_none {
        atomically(exchange, request, parts)
    } else {
        one_by_one(exchange, request, parts)
    };
    Ok(Reply::json(200, &json!({ "compositeResponse": responses(outcomes, parts) })))
}

fn check_count(parts: usize) -> Result<(), ApiError> {
    if parts <= MOST {
        return Ok(());
    }
    let message = format!("Limit of {MOST} reached for batch operation");
    Err(ApiError::request("LIMIT_EXCEEDED", message))
}

/// What makes the whole request malformed: reference ids, headers, and too many large subrequests.
fn check_parts(parts: &[Part]) -> Result<(), ApiError> {
    let invalid = |message: String| Err(ApiError::request("INVALID_INPUT", message));
    let mut known = HashSet::new();
    for part in parts {
        let id = &part.reference_id;
        let legal = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !legal || !known.insert(id) {
            return invalid(format!("Invalid or duplicate reference id: {id}"));
        }
        let inherited = ["accept", "authorization", "content-type"];
        let named = |name: &&String| inherited.contains(&name.to_ascii_lowercase().as_str());
        if let Some(name) = part.http_headers.keys().find(named) {
            return invalid(format!("The header {name} cannot be set in a subrequest"));
        }
    }
    let large =
        parts.iter().filter(|part| ["/query", "/composite/sobjects"].iter().any(|at| part.url.contains(at)));
    if large.count() > MOST_LARGE {
        return invalid(format!("at most {MOST_LARGE} subrequests can be queries or collections"));
    }
    Ok(())
}

fn one_by_one(exchange: &Exchange, request: &WireRequest, parts: &[Part]) -> Vec<Outcome> {
    let mut answers = Answers::new();
    parts.iter().map(|part| run(exchange, request, part, &mut answers)).collect()
}

/// Until the first failure, which takes back everything.
pub(super) fn atomically(exchange: &Exchange, request: &WireRequest, parts: &[Part]) -> Vec<Outcome> {
    let atomic = exchange.server.org.atomic();
    let inner = Exchange { journal: Some(atomic.journal()), ..exchange.clone() };
    let mut answers = Answers::new();
    let mut outcomes = Vec::new();
    for part in parts {
        let outcome = run(&inner, request, part, &mut answers);
        let failed = outcome.has_failed();
        outcomes.push(outcome);
        if failed {
            drop(atomic);
            halt_others(&mut outcomes, parts.len());
            return outcomes;
        }
    }
    atomic.keep();
    outcomes
}

/// One failure halts all others of an atomic request, those that were not tried among them.
fn halt_others(outcomes: &mut Vec<Outcome>, parts: usize) {
    if let Some((_, done)) = outcomes.split_last_mut() {
        done.fill_with(Outcome::halted);
    }
    outcomes.resize_with(parts, Outcome::halted);
}

/// Answers in the order of the subrequests.
pub(super) fn responses(outcomes: Vec<Outcome>, parts: &[Part]) -> Vec<Value> {
    outcomes.into_iter().zip(parts).map(|(outcome, part)| outcome.composite(&part.reference_id)).collect()
}

fn run(exchange: &Exchange, outer: &WireRequest, part: &Part, answers: &mut Answers) -> Outcome {
    let resolved = resolve(&part.url, answers).and_then(|url| {
        let body = part.body.clone().map(|body| resolve_body(body, answers)).transpose()?;
        Ok((url, body))
    });
    let (url, body) = match resolved {
        Ok(resolved) => resolved,
        Err(message) => return Outcome::of(ApiError::request(HALTED, message).into()),
    };
    let mut headers = outer.headers.clone();
    for (name, value) in &part.http_headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = value.as_str().map(HeaderValue::from_str);
        if let (Ok(name), Some(Ok(value))) = (name, value) {
            headers.insert(name, value);
        }
    }
    let outcome = Outcome::of(subrequest(exchange, (&part.method, &url), body.as_ref(), headers));
    if outcome.status < 300
        && let Ok(body) = serde_json::from_slice(&outcome.body)
    {
        answers.insert(part.reference_id.clone(), body);
    }
    outcome
}

/// Answers one request inside another; `url` is a path with its query string.
fn subrequest(
    exchange: &Exchange,
    (method, url): (&str, &str),
    body: Option<&Value>,
    headers: HeaderMap,
) -> Reply {
    let (Ok(uri), Ok(method)) = (url.parse::<Uri>(), method.parse::<Method>()) else {
        return ApiError::request("INVALID_INPUT", format!("invalid subrequest: {method} {url}")).into();
    };
    let Target::Data { version, resource } = parse(uri.path()) else { return ApiError::not_found().into() };
    if let Err(error) = versions::check(&version) {
        return error.into();
    }
    if matches!(resource, Resource::Composite | Resource::Batch | Resource::Graph | Resource::Tree { .. }) {
        return ApiError::request("INVALID_INPUT", "composite requests cannot be nested").into();
    }
    let request = WireRequest {
        method,
        path: uri.path().to_owned(),
        query: Params::parse(uri.query().unwrap_or("").as_bytes()),
        headers,
        body: body.map(|body| body.to_string().into()).unwrap_or_default(),
    };
    answer(&Exchange { version, ..exchange.clone() }, &resource, &request)
}

impl Outcome {
    fn of(reply: Reply) -> Self {
        let (status, headers, body) = reply.collect();
        let shown = [("location", "Location"), ("etag", "ETag"), ("last-modified", "Last-Modified")];
        let headers = shown
            .iter()
            .filter_map(|(name, shown)| {
                Some(((*shown).to_owned(), headers.get(*name)?.to_str().ok()?.into()))
            })
            .collect();
        Self { status: status.as_u16(), headers, body }
    }

    /// Of a subrequest that was taken back or not tried.
    pub(super) fn halted() -> Self {
        let message =
            "The transaction was rolled back since another operation in the same transaction failed.";
        Self::of(ApiError::request(HALTED, message).into())
    }

    /// Whether it failed, a row of a collection among others (the table of section 6.2).
    pub(super) fn has_failed(&self) -> bool {
        let body = self.body();
        let rows = body.as_array().map(Vec::as_slice).unwrap_or_default();
        self.status >= 300 || rows.iter().any(|row| row["success"] == false)
    }

    fn body(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    fn composite(self, reference_id: &str) -> Value {
        json!({
            "body": self.body(), "httpHeaders": self.headers, "httpStatusCode": self.status,
            "referenceId": reference_id,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Batch {
    #[serde(default)]
    halt_on_error: bool,
    batch_requests: Vec<BatchPart>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchPart {
    method: String,
    url: String,
    #[serde(default)]
    rich_input: Option<Value>,
}

/// A subrequest that cannot be understood fails the whole batch before anything runs.
fn check_batch_part(exchange: &Exchange, part: &BatchPart) -> Result<(), ApiError> {
    let version = part.url.trim_start_matches('/').split('/').next().and_then(|part| part.strip_prefix('v'));
    let version = version.and_then(versions::number);
    let outer = versions::number(&exchange.version).unwrap_or(0);
    let method = matches!(part.method.as_str(), "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE");
    if method && version.is_some_and(|version| (34..=outer).contains(&version)) {
        return Ok(());
    }
    let message = format!("invalid subrequest: {} {}", part.method, part.url);
    Err(ApiError::request("INVALID_INPUT", message))
}

/// `POST /composite/batch`: serial, independent; each subrequest is an API call.
pub(super) fn batch(exchange: &Exchange, request: &WireRequest) -> Result<Reply, ApiError> {
    let batch: Batch = request.json()?;
    check_count(batch.batch_requests.len())?;
    for part in &batch.batch_requests {
        check_batch_part(exchange, part)?;
    }
    let further = (batch.batch_requests.len() as u64).saturating_sub(1);
    exchange.server.calls.count(further);
    exchange.server.limits.add(exchange.server.now(), further);
    let mut failed = false;
    let mut results = Vec::new();
    for part in &batch.batch_requests {
        let outcome = if failed && batch.halt_on_error {
            let error = ApiError::request("BATCH_PROCESSING_HALTED", "Batch processing halted per request");
            Outcome::of(ApiError { status: 412, ..error }.into())
        } else {
            let url = format!("/services/data/{}", part.url.trim_start_matches('/'));
            let (target, headers) = ((part.method.as_str(), url.as_str()), request.headers.clone());
            Outcome::of(subrequest(exchange, target, part.rich_input.as_ref(), headers))
        };
        failed |= outcome.status >= 400;
        results.push(json!({ "statusCode": outcome.status, "result": outcome.body() }));
    }
    Ok(Reply::json(200, &json!({ "hasErrors": failed, "results": results })))
}
