//! Bulk API 2.0 ingest jobs, each body held against section 8 of the wire reference.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use sfsync_sandbox::{
    BulkSettings, Customization, Fault, FaultKind, OrgConfig, Rejection, ResourceKind, SandboxConfig,
};

use crate::rig::{Rig, config, fields, header};

const FIELDS: &str = "
fields:
  Account:
    Code__c: { type: text, length: 40, label: Code, external_id: true, unique: true }
  Contact:
    Code__c: { type: text, length: 40, label: Code, external_id: true, unique: true }
    Born__c: { type: date, label: Born }
";

async fn rig(bulk: BulkSettings) -> Rig {
    let customizations = vec![Customization::parse("test", FIELDS).unwrap()];
    let org = OrgConfig { customizations, ..config().org };
    Rig::with(SandboxConfig { org, bulk, ..config() }).await
}

fn at_once() -> BulkSettings {
    BulkSettings { ingest_at_once: true, hard_delete: true, ..BulkSettings::default() }
}

async fn create(rig: &Rig, body: Value) -> String {
    let (status, job) = rig.json(Method::POST, "jobs/ingest", Some(body)).await;
    assert_eq!(status, 200, "{job}");
    format!("jobs/ingest/{}", job["id"].as_str().unwrap())
}

async fn put(rig: &Rig, path: &str, csv: &str) -> Response {
    let request = rig.request(Method::PUT, &format!("{path}/batches")).header("Content-Type", "text/csv");
    request.body(csv.to_owned()).send().await.unwrap()
}

async fn close(rig: &Rig, path: &str) -> (u16, Value) {
    rig.json(Method::PATCH, path, Some(json!({ "state": "UploadComplete" }))).await
}

/// A job that has ended, and its last status.
async fn run(rig: &Rig, body: Value, csv: &str) -> (String, Value) {
    let path = create(rig, body).await;
    assert_eq!(put(rig, &path, csv).await.status(), 201);
    assert_eq!(close(rig, &path).await.0, 200);
    loop {
        let job = rig.get_json(&path).await;
        if !["UploadComplete", "InProgress"].contains(&job["state"].as_str().unwrap()) {
            return (path, job);
        }
    }
}

fn job(object: &str, operation: &str) -> Value {
    json!({ "object": object, "operation": operation, "contentType": "CSV", "lineEnding": "LF" })
}

fn upsert(object: &str) -> Value {
    json!({ "object": object, "operation": "upsert", "externalIdFieldName": "Code__c" })
}

async fn text(rig: &Rig, path: &str) -> String {
    let response = rig.get(path).await;
    assert_eq!(response.status(), 200, "{path}");
    assert_eq!(header(&response, "content-type"), "text/csv;charset=UTF-8");
    response.text().await.unwrap()
}

/// A file of so many accounts.
fn names(count: usize) -> String {
    let names: Vec<String> = (0..count).map(|n| format!("n-{n:03}")).collect();
    format!("Name\n{}\n", names.join("\n"))
}

/// The rows of a result as maps; no value of these tests holds a comma or a quote, errors come last in their column.
async fn rows(rig: &Rig, path: &str) -> Vec<BTreeMap<String, String>> {
    let csv = text(rig, path).await;
    let mut lines = csv.lines();
    let header: Vec<String> =
        lines.next().unwrap().split(',').map(|name| name.trim_matches('"').to_owned()).collect();
    let cells =
        |line: &str| -> Vec<String> { line[1..line.len() - 1].split("\",\"").map(str::to_owned).collect() };
    lines.map(|line| header.iter().cloned().zip(cells(line)).collect()).collect()
}

