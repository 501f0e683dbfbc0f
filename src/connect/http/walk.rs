//! A list from a place to its end, page by page, and below every record of another list where a resource has a parent. Nothing but one
//! page is held.

use std::sync::Arc;

use jiff::Timestamp;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::client::{Answer, Call, Client};
use super::fault;
use super::pages::{At, Round};
use super::resource::{Endpoint, Filling, Resource};
use crate::connect::ConnectError;
use crate::model::{Class, Key};
use crate::spec::SinceFormat;
use secrecy::ExposeSecret as _;

/// A place in a list, as a cursor keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    #[serde(default, skip_serializing_if = "is_first")]
    at: At,
    /// Which parent: the page of parents, and its number there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<(At, usize)>,
    /// Records of the page that are settled.
    #[serde(default, skip_serializing_if = "is_none")]
    pub(super) skip: usize,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde asks
fn is_none(skip: &usize) -> bool {
    *skip == 0
}

fn is_first(at: &At) -> bool {
    *at == At::First
}

impl Place {
    /// As a cursor keeps it.
    pub(super) fn to_key(&self) -> Key {
        Key::app(serde_json::to_string(self).unwrap_or_default())
    }

    /// From a cursor; anything else is the beginning.
    pub(super) fn of(key: Option<&Key>) -> Self {
        key.and_then(|key| serde_json::from_str(key.as_str()).ok()).unwrap_or_default()
    }
}

/// One record of a list.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) key: Key,
    pub(super) record: Json,
}

/// One page.
#[derive(Debug, Default)]
pub(super) struct ListPage {
    pub(super) records: Vec<Listed>,
    /// The parent of all of them.
    pub(super) parent: Option<String>,
    pub(super) next: Option<Place>,
    /// The app's clock when it answered.
    pub(super) date: Option<Timestamp>,
}

/// The parents of one page of theirs.
struct Parents {
    at: At,
    ids: Vec<String>,
    next: Option<At>,
}

/// One way through a list.
pub(super) struct Walk {
    client: Arc<Client>,
    resource: Arc<Resource>,
    /// The parameter that asks for changes since.
    since: Option<(String, String)>,
    round: Round,
    above: Round,
    parents: Option<Parents>,
}

impl Walk {
    /// Through everything, or through what changed since.
    pub(super) fn new(client: &Arc<Client>, resource: &Arc<Resource>, since: Option<Timestamp>) -> Self {
        let since = resource.since.as_ref().zip(since);
        let since = since.map(|((param, format), since)| (param.clone(), written(since, *format)));
        Self {
            client: Arc::clone(client),
            resource: Arc::clone(resource),
            since,
            round: Round::default(),
            above: Round::default(),
            parents: None,
        }
    }

    /// The page at a place, whole.
    pub(super) async fn page(&mut self, place: &Place) -> Result<ListPage, ConnectError> {
        let Some(parent) = self.resource.parent.clone() else {
            let (mut page, next) = self.list(&place.at, None).await?;
            page.next = next.map(|at| Place { at, ..Place::default() });
            return Ok(page);
        };
        let (above, nth) = place.parent.clone().unwrap_or_default();
        self.load_parents(&parent, &above).await?;
        let Some(parents) = &self.parents else { return Ok(ListPage::default()) };
        let (id, count, further) = (parents.ids.get(nth).cloned(), parents.ids.len(), parents.next.clone());
        let after =
            |nth: usize| if nth < count { Some((above.clone(), nth)) } else { further.map(|at| (at, 0)) };
        let Some(id) = id else {
            let next = after(count).map(|parent| Place { parent: Some(parent), ..Place::default() });
            return Ok(ListPage { next, ..ListPage::default() });
        };
        let (mut page, next) = self.list(&place.at, Some(&id)).await?;
        page.next = if let Some(at) = next {
            Some(Place { at, parent: Some((above, nth)), skip: 0 })
        } else {
            self.round = Round::default();
            after(nth + 1).map(|parent| Place { parent: Some(parent), ..Place::default() })
        };
        page.parent = Some(id);
        Ok(page)
    }

    async fn load_parents(&mut self, parent: &Resource, at: &At) -> Result<(), ConnectError> {
        if self.parents.as_ref().is_some_and(|parents| parents.at == *at) {
            return Ok(());
        }
        let (page, next) =
            fetch(&self.client, parent, (at, Filling::default()), None, &mut self.above).await?;
        let ids = page.records.into_iter().map(|listed| listed.key.as_str().to_owned()).collect();
        self.parents = Some(Parents { at: at.clone(), ids, next });
        Ok(())
    }

    async fn list(&mut self, at: &At, parent: Option<&str>) -> Result<(ListPage, Option<At>), ConnectError> {
        let filling = Filling { parent: parent.unwrap_or_default(), ..Filling::default() };
        let since = self.since.as_ref();
        let listed = fetch(&self.client, &self.resource, (at, filling), since, &mut self.round).await;
        match listed {
            // The parent was deleted since it was listed.
            Err(error) if parent.is_some() && error.remote.as_deref() == Some(GONE) => {
                Ok((ListPage::default(), None))
            }
            listed => listed,
        }
    }
}

/// How an error says that there is no such path.
const GONE: &str = "404";

fn written(since: Timestamp, format: SinceFormat) -> String {
    match format {
        SinceFormat::Rfc3339 => since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        SinceFormat::Unix => since.as_second().to_string(),
        SinceFormat::UnixMs => since.as_millisecond().to_string(),
        SinceFormat::Date => since.strftime("%Y-%m-%d").to_string(),
    }
}

