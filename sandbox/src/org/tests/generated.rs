//! The generator: same seed, same records; answers are well formed.

use super::*;

fn generated(seed: u64) -> Org {
    let now = Some("2026-03-11T09:30:00Z".parse().unwrap());
    let customizations = vec![Customization::load("operating").unwrap()];
    let org = Org::new(OrgConfig { seed, now, customizations, ..OrgConfig::default() }).unwrap();
    org.generate(&Population::around(400));
    org
}

fn bulk_csv(org: &Org, soql: &str) -> String {
    let result = org.query(soql, &QueryOptions { bulk: true, include_deleted: true }).unwrap();
    let mut out = Vec::new();
    org.render_csv_header(&result, CsvStyle::default(), &mut out);
    org.render_csv(&result, 0..result.len(), CsvStyle::default(), &mut out);
    String::from_utf8(out).unwrap()
}

const FIELDS: &str = "SELECT Id, Name, Amount, StageName, Account.Name, Owner.Name, Description, SystemModstamp, \
                      Delivery_Teams__c FROM Opportunity";

#[test]
fn the_same_seed_gives_the_same_records() {
    assert_eq!(bulk_csv(&generated(7), FIELDS), bulk_csv(&generated(7), FIELDS));
    assert_ne!(bulk_csv(&generated(7), FIELDS), bulk_csv(&generated(8), FIELDS));
}

#[test]
fn every_object_answers_with_all_of_its_fields() {
    let org = generated(7);
    for object in org.object_names() {
        if object == "ContentDocumentLink" {
            continue;
        }
        let all = records(&org, &format!("SELECT FIELDS(ALL) FROM {object} LIMIT 200"));
        let count = org.query(&format!("SELECT COUNT() FROM {object}"), &QueryOptions::default()).unwrap();
        assert_eq!(all.len(), count.total_size.min(200), "{object}");
    }
}

#[test]
fn stage_fields_follow_the_stage() {
    let org = generated(7);
    let wrong = records(
        &org,
        "SELECT Id FROM Opportunity WHERE (IsWon = true AND StageName != 'Closed Won') OR (IsClosed = false AND Probability = 100)",
    );
    assert_eq!(wrong, Vec::<serde_json::Value>::new());
    assert!(records(&org, "SELECT Id FROM Opportunity WHERE IsWon = true").len() > 10);
}

#[test]
fn every_kind_of_record_is_made_and_related() {
    let org = generated(7);
    for soql in [
        "SELECT Id FROM Task WHERE Who.Type = 'Lead'",
        "SELECT Id FROM Task WHERE What.Type = 'Opportunity'",
        "SELECT Id FROM Event WHERE IsAllDayEvent = true",
        "SELECT Id FROM EmailMessage WHERE Parent.Status != null",
        "SELECT Id FROM CaseComment WHERE Parent.CaseNumber != null",
        "SELECT Id FROM CampaignMember WHERE Contact.LastName != null",
        "SELECT Id FROM CampaignMember WHERE LeadOrContactId != null AND LastName != null",
        "SELECT Id FROM FeedItem WHERE Parent.Type = 'Account'",
        "SELECT Id FROM ContentVersion WHERE ContentDocument.FileType = 'SNOTE'",
        "SELECT Id FROM ContentDocumentLink WHERE LinkedEntityId IN (SELECT Id FROM Opportunity)",
        "SELECT Id FROM Account WHERE Parent.Name != null",
        "SELECT Id FROM Opportunity WHERE Owner.IsActive = false",
        "SELECT Id FROM OpportunityContactRole WHERE Contact.Email != null AND Opportunity.Name != null",
        "SELECT Id FROM OpportunityTeamMember WHERE User.Name != null",
        "SELECT Id FROM AccountTeamMember WHERE TeamMemberRole != null",
        "SELECT Id FROM Lead WHERE IsConverted = true AND ConvertedAccountId != null",
        "SELECT Id FROM LeadHistory WHERE Lead.Company != null",
        "SELECT Id FROM CaseHistory WHERE Field = 'Priority'",
        "SELECT Id FROM OpportunityHistory WHERE StageName = 'Prospecting'",
        "SELECT Id FROM Opportunity WHERE Delivery_Teams__c INCLUDES ('Design;Cloud', 'Data')",
        "SELECT Id FROM Opportunity WHERE Partner_Owner__r.Name LIKE '%'",
        "SELECT Id FROM User WHERE IsActive = false AND Profile.UserLicense.Name = 'Salesforce'",
    ] {
        let found = org.query(soql, &QueryOptions::default()).unwrap_or_else(|e| panic!("{soql}: {e}"));
        assert!(found.total_size > 0, "{soql}");
    }
}

#[test]
fn texts_are_ugly_but_trimmed() {
    let org = generated(7);
    let all: Vec<String> = records(&org, "SELECT Name, NextStep, Description FROM Opportunity")
        .iter()
        .flat_map(|row| ["Name", "NextStep", "Description"].map(|key| row[key].as_str().map(str::to_owned)))
        .flatten()
        .collect();
    for part in ["\n", "\t", "\"", ",", "😀", "N/A", "<p>", "\\"] {
        assert!(all.iter().any(|text| text.contains(part)), "{part:?}");
    }
    assert!(all.iter().all(|text| text.trim() == text && !text.is_empty()));
}

#[test]
fn bulk_csv_is_read_back_as_the_json_says() {
    let org = generated(7);
    let csv = bulk_csv(&org, "SELECT Id, Name, Description, Amount, IsWon FROM Opportunity");
    let rows = parse_csv(&csv);
    let json = records_with(
        &org,
        "SELECT Id, Name, Description, Amount, IsWon FROM Opportunity",
        &QueryOptions { include_deleted: true, bulk: false },
    );
    assert_eq!(rows[0], ["Id", "Name", "Description", "Amount", "IsWon"]);
    assert_eq!(rows.len(), json.len() + 1);
    for (row, record) in rows[1..].iter().zip(&json) {
        for (cell, key) in row.iter().zip(&rows[0]) {
            let expected = match &record[key.as_str()] {
                serde_json::Value::Null => String::new(),
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            assert_eq!(*cell, expected);
        }
    }
}

/// A reader of CSV in which every value is quoted.
fn parse_csv(text: &str) -> Vec<Vec<String>> {
    let mut rows = vec![vec![]];
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                let mut value = String::new();
                while let Some(c) = chars.next() {
                    if c != '"' {
                        value.push(c);
                    } else if chars.peek() == Some(&'"') {
                        chars.next();
                        value.push('"');
                    } else {
                        break;
                    }
                }
                rows.last_mut().unwrap().push(value);
            }
            ',' => {}
            '\n' => rows.push(vec![]),
            other => panic!("{other:?} outside of quotes"),
        }
    }
    assert_eq!(rows.pop(), Some(vec![]));
    rows
}
