//! First loads: every record exactly as the org has it, by the lane that costs fewer calls, taken up anywhere.

use sfsync::connect::Limit;
use sfsync::connect::Source;
use sfsync::connect::salesforce::{IdScan, LoadScope, ReadSpec};
use sfsync::model::{Backfill, Change, Cursor, Read};
use sfsync_sandbox::{BulkSettings, Fault, FaultKind, Population, ResourceKind, SandboxConfig};

use crate::salesforce_rig::{OPPORTUNITY, OPPORTUNITY_SOQL, Rig, drain, records, sandbox_config};

fn by_bulk() -> ReadSpec {
    let mut spec = ReadSpec::new("Opportunity", OPPORTUNITY);
    spec.lanes.load = 100;
    spec.lanes.page = 700;
    spec
}

#[tokio::test]
async fn rest_and_bulk_bring_the_same_rows() {
    let rig = Rig::with_opportunities(5_000).await;
    let truth = rig.truth(OPPORTUNITY_SOQL, OPPORTUNITY);
    assert!(truth.len() > 4_900);
    let rest =
        drain(&mut rig.source(ReadSpec::new("Opportunity", OPPORTUNITY)), None, Limit::default()).await;
    assert!(rest.state() == truth, "rest differs");
    assert_eq!(rig.sandbox.calls().of(ResourceKind::BulkCreate), 0);
    let bulk = drain(&mut rig.source(by_bulk()), None, Limit::default()).await;
    assert!(bulk.state() == truth, "bulk differs");
    assert_eq!(rig.sandbox.calls().of(ResourceKind::BulkCreate), 1);
    assert_eq!(bulk.cursor, rest.cursor);
}

#[tokio::test]
async fn a_load_by_rest_costs_a_call_for_each_page_and_two_more() {
    let rig = Rig::with_opportunities(5_000).await;
    rig.client.data_path().await.unwrap();
    rig.sandbox.reset_calls();
    drain(&mut rig.source(ReadSpec::new("Opportunity", OPPORTUNITY)), None, Limit::default()).await;
    // The count, three pages, and the first look for changes.
    assert_eq!(rig.sandbox.calls().total, 1 + 3 + 1);
}

#[tokio::test]
async fn a_load_by_bulk_costs_at_most_six_calls_besides_the_pages() {
    let rig = Rig::with_opportunities(5_000).await;
    rig.client.data_path().await.unwrap();
    rig.sandbox.reset_calls();
    drain(&mut rig.source(by_bulk()), None, Limit::default()).await;
    let calls = rig.sandbox.calls();
    assert_eq!(calls.of(ResourceKind::BulkResults), 8);
    assert!(calls.total <= 8 + 6, "{} calls", calls.total);
}

#[tokio::test]
async fn a_load_is_taken_up_after_every_batch() {
    let rig = Rig::with_opportunities(3_000).await;
    let truth = rig.truth(OPPORTUNITY_SOQL, OPPORTUNITY);
    for spec in [ReadSpec::new("Opportunity", OPPORTUNITY), by_bulk()] {
        let mut cursor: Option<Cursor> = None;
        let mut events = Vec::new();
        loop {
            // Another process goes on from the stored cursor.
            let mut source = rig.source(spec.clone());
            let mut more_reads = 2;
            let more = loop {
                let read = source.read(cursor.as_ref(), records(900)).await.unwrap();
                let Read::Batch { events: batch, next, more, .. } = read else {
                    panic!("the cursor was lost")
                };
                events.extend(batch);
                cursor = Some(next);
                more_reads -= 1;
                if !more || more_reads == 0 {
                    break more;
                }
            };
            if !more {
                break;
            }
        }
        let all = crate::salesforce_rig::Drained { events, cursor: cursor.unwrap() };
        assert!(all.state() == truth, "rows differ");
    }
}

#[tokio::test]
async fn read_ahead_is_dropped_when_the_caller_goes_back() {
    let rig = Rig::with_opportunities(2_000).await;
    for spec in [ReadSpec::new("Opportunity", OPPORTUNITY), by_bulk()] {
        let mut source = rig.source(spec);
        let Read::Batch { next: first, .. } = source.read(None, records(10)).await.unwrap() else { panic!() };
        let Read::Batch { events: once, .. } = source.read(Some(&first), records(500)).await.unwrap() else {
            panic!()
        };
        let again = drain(&mut source, Some(first), Limit::default()).await;
        let keys: std::collections::BTreeSet<_> = again.events.iter().map(|event| &event.key).collect();
        assert_eq!(keys.len(), rig.count("Opportunity"));
        assert!(once.iter().all(|event| keys.contains(&event.key)));
    }
}

#[tokio::test]
async fn the_job_is_stored_before_anybody_waits_for_it() {
    let rig = Rig::with_opportunities(300).await;
    let mut source = rig.source(by_bulk());
    let Read::Batch { events, next, total, .. } = source.read(None, Limit::default()).await.unwrap() else {
        panic!()
    };
    assert_eq!((events.len(), total), (0, Some(rig.count("Opportunity") as u64)));
    assert!(matches!(next, Cursor::Backfill { done: Backfill::Job { .. }, .. }));
    assert_eq!(rig.sandbox.calls().of(ResourceKind::BulkStatus), 0);
}

