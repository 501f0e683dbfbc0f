//! A mirror's rows are what the mapping says, however they are carried.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use sfsync::model::{Op, Row, Side, Value};
use sfsync::plan::{Lane, Pipeline};
use sfsync::runtime::facts::{OrgFacts, RunContext, RunFacts};
use sfsync::sync::{Carrier, Fingerprints, LookupTable, MapInputs, Mode, Slot, Stop, map};

#[path = "../../benches/shared/deals.rs"]
#[allow(dead_code)] // the benchmarks use the rest
mod deals;
#[path = "../../benches/shared/plan.rs"]
mod plan;

/// Plain rows, a field used three times, conversions, values, defaults, a fixed value, expressions, a row that may fail and go on.
const ROWS: &str = "salesforce: { object: Opportunity, poll: 1 hour }\napp: warehouse.deals\n\
    to_app: [create, update]\nmatch: [id]\nfields:\n\
    - { salesforce: Id, app: id }\n\
    - { salesforce: Name, app: name }\n\
    - { salesforce: Name, app: description }\n\
    - { salesforce: Name, app: next_step, to_app: 'truncate(value, 3)' }\n\
    - { salesforce: Amount, app: amount }\n\
    - { salesforce: Probability, app: push_count, on_error: skip }\n\
    - { salesforce: PushCount, app: quantity }\n\
    - { salesforce: CreatedDate, app: close_date }\n\
    - { salesforce: CloseDate, app: created_at }\n\
    - { salesforce: IsWon, app: is_won, write: on_create }\n\
    - { salesforce: StageName, app: stage, values: { Won: won, Lost: lost } }\n\
    - { salesforce: LeadSource, app: lead_source, default: none }\n\
    - { salesforce: ForecastCategoryName, app: forecast }\n\
    - { app: type, to_app: '\"fixed\"' }\n\
    - { salesforce: AccountId, app: account_id }\n";

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Absent),
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        (-5_i64..200).prop_map(Value::Int),
        (-500_i64..500, 0_u32..2)
            .prop_map(|(number, scale)| Value::Decimal(rust_decimal::Decimal::new(number, scale))),
        "Won|Lost| ?[a-z]{0,40}".prop_map(Value::from),
        (0_i64..2_000_000_000).prop_map(|second| Value::DateTime(Timestamp::from_second(second).unwrap())),
        (0_i64..20_000).prop_map(|day| {
            Value::Date(Timestamp::from_second(day * 86_400).unwrap().to_zoned(TimeZone::UTC).date())
        }),
        Just(Value::List([Value::text("a"), Value::text("b")].into())),
    ]
}

/// A value of the field's own kind nine times of ten, so that whole records come through; anything now and then.
fn record(pipeline: &Pipeline) -> impl Strategy<Value = Row> + use<> {
    let kinds: Vec<_> = pipeline.salesforce.schema.fields().iter().map(|field| field.kind).collect();
    let values: Vec<_> = kinds
        .into_iter()
        .map(|kind| {
            (value(), value(), value(), 0..20).prop_map(move |(one, two, three, odd)| {
                let fits = |value: &Value| sfsync::expr::convert::fits(value, kind);
                if odd == 0 {
                    return one;
                }
                [one, two, three].into_iter().find(fits).unwrap_or(Value::Null)
            })
        })
        .collect();
    values.prop_map(Row::from)
}

/// The yardstick: every slot in its place.
fn placed(pipeline: &Pipeline, row: &Row, inputs: &MapInputs<'_>) -> Result<Row, Stop> {
    let mapped = map(pipeline, row, Side::App, inputs)?;
    let mut target = Row::absent(pipeline.app.schema.len());
    for (mapping, slot) in pipeline.rows.iter().zip(mapped.slots) {
        if let (Some(field), Slot::Value(value)) = (mapping.app, slot) {
            target.set(field, value);
        }
    }
    Ok(target)
}

#[test]
fn carrying_is_mapping() {
    let pipeline = plan::compiled(ROWS, Lane::Mirror).unwrap();
    let facts = RunFacts::new(Timestamp::UNIX_EPOCH, TimeZone::UTC, Mode::Changes, Fingerprints::new(1));
    let (org, lookups) = (OrgFacts::default(), LookupTable::default());
    let context = RunContext::new(&org, &facts, &lookups, Side::Salesforce);
    let (now, today) = (facts.now, facts.today);
    let inputs = MapInputs {
        other: None,
        old: None,
        op: Op::Create,
        now,
        today,
        lookups: &lookups,
        context: &context,
    };
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(300));
    let (mut carried, mut stopped) = (0, 0);
    let law = runner.run(&record(&pipeline), |row| {
        let expected = placed(&pipeline, &row, &inputs);
        match Carrier::new(&pipeline).carry(row.clone(), &inputs) {
            Ok(target) => prop_assert_eq!(Ok(target), expected),
            Err(refused) => {
                prop_assert_eq!(&refused.0, &row);
                prop_assert_eq!(Err(refused.1), expected);
            }
        }
        Ok(())
    });
    law.unwrap();
    let mut tree = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..200 {
        let row = record(&pipeline).new_tree(&mut tree).unwrap().current();
        if Carrier::new(&pipeline).carry(row, &inputs).is_ok() { carried += 1 } else { stopped += 1 }
    }
    assert!(carried > 20 && stopped > 20, "one-sided examples: {carried} carried, {stopped} stopped");
}