#[tokio::test]
async fn a_job_goes_from_open_to_its_three_files() {
    let rig = rig(at_once()).await;
    let body = json!({
        "object": "contact", "operation": "upsert", "externalIdFieldName": "code__c",
        "contentType": "CSV", "columnDelimiter": "COMMA", "lineEnding": "LF",
    });
    let (status, job) = rig.json(Method::POST, "jobs/ingest", Some(body)).await;
    let id = job["id"].as_str().unwrap().to_owned();
    let user = rig.sandbox.org().integration_user().to_string();
    let stamp = "2026-03-11T09:00:00.000+0000";
    let mut expected = json!({
        "id": id, "operation": "upsert", "object": "Contact", "createdById": user, "createdDate": stamp,
        "systemModstamp": stamp, "state": "Open", "externalIdFieldName": "Code__c",
        "concurrencyMode": "Parallel", "contentType": "CSV", "apiVersion": 66.0,
        "contentUrl": format!("services/data/v66.0/jobs/ingest/{id}/batches"),
        "lineEnding": "LF", "columnDelimiter": "COMMA",
    });
    assert_eq!((status, &job), (200, &expected));
    let path = format!("jobs/ingest/{id}");
    assert!(rig.get_json(&path).await.get("numberRecordsProcessed").is_none());

    let csv = "Code__c,LastName,Born__c\nc-1,Ann,1990-01-02\nc-2,Bob,2003-04-987\nc-3,\"\",\n";
    let uploaded = put(&rig, &path, csv).await;
    assert_eq!((uploaded.status().as_u16(), uploaded.text().await.unwrap().as_str()), (201, ""));
    let (status, closed) = close(&rig, &path).await;
    for name in ["contentUrl", "lineEnding", "columnDelimiter"] {
        expected.as_object_mut().unwrap().remove(name);
    }
    expected["state"] = "UploadComplete".into();
    assert_eq!((status, closed), (200, expected));
    assert_eq!(rig.get_json(&path).await["state"], "InProgress");
    let done = rig.get_json(&path).await;
    assert_eq!((&done["state"], &done["jobType"]), (&json!("JobComplete"), &json!("V2Ingest")));
    assert_eq!((&done["numberRecordsProcessed"], &done["numberRecordsFailed"]), (&json!(3), &json!(2)));

    let good = text(&rig, &format!("{path}/successfulResults/")).await;
    let contact = rig.sandbox.org().records("Contact", false).unwrap()[0]["Id"].as_str().unwrap().to_owned();
    assert_eq!(
        good,
        format!(
            "\"sf__Id\",\"sf__Created\",Code__c,LastName,Born__c\n\"{contact}\",\"true\",\"c-1\",\"Ann\",\"1990-01-02\"\n"
        )
    );
    let bad = text(&rig, &format!("{path}/failedResults")).await;
    let mut lines: Vec<&str> = bad.lines().collect();
    assert_eq!(lines.remove(0), "\"sf__Id\",\"sf__Error\",Born__c,Code__c,LastName");
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "\"\",\"INVALID_FIELD:Failed to deserialize field at col 2. Due to, '2003-04-987' is not a valid value \
             for the type xsd:date:Born__c --\",\"2003-04-987\",\"c-2\",\"Bob\"",
            "\"\",\"REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --\",\"\",\"c-3\",\"\"",
        ]
    );
    assert_eq!(text(&rig, &format!("{path}/unprocessedrecords")).await, "Code__c,LastName,Born__c\n");
    assert_eq!(rig.json(Method::DELETE, &path, None).await.0, 204);
    assert_eq!(rig.get(&path).await.status(), 404);
}

#[tokio::test]
async fn empty_cells_are_left_alone_and_na_clears() {
    let rig = rig(at_once()).await;
    let org = rig.sandbox.org();
    let record = json!({ "Name": "Acme", "Code__c": "a", "Phone": "1", "BillingCity": "Paris" });
    org.insert("Account", fields(record)).unwrap();
    let (path, done) = run(&rig, upsert("Account"), "Code__c,Phone,BillingCity\nA,,#N/A\n").await;
    assert_eq!(done["numberRecordsFailed"], 0, "{done}");
    let account = &org.records("Account", false).unwrap()[0];
    assert_eq!((&account["Phone"], &account["BillingCity"]), (&json!("1"), &Value::Null));
    let row = &rows(&rig, &format!("{path}/successfulResults")).await[0];
    assert_eq!((row["sf__Created"].as_str(), row["BillingCity"].as_str()), ("false", "#N/A"));
}

