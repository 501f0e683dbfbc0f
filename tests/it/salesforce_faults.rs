//! Every kind of fault: complete and exact rows, or a classified error with the cursor kept.

use sfsync::connect::Limit;
use sfsync::connect::salesforce::ReadSpec;
use sfsync::model::Class;
use sfsync_sandbox::{Fault, FaultKind, LimitKind, ResourceKind};

use crate::salesforce_rig::{OPPORTUNITY, OPPORTUNITY_SOQL, Rig, drain, try_drain};

fn specs() -> [ReadSpec; 2] {
    let rest = ReadSpec::new("Opportunity", OPPORTUNITY);
    let mut bulk = rest.clone();
    bulk.lanes.load = 100;
    bulk.lanes.page = 700;
    [rest, bulk]
}

/// Faults that the client gets over by itself: nobody notices.
fn passing() -> Vec<Fault> {
    let anywhere = [
        FaultKind::ServiceUnavailable,
        FaultKind::BadGateway,
        FaultKind::NoRoute,
        FaultKind::NotAcceptable,
        FaultKind::TooManyRequests { retry_after: Some(1) },
        FaultKind::InternalError,
        FaultKind::HtmlPage,
        FaultKind::Unauthorized,
        FaultKind::TokenRevoked,
        FaultKind::RequestLimit { limit: LimitKind::Concurrent },
        FaultKind::RequestLimit { limit: LimitKind::LongTransactions },
        FaultKind::ConnectionReset { after_bytes: 100 },
        FaultKind::ConnectionReset { after_bytes: 60_000 },
        FaultKind::Delay { millis: 20 },
    ];
    let mut faults = Vec::new();
    for kind in anywhere {
        for nth in [1, 2, 4] {
            faults.push(Fault::new(kind.clone()).nth(nth));
        }
    }
    faults.push(Fault::new(FaultKind::InvalidQueryLocator).nth(1));
    faults.push(Fault::new(FaultKind::QueryTimeout).nth(2));
    faults.push(Fault::new(FaultKind::TruncatedBody { after_bytes: None }).on(ResourceKind::Query));
    faults
}

#[tokio::test]
async fn passing_faults_cost_no_row() {
    let rig = Rig::with_opportunities(2_300).await;
    let truth = rig.truth(OPPORTUNITY_SOQL, OPPORTUNITY);
    for fault in passing() {
        let [rest, bulk] = specs();
        // Only pages of REST have locators, and a load by bulk asks one query.
        let rest_alone = matches!(fault.kind, FaultKind::InvalidQueryLocator | FaultKind::QueryTimeout);
        for spec in if rest_alone { vec![rest] } else { vec![rest, bulk] } {
            let name = format!("{:?} on {:?} with {}", fault.kind, fault.resource, spec.lanes.load);
            rig.sandbox.faults().clear();
            rig.sandbox.faults().forget_fired();
            rig.sandbox.faults().add(Fault { times: Some(1), ..fault.clone() });
            let loaded = match try_drain(&mut rig.source(spec), None, Limit::default()).await {
                Ok(loaded) => loaded,
                Err(error) => panic!("{name}: {error}"),
            };
            assert!(loaded.state() == truth, "{name}: rows differ");
            assert_eq!(rig.sandbox.faults().fired().len(), 1, "{name}: it did not happen");
        }
    }
}

#[tokio::test]
async fn faults_at_random_cost_no_row() {
    let rig = Rig::with_opportunities(3_000).await;
    let truth = rig.truth(OPPORTUNITY_SOQL, OPPORTUNITY);
    for seed in 0..6 {
        rig.sandbox.faults().clear();
        let kinds = [
            FaultKind::ServiceUnavailable,
            FaultKind::ConnectionReset { after_bytes: 30_000 },
            FaultKind::Unauthorized,
        ];
        for (at, kind) in kinds.into_iter().enumerate() {
            rig.sandbox.faults().add(Fault::new(kind).probability(0.08, seed * 10 + at as u64));
        }
        for spec in specs() {
            let mut source = rig.source(spec);
            let mut tries = 0;
            let loaded = loop {
                match try_drain(&mut source, None, Limit::default()).await {
                    Ok(loaded) => break loaded,
                    Err(error) => {
                        assert!(error.class.is_retried() || error.class == Class::Session, "{error}");
                    }
                }
                tries += 1;
                assert!(tries < 50);
            };
            assert!(loaded.state() == truth, "rows differ");
        }
        assert!(!rig.sandbox.faults().fired().is_empty());
    }
}

#[tokio::test]
async fn fewer_rows_than_announced_are_never_success() {
    let rig = Rig::with_opportunities(3_000).await;
    let truth = rig.truth(OPPORTUNITY_SOQL, OPPORTUNITY);
    let lost = Fault::new(FaultKind::FewerRows { missing: 1 });
    for (spec, resource) in specs().into_iter().zip([ResourceKind::QueryMore, ResourceKind::BulkResults]) {
        rig.sandbox.faults().clear();
        rig.sandbox.faults().add(lost.clone().on(resource).nth(1));
        let mut source = rig.source(spec);
        let error = try_drain(&mut source, None, Limit::default()).await.err().expect("it must fail");
        assert_eq!((error.code, error.class), ("R107", Class::TRANSIENT));
        let loaded = drain(&mut source, None, Limit::default()).await;
        assert!(loaded.state() == truth, "rows differ");
    }
}

