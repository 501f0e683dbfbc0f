//! SOQL over a small org made by hand.

use serde_json::{Value, json};

use super::writes::body;
use super::*;

/// Accounts `A` to `E`, some with nulls, and deals of A and B.
fn small_org() -> Org {
    let now = Some("2026-03-11T09:30:00Z".parse().unwrap());
    let yaml = "fields:\n  Account:\n    Tags__c: {type: multipicklist, values: [Red, Green, Blue]}\n    \
                Open_Since__c: {type: datetime}\n    Code__c: {type: text, length: 20, external_id: true, unique: true}\n    \
                Owner_Mail__c: {type: formula, returns: text, formula: Owner.Email}\n    \
                Level__c: {type: formula, returns: number, formula: \"3\"}\nobjects:\n  Project__c:\n    label: Project\n    \
                fields:\n      Account__c: {type: lookup, to: Account, children: Projects__r, cascade: true}\n";
    let customizations = vec![Customization::parse("test", yaml).unwrap()];
    let org = Org::new(OrgConfig { now, customizations, ..OrgConfig::default() }).unwrap();
    let mut ids = Vec::new();
    for account in [
        json!({"Name": "Alpha", "Industry": "Banking", "NumberOfEmployees": 10, "AnnualRevenue": 1000,
               "Tags__c": "Blue;Red", "Open_Since__c": "2026-03-10T23:00:00Z", "Code__c": "A-1"}),
        json!({"Name": "beta 100%", "Industry": "Apparel", "NumberOfEmployees": 20, "Tags__c": "Green",
               "Open_Since__c": "2026-03-11T00:00:00Z"}),
        json!({"Name": "Ängelholm's \"Best\"", "NumberOfEmployees": 5, "Phone": "line\nbreak"}),
        json!({"Name": "delta_x", "Industry": "Technology"}),
        json!({"Name": "E\\co", "Industry": "banking"}),
    ] {
        ids.push(org.insert("Account", body(account)).unwrap().to_string());
    }
    org.update("Account", &ids[1], body(json!({"ParentId": ids[0]}))).unwrap();
    for (name, account, stage, amount, close) in [
        ("one", 0, "Prospecting", json!(10), "2026-03-11"),
        ("two", 0, "Closed Won", json!(20.5), "2026-02-28"),
        ("three", 1, "Closed Lost", Value::Null, "2025-12-31"),
    ] {
        let fields = json!({"Name": name, "AccountId": ids[account], "StageName": stage, "Amount": amount, "CloseDate": close});
        org.insert("Opportunity", body(fields)).unwrap();
    }
    org
}

fn names(org: &Org, soql: &str) -> Vec<String> {
    records(org, soql).iter().map(|record| record["Name"].as_str().unwrap_or("null").to_owned()).collect()
}

