//! Change events over gRPC: topics, schemas, credit, positions, endings; channels over the Tooling API.

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::json;
use sfsync_sandbox::{EventSettings, SandboxConfig, TokensRevoked};

use super::pubsub::{Call, Message, ask, number, text};
use super::rig::{Rig, config, fields};

const ACCOUNTS: &str = "/data/AccountChangeEvent";
const LATEST: u8 = 0;
const EARLIEST: u8 = 1;
const CUSTOM: u8 = 2;

/// The first message of a subscription.
fn fetch(topic: &str, preset: u8, replay: &[u8], count: u8) -> Vec<u8> {
    let mut message = [text(1, topic.as_bytes()), number(2, preset)].concat();
    if !replay.is_empty() {
        message.extend(text(3, replay));
    }
    message.extend(number(4, count));
    message
}

async fn subscribe(rig: &Rig, first: &[u8]) -> Call {
    let mut call = Call::open(rig, "Subscribe", &rig.token).await;
    call.say(first);
    call
}

/// The events of a response: replay id and payload.
fn events(response: &Message) -> Vec<(Vec<u8>, Vec<u8>)> {
    let one = |consumed: &[u8]| {
        let consumed = Message::read(consumed);
        let produced = Message::read(consumed.all(1)[0]);
        (consumed.all(2)[0].to_vec(), produced.all(3)[0].to_vec())
    };
    response.all(1).into_iter().map(one).collect()
}

fn add(rig: &Rig, name: &str) -> String {
    rig.sandbox.org().insert("Account", fields(json!({ "Name": name }))).unwrap().to_string()
}

