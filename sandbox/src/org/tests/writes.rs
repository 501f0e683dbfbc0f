//! Writes: stamps, rules, deletes and their afterlife, late commits.

use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use super::*;

pub(super) fn body(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is not an object"),
    }
}

fn opportunity(org: &Org) -> Id {
    org.insert(
        "Opportunity",
        body(json!({"Name": " Deal ", "StageName": "Prospecting", "CloseDate": "2026-04-01", "Amount": 1000.5})),
    )
    .unwrap()
}

fn one(org: &Org, fields: &str, object: &str, id: Id) -> Value {
    let mut found = records(org, &format!("SELECT {fields} FROM {object} WHERE Id = '{id}'"));
    assert_eq!(found.len(), 1);
    let mut record = found.remove(0);
    record.as_object_mut().unwrap().shift_remove("attributes");
    record
}

fn all_rows(org: &Org, soql: &str) -> Vec<Value> {
    records_with(org, soql, &QueryOptions { include_deleted: true, bulk: false })
}

#[test]
fn a_new_opportunity_follows_its_stage() {
    let org = org();
    let id = opportunity(&org);
    let fields = "Name, IsClosed, IsWon, Probability, ExpectedRevenue, ForecastCategoryName, FiscalQuarter, Fiscal, \
                  RecordType.DeveloperName, CreatedDate, SystemModstamp, Owner.Name";
    assert_eq!(
        one(&org, fields, "Opportunity", id),
        json!({
            "Name": "Deal", "IsClosed": false, "IsWon": false, "Probability": 10.0, "ExpectedRevenue": 100.05,
            "ForecastCategoryName": "Pipeline", "FiscalQuarter": 2, "Fiscal": "2026 2",
            "RecordType": {
                "attributes": {"type": "RecordType", "url": one(&org, "RecordTypeId", "Opportunity", id)["RecordTypeId"].as_str().map(|id| format!("/services/data/v66.0/sobjects/RecordType/{id}")).unwrap()},
                "DeveloperName": "New_Business"
            },
            "CreatedDate": "2026-03-11T09:30:00.000+0000", "SystemModstamp": "2026-03-11T09:30:00.000+0000",
            "Owner": {
                "attributes": {"type": "User", "url": format!("/services/data/v66.0/sobjects/User/{}", org.integration_user())},
                "Name": "Integration User"
            },
        })
    );
}

#[test]
fn a_change_of_stage_writes_history_and_stamps() {
    let org = org();
    let id = opportunity(&org);
    org.clock().advance(SignedDuration::from_secs(90));
    org.update(
        "Opportunity",
        &id.to_string(),
        body(json!({"StageName": "Closed Won", "CloseDate": "2026-05-01"})),
    )
    .unwrap();
    let changed = one(
        &org,
        "IsWon, Probability, PushCount, LastStageChangeDate, CreatedDate, LastModifiedDate",
        "Opportunity",
        id,
    );
    assert_eq!(
        changed,
        json!({
            "IsWon": true, "Probability": 100.0, "PushCount": 1,
            "LastStageChangeDate": "2026-03-11T09:31:30.000+0000", "CreatedDate": "2026-03-11T09:30:00.000+0000",
            "LastModifiedDate": "2026-03-11T09:31:30.000+0000",
        })
    );
    let snapshots =
        records(&org, "SELECT StageName, PrevCloseDate FROM OpportunityHistory ORDER BY CreatedDate");
    assert_eq!(snapshots.len(), 2);
    assert_eq!(snapshots[1]["StageName"], "Closed Won");
    assert_eq!(snapshots[1]["PrevCloseDate"], "2026-04-01");
    let history = records(
        &org,
        &format!(
            "SELECT Field, OldValue, NewValue, DataType FROM OpportunityFieldHistory WHERE OpportunityId = '{id}' ORDER BY Field"
        ),
    );
    let rows: Vec<(&str, &Value, &Value)> = history
        .iter()
        .map(|row| (row["Field"].as_str().unwrap(), &row["OldValue"], &row["NewValue"]))
        .collect();
    assert_eq!(
        rows,
        vec![
            ("CloseDate", &json!("2026-04-01"), &json!("2026-05-01")),
            ("Probability", &json!(10.0), &json!(100.0)),
            ("StageName", &json!("Prospecting"), &json!("Closed Won")),
        ]
    );
}

#[test]
fn a_change_of_owner_writes_two_history_rows() {
    let org = org();
    let id = opportunity(&org);
    let owner = org.users().into_iter().find(|user| user.name == "Ann Example").unwrap();
    org.update("Opportunity", &id.to_string(), body(json!({"OwnerId": owner.id.to_string()}))).unwrap();
    let rows = records(
        &org,
        "SELECT NewValue, DataType FROM OpportunityFieldHistory WHERE Field = 'OwnerId' ORDER BY DataType",
    );
    assert_eq!(rows[0]["NewValue"], owner.id.to_string());
    assert_eq!(rows[1]["NewValue"], "Ann Example");
}

