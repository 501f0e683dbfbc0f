//! Tables as sources: the rules of the cursor, deletes, filters, on both databases.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sfsync::connect::sql::{ColumnSpec, Dialect, KeySpec, LoadScope, Shape, SourceSpec, SqlSource};
use sfsync::connect::sql::{TableName, TableSpec};
use sfsync::connect::{ConnectError, Limit, Source};
use sfsync::model::{Backfill, Change, ChangeEvent, Class, Cursor, Key, Kind, Read, Version};

use crate::sql_rig::{Database, on_both};

/// What a test reads: `people` with a key, a name, and what the test says.
pub(crate) fn people(database: &Database, updated_at: bool) -> SourceSpec {
    let column = |path: &str, kind: Kind| ColumnSpec::new(database.dialect, path, Shape::of(kind));
    SourceSpec {
        lookback: Duration::ZERO,
        lag: Duration::ZERO,
        ..SourceSpec::new(TableSpec {
            table: TableName::parse("people"),
            columns: Vec::new(),
            reads: vec![column("id", Kind::Int), column("name", Kind::Text)],
            key: KeySpec::generated(database.dialect, "id"),
            unique: Vec::new(),
            match_columns: Vec::new(),
            updated_at: updated_at.then(|| "updated_at".to_owned()),
            deleted_at: None,
            create: false,
        })
    }
}

/// The table, with a time type of each database.
pub(crate) async fn table(database: &Database) {
    let time = match database.dialect {
        Dialect::Sqlite => "TEXT",
        Dialect::Postgres => "timestamptz",
    };
    let columns = format!("id INTEGER PRIMARY KEY, name text, updated_at {time}, gone text");
    database.execute(&format!("CREATE TABLE people ({columns})")).await;
}

pub(crate) async fn source(database: &Database, spec: SourceSpec) -> SqlSource {
    try_source(database, spec).await.unwrap()
}

async fn try_source(database: &Database, spec: SourceSpec) -> Result<SqlSource, ConnectError> {
    let info = database.connection.inspect(&spec.table.table).await.unwrap().unwrap();
    SqlSource::new(database.connection.clone(), spec, &info)
}

pub(crate) fn limit(records: usize) -> Limit {
    Limit { records, ..Limit::default() }
}

/// A batch as `key word name`, the next cursor, and whether more can be read at once.
pub(crate) async fn read(
    source: &mut SqlSource,
    from: Option<&Cursor>,
    records: usize,
) -> (Vec<ChangeEvent>, Cursor, bool) {
    match source.read(from, limit(records)).await.unwrap() {
        Read::Batch { events, next, more, .. } => {
            assert!(events.len() <= records, "{} of {records}", events.len());
            (events, next, more)
        }
        Read::CursorLost => panic!("a table never loses a cursor"),
    }
}

/// Reads until nothing more comes at once.
pub(crate) async fn drain(
    source: &mut SqlSource,
    cursor: &mut Option<Cursor>,
    records: usize,
) -> Vec<ChangeEvent> {
    let mut all = Vec::new();
    loop {
        let (events, next, more) = read(source, cursor.as_ref(), records).await;
        assert!(!more || Some(&next) != cursor.as_ref(), "it does not move");
        all.extend(events);
        *cursor = Some(next);
        if !more {
            return all;
        }
    }
}

fn said(events: &[ChangeEvent]) -> Vec<String> {
    let word = |event: &ChangeEvent| match &event.change {
        Change::Upsert(row) => format!("{} is {}", event.key, row.get(1)),
        Change::Left(Some(row)) => format!("{} left {}", event.key, row.get(1)),
        Change::Delete { .. } => format!("{} gone", event.key),
        other => format!("{} {other:?}", event.key),
    };
    events.iter().map(word).collect()
}

/// A time so many seconds from now, as both databases take it.
fn from_now(seconds: i64) -> String {
    format!("'{}'", Timestamp::now() + SignedDuration::from_secs(seconds))
}

