//! Every kind of fault as a client meets it.

use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::{Method, Response};
use serde_json::{Value, json};
use sfsync_sandbox::{Fault, FaultKind, LimitKind, ResourceKind};

use crate::rig::{Rig, fields, header, query_path};

fn accounts() -> String {
    query_path("SELECT Id, Name FROM Account ORDER BY Name")
}

fn code(body: &Value) -> &str {
    body[0]["errorCode"].as_str().unwrap_or("")
}

#[tokio::test]
async fn answers_of_the_edge_are_not_counted() {
    let rig = Rig::start().await;
    let table = [
        (FaultKind::ServiceUnavailable, 503, "application/json;charset=UTF-8"),
        (FaultKind::BadGateway, 502, "text/html;charset=UTF-8"),
        (FaultKind::NoRoute, 420, "text/html;charset=UTF-8"),
        (FaultKind::NotAcceptable, 406, ""),
        (FaultKind::TooManyRequests { retry_after: Some(7) }, 429, "application/json;charset=UTF-8"),
        (FaultKind::HtmlPage, 200, "text/html;charset=UTF-8"),
    ];
    for (kind, status, content_type) in table {
        rig.sandbox.faults().add(Fault::new(kind.clone()).once());
        let response = rig.get("limits").await;
        assert_eq!((response.status().as_u16(), header(&response, "content-type")), (status, content_type));
        if status == 429 {
            assert_eq!(header(&response, "retry-after"), "7");
        }
        assert_eq!(rig.sandbox.faults().fired().last().unwrap().fault, kind);
        assert!(rig.sandbox.faults().active().is_empty());
    }
    assert_eq!(rig.sandbox.calls().total, 0);
    rig.get_json("limits").await;
}

#[tokio::test]
async fn errors_of_the_org() {
    let rig = Rig::start().await;
    let limit = |limit| FaultKind::RequestLimit { limit };
    let table = [
        (FaultKind::InternalError, 500, "UNKNOWN_EXCEPTION", "An unexpected error occurred."),
        (FaultKind::QueryTimeout, 400, "QUERY_TIMEOUT", "Your query request was running for too long."),
        (limit(LimitKind::Total), 403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
        (
            limit(LimitKind::Concurrent),
            403,
            "REQUEST_LIMIT_EXCEEDED",
            "ConcurrentRequests (Concurrent API Requests)",
        ),
        (limit(LimitKind::LongTransactions), 403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn"),
        (FaultKind::ApiDisabledForOrg, 403, "API_DISABLED_FOR_ORG", "The REST API is not enabled"),
        (FaultKind::ApiCurrentlyDisabled, 403, "API_CURRENTLY_DISABLED", "API is disabled for this User"),
        (FaultKind::Unauthorized, 401, "INVALID_SESSION_ID", "Session expired or invalid"),
    ];
    for (kind, status, expected, message) in table {
        rig.sandbox.faults().add(Fault::new(kind).once());
        let (got, body) = rig.json(Method::GET, &accounts(), None).await;
        assert_eq!((got, code(&body)), (status, expected));
        assert!(body[0]["message"].as_str().unwrap().starts_with(message), "{body}");
    }
    rig.get_json(&accounts()).await;
}

#[tokio::test]
async fn a_token_revoked_in_between_stays_revoked() {
    let rig = Rig::start().await;
    rig.sandbox.faults().add(Fault::new(FaultKind::TokenRevoked).nth(2));
    assert_eq!(rig.get("limits").await.status(), 200);
    assert_eq!(rig.get("limits").await.status(), 401);
    assert_eq!(rig.get("limits").await.status(), 401);
}

#[tokio::test]
async fn a_lost_cursor() {
    let rig = Rig::start().await;
    rig.add_accounts(201);
    rig.sandbox.faults().add(Fault::new(FaultKind::InvalidQueryLocator).once());
    let request = rig.request(Method::GET, &accounts()).header("Sforce-Query-Options", "batchSize=200");
    let page: Value = request.send().await.unwrap().json().await.unwrap();
    let next = page["nextRecordsUrl"].as_str().unwrap();
    let (status, body) = rig.json(Method::GET, next, None).await;
    assert_eq!((status, code(&body)), (400, "INVALID_QUERY_LOCATOR"));
    assert_eq!(rig.get_json(next).await["records"].as_array().unwrap().len(), 1);
}

/// Reads until the body breaks; the bytes that came, and whether it broke.
async fn read_to_break(mut response: Response) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return (bytes, false),
            Err(_) => return (bytes, true),
        }
    }
}