#[test]
fn wrong_writes_are_refused_with_their_codes() {
    let org = org();
    let id = opportunity(&org).to_string();
    let inactive = org.users().into_iter().find(|user| !user.is_active).unwrap().id.to_string();
    for (change, code, message) in [
        (json!({"Foo": 1}), "INVALID_FIELD", "No such column 'Foo' on sobject of type Opportunity"),
        (json!({"IsWon": true}), "INVALID_FIELD_FOR_INSERT_UPDATE", "Unable to create/update fields: IsWon"),
        (
            json!({"Id": id.clone()}),
            "INVALID_FIELD",
            "The Id field should not be specified in the sobject data.",
        ),
        (json!({"Name": null}), "REQUIRED_FIELD_MISSING", "Required fields are missing: [Name]"),
        (json!({"Name": "x".repeat(121)}), "STRING_TOO_LONG", "(max length=120)"),
        (
            json!({"Amount": "many"}),
            "INVALID_TYPE_ON_FIELD_IN_RECORD",
            "Amount: value not of required type: many",
        ),
        (json!({"CloseDate": "2026-13-40"}), "JSON_PARSER_ERROR", "Cannot deserialize instance of date"),
        (json!({"AccountId": id.clone()}), "MALFORMED_ID", "Account ID: id value of incorrect type"),
        (
            json!({"AccountId": "001Hq00001Ab1Cd"}),
            "INVALID_CROSS_REFERENCE_KEY",
            "invalid cross reference id",
        ),
        (json!({"OwnerId": inactive}), "INACTIVE_OWNER_OR_USER", "as owner of opportunity"),
    ] {
        let error = org.update("Opportunity", &id, body(change.clone())).unwrap_err();
        assert_eq!(error.code, code, "{change}");
        assert!(error.message.contains(message), "{change}: {error}");
    }
    let missing = org.insert("Opportunity", body(json!({"Name": "x"}))).unwrap_err();
    assert_eq!(missing.message, "Required fields are missing: [CloseDate, StageName]");
}

#[test]
fn deletes_cascade_and_come_back_together() {
    let org = org();
    let account = org.insert("Account", body(json!({"Name": "Acme"}))).unwrap().to_string();
    let contact =
        org.insert("Contact", body(json!({"LastName": "A", "AccountId": account}))).unwrap().to_string();
    org.clock().advance(SignedDuration::from_secs(60));
    org.delete("Account", &account).unwrap();
    assert_eq!(records(&org, "SELECT Id FROM Contact").len(), 0);
    let in_bin = all_rows(&org, "SELECT Id, IsDeleted, SystemModstamp FROM Contact");
    assert_eq!(in_bin[0]["IsDeleted"], true);
    assert_eq!(in_bin[0]["SystemModstamp"], "2026-03-11T09:31:00.000+0000");
    assert_eq!(org.get("Contact", &contact, None).unwrap_err().code, "ENTITY_IS_DELETED");
    assert_eq!(org.delete("Account", &account).unwrap_err().status, 404);
    org.clock().advance(SignedDuration::from_secs(60));
    org.undelete("Account", &account).unwrap();
    let back = records(&org, "SELECT SystemModstamp FROM Contact");
    assert_eq!(back[0]["SystemModstamp"], "2026-03-11T09:32:00.000+0000");
}

#[test]
fn records_leave_the_bin_and_then_query_all() {
    let org = org();
    let id = opportunity(&org).to_string();
    org.delete("Opportunity", &id).unwrap();
    let count = |org: &Org| all_rows(org, "SELECT Id FROM Opportunity WHERE IsDeleted = true").len();
    org.clock().advance(SignedDuration::from_hours(15 * 24 + 23));
    assert_eq!(count(&org), 1);
    assert_eq!(org.undelete("Opportunity", &id).unwrap_err().code, "UNDELETE_FAILED");
    org.clock().advance(SignedDuration::from_hours(1));
    assert_eq!(count(&org), 0);
}

#[test]
fn an_emptied_bin_has_an_afterlife_of_a_day() {
    let org = org();
    let id = opportunity(&org).to_string();
    org.delete("Opportunity", &id).unwrap();
    org.purge_recycle_bin();
    let count = |org: &Org| all_rows(org, "SELECT Id FROM Opportunity").len();
    assert_eq!(count(&org), 1);
    org.clock().advance(SignedDuration::from_hours(24));
    assert_eq!(count(&org), 0);
    assert_eq!(org.get("Opportunity", &id, None).unwrap_err().code, "NOT_FOUND");
}

