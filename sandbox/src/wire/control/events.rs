//! Change events by the control interface: what administrators and mishaps do to them.
//! Read [`answer`] first.

use axum::http::Method;
use serde::Deserialize;
use serde_json::json;

use super::done;
use crate::org::{ApiError, EventKind, Id};
use crate::wire::reply::Reply;
use crate::wire::request::WireRequest;
use crate::wire::server::Server;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Gap {
    object: String,
    ids: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusal {
    code: u16,
    error: String,
}

pub(super) fn answer(server: &Server, path: &[&str], request: &WireRequest) -> Result<Reply, ApiError> {
    let org = &server.org;
    match (&request.method, path) {
        (&Method::GET, []) => {
            let (open, opened) = server.streams.counts();
            let selected = org.events().lock().channels.selected();
            Ok(Reply::json(200, &json!({ "streams": open, "opened": opened, "objects": selected })))
        }
        (&Method::DELETE, []) => Ok(done(|| org.reset_events())),
        (&Method::POST, ["select", object]) => {
            let id = org.select_for_events(object)?;
            Ok(Reply::json(201, &json!({ "id": id.to_string() })))
        }
        (&Method::POST, ["gap"]) => {
            let gap: Gap = request.json()?;
            let ids = gap.ids.iter().map(|id| Id::parse(id)).collect::<Result<Vec<_>, _>>()?;
            org.publish_gap(&gap.object, EventKind::GapUpdate, &ids)?;
            Ok(Reply::empty(204))
        }
        (&Method::POST, ["overflow", object]) => org.publish_overflow(object).map(|()| Reply::empty(204)),
        (&Method::POST, ["lose", count]) => number(count).map(|count| done(|| org.lose_events(count))),
        (&Method::POST, ["cut"]) => Ok(done(|| server.streams.cut())),
        (&Method::POST, ["refuse"]) => {
            let Refusal { code, error } = request.json()?;
            Ok(done(|| server.streams.refuse(Some((code, error)))))
        }
        (&Method::DELETE, ["refuse"]) => Ok(done(|| server.streams.refuse(None))),
        _ => Err(ApiError::not_found()),
    }
}

fn number(text: &str) -> Result<usize, ApiError> {
    text.parse().map_err(|_| ApiError::not_found())
}
