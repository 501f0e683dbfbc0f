//! The sign-in that three of the sets ship: an integration user opens an address in a browser, once. Everything from there on, signing out
//! and signing in again included, with the files as they are shipped.

use serde_json::json;
use sfsync::runtime::status::State;
use sfsync_sandbox::{Edition, SandboxConfig, TokensRevoked};

use crate::harness::whole::{Whole, org_of};

/// A set whose person has signed in and whose pipelines were loaded.
async fn signed_in(set: &str, config: SandboxConfig, names: &[&str]) -> Whole {
    let mut whole = Whole::with_a_person(set, config).await;
    whole.run().await;
    for name in names {
        let waits = whole.status(name, |status| status.state == State::Blocked).await;
        assert!(waits.message.contains("sfsync connect salesforce"), "{waits:?}");
    }
    let (_, connected) = whole.connect().await;
    let told = (connected.user.as_str(), connected.environment.as_str(), connected.edition.as_str());
    assert_eq!(told, ("integration@acme.example", "production", "Enterprise Edition"));
    assert!(connected.cannot_read.is_empty(), "{connected:?}");
    whole.loaded(names).await;
    // The daemon is started again: nobody has to come to the browser.
    whole.stop().await;
    whole.run().await;
    whole.loaded(names).await;
    whole
}

/// Nobody is signed in any more, and the pipelines rest.
async fn signed_out(whole: &Whole, names: &[&str]) -> usize {
    let done = whole.disconnect().await;
    assert!(done.revoked && done.left.is_empty() && done.failed.is_none(), "{done:?}");
    assert_eq!(whole.rig.sandbox.revoke_tokens(TokensRevoked::All), 0, "nothing is left to revoke");
    for name in names {
        whole.status(name, |status| status.state == State::Paused).await;
    }
    done.removed.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_integration_user_of_operating_signs_in_once_out_and_in_again() {
    let names = ["people", "clients", "projects", "deals", "budgets"];
    let mut whole = signed_in("operating", org_of("operating", 60), &names).await;
    let tokens = |whole: &Whole| whole.org("SELECT Id FROM Operating__Sync__c WHERE Token__c != null").len();
    whole.until("the setting", |whole| tokens(whole) == 1).await;
    whole.until("projects", |whole| whole.rows("SELECT count(*) FROM projects") != ["0"]).await;
    assert_eq!(signed_out(&whole, &names).await, 1);
    assert_eq!(tokens(&whole), 0);
    let before = whole.rows("SELECT count(*) FROM projects");
    let account = whole.insert("Account", json!({ "Name": "Meanwhile Ltd" }));
    whole.insert("Opportunity", json!({
        "Name": "meanwhile", "StageName": "Proposal", "Amount": 5, "CloseDate": "2026-12-24", "AccountId": account,
        "RecordTypeId": whole.record_type("New_Business"), "OwnerId": whole.user("user03"),
    }));
    whole.connect().await;
    let missed = "SELECT count(*) FROM projects WHERE name = 'meanwhile'";
    whole.until("what was missed", |whole| whole.rows(missed) == ["1"]).await;
    whole.until("the setting again", |whole| tokens(whole) == 1).await;
    let after = before[0].parse::<u32>().unwrap() + 1;
    assert_eq!(whole.rows("SELECT count(*) FROM projects"), [after.to_string()], "nothing twice");
    whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_integration_user_of_smvue_signs_in_once_out_and_in_again() {
    let names = ["team_members", "opportunities", "accounts", "leads"];
    let mut whole = signed_in("smvue", org_of("smvue", 30), &names).await;
    // A flow and a message for each of the six objects.
    let deployed = |whole: &Whole| whole.rig.sandbox.org().deployed().len() == 12;
    whole.until("the messages", deployed).await;
    assert!(signed_out(&whole, &names).await > 0);
    assert!(whole.rig.sandbox.org().deployed().is_empty());
    whole.connect().await;
    whole.loaded(&names).await;
    whole.until("the messages again", deployed).await;
    whole.status("opportunities", |status| status.push == "outbound_message").await;
    whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_integration_user_of_worksights_signs_in_once_out_and_in_again() {
    let names = ["users", "tasks", "leads"];
    let mut whole = signed_in("worksights", org_of("worksights", 0), &names).await;
    let org = whole.rig.sandbox.org().clone();
    let hears = |whole: &Whole| whole.rig.sandbox.org().selected_for_events().len() == 5;
    whole.until("the private channel", hears).await;
    assert!(org.selected_for_events().iter().all(|(channel, _)| channel == "WorkSights__chn"));
    assert_eq!(signed_out(&whole, &names).await, 1);
    assert!(org.selected_for_events().is_empty());
    let zoe = whole.user("user03");
    whole.insert("Task", json!({ "Subject": "Meanwhile", "OwnerId": zoe }));
    whole.connect().await;
    let titles = "SELECT title FROM activities WHERE kind = 'task' ORDER BY 1";
    whole.until("what was missed", |whole| whole.rows(titles) == ["Meanwhile"]).await;
    whole.until("the channel again", hears).await;
    whole.status("tasks", |status| status.push == "cdc" && status.state == State::Running).await;
    whole.insert("Task", json!({ "Subject": "And after", "OwnerId": zoe }));
    whole.until("news", |whole| whole.rows(titles) == ["And after", "Meanwhile"]).await;
    whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_edition_that_is_needed_is_told_before_the_browser_and_what_it_lacks_after_it() {
    let mut config = org_of("worksights", 0);
    config.org.edition = Edition::Professional;
    let mut whole = Whole::with_a_person("worksights", config).await;
    whole.run().await;
    whole.status("tasks", |status| status.state == State::Blocked).await;
    let (needs, connected) = whole.connect().await;
    assert_eq!(
        needs,
        [
            "Change events (push: cdc in cases, contacts, events, opportunities, tasks) need Enterprise, Performance, Unlimited or \
          Developer Edition; without them these pipelines only poll."
        ]
    );
    assert_eq!(connected.edition, "Professional Edition");
    let lacks =
        connected.news.iter().filter(|line| line.contains("Professional Edition has no Change Data Capture"));
    assert_eq!(lacks.count(), 5, "{:?}", connected.news);
    assert!(
        connected.news.iter().any(|line| line.contains("tasks would be polled every 10 minutes")),
        "{:?}",
        connected.news
    );
    let polls = "Professional Edition has no Change Data Capture. Polling every 10 minutes.";
    whole.status("tasks", |status| status.state == State::Degraded && status.message == polls).await;
    // The ten minutes go by.
    whole.insert("Task", json!({ "Subject": "Polled", "OwnerId": whole.user("user03") }));
    let titles = "SELECT title FROM activities WHERE kind = 'task'";
    whole.comes_within(11, "the poll", |whole| whole.rows(titles) == ["Polled"]).await;
    whole.stop().await;
}
