//! Laws that hold for any batch: what is written is what is read, writing it again changes nothing, and both databases agree.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sfsync::connect::sql::SqlDestination;
use sfsync::connect::{Destination, WriteMode};
use sfsync::model::{Key, Kind, Row, Value, WriteOp};

use crate::sql_rig::{Database, fetched, words};

const COLUMNS: &[(&str, Kind)] = &[
    ("id", Kind::Id),
    ("name", Kind::Text),
    ("open", Kind::Bool),
    ("count", Kind::Int),
    ("amount", Kind::Decimal),
    ("day", Kind::Date),
    ("at", Kind::DateTime),
    ("tags", Kind::List),
    ("custom.step", Kind::Text),
];

fn value(kind: Kind) -> BoxedStrategy<Value> {
    let some = match kind {
        Kind::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Kind::Int => any::<i64>().prop_map(Value::Int).boxed(),
        Kind::Decimal => (any::<i64>(), 0_u32..10)
            .prop_map(|(mantissa, scale)| Value::Decimal(rust_decimal::Decimal::new(mantissa, scale)))
            .boxed(),
        Kind::Date => (0_i16..9999, 1_i8..13, 1_i8..29)
            .prop_map(|(year, month, day)| Value::Date(jiff::civil::date(year, month, day)))
            .boxed(),
        Kind::DateTime => (-60_000_000_000_i64..250_000_000_000, 0_i64..1000)
            .prop_map(|(second, milli)| {
                Value::DateTime(jiff::Timestamp::from_millisecond(second * 1000 + milli).unwrap())
            })
            .boxed(),
        Kind::List => prop::collection::vec("[^\\x00]{1,6}", 0..4)
            .prop_map(|items| Value::List(items.iter().map(Value::text).collect()))
            .boxed(),
        _ => "[^\\x00]{0,20}".prop_map(Value::from).boxed(),
    };
    prop_oneof![6 => some, 1 => Just(Value::Null), 1 => Just(Value::Absent)].boxed()
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let others: Vec<_> = COLUMNS[1..].iter().map(|(_, kind)| value(*kind)).collect();
    let row = (0_u8..12, others).prop_map(|(id, others)| {
        let id = Value::from(format!("00600000000{id:04}AAA"));
        Row::from(std::iter::once(id).chain(others).collect::<Vec<_>>())
    });
    prop::collection::vec(row, 1..30)
}

/// What the records are after the batch, without a database.
fn model(rows: &[Row]) -> BTreeMap<String, Row> {
    let mut records: BTreeMap<String, Row> = BTreeMap::new();
    for row in rows {
        let id = row.get(0).to_string();
        let record = records.entry(id).or_insert_with(|| Row::from(vec![Value::Null; COLUMNS.len()]));
        for (at, value) in row.0.iter().enumerate().filter(|(_, value)| !value.is_absent()) {
            record.set(at, value.clone());
        }
    }
    records
}

async fn write(table: &mut SqlDestination, rows: &[Row], mode: WriteMode) -> Vec<String> {
    let ops = rows.iter().map(|row| WriteOp::Upsert { row: row.clone() }).collect();
    let outcomes = table.write(ops, mode).await.unwrap();
    words(&outcomes).into_iter().map(str::to_owned).collect()
}

async fn holds(database: &Database, rows: &[Row], mode: WriteMode) {
    let mut table = database.destination(database.mirror("law", COLUMNS)).await;
    let outcomes = write(&mut table, rows, mode).await;
    assert!(outcomes.iter().all(|word| word == "written" || word == "unchanged"), "{outcomes:?}");
    let expected = model(rows);
    let keys: Vec<_> = expected.keys().map(Key::app).collect();
    let stored = fetched(&mut table, &keys).await;
    for (row, expected) in stored.into_iter().zip(expected.values()) {
        assert_eq!(&row.unwrap(), expected);
    }
    let records: Vec<_> = expected.into_values().collect();
    let again = write(&mut table, &records, mode).await;
    assert!(again.iter().all(|word| word == "unchanged"), "{again:?}");
    database.execute("DROP TABLE law").await;
}

fn check(database: impl AsyncFn() -> Database) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let database = runtime.block_on(database());
    let config = ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() };
    let law = |(rows, load): (Vec<Row>, bool)| {
        let mode = if load { WriteMode::Load } else { WriteMode::Changes };
        runtime.block_on(holds(&database, &rows, mode));
        Ok(())
    };
    proptest::test_runner::TestRunner::new(config).run(&(rows(), any::<bool>()), law).unwrap();
}

#[test]
fn what_is_written_is_read_and_stays_in_sqlite() {
    check(Database::sqlite);
}

#[test]
fn what_is_written_is_read_and_stays_in_postgres() {
    check(Database::postgres);
}
