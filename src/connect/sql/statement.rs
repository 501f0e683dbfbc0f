//! The text of every statement, for both databases. Pure: a spec and the provided columns in, SQL out.
//!
//! Values come from parameters (`?1` in SQLite) or from the columns of a staged batch (`b.c1` in PostgreSQL); [`Input`]
//! is that difference. A column that is not provided does not occur in a statement, so it is left alone.

use super::Dialect;
use super::dialect::ident;
use super::spec::{ColumnSpec, Policy, TableName, TableSpec};
use super::types;

/// Name of the staged batch in PostgreSQL.
pub(super) const STAGE: &str = "pg_temp.sfsync_batch";

/// The places of the staged batch that a statement works on: halving a batch narrows them.
const RANGE: &str = "b.at >= $1 AND b.at < $2";

/// A dialect, a spec and the positions of the write schema that the rows of a statement provide.
#[derive(Clone, Copy, Debug)]
pub(super) struct Statements<'a> {
    /// The database.
    pub(super) dialect: Dialect,
    /// The table, with the types its columns have.
    pub(super) spec: &'a TableSpec,
}

/// Which policies an update obeys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// Those of the columns.
    OfColumns,
    /// None: every value that differs is written.
    Always,
}

impl Rule {
    fn of(self, part: &Part<'_>) -> Policy {
        match self {
            Self::OfColumns => part.spec.policy,
            Self::Always => Policy::Always,
        }
    }
}

/// A column of the table with the inputs that make its value.
struct Target<'a> {
    column: &'a ColumnSpec,
    parts: Vec<Part<'a>>,
}

/// One input of a column: the whole of it, or one key of its JSON.
struct Part<'a> {
    spec: &'a ColumnSpec,
    /// Number of the input: position in the list of provided columns.
    input: usize,
}

impl<'a> Statements<'a> {
    /// The table, quoted.
    pub(super) fn table(&self) -> String {
        table(&self.spec.table)
    }

    /// A plain insert of the provided columns; with `returning`, the key of the new record comes back.
    pub(super) fn insert(&self, provided: &[usize], returning: bool) -> String {
        let returning = if returning { format!(" RETURNING {}", self.key_text("")) } else { String::new() };
        format!("{}{returning}", self.insert_into(provided))
    }

    /// An insert that changes the record with the same unique columns instead, and only if something differs.
    /// With `returning`, the key of every record that was written comes back.
    pub(super) fn upsert(&self, provided: &[usize], returning: bool) -> String {
        let unique: Vec<_> = self.spec.unique.iter().map(|column| ident(column)).collect();
        let targets = self.targets(provided);
        let new = |target: &Target<'a>, part: &Part<'a>| {
            let excluded = format!("excluded.{}", ident(&target.column.column));
            match &part.spec.json_key {
                Some(key) => self.dialect.json_get(&excluded, key),
                None => excluded,
            }
        };
        let (set, differs) = self.changes(&targets, &new, (&self.spec.unique, Rule::OfColumns));
        let action = if set.is_empty() {
            "NOTHING".to_owned()
        } else {
            format!("UPDATE SET {} WHERE {}", set.join(", "), differs.join(" OR "))
        };
        let upsert =
            format!("{} ON CONFLICT ({}) DO {action}", self.insert_into(provided), unique.join(", "));
        match self.dialect {
            Dialect::Sqlite if returning => format!("{upsert} RETURNING {}", self.key_text("")),
            Dialect::Sqlite => upsert,
            Dialect::Postgres => self.returning_place(&upsert, provided),
        }
    }

    /// An upsert of a staged batch that answers place in the batch, key, and whether the record is new. The join compares
    /// in the types of the columns, so that no text form has to be guessed.
    fn returning_place(&self, upsert: &str, provided: &[usize]) -> String {
        let key = ident(&self.spec.key.column);
        let unique = self.spec.unique.iter().enumerate();
        let returned: Vec<_> = unique.map(|(at, column)| format!("t.{} AS u{at}", ident(column))).collect();
        let by: Vec<_> = (self.unique_inputs(provided).iter().enumerate())
            .map(|(at, (column, input))| format!("w.u{at} = {}", self.staged(column, *input)))
            .collect();
        let (returned, by) = (returned.join(", "), by.join(" AND "));
        let written = format!("{upsert} RETURNING t.{key}::text AS k, t.xmax = 0 AS created, {returned}");
        format!(
            "WITH w AS ({written}) SELECT b.at, w.k, w.created FROM w JOIN {STAGE} b ON {by} WHERE {RANGE}"
        )
    }

