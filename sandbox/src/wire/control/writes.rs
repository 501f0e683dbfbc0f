//! What tests ask of the org after a run: its records, who wrote what, and row locks to hold against writers.
//! Read [`answer`] first.

use std::sync::PoisonError;

use axum::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::done;
use crate::org::{ApiError, Id};
use crate::wire::reply::{JSON, Reply};
use crate::wire::request::WireRequest;
use crate::wire::server::Server;

pub(super) fn answer(server: &Server, path: &[&str], request: &WireRequest) -> Result<Reply, ApiError> {
    let held = || server.held.lock().unwrap_or_else(PoisonError::into_inner);
    match (&request.method, path) {
        (&Method::GET, ["records", object]) => {
            let deleted = request.query.get("deleted") == Some("true");
            Ok(Reply::new(200, JSON, server.org.records_json(object, deleted)?))
        }
        (&Method::GET, ["writes"]) => Ok(log(server, request)),
        (&Method::POST, ["locks"]) => {
            let wanted: Locks = request.json()?;
            let ids = wanted.ids.iter().map(|id| Id::parse(id)).collect::<Result<Vec<_>, _>>()?;
            held().push(server.org.lock_rows(&ids));
            Ok(Reply::empty(204))
        }
        (&Method::DELETE, ["locks"]) => Ok(done(|| held().clear())),
        _ => Err(ApiError::not_found()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Locks {
    ids: Vec<String>,
}

/// `GET writes?since=N`: the writes of API calls, and how many of each kind were done and refused.
fn log(server: &Server, request: &WireRequest) -> Reply {
    let since = request.query.get("since").and_then(|since| since.parse().ok()).unwrap_or(0);
    let (writes, next) = server.org.writes_since(since);
    let mut counts = serde_json::Map::new();
    for write in &writes {
        let name = if write.error.is_some() { "refused" } else { write.action };
        let count = counts.entry(name).or_insert(Value::from(0));
        *count = (count.as_u64().unwrap_or(0) + 1).into();
    }
    Reply::json(200, &json!({ "writes": writes, "counts": counts, "next": next }))
}