#[tokio::test]
async fn filters_and_the_scope_of_the_load_go_into_the_query() {
    let rig = Rig::with_opportunities(1_000).await;
    let won = rig.truth(&format!("{OPPORTUNITY_SOQL} WHERE IsWon = true AND Amount > 0"), OPPORTUNITY);
    assert!(!won.is_empty() && won.len() < 1_000);
    for lane in [10_000, 1] {
        let mut spec = by_bulk();
        spec.lanes.load = lane;
        spec.filter = Some("IsWon = true".into());
        spec.load = LoadScope::Where("Amount > 0".into());
        let mut source = rig.source(spec);
        let mut cursor = None;
        let mut events = Vec::new();
        // Only the load: changes do not know its scope.
        while !matches!(cursor, Some(Cursor::Changes { .. })) {
            let Read::Batch { events: batch, next, .. } =
                source.read(cursor.as_ref(), Limit::default()).await.unwrap()
            else {
                panic!()
            };
            events.extend(batch);
            cursor = Some(next);
        }
        let loaded = crate::salesforce_rig::Drained { events, cursor: cursor.unwrap() };
        assert!(loaded.state() == won, "rows differ");
    }
}

#[tokio::test]
async fn nothing_to_load_is_one_call_or_none() {
    let rig = Rig::start(sandbox_config()).await;
    rig.client.data_path().await.unwrap();
    rig.sandbox.reset_calls();
    let empty = drain(&mut rig.source(ReadSpec::new("Account", &[])), None, Limit::default()).await;
    assert_eq!((empty.events.len(), rig.sandbox.calls().total), (0, 2));
    let mut spec = ReadSpec::new("Account", &[]);
    spec.load = LoadScope::Nothing;
    rig.sandbox.reset_calls();
    let nothing = drain(&mut rig.source(spec), None, Limit::default()).await;
    assert_eq!((nothing.events.len(), rig.sandbox.calls().total), (0, 0));
    assert_eq!(nothing.cursor, empty.cursor);
    assert_eq!(
        nothing.cursor,
        Cursor::Changes { upto: "2026-03-11T09:59:55Z".parse().unwrap(), within: None }
    );
}

#[tokio::test]
async fn what_bulk_refuses_is_read_over_rest_and_remembered() {
    let rig = Rig::with_opportunities(500).await;
    let refused = Fault::new(FaultKind::BulkJobFailed {
        message: "INVALIDENTITY: entity 'Opportunity' is not supported by the Bulk API.".into(),
    });
    rig.sandbox.faults().add(refused);
    let loaded = drain(&mut rig.source(by_bulk()), None, Limit::default()).await;
    assert_eq!(loaded.state().len(), rig.count("Opportunity"));
    assert!(rig.client.is_rest_only("Opportunity"));
    rig.sandbox.reset_calls();
    let loaded = drain(&mut rig.source(by_bulk()), None, Limit::default()).await;
    assert_eq!(loaded.state().len(), rig.count("Opportunity"));
    assert_eq!(rig.sandbox.calls().of(ResourceKind::BulkCreate), 0);
}

#[tokio::test]
async fn a_job_that_is_gone_is_made_again() {
    let rig = Rig::with_opportunities(500).await;
    let anchor = "2026-03-11T09:00:00Z".parse().unwrap();
    let gone = Cursor::Backfill {
        anchor,
        done: Backfill::Job { id: "750Hq00000JbQ1aIAF".into(), pages: vec![(String::new(), 200)], rows: 200 },
    };
    let loaded = drain(&mut rig.source(by_bulk()), Some(gone), Limit::default()).await;
    assert_eq!(loaded.state().len(), rig.count("Opportunity"));
    assert!(loaded.events.iter().all(|event| matches!(event.change, Change::Upsert(_))));
}

#[tokio::test]
async fn a_job_may_take_its_time() {
    let population = Population { accounts: 10, opportunities: 300, ..Population::default() };
    let bulk = BulkSettings { polls: 3, ..BulkSettings::default() };
    let rig = Rig::start(SandboxConfig { population: Some(population), bulk, ..sandbox_config() }).await;
    let loaded = drain(&mut rig.source(by_bulk()), None, Limit::default()).await;
    assert_eq!(loaded.state().len(), rig.count("Opportunity"));
    assert_eq!(rig.sandbox.calls().of(ResourceKind::BulkStatus), 4);
}

#[tokio::test]
async fn compressed_answers_hold_the_same_rows() {
    let population = Population { accounts: 10, opportunities: 2_500, ..Population::default() };
    let config = SandboxConfig { population: Some(population), ..sandbox_config() };
    let rig = Rig::with(config, |config| config.gzip = Some(true)).await;
    let truth = rig.truth(OPPORTUNITY_SOQL, OPPORTUNITY);
    for spec in [ReadSpec::new("Opportunity", OPPORTUNITY), by_bulk()] {
        let loaded = drain(&mut rig.source(spec), None, Limit::default()).await;
        assert!(loaded.state() == truth, "rows differ");
    }
}

#[tokio::test]
async fn all_ids_for_a_comparison() {
    let rig = Rig::with_opportunities(2_500).await;
    let truth = rig.truth("SELECT Id FROM Opportunity WHERE IsWon = true", &[]);
    for lane in [10_000, 100] {
        let mut spec = by_bulk();
        spec.lanes.load = lane;
        spec.filter = Some("IsWon = true".into());
        rig.sandbox.reset_calls();
        let mut scan = IdScan::new(std::sync::Arc::clone(&rig.client), &spec);
        let mut ids = Vec::new();
        while let Some(batch) = scan.next().await.unwrap() {
            ids.extend(batch.into_iter().map(|key| key.to_string()));
        }
        ids.sort();
        assert!(ids.iter().eq(truth.keys()), "ids differ");
        assert_eq!(scan.started_at(), Some("2026-03-11T09:59:55Z".parse().unwrap()));
    }
}
