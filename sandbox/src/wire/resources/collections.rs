//! `/composite/sobjects/X`: many records by id (section 6.2).

use axum::http::Method;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Exchange;
use crate::org::ApiError;
use crate::wire::reply::Reply;
use crate::wire::request::WireRequest;

const MOST_IDS: usize = 2_000;

#[derive(Deserialize)]
struct Wanted {
    ids: Vec<String>,
    fields: Vec<String>,
}

/// Retrieves records in the order of the ids; `null` for those that are missing, deleted or no ids at all.
pub(super) fn retrieve(exchange: &Exchange, object: &str, request: &WireRequest) -> Result<Reply, ApiError> {
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
