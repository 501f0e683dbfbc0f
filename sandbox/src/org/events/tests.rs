//! The golden vectors of the wire reference, and what a transaction publishes.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::event::Event;
use super::event_schema::EventSchema;
use super::{EventKind, avro};
use crate::org::engine::Topic;
use crate::org::{Org, OrgConfig};

const NOW: &str = "2026-03-11T09:00:00Z";

fn org() -> Org {
    Org::new(OrgConfig { now: Some(NOW.parse().unwrap()), ..OrgConfig::default() }).unwrap()
}

fn fields(value: Json) -> Map<String, Json> {
    value.as_object().unwrap().clone()
}

fn schema(org: &Org, object: &str) -> Arc<EventSchema> {
    let index = org.event_object(&super::entity_of(object)).unwrap();
    org.with_schema(|schema| org.events().lock().schema(schema, index))
}

/// What was published since the beginning.
fn published(org: &Org) -> Vec<Arc<Event>> {
    org.events().lock().log.after(0, 1_000).into_iter().filter_map(|entry| entry.event).collect()
}

#[test]
fn the_schema_of_opportunities_has_the_documented_id() {
    let schema = schema(&org(), "Opportunity");
    assert_eq!(schema.id, "YwIgxO-1i8y-9SIvwTLV8g");
    assert_eq!(schema.fields.len(), 30);
}

#[test]
fn the_documented_event_is_written_byte_for_byte() {
    let text = |value: &str| {
        let mut out = vec![2];
        avro::text(value, &mut out);
        out
    };
    let double = |value: f64| [vec![2], value.to_le_bytes().to_vec()].concat();
    let stamp = || {
        let mut out = vec![2];
        avro::long(1_714_153_779_000, &mut out);
        out
    };
    let event = Event {
        object: 0,
        object_name: "Opportunity".to_owned(),
        schema: schema(&org(), "Opportunity"),
        uuid: String::new(),
        kind: EventKind::Update,
        ids: vec!["0065f00000UloqVAAR".to_owned()],
        origin: "com/salesforce/api/rest/66.0;client=AcmeSync".to_owned(),
        transaction: "00006948-0ac9-7da3-edb3-ea0e31b2334a".to_owned(),
        sequence: 1,
        at_millis: 1_714_153_779_000,
        commit: 1_100_638_524_517,
        user: "0055f000005mc66AAA".to_owned(),
        nulled: super::bitmap::bitmaps(&[(11, None)]),
        diff: Vec::new(),
        changed: super::bitmap::bitmaps(&[4, 6, 7, 11, 15, 16, 23, 25].map(|at| (at, None))),
        values: vec![
            (4, text("Proposal/Price Quote")),
            (6, double(75.0)),
            (7, double(33_750.0)),
            (15, text("BestCase")),
            (16, text("Best Case")),
            (23, stamp()),
            (25, stamp()),
        ],
    };
    let mut hex = String::new();
    for byte in event.payload(&event.ids, &Vec::new()) {
        hex.push_str(&format!("{byte:02x}"));
    }
    let golden = "164f70706f7274756e697479022430303635663030303030556c6f7156414152000258636f6d2f73616c6573666f7263\
        652f6170692f726573742f36362e303b636c69656e743d41636d6553796e634830303030363934382d306163392d376461332d656462332d6561\
        306533316232333334610\
        2f0bcb7b8e363cad1d8b288402430303535663030303030356d633636414141020c30783130303000000214307830353033313141300000000000\
        022850726f706f73616c2f50726963652051756f746500020000000000c052400200000000c07ae0400000000000000002104265737443617365\
        021242657374204361736500000000000002f0bcb7b8e3630002f0bcb7b8e36300000000";
    assert_eq!(hex, golden);
    assert_eq!(hex.len() / 2, 269);
}

#[test]
fn one_transaction_tells_each_record_once() {
    let org = org();
    org.select_for_events("Contact").unwrap();
    let mut transaction = org.begin();
    transaction.insert("Contact", fields(json!({ "LastName": "One" })));
    transaction.insert("Account", fields(json!({ "Name": "Not selected" })));
    transaction.insert("Contact", fields(json!({ "LastName": "Two" })));
    let ids = transaction.commit().unwrap();
    let events = published(&org);
    let told: Vec<_> = events.iter().map(|event| (event.ids[0].clone(), event.sequence)).collect();
    assert_eq!(told, [(ids[0].to_string(), 1), (ids[2].to_string(), 3)]);
    assert!(events.iter().all(|event| event.transaction == events[0].transaction));
}

