//! A database of either kind with a table in it, for the same scenarios on both.

use std::collections::HashMap;
use std::sync::Arc;

use sfsync::connect::sql::{
    ColumnSpec, Dialect, KeySpec, Policy, PostgresConfig, Shape, SqlConnection, SqlDestination, SqliteConfig,
    TableName, TableSpec,
};
use sfsync::connect::{Destination, WriteMode};
use sfsync::model::{Key, Kind, Outcome, Row, Value, WriteOp};

use crate::harness::postgres;

/// A database of one test.
pub struct Database {
    pub connection: SqlConnection,
    pub dialect: Dialect,
    /// Folder of the SQLite file, or the schema.
    pub place: Place,
}

pub enum Place {
    Folder(tempfile::TempDir),
    Schema(String),
}

impl Database {
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let connection =
            SqlConnection::sqlite(SqliteConfig::new(folder.path().join("test.db"))).await.unwrap();
        Self { connection, dialect: Dialect::Sqlite, place: Place::Folder(folder) }
    }

    pub async fn postgres() -> Self {
        let schema = postgres::unique_name("sql");
        postgres::connect().await.batch_execute(&format!("CREATE SCHEMA {schema}")).await.unwrap();
        let config = PostgresConfig {
            url: Some(postgres::url().into()),
            schema: Some(schema.clone()),
            pool: 3,
            ..PostgresConfig::default()
        };
        let connection = SqlConnection::postgres(&config).await.unwrap();
        Self { connection, dialect: Dialect::Postgres, place: Place::Schema(schema) }
    }

    /// Another connection to the same database.
    pub async fn again(&self) -> SqlConnection {
        match &self.place {
            Place::Folder(folder) => {
                SqlConnection::sqlite(SqliteConfig::new(folder.path().join("test.db"))).await
            }
            Place::Schema(schema) => {
                let url = Some(postgres::url().into());
                let config =
                    PostgresConfig { url, schema: Some(schema.clone()), ..PostgresConfig::default() };
                SqlConnection::postgres(&config).await
            }
        }
        .unwrap()
    }

    /// Runs statements as another program would.
    pub async fn execute(&self, sql: &str) {
        match &self.place {
            Place::Folder(folder) => self.rusqlite(folder).execute_batch(sql).unwrap(),
            Place::Schema(schema) => {
                let script = format!("SET search_path = {schema}; {sql}");
                postgres::connect().await.batch_execute(&script).await.unwrap();
            }
        }
    }

    /// An answer as text, as another program sees it.
    pub async fn rows(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        match &self.place {
            Place::Folder(folder) => {
                let connection = self.rusqlite(folder);
                let mut statement = connection.prepare(sql).unwrap();
                let count = statement.column_count();
                let read = |row: &rusqlite::Row<'_>| (0..count).map(|at| Ok(text(row.get(at)?))).collect();
                statement.query_map([], read).unwrap().map(Result::unwrap).collect()
            }
            Place::Schema(schema) => {
                let client = postgres::connect().await;
                client.batch_execute(&format!("SET search_path = {schema}")).await.unwrap();
                let rows =
                    client.simple_query(sql).await.unwrap().into_iter().filter_map(|message| match message {
                        tokio_postgres::SimpleQueryMessage::Row(row) => Some(row),
                        _ => None,
                    });
                rows.map(|row| (0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect()).collect()
            }
        }
    }

    /// A single number, such as a count.
    pub async fn number(&self, sql: &str) -> i64 {
        self.rows(sql).await[0][0].as_deref().unwrap().parse().unwrap()
    }

    fn rusqlite(&self, folder: &tempfile::TempDir) -> rusqlite::Connection {
        let connection = rusqlite::Connection::open(folder.path().join("test.db")).unwrap();
        connection.busy_timeout(std::time::Duration::from_secs(20)).unwrap();
        connection
    }

    /// A spec with these columns; the first is the key of a mirror.
    pub fn mirror(&self, table: &str, columns: &[(&str, Kind)]) -> TableSpec {
        let specs: Vec<_> = columns
            .iter()
            .map(|(path, kind)| ColumnSpec::new(self.dialect, path, Shape::of(*kind)))
            .collect();
        TableSpec {
            table: TableName::parse(table),
            key: KeySpec::in_row(self.dialect, columns[0].0),
            unique: vec![columns[0].0.to_owned()],
            reads: specs.clone(),
            columns: specs,
            match_columns: Vec::new(),
            updated_at: None,
            deleted_at: None,
            create: true,
        }
    }

    /// A spec of a table whose key `id` the database makes; upserts recognise records by the first column.
    pub fn linked(&self, table: &str, columns: &[(&str, Kind)]) -> TableSpec {
        TableSpec { key: KeySpec::generated(self.dialect, "id"), ..self.mirror(table, columns) }
    }

    /// A destination on the table, which is created.
    pub async fn destination(&self, spec: TableSpec) -> SqlDestination {
        destination(&self.connection, spec).await
    }
}

