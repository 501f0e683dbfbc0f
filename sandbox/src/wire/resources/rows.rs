//! One record: read, create, update, upsert by key, delete (section 5). Read [`one`] first.

use axum::http::Method;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use ring::digest;
use serde_json::{Map, Value, json};

use super::{Exchange, allow};
use crate::org::{Action, ApiError, Id, Write, WriteOptions, WriteSource, Written};
use crate::wire::reply::{JSON, Reply};
use crate::wire::request::{WireRequest, http_date};
use crate::wire::versions;

/// `/sobjects/X/{id}`
pub(super) fn one(
    exchange: &Exchange,
    object: &str,
    id: &str,
    request: &WireRequest,
) -> Result<Reply, ApiError> {
    match request.effective_method() {
        Method::PATCH => {
            if let Some(refused) = precondition(exchange, object, id, request) {
                return Ok(refused);
            }
            let fields = fields_without_id(request)?;
            match update(exchange, (object, id), fields, request) {
                Ok(_) => Ok(Reply::empty(204)),
                Err(error) if error.status == 412 => Ok(Reply::empty(412)),
                Err(error) => Err(error),
            }
        }
        Method::DELETE => {
            write(exchange, request, (object, Action::Delete(id.to_owned())), Map::new())?;
            Ok(Reply::empty(204))
        }
        Method::POST => create(exchange, object, request),
        _ => read(exchange, object, id, request),
    }
}

/// `POST /sobjects/X`
pub(super) fn create(exchange: &Exchange, object: &str, request: &WireRequest) -> Result<Reply, ApiError> {
    let fields = request.json()?;
    let written = write(exchange, request, (object, Action::Insert), fields)?;
    Ok(created(exchange, object, written.id, None))
}

fn created(exchange: &Exchange, object: &str, id: Id, upsert: Option<bool>) -> Reply {
    let mut body = json!({ "id": id.to_string(), "success": true, "errors": [] });
    if let Some(created) = upsert {
        body["created"] = created.into();
    }
    let location = format!("{}/sobjects/{object}/{id}", exchange.base());
    Reply::json(201, &body).with("location", &location)
}

/// `/sobjects/X/{id}/{blob field}` or `/sobjects/X/{key field}/{value}`
pub(super) fn by_key(
    exchange: &Exchange,
    (object, field, value): (&str, &str, &str),
    request: &WireRequest,
) -> Result<Reply, ApiError> {
    let org = &exchange.server.org;
    if looks_like_a_file(value) {
        return Err(ApiError::not_found());
    }
    if Id::parse(field).is_ok() {
        allow(&request.effective_method(), &["HEAD", "GET"])?;
        return Ok(Reply::new(200, "application/octet-stream", org.blob(object, field, value)?));
    }
    let ids: Vec<String> = org.find_by(object, field, value)?.iter().map(Id::to_string).collect();
    match (request.effective_method(), ids.as_slice()) {
        (_, [_, _, ..]) => {
            let urls: Vec<String> =
                ids.iter().map(|id| format!("{}/sobjects/{object}/{id}", exchange.base())).collect();
            Ok(Reply::json(300, &urls))
        }
        (Method::PATCH, []) if request.query.get("updateOnly") == Some("true") => Err(ApiError::not_found()),
        (Method::PATCH, _) => upsert(exchange, (object, field, value), request),
        (_, [id]) => one(exchange, object, id, request),
        (_, []) => Err(ApiError::not_found()),
    }
}

/// Since v46 the answer of an upsert has `created`, and an update has an answer at all (section 5.4).
fn upsert(
    exchange: &Exchange,
    (object, field, value): (&str, &str, &str),
    request: &WireRequest,
) -> Result<Reply, ApiError> {
    let mut fields = fields_without_id(request)?;
    if let Some(name) = fields.keys().find(|name| name.eq_ignore_ascii_case(field)) {
        let message = format!("The {name} field should not be specified in the sobject data.");
        return Err(ApiError::dml("INVALID_FIELD", message, &[name]));
    }
    fields.insert(field.to_owned(), value.into());
    let written = write(exchange, request, (object, Action::Upsert(field.to_owned())), fields)?;
    let tells = versions::number(&exchange.version).is_some_and(|number| number >= 46);
    if written.created {
        return Ok(created(exchange, object, written.id, tells.then_some(true)));
    }
    if !tells {
        return Ok(Reply::empty(204));
    }
    let id = written.id.to_string();
    Ok(Reply::json(200, &json!({ "id": id, "success": true, "errors": [], "created": false })))
}

