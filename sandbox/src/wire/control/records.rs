//! Records by the control interface: single changes, random edits, generated populations, the recycle bin.
//! What is written here does not count as an API call and needs no permission.

use axum::http::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::done;
use crate::org::{ApiError, Conversion, EditMix, Population, VisibilityRule};
use crate::wire::reply::Reply;
use crate::wire::request::WireRequest;
use crate::wire::server::Server;

pub(super) fn answer(server: &Server, path: &[&str], request: &WireRequest) -> Result<Reply, ApiError> {
    let org = &server.org;
    match (&request.method, path) {
        (&Method::POST, ["records", object]) => {
            let id = org.insert(object, request.json()?)?;
            Ok(Reply::json(201, &json!({ "id": id.to_string() })))
        }
        (&Method::PATCH, ["records", object, id]) => org.update(object, id, request.json()?).map(changed),
        (&Method::DELETE, ["records", object, id]) if request.query.get("hard") == Some("true") => {
            org.hard_delete(object, id).map(changed)
        }
        (&Method::DELETE, ["records", object, id]) => org.delete(object, id).map(changed),
        (&Method::POST, ["records", object, id, "undelete"]) => org.undelete(object, id).map(changed),
        (&Method::POST, ["records", object, id, "merge"]) => merge(server, object, id, request),
        (&Method::POST, ["convert_lead"]) => convert_lead(server, request),
        (&Method::DELETE, ["recycle_bin"]) => Ok(done(|| org.purge_recycle_bin())),
        (&Method::POST, ["edits"]) => {
            let edits: Edits = request.json()?;
            org.random_edits(edits.seed, edits.count, &edits.mix());
            Ok(Reply::empty(204))
        }
        (&Method::POST, ["generate"]) => {
            org.generate(&request.json::<Counts>()?.population());
            Ok(Reply::empty(204))
        }
        (&Method::POST, ["visibility"]) => {
            let rules: Vec<Rule> = request.json()?;
            org.set_visibility(&rules.into_iter().map(VisibilityRule::from).collect::<Vec<_>>());
            Ok(Reply::empty(204))
        }
        _ => Err(ApiError::not_found()),
    }
}

/// `{"losers": ["…"], "fields": {…}}`: what SOAP and people do, REST cannot.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Merge {
    losers: Vec<String>,
    #[serde(default)]
    fields: Map<String, Value>,
}

fn merge(server: &Server, object: &str, id: &str, request: &WireRequest) -> Result<Reply, ApiError> {
    let wanted: Merge = request.json()?;
    let moved = server.org.merge(object, id, &wanted.losers, &wanted.fields)?;
    let moved: Vec<String> = moved.iter().map(ToString::to_string).collect();
    Ok(Reply::json(200, &json!({ "updated_related_ids": moved })))
}

fn convert_lead(server: &Server, request: &WireRequest) -> Result<Reply, ApiError> {
    let converted = server.org.convert_lead(&request.json::<Conversion>()?)?;
    Ok(Reply::json(
        200,
        &json!({
            "lead": converted.lead.to_string(), "account": converted.account.to_string(),
            "contact": converted.contact.to_string(),
            "opportunity": converted.opportunity.map(|id| id.to_string()),
        }),
    ))
}

/// What the integration user may not see or change: `{"hide_field": ["Account", "Phone"]}`.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Rule {
    HideObject(String),
    HideField(String, String),
    ReadOnlyObject(String),
    ReadOnlyField(String, String),
}

impl From<Rule> for VisibilityRule {
    fn from(rule: Rule) -> Self {
        match rule {
            Rule::HideObject(object) => Self::HideObject(object),
            Rule::HideField(object, field) => Self::HideField(object, field),
            Rule::ReadOnlyObject(object) => Self::ReadOnlyObject(object),
            Rule::ReadOnlyField(object, field) => Self::ReadOnlyField(object, field),
        }
    }
}

fn changed((): ()) -> Reply {
    Reply::empty(204)
}

/// Random edits: how many, and of what kinds (weights).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edits {
    #[serde(default)]
    seed: u64,
    count: usize,
    creates: Option<u32>,
    updates: Option<u32>,
    deletes: Option<u32>,
    undeletes: Option<u32>,
}

impl Edits {
    fn mix(&self) -> EditMix {
        let usual = EditMix::default();
        EditMix {
            creates: self.creates.unwrap_or(usual.creates),
            updates: self.updates.unwrap_or(usual.updates),
            deletes: self.deletes.unwrap_or(usual.deletes),
            undeletes: self.undeletes.unwrap_or(usual.undeletes),
        }
    }
}

/// How many records of each object to generate; what is absent is 0.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Counts {
    accounts: u32,
    contacts: u32,
    leads: u32,
    opportunities: u32,
    tasks: u32,
    events: u32,
    cases: u32,
    emails: u32,
    notes: u32,
    feed_items: u32,
    campaigns: u32,
}

impl Counts {
    fn population(&self) -> Population {
        Population {
            accounts: self.accounts,
            contacts: self.contacts,
            leads: self.leads,
            opportunities: self.opportunities,
            tasks: self.tasks,
            events: self.events,
            cases: self.cases,
            emails: self.emails,
            notes: self.notes,
            feed_items: self.feed_items,
            campaigns: self.campaigns,
        }
    }
}
