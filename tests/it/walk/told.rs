//! What people are told while a set runs, where its settings say: what is blocked, held or waits for an approval, each thing once, and many
//! things in one letter. That failed records, sign-outs and features without a slot are told is in `http_sets/told.rs`, the budget in `smvue.rs`.

use serde_json::json;
use sfsync::model::PipelineName;
use sfsync::runtime::control::Control as _;
use sfsync::runtime::status::State;
use sfsync::runtime::task::Command;
use sfsync_sandbox::VisibilityRule;

use crate::harness::whole::{Whole, org_of};

/// Letters in which something of a kind is told.
fn letters(whole: &Whole, kind: &str) -> Vec<Vec<[String; 3]>> {
    let of_kind = |letter: &Vec<[String; 3]>| letter.iter().any(|[of, _, _]| of == kind);
    whole.told().into_iter().filter(of_kind).collect()
}

/// The pipelines of which something of a kind was told, each as often as it was.
fn told_of(whole: &Whole, kind: &str) -> Vec<String> {
    let all = whole.told().into_iter().flatten();
    let mut names: Vec<String> =
        all.filter(|[of, _, _]| of == kind).map(|[_, pipeline, _]| pipeline).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelines_that_are_blocked_are_told_together_and_so_is_their_end() {
    const BLOCKED: [&str; 4] = ["account_collaborators", "deal_collaborators", "emails", "lead_history"];
    let objects = ["AccountTeamMember", "OpportunityTeamMember", "EmailMessage", "LeadHistory"];
    let mut whole = Whole::of("smvue", org_of("smvue", 0)).await;
    let hidden = objects.map(|name| VisibilityRule::HideObject(name.to_owned()));
    whole.rig.sandbox.org().set_visibility(&hidden);
    whole.run().await;
    for name in BLOCKED {
        whole.status(name, |status| status.state == State::Blocked).await;
    }
    // What is told at once shows that the others were seen and wait.
    whole.door().pause(&PipelineName::from("leads"), "kim").await.unwrap();
    whole.told_in_time("the pause", |whole| told_of(whole, "paused") == ["leads"]).await;
    whole.told_in_time("all of them", |whole| told_of(whole, "blocked") == BLOCKED).await;
    assert!(letters(&whole, "blocked").len() < BLOCKED.len(), "{:?}", whole.told());
    whole.rig.sandbox.org().set_visibility(&[]);
    whole.daemon().reload_now(true).await.unwrap();
    whole.loaded(&BLOCKED).await;
    whole.told_in_time("the end", |whole| told_of(whole, "recovered") == BLOCKED).await;
    assert_eq!(told_of(&whole, "blocked"), BLOCKED, "each once");
    whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_are_held_are_counted_in_one_notice() {
    let mut whole = Whole::of("operating", org_of("operating", 0)).await;
    // Accounts that nobody can tell apart, before anything runs: one becomes the client, the others are held.
    for at in 0..12 {
        let account = whole.insert("Account", json!({ "Name": "twin" }));
        whole.insert("Opportunity", json!({
            "Name": format!("deal {at}"), "StageName": "Proposal", "Amount": 5, "CloseDate": "2026-12-24", "AccountId": account,
            "RecordTypeId": whole.record_type("New_Business"), "OwnerId": whole.user("user03"),
        }));
    }
    whole.run().await;
    let held = whole.status("clients", |status| status.counts.held == 11).await;
    assert_eq!(held.state, State::Running);
    whole.told_in_time("held", |whole| told_of(whole, "held") == ["clients"]).await;
    let letter = letters(&whole, "held").remove(0);
    let [_, _, text] = letter.iter().find(|[kind, ..]| kind == "held").unwrap();
    assert!(text.contains(" records wait for a decision: sfsync failures list clients"), "{letter:?}");
    let said = serde_json::to_string(&whole.notices.records("notices").unwrap()).unwrap();
    assert!(!said.contains("twin"), "no value of a record is told: {said}");
    whole.look(&["clients", "projects"]).await;
    assert_eq!(told_of(&whole, "held"), ["clients"], "not one for each record");
    whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mass_delete_asks_for_an_approval_and_is_told_once() {
    let mut whole = Whole::of("conversion", org_of("conversion", 0)).await;
    let deletes = "max_deletes: 3\nto_salesforce: [create, update, delete]";
    whole.rig.edit_file("leads.yaml", &[("to_salesforce: [create, update]  ", deletes)]);
    for at in 0..8 {
        let email = format!("p{at}@acme.com");
        whole.insert("Lead", json!({ "LastName": format!("Ray {at}"), "Company": "Acme", "Email": email }));
    }
    whole.run().await;
    whole.status("leads", |status| status.counts.linked == 8).await;
    // All of them at once, while nobody listens to the calls of the app.
    whole.stop().await;
    whole.app().lose_calls(8);
    for record in whole.app().records("contacts").unwrap() {
        let number = record["id"].as_str().unwrap().trim_start_matches('r').parse().unwrap();
        whole.app().remove("contacts", number).unwrap();
    }
    whole.run().await;
    whole.daemon().command(&PipelineName::from("leads"), Command::Sync { full: true }).await;
    whole.status("leads", |status| status.state == State::Approval).await;
    whole.told_in_time("approval", |whole| told_of(whole, "approval") == ["leads"]).await;
    let letter = letters(&whole, "approval").remove(0);
    assert!(letter.iter().any(|[_, _, text]| text.contains("max_deletes")), "{letter:?}");
    assert_eq!(whole.org("SELECT Id FROM Lead").len(), 8, "it waits for a person");
    whole.door().approve(&PipelineName::from("leads")).await.unwrap();
    whole.until("they are deleted", |whole| whole.org("SELECT Id FROM Lead").is_empty()).await;
    whole.told_in_time("the end", |whole| told_of(whole, "recovered").contains(&"leads".to_owned())).await;
    assert_eq!(told_of(&whole, "approval"), ["leads"]);
    whole.stop().await;
}
