//! Change events with a whole daemon: a change is there without waiting for a look, and nothing depends on it.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sfsync::model::Clock;
use sfsync::runtime::clock::SystemClock;
use sfsync::runtime::control::Control as _;
use sfsync::runtime::doors::Door;
use sfsync::runtime::status::{PipelineStatus, State};
use sfsync::runtime::supervisor::{Options, Supervisor};
use sfsync_sandbox::ResourceKind;
use tokio::sync::Notify;

use crate::harness::rig::{Rig, until};
use crate::harness::small::{ACCOUNTS, DEALS, Small};
use crate::salesforce_rig::object_of;

const HOURLY: (&str, &str) = ("poll: 1 second", "poll: 1 hour, push: cdc");

/// A clock on which ten minutes are over when a test says so.
struct Patient {
    over: Arc<Notify>,
}

#[async_trait::async_trait]
impl Clock for Patient {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    async fn sleep(&self, length: Duration) {
        if length == Duration::from_secs(600) {
            self.over.notified().await;
        } else {
            SystemClock.sleep(length).await;
        }
    }
}

/// A clock on which a stream has settled when a test says so.
struct Unhurried {
    over: Arc<Notify>,
}

#[async_trait::async_trait]
impl Clock for Unhurried {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    async fn sleep(&self, length: Duration) {
        if length == Duration::from_secs(5) {
            self.over.notified().await;
        } else {
            SystemClock.sleep(length).await;
        }
    }
}

/// Accounts and deals that are looked at once an hour; `manage` is what the connection may set up.
async fn rig(manage: &str) -> Rig {
    let rig = Small::empty(20).await;
    let connection = std::fs::read_to_string(rig.folder().join("connections/salesforce.yaml")).unwrap();
    let more = format!("{connection}\npubsub_url: ${{env:SF_LOGIN_URL}}\nmanage: [{manage}]\n");
    rig.write("connections/salesforce.yaml", &more);
    rig.write("accounts.yaml", ACCOUNTS);
    rig.write("deals.yaml", &DEALS.replace(HOURLY.0, HOURLY.1));
    rig
}

async fn until_deals(daemon: &Supervisor, wanted: impl Fn(&PipelineStatus) -> bool) -> PipelineStatus {
    until(daemon, "deals", wanted).await
}

fn hears(status: &PipelineStatus) -> bool {
    status.push == "cdc" && status.state == State::Running
}

/// Changes the deal and waits until the pipeline has written it, without asking it to look.
async fn follows(small: &Small, deal: &str, name: &str) {
    let before = small.totals("deals").updated;
    small.update("Opportunity", deal, json!({ "Name": name }));
    until_deals(&small.daemon, |status| status.totals.updated > before).await;
    let sql = format!("SELECT name FROM deals WHERE salesforce_id = '{deal}'");
    assert_eq!(small.text(&sql).as_deref(), Some(name));
}

