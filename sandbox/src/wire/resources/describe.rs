//! Describe global, basic information and describe, with conditional requests (sections 4.1 to 4.3).

use serde_json::json;

use super::Exchange;
use crate::org::{ApiError, Describe};
use crate::wire::reply::{JSON, Reply};
use crate::wire::request::{WireRequest, http_date};

/// `GET /sobjects`
pub(super) fn global(exchange: &Exchange, request: &WireRequest) -> Result<Reply, ApiError> {
    conditional(&exchange.server.org.describe_global(), request)
}

/// `GET /sobjects/X/describe`
pub(super) fn full(exchange: &Exchange, name: &str, request: &WireRequest) -> Result<Reply, ApiError> {
    conditional(&*exchange.server.org.describe(name)?, request)
}

/// `GET /sobjects/X`
pub(super) fn brief(exchange: &Exchange, name: &str) -> Result<Reply, ApiError> {
    let brief = exchange.server.org.describe_brief(name)?;
    Ok(Reply::json(200, &json!({ "objectDescribe": brief, "recentItems": [] })))
}

/// `GET /ui-api/object-info/X/picklist-values/{record type}[/{field}]`: the values that a record type offers.
pub(super) fn picklists(
    exchange: &Exchange,
    object: &str,
    record_type: &str,
    field: Option<&str>,
) -> Result<Reply, ApiError> {
    let all = exchange.server.org.record_type_picklists(object, record_type)?;
    let Some(field) = field else { return Ok(Reply::json(200, &all)) };
    let one = all["picklistFieldValues"].get(field).ok_or_else(ApiError::not_found)?;
    Ok(Reply::json(200, one))
}

fn conditional(describe: &Describe, request: &WireRequest) -> Result<Reply, ApiError> {
    let unchanged =
        request.date_header("if-modified-since")?.is_some_and(|date| describe.last_modified <= date);
    if unchanged || request.header("if-none-match") == Some(&describe.etag) {
        return Ok(Reply::empty(304));
    }
    if request.date_header("if-unmodified-since")?.is_some_and(|date| describe.last_modified > date) {
        return Ok(Reply::empty(412));
    }
    Ok(Reply::new(200, JSON, describe.json.clone())
        .with("last-modified", &http_date(describe.last_modified))
        .with("etag", &describe.etag))
}
