//! Record values as bytes. Pure. Whoever stores them seals them.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use super::StoreError;
use super::encoding::{Reader, put_varint};
use crate::model::Value;

pub(super) fn put_text(text: &str, out: &mut Vec<u8>) {
    put_varint(text.len() as u128, out);
    out.extend_from_slice(text.as_bytes());
}

/// A kind, then its text; lists are counted.
pub(super) fn put_value(value: &Value, out: &mut Vec<u8>) {
    let mut put = |kind: u8, text: &dyn Display| {
        out.push(kind);
        put_text(&text.to_string(), out);
    };
    match value {
        Value::Absent => out.push(0),
        Value::Null => out.push(1),
        Value::Bool(value) => put(2, value),
        Value::Int(value) => put(3, value),
        Value::Decimal(value) => put(4, value),
        Value::Text(text) => put(5, text),
        Value::Date(date) => put(6, date),
        Value::Time(time) => put(7, time),
        Value::DateTime(at) => put(8, at),
        Value::Json(json) => put(9, json),
        Value::List(items) => {
            out.push(10);
            put_varint(items.len() as u128, out);
            for item in items.iter() {
                put_value(item, out);
            }
        }
    }
}

pub(super) fn text<'a>(reader: &mut Reader<'a>) -> Result<&'a str, StoreError> {
    let length = reader.count()?;
    std::str::from_utf8(reader.take(length)?).or_else(|_| reader.fail())
}

pub(super) fn value(reader: &mut Reader<'_>) -> Result<Value, StoreError> {
    Ok(match reader.byte()? {
        0 => Value::Absent,
        1 => Value::Null,
        2 => Value::Bool(parsed(reader)?),
        3 => Value::Int(parsed(reader)?),
        4 => Value::Decimal(parsed(reader)?),
        5 => Value::text(text(reader)?),
        6 => Value::Date(parsed(reader)?),
        7 => Value::Time(parsed(reader)?),
        8 => Value::DateTime(parsed(reader)?),
        9 => Value::Json(Arc::new(parsed(reader)?)),
        10 => {
            let count = reader.count()?;
            let items: Result<Vec<Value>, StoreError> = (0..count).map(|_| value(reader)).collect();
            Value::List(items?.into())
        }
        _ => return reader.fail(),
    })
}

fn parsed<T: FromStr>(reader: &mut Reader<'_>) -> Result<T, StoreError> {
    text(reader)?.parse().or_else(|_| reader.fail())
}
