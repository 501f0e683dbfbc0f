//! What an expression costs per record: `cargo bench --bench expr`.
//!
//! A table of nanoseconds per evaluation, and the mapping of 20 fields with three expressions among them. Figures of
//! one run are ratios of one machine; nothing here fails.

// A benchmark has no outside, prints its table, and counts in floating point.
#![allow(unreachable_pub, missing_docs, clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]
#![allow(clippy::cast_precision_loss, clippy::unchecked_time_subtraction, clippy::too_many_lines)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use sfsync::expr::{Bound, Context, Engine, Inputs, ScriptKind};
use sfsync::model::{Kind, Op, Row, Schema, Value};

struct Org(TimeZone);

impl Context for Org {
    fn linked(&self, _: &str, _: &Value) -> Option<Value> {
        Some(Value::Int(7))
    }
    fn org_currency(&self) -> &'static str {
        "EUR"
    }
    fn rate(&self, _: &str) -> Option<Decimal> {
        Some(Decimal::ONE)
    }
    fn record_url(&self, id: &str) -> String {
        format!("https://acme.my.salesforce.com/{id}")
    }
    fn timezone(&self) -> &TimeZone {
        &self.0
    }
    fn default_region(&self) -> Option<&str> {
        None
    }
}

const EXPRESSIONS: [(&str, &str); 14] = [
    ("field", "record.F3"),
    ("fallback", "record.Empty ?? record.F1"),
    ("condition", "if record.Amount > 1000 { \"large\" } else { \"small\" }"),
    ("concat", "record.F1 + \" \" + record.F2"),
    ("template", "`${record.F1} · ${record.Amount ?? 0}`"),
    ("money", "money(value)"),
    ("truncate", "truncate(record.Long, 2000)"),
    ("currency_of", "currency_of(record)"),
    ("url", "salesforce_url(record.Id)"),
    ("domain", "domain(record.Website)"),
    ("phone", "phone(record.Phone, \"FI\")"),
    ("format_date", "format_date(record.CloseDate, \"%d.%m.%Y\")"),
    ("switch (engine)", "switch record.F1 { \"a\" => 1, _ => 2 }"),
    ("closure (engine)", "record.Tags.map(|tag| lower(tag))"),
];

fn main() {
    let (schema, row) = record();
    let engine = Engine::new();
    println!("{:<20}{:>12}", "expression", "ns");
    for (name, text) in EXPRESSIONS {
        let bound = compile(&engine, text, &schema);
        println!("{name:<20}{:>12.0}", nanoseconds(|| drop(black_box(bound.eval(&inputs(&row))))));
    }
    let three = ["condition", "template", "money"].map(|wanted| {
        let text = EXPRESSIONS.iter().find(|(name, _)| *name == wanted).map_or("null", |(_, text)| text);
        compile(&engine, text, &schema)
    });
    let ns = nanoseconds(|| drop(black_box(map(&row, &three))));
    println!("\n20 plain rows and 3 expressions: {ns:.0} ns a record, {:.0} records/s a core", 1e9 / ns);
}

/// Seventeen copies and three expressions, as a mapping does it.
fn map(row: &Row, expressions: &[Bound]) -> Row {
    let mut mapped = Row::absent(20 + expressions.len());
    for at in 0..20 {
        mapped.set(at, row.get(at).clone());
    }
    for (at, bound) in expressions.iter().enumerate() {
        if let Ok(sfsync::expr::Eval::Value(value)) = bound.eval(&inputs(row)) {
            mapped.set(20 + at, value);
        }
    }
    mapped
}

fn compile(engine: &Engine, text: &str, schema: &Arc<Schema>) -> Bound {
    match engine.compile(text, ScriptKind::Row) {
        Ok(script) => script.bind(schema, None, None),
        Err(problems) => panic!("{text}: {problems:?}"),
    }
}

fn record() -> (Arc<Schema>, Row) {
    let mut fields: Vec<(String, Value)> =
        (0..16).map(|at| (format!("F{at}"), "Some text of a field".into())).collect();
    fields.extend([
        ("Id".to_owned(), "006M000000qfPySIAU".into()),
        ("Amount".to_owned(), Value::Decimal(Decimal::new(125_050, 2))),
        ("Website".to_owned(), "https://www.acme.com/about".into()),
        ("Phone".to_owned(), "040 123 4567".into()),
        ("CloseDate".to_owned(), Value::Date(jiff::civil::date(2026, 3, 1))),
        ("Long".to_owned(), "lorem ipsum ".repeat(200).into()),
        ("Tags".to_owned(), Value::List(["A".into(), "B".into(), "C".into()].into())),
        ("Empty".to_owned(), Value::Null),
    ]);
    let schema: Vec<(&str, Kind)> = fields.iter().map(|(name, _)| (name.as_str(), Kind::Any)).collect();
    (Schema::of(&schema), Row::from(fields.iter().map(|(_, value)| value.clone()).collect::<Vec<_>>()))
}

fn inputs(row: &Row) -> Inputs<'_> {
    static ORG: Org = Org(TimeZone::UTC);
    Inputs {
        value: row.get(17),
        record: row,
        other: None,
        old: None,
        op: Op::Create,
        now: jiff::Timestamp::UNIX_EPOCH,
        today: jiff::civil::date(2026, 3, 15),
        pipeline: ("deals", 1),
        context: &ORG,
    }
}

/// The best of five rounds of a tenth of a second.
fn nanoseconds(mut work: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let (start, mut rounds) = (Instant::now(), 0u32);
        while start.elapsed().as_millis() < 100 {
            for _ in 0..100 {
                work();
            }
            rounds += 100;
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(rounds));
    }
    best
}
