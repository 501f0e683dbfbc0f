//! Deciding alone, on one core: pairs of records with what is remembered of them in, decisions out (`decide` and the merge of every row), as
//! a pipeline both ways has them: `cargo bench --bench deciding`.
//!
//! Records are read and mapped, and links recalled, before the clock starts; decisions are dropped after it stops.

// A benchmark has no outside, prints its table, and counts in floating point.
#![allow(unreachable_pub, missing_docs, clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]
#![allow(clippy::cast_precision_loss, clippy::unchecked_time_subtraction, clippy::too_many_lines, dead_code)]

#[path = "shared/deals.rs"]
mod deals;
#[path = "shared/plan.rs"]
mod plan;
#[path = "shared/rows.rs"]
mod rows;

use std::error::Error;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use sfsync::model::{Key, Link, LinkState, Op, Row, Side, Value};
use sfsync::plan::{Lane, Pipeline};
use sfsync::runtime::facts::{OrgFacts, RunContext, RunFacts};
use sfsync::sync::{
    Decision, Fingerprints, Image, Known, LookupTable, MapInputs, Mapped, Match, Mode, Situation, Slot,
    baselines, decide, map,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 10_000;
const BATCHES: usize = 50;

fn main() -> Result<(), Box<dyn Error>> {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header(["deciding alone, one core, 20 rows both ways", "records/s", "wanted"]);
    let pipeline = plan::compiled(&deals::both_ways(), Lane::Linked)?;
    for (what, changed, wanted) in
        [("nothing to change", false, "≥ 1,000,000"), ("one field changed", true, "≥ 400,000")]
    {
        let rate = (0..5).map(|_| measure(&pipeline, changed)).max().unwrap_or_default();
        table.add_row([what.to_owned(), format!("{:.2} million", rate as f64 / 1e6), wanted.to_owned()]);
    }
    println!("{table}");
    Ok(())
}

/// A pair, everything that is known of it before the decision.
struct Pair {
    salesforce: Row,
    app: Row,
    to_app: Mapped,
    to_salesforce: Mapped,
    link: Link,
}

/// Records per second over some batches.
fn measure(pipeline: &Pipeline, changed: bool) -> u128 {
    let facts = RunFacts::new(Timestamp::UNIX_EPOCH, TimeZone::UTC, Mode::Changes, Fingerprints::new(1));
    let mut took = Duration::ZERO;
    for batch in 0..BATCHES {
        let pairs: Vec<Pair> =
            (0..BATCH).map(|at| pair(pipeline, &facts, batch * BATCH + at, changed)).collect();
        let mut decisions = Vec::with_capacity(BATCH);
        let started = rows::on_core();
        for pair in &pairs {
            decisions.push(decide(&situation(pipeline, &facts, pair)));
        }
        took += rows::on_core() - started;
        for decision in decisions {
            match decision {
                Decision::Nothing { kept } if !changed => assert!(kept.is_empty(), "a row differs"),
                Decision::Update { writes, .. } if changed => {
                    assert_eq!(writes.len(), 1, "one side is written");
                }
                other => panic!("not what was to be measured: {other:?}"),
            }
        }
    }
    (BATCH * BATCHES) as u128 * 1_000_000 / took.as_micros().max(1)
}

fn situation<'a>(pipeline: &'a Pipeline, facts: &RunFacts, pair: &'a Pair) -> Situation<'a> {
    let known = |key, row| Some(Known { key, row, modified: None });
    Situation {
        pipeline,
        mode: Mode::Changes,
        origin: Side::Salesforce,
        salesforce: known(&pair.link.salesforce, &pair.salesforce),
        app: known(&pair.link.app, &pair.app),
        to_app: Some(&pair.to_app),
        to_salesforce: Some(&pair.to_salesforce),
        link: Some(&pair.link),
        siblings: &[],
        outdone: false,
        adopting: false,
        take: None,
        matched: &Match::None,
        fingerprints: facts.fingerprints,
    }
}

/// A pair that agrees and is remembered, in which Salesforce then may have changed one field.
fn pair(pipeline: &Pipeline, facts: &RunFacts, number: usize, changed: bool) -> Pair {
    let salesforce = rows::row(pipeline, number);
    let to_app = mapped(pipeline, facts, (&salesforce, Side::App));
    let mut app = Row::absent(pipeline.app.schema.len());
    for (row, slot) in pipeline.rows.iter().zip(&to_app.slots) {
        if let (Some(field), Slot::Value(value)) = (row.app, slot) {
            app.set(field, value.clone());
        }
    }
    let to_salesforce = mapped(pipeline, facts, (&app, Side::Salesforce));
    let link = Link {
        salesforce: Key::salesforce(&format!("006Hq{number:010}")),
        app: Key::app(number.to_string()),
        state: LinkState::Active,
        made: None,
        salesforce_version: None,
        app_version: None,
        row_set: pipeline.row_set.id,
        salesforce_baseline: Box::default(),
        app_baseline: Box::default(),
    };
    let mut pair = Pair { salesforce, app, to_app, to_salesforce, link };
    let (salesforce_baseline, app_baseline) = {
        let agreed = situation(pipeline, facts, &pair);
        let image = Image::after(&agreed, &Decision::Nothing { kept: Vec::new() }, |_| false);
        baselines(&agreed, &image)
    };
    pair.link = Link { salesforce_baseline, app_baseline, ..pair.link };
    if changed {
        let at = pipeline.salesforce.schema.position("NextStep").unwrap();
        pair.salesforce.set(at, Value::text("Send the offer"));
        pair.to_app = mapped(pipeline, facts, (&pair.salesforce, Side::App));
    }
    pair
}

fn mapped(pipeline: &Pipeline, facts: &RunFacts, (row, towards): (&Row, Side)) -> Mapped {
    let (org, lookups) = (OrgFacts::default(), LookupTable::default());
    let context = RunContext::new(&org, facts, &lookups, towards.other());
    let inputs = MapInputs {
        other: None,
        old: None,
        op: Op::Update,
        now: facts.now,
        today: facts.today,
        lookups: &lookups,
        context: &context,
    };
    map(pipeline, row, towards, &inputs).unwrap()
}
