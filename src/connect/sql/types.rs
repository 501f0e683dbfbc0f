//! Types of columns: which one a Salesforce field gets, what an existing one holds, and what fits into what.
//!
//! | field | PostgreSQL | SQLite |
//! |---|---|---|
//! | id, text, picklist, email, … | `text` | `TEXT` |
//! | checkbox | `boolean` | `BOOLEAN` (0, 1) |
//! | integer | `bigint` | `INTEGER` |
//! | number, currency, percent | `numeric(p,s)` | `NUMERIC` up to 15 digits, beyond that a column without a type |
//! | date, time, date-time | `date`, `time`, `timestamptz` | `DATE`, `TIME`, `DATETIME` (ISO text, UTC) |
//! | multi-picklist, list | `text[]` | `JSON` (an array) |
//! | object | `jsonb` | `JSON` |
//!
//! SQLite turns what looks like a number into a binary float in `NUMERIC` and `REAL` columns, which is exact up to 15
//! digits. A column without a type keeps what it is given: numbers of up to 15 digits are stored as numbers, so that they
//! sort and sum, longer ones as exact text. Into a list of a text column Salesforce's own form is written, `a;b`.

use super::Dialect;
use crate::model::{FieldInfo, Kind};

/// Decimal digits that a binary float of 64 bits keeps.
pub(super) const FLOAT_DIGITS: u32 = 15;

/// What flows into a column, as far as its type depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// What it holds.
    pub kind: Kind,
    /// Total digits of a number; 0 where that is not known.
    pub precision: u32,
    /// Decimals of a number.
    pub scale: u32,
}

impl Shape {
    /// A shape of which only the kind is known, such as the result of an expression.
    pub fn of(kind: Kind) -> Self {
        Self { kind, precision: 0, scale: 0 }
    }

    /// The type a column is created with.
    pub fn native(self, dialect: Dialect) -> String {
        match dialect {
            Dialect::Sqlite => self.sqlite().to_owned(),
            Dialect::Postgres => self.postgres(),
        }
    }

    fn sqlite(self) -> &'static str {
        match self.kind {
            Kind::Id | Kind::Text => "TEXT",
            Kind::Bool => "BOOLEAN",
            Kind::Int => "INTEGER",
            Kind::Decimal if (1..=FLOAT_DIGITS).contains(&self.precision) => "NUMERIC",
            Kind::Decimal | Kind::Any => "",
            Kind::Date => "DATE",
            Kind::Time => "TIME",
            Kind::DateTime => "DATETIME",
            Kind::List | Kind::Json => "JSON",
        }
    }

    fn postgres(self) -> String {
        match self.kind {
            Kind::Id | Kind::Text | Kind::Any => "text",
            Kind::Bool => "boolean",
            Kind::Int => "bigint",
            Kind::Decimal if self.precision > 0 => {
                return format!("numeric({},{})", self.precision, self.scale);
            }
            Kind::Decimal => "numeric",
            Kind::Date => "date",
            Kind::Time => "time",
            Kind::DateTime => "timestamptz",
            Kind::List => "text[]",
            Kind::Json => "jsonb",
        }
        .to_owned()
    }
}

impl From<&FieldInfo> for Shape {
    fn from(field: &FieldInfo) -> Self {
        Self { kind: field.kind, precision: field.precision, scale: field.scale }
    }
}

/// What a column of this declared type holds.
pub(super) fn kind_of(dialect: Dialect, native: &str) -> Kind {
    match dialect {
        Dialect::Sqlite => sqlite_kind(native),
        Dialect::Postgres => postgres_kind(native),
    }
}

fn postgres_kind(native: &str) -> Kind {
    if native.ends_with("[]") {
        return Kind::List;
    }
    match base(native).as_str() {
        "boolean" => Kind::Bool,
        "smallint" | "integer" | "bigint" => Kind::Int,
        "numeric" | "real" | "double precision" | "money" => Kind::Decimal,
        "date" => Kind::Date,
        "time" | "time without time zone" | "time with time zone" => Kind::Time,
        "timestamptz" | "timestamp with time zone" | "timestamp without time zone" => Kind::DateTime,
        "json" | "jsonb" => Kind::Json,
        "bytea" => Kind::Any,
        // Enumerations, uuid, citext, inet, …: all of them speak text.
        _ => Kind::Text,
    }
}

