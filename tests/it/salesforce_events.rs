//! The stream of change events against the simulated org: what events say, where they go on, how they end.

use bytes::Bytes;
use jiff::SignedDuration;
use serde_json::json;
use sfsync::connect::salesforce::{Event, EventKind, EventStream, Fault, fault_of};
use sfsync_sandbox::{EventSettings, SandboxConfig, TokensRevoked};

use crate::salesforce_rig::{Rig, object_of, sandbox_config};

const CONTACTS: &str = "/data/ContactChangeEvent";

async fn rig_with(events: EventSettings) -> Rig {
    let config = SandboxConfig { events, ..sandbox_config() };
    let rig = Rig::with(config, |config| config.pubsub_url.clone_from(&config.login_url)).await;
    rig.sandbox.org().select_for_events("Contact").unwrap();
    rig
}

fn stream(rig: &Rig, topic: &str, position: Option<Bytes>) -> EventStream {
    EventStream::new(rig.client.clone(), topic, position)
}

/// Events until there are so many.
async fn events(stream: &mut EventStream, count: usize) -> Vec<Event> {
    let mut found = Vec::new();
    while found.len() < count {
        found.extend(stream.next().await.unwrap().events);
    }
    found
}

fn said(events: &[Event]) -> Vec<(EventKind, String)> {
    events.iter().map(|event| (event.kind, event.changed.join(" "))).collect()
}

fn settings() -> EventSettings {
    EventSettings { keepalive_millis: 10, ..EventSettings::default() }
}

#[tokio::test]
async fn events_say_what_happened_to_which_fields() {
    let rig = rig_with(settings()).await;
    let start = stream(&rig, CONTACTS, None).next().await.unwrap().position;
    let id = rig.insert("Contact", json!({ "FirstName": "Ada", "LastName": "One", "MailingCity": "Berlin" }));
    rig.update("Contact", &id, json!({ "LastName": "Two", "Phone": "1", "MailingCity": null }));
    rig.sandbox.org().delete("Contact", &id).unwrap();
    rig.sandbox.org().undelete("Contact", &id).unwrap();
    let events = events(&mut stream(&rig, CONTACTS, Some(start)), 4).await;
    let changed = "Phone LastModifiedDate Name.LastName MailingAddress.City";
    assert_eq!(
        said(&events),
        [
            (EventKind::Create, String::new()),
            (EventKind::Update, changed.to_owned()),
            (EventKind::Delete, String::new()),
            (EventKind::Undelete, String::new()),
        ]
    );
    assert!(events.iter().all(|event| event.object == "Contact" && event.ids == [id.as_str()]));
    assert_eq!(events[1].nulled, ["MailingAddress.City"]);
    assert_eq!(events[1].committed, rig.sandbox.org().clock().now());
}

#[tokio::test]
async fn nothing_is_lost_over_breaks_and_sessions() {
    let rig = rig_with(settings()).await;
    let mut stream = stream(&rig, "/data/ChangeEvents", None);
    stream.next().await.unwrap();
    let mut seen = Vec::new();
    let mut made = Vec::new();
    for round in 0..6 {
        match round % 3 {
            0 => rig.sandbox.cut_streams(),
            1 => assert!(rig.sandbox.revoke_tokens(TokensRevoked::Access) > 0),
            _ => rig.sandbox.org().add_event_field("Contact", &format!("New{round}__c")).unwrap(),
        }
        for n in 0..150 {
            made.push(rig.insert("Contact", json!({ "LastName": format!("{round} {n}") })));
        }
        while seen.len() < made.len() {
            match stream.next().await {
                Ok(batch) => seen.extend(batch.events.into_iter().flat_map(|event| event.ids)),
                Err(error) => assert_eq!(fault_of(&error), Fault::Passing, "{error}"),
            }
        }
    }
    assert_eq!(seen, made);
}

#[tokio::test]
async fn a_stream_that_cannot_go_on_says_why() {
    let rig = rig_with(settings()).await;
    let fault = async |topic: &str, position: Option<Bytes>| {
        fault_of(&stream(&rig, topic, position).next().await.unwrap_err())
    };
    assert_eq!(fault("/data/LeadChangeEvent", None).await, Fault::Topic);
    assert_eq!(fault(CONTACTS, Some(Bytes::from_static(b"17"))).await, Fault::Position);
    let old = stream(&rig, CONTACTS, None).next().await.unwrap().position;
    rig.sandbox.org().clock().advance(SignedDuration::from_hours(73));
    assert_eq!(fault(CONTACTS, Some(old)).await, Fault::Position);
    rig.sandbox.refuse_streams(Some((8, "subscription.limit.exceeded")));
    assert_eq!(fault(CONTACTS, None).await, Fault::Limit);
    rig.sandbox.refuse_streams(Some((16, "service.auth.error")));
    assert_eq!(fault(CONTACTS, None).await, Fault::Session);
}

#[tokio::test]
async fn gaps_and_overflows_and_merged_changes() {
    let rig = rig_with(settings()).await;
    let start = stream(&rig, CONTACTS, None).next().await.unwrap().position;
    let ids: Vec<String> =
        (0..2).map(|n| rig.insert("Contact", json!({ "LastName": n.to_string() }))).collect();
    rig.sandbox.org().gap_events(1);
    rig.update("Contact", &ids[0], json!({ "Phone": "1" }));
    let mut both = rig.sandbox.org().begin();
    for id in &ids {
        both.update("Contact", id, object_of(json!({ "Phone": "2" })));
    }
    both.commit().unwrap();
    rig.sandbox.org().publish_overflow("Contact").unwrap();
    let events = events(&mut stream(&rig, CONTACTS, Some(start)), 5).await;
    assert_eq!((events[2].kind, &events[2].ids[..]), (EventKind::Gap, &ids[..1]));
    assert_eq!((events[3].kind, &events[3].ids), (EventKind::Update, &ids));
    assert_eq!((events[4].kind, events[4].ids.len()), (EventKind::Overflow, 0));
}
