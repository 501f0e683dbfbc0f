//! `/composite` (section 6.1) and `/composite/batch` (section 6.4): several requests in one.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::references::{Answers, resolve, resolve_body};
use super::{Exchange, answer};
use crate::org::{ApiError, Atomic};
use crate::wire::reply::Reply;
use crate::wire::request::{Params, WireRequest};
use crate::wire::route::{Resource, Target, parse};
use crate::wire::versions;

const MOST: usize = 25;
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
struct Part {
    method: String,
    url: String,
    reference_id: String,
    #[serde(default)]
    body: Option<Value>,
    #[serde(default)]
    http_headers: Map<String, Value>,
}

/// The outcome of one subrequest.
struct Outcome {
    status: u16,
    headers: Map<String, Value>,
    body: Bytes,
}

/// `POST /composite`
pub(super) fn composite(exchange: &Exchange, request: &WireRequest) -> Result<Reply, ApiError> {
    let composite: Composite = request.json()?;
    let parts = &composite.composite_request;
    check_count(parts.len())?;
    let atomic = composite.all_or_none.then(|| exchange.server.org.atomic());
    let inner = Exchange { journal: atomic.as_ref().map(Atomic::journal), ..exchange.clone() };
    let mut answers = Answers::new();
    let mut outcomes = Vec::new();
    for part in parts {
        let outcome = run(&inner, request, part, &answers);
        if outcome.status < 300
            && let Ok(body) = serde_json::from_slice(&outcome.body)
        {
            answers.insert(part.reference_id.clone(), body);
        }
        outcomes.push(outcome);
    }
    if let Some(atomic) = atomic {
        if outcomes.iter().all(|outcome| outcome.status < 300) {
            atomic.keep();
        } else {
            drop(atomic);
            halt_others(&mut outcomes);
        }
    }
    let responses: Vec<Value> = outcomes
        .into_iter()
        .zip(parts)
        .map(|(outcome, part)| outcome.composite(&part.reference_id))
        .collect();
    Ok(Reply::json(200, &json!({ "compositeResponse": responses })))
}

fn check_count(parts: usize) -> Result<(), ApiError> {
    if parts <= MOST {
        return Ok(());
    }
    let message = format!("Limit of {MOST} reached for batch operation");
    Err(ApiError::request("LIMIT_EXCEEDED", message))
}

fn run(exchange: &Exchange, outer: &WireRequest, part: &Part, answers: &Answers) -> Outcome {
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
    Outcome::of(subrequest(exchange, (&part.method, &url), body.as_ref(), headers))
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
    if matches!(resource, Resource::Composite | Resource::Batch) {
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

/// One failure halts all others of an atomic request.
fn halt_others(outcomes: &mut [Outcome]) {
    let message = "The transaction was rolled back since another operation in the same transaction failed.";
    for outcome in outcomes.iter_mut().filter(|outcome| outcome.status < 300) {
        *outcome = Outcome::of(ApiError::request(HALTED, message).into());
    }
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

/// `POST /composite/batch`: serial, independent; each subrequest is an API call.
pub(super) fn batch(exchange: &Exchange, request: &WireRequest) -> Result<Reply, ApiError> {
    let batch: Batch = request.json()?;
    check_count(batch.batch_requests.len())?;
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
