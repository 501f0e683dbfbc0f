//! Pipelines: their status, and what people can tell them.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::answer::{Forgotten, Refusal};
use super::router::{Daemon, query};
use crate::model::{Key, PipelineName};
use crate::runtime::control::ApiUse;
use crate::runtime::status::PipelineStatus;

/// `GET /api/pipelines` and `sfsync status --json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusAnswer {
    /// By name.
    pub pipelines: Vec<PipelineStatus>,
    /// Use of each org's API.
    pub api: Vec<ApiUse>,
}

/// `POST /api/pipelines/<name>/sync?full=true&record=<id>`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyncQuery {
    /// Compare everything.
    #[serde(default)]
    pub full: bool,
    /// Only this Salesforce record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
}

/// `POST /api/pipelines/<name>/pause?by=<who>`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PauseQuery {
    /// Who pauses; shown in the status.
    #[serde(default)]
    pub by: String,
}

/// The answer to a request that a pipeline carries out by itself: look at its status for what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The pipeline.
    pub pipeline: PipelineName,
    /// `sync`, `pause`, `resume`, `approve`.
    pub accepted: String,
}

fn accepted(pipeline: PipelineName, what: &str) -> (StatusCode, Json<Accepted>) {
    (StatusCode::ACCEPTED, Json(Accepted { pipeline, accepted: what.to_owned() }))
}

type Answer = Result<(StatusCode, Json<Accepted>), Refusal>;

pub(super) async fn all(Daemon(control): Daemon) -> Json<StatusAnswer> {
    Json(StatusAnswer { pipelines: control.pipelines(), api: control.api_use() })
}

pub(super) async fn one(
    Daemon(control): Daemon,
    Path(name): Path<PipelineName>,
) -> Result<Json<PipelineStatus>, Refusal> {
    let missing = || Refusal::not_found(format!("there is no pipeline {name}"), "sfsync status lists them");
    control.pipeline(&name).map(Json).ok_or_else(missing)
}

pub(super) async fn sync(
    Daemon(control): Daemon,
    Path(name): Path<PipelineName>,
    asked: Result<Query<SyncQuery>, QueryRejection>,
) -> Answer {
    let asked = query(asked)?;
    let record = asked.record.as_deref().map(Key::salesforce);
    control.sync(&name, asked.full, record).await?;
    Ok(accepted(name, "sync"))
}

pub(super) async fn pause(
    Daemon(control): Daemon,
    Path(name): Path<PipelineName>,
    asked: Result<Query<PauseQuery>, QueryRejection>,
) -> Answer {
    let asked = query(asked)?;
    let by = if asked.by.is_empty() { "somebody over HTTP" } else { &asked.by };
    control.pause(&name, by).await?;
    Ok(accepted(name, "pause"))
}

pub(super) async fn resume(Daemon(control): Daemon, Path(name): Path<PipelineName>) -> Answer {
    control.resume(&name).await?;
    Ok(accepted(name, "resume"))
}

pub(super) async fn approve(Daemon(control): Daemon, Path(name): Path<PipelineName>) -> Answer {
    control.approve(&name).await?;
    Ok(accepted(name, "approve"))
}

pub(super) async fn forget(
    Daemon(control): Daemon,
    Path(name): Path<PipelineName>,
) -> Result<Json<Forgotten>, Refusal> {
    control.forget(&name).await?;
    Ok(Json(Forgotten { forgotten: name.to_string() }))
}
