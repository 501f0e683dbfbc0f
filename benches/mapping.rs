//! Mapping alone, on one core: source rows in, target rows out, as the stream of a mirror has them: `cargo bench --bench mapping`.
//!
//! The rows are made before the clock starts and dropped after it stops, as reading and writing own them.

// A benchmark has no outside, prints its table, and counts in floating point.
#![allow(unreachable_pub, missing_docs, clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]
#![allow(clippy::cast_precision_loss, clippy::unchecked_time_subtraction, clippy::too_many_lines)]

#[path = "shared/deals.rs"]
#[allow(dead_code)] // another benchmark uses the rest
mod deals;
#[path = "shared/plan.rs"]
mod plan;
#[path = "shared/rows.rs"]
mod rows;

use std::error::Error;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use sfsync::model::{Op, Row, Side};
use sfsync::plan::{Lane, Pipeline};
use sfsync::runtime::facts::{OrgFacts, RunContext, RunFacts};
use sfsync::sync::{Carrier, Fingerprints, LookupTable, MapInputs, Mode};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 10_000;
const BATCHES: usize = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header(["mapping alone, one core, 20 rows", "records/s", "wanted"]);
    for (what, with_expressions, wanted) in
        [("plain", false, "≥ 1,000,000"), ("three of them expressions", true, "≥ 300,000")]
    {
        let pipeline = plan::compiled(&deals::pipeline(with_expressions), Lane::Mirror)?;
        let rate = (0..5).map(|_| measure(&pipeline)).max().unwrap_or_default();
        table.add_row([what.to_owned(), format!("{:.2} million", rate as f64 / 1e6), wanted.to_owned()]);
    }
    println!("{table}");
    Ok(())
}

/// Records per second over some batches.
fn measure(pipeline: &Pipeline) -> u128 {
    let zone = TimeZone::UTC;
    let facts = RunFacts::new(Timestamp::UNIX_EPOCH, zone, Mode::Changes, Fingerprints::new(1));
    let (org, lookups) = (OrgFacts::default(), LookupTable::default());
    let context = RunContext::new(&org, &facts, &lookups, Side::Salesforce);
    let inputs = MapInputs {
        other: None,
        old: None,
        op: Op::Create,
        now: facts.now,
        today: facts.today,
        lookups: &lookups,
        context: &context,
    };
    let mut took = Duration::ZERO;
    for batch in 0..BATCHES {
        let rows: Vec<Row> = (0..BATCH).map(|at| rows::row(pipeline, batch * BATCH + at)).collect();
        let mut mapped = Vec::with_capacity(BATCH);
        let started = rows::on_core();
        let carrier = Carrier::new(pipeline);
        for row in rows {
            mapped.extend(carrier.carry(row, &inputs).ok());
        }
        took += rows::on_core() - started;
        assert_eq!(mapped.len(), BATCH, "a record was not mapped");
    }
    (BATCH * BATCHES) as u128 * 1_000_000 / took.as_micros().max(1)
}