    /// The unique columns with their places among the provided ones.
    pub(super) fn unique_inputs(&self, provided: &[usize]) -> Vec<(&'a str, usize)> {
        let position = |column: &'a String| {
            let is_it = |at: &usize| {
                let spec = self.spec.columns.get(*at);
                spec.is_some_and(|spec| spec.json_key.is_none() && spec.column == *column)
            };
            provided.iter().position(is_it).map(|input| (column.as_str(), input))
        };
        self.spec.unique.iter().filter_map(position).collect()
    }

    /// A change of the provided columns of the record with a key, only if something differs. `None` where the policies
    /// leave nothing to change. The key is the input after the provided columns.
    pub(super) fn update(&self, provided: &[usize], rule: Rule) -> Option<String> {
        let targets = self.targets(provided);
        let new = |_: &Target<'a>, part: &Part<'a>| self.input(part);
        let (set, differs) = self.changes(&targets, &new, (&[], rule));
        if set.is_empty() {
            return None;
        }
        let (table, set, differs) = (self.table(), set.join(", "), differs.join(" OR "));
        let key = format!("t.{} = {}", ident(&self.spec.key.column), self.key_input(provided.len()));
        Some(match self.dialect {
            Dialect::Sqlite => format!("UPDATE {table} AS t SET {set} WHERE {key} AND ({differs})"),
            Dialect::Postgres => {
                format!(
                    "UPDATE {table} AS t SET {set} FROM {STAGE} b WHERE {RANGE} AND {key} AND ({differs}) RETURNING b.at"
                )
            }
        })
    }

    /// The change that an upsert makes of staged records that are there, only if something differs: it answers place in the batch and
    /// key. `None` where the policies leave nothing to change, or the unique columns are not provided.
    pub(super) fn update_by_unique(&self, provided: &[usize]) -> Option<String> {
        let new = |_: &Target<'a>, part: &Part<'a>| self.input(part);
        let targets = self.targets(provided);
        let (set, differs) = self.changes(&targets, &new, (&self.spec.unique, Rule::OfColumns));
        let unique = self.unique_inputs(provided);
        if set.is_empty() || unique.len() < self.spec.unique.len() {
            return None;
        }
        let by: Vec<_> = unique
            .iter()
            .map(|(name, at)| format!("t.{} = {}", ident(name), self.staged(name, *at)))
            .collect();
        let (table, set, by, differs) =
            (self.table(), set.join(", "), by.join(" AND "), differs.join(" OR "));
        let key = self.key_text("t.");
        Some(format!(
            "UPDATE {table} AS t SET {set} FROM {STAGE} b WHERE {RANGE} AND {by} AND ({differs}) RETURNING b.at, {key}"
        ))
    }

    /// A delete by key.
    pub(super) fn delete(&self) -> String {
        let (table, key) = (self.table(), ident(&self.spec.key.column));
        match self.dialect {
            Dialect::Sqlite => format!("DELETE FROM {table} WHERE {key} = ?1"),
            Dialect::Postgres => {
                format!(
                    "DELETE FROM {table} AS t USING {STAGE} b WHERE {RANGE} AND t.{key} = {} RETURNING b.at",
                    self.key_input(0)
                )
            }
        }
    }

    /// Which of the staged keys exist, by their place in the batch (PostgreSQL), or whether one key does (SQLite).
    pub(super) fn exists(&self) -> String {
        let (table, key) = (self.table(), ident(&self.spec.key.column));
        match self.dialect {
            Dialect::Sqlite => format!("SELECT 1 FROM {table} WHERE {key} = ?1"),
            Dialect::Postgres => {
                format!(
                    "SELECT b.at FROM {STAGE} b JOIN {table} t ON t.{key} = {} WHERE {RANGE}",
                    self.key_input(0)
                )
            }
        }
    }

    /// The key of the record with the unique columns of one row (SQLite), or of all of the staged ones by place (PostgreSQL).
    pub(super) fn key_by_unique(&self, provided: &[usize]) -> String {
        let inputs = self.unique_inputs(provided);
        match self.dialect {
            Dialect::Sqlite => {
                let by: Vec<_> =
                    inputs.iter().map(|(name, at)| format!("{} = ?{}", ident(name), at + 1)).collect();
                format!("SELECT {} FROM {} WHERE {}", self.key_text(""), self.table(), by.join(" AND "))
            }
            Dialect::Postgres => {
                let by: Vec<_> = inputs
                    .iter()
                    .map(|(name, at)| format!("t.{} = {}", ident(name), self.staged(name, *at)))
                    .collect();
                let (key, table, by) = (self.key_text("t."), self.table(), by.join(" AND "));
                format!("SELECT b.at, {key} FROM {STAGE} b JOIN {table} t ON {by} WHERE {RANGE}")
            }
        }
    }

    fn insert_into(&self, provided: &[usize]) -> String {
        let targets = self.targets(provided);
        let names: Vec<_> = targets.iter().map(|target| ident(&target.column.column)).collect();
        let values: Vec<_> = targets.iter().map(|target| self.inserted(target)).collect();
        let (table, names, values) = (self.table(), names.join(", "), values.join(", "));
        match self.dialect {
            Dialect::Sqlite if targets.is_empty() => format!("INSERT INTO {table} DEFAULT VALUES"),
            Dialect::Sqlite => format!("INSERT INTO {table} AS t ({names}) VALUES ({values})"),
            Dialect::Postgres => {
                format!(
                    "INSERT INTO {table} AS t ({names}) SELECT {values} FROM {STAGE} b WHERE {RANGE} ORDER BY b.at"
                )
            }
        }
    }

    fn inserted(&self, target: &Target<'a>) -> String {
        let whole = target.parts.iter().find(|part| part.spec.json_key.is_none());
        if let Some(part) = whole {
            return self.input(part);
        }
        let pairs: Vec<_> = (target.parts.iter())
            .filter_map(|part| Some((part.spec.json_key.as_deref()?, self.input(part))))
            .collect();
        self.typed_json(target, self.dialect.json_object(&pairs))
    }

    /// The assignments of an update and the conditions under which it changes anything.
    fn changes(
        &self,
        targets: &[Target<'a>],
        new: &dyn Fn(&Target<'a>, &Part<'a>) -> String,
        (identify, rule): (&[String], Rule),
    ) -> (Vec<String>, Vec<String>) {
        let (mut set, mut differs) = (Vec::new(), Vec::new());
        for target in targets {
            let column = ident(&target.column.column);
            let stored = format!("t.{column}");
            let mut pairs = Vec::new();
            for part in target.parts.iter().filter(|part| self.may_change(part, identify, rule)) {
                let old = match &part.spec.json_key {
                    Some(key) => self.dialect.json_get(&stored, key),
                    None => stored.clone(),
                };
                let new = new(target, part);
                differs.push(match rule.of(part) {
                    Policy::IfEmpty => format!("({old} IS NULL AND {new} IS NOT NULL)"),
                    Policy::Always | Policy::OnCreate => self.differs(part, &old, &new),
                });
                let value = match rule.of(part) {
                    Policy::IfEmpty => format!("COALESCE({old}, {new})"),
                    Policy::Always | Policy::OnCreate => new,
                };
                match &part.spec.json_key {
                    Some(key) => pairs.push((key.as_str(), self.dialect.json_value(&value))),
                    None => set.push(format!("{column} = {value}")),
                }
            }
            if !pairs.is_empty() {
                let value = self.typed_json(target, self.dialect.json_with(&stored, &pairs));
                set.push(format!("{column} = {value}"));
            }
        }
        (set, differs)
    }

    /// PostgreSQL's `json` has no equality; its text has.
    fn differs(&self, part: &Part<'a>, old: &str, new: &str) -> String {
        if self.dialect == Dialect::Postgres && part.spec.json_key.is_none() && part.spec.native == "json" {
            return self.dialect.differs(&format!("{old}::jsonb"), &format!("{new}::jsonb"));
        }
        if self.dialect == Dialect::Sqlite && part.spec.json_key.is_some() {
            return self.dialect.differs(old, &format!("NULLIF({new}, 'null')"));
        }
        self.dialect.differs(old, new)
    }

    /// The key is never changed, nor are the columns that `identify` the record: with an upsert the unique ones. A record that is
    /// known by its key takes a new unique value as any other: the id of its partner, once that is known.
    fn may_change(&self, part: &Part<'a>, identify: &[String], rule: Rule) -> bool {
        let column = &part.spec.column;
        let identifies = *column == self.spec.key.column || identify.contains(column);
        rule.of(part) != Policy::OnCreate && (part.spec.json_key.is_some() || !identifies)
    }

    fn typed_json(&self, target: &Target<'a>, value: String) -> String {
        match (self.dialect, target.column.native.as_str()) {
            (Dialect::Postgres, "jsonb") | (Dialect::Sqlite, _) => value,
            (Dialect::Postgres, native) => format!("({value})::{}", cast(native)),
        }
    }

    fn targets(&self, provided: &[usize]) -> Vec<Target<'a>> {
        let mut targets: Vec<Target<'a>> = Vec::with_capacity(provided.len());
        for (input, position) in provided.iter().enumerate() {
            let Some(spec) = self.spec.columns.get(*position) else { continue };
            let part = Part { spec, input };
            match targets.iter_mut().find(|target| target.column.column == spec.column) {
                Some(target) => target.parts.push(part),
                None => targets.push(Target { column: spec, parts: vec![part] }),
            }
        }
        targets
    }

    fn input(&self, part: &Part<'a>) -> String {
        match (self.dialect, &part.spec.json_key) {
            (Dialect::Sqlite, Some(_)) => format!("json(?{})", part.input + 1),
            (Dialect::Sqlite, None) => format!("?{}", part.input + 1),
            (Dialect::Postgres, Some(_)) => format!("b.c{}", part.input),
            (Dialect::Postgres, None) => staged(&part.spec.native, part.input),
        }
    }

    fn staged(&self, column: &str, input: usize) -> String {
        let native =
            self.spec.columns.iter().find(|spec| spec.column == column).map(|spec| spec.native.as_str());
        staged(native.unwrap_or("text"), input)
    }

    fn key_input(&self, after: usize) -> String {
        match self.dialect {
            Dialect::Sqlite => format!("?{}", after + 1),
            Dialect::Postgres => format!("b.k::{}", cast(&self.spec.key.native)),
        }
    }

    pub(super) fn key_text(&self, prefix: &str) -> String {
        self.as_text(prefix, &self.spec.key.column)
    }

    fn as_text(&self, prefix: &str, column: &str) -> String {
        match self.dialect {
            Dialect::Sqlite => format!("{prefix}{}", ident(column)),
            Dialect::Postgres => format!("{prefix}{}::text", ident(column)),
        }
    }
}

