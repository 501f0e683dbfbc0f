//! Who may do what. Over the unix socket: everything, the permissions of the socket file decide who can connect. Over TCP: what
//! shows no record and changes nothing is open; all else needs `Authorization: Bearer <admin_token>`, and without an
//! `admin_token` in settings.yaml it is answered on the socket only.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;

use super::answer::Refusal;
use super::router::Shared;
use crate::runtime::hooks::TokenDigest;

/// Which listener a request came in by.
#[derive(Clone)]
pub enum Door {
    /// The unix socket.
    Socket,
    /// TCP, with the digest of the token if one is configured.
    Tcp(Option<Box<TokenDigest>>),
}

impl Door {
    /// The TCP door. The token itself is not kept.
    pub fn tcp(admin_token: Option<&SecretString>) -> Self {
        Self::Tcp(admin_token.and_then(TokenDigest::new).map(Box::new))
    }
}

/// Lets through who may change things and see records.
pub(super) async fn admit(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    match check(&shared.door, request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

fn check(door: &Door, headers: &HeaderMap) -> Result<(), Refusal> {
    let digest = match door {
        Door::Socket => return Ok(()),
        Door::Tcp(None) => {
            return Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "no admin_token is set, so this is answered on the unix socket only",
                "set admin_token in settings.yaml and restart, or use the sfsync command on the machine of the daemon",
            ));
        }
        Door::Tcp(Some(digest)) => digest,
    };
    match bearer(headers) {
        Some(token) if digest.is(token) => Ok(()),
        Some(_) => Err(unauthorized("the token is not the admin_token of this daemon")),
        None => Err(unauthorized("this needs the admin token")),
    }
}

fn unauthorized(error: &str) -> Refusal {
    Refusal::new(StatusCode::UNAUTHORIZED, error, "send the header Authorization: Bearer <admin_token>")
}

/// The token of `Authorization: Bearer`.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked("bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}
