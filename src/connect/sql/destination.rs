//! A table as the destination of a pipeline.

use std::collections::HashSet;
use std::sync::Arc;

use super::connection::{Database, SqlConnection};
use super::postgres::Straight;
use super::{TableSpec, check};
use crate::connect::port::{says, traced};
use crate::connect::{ConnectError, Destination, Found, MatchQuery, Notes, Trace, WriteMode};
use crate::model::{Class, Key, Outcome, Row, TableInfo, WriteOp};

/// Writes the records of one pipeline to one table.
pub struct SqlDestination {
    connection: SqlConnection,
    spec: Arc<TableSpec>,
    straight: Straight,
}

impl SqlDestination {
    /// A destination on a table that exists. The caller has shown every [`check`] problem to the user before; a table
    /// that lacks a named column fails here with class `Pipeline`.
    pub fn new(connection: SqlConnection, spec: TableSpec, table: &TableInfo) -> Result<Self, ConnectError> {
        let problems = check(connection.dialect(), &spec, Some(table));
        if let Some(problem) = problems.iter().find(|problem| problem.kind.stops_writing()) {
            let help = problem.ddl.clone().unwrap_or_else(|| "run `sfsync check --online`".to_owned());
            return Err(ConnectError::new("R108", Class::Pipeline, problem.message.clone()).help(help));
        }
        connection.allows(&spec)?;
        let spec = Arc::new(connection.resolved(spec).bound(table));
        Ok(Self { connection, spec, straight: Straight::default() })
    }

    /// The table, with the types its columns have.
    pub fn spec(&self) -> &TableSpec {
        &self.spec
    }
}

#[async_trait::async_trait]
impl Destination for SqlDestination {
    async fn fetch(&mut self, keys: &[Key]) -> Result<Vec<(Key, Row)>, ConnectError> {
        match &self.connection.database {
            Database::Sqlite(sqlite) => sqlite.fetch(&self.spec, keys).await,
            Database::Postgres(postgres) => postgres.fetch(&self.spec, keys).await,
        }
    }

    async fn find(&mut self, query: &MatchQuery) -> Result<Vec<Found>, ConnectError> {
        match &self.connection.database {
            Database::Sqlite(sqlite) => sqlite.find(&self.spec, query).await,
            Database::Postgres(postgres) => postgres.find(&self.spec, query).await,
        }
    }

    async fn presence(&mut self, keys: &[Key]) -> Result<HashSet<Key>, ConnectError> {
        match &self.connection.database {
            Database::Sqlite(sqlite) => sqlite.presence(&self.spec, keys).await,
            Database::Postgres(postgres) => postgres.presence(&self.spec, keys).await,
        }
    }

    async fn keys(&mut self, after: Option<&Key>, limit: usize) -> Result<Vec<Key>, ConnectError> {
        match &self.connection.database {
            Database::Sqlite(sqlite) => sqlite.keys(&self.spec, after, limit).await,
            Database::Postgres(postgres) => postgres.keys(&self.spec, after, limit).await,
        }
    }

    fn twin(&self) -> Option<Box<dyn Destination>> {
        let (connection, spec) = (self.connection.clone(), Arc::clone(&self.spec));
        Some(Box::new(Self { connection, spec, straight: Straight::default() }))
    }

    async fn write(&mut self, ops: Vec<WriteOp>, mode: WriteMode) -> Result<Vec<Outcome>, ConnectError> {
        self.put(ops, mode, None).await
    }

    fn tells_keys(&self) -> bool {
        true
    }

    async fn write_noting(
        &mut self,
        ops: Vec<WriteOp>,
        mode: WriteMode,
        notes: Arc<dyn Notes>,
    ) -> Result<Vec<Outcome>, ConnectError> {
        self.put(ops, mode, Some(notes)).await
    }

    async fn trace(&mut self, traces: &[Trace]) -> Result<Vec<Found>, ConnectError> {
        // SQLite has one writer, whose work is done one after the other: nothing of it is in the air when this is asked.
        if let Database::Postgres(postgres) = &self.connection.database {
            postgres.settled(&self.spec).await?;
        }
        traced(self, traces, says).await
    }
}

impl SqlDestination {
    async fn put(
        &mut self,
        ops: Vec<WriteOp>,
        mode: WriteMode,
        notes: Option<Arc<dyn Notes>>,
    ) -> Result<Vec<Outcome>, ConnectError> {
        if ops.is_empty() {
            return Ok(Vec::new());
        }
        if self.connection.is_read_only() {
            let message = format!("the connection is `read_only`: nothing is written to {}", self.spec.table);
            return Err(ConnectError::new("R126", Class::Pipeline, message));
        }
        match &self.connection.database {
            Database::Sqlite(sqlite) => sqlite.write(&self.spec, ops, notes).await,
            Database::Postgres(postgres) => {
                postgres.write(&self.spec, &ops, mode, (&mut self.straight, notes.as_deref())).await
            }
        }
    }
}
