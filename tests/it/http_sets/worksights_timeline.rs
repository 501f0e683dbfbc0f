//! The set `worksights`: what of a person's work is on the timeline, and how far back.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use serde_json::json;
use sfsync_sandbox::{Fault, FaultKind};

use super::bench::Bench;
use super::worksights::{linked, set, timeline};

#[tokio::test(flavor = "multi_thread")]
async fn notes_mails_comments_updates_accounts_leads_and_contacts_are_on_the_timeline() {
    let mut bench = Bench::new(set()).await;
    let (zoe, _) = linked(&bench).await;
    let integration = bench.org(&["Id"], "FROM User WHERE Username = 'integration@acme.example'").remove(0);
    // What has no owner of its own is by whoever wrote it: here the user of the org's side.
    let mail = bench.org(&["Email"], &format!("FROM User WHERE Id = '{integration}'")).remove(0);
    let me = bench.put("users", json!({ "email": mail }));
    bench.loaded().await;
    let acme = bench.insert("Account", json!({ "Name": "Acme", "Industry": "Banking" }));
    bench.insert(
        "Contact",
        json!({ "LastName": "Lee", "FirstName": "Kim", "Title": "CEO", "AccountId": acme }),
    );
    bench.insert(
        "Lead",
        json!({ "LastName": "Ray", "Company": "Beta", "Status": "Open - Not Contacted", "OwnerId": zoe }),
    );
    let case = bench.insert("Case", json!({ "Subject": "It is broken", "Status": "New", "OwnerId": zoe }));
    bench.insert("CaseComment", json!({ "ParentId": case, "CommentBody": "Looking at it" }));
    bench.insert("EmailMessage", json!({
        "Subject": "Offer", "TextBody": "x".repeat(3_000), "MessageDate": now(&bench), "Status": "3", "RelatedToId": acme,
    }));
    bench.insert(
        "FeedItem",
        json!({ "ParentId": acme, "Body": "<p>Big <b>news</b></p>", "Type": "TextPost", "IsRichText": true }),
    );
    bench.look(&[], false).await;
    // Notes hang on what is on the timeline already.
    note(&bench, "Kick-off", "<p>All <b>agreed</b> &amp; signed</p>", &acme);
    note(&bench, "Nowhere", "<p>private</p>", "");
    bench
        .until("all of it", |bench| {
            timeline(bench, "note").len() == 1 && timeline(bench, "update").len() == 1
        })
        .await;
    assert_eq!(timeline(&bench, "note"), ["Kick-off|All agreed & signed"]);
    assert_eq!(timeline(&bench, "account"), ["Acme|Banking"]);
    assert_eq!(timeline(&bench, "contact"), ["Kim Lee|CEO"]);
    assert_eq!(timeline(&bench, "lead"), ["Ray|Open - Not Contacted"]);
    assert_eq!(timeline(&bench, "update"), ["Posted an update|Big news"]);
    let number = bench.org(&["CaseNumber"], "FROM Case").remove(0);
    assert_eq!(timeline(&bench, "comment"), [format!("{number}|Looking at it")]);
    let mail = bench.found("activities", "kind", "email").unwrap();
    assert_eq!(
        (mail["title"].clone(), mail["detail"].as_str().unwrap().chars().count()),
        (json!("Offer"), 2_000)
    );
    let note = bench.found("activities", "kind", "note").unwrap();
    let account = bench.found("activities", "kind", "account").unwrap();
    assert_eq!((&note["record_id"], &note["user_id"]), (&json!(account["id"].to_string()), &json!(me)));
    // A note is edited, and a comment.
    let id = note["source_id"].as_str().unwrap().to_owned();
    bench.update("ContentNote", &id, json!({ "Content": STANDARD.encode("<p>Not yet</p>") }));
    bench.until("the edit", |bench| timeline(bench, "note") == ["Kick-off|Not yet"]).await;
    bench.nothing_is_written_any_more().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn field_histories_are_swept_and_begin_thirty_days_back() {
    let mut bench = Bench::new(set()).await;
    let (zoe, _) = linked(&bench).await;
    let mail = bench.org(&["Email"], "FROM User WHERE Username = 'integration@acme.example'").remove(0);
    bench.put("users", json!({ "email": mail }));
    let clock = bench.rig.sandbox.org().clone();
    let ago = |days: i64| clock.clock().advance(SignedDuration::from_hours(-24 * days));
    let deal =
        json!({ "Name": "Acme", "StageName": "Prospecting", "CloseDate": "2027-05-01", "OwnerId": zoe });
    ago(40);
    let deal = bench.insert("Opportunity", deal);
    let case = bench.insert("Case", json!({ "Subject": "Broken", "Status": "New", "OwnerId": zoe }));
    bench.update("Opportunity", &deal, json!({ "StageName": "Qualification" }));
    bench.insert("Task", json!({ "Subject": "Old", "OwnerId": zoe }));
    ago(-20);
    bench.update("Opportunity", &deal, json!({ "StageName": "Needs Analysis" }));
    bench.update("Case", &case, json!({ "Status": "Working" }));
    bench.insert("Task", json!({ "Subject": "Young", "OwnerId": zoe }));
    ago(-20);
    bench.loaded().await;
    bench
        .until("the younger change", |bench| {
            timeline(bench, "opportunity_change")
                .contains(&"StageName|Qualification → Needs Analysis".to_owned())
                && timeline(bench, "case_change").contains(&"Status|New → Working".to_owned())
        })
        .await;
    assert_eq!(
        timeline(&bench, "opportunity_change"),
        ["Probability|10 → 20", "StageName|Qualification → Needs Analysis"],
        "nothing of forty days ago"
    );
    assert_eq!(timeline(&bench, "task"), ["Young|"]);
    // From now on every sweep brings what changed since the last one.
    bench.update("Opportunity", &deal, json!({ "Amount": 5 }));
    bench.look(&["opportunity_history"], false).await;
    assert!(
        timeline(&bench, "opportunity_change").contains(&"Amount|(empty) → 5".to_owned()),
        "{:?}",
        timeline(&bench, "opportunity_change")
    );
    bench.nothing_is_written_any_more().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_ends_late_is_not_swept_over() {
    let mut bench = Bench::new(set()).await;
    let (zoe, _) = linked(&bench).await;
    bench.loaded().await;
    bench.insert("Lead", json!({ "LastName": "Early", "Company": "Acme", "OwnerId": zoe }));
    // Stamped before the sweep asks, and there only after it was answered.
    let fields = json!({ "LastName": "Late", "Company": "Acme", "OwnerId": zoe });
    let fields = fields.as_object().unwrap().clone();
    let late = FaultKind::LateCommit { object: "Lead".into(), id: None, fields };
    bench.rig.sandbox.faults().add(Fault::new(late).once());
    bench.look(&["leads"], false).await;
    assert_eq!(timeline(&bench, "lead").len(), 1, "the sweep could not see it");
    bench.look(&["leads"], false).await;
    assert_eq!(timeline(&bench, "lead").len(), 2, "{}", bench.shown());
}

fn now(bench: &Bench) -> String {
    bench.rig.sandbox.org().clock().now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn note(bench: &Bench, title: &str, html: &str, on: &str) {
    let note = bench.insert("ContentNote", json!({ "Title": title, "Content": STANDARD.encode(html) }));
    if !on.is_empty() {
        bench.insert(
            "ContentDocumentLink",
            json!({ "ContentDocumentId": note, "LinkedEntityId": on, "ShareType": "V" }),
        );
    }
}