async fn put(database: &Database, id: i64, name: &str, updated_at: &str) {
    let set = "ON CONFLICT (id) DO UPDATE SET name = excluded.name, updated_at = excluded.updated_at";
    database.execute(&format!("INSERT INTO people VALUES ({id}, '{name}', {updated_at}, NULL) {set}")).await;
}

/// A source that has loaded what is there.
async fn loaded(database: &Database, spec: SourceSpec) -> (SqlSource, Option<Cursor>) {
    let mut source = source(database, spec).await;
    let mut cursor = None;
    drain(&mut source, &mut cursor, 100).await;
    (source, cursor)
}

async fn a_first_load_comes_in_pages_by_key(database: Database) {
    table(&database).await;
    for id in [3, 1, 2, 10, 9] {
        put(&database, id, &format!("n{id}"), "NULL").await;
    }
    let mut reader = source(&database, people(&database, true)).await;
    let Read::Batch { events, next, more: true, total } = reader.read(None, limit(2)).await.unwrap() else {
        panic!("a load has more")
    };
    assert_eq!((events.len(), total), (0, Some(5)));
    let (events, next, _) = read(&mut reader, Some(&next), 2).await;
    assert_eq!(said(&events), ["1 is n1", "2 is n2"]);
    assert!(
        matches!(&next, Cursor::Backfill { done: Backfill::Keys { after: Some(key) }, .. } if *key == Key::app("2"))
    );
    // Another process takes it up.
    let mut reader = source(&database, people(&database, true)).await;
    let (events, next, _) = read(&mut reader, Some(&next), 2).await;
    assert_eq!(said(&events), ["3 is n3", "9 is n9"]);
    let (events, next, more) = read(&mut reader, Some(&next), 2).await;
    assert_eq!((said(&events), more), (vec!["10 is n10".to_owned()], true));
    assert!(matches!(next, Cursor::Changes { within: None, .. }));
}

async fn changes_follow_in_the_order_of_their_times(database: Database) {
    table(&database).await;
    put(&database, 1, "old", &from_now(-5000)).await;
    put(&database, 2, "never", "NULL").await;
    let (mut source, mut cursor) = loaded(&database, people(&database, true)).await;
    assert_eq!(drain(&mut source, &mut cursor, 2).await, []);
    put(&database, 5, "second", &from_now(20)).await;
    put(&database, 7, "first", &from_now(10)).await;
    put(&database, 2, "still never", "NULL").await;
    let events = drain(&mut source, &mut cursor, 1).await;
    assert_eq!(said(&events), ["7 is first", "5 is second"]);
    assert!(
        events
            .iter()
            .all(|event| event.version > Some(Version(Timestamp::now() - SignedDuration::from_secs(60))))
    );
    // What is newer than the window's end came early, and comes again.
    assert_eq!(said(&drain(&mut source, &mut cursor, 5).await), ["7 is first", "5 is second"]);
}

