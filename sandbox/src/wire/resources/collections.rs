//! `/composite/sobjects…`: up to 200 records in one call, with one outcome each (section 6.2). Read [`answer`] first.

use axum::http::Method;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::Exchange;
use super::writing::{row_error, save_errors};
use crate::org::{Action, ApiError, Outcomes, Write, WriteSource, Written};
use crate::wire::reply::Reply;
use crate::wire::request::WireRequest;

const MOST_IDS: usize = 2_000;
/// Records of one write.
const MOST: usize = 200;
/// Runs of records of one type.
const MOST_RUNS: usize = 10;

#[derive(Deserialize)]
struct Wanted {
    ids: Vec<String>,
    fields: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    #[serde(default)]
    all_or_none: bool,
    records: Vec<Map<String, Value>>,
}

/// `/composite/sobjects`, `/composite/sobjects/X` and `/composite/sobjects/X/{key field}`
pub(super) fn answer(
    exchange: &Exchange,
    target: (Option<&str>, Option<&str>),
    method: &Method,
    request: &WireRequest,
) -> Result<Reply, ApiError> {
    match (target, method) {
        ((Some(object), None), _) => retrieve(exchange, object, request),
        ((Some(object), Some(field)), _) => upsert(exchange, object, field, request),
        (_, &Method::DELETE) => delete(exchange, request),
        (_, &Method::PATCH) => save(exchange, request, |fields| {
            let id = take(fields, "id").and_then(|id| id.as_str().map(str::to_owned));
            Action::Update(id.unwrap_or_default())
        }),
        _ => save(exchange, request, |_| Action::Insert),
    }
}

fn save(
    exchange: &Exchange,
    request: &WireRequest,
    action: impl Fn(&mut Map<String, Value>) -> Action,
) -> Result<Reply, ApiError> {
    let body: Body = request.json()?;
    let writes: Vec<Write> = body
        .records
        .into_iter()
        .map(|mut fields| {
            let object = type_of(&mut fields);
            let action = action(&mut fields);
            Write { object, action, fields }
        })
        .collect();
    let outcomes = write(exchange, request, &writes, body.all_or_none)?;
    Ok(Reply::json(200, &outcomes.into_iter().map(|outcome| result(outcome, false)).collect::<Vec<_>>()))
}

fn upsert(exchange: &Exchange, object: &str, field: &str, request: &WireRequest) -> Result<Reply, ApiError> {
    let key = exchange.server.org.check_key(object, field)?;
    let body: Body = request.json()?;
    let writes: Vec<Write> = body
        .records
        .into_iter()
        .map(|mut fields| {
            type_of(&mut fields);
            Write { object: object.to_owned(), action: Action::Upsert(key.clone()), fields }
        })
        .collect();
    let outcomes = write(exchange, request, &writes, body.all_or_none)?;
    Ok(Reply::json(200, &outcomes.into_iter().map(|outcome| result(outcome, true)).collect::<Vec<_>>()))
}

fn delete(exchange: &Exchange, request: &WireRequest) -> Result<Reply, ApiError> {
    let ids = request.query.get("ids").unwrap_or("");
    let all_or_none = request.query.get("allOrNone").is_some_and(|on| on.eq_ignore_ascii_case("true"));
    let writes: Vec<Write> = ids
        .split(',')
        .map(str::trim)
        .filter(|id| !id.is_empty())
        .map(|id| {
            let object = exchange.server.org.object_of(id).unwrap_or_default();
            Write { object, action: Action::Delete(id.to_owned()), fields: Map::new() }
        })
        .collect();
    let outcomes = write(exchange, request, &writes, all_or_none)?;
    Ok(Reply::json(200, &outcomes.into_iter().map(|outcome| result(outcome, false)).collect::<Vec<_>>()))
}

fn write(
    exchange: &Exchange,
    request: &WireRequest,
    writes: &[Write],
    all_or_none: bool,
) -> Result<Outcomes, ApiError> {
    check_size(writes)?;
    exchange.server.org.check_readable(writes)?;
    let mut options = exchange.write_options(request, WriteSource::Collections);
    options.all_or_none = all_or_none;
    Ok(exchange.write_all(writes, &mut options))
}

fn check_size(writes: &[Write]) -> Result<(), ApiError> {
    if writes.is_empty() {
        return Err(ApiError::request("REQUIRED_FIELD_MISSING", "At least 1 record is required"));
    }
    if writes.len() > MOST {
        let message = "record limit reached. cannot submit more than 200 records into this call";
        return Err(ApiError::request("EXCEEDED_ID_LIMIT", message));
    }
    let runs =
        1 + writes.windows(2).filter(|pair| !pair[0].object.eq_ignore_ascii_case(&pair[1].object)).count();
    if runs > MOST_RUNS {
        let message = format!("chunk limit reached. cannot submit more than {MOST_RUNS} runs of one type");
        return Err(ApiError::request("LIMIT_EXCEEDED", message));
    }
    Ok(())
}

/// Takes `attributes` out of a record and gives the type that they name.
fn type_of(fields: &mut Map<String, Value>) -> String {
    let attributes = take(fields, "attributes");
    let name = attributes.as_ref().and_then(|attributes| attributes["type"].as_str());
    name.unwrap_or_default().to_owned()
}

fn take(fields: &mut Map<String, Value>, name: &str) -> Option<Value> {
    let key = fields.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned()?;
    fields.shift_remove(&key)
}

/// One save result; only upserts say `created`.
fn result(outcome: Result<Written, ApiError>, upsert: bool) -> Value {
    let created = outcome.as_ref().is_ok_and(|written| written.created);
    let mut out = match outcome {
        Ok(written) => json!({ "id": written.id.to_string(), "success": true, "errors": [] }),
        Err(error) => json!({ "success": false, "errors": save_errors(&row_error(error)) }),
    };
    if upsert {
        out["created"] = created.into();
    }
    out
}

/// Retrieves records in the order of the ids; `null` for those that are missing, deleted or no ids at all.
fn retrieve(exchange: &Exchange, object: &str, request: &WireRequest) -> Result<Reply, ApiError> {
    let wanted = if request.method == Method::POST {
        request.json()?
    } else {
        let list = |name| -> Vec<String> {
            let list = request.query.get(name).unwrap_or("");
            list.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        Wanted { ids: list("ids"), fields: list("fields") }
    };
    if wanted.ids.is_empty() {
        return Err(ApiError::request("REQUIRED_FIELD_MISSING", "At least 1 record is required"));
    }
    if wanted.ids.len() > MOST_IDS {
        let message = "record limit reached. cannot submit more than 2000 records into this call";
        return Err(ApiError::request("EXCEEDED_ID_LIMIT", message));
    }
    let fields: Vec<&str> = wanted.fields.iter().map(String::as_str).collect();
    let records: Result<Vec<Option<Box<RawValue>>>, ApiError> =
        wanted.ids.iter().map(|id| record(exchange, object, id, &fields)).collect();
    Ok(Reply::json(200, &records?))
}

fn record(
    exchange: &Exchange,
    object: &str,
    id: &str,
    fields: &[&str],
) -> Result<Option<Box<RawValue>>, ApiError> {
    match exchange.server.org.get(object, id, Some(fields)) {
        Ok(json) => Ok(serde_json::from_slice(&json).ok()),
        Err(error) if matches!(error.code, "NOT_FOUND" | "ENTITY_IS_DELETED" | "MALFORMED_ID") => Ok(None),
        Err(error) => Err(error),
    }
}