/// A table name, quoted.
pub(super) fn table(name: &TableName) -> String {
    match &name.schema {
        Some(schema) => format!("{}.{}", ident(schema), ident(&name.name)),
        None => ident(&name.name),
    }
}

/// Whether the connector speaks the binary form of a PostgreSQL type; all others travel as text and are cast.
pub(super) fn has_binary(native: &str) -> bool {
    matches!(
        types::base(native).as_str(),
        "text"
            | "character"
            | "character varying"
            | "boolean"
            | "smallint"
            | "integer"
            | "bigint"
            | "real"
            | "double precision"
            | "numeric"
            | "date"
            | "time"
            | "time without time zone"
            | "timestamptz"
            | "timestamp with time zone"
            | "timestamp without time zone"
            | "json"
            | "jsonb"
            | "text[]"
    )
}

/// A staged value as the type of its column. Text keeps its own type: only an assignment refuses what is too long, a cast
/// would cut it.
fn staged(native: &str, input: usize) -> String {
    let plain = has_binary(native) && (!native.contains('(') || native.starts_with("character"));
    if plain { format!("b.c{input}") } else { format!("b.c{input}::{}", cast(native)) }
}

/// A type name as the catalogue spells it can stand in a cast as it is; an empty one is text.
pub(super) fn cast(native: &str) -> &str {
    if native.is_empty() { "text" } else { native }
}
