//! Several requests in one.

use reqwest::Method;
use serde_json::{Value, json};

use crate::rig::Rig;

fn query(soql: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("q", soql).finish();
    format!("/services/data/v66.0/query?{query}")
}

#[tokio::test]
async fn subrequests_see_the_answers_before_them_and_cost_one_call() {
    let rig = Rig::start().await;
    rig.add_accounts(2);
    let body = json!({ "compositeRequest": [
        { "method": "GET", "url": query("SELECT Id FROM Account ORDER BY Name"), "referenceId": "first" },
        { "method": "GET", "url": "/services/data/v66.0/sobjects/Account/@{first.records[1].Id}?fields=Name",
          "referenceId": "second" },
        { "method": "GET", "url": query("SELECT Fooo FROM Account"), "referenceId": "third" },
        { "method": "GET", "url": "/services/data/v66.0/sobjects/Account/@{third.Id}", "referenceId": "fourth" },
    ] });
    let (status, answer) = rig.json(Method::POST, "composite/", Some(body)).await;
    assert_eq!(status, 200);
    let parts = answer["compositeResponse"].as_array().unwrap();
    let codes: Vec<u64> = parts.iter().map(|part| part["httpStatusCode"].as_u64().unwrap()).collect();
    assert_eq!(codes, [200, 200, 400, 400]);
    assert_eq!(parts[0]["body"]["totalSize"], 2);
    assert_eq!(parts[1]["body"]["Name"], "Account 0001");
    assert!(parts[1]["httpHeaders"]["Last-Modified"].is_string());
    assert_eq!(parts[2]["body"][0]["errorCode"], "INVALID_FIELD");
    assert_eq!(
        parts[3]["body"][0]["message"],
        "Invalid reference specified. No value for third.Id found in third"
    );
    assert_eq!(rig.sandbox.calls().total, 1);
}

#[tokio::test]
async fn an_atomic_request_fails_as_a_whole() {
    let rig = Rig::start().await;
    let part = |name: &str, url: &str| json!({ "method": "GET", "url": url, "referenceId": name });
    let good = query("SELECT Id FROM Account");
    let bad = query("SELECT Fooo FROM Account");
    let body = json!({ "allOrNone": true, "compositeRequest": [part("a", &good), part("b", &bad)] });
    let (_, answer) = rig.json(Method::POST, "composite", Some(body)).await;
    assert_eq!(answer["compositeResponse"][0]["body"][0]["errorCode"], "PROCESSING_HALTED");
    assert_eq!(answer["compositeResponse"][1]["body"][0]["errorCode"], "INVALID_FIELD");
    let create = |name: &str, body: Value| json!({ "method": "POST", "url": "/services/data/v66.0/sobjects/Account", "referenceId": name, "body": body });
    let parts = [create("a", json!({ "Name": "A" })), create("b", json!({ "Phone": "1" }))];
    let body = json!({ "allOrNone": true, "compositeRequest": parts });
    let (_, answer) = rig.json(Method::POST, "composite", Some(body.clone())).await;
    let halted = json!([{ "errorCode": "PROCESSING_HALTED", "message":
        "The transaction was rolled back since another operation in the same transaction failed." }]);
    assert_eq!(answer["compositeResponse"][0]["body"], halted);
    assert_eq!(answer["compositeResponse"][1]["body"][0]["errorCode"], "REQUIRED_FIELD_MISSING");
    assert!(rig.sandbox.org().records("Account", true).unwrap().is_empty());
    assert_eq!(rig.sandbox.org().changes_since(0).0, []);
    let body = json!({ "compositeRequest": body["compositeRequest"] });
    rig.json(Method::POST, "composite", Some(body)).await;
    assert_eq!(rig.sandbox.org().record_count("Account"), Some(1));
    let many: Vec<Value> = (0..26).map(|n| part(&format!("r{n}"), "/services/data/v66.0/limits")).collect();
    assert_eq!(rig.json(Method::POST, "composite", Some(json!({ "compositeRequest": many }))).await.0, 400);
}

