//! Signing in through a browser: the address to open, and the call that comes back from Salesforce.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};
use serde::{Deserialize, Serialize};

use super::answer::Refusal;
use super::page::notice;
use super::router::Shared;
use crate::model::ConnectionName;

/// What the runtime can do for a sign-in by `authorization_code`.
#[async_trait::async_trait]
pub trait SignIn: Send + Sync {
    /// Begins a sign-in; returns the address to open in a browser. A second call makes the first one's address invalid.
    async fn start(&self, connection: &ConnectionName) -> Result<String, SignInError>;
    /// The query of the call that came back; checks `state`, exchanges the code, keeps the token. Returns one sentence for the
    /// person at the browser.
    async fn callback(&self, query: &str) -> Result<String, SignInError>;
}

/// Why nobody is signed in, in words for the person at the browser.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SignInError {
    /// One sentence, without codes and tokens.
    pub message: String,
}

/// `POST /api/connections/<name>/sign-in`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInStarted {
    /// The address to open in a browser.
    pub url: String,
}

pub(super) async fn start(
    State(shared): State<Shared>,
    Path(name): Path<ConnectionName>,
) -> Result<Json<SignInStarted>, Refusal> {
    let Some(sign_in) = &shared.sign_in else { return Err(none()) };
    let refused = |error: SignInError| Refusal::new(StatusCode::CONFLICT, error.message, "");
    sign_in.start(&name).await.map(|url| Json(SignInStarted { url })).map_err(refused)
}

pub(super) async fn callback(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    let Some(sign_in) = &shared.sign_in else {
        return (StatusCode::NOT_FOUND, Html(notice("Nobody is signing in", "Begin with sfsync connect.")))
            .into_response();
    };
    match sign_in.callback(query.as_deref().unwrap_or_default()).await {
        Ok(text) => Html(notice("Signed in", &text)).into_response(),
        Err(error) => {
            (StatusCode::BAD_REQUEST, Html(notice("Not signed in", &error.message))).into_response()
        }
    }
}

fn none() -> Refusal {
    Refusal::not_found(
        "this daemon has no connection that people sign in to",
        "set auth.flow: authorization_code",
    )
}
