//! Records as CSV of the Bulk API 2.0 (section 7.3): every value quoted, null as an empty value.
//! May not choose rows or fields. Read [`write_rows`] first.

use super::number::{write_decimal, write_integer};
use crate::org::dates::{write_date, write_stamp};
use crate::org::schema::{Field, FieldType, Object};
use crate::org::soql::resolve::Access;
use crate::org::soql::select::Column;
use crate::org::store::Reader;
use crate::org::value::Value;

/// How Bulk results are written.
#[derive(Debug, Clone, Copy)]
pub struct CsvStyle {
    /// The byte between values.
    pub delimiter: u8,
    /// CRLF line ends in place of LF.
    pub crlf: bool,
}

impl Default for CsvStyle {
    fn default() -> Self {
        Self { delimiter: b',', crlf: false }
    }
}

/// Appends the header line.
pub(crate) fn write_header(columns: &[String], style: CsvStyle, out: &mut Vec<u8>) {
    for (number, column) in columns.iter().enumerate() {
        if number > 0 {
            out.push(style.delimiter);
        }
        write_text(column, out);
    }
    end_line(style, out);
}

/// Where the values of a column come from, looked up once for all rows.
struct Source<'a> {
    access: &'a Access,
    direct: Option<(&'a Object, &'a Field)>,
    kind: FieldType,
}

/// Appends rows.
pub(crate) fn write_rows(
    columns: &[Column],
    rows: &[u32],
    reader: Reader<'_>,
    style: CsvStyle,
    out: &mut Vec<u8>,
) {
    let schema = &reader.store.schema;
    let columns: Vec<Source<'_>> = columns
        .iter()
        .map(|column| Source {
            access: &column.access,
            direct: column.access.direct().map(|at| (schema.object(at.object), schema.field(at))),
            kind: column.access.sample().map_or(FieldType::Text, |at| schema.field(at).kind),
        })
        .collect();
    for row in rows {
        for (number, column) in columns.iter().enumerate() {
            if number > 0 {
                out.push(style.delimiter);
            }
            let value = match column.direct {
                Some((object, field)) => reader.read(object, field, *row),
                None => column.access.value(reader, *row),
            };
            write_value(&value, column.kind, reader, out);
        }
        end_line(style, out);
    }
}

fn end_line(style: CsvStyle, out: &mut Vec<u8>) {
    out.extend_from_slice(if style.crlf { b"\r\n" } else { b"\n" });
}

fn write_value(value: &Value<'_>, kind: FieldType, reader: Reader<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Text(text) if kind == FieldType::AnyType => {
            let decoded: Result<String, _> = serde_json::from_str(text);
            write_text(decoded.as_deref().unwrap_or(text), out);
            return;
        }
        Value::Text(text) => {
            write_text(text, out);
            return;
        }
        _ => {}
    }
    out.push(b'"');
    match value {
        Value::Null | Value::Text(_) => {}
        Value::Bool(on) => out.extend_from_slice(if *on { b"true" } else { b"false" }),
        Value::Number(mantissa, 0) if kind == FieldType::Int => write_integer(*mantissa, out),
        Value::Number(mantissa, scale) => write_decimal(*mantissa, *scale, out),
        Value::Date(days) => write_date(*days, out),
        Value::Stamp(seconds) => {
            write_stamp(*seconds, out);
            out.push(b'Z');
        }
        Value::Reference(at) => out.extend_from_slice(&reader.store.id_of(*at).long()),
    }
    out.push(b'"');
}

/// Appends a quoted text; inner quotes are doubled, line breaks stay.
fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut start = 0;
    if !bytes.contains(&b'"') {
        out.extend_from_slice(bytes);
        out.push(b'"');
        return;
    }
    while let Some(offset) = bytes[start..].iter().position(|byte| *byte == b'"') {
        out.extend_from_slice(&bytes[start..=start + offset]);
        out.push(b'"');
        start += offset + 1;
    }
    out.extend_from_slice(&bytes[start..]);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled_and_line_breaks_kept() {
        let mut out = Vec::new();
        write_text("Acme \"West\", Inc.\nline", &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "\"Acme \"\"West\"\", Inc.\nline\"");
    }
}
