//! sObject Collections, each body held against section 6.2 of the wire reference.

use reqwest::Method;
use serde_json::{Value, json};
use sfsync_sandbox::{Customization, OrgConfig, SandboxConfig};

use crate::rig::{Rig, config, fields};

const PATH: &str = "composite/sobjects";

async fn rig() -> Rig {
    let yaml = "fields: { Account: { Code__c: { type: text, length: 40, label: Code, external_id: true, unique: true } } }";
    let customizations = vec![Customization::parse("test", yaml).unwrap()];
    Rig::with(SandboxConfig { org: OrgConfig { customizations, ..config().org }, ..config() }).await
}

fn record(kind: &str, values: Value) -> Value {
    let mut record = json!({ "attributes": { "type": kind } });
    record.as_object_mut().unwrap().extend(fields(values));
    record
}

async fn send(rig: &Rig, method: Method, path: &str, all_or_none: bool, records: Vec<Value>) -> Value {
    let body = json!({ "allOrNone": all_or_none, "records": records });
    let (status, answer) = rig.json(method, path, Some(body)).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

fn missing(name: &str) -> Value {
    json!({ "success": false, "errors": [{
        "statusCode": "REQUIRED_FIELD_MISSING", "message": format!("Required fields are missing: [{name}]"),
        "fields": [name],
    }] })
}

#[tokio::test]
async fn good_records_are_saved_beside_bad_ones() {
    let rig = rig().await;
    let records = vec![
        record("Account", json!({ "Name": "A" })),
        record("Contact", json!({ "FirstName": "x" })),
        record("Contact", json!({ "LastName": "y", "Nothing__c": 1 })),
        record("Nothing__c", json!({})),
    ];
    let answer = send(&rig, Method::POST, PATH, false, records).await;
    let id = rig.sandbox.org().records("Account", false).unwrap()[0]["Id"].clone();
    assert_eq!(answer[0], json!({ "id": id, "success": true, "errors": [] }));
    assert_eq!(answer[1], missing("LastName"));
    assert_eq!(
        answer[2]["errors"],
        json!([{ "statusCode": "INVALID_FIELD",
                 "message": "No such column 'Nothing__c' on sobject of type Contact", "fields": [] }])
    );
    assert_eq!(answer[3]["errors"][0]["statusCode"], "INVALID_TYPE");
    assert_eq!(rig.sandbox.calls().total, 1);
}

#[tokio::test]
async fn one_bad_record_takes_back_all_if_asked() {
    let rig = rig().await;
    let records = vec![record("Account", json!({ "Name": "A" })), record("Account", json!({ "Phone": "1" }))];
    let answer = send(&rig, Method::POST, PATH, true, records).await;
    let rolled_back = json!({ "success": false, "errors": [{
        "statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "message": "Record rolled back because not all records were valid and the request was using AllOrNone header",
        "fields": [],
    }] });
    assert_eq!(answer, json!([rolled_back, missing("Name")]));
    assert!(rig.sandbox.org().records("Account", true).unwrap().is_empty());
    let (writes, _) = rig.sandbox.org().writes_since(0);
    assert_eq!(writes[0].error, Some("ALL_OR_NONE_OPERATION_ROLLED_BACK"));
}

#[tokio::test]
async fn updates_and_deletes_answer_in_order() {
    let rig = rig().await;
    rig.add_accounts(3);
    let ids: Vec<String> = rig
        .sandbox
        .org()
        .records("Account", false)
        .unwrap()
        .iter()
        .map(|record| record["Id"].as_str().unwrap().to_owned())
        .collect();
    let records = vec![
        record("Account", json!({ "Id": ids[0], "Phone": "1" })),
        record("Account", json!({ "Phone": "2" })),
        record("Account", json!({ "id": "001Hq0000000zzz", "Phone": "3" })),
    ];
    let answer = send(&rig, Method::PATCH, PATH, false, records).await;
    assert_eq!(answer[0], json!({ "id": ids[0], "success": true, "errors": [] }));
    let error =
        |n: usize| (answer[n]["errors"][0]["statusCode"].clone(), answer[n]["errors"][0]["message"].clone());
    assert_eq!(error(1), (json!("MISSING_ARGUMENT"), json!("Id not specified in an update call")));
    assert_eq!(error(2), (json!("INVALID_CROSS_REFERENCE_KEY"), json!("invalid cross reference id")));

    let path = format!("{PATH}?ids={},{}&allOrNone=false", ids[0], ids[1]);
    let (status, answer) = rig.json(Method::DELETE, &path, None).await;
    assert_eq!((status, answer[1]["success"].clone()), (200, json!(true)));
    let again = rig.json(Method::DELETE, &path, None).await.1;
    assert_eq!(again[0]["errors"][0]["statusCode"], "ENTITY_IS_DELETED");
    assert_eq!(rig.sandbox.org().record_count("Account"), Some(1));
}

#[tokio::test]
async fn upserts_say_what_is_new_and_doubled_keys_fail() {
    let rig = rig().await;
    let org = rig.sandbox.org();
    let old = org.insert("Account", fields(json!({ "Name": "Old", "Code__c": "old" }))).unwrap().to_string();
    let account = |code: &str| record("Account", json!({ "Name": code, "Code__c": code }));
    let records = vec![account("OLD"), account("new"), account("twice"), account("Twice")];
    let answer = send(&rig, Method::PATCH, &format!("{PATH}/Account/Code__c"), false, records).await;
    assert_eq!(answer[0], json!({ "id": old, "success": true, "errors": [], "created": false }));
    assert_eq!((&answer[1]["success"], &answer[1]["created"]), (&json!(true), &json!(true)));
    for (n, key) in [(2, "twice"), (3, "Twice")] {
        let message = format!("Duplicate external id specified: {key}");
        let errors = json!([{ "statusCode": "DUPLICATE_EXTERNAL_ID", "message": message, "fields": [] }]);
        assert_eq!(answer[n], json!({ "success": false, "errors": errors, "created": false }));
    }
    let records = vec![record("Account", json!({ "Name": "x", "Code__c": "new" }))];
    let answer = send(&rig, Method::POST, PATH, false, records).await;
    let new = org.records("Account", false).unwrap()[1]["Id"].as_str().unwrap()[..15].to_owned();
    assert_eq!(
        answer[0]["errors"][0]["message"],
        format!("duplicate value found: Code__c duplicates value on record with id: {new}")
    );
    let unknown =
        rig.json(Method::PATCH, &format!("{PATH}/Account/Phone"), Some(json!({ "records": [] }))).await;
    assert_eq!((unknown.0, &unknown.1[0]["errorCode"]), (400, &json!("INVALID_FIELD")));
}

#[tokio::test]
async fn requests_that_are_malformed_fail_as_a_whole() {
    let rig = rig().await;
    let account = || record("Account", json!({ "Name": "A" }));
    let error = async |records: Vec<Value>| {
        let (status, answer) = rig.json(Method::POST, PATH, Some(json!({ "records": records }))).await;
        assert_eq!(status, 400);
        (answer[0]["errorCode"].clone(), answer[0]["message"].clone())
    };
    assert_eq!(
        error(vec![]).await,
        (json!("REQUIRED_FIELD_MISSING"), json!("At least 1 record is required"))
    );
    assert_eq!(
        error(vec![account(); 201]).await,
        (
            json!("EXCEEDED_ID_LIMIT"),
            json!("record limit reached. cannot submit more than 200 records into this call")
        )
    );
    let mixed = (0..11).map(|n| record(if n % 2 == 0 { "Account" } else { "Contact" }, json!({}))).collect();
    error(mixed).await;
    let bad_date =
        record("Opportunity", json!({ "Name": "x", "StageName": "Prospecting", "CloseDate": "2026-13-40" }));
    let (code, message) = error(vec![account(), bad_date]).await;
    assert_eq!(code, "JSON_PARSER_ERROR");
    assert!(
        message
            .as_str()
            .unwrap()
            .starts_with("Cannot deserialize instance of date from VALUE_STRING value 2026-13-40")
    );
    assert!(rig.sandbox.org().records("Account", false).unwrap().is_empty());
}
