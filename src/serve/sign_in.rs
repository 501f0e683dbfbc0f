//! Signing in and out of a connection: the address to open in a browser, the call that comes back from Salesforce, who it was.

use axum::Json;
use axum::extract::{Path, RawQuery};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};

use super::answer::Refusal;
use super::page::notice;
use super::router::Daemon;
use crate::model::ConnectionName;
use crate::runtime::control::{SignInBegun, SignInState};
use crate::runtime::sign_in::Disconnected;

pub(super) async fn begin(
    Daemon(control): Daemon,
    Path(name): Path<ConnectionName>,
) -> Result<Json<SignInBegun>, Refusal> {
    Ok(Json(control.sign_in(&name).await?))
}

pub(super) async fn state(
    Daemon(control): Daemon,
    Path(name): Path<ConnectionName>,
) -> Result<Json<SignInState>, Refusal> {
    Ok(Json(control.signed_in(&name).await?))
}

pub(super) async fn end(
    Daemon(control): Daemon,
    Path(name): Path<ConnectionName>,
) -> Result<Json<Disconnected>, Refusal> {
    Ok(Json(control.disconnect(&name).await?))
}

/// For the person at the browser.
pub(super) async fn callback(Daemon(control): Daemon, RawQuery(query): RawQuery) -> Response {
    match control.sign_in_answered(query.as_deref().unwrap_or_default()).await {
        Ok(text) => Html(notice("Signed in", &text)).into_response(),
        Err(error) => {
            let text = [error.message, error.help].join(". ");
            let text = text.trim_end_matches([' ', '.']).to_owned() + ".";
            (StatusCode::BAD_REQUEST, Html(notice("Not signed in", &text))).into_response()
        }
    }
}
