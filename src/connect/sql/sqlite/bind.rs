//! Values into parameters and out of answers of SQLite. What a column keeps follows from the affinity of its type.

use rusqlite::Statement;
use rusqlite::types::{Null, ValueRef};
use rust_decimal::Decimal;

use super::stamp;
use crate::connect::sql::convert::{self, Misfit};
use crate::connect::sql::types::FLOAT_DIGITS;
use crate::connect::sql::{ColumnSpec, Dialect, types};
use crate::model::{Kind, Value};

/// How a column stores values, section 3.1 of SQLite's datatypes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Affinity {
    Text,
    /// Whole numbers, fractions as binary floats, all else as given.
    Numeric,
    /// Everything as given.
    None,
}

/// How the values of one column of a spec are bound.
#[derive(Clone, Copy, Debug)]
pub(super) struct Binding {
    affinity: Affinity,
    /// A JSON column, or a key in one: everything is written as JSON.
    json: bool,
    /// Declared as text in words that SQLite does not know (`STRING`, `UUID`): it makes numbers of what looks like one.
    numerals: bool,
}

/// Why binding stopped.
pub(super) enum BindError {
    Misfit(Misfit),
    Sqlite(rusqlite::Error),
}

impl Binding {
    pub(super) fn of(column: &ColumnSpec) -> Self {
        let (kind, affinity) = (types::kind_of(Dialect::Sqlite, &column.native), affinity(&column.native));
        let json = column.json_key.is_some() || kind == Kind::Json;
        let numerals = affinity == Affinity::Numeric && matches!(kind, Kind::Any | Kind::Text);
        Self { affinity, json, numerals }
    }

    /// Binds one value. `scratch` is reused for the text of dates, numbers and lists.
    pub(super) fn bind(
        self,
        statement: &mut Statement<'_>,
        parameter: usize,
        value: &Value,
        scratch: &mut String,
    ) -> Result<(), BindError> {
        scratch.clear();
        let bound = match (value, self.json) {
            (Value::Absent | Value::Null, _) => statement.raw_bind_parameter(parameter, Null),
            (value, _) if convert::has_nul(value) => return Err(BindError::Misfit(Misfit::Nul)),
            (value, true) => {
                convert::write_json(value, scratch);
                statement.raw_bind_parameter(parameter, scratch.as_str())
            }
            (Value::Text(text), _) if self.numerals && is_other_as_number(text) => {
                return Err(BindError::Misfit(Misfit::Numeral));
            }
            (Value::Text(text), _) => statement.raw_bind_parameter(parameter, text.as_str()),
            (Value::Bool(value), _) => statement.raw_bind_parameter(parameter, i64::from(*value)),
            (Value::Int(value), _) => statement.raw_bind_parameter(parameter, *value),
            (Value::Decimal(value), _) => return self.bind_decimal(statement, parameter, *value, scratch),
            (value, _) => {
                convert::write_text(value, scratch);
                statement.raw_bind_parameter(parameter, scratch.as_str())
            }
        };
        bound.map_err(BindError::Sqlite)
    }

    fn bind_decimal(
        self,
        statement: &mut Statement<'_>,
        parameter: usize,
        value: Decimal,
        scratch: &mut String,
    ) -> Result<(), BindError> {
        use std::fmt::Write as _;
        if self.affinity != Affinity::Text
            && let Some(whole) = convert::whole(value)
        {
            return statement.raw_bind_parameter(parameter, whole).map_err(BindError::Sqlite);
        }
        if let (Affinity::Numeric | Affinity::None, Some(float)) = (self.affinity, exact_float(value)) {
            return statement.raw_bind_parameter(parameter, float).map_err(BindError::Sqlite);
        }
        _ = write!(scratch, "{value}");
        let bound = match self.affinity {
            Affinity::Numeric | Affinity::None if digits(value) <= FLOAT_DIGITS => {
                let float: f64 = scratch.parse().map_err(|_| BindError::Misfit(Misfit::Digits))?;
                statement.raw_bind_parameter(parameter, float)
            }
            Affinity::Numeric => return Err(BindError::Misfit(Misfit::Digits)),
            Affinity::Text | Affinity::None => statement.raw_bind_parameter(parameter, scratch.as_str()),
        };
        bound.map_err(BindError::Sqlite)
    }
}

