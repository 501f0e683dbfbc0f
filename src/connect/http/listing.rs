//! What a list answer says: its records, each with its key, or why it is none.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::client::Answer;
use super::fault;
use super::resource::Resource;
use crate::connect::ConnectError;
use crate::model::Key;

/// One record of a list.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) key: Key,
    pub(super) record: Json,
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
    let mut first: HashMap<Key, (usize, &Json)> = HashMap::new();
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
        let (other, same) = *first.entry(key.clone()).or_insert((nth, record));
        if same != record {
            let key = resource.key.text();
            let message =
                format!("{what}: records {other} and {nth} of the answer have the same id at `{key}`");
            return Err(fault::unlike(message, "correct `key` of the resource"));
        }
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
    // A list beside an error is not all of the list.
    if json.is_object() && fault::is_error(json) {
        return Err(fault::error_inside(what, answer));
    }
    match found.as_slice() {
        [Json::Array(items)] => Ok(items.iter().collect()),
        [Json::Null] => Ok(Vec::new()),
        [] if place.picks() && place.has_list(json) => Ok(Vec::new()),
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
