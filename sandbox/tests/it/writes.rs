//! Faults of writes, row locks, and the log of what was written.

use reqwest::Method;
use serde_json::{Value, json};
use sfsync_sandbox::{Fault, FaultKind, Rejection, ResourceKind};

use crate::rig::{Rig, fields};

fn collection(names: &[&str]) -> Value {
    let records: Vec<Value> =
        names.iter().map(|name| json!({ "attributes": { "type": "Account" }, "Name": name })).collect();
    json!({ "allOrNone": false, "records": records })
}

async fn lost(rig: &Rig, method: Method, path: &str, body: Value) {
    let sent = rig.request(method, path).json(&body).send().await;
    assert!(sent.is_err(), "{path}: nothing of an answer may arrive");
}

#[tokio::test]
async fn a_lost_answer_comes_after_the_write_and_a_lost_request_before() {
    let rig = Rig::start().await;
    let count = |rig: &Rig| rig.sandbox.org().record_count("Account").unwrap();
    for (kind, done) in [(FaultKind::LostAnswer, true), (FaultKind::LostRequest, false)] {
        let before = count(&rig);
        rig.sandbox.faults().add(Fault::new(kind.clone()).times(3));
        lost(&rig, Method::POST, "sobjects/Account", json!({ "Name": "one" })).await;
        lost(&rig, Method::POST, "composite/sobjects", collection(&["two", "three"])).await;
        lost(&rig, Method::POST, "jobs/ingest", json!({ "object": "Account", "operation": "insert" })).await;
        assert_eq!(count(&rig) - before, if done { 3 } else { 0 }, "{kind:?}");
        let jobs = rig.get_json("jobs/ingest").await["records"].as_array().unwrap().len();
        assert_eq!(jobs, 1);
    }
    // A deletion answers without a body, and even so nothing arrives.
    let id = rig.sandbox.org().records("Account", false).unwrap()[0]["Id"].as_str().unwrap().to_owned();
    rig.sandbox.faults().add(Fault::new(FaultKind::LostAnswer).once());
    lost(&rig, Method::DELETE, &format!("sobjects/Account/{id}"), Value::Null).await;
    assert_eq!(count(&rig), 2);
    assert_eq!(rig.json(Method::POST, "sobjects/Account", Some(json!({ "Name": "on" }))).await.0, 201);
}

#[tokio::test]
async fn a_held_transaction_locks_the_parents_of_its_rows() {
    let rig = Rig::start().await;
    rig.add_accounts(2);
    let accounts = rig.sandbox.org().records("Account", false).unwrap();
    let contact = |account: usize| json!({ "LastName": "x", "AccountId": accounts[account]["Id"] });
    let hold = rig.sandbox.faults().add(Fault::new(FaultKind::HoldTransaction).once());
    let held = rig.json(Method::POST, "sobjects/Contact", Some(contact(0)));
    let others = async {
        rig.sandbox.faults().wait_held(1).await;
        let (status, error) = rig.json(Method::POST, "sobjects/Contact", Some(contact(0))).await;
        let message = format!(
            "unable to obtain exclusive access to this record or 1 records: {}",
            accounts[0]["Id"].as_str().unwrap()
        );
        let expected = json!([{ "message": message, "errorCode": "UNABLE_TO_LOCK_ROW", "fields": [] }]);
        assert_eq!((status, error), (400, expected));
        assert_eq!(rig.json(Method::POST, "sobjects/Contact", Some(contact(1))).await.0, 201);
        rig.sandbox.faults().release(hold);
    };
    assert_eq!(tokio::join!(held, others).0.0, 201);
    assert_eq!(rig.json(Method::POST, "sobjects/Contact", Some(contact(0))).await.0, 201);
}

