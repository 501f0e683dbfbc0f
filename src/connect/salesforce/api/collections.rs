//! sObject Collections (section 6.2) and the single record (sections 5.3, 5.5): what is sent and what comes back. Every record has its own
//! answer, in the order of the request; one that fails never takes another along (`allOrNone` is false).

use std::sync::Arc;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::cell;
use super::error::{Fault, WireFault};
use crate::model::{Key, Value};

/// Most records of one call.
pub const MAX_RECORDS: usize = 200;
/// Most ids of one retrieve.
pub const MAX_IDS: usize = 2_000;

/// A field to write, in its wire name.
pub type Written = (Arc<str>, Value);

/// A record to write.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Its id, for updates.
    pub id: Option<&'a str>,
    /// What to set. `Null` clears; what is not named stays.
    pub fields: &'a [Written],
}

/// What became of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Its id, where it was stored.
    pub id: Option<Key>,
    /// Why it was not; empty when it was.
    pub faults: Vec<Fault>,
}

#[derive(Deserialize)]
struct WireSaved {
    #[serde(default)]
    id: Option<String>,
    success: bool,
    #[serde(default)]
    errors: Vec<WireFault>,
}

/// Path of creates and updates.
pub fn path(data: &str) -> String {
    format!("{data}/composite/sobjects")
}

/// Path of upserts by an external id.
pub fn upsert_path(data: &str, object: &str, field: &str) -> String {
    format!("{data}/composite/sobjects/{object}/{field}")
}

/// Path of deletes, with the ids in it.
pub fn delete_path<'a>(data: &str, ids: impl Iterator<Item = &'a str>) -> String {
    let ids: Vec<String> = ids.map(|id| utf8_percent_encode(id, NON_ALPHANUMERIC).to_string()).collect();
    format!("{data}/composite/sobjects?ids={}&allOrNone=false", ids.join(","))
}

/// Path of one record.
pub fn record_path(data: &str, object: &str, id: &str) -> String {
    format!("{data}/sobjects/{object}/{}", utf8_percent_encode(id, NON_ALPHANUMERIC))
}

/// Path of creates of single records.
pub fn create_path(data: &str, object: &str) -> String {
    format!("{data}/sobjects/{object}")
}

/// Path of a retrieve by ids.
pub fn retrieve_path(data: &str, object: &str) -> String {
    format!("{data}/composite/sobjects/{object}")
}

/// Body of creates, updates and upserts.
pub fn body(object: &str, records: &[Record<'_>]) -> Vec<u8> {
    let records: Vec<Json> = records.iter().map(|record| tree(object, record)).collect();
    json!({ "allOrNone": false, "records": records }).to_string().into_bytes()
}

/// Body of a single record.
pub fn record_body(fields: &[Written]) -> Vec<u8> {
    let map: Map<String, Json> =
        fields.iter().map(|(name, value)| (name.to_string(), cell::json(value))).collect();
    Json::Object(map).to_string().into_bytes()
}

/// Body of a retrieve.
pub fn retrieve_body(ids: &[&str], fields: &[&str]) -> Vec<u8> {
    json!({ "ids": ids, "fields": fields }).to_string().into_bytes()
}

fn tree(object: &str, record: &Record<'_>) -> Json {
    let mut map = Map::with_capacity(record.fields.len() + 2);
    map.insert("attributes".into(), json!({ "type": object }));
    if let Some(id) = record.id {
        map.insert("id".into(), id.into());
    }
    for (name, value) in record.fields.iter().filter(|(_, value)| !value.is_absent()) {
        map.insert(name.to_string(), cell::json(value));
    }
    Json::Object(map)
}

/// Reads the answers of a call.
pub fn results(body: &[u8]) -> Result<Vec<Saved>, serde_json::Error> {
    Ok(serde_json::from_slice::<Vec<WireSaved>>(body)?.into_iter().map(saved).collect())
}

/// Reads the answer of one create.
pub fn result(body: &[u8]) -> Result<Saved, serde_json::Error> {
    serde_json::from_slice::<WireSaved>(body).map(saved)
}

fn saved(wire: WireSaved) -> Saved {
    if wire.success {
        // In a refusal the id may be there or not; it says nothing (section 6.2).
        return Saved { id: wire.id.as_deref().map(Key::salesforce), faults: Vec::new() };
    }
    let mut faults: Vec<Fault> = wire.errors.into_iter().filter_map(WireFault::into_fault).collect();
    if faults.is_empty() {
        faults.push(Fault::new("", "refused without a reason"));
    }
    Saved { id: None, faults }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, Value)]) -> Vec<Written> {
        pairs.iter().map(|(name, value)| (Arc::from(*name), value.clone())).collect()
    }

    #[test]
    fn absent_null_and_a_value_are_three_things() {
        let fields = fields(&[("Name", "Acme".into()), ("Fax", Value::Null), ("Phone", Value::Absent)]);
        let records = [Record { id: Some("001Hq00001Ab1CdIAJ"), fields: &fields }];
        assert_eq!(
            String::from_utf8(body("Account", &records)).unwrap(),
            r#"{"allOrNone":false,"records":[{"attributes":{"type":"Account"},"id":"001Hq00001Ab1CdIAJ","Name":"Acme","Fax":null}]}"#
        );
    }

    #[test]
    fn answers_as_the_reference_has_them() {
        let saved = results(
            br#"[{"id":"001Hq00001Ab1CdIAJ","success":true,"errors":[]},
                {"success":false,"errors":[{"statusCode":"DUPLICATE_VALUE","message":"duplicate value found: ExtId__c duplicates value on record with id: 001Hq00001Ab1Cf","fields":["ExtId__c"]}],"created":false},
                {"id":"001Hq00001Ab1CeIAJ","success":false,"errors":[{"statusCode":"ALL_OR_NONE_OPERATION_ROLLED_BACK","message":"m","fields":[],"extendedErrorDetails":[]}]},
                {"success":false,"errors":[]}]"#,
        )
        .unwrap();
        assert_eq!(saved[0], Saved { id: Some(Key::salesforce("001Hq00001Ab1CdIAJ")), faults: Vec::new() });
        assert_eq!(
            (saved[1].faults[0].fields[0].as_str(), saved[1].faults[0].existing.as_slice()),
            ("ExtId__c", &[Key::salesforce("001Hq00001Ab1Cf")][..])
        );
        assert_eq!(
            (saved[2].id.as_ref(), saved[2].faults[0].code.as_str()),
            (None, "ALL_OR_NONE_OPERATION_ROLLED_BACK")
        );
        assert_eq!(saved[3].faults[0].code, "");
        assert!(results(b"<html>").is_err());
        assert!(result(br#"{"id":"001Hq00001Ab1CdIAJ","success":true,"errors":[]}"#).unwrap().id.is_some());
    }

    #[test]
    fn paths() {
        let ids = ["001Hq00001Ab1CdIAJ", "001Hq00001Ab1CeIAJ"];
        assert_eq!(
            delete_path("/d", ids.into_iter()),
            "/d/composite/sobjects?ids=001Hq00001Ab1CdIAJ,001Hq00001Ab1CeIAJ&allOrNone=false"
        );
        assert_eq!(upsert_path("/d", "Account", "ExtId__c"), "/d/composite/sobjects/Account/ExtId__c");
        // 200 ids fit an address.
        let many: Vec<String> = (0..MAX_RECORDS).map(|at| format!("001Hq{at:013}")).collect();
        assert!(
            delete_path("/services/data/v66.0", many.iter().map(String::as_str)).len()
                < super::super::soql::MAX_URI
        );
    }
}
