//! The control interface over HTTP.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use sfsync_sandbox::{FaultKind, OrgConfig, Population, ResourceKind, SandboxConfig};

use crate::rig::{Rig, query_path};

async fn control(rig: &Rig, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
    rig.json(method, &format!("/_sandbox/{path}"), body).await
}

#[tokio::test]
async fn records_and_clock() {
    let rig = Rig::start().await;
    let (status, made) =
        control(&rig, Method::POST, "records/Account", Some(json!({ "Name": "Acme" }))).await;
    assert_eq!(status, 201);
    let id = made["id"].as_str().unwrap();
    let clock = control(&rig, Method::POST, "clock", Some(json!({ "advance_seconds": 90 }))).await;
    assert_eq!(clock, (200, json!({ "now": "2026-03-11T09:01:30Z" })));
    let path = format!("records/Account/{id}");
    assert_eq!(control(&rig, Method::PATCH, &path, Some(json!({ "Name": "Acme 2" }))).await.0, 204);
    let soql = "SELECT Name, SystemModstamp FROM Account";
    let record = rig.query(soql).await.1["records"][0].clone();
    assert_eq!(
        (&record["Name"], &record["SystemModstamp"]),
        (&json!("Acme 2"), &json!("2026-03-11T09:01:30.000+0000"))
    );
    assert_eq!(control(&rig, Method::DELETE, &path, None).await.0, 204);
    assert_eq!(rig.query(soql).await.1["totalSize"], 0);
    assert_eq!(control(&rig, Method::POST, &format!("{path}/undelete"), Some(json!({}))).await.0, 204);
    assert_eq!(rig.query(soql).await.1["totalSize"], 1);
    let set = json!({ "set": "2027-01-01T00:00:00Z" });
    assert_eq!(control(&rig, Method::POST, "clock", Some(set)).await.1["now"], "2027-01-01T00:00:00Z");
    assert_eq!(control(&rig, Method::POST, "clock", Some(json!({ "sett": 1 }))).await.0, 400);
}

#[tokio::test]
async fn faults_and_calls() {
    let rig = Rig::start().await;
    let fault = json!({ "kind": "service_unavailable", "resource": "query", "times": 1 });
    let (status, made) = control(&rig, Method::POST, "faults", Some(fault)).await;
    assert_eq!((status, &made["id"]), (201, &json!(1)));
    let active = control(&rig, Method::GET, "faults", None).await.1;
    assert_eq!(active["active"][0]["fault"]["kind"], "service_unavailable");
    assert_eq!(rig.get("limits").await.status(), 200);
    assert_eq!(rig.get(&query_path("SELECT Id FROM Account")).await.status(), 503);
    assert_eq!(rig.get(&query_path("SELECT Id FROM Account")).await.status(), 200);
    let faults = control(&rig, Method::GET, "faults", None).await.1;
    assert_eq!(
        (faults["active"].as_array().unwrap().len(), &faults["fired"][0]["resource"]),
        (0, &json!("query"))
    );
    assert_eq!(rig.sandbox.faults().fired()[0].fault, FaultKind::ServiceUnavailable);

    let calls = control(&rig, Method::GET, "calls", None).await.1;
    assert_eq!((&calls["total"], &calls["by_kind"]["query"]), (&json!(2), &json!(2)));
    assert_eq!(control(&rig, Method::DELETE, "calls", None).await.0, 204);
    assert_eq!(rig.sandbox.calls().of(ResourceKind::Query), 0);
    let unknown = control(&rig, Method::POST, "faults", Some(json!({ "kind": "nonsense" }))).await;
    assert_eq!(unknown.0, 400);
}

#[tokio::test]
async fn limits_tokens_clients_and_state() {
    let rig = Rig::start().await;
    let limits = control(&rig, Method::POST, "limits", Some(json!({ "allocation": 10, "used": 9 }))).await.1;
    assert_eq!(limits, json!({ "used": 9, "allocation": 10 }));
    rig.get_json("limits").await;
    assert_eq!(rig.get("limits").await.status(), 403);
    let state = control(&rig, Method::GET, "state", None).await.1;
    assert_eq!((&state["limits"]["used"], &state["tokens"]["access"]), (&json!(10), &json!(1)));
    assert_eq!(
        control(&rig, Method::POST, "tokens/revoke", Some(json!("access"))).await.1,
        json!({ "revoked": 1 })
    );
    assert_eq!(rig.get("limits").await.status(), 401);

    let client = json!({ "id": "new", "secret": "s", "redirect_uris": ["http://localhost/x"] });
    assert_eq!(control(&rig, Method::POST, "clients", Some(client)).await.0, 204);
    assert_eq!(rig.sandbox.clients().get("new").unwrap().redirect_uris, ["http://localhost/x"]);
    assert_eq!(control(&rig, Method::GET, "nothing", None).await.0, 404);
}

#[tokio::test]
async fn generated_records_and_random_edits() {
    let rig = Rig::start().await;
    let counts = json!({ "accounts": 20, "opportunities": 40 });
    assert_eq!(control(&rig, Method::POST, "generate", Some(counts)).await.0, 204);
    let all = rig.get_json("queryAll?q=SELECT+COUNT()+FROM+Opportunity").await;
    assert_eq!(all["totalSize"], 40);
    control(&rig, Method::POST, "clock", Some(json!({ "advance_seconds": 3_600 }))).await;
    let edits = json!({ "seed": 5, "count": 30 });
    assert_eq!(control(&rig, Method::POST, "edits", Some(edits)).await.0, 204);
    let changed =
        rig.query("SELECT COUNT() FROM Opportunity WHERE SystemModstamp >= 2026-03-11T10:00:00Z").await.1;
    assert!(changed["totalSize"].as_u64().unwrap() > 0);
    let unknown = control(&rig, Method::POST, "generate", Some(json!({ "unicorns": 1 }))).await;
    assert_eq!(unknown.0, 400);
}

#[tokio::test]
async fn what_is_hidden_is_missing() {
    let rig = Rig::start().await;
    let rules = json!([{ "hide_field": ["Account", "Phone"] }, { "hide_object": "Contact" }]);
    assert_eq!(control(&rig, Method::POST, "visibility", Some(rules)).await.0, 204);
    assert_eq!(rig.query("SELECT Phone FROM Account").await.1[0]["errorCode"], "INVALID_FIELD");
    assert_eq!(rig.query("SELECT Id FROM Contact").await.1[0]["errorCode"], "INVALID_TYPE");
    assert_eq!(rig.get("sobjects/Contact/describe").await.status(), 404);
    assert_eq!(control(&rig, Method::POST, "visibility", Some(json!([]))).await.0, 204);
    assert_eq!(rig.query("SELECT Phone FROM Account").await.0, 200);
}

#[tokio::test]
async fn an_org_can_live_by_itself() {
    let org = OrgConfig { now: None, ..OrgConfig::default() };
    let config = SandboxConfig { org, population: Some(Population::around(20)), ..SandboxConfig::default() };
    let rig = Rig::with(config).await;
    let (_, before) = rig.sandbox.org().changes_since(0);
    rig.sandbox.live(400.0);
    let edited = async || {
        while rig.sandbox.org().changes_since(before).0.is_empty() {
            rig.get_json("limits").await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), edited()).await.unwrap();
}
