//! The allocation of API calls.

use jiff::SignedDuration;
use serde_json::json;
use sfsync_sandbox::{Edition, OrgConfig, ResourceKind};

use crate::rig::{Rig, config, header};

#[tokio::test]
async fn every_api_answer_says_how_much_is_used() {
    let rig = Rig::start().await;
    assert_eq!(header(&rig.get("limits").await, "sforce-limit-info"), "api-usage=1/140000");
    let limits = rig.get_json("limits").await;
    assert_eq!(limits["DailyApiRequests"], json!({ "Max": 140_000, "Remaining": 139_998 }));
    assert_eq!(rig.sandbox.calls().of(ResourceKind::Limits), 2);
    assert_eq!(rig.sandbox.calls().of(ResourceKind::Token), 1);
    rig.sandbox.reset_calls();
    assert_eq!(rig.sandbox.calls().total, 0);
    assert_eq!(header(&rig.get("limits").await, "sforce-limit-info"), "api-usage=3/140000");
}

#[tokio::test]
async fn editions_differ() {
    let org = OrgConfig { edition: Edition::Developer, ..config().org };
    let rig = Rig::with(sfsync_sandbox::SandboxConfig { org, ..config() }).await;
    assert_eq!(header(&rig.get("limits").await, "sforce-limit-info"), "api-usage=1/15000");
}

#[tokio::test]
async fn beyond_the_allocation_calls_are_refused_until_the_window_moves() {
    let rig = Rig::start().await;
    rig.sandbox.limits().set_allocation(2);
    rig.get_json("limits").await;
    rig.get_json("limits").await;
    let refused =
        (403, json!([{ "message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED" }]));
    assert_eq!(rig.json(reqwest::Method::GET, "limits", None).await, refused);
    assert_eq!(rig.sandbox.calls().total, 2, "refused calls are not counted");
    assert_eq!(rig.get("/services/data/").await.status(), 200);
    rig.sandbox.org().clock().advance(SignedDuration::from_hours(2));
    assert_eq!(rig.json(reqwest::Method::GET, "limits", None).await, refused);
    rig.sandbox.org().clock().advance(SignedDuration::from_hours(22));
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "sandbox-client"),
        ("client_secret", "sandbox-secret"),
    ];
    let token = rig.token_request(&form).await.1["access_token"].as_str().unwrap().to_owned();
    let rig = Rig { token, ..rig };
    rig.get_json("limits").await;
}

#[tokio::test]
async fn the_log_tells_what_was_asked() {
    let rig = Rig::start().await;
    rig.sandbox.reset_calls();
    let body = rig.get("query?q=SELECT+Id+FROM+Nothing").await.bytes().await.unwrap();
    let calls = rig.sandbox.calls();
    let call = calls.recent.last().unwrap();
    assert_eq!((call.kind, call.method.as_str(), call.status), (ResourceKind::Query, "GET", 400));
    assert_eq!(
        (call.path.as_str(), call.query.as_str()),
        ("/services/data/v66.0/query", "q=SELECT+Id+FROM+Nothing")
    );
    assert_eq!(call.bytes, body.len() as u64);
}

#[tokio::test]
async fn record_counts() {
    let rig = Rig::start().await;
    rig.add_accounts(3);
    let counts = rig.get_json("limits/recordCount?sObjects=Account,Contact,Nothing").await;
    let expected =
        json!({ "sObjects": [{ "count": 3, "name": "Account" }, { "count": 0, "name": "Contact" }] });
    assert_eq!(counts, expected);
}
