//! The text of the statements that read. Pure. The first column of every answer is the key of the record.

use super::dialect::{ident, text};
use super::spec::ColumnSpec;
use super::statement::{Statements, cast, has_binary};
use super::{Dialect, types};
use crate::model::Kind;

impl Statements<'_> {
    /// Which of these keys exist: one parameter with all of them, the keys in the answer.
    pub(super) fn presence(&self) -> String {
        format!("SELECT {} FROM {} AS t WHERE {}", self.key_text("t."), self.table(), self.key_among())
    }

    /// A page of keys in the order of the key column: after `$1` where it continues, at most `limit`.
    pub(super) fn keys(&self, continues: bool, limit: usize) -> String {
        let (key, table, deleted) = (ident(&self.spec.key.column), self.table(), self.not_deleted());
        let after = match (continues, self.dialect) {
            (false, _) => "true".to_owned(),
            (true, Dialect::Sqlite) => format!("t.{key} > ?1"),
            (true, Dialect::Postgres) => format!("t.{key} > $1::text::{}", cast(&self.spec.key.native)),
        };
        let text = self.key_text("t.");
        format!("SELECT {text} FROM {table} AS t WHERE {after}{deleted} ORDER BY t.{key} LIMIT {limit}")
    }

    /// The records of these keys: one parameter with all of them; the key, then the read schema.
    pub(super) fn fetch(&self) -> String {
        let (columns, table) = (self.selected(), self.table());
        format!("SELECT {columns} FROM {table} AS t WHERE {}{}", self.key_among(), self.not_deleted())
    }

    /// The same, and nobody else changes them until the transaction is over (PostgreSQL). In one order for everybody, so that two writers
    /// wait for each other but never deadlock.
    pub(super) fn fetch_locked(&self) -> String {
        format!("{} ORDER BY t.{} FOR UPDATE OF t", self.fetch(), ident(&self.spec.key.column))
    }

    /// The records that have one of the values in a field: one parameter with all values. The answer has the key, the
    /// read schema, and in PostgreSQL the place of the value that matched. Text is compared trimmed and without case.
    pub(super) fn find(&self, field: &ColumnSpec) -> String {
        let stored = self.stored_value(field);
        let (columns, table, deleted) = (self.selected(), self.table(), self.not_deleted());
        let folded = self.is_folded(field);
        match self.dialect {
            Dialect::Sqlite => {
                let stored = if folded { format!("sfsync_fold({stored})") } else { stored };
                let among = "(SELECT value FROM json_each(?1))";
                format!("SELECT {columns}, {stored} FROM {table} AS t WHERE {stored} IN {among}{deleted}")
            }
            Dialect::Postgres => {
                let native = if field.json_key.is_some() { "text" } else { cast(&field.native) };
                let on = if folded {
                    format!("lower(btrim({stored}::text)) = lower(btrim(q.v))")
                } else {
                    format!("{stored} = q.v::{native}")
                };
                let values = "unnest($1::text[]) WITH ORDINALITY AS q(v, at)";
                format!("SELECT {columns}, q.at FROM {values} JOIN {table} AS t ON {on}{deleted}")
            }
        }
    }

    /// Keys and texts of a field, to be compared in a normal form by whoever reads them; with `alike` only of the records whose text,
    /// in small letters, is like one of the patterns of the parameter (PostgreSQL).
    pub(super) fn spelled(&self, field: &ColumnSpec, alike: bool) -> String {
        let (stored, key, table) = (self.stored_value(field), self.key_text("t."), self.table());
        let text = match self.dialect {
            Dialect::Sqlite => stored,
            Dialect::Postgres => format!("{stored}::text"),
        };
        let alike = if alike { format!(" AND lower({text}) LIKE ANY ($1::text[])") } else { String::new() };
        let deleted = self.not_deleted();
        format!("SELECT {key}, {text} FROM {table} AS t WHERE {text} IS NOT NULL{alike}{deleted}")
    }

    /// Whether values of this field are compared trimmed and without case: text, unless it is an id.
    pub(super) fn is_folded(&self, field: &ColumnSpec) -> bool {
        match (&field.json_key, field.kind) {
            (_, Kind::Id) => false,
            (Some(_), kind) => matches!(kind, Kind::Text | Kind::Any),
            (None, _) => types::kind_of(self.dialect, &field.native) == Kind::Text,
        }
    }

    fn stored_value(&self, field: &ColumnSpec) -> String {
        let column = format!("t.{}", ident(&field.column));
        match (&field.json_key, self.dialect) {
            (None, _) => column,
            (Some(key), Dialect::Sqlite) => {
                format!("({column} ->> {})", text(&super::dialect::json_path(key)))
            }
            (Some(key), Dialect::Postgres) => format!("({column}::jsonb ->> {})", text(key)),
        }
    }

    fn selected(&self) -> String {
        self.selected_as(&self.key_text("t."))
    }

    /// The read schema after a key.
    pub(super) fn selected_as(&self, key: &str) -> String {
        let mut columns = vec![key.to_owned()];
        for read in &self.spec.reads {
            let column = format!("t.{}", ident(&read.column));
            columns.push(match (&read.json_key, self.dialect) {
                (Some(key), dialect) => dialect.json_get(&column, key),
                (None, Dialect::Postgres) if !reads_binary(&read.native) => format!("{column}::text"),
                (None, _) => column,
            });
        }
        columns.join(", ")
    }

    fn key_among(&self) -> String {
        let key = ident(&self.spec.key.column);
        match self.dialect {
            Dialect::Sqlite => format!("t.{key} IN (SELECT value FROM json_each(?1))"),
            Dialect::Postgres => format!("t.{key} = ANY($1::text[]::{}[])", cast(&self.spec.key.native)),
        }
    }

    fn not_deleted(&self) -> String {
        let deleted = self.spec.deleted_at.as_ref();
        deleted.map(|column| format!(" AND NOT {}", self.is_set(column))).unwrap_or_default()
    }

    /// Whether a delete mark is set: not empty, and not the false of a database.
    pub(super) fn is_set(&self, column: &str) -> String {
        let column = ident(column);
        let text = match self.dialect {
            Dialect::Sqlite => format!("lower(trim(t.{column}))"),
            Dialect::Postgres => format!("lower(btrim(t.{column}::text))"),
        };
        format!("(coalesce({text}, '') NOT IN ('', '0', 'f', 'false'))")
    }
}

/// A padded text is read without its padding.
fn reads_binary(native: &str) -> bool {
    has_binary(native) && types::base(native) != "character"
}
