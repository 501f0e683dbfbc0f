//! Values into both databases and back: exact, or refused one by one.

use sfsync::connect::sql::{ColumnSpec, Shape};
use sfsync::model::{Kind, Value};

use crate::sql_rig::{
    Database, decimal, destination, fetched, json, list, on_both, stored, upsert, words, write,
};

on_both!(
    every_kind_comes_back_as_it_went,
    long_and_strange_text_is_kept,
    decimals_are_exact_or_refused,
    a_nul_character_fails_its_record_alone,
    values_of_another_kind_are_converted_or_refused,
    columns_of_other_types_are_written,
);

async fn every_kind_comes_back_as_it_went(database: Database) {
    let columns = [
        ("id", Kind::Id),
        ("name", Kind::Text),
        ("open", Kind::Bool),
        ("count", Kind::Int),
        ("amount", Kind::Decimal),
        ("day", Kind::Date),
        ("hour", Kind::Time),
        ("at", Kind::DateTime),
        ("tags", Kind::List),
        ("extra", Kind::Json),
    ];
    let mut table = database.destination(database.mirror("kinds", &columns)).await;
    let full = [
        Value::text("006000000000001AAA"),
        Value::text("Acme \"Oy\"\nÄiti 🚀"),
        Value::Bool(true),
        Value::Int(i64::from(i32::MIN)),
        decimal("-12345678901234.56"),
        Value::Date("2024-02-29".parse().unwrap()),
        Value::Time("23:59:59.123".parse().unwrap()),
        Value::DateTime("1969-12-31T23:59:59.001Z".parse().unwrap()),
        list(&["red", "gr;een", "\"q\""]),
        json(r#"{"a":[1,2.50,null],"b":"x"}"#),
    ];
    let mut empty = vec![Value::Null; full.len()];
    empty[0] = Value::text("006000000000002AAA");
    let keys = stored(&mut table, vec![upsert(full.clone()), upsert(empty.clone())]).await;
    let rows = fetched(&mut table, &keys).await;
    assert_eq!(rows[0].as_ref().unwrap().0[..], full);
    assert_eq!(rows[1].as_ref().unwrap().0[..], empty);
}

async fn long_and_strange_text_is_kept(database: Database) {
    let mut table =
        database.destination(database.mirror("texts", &[("id", Kind::Id), ("body", Kind::Text)])).await;
    let texts = [
        "",
        "   ",
        "'; DROP TABLE texts; --",
        "\u{10ffff}\u{202e}\r\n\t\\.",
        "NULL",
        "\\N",
        &"ä€😀".repeat(11_000),
    ];
    let ops =
        texts.iter().enumerate().map(|(at, text)| upsert([Value::from(at.to_string()), Value::text(text)]));
    let keys = stored(&mut table, ops.collect()).await;
    let rows = fetched(&mut table, &keys).await;
    for (text, row) in texts.iter().zip(rows) {
        assert_eq!(row.unwrap().get(1).as_text(), Some(*text));
    }
}

async fn decimals_are_exact_or_refused(database: Database) {
    let mut spec = database.mirror("amounts", &[("id", Kind::Id)]);
    let shape = |precision, scale| Shape { kind: Kind::Decimal, precision, scale };
    for (name, shape) in [("currency", shape(18, 2)), ("percent", shape(5, 2)), ("free", shape(0, 0))] {
        spec.columns.push(ColumnSpec::new(database.dialect, name, shape));
        spec.reads.push(ColumnSpec::new(database.dialect, name, shape));
    }
    let mut table = database.destination(spec).await;
    let rows = [
        ("1", "9999999999999999.99", "100.00", "0.1"),
        ("2", "-0.01", "33.33", "1234567890123456789012345678"),
        ("3", "12345678.90", "0", "0.0000000000000000000000000001"),
    ];
    let op = |row: &(&str, &str, &str, &str)| {
        upsert([Value::text(row.0), decimal(row.1), decimal(row.2), decimal(row.3)])
    };
    let keys = stored(&mut table, rows.iter().map(op).collect()).await;
    for (expected, row) in rows.iter().zip(fetched(&mut table, &keys).await) {
        let row = row.unwrap();
        assert_eq!(row.0[1..], [decimal(expected.1), decimal(expected.2), decimal(expected.3)]);
    }
    let again = write(&mut table, rows.iter().map(op).collect()).await;
    assert_eq!(words(&again), ["unchanged"; 3], "numbers compare as numbers");

    // A column of ours that keeps 15 digits in SQLite, five in PostgreSQL.
    let too_long = upsert([Value::text("4"), Value::Null, decimal("1234567890123.4567"), Value::Null]);
    assert_eq!(words(&write(&mut table, vec![too_long]).await), ["R225"]);
}

async fn a_nul_character_fails_its_record_alone(database: Database) {
    let columns = [("id", Kind::Id), ("body", Kind::Text), ("extra.note", Kind::Text)];
    let mut table = database.destination(database.mirror("nuls", &columns)).await;
    let ops = vec![
        upsert([Value::text("1"), Value::text("good"), Value::Null]),
        upsert([Value::text("2"), Value::text("b\0d"), Value::Null]),
        upsert([Value::text("3"), Value::text("good"), Value::text("b\0d")]),
        upsert([Value::text("4"), Value::text("good"), Value::Null]),
    ];
    assert_eq!(words(&write(&mut table, ops).await), ["written", "R226", "R226", "written"]);
    assert_eq!(database.number("SELECT count(*) FROM nuls").await, 2);
}

async fn values_of_another_kind_are_converted_or_refused(database: Database) {
    let columns = [("id", Kind::Id), ("owner", Kind::Int), ("day", Kind::Date), ("body", Kind::Text)];
    let spec = database.mirror("others", &columns);
    database.connection.ensure(&spec).await.unwrap();
    // The ids of linked records travel as text.
    let mut any = spec.clone();
    any.columns[1].kind = Kind::Any;
    let mut table = destination(&database.connection, any).await;
    let at = Value::DateTime("2026-03-01T23:30:00Z".parse().unwrap());
    let ops = vec![upsert([Value::text("1"), Value::text("42"), Value::text("2026-03-01"), decimal("1.50")])];
    let keys = stored(&mut table, ops).await;
    let row = fetched(&mut table, &keys).await.remove(0).unwrap();
    let day = Value::Date("2026-03-01".parse().unwrap());
    assert_eq!(row.0[..], [Value::text("1"), Value::Int(42), day, Value::text("1.50")]);
    let days = upsert([Value::text("2"), Value::Null, at, Value::Bool(true)]);
    assert_eq!(words(&write(&mut table, vec![days]).await), ["written"]);
}

/// What a table of somebody else's may be made of.
async fn columns_of_other_types_are_written(database: Database) {
    match database.dialect {
        sfsync::connect::sql::Dialect::Sqlite => {
            let table = "CREATE TABLE foreign_types (id TEXT PRIMARY KEY, name VARCHAR(5), amount DECIMAL(10,2), f REAL, \
                         state TEXT, tags TEXT, code UUID)";
            database.execute(table).await;
        }
        sfsync::connect::sql::Dialect::Postgres => {
            let table = "CREATE TYPE mood AS ENUM ('ok', 'sad'); CREATE TABLE foreign_types (id character(3) PRIMARY KEY, \
                         name varchar(5), amount numeric(10,2), f double precision, state mood, tags varchar(9)[], code uuid)";
            database.execute(table).await;
        }
    }
    let columns = [
        ("id", Kind::Id),
        ("name", Kind::Text),
        ("amount", Kind::Decimal),
        ("f", Kind::Decimal),
        ("state", Kind::Text),
        ("tags", Kind::List),
        ("code", Kind::Text),
    ];
    let mut table = database.destination(database.mirror("foreign_types", &columns)).await;
    let code = Value::text("6f1a1c8e-27f5-4bb2-93a4-0f1c0d7f0b11");
    let values = [
        Value::text("a1"),
        "abcde".into(),
        decimal("10.25"),
        decimal("0.1"),
        "ok".into(),
        list(&["x", "y"]),
        code,
    ];
    let keys = stored(&mut table, vec![upsert(values.clone())]).await;
    let row = fetched(&mut table, &keys).await.remove(0).unwrap();
    if database.dialect == sfsync::connect::sql::Dialect::Sqlite {
        assert_eq!(row.0[..], values);
        return;
    }
    assert_eq!(row.0[..5], values[..5]);
    assert_eq!(row.0[6], values[6]);
    assert_eq!(words(&write(&mut table, vec![upsert(values.clone())]).await), ["unchanged"]);
    let with = |at: usize, value: &str| {
        let mut values = values.clone();
        values[at] = Value::text(value);
        upsert(values)
    };
    let bad =
        write(&mut table, vec![with(1, "abcdef"), with(0, "abcd"), with(4, "angry"), with(6, "no uuid")])
            .await;
    assert_eq!(words(&bad), ["R225"; 4]);
}

#[tokio::test]
async fn text_that_sqlite_would_make_a_number_is_refused() {
    let database = Database::sqlite().await;
    database.execute("CREATE TABLE phones (id TEXT PRIMARY KEY, phone STRING)").await;
    let columns = [("id", Kind::Id), ("phone", Kind::Text)];
    let mut table = database.destination(database.mirror("phones", &columns)).await;
    let phone = |id: &str, phone: &str| upsert([Value::text(id), Value::text(phone)]);
    let ops =
        vec![phone("1", "0401234567"), phone("2", "040 123"), phone("3", "+358401234567"), phone("4", "112")];
    assert_eq!(words(&write(&mut table, ops).await), ["R225", "written", "R225", "written"]);
    let rows = fetched(&mut table, &[sfsync::model::Key::app("2"), sfsync::model::Key::app("4")]).await;
    let phones: Vec<_> = rows.into_iter().map(|row| row.unwrap().get(1).clone()).collect();
    assert_eq!(phones, [Value::text("040 123"), Value::text("112")]);
}
