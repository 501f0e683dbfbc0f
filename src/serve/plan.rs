//! What a sync would do, for the command line.

use axum::Json;
use axum::extract::rejection::JsonRejection;

use super::answer::Refusal;
use super::router::Daemon;
use crate::runtime::control::PlanQuery;
use crate::runtime::planning::PlanAnswer;

/// `POST /api/plan`
pub(super) async fn plan(
    Daemon(control): Daemon,
    asked: Result<Json<PlanQuery>, JsonRejection>,
) -> Result<Json<PlanAnswer>, Refusal> {
    let Json(asked) = asked.map_err(|rejection| {
        let help = "send {\"names\": [], \"limit\": 20} as application/json";
        Refusal::bad_request(rejection.body_text(), help)
    })?;
    Ok(Json(control.plan(asked).await?))
}
