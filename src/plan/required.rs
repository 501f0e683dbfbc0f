//! What a pipeline needs of a table: its columns with what goes into them, its key, what records are found by. The layer that
//! speaks SQL makes its table specification, and the statements of messages, from this.

use std::sync::Arc;

use crate::model::{ConnectionName, FieldInfo, Kind, ObjectInfo, ResourceName, Side, TableInfo};
use crate::plan::compile::AppKind;
use crate::plan::{Flow, Lane, LinkRule, Mapping, Pipeline, WritePolicy};
use crate::spec::{ConnectionFile, ConnectionKind, SqlResource};

/// A table as a pipeline needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct RequiredTable {
    /// Connection.
    pub connection: ConnectionName,
    /// Resource.
    pub resource: ResourceName,
    /// Which database.
    pub database: AppKind,
    /// Name of the table, with its schema where the file gives one.
    pub table: String,
    /// The fields of the app side's schema, in its order.
    pub columns: Vec<RequiredColumn>,
    /// What identifies a row.
    pub key: RequiredKey,
    /// Columns records are looked for by.
    pub match_columns: Vec<String>,
    /// Columns by which an insert recognises an existing row; empty where it cannot.
    pub unique: Vec<String>,
    /// Column of the change time.
    pub updated_at: Option<String>,
    /// Column that is not empty on deleted rows.
    pub deleted_at: Option<String>,
    /// Missing tables and columns may be created.
    pub create: bool,
}

/// One column, or one key inside a JSON column (`custom.competitor`).
#[derive(Clone, Debug, PartialEq)]
pub struct RequiredColumn {
    /// As the file writes it.
    pub path: Arc<str>,
    /// What goes into it.
    pub kind: Kind,
    /// The Salesforce field that is copied into it, where there is one: length, precision and scale for its type.
    pub field: Option<FieldInfo>,
    /// When it is written; `None` if it is only read.
    pub policy: Option<WritePolicy>,
}

/// What identifies a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequiredKey {
    /// The column.
    pub column: String,
    /// A row of the pipeline fills it; else the database does.
    pub in_row: bool,
}

/// What a pipeline needs of its table. `None` for HTTP apps. `existing` is the table as it is now, where it is known.
pub fn required(
    plan: &Pipeline,
    connection: &ConnectionFile,
    object: Option<&ObjectInfo>,
    existing: Option<&TableInfo>,
) -> Option<RequiredTable> {
    let (database, resources, create) = match &connection.kind {
        ConnectionKind::Postgres(file) => (AppKind::Postgres, &file.resources, file.create_tables()),
        ConnectionKind::Sqlite(file) => (AppKind::Sqlite, &file.resources, file.create_tables()),
        _ => return None,
    };
    let spec = resources.iter().find(|spec| spec.name.value == plan.app.resource.as_str());
    let field = |of: fn(&SqlResource) -> Option<String>| spec.and_then(of);
    let columns: Vec<RequiredColumn> =
        (0..plan.app.schema.len()).map(|at| column(plan, at, object)).collect();
    let key = plan.app.schema.fields().get(plan.app.key).map_or("id", |field| &field.name).to_owned();
    let in_row = columns.iter().any(|column| *column.path == *key && column.policy.is_some());
    Some(RequiredTable {
        connection: plan.app.connection.clone(),
        resource: plan.app.resource.clone(),
        database,
        table: field(|spec| spec.table.as_ref().map(|entry| entry.value.clone()))
            .unwrap_or_else(|| plan.app.resource.to_string()),
        match_columns: matched(plan).map(|(_, name)| name.to_owned()).collect(),
        unique: unique(plan, &key, in_row, existing),
        key: RequiredKey { column: key, in_row },
        columns,
        updated_at: field(|spec| spec.updated_at.as_ref().map(|entry| entry.value.to_string())),
        deleted_at: field(|spec| spec.deleted_at.as_ref().map(|entry| entry.value.to_string())),
        create,
    })
}

fn column(plan: &Pipeline, at: usize, object: Option<&ObjectInfo>) -> RequiredColumn {
    let known = &plan.app.schema.fields()[at];
    let writer = plan.rows.iter().find(|row| row.app == Some(at) && writes(plan, row));
    let copied = writer.or_else(|| plan.rows.iter().find(|row| row.app == Some(at)));
    let field = copied.and_then(|row| copied_field(plan, row, object));
    let kind = match (known.kind, copied) {
        (Kind::Any, Some(row)) => kind_of(row),
        (Kind::Any, None) if at == plan.app.key => Kind::Int,
        (kind, _) => kind,
    };
    RequiredColumn { path: Arc::clone(&known.name), kind, field, policy: writer.map(|row| row.write) }
}

fn writes(plan: &Pipeline, row: &Mapping) -> bool {
    plan.to_app.writes() && row.to_app.is_on() && row.write != WritePolicy::Off
}

/// What a row puts into a column that does not exist yet.
fn kind_of(row: &Mapping) -> Kind {
    match &row.to_app {
        // Ids of tables that sfsync makes are whole numbers.
        _ if row.lookup.is_some() => Kind::Int,
        _ if row.form.is_some() => Kind::Text,
        Flow::Const(value) => crate::plan::kinds::of_value(value),
        _ if row.values.is_some() => {
            let first = row.values.iter().flat_map(|map| map.to_app.values().chain(&map.otherwise)).next();
            first.map_or(Kind::Text, crate::plan::kinds::of_value)
        }
        Flow::Copy | Flow::Off => row.salesforce_kind,
        Flow::Compute(_) => Kind::Any,
    }
}

fn copied_field(plan: &Pipeline, row: &Mapping, object: Option<&ObjectInfo>) -> Option<FieldInfo> {
    let as_is = matches!(row.to_app, Flow::Copy)
        && row.lookup.is_none()
        && row.values.is_none()
        && row.form.is_none();
    let path = &plan.salesforce.schema.fields().get(row.salesforce.filter(|_| as_is)?)?.name;
    object?.field(path).cloned()
}

/// The rows of `match` with the names of their columns.
fn matched(plan: &Pipeline) -> impl Iterator<Item = (&Mapping, &str)> {
    plan.matching.iter().filter_map(|at| {
        let row = plan.rows.get(*at)?;
        Some((row, &*plan.app.schema.fields().get(row.field_on(Side::App)?)?.name))
    })
}

/// A mirror recognises rows by its key. A linked pipeline by a column that carries the Salesforce id, if that is unique or the
/// table is still to be made; everything else is found by matching first.
fn unique(plan: &Pipeline, key: &str, in_row: bool, existing: Option<&TableInfo>) -> Vec<String> {
    if plan.lane == Lane::Mirror || in_row {
        return vec![key.to_owned()];
    }
    let carries_id = |row: &Mapping| {
        row.salesforce == Some(plan.salesforce.id)
            && matches!(row.to_app, Flow::Copy)
            && row.lookup.is_none()
            && plan.links == LinkRule::OneToOne
    };
    let is_unique = |name: &str| {
        existing.is_none_or(|table| {
            table.unique.iter().any(|set| matches!(set.as_slice(), [only] if only == name))
        })
    };
    matched(plan)
        .filter(|(row, name)| carries_id(row) && is_unique(name))
        .map(|(_, name)| vec![name.to_owned()])
        .next()
        .unwrap_or_default()
}
