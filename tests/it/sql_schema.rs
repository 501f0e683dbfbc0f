//! Tables that lack something: the DDL that is printed, applied as printed; what `create_tables` does and does not do; what
//! a connection file forbids.

use sfsync::connect::sql::{
    ColumnSpec, Dialect, Guard, ProblemKind, Shape, SqlDestination, TableName, TableSpec, check,
};
use sfsync::connect::{Destination, WriteMode};
use sfsync::model::{Class, Kind, Value};

use crate::sql_rig::{Database, create, destination, on_both, stored, upsert};

on_both!(
    the_printed_table_works_as_printed,
    the_printed_column_works_as_printed,
    the_printed_index_works_as_printed,
    create_tables_creates_and_adds_and_never_alters,
    several_pipelines_make_their_table_once,
    without_create_tables_nothing_is_made,
    what_exists_is_described,
    columns_that_cannot_hold_their_row_are_named,
    required_columns_without_a_row_are_named,
    the_connection_file_forbids,
    keys_are_listed_in_pages,
);

fn kinds(problems: &[sfsync::connect::sql::SchemaProblem]) -> Vec<ProblemKind> {
    problems.iter().map(|problem| problem.kind).collect()
}

fn spec(database: &Database) -> TableSpec {
    let columns =
        [("sf", Kind::Id), ("name", Kind::Text), ("amount", Kind::Decimal), ("custom.next_step", Kind::Text)];
    let spec = database.linked("odd \"table\"", &columns);
    TableSpec { create: false, match_columns: vec!["sf".into(), "name".into()], ..spec }
}

async fn the_printed_table_works_as_printed(database: Database) {
    let spec = spec(&database);
    let problems = check(database.dialect, &spec, None);
    assert_eq!(kinds(&problems), [ProblemKind::MissingTable]);
    database.execute(problems[0].ddl.as_ref().unwrap()).await;
    let ensured = database.connection.ensure(&spec).await.unwrap();
    assert!(ensured.problems.is_empty(), "{:?}", ensured.problems);
    let mut table = destination(&database.connection, spec).await;
    stored(&mut table, vec![upsert(["a".into(), "b".into(), Value::Null, "c".into()])]).await;
}

async fn the_printed_column_works_as_printed(database: Database) {
    database.execute("CREATE TABLE clients (id text PRIMARY KEY, naem text)").await;
    let columns = [
        ("id", Kind::Id),
        ("name", Kind::Text),
        ("tags", Kind::List),
        ("custom.a", Kind::Text),
        ("custom.b", Kind::Text),
    ];
    let spec = TableSpec { create: false, ..database.mirror("clients", &columns) };
    let problems = database.connection.ensure(&spec).await.unwrap().problems;
    assert_eq!(kinds(&problems), [ProblemKind::MissingColumn; 3]);
    assert_eq!(problems[0].similar.as_deref(), Some("naem"));
    for problem in &problems {
        database.execute(problem.ddl.as_ref().unwrap().replace("\"main\".", "").as_str()).await;
    }
    let ensured = database.connection.ensure(&spec).await.unwrap();
    assert!(ensured.problems.is_empty(), "{:?}", ensured.problems);
}

async fn the_printed_index_works_as_printed(database: Database) {
    database.execute("CREATE TABLE clients (id integer UNIQUE, sf text, code text)").await;
    let spec =
        TableSpec { create: false, ..database.linked("clients", &[("sf", Kind::Id), ("code", Kind::Text)]) };
    let problems = database.connection.ensure(&spec).await.unwrap().problems;
    assert_eq!(kinds(&problems), [ProblemKind::NotUnique]);
    database.execute(problems[0].ddl.as_ref().unwrap()).await;
    assert_eq!(database.connection.ensure(&spec).await.unwrap().problems, []);

    let by_code = TableSpec { key: sfsync::connect::sql::KeySpec::in_row(database.dialect, "code"), ..spec };
    let problems = database.connection.ensure(&by_code).await.unwrap().problems;
    assert_eq!(kinds(&problems), [ProblemKind::NoKey]);
    database.execute(problems[0].ddl.as_ref().unwrap()).await;
    assert_eq!(database.connection.ensure(&by_code).await.unwrap().problems, []);
}

