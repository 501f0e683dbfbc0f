//! Bulk API 2.0 query jobs from creation to deletion.

use std::io::Read;

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use sfsync_sandbox::{BulkSettings, SandboxConfig};

use crate::rig::{Rig, config, header};

async fn rig(page_rows: usize) -> Rig {
    let bulk = BulkSettings { page_rows, ..BulkSettings::default() };
    Rig::with(SandboxConfig { bulk, ..config() }).await
}

async fn create(rig: &Rig, body: Value) -> Value {
    let (status, job) = rig.json(Method::POST, "jobs/query", Some(body)).await;
    assert_eq!(status, 200, "{job}");
    job
}

fn accounts() -> Value {
    json!({ "operation": "query", "query": "SELECT Id, Name FROM Account ORDER BY Name" })
}

/// The path of a job that is complete.
async fn complete(rig: &Rig, body: Value) -> String {
    let job = create(rig, body).await;
    let path = format!("jobs/query/{}", job["id"].as_str().unwrap());
    while rig.get_json(&path).await["state"] != "JobComplete" {}
    path
}

fn names(csv: &str) -> Vec<String> {
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("\"Id\",\"Name\""), "every page starts with the header");
    lines.map(|line| line.split("\",\"").nth(1).unwrap().trim_end_matches('"').to_owned()).collect()
}

#[tokio::test]
async fn a_job_goes_its_way() {
    let rig = rig(50_000).await;
    rig.add_accounts(3);
    let job = create(&rig, accounts()).await;
    let id = job["id"].as_str().unwrap();
    assert!(id.starts_with("750") && id.len() == 18);
    assert_eq!(job["state"], "UploadComplete");
    assert_eq!(job["apiVersion"].to_string(), "66.0");
    assert!(job.get("jobType").is_none());
    let path = format!("jobs/query/{id}");
    let early = rig.json(Method::GET, &format!("{path}/results"), None).await;
    assert_eq!((early.0, &early.1[0]["errorCode"]), (400, &json!("INVALIDJOBSTATE")));
    let running = rig.json(Method::DELETE, &path, None).await;
    assert_eq!((running.0, &running.1[0]["errorCode"]), (400, &json!("API_ERROR")));
    let first = rig.get_json(&path).await;
    assert_eq!((&first["state"], &first["jobType"]), (&json!("InProgress"), &json!("V2Query")));
    let second = rig.get_json(&path).await;
    assert_eq!((&second["state"], &second["numberRecordsProcessed"]), (&json!("JobComplete"), &json!(3)));

    let abort = rig.json(Method::PATCH, &path, Some(json!({ "state": "Aborted" }))).await;
    assert_eq!(abort.1[0]["message"], "Aborting already Completed Job not allowed");
    let list = rig.get_json("jobs/query").await;
    assert_eq!((&list["done"], &list["records"][0]["id"]), (&json!(true), &json!(id)));
    assert_eq!(rig.get(&format!("/services/data/v65.0/{path}/results")).await.status(), 409);
    assert_eq!(rig.json(Method::DELETE, &path, None).await.0, 204);
    assert_eq!(rig.get(&path).await.status(), 404);
    assert_eq!(rig.get_json("limits").await["DailyBulkV2QueryJobs"]["Remaining"], 9_999);
}

#[tokio::test]
async fn results_come_in_pages_by_locator() {
    let rig = rig(50_000).await;
    rig.add_accounts(25);
    let path = complete(&rig, accounts()).await;
    let mut all = Vec::new();
    let mut locator = String::new();
    let mut sizes = Vec::new();
    while locator != "null" {
        let page = rig.get(&format!("{path}/results?maxRecords=10{locator}")).await;
        assert_eq!(header(&page, "content-type"), "text/csv;charset=UTF-8");
        sizes.push(header(&page, "sforce-numberofrecords").to_owned());
        let next = header(&page, "sforce-locator").to_owned();
        all.extend(names(&page.text().await.unwrap()));
        locator = if next == "null" { next } else { format!("&locator={next}") };
    }
    assert_eq!(sizes, ["10", "10", "5"]);
    assert_eq!(all, (0..25).map(|n| format!("Account {n:04}")).collect::<Vec<_>>());
    let bad = rig.json(Method::GET, &format!("{path}/results?locator=!"), None).await;
    assert_eq!(bad.0, 400);
    let bad = rig.json(Method::GET, &format!("{path}/results?maxRecords=0"), None).await;
    assert_eq!(bad.0, 400);
}

