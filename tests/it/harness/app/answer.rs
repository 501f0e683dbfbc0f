//! What the app does when nothing goes wrong.

use axum::body::Body;
use axum::http::Method;
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use super::{AppAuth, AppConfig, AppPages, AppResource, Inner, Record, Seen, State};

/// What a path means.
struct Target {
    resource: AppResource,
    parent: Option<String>,
    id: Option<String>,
}

pub(super) fn answer(inner: &Inner, seen: &Seen) -> Response {
    let config = inner.config.lock().unwrap().clone();
    let mut state = inner.state.lock().unwrap();
    if seen.path == "/token" {
        return token(&config, &mut state, seen);
    }
    if !allowed(&config, &state, seen) {
        return reply(401, &json!({ "error": "unauthorized", "hint": seen.header("authorization") }));
    }
    if seen.path == "/me" {
        return reply(200, &json!({ "id": 1, "name": "Sync" }));
    }
    let Some(target) = target(&config, &seen.path) else {
        return reply(404, &json!({ "error": "no such path" }));
    };
    match (&seen.method, &target.id) {
        (&Method::GET, None) => list(inner, &config, &state, &target, seen),
        (&Method::GET, Some(id)) => match number(&state, &target, id) {
            Some(number) => single(200, &target.resource, &state.tables[target.resource.path][&number]),
            None => reply(404, &json!({ "error": "not found" })),
        },
        (&Method::POST, None) => create(&mut state, &target, seen),
        (&Method::PATCH | &Method::PUT, Some(id)) => update(&mut state, &target, (seen, id)),
        (&Method::DELETE, Some(id)) => {
            let number = number(&state, &target, id);
            let removed = number.is_some_and(|number| state.remove(&target.resource, number));
            if removed { reply(204, &Json::Null) } else { reply(404, &json!({ "error": "not found" })) }
        }
        _ => reply(405, &json!({ "error": "method not allowed" })),
    }
}

fn reply(status: u16, body: &Json) -> Response {
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(body)
        .expect("an answer")
}

fn token(config: &AppConfig, state: &mut State, seen: &Seen) -> Response {
    let AppAuth::Oauth { secret, rotates, .. } = &config.auth else { return reply(404, &json!({})) };
    let given = |name: &str| {
        let pair = seen.text.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
        pair.map(str::to_owned)
    };
    let refresh_is_good = state.refresh.is_none() || given("refresh_token") == state.refresh;
    if given("client_secret").as_deref() != Some(secret) || !refresh_is_good {
        return reply(400, &json!({ "error": "invalid_grant" }));
    }
    state.tokens += 1;
    let mut granted = json!({ "access_token": format!("token-{}", state.tokens), "expires_in": 3600 });
    if *rotates {
        let next = format!("refresh-{}", state.tokens);
        granted["refresh_token"] = Json::from(next.clone());
        state.refresh = Some(next);
    }
    reply(200, &granted)
}

fn allowed(config: &AppConfig, state: &State, seen: &Seen) -> bool {
    match &config.auth {
        AppAuth::Open => true,
        AppAuth::Header(name, value) => seen.header(name) == Some(value),
        AppAuth::Param(name, value) => seen.param(name) == Some(value),
        AppAuth::Oauth { .. } => {
            seen.header("authorization") == Some(format!("Bearer token-{}", state.tokens).as_str())
        }
    }
}

fn target(config: &AppConfig, path: &str) -> Option<Target> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    config.resources.iter().find_map(|resource| {
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
        Some(Target { resource: resource.clone(), parent, id })
    })
}

fn number(state: &State, target: &Target, id: &str) -> Option<u64> {
    let table = state.tables.get(target.resource.path)?;
    let number: u64 = id.trim_start_matches('r').parse().ok()?;
    let record = table.get(&number)?;
    belongs(target, record).then_some(number)
}

fn belongs(target: &Target, record: &Record) -> bool {
    match (&target.parent, target.resource.parent) {
        (Some(parent), Some(field)) => record.get(field).is_some_and(|value| said(value) == *parent),
        _ => true,
    }
}