#[tokio::test]
async fn locks_are_held_over_http() {
    let rig = Rig::start().await;
    rig.add_accounts(1);
    let id = rig.sandbox.org().records("Account", false).unwrap()[0]["Id"].as_str().unwrap().to_owned();
    let control = async |method, body: Value| rig.json(method, "/_sandbox/locks", Some(body)).await.0;
    assert_eq!(control(Method::POST, json!({ "ids": [id] })).await, 204);
    let path = format!("sobjects/Account/{id}");
    let body = || Some(json!({ "Phone": "1" }));
    assert_eq!(rig.json(Method::PATCH, &path, body()).await.1[0]["errorCode"], "UNABLE_TO_LOCK_ROW");
    assert_eq!(control(Method::DELETE, Value::Null).await, 204);
    assert_eq!(rig.json(Method::PATCH, &path, body()).await.0, 204);
}

#[tokio::test]
async fn rejections_by_chance_are_repeatable_and_partial() {
    let rig = Rig::start().await;
    let names: Vec<String> = (0..200).map(|n| n.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let rejected = async || {
        let rejection = Rejection::ValidationRule("金額を入力してください".to_owned());
        let kind = FaultKind::RejectRecords { rejection, object: Some("Account".into()), rate: 0.2, seed: 3 };
        rig.sandbox.faults().add(Fault::new(kind).once());
        let answer = rig.json(Method::POST, "composite/sobjects", Some(collection(&names))).await.1;
        let failed = answer.as_array().unwrap().iter().enumerate().filter(|(_, one)| one["success"] == false);
        failed.map(|(at, one)| (at, one["errors"][0].clone())).collect::<Vec<_>>()
    };
    let first = rejected().await;
    assert!((20..60).contains(&first.len()), "{}", first.len());
    assert_eq!(
        first[0].1,
        json!({ "statusCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "金額を入力してください", "fields": [] })
    );
    assert_eq!(rejected().await, first);
    rig.sandbox.faults().add(Fault::new(FaultKind::ReadOnlyMode).once());
    let (status, error) = rig.json(Method::POST, "sobjects/Account", Some(json!({ "Name": "x" }))).await;
    assert_eq!(
        (status, &error[0]["errorCode"]),
        (400, &json!("INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE"))
    );
}

#[tokio::test]
async fn the_log_says_who_wrote_what() {
    let rig = Rig::start().await;
    rig.sandbox.org().insert("Account", fields(json!({ "Name": "by hand" }))).unwrap();
    let created =
        rig.json(Method::POST, "sobjects/Account", Some(json!({ "Name": "Acme", "Phone": "1" }))).await.1;
    let id = created["id"].as_str().unwrap();
    let path = format!("sobjects/Account/{id}");
    rig.json(Method::PATCH, &path, Some(json!({ "Name": "Acme", "Phone": "2" }))).await;
    rig.json(
        Method::POST,
        "composite/sobjects",
        Some(json!({ "records": [{ "attributes": { "type": "Account" } }] })),
    )
    .await;
    let log = rig.json(Method::GET, "/_sandbox/writes", None).await.1;
    assert_eq!(log["counts"], json!({ "insert": 1, "update": 1, "refused": 1 }));
    let second = &log["writes"][1];
    let user = rig.sandbox.org().integration_user().to_string();
    assert_eq!(
        second,
        &json!({
            "sequence": 1, "at": "2026-03-11T09:00:00Z", "source": "record", "action": "update",
            "object": "Account", "id": id, "created": false, "user": user,
            "fields": { "Name": "Acme", "Phone": "2" }, "changed": ["Phone"], "error": null,
        })
    );
    assert_eq!(log["writes"][2]["error"], "REQUIRED_FIELD_MISSING");
    let later = rig.json(Method::GET, "/_sandbox/writes?since=2", None).await.1;
    assert_eq!((later["writes"].as_array().unwrap().len(), &later["next"]), (1, &json!(3)));
    let calls = rig.sandbox.calls();
    assert_eq!((calls.of(ResourceKind::RecordWrite), calls.of(ResourceKind::CollectionsWrite)), (2, 1));
    let records = rig.json(Method::GET, "/_sandbox/records/Account", None).await.1;
    assert_eq!((records.as_array().unwrap().len(), &records[1]["Phone"]), (2, &json!("2")));
}