/// More rows than one look over a SQLite table finds the places of, in several spellings and with equal times, while some of them move
/// and one is deleted.
async fn a_window_of_very_many_rows_brings_each_of_them(database: Database) {
    const ROWS: i64 = 50_200;
    table(&database).await;
    let (mut source, mut cursor) = loaded(&database, people(&database, true)).await;
    // 100 rows of each second, from an hour ago on; a fifth of them in the words of another zone.
    let numbers = match database.dialect {
        Dialect::Sqlite => {
            let time = |shift: &str| {
                format!("strftime('%Y-%m-%dT%H:%M:%S', 'now', '{shift}', (n / 100) || ' seconds')")
            };
            format!(
                "WITH RECURSIVE r(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM r WHERE n + 1 < {ROWS}) SELECT n, 'n' || n, \
                 CASE WHEN n % 5 = 0 THEN {} || '+02:00' ELSE {} || 'Z' END, NULL FROM r",
                time("+1 hour"),
                time("-1 hour")
            )
        }
        Dialect::Postgres => format!(
            "SELECT n, 'n' || n, date_trunc('second', now()) - interval '1 hour' + (n / 100) * interval '1 second', NULL FROM generate_series(0, {ROWS} - 1) AS r(n)"
        ),
    };
    let Some(Cursor::Changes { upto, .. }) = &mut cursor else { panic!("it is loaded: {cursor:?}") };
    *upto -= SignedDuration::from_hours(2);
    database.execute(&format!("INSERT INTO people {numbers}")).await;
    let mut seen: std::collections::HashMap<Key, usize> = std::collections::HashMap::new();
    for turn in 0_i64.. {
        let (events, next, more) = read(&mut source, cursor.as_ref(), 7_000).await;
        for event in events {
            *seen.entry(event.key).or_default() += 1;
        }
        cursor = Some(next);
        match turn {
            0 => {
                database.execute("DELETE FROM people WHERE id = 50000").await;
                database
                    .execute(&format!("UPDATE people SET updated_at = {} WHERE id = 40000", from_now(0)))
                    .await;
            }
            // What one source knows of the window is of no matter to the next.
            2 => source = self::source(&database, people(&database, true)).await,
            _ => {}
        }
        if !more {
            break;
        }
    }
    assert_eq!(i64::try_from(seen.len()).unwrap(), ROWS - 1, "the deleted one had not been read");
    let twice: Vec<&Key> = seen.iter().filter(|(_, times)| **times > 1).map(|(key, _)| key).collect();
    assert!(twice.is_empty() || twice == [&Key::app("40000")], "{twice:?}");
}

async fn equal_times_at_a_page_edge_lose_nothing(database: Database) {
    table(&database).await;
    let (mut reader, mut cursor) = loaded(&database, people(&database, true)).await;
    let same = from_now(30);
    for id in 1..=7 {
        put(&database, id, "x", &same).await;
    }
    for size in 1..=8 {
        let mut from = cursor.clone();
        let keys: Vec<_> =
            drain(&mut reader, &mut from, size).await.iter().map(|event| event.key.to_string()).collect();
        assert_eq!(keys, ["1", "2", "3", "4", "5", "6", "7"], "{size}");
    }
    // In the middle of a window, in another process.
    let (events, next, more) = read(&mut reader, cursor.as_ref(), 3).await;
    assert_eq!((events.len(), more), (3, true));
    cursor = Some(next);
    let mut other = source(&database, people(&database, true)).await;
    assert_eq!(said(&drain(&mut other, &mut cursor, 3).await), ["4 is x", "5 is x", "6 is x", "7 is x"]);
}

async fn windows_overlap(database: Database) {
    table(&database).await;
    let spec = SourceSpec { lookback: Duration::from_secs(600), ..people(&database, true) };
    let (mut source, mut cursor) = loaded(&database, spec).await;
    put(&database, 1, "a clock that is behind", &from_now(-500)).await;
    put(&database, 2, "too far behind", &from_now(-900)).await;
    assert_eq!(said(&drain(&mut source, &mut cursor, 5).await), ["1 is a clock that is behind"]);
}

async fn a_table_without_change_times_is_read_as_a_whole(database: Database) {
    table(&database).await;
    let (mut source, mut cursor) = loaded(&database, people(&database, false)).await;
    for id in 1..=5 {
        put(&database, id, "x", "NULL").await;
    }
    for size in [1, 2, 5, 9] {
        assert_eq!(drain(&mut source, &mut cursor, size).await.len(), 5);
        assert!(matches!(cursor, Some(Cursor::Changes { within: None, .. })));
    }
}

