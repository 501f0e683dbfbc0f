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
