//! The control interface below `/_sandbox/`: what tests do in process, over HTTP, for users' CI and for demos.
//! Salesforce has nothing like it; it needs no token and is not counted. Read [`answer`] first.

mod events;
mod records;
mod writes;

use axum::http::Method;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::oauth::OAuthClient;
use super::reply::Reply;
use super::request::WireRequest;
use super::server::Server;
use crate::faults::{Fault, FaultId};
use crate::org::ApiError;

/// Answers a control request; `path` is what stands behind `/_sandbox/`.
pub(crate) fn answer(server: &Server, path: &[String], request: &WireRequest) -> Reply {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let method = request.method.as_str();
    let result = match (method, path.as_slice()) {
        ("GET", ["state"]) => Ok(state(server)),
        ("GET", ["calls"]) => Ok(Reply::json(200, &server.calls.snapshot())),
        ("DELETE", ["calls"]) => Ok(done(|| server.calls.reset())),
        (_, ["faults", rest @ ..]) => faults(server, rest, request),
        ("GET", ["clock"]) => Ok(clock(server)),
        ("POST", ["clock"]) => set_clock(server, request),
        ("GET", ["limits"]) => Ok(Reply::json(200, &server.limits.usage(server.now()))),
        ("POST", ["limits"]) => set_limits(server, request),
        ("POST", ["clients"]) => {
            request.json::<OAuthClient>().map(|client| done(|| server.clients.register(client)))
        }
        ("DELETE", ["clients", id]) => Ok(done(|| server.clients.remove(id))),
        ("POST", ["tokens", "revoke"]) => revoke(server, request),
        (_, ["events", rest @ ..]) => events::answer(server, rest, request),
        (_, ["writes" | "locks", ..]) | ("GET", ["records", ..]) => writes::answer(server, &path, request),
        _ => records::answer(server, &path, request),
    };
    result.unwrap_or_else(Reply::from)
}

/// Makes a change that has nothing to say.
fn done(change: impl FnOnce()) -> Reply {
    change();
    Reply::empty(204)
}

/// A summary for people and scripts.
fn state(server: &Server) -> Reply {
    let (access, refresh) = server.tokens.counts();
    let config = server.org.config();
    let records: Value = server
        .org
        .object_names()
        .into_iter()
        .filter_map(|name| Some((name.clone(), server.org.record_count(&name)?.into())))
        .filter(|(_, count)| *count != 0)
        .collect::<serde_json::Map<_, _>>()
        .into();
    Reply::json(
        200,
        &json!({
            "url": server.url,
            "org": { "id": server.org.org_id().to_string(), "name": config.name,
                     "edition": config.edition.organization_type(), "is_sandbox": config.is_sandbox },
            "now": server.now().to_string(),
            "calls": server.calls.snapshot().total,
            "limits": server.limits.usage(server.now()),
            "tokens": { "access": access, "refresh": refresh },
            "bulk_jobs": server.jobs.count() + server.ingest.count(),
            "faults": server.faults.active().len(),
            "records": records,
        }),
    )
}

fn faults(server: &Server, path: &[&str], request: &WireRequest) -> Result<Reply, ApiError> {
    let id = |text: &str| text.parse().map(FaultId).map_err(|_| ApiError::not_found());
    Ok(match (&request.method, path) {
        (&Method::GET, []) => {
            let active: Vec<Value> = server
                .faults
                .active()
                .iter()
                .map(|(id, fault)| json!({ "id": id, "fault": fault }))
                .collect();
            Reply::json(200, &json!({ "active": active, "fired": server.faults.fired() }))
        }
        (&Method::POST, []) => {
            let id = server.faults.add(request.json::<Fault>()?);
            Reply::json(201, &json!({ "id": id }))
        }
        (&Method::DELETE, []) => done(|| server.faults.clear()),
        (&Method::DELETE, ["fired"]) => done(|| server.faults.forget_fired()),
        (&Method::DELETE, [text]) => {
            let id = id(text)?;
            done(|| server.faults.remove(id))
        }
        (&Method::POST, [text, "release"]) => {
            let id = id(text)?;
            done(|| server.faults.release(id))
        }
        _ => return Err(ApiError::not_found()),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockChange {
    #[serde(default)]
    set: Option<Timestamp>,
    #[serde(default)]
    advance_seconds: Option<i64>,
    /// True stops the clock, false lets it run.
    #[serde(default)]
    freeze: Option<bool>,
}

fn clock(server: &Server) -> Reply {
    Reply::json(200, &json!({ "now": server.now().to_string() }))
}

fn set_clock(server: &Server, request: &WireRequest) -> Result<Reply, ApiError> {
    let change: ClockChange = request.json()?;
    let clock = server.org.clock();
    match change.freeze {
        Some(true) => clock.freeze(),
        Some(false) => clock.run(),
        None => {}
    }
    if let Some(at) = change.set {
        clock.set(at);
    }
    if let Some(seconds) = change.advance_seconds {
        clock.advance(SignedDuration::from_secs(seconds));
    }
    Ok(self::clock(server))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitChange {
    #[serde(default)]
    allocation: Option<u64>,
    #[serde(default)]
    used: Option<u64>,
}

fn set_limits(server: &Server, request: &WireRequest) -> Result<Reply, ApiError> {
    let change: LimitChange = request.json()?;
    if let Some(allocation) = change.allocation {
        server.limits.set_allocation(allocation);
    }
    if let Some(used) = change.used {
        server.limits.set_used(server.now(), used);
    }
    Ok(Reply::json(200, &server.limits.usage(server.now())))
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Revoked {
    Access,
    All,
    Token(String),
}

/// `"access"`, `"all"` or `{"token": "…"}`
fn revoke(server: &Server, request: &WireRequest) -> Result<Reply, ApiError> {
    let revoked = match request.json::<Revoked>()? {
        Revoked::Access => server.tokens.revoke_access(),
        Revoked::All => server.tokens.revoke_all(),
        Revoked::Token(token) => usize::from(server.tokens.revoke(&token)),
    };
    Ok(Reply::json(200, &json!({ "revoked": revoked })))
}
