//! Rules of an org out of its customization file, and what SOAP and people do beside the API.

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use sfsync_sandbox::{Customization, Org, OrgConfig, SandboxConfig};

use crate::rig::{Rig, config, fields};

const RULES: &str = r#"
fields:
  Account:
    Tier__c: { type: picklist, label: Tier, values: [Gold, Silver, Bronze], restricted: true }
    Score__c: { type: number, label: Score, precision: 5, scale: 2 }
  Opportunity:
    Project__c: { type: lookup, label: Project, to: Project__c, restrict: true }
    Twice__c: { type: formula, label: Twice, returns: number, formula: "2" }
objects:
  Project__c: { label: Project }
record_types:
  Account:
    Customer: { label: Customer, default: true, picklists: { Tier__c: [Gold, Silver] } }
    Supplier: { picklists: { Tier__c: [Bronze] } }
validation_rules:
  Opportunity:
    Amount_when_won: { when: "StageName = 'Closed Won' AND Amount = null", message: 金額を入力してください。, field: Amount }
    No_way_back: { when: "StageName = 'Prospecting'", message: "No way back", on: update, changed: [StageName] }
  Account:
    Phone_or_fax: { when: "Phone = '0'", message: "Zero is no phone" }
    No_zero: { when: "Phone LIKE '0%'", message: "No leading zero", field: Phone }
duplicate_rules:
  Contact:
    Standard_Contact_Duplicate_Rule: { match: [Email], matching_rule: Standard_Contact_Match_Rule_v1_1 }
  Lead:
    Known_Contact: { match: [Email], against: Contact, action: block, message: "Already a contact" }
assignment_rules:
  Lead:
    Inbound: { owner: Inbound Leads, when: "Company LIKE 'A%'" }
"#;

async fn rig() -> Rig {
    let customizations = vec![Customization::parse("rules", RULES).unwrap()];
    Rig::with(SandboxConfig { org: OrgConfig { customizations, ..config().org }, ..config() }).await
}

async fn post(rig: &Rig, object: &str, body: Value) -> (u16, Value) {
    rig.json(Method::POST, &format!("sobjects/{object}"), Some(body)).await
}

