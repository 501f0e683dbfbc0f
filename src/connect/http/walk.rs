//! A list from a place to its end, page by page, and below every record of another list where a resource has a parent. Nothing but one
//! page is held.

use std::sync::Arc;

use jiff::Timestamp;
use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::client::{Call, Client};
use super::fault;
use super::listing::{Listed, listed};
use super::overlap::Overlap;
use super::pages::{At, Paging, Round};
use super::resource::{Endpoint, Filling, Resource};
use super::single::{self, Single};
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

    /// The same, or the beginning where it needs a secret that the connection file does not name any more.
    pub(super) fn known(self, client: &Client) -> Self {
        let parents = self.parent.as_ref().is_none_or(|(at, _)| at.is_known(client));
        if parents && self.at.is_known(client) { self } else { Self::default() }
    }

    /// From a cursor; anything else is the beginning.
    pub(super) fn of(key: Option<&Key>) -> Self {
        key.and_then(|key| serde_json::from_str(key.as_str()).ok()).unwrap_or_default()
    }
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
    pages: usize,
    overlap: Overlap,
    below: Below,
}

/// What came of the lists below parents.
#[derive(Default)]
struct Below {
    /// The way began at the first parent.
    from_first: bool,
    /// One of them was answered.
    answered: bool,
    /// One that the app does not know, with its parent.
    refused: Option<(Key, ConnectError)>,
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
            pages: 0,
            overlap: Overlap::default(),
            below: Below::default(),
        }
    }

    /// Whether a record can have moved from a page that was still to come to one that was read: a list that goes on by counting, and has
    /// more pages than one.
    pub(super) fn may_pass_over(&self) -> bool {
        self.pages > 1 && matches!(self.resource.paging, Paging::Page { .. } | Paging::Offset { .. })
    }

    /// The page at a place, whole.
    pub(super) async fn page(&mut self, place: &Place) -> Result<ListPage, ConnectError> {
        let Some(parent) = self.resource.parent.clone() else {
            let (mut page, next) = self.list(&place.at, None).await?;
            page.next = next.map(|at| Place { at, ..Place::default() });
            return Ok(page);
        };
        self.below.from_first |= *place == Place::default();
        let (above, nth) = place.parent.clone().unwrap_or_default();
        self.load_parents(&parent, &above).await?;
        let Some(parents) = &self.parents else { return Ok(ListPage::default()) };
        let (id, count, further) = (parents.ids.get(nth).cloned(), parents.ids.len(), parents.next.clone());
        let after =
            |nth: usize| if nth < count { Some((above.clone(), nth)) } else { further.map(|at| (at, 0)) };
        let Some(id) = id else {
            let next = after(count).map(|parent| Place { parent: Some(parent), ..Place::default() });
            self.ends_well(&parent, next.is_none()).await?;
            return Ok(ListPage { next, ..ListPage::default() });
        };
        let (mut page, next) = self.list(&place.at, Some(&id)).await?;
        page.next = if let Some(at) = next {
            Some(Place { at, parent: Some((above, nth)), skip: 0 })
        } else {
            self.round = Round::default();
            after(nth + 1).map(|parent| Place { parent: Some(parent), ..Place::default() })
        };
        self.ends_well(&parent, page.next.is_none()).await?;
        page.parent = Some(id);
        Ok(page)
    }

    async fn load_parents(&mut self, parent: &Resource, at: &At) -> Result<(), ConnectError> {
        if self.parents.as_ref().is_some_and(|parents| parents.at == *at) {
            return Ok(());
        }
        let (page, next) = fetch(&self.client, parent, (at, Filling::default()), None).await?;
        turned(&self.client, parent, &mut self.above, (&page, next.as_ref()))?;
        let ids = page.records.into_iter().map(|listed| listed.key.as_str().to_owned()).collect();
        self.parents = Some(Parents { at: at.clone(), ids, next });
        Ok(())
    }

    async fn list(&mut self, at: &At, parent: Option<&str>) -> Result<(ListPage, Option<At>), ConnectError> {
        self.pages += 1;
        let filling = Filling { parent: parent.unwrap_or_default(), ..Filling::default() };
        let (client, resource) = (Arc::clone(&self.client), Arc::clone(&self.resource));
        let since = self.since.clone();
        let read = |at: At| {
            let (client, resource, since) = (&client, &resource, since.as_ref());
            async move { fetch(client, resource, (&at, filling), since).await }
        };
        let listed = self.overlap.page(&resource.paging, at, read).await;
        match (listed, parent) {
            // The parent was deleted since it was listed, or the path is wrong.
            (Err(error), Some(parent)) if error.remote.as_deref() == Some(GONE) => {
                self.below.refused = Some((Key::app(parent), error));
                Ok((ListPage::default(), None))
            }
            (Err(error), _) => Err(error),
            (Ok((page, next)), _) => {
                self.below.answered = true;
                turned(&client, &resource, &mut self.round, (&page, next.as_ref()))?;
                Ok((page, next))
            }
        }
    }

    /// An app that knew none of the lists below parents, although a parent is there, was asked by a wrong path.
    async fn ends_well(&mut self, parent: &Resource, ends: bool) -> Result<(), ConnectError> {
        if !ends || !self.below.from_first || self.below.answered {
            return Ok(());
        }
        let Some((key, error)) = self.below.refused.take() else { return Ok(()) };
        match single::read(&self.client, (parent, None), &key).await? {
            Single::Record(_) => Err(error),
            Single::Gone | Single::Unknown => Ok(()),
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

/// A list that goes round in circles is named.
fn turned(
    client: &Client,
    resource: &Resource,
    round: &mut Round,
    (page, next): (&ListPage, Option<&At>),
) -> Result<(), ConnectError> {
    let (Some(next), Some(endpoint)) = (next, &resource.list) else { return Ok(()) };
    let keys: Vec<String> = page.records.iter().map(|listed| listed.key.to_string()).collect();
    let Some(why) = round.turn(next, &keys) else { return Ok(()) };
    let message = format!("{}: the list {why}", named(client, endpoint));
    Err(ConnectError::new("R142", Class::Pipeline, message)
        .help("correct `paginate`: does the app know its parameters?"))
}

/// One page of a list, and where it goes on.
async fn fetch(
    client: &Client,
    resource: &Resource,
    (at, filling): (&At, Filling<'_>),
    since: Option<&(String, String)>,
) -> Result<(ListPage, Option<At>), ConnectError> {
    let Some(endpoint) = &resource.list else { return Err(cannot_list(client, resource)) };
    let what = named(client, endpoint);
    let mut url = client.address(&endpoint.path(filling)?)?;
    let at = &at.whole(client).await?;
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
    // Nothing to tell, says the app.
    if answer.status == 204 {
        return Ok((ListPage { date: answer.date(), ..ListPage::default() }, None));
    }
    let json = fault::json(&what, &answer)?;
    let parent = resource.parent.as_ref().map(|_| filling.parent);
    let records = listed(resource, &what, &answer, &json, parent)?;
    let next = resource.paging.after(client, (&url, at), (&answer, &json), records.len())?;
    Ok((ListPage { records, parent: None, next: None, date: answer.date() }, next))
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
    let url = client.address(&endpoint.path(filling)?)?;
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
