//! Lists, page by page.
//! May not change anything. Read [`list`].

use axum::http::{HeaderValue, header};
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use super::answer::{Refused, Target, reply};
use super::database::{Question, Record};
use super::description::{Pages, Paging};
use super::script::Seen;
use super::{Shared, State};

/// One page of a list, and where it goes on.
pub(super) fn list(
    shared: &Shared,
    state: &State,
    target: &Target<'_>,
    seen: &Seen,
) -> Result<Response, Refused> {
    let pages = &shared.description.pages;
    let size = size(pages, seen);
    let mut question = question(target, seen)?;
    let place = seen.param(&pages.param).and_then(|text| text.parse::<u64>().ok());
    match pages.by {
        Paging::Page => question.skip = position(place.unwrap_or(1).saturating_sub(1)) * size,
        Paging::Offset => question.skip = position(place.unwrap_or(0)),
        Paging::Cursor | Paging::Link | Paging::NextUrl | Paging::Endless => {
            question.behind = place.unwrap_or(0);
        }
        Paging::Whole | Paging::Deaf | Paging::Circle => {}
    }
    // One more, to know whether the list goes on.
    question.limit = size.saturating_add(1);
    let mut found = state.database.list(target.name, &question)?;
    let more = found.len() > size;
    found.truncate(size);
    let behind = found.last().map_or(question.behind, |(number, _)| *number);
    let records: Vec<Record> = found.into_iter().map(|(_, record)| record).collect();
    let next = |behind: u64| address(&shared.url, seen, &pages.param, behind);
    let mut body = Json::Object(Map::new());
    match pages.by {
        Paging::Cursor => place_in(&mut body, &pages.next, json!(more.then(|| behind.to_string()))),
        Paging::NextUrl => place_in(&mut body, &pages.next, json!(more.then(|| next(behind)))),
        Paging::Circle => place_in(&mut body, &pages.next, json!(next(0))),
        Paging::Endless => place_in(&mut body, &pages.next, json!(next(behind + 1))),
        _ => {}
    }
    let records = records.into_iter().map(Json::Object).collect();
    let body = match &target.resource.records {
        Some(member) => {
            body[member] = records;
            body
        }
        None => records,
    };
    let mut answer = reply(200, &body);
    let link = format!("<{}>; rel=\"next\", <{}>; rel=\"first\"", next(behind), shared.url);
    if let (true, Paging::Link, Ok(link)) = (more, pages.by, HeaderValue::from_str(&link)) {
        answer.headers_mut().insert(header::LINK, link);
    }
    Ok(answer)
}

fn position(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn size(pages: &Pages, seen: &Seen) -> usize {
    if pages.by == Paging::Whole {
        return usize::MAX >> 1;
    }
    let asked = pages.size_param.as_deref().and_then(|name| seen.param(name));
    asked.and_then(|text| text.parse().ok()).unwrap_or(pages.size).clamp(1, pages.size)
}

fn question(target: &Target<'_>, seen: &Seen) -> Result<Question, Refused> {
    let resource = target.resource;
    let asked = resource.finds.iter().filter_map(|(param, field)| {
        let wanted = seen.param(param)?;
        Some((field.clone(), wanted.to_owned()))
    });
    let mut equal: Vec<(String, String)> = asked.collect();
    if let (Some(field), Some(parent)) = (&resource.parent, &target.parent) {
        equal.push((field.clone(), parent.clone()));
    }
    let since = resource.since.as_deref().and_then(|name| seen.param(name));
    let since = since.map(time).transpose()?;
    Ok(Question { equal, any_case: resource.finds_any_case.clone(), since, ..Question::default() })
}

fn time(text: &str) -> Result<Timestamp, Refused> {
    text.parse().map_err(|_| {
        let said = format!("{text:?} is no time");
        Refused::With(Box::new(reply(400, &json!({ "error": said }))))
    })
}

/// The address of what is behind a number, with everything else that was asked.
fn address(url: &str, seen: &Seen, param: &str, behind: u64) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in seen.query.iter().filter(|(name, _)| name != param) {
        query.append_pair(name, value);
    }
    query.append_pair(param, &behind.to_string());
    format!("{url}{}?{}", seen.path, query.finish())
}

/// Puts a value at `meta.next_cursor`.
fn place_in(body: &mut Json, path: &str, value: Json) {
    let mut at = body;
    for part in path.split('.') {
        if !at.is_object() {
            *at = Json::Object(Map::new());
        }
        at = &mut at[part];
    }
    *at = value;
}