#[tokio::test]
async fn topics_and_schemas_are_told() {
    let rig = Rig::start().await;
    assert_eq!(ask(&rig, "GetTopic", ACCOUNTS).await.unwrap_err().unwrap().1, "topic.not.found");
    rig.sandbox.org().select_for_events("Account").unwrap();
    let topic = ask(&rig, "GetTopic", ACCOUNTS).await.unwrap();
    assert_eq!((topic.text(1).as_str(), topic.number(3), topic.number(4)), (ACCOUNTS, 0, 1));
    let schema = ask(&rig, "GetSchema", &topic.text(5)).await.unwrap();
    assert!(schema.text(1).contains(r#""name":"AccountChangeEvent","namespace":"com.sforce.eventbus""#));
    let all = ask(&rig, "GetTopic", "/data/ChangeEvents").await.unwrap();
    assert_eq!(all.text(5), "");
    let blank = ask(&rig, "GetSchema", "").await.unwrap_err();
    assert_eq!(blank, Some(("3".to_owned(), "schema.validation.failed".to_owned())));
}

#[tokio::test]
async fn credit_bounds_what_is_sent() {
    let rig = Rig::start().await;
    rig.sandbox.org().select_for_events("Account").unwrap();
    let mut call = subscribe(&rig, &fetch(ACCOUNTS, EARLIEST, b"", 2)).await;
    for n in 0..3 {
        add(&rig, &format!("Account {n}"));
    }
    let mut got = Vec::new();
    while got.len() < 2 {
        let response = call.next().await.unwrap();
        got.extend(events(&response));
        assert_eq!(response.number(4), 2 - got.len() as u64);
    }
    assert_eq!(got[0].0.len(), 10);
    call.say(&number(4, 1));
    let response = call.next().await.unwrap();
    assert_eq!(events(&response).len(), 1);
    assert!(response.all(2)[0] == events(&response)[0].0);
    call.say(&number(4, 0));
    assert_eq!(call.next().await.unwrap_err().unwrap().1, "subscription.fetch.requested.events.invalid");
}

#[tokio::test]
async fn a_position_goes_on_where_it_was_until_it_is_too_old() {
    let rig = Rig::start().await;
    rig.sandbox.org().select_for_events("Account").unwrap();
    add(&rig, "First");
    add(&rig, "Second");
    let mut call = subscribe(&rig, &fetch(ACCOUNTS, EARLIEST, b"", 1)).await;
    let first = events(&call.next().await.unwrap())[0].0.clone();
    let mut again = subscribe(&rig, &fetch(ACCOUNTS, CUSTOM, &first, 9)).await;
    let second = events(&again.next().await.unwrap());
    assert!(second.len() == 1 && second[0].1.windows(6).any(|bytes| bytes == b"Second"));
    let corrupted = Some(("3".to_owned(), "subscription.fetch.replayid.corrupted".to_owned()));
    for bad in [b"2".as_slice(), &[0; 10], &first[..8]] {
        let mut call = subscribe(&rig, &fetch(ACCOUNTS, CUSTOM, bad, 1)).await;
        assert_eq!(call.next().await.unwrap_err(), corrupted);
    }
    rig.sandbox.org().clock().advance(SignedDuration::from_hours(71));
    let mut rig = rig;
    rig.sign_in().await;
    assert!(subscribe(&rig, &fetch(ACCOUNTS, CUSTOM, &first, 1)).await.next().await.is_ok());
    rig.sandbox.org().clock().advance(SignedDuration::from_hours(2));
    rig.sign_in().await;
    let mut late = subscribe(&rig, &fetch(ACCOUNTS, CUSTOM, &first, 1)).await;
    assert_eq!(late.next().await.unwrap_err(), corrupted);
}

#[tokio::test]
async fn a_quiet_stream_says_that_it_lives() {
    let events = EventSettings { keepalive_millis: 20, patience_millis: 20, ..EventSettings::default() };
    let rig = Rig::with(SandboxConfig { events, ..config() }).await;
    rig.sandbox.org().select_for_events("Account").unwrap();
    let mut call = subscribe(&rig, &fetch(ACCOUNTS, LATEST, b"", 1)).await;
    let quiet = call.next().await.unwrap();
    assert_eq!((quiet.all(1).len(), quiet.number(4), quiet.all(2)[0].len()), (0, 1, 10));
    add(&rig, "First");
    while call.next().await.unwrap().all(1).is_empty() {}
    // Without credit it ends after the patience of the server.
    assert_eq!(call.next().await.unwrap_err().unwrap().0, "0");
}

#[tokio::test]
async fn streams_end_with_the_session_and_on_demand() {
    let mut rig = Rig::start().await;
    rig.sandbox.org().select_for_events("Account").unwrap();
    let first = fetch("/data/ChangeEvents", EARLIEST, b"", 9);
    let mut call = subscribe(&rig, &first).await;
    add(&rig, "First");
    call.next().await.unwrap();
    rig.sandbox.revoke_tokens(TokensRevoked::Access);
    let unauthenticated = Some(("16".to_owned(), "service.auth.error".to_owned()));
    assert_eq!(call.next().await.unwrap_err(), unauthenticated);
    assert_eq!(ask(&rig, "GetTopic", ACCOUNTS).await.unwrap_err(), unauthenticated);
    rig.sign_in().await;
    let mut call = subscribe(&rig, &first).await;
    add(&rig, "Second");
    call.next().await.unwrap();
    rig.sandbox.cut_streams();
    assert_eq!(call.next().await.unwrap_err(), None);
    rig.sandbox.refuse_streams(Some((8, "subscription.limit.exceeded")));
    let mut call = subscribe(&rig, &first).await;
    assert_eq!(call.next().await.unwrap_err().unwrap().0, "8");
    rig.sandbox.refuse_streams(None);
    let mut unknown = subscribe(&rig, &fetch("/data/LeadChangeEvent", LATEST, b"", 9)).await;
    assert_eq!(unknown.next().await.unwrap_err(), Some(("7".to_owned(), "topic.not.found".to_owned())));
}

#[tokio::test]
async fn channels_are_made_and_filled_up_to_five_objects() {
    let rig = Rig::start().await;
    let post = |kind: &'static str, body| {
        let rig = &rig;
        async move { rig.json(Method::POST, &format!("tooling/sobjects/{kind}"), Some(body)).await }
    };
    let channel = json!({ "FullName": "Own__chn", "Metadata": { "channelType": "data", "label": "Own" } });
    let (status, made) = post("PlatformEventChannel", channel.clone()).await;
    assert_eq!((status, &made["id"].as_str().unwrap()[..3]), (201, "0YL"));
    let (status, again) = post("PlatformEventChannel", channel).await;
    assert_eq!((status, again[0]["errorCode"].as_str()), (400, Some("DUPLICATE_DEVELOPER_NAME")));
    let member = |entity: &str| {
        json!({ "FullName": format!("Own_chn_{entity}"),
                "Metadata": { "eventChannel": "Own__chn", "selectedEntity": entity } })
    };
    let mut ids = Vec::new();
    for object in ["Account", "Contact", "Lead", "Opportunity", "Case"] {
        let (status, made) =
            post("PlatformEventChannelMember", member(&format!("{object}ChangeEvent"))).await;
        assert_eq!(status, 201, "{made}");
        ids.push(made["id"].as_str().unwrap().to_owned());
    }
    let (status, sixth) = post("PlatformEventChannelMember", member("TaskChangeEvent")).await;
    assert_eq!((status, sixth[0]["errorCode"].as_str()), (400, Some("LIMIT_EXCEEDED")));
    let (status, wrong) = post("PlatformEventChannelMember", member("Account")).await;
    assert_eq!((status, wrong[0]["errorCode"].as_str()), (400, Some("FIELD_INTEGRITY_EXCEPTION")));
    let count = "tooling/query?q=SELECT+COUNT_DISTINCT(SelectedEntity)+FROM+PlatformEventChannelMember";
    assert_eq!(rig.get_json(count).await["records"][0]["expr0"], 5);
    let members =
        "tooling/query?q=SELECT+Id,DeveloperName,EventChannel,SelectedEntity+FROM+PlatformEventChannelMember";
    let listed = rig.get_json(members).await;
    assert_eq!(listed["records"][4]["EventChannel"], made["id"]);
    let path = format!("tooling/sobjects/PlatformEventChannelMember/{}", ids[0]);
    assert_eq!(rig.json(Method::DELETE, &path, None).await.0, 204);
    assert_eq!(post("PlatformEventChannelMember", member("TaskChangeEvent")).await.0, 201);
    let path = format!("tooling/sobjects/PlatformEventChannel/{}", made["id"].as_str().unwrap());
    assert_eq!(rig.json(Method::DELETE, &path, None).await.0, 204);
    assert_eq!(rig.get_json(count).await["records"][0]["expr0"], 0);
}
