//! The rules of the cursor: nothing is missed at any edge, nobody is deleted without evidence, and an idle poll is one call.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sfsync::connect::salesforce::{ReadSpec, SalesforceSource};
use sfsync::connect::{Limit, Source};
use sfsync::model::{Change, Class, Cursor, Key, Kind, Read};
use sfsync_sandbox::{EditMix, Fault, FaultKind, ResourceKind};

use crate::salesforce_rig::{
    Drained, NOW, OPPORTUNITY, OPPORTUNITY_SOQL, Rig, drain, object_of, records, sandbox_config,
};

const ACCOUNT: &[(&str, Kind)] = &[("Name", Kind::Text), ("Industry", Kind::Text)];

fn accounts() -> ReadSpec {
    ReadSpec { has_master_record_id: true, ..ReadSpec::new("Account", ACCOUNT) }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn changes(upto: &str) -> Cursor {
    Cursor::Changes { upto: at(upto), within: None }
}

fn upto(cursor: &Cursor) -> Timestamp {
    match cursor {
        Cursor::Changes { upto, within: None } => *upto,
        other => panic!("{other:?} is no resting place"),
    }
}

impl Rig {
    fn minutes_pass(&self, minutes: i64) {
        self.sandbox.org().clock().advance(SignedDuration::from_mins(minutes));
    }

    fn account(&self, name: &str) -> String {
        self.insert("Account", json!({ "Name": name }))
    }
}

async fn poll(source: &mut SalesforceSource, from: &Cursor) -> Drained {
    drain(source, Some(from.clone()), Limit::default()).await
}

#[tokio::test]
async fn an_idle_poll_is_one_call_and_moves_to_the_time_of_the_org() {
    let rig = Rig::start(sandbox_config()).await;
    rig.client.data_path().await.unwrap();
    let mut specs = vec![accounts(), accounts(), accounts()];
    specs[1].filter = Some("Industry != null".into());
    specs[2].filter = Some("Industry != null".into());
    specs[2].leavers = true;
    for spec in specs {
        let mut source = rig.source(spec);
        rig.sandbox.reset_calls();
        let idle = poll(&mut source, &changes("2026-03-11T09:30:00Z")).await;
        assert_eq!((idle.events.len(), rig.sandbox.calls().total), (0, 1));
        // Our own clock stands in 2001.
        assert_eq!(upto(&idle.cursor), at(NOW) - SignedDuration::from_secs(5));
    }
}

#[tokio::test]
async fn equal_stamps_at_every_page_edge_lose_nothing() {
    let rig = Rig::start(sandbox_config()).await;
    let mut expected: Vec<String> = (0..57).map(|n| rig.account(&format!("A{n}"))).collect();
    rig.minutes_pass(1);
    expected.extend((0..23).map(|n| rig.account(&format!("B{n}"))));
    expected.sort();
    for size in [1, 7, 50, 57, 58, 100] {
        let mut source = rig.source(accounts());
        let read = drain(&mut source, Some(changes("2026-03-11T09:30:00Z")), records(size)).await;
        let keys: Vec<String> = read.state().into_keys().collect();
        assert_eq!(keys, expected, "batches of {size}");
        assert_eq!(read.events.len(), 80);
    }
}

#[tokio::test]
async fn a_window_is_taken_up_at_any_record() {
    let rig = Rig::start(sandbox_config()).await;
    for n in 0..40 {
        rig.account(&format!("A{n}"));
    }
    let mut seen = Vec::new();
    let mut cursor = changes("2026-03-11T09:30:00Z");
    loop {
        // A crash after every batch.
        let read = rig.source(accounts()).read(Some(&cursor), records(7)).await.unwrap();
        let Read::Batch { events, next, more, .. } = read else { panic!("the cursor was lost") };
        seen.extend(events.into_iter().map(|event| event.key));
        rig.minutes_pass(1);
        cursor = next;
        if !more {
            break;
        }
    }
    assert_eq!(seen.len(), 40);
    // The window ends where it began to be read, not where it was read to its end.
    assert_eq!(upto(&cursor), at(NOW) - SignedDuration::from_secs(5));
}

#[tokio::test]
async fn a_record_that_commits_late_with_an_older_stamp_is_picked_up() {
    let rig = Rig::start(sandbox_config()).await;
    let mut source = rig.source(accounts());
    let before = poll(&mut source, &changes("2026-03-11T09:30:00Z")).await;
    let mut late = rig.sandbox.org().begin();
    late.insert("Account", object_of(json!({ "Name": "Late" })));
    rig.minutes_pass(5);
    let between = poll(&mut source, &before.cursor).await;
    assert_eq!(between.events.len(), 0);
    let ids = late.commit().unwrap();
    rig.minutes_pass(4);
    let after = poll(&mut source, &between.cursor).await;
    assert_eq!(after.state().keys().collect::<Vec<_>>(), [&ids[0].to_string()]);
}

#[tokio::test]
async fn a_record_that_commits_while_its_window_is_read_is_picked_up() {
    let rig = Rig::start(sandbox_config()).await;
    let mut source = rig.source(accounts());
    let fields = object_of(json!({ "Name": "Late" }));
    rig.sandbox
        .faults()
        .add(Fault::new(FaultKind::LateCommit { object: "Account".into(), id: None, fields }).once());
    let first = poll(&mut source, &changes("2026-03-11T09:30:00Z")).await;
    assert_eq!(first.events.len(), 0);
    rig.minutes_pass(9);
    assert_eq!(poll(&mut source, &first.cursor).await.events.len(), 1);
}

#[tokio::test]
async fn deletes_need_evidence() {
    let rig = Rig::start(sandbox_config()).await;
    let (kept, binned, purged) = (rig.account("Kept"), rig.account("Binned"), rig.account("Purged"));
    let mut source = rig.source(accounts());
    let first = poll(&mut source, &changes("2026-03-11T09:30:00Z")).await;
    rig.minutes_pass(20);
    let org = rig.sandbox.org();
    org.delete("Account", &binned).unwrap();
    org.hard_delete("Account", &purged).unwrap();
    let second = poll(&mut source, &first.cursor).await;
    let state = second.state();
    assert_eq!(state.get(&binned).map(Vec::as_slice), Some(&["deleted None".to_owned()][..]));
    // It is read again because windows overlap, as it is.
    assert_eq!(state[&kept], ["Kept", "null"]);
    // After its afterlife nothing tells of a purged record any more, so nothing is said of it.
    rig.minutes_pass(60 * 30);
    let keys: Vec<Key> = [&kept, &binned, &purged].iter().map(|id| Key::salesforce(id)).collect();
    let now = source.fetch(&keys).await.unwrap();
    let told: Vec<_> = now
        .iter()
        .map(|event| (event.key.to_string(), matches!(event.change, Change::Delete { .. })))
        .collect();
    assert!(told.contains(&(kept, false)) && told.contains(&(binned, true)));
    assert!(!told.iter().any(|(id, _)| *id == purged));
}

#[tokio::test]
async fn what_no_query_shows_is_deleted_only_if_the_log_of_the_org_says_so() {
    let rig = Rig::start(sandbox_config()).await;
    let (kept, purged) = (rig.account("Kept"), rig.account("Purged"));
    let other = rig.insert("Contact", json!({ "LastName": "Not an account: as good as hidden" }));
    let keys: Vec<Key> = [&kept, &purged, &other].iter().map(|id| Key::salesforce(id)).collect();
    let spec = ReadSpec { delete_log: true, ..accounts() };
    rig.sandbox.org().hard_delete("Account", &purged).unwrap();
    let told = async |spec: &ReadSpec| {
        let events = rig.source(spec.clone()).fetch(&keys).await.unwrap();
        let deleted = events.into_iter().filter(|event| matches!(event.change, Change::Delete { .. }));
        deleted.map(|event| event.key.to_string()).collect::<Vec<_>>()
    };
    // Past what queryAll remembers.
    rig.minutes_pass(60 * 30);
    rig.sandbox.reset_calls();
    assert_eq!(told(&spec).await, [purged.as_str()]);
    assert_eq!(rig.sandbox.calls().total, 2, "one call for all that is missing");
    assert_eq!(told(&accounts()).await, [""; 0], "who does not follow deletes does not ask");
    let broken = Fault::new(FaultKind::BadGateway).path("/deleted/");
    rig.sandbox.faults().add(broken.times(20));
    let failed = rig.source(spec.clone()).fetch(&keys).await;
    assert!(
        failed.is_err_and(|error| error.class == Class::TRANSIENT),
        "an answer that is late is no answer"
    );
    rig.sandbox.faults().clear();
    // A log that no longer reaches so far is no evidence of anything.
    rig.minutes_pass(60 * 24 * 16);
    assert_eq!(told(&spec).await, [""; 0]);
    // An object that has no log is not asked about again and again, and is no failure.
    let odd = ReadSpec { delete_log: true, has_is_deleted: false, ..ReadSpec::new("OpportunityStage", &[]) };
    assert_eq!(told(&odd).await, [""; 0]);
}

#[tokio::test]
async fn an_undeleted_record_comes_back() {
    let rig = Rig::start(sandbox_config()).await;
    let id = rig.account("Acme");
    let mut source = rig.source(accounts());
    rig.sandbox.org().delete("Account", &id).unwrap();
    let first = poll(&mut source, &changes("2026-03-11T09:30:00Z")).await;
    assert_eq!(first.state()[&id], ["deleted None"]);
    rig.minutes_pass(30);
    rig.sandbox.org().undelete("Account", &id).unwrap();
    assert_eq!(poll(&mut source, &first.cursor).await.state()[&id], ["Acme", "null"]);
}

#[tokio::test]
async fn a_record_that_leaves_the_filter_is_seen() {
    let rig = Rig::start(sandbox_config()).await;
    let id = rig.insert("Account", json!({ "Name": "Acme", "Industry": "Banking" }));
    let gone = rig.insert("Account", json!({ "Name": "Gone", "Industry": "Banking" }));
    let mut spec = accounts();
    spec.filter = Some("Industry = 'Banking'".into());
    spec.leavers = true;
    let mut source = rig.source(spec.clone());
    let first = poll(&mut source, &changes("2026-03-11T09:30:00Z")).await;
    assert_eq!(first.state()[&id], ["Acme", "Banking"]);
    rig.minutes_pass(30);
    rig.update("Account", &id, json!({ "Industry": "Energy" }));
    rig.update("Account", &gone, json!({ "Industry": null }));
    rig.sandbox.org().delete("Account", &gone).unwrap();
    rig.sandbox.reset_calls();
    let second = poll(&mut source, &first.cursor).await;
    assert_eq!(rig.sandbox.calls().total, 2);
    assert_eq!(second.state()[&id], ["left"]);
    assert_eq!(second.state()[&gone], ["deleted None"]);
    let Change::Left(Some(row)) =
        &second.events.iter().find(|event| event.key.as_str() == id).unwrap().change
    else {
        panic!("the row comes along")
    };
    assert_eq!(row.get(1).as_text(), Some("Energy"));
    // Without the wish to know, it is simply not read; the delete is.
    spec.leavers = false;
    let quiet = poll(&mut rig.source(spec), &first.cursor).await;
    assert_eq!(quiet.state().into_keys().collect::<Vec<_>>(), [gone]);
}

#[tokio::test]
async fn records_by_id_as_they_are_now() {
    let rig = Rig::start(sandbox_config()).await;
    let passing: Vec<String> = (0..900)
        .map(|n| rig.insert("Account", json!({ "Name": format!("A{n}"), "Industry": "Banking" })))
        .collect();
    let left = rig.account("Left");
    let deleted = rig.account("Deleted");
    rig.sandbox.org().delete("Account", &deleted).unwrap();
    let mut keys: Vec<Key> = passing.iter().chain([&left, &deleted]).map(|id| Key::salesforce(id)).collect();
    keys.push(Key::salesforce("001000000000000AAA"));
    keys.push(Key::app("no id ' at all"));
    let mut spec = accounts();
    spec.filter = Some("Industry = 'Banking'".into());
    let events = rig.source(spec).fetch(&keys).await.unwrap();
    assert_eq!(events.len(), 902);
    for event in &events {
        let as_expected = match &event.change {
            Change::Upsert(row) => {
                passing.contains(&event.key.to_string()) && row.get(1).as_text() == Some("Banking")
            }
            Change::Left(_) => event.key.as_str() == left,
            Change::Delete { .. } => event.key.as_str() == deleted,
            Change::Touched => false,
        };
        assert!(as_expected, "{event:?}");
    }
    assert_eq!(rig.source(accounts()).fetch(&[]).await.unwrap(), []);
}

#[tokio::test]
async fn a_lost_locator_goes_on_after_the_last_record() {
    let rig = Rig::with_opportunities(4_500).await;
    let truth = rig.truth(OPPORTUNITY_SOQL, OPPORTUNITY);
    let spec = ReadSpec { deletes: false, ..ReadSpec::new("Opportunity", OPPORTUNITY) };
    rig.sandbox.faults().add(Fault::new(FaultKind::InvalidQueryLocator).times(2));
    let read = drain(&mut rig.source(spec), Some(changes("2000-01-01T00:00:00Z")), Limit::default()).await;
    assert_eq!(rig.sandbox.faults().fired().len(), 2);
    assert!(read.state() == truth, "rows differ");
    assert_eq!(read.events.len(), truth.len());
}

#[tokio::test]
async fn a_query_that_runs_too_long_takes_smaller_pages() {
    let rig = Rig::with_opportunities(4_500).await;
    let truth = rig.truth(OPPORTUNITY_SOQL, OPPORTUNITY);
    let spec = ReadSpec { deletes: false, ..ReadSpec::new("Opportunity", OPPORTUNITY) };
    rig.sandbox.faults().add(Fault::new(FaultKind::QueryTimeout).times(2));
    rig.sandbox.reset_calls();
    let read = drain(&mut rig.source(spec), Some(changes("2000-01-01T00:00:00Z")), Limit::default()).await;
    assert!(read.state() == truth, "rows differ");
    assert_eq!(rig.sandbox.calls().of(ResourceKind::Query), 2 + 5);
}

#[tokio::test]
async fn a_large_window_goes_by_bulk_in_order() {
    let rig = Rig::with_opportunities(6_000).await;
    let truth = rig.truth(OPPORTUNITY_SOQL, OPPORTUNITY);
    let mut spec = ReadSpec { deletes: false, ..ReadSpec::new("Opportunity", OPPORTUNITY) };
    spec.lanes.changes = 1_000;
    spec.lanes.page = 900;
    let mut cursor = changes("2000-01-01T00:00:00Z");
    let mut source = rig.source(spec.clone());
    let mut all = Vec::new();
    for round in 0.. {
        if round % 3 == 2 {
            source = rig.source(spec.clone());
        }
        let Read::Batch { events, next, more, .. } =
            source.read(Some(&cursor), records(1_500)).await.unwrap()
        else {
            panic!()
        };
        let places: Vec<_> = events.iter().map(|event| (event.version, event.key.clone())).collect();
        assert!(places.is_sorted());
        all.extend(events);
        cursor = next;
        if !more {
            break;
        }
    }
    assert!(rig.sandbox.calls().of(ResourceKind::BulkCreate) >= 1);
    let read = Drained { events: all, cursor };
    assert!(read.state() == truth, "rows differ");
}

#[tokio::test]
async fn history_objects_are_followed_by_their_created_date() {
    let rig = Rig::with_opportunities(300).await;
    let spec = ReadSpec {
        stamp_field: "CreatedDate".into(),
        ..ReadSpec::new("OpportunityFieldHistory", &[("Field", Kind::Text), ("NewValue", Kind::Any)])
    };
    let count = rig.count("OpportunityFieldHistory");
    assert!(count > 0);
    let read = drain(&mut rig.source(spec), Some(changes("2000-01-01T00:00:00Z")), Limit::default()).await;
    let live = read.state().into_values().filter(|row| !row[0].starts_with("deleted")).count();
    assert_eq!(live, count);
}

#[tokio::test]
async fn after_random_edits_the_copy_equals_the_org() {
    let rig = Rig::with_opportunities(800).await;
    let mut source = rig.source(ReadSpec::new("Opportunity", OPPORTUNITY));
    let loaded = drain(&mut source, None, Limit::default()).await;
    let mut copy = loaded.state();
    let mut cursor = loaded.cursor;
    for round in 0..12 {
        rig.sandbox.org().random_edits(round, 150, &EditMix::default());
        if round % 4 == 1 {
            rig.sandbox.faults().add(Fault::new(FaultKind::ConnectionReset { after_bytes: 5_000 }).once());
        }
        rig.minutes_pass(3);
        let read = drain(&mut source, Some(cursor), records(97)).await;
        for (key, row) in read.state() {
            if row[0].starts_with("deleted") {
                copy.remove(&key)
            } else {
                copy.insert(key, row)
            };
        }
        cursor = read.cursor;
        // Names of parents change without a stamp of the child, so they are left out.
        let own = |rows: std::collections::BTreeMap<String, Vec<String>>| -> std::collections::BTreeMap<_, Vec<String>> {
            rows.into_iter().map(|(key, row)| (key, [&row[..7], &row[9..]].concat())).collect()
        };
        assert!(own(copy.clone()) == own(rig.truth(OPPORTUNITY_SOQL, OPPORTUNITY)), "round {round} differs");
    }
}

#[tokio::test]
async fn a_query_too_long_for_an_address_goes_in_a_body() {
    let rig = Rig::start(sandbox_config()).await;
    let wanted = rig.insert("Account", json!({ "Name": "Wanted" }));
    rig.account("Other");
    let names: Vec<String> = (0..1_000).map(|n| format!("'name number {n}'")).collect();
    let filter = format!("Name IN ({}, 'Wanted')", names.join(", "));
    let spec = ReadSpec { deletes: false, filter: Some(filter), ..accounts() };
    rig.sandbox.reset_calls();
    let read = poll(&mut rig.source(spec.clone()), &changes("2026-03-11T09:30:00Z")).await;
    assert_eq!(read.state().into_keys().collect::<Vec<_>>(), [wanted]);
    assert_eq!((rig.sandbox.calls().total, rig.sandbox.calls().of(ResourceKind::Composite)), (1, 1));
    let keys: Vec<Key> = read.events.iter().map(|event| event.key.clone()).collect();
    let fetched = rig.source(spec.clone()).fetch(&keys).await.unwrap();
    assert!(matches!(fetched[..], [sfsync::model::ChangeEvent { change: Change::Upsert(_), .. }]));
    let wrong =
        ReadSpec { filter: spec.filter.map(|filter| format!("{filter} AND Nothing__c = 1")), ..accounts() };
    let error =
        rig.source(wrong).read(Some(&changes("2026-03-11T09:30:00Z")), Limit::default()).await.unwrap_err();
    assert_eq!(error.remote.as_deref(), Some("INVALID_FIELD"));
}