fn said(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn single(status: u16, resource: &AppResource, record: &Record) -> Response {
    let record = Json::Object(record.clone());
    match resource.record {
        Some(member) => reply(status, &json!({ member: record })),
        None => reply(status, &record),
    }
}

fn create(state: &mut State, target: &Target, seen: &Seen) -> Response {
    let resource = &target.resource;
    if let Some(number) = seen.header("idempotency-key").and_then(|key| state.attempts.get(key)) {
        return single(201, resource, &state.tables[resource.path][number]);
    }
    let mut record = match body(resource, seen) {
        Ok(record) => record,
        Err(refusal) => return *refusal,
    };
    let name = record.get("name").and_then(Json::as_str).unwrap_or_default();
    if let Some((_, status, said)) = resource.refused.iter().find(|(refused, ..)| *refused == name) {
        return reply(*status, &serde_json::from_str(said).expect("JSON"));
    }
    if let Some(missing) = resource.required.iter().find(|name| record.get(**name).is_none_or(Json::is_null))
    {
        return reply(422, &json!({ "errors": { *missing: ["is required"] } }));
    }
    if let Some(taken) = taken(state, resource, &record, None) {
        return reply(409, &json!({ "error": format!("{taken} is taken") }));
    }
    if let (Some(field), Some(parent)) = (resource.parent, &target.parent) {
        record.insert(
            field.to_owned(),
            parent.parse::<u64>().map_or_else(|_| Json::from(parent.clone()), Json::from),
        );
    }
    let number = state.store(resource, record);
    if let Some(key) = seen.header("idempotency-key") {
        state.attempts.insert(key.to_owned(), number);
    }
    if resource.only_location {
        let place = format!("{}/{number}", resource.path);
        return Response::builder()
            .status(201)
            .header("location", place)
            .body(Body::empty())
            .expect("an answer");
    }
    single(201, resource, &state.tables[resource.path][&number])
}

fn update(state: &mut State, target: &Target, (seen, id): (&Seen, &str)) -> Response {
    let resource = &target.resource;
    let Some(number) = number(state, target, id) else { return reply(404, &json!({ "error": "not found" })) };
    let changes = match body(resource, seen) {
        Ok(changes) => changes,
        Err(refusal) => return *refusal,
    };
    if let Some(emptied) =
        resource.required.iter().find(|name| changes.get(**name).is_some_and(Json::is_null))
    {
        return reply(422, &json!({ "errors": { *emptied: ["is required"] } }));
    }
    if let Some(taken) = taken(state, resource, &changes, Some(number)) {
        return reply(409, &json!({ "error": format!("{taken} is taken") }));
    }
    state.change(resource, number, changes);
    single(200, resource, &state.tables[resource.path][&number])
}

fn body(resource: &AppResource, seen: &Seen) -> Result<Record, Box<Response>> {
    let body = match resource.wrap {
        Some(wrap) => seen.body.get(wrap).cloned().unwrap_or(Json::Null),
        None => seen.body.clone(),
    };
    match body {
        Json::Object(record) => Ok(record),
        _ => Err(Box::new(reply(400, &json!({ "error": "no record in the body" })))),
    }
}

fn taken(state: &State, resource: &AppResource, record: &Record, own: Option<u64>) -> Option<&'static str> {
    let table = state.tables.get(resource.path)?;
    resource.unique.iter().copied().find(|field| {
        let value = record.get(*field).filter(|value| !value.is_null());
        let others = table.iter().filter(|(number, _)| Some(**number) != own);
        value.is_some_and(|value| others.into_iter().any(|(_, other)| other.get(*field) == Some(value)))
    })
}

fn list(inner: &Inner, config: &AppConfig, state: &State, target: &Target, seen: &Seen) -> Response {
    let resource = &target.resource;
    let since: Option<Timestamp> =
        resource.since.and_then(|name| seen.param(name)).map(|text| text.parse().expect("a time"));
    let asked = |record: &&Record| {
        let by_field = resource.finds.iter().all(|(param, field)| {
            let wanted = seen.param(param);
            wanted.is_none_or(|wanted| record.get(*field).is_some_and(|value| said(value) == wanted))
        });
        let stamp = || record.get(resource.updated.unwrap_or_default()).and_then(Json::as_str);
        let is_new = since.is_none_or(|since| {
            stamp().is_some_and(|stamp| stamp.parse::<Timestamp>().expect("a time") >= since)
        });
        by_field && is_new && belongs(target, record)
    };
    let table = state.tables.get(resource.path);
    let all: Vec<&Record> = table.into_iter().flat_map(|table| table.values()).filter(asked).collect();
    page(inner, config, (resource, seen), &all)
}

fn page(
    inner: &Inner,
    config: &AppConfig,
    (resource, seen): (&AppResource, &Seen),
    all: &[&Record],
) -> Response {
    let asked = |name: &str| seen.param(name).and_then(|text| text.parse::<usize>().ok());
    let size = asked("per_page").or(asked("limit")).unwrap_or(config.page).min(config.page);
    let from = match config.pages {
        AppPages::Page => (asked("page").unwrap_or(1) - 1) * size,
        AppPages::Offset => asked("offset").unwrap_or(0),
        AppPages::Cursor | AppPages::Link | AppPages::NextUrl | AppPages::Endless => {
            asked("cursor").unwrap_or(0)
        }
        AppPages::Whole | AppPages::Deaf | AppPages::Circle => 0,
    };
    let size = if matches!(config.pages, AppPages::Whole) { all.len() } else { size };
    let records: Vec<Json> =
        all.iter().skip(from).take(size).map(|record| Json::Object((*record).clone())).collect();
    let more = from + records.len() < all.len();
    let mut body = Map::new();
    let next = format!("{}{}?cursor={}", inner.url, seen.path, from + size);
    let mut add = |name: &str, value: Json| {
        body.insert(name.to_owned(), value);
    };
    match config.pages {
        AppPages::Cursor => {
            let cursor = more.then(|| (from + size).to_string());
            add("meta", json!({ "next_cursor": cursor }));
        }
        AppPages::NextUrl => add("links", json!({ "next": more.then_some(next.clone()) })),
        AppPages::Circle => add("links", json!({ "next": format!("{}?cursor=0", seen.path) })),
        AppPages::Endless => add("links", json!({ "next": next.clone() })),
        _ => {}
    }
    let body = match resource.records {
        Some(member) => {
            body.insert(member.to_owned(), Json::Array(records));
            Json::Object(body)
        }
        None => Json::Array(records),
    };
    let mut answer = reply(200, &body);
    if matches!(config.pages, AppPages::Link) && more {
        let link = format!("<{next}>; rel=\"next\", <{}>; rel=\"first\"", inner.url);
        answer.headers_mut().insert("link", link.parse().expect("a header"));
    }
    answer
}
