//! A database that pipelines share: opened once per connection file, cloned into every destination on it.

use super::statement::Statements;
use super::{Dialect, ProblemKind, SchemaProblem, TableName, TableSpec, check};
use crate::connect::ConnectError;
use crate::model::TableInfo;

use super::sqlite::{Sqlite, SqliteConfig};

/// An open database. Clones share its thread or pool.
#[derive(Clone)]
pub struct SqlConnection(pub(super) Database);

#[derive(Clone)]
pub(super) enum Database {
    Sqlite(Sqlite),
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
        Ok(Self(Database::Sqlite(Sqlite::open(config).await?)))
    }

    /// Which database it is.
    pub fn dialect(&self) -> Dialect {
        match &self.0 {
            Database::Sqlite(_) => Dialect::Sqlite,
        }
    }

    /// The tables that a resource can name, sorted.
    pub async fn tables(&self) -> Result<Vec<String>, ConnectError> {
        match &self.0 {
            Database::Sqlite(sqlite) => sqlite.tables().await,
        }
    }

    /// A table as it is now; `None` where there is none.
    pub async fn inspect(&self, table: &TableName) -> Result<Option<TableInfo>, ConnectError> {
        match &self.0 {
            Database::Sqlite(sqlite) => sqlite.inspect(table.clone()).await,
        }
    }

    /// Looks at the table and, where the spec says `create`, creates it or adds the columns that are missing. Nothing is
    /// ever dropped or altered. Repeating it does nothing more.
    pub async fn ensure(&self, spec: &TableSpec) -> Result<Ensured, ConnectError> {
        let table = self.inspect(&spec.table).await?;
        let problems = check(self.dialect(), spec, table.as_ref());
        let applied = if spec.create { self.additions(spec, &problems) } else { Vec::new() };
        if applied.is_empty() {
            return Ok(Ensured { table, applied, problems });
        }
        match &self.0 {
            Database::Sqlite(sqlite) => sqlite.apply(applied.clone()).await?,
        }
        let table = self.inspect(&spec.table).await?;
        let problems = check(self.dialect(), spec, table.as_ref());
        Ok(Ensured { table, applied, problems })
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