#[tokio::test]
async fn connections_break_in_mid_body() {
    let rig = Rig::start().await;
    rig.add_accounts(300);
    let whole = rig.get(&accounts()).await.bytes().await.unwrap();
    for after in [0, 1_000, u64::MAX] {
        rig.sandbox.faults().add(Fault::new(FaultKind::ConnectionReset { after_bytes: after }).once());
        let response = rig.request(Method::GET, &accounts()).send().await;
        // With nothing sent, the client may or may not see the head.
        if let Ok(response) = response {
            let (bytes, broken) = read_to_break(response).await;
            let expected = whole.len().min(usize::try_from(after).unwrap_or(usize::MAX));
            assert!(broken, "after {after}");
            assert_eq!(bytes, whole[..expected], "after {after}");
        } else {
            assert_eq!(after, 0);
        }
    }
    // A short answer with a known length breaks as well.
    rig.sandbox.faults().add(Fault::new(FaultKind::ConnectionReset { after_bytes: 10 }).once());
    let (bytes, broken) = read_to_break(rig.get("limits").await).await;
    assert!(broken && bytes.len() == 10);
    assert_eq!(rig.get(&accounts()).await.bytes().await.unwrap(), whole);
}

#[tokio::test]
async fn bodies_end_early_without_a_broken_connection() {
    let rig = Rig::start().await;
    rig.add_accounts(300);
    rig.sandbox.faults().add(Fault::new(FaultKind::TruncatedBody { after_bytes: None }).times(2));
    let gzip = rig.request(Method::GET, &accounts()).header("Accept-Encoding", "gzip").send().await.unwrap();
    let (bytes, broken) = read_to_break(gzip).await;
    assert!(!broken);
    let mut unpacked = Vec::new();
    assert!(flate2::read::GzDecoder::new(bytes.as_slice()).read_to_end(&mut unpacked).is_err());
    let (plain, broken) = read_to_break(rig.get(&accounts()).await).await;
    assert!(!broken && serde_json::from_slice::<Value>(&plain).is_err());
}

#[tokio::test]
async fn wrong_content_types_and_missing_rows() {
    let rig = Rig::start().await;
    rig.add_accounts(10);
    let kind = FaultKind::WrongContentType { content_type: "text/plain".into() };
    rig.sandbox.faults().add(Fault::new(kind).once());
    assert_eq!(header(&rig.get("limits").await, "content-type"), "text/plain");
    rig.sandbox.faults().add(Fault::new(FaultKind::FewerRows { missing: 3 }).once());
    let short = rig.get_json(&accounts()).await;
    assert_eq!((&short["totalSize"], short["records"].as_array().unwrap().len()), (&json!(10), 7));
}

#[tokio::test]
async fn slow_and_held_answers() {
    let rig = Arc::new(Rig::start().await);
    rig.sandbox.faults().add(Fault::new(FaultKind::Delay { millis: 60 }).once());
    let start = Instant::now();
    rig.get_json("limits").await;
    assert!(start.elapsed() >= Duration::from_millis(60));

    let hold = rig.sandbox.faults().add(Fault::new(FaultKind::Hold).on(ResourceKind::Query));
    let waiting = tokio::spawn({
        let rig = rig.clone();
        async move { rig.get(&accounts()).await.status().as_u16() }
    });
    rig.sandbox.faults().wait_held(1).await;
    assert!(!waiting.is_finished());
    rig.get_json("limits").await;
    rig.sandbox.faults().release(hold);
    assert_eq!(waiting.await.unwrap(), 200);

    let again = tokio::spawn({
        let rig = rig.clone();
        async move { rig.get(&accounts()).await.status().as_u16() }
    });
    rig.sandbox.faults().wait_held(1).await;
    rig.sandbox.faults().remove(hold);
    assert_eq!(again.await.unwrap(), 200);
    rig.get_json(&accounts()).await;
}

async fn bulk_job(rig: &Rig) -> (String, Value) {
    let body = json!({ "operation": "query", "query": "SELECT Id, Name FROM Account" });
    let job = rig.json(Method::POST, "jobs/query", Some(body)).await.1;
    let path = format!("jobs/query/{}", job["id"].as_str().unwrap());
    loop {
        let job = rig.get_json(&path).await;
        if !matches!(job["state"].as_str().unwrap(), "UploadComplete" | "InProgress") {
            return (path, job);
        }
    }
}

