//! From what a pipeline needs of a table to what the SQL connector speaks, and to the statements that messages print.

use crate::connect::sql::{self, ColumnSpec, Dialect, KeySpec, Policy, Shape, TableName, TableSpec};
use crate::model::TableInfo;
use crate::plan::required::{RequiredColumn, RequiredTable};
use crate::plan::{AppKind, TableWriter, WritePolicy};

/// The dialect of a database; `None` for HTTP apps.
pub fn dialect(kind: AppKind) -> Option<Dialect> {
    match kind {
        AppKind::Postgres => Some(Dialect::Postgres),
        AppKind::Sqlite => Some(Dialect::Sqlite),
        AppKind::Http => None,
    }
}

/// The specification of a required table. Rows of the pipeline's app side have the order of its columns, for writes and for reads.
pub fn table_spec(wanted: &RequiredTable, dialect: Dialect) -> TableSpec {
    let columns: Vec<ColumnSpec> = wanted.columns.iter().map(|column| column_spec(column, dialect)).collect();
    let key = if wanted.key.in_row {
        KeySpec::in_row(dialect, &wanted.key.column)
    } else {
        KeySpec::generated(dialect, &wanted.key.column)
    };
    TableSpec {
        table: TableName::parse(&wanted.table),
        reads: columns.clone(),
        columns,
        key,
        unique: wanted.unique.clone(),
        match_columns: wanted.match_columns.clone(),
        updated_at: wanted.updated_at.clone(),
        deleted_at: wanted.deleted_at.clone(),
        create: wanted.create,
    }
}

fn column_spec(column: &RequiredColumn, dialect: Dialect) -> ColumnSpec {
    let shape = match &column.field {
        Some(field) => Shape { kind: column.kind, ..Shape::from(field) },
        None => Shape::of(column.kind),
    };
    let policy = match column.policy {
        Some(WritePolicy::OnCreate) => Policy::OnCreate,
        Some(WritePolicy::IfEmpty) => Policy::IfEmpty,
        _ => Policy::Always,
    };
    ColumnSpec::new(dialect, &column.path, shape).policy(policy)
}

/// Writes the statements of messages.
#[derive(Clone, Copy, Debug, Default)]
pub struct Statements;

impl TableWriter for Statements {
    fn statements(&self, wanted: &RequiredTable, existing: Option<&TableInfo>) -> Option<String> {
        let dialect = dialect(wanted.database)?;
        let problems = sql::check(dialect, &table_spec(wanted, dialect), existing);
        let statements: Vec<String> = problems.into_iter().filter_map(|problem| problem.ddl).collect();
        (!statements.is_empty()).then(|| statements.join("\n"))
    }
}