pub async fn destination(connection: &SqlConnection, spec: TableSpec) -> SqlDestination {
    let ensured = connection.ensure(&spec).await.unwrap();
    SqlDestination::new(connection.clone(), spec, &ensured.table.expect("the table was created")).unwrap()
}

/// The same spec with a policy on one column.
pub fn with_policy(mut spec: TableSpec, path: &str, policy: Policy) -> TableSpec {
    let column = spec.columns.iter_mut().find(|column| column.path() == path).unwrap();
    column.policy = policy;
    spec
}

fn text(value: rusqlite::types::Value) -> Option<String> {
    use rusqlite::types::Value::{Blob, Integer, Null, Real, Text};
    match value {
        Null => None,
        Integer(value) => Some(value.to_string()),
        Real(value) => Some(value.to_string()),
        Text(value) => Some(value),
        Blob(value) => Some(format!("{value:?}")),
    }
}

pub fn row(values: impl IntoIterator<Item = Value>) -> Row {
    Row::from(values.into_iter().collect::<Vec<_>>())
}

pub fn upsert(values: impl IntoIterator<Item = Value>) -> WriteOp {
    WriteOp::Upsert { row: row(values) }
}

pub fn create(values: impl IntoIterator<Item = Value>) -> WriteOp {
    WriteOp::Create { row: row(values) }
}

pub fn update(key: &Key, values: impl IntoIterator<Item = Value>) -> WriteOp {
    WriteOp::Update { key: key.clone(), row: row(values), expected: None }
}

pub async fn write(destination: &mut SqlDestination, ops: Vec<WriteOp>) -> Vec<Outcome> {
    destination.write(ops, WriteMode::Changes).await.unwrap()
}

/// Writes that are expected to be stored; their keys.
pub async fn stored(destination: &mut SqlDestination, ops: Vec<WriteOp>) -> Vec<Key> {
    write(destination, ops).await.into_iter().map(|outcome| key_of(&outcome)).collect()
}

/// The key of a record that was written.
pub fn key_of(outcome: &Outcome) -> Key {
    match outcome {
        Outcome::Written { key, .. } => key.clone(),
        other => panic!("not written: {other:?}"),
    }
}

/// One word per outcome: `written`, `unchanged`, `stale`, `unknown`, or the code of the refusal.
pub fn words(outcomes: &[Outcome]) -> Vec<&str> {
    let word = |outcome: &Outcome| match outcome {
        Outcome::Written { .. } => "written",
        Outcome::Unchanged { .. } => "unchanged",
        Outcome::Stale => "stale",
        Outcome::Unknown(_) => "unknown",
        Outcome::Rejected(error) => error.code,
    };
    outcomes.iter().map(word).collect()
}

/// The records of these keys, in the order of the keys.
pub async fn fetched(destination: &mut SqlDestination, keys: &[Key]) -> Vec<Option<Row>> {
    let mut found: HashMap<_, _> = destination.fetch(keys).await.unwrap().into_iter().collect();
    keys.iter().map(|key| found.remove(key)).collect()
}

pub fn decimal(text: &str) -> Value {
    Value::Decimal(text.parse().unwrap())
}

pub fn list(items: &[&str]) -> Value {
    Value::List(items.iter().map(Value::text).collect())
}

pub fn json(text: &str) -> Value {
    Value::Json(Arc::new(serde_json::from_str(text).unwrap()))
}

/// The same scenarios on both databases.
macro_rules! on_both {
    ($($scenario:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $scenario() {
                super::$scenario(crate::sql_rig::Database::sqlite().await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test]
            async fn $scenario() {
                super::$scenario(crate::sql_rig::Database::postgres().await).await;
            })*
        }
    };
}
pub(crate) use on_both;
