//! Whole pipelines between the simulated org and an app behind HTTP.

use axum::http::Method;
use serde_json::{Value as Json, json};
use sfsync::runtime::status::State;

use super::bench::{Bench, CONNECTION, CUSTOMERS, PEOPLE, config};
use crate::harness::app::Fault;
use crate::harness::clock::Fast;
use crate::harness::rig::until;

/// From Salesforce to the app.
const TO_APP: &str = "\
salesforce: { object: Account, poll: 1 second }
app: crm.customers
to_app: [create, update, delete]
max_deletes: 10
match: [salesforce_id, domain]
reconcile: off
fields:
  - { salesforce: Id,                app: salesforce_id }
  - { salesforce: Name,              app: name }
  - { salesforce: Website,           app: domain, as: domain }
  - { salesforce: NumberOfEmployees, app: employees }
";

/// From the app to Salesforce.
const FROM_APP: &str = "\
salesforce: { object: Account, poll: 1 second }
app: { resource: crm.customers, poll: 1 second }
to_salesforce: [create, update, delete]
max_deletes: 10
match: [domain]
reconcile: off
fields:
  - { salesforce: Name,              app: name }
  - { salesforce: Website,           app: domain, as: domain }
  - { salesforce: NumberOfEmployees, app: employees }
";

/// Both ways.
const ACCOUNTS: &str = "\
salesforce: { object: Account, poll: 1 second }
app: { resource: crm.customers, poll: 1 second }
to_app: [create, update]
to_salesforce: [create, update]
conflict: newest
match: [salesforce_id, domain]
reconcile: off
fields:
  - { salesforce: Id,                app: salesforce_id, to_salesforce: false }
  - { salesforce: Website,           app: domain, as: domain }
  - { salesforce: Name,              app: name }
  - { salesforce: NumberOfEmployees, app: employees }
  - { salesforce: Phone,             app: phone }
";

/// People: a list without change times, keys of text, nothing declared.
const CONTACTS: &str = "\
salesforce: { object: Contact, poll: 1 second }
app: { resource: crm.people, poll: 1 second }
to_app: [create, update]
to_salesforce: [create, update]
match: [email]
reconcile: off
fields:
  - { salesforce: Email,     app: email, as: email }
  - { salesforce: LastName,  app: name.last }
  - { salesforce: AccountId, app: customer_id, lookup: accounts, missing: empty }
";

