//! Which path is answered by what, and what is true for all answers: they are not cached, a body has at most 1 MiB, nothing but a plan and an
//! undo takes longer than two minutes, and no log line holds a path with a record's id.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{DefaultBodyLimit, FromRequestParts, MatchedPath, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post};

use super::access::{Door, admit, meant};
use super::answer::Refusal;
use super::hooks::Gates;
use super::{configuration, failures, health, hooks, links, page, pipelines, plan, sign_in, undo};
use crate::runtime::control::Control;

const LARGEST_BODY: usize = 1 << 20;
const LONGEST: Duration = Duration::from_secs(120);
/// Reads a whole object, which takes the time that it takes.
const PLAN: &str = "/api/plan";
/// Reads and writes all records of a run, which takes the time that it takes, too.
const UNDO: &str = "/api/pipelines/{name}/undo";

/// The daemon, once its state is opened and its files were loaded for the first time.
pub type ControlSlot = Arc<OnceLock<Arc<dyn Control>>>;

/// What every answer may use.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) control: ControlSlot,
    pub(super) door: Door,
    /// How many calls from outside are read.
    pub(super) gates: Arc<Gates>,
}

/// The daemon of a request; while it is starting the request is refused.
pub(super) struct Daemon(pub(super) Arc<dyn Control>);

impl FromRequestParts<Shared> for Daemon {
    type Rejection = Refusal;

    async fn from_request_parts(_: &mut Parts, shared: &Shared) -> Result<Self, Refusal> {
        shared.control.get().map(|control| Self(Arc::clone(control))).ok_or_else(starting)
    }
}

/// Said until the state is opened and the files were loaded once.
pub(super) fn starting() -> Refusal {
    let help = "it is ready once the state is opened and the files were loaded once: GET /readyz";
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the daemon is starting", help)
}

/// All of section 7.3 for one listener.
pub fn router(control: ControlSlot, door: Door) -> Router {
    let shared = Shared { control, door, gates: Arc::default() };
    let guarded = guarded().route_layer(middleware::from_fn_with_state(shared.clone(), admit));
    open()
        .merge(calls())
        .merge(guarded)
        .fallback(unknown)
        .method_not_allowed_fallback(not_allowed)
        .layer(middleware::from_fn_with_state(shared.clone(), meant))
        .layer(middleware::from_fn(bounded))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(shared)
}

/// Shows no record and changes nothing.
fn open() -> Router<Shared> {
    Router::new()
        .route("/", get(page::status))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .route("/api/pipelines", get(pipelines::all))
        .route("/api/pipelines/{name}", get(pipelines::one))
        .route("/oauth/callback", get(sign_in::callback))
}

/// Proves by itself who it is.
fn calls() -> Router<Shared> {
    Router::new()
        .route("/hooks/{connection}", post(hooks::of_org))
        .route("/hooks/{connection}/{resource}", post(hooks::of_app))
        .route("/hooks/{connection}/outbound/{token}", post(hooks::messages))
}

/// Changes something, or shows records.
fn guarded() -> Router<Shared> {
    Router::new()
        .route("/api/pipelines/{name}", delete(pipelines::forget))
        .route("/api/pipelines/{name}/sync", post(pipelines::sync))
        .route("/api/pipelines/{name}/pause", post(pipelines::pause))
        .route("/api/pipelines/{name}/resume", post(pipelines::resume))
        .route("/api/pipelines/{name}/approve", post(pipelines::approve))
        .route(UNDO, post(undo::undo))
        .route("/api/failures", get(failures::list))
        .route("/api/failures/retry", post(failures::retry_some))
        .route("/api/failures/{id}", get(failures::show).delete(failures::forget))
        .route("/api/failures/{id}/retry", post(failures::retry))
        .route("/api/failures/{id}/resolve", post(failures::resolve))
        .route("/api/links/{name}", get(links::list))
        .route("/api/links/{name}/{side}/{key}", get(links::show).delete(links::unlink))
        .route("/api/records/{id}", get(links::why))
        .route(
            "/api/connections/{name}/sign-in",
            post(sign_in::begin).get(sign_in::state).delete(sign_in::end),
        )
        .route(PLAN, post(plan::plan))
        .route("/api/check", post(configuration::check))
        .route("/api/schemas", get(configuration::schemas))
        .route("/-/reload", post(configuration::reload))
}

/// The query of a request, or what is wrong with it.
pub(super) fn query<T>(asked: Result<Query<T>, QueryRejection>) -> Result<T, Refusal> {
    asked.map(|Query(value)| value).map_err(|rejection| {
        Refusal::bad_request(rejection.body_text(), "correct the query of the address, or leave it out")
    })
}

async fn unknown() -> Refusal {
    Refusal::not_found(
        "there is nothing at this path",
        "GET / shows the status; the API begins at /api/pipelines",
    )
}

async fn not_allowed() -> Refusal {
    let help = "reading is GET; sync, pause, resume, approve, undo, retry, reload and check are POST";
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "this path does not answer that method", help)
}

async fn bounded(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let mut response = if matches!(path.as_deref(), Some(PLAN | UNDO)) {
        next.run(request).await
    } else {
        match tokio::time::timeout(LONGEST, next.run(request)).await {
            Ok(response) => response,
            Err(_) => too_slow().into_response(),
        }
    };
    let (status, took) = (response.status().as_u16(), began.elapsed());
    tracing::debug!(%method, path = path.as_deref().unwrap_or("unknown"), status, ?took, "answered");
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn too_slow() -> Refusal {
    let help = "it may still be going on; sfsync status shows what came of it";
    Refusal::new(StatusCode::GATEWAY_TIMEOUT, "this took longer than two minutes", help)
}