async fn a_delete_mark_is_evidence_and_absence_in_a_list_is_none(database: Database) {
    table(&database).await;
    for id in 1..=6 {
        put(&database, id, "x", &from_now(-100)).await;
    }
    for updated_at in [true, false] {
        let mut spec = people(&database, updated_at);
        spec.table.deleted_at = Some("gone".to_owned());
        database.execute("UPDATE people SET gone = NULL").await;
        let (mut source, mut cursor) = loaded(&database, spec.clone()).await;
        let later = from_now(50);
        for (id, mark) in [(1, "'2026-01-01'"), (2, "''"), (3, "'false'"), (4, "'true'"), (5, "'0'")] {
            database
                .execute(&format!("UPDATE people SET gone = {mark}, updated_at = {later} WHERE id = {id}"))
                .await;
        }
        database.execute("DELETE FROM people WHERE id = 6").await;
        let events = drain(&mut source, &mut cursor, 2).await;
        assert_eq!(said(&events), ["1 gone", "2 is x", "3 is x", "4 gone", "5 is x"]);
        // A load does not bring them, and a look-up proves them.
        let (_, begin, _) = read(&mut source, None, 9).await;
        let (events, _, _) = read(&mut source, Some(&begin), 9).await;
        assert_eq!(said(&events), ["2 is x", "3 is x", "5 is x"]);
        let mut found =
            source.fetch(&[Key::app("1"), Key::app("2"), Key::app("6"), Key::app("nonsense")]).await.unwrap();
        found.sort_by(|a, b| a.key.cmp(&b.key));
        assert_eq!(said(&found), ["1 gone", "2 is x", "6 gone", "nonsense gone"]);
        put(&database, 6, "x", &from_now(-100)).await;
    }
}

async fn a_row_that_passes_no_longer_has_left(database: Database) {
    table(&database).await;
    for id in 1..=3 {
        put(&database, id, "keep", &from_now(-100)).await;
    }
    let condition = Some("name = 'keep' -- and nothing else".to_owned());
    let spec = SourceSpec { condition, ..people(&database, true) };
    let mut reader = source(&database, spec.clone()).await;
    let Read::Batch { total, .. } = reader.read(None, limit(9)).await.unwrap() else { panic!("a batch") };
    assert_eq!(total, Some(3));
    let (mut reader, mut cursor) = loaded(&database, spec.clone()).await;
    put(&database, 2, "drop", &from_now(10)).await;
    put(&database, 3, "keep", &from_now(20)).await;
    assert_eq!(said(&drain(&mut reader, &mut cursor, 1).await), ["2 left drop", "3 is keep"]);
    let found = reader.fetch(&[Key::app("2")]).await.unwrap();
    assert_eq!(said(&found), ["2 left drop"]);
    let Read::Batch { total, .. } = reader.read(None, limit(9)).await.unwrap() else { panic!("a batch") };
    assert_eq!(total, Some(2));
}

async fn a_condition_of_unknown_truth_does_not_pass(database: Database) {
    table(&database).await;
    database.execute("INSERT INTO people VALUES (1, NULL, NULL, NULL)").await;
    let spec = SourceSpec { condition: Some("name = 'keep'".to_owned()), ..people(&database, false) };
    let found = source(&database, spec).await.fetch(&[Key::app("1")]).await.unwrap();
    assert!(matches!(found[0].change, Change::Left(Some(_))));
}

/// Longer ago than a transaction that somebody else left open can hold a window back.
const LONG_AGO: i64 = -200_000;

async fn a_range_bounds_the_load_and_not_the_changes(database: Database) {
    table(&database).await;
    put(&database, 1, "a", &from_now(LONG_AGO)).await;
    put(&database, 2, "b", &from_now(LONG_AGO)).await;
    for (load, loads) in [(LoadScope::Nothing, 0), (LoadScope::Where("name = 'b'".to_owned()), 1)] {
        let mut source = source(&database, SourceSpec { load, ..people(&database, true) }).await;
        let mut cursor = None;
        assert_eq!(drain(&mut source, &mut cursor, 9).await.len(), loads);
        put(&database, 1, "a", &from_now(100)).await;
        assert_eq!(said(&drain(&mut source, &mut cursor, 9).await), ["1 is a"]);
        put(&database, 1, "a", &from_now(LONG_AGO)).await;
    }
}

