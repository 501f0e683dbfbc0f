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

/// In which the command line says which configuration folder it means. Two daemons may run on one machine, and a command in the folder of
/// one of them must not reach the other.
pub const FOLDER: &str = "x-sfsync-folder";

/// Refuses what is meant for the daemon of another folder.
pub(super) async fn meant(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    use std::os::unix::ffi::OsStrExt as _;
    let runs = shared.control.get().and_then(|control| control.folder());
    match (runs, request.headers().get(FOLDER)) {
        (Some(runs), Some(meant)) if runs.as_os_str().as_bytes() != meant.as_bytes() => {
            let (runs, meant) = (runs.display(), String::from_utf8_lossy(meant.as_bytes()));
            Refusal::new(
                StatusCode::CONFLICT,
                format!("the daemon that answers runs the folder {runs}, and this command means {meant}"),
                format!("for that daemon add --config {runs}; for another one start it, and name its socket with --socket"),
            )
            .into_response()
        }
        _ => next.run(request).await,
    }
}

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
