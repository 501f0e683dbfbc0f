//! What a pipeline wants of a table held against what the database has: every difference as data, with the DDL that
//! repairs it where something can be added. Pure.

use std::fmt;

use super::ddl::made_with;
use super::statement::Statements;
use super::{ColumnSpec, Dialect, KeyOrigin, TableSpec, types};
use crate::model::{ColumnInfo, Kind, TableInfo};

/// What is wrong with a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// There is no such table.
    MissingTable,
    /// A row of the pipeline names a column that is not there.
    MissingColumn,
    /// The column cannot hold what the pipeline puts there.
    WrongType,
    /// The key column is not there, or nothing makes it unique.
    NoKey,
    /// The columns that upserts recognise a record by are not unique together.
    NotUnique,
    /// A column must have a value on create, has no default, and no row of the pipeline fills it.
    RequiredWithoutRow,
    /// The database computes the column.
    ReadOnly,
    /// A path into a column that holds no JSON, or deeper than one key.
    NoJsonPath,
}

impl ProblemKind {
    /// Whether nothing at all can be written. The others are about single columns or single operations, and the database
    /// refuses what it must.
    pub(super) fn stops_writing(self) -> bool {
        matches!(
            self,
            Self::MissingTable
                | Self::MissingColumn
                | Self::NoKey
                | Self::NotUnique
                | Self::ReadOnly
                | Self::NoJsonPath
        )
    }
}

/// One difference between spec and database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaProblem {
    /// What is wrong.
    pub kind: ProblemKind,
    /// The table, as the file writes it.
    pub table: String,
    /// The column (or path), where it is about one.
    pub column: Option<String>,
    /// One sentence, lowercase, without full stop.
    pub message: String,
    /// Statements to paste, where adding something repairs it.
    pub ddl: Option<String>,
    /// A near name that exists, for a column that does not.
    pub similar: Option<String>,
}

impl fmt::Display for SchemaProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Every difference that keeps a pipeline from writing, in the order table, key, columns. Empty when all is well.
pub fn check(dialect: Dialect, spec: &TableSpec, existing: Option<&TableInfo>) -> Vec<SchemaProblem> {
    let checker = Checker { dialect, spec, statements: Statements { dialect, spec } };
    match existing {
        None => vec![checker.missing_table()],
        Some(table) => checker.table(table),
    }
}

struct Checker<'a> {
    dialect: Dialect,
    spec: &'a TableSpec,
    statements: Statements<'a>,
}

