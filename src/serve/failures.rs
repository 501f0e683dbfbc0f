//! Records that could not be settled: list, try again, forget. They show record values, so all of it needs the token.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::answer::{Forgotten, Refusal};
use super::router::{Daemon, query};
use crate::model::{PipelineName, Side};
use crate::runtime::control::{Control, FailureFilter, FailureView};

/// Which failures: `?pipeline=…&code=…&id=…`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailureQuery {
    /// Of this pipeline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
    /// With this code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// With an id that begins so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl From<FailureQuery> for FailureFilter {
    fn from(query: FailureQuery) -> Self {
        let pipeline = query.pipeline.as_deref().map(PipelineName::from);
        Self { pipeline, id: query.id, code: query.code }
    }
}

/// `GET /api/failures`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureList {
    /// Newest first.
    pub failures: Vec<FailureView>,
}

/// `POST /api/failures/retry`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retried {
    /// How many are tried again now.
    pub retried: usize,
}

pub(super) async fn list(
    Daemon(control): Daemon,
    asked: Result<Query<FailureQuery>, QueryRejection>,
) -> Result<Json<FailureList>, Refusal> {
    let failures = control.failures(query(asked)?.into()).await?;
    Ok(Json(FailureList { failures }))
}

pub(super) async fn retry_some(
    Daemon(control): Daemon,
    asked: Result<Query<FailureQuery>, QueryRejection>,
) -> Result<Json<Retried>, Refusal> {
    let retried = control.retry(query(asked)?.into()).await?;
    Ok(Json(Retried { retried }))
}

pub(super) async fn show(
    Daemon(control): Daemon,
    Path(id): Path<String>,
) -> Result<Json<FailureView>, Refusal> {
    only(&control, id).await.map(Json)
}

pub(super) async fn retry(Daemon(control): Daemon, Path(id): Path<String>) -> Result<Json<Retried>, Refusal> {
    let failure = only(&control, id).await?.failure;
    let filter = FailureFilter { id: Some(failure.id.0), ..FailureFilter::default() };
    let retried = control.retry(filter).await?;
    Ok(Json(Retried { retried }))
}

pub(super) async fn forget(
    Daemon(control): Daemon,
    Path(id): Path<String>,
) -> Result<Json<Forgotten>, Refusal> {
    let failure = only(&control, id).await?.failure;
    control.drop_failure(&failure.id).await?;
    Ok(Json(Forgotten { forgotten: failure.id.0 }))
}

/// Whose values count: `?take=salesforce`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResolveQuery {
    /// The side.
    pub take: Side,
}

/// `POST /api/failures/<id>/resolve`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    /// Id of the failure.
    pub resolved: String,
    /// Whose values count.
    pub take: Side,
}

pub(super) async fn resolve(
    Daemon(control): Daemon,
    Path(id): Path<String>,
    asked: Result<Query<ResolveQuery>, QueryRejection>,
) -> Result<Json<Resolved>, Refusal> {
    let take = query(asked)?.take;
    let failure = only(&control, id).await?.failure;
    control.resolve(&failure.id, take).await?;
    Ok(Json(Resolved { resolved: failure.id.0, take }))
}

/// The one failure whose id begins so.
async fn only(control: &Arc<dyn Control>, id: String) -> Result<FailureView, Refusal> {
    let filter = FailureFilter { id: Some(id.clone()), ..FailureFilter::default() };
    let mut found = control.failures(filter).await?;
    if let Some(exact) = found.iter().position(|view| view.failure.id.0 == id) {
        return Ok(found.swap_remove(exact));
    }
    match found.len() {
        0 => Err(Refusal::not_found(format!("there is no failure {id}"), "sfsync failures list shows them")),
        1 => Ok(found.swap_remove(0)),
        many => {
            let error = format!("{many} failures have an id that begins with {id}");
            Err(Refusal::new(StatusCode::CONFLICT, error, "give more characters of the id"))
        }
    }
}