#[test]
fn conditions_select_what_salesforce_selects() {
    let org = small_org();
    let table: [(&str, &[&str]); 52] = [
        ("Name = 'alpha'", &["Alpha"]),
        ("Name != 'ALPHA'", &["beta 100%", "Ängelholm's \"Best\"", "delta_x", "E\\co"]),
        ("Name <> 'ALPHA' AND Name > 'e'", &["Ängelholm's \"Best\"", "E\\co"]),
        ("Name = 'ängelholm\\'s \"best\"'", &["Ängelholm's \"Best\""]),
        ("Name = 'e\\\\co'", &["E\\co"]),
        ("Phone = 'line\\nbreak'", &["Ängelholm's \"Best\""]),
        ("Industry = null", &["Ängelholm's \"Best\""]),
        ("Industry = ''", &["Ängelholm's \"Best\""]),
        ("Industry != null AND NumberOfEmployees = null", &["delta_x", "E\\co"]),
        ("Industry != 'Banking'", &["beta 100%", "Ängelholm's \"Best\"", "delta_x"]),
        ("NOT Industry = 'Banking'", &["beta 100%", "Ängelholm's \"Best\"", "delta_x"]),
        ("NOT (Industry = 'Banking' OR Industry = null)", &["beta 100%", "delta_x"]),
        ("(NOT Name LIKE 'a%') AND NumberOfEmployees < 100", &["beta 100%", "Ängelholm's \"Best\""]),
        ("Industry IN ('BANKING', 'technology')", &["Alpha", "delta_x", "E\\co"]),
        ("Industry NOT IN ('Banking')", &["beta 100%", "Ängelholm's \"Best\"", "delta_x"]),
        ("Industry IN ('Apparel', null)", &["beta 100%", "Ängelholm's \"Best\""]),
        ("NumberOfEmployees > 5", &["Alpha", "beta 100%"]),
        ("NumberOfEmployees >= 5.0", &["Alpha", "beta 100%", "Ängelholm's \"Best\""]),
        ("NumberOfEmployees < 10", &["Ängelholm's \"Best\""]),
        ("NumberOfEmployees <= 1e1", &["Alpha", "Ängelholm's \"Best\""]),
        ("NumberOfEmployees IN (10, 5)", &["Alpha", "Ängelholm's \"Best\""]),
        ("AnnualRevenue = 1000.00", &["Alpha"]),
        ("Name LIKE 'b%'", &["beta 100%"]),
        ("Name LIKE '%100\\%'", &["beta 100%"]),
        ("Name LIKE 'delta\\_x'", &["delta_x"]),
        ("Name LIKE 'delta__'", &["delta_x"]),
        ("Name LIKE 'ÄNGEL%'", &["Ängelholm's \"Best\""]),
        ("Tags__c INCLUDES ('Red')", &["Alpha"]),
        ("Tags__c INCLUDES ('red;blue', 'Green')", &["Alpha", "beta 100%"]),
        ("Tags__c INCLUDES ('Red;Green')", &[]),
        ("Tags__c EXCLUDES ('Red')", &["beta 100%", "Ängelholm's \"Best\"", "delta_x", "E\\co"]),
        ("Tags__c = 'Red;Blue'", &["Alpha"]),
        ("Parent.Name = 'Alpha'", &["beta 100%"]),
        ("Parent.Industry != null", &["beta 100%"]),
        ("ParentId = null AND Name LIKE '%a'", &["Alpha"]),
        ("Owner.Name LIKE 'integration%' AND Name = 'Alpha'", &["Alpha"]),
        ("Id IN (SELECT AccountId FROM Opportunity WHERE StageName = 'Closed Lost')", &["beta 100%"]),
        ("Id IN (SELECT AccountId FROM Opportunity)", &["Alpha", "beta 100%"]),
        ("Id NOT IN (SELECT AccountId FROM Opportunity)", &["Ängelholm's \"Best\"", "delta_x", "E\\co"]),
        (
            "Id IN (SELECT AccountId FROM Opportunity WHERE Account.Name LIKE 'b%') OR Name = 'Alpha'",
            &["Alpha", "beta 100%"],
        ),
        ("Open_Since__c = TODAY", &["beta 100%"]),
        ("Open_Since__c = YESTERDAY", &["Alpha"]),
        ("Open_Since__c < TODAY", &["Alpha"]),
        ("Open_Since__c >= LAST_N_DAYS:1", &["Alpha", "beta 100%"]),
        ("Open_Since__c = 2026-03-11T01:00:00+01:00", &["beta 100%"]),
        ("Open_Since__c > 2026-03-10T23:59:59.000+0000", &["beta 100%"]),
        ("Open_Since__c IN (2026-03-10T23:00:00Z, TOMORROW)", &["Alpha"]),
        ("IsDeleted = false AND Name = 'Alpha'", &["Alpha"]),
        ("Code__c = 'a-1'", &["Alpha"]),
        ("Level__c = 3 AND Name = 'Alpha'", &["Alpha"]),
        ("Owner_Mail__c LIKE '%@acme.example' AND Name = 'Alpha'", &["Alpha"]),
        ("Account.Name = 'Alpha'", &["Alpha"]),
    ];
    for (condition, expected) in table {
        let soql = format!("SELECT Name FROM Account WHERE {condition}");
        assert_eq!(names(&org, &soql), expected, "{condition}");
    }
}

#[test]
fn dates_compare_with_literals() {
    let org = small_org();
    for (condition, expected) in [
        ("CloseDate = TODAY", &["one"] as &[&str]),
        ("CloseDate = LAST_MONTH", &["two"]),
        ("CloseDate = LAST_YEAR", &["three"]),
        ("CloseDate < THIS_MONTH", &["two", "three"]),
        ("CloseDate <= 2026-02-28", &["two", "three"]),
        ("CloseDate > 2026-02-28", &["one"]),
        ("CloseDate IN (2026-02-28, TODAY)", &["one", "two"]),
        ("CloseDate != THIS_YEAR", &["three"]),
        ("CloseDate = THIS_FISCAL_QUARTER", &["one", "two"]),
        ("ExpectedRevenue = 20.5", &["two"]),
        ("Amount = null", &["three"]),
        ("FiscalYear = 2025", &["three"]),
        ("IsClosed = true AND IsWon != true", &["three"]),
    ] {
        let soql = format!("SELECT Name FROM Opportunity WHERE {condition}");
        assert_eq!(names(&org, &soql), expected, "{condition}");
    }
}

