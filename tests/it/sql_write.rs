//! Writes to both databases: one outcome per record, policies, JSON paths, bad records among good ones.

use sfsync::connect::sql::{Policy, TableSpec};
use sfsync::connect::{Destination, MatchQuery, WriteMode};
use sfsync::expr::NormalForm;
use sfsync::model::{Key, Kind, Outcome, Value, Version, WriteOp};

use crate::sql_rig::{
    Database, create, decimal, destination, fetched, key_of, on_both, row, stored, update, upsert,
    with_policy, words, write,
};

on_both!(
    a_mirror_tells_new_changed_and_unchanged,
    a_load_survives_records_that_are_there_already,
    a_load_goes_on_after_a_replayed_batch,
    absent_is_left_alone_and_null_clears,
    policies_decide_what_an_existing_value_suffers,
    linked_records_are_created_changed_and_deleted,
    an_update_of_a_record_that_moved_since_it_was_read_is_held_off,
    upserts_by_a_unique_column_answer_generated_keys,
    two_writes_to_one_record_in_one_batch_keep_their_order,
    json_paths_change_their_own_key_only,
    bad_records_among_ten_thousand_cost_only_themselves,
    a_refused_record_undoes_nothing_beside_it,
    a_constraint_names_what_it_refuses,
    deferred_constraints_cost_only_their_record,
    records_are_found_by_text_number_and_id,
    records_are_found_in_the_normal_form_of_a_row,
    soft_deleted_records_are_not_there,
    presence_answers_for_many_keys,
    two_writers_at_once_lose_nothing,
);

fn clients(database: &Database) -> TableSpec {
    database.mirror("clients", &[("id", Kind::Id), ("name", Kind::Text), ("amount", Kind::Decimal)])
}

fn client(at: usize, name: &str) -> WriteOp {
    upsert([Value::from(format!("k{at:05}")), Value::text(name), Value::Decimal(at.into())])
}

async fn a_mirror_tells_new_changed_and_unchanged(database: Database) {
    let mut table = database.destination(clients(&database)).await;
    let first = write(&mut table, vec![client(1, "a"), client(2, "b"), client(3, "c")]).await;
    assert_eq!(words(&first), ["written"; 3]);
    assert_eq!(key_of(&first[1]), Key::app("k00002"));
    let second = write(&mut table, vec![client(3, "c"), client(2, "B"), client(4, "d")]).await;
    assert_eq!(words(&second), ["unchanged", "written", "written"]);
    assert_eq!(database.number("SELECT count(*) FROM clients").await, 4);
    let missing = upsert([Value::Null, "x".into(), Value::Null]);
    assert_eq!(words(&write(&mut table, vec![missing]).await), ["R222"]);
}

async fn a_load_survives_records_that_are_there_already(database: Database) {
    let mut table = database.destination(clients(&database)).await;
    stored(&mut table, vec![client(7, "old")]).await;
    let batch = (0..10).map(|at| client(at, if at == 3 { "old" } else { "new" })).collect();
    assert_eq!(words(&table.write(batch, WriteMode::Load).await.unwrap()), ["written"; 10]);
    assert_eq!(database.number("SELECT count(*) FROM clients WHERE name = 'new'").await, 9);
}

async fn a_load_goes_on_after_a_replayed_batch(database: Database) {
    let mut table = database.destination(clients(&database)).await;
    for (from, word) in
        [(0, "written"), (100, "written"), (100, "unchanged"), (200, "written"), (300, "written")]
    {
        let batch = (from..from + 100).map(|at| client(at, "x")).collect();
        assert_eq!(words(&table.write(batch, WriteMode::Load).await.unwrap()), [word; 100], "from {from}");
    }
    assert_eq!(database.number("SELECT count(*) FROM clients").await, 400);
}