#[test]
fn contact_roles_that_are_deleted_directly_vanish() {
    let org = org();
    let contact = org.insert("Contact", body(json!({"LastName": "A"}))).unwrap().to_string();
    let id = opportunity(&org).to_string();
    let role = body(json!({"OpportunityId": id, "ContactId": contact}));
    let direct = org.insert("OpportunityContactRole", role.clone()).unwrap().to_string();
    org.insert("OpportunityContactRole", role).unwrap();
    org.delete("OpportunityContactRole", &direct).unwrap();
    assert_eq!(all_rows(&org, "SELECT Id FROM OpportunityContactRole").len(), 1);
    org.delete("Opportunity", &id).unwrap();
    assert_eq!(all_rows(&org, "SELECT Id FROM OpportunityContactRole WHERE IsDeleted = true").len(), 1);
}

#[test]
fn a_late_commit_carries_its_older_stamp() {
    let org = org();
    let mut late = org.begin();
    late.insert("Account", body(json!({"Name": "Late"})));
    org.clock().advance(SignedDuration::from_secs(120));
    org.insert("Account", body(json!({"Name": "Early"}))).unwrap();
    assert_eq!(records(&org, "SELECT Name FROM Account").len(), 1);
    let window = ("2026-03-11T09:00:00Z".parse().unwrap(), "2026-03-11T09:40:00Z".parse().unwrap());
    let held = org.updated("Account", window.0, window.1).unwrap();
    assert_eq!(held.latest_date_covered.to_string(), "2026-03-11T09:30:00Z");
    late.commit().unwrap();
    let found = records(&org, "SELECT Name, SystemModstamp FROM Account ORDER BY SystemModstamp, Id");
    assert_eq!(found[0]["Name"], "Late");
    assert_eq!(found[0]["SystemModstamp"], "2026-03-11T09:30:00.000+0000");
    assert_eq!(org.updated("Account", window.0, window.1).unwrap().ids.len(), 2);
}

#[test]
fn a_transaction_that_fails_leaves_nothing() {
    let org = org();
    let account = org.insert("Account", body(json!({"Name": "Acme"}))).unwrap().to_string();
    let before = all_rows(&org, "SELECT FIELDS(ALL) FROM Account LIMIT 200");
    org.clock().advance(SignedDuration::from_secs(10));
    let mut transaction = org.begin();
    transaction.insert("Account", body(json!({"Name": "New"})));
    transaction.update("Account", &account, body(json!({"Name": "Changed"})));
    transaction.delete("Account", &account);
    transaction.update("Account", &account, body(json!({"Name": "Deleted already"})));
    assert_eq!(transaction.commit().unwrap_err().code, "ENTITY_IS_DELETED");
    assert_eq!(all_rows(&org, "SELECT FIELDS(ALL) FROM Account LIMIT 200"), before);
    let window = ("2026-03-11T09:00:00Z".parse().unwrap(), "2026-03-11T09:40:00Z".parse().unwrap());
    assert_eq!(org.deleted("Account", window.0, window.1).unwrap().records, vec![]);
}

#[test]
fn deleted_records_are_listed_until_they_are_undeleted() {
    let org = org();
    let id = opportunity(&org);
    org.delete("Opportunity", &id.to_string()).unwrap();
    let window = ("2026-03-11T09:00:00Z".parse().unwrap(), "2026-03-11T10:00:00Z".parse().unwrap());
    let listed = org.deleted("Opportunity", window.0, window.1).unwrap().records;
    assert_eq!(listed, vec![(id, "2026-03-11T09:30:00Z".parse().unwrap())]);
    org.undelete("Opportunity", &id.to_string()).unwrap();
    assert_eq!(org.deleted("Opportunity", window.0, window.1).unwrap().records, vec![]);
}

#[test]
fn replication_windows_are_checked() {
    let org = org();
    let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
    for (object, start, end, code) in [
        ("Account", "2026-03-11T09:00:00Z", "2026-03-11T09:00:59Z", "INVALID_REPLICATION_DATE"),
        ("Account", "2026-01-01T00:00:00Z", "2026-03-11T09:00:00Z", "INVALID_REPLICATION_DATE"),
        ("ContentVersion", "2026-03-11T09:00:00Z", "2026-03-11T09:20:00Z", "NOT_FOUND"),
        ("Nothing", "2026-03-11T09:00:00Z", "2026-03-11T09:20:00Z", "NOT_FOUND"),
    ] {
        assert_eq!(org.updated(object, at(start), at(end)).unwrap_err().code, code, "{object} {start}");
    }
}

#[test]
fn changes_are_logged_in_the_order_of_commits() {
    let org = org();
    let id = opportunity(&org);
    org.update("Opportunity", &id.to_string(), body(json!({"NextStep": "call"}))).unwrap();
    org.delete("Opportunity", &id.to_string()).unwrap();
    let (changes, next) = org.changes_since(0);
    let of_deal: Vec<_> = changes.iter().filter(|c| c.object == "Opportunity").map(|c| c.kind).collect();
    assert_eq!(of_deal, vec![ChangeKind::Create, ChangeKind::Update, ChangeKind::Delete]);
    assert!(changes[1].fields.contains(&"NextStep".to_owned()), "{:?}", changes[1].fields);
    assert_eq!(org.changes_since(next).0, vec![]);
}

