//! Is the process alive, is it ready, and its numbers.

use axum::Json;
use axum::http::header;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};

use super::answer::Refusal;
use super::router::{Daemon, starting};

/// `GET /healthz`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alive {
    /// `alive`
    pub status: String,
    /// Version of the daemon.
    pub version: String,
    /// Its process.
    pub pid: u32,
}

/// `GET /readyz`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ready {
    /// `ready`
    pub status: String,
}

/// Alive: the process answers.
pub(super) async fn healthz() -> Json<Alive> {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Json(Alive { status: "alive".to_owned(), version, pid: std::process::id() })
}

/// Ready: state opened and first load of files done. A broken pipeline file does not make the daemon unready.
pub(super) async fn readyz(Daemon(control): Daemon) -> Result<Json<Ready>, Refusal> {
    if control.is_ready() {
        return Ok(Json(Ready { status: "ready".to_owned() }));
    }
    Err(starting())
}

/// The registry, as Prometheus reads it.
pub(super) async fn metrics(Daemon(control): Daemon) -> impl IntoResponse {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], control.metrics())
}
