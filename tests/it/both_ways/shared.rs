//! Leads and contacts share one table of people (`links: many_to_one`), as the conversion set has it.

use serde_json::json;

use super::bench::{ACCOUNTS, Bench};

const LEADS: &str = "\
salesforce: { object: Lead, poll: 1 second, exclude: [{ Email: null }, { IsConverted: true }], on_leave: stop }
app: { resource: crm.people, poll: 1 second }
to_app: [create, update]
to_salesforce: [create, update]
links: many_to_one
match: [email]
conflict: newest
reconcile: off
fields:
  - { salesforce: Email,    app: email, as: email }
  - { salesforce: LastName, app: name, to_app: true, to_salesforce: 'value ?? \"[not provided]\"' }
  - { salesforce: Title,    app: title }
  - { salesforce: Company,  const: \"[not provided]\", write: on_create }
";

const PEOPLE: &str = "\
salesforce: { object: Contact, poll: 1 second, exclude: { Email: null } }
app: { resource: crm.people, poll: 1 second }
to_app: [create, update]
to_salesforce: [update]
links: many_to_one
match: [email]
conflict: newest
reconcile: off
fields:
  - { salesforce: Email,    app: email, as: email }
  - { salesforce: LastName, app: name }
  - { salesforce: Title,    app: title }
";

const FILES: &[(&str, &str)] =
    &[("accounts.yaml", ACCOUNTS), ("leads.yaml", LEADS), ("contacts.yaml", PEOPLE)];

#[tokio::test(flavor = "multi_thread")]
async fn an_update_in_the_app_reaches_all_linked_leads_and_contacts() {
    let mut bench = Bench::new(FILES).await;
    let lead = |title: &str| json!({ "LastName": "Ray", "Email": "sam@acme.com", "Company": "Acme", "Title": title });
    bench.insert("Lead", lead("CTO"));
    bench.insert("Lead", lead("CTO"));
    bench.insert("Contact", json!({ "LastName": "Ray", "Email": "Sam@Acme.com", "Title": "CTO" }));
    bench.insert("Lead", json!({ "LastName": "No address", "Company": "Acme" }));
    bench.sql("INSERT INTO people (id, email, name) VALUES (9, 'kim@acme.com', 'Kim')");
    bench.run().await;
    bench
        .until("one person for three, a lead for the other", |bench| {
            bench.app("SELECT id FROM people").len() == 2
                && bench.org(&["Id"], "FROM Lead WHERE LastName = 'Kim'").len() == 1
        })
        .await;
    bench.is_silent("before").await;
    assert_eq!(bench.org(&["Id"], "FROM Lead").len(), 4, "{}", bench.shown());
    assert_eq!(bench.org(&["Id"], "FROM Contact").len(), 1, "{}", bench.shown());
    let mark = bench.mark();
    bench.sql("UPDATE people SET title = 'Founder' WHERE name = 'Ray'");
    bench
        .until("all three", |bench| {
            bench.org(&["Id"], "FROM Lead WHERE Title = 'Founder'").len() == 2
                && bench.org(&["Id"], "FROM Contact WHERE Title = 'Founder'").len() == 1
        })
        .await;
    assert_eq!(
        bench.written_to_org(&mark),
        ["update Contact Title", "update Lead Title", "update Lead Title"]
    );
    bench.is_silent("after").await;
    assert_eq!(
        bench.app("SELECT name, title FROM people ORDER BY name"),
        ["Kim|", "Ray|Founder"],
        "{}",
        bench.shown()
    );
}