#[tokio::test]
async fn a_bulk_page_that_is_cut_is_asked_for_again() {
    let rig = Rig::with_opportunities(3_000).await;
    let truth = rig.truth(OPPORTUNITY_SOQL, OPPORTUNITY);
    let [_, spec] = specs();
    let cut = Fault::new(FaultKind::ConnectionReset { after_bytes: 150_000 }).on(ResourceKind::BulkResults);
    rig.sandbox.faults().add(cut.times(3));
    let loaded = drain(&mut rig.source(spec), None, Limit::default()).await;
    assert_eq!(rig.sandbox.faults().fired().len(), 3);
    // What arrived before the cut is not delivered twice.
    assert_eq!(loaded.events.len(), loaded.state().len());
    assert!(loaded.state() == truth, "rows differ");
}

#[tokio::test]
async fn failed_and_lost_jobs_are_made_again_or_go_by_rest() {
    let rig = Rig::with_opportunities(1_500).await;
    let truth = rig.truth(OPPORTUNITY_SOQL, OPPORTUNITY);
    let failed = |message: &str| FaultKind::BulkJobFailed { message: message.into() };
    for (kind, errors) in [
        (failed("UNKNOWN_EXCEPTION: An unexpected error occurred"), 1),
        (failed("QUERY_TIMEOUT: Your query request was running for too long."), 0),
        (failed("something nobody knows"), 1),
        (FaultKind::BulkJobAborted, 0),
        (FaultKind::MissingResultPage, 1),
    ] {
        rig.sandbox.faults().clear();
        rig.sandbox.faults().add(Fault::new(kind.clone()).once());
        let [_, spec] = specs();
        let mut source = rig.source(spec);
        let mut cursor = None;
        let (mut failures, mut events) = (0, Vec::new());
        // The runtime goes on from the last stored cursor after an error.
        let end = loop {
            use sfsync::connect::Source;
            match source.read(cursor.as_ref(), Limit::default()).await {
                Ok(sfsync::model::Read::Batch { events: batch, next, more, .. }) => {
                    events.extend(batch);
                    cursor = Some(next.clone());
                    if !more {
                        break next;
                    }
                }
                Ok(other) => panic!("{other:?}"),
                Err(_) => failures += 1,
            }
            assert!(failures < 5, "{kind:?}");
        };
        assert_eq!(failures, errors, "{kind:?}");
        let loaded = crate::salesforce_rig::Drained { events, cursor: end };
        assert!(loaded.state() == truth, "{kind:?}: rows differ");
    }
}

#[tokio::test]
async fn lasting_faults_are_classified() {
    let rig = Rig::with_opportunities(100).await;
    for (kind, class, code) in [
        (FaultKind::ServiceUnavailable, Class::TRANSIENT, "R102"),
        (FaultKind::HtmlPage, Class::TRANSIENT, "R106"),
        (FaultKind::ApiDisabledForOrg, Class::Pipeline, "R120"),
        (FaultKind::ApiCurrentlyDisabled, Class::Pipeline, "R120"),
        (FaultKind::QueryTimeout, Class::TRANSIENT, "R101"),
        (FaultKind::Unauthorized, Class::Session, "R104"),
        (FaultKind::WrongContentType { content_type: "text/html".into() }, Class::TRANSIENT, "R106"),
    ] {
        rig.sandbox.faults().clear();
        rig.sandbox.faults().add(Fault::new(kind.clone()));
        let [spec, _] = specs();
        let error =
            try_drain(&mut rig.source(spec), None, Limit::default()).await.err().expect("it must fail");
        assert_eq!((error.class, error.code), (class, code), "{kind:?}: {error}");
    }
}

#[tokio::test]
async fn an_answer_that_never_comes_is_a_time_out() {
    let population = sfsync_sandbox::Population { opportunities: 10, accounts: 1, ..Default::default() };
    let config = sfsync_sandbox::SandboxConfig {
        population: Some(population),
        ..crate::salesforce_rig::sandbox_config()
    };
    let rig = Rig::with(config, |config| {
        config.transport.answer = std::time::Duration::from_millis(150);
        config.transport.tries = 1;
    })
    .await;
    let id = rig.sandbox.faults().add(Fault::new(FaultKind::Hold).on(ResourceKind::Query));
    let [spec, _] = specs();
    let mut source = rig.source(spec);
    let error = try_drain(&mut source, None, Limit::default()).await.err().expect("it must fail");
    assert_eq!((error.class, error.code), (Class::TRANSIENT, "R101"));
    rig.sandbox.faults().remove(id);
    assert_eq!(drain(&mut source, None, Limit::default()).await.state().len(), rig.count("Opportunity"));
}

#[tokio::test]
async fn compressed_answers_that_are_cut_cost_no_row() {
    let population = sfsync_sandbox::Population { opportunities: 2_500, accounts: 10, ..Default::default() };
    let config = sfsync_sandbox::SandboxConfig {
        population: Some(population),
        ..crate::salesforce_rig::sandbox_config()
    };
    let rig = Rig::with(config, |config| config.gzip = Some(true)).await;
    rig.client.data_path().await.unwrap();
    let truth = rig.truth(OPPORTUNITY_SOQL, OPPORTUNITY);
    for (spec, resource) in specs().into_iter().zip([ResourceKind::QueryMore, ResourceKind::BulkResults]) {
        for after_bytes in [None, Some(40_000)] {
            rig.sandbox.faults().clear();
            let before = rig.sandbox.faults().fired().len();
            let cut = FaultKind::TruncatedBody { after_bytes };
            rig.sandbox.faults().add(Fault::new(cut).on(resource).times(2));
            let loaded = drain(&mut rig.source(spec.clone()), None, Limit::default()).await;
            assert_eq!(rig.sandbox.faults().fired().len(), before + 2);
            assert!(loaded.state() == truth, "{resource:?} {after_bytes:?}: rows differ");
        }
    }
}
