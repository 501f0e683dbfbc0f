//! Systems that are not what the files say while the daemon runs or begins: another org, a database that is not there, a table that is gone.

use serde_json::json;
use sfsync::runtime::control::Control as _;
use sfsync::runtime::doors::Door;
use sfsync::runtime::status::{PipelineStatus, State};

use crate::harness::small::{ACCOUNTS, DEALS, Small, file_state};

const RIGHT: (&str, &str) = ("environment: sandbox", "environment: production");
const WRONG: (&str, &str) = ("environment: production", "environment: sandbox");
const ORG: &str = "connections/salesforce.yaml";

/// Why the file on disk does not run.
fn problem(status: &PipelineStatus) -> String {
    let (code, title) = status.config.problem.clone().unwrap_or_default();
    format!("{code} {title}")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_of_the_wrong_kind_is_said_at_the_start_and_nothing_of_it_is_read() {
    let rig = Small::empty(10).await;
    rig.write("accounts.yaml", ACCOUNTS);
    rig.edit_file(ORG, &[WRONG]);
    let small = Small::of(rig).await;
    let status = small.state("accounts", State::Invalid).await;
    let words = "E603: the org is production, but `environment` says sandbox";
    assert!(status.message.starts_with(words), "{}", status.message);
    let report = small.daemon.reload_now(true).await.unwrap();
    assert_eq!(file_state(&report, "salesforce.yaml"), "invalid", "asked again, it is still refused");
    small.rig.edit_file(ORG, &[RIGHT]);
    let report = small.daemon.reload_now(false).await.unwrap();
    assert_eq!(file_state(&report, "salesforce.yaml"), "taken over", "{report:?}");
    small.caught_up_once("accounts").await;
    assert!(small.number("SELECT count(*) FROM clients") > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_edited_to_the_wrong_org_changes_nothing_and_every_status_says_so() {
    let small = Small::loaded(10).await;
    small.rig.edit_file(ORG, &[WRONG]);
    small.daemon.reload_now(false).await.unwrap();
    for name in ["accounts", "deals"] {
        let status = small.status(name);
        assert!(!status.config.current && status.config.errors == 1, "{:?}", status.config);
        assert_eq!(problem(&status), "E603 the org is production, but `environment` says sandbox");
        assert_eq!(status.state, State::Running);
    }
    // Another file that is loaded meanwhile does not make the connection good.
    small.reload("deals.yaml", &DEALS.replace("reconcile: off", "reconcile: 6 hours")).await;
    assert!(!small.status("accounts").config.current);
    let id = small.insert("Account", json!({ "Name": "Meanwhile" }));
    small.becomes("accounts", &format!("SELECT count(*) FROM clients WHERE salesforce_id = '{id}'"), 1).await;
    let small = small.restart().await;
    assert!(!small.status("accounts").config.current, "also after a restart");
    small.caught_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_cannot_be_read_is_in_every_status() {
    let small = Small::loaded(10).await;
    small.reload("connections/warehouse.yaml", "type: sqlite\npath: [\n").await;
    let status = small.status("deals");
    assert!(!status.config.current && problem(&status).starts_with('E'), "{:?}", status.config);
    assert_eq!(status.state, State::Running, "the last good one goes on");
    let metrics = Door(std::sync::Arc::clone(&small.daemon)).metrics();
    let line = metrics.lines().find(|line| line.contains("last_reload") && line.contains("warehouse.yaml"));
    assert!(line.is_some_and(|line| line.ends_with(" 0") || line.ends_with(" 0.0")), "{line:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_was_not_seen_yet_is_not_guessed_at() {
    let mut rig = Small::empty(10).await;
    rig.write("accounts.yaml", ACCOUNTS);
    let folder = rig.dir.path().join("later");
    let file = folder.join("warehouse.db");
    rig.secrets.0.insert("WAREHOUSE_DB".to_owned(), file.display().to_string());
    let small = Small::of(rig).await;
    small.state("accounts", State::Blocked).await;
    std::fs::create_dir(&folder).unwrap();
    let database = rusqlite::Connection::open(&file).unwrap();
    let table = "CREATE TABLE clients (salesforce_id TEXT PRIMARY KEY, name TEXT)";
    database.execute_batch(table).unwrap();
    small.caught_up_once("accounts").await;
    let number = |sql: &str| database.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert!(number("SELECT count(*) FROM clients") > 0);
    let made: String = database
        .query_row("SELECT sql FROM sqlite_master WHERE name = 'clients'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(made, table, "somebody's table is not altered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_was_filled_is_not_made_again_empty() {
    let small = Small::loaded(10).await;
    let clients = small.number("SELECT count(*) FROM clients");
    small.rig.database().execute_batch("DROP TABLE clients").unwrap();
    let small = small.restart().await;
    let status = small.state("accounts", State::Blocked).await;
    let words = format!("table clients of warehouse is gone; {clients} records were written to it");
    assert!(status.message.starts_with(&words), "{}", status.message);
    assert!(status.message.contains("`generation: 2` in the file"), "{}", status.message);
    small.reload("accounts.yaml", &ACCOUNTS.replace("reconcile: off", "reconcile: off\ngeneration: 2")).await;
    small.state("accounts", State::Running).await;
    small.becomes("accounts", "SELECT count(*) FROM clients", clients).await;
}
