//! The set `conversion` end to end, with the app as tables of a database: one contact for all leads and contacts of an email address, one
//! company for all accounts of a domain, engagements of synced people.

use serde_json::json;

use super::bench::Bench;

const FILES: &[&str] = &["accounts.yaml", "contacts.yaml", "leads.yaml", "tasks.yaml", "events.yaml"];

const TABLES: &str = "\
CREATE TABLE companies (id TEXT PRIMARY KEY NOT NULL DEFAULT (lower(hex(randomblob(8)))), name TEXT NOT NULL, domain TEXT, industry TEXT, employees INTEGER, updated_at DATETIME);
CREATE TABLE contacts (id TEXT PRIMARY KEY NOT NULL DEFAULT (lower(hex(randomblob(8)))), email TEXT NOT NULL, first_name TEXT, last_name TEXT, title TEXT, phone TEXT, company_name TEXT, \
  company_id TEXT, lead_source TEXT, unsubscribed BOOLEAN, updated_at DATETIME);
CREATE TABLE engagements (id TEXT PRIMARY KEY NOT NULL DEFAULT (lower(hex(randomblob(8)))), type TEXT, contact_id TEXT, title TEXT, detail TEXT, occurred_at DATETIME);
";

async fn conversion() -> Bench {
    Bench::of_set(("conversion", "conversion"), FILES, ("", TABLES, &["companies", "contacts"])).await
}

#[tokio::test(flavor = "multi_thread")]
async fn leads_and_contacts_of_one_address_are_one_contact_and_an_update_reaches_all_of_them() {
    let mut bench = conversion().await;
    let account = bench.insert("Account", json!({ "Name": "Acme", "Website": "https://www.acme.com/about" }));
    let lead = bench.insert(
        "Lead",
        json!({ "LastName": "Ray", "Email": "sam@acme.com", "Company": "Acme", "Title": "CTO" }),
    );
    bench.insert("Lead", json!({ "LastName": "Nobody", "Company": "No address" }));
    let contact = bench.insert(
        "Contact",
        json!({ "LastName": "Ray", "FirstName": "Sam", "Email": "SAM@acme.com", "AccountId": account }),
    );
    bench.run().await;
    bench
        .until("one contact", |bench| {
            bench.app("SELECT lower(email), company_id IS NOT NULL FROM contacts") == ["sam@acme.com|1"]
        })
        .await;
    assert_eq!(bench.app("SELECT domain FROM companies"), ["acme.com"]);
    bench.sql("UPDATE contacts SET phone = '+15550199' WHERE lower(email) = 'sam@acme.com'");
    bench
        .until("both have the phone", |bench| {
            bench.org(&["Phone"], &format!("FROM Lead WHERE Id = '{lead}'")) == ["+15550199"]
                && bench.org(&["Phone"], &format!("FROM Contact WHERE Id = '{contact}'")) == ["+15550199"]
        })
        .await;
    // The most recently updated one fills the contact.
    bench.update("Lead", &lead, json!({ "Title": "Founder" }));
    bench
        .until("the lead fills it, and the contact follows", |bench| {
            bench.app("SELECT title FROM contacts") == ["Founder"]
                && bench.org(&["Title"], "FROM Contact") == ["Founder"]
        })
        .await;
    bench.update("Contact", &contact, json!({ "Title": "CEO" }));
    bench.until("the contact fills it", |bench| bench.app("SELECT title FROM contacts") == ["CEO"]).await;
    assert_eq!(bench.org(&["Id"], "FROM Lead").len(), 2, "no lead is made of a contact that is linked");
    assert_eq!(bench.app("SELECT id FROM contacts").len(), 1);
    bench.nothing_is_written_any_more().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_made_in_the_app_becomes_a_lead_and_a_company_becomes_nothing() {
    let mut bench = conversion().await;
    bench.run().await;
    bench.sql("INSERT INTO contacts (email, last_name) VALUES ('Kim@New.com', 'Kim'); INSERT INTO companies (name, domain) VALUES ('New', 'new.com')");
    bench
        .until("a lead", |bench| bench.org(&["LastName", "Company"], "FROM Lead") == ["Kim|[not provided]"])
        .await;
    bench.look(true).await;
    assert_eq!(bench.org(&["Id"], "FROM Account"), Vec::<String>::new(), "companies created: do not sync");
    assert_eq!(bench.org(&["Id"], "FROM Contact"), Vec::<String>::new());
    let lead = bench.org(&["Id"], "FROM Lead").pop().unwrap();
    bench.delete("Lead", &lead);
    bench.look(true).await;
    assert_eq!(bench.app("SELECT id FROM contacts").len(), 1, "deletes in Salesforce do not delete");
    bench.nothing_is_written_any_more().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn activities_of_synced_people_become_engagements() {
    let mut bench = conversion().await;
    let lead = bench.insert("Lead", json!({ "LastName": "Ray", "Email": "sam@acme.com", "Company": "Acme" }));
    let without = bench.insert("Lead", json!({ "LastName": "Nobody", "Company": "No address" }));
    bench.insert("Task", json!({ "Subject": "Call Sam", "WhoId": lead, "ActivityDate": "2026-03-01" }));
    bench.insert("Task", json!({ "Subject": "Call nobody", "WhoId": without }));
    bench.insert(
        "Event",
        json!({ "Subject": "Lunch", "WhoId": lead, "StartDateTime": "2026-03-02T11:00:00Z", "DurationInMinutes": 60 }),
    );
    bench.run().await;
    bench
        .until("two engagements", |bench| {
            bench.app("SELECT type, title FROM engagements ORDER BY title")
                == ["Task|Call Sam", "Event|Lunch"]
        })
        .await;
    bench.nothing_is_written_any_more().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_accounts_of_one_domain_are_one_company() {
    let mut bench = conversion().await;
    let first = bench.insert("Account", json!({ "Name": "Acme", "Website": "acme.com" }));
    bench.insert("Account", json!({ "Name": "Acme Ltd", "Website": "http://WWW.ACME.com/" }));
    bench.run().await;
    bench.until("one company", |bench| bench.app("SELECT domain FROM companies") == ["acme.com"]).await;
    bench.update("Account", &first, json!({ "NumberOfEmployees": 77 }));
    bench.until("the latest fills it", |bench| bench.app("SELECT employees FROM companies") == ["77"]).await;
    bench.sql("UPDATE companies SET industry = 'Banking'");
    bench
        .until("both accounts have it", |bench| {
            bench.org(&["Id"], "FROM Account WHERE Industry = 'Banking'").len() == 2
        })
        .await;
    bench.nothing_is_written_any_more().await;
}
