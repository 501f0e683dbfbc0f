//! `notify`: people are told of problems on a channel, at an address that is called and by mail, and told when they are over.

use sfsync::runtime::status::State;
use sfsync::runtime::task::Command;

use crate::harness::clock::Fast;
use crate::harness::inbox::Inbox;
use crate::harness::small::{ACCOUNTS, Small};

/// Accounts that are told of on all three ways, and the channel alone for deals.
async fn told() -> (Small, Inbox) {
    let (inbox, mut rig) = (Inbox::default(), Small::empty(5).await);
    *inbox.refuse.lock().unwrap() = 1;
    let (http, smtp) = (inbox.http().await, inbox.smtp().await);
    for (name, value) in [("SLACK_URL", format!("{http}/slack")), ("HOOK_TOKEN", "letmein".to_owned())] {
        rig.secrets.0.insert(name.to_owned(), value);
    }
    rig.write("connections/channel.yaml", "type: slack\nurl: ${env:SLACK_URL}\n");
    let hook = format!("type: webhook\nurl: {http}/hook\nheaders: {{ x-token: '${{env:HOOK_TOKEN}}' }}\n");
    rig.write("connections/alarm.yaml", &hook);
    let mail = format!("type: email\nsmtp: {smtp}\nfrom: sfsync@example.com\nto: [ops@example.com]\n");
    rig.write("connections/mailbox.yaml", &mail);
    rig.write("settings.yaml", "notify: [channel]\n");
    let all = ACCOUNTS.replace("reconcile: off", "reconcile: off\nnotify: [channel, alarm, mailbox]");
    rig.write("accounts.yaml", &all);
    // Nobody waits for the daemon to look whether there is something to tell.
    rig.clock = std::sync::Arc::new(Fast::by(10));
    let small = Small::of(rig).await;
    small.caught_up().await;
    (small, inbox)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_is_told_on_every_way_and_so_is_its_end() {
    let (small, inbox) = told().await;
    small.daemon.command(&"accounts".into(), Command::Pause { by: "kim".to_owned() }).await;
    small.state("accounts", State::Paused).await;
    let text = inbox.letter("slack", "paused").await;
    assert!(text.starts_with("paused: accounts: "), "{text}");
    let mail = inbox.letter("mail", "paused").await;
    assert!(
        mail.contains("Subject: sfsync: accounts paused") && mail.contains("To: ops@example.com"),
        "{mail}"
    );
    let json: serde_json::Value = serde_json::from_str(&inbox.letter("hook", "paused").await).unwrap();
    assert_eq!(
        (&json["notices"][0]["pipeline"], &json["notices"][0]["kind"]),
        (&"accounts".into(), &"paused".into())
    );
    small.daemon.command(&"accounts".into(), Command::Resume).await;
    assert_eq!(inbox.letter("slack", "recovered").await, "recovered: accounts: runs again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_is_told_once_by_the_settings() {
    let (small, inbox) = told().await;
    small.reload("clients.yaml", &ACCOUNTS.replace("warehouse.clients", "warehouse.others")).await;
    small.caught_up_once("clients").await;
    small.reload("clients.yaml", "salesforce: [\n").await;
    let text = inbox.letter("slack", "last good").await;
    assert!(text.starts_with("file: clients: E013: "), "{text}");
    small.reload("clients.yaml", &ACCOUNTS.replace("warehouse.clients", "warehouse.others")).await;
    inbox.letter("slack", "recovered: clients: the file on disk runs").await;
    let told = inbox.letters.lock().unwrap();
    assert_eq!(told.iter().filter(|(_, text)| text.contains("last good")).count(), 1, "{told:?}");
    assert!(told.iter().all(|(way, _)| *way == "slack"), "the settings name the channel alone: {told:?}");
}
