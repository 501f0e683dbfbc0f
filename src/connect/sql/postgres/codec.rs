//! Values in PostgreSQL's binary form, written straight into the buffer of a COPY. A column whose type has no binary form
//! here travels as text and is cast by the statement that reads the staged batch.

use std::fmt::Write as _;

use bytes::{BufMut as _, BytesMut};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use super::numeric;
use crate::connect::sql::convert::{self, Misfit};
use crate::connect::sql::types::{FLOAT_DIGITS, base};
use crate::connect::sql::{ColumnSpec, Dialect, types};
use crate::model::{Kind, Value};

/// Object id of `text`.
const TEXT_OID: u32 = 25;
/// Days from 1970 to 2000, where PostgreSQL's time begins.
pub(super) const EPOCH_DAYS: i32 = 10_957;
/// The same in microseconds.
pub(super) const EPOCH_MICROS: i64 = EPOCH_DAYS as i64 * 86_400_000_000;

/// The binary form of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    Text,
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Numeric,
    Date,
    Time,
    Timestamp,
    Json,
    Jsonb,
    TextArray,
    /// Any other array, as the text of an array.
    ArrayText,
    /// Any other type, as text.
    AsText,
}

impl Codec {
    /// The form of a native type, as the catalogue spells it.
    pub(super) fn of(native: &str) -> Self {
        match base(native).as_str() {
            "text" | "character varying" | "character" => Self::Text,
            "boolean" => Self::Bool,
            "smallint" => Self::Int2,
            "integer" => Self::Int4,
            "bigint" => Self::Int8,
            "real" => Self::Float4,
            "double precision" => Self::Float8,
            "numeric" => Self::Numeric,
            "date" => Self::Date,
            "time" | "time without time zone" => Self::Time,
            "timestamptz" | "timestamp with time zone" | "timestamp without time zone" => Self::Timestamp,
            "json" => Self::Json,
            "jsonb" => Self::Jsonb,
            "text[]" => Self::TextArray,
            name if name.ends_with("[]") => Self::ArrayText,
            _ => Self::AsText,
        }
    }

    /// The form of what is staged for a column: a key of a JSON column is staged as JSON of its own.
    pub(super) fn of_column(column: &ColumnSpec) -> Self {
        if column.json_key.is_some() { Self::Jsonb } else { Self::of(&column.native) }
    }

    /// The type of the column of the staged batch. Lengths and precisions are left to the statement that reads it, so that
    /// a value that is too long is one record's failure and not the COPY's.
    pub(super) fn stage_type(self, column: &ColumnSpec) -> String {
        match self {
            Self::Text | Self::AsText | Self::ArrayText => "text".to_owned(),
            _ if column.json_key.is_some() => "jsonb".to_owned(),
            _ => base(&column.native),
        }
    }

    /// Whether rows of this type can be copied straight into the table.
    pub(super) fn is_binary(self) -> bool {
        !matches!(self, Self::AsText | Self::ArrayText)
    }

    /// Appends a value with its length. On a misfit the buffer is as it was before, or longer: the caller cuts it.
    pub(super) fn encode(
        self,
        value: &Value,
        out: &mut BytesMut,
        scratch: &mut String,
    ) -> Result<(), Misfit> {
        if value.is_null() {
            out.put_i32(-1);
            return Ok(());
        }
        let start = out.len();
        out.put_i32(0);
        self.encode_some(value, out, scratch)?;
        let length = i32::try_from(out.len() - start - 4).map_err(|_| Misfit::Range)?;
        out[start..start + 4].copy_from_slice(&length.to_be_bytes());
        Ok(())
    }

