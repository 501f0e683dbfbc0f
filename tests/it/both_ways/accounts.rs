//! Accounts and customers, contacts and their people: the first look, edits, conflicts, deletes.

use serde_json::json;
use sfsync::model::{Key, Side};

use super::bench::{ACCOUNTS, Bench, CONTACTS};

const BOTH: &[(&str, &str)] = &[("accounts.yaml", ACCOUNTS), ("contacts.yaml", CONTACTS)];

#[tokio::test(flavor = "multi_thread")]
async fn records_of_both_sides_meet_by_domain_and_the_rest_is_created_on_the_other() {
    let mut bench = Bench::new(BOTH).await;
    let acme = bench.insert("Account", json!({ "Name": "Acme", "Website": "https://www.acme.com/about" }));
    let globex = bench.insert("Account", json!({ "Name": "Globex", "NumberOfEmployees": 12 }));
    bench.insert("Contact", json!({ "LastName": "Ann", "Email": "ann@acme.com", "AccountId": acme }));
    bench.sql("INSERT INTO customers (id, domain, name, phone) VALUES (1, 'acme.com', 'Acme', '123'), (2, 'initech.com', 'Initech', '7')");
    bench.sql("INSERT INTO people (id, email, name, customer_id) VALUES (5, 'bob@initech.com', 'Bob', 2)");
    bench.run().await;
    bench
        .until("all are there", |bench| {
            bench.app("SELECT id FROM people WHERE customer_id IS NOT NULL").len() == 2
                && bench.org(&["Id"], "FROM Contact WHERE AccountId != null").len() == 2
                && bench.app("SELECT id FROM customers WHERE salesforce_id IS NOT NULL").len() == 3
        })
        .await;
    assert_eq!(
        bench.app("SELECT name, domain, phone FROM customers ORDER BY id"),
        ["Acme|acme.com|123", "Initech|initech.com|7", "Globex||"],
        "{}",
        bench.shown()
    );
    assert_eq!(bench.app("SELECT salesforce_id FROM customers WHERE id = 1"), [acme.as_str()]);
    assert_eq!(
        bench.app("SELECT salesforce_id, employees FROM customers WHERE id = 3"),
        [format!("{globex}|12")]
    );
    // What means the same stays as it is written.
    assert_eq!(
        bench.org(&["Name", "Website", "Phone"], "FROM Account ORDER BY Name"),
        ["Acme|https://www.acme.com/about|123", "Globex||", "Initech|initech.com|7"]
    );
    assert_eq!(
        bench.app("SELECT email, customer_id FROM people ORDER BY email"),
        ["ann@acme.com|1", "bob@initech.com|2"]
    );
    let initech = bench.org(&["Id"], "FROM Account WHERE Name = 'Initech'");
    assert_eq!(bench.org(&["AccountId"], "FROM Contact WHERE LastName = 'Bob'"), initech);
    assert_eq!(bench.failures(), []);
    bench.is_silent("at the end").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_of_both_sides_converge_with_one_write_each_and_fall_silent() {
    let mut bench = Bench::new(BOTH).await;
    let acme = bench.insert("Account", json!({ "Name": "Acme", "Website": "acme.com", "Phone": "1" }));
    let globex = bench.insert("Account", json!({ "Name": "Globex", "Phone": "1" }));
    bench.run().await;
    bench.until("both", |bench| bench.app("SELECT id FROM customers").len() == 2).await;
    bench.is_silent("before").await;
    let mark = bench.mark();
    bench.update("Account", &acme, json!({ "Name": "Acme Inc" }));
    bench.sql(&format!("UPDATE customers SET employees = 40 WHERE salesforce_id = '{acme}'"));
    // Both change one field: the row says `conflict: app`.
    bench.update("Account", &globex, json!({ "Phone": "from salesforce" }));
    bench.sql(&format!("UPDATE customers SET phone = 'from the app' WHERE salesforce_id = '{globex}'"));
    bench
        .until("both changes", |bench| {
            bench.app(&format!("SELECT name FROM customers WHERE salesforce_id = '{acme}'")) == ["Acme Inc"]
                && bench.org(&["NumberOfEmployees"], &format!("FROM Account WHERE Id = '{acme}'")) == ["40"]
                && bench.org(&["Phone"], &format!("FROM Account WHERE Id = '{globex}'")) == ["from the app"]
        })
        .await;
    assert_eq!(
        bench.app(&format!("SELECT phone FROM customers WHERE salesforce_id = '{globex}'")),
        ["from the app"],
        "{}",
        bench.shown()
    );
    assert_eq!(bench.written_to_org(&mark), ["update Account NumberOfEmployees", "update Account Phone"]);
    assert_eq!(
        bench.written_to_app(&mark).len(),
        3,
        "two edits and a name: {:?}",
        bench.written_to_app(&mark)
    );
    bench.is_silent("after").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_the_app_finds_the_account_whose_website_is_spelled_otherwise() {
    // Accounts make no customers here: it is the customer that has to find its account.
    let files = [("accounts.yaml", &*ACCOUNTS.replace("to_app: [create, update]", "to_app: [update]"))];
    let mut bench = Bench::new(&files).await;
    let acme = bench.insert("Account", json!({ "Name": "Acme", "Website": "https://www.acme.com/about" }));
    bench.insert("Account", json!({ "Name": "Other", "Website": "https://notacme.com" }));
    let twins: Vec<String> = ["http://globex.com", "www.globex.com/de"]
        .iter()
        .map(|site| bench.insert("Account", json!({ "Name": "Globex", "Website": site })))
        .collect();
    bench.run().await;
    bench.look(false).await;
    bench.sql("INSERT INTO customers (id, domain, name, phone) VALUES (1, 'acme.com', 'Acme', '123'), (2, 'globex.com', 'Globex', '7')");
    bench
        .until("it is linked", |bench| {
            bench.app("SELECT salesforce_id FROM customers WHERE id = 1") == [acme.as_str()]
                && bench.failures().iter().any(|one| one.code == "R301")
        })
        .await;
    assert_eq!(bench.org(&["Id"], "FROM Account").len(), 4, "no twin: {}", bench.shown());
    assert_eq!(
        bench.org(&["Website", "Phone"], &format!("FROM Account WHERE Id = '{acme}'")),
        ["https://www.acme.com/about|123"],
        "the same domain is no difference"
    );
    let held = bench.failures().into_iter().find(|one| one.code == "R301").expect("several accounts match");
    assert_eq!(held.source, (Side::App, Key::app("2")));
    assert!(twins.iter().all(|id| held.detail.contains(id)), "{}", held.detail);
    assert_eq!(bench.app("SELECT salesforce_id FROM customers WHERE id = 2"), [""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_that_is_not_listed_revives_nothing() {
    let mut bench = Bench::new(&BOTH[..1]).await;
    let acme = bench.insert("Account", json!({ "Name": "Acme" }));
    let globex = bench.insert("Account", json!({ "Name": "Globex" }));
    bench.run().await;
    bench.until("both", |bench| bench.app("SELECT id FROM customers").len() == 2).await;
    bench.sql(&format!("DELETE FROM customers WHERE salesforce_id = '{acme}'"));
    bench.rig.sandbox.org().delete("Account", &globex).unwrap();
    bench.look(true).await;
    bench.is_silent("between").await;
    let mark = bench.mark();
    bench.update("Account", &acme, json!({ "Name": "Acme Inc" }));
    bench.sql(&format!("UPDATE customers SET name = 'Globex Inc' WHERE salesforce_id = '{globex}'"));
    bench.look(false).await;
    bench.is_silent("at the end").await;
    assert_eq!(bench.app(&format!("SELECT id FROM customers WHERE salesforce_id = '{acme}'")).len(), 0);
    assert_eq!(bench.org(&["Name"], "FROM Account WHERE Name LIKE 'Globex%'").len(), 0, "{}", bench.shown());
    assert_eq!(
        bench.written_to_org(&mark).len(),
        1,
        "the last record alone: {:?}",
        bench.written_to_org(&mark)
    );
}
