//! Records as the readers bring them, and the time that a thread spends on them.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use sfsync::model::{Kind, Row, Value};
use sfsync::plan::Pipeline;

/// How long this thread has had a core, so that other programs on the machine do not count; where the system does not say, the time of day.
pub fn on_core() -> Duration {
    static BEGUN: OnceLock<Instant> = OnceLock::new();
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.and_then(|text| text.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| BEGUN.get_or_init(Instant::now).elapsed(), Duration::from_nanos)
}

/// A record as the reader brings it.
pub fn row(pipeline: &Pipeline, number: usize) -> Row {
    let fields = pipeline.salesforce.schema.fields();
    let values = fields.iter().map(|field| value(&field.name, field.kind, number));
    Row(values.collect())
}

fn value(name: &str, kind: Kind, number: usize) -> Value {
    let stamp = Timestamp::new(1_700_000_000 + i64::try_from(number).unwrap_or(0), 0).unwrap_or_default();
    match (name, kind) {
        ("Description", _) if !number.is_multiple_of(4) => Value::Null,
        ("Description", _) => Value::text("The customer wants a rollout in three steps. ".repeat(6)),
        ("Name", _) => Value::from(format!("Acme rollout of the northern region, phase {number}")),
        ("LeadSource", _) if number.is_multiple_of(3) => Value::Null,
        (_, Kind::Id) => Value::from(format!("006Hq{number:010}IAA")),
        (_, Kind::Bool) => Value::Bool(number.is_multiple_of(2)),
        (_, Kind::Int) => Value::Int(i64::try_from(number % 5).unwrap_or(0)),
        (_, Kind::Decimal) => {
            Value::Decimal(rust_decimal::Decimal::new(i64::try_from(number * 37).unwrap_or(0), 2))
        }
        (_, Kind::Date) => Value::Date(stamp.to_zoned(TimeZone::UTC).date()),
        (_, Kind::DateTime) => Value::DateTime(stamp),
        _ => Value::text("Negotiation"),
    }
}