async fn create_tables_creates_and_adds_and_never_alters(database: Database) {
    let mut spec = TableSpec { create: true, ..spec(&database) };
    let first = database.connection.ensure(&spec).await.unwrap();
    assert!(!first.applied.is_empty() && first.problems.is_empty());
    let second = database.connection.ensure(&spec).await.unwrap();
    assert!(second.applied.is_empty() && second.problems.is_empty());

    spec.columns.push(ColumnSpec::new(database.dialect, "closed", Shape::of(Kind::Date)));
    // A type that does not fit is said, not changed.
    spec.columns[2] = ColumnSpec::new(database.dialect, "amount", Shape::of(Kind::Bool));
    let third = database.connection.ensure(&spec).await.unwrap();
    assert_eq!(third.applied.len(), 1, "{:?}", third.applied);
    let wrong = match database.dialect {
        Dialect::Sqlite => vec![],
        Dialect::Postgres => vec![ProblemKind::WrongType],
    };
    assert_eq!(kinds(&third.problems), wrong, "an untyped column holds anything");
}

async fn several_pipelines_make_their_table_once(database: Database) {
    let all = (0..8).map(|number| {
        let own = format!("of_{number}");
        let columns = [("sf", Kind::Id), ("name", Kind::Text), (own.as_str(), Kind::Text)];
        let spec = TableSpec { create: true, ..database.linked("shared", &columns) };
        let connection = database.connection.clone();
        tokio::spawn(async move { connection.ensure(&spec).await })
    });
    for ensured in futures_util::future::join_all(all).await {
        let ensured = ensured.unwrap().unwrap();
        assert!(ensured.problems.is_empty(), "{:?}", ensured.problems);
    }
    let table = database.connection.inspect(&TableName::parse("shared")).await.unwrap().unwrap();
    assert_eq!(table.columns.iter().filter(|column| column.name.starts_with("of_")).count(), 8);
}

async fn without_create_tables_nothing_is_made(database: Database) {
    let ensured = database.connection.ensure(&spec(&database)).await.unwrap();
    assert!(ensured.table.is_none() && ensured.applied.is_empty());
    assert_eq!(kinds(&ensured.problems), [ProblemKind::MissingTable]);
    assert!(!database.connection.tables().await.unwrap().contains(&spec(&database).table.name));
    database.connection.ensure(&TableSpec { create: true, ..spec(&database) }).await.unwrap();
    assert!(database.connection.tables().await.unwrap().contains(&spec(&database).table.name));
}

async fn what_exists_is_described(database: Database) {
    let ddl = match database.dialect {
        Dialect::Sqlite => {
            "CREATE TABLE d (a INTEGER PRIMARY KEY, b VARCHAR(9) NOT NULL, c DECIMAL(9,2) DEFAULT 1, \
             e DATETIME, f TEXT AS (b || 'x'), UNIQUE (b, c))"
        }
        Dialect::Postgres => {
            "CREATE TYPE shade AS ENUM ('red', 'blue'); \
             CREATE TABLE d (a bigserial PRIMARY KEY, b varchar(9) NOT NULL, c numeric(9,2) DEFAULT 1, \
             e timestamptz, f text GENERATED ALWAYS AS (b || 'x') STORED, g shade, UNIQUE (b, c))"
        }
    };
    database.execute(ddl).await;
    let table = database.connection.inspect(&TableName::parse("d")).await.unwrap().unwrap();
    let described: Vec<_> = table
        .columns
        .iter()
        .take(5)
        .map(|c| (c.name.as_str(), c.kind, c.nullable, c.has_default, c.read_only))
        .collect();
    let key_nullable = database.dialect == Dialect::Sqlite;
    assert_eq!(
        described,
        [
            ("a", Kind::Int, key_nullable, true, false),
            ("b", Kind::Text, false, false, false),
            ("c", Kind::Decimal, true, true, false),
            ("e", Kind::DateTime, true, false, false),
            ("f", Kind::Text, true, database.dialect == Dialect::Postgres, true),
        ]
    );
    assert_eq!(
        (table.primary_key, table.unique),
        (vec!["a".to_owned()], vec![vec!["b".to_owned(), "c".to_owned()]])
    );
    if database.dialect == Dialect::Postgres {
        assert_eq!(table.columns[5].one_of, ["red", "blue"]);
    }
    assert_eq!(database.connection.inspect(&TableName::parse("nothing")).await.unwrap(), None);
    let mut spec = database.linked("d", &[("f", Kind::Text)]);
    spec.key.column = "a".to_owned();
    spec.unique = Vec::new();
    let problems = database.connection.ensure(&spec).await.unwrap().problems;
    assert_eq!(kinds(&problems), [ProblemKind::ReadOnly, ProblemKind::RequiredWithoutRow]);
}

