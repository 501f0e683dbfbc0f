//! What links mean may not change under them: generations, renames, files that go and come back.

use serde_json::json;
use sfsync::runtime::status::State;

use crate::harness::rig::until;
use crate::harness::small::{ACCOUNTS, DEALS, Small, codes, file_state};

#[tokio::test(flavor = "multi_thread")]
async fn what_links_mean_needs_a_new_generation() {
    let small = Small::loaded(30).await;
    let clients = small.number("SELECT count(*) FROM clients");
    for other in [
        ACCOUNTS.replace("object: Account", "object: Contact"),
        ACCOUNTS.replace("match: [salesforce_id]", "match: [name]"),
        ACCOUNTS.replace("app: warehouse.clients", "app: warehouse.others"),
    ] {
        let report = small.reload("accounts.yaml", &other).await;
        assert!(codes(&report).contains(&"E504"), "{other}\n{report:?}");
        assert!(file_state(&report, "accounts.yaml").starts_with("last good of"), "{report:?}");
        assert_eq!(small.status("accounts").state, State::Running);
    }
    // The old version goes on.
    let account = small.insert("Account", json!({ "Name": "Old version Ltd" }));
    small
        .becomes("accounts", &format!("SELECT count(*) FROM clients WHERE salesforce_id = '{account}'"), 1)
        .await;
    assert_eq!(small.number("SELECT count(*) FROM clients"), clients + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_is_guarded_too_and_over_a_restart() {
    let small = Small::loaded(30).await;
    let other = DEALS.replace("object: Opportunity", "object: Contact").replace("StageName", "Email");
    let report = small.reload("deals.yaml", &other).await;
    assert!(codes(&report).contains(&"E504"), "{report:?}");
    let small = small.restart().await;
    let status = small.state("deals", State::Running).await;
    assert!(!status.config.current);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generation_begins_anew_and_the_old_one_comes_back() {
    let small = Small::loaded(30).await;
    let links = small.status("accounts").counts.linked;
    assert!(links > 0);
    let second = ACCOUNTS.replace("match: [salesforce_id]", "generation: 2\nmatch: [name]");
    let report = small.reload("accounts.yaml", &second).await;
    assert_eq!(file_state(&report, "accounts.yaml"), "taken over", "{report:?}");
    small.caught_up().await;
    let status = small.status("accounts");
    assert_eq!(status.config.generation, 2);
    // Linked again by name: nothing was created, nothing was deleted.
    let report = small.reload("accounts.yaml", ACCOUNTS).await;
    assert_eq!(file_state(&report, "accounts.yaml"), "taken over", "{report:?}");
    let status = until(&small.daemon, "accounts", |status| {
        status.config.generation == 1 && status.state == State::Running
    })
    .await;
    assert_eq!(status.counts.linked, links, "the links of the first generation are there again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rename_moves_links_and_cursors() {
    let small = Small::loaded(30).await;
    let (read, links) = (small.totals("accounts").read, small.status("accounts").counts.linked);
    assert!(read > 0 && links > 0);
    std::fs::remove_file(small.rig.folder().join("accounts.yaml")).unwrap();
    small.rig.write("deals.yaml", &DEALS.replace("lookup: accounts", "lookup: customers"));
    let report = small.reload("customers.yaml", &format!("renamed_from: accounts\n{ACCOUNTS}")).await;
    assert!(report.diagnostics.is_empty(), "{report:?}");
    let status = small.state("customers", State::Running).await;
    assert_eq!(status.counts.linked, links);
    small.caught_up().await;
    assert_eq!(small.totals("customers").created, 0, "nothing was made again");
    // It may stay in the file.
    let small = small.restart().await;
    assert_eq!(small.state("customers", State::Running).await.counts.linked, links);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_looks_renamed_is_not_started() {
    let small = Small::loaded(30).await;
    std::fs::rename(small.rig.folder().join("deals.yaml"), small.rig.folder().join("chances.yaml")).unwrap();
    let report = small.daemon.reload_now(false).await.unwrap();
    assert_eq!(codes(&report), ["W210"], "{report:?}");
    assert_eq!(small.status("chances").state, State::Invalid);
    // Also after another look, and after a restart: only the file can say which it is.
    small.daemon.reload_now(true).await.unwrap();
    assert_eq!(small.status("chances").state, State::Invalid);
    let small = small.restart().await;
    assert_eq!(small.status("chances").state, State::Invalid);
    assert!(small.status("chances").message.contains("renamed"), "{:?}", small.status("chances"));
    let created = small.number("SELECT count(*) FROM deals");
    let report = small.reload("chances.yaml", &format!("renamed_from: deals\n{DEALS}")).await;
    assert!(report.diagnostics.is_empty(), "{report:?}");
    small.state("chances", State::Running).await;
    small.caught_up().await;
    assert_eq!(small.number("SELECT count(*) FROM deals"), created);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_comes_back_continues_where_it_was() {
    let small = Small::loaded(30).await;
    let rows = small.number("SELECT count(*) FROM deals");
    let report = small.remove("deals.yaml").await;
    assert_eq!(file_state(&report, "deals.yaml"), "removed");
    assert!(small.daemon.statuses().iter().all(|status| status.name.as_str() != "deals"));
    assert_eq!(small.number("SELECT count(*) FROM deals"), rows, "nothing is deleted");
    let (_, deal) = small.deal("Missed");
    let small = small.restart().await;
    small.reload("deals.yaml", DEALS).await;
    small.becomes("deals", &format!("SELECT count(*) FROM deals WHERE salesforce_id = '{deal}'"), 1).await;
    let totals = small.totals("deals");
    assert!(totals.created <= 2 && totals.read < 15, "it went on from its cursor: {totals:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lookup_without_its_file_goes_on_with_its_links() {
    let small = Small::loaded(30).await;
    let (account, _) = small.deal("Before");
    small
        .becomes("deals", "SELECT count(*) FROM deals WHERE name = 'Before' AND client_id IS NOT NULL", 1)
        .await;
    let report = small.remove("accounts.yaml").await;
    assert_eq!(codes(&report), ["E203"]);
    let status = small.state("deals", State::Degraded).await;
    assert!(status.message.contains("accounts"), "{status:?}");
    let fields = json!({ "Name": "Afterwards", "StageName": "Prospecting", "CloseDate": "2026-12-01", "AccountId": account });
    let deal = small.insert("Opportunity", fields);
    let linked =
        format!("SELECT count(*) FROM deals WHERE salesforce_id = '{deal}' AND client_id IS NOT NULL");
    small.becomes("deals", &linked, 1).await;
    // Over a restart, too.
    let small = small.restart().await;
    small.state("deals", State::Degraded).await;
    small.reload("accounts.yaml", ACCOUNTS).await;
    small.state("deals", State::Running).await;
}
