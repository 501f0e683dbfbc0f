//! The resources below `/services/data/vXX.0/`: plain functions from a request to a reply. May not touch the
//! connection, tokens or limits. Read [`answer`] first.

mod collections;
mod composite;
mod describe;
mod graph;
mod query;
mod references;
mod replication;
mod rows;
mod tooling;
mod tree;
mod writing;

pub(crate) use writing::row_error;

use std::sync::Arc;

use axum::http::Method;
use serde_json::{Map, Value, json};

use super::bulk::{self, ingest};
use super::metadata;
use super::oauth::Session;
use super::reply::Reply;
use super::request::WireRequest;
use super::route::Resource;
use super::server::Server;
use crate::faults::{Armed, FaultKind};
use crate::org::{ApiError, Journal};

/// One call that was let in.
#[derive(Clone)]
pub(crate) struct Exchange {
    pub(crate) server: Arc<Server>,
    pub(crate) session: Session,
    /// As in the path, `66.0`.
    pub(crate) version: String,
    pub(crate) fault: Option<Armed>,
    /// The atomic request that this call is a part of.
    pub(crate) journal: Option<Arc<Journal>>,
}

impl Exchange {
    /// The fault that this call meets.
    pub(crate) fn fault(&self) -> Option<&FaultKind> {
        self.fault.as_ref().map(|armed| &armed.kind)
    }

    /// Rows that the fault leaves out at the end of a page.
    pub(crate) fn missing_rows(&self) -> usize {
        match self.fault() {
            Some(FaultKind::FewerRows { missing }) => *missing,
            _ => 0,
        }
    }

    /// `/services/data/v66.0`
    pub(crate) fn base(&self) -> String {
        format!("/services/data/v{}", self.version)
    }
}

/// Answers a call, errors included.
pub(crate) fn answer(exchange: &Exchange, resource: &Resource, request: &WireRequest) -> Reply {
    let Some(FaultKind::LateCommit { object, id, fields }) = exchange.fault() else {
        return dispatch(exchange, resource, request).unwrap_or_else(Reply::from);
    };
    let mut late = exchange.server.org.begin();
    match id {
        Some(id) => late.update(object, id, fields.clone()),
        None => late.insert(object, fields.clone()),
    }
    let reply = dispatch(exchange, resource, request).unwrap_or_else(Reply::from);
    // Rendered before the commit, so that nothing of the late change can be seen in this answer.
    let (status, headers, body) = reply.collect();
    match late.commit() {
        Ok(_) => Reply { status, headers, body: super::reply::ReplyBody::Full(body) },
        Err(error) => ApiError { status: 500, ..error }.into(),
    }
}

fn dispatch(exchange: &Exchange, resource: &Resource, request: &WireRequest) -> Result<Reply, ApiError> {
    let method = request.effective_method();
    allow(&method, allowed(resource))?;
    match resource {
        Resource::Index => Ok(index(exchange)),
        Resource::Limits => Ok(limits(exchange)),
        Resource::Organization => Ok(organization(exchange)),
        Resource::RecordCount => Ok(record_count(exchange, request)),
        Resource::Global => describe::global(exchange, request),
        Resource::Object(name) if request.reads() => describe::brief(exchange, name),
        Resource::Object(name) => rows::create(exchange, name, request),
        Resource::Describe(name) => describe::full(exchange, name, request),
        Resource::Updated(name) => replication::updated(exchange, name, request),
        Resource::Deleted(name) => replication::deleted(exchange, name, request),
        Resource::Record { object, id } => rows::one(exchange, object, id, request),
        Resource::ByKey { object, field, value } => rows::by_key(exchange, (object, field, value), request),
        Resource::Query { all } => query::first(exchange, *all, request),
        Resource::More { locator } => query::more(exchange, locator),
        Resource::Composite => composite::composite(exchange, request),
        Resource::Batch => composite::batch(exchange, request),
        Resource::Collections { object, field } => {
            collections::answer(exchange, (object.as_deref(), field.as_deref()), &method, request)
        }
        Resource::Picklists { object, record_type, field } => {
            describe::picklists(exchange, object, record_type, field.as_deref())
        }
        Resource::BulkJobs if request.reads() => Ok(bulk::list(exchange, request)),
        Resource::BulkJobs => bulk::create(exchange, request),
        Resource::BulkJob(id) => bulk::one(exchange, id, &method, request),
        Resource::BulkResults(id) => bulk::results(exchange, id, request),
        Resource::BulkPages(id) => bulk::pages(exchange, id, request),
        Resource::IngestJobs if request.reads() => Ok(ingest::list(exchange, request)),
        Resource::IngestJobs => ingest::create(exchange, request),
        Resource::IngestJob(id) => ingest::one(exchange, id, &method, request),
        Resource::IngestUpload(id) => ingest::upload(exchange, id, request),
        Resource::IngestResults(id, file) => ingest::results(exchange, id, *file),
        Resource::Graph => graph::graphs(exchange, request),
        Resource::Tree { object } => tree::tree(exchange, object, request),
        Resource::ToolingQuery => tooling::query(exchange, request),
        Resource::ToolingObject(name) => tooling::create(exchange, name, request),
        Resource::ToolingRecord(id) => tooling::change(exchange, id, &method, request),
        Resource::Deployments => metadata::create(exchange, request),
        Resource::Deployment(id) => metadata::status(exchange, id, request),
        Resource::Unknown => Err(ApiError::not_found()),
    }
}

