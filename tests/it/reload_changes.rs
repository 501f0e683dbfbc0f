//! The table of section 8 of the language, row by row: what a changed key does, and when.

use serde_json::json;
use sfsync::runtime::status::State;

use crate::harness::rig::until;
use crate::harness::small::{ACCOUNTS, DEALS, Small, file_state};

fn with_line(line: &str) -> String {
    DEALS.replace("reconcile: off\n", &format!("reconcile: off\n{line}\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_act_at_once_do_not_load_again() {
    let small = Small::loaded(40).await;
    let before = small.totals("deals");
    for line in
        ["description: Deals.", "retries: 3", "max_changes: 5", "reconcile: 6 hours", "pause_after: 7"]
    {
        let text = if line.starts_with("reconcile") {
            DEALS.replace("reconcile: off", line)
        } else {
            with_line(line)
        };
        let report = small.reload("deals.yaml", &text).await;
        assert_eq!(file_state(&report, "deals.yaml"), "taken over", "{line}: {report:?}");
        small.state("deals", State::Running).await;
    }
    small.caught_up().await;
    let after = small.totals("deals");
    assert_eq!((after.created, after.updated), (before.created, before.updated), "{after:?}");
    assert_eq!(small.daemon.plan(&"deals".into()).await.unwrap().pause_after, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_row_leaves_its_values() {
    let small = Small::loaded(30).await;
    let (_, deal) = small.deal("Kept");
    let stage =
        format!("SELECT count(*) FROM deals WHERE salesforce_id = '{deal}' AND stage = 'Prospecting'");
    small.becomes("deals", &stage, 1).await;
    let text = DEALS.replace("  - { salesforce: StageName, app: stage }\n", "");
    assert_eq!(file_state(&small.reload("deals.yaml", &text).await, "deals.yaml"), "taken over");
    small.update("Opportunity", &deal, json!({ "Name": "Kept too", "StageName": "Qualification" }));
    small
        .becomes(
            "deals",
            &format!("SELECT count(*) FROM deals WHERE salesforce_id = '{deal}' AND name = 'Kept too'"),
            1,
        )
        .await;
    assert_eq!(small.number(&stage), 1, "the value stays where it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_row_acts_from_the_next_record_and_at_the_next_reconciliation() {
    let small = Small::loaded(30).await;
    let (_, deal) = small.deal("Later");
    small.becomes("deals", &format!("SELECT count(*) FROM deals WHERE salesforce_id = '{deal}'"), 1).await;
    let rows = small.number("SELECT count(*) FROM deals");
    small.reload("deals.yaml", &DEALS.replace("app: name }", "app: name, to_app: 'upper(value)' }")).await;
    small.caught_up().await;
    let shouted = "SELECT count(*) FROM deals WHERE name = upper(name) AND name <> lower(name)";
    let before = small.number(shouted);
    small.update("Opportunity", &deal, json!({ "StageName": "Qualification" }));
    small
        .becomes(
            "deals",
            &format!("SELECT count(*) FROM deals WHERE salesforce_id = '{deal}' AND name = 'LATER'"),
            1,
        )
        .await;
    assert!(small.number(shouted) <= before + 3, "a reload rewrites nothing by itself");
    small.full("deals").await;
    let quiet = "SELECT count(*) FROM deals WHERE name <> upper(name) AND name NOT GLOB '*[^ -~]*'";
    small.becomes("deals", quiet, 0).await;
    assert_eq!(small.number("SELECT count(*) FROM deals"), rows);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_is_switched_off_stops_writing() {
    let small = Small::loaded(20).await;
    let grouped = |policy: &str| {
        with_line(&format!("groups: {{ progress: {policy} }}"))
            .replace("app: stage }", "app: stage, group: progress }")
    };
    small.reload("deals.yaml", &grouped("always")).await;
    let (_, deal) = small.deal("Grouped");
    let stage = |stage: &str| {
        format!("SELECT count(*) FROM deals WHERE salesforce_id = '{deal}' AND stage = '{stage}'")
    };
    small.becomes("deals", &stage("Prospecting"), 1).await;
    assert_eq!(file_state(&small.reload("deals.yaml", &grouped("off")).await, "deals.yaml"), "taken over");
    small.update("Opportunity", &deal, json!({ "Name": "Grouped now", "StageName": "Qualification" }));
    small
        .becomes(
            "deals",
            &format!("SELECT count(*) FROM deals WHERE salesforce_id = '{deal}' AND name = 'Grouped now'"),
            1,
        )
        .await;
    assert_eq!(small.number(&stage("Prospecting")), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_acts_from_the_next_record() {
    let small = Small::loaded(20).await;
    let text =
        DEALS.replace("object: Opportunity,", "object: Opportunity, filter: 'record.Name != \"Secret\"',");
    let report = small.reload("deals.yaml", &text).await;
    assert_eq!(file_state(&report, "deals.yaml"), "taken over", "{report:?}");
    let (_, secret) = small.deal("Secret");
    let (_, open) = small.deal("Open");
    small.becomes("deals", &format!("SELECT count(*) FROM deals WHERE salesforce_id = '{open}'"), 1).await;
    assert_eq!(small.number(&format!("SELECT count(*) FROM deals WHERE salesforce_id = '{secret}'")), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_is_removed_is_not_performed_any_more() {
    let small = Small::loaded(20).await;
    let report =
        small.reload("deals.yaml", &DEALS.replace("to_app: [create, update]", "to_app: [update]")).await;
    assert_eq!(file_state(&report, "deals.yaml"), "taken over", "{report:?}");
    let rows = small.number("SELECT count(*) FROM deals");
    let known = small.text("SELECT salesforce_id FROM deals LIMIT 1").unwrap();
    let (_, deal) = small.deal("Not created");
    small.update("Opportunity", &known, json!({ "Name": "Still updated" }));
    small.becomes("deals", "SELECT count(*) FROM deals WHERE name = 'Still updated'", 1).await;
    small.caught_up().await;
    assert_eq!(small.number("SELECT count(*) FROM deals"), rows, "{deal} must not be there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_row_fills_its_column_and_edits_survive_rows_that_move() {
    let small = Small::loaded(20).await;
    let edited = DEALS.replace("app: stage }", "app: stage, write: unless_edited }");
    assert_eq!(file_state(&small.reload("deals.yaml", &edited).await, "deals.yaml"), "taken over");
    let (_, deal) = small.deal("Edited");
    small.becomes("deals", &format!("SELECT count(*) FROM deals WHERE salesforce_id = '{deal}'"), 1).await;
    small
        .rig
        .database()
        .execute("UPDATE deals SET stage = 'by hand' WHERE salesforce_id = ?1", [&deal])
        .unwrap();
    // The rows change places, and one is new.
    let moved = edited.replace(
        "  - { salesforce: Name,      app: name }\n",
        "  - { salesforce: Probability, app: chance }\n",
    );
    let moved = format!("{moved}  - {{ salesforce: Name,      app: name }}\n");
    let report = small.reload("deals.yaml", &moved).await;
    assert_eq!(file_state(&report, "deals.yaml"), "taken over", "{report:?}");
    small.state("deals", State::Running).await;
    small.full("deals").await;
    small.becomes("deals", "SELECT count(*) FROM deals WHERE chance IS NULL", 0).await;
    small.update("Opportunity", &deal, json!({ "Name": "Edited twice", "StageName": "Qualification" }));
    small
        .becomes(
            "deals",
            &format!("SELECT count(*) FROM deals WHERE salesforce_id = '{deal}' AND name = 'Edited twice'"),
            1,
        )
        .await;
    let stage = small.text(&format!("SELECT stage FROM deals WHERE salesforce_id = '{deal}'"));
    assert_eq!(stage.as_deref(), Some("by hand"), "what somebody wrote there stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_pipeline_stops_and_keeps_its_state() {
    let small = Small::loaded(20).await;
    let links = small.status("deals").counts.linked;
    small.reload("deals.yaml", &with_line("enabled: false")).await;
    small.state("deals", State::Disabled).await;
    let (_, deal) = small.deal("While it rested");
    let small = small.restart().await;
    small.state("deals", State::Disabled).await;
    small.reload("deals.yaml", DEALS).await;
    small.becomes("deals", &format!("SELECT count(*) FROM deals WHERE salesforce_id = '{deal}'"), 1).await;
    assert!(small.status("deals").counts.linked >= links);
    assert!(small.totals("deals").created <= 2, "it went on from its cursor");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_connection_goes_on_from_the_cursor() {
    let small = Small::loaded(30).await;
    let before = small.totals("deals");
    let path = small.rig.folder().join("connections/salesforce.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let report = small.reload("connections/salesforce.yaml", &format!("{text}concurrency: 2\n")).await;
    assert_eq!(file_state(&report, "salesforce.yaml"), "taken over", "{report:?}");
    until(&small.daemon, "deals", |status| status.state == State::Running).await;
    let (_, deal) = small.deal("Over the new connection");
    small.becomes("deals", &format!("SELECT count(*) FROM deals WHERE salesforce_id = '{deal}'"), 1).await;
    let after = small.totals("deals");
    assert!(after.created <= before.created + 2, "{after:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_tried_again_with_the_edited_file() {
    let rig = Small::empty(10).await;
    let row = "{ salesforce: Name, app: name }";
    rig.write("accounts.yaml", &ACCOUNTS.replace(row, "{ app: name, to_app: 'fail(\"not yet\")' }"));
    let small = Small::of(rig).await;
    let failed = until(&small.daemon, "accounts", |status| status.counts.failed > 0).await.counts.failed;
    assert_eq!(small.number("SELECT count(*) FROM clients"), 0);
    small.reload("accounts.yaml", ACCOUNTS).await;
    until(&small.daemon, "accounts", |status| status.counts.failed == 0).await;
    assert_eq!(small.number("SELECT count(*) FROM clients"), i64::try_from(failed).unwrap());
}