#[test]
fn orders_limits_and_offsets() {
    let org = small_org();
    for (tail, expected) in [
        ("ORDER BY Name", &["Alpha", "beta 100%", "delta_x", "E\\co", "Ängelholm's \"Best\""] as &[&str]),
        ("ORDER BY Name DESC LIMIT 2", &["Ängelholm's \"Best\"", "E\\co"]),
        ("ORDER BY Name LIMIT 2 OFFSET 3", &["E\\co", "Ängelholm's \"Best\""]),
        (
            "ORDER BY NumberOfEmployees, Name",
            &["delta_x", "E\\co", "Ängelholm's \"Best\"", "Alpha", "beta 100%"],
        ),
        (
            "ORDER BY NumberOfEmployees DESC NULLS LAST, Name DESC",
            &["beta 100%", "Alpha", "Ängelholm's \"Best\"", "E\\co", "delta_x"],
        ),
        ("ORDER BY NumberOfEmployees ASC NULLS LAST LIMIT 1", &["Ängelholm's \"Best\""]),
        ("ORDER BY Parent.Name NULLS LAST, Name LIMIT 1", &["beta 100%"]),
        ("LIMIT 0", &[]),
        ("OFFSET 4", &["E\\co"]),
    ] {
        assert_eq!(names(&org, &format!("SELECT Name FROM Account {tail}")), expected, "{tail}");
    }
    let stages = records(&org, "SELECT StageName FROM Opportunity ORDER BY StageName");
    let stages: Vec<_> = stages.iter().map(|row| row["StageName"].as_str().unwrap()).collect();
    assert_eq!(stages, ["Prospecting", "Closed Won", "Closed Lost"]);
}

#[test]
fn parents_and_children_are_nested() {
    let org = small_org();
    let found = records(
        &org,
        "SELECT Name, Parent.Name, Parent.Owner.Name, (SELECT Name, StageName FROM Opportunities ORDER BY Name DESC) \
         FROM Account WHERE Name IN ('Alpha', 'beta 100%') ORDER BY Name",
    );
    assert_eq!(found[0]["Parent"], Value::Null);
    assert_eq!(found[0]["Opportunities"]["totalSize"], 2);
    assert_eq!(found[0]["Opportunities"]["done"], true);
    assert_eq!(found[0]["Opportunities"]["records"][0]["Name"], "two");
    assert_eq!(found[1]["Parent"]["Name"], "Alpha");
    assert_eq!(found[1]["Parent"]["Owner"]["Name"], "Integration User");
    assert_eq!(found[1]["Parent"]["attributes"]["type"], "Account");
    let keys: Vec<_> = found[1].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["attributes", "Name", "Parent", "Opportunities"]);
    let childless =
        records(&org, "SELECT (SELECT Id FROM Opportunities) FROM Account WHERE Name = 'delta_x'");
    assert_eq!(childless[0]["Opportunities"], Value::Null);
}

#[test]
fn custom_objects_work_like_standard_ones() {
    let org = small_org();
    let account = records(&org, "SELECT Id FROM Account WHERE Name = 'Alpha'")[0]["Id"].clone();
    let id = org.insert("Project__c", body(json!({"Name": "P", "Account__c": account}))).unwrap();
    assert_eq!(id.prefix(), "a00");
    let found = records(&org, "SELECT Account__r.Name FROM Project__c");
    assert_eq!(found[0]["Account__r"]["Name"], "Alpha");
    let parent = records(&org, "SELECT (SELECT Name FROM Projects__r) FROM Account WHERE Name = 'Alpha'");
    assert_eq!(parent[0]["Projects__r"]["records"][0]["Name"], "P");
    let by_key = json!({"Name": "Q", "Account__r": {"Code__c": "A-1"}});
    org.insert("Project__c", body(by_key)).unwrap();
    assert_eq!(records(&org, "SELECT Id FROM Project__c WHERE Account__r.Name = 'Alpha'").len(), 2);
    let twice = org.insert("Account", body(json!({"Name": "again", "Code__c": "a-1"}))).unwrap_err();
    assert_eq!(twice.code, "DUPLICATE_VALUE");
    org.delete("Account", account.as_str().unwrap()).unwrap();
    assert_eq!(records(&org, "SELECT Id FROM Project__c").len(), 0);
}