/// A daemon that has heard an event and was started anew: it goes on from its place, and no look helps it.
async fn listening(rig: Rig) -> (Small, String) {
    let small = Small::of(rig).await;
    until_deals(&small.daemon, hears).await;
    let before = small.totals("deals").created;
    let (_, deal) = small.deal("First");
    until_deals(&small.daemon, |status| status.totals.created > before).await;
    let small = small.restart().await;
    until_deals(&small.daemon, |status| hears(status) && status.passes > 0).await;
    (small, deal)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_there_without_waiting_for_a_look() {
    let (small, deal) = listening(rig("cdc_channel").await).await;
    let org = small.rig.sandbox.org();
    assert_eq!(org.selected_for_events(), [("Sfsync__chn".to_owned(), "OpportunityChangeEvent".to_owned())]);
    follows(&small, &deal, "Second").await;
    // What is lost before it is published is not seen: nobody looks in between.
    let (_, other) = small.deal("Other");
    until_deals(&small.daemon, |status| status.totals.created > 0).await;
    org.lose_events(1);
    small.update("Opportunity", &other, json!({ "Name": "Lost" }));
    follows(&small, &deal, "Third").await;
    let lost = "SELECT count(*) FROM deals WHERE name = 'Lost'";
    assert_eq!(small.number(lost), 0);
    // A look finds it, and so does a gap.
    small.caught_up().await;
    assert_eq!(small.number(lost), 1);
    org.gap_events(1);
    follows(&small, &deal, "Fourth").await;
    let before = small.totals("deals").deleted;
    org.delete("Opportunity", &other).unwrap();
    until_deals(&small.daemon, |status| status.totals.deleted > before || status.counts.linked > 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_stream_and_an_ended_session_cost_nothing() {
    let (small, deal) = listening(rig("cdc_channel").await).await;
    let opened = small.rig.sandbox.streams().1;
    while small.rig.sandbox.streams().0 == 0 {
        tokio::task::yield_now().await;
    }
    // It says so from the first break, and is not degraded for it.
    small.rig.sandbox.refuse_streams(Some((14, "service.unavailable")));
    small.rig.sandbox.cut_streams();
    let status = until_deals(&small.daemon, |status| status.push != "cdc").await;
    assert_eq!((status.push.as_str(), status.state), ("cdc connecting", State::Running));
    assert!(!status.news_arrive());
    let up = status.conditions.iter().find(|condition| condition.kind == "Push").unwrap();
    assert!(!up.status && up.reason == "cdc connecting", "{up:?}");
    small.rig.sandbox.refuse_streams(None);
    until_deals(&small.daemon, hears).await;
    follows(&small, &deal, "Cut").await;
    small.rig.sandbox.revoke_tokens(sfsync_sandbox::TokensRevoked::Access);
    follows(&small, &deal, "Signed in again").await;
    assert!(small.rig.sandbox.streams().1 > opened, "the stream was opened again");
}

/// How often news of the org were lost.
fn gaps(daemon: &Arc<Supervisor>) -> u64 {
    let text = Door(Arc::clone(daemon)).metrics();
    let line =
        text.lines().find_map(|line| line.strip_prefix("sfsync_push_gaps_total{connection=\"salesforce\"} "));
    line.map_or(0, |count| count.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_is_gone_is_one_incident_and_one_bounded_look() {
    let (Small { mut rig, daemon }, deal) = listening(rig("cdc_channel").await).await;
    rig.stop().await;
    drop(daemon);
    rig.sandbox.org().update("Opportunity", &deal, object_of(json!({ "Name": "Meanwhile" }))).unwrap();
    rig.sandbox.org().clock().advance(SignedDuration::from_hours(80));
    rig.sandbox.reset_calls();
    let small = Small::of(rig).await;
    // The look when it begins, and the one that follows the new stream.
    let status = until_deals(&small.daemon, |status| hears(status) && status.passes > 1).await;
    let name = format!("SELECT name FROM deals WHERE salesforce_id = '{deal}'");
    assert_eq!(small.text(&name).as_deref(), Some("Meanwhile"));
    let everything = small.number("SELECT count(*) FROM deals");
    assert!(everything > 15 && status.totals.read < 5, "{} of {everything} were read", status.totals.read);
    assert_eq!(small.rig.sandbox.calls().of(ResourceKind::BulkCreate), 0, "no load is made for it");
    assert_eq!(gaps(&small.daemon), 1);
    follows(&small, &deal, "After").await;
    assert_eq!(gaps(&small.daemon), 1);
    let rows = format!("SELECT count(*) FROM deals WHERE salesforce_id = '{deal}'");
    assert_eq!(small.number(&rows), 1);
    small.rig.sandbox.org().publish_overflow("Opportunity").unwrap();
    until_deals(&small.daemon, |_| gaps(&small.daemon) == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_before_the_look_that_it_owes_still_owes_it() {
    let mut rig = rig("cdc_channel").await;
    rig.sandbox.refuse_streams(Some((14, "service.unavailable")));
    let owed = Arc::new(Notify::new());
    let clock = Arc::new(Unhurried { over: Arc::clone(&owed) });
    let daemon = Supervisor::start(Options { clock, ..rig.options() }).await.unwrap();
    rig.supervisor = Some(Arc::clone(&daemon));
    let small = Small { rig, daemon };
    small.state("deals", State::Running).await;
    small.caught_up().await;
    // Nobody listens, and nobody is told of this one.
    let before = small.totals("deals").created;
    let (_, unheard) = small.deal("Unheard");
    small.rig.sandbox.refuse_streams(None);
    while small.rig.sandbox.streams().0 == 0 {
        tokio::task::yield_now().await;
    }
    // An event moves the place, and then the stream breaks before it has settled.
    small.deal("Heard");
    until_deals(&small.daemon, |status| status.totals.created > before).await;
    let opened = small.rig.sandbox.streams().1;
    small.rig.sandbox.cut_streams();
    while small.rig.sandbox.streams().1 == opened {
        tokio::task::yield_now().await;
    }
    let rows = format!("SELECT count(*) FROM deals WHERE salesforce_id = '{unheard}'");
    assert_eq!(small.number(&rows), 0);
    let settles = async {
        loop {
            owed.notify_waiters();
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = settles => {}
        _ = until_deals(&small.daemon, |status| status.totals.created > before + 1) => {}
    }
    assert_eq!(small.number(&rows), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_slot_polling_goes_on_and_a_free_slot_is_taken() {
    let mut rig = rig("cdc_channel").await;
    for object in ["Account", "Contact", "Lead", "Case", "Task"] {
        rig.sandbox.org().select_for_events(object).unwrap();
    }
    let over = Arc::new(Notify::new());
    let clock = Arc::new(Patient { over: Arc::clone(&over) });
    let daemon = Supervisor::start(Options { clock, ..rig.options() }).await.unwrap();
    rig.supervisor = Some(Arc::clone(&daemon));
    let status = until_deals(&daemon, |status| status.state == State::Degraded).await;
    assert_eq!(status.push, "cdc off");
    assert_eq!(
        status.message,
        "no CDC slot for Opportunity: 5 of 5 objects selected (by others 5, sfsync 0). Polling every 1 hour."
    );
    assert!(rig.sandbox.org().deselect_for_events("Case"));
    over.notify_waiters();
    until_deals(&daemon, hears).await;
    let small = Small { rig, daemon };
    let before = small.totals("deals").created;
    small.deal("At once");
    until_deals(&small.daemon, |status| status.totals.created > before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_channel_grows_and_shrinks_with_the_files() {
    let (small, _) = listening(rig("cdc_channel").await).await;
    let selected = || {
        let members = small.rig.sandbox.org().selected_for_events();
        members.into_iter().map(|(_, entity)| entity).collect::<Vec<_>>()
    };
    small.reload("accounts.yaml", &ACCOUNTS.replace(HOURLY.0, HOURLY.1)).await;
    until(&small.daemon, "accounts", hears).await;
    assert_eq!(selected(), ["OpportunityChangeEvent", "AccountChangeEvent"]);
    small.reload("deals.yaml", DEALS).await;
    until_deals(&small.daemon, |status| status.push == "–").await;
    let before = small.totals("accounts").created;
    let account = small.insert("Account", json!({ "Name": "Heard" }));
    until(&small.daemon, "accounts", |status| status.totals.created > before).await;
    assert_eq!(small.number(&format!("SELECT count(*) FROM clients WHERE salesforce_id = '{account}'")), 1);
    assert_eq!(selected(), ["AccountChangeEvent"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_nobody_may_make_is_asked_for() {
    let small = Small::of(rig("").await).await;
    let status = until_deals(&small.daemon, |status| status.state == State::Degraded).await;
    assert!(status.message.starts_with("there is no channel Sfsync__chn"), "{}", status.message);
    assert!(small.rig.sandbox.org().selected_for_events().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_out_takes_the_channel_away() {
    let (small, _) = listening(rig("cdc_channel").await).await;
    let door = Door(Arc::clone(&small.daemon));
    let done = door.disconnect(&"salesforce".into()).await.unwrap();
    assert_eq!(done.removed, ["the channel /data/Sfsync__chn and its members"]);
    assert!(done.left.is_empty());
    until_deals(&small.daemon, |status| status.push == "–").await;
    assert!(small.rig.sandbox.org().selected_for_events().is_empty());
}
