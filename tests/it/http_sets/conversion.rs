//! The set `conversion`: one contact for all leads and contacts of an address, one company for all accounts of a domain, engagements, and the
//! rules of its settings page, turned while everything runs.

use jiff::tz::TimeZone;
use serde_json::{Value as Json, json};
use sfsync::runtime::control::Control as _;
use sfsync::runtime::status::State;

use super::bench::{Bench, ORG, Set};
use crate::harness::rig::until;

pub fn set() -> Set {
    Set {
        name: "conversion",
        app: (include_str!("../../../sandbox/apps/conversion.yaml"), "conversion"),
        calls: &["contacts", "companies"],
        custom: "",
        secrets: &[
            ("CONVERSION_TOKEN", "conversion-token"),
            ("CONVERSION_WEBHOOK_TOKEN", "conversion-hooks"),
        ],
        edits: &[
            ("connections/salesforce.yaml", "domain: acme.my.salesforce.com", ORG),
            ("connections/conversion.yaml", "https://api.conversion.ai/v1", "${env:APP_URL}"),
            ("connections/conversion.yaml", "10 per second", "1000 per second"),
        ],
    }
}

async fn conversion() -> Bench {
    Bench::new(set()).await
}

fn lead(name: &str, email: Option<&str>) -> Json {
    json!({ "LastName": name, "Email": email, "Company": "Acme", "Title": "CTO" })
}

/// A lead and a contact with one address, and what they became.
async fn two_of_one(bench: &mut Bench) -> (String, String, u64) {
    let lead = bench.insert("Lead", lead("Ray", Some("sam@acme.com")));
    let contact =
        bench.insert("Contact", json!({ "LastName": "Ray", "Email": "SAM@acme.com", "Title": "CTO" }));
    bench.loaded().await;
    bench.until("one contact", |bench| bench.shows("contacts", &["email"]) == ["sam@acme.com"]).await;
    bench
        .until("both are linked", |bench| {
            bench.status("contacts").counts.linked + bench.status("leads").counts.linked == 2
        })
        .await;
    let number = bench.found("contacts", "email", "sam@acme.com").unwrap()["id"].as_str().unwrap().to_owned();
    (lead, contact, number.trim_start_matches('r').parse().unwrap())
}

