//! `/composite/tree/X`: records with their children, all or nothing (section 6.5). Read [`tree`] first.

use std::collections::{BTreeSet, HashSet};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Exchange;
use super::writing::save_errors;
use crate::org::{Action, ApiError, Write, WriteOptions, WriteSource};
use crate::wire::reply::Reply;
use crate::wire::request::WireRequest;

const MOST_RECORDS: usize = 200;
const MOST_TYPES: usize = 5;
const MOST_LEVELS: usize = 5;

#[derive(Deserialize)]
struct Records {
    records: Vec<Map<String, Value>>,
}

/// A record with its place in the tree.
struct Node {
    object: String,
    reference: String,
    fields: Map<String, Value>,
    /// Position of the parent and the lookup to it.
    parent: Option<(usize, String)>,
    level: usize,
}

/// `POST /composite/tree/X`
pub(super) fn tree(exchange: &Exchange, object: &str, request: &WireRequest) -> Result<Reply, ApiError> {
    if !exchange.server.org.sees_object(object) {
        return Err(ApiError::not_found());
    }
    let body: Records = request.json()?;
    let mut nodes = Vec::new();
    flatten(exchange, object, body.records, None, &mut nodes)?;
    check(&nodes)?;
    let atomic = exchange.server.org.atomic();
    let mut options = exchange.write_options(request, WriteSource::Tree);
    options.journal = Some(atomic.journal());
    let (done, failed) = save(exchange, &nodes, options);
    if failed.is_empty() {
        atomic.keep();
        return Ok(Reply::json(201, &json!({ "hasErrors": false, "results": done })));
    }
    drop(atomic);
    Ok(Reply::json(400, &json!({ "hasErrors": true, "results": failed })))
}

/// Parents before their children.
fn flatten(
    exchange: &Exchange,
    object: &str,
    records: Vec<Map<String, Value>>,
    parent: Option<(usize, String)>,
    nodes: &mut Vec<Node>,
) -> Result<(), ApiError> {
    let level = parent.as_ref().map_or(1, |(at, _)| nodes[*at].level + 1);
    for mut record in records {
        let attributes = record.shift_remove("attributes").unwrap_or(Value::Null);
        let reference = attributes["referenceId"].as_str().unwrap_or_default().to_owned();
        let nested: Vec<String> = record
            .iter()
            .filter(|(_, value)| value["records"].is_array())
            .map(|(name, _)| name.clone())
            .collect();
        let children: Vec<(String, Value)> = nested
            .into_iter()
            .filter_map(|name| record.shift_remove(&name).map(|value| (name, value)))
            .collect();
        let at = nodes.len();
        let object = object.to_owned();
        nodes.push(Node { object: object.clone(), reference, fields: record, parent: parent.clone(), level });
        for (name, value) in children {
            let found = exchange.server.org.child_lookup(&object, &name);
            let (child, lookup) = found.ok_or_else(|| {
                let message = format!("No such column '{name}' on sobject of type {object}");
                ApiError::request("INVALID_FIELD", message)
            })?;
            let records: Records = serde_json::from_value(value)
                .map_err(|error| ApiError::request("JSON_PARSER_ERROR", error.to_string()))?;
            flatten(exchange, &child, records.records, Some((at, lookup)), nodes)?;
        }
    }
    Ok(())
}

fn check(nodes: &[Node]) -> Result<(), ApiError> {
    let mut references = HashSet::new();
    if nodes.iter().any(|node| node.reference.is_empty() || !references.insert(&node.reference)) {
        return Err(ApiError::request("INVALID_INPUT", "Every record needs a referenceId of its own"));
    }
    let types: BTreeSet<&str> = nodes.iter().map(|node| node.object.as_str()).collect();
    let levels = nodes.iter().map(|node| node.level).max().unwrap_or(0);
    if nodes.is_empty() || nodes.len() > MOST_RECORDS || types.len() > MOST_TYPES || levels > MOST_LEVELS {
        let message = format!(
            "a tree has 1 to {MOST_RECORDS} records, up to {MOST_TYPES} types and up to {MOST_LEVELS} levels"
        );
        return Err(ApiError::request("INVALID_INPUT", message));
    }
    Ok(())
}

/// Saves the nodes; below a record that failed nothing is tried.
fn save(exchange: &Exchange, nodes: &[Node], mut options: WriteOptions) -> (Vec<Value>, Vec<Value>) {
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    let mut ids: Vec<Option<String>> = Vec::new();
    for node in nodes {
        let mut fields = node.fields.clone();
        if let Some((parent, lookup)) = &node.parent {
            let Some(id) = &ids[*parent] else {
                ids.push(None);
                continue;
            };
            fields.insert(lookup.clone(), id.clone().into());
        }
        let write = Write { object: node.object.clone(), action: Action::Insert, fields };
        let outcome = exchange.write_all(&[write], &mut options).pop();
        ids.push(match outcome {
            Some(Ok(written)) => {
                let id = written.id.to_string();
                done.push(json!({ "referenceId": node.reference, "id": id }));
                Some(id)
            }
            Some(Err(error)) => {
                failed.push(json!({ "referenceId": node.reference, "errors": save_errors(&error) }));
                None
            }
            None => None,
        });
    }
    (done, failed)
}
