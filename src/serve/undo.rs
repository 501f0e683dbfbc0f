//! What the last run of a pipeline wrote is taken back, or what that would be. It shows record values, so all of it needs the token.

use axum::Json;
use axum::extract::Path;
use axum::extract::rejection::JsonRejection;

use super::answer::Refusal;
use super::router::Daemon;
use crate::model::PipelineName;
use crate::runtime::control::UndoQuery;
use crate::runtime::undo::UndoReport;

/// `POST /api/pipelines/<name>/undo`
pub(super) async fn undo(
    Daemon(control): Daemon,
    Path(name): Path<PipelineName>,
    asked: Result<Json<UndoQuery>, JsonRejection>,
) -> Result<Json<UndoReport>, Refusal> {
    let Json(asked) = asked.map_err(|rejection| {
        let help = "send {\"act\": false, \"limit\": 20} as application/json";
        Refusal::bad_request(rejection.body_text(), help)
    })?;
    Ok(Json(control.undo(&name, asked).await?))
}
