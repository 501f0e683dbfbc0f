//! Outbound messages: what is set up in the org and taken away again, and that a change is there at once because of it.

use serde_json::json;
use sfsync::model::ConnectionName;
use sfsync::runtime::control::Control as _;
use sfsync::runtime::doors::Door;
use sfsync::runtime::status::{PipelineStatus, State};
use sfsync_sandbox::{Customization, FlowPolicy, MetadataSettings, OrgConfig, ResourceKind, SandboxConfig};

use super::rig::{Called, TOKEN, answered, rig, rig_of};
use crate::harness::rig::{PATIENCE, Rig, until};
use crate::harness::small::{ACCOUNTS, DEALS};
use crate::salesforce_rig::object_of;

const TOLD: &str = "poll: 1 hour, push: outbound_message";

fn files(rig: &Rig) {
    rig.write("accounts.yaml", ACCOUNTS);
    rig.write("deals.yaml", &DEALS.replace("poll: 1 second", TOLD));
}

async fn until_deals(called: &Called, wanted: impl Fn(&PipelineStatus) -> bool) -> PipelineStatus {
    until(&called.small.daemon, "deals", wanted).await
}

fn hears(status: &PipelineStatus) -> bool {
    status.push == "outbound_message" && status.state == State::Running && status.passes > 0
}

async fn there(called: &Called, name: &str) {
    let sql = format!("SELECT count(*) FROM deals WHERE name = '{name}'");
    let came = tokio::time::timeout(PATIENCE, async {
        let mut status = called.small.daemon.status_receiver(&"deals".into()).unwrap();
        while called.small.number(&sql) == 0 {
            status.changed().await.unwrap();
        }
    });
    assert!(came.await.is_ok(), "{name} never came");
}

/// Whatever the org still has to say is said.
async fn silent(called: &Called) {
    let org = called.small.rig.sandbox.org();
    let quiet = async {
        while org.waiting_messages() > 0 {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, quiet).await.is_ok(), "messages wait");
}