    fn encode_some(self, value: &Value, out: &mut BytesMut, scratch: &mut String) -> Result<(), Misfit> {
        match self {
            Self::Text | Self::AsText => put_text(value, out, scratch)?,
            Self::Bool => out.put_u8(u8::from(boolean(value)?)),
            Self::Int2 => out.put_i16(i16::try_from(whole(value)?).map_err(|_| Misfit::Range)?),
            Self::Int4 => out.put_i32(i32::try_from(whole(value)?).map_err(|_| Misfit::Range)?),
            Self::Int8 => out.put_i64(whole(value)?),
            Self::Float4 => out.put_f32(float(value, 6, scratch)?),
            Self::Float8 => out.put_f64(float(value, FLOAT_DIGITS, scratch)?),
            Self::Numeric => numeric::encode(number(value)?, out),
            Self::Date => out.put_i32(days(date(value)?)),
            Self::Time => out.put_i64(time_of_day(value)?),
            Self::Timestamp => out.put_i64(instant(value)? - EPOCH_MICROS),
            Self::Json => put_json(value, out, scratch)?,
            Self::Jsonb => {
                out.put_u8(1);
                put_json(value, out, scratch)?;
            }
            Self::TextArray => put_array(value, out, scratch)?,
            Self::ArrayText => {
                scratch.clear();
                array_literal(value, scratch);
                put_checked(scratch, out)?;
            }
        }
        Ok(())
    }
}

fn put_checked(text: &str, out: &mut BytesMut) -> Result<(), Misfit> {
    if text.as_bytes().contains(&0) {
        return Err(Misfit::Nul);
    }
    out.put_slice(text.as_bytes());
    Ok(())
}

fn put_text(value: &Value, out: &mut BytesMut, scratch: &mut String) -> Result<(), Misfit> {
    if let Value::Text(text) = value {
        return put_checked(text, out);
    }
    scratch.clear();
    convert::write_text(value, scratch);
    put_checked(scratch, out)
}

fn put_json(value: &Value, out: &mut BytesMut, scratch: &mut String) -> Result<(), Misfit> {
    if convert::has_nul(value) {
        return Err(Misfit::Nul);
    }
    scratch.clear();
    convert::write_json(value, scratch);
    out.put_slice(scratch.as_bytes());
    Ok(())
}

fn boolean(value: &Value) -> Result<bool, Misfit> {
    match value {
        Value::Bool(value) => Ok(*value),
        Value::Int(number @ (0 | 1)) => Ok(*number == 1),
        Value::Text(text) => convert::boolean(text).ok_or(Misfit::Kind),
        _ => Err(Misfit::Kind),
    }
}

fn whole(value: &Value) -> Result<i64, Misfit> {
    match value {
        Value::Int(value) => Ok(*value),
        Value::Decimal(number) => convert::whole(*number).ok_or(Misfit::Digits),
        Value::Text(text) => text.trim().parse().map_err(|_| Misfit::Kind),
        _ => Err(Misfit::Kind),
    }
}

fn number(value: &Value) -> Result<Decimal, Misfit> {
    match value {
        Value::Int(value) => Ok(Decimal::from(*value)),
        Value::Decimal(number) => Ok(*number),
        Value::Text(text) => convert::decimal(text.trim()).ok_or(Misfit::Kind),
        _ => Err(Misfit::Kind),
    }
}

fn float<T: std::str::FromStr>(value: &Value, digits: u32, scratch: &mut String) -> Result<T, Misfit> {
    let number = number(value)?.normalize();
    if number.mantissa().unsigned_abs().checked_ilog10().is_some_and(|log| log + 1 > digits) {
        return Err(Misfit::Digits);
    }
    scratch.clear();
    _ = write!(scratch, "{number}");
    scratch.parse().map_err(|_| Misfit::Kind)
}

fn date(value: &Value) -> Result<Date, Misfit> {
    match value {
        Value::Date(date) => Ok(*date),
        Value::DateTime(instant) => Ok(instant.to_zoned(TimeZone::UTC).date()),
        Value::Text(text) => convert::date(text).ok_or(Misfit::Kind),
        _ => Err(Misfit::Kind),
    }
}

/// Days since 2000 (the algorithm of Howard Hinnant's `days_from_civil`).
pub(super) fn days(date: Date) -> i32 {
    let (year, month, day) = (i32::from(date.year()), i32::from(date.month()), i32::from(date.day()));
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468 - EPOCH_DAYS
}