/// The float nearest to a short decimal. Both numbers are exact as floats, so one division rounds as reading the text would.
fn exact_float(value: Decimal) -> Option<f64> {
    const TENS: [f64; 11] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10];
    let ten = TENS.get(usize::try_from(value.scale()).ok()?)?;
    let most = 10_u64.pow(FLOAT_DIGITS);
    let mantissa = i64::try_from(value.mantissa()).ok().filter(|mantissa| mantissa.unsigned_abs() < most)?;
    #[allow(clippy::cast_precision_loss)] // less than 53 bits
    let mantissa = mantissa as f64;
    Some(mantissa / ten)
}

/// Whether SQLite would take a text for a number and not give the same text back: `007`, `62.0`, `+358401234567`.
fn is_other_as_number(text: &str) -> bool {
    let number = text.trim_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r']);
    let is_numeral = number.contains(|c: char| c.is_ascii_digit())
        && number.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E'));
    let Some(float) = number.parse::<f64>().ok().filter(|_| is_numeral) else { return false };
    let stays = match number.parse::<i64>() {
        Ok(whole) => whole.to_string(),
        Err(_) if float.fract() != 0.0 => float.to_string(),
        Err(_) => return true,
    };
    stays != text
}

fn digits(value: Decimal) -> u32 {
    value.normalize().mantissa().unsigned_abs().checked_ilog10().map_or(1, |log| log + 1)
}

fn affinity(native: &str) -> Affinity {
    let name = native.to_ascii_uppercase();
    let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    if has(&["INT"]) {
        Affinity::Numeric
    } else if has(&["CHAR", "CLOB", "TEXT"]) {
        Affinity::Text
    } else if name.is_empty() || has(&["BLOB"]) {
        Affinity::None
    } else {
        Affinity::Numeric
    }
}

/// A stored value as the kind that the pipeline asks for.
pub(super) fn read(stored: ValueRef<'_>, column: &ColumnSpec) -> Value {
    if column.kind == Kind::DateTime
        && let Some(time) = time(stored)
    {
        return time;
    }
    let value = plain(stored);
    let is_json = column.json_key.is_some() || types::kind_of(Dialect::Sqlite, &column.native) == Kind::Json;
    match value {
        Value::Text(json) if is_json => {
            let value = serde_json::from_str(&json).map_or_else(|_| Value::Text(json), convert::from_json);
            convert::to_kind(value, column.kind)
        }
        value => convert::to_kind(value, column.kind),
    }
}

/// A time that is kept as a number; text is read as any other.
fn time(stored: ValueRef<'_>) -> Option<Value> {
    let is_number = matches!(stored, ValueRef::Integer(_) | ValueRef::Real(_));
    let micros = is_number.then(|| stamp::micros(stored)).flatten()?;
    jiff::Timestamp::from_microsecond(micros).ok().map(Value::DateTime)
}

/// A stored value as it is.
pub(super) fn plain(stored: ValueRef<'_>) -> Value {
    match stored {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Int(value),
        ValueRef::Real(value) => convert::decimal_of_float(value),
        ValueRef::Text(text) | ValueRef::Blob(text) => Value::text(String::from_utf8_lossy(text)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_that_a_column_for_numbers_would_change() {
        for text in ["007", "62.0", "+358401234567", " 7", "1e3", "12345678901234567890", "-0", ".5", "5."] {
            assert!(is_other_as_number(text), "{text}");
        }
        for text in
            ["7", "-7", "0.5", "", "+", "e", "0401-234", "1.2.3", "6f1a1c8e-27f5", "0x10", "inf", "nan"]
        {
            assert!(!is_other_as_number(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_short_decimal_gives_the_float_of_its_text(mantissa in -999_999_999_999_999_i64..=999_999_999_999_999, scale in 0..11_u32) {
            let number = Decimal::new(mantissa, scale);
            prop_assert_eq!(exact_float(number), number.to_string().parse().ok());
        }
    }
}