fn customer(name: &str, domain: &str) -> Json {
    json!({ "name": name, "domain": domain, "employees": null, "phone": null, "salesforce_id": null, "archived": false })
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_imported_followed_and_deleted() {
    let mut bench = Bench::new(&[("accounts.yaml", TO_APP)]).await;
    let there = bench.app.put(CUSTOMERS, customer("Old name", "acme.com"));
    let acme = bench.insert(
        "Account",
        json!({ "Name": "Acme", "Website": "https://www.acme.com/about", "NumberOfEmployees": 12 }),
    );
    for at in 0..25 {
        bench.insert("Account", json!({ "Name": format!("Account {at}") }));
    }
    bench.run().await;
    bench.until("all are there", |bench| bench.app.records(CUSTOMERS).len() == 26).await;
    let found =
        bench.app.find(CUSTOMERS, "salesforce_id", acme.as_str()).expect("it was found by its domain");
    assert_eq!(
        (&found["id"], &found["name"], &found["employees"]),
        (&json!(there), &json!("Acme"), &json!(12))
    );
    bench.update("Account", &acme, json!({ "Name": "Acme Oy", "NumberOfEmployees": null }));
    bench.until("it follows", |bench| bench.app.find(CUSTOMERS, "name", "Acme Oy").is_some()).await;
    assert_eq!(bench.app.find(CUSTOMERS, "name", "Acme Oy").unwrap()["employees"], Json::Null, "cleared");
    bench.delete("Account", &acme);
    let archived =
        |bench: &Bench| bench.app.find(CUSTOMERS, "name", "Acme Oy").unwrap()["archived"] == json!(true);
    bench.until("it is gone", archived).await;
    bench.nothing_is_written_any_more().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_become_accounts_and_are_followed_and_deleted() {
    let mut bench = Bench::new(&[("accounts.yaml", FROM_APP)]).await;
    let acme = bench.insert("Account", json!({ "Name": "Acme", "Website": "acme.com" }));
    let there = bench.app.put(CUSTOMERS, customer("Acme Oy", "acme.com"));
    for at in 0..25 {
        bench.app.put(CUSTOMERS, customer(&format!("Customer {at}"), &format!("c{at}.fi")));
    }
    bench.run().await;
    bench.until("all are there", |bench| bench.org(&["Id"], "FROM Account").len() == 26).await;
    assert_eq!(
        bench.org(&["Id", "Name"], "FROM Account WHERE Website = 'acme.com'"),
        [format!("{acme}|Acme Oy")]
    );
    bench.app.edit(CUSTOMERS, there, json!({ "name": "Acme Group", "employees": 40 }));
    let follows = |bench: &Bench| {
        bench.org(&["Name", "NumberOfEmployees"], "FROM Account WHERE Website = 'acme.com'")
            == ["Acme Group|40"]
    };
    bench.until("it follows", follows).await;
    bench.app.remove(CUSTOMERS, there);
    bench.until("it is gone", |bench| bench.org(&["Id"], "FROM Account").len() == 25).await;
    bench.nothing_is_written_any_more().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_flow_into_each_other_and_echoes_are_silent() {
    let mut bench = Bench::new(&[("accounts.yaml", ACCOUNTS), ("contacts.yaml", CONTACTS)]).await;
    let acme = bench.insert("Account", json!({ "Name": "Acme", "Website": "acme.com" }));
    bench.insert("Contact", json!({ "LastName": "Lee", "Email": "Lee@Acme.com", "AccountId": acme }));
    bench.app.put(CUSTOMERS, customer("Beta", "beta.fi"));
    bench.app.put(PEOPLE, json!({ "name": { "last": "Kim" }, "email": "kim@beta.fi", "customer_id": null }));
    bench.run().await;
    let both = |bench: &Bench| {
        let ids = bench.in_app(CUSTOMERS, &["salesforce_id"]);
        ids.len() == 2
            && ids.iter().all(|id| !id.is_empty())
            && bench.app.records(PEOPLE).len() == 2
            && bench.org(&["Id"], "FROM Account").len() == 2
            && bench.org(&["Id"], "FROM Contact").len() == 2
    };
    bench.until("both have both", both).await;
    let customer = bench.app.find(CUSTOMERS, "name", "Acme").unwrap()["id"].clone();
    let linked = |bench: &Bench| {
        bench.app.find(PEOPLE, "email", "lee@acme.com").is_some_and(|lee| lee["customer_id"] == customer)
    };
    bench.until("the lookup is filled in", linked).await;
    bench.nothing_is_written_any_more().await;
    // An edit of each side at once, of different fields of one pair: both stay.
    let number = customer.as_u64().unwrap();
    bench.update("Account", &acme, json!({ "NumberOfEmployees": 7 }));
    bench.app.edit(CUSTOMERS, number, json!({ "phone": "+358 9 1234" }));
    let merged = |bench: &Bench| {
        bench.org(&["Phone", "NumberOfEmployees"], "FROM Account WHERE Name = 'Acme'") == ["+358 9 1234|7"]
            && bench.app.find(CUSTOMERS, "name", "Acme").unwrap()["employees"] == json!(7)
    };
    bench.until("both edits stay", merged).await;
    bench.nothing_is_written_any_more().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_without_change_times_is_compared_and_its_keys_of_text_are_linked() {
    let mut bench = Bench::new(&[(
        "contacts.yaml",
        &CONTACTS.replace(
            "  - { salesforce: AccountId, app: customer_id, lookup: accounts, missing: empty }\n",
            "",
        ),
    )])
    .await;
    for at in 0..20 {
        bench
            .app
            .put(PEOPLE, json!({ "name": { "last": format!("P{at}") }, "email": format!("p{at}@acme.fi") }));
    }
    bench.run().await;
    bench.until("all are there", |bench| bench.org(&["Id"], "FROM Contact").len() == 20).await;
    bench.app.edit(PEOPLE, 5, json!({ "name": { "last": "Renamed" } }));
    bench
        .until("it follows", |bench| {
            bench.org(&["Email"], "FROM Contact WHERE LastName = 'Renamed'") == ["p4@acme.fi"]
        })
        .await;
    let before = bench.writes();
    bench.look(false).await;
    assert_eq!(bench.writes(), before, "comparing writes nothing");
    let id = bench.org(&["Id"], "FROM Contact WHERE Email = 'p7@acme.fi'").remove(0);
    bench.update("Contact", &id, json!({ "LastName": "From Salesforce" }));
    let back = |bench: &Bench| {
        bench.app.find(PEOPLE, "email", "p7@acme.fi").unwrap()["name"] == json!({ "last": "From Salesforce" })
    };
    bench.until("and back", back).await;
    bench.nothing_is_written_any_more().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_list_lacks_is_no_delete_where_nothing_but_the_list_can_be_asked() {
    let file = CONTACTS
        .replace("  - { salesforce: AccountId, app: customer_id, lookup: accounts, missing: empty }\n", "")
        .replace(
            "to_salesforce: [create, update]",
            "to_salesforce: [create, update, delete]\nmax_deletes: 10",
        );
    let connection = CONNECTION.replace("path: /people\n", "path: /people\n    get: none\n");
    let mut bench = Bench::with(config(), &connection, &[("contacts.yaml", &file)]).await;
    let person = |n: u32| json!({ "name": { "last": format!("P{n}") }, "email": format!("p{n}@acme.fi") });
    let kim = bench.app.put(PEOPLE, person(1));
    bench.app.put(PEOPLE, person(2));
    bench.run().await;
    bench.until("both are there", |bench| bench.org(&["Id"], "FROM Contact").len() == 2).await;
    bench.app.remove(PEOPLE, kim);
    let id = bench.org(&["Id"], "FROM Contact WHERE Email = 'p1@acme.fi'").remove(0);
    bench.update("Contact", &id, json!({ "LastName": "Edited" }));
    let is_told = |bench: &Bench| bench.failures().iter().any(|failure| failure.code == "R306");
    bench.until("somebody is told", is_told).await;
    bench.look(true).await;
    assert_eq!(bench.org(&["Id"], "FROM Contact").len(), 2, "{}", bench.shown());
    assert_eq!(bench.app.records(PEOPLE).len(), 1, "and it is not made again");
}

#[tokio::test(flavor = "multi_thread")]
async fn creates_whose_answers_are_lost_make_no_twins() {
    let mut bench = Bench::new(&[("accounts.yaml", ACCOUNTS)]).await;
    bench.run().await;
    for (at, fault) in [Fault::LoseAnswer, Fault::DoneBut(502), Fault::DoneBut(201), Fault::LoseAnswer]
        .into_iter()
        .enumerate()
    {
        bench.app.fault(Method::POST, CUSTOMERS, fault);
        bench.insert("Account", json!({ "Name": format!("Account {at}"), "Website": if at == 3 { Json::Null } else { json!(format!("a{at}.fi")) } }));
        let linked = |bench: &Bench| {
            let names = bench.in_app(CUSTOMERS, &["name"]);
            names.contains(&format!("Account {at}")) && bench.app.faults_left() == 0
        };
        bench.until("it is there", linked).await;
        bench.again().await;
    }
    bench.look(true).await;
    bench.look(true).await;
    let mut names = bench.in_app(CUSTOMERS, &["name"]);
    names.sort();
    assert_eq!(names, ["Account 0", "Account 1", "Account 2", "Account 3"], "{}", bench.shown());
    assert_eq!(bench.org(&["Id"], "FROM Account").len(), 4);
    for at in 0..4 {
        let id = bench.org(&["Id"], &format!("FROM Account WHERE Name = 'Account {at}'")).remove(0);
        bench.update("Account", &id, json!({ "Phone": format!("{at}") }));
    }
    bench
        .until("all are linked", |bench| {
            bench.in_app(CUSTOMERS, &["phone"]).iter().all(|phone| !phone.is_empty())
        })
        .await;
    bench.nothing_is_written_any_more().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_with_a_record_stays_with_it_and_is_mended() {
    let mut bench = Bench::new(&[("accounts.yaml", TO_APP)]).await;
    for name in ["Sanctioned", "A", "B", "Late", "C", "D"] {
        bench.insert("Account", json!({ "Name": name }));
    }
    bench.run().await;
    bench.until("the others flow", |bench| bench.app.records(CUSTOMERS).len() == 4).await;
    bench.until("two are told", |bench| bench.failures().len() == 2).await;
    let said: Vec<String> =
        bench.failures().into_iter().map(|failure| format!("{} {}", failure.code, failure.detail)).collect();
    for words in ["is on the sanctions list", "seats are used up"] {
        assert!(said.iter().any(|text| text.starts_with("R241") && text.contains(words)), "{said:?}");
    }
    for id in bench.org(&["Id"], "FROM Account WHERE Name IN ('Sanctioned', 'Late')") {
        bench.update("Account", &id, json!({ "Name": "Mended" }));
    }
    bench.until("all are there", |bench| bench.app.records(CUSTOMERS).len() == 6).await;
    bench.until("all are mended", |bench| bench.failures().is_empty()).await;
    bench.nothing_is_written_any_more().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_lies_stops_the_pipeline_with_the_way_out_and_it_goes_on_by_itself() {
    let mut bench = Bench::new(&[("accounts.yaml", FROM_APP)]).await;
    bench.app.put(CUSTOMERS, customer("Acme", "acme.com"));
    bench.app.fault(Method::GET, CUSTOMERS, Fault::Says(r#"{"items": []}"#));
    bench.run().await;
    let stopped = until(bench.daemon(), "accounts", |status| status.state == State::Blocked).await;
    let shown = format!("{stopped:?}");
    assert!(shown.contains("GET /customers") && shown.contains("$.data"), "{shown}");
    assert_eq!(bench.org(&["Id"], "FROM Account").len(), 0);
    bench.until("it goes on", |bench| bench.org(&["Id"], "FROM Account").len() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_of_another_type_fails_its_record_alone() {
    let mut bench = Bench::new(&[("accounts.yaml", FROM_APP)]).await;
    bench.app.put(CUSTOMERS, json!({ "name": "Odd", "domain": "odd.fi", "employees": "plenty" }));
    bench.app.put(CUSTOMERS, customer("Even", "even.fi"));
    bench.run().await;
    bench.until("the good one", |bench| bench.org(&["Name"], "FROM Account") == ["Even"]).await;
    bench.until("the odd one is told", |bench| bench.failures().len() == 1).await;
    let failure = bench.failures().remove(0);
    assert_eq!((failure.code.as_str(), failure.source.1.as_str()), ("R406", "1"), "{}", failure.detail);
    bench.app.edit(CUSTOMERS, 1, json!({ "employees": 3 }));
    bench.until("mended", |bench| bench.org(&["Id"], "FROM Account").len() == 2).await;
    assert_eq!(bench.failures(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_and_failing_app_is_only_late() {
    let mut bench = Bench::new(&[("accounts.yaml", TO_APP)]).await;
    // The pauses of passes that fail are not waited for.
    bench.rig.clock = std::sync::Arc::new(Fast::by(20));
    for fault in [
        Fault::SlowDown(0),
        Fault::Status(503, ""),
        Fault::Status(500, "oops"),
        Fault::LoseAnswer,
        Fault::Page,
    ] {
        bench.app.fault(Method::GET, CUSTOMERS, fault.clone());
        bench.app.fault(
            Method::POST,
            CUSTOMERS,
            if matches!(fault, Fault::Page) { Fault::SlowDown(0) } else { fault },
        );
    }
    for at in 0..12 {
        bench.insert("Account", json!({ "Name": format!("Account {at}"), "Website": format!("a{at}.fi") }));
    }
    bench.run().await;
    bench.until("it has gone wrong", |bench| bench.app.faults_left() == 0).await;
    for id in bench.org(&["Id"], "FROM Account") {
        // What failed is tried again when its record changes.
        bench.update("Account", &id, json!({ "NumberOfEmployees": 3 }));
    }
    bench
        .until("all are there, once", |bench| {
            bench.app.records(CUSTOMERS).len() >= 12
                && bench.app.faults_left() == 0
                && bench.failures().is_empty()
        })
        .await;
    bench.look(true).await;
    let mut names = bench.in_app(CUSTOMERS, &["name"]);
    names.sort();
    names.dedup();
    assert_eq!((names.len(), bench.app.records(CUSTOMERS).len()), (12, 12), "{}", bench.shown());
    bench.nothing_is_written_any_more().await;
}