#[test]
fn notes_are_documents_with_versions_and_links() {
    let org = org();
    let account = org.insert("Account", body(json!({"Name": "Acme"}))).unwrap().to_string();
    let note =
        org.insert("ContentNote", body(json!({"Title": "Call", "Content": "PHA+SGVsbG88L3A+"}))).unwrap();
    org.insert(
        "ContentDocumentLink",
        body(json!({"ContentDocumentId": note.to_string(), "LinkedEntityId": account, "ShareType": "V"})),
    )
    .unwrap();
    assert_eq!(org.blob("ContentNote", &note.to_string(), "Content").unwrap(), b"<p>Hello</p>");
    let links = records(
        &org,
        &format!(
            "SELECT ContentDocumentId, ContentDocument.Title, ContentDocument.FileType FROM ContentDocumentLink \
             WHERE LinkedEntityId = '{account}' AND ContentDocument.FileType = 'SNOTE'"
        ),
    );
    assert_eq!(links[0]["ContentDocument"]["Title"], "Call");
    let shown = records(&org, "SELECT Id, Title, TextPreview, Content FROM ContentNote");
    assert_eq!(shown[0]["TextPreview"], "Hello");
    assert_eq!(shown[0]["Content"], format!("/services/data/v66.0/sobjects/ContentNote/{note}/Content"));
    let versions = records(&org, "SELECT VersionNumber, FileType, IsLatest FROM ContentVersion");
    assert_eq!(versions[0]["FileType"], "SNOTE");
    let again = json!({"ContentDocumentId": note.to_string(), "LinkedEntityId": account, "ShareType": "V"});
    assert_eq!(org.insert("ContentDocumentLink", body(again)).unwrap_err().code, "DUPLICATE_VALUE");
}

#[test]
fn random_edits_are_repeatable() {
    let edited = || {
        let org = org();
        org.generate(&Population::around(100));
        org.random_edits(5, 500, &EditMix::default());
        all_rows(&org, "SELECT FIELDS(ALL) FROM Opportunity ORDER BY Id LIMIT 200")
    };
    assert_eq!(edited(), edited());
}

#[test]
fn an_undelete_brings_back_one_delete_only() {
    let org = org();
    let ids: Vec<String> = (0..3).map(|_| opportunity(&org).to_string()).collect();
    org.delete("Opportunity", &ids[0]).unwrap();
    org.delete("Opportunity", &ids[1]).unwrap();
    org.undelete("Opportunity", &ids[0]).unwrap();
    org.delete("Opportunity", &ids[2]).unwrap();
    org.undelete("Opportunity", &ids[1]).unwrap();
    assert_eq!(records(&org, "SELECT Id FROM Opportunity").len(), 2);
    assert_eq!(org.get("Opportunity", &ids[2], None).unwrap_err().code, "ENTITY_IS_DELETED");
}

#[test]
fn a_system_process_moves_one_stamp_only() {
    let org = org();
    let id = opportunity(&org);
    org.clock().advance(SignedDuration::from_secs(5));
    org.touch_by_system("Opportunity", &id.to_string()).unwrap();
    assert_eq!(
        one(&org, "LastModifiedDate, SystemModstamp", "Opportunity", id),
        json!({"LastModifiedDate": "2026-03-11T09:30:00.000+0000", "SystemModstamp": "2026-03-11T09:30:05.000+0000"})
    );
}

#[test]
fn a_record_is_read_with_all_or_some_fields() {
    let org = org();
    let fields = json!({"Name": "Acme", "BillingCity": "Paris", "BillingCountry": "FR"});
    let id = org.insert("Account", body(fields)).unwrap().to_string();
    let read = |fields: Option<&[&str]>| -> Value {
        serde_json::from_slice(&org.get("Account", &id, fields).unwrap()).unwrap()
    };
    assert_eq!(read(None)["BillingAddress"]["city"], "Paris");
    assert_eq!(read(None)["ShippingAddress"], Value::Null);
    let some = read(Some(&["name"]));
    assert_eq!(some.as_object().unwrap().keys().collect::<Vec<_>>(), ["attributes", "Name", "Id"]);
    assert_eq!(org.get("Account", &id, Some(&["Nope"])).unwrap_err().code, "INVALID_FIELD");
    assert_eq!(org.get("Account", "001Hq0000000000", None).unwrap_err().code, "NOT_FOUND");
    assert_eq!(org.get("Contact", &id, None).unwrap_err().status, 404);
}
