//! The set `worksights`: who is shown, what comes at once, what comes with the sweep, and what can never happen.

use serde_json::{Value as Json, json};
use sfsync::runtime::control::Control as _;
use sfsync::runtime::status::State;
use sfsync_sandbox::Edition;
use sfsync_sandbox::org::Id;

use super::bench::{Bench, ORG, Set};
use crate::harness::rig::until;

/// The five features that are told at once.
pub const FEATURES: [&str; 5] = ["tasks", "events", "opportunities", "cases", "contacts"];

pub fn set() -> Set {
    const AUTH: &str = "flow: authorization_code";
    Set {
        name: "worksights",
        app: (include_str!("../../../sandbox/apps/worksights.yaml"), "worksights"),
        calls: &[],
        custom: "",
        secrets: &[("WORKSIGHTS_API_KEY", "worksights-key")],
        edits: &[
            ("connections/salesforce.yaml", "domain: acme.my.salesforce.com", ORG),
            // Nobody is at a browser.
            ("connections/salesforce.yaml", AUTH, "flow: client_credentials"),
            ("connections/worksights.yaml", "https://api.worksights.example/v2", "${env:APP_URL}"),
            ("connections/worksights.yaml", "20 per second", "1000 per second"),
            ("connections/ops-hook.yaml", "https://alerts.example.com/sfsync", "${env:ALERTS_URL}"),
        ],
    }
}

/// Two people of the org who are linked: their ids there.
pub async fn linked(bench: &Bench) -> (String, String) {
    let ((zoe, zoe_mail), (jose, jose_mail)) = (bench.person(3), bench.person(4));
    bench.put("users", json!({ "email": zoe_mail, "name": "Zoë" }));
    bench.put("users", json!({ "email": jose_mail, "name": "José" }));
    // Letter case does not matter.
    bench.update("User", &zoe, json!({ "Email": "User03@Acme.Example" }));
    (zoe, jose)
}

/// What the timeline of a kind shows, by title and detail.
pub fn timeline(bench: &Bench, kind: &str) -> Vec<String> {
    let all = bench.shows("activities", &["kind", "title", "detail"]);
    all.into_iter().filter_map(|line| line.strip_prefix(&format!("{kind}|")).map(str::to_owned)).collect()
}

fn deal(owner: &str, name: &str) -> Json {
    json!({ "Name": name, "StageName": "Prospecting", "CloseDate": "2027-05-01", "Amount": 100, "OwnerId": owner })
}

