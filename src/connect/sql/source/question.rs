//! The statements of a source. Pure. Every answer has the key, the read schema, the change time, the delete mark, and whether the row
//! passes the condition of the pipeline. All values are parameters: text in PostgreSQL, which casts it; text and numbers in SQLite.

use jiff::{SignedDuration, Timestamp};

use super::{LoadScope, SourceSpec};
use crate::connect::Limit;
use crate::connect::sql::dialect::ident;
use crate::connect::sql::statement::Statements;
use crate::connect::sql::{ColumnSpec, Dialect, types};
use crate::model::{Key, Keyset, Kind};

/// A date says less than a time: all of its day, in any zone, counts as "just now".
const DATE_LOOKBACK: SignedDuration = SignedDuration::from_hours(48);
/// A value of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::connect::sql) enum Param {
    /// Text.
    Text(String),
    /// Microseconds since 1970 (SQLite).
    Micros(i64),
}

/// A statement with its values.
#[derive(Clone, Debug)]
pub(in crate::connect::sql) struct Question {
    pub(in crate::connect::sql) sql: String,
    pub(in crate::connect::sql) params: Vec<Param>,
}

/// Where a batch begins.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place<'a> {
    /// After a key, in the order of keys.
    Key(Option<&'a Key>),
    /// At a change time.
    Since(Timestamp),
    /// After a row, in the order of change times and keys.
    After(&'a Keyset),
}

/// What a source asks its database.
#[derive(Debug)]
pub(in crate::connect::sql) struct Questions {
    pub(in crate::connect::sql) dialect: Dialect,
    /// Bound to the types of the table.
    pub(in crate::connect::sql) spec: SourceSpec,
    /// Column of the change time.
    pub(in crate::connect::sql) stamp: Option<ColumnSpec>,
}

/// Conditions and values while a statement is put together.
#[derive(Default)]
struct Parts {
    conditions: Vec<String>,
    params: Vec<Param>,
}

impl Parts {
    /// Adds a value and gives its place in the text.
    fn value(&mut self, dialect: Dialect, param: Param) -> String {
        self.params.push(param);
        let number = self.params.len();
        match dialect {
            Dialect::Sqlite => format!("?{number}"),
            Dialect::Postgres => format!("${number}::text"),
        }
    }
}

impl Questions {
    /// How far a window reaches back.
    pub(super) fn lookback(&self) -> SignedDuration {
        let lookback = SignedDuration::try_from(self.spec.lookback).unwrap_or_default();
        match &self.stamp {
            Some(column) if types::kind_of(self.dialect, &column.native) == Kind::Date => {
                lookback + DATE_LOOKBACK
            }
            _ => lookback,
        }
    }

    /// A batch of the first load.
    pub(super) fn load(&self, after: Option<&Key>, limit: Limit) -> Question {
        let parts = Parts { conditions: self.load_conditions(), params: Vec::new() };
        self.batch(parts, Place::Key(after), limit)
    }

    /// A batch of a window, whether its rows pass the condition or not: a row that passes no longer is news too.
    pub(super) fn changes(&self, place: Place<'_>, limit: Limit) -> Question {
        self.batch(Parts::default(), place, limit)
    }

    /// Whether the rows of a window are looked for first and then read by key: a statement that orders by a time of SQLite looks at the
    /// whole table. Keys that are compared as text cannot be looked up fast.
    pub(super) fn looks_ahead(&self) -> bool {
        let native = &self.spec.table.key.native;
        self.dialect == Dialect::Sqlite
            && self.stamp.is_some()
            && types::kind_of(Dialect::Sqlite, native) != Kind::Any
    }

    /// Change time and key of the rows of a window (SQLite).
    pub(super) fn places(&self, place: Place<'_>, count: usize) -> Question {
        let mut parts = Parts::default();
        let from = match place {
            Place::Since(from) => Some(from),
            Place::After(place) => Some(place.stamp),
            Place::Key(_) => None,
        };
        parts.conditions.extend(from.and_then(|from| self.not_of_earlier_days(&mut parts.params, from)));
        let columns = format!("{}, {}", self.stamp_order(), self.key());
        self.ordered(parts, place, (&columns, count))
    }

    /// Times that are written with their day first, as most are, need no closer look where the day is over in all zones.
    fn not_of_earlier_days(&self, params: &mut Vec<Param>, from: Timestamp) -> Option<String> {
        let column = ident(&self.stamp.as_ref()?.column);
        let day = from.checked_sub(DATE_LOOKBACK).ok()?.to_string().get(..10)?.to_owned();
        // A day before the year 0 or after 9999 is written in another way.
        if !day.starts_with(|letter: char| letter.is_ascii_digit()) {
            return None;
        }
        params.push(Param::Text(day));
        let day_first = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-*";
        Some(format!("(t.{column} >= ?{} OR t.{column} NOT GLOB '{day_first}')", params.len()))
    }

    /// How many rows the first load has.
    pub(super) fn count(&self) -> String {
        let mut conditions = self.load_conditions();
        conditions.push(format!("{} IS NOT NULL", self.key()));
        format!("SELECT count(*) FROM {} AS t WHERE {}", self.statements().table(), conditions.join(" AND "))
    }

    /// These keys: one parameter with all of them (a JSON array in SQLite). The first column is the key as it was asked for, the
    /// others are empty where there is no such row.
    pub(in crate::connect::sql) fn by_key(&self) -> String {
        let (columns, table, key) = (self.columns(), self.statements().table(), self.key());
        let asked = match self.dialect {
            // A name of its own, and no other column: the condition of a pipeline names columns without their table.
            Dialect::Sqlite => "(SELECT value AS sfsync_asked FROM json_each(?1)) AS q".to_owned(),
            Dialect::Postgres => "unnest($1::text[]) AS q(sfsync_asked)".to_owned(),
        };
        let on = match (self.dialect, self.key_cast()) {
            (Dialect::Sqlite, _) => format!("{key} = q.sfsync_asked"),
            (Dialect::Postgres, Some(cast)) => format!("{key} = q.sfsync_asked::{cast}"),
            (Dialect::Postgres, None) => format!("{key}::text = q.sfsync_asked"),
        };
        format!("SELECT q.sfsync_asked, {columns} FROM {asked} LEFT JOIN {table} AS t ON {on}")
    }

    /// Whether a text can be a key of the table at all: another one is not there, and asking for it would fail.
    pub(in crate::connect::sql) fn can_be_key(&self, text: &str) -> bool {
        match self.key_cast() {
            Some("bigint") => text.parse::<i64>().is_ok(),
            Some("numeric") => crate::connect::sql::convert::decimal(text).is_some(),
            Some("uuid") => is_uuid(text),
            _ => !text.contains('\0'),
        }
    }

    fn batch(&self, parts: Parts, place: Place<'_>, limit: Limit) -> Question {
        self.ordered(parts, place, (&self.columns(), limit.records.saturating_add(1)))
    }

    fn ordered(&self, mut parts: Parts, place: Place<'_>, (columns, limit): (&str, usize)) -> Question {
        let key = self.key();
        parts.conditions.push(format!("{key} IS NOT NULL"));
        let order = match place {
            Place::Key(after) => {
                if let Some(after) = after {
                    let after = self.key_value(&mut parts, after);
                    parts.conditions.push(format!("{key} > {after}"));
                }
                key
            }
            Place::Since(from) => {
                let stamp = self.stamp_order();
                let from = self.stamp_value(&mut parts, from);
                parts.conditions.push(format!("{stamp} >= {from}{}", self.not_never()));
                format!("{stamp}, {key}")
            }
            Place::After(place) => {
                let stamp = self.stamp_order();
                let at = self.stamp_value(&mut parts, place.stamp);
                let after = self.key_value(&mut parts, &place.id);
                parts.conditions.push(match self.dialect {
                    Dialect::Postgres => format!("({stamp}, {key}) > ({at}, {after}){}", self.not_never()),
                    Dialect::Sqlite => format!("({stamp} > {at} OR ({stamp} = {at} AND {key} > {after}))"),
                });
                format!("{stamp}, {key}")
            }
        };
        let (table, conditions) = (self.statements().table(), parts.conditions.join(" AND "));
        let sql =
            format!("SELECT {columns} FROM {table} AS t WHERE {conditions} ORDER BY {order} LIMIT {limit}");
        Question { sql, params: parts.params }
    }

    fn load_conditions(&self) -> Vec<String> {
        let mut conditions: Vec<String> = self.spec.condition.iter().map(|text| wrapped(text)).collect();
        if let LoadScope::Where(more) = &self.spec.load {
            conditions.push(wrapped(more));
        }
        if self.spec.table.deleted_at.is_some() {
            conditions.push(format!("NOT {}", self.deleted()));
        }
        conditions
    }

    /// Key, read schema, change time, delete mark, condition.
    fn columns(&self) -> String {
        let selected = self.statements().selected_as(&self.key_as_text());
        let stamp = match (&self.stamp, self.dialect) {
            (None, _) => "NULL".to_owned(),
            (Some(column), Dialect::Sqlite) => format!("sfsync_stamp(t.{})", ident(&column.column)),
            (Some(column), Dialect::Postgres) => format!("t.{}", ident(&column.column)),
        };
        let passes = match &self.spec.condition {
            Some(condition) => format!("coalesce({}, false)", wrapped(condition)),
            None => "true".to_owned(),
        };
        format!("{selected}, {stamp}, {}, {passes}", self.deleted())
    }

    fn deleted(&self) -> String {
        match &self.spec.table.deleted_at {
            Some(column) => self.statements().is_set(column),
            None => "false".to_owned(),
        }
    }

    fn statements(&self) -> Statements<'_> {
        Statements { dialect: self.dialect, spec: &self.spec.table }
    }

    /// The key as it is compared and ordered. A column of SQLite that may hold anything is taken as text, because a number and its text
    /// are not equal there.
    fn key(&self) -> String {
        let (key, native) = (ident(&self.spec.table.key.column), &self.spec.table.key.native);
        match self.dialect {
            Dialect::Sqlite if types::kind_of(Dialect::Sqlite, native) == Kind::Any => {
                format!("CAST(t.{key} AS TEXT)")
            }
            _ => format!("t.{key}"),
        }
    }

    fn key_as_text(&self) -> String {
        match self.dialect {
            Dialect::Sqlite => self.key(),
            Dialect::Postgres => format!("{}::text", self.key()),
        }
    }

    /// The type in which keys of PostgreSQL are compared by equality without cutting what is asked for; `None`: as text.
    fn key_cast(&self) -> Option<&'static str> {
        if self.dialect == Dialect::Sqlite {
            return None;
        }
        Some(match types::base(&self.spec.table.key.native).as_str() {
            "smallint" | "integer" | "bigint" => "bigint",
            "text" | "character varying" => "text",
            "character" => "bpchar",
            "numeric" => "numeric",
            "uuid" => "uuid",
            _ => return None,
        })
    }

    fn key_value(&self, parts: &mut Parts, key: &Key) -> String {
        let value = parts.value(self.dialect, Param::Text(key.to_string()));
        match self.dialect {
            Dialect::Sqlite => value,
            Dialect::Postgres => {
                format!("{value}::{}", self.key_cast().unwrap_or(&self.spec.table.key.native))
            }
        }
    }

    fn stamp_order(&self) -> String {
        let Some(column) = &self.stamp else { return "NULL".to_owned() };
        match self.dialect {
            Dialect::Sqlite => format!("sfsync_stamp(t.{})", ident(&column.column)),
            Dialect::Postgres => format!("t.{}", ident(&column.column)),
        }
    }

    /// A time as the type of the column: without a zone it is UTC.
    fn stamp_value(&self, parts: &mut Parts, at: Timestamp) -> String {
        if self.dialect == Dialect::Sqlite {
            return parts.value(self.dialect, Param::Micros(at.as_microsecond()));
        }
        let value = parts.value(self.dialect, Param::Text(at.to_string()));
        let native = self.stamp.as_ref().map(|column| types::base(&column.native));
        match native.as_deref() {
            Some("date") => format!("({value}::timestamptz AT TIME ZONE 'UTC')::date"),
            Some("timestamp without time zone") => format!("({value}::timestamptz AT TIME ZONE 'UTC')"),
            _ => format!("{value}::timestamptz"),
        }
    }

    /// PostgreSQL's `infinity` is no place that a cursor could have.
    fn not_never(&self) -> String {
        match self.dialect {
            Dialect::Sqlite => String::new(),
            Dialect::Postgres => format!(" AND {} < '9999-12-30'", self.stamp_order()),
        }
    }
}

/// A condition of the file. It ends with its line: it may end with a comment.
fn wrapped(condition: &str) -> String {
    format!("({condition}\n)")
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