impl Checker<'_> {
    fn problem(&self, kind: ProblemKind, column: Option<String>, message: String) -> SchemaProblem {
        SchemaProblem { kind, table: self.spec.table.to_string(), column, message, ddl: None, similar: None }
    }

    fn missing_table(&self) -> SchemaProblem {
        let message = format!("there is no table `{}`", self.spec.table);
        let mut problem = self.problem(ProblemKind::MissingTable, None, message);
        problem.ddl = Some(self.statements.create_table().join("\n"));
        problem
    }

    fn table(&self, table: &TableInfo) -> Vec<SchemaProblem> {
        let mut problems = Vec::new();
        problems.extend(self.key(table));
        problems.extend(self.unique(table));
        let mut missing: Vec<&str> = Vec::new();
        for (column, written) in self.named_columns() {
            match table.column(&column.column) {
                Some(info) => problems.extend(self.column(column, info, written)),
                None if missing.contains(&column.column.as_str()) => {}
                None => {
                    missing.push(&column.column);
                    problems.push(self.missing_column(column, table));
                }
            }
        }
        problems.extend(self.required(table));
        problems
    }

    fn named_columns(&self) -> impl Iterator<Item = (&ColumnSpec, bool)> {
        let written = self.spec.columns.iter().map(|column| (column, true));
        written.chain(self.spec.reads.iter().map(|column| (column, false)))
    }

    fn key(&self, table: &TableInfo) -> Option<SchemaProblem> {
        let key = &self.spec.key.column;
        let name = &self.spec.table;
        if table.column(key).is_none() {
            let message = format!("table `{name}` has no column `{key}`, which should be its key");
            return Some(self.problem(ProblemKind::NoKey, Some(key.clone()), message));
        }
        if is_unique(table, std::slice::from_ref(key)) {
            return None;
        }
        let message = format!("column `{key}` of table `{name}` is neither its primary key nor unique");
        let mut problem = self.problem(ProblemKind::NoKey, Some(key.clone()), message);
        problem.ddl = Some(self.statements.add_unique_index(std::slice::from_ref(key)));
        Some(problem)
    }

    fn unique(&self, table: &TableInfo) -> Option<SchemaProblem> {
        let unique = &self.spec.unique;
        let by_key = *unique == [self.spec.key.column.clone()];
        if unique.is_empty() || by_key || is_unique(table, unique) {
            return None;
        }
        if unique.iter().any(|column| table.column(column).is_none()) {
            return None; // reported as missing columns
        }
        let (columns, name) = (unique.join("`, `"), &self.spec.table);
        let message =
            format!("`{columns}` of table `{name}` is not unique, so a record cannot be recognised by it");
        let mut problem = self.problem(ProblemKind::NotUnique, unique.first().cloned(), message);
        problem.ddl = Some(self.statements.add_unique_index(unique));
        Some(problem)
    }

    fn missing_column(&self, column: &ColumnSpec, table: &TableInfo) -> SchemaProblem {
        let message = format!("table `{}` has no column `{}`", self.spec.table, column.column);
        let mut problem = self.problem(ProblemKind::MissingColumn, Some(column.path()), message);
        problem.ddl = Some(self.statements.add_column(&column.column, &column.native));
        problem.similar = similar(&column.column, table);
        problem
    }

    fn column(&self, column: &ColumnSpec, info: &ColumnInfo, written: bool) -> Option<SchemaProblem> {
        let (path, name) = (column.path(), &self.spec.table);
        if let Some(key) = &column.json_key {
            return self.json_path(key, &path, info);
        }
        if !written {
            return None;
        }
        let is_made = self.spec.key.origin == KeyOrigin::Database && column.path() == self.spec.key.column;
        if info.read_only && !is_made {
            let message = format!("column `{path}` of table `{name}` is computed by the database");
            return Some(self.problem(ProblemKind::ReadOnly, Some(path), message));
        }
        if types::fits(column.kind, info.kind) {
            return None;
        }
        let (has, gets) = (&info.native, column.kind.name());
        let wants = made_with(self.dialect, column.kind);
        let message =
            format!("column `{path}` of table `{name}` is {has}, which cannot hold {gets} (`{wants}` can)");
        Some(self.problem(ProblemKind::WrongType, Some(path), message))
    }

    fn json_path(&self, key: &str, path: &str, info: &ColumnInfo) -> Option<SchemaProblem> {
        let json = match self.dialect {
            Dialect::Postgres => info.kind == Kind::Json,
            Dialect::Sqlite => matches!(info.kind, Kind::Json | Kind::Text | Kind::Any),
        };
        let message = if !json {
            format!("`{path}` is a path into JSON, but column `{}` is {}", info.name, info.native)
        } else if key.contains('.') {
            format!("`{path}` goes deeper than one key into the JSON of column `{}`", info.name)
        } else {
            return None;
        };
        Some(self.problem(ProblemKind::NoJsonPath, Some(path.to_owned()), message))
    }

    /// Only a pipeline that creates records meets these; the caller leaves them out for others.
    fn required(&self, table: &TableInfo) -> Vec<SchemaProblem> {
        let filled = |info: &ColumnInfo| {
            let generated = self.spec.key.origin == KeyOrigin::Database && info.name == self.spec.key.column;
            info.nullable || info.has_default || info.read_only || generated
        };
        (table.columns.iter())
            .filter(|info| {
                !filled(info) && !self.spec.columns.iter().any(|column| column.column == info.name)
            })
            .map(|info| {
                let (column, name) = (&info.name, &self.spec.table);
                let message =
                    format!("column `{column}` of table `{name}` must not be empty, and no row fills it");
                self.problem(ProblemKind::RequiredWithoutRow, Some(column.clone()), message)
            })
            .collect()
    }
}

fn is_unique(table: &TableInfo, columns: &[String]) -> bool {
    let same =
        |set: &Vec<String>| set.len() == columns.len() && columns.iter().all(|column| set.contains(column));
    same(&table.primary_key) || table.unique.iter().any(same)
}

fn similar(name: &str, table: &TableInfo) -> Option<String> {
    let score = |column: &ColumnInfo| strsim::jaro_winkler(&column.name.to_lowercase(), &name.to_lowercase());
    (table.columns.iter())
        .map(|column| (score(column), column))
        .filter(|(score, _)| *score > 0.85)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, column)| column.name.clone())
}
