//! Composite graphs (section 6.3): notes that are made together with the link to their record, or not at all. The graphs of a request are
//! independent of each other.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json, json};

use super::cell;
use super::collections::{Saved, Written};
use super::error::{Fault, parse_body};
use crate::model::Key;

/// Most graphs of one request.
pub const MAX_GRAPHS: usize = 75;
/// What is said of those that were not carried out because another part of the graph failed.
const HALTED: &str = "PROCESSING_HALTED";

/// Path of a request.
pub fn path(data: &str) -> String {
    format!("{data}/composite/graph")
}

/// Body of creates of notes, each with the record on which it is to hang.
pub fn notes<'a>(data: &str, notes: impl Iterator<Item = (&'a [Written], Option<&'a Key>)>) -> Vec<u8> {
    let graph = |(at, (fields, record)): (usize, (&[Written], Option<&Key>))| {
        let note: Map<String, Json> =
            fields.iter().map(|(name, value)| (name.to_string(), cell::json(value))).collect();
        let mut parts = vec![part(data, "ContentNote", "note", Json::Object(note))];
        parts
            .extend(record.map(|record| {
                part(data, "ContentDocumentLink", "link", link("@{note.id}", record.as_str()))
            }));
        json!({ "graphId": format!("n{at}"), "compositeRequest": parts })
    };
    let graphs: Vec<Json> = notes.enumerate().map(graph).collect();
    json!({ "graphs": graphs }).to_string().into_bytes()
}

/// A link of a document to a record, which whoever sees the record may read.
pub fn link(document: &str, record: &str) -> Json {
    json!({ "ContentDocumentId": document, "LinkedEntityId": record, "ShareType": "V", "Visibility": "AllUsers" })
}

fn part(data: &str, object: &str, name: &str, body: Json) -> Json {
    json!({ "method": "POST", "url": format!("{data}/sobjects/{object}"), "referenceId": name, "body": body })
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    graphs: Vec<Graph<'a>>,
}

#[derive(Deserialize)]
struct Graph<'a> {
    #[serde(rename = "graphId")]
    id: String,
    #[serde(borrow, rename = "graphResponse")]
    response: Response<'a>,
    #[serde(rename = "isSuccessful")]
    is_successful: bool,
}

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow, rename = "compositeResponse")]
    parts: Vec<Part<'a>>,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow)]
    body: &'a RawValue,
}

#[derive(Deserialize)]
struct Made {
    id: String,
}

/// Reads the answers of a request, in the order of its graphs.
pub fn results(body: &[u8]) -> Result<Vec<Saved>, serde_json::Error> {
    let mut graphs = serde_json::from_slice::<Wire<'_>>(body)?.graphs;
    let place = |graph: &Graph<'_>| graph.id.trim_start_matches('n').parse::<usize>().ok();
    graphs.sort_by_key(place);
    Ok(graphs.iter().map(saved).collect())
}

fn saved(graph: &Graph<'_>) -> Saved {
    let parts = &graph.response.parts;
    if graph.is_successful {
        let made = parts.first().and_then(|part| serde_json::from_str::<Made>(part.body.get()).ok());
        return Saved { id: made.map(|made| Key::salesforce(&made.id)), faults: Vec::new() };
    }
    let faults = parts.iter().flat_map(|part| parse_body(part.body.get().as_bytes()));
    // What failed says why; what was halted with it says nothing.
    let (halted, mut told): (Vec<Fault>, Vec<Fault>) = faults.partition(|fault| fault.code == HALTED);
    if told.is_empty() {
        told = halted;
    }
    if told.is_empty() {
        told.push(Fault::new("", "refused without a reason"));
    }
    Saved { id: None, faults: told }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_note_goes_with_its_link() {
        let fields: Vec<Written> = vec![(Arc::from("Title"), "Call".into())];
        let record = Key::salesforce("001Hq00001Ab1CdIAJ");
        let body = notes("/d", [(fields.as_slice(), Some(&record)), (fields.as_slice(), None)].into_iter());
        let body: Json = serde_json::from_slice(&body).unwrap();
        let parts = &body["graphs"][0]["compositeRequest"];
        assert_eq!(parts[0]["body"], json!({ "Title": "Call" }));
        assert_eq!(parts[1]["url"], "/d/sobjects/ContentDocumentLink");
        assert_eq!(parts[1]["body"]["ContentDocumentId"], "@{note.id}");
        assert_eq!(parts[1]["body"]["LinkedEntityId"], "001Hq00001Ab1CdIAJ");
        assert_eq!(body["graphs"][1]["compositeRequest"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn answers_as_the_reference_has_them_in_any_order() {
        let answers = results(
            br#"{"graphs":[
              {"graphId":"n2","graphResponse":{"compositeResponse":[
                {"body":[{"errorCode":"PROCESSING_HALTED","message":"rolled back"}],"httpHeaders":{},"httpStatusCode":400,"referenceId":"note"}]},"isSuccessful":false},
              {"graphId":"n1","graphResponse":{"compositeResponse":[
                {"body":[{"errorCode":"PROCESSING_HALTED","message":"rolled back"}],"httpHeaders":{},"httpStatusCode":400,"referenceId":"note"},
                {"body":[{"errorCode":"INVALID_CROSS_REFERENCE_KEY","message":"m","fields":["LinkedEntityId"]}],"httpHeaders":{},"httpStatusCode":400,"referenceId":"link"}]},"isSuccessful":false},
              {"graphId":"n0","graphResponse":{"compositeResponse":[
                {"body":{"id":"069Hq00001Ab1CdIAJ","success":true,"errors":[]},"httpHeaders":{},"httpStatusCode":201,"referenceId":"note"}]},"isSuccessful":true}]}"#,
        )
        .unwrap();
        assert_eq!(answers[0].id, Some(Key::salesforce("069Hq00001Ab1CdIAJ")));
        assert_eq!(
            (answers[1].faults.len(), answers[1].faults[0].code.as_str()),
            (1, "INVALID_CROSS_REFERENCE_KEY")
        );
        assert_eq!(answers[2].faults[0].code, HALTED);
        assert!(results(b"<html>").is_err());
    }
}