#[tokio::test]
async fn result_pages_are_listed_five_at_a_time() {
    let rig = rig(10).await;
    rig.add_accounts(67);
    let path = complete(&rig, accounts()).await;
    let first = rig.get_json(&format!("{path}/resultPages")).await;
    assert_eq!((first["resultPages"].as_array().unwrap().len(), &first["done"]), (5, &json!(false)));
    let next = first["nextRecordsUrl"].as_str().unwrap();
    assert!(next.contains("/resultpages?locator="), "{next}");
    let second = rig.get_json(next).await;
    assert_eq!((second["resultPages"].as_array().unwrap().len(), &second["done"]), (2, &json!(true)));
    assert!(second.get("nextRecordsUrl").is_none());
    let mut all = Vec::new();
    for page in
        first["resultPages"].as_array().unwrap().iter().chain(second["resultPages"].as_array().unwrap())
    {
        let page = rig.get(page["resultUrl"].as_str().unwrap()).await;
        all.extend(names(&page.text().await.unwrap()));
    }
    assert_eq!(all, (0..67).map(|n| format!("Account {n:04}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_result_without_rows_is_its_header() {
    let rig = rig(10).await;
    let path = complete(&rig, accounts()).await;
    let page = rig.get(&format!("{path}/results")).await;
    assert_eq!((header(&page, "sforce-locator"), header(&page, "sforce-numberofrecords")), ("null", "0"));
    assert_eq!(names(&page.text().await.unwrap()), Vec::<String>::new());
    assert_eq!(
        rig.get_json(&format!("{path}/resultPages")).await["resultPages"].as_array().unwrap().len(),
        1
    );
}

#[tokio::test]
async fn results_are_compressed_and_formed_as_asked() {
    let rig = rig(50_000).await;
    rig.add_accounts(2_000);
    let body = json!({
        "operation": "queryAll", "query": "SELECT Id, Name FROM Account ORDER BY Name", "contentType": "CSV",
        "columnDelimiter": "SEMICOLON", "lineEnding": "CRLF",
    });
    let path = complete(&rig, body).await;
    let request = rig.request(Method::GET, &format!("{path}/results")).header("Accept-Encoding", "gzip");
    let packed = request.send().await.unwrap();
    assert_eq!(header(&packed, "content-encoding"), "gzip");
    let mut csv = String::new();
    flate2::read::GzDecoder::new(packed.bytes().await.unwrap().as_ref()).read_to_string(&mut csv).unwrap();
    let lines: Vec<&str> = csv.split_terminator("\r\n").collect();
    assert_eq!((lines.len(), lines[0]), (2_001, "\"Id\";\"Name\""));
    assert!(lines[2_000].ends_with(";\"Account 1999\""));
}

#[tokio::test]
async fn bad_jobs_are_refused_at_once() {
    let rig = rig(10).await;
    for (body, code) in [
        (json!({ "operation": "query", "query": "SELECT Fooo FROM Account" }), "INVALID_FIELD"),
        (json!({ "operation": "insert", "query": "SELECT Id FROM Account" }), "INVALIDJOB"),
        (
            json!({ "operation": "query", "query": "SELECT Id FROM Account", "columnDelimiter": "X" }),
            "INVALIDJOB",
        ),
    ] {
        let (status, answer) = rig.json(Method::POST, "jobs/query", Some(body)).await;
        assert_eq!((status, answer[0]["errorCode"].as_str().unwrap()), (400, code));
    }
    let (status, _) = rig
        .json(
            Method::POST,
            "jobs/query",
            Some(json!({ "operation": "query", "query": "SELECT COUNT() FROM Account" })),
        )
        .await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn jobs_are_forgotten_after_seven_days() {
    let rig = rig(10).await;
    let path = complete(&rig, accounts()).await;
    for _ in 0..=7 * 12 {
        rig.sandbox.org().clock().advance(SignedDuration::from_hours(2));
        assert_eq!(rig.get("limits").await.status(), 200);
    }
    assert_eq!(rig.get(&path).await.status(), 404);
}
