//! A lead that was converted: its person goes on with the contact that it became.

use serde_json::json;
use sfsync::model::{Key, Side};
use sfsync::runtime::control::Control as _;
use sfsync::runtime::doors::Door;
use sfsync_sandbox::org::Conversion;

use super::bench::Bench;

const LEADS: &str = "\
salesforce: { object: Lead, poll: 1 hour, exclude: { IsConverted: true }, on_leave: stop }
app: { resource: crm.people, poll: 1 hour }
to_app: [create, update]
to_salesforce: [update]
links: many_to_one
match: [email]
reconcile: off
fields:
  - { salesforce: Email,    app: email, as: email }
  - { salesforce: LastName, app: name }
  - { salesforce: Title,    app: title }
";

/// No contact finds or makes a person by itself: only the link of the lead tells whom it is.
const CONTACTS: &str = "\
salesforce: { object: Contact, poll: 1 hour, include: { Department: nobody } }
app: { resource: crm.people, poll: 1 hour }
to_app: [create, update]
to_salesforce: [update]
links: many_to_one
reconcile: off
fields:
  - { salesforce: Email,    app: email, as: email }
  - { salesforce: LastName, app: name }
  - { salesforce: Title,    app: title }
";

#[tokio::test(flavor = "multi_thread")]
async fn the_person_of_a_converted_lead_goes_on_with_its_contact() {
    let mut bench = Bench::new(&[("leads.yaml", LEADS), ("persons.yaml", CONTACTS)]).await;
    let lead = |name: &str| json!({ "LastName": name, "Email": format!("{name}@acme.com"), "Company": "Acme", "Title": "CTO" });
    let ray = bench.insert("Lead", lead("Ray"));
    bench.insert("Lead", lead("Kim"));
    bench.run().await;
    bench.until("both are there", |bench| bench.app("SELECT id FROM people").len() == 2).await;
    let person = bench.app("SELECT id FROM people WHERE name = 'Ray'").remove(0);
    let door = Door(bench.supervisor());
    let wanted = Conversion { lead: ray.clone(), ..Conversion::default() };
    let contact = bench.rig.sandbox.org().convert_lead(&wanted).unwrap().contact.to_string();
    let pair = async |pipeline: &str, id: &str| {
        door.link(&pipeline.into(), Side::Salesforce, &Key::salesforce(id)).await.unwrap()
    };
    for _ in 0..3 {
        bench.look(false).await;
    }
    assert_eq!(pair("leads", &ray).await.map(|link| link.state).as_deref(), Some("gone"));
    let moved = pair("persons", &contact).await;
    assert_eq!(moved.map(|link| link.app.to_string()), Some(person.clone()), "{}", bench.shown());
    let mark = bench.mark();
    bench.sql(&format!("UPDATE people SET title = 'Founder' WHERE id = {person}"));
    bench
        .until("the contact follows the app", |bench| {
            bench.org(&["Title"], &format!("FROM Contact WHERE Id = '{contact}'")) == ["Founder"]
        })
        .await;
    assert_eq!(bench.written_to_org(&mark), ["update Contact Title"], "nobody writes the lead");
    bench.update("Contact", &contact, json!({ "Title": "CEO" }));
    bench
        .until("the app follows the contact", |bench| {
            bench.app(&format!("SELECT title FROM people WHERE id = {person}")) == ["CEO"]
        })
        .await;
    bench.look(true).await;
    assert_eq!(bench.failures(), []);
    assert_eq!(bench.app("SELECT name, title FROM people ORDER BY name"), ["Kim|CTO", "Ray|CEO"]);
}

/// Whoever hears of the contact before the lead's pipeline hears of the conversion asks whose it is: by its own values it finds nobody.
async fn a_contact_that_is_seen_first_is_no_second_person(contacts: &str) {
    // `contacts` looks before `leads`.
    let mut bench = Bench::new(&[("leads.yaml", LEADS), ("contacts.yaml", contacts)]).await;
    let lead = json!({ "LastName": "Ray", "Email": "ray@acme.com", "Company": "Acme", "Title": "CTO" });
    let ray = bench.insert("Lead", lead);
    bench.run().await;
    bench.until("the person is there", |bench| bench.app("SELECT id FROM people").len() == 1).await;
    let wanted = Conversion { lead: ray.clone(), ..Conversion::default() };
    let contact = bench.rig.sandbox.org().convert_lead(&wanted).unwrap().contact.to_string();
    bench.insert("Contact", json!({ "LastName": "Kim", "Email": "kim@acme.com", "Title": "CFO" }));
    for _ in 0..3 {
        bench.look(false).await;
    }
    let linked =
        Door(bench.supervisor()).link(&"contacts".into(), Side::Salesforce, &Key::salesforce(&contact)).await;
    assert!(linked.unwrap().is_some(), "{}", bench.shown());
    bench.update("Contact", &contact, json!({ "Title": "CEO" }));
    bench
        .until("the person follows the contact", |bench| {
            bench.app("SELECT name, title FROM people ORDER BY name") == ["Kim|CFO", "Ray|CEO"]
        })
        .await;
    bench.look(true).await;
    assert_eq!(bench.app("SELECT name, title FROM people ORDER BY name"), ["Kim|CFO", "Ray|CEO"]);
    assert_eq!(bench.failures(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_is_seen_before_its_lead_both_ways() {
    a_contact_that_is_seen_first_is_no_second_person(
        &CONTACTS.replace(", include: { Department: nobody }", ""),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_is_seen_before_its_lead_one_way() {
    let contacts =
        CONTACTS.replace(", include: { Department: nobody }", "").replace("to_salesforce: [update]\n", "");
    a_contact_that_is_seen_first_is_no_second_person(&contacts).await;
}