async fn columns_that_cannot_hold_their_row_are_named(database: Database) {
    database.execute("CREATE TABLE t (id text PRIMARY KEY, n integer, body text, extra text)").await;
    let columns = [("id", Kind::Id), ("n", Kind::Text), ("body", Kind::DateTime), ("n.key", Kind::Text)];
    let mut spec = database.mirror("t", &columns);
    spec.columns.push(ColumnSpec::new(database.dialect, "extra.a.b", Shape::of(Kind::Text)));
    spec.reads = Vec::new();
    let problems = database.connection.ensure(&spec).await.unwrap().problems;
    let named: Vec<_> =
        problems.iter().map(|problem| (problem.kind, problem.column.as_deref().unwrap())).collect();
    assert_eq!(
        named,
        [
            (ProblemKind::WrongType, "n"),
            (ProblemKind::NoJsonPath, "n.key"),
            (ProblemKind::NoJsonPath, "extra.a.b")
        ]
    );
    assert_eq!(problems[0].message.lines().count(), 1);
}

async fn required_columns_without_a_row_are_named(database: Database) {
    database
        .execute("CREATE TABLE t (id text PRIMARY KEY, a text NOT NULL, b text NOT NULL DEFAULT 'x', c text)")
        .await;
    let spec = database.mirror("t", &[("id", Kind::Id), ("c", Kind::Text)]);
    let problems = database.connection.ensure(&spec).await.unwrap().problems;
    let named: Vec<_> =
        problems.iter().map(|problem| (problem.kind, problem.column.as_deref().unwrap())).collect();
    assert_eq!(named, [(ProblemKind::RequiredWithoutRow, "a")]);
}

async fn the_connection_file_forbids(database: Database) {
    let spec = database.mirror("clients", &[("id", Kind::Id), ("custom.email", Kind::Text)]);
    let table = database.connection.ensure(&spec).await.unwrap().table.unwrap();

    let read_only = database.connection.clone().guarded(Guard { read_only: true, protect: Vec::new() });
    let other = TableSpec { table: TableName::parse("other"), ..spec.clone() };
    assert!(read_only.ensure(&other).await.unwrap().applied.is_empty());
    let mut destination = SqlDestination::new(read_only, spec.clone(), &table).unwrap();
    let error = destination.write(vec![create(["1".into(), "x".into()])], WriteMode::Load).await.unwrap_err();
    assert_eq!((error.code, error.class), ("R126", Class::Pipeline));
    assert_eq!(database.number("SELECT count(*) FROM clients").await, 0);

    for protected in ["custom", "custom.email"] {
        let protect = vec![("clients".to_owned(), protected.to_owned())];
        let guarded = database.connection.clone().guarded(Guard { read_only: false, protect });
        let error =
            SqlDestination::new(guarded, spec.clone(), &table).err().expect("a protected column is refused");
        assert_eq!(error.code, "R126");
    }
}

async fn keys_are_listed_in_pages(database: Database) {
    let mut table =
        database.destination(database.mirror("t", &[("id", Kind::Id), ("name", Kind::Text)])).await;
    let names = ["b", "B", "a", "10", "9", "ä"];
    stored(&mut table, names.iter().map(|name| upsert([Value::text(name), Value::Null])).collect()).await;
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let page = table.keys(after.as_ref(), 4).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.clone());
        listed.extend(page.iter().map(ToString::to_string));
    }
    listed.sort();
    let mut expected: Vec<_> = names.iter().map(ToString::to_string).collect();
    expected.sort();
    assert_eq!(listed, expected);
}
