//! What the app does when nothing goes wrong: who may, what a path means, and single records.
//! May not page lists. Read [`answer`].

use axum::body::Body;
use axum::http::{HeaderValue, Method, header};
use axum::response::Response;
use serde_json::{Value as Json, json};

use super::database::{Record, shown};
use super::description::{Auth, Description, FieldType, Resource};
use super::list::list;
use super::script::{self, Seen};
use super::{Shared, State, Verb};

/// What a path means.
pub(super) struct Target<'a> {
    pub(super) name: &'a str,
    pub(super) resource: &'a Resource,
    pub(super) parent: Option<String>,
    pub(super) id: Option<String>,
}

/// An answer, or the answer that ends it early.
type Answered = Result<Response, Refused>;

/// Why it ends early.
pub(super) enum Refused {
    With(Box<Response>),
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for Refused {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

fn refused<T>(status: u16, body: &Json) -> Result<T, Refused> {
    Err(Refused::With(Box::new(reply(status, body))))
}

/// Answers one request.
pub(super) fn answer(shared: &Shared, seen: &Seen) -> Response {
    let mut state = shared.lock();
    match answered(shared, &mut state, seen) {
        Ok(response) => response,
        Err(Refused::With(response)) => *response,
        Err(Refused::Database(error)) => reply(500, &json!({ "error": error.to_string() })),
    }
}

fn answered(shared: &Shared, state: &mut State, seen: &Seen) -> Answered {
    let description = &shared.description;
    let Some(path) = seen.path.strip_prefix(description.base.as_str()) else {
        return refused(404, &json!({ "error": "no such path" }));
    };
    if path == "/token" {
        return token(description, state, seen);
    }
    if !allowed(description, state, seen) {
        return refused(401, &json!({ "error": "unauthorized", "hint": seen.header("authorization") }));
    }
    if path == "/me" {
        return Ok(reply(200, &json!({ "id": 1, "name": "Sync" })));
    }
    let Some(target) = target(description, path) else {
        return refused(404, &json!({ "error": "no such path" }));
    };
    match (&seen.method, &target.id) {
        (&Method::GET, None) => Ok(list(shared, state, &target, seen)?),
        (&Method::POST, None) => create(shared, state, &target, seen),
        (&Method::GET, Some(id)) => {
            let (_, record) = found(state, &target, id)?;
            Ok(single(200, target.resource, record))
        }
        (&Method::PATCH | &Method::PUT, Some(id)) => update(shared, state, &target, (seen, id)),
        (&Method::DELETE, Some(id)) => {
            let (number, _) = found(state, &target, id)?;
            match state.database.remove(target.name, target.resource, number)? {
                Some(record) => shared.tell(target.name, Verb::Deleted, record),
                None => return refused(404, &json!({ "error": "not found" })),
            }
            Ok(reply(204, &Json::Null))
        }
        _ => refused(405, &json!({ "error": "method not allowed" })),
    }
}

pub(super) fn reply(status: u16, body: &Json) -> Response {
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    script::answer(status, "application/json", body)
}

fn token(description: &Description, state: &mut State, seen: &Seen) -> Answered {
    let Auth::Oauth { secret, rotates, .. } = &description.auth else { return refused(404, &json!({})) };
    let given = |name: &str| {
        let mut pairs = form_urlencoded::parse(seen.text.as_bytes());
        pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    };
    let refresh_is_good = state.refresh.is_none() || given("refresh_token") == state.refresh;
    if given("client_secret").as_ref() != Some(secret) || !refresh_is_good {
        return refused(400, &json!({ "error": "invalid_grant" }));
    }
    state.tokens += 1;
    let mut granted = json!({ "access_token": format!("token-{}", state.tokens), "expires_in": 3600 });
    if *rotates {
        let next = format!("refresh-{}", state.tokens);
        granted["refresh_token"] = Json::from(next.clone());
        state.refresh = Some(next);
    }
    Ok(reply(200, &granted))
}

fn allowed(description: &Description, state: &State, seen: &Seen) -> bool {
    let bearer = |token: &str| seen.header("authorization") == Some(format!("Bearer {token}").as_str());
    match &description.auth {
        Auth::Open => true,
        Auth::Bearer(token) => bearer(token),
        Auth::Header { name, value } => seen.header(name) == Some(value),
        Auth::Param { name, value } => seen.param(name) == Some(value),
        Auth::Oauth { .. } => bearer(&format!("token-{}", state.tokens)),
    }
}

fn target<'a>(description: &'a Description, path: &str) -> Option<Target<'a>> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    description.resources.iter().find_map(|(name, resource)| {
        let pattern: Vec<&str> = resource.path.trim_matches('/').split('/').collect();
        let extra = parts.len().checked_sub(pattern.len()).filter(|extra| *extra <= 1)?;
        let mut parent = None;
        for (wanted, part) in pattern.iter().zip(&parts) {
            match *wanted {
                "{parent}" => parent = Some((*part).to_owned()),
                wanted if wanted != *part => return None,
                _ => {}
            }
        }
        let id = (extra == 1).then(|| parts[parts.len() - 1].to_owned());
        Some(Target { name, resource, parent, id })
    })
}

