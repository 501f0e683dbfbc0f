//! Describe with conditional requests, updated and deleted.

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::json;

use crate::rig::{Rig, header};

#[tokio::test]
async fn describe_is_sent_again_only_when_it_changed() {
    let rig = Rig::start().await;
    for path in ["sobjects/Account/describe", "sobjects"] {
        let response = rig.get(path).await;
        assert_eq!(response.status(), 200);
        let (modified, etag) =
            (header(&response, "last-modified").to_owned(), header(&response, "etag").to_owned());
        assert!(modified.ends_with(" GMT") && etag.starts_with('"'), "{modified} {etag}");
        let again = |value: String| rig.request(Method::GET, path).header("If-Modified-Since", value).send();
        let unchanged = again(modified).await.unwrap();
        assert_eq!(unchanged.status(), 304);
        assert!(header(&unchanged, "sforce-limit-info").starts_with("api-usage="));
        assert_eq!(unchanged.bytes().await.unwrap().len(), 0);
        assert_eq!(again("Thu, 01 Jan 1970 00:00:00 GMT".into()).await.unwrap().status(), 200);
        assert_eq!(again("yesterday".into()).await.unwrap().status(), 400);
    }
}

#[tokio::test]
async fn describe_names_fields_and_unknown_objects_are_404() {
    let rig = Rig::start().await;
    let account = rig.get_json("sobjects/Account/describe/").await;
    let name = account["fields"].as_array().unwrap().iter().find(|field| field["name"] == "Name").unwrap();
    assert_eq!((&account["keyPrefix"], &name["type"]), (&json!("001"), &json!("string")));
    let brief = rig.get_json("sobjects/Account/").await;
    assert_eq!(brief["objectDescribe"]["name"], "Account");
    let unknown = rig.json(Method::GET, "sobjects/Nothing/describe", None).await;
    let error = json!([{ "errorCode": "NOT_FOUND", "message": "The requested resource does not exist" }]);
    assert_eq!(unknown, (404, error));
}

#[tokio::test]
async fn updated_and_deleted() {
    let rig = Rig::start().await;
    let org = rig.sandbox.org();
    rig.add_accounts(2);
    let gone = org.insert("Account", crate::rig::fields(json!({ "Name": "gone" }))).unwrap();
    org.clock().advance(SignedDuration::from_mins(1));
    org.delete("Account", &gone.to_string()).unwrap();
    org.clock().advance(SignedDuration::from_mins(10));
    let window = "start=2026-03-11T08%3A00%3A00%2B00%3A00&end=2026-03-11T09%3A05%3A00%2B00%3A00";
    let updated = rig.get_json(&format!("sobjects/Account/updated/?{window}")).await;
    assert_eq!(updated["ids"].as_array().unwrap().len(), 2);
    assert!(updated["latestDateCovered"].as_str().unwrap().ends_with(".000+0000"));
    let deleted = rig.get_json(&format!("sobjects/Account/deleted/?{window}")).await;
    assert_eq!(
        deleted["deletedRecords"],
        json!([{ "id": gone.to_string(), "deletedDate": "2026-03-11T09:01:00.000+0000" }])
    );
    let bad = rig.json(Method::GET, "sobjects/Account/updated?start=now&end=then", None).await;
    assert_eq!((bad.0, &bad.1[0]["errorCode"]), (400, &json!("INVALID_REPLICATION_DATE")));
}

#[tokio::test]
async fn a_record_type_offers_its_own_stages() {
    let rig = Rig::start().await;
    let soql = "SELECT Id FROM RecordType WHERE SobjectType = 'Opportunity' ORDER BY DeveloperName";
    let types = rig.query(soql).await.1;
    let mut offers = Vec::new();
    for record_type in types["records"].as_array().unwrap() {
        let id = record_type["Id"].as_str().unwrap();
        let path = format!("ui-api/object-info/Opportunity/picklist-values/{id}");
        let all = rig.get_json(&path).await;
        let stages = rig.get_json(&format!("{path}/StageName")).await;
        assert_eq!(all["picklistFieldValues"]["StageName"], stages);
        offers.push(stages["values"].clone());
    }
    assert!(offers.len() >= 2 && offers[0] != offers[1]);
    assert_eq!(rig.get("ui-api/object-info/Opportunity/picklist-values/012Hq0000000zzz").await.status(), 404);
}