async fn disconnect(called: &Called) -> sfsync::runtime::sign_in::Disconnected {
    let door = Door(std::sync::Arc::clone(&called.small.daemon));
    door.disconnect(&ConnectionName::from("salesforce")).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_that_was_set_up_tells_of_every_change() {
    let rig = rig("outbound_messages").await;
    files(&rig);
    let called = Called::of(rig).await;
    until_deals(&called, hears).await;
    let org = called.small.rig.sandbox.org();
    let deployed = ["message Opportunity.Sfsync_Opportunity", "flow Sfsync_Opportunity (active)"];
    assert_eq!(org.deployed(), deployed);
    let (_, id) = called.small.deal("Told");
    there(&called, "Told").await;
    called.small.update("Opportunity", &id, json!({ "Name": "Told & <again>" }));
    there(&called, "Told & <again>").await;
    silent(&called).await;
    assert!(called.count("salesforce", "taken") > 0);
    // Nothing is deployed twice: what was set up is known after a restart, at the same address.
    let calls = |called: &Called| called.small.rig.sandbox.calls().of(ResourceKind::Deploy);
    assert_eq!(calls(&called), 1);
    let called = Called::of(called.stopped().await).await;
    until_deals(&called, hears).await;
    assert_eq!(calls(&called), 1);
    // An object that nobody reads any more is taken away, and so is everything at the end.
    let text = ACCOUNTS.replace("poll: 1 second", TOLD);
    called.small.reload("accounts.yaml", &text).await;
    until(&called.small.daemon, "accounts", hears).await;
    called.small.reload("deals.yaml", DEALS).await;
    until_deals(&called, |status| status.push == "–").await;
    let org = called.small.rig.sandbox.org().clone();
    while org.deployed() != ["message Account.Sfsync_Account", "flow Sfsync_Account (active)"] {
        tokio::task::yield_now().await;
    }
    let done = disconnect(&called).await;
    assert_eq!(done.removed, ["the outbound message of Account and what sends it"]);
    assert!(done.left.is_empty() && org.deployed().is_empty(), "{:?} {:?}", done.left, org.deployed());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_taken_is_sent_again() {
    let rig = rig("outbound_messages").await;
    files(&rig);
    let called = Called::of(rig).await;
    until_deals(&called, hears).await;
    let (_, id) = called.small.deal("Before");
    there(&called, "Before").await;
    silent(&called).await;
    let rig = called.stopped().await;
    let org = rig.sandbox.org().clone();
    org.update("Opportunity", &id, object_of(json!({ "Name": "Nobody listens" }))).unwrap();
    assert_eq!(org.waiting_messages(), 1);
    let called = Called::of(rig).await;
    until_deals(&called, hears).await;
    let more = async {
        while org.waiting_messages() > 0 {
            org.clock().advance(jiff::SignedDuration::from_mins(1));
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, more).await.is_ok(), "it was never sent again");
    assert_eq!((org.given_up_messages(), called.count("salesforce", "taken")), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_without_flows_gets_a_rule_and_one_without_rules_is_polled() {
    for (flows, rules, wanted) in [
        (
            FlowPolicy::Refused,
            true,
            vec!["message Opportunity.Sfsync_Opportunity", "rule Opportunity.Sfsync_Opportunity"],
        ),
        (FlowPolicy::Refused, false, vec![]),
    ] {
        let metadata = MetadataSettings { flows, rules, ..MetadataSettings::default() };
        let rig = rig_of(SandboxConfig { metadata, ..SandboxConfig::default() }, "outbound_messages").await;
        files(&rig);
        let called = Called::of(rig).await;
        let status = until_deals(&called, |status| hears(status) || status.state == State::Degraded).await;
        assert_eq!(called.small.rig.sandbox.org().deployed(), wanted, "{status:?}");
        if rules {
            called.small.deal("By a rule");
            there(&called, "By a rule").await;
            assert_eq!(disconnect(&called).await.removed.len(), 1);
            assert!(called.small.rig.sandbox.org().deployed().is_empty());
        } else {
            assert_eq!(status.push, "outbound_message off");
            assert!(
                status.message.contains("the org takes no outbound message for Opportunity"),
                "{}",
                status.message
            );
            assert!(status.message.ends_with("Polling every 1 hour."), "{}", status.message);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_that_is_not_active_and_a_user_who_may_not_deploy() {
    let metadata = MetadataSettings { flows: FlowPolicy::Inactive, ..MetadataSettings::default() };
    let rig = rig_of(SandboxConfig { metadata, ..SandboxConfig::default() }, "outbound_messages").await;
    files(&rig);
    let called = Called::of(rig).await;
    until_deals(&called, hears).await;
    called.small.deal("By a rule");
    there(&called, "By a rule").await;
    let done = disconnect(&called).await;
    assert!(called.small.rig.sandbox.org().deployed().is_empty(), "{:?}", done.left);
    let metadata = MetadataSettings { permitted: false, ..MetadataSettings::default() };
    let rig = rig_of(SandboxConfig { metadata, ..SandboxConfig::default() }, "outbound_messages").await;
    files(&rig);
    let called = Called::of(rig).await;
    let status = until_deals(&called, |status| status.state == State::Degraded).await;
    assert_eq!(status.push, "outbound_message off");
    let done = disconnect(&called).await;
    assert!(done.left[0].contains("Opportunity") && done.left[0].contains("Setup"), "{:?}", done.left);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_public_address_nobody_calls() {
    let rig = rig("outbound_messages").await;
    rig.write("settings.yaml", "log: info\n");
    files(&rig);
    let called = Called::of(rig).await;
    let status = until_deals(&called, |status| status.state == State::Degraded).await;
    assert_eq!(
        status.message,
        "nobody can call in: settings.yaml has no `public_url`. Polling every 1 hour."
    );
    assert!(called.small.rig.sandbox.org().deployed().is_empty());
}

fn envelope(org: &str, id: &str) -> String {
    format!(
        "<S:Envelope xmlns:S=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><S:Body>\
         <notifications xmlns=\"http://soap.sforce.com/2005/09/outbound\"><OrganizationId>{org}</OrganizationId><Notification><Id>04l000000000001</Id>\
         <sObject xsi:type=\"sf:Opportunity\" xmlns:sf=\"urn:sobject.enterprise.soap.sforce.com\"><sf:Id>{id}</sf:Id></sObject></Notification>\
         </notifications></S:Body></S:Envelope>"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_message_of_this_org_with_the_token_is_acknowledged() {
    let rig = rig("").await;
    files(&rig);
    let called = Called::of(rig).await;
    // Somebody else has set it up.
    until_deals(&called, hears).await;
    let org = called.small.rig.sandbox.org().org_id().to_string();
    let (_, id) = called.small.deal("By hand");
    let say =
        |token: &str, body: String| answered(called.call(&format!("salesforce/outbound/{token}")).body(body));
    let large = format!("{}{}", envelope(&org, &id), " ".repeat(3 << 20));
    let dtd = format!("<!DOCTYPE a [<!ENTITY b \"c\">]>{}", envelope(&org, &id));
    for (token, body, status) in [
        ("wrong", envelope(&org, &id), 401),
        (TOKEN, envelope("00D000000000001AAA", &id), 403),
        (TOKEN, dtd, 400),
        (TOKEN, "{}".to_owned(), 400),
        (TOKEN, large, 413),
    ] {
        let (found, text) = say(token, body).await;
        assert_eq!(found, status);
        assert!(text.contains("<Ack>false</Ack>"), "{text}");
    }
    let bare =
        answered(called.call("salesforce/outbound/").bearer_auth(TOKEN).body(envelope(&org, &id))).await;
    assert_eq!(bare.0, 404);
    let (status, text) = say(TOKEN, envelope(&org[..15], &id)).await;
    assert!(status == 200 && text.contains("<Ack>true</Ack>"), "{status} {text}");
    there(&called, "By hand").await;
}

const SETTING: &str = "objects: {Acme__Sync__c: {label: Sync, setting: true, fields: {Url__c: {type: text, length: 255}, Token__c: {type: text, length: 255}}}}";

#[tokio::test(flavor = "multi_thread")]
async fn an_installed_package_is_told_where_to_call() {
    let customizations = vec![Customization::parse("package", SETTING).unwrap()];
    let org = OrgConfig { customizations, ..OrgConfig::default() };
    let rig = rig_of(SandboxConfig { org, ..SandboxConfig::default() }, "webhook_setting").await;
    rig.edit_file(
        "connections/salesforce.yaml",
        &[("${env:HOOK_TOKEN}\"", "${env:HOOK_TOKEN}\", setting: Acme__Sync__c")],
    );
    rig.write("accounts.yaml", ACCOUNTS);
    rig.write("deals.yaml", &DEALS.replace("poll: 1 second", "poll: 1 hour, push: webhook"));
    let called = Called::of(rig).await;
    let org = called.small.rig.sandbox.org().clone();
    let told = async || {
        let mut records = org.records("Acme__Sync__c", false).unwrap();
        while records.first().is_none_or(|one| one["Url__c"].is_null()) {
            tokio::task::yield_now().await;
            records = org.records("Acme__Sync__c", false).unwrap();
        }
        assert_eq!(records.len(), 1);
        (records[0]["Url__c"].clone(), records[0]["Token__c"].clone())
    };
    let values = tokio::time::timeout(PATIENCE, told()).await.unwrap();
    assert_eq!(values, (json!(format!("{}/hooks/salesforce", called.address)), json!(TOKEN)));
    let done = disconnect(&called).await;
    assert_eq!(done.removed, ["address and token in the custom setting Acme__Sync__c"]);
    assert!(org.records("Acme__Sync__c", false).unwrap()[0]["Token__c"].is_null());
}