#[tokio::test]
async fn parents_are_found_by_their_external_id() {
    let rig = rig(at_once()).await;
    let org = rig.sandbox.org();
    let account = org.insert("Account", fields(json!({ "Name": "Acme", "Code__c": "A-1" }))).unwrap();
    let csv = "LastName,Account.Code__c,Owner.Email\nGood,a-1,user03@acme.example\nBad,nobody,\n";
    let (path, done) = run(&rig, job("Contact", "insert"), csv).await;
    assert_eq!(done["numberRecordsFailed"], 1);
    let contacts = org.records("Contact", false).unwrap();
    assert_eq!(contacts.len(), 1);
    assert_eq!(contacts[0]["AccountId"], account.to_string());
    let failed = &rows(&rig, &format!("{path}/failedResults")).await[0];
    assert_eq!(
        failed["sf__Error"],
        "INVALID_FIELD:Foreign key external ID: nobody not found for field Code__c in entity Account:--"
    );
    let csv = "Id,Account.Code__c\n".to_owned() + contacts[0]["Id"].as_str().unwrap() + ",#N/A\n";
    run(&rig, job("Contact", "update"), &csv).await;
    assert_eq!(org.records("Contact", false).unwrap()[0]["AccountId"], Value::Null);
    // Polymorphic lookups need the name of the object, others refuse it.
    let lead = org
        .insert("Lead", fields(json!({ "LastName": "L", "Company": "C", "Email": "l@x.example" })))
        .unwrap();
    run(&rig, job("Task", "insert"), "Subject,Lead:Who.Email\nCall,l@x.example\n").await;
    assert_eq!(org.records("Task", false).unwrap()[0]["WhoId"], lead.to_string());
    for (object, column) in [("Task", "Who.Email"), ("Contact", "Account:Account.Code__c")] {
        let (_, failed) = run(&rig, job(object, "insert"), &format!("{column}\nx\n")).await;
        assert_eq!(failed["errorMessage"], format!("InvalidBatch : Field name not found : {column}"));
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_read_fails_the_job() {
    let rig = rig(at_once()).await;
    let ending = "InvalidBatch : LineEnding is invalid on user data. Current LineEnding setting is LF";
    for (operation, csv, message) in [
        ("insert", "Name,Nothing__c\nAcme,x\n", "InvalidBatch : Field name not found : Nothing__c"),
        ("insert", "Name,BillingAddress\nAcme,x\n", "InvalidBatch : Field name not found : BillingAddress"),
        ("update", "Name\nAcme\n", "InvalidBatch : Field name not found : Id"),
        ("delete", "Id,Name\n001,Acme\n", "InvalidBatch : Field name not found : Name"),
        ("insert", "Name\r\nAcme\r\n", ending),
    ] {
        let (path, done) = run(&rig, job("Account", operation), csv).await;
        assert_eq!((&done["state"], &done["errorMessage"]), (&json!("Failed"), &json!(message)), "{csv}");
        assert_eq!((&done["numberRecordsProcessed"], &done["numberRecordsFailed"]), (&json!(0), &json!(0)));
        assert_eq!(rig.get(&format!("{path}/failedResults")).await.status(), 200);
    }
    assert!(rig.sandbox.org().records("Account", false).unwrap().is_empty());
}

#[tokio::test]
async fn delimiters_and_line_ends_are_those_of_the_job() {
    let rig = rig(at_once()).await;
    let body = json!({ "object": "Account", "operation": "insert", "columnDelimiter": "SEMICOLON", "lineEnding": "CRLF" });
    let (path, done) = run(&rig, body, "Name;Description\r\n\"a;b\";\"1\n\"\"2\"\"\"\r\n").await;
    assert_eq!(done["numberRecordsFailed"], 0, "{done}");
    let account = &rig.sandbox.org().records("Account", false).unwrap()[0];
    assert_eq!((&account["Name"], &account["Description"]), (&json!("a;b"), &json!("1\n\"2\"")));
    let good = text(&rig, &format!("{path}/successfulResults")).await;
    assert!(good.ends_with(";\"true\";\"a;b\";\"1\n\"\"2\"\"\"\r\n"), "{good}");
}

#[tokio::test]
async fn results_come_in_another_order_and_doubled_keys_fail() {
    let rig = rig(at_once()).await;
    let mut csv = "Code__c,Name\nDUP,x\ndup,y\n".to_owned();
    for n in 0..500 {
        csv += &format!("k-{n:03},n\n");
    }
    let (path, done) = run(&rig, upsert("Account"), &csv).await;
    assert_eq!((&done["numberRecordsProcessed"], &done["numberRecordsFailed"]), (&json!(502), &json!(2)));
    let codes: Vec<String> = rows(&rig, &format!("{path}/successfulResults"))
        .await
        .iter()
        .map(|row| row["Code__c"].clone())
        .collect();
    assert!(!codes.is_sorted());
    assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), 500);
    let failed: BTreeSet<String> = rows(&rig, &format!("{path}/failedResults"))
        .await
        .iter()
        .map(|row| row["sf__Error"].clone())
        .collect();
    let of = |key: &str| format!("DUPLICATE_EXTERNAL_ID:Duplicate external id specified: {key}:--");
    assert_eq!(failed, BTreeSet::from([of("DUP"), of("dup")]));
}

