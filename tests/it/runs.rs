//! `sfsync run`, one pass after the other as cron makes them: the state means what it meant, and what failed is tried again.

use crate::bad_input::{accounts, output, refused, rows, said, works};
use crate::harness::rig::Rig;
use crate::harness::small::ACCOUNTS;

fn count(rig: &Rig, sql: &str) -> i64 {
    rig.database().query_row(sql, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_run_asks_before_links_mean_something_else() {
    let rig = accounts().await;
    // Linked: its rows are known by their number, which another table has for other rows.
    rig.edit_file("accounts.yaml", &[("match: [salesforce_id]", "match: [name]")]);
    works(&rig, &["run"]).await;
    let before = rows(&rig);
    rig.database()
        .execute_batch(
            "CREATE TABLE others (id INTEGER PRIMARY KEY, salesforce_id TEXT, name TEXT); \
             INSERT INTO others (name) SELECT 'precious ' || id FROM clients",
        )
        .unwrap();
    rig.edit_file("accounts.yaml", &[("warehouse.clients", "warehouse.others")]);
    refused(&rig, &["check"], &["E504", "generation: 2"]).await;
    refused(&rig, &["run", "--full"], &["accounts has errors: sfsync check accounts"]).await;
    let precious = "SELECT count(*) FROM others WHERE name LIKE 'precious%'";
    assert_eq!(count(&rig, precious), before, "no row of the other table was written over");
    rig.edit_file("accounts.yaml", &[("to_app:", "generation: 2\nto_app:")]);
    works(&rig, &["run"]).await;
    assert_eq!(count(&rig, precious), before);
    assert_eq!(count(&rig, "SELECT count(*) FROM others"), 2 * before);
    assert_eq!(rows(&rig), before);
}

#[tokio::test]
async fn a_run_takes_a_renamed_file_for_no_new_one() {
    let rig = accounts().await;
    rig.write("accounts.yaml", &ACCOUNTS.replace("match: [salesforce_id]\n", ""));
    works(&rig, &["run"]).await;
    let before = rows(&rig);
    std::fs::rename(rig.folder().join("accounts.yaml"), rig.folder().join("customers.yaml")).unwrap();
    let check = output(&rig, &["check"]).await;
    assert!(
        said(&check).contains("W210") && said(&check).contains("renamed_from: accounts"),
        "{}",
        said(&check)
    );
    refused(&rig, &["run"], &["customers has errors: sfsync check customers"]).await;
    assert_eq!(rows(&rig), before, "no record was made twice");
    rig.edit_file("customers.yaml", &[("to_app:", "renamed_from: accounts\nto_app:")]);
    works(&rig, &["run", "--full"]).await;
    assert_eq!(rows(&rig), before, "the links moved");
}

#[tokio::test]
async fn what_failed_is_told_and_tried_again_when_somebody_says_so() {
    let rig = accounts().await;
    works(&rig, &["run"]).await;
    let there = rows(&rig);
    rig.database()
        .execute_batch(
            "DELETE FROM clients; \
             CREATE TRIGGER closed BEFORE INSERT ON clients BEGIN SELECT RAISE(ABORT, 'closed today'); END",
        )
        .unwrap();
    let failed = format!("accounts  {there} records are not settled: sfsync failures list accounts");
    refused(&rig, &["run", "--full"], &[&failed]).await;
    // Nothing moved and nothing is due; what failed is not forgotten by the next run.
    refused(&rig, &["run"], &[&failed]).await;
    let list = said(&output(&rig, &["failures", "list"]).await);
    assert!(list.contains("closed today"), "{list}");
    rig.database().execute_batch("DROP TRIGGER closed").unwrap();
    let retried = said(&output(&rig, &["failures", "retry", "accounts"]).await);
    assert!(retried.contains("with the next sfsync run"), "{retried}");
    works(&rig, &["run"]).await;
    assert_eq!(rows(&rig), there);
    let list = said(&output(&rig, &["failures", "list"]).await);
    assert!(list.contains("No failures"), "{list}");
}

#[tokio::test]
async fn what_failed_is_tried_again_when_its_file_changed() {
    let rig = accounts().await;
    let good = "{ salesforce: Name, app: name }";
    rig.edit_file("accounts.yaml", &[(good, "{ app: name, to_app: 'fail(\"not yet\")' }")]);
    refused(&rig, &["run"], &["not settled"]).await;
    rig.edit_file("accounts.yaml", &[("{ app: name, to_app: 'fail(\"not yet\")' }", good)]);
    works(&rig, &["run"]).await;
    assert!(rows(&rig) > 0);
}