async fn a_batch_is_bounded_by_bytes(database: Database) {
    table(&database).await;
    let name = "x".repeat(1000);
    for id in 1..=50 {
        put(&database, id, &name, "NULL").await;
    }
    let mut source = source(&database, people(&database, false)).await;
    let mut cursor = None;
    let mut sizes = Vec::new();
    loop {
        let bound = Limit { records: 1000, bytes: 9_000 };
        let Read::Batch { events, next, more, .. } = source.read(cursor.as_ref(), bound).await.unwrap()
        else {
            panic!("a batch")
        };
        sizes.push(events.len());
        cursor = Some(next);
        if !more || matches!(cursor, Some(Cursor::Changes { .. })) {
            break;
        }
    }
    assert_eq!(sizes.iter().sum::<usize>(), 50);
    assert!(sizes.iter().all(|size| *size < 10), "{sizes:?}");
}

async fn text_keys_are_paged_in_the_order_of_their_database(database: Database) {
    let key = if database.dialect == Dialect::Sqlite { "id" } else { "id varchar(5)" };
    database.execute(&format!("CREATE TABLE people ({key} PRIMARY KEY, name text)")).await;
    let keys = ["a", "B", "ä", "10", "9", "Z", "_", "'", "\"q"];
    for key in keys {
        let key = key.replace('\'', "''");
        database.execute(&format!("INSERT INTO people VALUES ('{key}', 'x')")).await;
    }
    if database.dialect == Dialect::Sqlite {
        database.execute("INSERT INTO people VALUES (7, 'a number'), (NULL, 'no key')").await;
    }
    let mut spec = people(&database, false);
    spec.table.reads[0].kind = Kind::Text;
    let (mut source, mut cursor) = loaded(&database, spec).await;
    let expected = drain(&mut source, &mut cursor, 99).await;
    assert_eq!(expected.len(), if database.dialect == Dialect::Sqlite { 10 } else { 9 });
    for size in 1..5 {
        assert_eq!(drain(&mut source, &mut cursor, size).await, expected);
    }
    let asked: Vec<Key> = expected.iter().map(|event| event.key.clone()).collect();
    let found = source.fetch(&asked).await.unwrap();
    assert_eq!(found.len(), asked.len());
    assert!(found.iter().all(|event| matches!(event.change, Change::Upsert(_))), "{:?}", said(&found));
    // A longer text is not cut to the length of the column.
    let longer = source.fetch(&[Key::app("a     b")]).await.unwrap();
    assert_eq!(said(&longer), ["a     b gone"]);
}

async fn what_cannot_be_read_is_refused_by_name(database: Database) {
    table(&database).await;
    let message = |result: Result<SqlSource, ConnectError>| match result {
        Ok(_) => panic!("accepted"),
        Err(error) => {
            assert_eq!((error.code, error.class), ("R108", Class::Pipeline));
            error.to_string()
        }
    };
    let mut spec = people(&database, true);
    spec.table.updated_at = Some("changed".to_owned());
    assert!(message(try_source(&database, spec).await).contains("no column `changed`"));
    let mut spec = people(&database, true);
    spec.table.key.column = "name".to_owned();
    assert!(message(try_source(&database, spec).await).contains("neither its primary key nor unique"));
    if database.dialect == Dialect::Postgres {
        let mut spec = people(&database, true);
        spec.table.updated_at = Some("name".to_owned());
        assert!(message(try_source(&database, spec).await).contains("holds no times"));
    }
}