fn time_of_day(value: &Value) -> Result<i64, Misfit> {
    let time = match value {
        Value::Time(time) => *time,
        Value::Text(text) => convert::time(text).ok_or(Misfit::Kind)?,
        _ => return Err(Misfit::Kind),
    };
    let seconds = i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second());
    Ok(seconds * 1_000_000 + i64::from(time.subsec_nanosecond()) / 1000)
}

fn instant(value: &Value) -> Result<i64, Misfit> {
    match value {
        Value::DateTime(instant) => Ok(instant.as_microsecond()),
        Value::Date(date) => Ok(i64::from(days(*date)) * 86_400_000_000 + EPOCH_MICROS),
        Value::Text(text) => convert::timestamp(text).map(Timestamp::as_microsecond).ok_or(Misfit::Kind),
        _ => Err(Misfit::Kind),
    }
}

fn put_array(value: &Value, out: &mut BytesMut, scratch: &mut String) -> Result<(), Misfit> {
    let parsed;
    let items = match value {
        Value::List(items) => &items[..],
        other => {
            parsed = convert::to_kind(Value::text(other.to_string()), Kind::List);
            match &parsed {
                Value::List(items) => &items[..],
                _ => return Err(Misfit::Kind),
            }
        }
    };
    out.put_i32(i32::from(!items.is_empty()));
    out.put_i32(i32::from(items.iter().any(Value::is_null)));
    out.put_u32(TEXT_OID);
    if !items.is_empty() {
        out.put_i32(i32::try_from(items.len()).map_err(|_| Misfit::Range)?);
        out.put_i32(1);
    }
    for item in items {
        Codec::Text.encode(item, out, scratch)?;
    }
    Ok(())
}

/// `{"a","b"}`, for arrays of types without a binary form here.
fn array_literal(value: &Value, out: &mut String) {
    let one = [value.clone()];
    let items = if let Value::List(items) = value { &items[..] } else { &one[..] };
    out.push('{');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        if item.is_null() {
            out.push_str("NULL");
            continue;
        }
        let mut text = String::new();
        convert::write_text(item, &mut text);
        _ = write!(out, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    }
    out.push('}');
}

/// Whether a text can be compared with a column at all; asking for anything else would fail the whole query.
pub(super) fn can_ask(native: &str, text: &str) -> bool {
    match types::kind_of(Dialect::Postgres, native) {
        Kind::Int => text.parse::<i64>().is_ok(),
        Kind::Decimal => convert::decimal(text).is_some(),
        Kind::Bool => convert::boolean(text).is_some(),
        Kind::Date => convert::date(text).is_some(),
        Kind::DateTime => convert::timestamp(text).is_some(),
        Kind::Time => convert::time(text).is_some(),
        _ => native != "uuid" || text.len() == 36,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_agree_with_the_calendar() {
        let epoch: Date = "2000-01-01".parse().unwrap();
        for text in
            ["2000-01-01", "1999-12-31", "2024-02-29", "1900-03-01", "0001-01-01", "9999-12-31", "2026-11-21"]
        {
            let date: Date = text.parse().unwrap();
            let expected = date.duration_since(epoch).as_hours() / 24;
            assert_eq!(i64::from(days(date)), expected, "{text}");
        }
    }

    #[test]
    fn a_value_that_does_not_fit_is_named() {
        let encode =
            |codec: Codec, value: Value| codec.encode(&value, &mut BytesMut::new(), &mut String::new());
        assert_eq!(encode(Codec::Int4, Value::Int(i64::MAX)), Err(Misfit::Range));
        assert_eq!(encode(Codec::Int8, Value::text("x")), Err(Misfit::Kind));
        assert_eq!(encode(Codec::Int8, Value::Decimal("1.5".parse().unwrap())), Err(Misfit::Digits));
        assert_eq!(
            encode(Codec::Float8, Value::Decimal("1234567890.1234567".parse().unwrap())),
            Err(Misfit::Digits)
        );
        assert_eq!(encode(Codec::Text, Value::text("a\0b")), Err(Misfit::Nul));
        assert_eq!(encode(Codec::Int8, Value::text("42")), Ok(()));
    }
}