/// The rules of SQLite's type affinity, after the names that say more.
fn sqlite_kind(native: &str) -> Kind {
    let name = base(native).to_ascii_uppercase();
    let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    match name.as_str() {
        "" => Kind::Any,
        _ if has(&["BOOL"]) => Kind::Bool,
        _ if has(&["DATETIME", "TIMESTAMP"]) => Kind::DateTime,
        _ if has(&["JSON"]) => Kind::Json,
        "DATE" => Kind::Date,
        "TIME" => Kind::Time,
        _ if has(&["INT"]) => Kind::Int,
        _ if has(&["CHAR", "CLOB", "TEXT", "UUID"]) => Kind::Text,
        _ if has(&["BLOB"]) => Kind::Any,
        _ if has(&["REAL", "FLOA", "DOUB", "NUMERIC", "DEC", "MONEY"]) => Kind::Decimal,
        _ => Kind::Any,
    }
}

/// The name of a type without its length: `numeric(18,2)` is `numeric`, `timestamp(3) with time zone` its long name.
pub(super) fn base(native: &str) -> String {
    match (native.find('('), native.find(')')) {
        (Some(from), Some(to)) if from < to => format!("{}{}", native[..from].trim_end(), &native[to + 1..]),
        _ => native.to_owned(),
    }
}

/// Whether values of a kind can be stored in a column. A value of kind `Any` (the id that a lookup brings) is judged when
/// it is written.
pub(super) fn fits(kind: Kind, held: Kind) -> bool {
    use Kind::{Any, Date, DateTime, Decimal, Id, Int, Json, List, Text};
    match (kind, held) {
        (Any, _) | (_, Any | Text | Id) | (Int, Decimal) | (List, Json) | (Date, DateTime) => true,
        (kind, held) => kind == held,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [Kind; 10] = [
        Kind::Id,
        Kind::Text,
        Kind::Bool,
        Kind::Int,
        Kind::Decimal,
        Kind::Date,
        Kind::Time,
        Kind::DateTime,
        Kind::List,
        Kind::Json,
    ];

    #[test]
    fn every_kind_fits_into_the_column_that_is_made_for_it() {
        for dialect in [Dialect::Sqlite, Dialect::Postgres] {
            for kind in KINDS {
                let native = Shape::of(kind).native(dialect);
                assert!(fits(kind, kind_of(dialect, &native)), "{kind:?} into {native} of {dialect:?}");
            }
        }
    }

    #[test]
    fn numbers_keep_their_digits() {
        let amount = Shape { kind: Kind::Decimal, precision: 18, scale: 2 };
        assert_eq!(amount.native(Dialect::Postgres), "numeric(18,2)");
        assert_eq!(amount.native(Dialect::Sqlite), "");
        let percent = Shape { kind: Kind::Decimal, precision: 3, scale: 0 };
        assert_eq!(percent.native(Dialect::Sqlite), "NUMERIC");
    }

    #[test]
    fn types_of_existing_columns() {
        for (native, kind) in [
            ("character varying(80)", Kind::Text),
            ("timestamp(3) with time zone", Kind::DateTime),
            ("numeric(18,2)", Kind::Decimal),
            ("uuid", Kind::Text),
            ("integer[]", Kind::List),
        ] {
            assert_eq!(kind_of(Dialect::Postgres, native), kind, "{native}");
        }
        for (native, kind) in [
            ("VARCHAR(80)", Kind::Text),
            ("bigint", Kind::Int),
            ("DECIMAL(10,2)", Kind::Decimal),
            ("datetime", Kind::DateTime),
            ("", Kind::Any),
        ] {
            assert_eq!(kind_of(Dialect::Sqlite, native), kind, "{native}");
        }
    }

    #[test]
    fn text_does_not_fit_into_numbers() {
        assert!(!fits(Kind::Text, Kind::Int));
        assert!(!fits(Kind::Decimal, Kind::Int));
        assert!(fits(Kind::Decimal, Kind::Text));
    }
}
