//! Query, further pages, versions, gzip.

use std::io::Read;

use jiff::SignedDuration;
use serde_json::{Value, json};
use sfsync_sandbox::{OAuthClient, Sandbox};

use crate::rig::{Rig, header, query_path};

#[tokio::test]
async fn a_result_comes_in_pages_that_hold_each_row_once() {
    let rig = Rig::start().await;
    rig.add_accounts(450);
    let path = query_path("SELECT Id, Name FROM Account ORDER BY Name");
    let request = rig.request(reqwest::Method::GET, &path).header("Sforce-Query-Options", "batchSize=200");
    let mut page: Value = request.send().await.unwrap().json().await.unwrap();
    let mut names = Vec::new();
    let mut sizes = Vec::new();
    loop {
        let records = page["records"].as_array().unwrap();
        assert_eq!(page["totalSize"], 450);
        sizes.push(records.len());
        names.extend(records.iter().map(|record| record["Name"].as_str().unwrap().to_owned()));
        let Some(next) = page["nextRecordsUrl"].as_str() else { break };
        assert!(next.starts_with("/services/data/v66.0/query/01g"), "{next}");
        assert_eq!(page["done"], false);
        let next = next.to_owned();
        page = rig.get_json(&next).await;
    }
    assert_eq!(page["done"], true);
    assert_eq!(sizes, [200, 200, 50]);
    let expected: Vec<String> = (0..450).map(|n| format!("Account {n:04}")).collect();
    assert_eq!(names, expected);
    assert_eq!(rig.sandbox.calls().total, 3);
}

#[tokio::test]
async fn a_locator_dies_after_two_days_and_belongs_to_its_user() {
    let rig = Rig::start().await;
    rig.add_accounts(201);
    let path = query_path("SELECT Id FROM Account");
    let request = rig.request(reqwest::Method::GET, &path).header("Sforce-Query-Options", "batchSize=200");
    let page: Value = request.send().await.unwrap().json().await.unwrap();
    let next = page["nextRecordsUrl"].as_str().unwrap().to_owned();
    let queried_again = rig.get(&next.replace("/query/", "/queryAll/")).await;
    assert_eq!(queried_again.status(), 200);

    let other = rig
        .sandbox
        .org()
        .users()
        .into_iter()
        .find(|user| user.is_active && user.id != rig.sandbox.org().integration_user());
    let client = OAuthClient::new("other", "secret").run_as(other.expect("a second active user").username);
    rig.sandbox.clients().register(client);
    let form = [("grant_type", "client_credentials"), ("client_id", "other"), ("client_secret", "secret")];
    let stranger = Rig {
        token: rig.token_request(&form).await.1["access_token"].as_str().unwrap().to_owned(),
        http: rig.http.clone(),
        sandbox: rig.sandbox,
    };
    let error = json!([{ "message": "invalid query locator", "errorCode": "INVALID_QUERY_LOCATOR" }]);
    assert_eq!(stranger.json(reqwest::Method::GET, &next, None).await, (400, error.clone()));

    let rig = Rig { token: rig.token, ..stranger };
    rig.sandbox.org().clock().advance(SignedDuration::from_hours(1));
    assert_eq!(rig.get(&next).await.status(), 200);
    for _ in 0..24 {
        rig.sandbox.org().clock().advance(SignedDuration::from_hours(2));
        rig.get("limits").await;
    }
    assert_eq!(rig.json(reqwest::Method::GET, &next, None).await, (400, error));
}

#[tokio::test]
async fn errors_have_code_and_status() {
    let rig = Rig::start().await;
    let code = |body: &Value| body[0]["errorCode"].as_str().unwrap_or("").to_owned();
    let (status, body) = rig.query("SELECT Id, Fooo FROM Account").await;
    assert_eq!((status, code(&body).as_str()), (400, "INVALID_FIELD"));
    let (status, body) = rig.query("SELECT Id FROM Accout").await;
    assert_eq!((status, code(&body).as_str()), (400, "INVALID_TYPE"));
    let (status, body) = rig.json(reqwest::Method::GET, "query", None).await;
    assert_eq!((status, code(&body).as_str()), (400, "MALFORMED_QUERY"));
    let (status, body) = rig.json(reqwest::Method::GET, "query/01gHq0000000001MAA-2000", None).await;
    assert_eq!((status, code(&body).as_str()), (400, "INVALID_QUERY_LOCATOR"));
    let (status, body) = rig.json(reqwest::Method::POST, "query", Some(json!({}))).await;
    assert_eq!((status, code(&body).as_str()), (405, "METHOD_NOT_ALLOWED"));
    let (status, body) = rig.json(reqwest::Method::GET, "nothing", None).await;
    assert_eq!((status, code(&body).as_str()), (404, "NOT_FOUND"));
}

