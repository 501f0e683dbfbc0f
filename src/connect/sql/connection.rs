//! A database that pipelines share: opened once per connection file, cloned into every destination on it.

use std::sync::Arc;

use super::postgres::{Postgres, PostgresConfig};
use super::sqlite::{Sqlite, SqliteConfig};
use super::statement::Statements;
use super::{ColumnSpec, Dialect, ProblemKind, SchemaProblem, TableName, TableSpec, check};
use crate::connect::{ConnectError, Hints};
use crate::model::{Class, TableInfo};

/// An open database. Clones share its thread or pool.
#[derive(Clone)]
pub struct SqlConnection {
    pub(super) database: Database,
    guard: Arc<Guard>,
    /// Held while a table is made: several pipelines may write into one, and begin at the same moment.
    making: Arc<tokio::sync::Mutex<()>>,
}

/// What the connection file forbids, whatever a pipeline says.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    /// `read_only`: nothing is written, no table is created.
    pub read_only: bool,
    /// `protect`: columns that no pipeline writes, with the name of their table as the files write it.
    pub protect: Vec<(String, String)>,
}

impl Guard {
    /// The first written column that is protected, as a path.
    fn protected(&self, spec: &TableSpec) -> Option<String> {
        let table = spec.table.to_string();
        let is_protected = |column: &&ColumnSpec| {
            let names = [column.path(), column.column.clone()];
            self.protect.iter().any(|(of, name)| *of == table && names.contains(name))
        };
        spec.columns.iter().find(is_protected).map(ColumnSpec::path)
    }
}

#[derive(Clone)]
pub(super) enum Database {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

/// What [`SqlConnection::ensure`] did and what it left.
#[derive(Clone, Debug, Default)]
pub struct Ensured {
    /// The table as it is now; `None` where it is still missing.
    pub table: Option<TableInfo>,
    /// Statements that were run.
    pub applied: Vec<String>,
    /// What is still wrong.
    pub problems: Vec<SchemaProblem>,
}

impl SqlConnection {
    /// Opens a SQLite file. Fails where it cannot be opened or is no database.
    pub async fn sqlite(config: SqliteConfig) -> Result<Self, ConnectError> {
        let guard = Guard { read_only: config.read_only, protect: Vec::new() };
        Ok(Self { guard: Arc::new(guard), ..Self::of(Database::Sqlite(Sqlite::open(config).await?)) })
    }

    /// Makes a pool of connections to PostgreSQL and signs in once. Fails with class `Transient` where the server cannot be
    /// reached, `Pipeline` where it refuses the sign-in or the certificate cannot be verified.
    pub async fn postgres(config: &PostgresConfig) -> Result<Self, ConnectError> {
        Ok(Self::of(Database::Postgres(Postgres::open(config).await?)))
    }

    fn of(database: Database) -> Self {
        Self { database, guard: Arc::default(), making: Arc::default() }
    }

    /// The same database under the rules of its connection file. Called once, before any destination is made.
    #[must_use]
    pub fn guarded(mut self, guard: Guard) -> Self {
        self.guard = Arc::new(guard);
        self
    }

    /// Fails where a spec writes what the connection file protects.
    pub(super) fn allows(&self, spec: &TableSpec) -> Result<(), ConnectError> {
        let Some(path) = self.guard.protected(spec) else { return Ok(()) };
        let message = format!("`{path}` of table `{}` is protected by its connection", spec.table);
        Err(ConnectError::new("R126", Class::Pipeline, message))
    }

    /// `read_only: true` on the connection: nothing is written, whatever a pipeline says.
    pub fn is_read_only(&self) -> bool {
        self.guard.read_only
    }

    /// Which database it is.
    pub fn dialect(&self) -> Dialect {
        match &self.database {
            Database::Sqlite(_) => Dialect::Sqlite,
            Database::Postgres(_) => Dialect::Postgres,
        }
    }

    /// The tables that a resource can name, sorted.
    pub async fn tables(&self) -> Result<Vec<String>, ConnectError> {
        match &self.database {
            Database::Sqlite(sqlite) => sqlite.tables().await,
            Database::Postgres(postgres) => postgres.tables().await,
        }
    }

    /// A table as it is now; `None` where there is none.
    pub async fn inspect(&self, table: &TableName) -> Result<Option<TableInfo>, ConnectError> {
        match &self.database {
            Database::Sqlite(sqlite) => sqlite.inspect(table.clone()).await,
            Database::Postgres(postgres) => postgres.inspect(table).await,
        }
    }

    /// What programs say on a channel of PostgreSQL's NOTIFY; `None` for SQLite, which has none. Listens from now on.
    pub fn hints(&self, channel: &str) -> Option<Box<dyn Hints>> {
        match &self.database {
            Database::Sqlite(_) => None,
            Database::Postgres(postgres) => Some(Box::new(postgres.listen(channel))),
        }
    }

    /// Looks at the table and, where the spec says `create`, creates it or adds the columns that are missing. Nothing is
    /// ever dropped or altered. Repeating it does nothing more.
    pub async fn ensure(&self, spec: &TableSpec) -> Result<Ensured, ConnectError> {
        let spec = &self.resolved(spec.clone());
        let _alone = self.making.lock().await;
        let table = self.inspect(&spec.table).await?;
        let problems = check(self.dialect(), spec, table.as_ref());
        let applied =
            if spec.create && !self.is_read_only() { self.additions(spec, &problems) } else { Vec::new() };
        if applied.is_empty() {
            return Ok(Ensured { table, applied, problems });
        }
        match &self.database {
            Database::Sqlite(sqlite) => sqlite.apply(applied.clone()).await?,
            Database::Postgres(postgres) => postgres.apply(&applied).await?,
        }
        let table = self.inspect(&spec.table).await?;
        let problems = check(self.dialect(), spec, table.as_ref());
        Ok(Ensured { table, applied, problems })
    }

    /// The spec with the schema of the connection where the file names none.
    pub(super) fn resolved(&self, mut spec: TableSpec) -> TableSpec {
        if let Database::Postgres(postgres) = &self.database {
            spec.table = postgres.qualified(&spec.table);
        }
        spec
    }

    fn additions(&self, spec: &TableSpec, problems: &[SchemaProblem]) -> Vec<String> {
        let creates = problems.iter().any(|problem| problem.kind == ProblemKind::MissingTable);
        if creates {
            return Statements { dialect: self.dialect(), spec }.create_table();
        }
        let missing = problems.iter().filter(|problem| problem.kind == ProblemKind::MissingColumn);
        missing.filter_map(|problem| problem.ddl.clone()).collect()
    }
}
