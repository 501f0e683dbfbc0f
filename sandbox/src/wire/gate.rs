//! The way of every call: count, fault, sign-in check, limits, resource, answer. The only async part of the wire
//! besides sending; may not know what resources do. Read [`answer`] first.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::http::request::Parts;
use axum::http::{Method, Response};

use super::calls::Call;
use super::connection::Switch;
use super::limits::InFlight;
use super::mishap;
use super::oauth::{self, Session};
use super::reply::Reply;
use super::request::{LARGEST_BODY, LARGEST_UPLOAD, Params, WireRequest, http_date};
use super::resources::{self, Exchange};
use super::route::{Resource, ResourceKind, Target, parse};
use super::send::{Delivery, respond};
use super::server::Server;
use super::{control, events, versions};
use crate::faults::{Armed, CallFacts, FaultKind};
use crate::org::ApiError;

/// URI, and URI plus headers, may have so many bytes (section 0.2).
const LONGEST_HEAD: usize = 16_384;

/// A reply and the call that runs until it is sent.
type Answer = (Reply, Option<InFlight>);

/// Answers every request to the sandbox.
pub(crate) async fn answer(
    State(server): State<Arc<Server>>,
    ConnectInfo(switch): ConnectInfo<Switch>,
    request: axum::extract::Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    if events::is_one(parts.uri.path()) {
        return events::answer(server, &parts, body).await;
    }
    let target = parse(parts.uri.path());
    let head_too_long = head_error(&parts);
    let query = parts.uri.query().unwrap_or("").to_owned();
    let largest = if matches!(target, Target::Data { resource: Resource::IngestUpload(_), .. }) {
        LARGEST_UPLOAD
    } else {
        LARGEST_BODY
    };
    let body = to_bytes(body, largest).await;
    let too_large = body.is_err();
    let request = WireRequest {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: Params::parse(query.as_bytes()),
        headers: parts.headers,
        body: body.unwrap_or_default(),
    };
    if let Target::Control(path) = &target {
        return respond(control::answer(&server, path, &request), undisturbed());
    }
    let method = request.effective_method();
    let kind = target.kind(matches!(method, Method::GET | Method::HEAD));
    let call = {
        let place = (request.path.as_str(), query.as_str());
        server.calls.begin(kind, request.method.as_str(), place, &request.headers)
    };
    let gzip = request.accepts_gzip();
    let armed = server.faults.pick(&facts(kind, &request, &query));
    let refused = head_too_long.or_else(|| too_large.then(body_too_large));
    let (reply, running) = match refused {
        Some(reply) => (reply, None),
        None => reply_to(&server, target, request, armed.as_ref()).await,
    };
    if matches!(armed.as_ref().map(|armed| &armed.kind), Some(FaultKind::LostAnswer | FaultKind::LostRequest))
    {
        switch.cut();
    }
    let reply = reply.with("date", &http_date(server.now()));
    finish(reply, running, armed.as_ref(), gzip, call)
}

fn finish(
    mut reply: Reply,
    running: Option<InFlight>,
    armed: Option<&Armed>,
    gzip: bool,
    call: Call,
) -> Response<Body> {
    if let Some(FaultKind::WrongContentType { content_type }) = armed.map(|armed| &armed.kind)
        && let Ok(value) = HeaderValue::from_str(content_type)
    {
        reply.headers.insert(CONTENT_TYPE, value);
    }
    let fault = armed.and_then(|armed| mishap::of_the_body(&armed.kind));
    respond(reply, Delivery { gzip, fault, call, running })
}

fn undisturbed() -> Delivery {
    Delivery { gzip: false, fault: None, call: Call::default(), running: None }
}

fn facts(resource: ResourceKind, request: &WireRequest, query: &str) -> CallFacts {
    // `+` stands for a space in queries, as forms write it.
    let path = format!("{}?{}", request.path, query.replace('+', " "));
    let path = percent_encoding::percent_decode_str(&path).decode_utf8_lossy().into_owned();
    CallFacts { resource, method: request.method.to_string(), path }
}

fn head_error(parts: &Parts) -> Option<Reply> {
    let uri = parts.uri.to_string().len();
    let headers: usize =
        parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    let error = |status, message: &str| {
        Some(Reply::from(ApiError { status, ..ApiError::request("URI_TOO_LONG", message) }))
    };
    match (uri, uri + headers) {
        (LONGEST_HEAD.., _) => error(414, "URI Too Long"),
        (_, LONGEST_HEAD..) => error(431, "Request Header Fields Too Large"),
        _ => None,
    }
}