#[tokio::test]
async fn batches_that_run_at_the_same_time_meet_at_a_parent() {
    let bulk = BulkSettings { batch_rows: 100, parallel_batches: 2, ..at_once() };
    let rig = rig(bulk).await;
    let org = rig.sandbox.org();
    let parent = |name: &str| {
        org.insert("Account", fields(json!({ "Name": name, "Code__c": name }))).unwrap().to_string()
    };
    let shared = parent("shared");
    parent("first");
    parent("second");
    let file = |parent: &dyn Fn(usize) -> &'static str| {
        let row = |n| format!("Last {n},{}\n", parent(n));
        "LastName,Account.Code__c\n".to_owned() + &(0..200).map(row).collect::<String>()
    };
    let (path, done) = run(
        &rig,
        job("Contact", "insert"),
        &file(&|n| {
            if n % 10 == 0 {
                "shared"
            } else if n < 100 {
                "first"
            } else {
                "second"
            }
        }),
    )
    .await;
    // The second batch cannot lock the parent that the first one holds; its other rows are fine.
    assert_eq!((&done["state"], &done["numberRecordsFailed"]), (&json!("JobComplete"), &json!(10)));
    for row in rows(&rig, &format!("{path}/failedResults")).await {
        assert_eq!(
            row["sf__Error"],
            format!(
                "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record or 1 records: {shared}:--"
            )
        );
    }
    // Sorted by parent, nothing meets.
    let (_, done) =
        run(&rig, job("Contact", "insert"), &file(&|n| if n < 100 { "first" } else { "second" })).await;
    assert_eq!(done["numberRecordsFailed"], 0);
}