#[test]
fn a_changed_part_of_a_compound_is_named_by_its_own_bitmap() {
    let org = org();
    org.select_for_events("Contact").unwrap();
    let contact = json!({ "FirstName": "Ada", "LastName": "One", "MailingCity": "Berlin", "Phone": "1" });
    let id = org.insert("Contact", fields(contact)).unwrap().to_string();
    org.clock().advance(jiff::SignedDuration::from_secs(5));
    org.update("Contact", &id, fields(json!({ "LastName": "Two", "MailingCity": null, "Phone": null })))
        .unwrap();
    let events = published(&org);
    let update = events.last().unwrap();
    // Name is field 2, MailingAddress 4, Phone 5, LastModifiedDate 25 with the header as 0.
    assert_eq!(update.changed, ["0x02000020", "2-0x04", "4-0x02"]);
    assert_eq!(update.nulled, ["0x20", "4-0x02"]);
    org.clock().advance(jiff::SignedDuration::from_secs(5));
    org.touch_by_system("Contact", &id).unwrap();
    assert_eq!(published(&org).len(), events.len());
}

#[test]
fn the_same_change_of_several_records_is_one_event() {
    let org = org();
    org.select_for_events("Account").unwrap();
    let ids: Vec<String> = (0..3)
        .map(|n| org.insert("Account", fields(json!({ "Name": n.to_string() }))).unwrap().to_string())
        .collect();
    let mut transaction = org.begin();
    for id in &ids {
        transaction.update("Account", id, fields(json!({ "Industry": "Apparel" })));
    }
    transaction.commit().unwrap();
    let events = published(&org);
    assert_eq!(events.len(), 4);
    assert_eq!(events[3].ids, ids);
    assert_eq!(events[3].changed, ["0x400800"]);
    org.merge("Account", &ids[0], &ids[1..], &Map::new()).unwrap();
    let merged: Vec<EventKind> = published(&org)[4..].iter().map(|event| event.kind).collect();
    assert!(merged.contains(&EventKind::Delete) && merged.contains(&EventKind::Update), "{merged:?}");
    org.delete("Account", &ids[0]).unwrap();
    org.undelete("Account", &ids[0]).unwrap();
    let last: Vec<EventKind> = published(&org).iter().rev().take(2).map(|event| event.kind).collect();
    assert_eq!(last, [EventKind::Undelete, EventKind::Delete]);
}

#[test]
fn a_long_text_is_sent_as_a_difference() {
    let org = org();
    org.select_for_events("Account").unwrap();
    let lines: Vec<String> = (0..60).map(|n| format!("line {n} of a description")).collect();
    let old = lines.join("\n");
    let id = org.insert("Account", fields(json!({ "Name": "A", "Description": old }))).unwrap().to_string();
    org.update("Account", &id, fields(json!({ "Description": old.replace("line 7 ", "line VII ") })))
        .unwrap();
    let events = published(&org);
    assert_eq!(events[1].diff, ["0x010000"]);
    assert_eq!(events[1].changed, ["0x410000"]);
}

#[test]
fn enriched_fields_are_read_when_they_are_delivered() {
    let org = org();
    let id = org.insert("Account", fields(json!({ "Name": "Enriched", "Phone": "1" }))).unwrap().to_string();
    let names = ("Own_AccountChangeEvent", "ChangeEvents", "AccountChangeEvent");
    org.add_channel_member(names, vec!["Name".to_owned()], Some("Phone != '9'".to_owned())).unwrap();
    org.update("Account", &id, fields(json!({ "Phone": "2" }))).unwrap();
    let topic = Topic::Channel("ChangeEvents".to_owned());
    let has_name = |payload: &[u8]| payload.windows(8).any(|bytes| bytes == b"Enriched");
    let (sent, _) = org.deliver(&topic, 0, 10);
    assert!(sent.len() == 1 && has_name(&sent[0].payload));
    let plain = org.topic("/data/AccountChangeEvent").unwrap().topic;
    let (sent, _) = org.deliver(&plain, 0, 10);
    assert!(sent.len() == 1 && !has_name(&sent[0].payload));
    org.update("Account", &id, fields(json!({ "Phone": "9" }))).unwrap();
    assert!(org.deliver(&topic, 0, 10).0.is_empty());
}

#[test]
fn another_field_is_another_schema_and_the_old_one_stays_known() {
    let org = org();
    org.select_for_events("Account").unwrap();
    let before = schema(&org, "Account");
    org.add_event_field("Account", "Later__c").unwrap();
    let after = schema(&org, "Account");
    assert_ne!(before.id, after.id);
    assert_eq!(after.fields.len(), before.fields.len() + 1);
    let known = org.events().lock().schema_text(&before.id);
    assert_eq!(known, Some(before.json.clone()));
}
