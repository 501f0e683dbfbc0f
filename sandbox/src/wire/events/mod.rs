//! The Pub/Sub API: gRPC at the same address as everything else, in HTTP/2 without TLS.
//! May not know what an event says; that is [`crate::org`]. Read [`answer`] first.

mod grpc;
mod proto;
mod subscribe;
mod switches;

use std::sync::Arc;

use axum::body::Body;
use axum::http::Response;
use axum::http::request::Parts;

use self::grpc::{Requests, Status};
use self::proto::{Message, only_text};
pub(crate) use self::switches::Streams;
use super::server::Server;

/// What all methods are below.
const SERVICE: &str = "/eventbus.v1.PubSub/";
/// The trace id of every answer.
const RPC_ID: &str = "08e6cf95-ce52-4389-8e26-e902caee0c17";

/// Whether this is a call of the Pub/Sub API.
pub(crate) fn is_one(path: &str) -> bool {
    path.starts_with(SERVICE)
}

/// Answers a call.
pub(crate) async fn answer(server: Arc<Server>, parts: &Parts, body: Body) -> Response<Body> {
    let method = parts.uri.path().strip_prefix(SERVICE).unwrap_or("").to_owned();
    let token = match admitted(&server, parts) {
        Ok(token) => token,
        Err(status) => return grpc::unary(&method, Err(status)),
    };
    let mut requests = Requests::new(body);
    match method.as_str() {
        "Subscribe" => subscribe::answer(server, token, requests),
        "GetTopic" | "GetSchema" => {
            let message = requests.next().await.unwrap_or_default();
            let outcome = match (only_text(&message), method.as_str()) {
                (None, _) => Err(Status::new(13, "service.unavailable", "The request is no message.")),
                (Some(name), "GetTopic") => topic(&server, &name),
                (Some(id), _) => schema(&server, &id),
            };
            grpc::unary(&method, outcome)
        }
        _ => grpc::unary(&method, Err(Status::new(12, "service.unavailable", "Method not found."))),
    }
}

/// The token of a call whose three headers are right.
fn admitted(server: &Server, parts: &Parts) -> Result<String, Status> {
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let (token, instance, tenant) = (header("accesstoken"), header("instanceurl"), header("tenantid"));
    if token.is_empty() || instance.is_empty() || tenant.is_empty() {
        return Err(Status::new(3, "service.auth.headers.invalid", "A header is missing or blank."));
    }
    if tenant != server.org.org_id().to_string() || !session_lives(server, token) {
        return Err(unauthenticated());
    }
    Ok(token.to_owned())
}

fn session_lives(server: &Server, token: &str) -> bool {
    server.tokens.session(token, server.now()).is_some()
}

fn unauthenticated() -> Status {
    Status::new(16, "service.auth.error", "The authentication failed.")
}

fn topic(server: &Server, name: &str) -> Result<Vec<u8>, Status> {
    if name.is_empty() {
        return Err(Status::new(3, "topic.validation.empty", "The topic name can't be blank."));
    }
    let facts = server.org.topic(name);
    let facts = facts.ok_or_else(|| Status::new(5, "topic.not.found", "The topic can't be found."))?;
    let tenant = format!("core/prod/{}", server.org.org_id());
    let message = Message::default().bytes(1, name.as_bytes()).bytes(2, tenant.as_bytes()).number(4, 1);
    Ok(message.bytes(5, facts.schema_id.as_bytes()).bytes(6, RPC_ID.as_bytes()).done())
}

fn schema(server: &Server, id: &str) -> Result<Vec<u8>, Status> {
    let failed = |text: &str| Status::new(3, "schema.validation.failed", text);
    if id.is_empty() {
        return Err(failed("Schema validation failed. The schema ID can't be blank."));
    }
    let text = server.org.events().lock().schema_text(id);
    let text = text.ok_or_else(|| failed("Schema validation failed. The schema ID isn't known."))?;
    Ok(Message::default()
        .bytes(1, text.as_bytes())
        .bytes(2, id.as_bytes())
        .bytes(3, RPC_ID.as_bytes())
        .done())
}
