//! Values out of PostgreSQL's binary answers.

use jiff::Timestamp;
use jiff::civil::Time;
use tokio_postgres::Row as Answer;
use tokio_postgres::types::{FromSql, Type};

use super::codec::{Codec, EPOCH_DAYS, EPOCH_MICROS};
use super::numeric;
use crate::connect::sql::{ColumnSpec, convert};
use crate::model::{Row, Value};

/// The bytes of a column as they came.
pub(super) struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// The read schema of an answer whose columns begin at `from`.
pub(super) fn record(
    answer: &Answer,
    from: usize,
    columns: &[ColumnSpec],
) -> Result<Row, tokio_postgres::Error> {
    let mut values = Vec::with_capacity(columns.len());
    for (at, column) in columns.iter().enumerate() {
        let stored: Option<Raw<'_>> = answer.try_get(from + at)?;
        let value = stored.map_or(Value::Null, |raw| value(raw.0, column));
        values.push(value);
    }
    Ok(Row::from(values))
}

/// A stored value as the kind the pipeline asks for.
fn value(raw: &[u8], column: &ColumnSpec) -> Value {
    let codec = Codec::of_column(column);
    let codec = if codec == Codec::Jsonb && column.native == "json" { Codec::Json } else { codec };
    // `json_get` casts to jsonb, whatever the column is.
    let codec = if column.json_key.is_some() { Codec::Jsonb } else { codec };
    let value = plain(codec, raw).unwrap_or_else(|| text(raw));
    convert::to_kind(value, column.kind)
}

/// `None` for bytes that are not what the type says.
fn plain(codec: Codec, raw: &[u8]) -> Option<Value> {
    Some(match codec {
        Codec::Bool => Value::Bool(*raw.first()? == 1),
        Codec::Int2 => Value::Int(i16::from_be_bytes(raw.try_into().ok()?).into()),
        Codec::Int4 => Value::Int(i32::from_be_bytes(raw.try_into().ok()?).into()),
        Codec::Int8 => Value::Int(i64::from_be_bytes(raw.try_into().ok()?)),
        Codec::Float4 => {
            let float = f32::from_be_bytes(raw.try_into().ok()?);
            convert::decimal(&float.to_string())
                .map_or_else(|| Value::text(float.to_string()), Value::Decimal)
        }
        Codec::Float8 => convert::decimal_of_float(f64::from_be_bytes(raw.try_into().ok()?)),
        Codec::Numeric => match numeric::decode(raw)? {
            Ok(number) => Value::Decimal(number),
            Err(text) => Value::from(text),
        },
        Codec::Date => date(i32::from_be_bytes(raw.try_into().ok()?)),
        Codec::Time => time(i64::from_be_bytes(raw.try_into().ok()?))?,
        Codec::Timestamp => timestamp(i64::from_be_bytes(raw.try_into().ok()?)),
        Codec::Json => convert::from_json(serde_json::from_slice(raw).ok()?),
        Codec::Jsonb => convert::from_json(serde_json::from_slice(raw.get(1..)?).ok()?),
        Codec::TextArray => array(raw)?,
        Codec::Text | Codec::ArrayText | Codec::AsText => text(raw),
    })
}

fn text(raw: &[u8]) -> Value {
    Value::text(String::from_utf8_lossy(raw))
}

fn date(days: i32) -> Value {
    let seconds = (i64::from(days) + i64::from(EPOCH_DAYS)) * 86_400;
    match Timestamp::from_second(seconds) {
        Ok(at) => Value::Date(at.to_zoned(jiff::tz::TimeZone::UTC).date()),
        Err(_) => infinity(days > 0),
    }
}

fn timestamp(micros: i64) -> Value {
    let at = micros.checked_add(EPOCH_MICROS).and_then(|micros| Timestamp::from_microsecond(micros).ok());
    at.map_or_else(|| infinity(micros > 0), Value::DateTime)
}

/// Beyond what a timestamp can hold, PostgreSQL's own infinities above all.
fn infinity(positive: bool) -> Value {
    Value::text(if positive { "infinity" } else { "-infinity" })
}

fn time(micros: i64) -> Option<Value> {
    let seconds = micros / 1_000_000;
    let part = |value: i64| i8::try_from(value).ok();
    let nanos = i32::try_from(micros % 1_000_000 * 1000).ok()?;
    Time::new(part(seconds / 3600)?, part(seconds / 60 % 60)?, part(seconds % 60)?, nanos)
        .ok()
        .map(Value::Time)
}

/// An array of text with one dimension.
fn array(raw: &[u8]) -> Option<Value> {
    let int = |at: usize| Some(i32::from_be_bytes(raw.get(at..at + 4)?.try_into().ok()?));
    if int(0)? == 0 {
        return Some(Value::List([].into()));
    }
    let count = usize::try_from(int(12)?).ok()?;
    let mut items = Vec::new();
    let mut at = 20;
    for _ in 0..count {
        let length = int(at)?;
        at += 4;
        let Ok(length) = usize::try_from(length) else {
            items.push(Value::Null);
            continue;
        };
        items.push(text(raw.get(at..at + length)?));
        at += length;
    }
    Some(Value::List(items.into()))
}