#[tokio::test]
async fn bulk_jobs_fail_and_lose_pages() {
    let rig = Rig::start().await;
    rig.add_accounts(5);
    let message = "QUERY_TIMEOUT: Your query request was running for too long.";
    rig.sandbox.faults().add(Fault::new(FaultKind::BulkJobFailed { message: message.into() }).once());
    let (path, job) = bulk_job(&rig).await;
    assert_eq!((&job["state"], &job["errorMessage"]), (&json!("Failed"), &json!(message)));
    assert_eq!(rig.get(&format!("{path}/results")).await.status(), 400);
    rig.sandbox.faults().add(Fault::new(FaultKind::BulkJobAborted).once());
    assert_eq!(bulk_job(&rig).await.1["state"], "Aborted");

    let (path, job) = bulk_job(&rig).await;
    assert_eq!(job["numberRecordsProcessed"], 5);
    rig.sandbox.faults().add(Fault::new(FaultKind::MissingResultPage).once());
    assert_eq!(rig.get(&format!("{path}/results")).await.status(), 404);
    rig.sandbox.faults().add(Fault::new(FaultKind::FewerRows { missing: 2 }).once());
    let page = rig.get(&format!("{path}/results")).await;
    assert_eq!(header(&page, "sforce-numberofrecords"), "5");
    assert_eq!(page.text().await.unwrap().lines().count(), 1 + 3);
    let page = rig.get(&format!("{path}/results")).await;
    assert_eq!(page.text().await.unwrap().lines().count(), 1 + 5);
}

#[tokio::test]
async fn a_late_commit_is_seen_only_after_the_poll_and_with_an_older_stamp() {
    let rig = Rig::start().await;
    rig.add_accounts(1);
    let soql = "SELECT Name, SystemModstamp FROM Account ORDER BY SystemModstamp, Id";
    let kind = FaultKind::LateCommit {
        object: "Account".into(),
        id: None,
        fields: fields(json!({ "Name": "late" })),
    };
    rig.sandbox.faults().add(Fault::new(kind).once());
    assert_eq!(rig.query(soql).await.1["totalSize"], 1);
    rig.sandbox.org().clock().advance(jiff::SignedDuration::from_secs(30));
    let seen = rig.query(soql).await.1;
    assert_eq!(seen["totalSize"], 2);
    let late = seen["records"].as_array().unwrap().iter().find(|record| record["Name"] == "late").unwrap();
    assert_eq!(late["SystemModstamp"], "2026-03-11T09:00:00.000+0000");
}

#[tokio::test]
async fn the_token_endpoint_refuses_on_demand() {
    let rig = Rig::start().await;
    let kind = FaultKind::OauthError {
        error: "rate_limit_exceeded".into(),
        description: "login rate exceeded".into(),
    };
    rig.sandbox.faults().add(Fault::new(kind).once());
    let form = [("grant_type", "client_credentials")];
    let (status, body) = rig.token_request(&form).await;
    assert_eq!((status, &body["error"]), (400, &json!("rate_limit_exceeded")));
}

#[tokio::test]
async fn faults_by_path_and_chance() {
    let rig = Rig::start().await;
    rig.sandbox.faults().add(Fault::new(FaultKind::ServiceUnavailable).path("FROM Contact"));
    assert_eq!(rig.get(&accounts()).await.status(), 200);
    assert_eq!(rig.get(&query_path("SELECT Id FROM Contact")).await.status(), 503);
    rig.sandbox.faults().clear();
    rig.sandbox.faults().add(Fault::new(FaultKind::ServiceUnavailable).probability(0.5, 11));
    let mut failed = 0;
    for _ in 0..40 {
        failed += usize::from(rig.get("limits").await.status() == 503);
    }
    assert!((8..32).contains(&failed), "{failed} of 40");
}

#[tokio::test]
async fn a_dead_server_takes_its_connections_with_it_and_rises_with_what_was_committed() {
    let mut rig = Rig::start().await;
    rig.add_accounts(2);
    let hold = rig.sandbox.faults().add(Fault::new(FaultKind::Hold).once());
    let held = tokio::spawn(rig.request(reqwest::Method::GET, &accounts()).send());
    while rig.sandbox.faults().fired().is_empty() {
        tokio::task::yield_now().await;
    }
    rig.sandbox.die().await;
    assert!(held.await.unwrap().is_err(), "the call breaks off");
    rig.sandbox.faults().release(hold);
    assert!(rig.request(reqwest::Method::GET, &accounts()).send().await.unwrap_err().is_connect());
    rig.sandbox.rise().await.unwrap();
    assert_eq!(rig.query("SELECT Id FROM Account").await.1["totalSize"], 2);
}
