//! The set `startdeliver`: notes, comments, mails, owners, and the switches that are turned while everything runs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sfsync::runtime::status::State;

use super::bench::Bench;
use super::startdeliver::{beta, hearing, startdeliver};
use crate::harness::rig::until;

/// The time of the org.
fn at(org: &sfsync_sandbox::org::Org) -> String {
    org.clock().now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A customer that is linked; its numbers on both sides.
async fn with_customer(bench: &mut Bench) -> (String, u64) {
    let beta = bench.insert("Account", beta());
    hearing(bench).await;
    bench.until("there", |bench| bench.found("customers", "salesforce_id", beta.as_str()).is_some()).await;
    let number = bench.found("customers", "salesforce_id", beta.as_str()).unwrap()["id"].as_u64().unwrap();
    (beta, number)
}

fn note(bench: &Bench, title: &str, html: &str, on: &str) -> String {
    let note = bench.insert("ContentNote", json!({ "Title": title, "Content": STANDARD.encode(html) }));
    bench.insert(
        "ContentDocumentLink",
        json!({ "ContentDocumentId": note, "LinkedEntityId": on, "ShareType": "V" }),
    );
    note
}

/// Title, text and account of the notes in Salesforce.
fn notes(bench: &Bench) -> Vec<String> {
    let mut notes: Vec<String> = bench
        .org(&["Id", "Title"], "FROM ContentNote")
        .into_iter()
        .map(|line| {
            let (id, title) = line.split_once('|').unwrap();
            let text = bench.rig.sandbox.org().blob("ContentNote", id, "Content").unwrap();
            let links = bench.org(
                &["LinkedEntityId"],
                &format!("FROM ContentDocumentLink WHERE ContentDocumentId = '{id}'"),
            );
            let on: Vec<String> = links.into_iter().filter(|to| to.starts_with("001")).collect();
            format!("{title}|{}|{}", String::from_utf8(text).unwrap(), on.join(","))
        })
        .collect();
    notes.sort();
    notes
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_become_notes_of_the_account_at_once_and_do_not_come_back() {
    let mut bench = startdeliver().await;
    let (beta, customer) = with_customer(&mut bench).await;
    let comment = bench.put("comments", json!({ "customer_id": customer, "text": "Renewal < 30 days" }));
    let title = format!("Startdeliver comment {}", jiff::Timestamp::now().strftime("%Y-%m-%d"));
    bench
        .comes("a note", |bench| notes(bench) == [format!("{title}|<p>Renewal &lt; 30 days</p>|{beta}")])
        .await;
    bench.app.edit("comments", comment, json!({ "text": "Renewed" })).unwrap();
    bench.comes("the edit", |bench| notes(bench) == [format!("{title}|<p>Renewed</p>|{beta}")]).await;
    // Somebody else's comment is none of ours.
    bench.put("comments", json!({ "customer_id": 999, "text": "Nobody's" }));
    bench.look(&[], false).await;
    bench.look(&["notes"], true).await;
    assert_eq!(notes(&bench).len(), 1);
    assert!(
        bench.shows("interactions", &["type"]).is_empty(),
        "our own notes are no interactions: {}",
        bench.shown()
    );
    bench.nothing_is_written_any_more().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_of_accounts_become_interactions_and_each_way_has_its_switch() {
    let mut bench = startdeliver().await;
    let (owner, mail) = bench.person(0);
    bench.put("team_members", json!({ "email": mail }));
    let (beta, customer) = with_customer(&mut bench).await;
    let prospect = bench.insert("Account", json!({ "Name": "A prospect", "Type": "Prospect" }));
    let kept = note(&bench, "Kick-off", "<p>All <b>agreed</b></p>", &beta);
    note(&bench, "Elsewhere", "<p>x</p>", &prospect);
    bench.until("an interaction", |bench| bench.shows("interactions", &["type"]).len() == 1).await;
    assert_eq!(
        bench.shows("interactions", &["type", "subject", "body", "customer_id", "team_member_id"]),
        [format!("note|Kick-off|All agreed|{customer}|1")],
        "{owner}"
    );
    // Off: nothing more comes, and the other way goes on.
    bench.edit("notes.yaml", "enabled: true", "enabled: false").await;
    until(bench.daemon(), "notes", |status| status.state == State::Disabled).await;
    note(&bench, "Meanwhile", "<p>y</p>", &beta);
    bench.put("comments", json!({ "customer_id": customer, "text": "Hello" }));
    bench.comes("the comment", |bench| notes(bench).iter().any(|note| note.contains("Hello"))).await;
    assert_eq!(bench.shows("interactions", &["subject"]), ["Kick-off"]);
    // The other switch.
    bench.edit("comments.yaml", "enabled: true", "enabled: false").await;
    until(bench.daemon(), "comments", |status| status.state == State::Disabled).await;
    bench.put("comments", json!({ "customer_id": customer, "text": "Silent" }));
    // On again: what was missed comes, and what was linked is still linked.
    bench.edit("notes.yaml", "enabled: false", "enabled: true").await;
    bench
        .comes("what was missed", |bench| {
            bench.shows("interactions", &["subject"]) == ["Kick-off", "Meanwhile"]
        })
        .await;
    assert!(!notes(&bench).iter().any(|note| note.contains("Silent")));
    bench.update("ContentNote", &kept, json!({ "Content": STANDARD.encode("<p>Not yet</p>") }));
    bench
        .until("the edit", |bench| {
            bench.found("interactions", "subject", "Kick-off").unwrap()["body"] == "Not yet"
        })
        .await;
    bench.edit("comments.yaml", "enabled: false", "enabled: true").await;
    bench
        .comes("the comment of before", |bench| notes(bench).iter().any(|note| note.contains("Silent")))
        .await;
    bench.nothing_is_written_any_more().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_on_tasks_become_posts_on_the_task() {
    let mut bench = startdeliver().await;
    let (_, customer) = with_customer(&mut bench).await;
    let task = bench.put("tasks", json!({ "title": "Call", "status": "open", "customer_id": customer }));
    let strange = bench.put("tasks", json!({ "title": "Not a customer's", "status": "open" }));
    bench.comes("the task", |bench| !bench.org(&["Id"], "FROM Task WHERE Subject = 'Call'").is_empty()).await;
    let id = bench.org(&["Id"], "FROM Task WHERE Subject = 'Call'").remove(0);
    bench.put("task_comments", json!({ "task_id": task, "text": "Nobody answers" }));
    bench.put("task_comments", json!({ "task_id": strange, "text": "Not shown" }));
    let posts =
        |bench: &Bench| bench.org(&["ParentId", "Body", "Type"], "FROM FeedItem WHERE Type = 'TextPost'");
    bench.comes("a post", |bench| posts(bench) == [format!("{id}|Nobody answers|TextPost")]).await;
    bench.look(&[], true).await;
    assert_eq!(posts(&bench).len(), 1);
    bench.nothing_is_written_any_more().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_of_the_org_are_in_the_history_of_the_customer() {
    let mut bench = startdeliver().await;
    let beta = bench.insert("Account", beta());
    let mail = |subject: &str, at: &str, on: Option<&str>| json!({ "Subject": subject, "TextBody": "x".repeat(6_000), "MessageDate": at, "Status": "3", "RelatedToId": on });
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    bench.insert("EmailMessage", mail("Offer", &now, Some(&beta)));
    let org = bench.rig.sandbox.org().clone();
    org.clock().advance(jiff::SignedDuration::from_hours(-24 * 300));
    bench.insert("EmailMessage", mail("Old", &at(&org), Some(&beta)));
    org.clock().advance(jiff::SignedDuration::from_hours(24 * 300));
    bench.insert("EmailMessage", mail("Elsewhere", &now, None));
    hearing(&mut bench).await;
    bench
        .until("the mail", |bench| bench.shows("interactions", &["subject"]).contains(&"Offer".to_owned()))
        .await;
    let customer = bench.found("customers", "salesforce_id", beta.as_str()).unwrap()["id"].clone();
    let shown = bench.found("interactions", "subject", "Offer").unwrap();
    assert_eq!((&shown["type"], &shown["customer_id"]), (&json!("email"), &customer));
    assert_eq!(shown["body"].as_str().unwrap().len(), 5_000);
    assert_eq!(bench.shows("interactions", &["subject"]), ["Offer"], "six months back, of customers alone");
    bench.insert("EmailMessage", mail("Second", &now, Some(&beta)));
    bench.look(&["emails"], false).await;
    assert_eq!(bench.shows("interactions", &["subject"]), ["Offer", "Second"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_overwrite_team_members_once_the_group_is_turned_on() {
    let mut bench = startdeliver().await;
    let ((zoe, zoe_mail), (jose, jose_mail)) = (bench.person(3), bench.person(4));
    bench.put("team_members", json!({ "email": zoe_mail }));
    bench.put("team_members", json!({ "email": jose_mail }));
    let (beta, customer) = with_customer(&mut bench).await;
    bench.update("Account", &beta, json!({ "OwnerId": zoe, "Name": "One" }));
    let shown = |bench: &Bench| {
        let customer = bench.found("customers", "id", customer).unwrap();
        (customer["name"].clone(), customer["team_member_id"].clone())
    };
    bench.comes("the name", |bench| shown(bench).0 == "One").await;
    assert_eq!(shown(&bench).1, json!(null), "owners are off");
    // One word, and the tests of the file still pass.
    bench.edit("customers.yaml", "  owners: off ", "  owners: always ").await;
    bench.update("Account", &beta, json!({ "OwnerId": jose, "Name": "Two" }));
    bench.comes("the owner", |bench| shown(bench) == (json!("Two"), json!(2))).await;
    // Salesforce wins on every sync, and is never written.
    bench.app.edit("customers", customer, json!({ "team_member_id": 1 })).unwrap();
    bench.compared("the comparison repairs it", |bench| shown(bench).1 == json!(2)).await;
    assert_eq!(bench.org(&["OwnerId"], &format!("FROM Account WHERE Id = '{beta}'")), [jose]);
    bench.nothing_is_written_any_more().await;
    bench.edit("customers.yaml", "  owners: always ", "  owners: off ").await;
    bench.app.edit("customers", customer, json!({ "team_member_id": 1, "name": "Three" })).unwrap();
    bench
        .comes("the name", |bench| {
            bench.org(&["Name"], &format!("FROM Account WHERE Id = '{beta}'")) == ["Three"]
        })
        .await;
    bench.look(&[], true).await;
    assert_eq!(shown(&bench).1, json!(1), "left alone again");
}
