//! The law of a source: whatever happens to a table, and wherever a process ends, the last state of every row arrives at least once, and
//! nothing arrives that is not there.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sfsync::connect::Source;
use sfsync::model::{Change, ChangeEvent, Cursor, Key};

use crate::harness::postgres;
use crate::sql_rig::{Database, Place};
use crate::sql_source::{drain, people, read, source, table};

/// Something that happens.
#[derive(Clone, Debug)]
enum Step {
    /// A program changes a row at once.
    Put(i64, u8),
    /// One of two transactions that stay open changes a row of its own.
    Late(usize, u8),
    /// It commits.
    Commit(usize),
    /// A row is marked as deleted.
    Mark(i64),
    /// So many batches are read and stored.
    Look(usize),
    /// A batch is read and the process ends before it is stored; another one goes on.
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_i64..6, any::<u8>()).prop_map(|(id, name)| Step::Put(id, name)),
        2 => (0_usize..2, any::<u8>()).prop_map(|(which, name)| Step::Late(which, name)),
        2 => (0_usize..2).prop_map(Step::Commit),
        1 => (0_i64..6).prop_map(Step::Mark),
        4 => (1_usize..5).prop_map(Step::Look),
        2 => Just(Step::Crash),
    ]
}

/// The program that changes the table, with transactions that stay open.
struct Programs {
    database: Database,
    open: Vec<Option<tokio_postgres::Client>>,
}

impl Programs {
    /// Stamps by the database's clock, cut to seconds in SQLite, so that many are equal.
    fn now(&self) -> &'static str {
        match self.database.place {
            Place::Folder(_) => "strftime('%Y-%m-%dT%H:%M:%SZ', 'now')",
            Place::Schema(_) => "date_trunc('milliseconds', now()) + interval '1 ms'",
        }
    }

    fn change(&self, id: i64, name: u8) -> String {
        let now = self.now();
        format!(
            "INSERT INTO people VALUES ({id}, '{name}', {now}, NULL) \
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, updated_at = excluded.updated_at, gone = NULL"
        )
    }

    async fn late(&mut self, which: usize, name: u8) {
        let Place::Schema(schema) = &self.database.place else { return };
        let change = self.change(100 + i64::try_from(which).unwrap(), name);
        if let Some(client) = &self.open[which] {
            client.batch_execute(&change).await.unwrap();
            return;
        }
        let client = postgres::connect().await;
        client.batch_execute(&format!("SET search_path = {schema}; BEGIN; {change}")).await.unwrap();
        self.open[which] = Some(client);
    }

    async fn commit(&mut self, which: usize) {
        if let Some(client) = self.open[which].take() {
            client.batch_execute("COMMIT").await.unwrap();
        }
    }

    async fn state(&self) -> BTreeMap<String, Option<String>> {
        let rows = self.database.rows("SELECT id, name, gone FROM people").await;
        let state = |row: Vec<Option<String>>| {
            let [id, name, gone] = <[Option<String>; 3]>::try_from(row).unwrap();
            (id.unwrap(), if gone.is_some() { None } else { name })
        };
        rows.into_iter().map(state).collect()
    }
}

async fn holds(database: Database, follows: bool, size: usize, steps: Vec<Step>) {
    table(&database).await;
    let mut spec = people(&database, follows);
    spec.table.deleted_at = Some("gone".to_owned());
    if database.dialect == sfsync::connect::sql::Dialect::Sqlite {
        // Stamps of whole seconds are up to a second older than the clock.
        spec.lookback = std::time::Duration::from_secs(2);
    }
    let mut programs = Programs { database, open: vec![None, None] };
    let mut reader = source(&programs.database, spec.clone()).await;
    let mut cursor: Option<Cursor> = None;
    let mut arrived: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut take = |events: Vec<ChangeEvent>| {
        for event in events {
            let state = match event.change {
                Change::Upsert(row) => Some(row.get(1).to_string()),
                Change::Delete { .. } => None,
                other => panic!("{other:?}"),
            };
            arrived.insert(event.key.to_string(), state);
        }
    };
    for step in steps {
        match step {
            Step::Put(id, name) => programs.database.execute(&programs.change(id, name)).await,
            Step::Late(which, name) => programs.late(which, name).await,
            Step::Commit(which) => programs.commit(which).await,
            Step::Mark(id) => {
                let now = programs.now();
                let mark = format!("UPDATE people SET gone = 'yes', updated_at = {now} WHERE id = {id}");
                programs.database.execute(&mark).await;
            }
            Step::Look(batches) => {
                for _ in 0..batches {
                    let (events, next, _) = read(&mut reader, cursor.as_ref(), size).await;
                    take(events);
                    cursor = Some(next);
                }
            }
            Step::Crash => {
                read(&mut reader, cursor.as_ref(), size).await;
                reader = source(&programs.database, spec.clone()).await;
            }
        }
    }
    programs.commit(0).await;
    programs.commit(1).await;
    // A window that is under way, and one after it.
    for _ in 0..3 {
        take(drain(&mut reader, &mut cursor, size).await);
    }
    let state = programs.state().await;
    let keys: Vec<Key> = state.keys().map(Key::app).collect();
    let fetched = reader.fetch(&keys).await.unwrap();
    assert_eq!(fetched.len(), keys.len());
    for (key, value) in &state {
        let seen = arrived.get(key).cloned();
        // What was deleted before anything was read never arrived, and need not.
        let unseen_delete = value.is_none() && seen.is_none();
        assert!(unseen_delete || seen.as_ref() == Some(value), "{key}: {seen:?}, is {value:?}");
    }
    assert!(arrived.keys().all(|key| state.contains_key(key)));
}

fn run(make: fn() -> std::pin::Pin<Box<dyn Future<Output = Database>>>) {
    let cases = ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() };
    let steps = prop::collection::vec(step(), 1..40);
    proptest!(cases, |(follows in prop::bool::weighted(0.8), size in 1_usize..6, steps in steps)| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async { holds(make().await, follows, size, steps).await });
    });
}

#[test]
fn every_last_state_arrives_from_postgres() {
    run(|| Box::pin(Database::postgres()));
}

#[test]
fn every_last_state_arrives_from_sqlite() {
    run(|| Box::pin(Database::sqlite()));
}