#[tokio::test]
async fn a_batch_counts_each_subrequest() {
    let rig = Rig::start().await;
    let body = json!({ "haltOnError": true, "batchRequests": [
        { "method": "GET", "url": "v66.0/limits/recordCount?sObjects=Account" },
        { "method": "GET", "url": "v66.0/sobjects/Nothing/describe" },
        { "method": "GET", "url": "v66.0/limits" },
    ] });
    let (status, answer) = rig.json(Method::POST, "composite/batch", Some(body)).await;
    assert_eq!((status, &answer["hasErrors"]), (200, &json!(true)));
    let codes: Vec<u64> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["statusCode"].as_u64().unwrap())
        .collect();
    assert_eq!(codes, [200, 404, 412]);
    assert_eq!(rig.sandbox.calls().total, 3);
}

#[tokio::test]
async fn records_are_retrieved_in_the_order_of_the_ids() {
    let rig = Rig::start().await;
    rig.add_accounts(2);
    let found = rig.query("SELECT Id FROM Account ORDER BY Name").await.1;
    let id = |n: usize| found["records"][n]["Id"].as_str().unwrap().to_owned();
    let ids = [id(1), "001Hq0000000zzz".to_owned(), id(0), "nonsense".to_owned()];
    let expected = ["Account 0001", "", "Account 0000", ""];
    let names = |answer: &Value| -> Vec<String> {
        answer
            .as_array()
            .unwrap()
            .iter()
            .map(|record| record["Name"].as_str().unwrap_or("").to_owned())
            .collect()
    };
    let body = json!({ "ids": ids, "fields": ["Id", "Name"] });
    let posted = rig.json(Method::POST, "composite/sobjects/Account", Some(body)).await.1;
    assert_eq!(names(&posted), expected);
    assert_eq!(posted[1], Value::Null);
    let got = rig.get_json(&format!("composite/sobjects/Account?ids={}&fields=Id,Name", ids.join(","))).await;
    assert_eq!(names(&got), expected);
    let body = json!({ "ids": ids, "fields": ["Fooo"] });
    assert_eq!(rig.json(Method::POST, "composite/sobjects/Account", Some(body)).await.0, 400);
    let body = json!({ "ids": vec!["001"; 2_001], "fields": ["Id"] });
    let (status, error) = rig.json(Method::POST, "composite/sobjects/Account", Some(body)).await;
    assert_eq!((status, &error[0]["errorCode"]), (400, &json!("EXCEEDED_ID_LIMIT")));
}

#[tokio::test]
async fn graphs_are_all_or_nothing_each() {
    let rig = Rig::start().await;
    let node = |object: &str, reference: &str, body: Value| json!({ "method": "POST", "url": format!("/services/data/v66.0/sobjects/{object}"), "referenceId": reference, "body": body });
    let contact = |name: Value| node("Contact", "con", json!({ "LastName": name, "AccountId": "@{acc.id}" }));
    let graph = |id: &str, name: Value| json!({ "graphId": id, "compositeRequest": [node("Account", "acc", json!({ "Name": id })), contact(name)] });
    let body = json!({ "graphs": [graph("g1", json!("Doe")), graph("g2", Value::Null)] });
    let (status, answer) = rig.json(Method::POST, "composite/graph", Some(body)).await;
    assert_eq!(status, 200);
    let graphs = &answer["graphs"];
    assert_eq!((&graphs[0]["isSuccessful"], &graphs[1]["isSuccessful"]), (&json!(true), &json!(false)));
    let failed = &graphs[1]["graphResponse"]["compositeResponse"];
    assert_eq!(failed[0]["body"][0]["errorCode"], "PROCESSING_HALTED");
    assert_eq!(failed[1]["body"][0]["errorCode"], "REQUIRED_FIELD_MISSING");
    let org = rig.sandbox.org();
    assert_eq!((org.record_count("Account"), org.record_count("Contact")), (Some(1), Some(1)));
    let body = json!({ "graphs": [graph(".g", json!("Doe"))] });
    assert_eq!(rig.json(Method::POST, "composite/graph", Some(body)).await.0, 400);
}

