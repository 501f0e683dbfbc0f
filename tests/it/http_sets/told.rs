//! What people are told while a set runs, where its settings say: one message for all records that fail, and one when it is over.

use jiff::SignedDuration;
use serde_json::{Value as Json, json};
use sfsync::runtime::control::{Control as _, FailureFilter};
use sfsync::runtime::status::State;

use super::bench::Bench;
use super::startdeliver::startdeliver;
use super::worksights::{FEATURES, linked, set};
use crate::harness::rig::until;

/// Everything that came on a way.
fn letters(bench: &Bench, way: &str) -> Vec<String> {
    let letters = bench.told.letters.lock().unwrap();
    letters.iter().filter(|(by, _)| *by == way).map(|(_, text)| text.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_customers_that_fail_are_one_message_in_the_channel() {
    let mut bench = startdeliver().await;
    // The org takes no name that is longer than 255 characters.
    for at in 0..40 {
        bench.put("customers", json!({ "name": "x".repeat(300), "domain": format!("c{at}.fi") }));
    }
    bench.put("customers", json!({ "name": "Good", "domain": "good.fi" }));
    bench.loaded().await;
    bench.until("forty fail", |bench| bench.failures().len() == 40).await;
    assert_eq!(bench.org(&["Name"], "FROM Account WHERE Website = 'good.fi'"), ["Good"]);
    let text = bench.told.letter("slack", "failed").await;
    assert!(text.contains("customers") && text.contains("40"), "{text}");
    assert!(!text.contains("xxx"), "no value of a record is told: {text}");
    bench.look(&[], true).await;
    // The one word that follows comes after everything that is told of now.
    for number in 1..=40 {
        bench.app.edit("customers", number, json!({ "name": format!("Customer {number}") })).unwrap();
    }
    bench.until("all are good", |bench| bench.failures().is_empty()).await;
    bench.told.letter("slack", "recovered").await;
    let told: Vec<String> =
        letters(&bench, "slack").into_iter().filter(|text| text.contains("failed:")).collect();
    assert_eq!(told.len(), 1, "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn features_without_a_slot_and_a_sign_out_are_told_to_the_address_together() {
    let mut bench = Bench::new(set()).await;
    linked(&bench).await;
    for object in ["Account", "Lead", "Campaign"] {
        bench.rig.sandbox.org().select_for_events(object).unwrap();
    }
    bench.run().await;
    for name in FEATURES {
        until(bench.daemon(), name, |status| {
            status.passes > 0 && (status.push == "cdc" || status.state == State::Degraded)
        })
        .await;
    }
    // Trouble that passes within a minute is not told.
    let minutes_go_by = async {
        loop {
            bench.clock.by(SignedDuration::from_mins(2));
            bench.look(&["leads"], false).await;
        }
    };
    let text = tokio::select! {
        text = bench.told.letter("open", "degraded") => text,
        () = minutes_go_by => String::new(),
    };
    let letter: Json = serde_json::from_str(&text).unwrap();
    let notices = letter["notices"].as_array().unwrap();
    let degraded = notices.iter().filter(|notice| notice["kind"] == "degraded").count();
    assert_eq!(degraded, 3, "one letter for all of them: {letter}");
    assert!(letter["text"].as_str().unwrap().contains("no CDC slot"), "{letter}");
    bench.door().pause(&"tasks".into(), "kim").await.unwrap();
    let letter: Json = serde_json::from_str(&bench.told.letter("open", "paused").await).unwrap();
    assert_eq!(letter["notices"][0]["pipeline"], "tasks");
    // Degraded is told once for each feature, however long it lasts.
    let all = letters(&bench, "open");
    let told = all.iter().map(|text| text.matches(r#""kind":"degraded""#).count()).sum::<usize>();
    assert_eq!(told, 3, "{all:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_goes_where_the_set_says() {
    let mut bench = Bench::new(set()).await;
    let (zoe, _) = linked(&bench).await;
    let smtp = bench.told.smtp().await;
    let mail = std::fs::read_to_string(
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/smvue/connections/ops-mail.yaml"),
    )
    .unwrap();
    let kept = |line: &&str| !["user:", "password:"].iter().any(|key| line.trim().starts_with(key));
    let mail: Vec<String> = mail
        .lines()
        .filter(kept)
        .map(|line| if line.starts_with("smtp:") { format!("smtp: {smtp}") } else { line.to_owned() })
        .collect();
    bench.rig.write("connections/ops-mail.yaml", &mail.join("\n"));
    bench.rig.edit_file("settings.yaml", &[("notify: [ops-hook]", "notify: [ops-hook, ops-mail]")]);
    // Every activity of this person is refused.
    bench.loaded().await;
    bench
        .edit(
            "tasks.yaml",
            "const: task }",
            "const: task }\n  - { app: record_type, to_app: 'fail(\"no type\")' }",
        )
        .await;
    for at in 0..25 {
        bench.insert("Task", json!({ "Subject": format!("Task {at}"), "OwnerId": zoe }));
    }
    bench.until("they fail", |bench| bench.failures().len() == 25).await;
    let mail = bench.told.letter("mail", "failed").await;
    assert!(mail.contains("Subject: sfsync: tasks"), "{mail}");
    bench.told.letter("open", "failed").await;
    let filter = FailureFilter { pipeline: Some("tasks".into()), ..FailureFilter::default() };
    assert_eq!(bench.door().failures(filter).await.unwrap().len(), 25);
    let told = letters(&bench, "mail").iter().filter(|mail| mail.contains("failed")).count();
    assert!(told <= 2, "not one for each record: {told}");
}
