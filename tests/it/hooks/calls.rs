//! JSON calls: who may call, what is understood, and that a record is there without waiting for a look.

use ring::hmac;
use serde_json::json;
use sfsync::model::{Key, Side};
use sfsync::runtime::status::State;

use super::rig::{APP_TOKEN, Called, TOKEN, answered, rig};
use crate::harness::rig::{PATIENCE, Rig, until};
use crate::harness::small::{ACCOUNTS, DEALS};

const SECOND: &str = "poll: 1 second";
const CALLED: &str = "poll: 1 hour, push: webhook";

async fn called() -> Called {
    let rig = rig("").await;
    rig.write("accounts.yaml", ACCOUNTS);
    rig.write("deals.yaml", &DEALS.replace(SECOND, CALLED));
    let called = Called::of(rig).await;
    until(&called.small.daemon, "deals", |status| {
        status.push == "webhook" && status.state == State::Running && status.passes > 0
    })
    .await;
    called
}

fn deal_named(name: &str) -> String {
    format!("SELECT count(*) FROM deals WHERE name = '{name}'")
}

/// The look that is known to come brings what was called for.
async fn there(called: &Called, name: &str) {
    let sql = deal_named(name);
    let came = tokio::time::timeout(PATIENCE, async {
        let mut status = called.small.daemon.status_receiver(&"deals".into()).unwrap();
        while called.small.number(&sql) == 0 {
            status.changed().await.unwrap();
        }
    });
    assert!(came.await.is_ok(), "{name} never came");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_flow_names_is_there_without_waiting_for_a_look() {
    let called = called().await;
    let (_, id) = called.small.deal("Called");
    let body = json!({ "object": "Opportunity", "id": id }).to_string();
    let taken = called.say("salesforce", TOKEN, body).await;
    assert_eq!(taken, (202, r#"{"records":1,"pipelines":1}"#.to_owned()));
    there(&called, "Called").await;
    // A list, with ids that nobody knows and an object that nobody reads.
    let (_, id) = called.small.deal("Listed");
    let body = json!([
        { "object": "opportunity", "ids": [&id[..15], "006000000000001AAA"] },
        { "object": "Lead", "id": "00Q000000000001EAA" },
    ]);
    assert_eq!(called.say("salesforce", TOKEN, body.to_string()).await.1, r#"{"records":3,"pipelines":1}"#);
    there(&called, "Listed").await;
    // Only: look.
    for (body, name) in [("{\"object\":\"Opportunity\"}", "Looked for"), ("", "Looked for again")] {
        called.small.deal(name);
        assert_eq!(called.say("salesforce", TOKEN, body).await.0, 202);
        there(&called, name).await;
    }
    assert_eq!(called.count("salesforce", "taken"), 4);
    assert_eq!(called.small.status("deals").state, State::Running);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_stored() {
    let called = called().await;
    let name = "deals".into();
    // Nobody reads the queue while the pipeline rests.
    called.small.daemon.command(&name, sfsync::runtime::task::Command::Pause { by: "test".to_owned() }).await;
    called.small.state("deals", State::Paused).await;
    let (_, id) = called.small.deal("Kept");
    let body = json!({ "object": "Opportunity", "id": id }).to_string();
    let calls = (0..50).map(|_| called.say("salesforce", TOKEN, body.clone()));
    assert!(futures_util::future::join_all(calls).await.iter().all(|answer| answer.0 == 202));
    let mut called = called;
    called.small.rig.stop().await;
    let Called { small, .. } = &called;
    // A crash from here on changes nothing: another process opens the state.
    let folder = tempfile::tempdir().unwrap();
    for file in ["state.redb", "key"] {
        std::fs::copy(small.rig.dir.path().join("state").join(file), folder.path().join(file)).unwrap();
    }
    let store = sfsync::store::Store::open(folder.path(), &sfsync::store::StoreKey::File).unwrap();
    assert_eq!(store.touched(&name, Side::Salesforce, 9).unwrap(), [Key::salesforce(&id)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_in_without_the_token() {
    let called = called().await;
    let body = || "{}".to_owned();
    for wrong in ["", "wrong", "org-toke", "org-token2", APP_TOKEN] {
        let (status, text) = called.say("salesforce", wrong, body()).await;
        assert_eq!(status, 401, "{wrong}");
        assert!(text.contains("does not prove who it is") && !text.contains("org-token"), "{text}");
    }
    assert_eq!(answered(called.call("salesforce").body(body())).await.0, 401);
    // Not in the address, which is written down in many places.
    assert_eq!(answered(called.call("salesforce?token=org-token").body(body())).await.0, 401);
    for nowhere in ["nobody", "warehouse", "salesforce/deals", "warehouse/deals", "warehouse/nothing"] {
        assert_eq!(called.say(nowhere, TOKEN, body()).await.0, 404, "{nowhere}");
    }
    assert_eq!((called.count("salesforce", "unproven"), called.count("", "unknown")), (7, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_taken_is_refused_and_says_why() {
    let called = called().await;
    let org = called.small.rig.sandbox.org().org_id().to_string();
    let now = jiff::Timestamp::now();
    let at = |minutes: i64| (now + jiff::SignedDuration::from_mins(minutes)).to_string();
    let large = format!("[{}]", " ".repeat(300_000));
    for (body, status, says) in [
        ("{".to_owned(), 400, "the body is no JSON"),
        (json!({ "object": "Lead", "id": "x" }).to_string(), 400, "no Salesforce id"),
        (json!({ "at": at(-11) }).to_string(), 400, "ten minutes"),
        (json!({ "at": at(11) }).to_string(), 400, "ten minutes"),
        (json!({ "orgId": "00D000000000001AAA" }).to_string(), 403, "another org"),
        (json!({ "orgId": "00é" }).to_string(), 403, "another org"),
        (json!({ "orgId": &org[..15], "at": at(-9) }).to_string(), 202, "pipelines"),
        (large, 413, "256 KiB"),
    ] {
        let (found, text) = called.say("salesforce", TOKEN, body).await;
        assert_eq!(found, status, "{text}");
        assert!(text.contains(says), "{text}");
    }
    // A body whose length nobody says.
    let pieces = futures_util::stream::iter((0..400).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1024])));
    let request = called.call("salesforce").bearer_auth(TOKEN).body(reqwest::Body::wrap_stream(pieces));
    assert_eq!(answered(request).await.0, 413);
    assert_eq!(called.count("salesforce", "other_org"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_played_again_is_known() {
    let called = called().await;
    let call = |nonce: &str, id: &str| {
        json!({ "object": "Opportunity", "id": id, "nonce": nonce, "at": jiff::Timestamp::now().to_string() })
            .to_string()
    };
    let (_, id) = called.small.deal("Once");
    assert_eq!(called.say("salesforce", TOKEN, call("n1", &id)).await.1, r#"{"records":1,"pipelines":1}"#);
    let again = called.say("salesforce", TOKEN, call("n1", &id)).await;
    assert_eq!(again, (202, r#"{"records":1,"pipelines":0,"repeated":true}"#.to_owned()));
    assert_eq!(called.say("salesforce", TOKEN, call("n2", &id)).await.1, r#"{"records":1,"pipelines":1}"#);
    assert_eq!(called.count("salesforce", "repeated"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_set_is_shown_and_polling_goes_on() {
    let mut rig = rig("").await;
    rig.secrets.0.insert("HOOK_TOKEN".to_owned(), String::new());
    rig.write("accounts.yaml", ACCOUNTS);
    rig.write("deals.yaml", &DEALS.replace(SECOND, CALLED));
    let called = Called::of(rig).await;
    let status = until(&called.small.daemon, "deals", |status| status.state == State::Degraded).await;
    assert_eq!(status.push, "webhook off");
    assert_eq!(
        status.message,
        "nobody can call in: the secret of `webhook` of connection salesforce is not set. Polling every 1 hour."
    );
    assert_eq!(called.say("salesforce", "", "{}").await.0, 404);
}

const CUSTOMERS: &str = "\
salesforce: { object: Account, poll: 1 hour }
app: { resource: warehouse.customers, poll: 1 hour, push: webhook }
to_app: [update]
to_salesforce: [create, update]
match: [name]
reconcile: off
fields:
  - { salesforce: Name,  app: name }
  - { salesforce: Phone, app: phone }
";

async fn app(webhook: &str) -> Called {
    let rig = rig("").await;
    rig.database()
        .execute_batch(
            "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, phone TEXT, updated_at TEXT)",
        )
        .unwrap();
    let path = rig.folder().join("connections/warehouse.yaml");
    let connection = std::fs::read_to_string(path).unwrap();
    let more =
        format!("{connection}\nwebhook: {webhook}\nresources:\n  customers: {{ updated_at: updated_at }}\n");
    rig.write("connections/warehouse.yaml", &more);
    rig.write("accounts.yaml", CUSTOMERS);
    let called = Called::of(rig).await;
    until(&called.small.daemon, "accounts", |status| {
        status.push == "webhook" && status.state == State::Running && status.passes > 0
    })
    .await;
    called
}

fn insert(rig: &Rig, name: &str) -> i64 {
    let database = rig.database();
    let sql = "INSERT INTO customers (name, updated_at) VALUES (?1, strftime('%Y-%m-%dT%H:%M:%fZ'))";
    database.execute(sql, [name]).unwrap();
    database.last_insert_rowid()
}

async fn in_the_org(called: &Called, name: &str) {
    let org = called.small.rig.sandbox.org();
    let came = tokio::time::timeout(PATIENCE, async {
        let mut status = called.small.daemon.status_receiver(&"accounts".into()).unwrap();
        while org.records("Account", false).unwrap().iter().all(|one| one["Name"] != json!(name)) {
            status.changed().await.unwrap();
        }
    });
    assert!(came.await.is_ok(), "{name} never came");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_an_app_that_calls_is_in_the_org() {
    let called = app("{ token: \"${env:APP_TOKEN}\" }").await;
    let id = insert(&called.small.rig, "Called");
    let taken = called.say("warehouse/customers", APP_TOKEN, json!({ "id": id }).to_string()).await;
    assert_eq!(taken, (202, r#"{"records":1,"pipelines":1}"#.to_owned()));
    in_the_org(&called, "Called").await;
    // Apps that cannot send a header, and say no more than that there is something.
    insert(&called.small.rig, "Looked for");
    assert_eq!(answered(called.call("warehouse/customers?x=1&token=app%2Dtoken").body("")).await.0, 202);
    in_the_org(&called, "Looked for").await;
    assert_eq!(answered(called.call("warehouse/customers?token=other").body("")).await.0, 401);
    assert_eq!(called.say("warehouse/customers", TOKEN, "").await.0, 401);
    assert_eq!(called.say("warehouse/customers", APP_TOKEN, r#"{"id":{}}"#).await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_may_sign_what_it_says() {
    let called = app("{ secret: \"${env:APP_TOKEN}\", header: X-Signature }").await;
    let id = insert(&called.small.rig, "Signed");
    let body = json!({ "ids": [id] }).to_string();
    let key = hmac::Key::new(hmac::HMAC_SHA256, APP_TOKEN.as_bytes());
    let tag = hmac::sign(&key, body.as_bytes());
    let digits = tag.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let signature: String = digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect();
    let signed = |signature: &str, body: &str| {
        let call = called.call("warehouse/customers").header("x-signature", signature.to_owned());
        answered(call.body(body.to_owned()))
    };
    assert_eq!(signed(&signature, &body.replace("ids", "Ids")).await.0, 401);
    assert_eq!(signed("sha256=zz", &body).await.0, 401);
    assert_eq!(called.say("warehouse/customers", APP_TOKEN, body.clone()).await.0, 401);
    assert_eq!(signed(&signature, &" ".repeat(300_000)).await.0, 413);
    assert_eq!(signed(&format!("sha256={signature}"), &body).await.0, 202);
    in_the_org(&called, "Signed").await;
    assert_eq!((called.count("warehouse", "unproven"), called.count("warehouse", "taken")), (3, 1));
}