/// One page of a list, and where it goes on.
async fn fetch(
    client: &Client,
    resource: &Resource,
    (at, filling): (&At, Filling<'_>),
    since: Option<&(String, String)>,
    round: &mut Round,
) -> Result<(ListPage, Option<At>), ConnectError> {
    let Some(endpoint) = &resource.list else { return Err(cannot_list(client, resource)) };
    let what = named(client, endpoint);
    let mut url = client.address(&endpoint.path(filling))?;
    if !matches!(at, At::Address(_)) {
        for (name, value) in &resource.params {
            url.query_pairs_mut().append_pair(name, value.expose_secret());
        }
        if let Some((name, value)) = since {
            url.query_pairs_mut().append_pair(name, value);
        }
    }
    let url = resource.paging.address(client, url, at)?;
    let call = Call { method: endpoint.method.clone(), url: url.clone(), body: None, attempt: None };
    let answer = client.send(&call).await?;
    if !answer.is_good() {
        return Err(fault::refused(&what, &answer).remote(answer.status.to_string()));
    }
    let json = fault::json(&what, &answer)?;
    let parent = resource.parent.as_ref().map(|_| filling.parent);
    let records = listed(resource, &what, &answer, &json, parent)?;
    let next = resource.paging.after(client, (&url, at), (&answer, &json), records.len())?;
    if let Some(next) = &next {
        let keys: Vec<String> = records.iter().map(|listed| listed.key.to_string()).collect();
        if let Some(why) = round.turn(next, &keys) {
            return Err(ConnectError::new("R142", Class::Pipeline, format!("{what}: the list {why}"))
                .help("correct `paginate`: does the app know its parameters?"));
        }
    }
    Ok((ListPage { records, parent: None, next: None, date: answer.date() }, next))
}

/// The records of a list answer, each with its key.
pub(super) fn listed(
    resource: &Resource,
    what: &str,
    answer: &Answer,
    json: &Json,
    parent: Option<&str>,
) -> Result<Vec<Listed>, ConnectError> {
    let records = records(resource, what, answer, json)?;
    let keyed = records.into_iter().enumerate().map(|(at, record)| {
        let nth = at + 1;
        if !record.is_object() {
            let message = format!("{what}: record {nth} of the answer is {}, no object", kind(record));
            return Err(fault::unlike(message, "correct `records` of the resource"));
        }
        let key = resource.key_of(record, parent).ok_or_else(|| {
            let message =
                format!("{what}: record {nth} of the answer has no id at `{}`", resource.key.text());
            fault::unlike(
                message,
                format!("correct `key` of the resource; the record has {}", members(record)),
            )
        })?;
        Ok(Listed { key, record: record.clone() })
    });
    keyed.collect()
}

fn records<'a>(
    resource: &Resource,
    what: &str,
    answer: &Answer,
    json: &'a Json,
) -> Result<Vec<&'a Json>, ConnectError> {
    let place = &resource.records;
    let found = place.all(json);
    match found.as_slice() {
        [Json::Array(items)] => Ok(items.iter().collect()),
        [Json::Null] => Ok(Vec::new()),
        [] if fault::is_error(json) => {
            let said = fault::words(answer).map(|said| format!(": {said}")).unwrap_or_default();
            let message = format!("{what} was answered with {} and an error{said}", answer.status);
            Err(ConnectError::new("R143", Class::Pipeline, message).help("the app's own words"))
        }
        [] if place.picks() => Ok(Vec::new()),
        [] => Err(fault::unlike(
            format!("{what}: the answer has nothing at `{}`", place.text()),
            format!("correct `records` of the resource; the answer has {}", members(json)),
        )),
        _ if place.picks() => Ok(found),
        [other, ..] => Err(fault::unlike(
            format!("{what}: the answer has {} at `{}`, no list", kind(other), place.text()),
            format!("correct `records` of the resource; the answer has {}", members(other)),
        )),
    }
}

/// Names of members, never values.
pub(super) fn members(json: &Json) -> String {
    match json {
        Json::Object(fields) if !fields.is_empty() => {
            fields.keys().take(8).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        }
        other => format!("only {}", kind(other)),
    }
}

fn kind(json: &Json) -> &'static str {
    match json {
        Json::Null => "nothing",
        Json::Bool(_) => "true or false",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

/// A request as messages name it.
pub(super) fn named(client: &Client, endpoint: &Endpoint) -> String {
    format!("{}: {}", client.config().name, endpoint.shown())
}

fn cannot_list(client: &Client, resource: &Resource) -> ConnectError {
    let message = format!("{} cannot list `{}` (`list: none`)", client.config().name, resource.name);
    ConnectError::new("R109", Class::Pipeline, message)
        .help("name the request that lists the records, or `find` for the fields of `match`")
}

/// A read of a path of the connection.
pub(super) fn get(client: &Client, endpoint: &Endpoint, filling: Filling<'_>) -> Result<Call, ConnectError> {
    let url = client.address(&endpoint.path(filling))?;
    Ok(Call { method: Method::clone(&endpoint.method), url, body: None, attempt: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_being_kept() {
        let place = Place { at: At::Cursor("x".into()), parent: Some((At::Number(2), 7)), skip: 3 };
        assert_eq!(Place::of(Some(&place.to_key())), place);
        assert_eq!(Place::of(Some(&Key::app("0015f00000A1b2c"))), Place::default());
        assert_eq!(Place::default().to_key().as_str(), "{}");
    }

    #[test]
    fn a_moment_is_written_as_the_app_reads_it() {
        let at: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
        for (format, text) in [
            (SinceFormat::Rfc3339, "2026-03-01T10:00:00Z"),
            (SinceFormat::Unix, "1772359200"),
            (SinceFormat::UnixMs, "1772359200000"),
            (SinceFormat::Date, "2026-03-01"),
        ] {
            assert_eq!(written(at, format), text);
        }
    }
}