#[tokio::test]
async fn a_tree_is_saved_with_its_children_or_not_at_all() {
    let rig = Rig::start().await;
    let tree = |email: &str| {
        json!({ "records": [{
            "attributes": { "type": "Account", "referenceId": "ref1" }, "Name": "SampleAccount1",
            "Contacts": { "records": [
                { "attributes": { "type": "Contact", "referenceId": "ref2" }, "LastName": "Smith", "Email": email },
            ] },
        }] })
    };
    let (status, failed) = rig.json(Method::POST, "composite/tree/Account/", Some(tree("123"))).await;
    let message = "Email: invalid email address: 123";
    let errors = json!([{ "statusCode": "INVALID_EMAIL_ADDRESS", "message": message, "fields": ["Email"] }]);
    assert_eq!(
        (status, failed),
        (400, json!({ "hasErrors": true, "results": [{ "referenceId": "ref2", "errors": errors }] }))
    );
    assert_eq!(rig.sandbox.org().record_count("Account"), Some(0));
    let (status, saved) = rig.json(Method::POST, "composite/tree/Account/", Some(tree("s@x.example"))).await;
    let contact = &rig.sandbox.org().records("Contact", false).unwrap()[0];
    let results = json!([
        { "referenceId": "ref1", "id": contact["AccountId"] },
        { "referenceId": "ref2", "id": contact["Id"] },
    ]);
    assert_eq!((status, saved), (201, json!({ "hasErrors": false, "results": results })));
}

#[tokio::test]
async fn a_collection_that_fails_in_part_takes_back_an_atomic_request() {
    let rig = Rig::start().await;
    let records = json!({ "records": [
        { "attributes": { "type": "Account" }, "Name": "good" }, { "attributes": { "type": "Account" } },
    ] });
    let part = |reference: &str| json!({ "method": "POST", "url": "/services/data/v66.0/composite/sobjects", "referenceId": reference, "body": records });
    let body =
        |all_or_none: bool| json!({ "allOrNone": all_or_none, "compositeRequest": [part("a"), part("b")] });
    let (_, answer) = rig.json(Method::POST, "composite", Some(body(true))).await;
    let parts = &answer["compositeResponse"];
    assert_eq!(parts[0]["body"][0]["success"], true);
    assert_eq!(parts[1]["body"][0]["errorCode"], "PROCESSING_HALTED");
    assert_eq!(rig.sandbox.org().record_count("Account"), Some(0));
    rig.json(Method::POST, "composite", Some(body(false))).await;
    assert_eq!(rig.sandbox.org().record_count("Account"), Some(2));
}

#[tokio::test]
async fn malformed_composites_are_refused_as_a_whole() {
    let rig = Rig::start().await;
    let url = "/services/data/v66.0/limits";
    let part = |reference: &str, headers: Value| json!({ "method": "GET", "url": url, "referenceId": reference, "httpHeaders": headers });
    for parts in [
        vec![part("a", json!({})), part("a", json!({}))],
        vec![part("a-b", json!({}))],
        vec![part("a", json!({ "Authorization": "x" }))],
    ] {
        assert_eq!(
            rig.json(Method::POST, "composite", Some(json!({ "compositeRequest": parts }))).await.0,
            400
        );
    }
    for (method, url) in [("FETCH", "v66.0/limits"), ("GET", "v67.0/limits"), ("GET", "limits")] {
        let body = json!({ "batchRequests": [{ "method": method, "url": url }] });
        assert_eq!(rig.json(Method::POST, "composite/batch", Some(body)).await.0, 400, "{method} {url}");
    }
}