/// A field of both.
fn both(bench: &Bench, field: &str, (lead, contact): (&str, &str)) -> [String; 2] {
    [("Lead", lead), ("Contact", contact)].map(|(object, id)| {
        bench.org(&[field], &format!("FROM {object} WHERE Id = '{id}'")).pop().unwrap_or("gone".to_owned())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fifteen_minutes_what_changed_in_salesforce_comes() {
    let mut bench = conversion().await;
    let lead = bench.insert("Lead", lead("Ray", Some("sam@acme.com")));
    bench.loaded().await;
    bench.until("there", |bench| bench.shows("contacts", &["title"]) == ["CTO"]).await;
    for name in ["leads", "contacts", "accounts", "tasks", "events"] {
        let text = std::fs::read_to_string(bench.rig.folder().join(format!("{name}.yaml"))).unwrap();
        assert!(text.contains("  poll: 15 minutes\n"), "{name}");
    }
    bench.update("Lead", &lead, json!({ "Title": "CEO" }));
    // Nobody looks before.
    bench.comes_within(16, "the lead", |bench| bench.shows("contacts", &["title"]) == ["CEO"]).await;
    bench.insert("Task", json!({ "Subject": "Call", "WhoId": lead }));
    bench.comes_within(16, "the task", |bench| bench.shows("engagements", &["title"]) == ["Call"]).await;
    bench.nothing_is_written_any_more().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_people_with_an_address_are_synced() {
    let mut bench = conversion().await;
    let without = bench.insert("Lead", lead("Nobody", None));
    bench.insert("Contact", json!({ "LastName": "Nobody either" }));
    let converted = bench.insert("Lead", lead("Won", Some("won@acme.com")));
    let org = bench.rig.sandbox.org().clone();
    org.update("Lead", &without, json!({ "Title": "CFO" }).as_object().unwrap().clone()).unwrap();
    bench.insert("Lead", lead("Ray", Some("sam@acme.com")));
    bench.loaded().await;
    bench.until("two", |bench| bench.shows("contacts", &["email"]) == ["sam@acme.com", "won@acme.com"]).await;
    bench.look(&[], true).await;
    assert_eq!(bench.shows("contacts", &["email"]).len(), 2);
    // An address is added: it is synced. One is taken away: it stays, and is left alone.
    bench.update("Lead", &without, json!({ "Email": "now@acme.com" }));
    bench.look(&["leads"], false).await;
    assert!(bench.found("contacts", "email", "now@acme.com").is_some(), "{}", bench.shown());
    bench.update("Lead", &converted, json!({ "Email": null, "Title": "Gone" }));
    bench.look(&["leads"], false).await;
    let left = bench.found("contacts", "email", "won@acme.com").expect("nothing is deleted or emptied");
    assert_eq!(left["title"], "CTO");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_contact_for_an_address_with_the_data_of_the_most_recently_updated() {
    let mut bench = conversion().await;
    let account = bench.insert("Account", json!({ "Name": "Acme", "Website": "https://www.acme.com/about" }));
    let (lead, contact, _) = two_of_one(&mut bench).await;
    bench.update("Lead", &lead, json!({ "Title": "Founder" }));
    bench.until("the lead fills it", |bench| bench.shows("contacts", &["title"]) == ["Founder"]).await;
    bench.update("Contact", &contact, json!({ "Title": "CEO", "AccountId": account }));
    bench.until("the contact fills it", |bench| bench.shows("contacts", &["title"]) == ["CEO"]).await;
    bench
        .until("its company", |bench| {
            bench.shows("contacts", &["company_id"]) == bench.shows("companies", &["id"])
        })
        .await;
    assert_eq!(bench.shows("companies", &["domain"]), ["acme.com"]);
    assert_eq!(bench.org(&["Id"], "FROM Lead").len(), 1, "no lead is made of a contact that is linked");
    bench.nothing_is_written_any_more().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_company_for_a_domain() {
    let mut bench = conversion().await;
    let first = bench.insert("Account", json!({ "Name": "Acme", "Website": "acme.com" }));
    bench.insert("Account", json!({ "Name": "Acme Ltd", "Website": "http://WWW.ACME.com/" }));
    bench.insert("Account", json!({ "Name": "No website" }));
    bench.loaded().await;
    bench
        .until("one for two", |bench| {
            bench.shows("companies", &["domain"]) == ["", "acme.com"]
                && bench.status("accounts").counts.linked == 3
        })
        .await;
    bench.update("Account", &first, json!({ "NumberOfEmployees": 77 }));
    bench.until("the latest fills it", |bench| bench.found("companies", "employees", 77).is_some()).await;
    let company = bench.found("companies", "domain", "acme.com").unwrap()["id"].as_str().unwrap().to_owned();
    bench
        .app
        .edit("companies", company.trim_start_matches('r').parse().unwrap(), json!({ "industry": "Banking" }))
        .unwrap();
    bench
        .comes("both accounts have it at once", |bench| {
            bench.org(&["Id"], "FROM Account WHERE Industry = 'Banking'").len() == 2
        })
        .await;
    // Companies created: do not sync.
    bench.put("companies", json!({ "name": "New", "domain": "new.com" }));
    bench.look(&[], true).await;
    assert_eq!(bench.org(&["Id"], "FROM Account").len(), 3);
    bench.nothing_is_written_any_more().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_of_the_contact_reaches_every_linked_record_at_once() {
    let mut bench = conversion().await;
    let (lead, contact, number) = two_of_one(&mut bench).await;
    let another = bench.insert("Lead", self::lead("Ray", Some("Sam@Acme.com")));
    bench.until("three", |bench| bench.status("leads").counts.linked == 2).await;
    bench.app.edit("contacts", number, json!({ "phone": "+15550199", "unsubscribed": true })).unwrap();
    bench
        .comes("all three", |bench| {
            both(bench, "Phone", (&lead, &contact)) == ["+15550199", "+15550199"]
                && both(bench, "HasOptedOutOfEmail", (&another, &contact)) == ["true", "true"]
                && both(bench, "Phone", (&another, &contact))[0] == "+15550199"
        })
        .await;
    bench.nothing_is_written_any_more().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn activities_of_synced_people_become_engagements_with_their_type() {
    let mut bench = conversion().await;
    let lead = bench.insert("Lead", lead("Ray", Some("sam@acme.com")));
    let contact = bench.insert("Contact", json!({ "LastName": "Kim", "Email": "kim@acme.com" }));
    let without = bench.insert("Lead", self::lead("Nobody", None));
    let call =
        bench.insert("Task", json!({ "Subject": "Call Sam", "WhoId": lead, "ActivityDate": "2026-03-01" }));
    bench.insert("Task", json!({ "Subject": "Call nobody", "WhoId": without }));
    bench.insert("Task", json!({ "Subject": "Call no one" }));
    bench.insert("Event", json!({ "Subject": "Lunch", "WhoId": contact, "StartDateTime": "2026-03-02T11:00:00Z", "DurationInMinutes": 60 }));
    bench.loaded().await;
    bench
        .until("two engagements", |bench| {
            bench.shows("engagements", &["type", "title"]) == ["Event|Lunch", "Task|Call Sam"]
        })
        .await;
    let of = |bench: &Bench, mail: &str| bench.found("contacts", "email", mail).unwrap()["id"].clone();
    assert_eq!(
        bench.found("engagements", "title", "Lunch").unwrap()["contact_id"],
        of(&bench, "kim@acme.com")
    );
    let shown = bench.found("engagements", "title", "Call Sam").unwrap();
    assert_eq!(shown["contact_id"], of(&bench, "sam@acme.com"));
    let at: jiff::Timestamp = shown["occurred_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(at.to_zoned(TimeZone::UTC).date().to_string(), "2026-03-01");
    bench.update("Task", &call, json!({ "Subject": "Called Sam" }));
    bench.until("the edit", |bench| bench.found("engagements", "title", "Called Sam").is_some()).await;
    // The call goes on with another person.
    bench.update("Task", &call, json!({ "WhoId": contact }));
    bench
        .until("another person", |bench| {
            bench.found("engagements", "title", "Called Sam").unwrap()["contact_id"]
                == of(bench, "kim@acme.com")
        })
        .await;
    bench.nothing_is_written_any_more().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_in_salesforce_stays_in_the_app() {
    let mut bench = conversion().await;
    let (lead, contact, _) = two_of_one(&mut bench).await;
    let account = bench.insert("Account", json!({ "Name": "Acme", "Website": "acme.com" }));
    bench.until("a company", |bench| bench.shows("companies", &["domain"]).len() == 1).await;
    bench.delete("Lead", &lead);
    bench.delete("Contact", &contact);
    bench.delete("Account", &account);
    bench.look(&[], false).await;
    bench.look(&[], true).await;
    assert_eq!((bench.shows("contacts", &["id"]).len(), bench.shows("companies", &["id"]).len()), (1, 1));
    assert!(!bench.written_to_app().iter().any(|call| call.starts_with("DELETE")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_is_made_becomes_a_lead_a_contact_or_nothing() {
    let mut bench = conversion().await;
    bench.loaded().await;
    let made =
        |bench: &Bench| (bench.org(&["LastName"], "FROM Lead"), bench.org(&["LastName"], "FROM Contact"));
    bench.put("contacts", json!({ "email": "Kim@New.com", "last_name": "Kim" }));
    bench.comes("a lead, at once", |bench| made(bench) == (vec!["Kim".to_owned()], vec![])).await;
    assert_eq!(bench.org(&["Company", "Email"], "FROM Lead"), ["[not provided]|Kim@New.com"]);
    // Contacts created: sync to contacts.
    bench.edit("leads.yaml", "to_salesforce: [create, update]", "to_salesforce: [update]").await;
    bench.edit("contacts.yaml", "to_salesforce: [update]", "to_salesforce: [create, update]").await;
    bench.put("contacts", json!({ "email": "lee@new.com", "last_name": "Lee" }));
    bench.comes("a contact", |bench| made(bench).1 == ["Lee"]).await;
    // Do not sync.
    bench.edit("contacts.yaml", "to_salesforce: [create, update]", "to_salesforce: [update]").await;
    bench.put("contacts", json!({ "email": "max@new.com", "last_name": "Max" }));
    bench.look(&[], false).await;
    bench.look(&[], true).await;
    assert_eq!(made(&bench), (vec!["Kim".to_owned()], vec!["Lee".to_owned()]), "{}", bench.shown());
    assert_eq!(bench.failures(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_is_updated_reaches_leads_contacts_all_or_nobody() {
    let mut bench = conversion().await;
    let (lead, contact, number) = two_of_one(&mut bench).await;
    let ids = (lead.as_str(), contact.as_str());
    let update = async |bench: &Bench, title: &str, reaches: [&str; 2]| {
        bench.app.edit("contacts", number, json!({ "title": title })).unwrap();
        bench.until(title, |bench| both(bench, "Title", ids) == reaches).await;
        bench.look(&["leads", "contacts"], false).await;
        assert_eq!(both(bench, "Title", ids), reaches);
    };
    update(&bench, "All", ["All", "All"]).await;
    // Contacts updated: sync to leads.
    bench.edit("contacts.yaml", "to_salesforce: [update]  ", "x-off: [update]  ").await;
    update(&bench, "Leads", ["Leads", "All"]).await;
    // To contacts.
    bench.edit("contacts.yaml", "x-off: [update]  ", "to_salesforce: [update]  ").await;
    bench.edit("leads.yaml", "to_salesforce: [create, update]", "to_salesforce: [create]").await;
    update(&bench, "Contacts", ["Leads", "Contacts"]).await;
    // Do not sync.
    bench.edit("contacts.yaml", "to_salesforce: [update]  ", "x-off: [update]  ").await;
    bench.app.edit("contacts", number, json!({ "title": "Nobody" })).unwrap();
    bench.look(&["leads", "contacts"], false).await;
    bench.look(&["leads", "contacts"], false).await;
    assert_eq!(both(&bench, "Title", ids), ["Leads", "Contacts"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_is_deleted_leaves_or_takes_all_linked_leads_and_contacts() {
    let mut bench = conversion().await;
    let (lead, contact, number) = two_of_one(&mut bench).await;
    let another = bench.insert("Lead", self::lead("Other", Some("other@acme.com")));
    bench.until("two", |bench| bench.shows("contacts", &["email"]).len() == 2).await;
    // Deleted: do not sync.
    let other =
        bench.found("contacts", "email", "other@acme.com").unwrap()["id"].as_str().unwrap().to_owned();
    bench.app.remove("contacts", other.trim_start_matches('r').parse().unwrap()).unwrap();
    bench.look(&["leads", "contacts"], false).await;
    assert_eq!(bench.org(&["Id"], &format!("FROM Lead WHERE Id = '{another}'")).len(), 1);
    // Deleted: delete all linked leads and contacts.
    bench
        .edit(
            "leads.yaml",
            "to_salesforce: [create, update]",
            "max_deletes: 10\nto_salesforce: [create, update, delete]",
        )
        .await;
    bench
        .edit("contacts.yaml", "to_salesforce: [update]", "max_deletes: 10\nto_salesforce: [update, delete]")
        .await;
    bench.app.remove("contacts", number).unwrap();
    bench.comes("both are gone", |bench| both(bench, "Title", (&lead, &contact)) == ["gone", "gone"]).await;
    assert_eq!(bench.org(&["Id"], &format!("FROM Lead WHERE Id = '{another}'")).len(), 1);
    assert_eq!(bench.failures(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn companies_are_made_updated_and_deleted_as_the_file_says() {
    let mut bench = conversion().await;
    let acme = bench.insert("Account", json!({ "Name": "Acme", "Website": "acme.com" }));
    let beta = bench.insert("Account", json!({ "Name": "Beta", "Website": "beta.com" }));
    bench.loaded().await;
    bench.until("companies", |bench| bench.shows("companies", &["domain"]) == ["acme.com", "beta.com"]).await;
    let number = |bench: &Bench, domain: &str| -> u64 {
        let company = bench.found("companies", "domain", domain).unwrap();
        company["id"].as_str().unwrap().trim_start_matches('r').parse().unwrap()
    };
    let account = |bench: &Bench, id: &str| {
        bench.org(&["Name", "Industry"], &format!("FROM Account WHERE Id = '{id}'"))
    };
    // As it is shipped: updated flows, created and deleted do not.
    bench.app.edit("companies", number(&bench, "acme.com"), json!({ "industry": "Banking" })).unwrap();
    bench.comes("the industry", |bench| account(bench, &acme) == ["Acme|Banking"]).await;
    bench.app.remove("companies", number(&bench, "beta.com")).unwrap();
    bench.look(&["accounts"], false).await;
    assert_eq!(account(&bench, &beta), ["Beta|"]);
    // Updated: do not sync.
    bench.edit("accounts.yaml", "to_salesforce: [update]  ", "x-off: [update]  ").await;
    bench.app.edit("companies", number(&bench, "acme.com"), json!({ "industry": "Energy" })).unwrap();
    bench.look(&["accounts"], false).await;
    bench.look(&["accounts"], false).await;
    assert_eq!(account(&bench, &acme), ["Acme|Banking"]);
    bench.edit("accounts.yaml", "x-off: [update]  ", "to_salesforce: [update]  ").await;
    bench
        .edit(
            "accounts.yaml",
            "to_salesforce: [update]",
            "max_deletes: 10\nto_salesforce: [create, update, delete]",
        )
        .await;
    bench.put("companies", json!({ "name": "New", "domain": "new.com" }));
    bench
        .comes("an account", |bench| {
            bench.org(&["Name"], "FROM Account WHERE Website = 'new.com'") == ["New"]
        })
        .await;
    let company = bench.found("companies", "domain", "acme.com").unwrap()["id"].as_str().unwrap().to_owned();
    bench.app.remove("companies", company.trim_start_matches('r').parse().unwrap()).unwrap();
    bench
        .comes("it is gone", |bench| {
            bench.org(&["Id"], &format!("FROM Account WHERE Id = '{acme}'")).is_empty()
        })
        .await;
    bench.nothing_is_written_any_more().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_sign_out_and_a_sign_in_what_was_missed_on_both_sides_comes() {
    let mut bench = conversion().await;
    let (lead, contact, number) = two_of_one(&mut bench).await;
    bench.door().disconnect(&"salesforce".into()).await.unwrap();
    until(bench.daemon(), "leads", |status| status.state == State::Paused).await;
    bench.app.edit("contacts", number, json!({ "phone": "+15550123" })).unwrap();
    bench.update("Lead", &lead, json!({ "Title": "Chair" }));
    bench.sign_in().await;
    bench
        .comes("both", |bench| {
            both(bench, "Phone", (&lead, &contact)) == ["+15550123", "+15550123"]
                && bench.shows("contacts", &["title"]) == ["Chair"]
        })
        .await;
    bench
        .until("the contact follows", |bench| both(bench, "Title", (&lead, &contact)) == ["Chair", "Chair"])
        .await;
    bench.nothing_is_written_any_more().await;
}