fn allowed(resource: &Resource) -> &'static [&'static str] {
    match resource {
        Resource::Object(_)
        | Resource::Collections { object: Some(_), field: None }
        | Resource::BulkJobs
        | Resource::IngestJobs => &["HEAD", "GET", "POST"],
        Resource::Record { id, .. } if id.eq_ignore_ascii_case("Id") => &["POST"],
        Resource::Record { .. } | Resource::ByKey { .. } | Resource::BulkJob(_) | Resource::IngestJob(_) => {
            &["HEAD", "GET", "PATCH", "DELETE"]
        }
        Resource::Collections { field: Some(_), .. } => &["PATCH"],
        Resource::Collections { .. } => &["POST", "PATCH", "DELETE"],
        Resource::ToolingRecord(_) => &["PATCH", "DELETE"],
        Resource::IngestUpload(_) => &["PUT"],
        Resource::Composite
        | Resource::Batch
        | Resource::Graph
        | Resource::Tree { .. }
        | Resource::ToolingObject(_)
        | Resource::Deployments => &["POST"],
        _ => &["HEAD", "GET"],
    }
}

fn allow(method: &Method, allowed: &[&str]) -> Result<(), ApiError> {
    if allowed.contains(&method.as_str()) {
        return Ok(());
    }
    let message = format!("HTTP Method '{method}' not allowed. Allowed are {}", allowed.join(","));
    Err(ApiError { status: 405, ..ApiError::request("METHOD_NOT_ALLOWED", message) })
}

/// `GET /services/data/v66.0/`: what there is, the identity URL included.
fn index(exchange: &Exchange) -> Reply {
    let mut out = Map::new();
    for name in ["queryAll", "query", "sobjects", "composite", "jobs", "limits"] {
        out.insert(name.to_owned(), format!("{}/{name}", exchange.base()).into());
    }
    let Server { url, org, .. } = &*exchange.server;
    let identity = format!("{url}/id/{}/{}", org.org_id(), exchange.session.grant.user);
    out.insert("identity".to_owned(), identity.into());
    Reply::json(200, &Value::Object(out))
}

fn limits(exchange: &Exchange) -> Reply {
    let server = &exchange.server;
    let now = server.now();
    Reply::json(
        200,
        &server.limits.document(
            now,
            server.jobs.created_since_yesterday(now),
            server.ingest.batches_since_yesterday(now),
        ),
    )
}

/// `GET /connect/organization`: the currency of an org that has but one is told nowhere else.
fn organization(exchange: &Exchange) -> Reply {
    let config = exchange.server.org.config();
    let mut features = json!({ "chatter": true, "multiCurrency": config.multicurrency });
    if !config.multicurrency {
        features["defaultCurrencyIsoCode"] = json!(config.currency);
    }
    let org = exchange.server.org.org_id().to_string();
    Reply::json(200, &json!({ "features": features, "name": config.name, "orgId": org }))
}

/// `GET /limits/recordCount?sObjects=A,B`; unknown objects are left out.
fn record_count(exchange: &Exchange, request: &WireRequest) -> Reply {
    let org = &exchange.server.org;
    let names: Vec<String> = match request.query.get("sObjects") {
        Some(names) => names.split(',').map(|name| name.trim().to_owned()).collect(),
        None => org.object_names(),
    };
    let count = |name: String| org.record_count(&name).map(|count| json!({ "count": count, "name": name }));
    Reply::json(200, &json!({ "sObjects": names.into_iter().filter_map(count).collect::<Vec<_>>() }))
}