#[tokio::test(flavor = "multi_thread")]
async fn five_features_come_at_once_by_the_private_channel_and_the_others_with_the_sweep() {
    let mut bench = Bench::new(set()).await;
    let (zoe, _) = linked(&bench).await;
    bench.loaded().await;
    for name in FEATURES {
        until(bench.daemon(), name, |status| status.push == "cdc" && status.state == State::Running).await;
    }
    let mut selected = bench.rig.sandbox.org().selected_for_events();
    selected.sort();
    let expected = ["Case", "Contact", "Event", "Opportunity", "Task"];
    let expected = expected.map(|object| ("WorkSights__chn".to_owned(), format!("{object}ChangeEvent")));
    assert_eq!(selected, expected, "five slots of the private channel, and no other channel");
    // Everything is looked at every ten minutes alone: what comes now came by an event.
    let deal = bench.insert("Opportunity", deal(&zoe, "Acme rollout"));
    bench.insert("Task", json!({ "Subject": "Call Minna", "OwnerId": zoe }));
    bench.insert("Event", json!({ "Subject": "Demo", "OwnerId": zoe, "StartDateTime": "2027-05-12T09:00:00Z", "DurationInMinutes": 60 }));
    bench.insert("Case", json!({ "Subject": "It is broken", "Status": "New", "OwnerId": zoe }));
    // A contact is on the timeline of whoever changed it.
    let mut by_zoe = bench.rig.sandbox.org().begin();
    by_zoe.set_author(Id::parse(&zoe).unwrap());
    let contact = json!({ "LastName": "Lee", "FirstName": "Kim", "Title": "CEO" });
    by_zoe.insert("Contact", contact.as_object().unwrap().clone());
    by_zoe.commit().unwrap();
    bench
        .comes("five kinds", |bench| {
            let kinds = ["opportunity", "task", "event", "case", "contact"];
            kinds.iter().all(|kind| timeline(bench, kind).len() == 1)
        })
        .await;
    assert_eq!(timeline(&bench, "contact"), ["Kim Lee|CEO"]);
    assert_eq!(timeline(&bench, "opportunity"), ["Acme rollout|Prospecting · 100"]);
    bench.update("Opportunity", &deal, json!({ "StageName": "Closed Won" }));
    bench
        .comes("the stage", |bench| timeline(bench, "opportunity") == ["Acme rollout|Closed Won · 100"])
        .await;
    let shown = bench.found("activities", "kind", "opportunity").unwrap();
    assert_eq!(shown["source_id"], json!(deal));
    assert!(shown["record_url"].as_str().unwrap().ends_with(&deal), "{shown:?}");
    // A lead has no slot: it comes with the sweep.
    bench.insert("Lead", json!({ "LastName": "Ray", "Company": "Acme", "OwnerId": zoe }));
    assert_eq!(bench.status("leads").push, "–");
    assert!(timeline(&bench, "lead").is_empty());
    bench.comes_within(11, "the lead, after ten minutes", |bench| timeline(bench, "lead").len() == 1).await;
    bench.nothing_is_written_any_more().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feature_without_a_slot_says_so_and_is_swept() {
    let mut bench = Bench::new(set()).await;
    let (zoe, _) = linked(&bench).await;
    for object in ["Account", "Lead", "Campaign"] {
        bench.rig.sandbox.org().select_for_events(object).unwrap();
    }
    bench.run().await;
    let mut without = Vec::new();
    for name in FEATURES {
        let status = until(bench.daemon(), name, |status| {
            status.passes > 0 && (status.push == "cdc" || status.state == State::Degraded)
        })
        .await;
        if status.state == State::Degraded {
            assert_eq!(status.push, "cdc off");
            assert!(
                status.message.contains("5 of 5 objects selected (by others 3, sfsync 2)"),
                "{}",
                status.message
            );
            assert!(status.message.contains("Polling every 10 minutes"), "{}", status.message);
            without.push(name);
        }
    }
    assert_eq!(without.len(), 3);
    bench.insert("Opportunity", deal(&zoe, "Swept"));
    bench.insert("Task", json!({ "Subject": "Swept", "OwnerId": zoe }));
    bench.insert("Case", json!({ "Subject": "Swept", "OwnerId": zoe }));
    bench
        .until("they come all the same", |bench| {
            ["opportunity", "task", "case"].iter().all(|kind| timeline(bench, kind).len() == 1)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edition_without_change_events_is_told_of_and_swept() {
    let mut bench = Bench::in_org(set(), |config| config.org.edition = Edition::Professional).await;
    let (zoe, _) = linked(&bench).await;
    bench.run().await;
    let status = until(bench.daemon(), "tasks", |status| status.state == State::Degraded).await;
    assert!(status.message.contains("Professional Edition"), "{}", status.message);
    bench.insert("Task", json!({ "Subject": "Swept", "OwnerId": zoe }));
    bench.until("it comes all the same", |bench| timeline(bench, "task") == ["Swept|"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_can_be_written_to_the_org() {
    let mut bench = Bench::new(set()).await;
    let (zoe, _) = linked(&bench).await;
    bench.insert("Task", json!({ "Subject": "Call", "OwnerId": zoe }));
    bench.loaded().await;
    bench.until("it comes", |bench| timeline(bench, "task") == ["Call|"]).await;
    // A file that would write is refused as a whole; the one before goes on.
    bench.rig.edit_file(
        "tasks.yaml",
        &[("to_app: [create, update]", "to_app: [create, update]\nto_salesforce: [update]")],
    );
    let report = bench.daemon().reload_now(false).await.unwrap();
    assert!(report.diagnostics.iter().any(|error| error.code == "E502"), "{:?}", report.diagnostics);
    bench.insert("Task", json!({ "Subject": "Mail", "OwnerId": zoe }));
    bench.until("it goes on", |bench| timeline(bench, "task") == ["Call|", "Mail|"]).await;
    // What somebody writes over in the app is put right by the comparison, and Salesforce never hears of it.
    let edited = bench.found("activities", "title", "Mail").unwrap()["id"].as_u64().unwrap();
    bench.app.edit("activities", edited, json!({ "title": "Edited" })).unwrap();
    bench.look(&[], true).await;
    assert_eq!(timeline(&bench, "task"), ["Call|", "Mail|"]);
    assert_eq!(bench.written_to_org(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_mapped_by_mail_or_by_hand_and_nobody_else_is_shown() {
    let mut bench = Bench::new(set()).await;
    let (zoe, jose) = linked(&bench).await;
    let profile = |bench: &Bench, name: &str| {
        bench.org(&["Id"], &format!("FROM Profile WHERE Name = '{name}'")).remove(0)
    };
    let only_api = profile(&bench, "Salesforce API Only System Integrations");
    let free = profile(&bench, "Chatter Free User");
    let ((robot, robot_mail), (reader, reader_mail), (gone, gone_mail)) =
        (bench.person(8), bench.person(9), bench.person(6));
    let ((kim, _), (lee, _), (stranger, _)) = (bench.person(14), bench.person(15), bench.person(16));
    bench.update("User", &robot, json!({ "ProfileId": only_api }));
    bench.update("User", &reader, json!({ "ProfileId": free }));
    assert_eq!(bench.org(&["IsActive"], &format!("FROM User WHERE Id = '{gone}'")), ["false"]);
    let system = bench.org(&["Email"], "FROM User WHERE UserType = 'AutomatedProcess'").remove(0);
    for mail in [&robot_mail, &reader_mail, &gone_mail, &system] {
        bench.put("users", json!({ "email": mail }));
    }
    // Two who have other addresses there.
    let by_id = bench.put("users", json!({ "email": "kim.private@acme.io" }));
    let by_fields = bench.put("users", json!({ "email": "lee.private@acme.io" }));
    let name = bench.org(&["Username"], &format!("FROM User WHERE Id = '{lee}'")).remove(0);
    bench.rig.edit_file(
        "users.yaml",
        &[
            (
                "{ salesforce: 0055f00000A1b2cAAB, app: 8841 }",
                &format!("{{ salesforce: {kim}, app: {by_id} }}"),
            ),
            ("Username: kim@acme.com", &format!("Username: {name}")),
            ("email: kim.lee@acme.io", "email: lee.private@acme.io"),
        ],
    );
    bench.loaded().await;
    let links = bench.door().links(&"users".into(), None, 100).await.unwrap();
    let mut linked: Vec<(String, String)> =
        links.into_iter().map(|link| (link.salesforce.to_string(), link.app.to_string())).collect();
    linked.sort();
    let mut expected = vec![
        (zoe.clone(), "1".to_owned()),
        (jose.clone(), "2".to_owned()),
        (kim.clone(), by_id.to_string()),
        (lee.clone(), by_fields.to_string()),
    ];
    expected.sort();
    assert_eq!(linked, expected);
    for (owner, subject) in [
        (&zoe, "Zoë"),
        (&jose, "José"),
        (&kim, "Kim"),
        (&lee, "Lee"),
        (&robot, "Robot"),
        (&reader, "Reader"),
        (&stranger, "Stranger"),
    ] {
        bench.insert("Task", json!({ "Subject": subject, "OwnerId": owner }));
    }
    bench.until("those who are mapped", |bench| timeline(bench, "task").len() == 4).await;
    bench.look(&[], true).await;
    let shown = bench.shows("activities", &["title", "user_id"]);
    assert_eq!(
        shown,
        ["José|2".to_owned(), format!("Kim|{by_id}"), format!("Lee|{by_fields}"), "Zoë|1".to_owned()]
    );
    assert!(!bench.written_to_app().iter().any(|call| call.contains("/users")), "nobody is made or changed");
    assert_eq!(bench.failures(), []);
    // Somebody gets an account: what is left out until now comes with the next comparison.
    let (_, mail) = bench.person(16);
    bench.put("users", json!({ "email": mail }));
    bench.look(&["users"], true).await;
    bench.look(&["tasks"], true).await;
    assert_eq!(timeline(&bench, "task").len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_links_however_it_is_written_on_either_side() {
    let mut bench = Bench::new(set()).await;
    // The app compares letter by letter, and writes one of them with capitals.
    let ((zoe, zoe_mail), (jose, _)) = (bench.person(3), bench.person(4));
    bench.put("users", json!({ "email": zoe_mail }));
    bench.put("users", json!({ "email": "User04@Acme.Example" }));
    bench.update("User", &zoe, json!({ "Email": "USER03@acme.example" }));
    bench.loaded().await;
    let links = bench.door().links(&"users".into(), None, 100).await.unwrap();
    let mut linked: Vec<String> = links.into_iter().map(|link| link.salesforce.to_string()).collect();
    linked.sort();
    let mut both = [zoe, jose];
    both.sort();
    assert_eq!(linked, both);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feature_is_switched_off_for_a_person_while_everything_runs() {
    let mut bench = Bench::new(set()).await;
    let (zoe, jose) = linked(&bench).await;
    let mail = bench.org(&["Email"], &format!("FROM User WHERE Id = '{zoe}'")).remove(0);
    bench.loaded().await;
    until(bench.daemon(), "tasks", |status| status.push == "cdc" && status.state == State::Running).await;
    bench.edit("tasks.yaml", "Owner.Email: []", &format!("Owner.Email: [{mail}]")).await;
    bench.edit("events.yaml", "jane@acme.com", "nobody@acme.example").await;
    until(bench.daemon(), "tasks", |status| status.push == "cdc" && status.state == State::Running).await;
    bench.insert("Task", json!({ "Subject": "Hers", "OwnerId": zoe }));
    bench.insert("Task", json!({ "Subject": "His", "OwnerId": jose }));
    bench.insert("Event", json!({ "Subject": "Her demo", "OwnerId": zoe, "StartDateTime": "2027-05-12T09:00:00Z", "DurationInMinutes": 60 }));
    bench
        .comes("his task, her event", |bench| {
            timeline(bench, "task") == ["His|"] && timeline(bench, "event") == ["Her demo|"]
        })
        .await;
    bench.look(&[], true).await;
    assert_eq!(timeline(&bench, "task"), ["His|"], "{}", bench.shown());
    // And on again.
    bench.edit("tasks.yaml", &format!("Owner.Email: [{mail}]"), "Owner.Email: []").await;
    bench.look(&["tasks"], true).await;
    assert_eq!(timeline(&bench, "task"), ["Hers|", "His|"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_sign_out_the_channel_is_gone_and_a_sign_in_goes_on_where_it_was() {
    let mut bench = Bench::new(set()).await;
    let (zoe, _) = linked(&bench).await;
    bench.insert("Task", json!({ "Subject": "Before", "OwnerId": zoe }));
    bench.loaded().await;
    until(bench.daemon(), "tasks", |status| status.push == "cdc" && status.state == State::Running).await;
    bench.until("it is there", |bench| timeline(bench, "task") == ["Before|"]).await;
    let done = bench.door().disconnect(&"salesforce".into()).await.unwrap();
    assert_eq!((done.removed.len(), done.left.len()), (1, 0), "{done:?}");
    assert!(bench.rig.sandbox.org().selected_for_events().is_empty());
    until(bench.daemon(), "tasks", |status| status.state == State::Paused).await;
    bench.insert("Task", json!({ "Subject": "Meanwhile", "OwnerId": zoe }));
    bench.sign_in().await;
    bench.comes("what was missed", |bench| timeline(bench, "task") == ["Before|", "Meanwhile|"]).await;
    until(bench.daemon(), "tasks", |status| status.push == "cdc" && status.state == State::Running).await;
    assert_eq!(bench.rig.sandbox.org().selected_for_events().len(), 5);
    bench.nothing_is_written_any_more().await;
}