async fn absent_is_left_alone_and_null_clears(database: Database) {
    let mut table = database.destination(clients(&database)).await;
    let keys = stored(&mut table, vec![client(1, "a"), client(2, "b")]).await;
    let outcomes = write(
        &mut table,
        vec![
            upsert([Value::text("k00001"), Value::Absent, Value::Null]),
            upsert([Value::text("k00002"), Value::Null, Value::Absent]),
            upsert([Value::text("k00003"), Value::Absent, Value::Absent]),
        ],
    )
    .await;
    assert_eq!(words(&outcomes), ["written"; 3]);
    let rows = fetched(&mut table, &keys).await;
    assert_eq!(rows[0].as_ref().unwrap().0[1..], [Value::text("a"), Value::Null]);
    assert_eq!(rows[1].as_ref().unwrap().0[1..], [Value::Null, decimal("2")]);
    let nothing = upsert([Value::text("k00003"), Value::Absent, Value::Absent]);
    assert_eq!(words(&write(&mut table, vec![nothing]).await), ["unchanged"]);
}

async fn policies_decide_what_an_existing_value_suffers(database: Database) {
    let columns = [
        ("id", Kind::Id),
        ("status", Kind::Text),
        ("owner", Kind::Text),
        ("name", Kind::Text),
        ("custom.stage", Kind::Text),
        ("custom.owner", Kind::Text),
    ];
    let mut spec = database.mirror("projects", &columns);
    for (path, policy) in [
        ("status", Policy::OnCreate),
        ("owner", Policy::IfEmpty),
        ("custom.stage", Policy::OnCreate),
        ("custom.owner", Policy::IfEmpty),
    ] {
        spec = with_policy(spec, path, policy);
    }
    let mut table = database.destination(spec).await;
    let values = |status: &str, owner: Value, name: &str| {
        [Value::text("1"), status.into(), owner.clone(), name.into(), status.into(), owner]
    };
    let key = stored(&mut table, vec![upsert(values("tentative", Value::Null, "a"))]).await;
    let same_but_kept = write(&mut table, vec![upsert(values("confirmed", Value::Null, "a"))]).await;
    assert_eq!(words(&same_but_kept), ["unchanged"]);
    stored(&mut table, vec![upsert(values("confirmed", "kim".into(), "b"))]).await;
    assert_eq!(words(&write(&mut table, vec![upsert(values("x", "jo".into(), "b"))]).await), ["unchanged"]);
    assert_eq!(
        words(&write(&mut table, vec![update(&key[0], values("x", Value::Null, "b"))]).await),
        ["unchanged"]
    );
    stored(&mut table, vec![update(&key[0], values("x", "jo".into(), "c"))]).await;
    let row = fetched(&mut table, &key).await.remove(0).unwrap();
    assert_eq!(row.0[..], values("tentative", "kim".into(), "c"));
}

async fn linked_records_are_created_changed_and_deleted(database: Database) {
    let spec = TableSpec {
        unique: Vec::new(),
        ..database.linked("people", &[("name", Kind::Text), ("age", Kind::Int)])
    };
    let mut table = database.destination(spec).await;
    let names = ["a", "b", "c", "d"];
    let creates = names
        .iter()
        .enumerate()
        .map(|(at, name)| create([Value::text(name), Value::Int(i64::try_from(at).unwrap())]));
    let keys = stored(&mut table, creates.collect()).await;
    let rows = fetched(&mut table, &keys).await;
    let read: Vec<_> = rows.iter().map(|row| row.as_ref().unwrap().get(0).to_string()).collect();
    assert_eq!(read, names, "each key belongs to its own record");

    let gone = Key::app("999999");
    let outcomes = write(
        &mut table,
        vec![
            update(&keys[0], ["z".into(), Value::Absent]),
            update(&keys[1], ["b".into(), Value::Int(1)]),
            update(&gone, ["x".into(), Value::Null]),
            update(&Key::app("no number"), ["x".into(), Value::Null]),
            WriteOp::Delete { key: keys[2].clone() },
            WriteOp::Delete { key: gone.clone() },
        ],
    )
    .await;
    let odd = if database.dialect.name() == "SQLite" { "stale" } else { "R225" };
    assert_eq!(words(&outcomes), ["written", "unchanged", "stale", odd, "written", "unchanged"]);
    let left = fetched(&mut table, &keys).await;
    assert_eq!(left[0].as_ref().unwrap(), &row(["z".into(), Value::Int(0)]));
    assert!(left[2].is_none());
}

