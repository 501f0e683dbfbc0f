//! Remembered pairs, and why a record is or is not synced.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};
use serde::{Deserialize, Serialize};

use super::answer::{Forgotten, Refusal};
use super::router::{Daemon, query};
use crate::model::{Key, PipelineName, Side};
use crate::runtime::control::{LinkView, Why};

/// Pairs of one answer, if nothing else is asked for, and at most.
const PAGE: usize = 100;
const MOST: usize = 10_000;

/// Which pairs: `?after=<salesforce id>&limit=<n>`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkQuery {
    /// Only pairs after this Salesforce id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// At most so many; 100 if nothing is said, never more than 10,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// `GET /api/links/<pipeline>`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkList {
    /// In the order of Salesforce ids.
    pub links: Vec<LinkView>,
    /// Where the next answer begins; `null` at the end.
    pub after: Option<Key>,
}

pub(super) async fn list(
    Daemon(control): Daemon,
    Path(name): Path<PipelineName>,
    asked: Result<Query<LinkQuery>, QueryRejection>,
) -> Result<Json<LinkList>, Refusal> {
    let asked = query(asked)?;
    let limit = asked.limit.unwrap_or(PAGE).clamp(1, MOST);
    let after = asked.after.as_deref().map(Key::salesforce);
    let links = control.links(&name, after, limit).await?;
    let after = links.last().filter(|_| links.len() == limit).map(|link| link.salesforce.clone());
    Ok(Json(LinkList { links, after }))
}

pub(super) async fn show(
    Daemon(control): Daemon,
    Path((name, side, key)): Path<(PipelineName, String, String)>,
) -> Result<Json<LinkView>, Refusal> {
    let (side, key) = of_side(&side, &key)?;
    let found = control.link(&name, side, &key).await?;
    let missing =
        || Refusal::not_found(format!("{name} has no link of {key}"), format!("try sfsync why {key}"));
    found.map(Json).ok_or_else(missing)
}

pub(super) async fn unlink(
    Daemon(control): Daemon,
    Path((name, side, key)): Path<(PipelineName, String, String)>,
) -> Result<Json<Forgotten>, Refusal> {
    let (side, key) = of_side(&side, &key)?;
    if side == Side::App {
        let help = "an app record may have several pairs: name the one by its Salesforce id";
        return Err(Refusal::bad_request("a pair is forgotten by its Salesforce id", help));
    }
    control.unlink(&name, &key).await?;
    Ok(Json(Forgotten { forgotten: key.to_string() }))
}

/// The record that a path names.
fn of_side(side: &str, key: &str) -> Result<(Side, Key), Refusal> {
    match side {
        "salesforce" => Ok((Side::Salesforce, Key::salesforce(key))),
        "app" => Ok((Side::App, Key::app(key))),
        _ => Err(Refusal::bad_request(format!("{side} is no side"), "the sides are salesforce and app")),
    }
}

pub(super) async fn why(Daemon(control): Daemon, Path(id): Path<String>) -> Result<Json<Why>, Refusal> {
    Ok(Json(control.why(&id).await?))
}