#[tokio::test]
async fn a_count_has_no_records() {
    let rig = Rig::start().await;
    rig.add_accounts(7);
    assert_eq!(
        rig.query("SELECT COUNT() FROM Account").await.1,
        json!({ "totalSize": 7, "done": true, "records": [] })
    );
}

#[tokio::test]
async fn long_addresses_are_refused() {
    let rig = Rig::start().await;
    let long = "x".repeat(16_400);
    assert_eq!(rig.get(&query_path(&long)).await.status(), 414);
    let request = rig.request(reqwest::Method::GET, &query_path(&long[..9_000]));
    assert_eq!(request.header("X-Long", &long[..9_000]).send().await.unwrap().status(), 431);
}

#[tokio::test]
async fn answers_are_compressed_for_those_who_ask() {
    let rig = Rig::start().await;
    rig.add_accounts(50);
    let path = query_path("SELECT Id, Name FROM Account");
    let plain = rig.get(&path).await;
    assert_eq!(header(&plain, "content-encoding"), "");
    assert_eq!(header(&plain, "content-type"), "application/json;charset=UTF-8");
    let plain = plain.bytes().await.unwrap();
    let packed =
        rig.request(reqwest::Method::GET, &path).header("Accept-Encoding", "gzip").send().await.unwrap();
    assert_eq!(header(&packed, "content-encoding"), "gzip");
    let packed = packed.bytes().await.unwrap();
    assert!(packed.len() < plain.len());
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(packed.as_ref()).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain);
}

#[tokio::test]
async fn versions_are_listed_without_a_token_and_without_a_count() {
    let rig = Rig::start().await;
    let url = format!("{}/services/data/", rig.sandbox.url());
    let response = rig.http.get(url).send().await.unwrap();
    assert_eq!(header(&response, "sforce-limit-info"), "");
    let versions: Vec<Value> = response.json().await.unwrap();
    assert_eq!(
        versions[0],
        json!({ "label": "Summer '14", "url": "/services/data/v31.0", "version": "31.0" })
    );
    assert_eq!(versions.last().unwrap()["version"], "67.0");
    assert_eq!(rig.sandbox.calls().total, 0);
    let status = async |path: &str| rig.get(path).await.status().as_u16();
    assert_eq!(status("/services/data/v30.0/limits").await, 410);
    assert_eq!(status("/services/data/v99.0/limits").await, 404);
    let old = rig.get("/services/data/v40.0/limits").await;
    assert!(header(&old, "warning").starts_with("299 - \"This API is deprecated"));
    let index = rig.get_json("").await;
    assert_eq!(index["query"], "/services/data/v66.0/query");
    assert!(index["identity"].as_str().unwrap().starts_with(&format!("{}/id/00D", rig.sandbox.url())));
}

#[tokio::test]
async fn the_date_of_an_answer_is_the_clock_of_the_org() {
    let rig = Rig::start().await;
    assert_eq!(header(&rig.get("limits").await, "date"), "Wed, 11 Mar 2026 09:00:00 GMT");
}

#[tokio::test]
async fn a_stopped_sandbox_frees_its_port() {
    let rig = Rig::start().await;
    let port = rig.sandbox.url().rsplit(':').next().unwrap().parse().unwrap();
    drop(rig.http);
    rig.sandbox.shutdown().await;
    let again = Sandbox::start(sfsync_sandbox::SandboxConfig { port, ..crate::rig::config() }).await.unwrap();
    assert!(again.url().ends_with(&port.to_string()));
}