async fn an_update_of_a_record_that_moved_since_it_was_read_is_held_off(database: Database) {
    let spec = TableSpec {
        unique: Vec::new(),
        updated_at: Some("changed".to_owned()),
        ..database.linked("people", &[("name", Kind::Text), ("changed", Kind::DateTime)])
    };
    let mut table = database.destination(spec).await;
    let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
    let (then, since) = (at("2026-03-01T10:00:00.5Z"), at("2026-03-01T10:00:00.501Z"));
    let made = |name: &str| create([Value::text(name), Value::DateTime(then)]);
    let keys = stored(&mut table, vec![made("a"), made("b"), made("c")]).await;
    let gone = Key::app("999999");
    let guarded = |key: &Key, name: &str| WriteOp::Update {
        key: key.clone(),
        row: row([Value::text(name), Value::Absent]),
        expected: Some(Version(then)),
    };
    stored(&mut table, vec![update(&keys[1], ["edited".into(), Value::DateTime(since)])]).await;
    let ops = vec![
        guarded(&keys[0], "ours"),
        guarded(&keys[1], "ours"),
        guarded(&gone, "ours"),
        update(&keys[2], ["ours".into(), Value::Absent]),
    ];
    assert_eq!(words(&write(&mut table, ops).await), ["written", "stale", "stale", "written"]);
    let names = database.rows("SELECT name FROM people ORDER BY id").await;
    let names: Vec<_> = names.iter().map(|row| row[0].as_deref().unwrap()).collect();
    assert_eq!(names, ["ours", "edited", "ours"]);
}

#[tokio::test]
async fn the_guard_reads_stamps_however_sqlite_keeps_them() {
    for (native, then, since) in [
        ("TEXT", "'2026-03-01 10:00:00'", "'2026-03-01 10:00:01'"),
        ("INTEGER", "1772359200", "1772359201"),
        ("DATETIME", "'2026-03-01T10:00:00Z'", "'2026-03-01T10:00:01Z'"),
    ] {
        let database = Database::sqlite().await;
        let table = format!("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, changed {native})");
        database
            .execute(&format!("{table}; INSERT INTO people VALUES (1, 'a', {then}), (2, 'b', {since})"))
            .await;
        let spec = TableSpec {
            unique: Vec::new(),
            updated_at: Some("changed".to_owned()),
            ..database.linked("people", &[("name", Kind::Text), ("changed", Kind::DateTime)])
        };
        let mut table = database.destination(spec).await;
        let guarded = |id: &str| WriteOp::Update {
            key: Key::app(id),
            row: row([Value::from("ours"), Value::Absent]),
            expected: Some(Version("2026-03-01T10:00:00Z".parse().unwrap())),
        };
        let outcomes = write(&mut table, vec![guarded("1"), guarded("2")]).await;
        assert_eq!(words(&outcomes), ["written", "stale"], "{native}");
    }
}

async fn upserts_by_a_unique_column_answer_generated_keys(database: Database) {
    let mut table =
        database.destination(database.linked("crm", &[("sf", Kind::Id), ("name", Kind::Text)])).await;
    let op = |id: &str, name: &str| upsert([Value::text(id), Value::text(name)]);
    let keys = stored(&mut table, vec![op("b", "1"), op("a", "1"), op("c", "1")]).await;
    let rows = fetched(&mut table, &keys).await;
    let ids: Vec<_> = rows.iter().map(|row| row.as_ref().unwrap().get(0).to_string()).collect();
    assert_eq!(ids, ["b", "a", "c"]);
    for (mode, name) in [(WriteMode::Load, "2"), (WriteMode::Changes, "3")] {
        let batch = vec![op("a", "1"), op("b", name), op(&format!("new in {name}"), "1")];
        let again = table.write(batch, mode).await.unwrap();
        assert_eq!(words(&again), ["unchanged", "written", "written"]);
        let Outcome::Unchanged { key } = &again[0] else { panic!("unchanged") };
        assert_eq!((key, &key_of(&again[1])), (&keys[1], &keys[0]));
    }
}

