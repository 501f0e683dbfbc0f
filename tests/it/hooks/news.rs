//! What `connect` tells of news at once before anything runs.

use std::sync::Arc;

use sfsync::runtime::control::Control as _;
use sfsync::runtime::doors::Door;
use sfsync_sandbox::{Edition, OrgConfig, SandboxConfig};

use super::rig::{rig, rig_of};
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