fn body_too_large() -> Reply {
    let error = ApiError::request("EXCEEDED_MAX_SIZE_REQUEST", "The request is larger than 50 MB");
    ApiError { status: 413, ..error }.into()
}

async fn reply_to(
    server: &Arc<Server>,
    target: Target,
    request: WireRequest,
    armed: Option<&Armed>,
) -> Answer {
    if let Some(armed) = armed {
        match &armed.kind {
            FaultKind::Delay { millis } => tokio::time::sleep(Duration::from_millis(*millis)).await,
            FaultKind::Hold => server.faults.hold(armed).await,
            FaultKind::LostRequest => return (Reply::empty(503), None),
            kind => {
                if let Some(reply) = mishap::at_the_edge(kind) {
                    return (reply, None);
                }
            }
        }
    }
    let server = server.clone();
    let fault = armed.cloned();
    // Resources are plain functions and may take long; they run beside the connections.
    let work = tokio::task::spawn_blocking(move || reached(&server, &target, &request, fault.as_ref()));
    let answer = work.await.unwrap_or_else(|_| (internal_error(), None));
    if let Some(FaultKind::SlowAnswer { millis }) = armed.map(|armed| &armed.kind) {
        tokio::time::sleep(Duration::from_millis(*millis)).await;
    }
    answer
}

fn internal_error() -> Reply {
    let error = ApiError::request("INTERNAL_ERROR", "the sandbox itself failed, see its output");
    ApiError { status: 500, ..error }.into()
}

fn reached(server: &Arc<Server>, target: &Target, request: &WireRequest, fault: Option<&Armed>) -> Answer {
    let reply = match target {
        Target::Data { version, resource } => return data(server, version, resource, request, fault),
        Target::Versions => Ok(versions::list()),
        Target::Root | Target::Unknown | Target::Control(_) => Err(ApiError::not_found()),
        _ => Ok(oauth::answer(server, target, request)),
    };
    (reply.unwrap_or_else(Reply::from), None)
}

fn data(
    server: &Arc<Server>,
    version: &str,
    resource: &Resource,
    request: &WireRequest,
    armed: Option<&Armed>,
) -> Answer {
    let fault = armed.map(|armed| &armed.kind);
    let admitted = versions::check(version).and_then(|()| session(server, request, fault));
    let session = match admitted {
        Ok(session) => session,
        Err(error) => return (error.into(), None),
    };
    let running = match server.limits.admit(server.now()) {
        Ok(running) => running,
        Err(hit) => {
            let error = ApiError::request("REQUEST_LIMIT_EXCEEDED", hit.message());
            return (ApiError { status: 403, ..error }.into(), None);
        }
    };
    server.calls.count(1);
    let exchange = Exchange {
        server: server.clone(),
        session,
        version: version.to_owned(),
        fault: armed.cloned(),
        journal: None,
    };
    let reply = match fault.and_then(mishap::in_the_org) {
        Some(reply) => reply,
        None => resources::answer(&exchange, resource, request),
    };
    let reply = reply.with("sforce-limit-info", &server.limits.info(server.now()));
    (versions::warn(version, reply), Some(running))
}

/// The session of a call, or the 401 of section 1.15.
fn session(server: &Server, request: &WireRequest, fault: Option<&FaultKind>) -> Result<Session, ApiError> {
    let token =
        oauth::bearer(request).ok_or_else(|| unauthorized("INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE"))?;
    match fault {
        Some(FaultKind::TokenRevoked) => {
            server.tokens.revoke(token);
        }
        Some(FaultKind::Unauthorized) => return Err(expired()),
        _ => {}
    }
    let session = server.tokens.session(token, server.now()).ok_or_else(expired)?;
    let scopes: Vec<&str> = session.grant.scope.split(' ').collect();
    if scopes.contains(&"api") || scopes.contains(&"full") {
        return Ok(session);
    }
    Err(unauthorized("INVALID_SESSION_ID", "This session is not valid for use with the REST API"))
}

fn expired() -> ApiError {
    unauthorized("INVALID_SESSION_ID", "Session expired or invalid")
}

fn unauthorized(code: &'static str, message: &str) -> ApiError {
    ApiError { status: 401, ..ApiError::request(code, message) }
}