async fn made(rig: &Rig, object: &str, body: Value) -> String {
    let (status, answer) = post(rig, object, body).await;
    assert_eq!(status, 201, "{answer}");
    answer["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn validation_rules_speak_their_own_language() {
    let rig = rig().await;
    let deal = |stage: &str| json!({ "Name": "x", "CloseDate": "2026-04-01", "StageName": stage });
    let message = "金額を入力してください。";
    let error = json!([{ "message": message, "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "fields": ["Amount"] }]);
    assert_eq!(post(&rig, "Opportunity", deal("Closed Won")).await, (400, error));
    let id = made(&rig, "Opportunity", deal("Prospecting")).await;
    let path = format!("sobjects/Opportunity/{id}");
    let patch = async |body: Value| rig.json(Method::PATCH, &path, Some(body)).await;
    // A rule that looks at a change is silent while the field stays.
    assert_eq!(patch(json!({ "NextStep": "call" })).await.0, 204);
    assert_eq!(patch(json!({ "StageName": "Qualification" })).await.0, 204);
    assert_eq!(patch(json!({ "StageName": "Prospecting" })).await.1[0]["message"], "No way back");
    assert_eq!(rig.get_json(&path).await["StageName"], "Qualification");
    let both = post(&rig, "Account", json!({ "Name": "x", "Phone": "0" })).await.1;
    assert_eq!(
        (both[0]["message"].as_str(), both[1]["fields"].clone()),
        (Some("No leading zero"), json!([]))
    );
    let records = json!({ "records": [{ "attributes": { "type": "Account" }, "Name": "x", "Phone": "0" }] });
    let saved = rig.json(Method::POST, "composite/sobjects", Some(records)).await.1;
    assert_eq!(saved[0]["errors"].as_array().unwrap().len(), 2);
    assert_eq!(rig.sandbox.org().record_count("Account"), Some(0));
}

#[tokio::test]
async fn record_types_narrow_restricted_picklists() {
    let rig = rig().await;
    let types = rig.query("SELECT Id, DeveloperName, SobjectType FROM RecordType").await.1;
    let id = |name: &str| {
        let found = types["records"].as_array().unwrap().iter().find(|kind| kind["DeveloperName"] == name);
        found.unwrap()["Id"].as_str().unwrap().to_owned()
    };
    let account = |kind: &str, tier: &str| json!({ "Name": "x", "RecordTypeId": id(kind), "Tier__c": tier });
    made(&rig, "Account", account("Supplier", "Bronze")).await;
    let bad = |value: &str| {
        json!([{ "message": format!("Tier: bad value for restricted picklist field: {value}"),
                 "errorCode": "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "fields": ["Tier__c"] }])
    };
    assert_eq!(post(&rig, "Account", account("Supplier", "Gold")).await, (400, bad("Gold")));
    assert_eq!(post(&rig, "Account", account("Supplier", "Tin")).await, (400, bad("Tin")));
    // Without a record type the default one counts.
    let default = made(&rig, "Account", json!({ "Name": "x", "Tier__c": "Silver" })).await;
    assert_eq!(rig.get_json(&format!("sobjects/Account/{default}")).await["RecordTypeId"], id("Customer"));
    assert_eq!(
        post(&rig, "Account", json!({ "Name": "x", "Tier__c": "Bronze" })).await,
        (400, bad("Bronze"))
    );
    let foreign = post(&rig, "Account", json!({ "Name": "x", "RecordTypeId": id("Renewal") })).await.1;
    let message = format!("Record Type ID: this ID value isn't valid for the user: {}", &id("Renewal")[..15]);
    assert_eq!(
        foreign,
        json!([{ "message": message, "errorCode": "INVALID_CROSS_REFERENCE_KEY", "fields": ["RecordTypeId"] }])
    );
    let path = format!("ui-api/object-info/Account/picklist-values/{}", id("Supplier"));
    let offered = &rig.get_json(&path).await["picklistFieldValues"]["Tier__c"]["values"];
    assert_eq!((offered.as_array().unwrap().len(), &offered[0]["value"]), (1, &json!("Bronze")));
}

#[tokio::test]
async fn duplicate_rules_alert_or_block() {
    let rig = rig().await;
    let first = made(&rig, "Contact", json!({ "LastName": "A", "Email": "a@x.example" })).await;
    let again = json!({ "LastName": "B", "Email": "A@x.example" });
    let (status, error) = post(&rig, "Contact", again.clone()).await;
    let url = format!("/services/data/v66.0/sobjects/Contact/{first}");
    let expected = json!([{
        "duplicateResult": {
            "allowSave": true, "duplicateRule": "Standard_Contact_Duplicate_Rule",
            "duplicateRuleEntityType": "Contact", "errorMessage": "Use one of these records?",
            "matchResults": [{
                "entityType": "Contact", "errors": [], "matchEngine": "ExactMatchEngine",
                "matchRecords": [{
                    "additionalInformation": [], "fieldDiffs": [], "matchConfidence": 100.0,
                    "record": { "attributes": { "type": "Contact", "url": url }, "Id": first },
                }],
                "rule": "Standard_Contact_Match_Rule_v1_1", "size": 1, "success": true,
            }],
        },
        "errorCode": "DUPLICATES_DETECTED", "message": "Use one of these records?",
    }]);
    assert_eq!((status, error), (400, expected));
    let with = async |object: &str, header: &str, body: &Value| {
        let request = rig.request(Method::POST, &format!("sobjects/{object}"));
        let response =
            request.header("Sforce-Duplicate-Rule-Header", header).json(body).send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    let detailed = with("Contact", "includeRecordDetails=true", &again).await.1;
    let record = &detailed[0]["duplicateResult"]["matchResults"][0]["matchRecords"][0]["record"];
    assert_eq!(record["Email"], "a@x.example");
    assert_eq!(with("Contact", "allowSave=true", &again).await.0, 201);
    let lead = json!({ "LastName": "L", "Company": "C", "Email": "a@x.example" });
    let blocked = with("Lead", "allowSave=true", &lead).await.1;
    assert_eq!(blocked[0]["duplicateResult"]["allowSave"], false);
    assert_eq!(blocked[0]["duplicateResult"]["matchResults"][0]["size"], 2);
    let records = json!({ "records": [{ "attributes": { "type": "Contact" }, "LastName": "x", "Email": "a@x.example" }] });
    let saved = rig.json(Method::POST, "composite/sobjects", Some(records)).await.1;
    assert_eq!(saved[0]["errors"][0]["statusCode"], "DUPLICATES_DETECTED");
    // A change of something else asks nothing.
    let path = format!("sobjects/Contact/{first}");
    assert_eq!(rig.json(Method::PATCH, &path, Some(json!({ "Phone": "1" }))).await.0, 204);
}

#[tokio::test]
async fn assignment_rules_run_unless_they_are_switched_off() {
    let rig = rig().await;
    let owner_of = async |company: &str, header: Option<&str>| {
        let mut request = rig.request(Method::POST, "sobjects/Lead");
        if let Some(value) = header {
            request = request.header("Sforce-Auto-Assign", value);
        }
        let body = json!({ "LastName": "x", "Company": company });
        let made: Value = request.json(&body).send().await.unwrap().json().await.unwrap();
        let record = rig.get_json(&format!("sobjects/Lead/{}", made["id"].as_str().unwrap())).await;
        record["OwnerId"].as_str().unwrap()[..3].to_owned()
    };
    assert_eq!(owner_of("Acme", None).await, "00G");
    assert_eq!(owner_of("Acme", Some("FALSE")).await, "005");
    assert_eq!(owner_of("Bcme", None).await, "005");
}

#[tokio::test]
async fn a_merge_moves_children_and_names_the_winner() {
    let rig = rig().await;
    let org = rig.sandbox.org();
    let account = |name: &str| org.insert("Account", fields(json!({ "Name": name }))).unwrap().to_string();
    let (winner, loser) = (account("winner"), account("loser"));
    let contact =
        org.insert("Contact", fields(json!({ "LastName": "x", "AccountId": loser }))).unwrap().to_string();
    org.clock().advance(SignedDuration::from_secs(60));
    let path = format!("/_sandbox/records/Account/{winner}/merge");
    let body = json!({ "losers": [loser], "fields": { "Phone": "1" } });
    let answer = rig.json(Method::POST, &path, Some(body)).await;
    assert_eq!(answer, (200, json!({ "updated_related_ids": [contact] })));
    let stamp = "2026-03-11T09:01:00.000+0000";
    let moved = rig.get_json(&format!("sobjects/Contact/{contact}")).await;
    assert_eq!((&moved["AccountId"], &moved["SystemModstamp"]), (&json!(winner), &json!(stamp)));
    assert_eq!(rig.get_json(&format!("sobjects/Account/{winner}")).await["Phone"], "1");
    let soql = "queryAll?q=SELECT+Id,MasterRecordId,SystemModstamp+FROM+Account+WHERE+IsDeleted=true+AND+MasterRecordId!=null";
    let gone = &rig.get_json(soql).await["records"][0];
    assert_eq!(
        (&gone["Id"], &gone["MasterRecordId"], &gone["SystemModstamp"]),
        (&json!(loser), &json!(winner), &json!(stamp))
    );
    let path = format!("sobjects/Account/{loser}");
    assert_eq!(rig.json(Method::GET, &path, None).await.1[0]["errorCode"], "NOT_FOUND");
    let written = rig.json(Method::PATCH, &path, Some(json!({ "Phone": "2" }))).await;
    assert_eq!((written.0, &written.1[0]["errorCode"]), (404, &json!("ENTITY_IS_DELETED")));
    let written = rig
        .json(Method::PATCH, &format!("sobjects/Account/{winner}"), Some(json!({ "MasterRecordId": loser })))
        .await;
    assert_eq!(written.1[0]["errorCode"], "INVALID_FIELD_FOR_INSERT_UPDATE");
    org.undelete("Account", &loser).unwrap();
    assert_eq!(rig.get_json(&path).await["MasterRecordId"], Value::Null);
    assert_eq!(rig.get_json(&format!("sobjects/Contact/{contact}")).await["AccountId"], winner);
    assert!(org.merge("Account", &winner, std::slice::from_ref(&winner), &serde_json::Map::new()).is_err());
}

#[tokio::test]
async fn a_converted_lead_names_what_it_became_and_is_read_only() {
    let rig = rig().await;
    let org = rig.sandbox.org();
    let lead = json!({ "LastName": "Doe", "Company": "Zeta", "Email": "d@x.example", "LeadSource": "Web" });
    let lead = org.insert("Lead", fields(lead)).unwrap().to_string();
    let task = org.insert("Task", fields(json!({ "Subject": "Call", "WhoId": lead }))).unwrap().to_string();
    org.clock().advance(SignedDuration::from_secs(60));
    let (status, made) =
        rig.json(Method::POST, "/_sandbox/convert_lead", Some(json!({ "lead": lead }))).await;
    assert_eq!(status, 200, "{made}");
    let path = format!("sobjects/Lead/{lead}");
    let record = rig.get_json(&path).await;
    assert_eq!((&record["IsConverted"], &record["ConvertedDate"]), (&json!(true), &json!("2026-03-11")));
    assert_eq!(record["SystemModstamp"], "2026-03-11T09:01:00.000+0000");
    for (name, key) in [
        ("ConvertedAccountId", "account"),
        ("ConvertedContactId", "contact"),
        ("ConvertedOpportunityId", "opportunity"),
    ] {
        assert_eq!(record[name], made[key]);
    }
    let contact = rig.get_json(&format!("sobjects/Contact/{}", made["contact"].as_str().unwrap())).await;
    assert_eq!((&contact["Email"], &contact["AccountId"]), (&json!("d@x.example"), &made["account"]));
    assert_eq!(rig.get_json(&format!("sobjects/Task/{task}")).await["WhoId"], made["contact"]);
    let written = rig.json(Method::PATCH, &path, Some(json!({ "Company": "y" }))).await;
    assert_eq!(
        written.1,
        json!([{ "message": "cannot reference converted lead", "errorCode": "CANNOT_UPDATE_CONVERTED_LEAD", "fields": [] }])
    );
    let again = rig.json(Method::POST, "/_sandbox/convert_lead", Some(json!({ "lead": lead }))).await;
    assert_eq!(again.1[0]["errorCode"], "CANNOT_UPDATE_CONVERTED_LEAD");
}

#[tokio::test]
async fn what_others_need_is_not_deleted_and_hierarchies_do_not_turn() {
    let rig = rig().await;
    let contact = made(&rig, "Contact", json!({ "LastName": "Doe" })).await;
    let case = made(&rig, "Case", json!({ "ContactId": contact })).await;
    let number =
        rig.get_json(&format!("sobjects/Case/{case}")).await["CaseNumber"].as_str().unwrap().to_owned();
    let (status, error) = rig.json(Method::DELETE, &format!("sobjects/Contact/{contact}"), None).await;
    assert_eq!((status, &error[0]["errorCode"]), (400, &json!("DELETE_FAILED")));
    let text = format!(
        "Your attempt to delete Doe could not be completed because it is associated with the following cases.: {number}\n"
    );
    assert_eq!(error[0]["message"], text);
    let project = made(&rig, "Project__c", json!({ "Name": "P" })).await;
    let deal =
        json!({ "Name": "x", "CloseDate": "2026-04-01", "StageName": "Prospecting", "Project__c": project });
    let deal = made(&rig, "Opportunity", deal).await;
    let path = format!("sobjects/Project__c/{project}");
    assert_eq!(rig.json(Method::DELETE, &path, None).await.1[0]["errorCode"], "DELETE_FAILED");
    rig.json(Method::DELETE, &format!("sobjects/Opportunity/{deal}"), None).await;
    assert_eq!(rig.json(Method::DELETE, &path, None).await.0, 204);

    let top = made(&rig, "Account", json!({ "Name": "top" })).await;
    let below = made(&rig, "Account", json!({ "Name": "below", "ParentId": top })).await;
    let turned =
        rig.json(Method::PATCH, &format!("sobjects/Account/{top}"), Some(json!({ "ParentId": below }))).await;
    assert_eq!(turned.1[0]["errorCode"], "CIRCULAR_DEPENDENCY");
}

#[tokio::test]
async fn values_are_checked_and_brought_into_form() {
    let rig = rig().await;
    let code = async |body: Value| {
        let mut record = fields(json!({ "Name": "x" }));
        record.extend(fields(body));
        let (status, answer) = post(&rig, "Account", Value::Object(record)).await;
        assert_eq!(status, 400, "{answer}");
        (answer[0]["errorCode"].as_str().unwrap().to_owned(), answer[0]["fields"].clone())
    };
    let error = |code: &str, field: &str| (code.to_owned(), json!([field]));
    let long = "x".repeat(41);
    assert_eq!(code(json!({ "BillingCity": long })).await, error("STRING_TOO_LONG", "BillingCity"));
    assert_eq!(code(json!({ "Score__c": 100_000 })).await, error("NUMBER_OUTSIDE_VALID_RANGE", "Score__c"));
    assert_eq!(code(json!({ "ParentId": "003Hq0000000zzz" })).await, error("MALFORMED_ID", "ParentId"));
    assert_eq!(
        code(json!({ "ParentId": "001Hq0000000zzz" })).await,
        error("INVALID_CROSS_REFERENCE_KEY", "ParentId")
    );
    assert_eq!(
        code(json!({ "CreatedDate": "2026-01-01T00:00:00Z" })).await,
        error("INVALID_FIELD_FOR_INSERT_UPDATE", "CreatedDate")
    );
    let deal = json!({ "Name": "x", "CloseDate": "2026-04-01", "StageName": "Prospecting", "Twice__c": 2 });
    assert_eq!(post(&rig, "Opportunity", deal).await.1[0]["errorCode"], "INVALID_FIELD_FOR_INSERT_UPDATE");
    let id = made(&rig, "Account", json!({ "Name": "  trimmed ", "Phone": "", "Score__c": 1.239 })).await;
    let record = rig.get_json(&format!("sobjects/Account/{id}")).await;
    assert_eq!(
        (&record["Name"], &record["Phone"], record["Score__c"].to_string().as_str()),
        (&json!("trimmed"), &Value::Null, "1.23")
    );
}

#[test]
fn decimals_are_rounded_where_the_org_says_so() {
    let score = |rounds_decimals, value: f64| {
        let customizations = vec![Customization::parse("rules", RULES).unwrap()];
        let org = Org::new(OrgConfig { customizations, rounds_decimals, ..OrgConfig::default() }).unwrap();
        org.insert("Account", fields(json!({ "Name": "x", "Score__c": value }))).unwrap();
        org.records("Account", false).unwrap()[0]["Score__c"].to_string()
    };
    for (value, cut, rounded) in
        [(1.125, "1.12", "1.13"), (-1.125, "-1.12", "-1.12"), (-1.126, "-1.12", "-1.13")]
    {
        assert_eq!((score(false, value).as_str(), score(true, value).as_str()), (cut, rounded));
    }
}

#[test]
fn rules_that_make_no_sense_stop_the_org() {
    for (yaml, part) in [
        ("validation_rules: { Account: { R: { when: 'Name ~ 1', message: x } } }", "Account.R"),
        ("validation_rules: { Account: { R: { when: 'Nothing__c = 1', message: x } } }", "Nothing__c"),
        (
            "duplicate_rules: { Account: { R: { match: [Nothing__c] } } }",
            "Account has no field \"Nothing__c\"",
        ),
        ("assignment_rules: { Lead: { R: { owner: Nobody } } }", "nobody is called \"Nobody\""),
        ("duplicate_rules: { Nothing: { R: { match: [Name] } } }", "there is no object \"Nothing\""),
    ] {
        let customizations = vec![Customization::parse("rules", yaml).unwrap()];
        let error = Org::new(OrgConfig { customizations, ..OrgConfig::default() }).err().unwrap().to_string();
        assert!(error.contains(part), "{yaml}: {error}");
    }
}

#[test]
fn an_org_has_its_own_names_for_stages() {
    let customizations = vec![Customization::load("operating").unwrap()];
    let org = Org::new(OrgConfig { customizations, ..OrgConfig::default() }).unwrap();
    org.generate(&sfsync_sandbox::Population::around(100));
    let count = |stage: &str| {
        let condition = format!("SELECT Id FROM Opportunity WHERE StageName = '{stage}'");
        org.query(&condition, &sfsync_sandbox::org::QueryOptions::default()).unwrap().len()
    };
    for stage in ["Proposal", "Negotiation", "Quote Sent"] {
        assert!(count(stage) > 0, "{stage}");
    }
    assert_eq!(count("Proposal/Price Quote"), 0);
    let deal = fields(json!({ "Name": "Deal", "StageName": "Negotiation", "CloseDate": "2026-12-01" }));
    let id = org.insert("Opportunity", deal).unwrap().to_string();
    let deal = org.get("Opportunity", &id, Some(&["Probability"])).unwrap();
    let deal: Value = serde_json::from_slice(&deal).unwrap();
    assert_eq!(deal["Probability"], json!(90.0), "the stage decides");
}
