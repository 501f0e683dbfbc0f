//! Databases.

use super::Template;
use crate::spec::values::Path;
use crate::spec::words::words;
use crate::spec::{Entry, Spanned, WebhookProof};

words! {
    /// Whether a database connection is encrypted.
    pub enum TlsMode {
        Required = "required", "encrypted, certificate checked (default)";
        Off = "off", "not encrypted";
    }
}

/// A table, where it needs more than its name.
#[derive(Clone, Debug, PartialEq)]
pub struct SqlResource {
    /// Its name in pipelines.
    pub name: Spanned<String>,
    /// `table`; `None` is the name
    pub table: Option<Entry<String>>,
    /// `key`; `None` is the primary key
    pub key: Option<Entry<Path>>,
    /// `updated_at`
    pub updated_at: Option<Entry<Path>>,
    /// `deleted_at`
    pub deleted_at: Option<Entry<Path>>,
    /// `listen`: channel of PostgreSQL NOTIFY
    pub listen: Option<Entry<String>>,
}

/// `type: postgres`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PostgresConnection {
    /// `url`, or the keys below
    pub url: Option<Entry<Template>>,
    /// `host`
    pub host: Option<Entry<Template>>,
    /// `port`, default 5432
    pub port: Option<Entry<u32>>,
    /// `database`
    pub database: Option<Entry<Template>>,
    /// `user`
    pub user: Option<Entry<Template>>,
    /// `password`
    pub password: Option<Entry<Template>>,
    /// `tls`
    pub tls: Option<Entry<TlsMode>>,
    /// `schema`
    pub schema: Option<Entry<String>>,
    /// `pool`
    pub pool: Option<Entry<u32>>,
    /// `create_tables`
    pub create_tables: Option<Entry<bool>>,
    /// `webhook`
    pub webhook: Option<Entry<WebhookProof>>,
    /// `resources`
    pub resources: Vec<SqlResource>,
}

impl PostgresConnection {
    /// `tls` (default: required).
    pub fn tls(&self) -> TlsMode {
        self.tls.as_ref().map_or(TlsMode::Required, |entry| entry.value)
    }

    /// `schema` (default: public).
    pub fn schema(&self) -> &str {
        self.schema.as_ref().map_or("public", |entry| &entry.value)
    }

    /// `pool` (default: 8 connections).
    pub fn pool(&self) -> u32 {
        self.pool.as_ref().map_or(8, |entry| entry.value)
    }

    /// Whether missing tables and columns may be created (default: no).
    pub fn create_tables(&self) -> bool {
        self.create_tables.as_ref().is_some_and(|entry| entry.value)
    }
}

/// `type: sqlite`
#[derive(Clone, Debug, PartialEq)]
pub struct SqliteConnection {
    /// `path` of the database file
    pub path: Entry<Template>,
    /// `create_tables`
    pub create_tables: Option<Entry<bool>>,
    /// `webhook`
    pub webhook: Option<Entry<WebhookProof>>,
    /// `resources`
    pub resources: Vec<SqlResource>,
}

impl SqliteConnection {
    /// Whether missing tables and columns may be created (default: no).
    pub fn create_tables(&self) -> bool {
        self.create_tables.as_ref().is_some_and(|entry| entry.value)
    }
}
