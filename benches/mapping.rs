//! Mapping alone, on one core: source rows in, target rows out, as the stream of a mirror has them: `cargo bench --bench mapping`.
//!
//! The rows are made before the clock starts and dropped after it stops, as reading and writing own them.

#![allow(clippy::print_stdout)]

#[path = "shared/deals.rs"]
mod deals;
#[path = "shared/plan.rs"]
mod plan;

use std::error::Error;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use sfsync::model::{Kind, Op, Row, Side, Value};
use sfsync::plan::Pipeline;
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
        let pipeline = plan::compiled(&deals::pipeline(with_expressions))?;
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
        op: Op::Create,
        now: facts.now,
        today: facts.today,
        lookups: &lookups,
        context: &context,
    };
    let mut took = Duration::ZERO;
    for batch in 0..BATCHES {
        let rows: Vec<Row> = (0..BATCH).map(|at| row(pipeline, batch * BATCH + at)).collect();
        let mut mapped = Vec::with_capacity(BATCH);
        let started = on_core();
        let carrier = Carrier::new(pipeline);
        for row in rows {
            mapped.extend(carrier.carry(row, &inputs).ok());
        }
        took += on_core() - started;
        assert_eq!(mapped.len(), BATCH, "a record was not mapped");
    }
    (BATCH * BATCHES) as u128 * 1_000_000 / took.as_micros().max(1)
}

/// How long this thread has had a core, so that other programs on the machine do not count; where the system does not say, the time of day.
fn on_core() -> Duration {
    static BEGUN: OnceLock<Instant> = OnceLock::new();
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.and_then(|text| text.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| BEGUN.get_or_init(Instant::now).elapsed(), Duration::from_nanos)
}

/// A record as the reader brings it.
fn row(pipeline: &Pipeline, number: usize) -> Row {
    let fields = pipeline.salesforce.schema.fields();
    let values = fields.iter().map(|field| value(&field.name, field.kind, number));
    Row(values.collect())
}

fn value(name: &str, kind: Kind, number: usize) -> Value {
    let stamp = Timestamp::new(1_700_000_000 + i64::try_from(number).unwrap_or(0), 0).unwrap_or_default();
    match (name, kind) {
        ("Description", _) if number % 4 != 0 => Value::Null,
        ("Description", _) => Value::text("The customer wants a rollout in three steps. ".repeat(6)),
        ("Name", _) => Value::from(format!("Acme rollout of the northern region, phase {number}")),
        ("LeadSource", _) if number % 3 == 0 => Value::Null,
        (_, Kind::Id) => Value::from(format!("006Hq{number:010}IAA")),
        (_, Kind::Bool) => Value::Bool(number % 2 == 0),
        (_, Kind::Int) => Value::Int(i64::try_from(number % 5).unwrap_or(0)),
        (_, Kind::Decimal) => {
            Value::Decimal(rust_decimal::Decimal::new(i64::try_from(number * 37).unwrap_or(0), 2))
        }
        (_, Kind::Date) => Value::Date(stamp.to_zoned(TimeZone::UTC).date()),
        (_, Kind::DateTime) => Value::DateTime(stamp),
        _ => Value::text("Negotiation"),
    }
}
