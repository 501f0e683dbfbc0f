//! How files become what runs: noticing, all or nothing per file, the last good version, files that come and go together.

use std::time::Duration;

use sfsync::runtime::status::State;

use crate::harness::rig::until;
use crate::harness::small::{ACCOUNTS, DEALS, Small, codes, file_state};

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_file_is_noticed_and_takes_effect_within_two_seconds() {
    let small = Small::loaded(30).await;
    let timing = sfsync::runtime::watch::Timing::default();
    assert!(timing.silence <= Duration::from_secs(1) && timing.every <= Duration::from_secs(30));
    small.follow();
    let mut status = small.daemon.status_receiver(&"deals".into()).unwrap();
    let before = status.borrow().config.loaded_at;
    let edited = DEALS.replace("app: stage }", "app: stage, to_app: 'upper(value)' }");
    // The watch may begin after the write: then the first comparison would find it. Write until it is noticed.
    let noticed = async {
        for n in 0.. {
            small.rig.write("deals.yaml", &format!("{edited}# {n}\n"));
            let change = status.wait_for(|status| status.config.loaded_at != before);
            if tokio::time::timeout(Duration::from_millis(900), change).await.is_ok() {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), noticed).await.unwrap();
    let (_, deal) = small.deal("Shouted");
    small
        .becomes(
            "deals",
            &format!("SELECT count(*) FROM deals WHERE salesforce_id = '{deal}' AND stage = 'PROSPECTING'"),
            1,
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_changes_nothing() {
    let small = Small::loaded(30).await;
    let report = small
        .reload("deals.yaml", &DEALS.replace("app: warehouse.deals", "app: warehouse.deals\nto_ap: [create]"))
        .await;
    assert!(file_state(&report, "deals.yaml").starts_with("last good of"), "{report:?}");
    assert_eq!(file_state(&report, "accounts.yaml"), "unchanged");
    let status = small.status("deals");
    assert!(!status.config.current && status.config.errors > 0, "{status:?}");
    assert_eq!(status.state, State::Running);
    let loaded = status.conditions.iter().find(|condition| condition.kind == "Loaded").unwrap();
    assert_eq!(
        (loaded.status, loaded.reason.as_str(), loaded.message.as_str()),
        (false, "E101", "unknown key `to_ap`"),
        "status says why the file on disk does not run"
    );
    let (_, deal) = small.deal("Goes on");
    small.becomes("deals", &format!("SELECT count(*) FROM deals WHERE salesforce_id = '{deal}'"), 1).await;
    // Mended, it is taken over.
    let report = small.reload("deals.yaml", DEALS).await;
    assert!(report.diagnostics.is_empty(), "{report:?}");
    let config = small.status("deals").config;
    assert!(config.current && config.problem.is_none(), "{config:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_good_version_outlives_a_restart_with_a_broken_file() {
    let small = Small::loaded(30).await;
    small.reload("deals.yaml", "salesforce: [").await;
    let connection = "connections/warehouse.yaml";
    small.reload(connection, "type: oracle\n").await;
    let small = small.restart().await;
    let status = small.state("deals", State::Running).await;
    assert!(!status.config.current && status.config.loaded_at.is_some(), "{status:?}");
    let (_, deal) = small.deal("After the restart");
    small.becomes("deals", &format!("SELECT count(*) FROM deals WHERE salesforce_id = '{deal}'"), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_broken_file_is_invalid_and_alone() {
    let small = Small::loaded(20).await;
    let report =
        small.reload("bad.yaml", "salesforce: { object: Acount }\napp: warehouse.bad\nfields: []\n").await;
    assert_eq!(file_state(&report, "bad.yaml"), "invalid");
    assert_eq!(file_state(&report, "deals.yaml"), "unchanged");
    let status = small.status("bad");
    assert_eq!(status.state, State::Invalid);
    assert!(status.message.contains('E'), "{}", status.message);
    small.caught_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_saved_together_may_come_in_any_order() {
    let rig = Small::empty(20).await;
    let small = Small::of(rig).await;
    // The lookup comes before the pipeline that it names: refused alone, fine once both are there.
    let report = small.reload("deals.yaml", DEALS).await;
    assert_eq!(codes(&report), ["E203"]);
    let report = small.reload("accounts.yaml", ACCOUNTS).await;
    assert!(report.diagnostics.is_empty(), "{report:?}");
    small.state("deals", State::Running).await;
    small.caught_up().await;
    assert_eq!(small.number("SELECT count(*) FROM deals d LEFT JOIN clients c ON c.id = d.client_id WHERE c.id IS NULL AND d.client_id IS NOT NULL"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_content_is_no_change() {
    let small = Small::loaded(20).await;
    let before = small.daemon.plan(&"deals".into()).await.unwrap();
    let report = small.reload("deals.yaml", DEALS).await;
    assert!(report.files.iter().all(|file| file.state != "removed"));
    let after = small.daemon.plan(&"deals".into()).await.unwrap();
    assert!(std::sync::Arc::ptr_eq(&before, &after), "the task was made anew");
    // Another file changes: this one keeps its task.
    small
        .reload(
            "accounts.yaml",
            &ACCOUNTS
                .replace("name }", "name, group: main }")
                .replace("fields:", "groups: { main: always }\nfields:"),
        )
        .await;
    let after = small.daemon.plan(&"deals".into()).await.unwrap();
    assert!(std::sync::Arc::ptr_eq(&before, &after), "the task was made anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_inline_test_keeps_the_old_version() {
    let small = Small::loaded(20).await;
    let tested = format!(
        "{DEALS}tests:\n  - name: a stage\n    change:\n      salesforce: {{ Id: 006A1, Name: Acme, StageName: Prospecting }}\n    expect: {{ op: create, app: {{ name: Other }} }}\n"
    );
    let report = small.reload("deals.yaml", &tested).await;
    assert_eq!(codes(&report), ["E505"], "{report:?}");
    assert!(
        report.diagnostics[0]
            .help
            .iter()
            .any(|help| help.contains("if the change is meant, change the test too"))
    );
    assert!(file_state(&report, "deals.yaml").starts_with("last good of"));
    assert_eq!(small.state("deals", State::Running).await.state, State::Running);
    let report = small.reload("deals.yaml", &tested.replace("Other", "Acme")).await;
    assert_eq!(file_state(&report, "deals.yaml"), "taken over");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_are_not_hot_say_so() {
    let rig = Small::empty(5).await;
    rig.write("settings.yaml", "log: info\nlisten: 127.0.0.1:8480\n");
    let small = Small::of(rig).await;
    let report = small.reload("settings.yaml", "log: debug\nlisten: 127.0.0.1:8480\n").await;
    assert_eq!(file_state(&report, "settings.yaml"), "taken over");
    let report = small.reload("settings.yaml", "log: debug\nlisten: 127.0.0.1:8481\n").await;
    assert_eq!(file_state(&report, "settings.yaml"), "taken over; listen from the next start");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_was_just_added_is_found_when_the_file_is_saved() {
    let small = Small::loaded(10).await;
    let hidden = vec![sfsync_sandbox::VisibilityRule::HideField("Account".into(), "Phone".into())];
    small.rig.sandbox.org().set_visibility(&hidden);
    let with_phone = format!("{ACCOUNTS}  - {{ salesforce: Phone, app: phone }}\n");
    // The schema is known with the field; without it a first look in this hour would say so only here.
    let small = small.restart().await;
    small.rig.sandbox.org().set_visibility(&[]);
    let report = small.reload("accounts.yaml", &with_phone).await;
    assert_eq!(file_state(&report, "accounts.yaml"), "taken over", "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_free_end_of_all_pipelines() {
    let mut small = Small::loaded(30).await;
    let daemon = std::sync::Arc::clone(&small.daemon);
    small.follow();
    small.rig.stop().await;
    // Everything that was begun has ended: nobody answers commands, and the state can be opened again.
    assert!(!daemon.command(&"deals".into(), sfsync::runtime::task::Command::Resume).await);
    drop(daemon);
    let small = small.restart().await;
    until(&small.daemon, "deals", |status| status.passes > 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_read_is_alone() {
    let small = Small::loaded(10).await;
    // Even the superuser cannot read the memory of a process from its beginning.
    std::os::unix::fs::symlink("/proc/self/mem", small.rig.folder().join("locked.yaml")).unwrap();
    let shouted = DEALS.replace("app: name }", "app: name, to_app: 'upper(value)' }");
    let report = small.reload("deals.yaml", &shouted).await;
    assert_eq!(codes(&report), ["E009"]);
    assert_eq!(file_state(&report, "deals.yaml"), "taken over");
    assert_eq!(file_state(&report, "locked.yaml"), "invalid");
    let small = small.restart().await;
    small.state("deals", State::Running).await;
    assert!(small.status("deals").config.current);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_files_of_one_name_are_told_and_the_last_good_version_runs() {
    let small = Small::loaded(10).await;
    let report = small.reload("accounts.yml", &ACCOUNTS.replace("clients", "others")).await;
    assert_eq!(codes(&report), ["E211"]);
    let config = small.status("accounts").config;
    assert!(!config.current && config.problem.is_some(), "{config:?}");
    small.state("accounts", State::Running).await;
    let report = small.remove("accounts.yml").await;
    assert!(report.diagnostics.is_empty(), "{report:?}");
    assert!(small.status("accounts").config.current);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_last_good_version_needs_may_be_gone_from_disk() {
    let small = Small::loaded(10).await;
    small.reload("deals.yaml", "salesforce: [").await;
    small.remove("accounts.yaml").await;
    let report = small.remove("connections/warehouse.yaml").await;
    assert!(file_state(&report, "deals.yaml").starts_with("last good of"), "{report:?}");
    assert!(small.status("deals").config.loaded_at.is_some());
    let small = small.restart().await;
    // Its lookups go on with the links that the other pipeline left.
    small.state("deals", State::Degraded).await;
    let (_, deal) = small.deal("After the restart");
    small.becomes("deals", &format!("SELECT count(*) FROM deals WHERE salesforce_id = '{deal}'"), 1).await;
}