#[test]
fn aggregates_group_and_count() {
    let org = small_org();
    let count = org
        .query("SELECT COUNT() FROM Account WHERE Industry = 'Banking'", &QueryOptions::default())
        .unwrap();
    assert_eq!((count.total_size, count.len()), (2, 0));
    let found = records(
        &org,
        "SELECT IsClosed, COUNT(Id), SUM(Amount) total, MAX(CloseDate) FROM Opportunity GROUP BY IsClosed ORDER BY IsClosed",
    );
    assert_eq!(
        found,
        vec![
            json!({"attributes": {"type": "AggregateResult"}, "IsClosed": false, "expr0": 1, "total": 10.0, "expr1": "2026-03-11"}),
            json!({"attributes": {"type": "AggregateResult"}, "IsClosed": true, "expr0": 2, "total": 20.5, "expr1": "2026-02-28"}),
        ]
    );
    let plain = records(
        &org,
        "SELECT COUNT(Amount), AVG(Amount), MIN(Name), COUNT_DISTINCT(StageName) FROM Opportunity",
    );
    assert_eq!(plain[0]["expr0"], 2);
    assert_eq!(plain[0]["expr1"], 15.25);
    assert_eq!(plain[0]["expr2"], "one");
    assert_eq!(plain[0]["expr3"], 3);
}

#[test]
fn wrong_queries_are_refused_with_their_codes() {
    let org = small_org();
    for (soql, code, message) in [
        ("SELECT Fooo FROM Account", "INVALID_FIELD", "No such column 'Fooo' on entity 'Account'"),
        ("SELECT Id FROM Accout", "INVALID_TYPE", "sObject type 'Accout' is not supported"),
        ("SELECT Id, id FROM Account", "INVALID_FIELD", "duplicate field selected: Id"),
        ("SELECT FIELDS(ALL), Name FROM Account LIMIT 1", "INVALID_FIELD", "duplicate field selected: Name"),
        ("SELECT FIELDS(ALL) FROM Account", "MALFORMED_QUERY", "LIMIT"),
        ("SELECT FIELDS(CUSTOM) FROM Account LIMIT 201", "MALFORMED_QUERY", "LIMIT"),
        (
            "SELECT Id FROM Account WHERE Description = 'x'",
            "INVALID_FIELD",
            "field 'Description' can not be filtered in a query call",
        ),
        (
            "SELECT Id FROM Account ORDER BY Description",
            "INVALID_FIELD",
            "field 'Description' can not be sorted in a query call",
        ),
        (
            "SELECT Id FROM Account WHERE Name = 5",
            "INVALID_FIELD",
            "must be of type string and should be enclosed in quotes",
        ),
        (
            "SELECT Id FROM Account WHERE NumberOfEmployees = '5'",
            "INVALID_FIELD",
            "must be of type int and should not be enclosed in quotes",
        ),
        (
            "SELECT Id FROM Opportunity WHERE CloseDate = 2026-01-01T00:00:00Z",
            "INVALID_FIELD",
            "'CloseDate' must be of type date and",
        ),
        (
            "SELECT Id FROM Opportunity WHERE CreatedDate > 2026-01-01",
            "INVALID_FIELD",
            "'CreatedDate' must be of type dateTime and",
        ),
        ("SELECT Id FROM Opportunity WHERE IsWon = 'true'", "INVALID_FIELD", "must be of type boolean"),
        ("SELECT Id FROM Account WHERE Id = 'abc'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: abc"),
        (
            "SELECT Id FROM Account WHERE Nope.Name = 'x'",
            "INVALID_FIELD",
            "Didn't understand relationship 'Nope' in field path",
        ),
        (
            "SELECT (SELECT Id FROM Nopes) FROM Account",
            "INVALID_TYPE",
            "Didn't understand relationship 'Nopes' in FROM part",
        ),
        (
            "SELECT Id FROM ContentDocumentLink",
            "MALFORMED_QUERY",
            "Implementation restriction: ContentDocumentLink requires a filter by a single Id",
        ),
        (
            "SELECT Id FROM Account OFFSET 2001",
            "NUMBER_OUTSIDE_VALID_RANGE",
            "Maximum SOQL offset allowed is 2000",
        ),
        (
            "SELECT Name, COUNT(Id) FROM Account",
            "MALFORMED_QUERY",
            "Field must be grouped or aggregated: Name",
        ),
        ("SELECT Id FROM Account WHERE Name IN (SELECT Id FROM Contact)", "MALFORMED_QUERY", "semi join"),
        ("SELECT Id FROM Account WHERE Id IN (SELECT Name FROM Contact)", "MALFORMED_QUERY", "semi join"),
        (
            "SELECT Id FROM Account WHERE Tags__c > 'x' AND Name INCLUDES ('x')",
            "INVALID_FIELD",
            "multi-select",
        ),
        ("SELECT CurrencyIsoCode FROM Opportunity", "INVALID_FIELD", "No such column 'CurrencyIsoCode'"),
    ] {
        let error = org.query(soql, &QueryOptions::default()).unwrap_err();
        assert_eq!((error.code, error.status), (code, 400), "{soql}: {error}");
        assert!(error.message.contains(message), "{soql}: {error}");
    }
}

