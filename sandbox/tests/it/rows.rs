//! Single records over HTTP.

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use sfsync_sandbox::{Customization, OAuthClient, OrgConfig, SandboxConfig};

use crate::rig::{Rig, config, header};

#[tokio::test]
async fn a_record_from_create_to_delete() {
    let rig = Rig::start().await;
    let body = json!({ "Name": "Acme", "BillingCity": "Paris" });
    let response = rig.request(Method::POST, "sobjects/Account/").json(&body).send().await.unwrap();
    assert_eq!(response.status(), 201);
    let location = header(&response, "location").to_owned();
    let created: Value = response.json().await.unwrap();
    let id = created["id"].as_str().unwrap();
    assert_eq!(created, json!({ "id": id, "success": true, "errors": [] }));
    assert_eq!(location, format!("/services/data/v66.0/sobjects/Account/{id}"));

    let path = format!("sobjects/Account/{id}");
    let record = rig.get_json(&format!("{path}?fields=Name,BillingCity")).await;
    assert_eq!(
        (&record["Name"], &record["BillingCity"], &record["Id"]),
        (&json!("Acme"), &json!("Paris"), &json!(id))
    );
    assert_eq!(
        rig.json(Method::PATCH, &path, Some(json!({ "BillingCity": null }))).await,
        (204, Value::Null)
    );
    let by_post = format!("{path}?_HttpMethod=PATCH");
    assert_eq!(rig.json(Method::POST, &by_post, Some(json!({ "Name": "Acme 2" }))).await.0, 204);
    let record = rig.get_json(&path).await;
    assert_eq!((&record["Name"], &record["BillingCity"]), (&json!("Acme 2"), &Value::Null));

    let with_id = rig.json(Method::PATCH, &path, Some(json!({ "Id": id }))).await;
    assert_eq!(with_id.1[0]["message"], "The Id field should not be specified in the sobject data.");
    assert_eq!(rig.json(Method::DELETE, &path, None).await, (204, Value::Null));
    let gone = json!([{ "message": "entity is deleted", "errorCode": "ENTITY_IS_DELETED", "fields": [] }]);
    assert_eq!(rig.json(Method::GET, &path, None).await, (404, gone.clone()));
    assert_eq!(rig.json(Method::DELETE, &path, None).await, (404, gone));
}

