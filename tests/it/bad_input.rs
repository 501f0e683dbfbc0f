//! What is wrong around sfsync, from outside: each time a message with the way out, an exit code that is not 0, and nothing lost.

use std::process::Output;

use redb::ReadableTable as _;
use sfsync::store::{Store, StoreKey};
use sfsync_sandbox::VisibilityRule;

use crate::doors::{settings, sfsync};
use crate::harness::rig::Rig;
use crate::harness::small::{ACCOUNTS, Small};

/// Accounts into a table, and a state of its own.
pub(crate) async fn accounts() -> Rig {
    let rig = Small::empty(5).await;
    rig.write("accounts.yaml", ACCOUNTS);
    settings(&rig, &rig.dir.path().join("state"));
    rig
}

pub(crate) async fn output(rig: &Rig, arguments: &[&str]) -> Output {
    sfsync(rig, arguments).output().await.unwrap()
}

pub(crate) fn said(output: &Output) -> String {
    [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat()
}

/// It fails with all of these words.
pub(crate) async fn refused(rig: &Rig, arguments: &[&str], words: &[&str]) {
    let output = output(rig, arguments).await;
    let told = said(&output);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {told}");
    for word in words {
        assert!(told.contains(word), "{arguments:?} does not say {word:?}: {told}");
    }
}

pub(crate) async fn works(rig: &Rig, arguments: &[&str]) {
    let output = output(rig, arguments).await;
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", said(&output));
}

pub(crate) fn rows(rig: &Rig) -> i64 {
    rig.database().query_row("SELECT count(*) FROM clients", [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn the_wrong_environment() {
    let rig = accounts().await;
    rig.edit_file("connections/salesforce.yaml", &[("environment: production", "environment: sandbox")]);
    let words = ["the org is production, but `environment` says sandbox", "environment: production"];
    for arguments in [&["run"][..], &["check", "--online"], &["connect", "salesforce"]] {
        refused(&rig, arguments, &words).await;
    }
    let tables: Result<i64, _> =
        rig.database().query_row("SELECT count(*) FROM clients", [], |row| row.get(0));
    assert!(tables.map_or(true, |rows| rows == 0), "nothing of the wrong org was written");
}

#[tokio::test]
async fn a_permission_that_is_missing() {
    let rig = accounts().await;
    works(&rig, &["run"]).await;
    let before = rows(&rig);
    let org = rig.sandbox.org();
    org.set_visibility(&[VisibilityRule::HideField("Account".into(), "Name".into())]);
    refused(
        &rig,
        &["check", "--online"],
        &["Account has no field `Name`", "accounts.yaml:8", "field-level security"],
    )
    .await;
    refused(&rig, &["run"], &["accounts has errors: sfsync check accounts"]).await;
    org.set_visibility(&[VisibilityRule::HideObject("Account".into())]);
    refused(
        &rig,
        &["check", "--online"],
        &["unknown object `Account`", "the integration user may not see all"],
    )
    .await;
    assert_eq!(rows(&rig), before, "what was written stays");
    org.set_visibility(&[]);
    works(&rig, &["check", "--online"]).await;
    works(&rig, &["run", "--full"]).await;
    assert_eq!(rows(&rig), before);
}

#[tokio::test]
async fn a_table_that_changed() {
    let rig = accounts().await;
    works(&rig, &["run"]).await;
    let before = rows(&rig);
    rig.edit_file("connections/warehouse.yaml", &[("create_tables: true", "create_tables: false")]);
    rig.database().execute_batch("ALTER TABLE clients RENAME COLUMN name TO title").unwrap();
    refused(&rig, &["check", "--online"], &["name", "ALTER TABLE"]).await;
    refused(&rig, &["run"], &["accounts has errors: sfsync check accounts"]).await;
    assert_eq!(rows(&rig), before);
    rig.database().execute_batch("ALTER TABLE clients RENAME COLUMN title TO name").unwrap();
    works(&rig, &["run", "--full"]).await;
    assert_eq!(rows(&rig), before);
}

#[tokio::test]
async fn a_plan_before_the_first_run_begins_no_state() {
    let rig = accounts().await;
    let plan = output(&rig, &["plan"]).await;
    assert_eq!(plan.status.code(), Some(3), "{}", said(&plan));
    assert!(said(&plan).contains("create 2"), "{}", said(&plan));
    assert!(!rig.dir.path().join("state").exists(), "a plan writes nothing");
    works(&rig, &["check", "--online"]).await;
    let file = rig.dir.path().join("warehouse.db");
    assert!(!file.exists(), "who only looks makes no database");
    works(&rig, &["run"]).await;
    assert_eq!(output(&rig, &["plan"]).await.status.code(), Some(0), "it looks at the state of the run");
}

#[tokio::test]
async fn a_second_one_on_the_same_state() {
    let rig = accounts().await;
    let holder = Store::open(&rig.dir.path().join("state"), &StoreKey::File).unwrap();
    let process = format!("in use by another sfsync (process {})", std::process::id());
    let socket = rig.dir.path().join("other.sock").display().to_string();
    refused(&rig, &["daemon", ".", "--socket", &socket], &[&process, "give this one another folder"]).await;
    refused(&rig, &["run"], &[&process, "sfsync sync <name>"]).await;
    refused(&rig, &["plan"], &[&process]).await;
    // A check needs no state of its own.
    works(&rig, &["check"]).await;
    drop(holder);
    works(&rig, &["run"]).await;
}

#[tokio::test]
async fn a_state_of_a_newer_version() {
    let rig = accounts().await;
    works(&rig, &["run"]).await;
    let file = rig.dir.path().join("state/state.redb");
    let database = redb::Database::create(&file).unwrap();
    let meta: redb::TableDefinition<'_, &str, &[u8]> = redb::TableDefinition::new("meta");
    let txn = database.begin_write().unwrap();
    txn.open_table(meta).unwrap().insert("version", 99_u32.to_be_bytes().as_slice()).unwrap();
    txn.commit().unwrap();
    drop(database);
    let words = ["has version 99, this sfsync knows versions up to", "run the newer sfsync"];
    for arguments in [&["run"][..], &["plan"], &["daemon", "."], &["connect", "salesforce"]] {
        refused(&rig, arguments, &words).await;
    }
    let database = redb::Database::create(&file).unwrap();
    let txn = database.begin_write().unwrap();
    let version = txn.open_table(meta).unwrap().get("version").unwrap().unwrap().value().to_vec();
    assert_eq!(version, 99_u32.to_be_bytes(), "the state is as the newer one left it");
}
