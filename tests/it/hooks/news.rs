//! What `connect` tells of news at once before anything runs.

use std::sync::Arc;

use sfsync::runtime::control::Control as _;
use sfsync::runtime::doors::Door;
use sfsync_sandbox::{Edition, EventSettings, MetadataSettings, OrgConfig, SandboxConfig};

use super::rig::{rig, rig_of};
use crate::doors::{settings, sfsync};
use crate::harness::rig::Rig;
use crate::harness::small::{ACCOUNTS, DEALS};

async fn told(mut rig: Rig, push: &str) -> Vec<String> {
    rig.write("accounts.yaml", ACCOUNTS);
    rig.write("deals.yaml", &DEALS.replace("poll: 1 second", &format!("poll: 1 hour, push: {push}")));
    let door = Door(Arc::clone(&rig.start().await));
    let news = door.signed_in(&"salesforce".into()).await.unwrap().connected.unwrap().news;
    rig.stop().await;
    news
}

/// What `check --online` says of the same.
async fn checked(rig: Rig, push: &str) -> String {
    rig.write("accounts.yaml", ACCOUNTS);
    rig.write("deals.yaml", &DEALS.replace("poll: 1 second", &format!("poll: 1 hour, push: {push}")));
    settings(&rig, &rig.dir.path().join("state"));
    let path = rig.folder().join("settings.yaml");
    let more = std::fs::read_to_string(&path).unwrap() + "public_url: https://sync.example.com\n";
    std::fs::write(path, more).unwrap();
    let mut command = sfsync(&rig, &["check", "--online"]);
    let output = command.envs(rig.secrets.0.iter()).output().await.unwrap();
    let said = [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat();
    assert_eq!(output.status.code(), Some(0), "{said}");
    // One line, however wide the screen is.
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// An org whose user may not set up one thing or the other.
async fn forbidden(manage: &str) -> Rig {
    let config = SandboxConfig {
        events: EventSettings { customize: false, ..EventSettings::default() },
        metadata: MetadataSettings { permitted: false, ..MetadataSettings::default() },
        ..SandboxConfig::default()
    };
    rig_of(config, manage).await
}

const MAY_NOT_CHANGE: &str = "Opportunity: the integration user may not change channels: it needs the permission Customize Application; deals would be polled every 1 hour";
const MAY_NOT_DEPLOY: &str = "Opportunity: the integration user may not deploy: it needs the permission Modify Metadata Through Metadata API Functions; deals would be polled every 1 hour";

#[tokio::test(flavor = "multi_thread")]
async fn what_the_user_may_not_set_up_is_told_before_it_is_tried() {
    let news = told(forbidden("cdc_channel").await, "cdc").await;
    assert!(news.contains(&MAY_NOT_CHANGE.to_owned()), "{news:?}");
    // Whoever leaves it to an administrator needs no permission.
    let news = told(forbidden("").await, "cdc").await;
    assert!(!news.join(" ").contains("Customize Application"), "{news:?}");
    let refused = forbidden("outbound_messages, webhook_setting").await;
    refused.write("settings.yaml", "public_url: https://sync.example.com/\n");
    let setting = [("${env:HOOK_TOKEN}\"", "${env:HOOK_TOKEN}\", setting: Acme__Sync__c")];
    refused.edit_file("connections/salesforce.yaml", &setting);
    let news = told(refused, "outbound_message").await;
    assert!(news.contains(&MAY_NOT_DEPLOY.to_owned()), "{news:?}");
    let hidden = "Acme__Sync__c: it is not there, or the integration user may not see it";
    assert!(news.contains(&hidden.to_owned()), "{news:?}");
    let allowed = rig("outbound_messages").await;
    allowed.write("settings.yaml", "public_url: https://sync.example.com/\n");
    let news = told(allowed, "outbound_message").await;
    assert!(!news.join(" ").contains("may not"), "{news:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_of_the_systems_says_what_push_cannot_have() {
    let org = OrgConfig { edition: Edition::Professional, ..OrgConfig::default() };
    let without = rig_of(SandboxConfig { org, ..SandboxConfig::default() }, "cdc_channel").await;
    let said = checked(without, "cdc").await;
    let edition = "salesforce: Opportunity: Professional Edition has no Change Data Capture; deals would be polled every 1 hour";
    assert!(said.contains(edition), "{said}");
    let full = rig("cdc_channel").await;
    for object in ["Account", "Contact", "Lead", "Case", "Task"] {
        full.sandbox.org().select_for_events(object).unwrap();
    }
    let said = checked(full, "cdc").await;
    let slots = "salesforce: Opportunity: no CDC slot, 5 of 5 objects are selected; deals would be polled every 1 hour";
    assert!(said.contains(slots), "{said}");
    let said = checked(forbidden("cdc_channel").await, "cdc").await;
    assert!(said.contains(&format!("salesforce: {MAY_NOT_CHANGE}")), "{said}");
    let said = checked(forbidden("outbound_messages").await, "outbound_message").await;
    assert!(said.contains(&format!("salesforce: {MAY_NOT_DEPLOY}")), "{said}");
    let said = checked(rig("cdc_channel").await, "cdc").await;
    assert!(said.contains("CDC: 0 of 5 objects selected") && !said.contains("would be polled"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_change_events_cannot_do_is_told_before_anything_runs() {
    let org = OrgConfig { edition: Edition::Professional, ..OrgConfig::default() };
    let without = rig_of(SandboxConfig { org, ..SandboxConfig::default() }, "cdc_channel").await;
    assert_eq!(
        told(without, "cdc").await,
        ["Opportunity: Professional Edition has no Change Data Capture; deals would be polled every 1 hour"]
    );
    let full = rig("cdc_channel").await;
    for object in ["Account", "Contact", "Lead", "Case", "Task"] {
        full.sandbox.org().select_for_events(object).unwrap();
    }
    assert_eq!(
        told(full, "cdc").await,
        [
            "CDC: 5 of 5 objects selected",
            "Opportunity: no CDC slot, 5 of 5 objects are selected; deals would be polled every 1 hour"
        ]
    );
    let nobody = told(rig("").await, "cdc").await;
    assert!(nobody[1].contains("`manage` does not allow"), "{nobody:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_has_to_do_is_told() {
    let unreachable = told(rig("").await, "outbound_message").await;
    assert!(unreachable[0].contains("needs `public_url`"), "{unreachable:?}");
    let url = "public_url: https://sync.example.com/\n";
    let setting = [("${env:HOOK_TOKEN}\"", "${env:HOOK_TOKEN}\", setting: Acme__Sync__c")];
    for (manage, message, field) in [
        (
            "",
            "an outbound message to https://sync.example.com/hooks/salesforce/outbound/",
            "https://sync.example.com/hooks/salesforce and the token",
        ),
        (
            "outbound_messages, webhook_setting",
            "made by the daemon: an outbound message and a flow for Opportunity",
            "written by the daemon: Url__c",
        ),
    ] {
        let rig = rig(manage).await;
        rig.write("settings.yaml", url);
        rig.edit_file("connections/salesforce.yaml", &setting);
        let news = told(rig, "outbound_message").await;
        assert!(news[0].contains(message) && news[1].contains(field), "{news:?}");
        assert!(!news.join(" ").contains(super::rig::TOKEN), "{news:?}");
    }
}
