//! One record by its key, and what a single answer says.

use serde_json::Value as Json;

use super::client::{Answer, Client};
use super::fault;
use super::listing::members;
use super::record::Columns;
use super::resource::{Filling, Resource};
use super::walk::{get, named};
use crate::connect::ConnectError;
use crate::model::Key;

/// What is known of a record that was asked for.
#[derive(Debug)]
pub(super) enum Single {
    /// This is it.
    Record(Json),
    /// The app says that there is none.
    Gone,
    /// The app does not answer for single records.
    Unknown,
}

/// Asks for one record. A 404 is believed where the app itself says it, not where a gateway may: a web page is an error, another text
/// tells nothing.
pub(super) async fn read(
    client: &Client,
    (resource, columns): (&Resource, Option<&Columns>),
    key: &Key,
) -> Result<Single, ConnectError> {
    let Some(endpoint) = &resource.get else { return Ok(Single::Unknown) };
    let what = named(client, endpoint);
    let (id, parent) = resource.split(key);
    // Below an unknown parent nothing is found, and that is no evidence.
    if !resource.can_name(key) {
        return Ok(Single::Unknown);
    }
    let call = get(client, endpoint, Filling { id: &id, parent: &parent, ..Filling::default() })?;
    let answer = client.send(&call).await?;
    if answer.is_gone() && !answer.is_page() {
        return Ok(if answer.is_of_the_app() { Single::Gone } else { Single::Unknown });
    }
    if !answer.is_good() {
        return Err(fault::refused_silently(&what, &answer));
    }
    let json = fault::json(&what, &answer)?;
    let Some(record) = record(resource, &json) else {
        return Err(no_record(&what, resource, &answer, &json));
    };
    if columns.is_some_and(|columns| denies(resource, columns, &json)) {
        return Err(no_record(&what, resource, &answer, &json));
    }
    let parent = (!parent.is_empty()).then_some(parent.as_str());
    if resource.key_of(record, parent).as_ref() != Some(key) {
        let message = format!("{what} was answered with another record than was asked for");
        return Err(fault::unlike(message, "correct `get`, `key` or `record` of the resource"));
    }
    Ok(Single::Record(record.clone()))
}

/// Whether a good answer says that nothing was done, or found. A record may have fields of such names itself: only where it shows no
/// field that is known besides, or lies inside of the answer, are they the app's word.
pub(super) fn denies(resource: &Resource, columns: &Columns, json: &Json) -> bool {
    let is_inside = |record: &Json| !std::ptr::eq(record, json);
    fault::is_error(json)
        && record(resource, json).is_none_or(|record| is_inside(record) || !columns.shows(record))
}

/// The record of a single answer: the first place that has one with a key.
pub(super) fn record<'a>(resource: &Resource, json: &'a Json) -> Option<&'a Json> {
    let found = resource.record.iter().filter_map(|place| place.one(json));
    let single = found.map(|json| match json {
        Json::Array(items) if items.len() == 1 => &items[0],
        other => other,
    });
    single.into_iter().find(|json| resource.key_of(json, Some("")).is_some())
}

fn no_record(what: &str, resource: &Resource, answer: &Answer, json: &Json) -> ConnectError {
    if fault::is_error(json) {
        // Its words may be about values of the record.
        let message = format!("{what} was answered with {} and an error", answer.status);
        return ConnectError::new("R143", crate::model::Class::Pipeline, message).help("look at it by hand");
    }
    let place = resource.record.first().map_or("$", |place| place.text());
    fault::unlike(
        format!("{what}: the answer has no record with `{}` at `{place}`", resource.key.text()),
        format!("correct `record` or `key` of the resource; the answer has {}", members(json)),
    )
}