async fn two_writes_to_one_record_in_one_batch_keep_their_order(database: Database) {
    let mut table = database.destination(clients(&database)).await;
    let ops = vec![
        client(1, "first"),
        client(2, "first"),
        WriteOp::Delete { key: Key::app("k00002") },
        client(1, "second"),
        upsert([Value::text("k00001"), Value::Absent, decimal("9")]),
        update(&Key::app("k00001"), [Value::Absent, "third".into(), Value::Absent]),
    ];
    assert_eq!(words(&write(&mut table, ops).await), ["written"; 6]);
    let rows = database.rows("SELECT name, amount FROM clients").await;
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0][0].as_deref(), rows[0][1].as_deref()), (Some("third"), Some("9")));
}

async fn json_paths_change_their_own_key_only(database: Database) {
    let columns =
        [("id", Kind::Id), ("custom.competitor", Kind::Text), ("custom.odd \"key\"'s", Kind::Decimal)];
    let mut table = database.destination(database.mirror("deals", &columns)).await;
    let values = |text: Value, number: Value| [Value::text("1"), text, number];
    let key = stored(&mut table, vec![upsert(values("Acme \"x\"".into(), decimal("1.50")))]).await;
    database.execute("UPDATE deals SET custom = '{\"competitor\": \"Beta\", \"note\": \"ours\"}'").await;
    let row = fetched(&mut table, &key).await.remove(0).unwrap();
    assert_eq!(row.0[1..], [Value::text("Beta"), Value::Null]);

    let same = upsert(values("Beta".into(), Value::Null));
    assert_eq!(words(&write(&mut table, vec![same]).await), ["unchanged"]);
    stored(&mut table, vec![update(&key[0], values(Value::Null, decimal("2.5")))]).await;
    stored(&mut table, vec![upsert(values(Value::Absent, decimal("3")))]).await;
    let row = fetched(&mut table, &key).await.remove(0).unwrap();
    assert_eq!(row.0[1..], [Value::Null, decimal("3")]);
    let note = match database.dialect {
        sfsync::connect::sql::Dialect::Sqlite => "SELECT custom ->> '$.note' FROM deals",
        sfsync::connect::sql::Dialect::Postgres => "SELECT custom ->> 'note' FROM deals",
    };
    assert_eq!(database.rows(note).await[0][0].as_deref(), Some("ours"));
    let query = MatchQuery::exact(1, vec!["gamma".into(), " BETA".into()]);
    stored(&mut table, vec![upsert(values("Beta".into(), Value::Absent))]).await;
    assert_eq!(table.find(&query).await.unwrap().iter().map(|found| found.value).collect::<Vec<_>>(), [1]);
}