async fn a_condition_that_fails_on_a_record_stops_the_pipeline(database: Database) {
    table(&database).await;
    put(&database, 1, "x", "NULL").await;
    let condition = match database.dialect {
        Dialect::Sqlite => "json_extract(name, '$.a') = 1",
        Dialect::Postgres => "name::integer = 1",
    };
    let spec = SourceSpec { condition: Some(condition.to_owned()), ..people(&database, false) };
    let mut source = source(&database, spec).await;
    let error = source.fetch(&[Key::app("1")]).await.unwrap_err();
    assert_eq!((error.code, error.class), ("R108", Class::Pipeline));
    assert!(error.help.unwrap().contains("where"));
}

on_both!(
    a_first_load_comes_in_pages_by_key,
    changes_follow_in_the_order_of_their_times,
    equal_times_at_a_page_edge_lose_nothing,
    a_window_of_very_many_rows_brings_each_of_them,
    windows_overlap,
    a_table_without_change_times_is_read_as_a_whole,
    a_delete_mark_is_evidence_and_absence_in_a_list_is_none,
    a_row_that_passes_no_longer_has_left,
    a_condition_of_unknown_truth_does_not_pass,
    a_range_bounds_the_load_and_not_the_changes,
    a_batch_is_bounded_by_bytes,
    text_keys_are_paged_in_the_order_of_their_database,
    what_cannot_be_read_is_refused_by_name,
    a_condition_that_fails_on_a_record_stops_the_pipeline,
);

/// Every type that a change time has, and every way SQLite's programs write one.
#[tokio::test]
async fn change_times_of_every_type() {
    let database = Database::postgres().await;
    for (native, step) in [("timestamptz(3)", 1), ("timestamp(6)", 1), ("date", 86_400)] {
        let create =
            format!("CREATE TABLE people (id bigint PRIMARY KEY, name text, updated_at {native}, gone text)");
        database.execute(&format!("DROP TABLE IF EXISTS people; {create}")).await;
        database
            .execute("SET TIME ZONE 'UTC'; INSERT INTO people VALUES (9, 'never', 'infinity', NULL)")
            .await;
        let (mut source, mut cursor) = loaded(&database, people(&database, true)).await;
        for id in 1..=4 {
            put(&database, id, "x", &from_now(3 * 86_400 + id * step)).await;
        }
        assert_eq!(
            said(&drain(&mut source, &mut cursor, 1).await),
            ["1 is x", "2 is x", "3 is x", "4 is x"],
            "{native}"
        );
    }
    let database = Database::sqlite().await;
    let second = Timestamp::now().as_second() + 1000;
    let iso = |seconds: i64| Timestamp::from_second(second + seconds).unwrap().to_string();
    database.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, name, updated_at, gone)").await;
    let (mut source, mut cursor) = loaded(&database, people(&database, true)).await;
    put(&database, 6, "x", &format!("{}", second + 1)).await;
    put(&database, 5, "x", &format!("{}", (second + 2) * 1000)).await;
    put(&database, 4, "x", &format!("'{}'", iso(3))).await;
    put(&database, 3, "x", &format!("'{}'", iso(4).replace('T', " ").trim_end_matches('Z'))).await;
    put(&database, 2, "x", &format!("{}.5", second + 4)).await;
    put(&database, 1, "x", "'soon'").await;
    let keys: Vec<_> =
        drain(&mut source, &mut cursor, 2).await.iter().map(|event| event.key.to_string()).collect();
    assert_eq!(keys, ["6", "5", "4", "3", "2"]);
}

#[tokio::test]
async fn microseconds_are_a_place() {
    let database = Database::postgres().await;
    table(&database).await;
    let (mut source, mut cursor) = loaded(&database, people(&database, true)).await;
    for (id, micros) in [(1, 3), (2, 2), (3, 1)] {
        put(&database, id, "x", &format!("'2099-01-01T00:00:00.00000{micros}Z'")).await;
    }
    let keys: Vec<_> =
        drain(&mut source, &mut cursor, 1).await.iter().map(|event| event.key.to_string()).collect();
    assert_eq!(keys, ["3", "2", "1"]);
}