#[tokio::test]
async fn conditional_reads_and_writes() {
    let rig = Rig::start().await;
    rig.add_accounts(1);
    let id = rig.query("SELECT Id FROM Account").await.1["records"][0]["Id"].as_str().unwrap().to_owned();
    let path = format!("sobjects/Account/{id}");
    let response = rig.get(&path).await;
    let (modified, etag) =
        (header(&response, "last-modified").to_owned(), header(&response, "etag").to_owned());
    assert_eq!(modified, "Wed, 11 Mar 2026 09:00:00 GMT");
    let status = async |method, header: &str, value: &str| {
        let request = rig.request(method, &path).header(header, value).json(&json!({ "Name": "x" }));
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(status(Method::GET, "If-Modified-Since", &modified).await, 304);
    assert_eq!(status(Method::GET, "If-None-Match", &etag).await, 304);
    rig.sandbox.org().clock().advance(SignedDuration::from_secs(5));
    assert_eq!(status(Method::PATCH, "If-Match", &etag).await, 204);
    assert_eq!(status(Method::PATCH, "If-Match", &etag).await, 412);
    assert_eq!(status(Method::PATCH, "If-Unmodified-Since", &modified).await, 412);
    assert_eq!(status(Method::GET, "If-Modified-Since", &modified).await, 200);
}

#[tokio::test]
async fn methods_bodies_and_ids_that_do_not_fit() {
    let rig = Rig::start().await;
    let not_allowed = rig.json(Method::PATCH, "sobjects/Account", Some(json!({}))).await;
    let message = "HTTP Method 'PATCH' not allowed. Allowed are HEAD,GET,POST";
    assert_eq!(not_allowed, (405, json!([{ "message": message, "errorCode": "METHOD_NOT_ALLOWED" }])));
    let text = rig.request(Method::POST, "sobjects/Account").body("Name=x").send().await.unwrap();
    assert_eq!(text.status(), 415);
    let broken = rig.request(Method::POST, "sobjects/Account").header("Content-Type", "application/json");
    let broken = broken.body("{").send().await.unwrap();
    assert_eq!(broken.status(), 400);
    assert_eq!(broken.json::<Value>().await.unwrap()[0]["errorCode"], "JSON_PARSER_ERROR");
    let missing = rig.json(Method::GET, "sobjects/Account/001Hq0000000zzz", None).await;
    assert_eq!((missing.0, &missing.1[0]["errorCode"]), (404, &json!("NOT_FOUND")));
}

#[tokio::test]
async fn a_key_finds_one_several_or_none() {
    let fields =
        "fields: { Account: { Code__c: { type: text, length: 40, label: Code, external_id: true } } }";
    let org =
        OrgConfig { customizations: vec![Customization::parse("test", fields).unwrap()], ..config().org };
    let rig = Rig::with(SandboxConfig { org, ..config() }).await;
    let path = "sobjects/Account/Code__c/O'Neill";
    let upsert = async |body: Value| rig.json(Method::PATCH, path, Some(body)).await;
    let (status, created) = upsert(json!({ "Name": "O'Neill", "BillingCity": "Cork" })).await;
    assert_eq!((status, &created["created"]), (201, &json!(true)), "{created}");
    let (status, updated) = upsert(json!({ "BillingCity": "Dublin" })).await;
    assert_eq!((status, &updated["created"], &updated["id"]), (200, &json!(false), &created["id"]));
    let read = rig.get_json(path).await;
    assert_eq!((&read["BillingCity"], &read["Code__c"]), (&json!("Dublin"), &json!("O'Neill")));
    rig.json(Method::POST, "sobjects/Account", Some(json!({ "Name": "second", "Code__c": "O'Neill" }))).await;
    let several = rig.json(Method::GET, path, None).await;
    assert_eq!((several.0, several.1.as_array().unwrap().len()), (300, 2));
    assert_eq!(rig.get("sobjects/Account/Code__c/nobody").await.status(), 404);
    let (status, error) = rig.json(Method::GET, "sobjects/Account/Nothing__c/1", None).await;
    assert_eq!(
        (status, &error[0]["message"]),
        (404, &json!("Provided external ID field does not exist or is not accessible: Nothing__c"))
    );
}

#[tokio::test]
async fn upserts_by_key_follow_the_version_and_the_documentation() {
    let fields =
        "fields: { Account: { Code__c: { type: text, length: 40, label: Code, external_id: true } } }";
    let org =
        OrgConfig { customizations: vec![Customization::parse("test", fields).unwrap()], ..config().org };
    let rig = Rig::with(SandboxConfig { org, ..config() }).await;
    let path = "sobjects/Account/Code__c/A-1";
    let patch = async |path: &str, body: Value| rig.json(Method::PATCH, path, Some(body)).await;
    let only = patch(&format!("{path}?updateOnly=true"), json!({ "Name": "x" })).await;
    assert_eq!((only.0, &only.1[0]["errorCode"]), (404, &json!("NOT_FOUND")));
    let old = patch(&format!("/services/data/v45.0/{path}"), json!({ "Name": "x" })).await;
    assert_eq!((old.0, old.1.get("created")), (201, None));
    assert_eq!(
        patch(&format!("/services/data/v45.0/{path}"), json!({ "Name": "y" })).await,
        (204, Value::Null)
    );
    let given = patch(path, json!({ "Code__c": "A-1" })).await;
    assert_eq!((given.0, &given.1[0]["errorCode"]), (400, &json!("INVALID_FIELD")));
    assert_eq!(patch("sobjects/Account/Code__c/A-100.inc", json!({ "Name": "x" })).await.0, 404);
    assert_eq!(rig.json(Method::POST, "sobjects/Account/Id", Some(json!({ "Name": "z" }))).await.0, 201);
    assert_eq!(rig.json(Method::DELETE, path, None).await.0, 204);
    assert_eq!(rig.json(Method::GET, path, None).await.0, 404);
}

#[tokio::test]
async fn a_record_carries_the_user_who_wrote_it() {
    let rig = Rig::start().await;
    let org = rig.sandbox.org();
    let other =
        org.users().into_iter().find(|user| user.is_active && user.id != org.integration_user()).unwrap();
    rig.sandbox.clients().register(OAuthClient::new("other", "secret").run_as(other.username));
    let form = [("grant_type", "client_credentials"), ("client_id", "other"), ("client_secret", "secret")];
    let token = rig.token_request(&form).await.1["access_token"].as_str().unwrap().to_owned();
    let rig = Rig { token, ..rig };
    let created = rig.json(Method::POST, "sobjects/Account", Some(json!({ "Name": "Acme" }))).await.1;
    let record = rig.get_json(&format!("sobjects/Account/{}", created["id"].as_str().unwrap())).await;
    assert_eq!(record["LastModifiedById"], other.id.to_string());
}
