//! The app side as far as files and catalog tell: what kind of system it is, its key, its fields.

use std::sync::Arc;

use crate::model::{ColumnInfo, Kind, TableInfo};
use crate::plan::catalog::{Catalog, Knowledge};
use crate::spec::{ConnectionFile, ConnectionKind, HttpConnection, ResourceSpec, SqlResource};

/// What stands opposite Salesforce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppKind {
    /// PostgreSQL.
    Postgres,
    /// SQLite.
    Sqlite,
    /// An HTTP app.
    Http,
}

impl AppKind {
    /// Whether it is a database.
    pub fn is_sql(self) -> bool {
        matches!(self, Self::Postgres | Self::Sqlite)
    }
}

/// The app side of one pipeline.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools)] // independent facts
pub(super) struct AppFacts {
    /// `None`: the connection file cannot be read, or is none of an app.
    pub(super) kind: Option<AppKind>,
    /// Table of a database, name of an HTTP resource.
    pub(super) table_name: String,
    /// Its fields, where they are known.
    pub(super) table: Option<Arc<TableInfo>>,
    /// The database surely has no such table.
    pub(super) table_missing: bool,
    /// Field whose value identifies a record.
    pub(super) key: Arc<str>,
    /// The file names the key itself.
    pub(super) key_given: bool,
    /// Field of the change time.
    pub(super) updated_at: Option<Arc<str>>,
    /// Missing tables and columns may be created.
    pub(super) create_tables: bool,
    /// The connection has what `push` needs: a webhook or a channel.
    pub(super) push_ready: bool,
}

/// A field of the app, looked for by its path.
#[derive(Clone, Copy, Debug)]
pub(super) enum AppField<'a> {
    /// A column or a declared field.
    Column(&'a ColumnInfo),
    /// A place inside a column that holds JSON.
    Inside,
    /// A place inside a column that does not.
    NotInside(&'a ColumnInfo),
    /// Nothing is known of the fields.
    Unknown,
    /// There surely is none.
    Missing,
}

impl AppFacts {
    /// What is known without a connection.
    pub(super) fn unknown(resource: &str) -> Self {
        Self {
            kind: None,
            table_name: resource.to_owned(),
            table: None,
            table_missing: false,
            key: Arc::from("id"),
            key_given: false,
            updated_at: None,
            create_tables: false,
            push_ready: true,
        }
    }

    /// From the connection file and the catalog.
    pub(super) fn of(connection: &ConnectionFile, resource: &str, catalog: &Catalog) -> Self {
        let (kind, resources, create) = match &connection.kind {
            ConnectionKind::Http(http) => return Self::http(http, resource),
            ConnectionKind::Postgres(file) => (AppKind::Postgres, &file.resources, file.create_tables()),
            ConnectionKind::Sqlite(file) => (AppKind::Sqlite, &file.resources, file.create_tables()),
            _ => return Self::unknown(resource),
        };
        let spec = resources.iter().find(|spec| spec.name.value == resource);
        let mut facts = Self { kind: Some(kind), create_tables: create, ..Self::sql(spec, resource) };
        match catalog.database(&connection.name).map(|known| known.shared_table(&facts.table_name)) {
            Some(Knowledge::Known(table)) => facts = facts.with_table(table),
            Some(Knowledge::Missing) => facts.table_missing = true,
            Some(Knowledge::Unknown) | None => {}
        }
        facts
    }

    fn sql(spec: Option<&SqlResource>, resource: &str) -> Self {
        let Some(spec) = spec else { return Self { push_ready: false, ..Self::unknown(resource) } };
        let table = spec.table.as_ref().map_or(resource, |entry| &entry.value);
        Self {
            key: spec.key.as_ref().map_or_else(|| Arc::from("id"), |entry| entry.value.to_arc()),
            key_given: spec.key.is_some(),
            updated_at: spec.updated_at.as_ref().map(|entry| entry.value.to_arc()),
            push_ready: spec.listen.is_some(),
            ..Self::unknown(table)
        }
    }

    fn with_table(mut self, table: &Arc<TableInfo>) -> Self {
        if let (false, [only]) = (self.key_given, table.primary_key.as_slice()) {
            self.key = Arc::from(only.as_str());
        }
        self.table = Some(Arc::clone(table));
        self
    }

    fn http(http: &HttpConnection, resource: &str) -> Self {
        let unknown = Self { kind: Some(AppKind::Http), ..Self::unknown(resource) };
        let Some(spec) = http.resource(resource) else { return unknown };
        let key = spec.key.as_ref().map_or_else(|| Arc::from("id"), |entry| entry.value.to_arc());
        Self {
            table: declared(spec, &key).map(Arc::new),
            key,
            key_given: spec.key.is_some(),
            updated_at: spec.updated_at.as_ref().map(|entry| entry.value.to_arc()),
            push_ready: spec.webhook.is_some() && http.webhook.is_some(),
            ..unknown
        }
    }

    /// Whether it is a database.
    pub(super) fn is_sql(&self) -> bool {
        self.kind.is_some_and(AppKind::is_sql)
    }

    /// Looks for a field.
    pub(super) fn field(&self, path: &str) -> AppField<'_> {
        let Some(table) = &self.table else { return AppField::Unknown };
        if path.starts_with('$') {
            return AppField::Unknown;
        }
        if let Some(column) = table.column(path) {
            return AppField::Column(column);
        }
        let Some((first, _)) = path.split_once('.') else { return AppField::Missing };
        match table.column(first) {
            Some(column) if matches!(column.kind, Kind::Json | Kind::Any) => AppField::Inside,
            Some(column) => AppField::NotInside(column),
            None => AppField::Missing,
        }
    }

    /// Kind of a field; `Any` where it is not known.
    pub(super) fn kind_of(&self, path: &str) -> Kind {
        match self.field(path) {
            AppField::Column(column) => column.kind,
            _ => Kind::Any,
        }
    }

    /// Whether a column alone identifies a record of the table.
    pub(super) fn is_unique(&self, path: &str) -> bool {
        let only = |columns: &[String]| matches!(columns, [only] if only == path);
        self.table
            .as_ref()
            .is_some_and(|table| only(&table.primary_key) || table.unique.iter().any(|set| only(set)))
    }
}

/// The fields a connection file declares for a resource. The key need not be among them.
fn declared(spec: &ResourceSpec, key: &str) -> Option<TableInfo> {
    let fields = spec.fields.as_ref()?;
    let columns = fields.value.iter().map(|field| ColumnInfo {
        name: field.name.value.clone(),
        kind: field.kind.value.kind(),
        native: field.kind.value.word().to_owned(),
        nullable: !field.required(),
        has_default: field.name.value == key,
        read_only: field.read_only() || field.name.value == key,
        one_of: field
            .one_of
            .iter()
            .flat_map(|entry| &entry.value)
            .map(|literal| literal.value.value.to_string())
            .collect(),
    });
    let mut columns: Vec<ColumnInfo> = columns.collect();
    if !columns.iter().any(|column| column.name == key) && !key.contains(['.', '$']) {
        columns.push(ColumnInfo {
            name: key.to_owned(),
            kind: Kind::Any,
            native: "key".to_owned(),
            nullable: true,
            has_default: true,
            read_only: true,
            one_of: Vec::new(),
        });
    }
    Some(TableInfo {
        name: spec.name.value.clone(),
        columns,
        primary_key: vec![key.to_owned()],
        unique: Vec::new(),
        read_at: jiff::Timestamp::UNIX_EPOCH,
    })
}