/// The rows of a transaction carry the time of its beginning and appear when it commits; in between, others commit.
#[tokio::test]
async fn a_transaction_that_commits_late_is_not_missed() {
    let database = Database::postgres().await;
    table(&database).await;
    let script = |sql: &str| match &database.place {
        crate::sql_rig::Place::Schema(schema) => format!("SET search_path = {schema}; {sql}"),
        crate::sql_rig::Place::Folder(_) => unreachable!(),
    };
    let spec = people(&database, true);
    for first_look_sees_it in [false, true] {
        let late = crate::harness::postgres::connect().await;
        let (mut reader, mut cursor) = loaded(&database, spec.clone()).await;
        drain(&mut reader, &mut cursor, 9).await;
        late.batch_execute(&script("BEGIN; INSERT INTO people VALUES (1, 'late', now(), NULL)"))
            .await
            .unwrap();
        if first_look_sees_it {
            // Another process goes on, and knows nothing of before.
            reader = source(&database, spec.clone()).await;
        }
        for round in 0..3 {
            database.execute("INSERT INTO people VALUES (2, 'quick', now(), NULL) ON CONFLICT (id) DO UPDATE SET updated_at = now()").await;
            let events = drain(&mut reader, &mut cursor, 1).await;
            assert_eq!(said(&events), ["2 is quick"], "{round}");
        }
        late.batch_execute("COMMIT").await.unwrap();
        assert_eq!(said(&drain(&mut reader, &mut cursor, 1).await), ["1 is late", "2 is quick"]);
        database.execute("DELETE FROM people").await;
    }
}

/// A user without any privilege beside reading the table: when others began is hidden, that they run is not.
#[tokio::test]
async fn a_late_commit_is_seen_without_privileges() {
    let database = Database::postgres().await;
    table(&database).await;
    let crate::sql_rig::Place::Schema(schema) = &database.place else { unreachable!() };
    let role = crate::harness::postgres::unique_name("reader");
    database
        .execute(&format!(
            "CREATE ROLE {role} LOGIN PASSWORD 'reader'; GRANT USAGE ON SCHEMA {schema} TO {role}; GRANT SELECT ON people TO {role}"
        ))
        .await;
    let config = sfsync::connect::sql::PostgresConfig {
        url: Some(crate::harness::postgres::url().into()),
        user: Some(role),
        password: Some("reader".into()),
        schema: Some(schema.clone()),
        ..sfsync::connect::sql::PostgresConfig::default()
    };
    let connection = sfsync::connect::sql::SqlConnection::postgres(&config).await.unwrap();
    let info = connection.inspect(&TableName::parse("people")).await.unwrap().unwrap();
    let mut source = SqlSource::new(connection, people(&database, true), &info).unwrap();
    let mut cursor = None;
    drain(&mut source, &mut cursor, 9).await;
    drain(&mut source, &mut cursor, 9).await;
    let late = crate::harness::postgres::connect().await;
    let insert = format!("BEGIN; INSERT INTO {schema}.people VALUES (1, 'late', now(), NULL)");
    late.batch_execute(&insert).await.unwrap();
    for _ in 0..3 {
        put(&database, 2, "quick", "now()").await;
        assert_eq!(said(&drain(&mut source, &mut cursor, 1).await), ["2 is quick"]);
    }
    late.batch_execute("COMMIT").await.unwrap();
    assert_eq!(said(&drain(&mut source, &mut cursor, 1).await), ["1 is late", "2 is quick"]);
}