async fn bad_records_among_ten_thousand_cost_only_themselves(database: Database) {
    let check =
        "CREATE TABLE clients (id text PRIMARY KEY, name text NOT NULL, amount numeric CHECK (amount <> 77))";
    database.execute(check).await;
    for mode in [WriteMode::Load, WriteMode::Changes] {
        let mut table = database.destination(clients(&database)).await;
        let batch = (0..10_000).map(|at| match at {
            5_000 | 9_999 => upsert([Value::from(format!("k{at:05}")), Value::Null, Value::Null]),
            at => client(at, "x"),
        });
        let outcomes = table.write(batch.collect(), mode).await.unwrap();
        let refused: Vec<_> = outcomes
            .iter()
            .enumerate()
            .filter_map(|(at, outcome)| match outcome {
                Outcome::Rejected(error) => Some((at, error.code)),
                Outcome::Written { .. } => None,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(refused, [(77, "R224"), (5_000, "R222"), (9_999, "R222")]);
        assert_eq!(database.number("SELECT count(*) FROM clients").await, 9_997);
        database.execute("DELETE FROM clients").await;
    }
}

async fn a_refused_record_undoes_nothing_beside_it(database: Database) {
    database
        .execute("CREATE TABLE clients (id text PRIMARY KEY, name text, amount numeric CHECK (amount < 77))")
        .await;
    let mut table = database.destination(clients(&database)).await;
    stored(&mut table, vec![client(1, "a"), client(2, "b"), client(3, "c"), client(4, "d")]).await;
    let refused = upsert([Value::text("k00003"), "C".into(), decimal("78")]);
    // Changed, refused though new, as it is, refused though there, new, changed.
    let ops = vec![client(1, "A"), client(77, "x"), client(2, "b"), refused, client(5, "e"), client(4, "D")];
    let outcomes = write(&mut table, ops).await;
    assert_eq!(words(&outcomes), ["written", "R224", "unchanged", "R224", "written", "written"]);
    let rows = database.rows("SELECT name, amount FROM clients ORDER BY id").await;
    let stored =
        rows.iter().map(|row| format!("{}{}", row[0].as_deref().unwrap(), row[1].as_deref().unwrap()));
    assert_eq!(stored.collect::<Vec<_>>(), ["A1", "b2", "c3", "D4", "e5"]);
}

#[tokio::test]
async fn a_change_in_postgresql_is_no_insert() {
    let database = Database::postgres().await;
    let mut table = database.destination(clients(&database)).await;
    stored(&mut table, vec![client(1, "a"), client(2, "b")]).await;
    // A column that no row of the pipeline fills: only an insert comes to it.
    database
        .execute(
            "ALTER TABLE clients ADD tenant text; UPDATE clients SET tenant = 'ours'; \
             ALTER TABLE clients ALTER tenant SET NOT NULL",
        )
        .await;
    let outcomes = write(&mut table, vec![client(1, "A"), client(3, "c")]).await;
    assert_eq!(words(&outcomes), ["written", "R222"]);
    assert_eq!(database.number("SELECT count(*) FROM clients WHERE name = 'A' AND tenant = 'ours'").await, 1);
}

async fn a_constraint_names_what_it_refuses(database: Database) {
    database
        .execute(
            "CREATE TABLE parents (id text PRIMARY KEY); \
             CREATE TABLE people (id text PRIMARY KEY, email text UNIQUE, name text NOT NULL, \
             parent text REFERENCES parents (id))",
        )
        .await;
    let columns = [("id", Kind::Id), ("email", Kind::Text), ("name", Kind::Text), ("parent", Kind::Text)];
    let mut table = database.destination(database.mirror("people", &columns)).await;
    let op =
        |id: &str, email: &str, name: Value, parent: Value| upsert([id.into(), email.into(), name, parent]);
    let ops = vec![
        op("1", "a@x", "a".into(), Value::Null),
        op("2", "a@x", "b".into(), Value::Null),
        op("3", "c@x", Value::Null, Value::Null),
        op("4", "d@x", "d".into(), "nobody".into()),
        op("5", "e@x", "e".into(), Value::Null),
    ];
    let outcomes = write(&mut table, ops).await;
    assert_eq!(words(&outcomes), ["written", "R221", "R222", "R223", "written"]);
    let remote = |at: usize| match &outcomes[at] {
        Outcome::Rejected(error) => error.remote.clone().unwrap(),
        _ => unreachable!(),
    };
    let expected = match database.dialect {
        sfsync::connect::sql::Dialect::Sqlite => "SQLITE_CONSTRAINT_UNIQUE",
        sfsync::connect::sql::Dialect::Postgres => "23505",
    };
    assert_eq!(remote(1), expected);
    let Outcome::Rejected(error) = &outcomes[2] else { panic!() };
    assert_eq!(error.fields, ["name"]);
}

async fn deferred_constraints_cost_only_their_record(database: Database) {
    database
        .execute(
            "CREATE TABLE parents (id text PRIMARY KEY); CREATE TABLE children (id text PRIMARY KEY, \
             parent text REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)",
        )
        .await;
    let mut table =
        database.destination(database.mirror("children", &[("id", Kind::Id), ("parent", Kind::Text)])).await;
    let op = |id: &str, parent: Value| upsert([id.into(), parent]);
    let ops = vec![op("1", Value::Null), op("2", "nobody".into()), op("3", Value::Null)];
    let outcomes = write(&mut table, ops).await;
    assert_eq!(words(&outcomes), ["written", "R223", "written"]);
    assert_eq!(database.number("SELECT count(*) FROM children").await, 2);
}

async fn records_are_found_by_text_number_and_id(database: Database) {
    let columns = [("email", Kind::Text), ("number", Kind::Int), ("sf", Kind::Id), ("amount", Kind::Decimal)];
    let mut table =
        database.destination(TableSpec { unique: vec![], ..database.linked("people", &columns) }).await;
    let person = |email: &str, number: i64, sf: &str, amount: &str| {
        create([email.into(), Value::Int(number), sf.into(), decimal(amount)])
    };
    let ops = vec![
        person(" Ä@X.fi ", 7, "001000000000001AAA", "1.50"),
        person("b@x.fi", 8, "001000000000002", "2"),
        person("B@x.fi", 9, "001000000000003AAA", "3"),
    ];
    let keys = stored(&mut table, ops).await;
    let mut find = async |field: usize, values: Vec<Value>| {
        let found = table.find(&MatchQuery::exact(field, values)).await.unwrap();
        let mut hits: Vec<_> = found.into_iter().map(|found| (found.value, found.key)).collect();
        hits.sort();
        hits
    };
    let hit = |value: usize, record: usize| (value, keys[record].clone());
    assert_eq!(find(0, vec!["nobody@x.fi".into(), "ä@x.FI".into()]).await, [hit(1, 0)]);
    assert_eq!(find(0, vec!["b@x.fi".into()]).await, [hit(0, 1), hit(0, 2)]);
    assert_eq!(
        find(1, vec![Value::Int(9), Value::text("8"), Value::text("x")]).await,
        [hit(0, 2), hit(1, 1)]
    );
    let ids = vec!["001000000000002AAA".into(), "001000000000001".into(), "001000000000009".into()];
    assert_eq!(find(2, ids).await, [hit(0, 1), hit(1, 0)]);
    assert_eq!(find(3, vec![decimal("1.5")]).await, [hit(0, 0)]);
    assert_eq!(find(0, vec![]).await, []);
}

async fn records_are_found_in_the_normal_form_of_a_row(database: Database) {
    let columns = [("site", Kind::Text), ("phone", Kind::Text), ("note", Kind::Text)];
    let mut table =
        database.destination(TableSpec { unique: vec![], ..database.linked("firms", &columns) }).await;
    let firm = |site: &str, phone: &str, note: &str| create([site.into(), phone.into(), note.into()]);
    let mut ops = vec![
        firm("https://www.Acme.com/about", "040-123 45 67", "<p>Hello <b>there</b></p>"),
        firm("notacme.com", "+358 40 1234568", "hello"),
        firm("kim@acme.com", "ask Kim", ""),
        firm("räksmörgås.se", "(040) 1234567", "Hello there"),
    ];
    ops.extend((0..80).map(|at| firm(&format!("http://c{at}.com"), "", "")));
    let keys = stored(&mut table, ops).await;
    let mut find = async |field: usize, form: NormalForm, values: Vec<Value>| {
        let query = MatchQuery {
            form: Some(form),
            region: Some("FI".to_owned()),
            ..MatchQuery::exact(field, values)
        };
        let mut hits: Vec<_> = table
            .find(&query)
            .await
            .unwrap()
            .into_iter()
            .map(|found| (found.value, found.key, found.row))
            .collect();
        hits.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
        assert!(hits.iter().all(|(_, _, row)| !row.get(0).is_blank()), "whole records come");
        hits.into_iter().map(|(value, key, _)| (value, key)).collect::<Vec<_>>()
    };
    let hit = |value: usize, record: usize| (value, keys[record].clone());
    let domains = vec!["acme.com".into(), "räksmörgås.se".into(), Value::Null, "globex.com".into()];
    assert_eq!(find(0, NormalForm::Domain, domains).await, [hit(0, 0), hit(0, 2), hit(1, 3)]);
    let many = (0..80).map(|at| Value::from(format!("c{at}.com"))).collect();
    assert_eq!(find(0, NormalForm::Domain, many).await.len(), 80);
    assert_eq!(find(0, NormalForm::Domain, vec!["c_.com".into(), "c%".into()]).await, []);
    assert_eq!(find(1, NormalForm::Phone, vec!["+358401234567".into()]).await, [hit(0, 0), hit(0, 3)]);
    assert_eq!(find(2, NormalForm::PlainText, vec!["Hello there".into()]).await, [hit(0, 0), hit(0, 3)]);
}

async fn soft_deleted_records_are_not_there(database: Database) {
    let columns = [("id", Kind::Id), ("name", Kind::Text), ("deleted_at", Kind::DateTime)];
    let spec = TableSpec { deleted_at: Some("deleted_at".to_owned()), ..database.mirror("soft", &columns) };
    let mut table = database.destination(spec).await;
    let gone = Value::DateTime("2026-01-01T00:00:00Z".parse().unwrap());
    let ops = vec![upsert(["1".into(), "a".into(), Value::Null]), upsert(["2".into(), "a".into(), gone])];
    let keys = stored(&mut table, ops).await;
    let there: Vec<_> = fetched(&mut table, &keys).await.iter().map(Option::is_some).collect();
    assert_eq!(there, [true, false]);
    let found = table.find(&MatchQuery::exact(1, vec!["A".into()])).await.unwrap();
    assert_eq!(found.len(), 1);
}

async fn presence_answers_for_many_keys(database: Database) {
    let mut table = database.destination(clients(&database)).await;
    stored(&mut table, (0..500).map(|at| client(at * 2, "x")).collect()).await;
    let keys: Vec<_> = (0..1000).map(|at| Key::app(format!("k{at:05}"))).collect();
    let present = table.presence(&keys).await.unwrap();
    assert_eq!(present.len(), 500);
    assert!(present.contains(&keys[998]) && !present.contains(&keys[999]));
    assert!(table.presence(&[]).await.unwrap().is_empty());

    let numbers = TableSpec { unique: vec![], ..database.linked("numbers", &[("name", Kind::Text)]) };
    let mut numbers = database.destination(numbers).await;
    let key = stored(&mut numbers, vec![create(["a".into()])]).await.remove(0);
    let present = numbers.presence(&[key.clone(), Key::app("99"), Key::app("x")]).await.unwrap();
    assert_eq!(present.into_iter().collect::<Vec<_>>(), [key]);
}

async fn two_writers_at_once_lose_nothing(database: Database) {
    let spec = clients(&database);
    let mut left = database.destination(spec.clone()).await;
    let mut right = destination(&database.again().await, spec).await;
    let batch =
        |from: usize, name: &str| (from..from + 600).rev().map(|at| client(at, name)).collect::<Vec<_>>();
    let forwards = async {
        for _ in 0..5 {
            assert_eq!(left.write(batch(0, "left"), WriteMode::Changes).await.unwrap().len(), 600);
        }
    };
    let backwards = async {
        for _ in 0..5 {
            assert_eq!(right.write(batch(300, "right"), WriteMode::Changes).await.unwrap().len(), 600);
        }
    };
    tokio::join!(forwards, backwards);
    assert_eq!(database.number("SELECT count(*) FROM clients").await, 900);
}