#[tokio::test]
async fn a_job_that_stops_leaves_rows_unprocessed() {
    let rig = rig(at_once()).await;
    let csv = names(500);
    for (aborted, state) in [(false, "Failed"), (true, "Aborted")] {
        let stop =
            FaultKind::IngestStops { after_rows: 150, aborted, message: "TooManyLockFailure : x".into() };
        rig.sandbox.faults().add(Fault::new(stop).once());
        let before = rig.sandbox.org().record_count("Account").unwrap();
        let (path, done) = run(&rig, job("Account", "insert"), &csv).await;
        assert_eq!((&done["state"], &done["numberRecordsProcessed"]), (&json!(state), &json!(200)));
        assert_eq!(done.get("errorMessage").is_some(), !aborted);
        assert_eq!(rig.sandbox.org().record_count("Account"), Some(before + 200));
        assert_eq!(rows(&rig, &format!("{path}/successfulResults")).await.len(), 200);
        let left = text(&rig, &format!("{path}/unprocessedrecords")).await;
        assert_eq!((left.lines().count(), left.lines().next()), (301, Some("Name")));
    }
}

#[tokio::test]
async fn rows_beyond_the_daily_batches_are_in_no_file() {
    let rig = rig(BulkSettings { batch_rows: 2, daily_batches: 1, ..at_once() }).await;
    let (path, done) = run(&rig, job("Account", "insert"), "Name\na\nb\nc\n").await;
    assert_eq!((&done["state"], &done["numberRecordsProcessed"]), (&json!("JobComplete"), &json!(2)));
    for (file, lines) in [("successfulResults", 3), ("failedResults", 1), ("unprocessedrecords", 1)] {
        assert_eq!(text(&rig, &format!("{path}/{file}")).await.lines().count(), lines, "{file}");
    }
    assert_eq!(rig.get_json("limits").await["DailyBulkApiBatches"]["Remaining"], 14_999);
}

#[tokio::test]
async fn records_are_deleted_for_good_only_with_the_permission() {
    let rig = rig(at_once()).await;
    rig.add_accounts(2);
    let org = rig.sandbox.org();
    let ids: Vec<String> = org
        .records("Account", false)
        .unwrap()
        .iter()
        .map(|record| record["Id"].as_str().unwrap().to_owned())
        .collect();
    let (path, _) = run(&rig, job("Account", "delete"), &format!("Id\n{}\n001Hq0000000zzz\n", ids[0])).await;
    let failed = &rows(&rig, &format!("{path}/failedResults")).await[0];
    assert_eq!(failed["sf__Error"], "INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--");
    assert_eq!(failed["sf__Id"], "001Hq0000000zzz");
    let (_, done) = run(&rig, job("Account", "hardDelete"), &format!("Id\n{}\n", ids[1])).await;
    assert_eq!(done["numberRecordsFailed"], 0);
    org.clock().advance(SignedDuration::from_hours(25));
    let left = org.records("Account", true).unwrap();
    assert_eq!((left.len(), left[0]["Id"].as_str()), (1, Some(ids[0].as_str())));
    let rig = self::rig(BulkSettings::default()).await;
    let (status, error) = rig.json(Method::POST, "jobs/ingest", Some(job("Account", "hardDelete"))).await;
    assert_eq!((status, &error[0]["errorCode"]), (400, &json!("FEATURENOTENABLED")));
}

#[tokio::test]
async fn small_jobs_fit_into_one_request() {
    let rig = rig(at_once()).await;
    let body = "--B\r\nContent-Type: application/json\r\nContent-Disposition: form-data; name=\"job\"\r\n\r\n\
        {\"object\":\"Contact\",\"contentType\":\"CSV\",\"operation\":\"insert\"}\r\n\
        --B\r\nContent-Type: text/csv\r\nContent-Disposition: form-data; name=\"content\"; filename=\"content\"\r\n\r\n\
        LastName\nDoe\n\r\n--B--\r\n";
    let request = rig.request(Method::POST, "jobs/ingest");
    let request = request.header("Content-Type", "multipart/form-data; boundary=\"B\"").body(body);
    let job: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(job["state"], "UploadComplete");
    assert_eq!(rig.sandbox.org().records("Contact", false).unwrap()[0]["LastName"], "Doe");
}

