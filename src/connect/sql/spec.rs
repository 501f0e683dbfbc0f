//! What a pipeline wants of a table: the columns it writes and reads, how records are identified, which policy each
//! column has. Plain data; compiled from the files, never from the database. Read [`TableSpec`] first.

use std::fmt;

use super::{Dialect, Shape};
use crate::model::Kind;

/// Name of a table, with its schema where the file gives one (`crm.clients`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TableName {
    /// Schema of the database; the connection's own where it is not given.
    pub schema: Option<String>,
    /// The table.
    pub name: String,
}

impl TableName {
    /// Reads `table` or `schema.table`; everything after the first dot is the table.
    pub fn parse(text: &str) -> Self {
        match text.split_once('.') {
            Some((schema, name)) => Self { schema: Some(schema.to_owned()), name: name.to_owned() },
            None => Self { schema: None, name: text.to_owned() },
        }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// When an existing value may be overwritten (`write:` of a row). `unless_edited` is decided above, per record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Policy {
    /// Whenever it differs.
    #[default]
    Always,
    /// Only into a record that this write creates.
    OnCreate,
    /// Only where nothing is stored.
    IfEmpty,
}

/// One column of the write or read schema, or one key inside a JSON column (`custom.competitor`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnSpec {
    /// Column of the table.
    pub column: String,
    /// Key inside it, where the file names a path into a JSON column.
    pub json_key: Option<String>,
    /// What the pipeline puts there.
    pub kind: Kind,
    /// Type of the column: the one to create it with, or the one it has (see [`TableSpec::bound`]).
    pub native: String,
    /// When an existing value may be overwritten.
    pub policy: Policy,
}

impl ColumnSpec {
    /// A column from the path of a row (`name`, `custom.competitor`) and the shape of what flows into it.
    pub fn new(dialect: Dialect, path: &str, shape: Shape) -> Self {
        let (column, json_key) = match path.split_once('.') {
            Some((column, key)) => (column, Some(key.to_owned())),
            None => (path, None),
        };
        let native = if json_key.is_some() { Shape::of(Kind::Json) } else { shape }.native(dialect);
        Self { column: column.to_owned(), json_key, kind: shape.kind, native, policy: Policy::Always }
    }

    /// The same with another policy.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// The path as the file writes it.
    pub fn path(&self) -> String {
        match &self.json_key {
            Some(key) => format!("{}.{key}", self.column),
            None => self.column.clone(),
        }
    }
}

/// Who makes the key of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyOrigin {
    /// It is one of the written columns: a mirror keyed by the Salesforce id.
    Row,
    /// The database fills it on insert (identity, serial, rowid, a default).
    Database,
}

/// The column whose value identifies a record, in text form the record's [`Key`](crate::model::Key).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySpec {
    /// The column.
    pub column: String,
    /// Its type, as in [`ColumnSpec::native`].
    pub native: String,
    /// Who makes it.
    pub origin: KeyOrigin,
}

impl KeySpec {
    /// A key that is written with the row.
    pub fn in_row(dialect: Dialect, column: &str) -> Self {
        Self {
            column: column.to_owned(),
            native: Shape::of(Kind::Id).native(dialect),
            origin: KeyOrigin::Row,
        }
    }

    /// A key that the database makes: a 64-bit number unless the table says otherwise.
    pub fn generated(dialect: Dialect, column: &str) -> Self {
        let native = Shape::of(Kind::Int).native(dialect);
        Self { column: column.to_owned(), native, origin: KeyOrigin::Database }
    }
}

/// Everything a pipeline wants of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSpec {
    /// The table.
    pub table: TableName,
    /// The write schema: a row of a write has its values in this order.
    pub columns: Vec<ColumnSpec>,
    /// The read schema: fetched rows have their values in this order.
    pub reads: Vec<ColumnSpec>,
    /// What identifies a record.
    pub key: KeySpec,
    /// The columns by which an upsert recognises a record; a unique constraint must hold them. Empty where no upserts
    /// are written. For a mirror this is the key column.
    pub unique: Vec<String>,
    /// Columns records are looked for by; indexed when the table is created.
    pub match_columns: Vec<String>,
    /// Column with the change time of a record, for reading.
    pub updated_at: Option<String>,
    /// Column that is not empty on deleted records: those are neither fetched nor found.
    pub deleted_at: Option<String>,
    /// `create_tables: true` on the connection: [`SqlConnection::ensure`](super::SqlConnection::ensure) may create the
    /// table and add columns.
    pub create: bool,
}

impl TableSpec {
    /// The same spec with the types that the columns really have. Called before anything is written.
    #[must_use]
    pub fn bound(mut self, existing: &crate::model::TableInfo) -> Self {
        let native = |column: &str| existing.column(column).map(|info| info.native.clone());
        for column in self.columns.iter_mut().chain(self.reads.iter_mut()) {
            if let Some(native) = native(&column.column) {
                column.native = native;
            }
        }
        if let Some(native) = native(&self.key.column) {
            self.key.native = native;
        }
        self
    }

    /// Position of the key in the write schema, where it is written.
    pub fn key_position(&self) -> Option<usize> {
        self.position_of(&self.key.column)
    }

    /// Whether the rows of a create or an upsert carry the key.
    pub(super) fn key_is_in_row(&self) -> bool {
        self.key.origin == KeyOrigin::Row && self.key_position().is_some()
    }

    /// Positions of the unique columns in the write schema; `None` where one of them is not written.
    pub fn unique_positions(&self) -> Option<Vec<usize>> {
        self.unique.iter().map(|column| self.position_of(column)).collect()
    }

    fn position_of(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|spec| spec.json_key.is_none() && spec.column == column)
    }
}