#[tokio::test]
async fn a_query_that_is_cancelled_names_the_index_that_it_lacks() {
    let database = Database::postgres().await;
    table(&database).await;
    put(&database, 1, "x", "now()").await;
    let condition = Some("pg_sleep(60) IS NOT NULL".to_owned());
    let spec = SourceSpec { condition, ..people(&database, true) };
    let crate::sql_rig::Place::Schema(schema) = &database.place else { unreachable!() };
    let config = sfsync::connect::sql::PostgresConfig {
        url: Some(format!("{}?options=-c%20statement_timeout%3D50", crate::harness::postgres::url()).into()),
        schema: Some(schema.clone()),
        ..sfsync::connect::sql::PostgresConfig::default()
    };
    let connection = sfsync::connect::sql::SqlConnection::postgres(&config).await.unwrap();
    let info = connection.inspect(&spec.table.table).await.unwrap().unwrap();
    let mut source = SqlSource::new(connection, spec, &info).unwrap();
    let begin = Cursor::Changes { upto: Timestamp::UNIX_EPOCH, within: None };
    let error = source.read(Some(&begin), limit(9)).await.unwrap_err();
    assert_eq!((error.code, error.class), ("R131", Class::TRANSIENT));
    assert!(error.help.unwrap().contains("an index on"));
}

/// A `where` can call functions; the transaction may only read.
#[tokio::test]
async fn a_source_never_writes() {
    let database = Database::postgres().await;
    table(&database).await;
    put(&database, 1, "x", "NULL").await;
    let crate::sql_rig::Place::Schema(schema) = &database.place else { unreachable!() };
    database
        .execute(&format!(
            "CREATE FUNCTION drops() RETURNS boolean LANGUAGE sql AS 'DELETE FROM {schema}.people RETURNING true'"
        ))
        .await;
    let condition = Some(format!("{schema}.drops()"));
    let mut source = source(&database, SourceSpec { condition, ..people(&database, false) }).await;
    let begin = Cursor::Changes { upto: Timestamp::UNIX_EPOCH, within: None };
    for error in [
        source.read(None, limit(9)).await.unwrap_err(),
        source.read(Some(&begin), limit(9)).await.unwrap_err(),
        source.fetch(&[Key::app("1")]).await.unwrap_err(),
    ] {
        assert_eq!((error.code, error.remote.as_deref()), ("R108", Some("25006")));
    }
    assert_eq!(database.number("SELECT count(*) FROM people").await, 1);
}

/// The next hint, or a failed test.
async fn next(hints: &mut dyn sfsync::connect::Hints) -> sfsync::connect::Hint {
    tokio::time::timeout(Duration::from_secs(20), hints.next()).await.expect("a hint comes")
}

#[tokio::test]
async fn notifications_bring_keys_and_a_break_brings_a_look_at_everything() {
    use sfsync::connect::Hint;
    let database = Database::postgres().await;
    let channel = crate::harness::postgres::unique_name("News of");
    let mut hints = database.connection.hints(&channel).unwrap();
    let hint = next(&mut *hints).await;
    assert!(matches!(hint, Hint::Everything), "{hint:?}");
    let notify = |payload: &str| format!("SELECT pg_notify('{channel}', '{payload}')");
    // Two rows of one transaction, and one twice.
    let news = format!("BEGIN; {}; {}; COMMIT", notify("7"), notify("8"));
    database.execute(&news).await;
    let mut keys = Vec::new();
    while keys.len() < 2 {
        match next(&mut *hints).await {
            Hint::Keys(more) => keys.extend(more),
            other => panic!("{other:?}"),
        }
    }
    keys.sort();
    assert_eq!(keys, [Key::app("7"), Key::app("8")]);
    database.execute(&notify("")).await;
    assert!(matches!(next(&mut *hints).await, Hint::Everything));
    let end = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN \"{channel}\"%'"
    );
    database.execute(&end).await;
    let mut hint = next(&mut *hints).await;
    if let Hint::Silent(error) = hint {
        assert!(error.class.is_retried(), "{error}");
        hint = next(&mut *hints).await;
    }
    assert!(matches!(hint, Hint::Everything), "{hint:?}");
    database.execute(&notify("9")).await;
    assert!(matches!(next(&mut *hints).await, Hint::Keys(keys) if keys == [Key::app("9")]));
    assert!(Database::sqlite().await.connection.hints(&channel).is_none());
}
