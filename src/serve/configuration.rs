//! Files: load them now, or check one that is not on the server.

use axum::Json;
use axum::extract::Query;
use axum::extract::rejection::{QueryRejection, StringRejection};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::answer::Refusal;
use super::router::{Daemon, query};
use crate::runtime::control::ReloadReport;
use crate::runtime::schemas::Schemas;

/// `POST /api/check?file=<name>`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckQuery {
    /// The file it would be: `projects.yaml`, `connections/salesforce.yaml`, `settings.yaml`.
    pub file: String,
}

type Answer = Result<(StatusCode, Json<ReloadReport>), Refusal>;

/// 200 where every file may run, 422 where one may not; the diagnostics come with both.
fn answer(report: ReloadReport) -> (StatusCode, Json<ReloadReport>) {
    let bad = report.files.iter().any(|file| file.errors > 0)
        || report.diagnostics.iter().any(|message| message.severity == "error");
    (if bad { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }, Json(report))
}

pub(super) async fn reload(Daemon(control): Daemon) -> Answer {
    Ok(answer(control.reload().await?))
}

/// Names and types of fields, no record; but what an org calls its fields is not for everybody.
pub(super) async fn schemas(Daemon(control): Daemon) -> Json<Schemas> {
    Json(control.schemas())
}

pub(super) async fn check(
    Daemon(control): Daemon,
    asked: Result<Query<CheckQuery>, QueryRejection>,
    text: Result<String, StringRejection>,
) -> Answer {
    let asked = query(asked)?;
    let text = text.map_err(|rejection| {
        Refusal::new(
            rejection.status(),
            "the body is not a text of at most 1 MiB",
            "send the file as it is, in UTF-8",
        )
    })?;
    Ok(answer(control.check(&asked.file, &text).await?))
}