#[tokio::test]
async fn calls_out_of_turn_are_refused() {
    let rig = rig(at_once()).await;
    for (body, code) in [
        (job("Account", "merge"), "INVALIDJOB"),
        (job("Nothing__c", "insert"), "INVALIDJOB"),
        (job("CaseStatus", "insert"), "INVALIDENTITY"),
        (job("Account", "upsert"), "INVALIDJOB"),
    ] {
        let (status, error) = rig.json(Method::POST, "jobs/ingest", Some(body)).await;
        assert_eq!((status, error[0]["errorCode"].as_str().unwrap()), (400, code));
    }
    let path = create(&rig, job("Account", "insert")).await;
    let results = rig.json(Method::GET, &format!("{path}/successfulResults"), None).await;
    assert_eq!((results.0, &results.1[0]["errorCode"]), (400, &json!("INVALIDJOBSTATE")));
    let open = rig.json(Method::DELETE, &path, None).await;
    assert_eq!((open.0, &open.1[0]["errorCode"]), (400, &json!("API_ERROR")));
    let wrong = rig.request(Method::PUT, &format!("{path}/batches")).json(&json!({})).send().await.unwrap();
    assert_eq!(wrong.status(), 415);
    assert_eq!(put(&rig, &path, "Name\na\n").await.status(), 201);
    assert_eq!(put(&rig, &path, "Name\na\n").await.status(), 400);
    let abort = json!({ "state": "Aborted" });
    assert_eq!(rig.json(Method::PATCH, &path, Some(abort.clone())).await.1["state"], "Aborted");
    let again = rig.json(Method::PATCH, &path, Some(abort)).await;
    assert_eq!(again.1[0]["message"], "Aborting already Completed Job not allowed");
    assert_eq!(close(&rig, &path).await.0, 400);
    let list = rig.get_json("jobs/ingest?jobType=V2Ingest").await;
    assert_eq!((list["records"].as_array().unwrap().len(), &list["done"]), (1, &json!(true)));
    assert_eq!(rig.json(Method::DELETE, &path, None).await.0, 204);
}

#[tokio::test]
async fn a_job_in_the_background_ends_and_its_rows_may_be_rejected() {
    let rig = rig(BulkSettings::default()).await;
    let reject =
        FaultKind::RejectRecords { rejection: Rejection::LockedRow, object: None, rate: 0.3, seed: 7 };
    rig.sandbox.faults().add(Fault::new(reject).once());
    let csv = names(1_000);
    let (path, done) = run(&rig, job("Account", "insert"), &csv).await;
    let failed = done["numberRecordsFailed"].as_u64().unwrap();
    assert!((250..350).contains(&failed), "{failed}");
    let errors = rows(&rig, &format!("{path}/failedResults")).await;
    assert!(errors.iter().all(|row| row["sf__Error"].starts_with("UNABLE_TO_LOCK_ROW:")));
    assert_eq!(rig.sandbox.calls().of(ResourceKind::IngestUpload), 1);
    let (writes, _) = rig.sandbox.org().writes_since(0);
    let refused = writes.iter().filter(|write| write.error == Some("UNABLE_TO_LOCK_ROW")).count() as u64;
    assert_eq!((writes.len(), refused), (1_000, failed));
}

#[tokio::test]
async fn a_lost_answer_leaves_a_job_that_runs() {
    let rig = rig(at_once()).await;
    let path = create(&rig, job("Account", "insert")).await;
    put(&rig, &path, "Name\nAcme\n").await;
    rig.sandbox.faults().add(Fault::new(FaultKind::LostAnswer).on(ResourceKind::IngestChange).once());
    let body = json!({ "state": "UploadComplete" });
    assert!(rig.request(Method::PATCH, &path).json(&body).send().await.is_err());
    assert_eq!(rig.sandbox.org().record_count("Account"), Some(1));
    assert_eq!(close(&rig, &path).await.0, 400);
}