fn update(
    exchange: &Exchange,
    (object, id): (&str, &str),
    fields: Map<String, Value>,
    request: &WireRequest,
) -> Result<Written, ApiError> {
    let mut options = exchange.write_options(request, WriteSource::Record);
    options.unmodified_since = request.date_header("if-unmodified-since")?;
    one_write(exchange, (object, Action::Update(id.to_owned())), fields, options)
}

/// One write by the user of the session.
fn write(
    exchange: &Exchange,
    request: &WireRequest,
    target: (&str, Action),
    fields: Map<String, Value>,
) -> Result<Written, ApiError> {
    one_write(exchange, target, fields, exchange.write_options(request, WriteSource::Record))
}

fn one_write(
    exchange: &Exchange,
    (object, action): (&str, Action),
    fields: Map<String, Value>,
    options: WriteOptions,
) -> Result<Written, ApiError> {
    if !exchange.server.org.sees_object(object) {
        return Err(ApiError::not_found());
    }
    exchange.write(Write { object: object.to_owned(), action, fields }, options)
}

fn fields_without_id(request: &WireRequest) -> Result<Map<String, Value>, ApiError> {
    let fields: Map<String, Value> = request.json()?;
    if fields.keys().any(|name| name.eq_ignore_ascii_case("id")) {
        let message = "The Id field should not be specified in the sobject data.";
        return Err(ApiError::dml("INVALID_FIELD", message, &["Id"]));
    }
    Ok(fields)
}

fn read(exchange: &Exchange, object: &str, id: &str, request: &WireRequest) -> Result<Reply, ApiError> {
    let org = &exchange.server.org;
    let fields: Option<Vec<&str>> =
        request.query.get("fields").map(|list| list.split(',').map(str::trim).collect());
    let body = org.get(object, id, fields.as_deref())?;
    let modified = last_modified(exchange, object, id);
    let mut reply = Reply::new(200, JSON, body);
    if let Some(modified) = modified {
        if request.date_header("if-modified-since")?.is_some_and(|date| modified <= date) {
            return Ok(Reply::empty(304));
        }
        if request.date_header("if-unmodified-since")?.is_some_and(|date| modified > date) {
            return Ok(Reply::empty(412));
        }
        reply = reply.with("last-modified", &http_date(modified));
        if object.eq_ignore_ascii_case("account") {
            let etag = etag(id, modified);
            if request.header("if-none-match") == Some(&etag) {
                return Ok(Reply::empty(304));
            }
            reply = reply.with("etag", &etag);
        }
    }
    Ok(reply)
}

/// Salesforce takes the end of such a key for a format, as in `A-100.inc` (section 5.4).
fn looks_like_a_file(value: &str) -> bool {
    value.rsplit_once('.').is_some_and(|(stem, end)| {
        !stem.is_empty() && (1..=4).contains(&end.len()) && end.bytes().all(|b| b.is_ascii_alphabetic())
    })
}

/// The 412 of a conditional write (section 5.5); ETags exist on Account alone.
fn precondition(exchange: &Exchange, object: &str, id: &str, request: &WireRequest) -> Option<Reply> {
    let expected = request.header("if-match").filter(|_| object.eq_ignore_ascii_case("account"))?;
    let modified = last_modified(exchange, object, id)?;
    (expected != etag(id, modified)).then(|| Reply::empty(412))
}

fn last_modified(exchange: &Exchange, object: &str, id: &str) -> Option<Timestamp> {
    let record = exchange.server.org.get(object, id, Some(&["LastModifiedDate"])).ok()?;
    let record: Map<String, Value> = serde_json::from_slice(&record).ok()?;
    record.get("LastModifiedDate")?.as_str()?.parse().ok()
}

/// Changes with the record; the same for both lengths of the id.
fn etag(id: &str, modified: Timestamp) -> String {
    let short = id.get(..15).unwrap_or(id);
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, format!("{short}{modified}").as_bytes());
    format!("\"{}\"", STANDARD.encode(hash))
}
