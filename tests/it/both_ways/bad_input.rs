//! What is wrong with the files, the app or the org of a pipeline both ways: each has its message, its class and its place, and the rest
//! flows. A linked record that vanished is among `two_way::vanished`.

use serde_json::json;
use sfsync::model::{FailureKind, Key, Side};
use sfsync::runtime::batch::FailureDetail;

use super::bench::{ACCOUNTS, Bench, CONTACTS};
use crate::doors::{settings, sfsync};

/// What a command says, and its exit code.
async fn says(bench: &Bench, arguments: &[&str]) -> (Option<i32>, String) {
    let output = sfsync(&bench.rig, arguments).output().await.unwrap();
    let text = [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat();
    (output.status.code(), text)
}

/// `check --online` shows the message as it is here; a run says that the pipeline is broken, and brings the other one's record over.
async fn is_refused(bench: &Bench, name: &str, message: &str) {
    let (code, shown) = says(bench, &["check", "--online"]).await;
    assert_eq!(code, Some(1), "{shown}");
    assert!(shown.contains(message.trim_start()), "{message}\n{shown}");
    let people = bench.app("SELECT count(*) FROM people")[0].parse::<u32>().unwrap();
    bench.insert("Contact", json!({ "LastName": name, "Email": format!("{people}@x.com") }));
    let (code, ran) = says(bench, &["run"]).await;
    assert_eq!(code, Some(1), "{ran}");
    assert!(ran.contains(&format!("{name}  not done: {name} has errors: sfsync check {name}")), "{ran}");
    let now = bench.app("SELECT count(*) FROM people")[0].parse::<u32>().unwrap();
    assert_eq!(now, people + 1, "the rest flows: {ran}");
}

/// Contacts, which are as they should be; a state of its own.
async fn contacts() -> Bench {
    let contacts = CONTACTS
        .replace("  - { salesforce: AccountId, app: customer_id, lookup: accounts, missing: empty }\n", "");
    let bench = Bench::new(&[("contacts.yaml", &contacts)]).await;
    settings(&bench.rig, &bench.rig.dir.path().join("state"));
    bench
}

#[tokio::test(flavor = "multi_thread")]
async fn deletes_without_an_upper_limit() {
    let bench = contacts().await;
    let file = ACCOUNTS.replace("to_salesforce: [create, update]", "to_salesforce: [create, update, delete]");
    bench.rig.write("accounts.yaml", &file);
    is_refused(
        &bench,
        "accounts",
        "
error[E501]: deletes need an upper limit
 --> accounts.yaml:4:33
  |
4 | to_salesforce: [create, update, delete]
  |                                 ^^^^^^ may delete Salesforce accounts
  |
  = help: max_deletes: 50      the most one run may delete; a run that wants more stops before the first
  = help: or `archive` instead of `delete`, if the records should only be marked
",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_pipelines_that_would_write_in_turn_for_ever() {
    let bench = contacts().await;
    bench.rig.write("accounts.yaml", ACCOUNTS);
    let other = "\
salesforce: { object: Account, poll: 1 second }
app: { resource: crm.customers, poll: 1 second }
to_salesforce: [update]
match: [salesforce_id]
reconcile: off
fields:
  - { salesforce: Id,   app: salesforce_id, to_salesforce: false }
  - { salesforce: Name, app: name, to_app: false }
";
    bench.rig.write("names.yaml", other);
    is_refused(
        &bench,
        "names",
        "
error[E207]: two pipelines write the same field, and each would undo the other
  --> names.yaml:8:19
   |
 8 |   - { salesforce: Name, app: name, to_app: false }
   |                   ^^^^ crm.customers.name → Account.Name
   |
  ::: accounts.yaml:10:19
   |
10 |   - { salesforce: Name,              app: name }
   |                   ---- crm.customers.name → Account.Name
   |
   = help: remove one of the two rows, or
   = help: tell the records apart with a `const` row that differs in the two files, or
   = help: if both sets of records really share one Account: `links: many_to_one` in both files (newest wins)
",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_writes_a_formula() {
    let bench = contacts().await;
    let file = ACCOUNTS
        .replace("salesforce: NumberOfEmployees, app: employees", "salesforce: Level__c, app: employees");
    bench.rig.write("accounts.yaml", &file);
    is_refused(
        &bench,
        "accounts",
        "
error[E304]: `Level__c` cannot be written: it is a formula
  --> accounts.yaml:11:19
   |
11 |   - { salesforce: Level__c, app: employees }
   |                   ^^^^^^^^ calculated by Salesforce
   |
   = help: let it flow one way:  - { salesforce: Level__c, app: employees, to_salesforce: false }
",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_a_key() {
    let bench = contacts().await;
    bench.sql("CREATE TABLE notes (name TEXT, phone TEXT, updated_at TEXT)");
    bench.rig.edit_file(
        "connections/crm.yaml",
        &[("resources:\n", "resources:\n  notes: { updated_at: updated_at }\n")],
    );
    let file = "\
salesforce: { object: Account, poll: 1 second }
app: { resource: crm.notes, poll: 1 second }
to_app: [update]
to_salesforce: [update]
match: [name]
reconcile: off
fields:
  - { salesforce: Name,  app: name }
  - { salesforce: Phone, app: phone }
";
    bench.rig.write("notes.yaml", file);
    is_refused(
        &bench,
        "notes",
        "
error[E311]: nothing identifies a row of notes
 --> notes.yaml:2:22
  |
2 | app: { resource: crm.notes, poll: 1 second }
  |                      ^^^^^ no primary key of one column
  |
  = help: name a unique column in connections/crm.yaml:  resources: { notes: { key: <a unique column> } }
",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_of_the_org_in_japanese() {
    let mut bench = Bench::new(&[("accounts.yaml", ACCOUNTS)]).await;
    bench.run().await;
    bench.sql("INSERT INTO customers (id, name) VALUES (50, 'Forbidden'), (51, 'Allowed')");
    bench
        .until("the good one", |bench| bench.org(&["Id"], "FROM Account WHERE Name = 'Allowed'").len() == 1)
        .await;
    bench.until("the failure", |bench| bench.failures().len() == 1).await;
    let failure = &bench.failures()[0];
    let detail = FailureDetail::from_text(&failure.detail);
    assert_eq!(
        (failure.code.as_str(), failure.remote.as_deref()),
        ("R211", Some("FIELD_CUSTOM_VALIDATION_EXCEPTION"))
    );
    assert_eq!(
        (&failure.kind, failure.next_try),
        (&FailureKind::Failed, None),
        "the answer would be the same"
    );
    assert_eq!(failure.source, (Side::App, Key::app("50")));
    assert_eq!((detail.title.as_str(), detail.fields), ("Forbidden", vec!["Name".to_owned()]));
    assert!(detail.message.contains("会社名を入力してください。"), "{}", detail.message);
}