fn found(state: &State, target: &Target<'_>, id: &str) -> Result<(u64, Record), Refused> {
    let number = id.trim_start_matches('r').parse().unwrap_or(0);
    let record = state.database.get(target.name, number)?.filter(|record| belongs(target, record));
    record.map_or_else(|| refused(404, &json!({ "error": "not found" })), |record| Ok((number, record)))
}

fn belongs(target: &Target<'_>, record: &Record) -> bool {
    match (&target.parent, &target.resource.parent) {
        (Some(parent), Some(field)) => record.get(field).is_some_and(|value| shown(value) == *parent),
        _ => true,
    }
}

fn single(status: u16, resource: &Resource, record: Record) -> Response {
    let record = Json::Object(record);
    match &resource.record {
        Some(member) => reply(status, &json!({ member: record })),
        None => reply(status, &record),
    }
}

fn create(shared: &Shared, state: &mut State, target: &Target<'_>, seen: &Seen) -> Answered {
    let (name, resource) = (target.name, target.resource);
    let attempt = seen.header("idempotency-key").map(str::to_owned);
    if let Some(number) = attempt.as_ref().and_then(|key| state.attempts.get(key)) {
        let record = state.database.get(name, *number)?.unwrap_or_default();
        return Ok(single(201, resource, record));
    }
    let mut record = body(resource, seen)?;
    let called = record.get("name").and_then(Json::as_str).unwrap_or_default();
    if let Some(refusal) = resource.refused.iter().find(|refusal| refusal.name == called) {
        return Ok(script::answer(refusal.status, "application/json", refusal.body.clone()));
    }
    if let (Some(field), Some(parent)) = (&resource.parent, &target.parent) {
        let parent = parent.parse::<u64>().map_or_else(|_| Json::from(parent.clone()), Json::from);
        record.insert(field.clone(), parent);
    }
    checked(resource, &record, true)?;
    if let Some(taken) = state.database.taken(name, resource, &record, None)? {
        return refused(409, &json!({ "error": format!("{taken} is taken") }));
    }
    let number = state.database.store(name, resource, record)?;
    if let Some(key) = attempt {
        state.attempts.insert(key, number);
    }
    let record = state.database.get(name, number)?.unwrap_or_default();
    shared.tell(name, Verb::Created, record.clone());
    if !resource.only_location {
        return Ok(single(201, resource, record));
    }
    let mut response = script::answer(201, "application/json", Body::empty());
    if let Ok(place) = HeaderValue::from_str(&format!("{}/{number}", seen.path)) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

fn update(shared: &Shared, state: &mut State, target: &Target<'_>, (seen, id): (&Seen, &str)) -> Answered {
    let (name, resource) = (target.name, target.resource);
    let (number, _) = found(state, target, id)?;
    let changes = body(resource, seen)?;
    checked(resource, &changes, false)?;
    if let Some(taken) = state.database.taken(name, resource, &changes, Some(number))? {
        return refused(409, &json!({ "error": format!("{taken} is taken") }));
    }
    let record = state.database.change(name, resource, number, changes)?.unwrap_or_default();
    shared.tell(name, Verb::Updated, record.clone());
    Ok(single(200, resource, record))
}

fn body(resource: &Resource, seen: &Seen) -> Result<Record, Refused> {
    let body = match &resource.wrap {
        Some(wrap) => seen.body.get(wrap).cloned().unwrap_or(Json::Null),
        None => seen.body.clone(),
    };
    match body {
        Json::Object(record) => Ok(record),
        _ => refused(400, &json!({ "error": "no record in the body" })),
    }
}

/// Holds what was sent against the fields.
fn checked(resource: &Resource, record: &Record, is_new: bool) -> Result<(), Refused> {
    let wrong = |field: &str, said: &str| refused(422, &json!({ "errors": { field: [said] } }));
    for (name, field) in &resource.fields {
        match record.get(name) {
            Some(Json::Null) if field.required => return wrong(name, "is required"),
            None if field.required && is_new => return wrong(name, "is required"),
            None | Some(Json::Null) => {}
            Some(_) if field.read_only => return wrong(name, "is read only"),
            Some(value) if !fits(field.r#type, value) => return wrong(name, "is of another type"),
            Some(Json::String(text)) if !field.one_of.is_empty() && !field.one_of.contains(text) => {
                return wrong(name, "is not in the list");
            }
            Some(_) => {}
        }
    }
    let takes_anything = resource.takes_anything || resource.fields.is_empty();
    let is_known = |name: &String| takes_anything || resource.fields.contains_key(name);
    match record.keys().find(|name| !is_known(name)) {
        Some(unknown) => wrong(unknown, "is unknown"),
        None => Ok(()),
    }
}

fn fits(kind: FieldType, value: &Json) -> bool {
    let text = value.as_str();
    match kind {
        FieldType::Json => true,
        FieldType::Text => text.is_some(),
        FieldType::Integer => value.is_i64() || value.is_u64(),
        FieldType::Decimal => value.is_number(),
        FieldType::Boolean => value.is_boolean(),
        FieldType::Date => text.is_some_and(|text| text.parse::<jiff::civil::Date>().is_ok()),
        FieldType::Datetime => text.is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok()),
        FieldType::List => value.is_array(),
    }
}