#[test]
fn bulk_refuses_what_it_cannot_run() {
    let org = small_org();
    for soql in [
        "SELECT COUNT() FROM Account",
        "SELECT COUNT(Id) FROM Account",
        "SELECT Industry FROM Account GROUP BY Industry",
        "SELECT Id FROM Account OFFSET 1",
        "SELECT Id, (SELECT Id FROM Contacts) FROM Account",
        "SELECT BillingAddress FROM Account",
        "SELECT VersionData FROM ContentVersion",
        "SELECT FIELDS(ALL) FROM Account LIMIT 1",
        "SELECT Id FROM CaseStatus",
    ] {
        assert!(org.query(soql, &QueryOptions { bulk: true, include_deleted: false }).is_err(), "{soql}");
    }
    let bulk = QueryOptions { bulk: true, include_deleted: false };
    let standard = org.query("SELECT FIELDS(STANDARD) FROM Account", &bulk).unwrap();
    assert!(standard.columns.iter().any(|name| name == "Industry"));
    assert!(!standard.columns.iter().any(|name| name == "BillingAddress" || name == "Tags__c"));
}

#[test]
fn hidden_objects_and_fields_answer_like_missing_ones() {
    let org = small_org();
    let tell = |org: &Org, soql: &str| org.query(soql, &QueryOptions::default()).unwrap_err();
    org.set_visibility(&[
        VisibilityRule::HideObject("Contact".into()),
        VisibilityRule::HideField("Account".into(), "Industry".into()),
        VisibilityRule::ReadOnlyField("Account".into(), "Phone".into()),
        VisibilityRule::ReadOnlyObject("Opportunity".into()),
    ]);
    assert_eq!(tell(&org, "SELECT Id FROM Contact").code, "INVALID_TYPE");
    assert!(tell(&org, "SELECT Industry FROM Account").message.contains("No such column 'Industry'"));
    assert!(tell(&org, "SELECT (SELECT Id FROM Contacts) FROM Account").message.contains("'Contacts'"));
    assert_eq!(org.describe("Contact").unwrap_err().code, "NOT_FOUND");
    let described: Value = serde_json::from_slice(&org.describe("Account").unwrap().json).unwrap();
    let field =
        |name: &str| described["fields"].as_array().unwrap().iter().find(|f| f["name"] == name).cloned();
    assert_eq!(field("Industry"), None);
    assert_eq!(field("Phone").unwrap()["updateable"], false);
    let deal = json!({"Name": "x", "StageName": "Prospecting", "CloseDate": "2026-01-01"});
    assert_eq!(org.insert("Opportunity", body(deal)).unwrap_err().code, "INSUFFICIENT_ACCESS_OR_READONLY");
    org.set_visibility(&[]);
    assert!(org.query("SELECT Industry FROM Account", &QueryOptions::default()).is_ok());
}

#[test]
fn keyset_pages_over_equal_stamps_lose_and_double_nothing() {
    let org =
        Org::new(OrgConfig { now: Some("2026-03-11T09:30:00Z".parse().unwrap()), ..OrgConfig::default() })
            .unwrap();
    for number in 0..700 {
        org.insert("Account", body(json!({"Name": format!("n{number}")}))).unwrap();
    }
    let mut cursor = String::new();
    let mut seen = std::collections::BTreeSet::new();
    loop {
        let soql =
            format!("SELECT Id, SystemModstamp FROM Account {cursor} ORDER BY SystemModstamp, Id LIMIT 64");
        let page = records(&org, &soql);
        let Some(last) = page.last() else { break };
        for record in &page {
            assert!(seen.insert(record["Id"].as_str().unwrap().to_owned()));
        }
        let (stamp, id) = (last["SystemModstamp"].as_str().unwrap(), last["Id"].as_str().unwrap());
        cursor = format!("WHERE SystemModstamp > {stamp} OR (SystemModstamp = {stamp} AND Id > '{id}')");
    }
    assert_eq!(seen.len(), 700);
}
