//! Records as JSON.
//! May not choose rows or fields. Read [`Writer`] first.

use super::API_VERSION;
use super::number::{write_decimal, write_integer};
use crate::org::dates::{write_date, write_stamp};
use crate::org::schema::{Derived, Field, FieldRef, FieldType, Object, Source};
use crate::org::soql::aggregate::Groups;
use crate::org::soql::order;
use crate::org::soql::resolve::End;
use crate::org::soql::run::Scope;
use crate::org::soql::select::{ChildSet, Node};
use crate::org::store::Reader;
use crate::org::value::{RowRef, Value};

/// Writes records of one result.
pub(crate) struct Writer<'a> {
    pub(crate) scope: &'a Scope<'a>,
}

impl Writer<'_> {
    /// One record with its attributes.
    pub(crate) fn record(&self, at: RowRef, type_name: &str, nodes: &[Node], out: &mut Vec<u8>) {
        let store = self.reader().store;
        out.extend_from_slice(b"{\"attributes\":{\"type\":\"");
        out.extend_from_slice(type_name.as_bytes());
        out.extend_from_slice(b"\",\"url\":\"");
        let object = store.schema.table_object(at.table);
        let resource = if type_name == "Name" { &object.name } else { type_name };
        record_url(resource, &store.id_of(at).long(), out);
        out.extend_from_slice(b"\"}");
        for node in nodes {
            self.node(at, node, out);
        }
        out.push(b'}');
    }

    fn reader(&self) -> Reader<'_> {
        self.scope.reader
    }

    fn node(&self, at: RowRef, node: &Node, out: &mut Vec<u8>) {
        match node {
            Node::Field { key, end } => {
                write_key(key, out);
                self.end(at, end, out);
            }
            Node::Parent { key, hop, polymorphic, nodes } => {
                write_key(key, out);
                match self.reader().field(*hop, at.row) {
                    Value::Reference(parent) => {
                        let name = if *polymorphic { "Name" } else { self.object_name(parent) };
                        self.record(parent, name, nodes, out);
                    }
                    _ => out.extend_from_slice(b"null"),
                }
            }
            Node::Children { key, set } => {
                write_key(key, out);
                self.children(at, set, out);
            }
        }
    }

    fn object_name(&self, at: RowRef) -> &str {
        &self.reader().store.schema.table_object(at.table).name
    }

    fn end(&self, at: RowRef, end: &End, out: &mut Vec<u8>) {
        let field = match end {
            End::One(field) => Some(*field),
            End::ByTable(ends) => ends.iter().find(|(table, _)| *table == at.table).map(|(_, field)| *field),
            End::ObjectName => {
                write_text(self.object_name(at), out);
                return;
            }
        };
        match field {
            Some(field) => self.field(field, at.row, out),
            None => out.extend_from_slice(b"null"),
        }
    }

    fn field(&self, at: FieldRef, row: u32, out: &mut Vec<u8>) {
        let reader = self.reader();
        let object = reader.store.schema.object(at.object);
        let field = &object.fields[usize::from(at.field)];
        match (&field.source, field.kind) {
            (Source::Derived(Derived::Address(parts)), _) => self.address(object, parts, row, out),
            (_, FieldType::Base64) => self.blob_url(object, field, row, out),
            _ => write_value(&reader.read(object, field, row), field.kind, reader, out),
        }
    }

    /// Null when all parts are empty.
    fn address(&self, object: &Object, parts: &[(&str, u16)], row: u32, out: &mut Vec<u8>) {
        let reader = self.reader();
        let values: Vec<(&str, Value<'_>)> =
            parts.iter().map(|(key, column)| (*key, reader.column(object.table, *column, row))).collect();
        if values.iter().all(|(_, value)| value.is_null()) {
            out.extend_from_slice(b"null");
            return;
        }
        for (number, (key, value)) in values.iter().enumerate() {
            out.extend_from_slice(if number == 0 { b"{\"" } else { b",\"" });
            out.extend_from_slice(key.as_bytes());
            out.extend_from_slice(b"\":");
            write_value(value, FieldType::Double, reader, out);
        }
        out.push(b'}');
    }

    fn blob_url(&self, object: &Object, field: &Field, row: u32, out: &mut Vec<u8>) {
        if self.reader().read(object, field, row).is_null() {
            out.extend_from_slice(b"null");
            return;
        }
        let id = self.reader().store.id_of(RowRef { table: object.table, row });
        out.push(b'"');
        record_url(&object.name, &id.long(), out);
        out.push(b'/');
        out.extend_from_slice(field.name.as_bytes());
        out.push(b'"');
    }

    fn children(&self, parent: RowRef, set: &ChildSet, out: &mut Vec<u8>) {
        let rows = self.child_rows(parent, set);
        if rows.is_empty() {
            out.extend_from_slice(b"null");
            return;
        }
        let object = self.reader().store.schema.object(set.object);
        out.extend_from_slice(b"{\"totalSize\":");
        write_integer(i64::try_from(rows.len()).unwrap_or(0), out);
        out.extend_from_slice(b",\"done\":true,\"records\":[");
        for (number, row) in rows.iter().enumerate() {
            if number > 0 {
                out.push(b',');
            }
            self.record(RowRef { table: object.table, row: *row }, &object.name, &set.nodes, out);
        }
        out.extend_from_slice(b"]}");
    }

    fn child_rows(&self, parent: RowRef, set: &ChildSet) -> Vec<u32> {
        let reader = self.reader();
        let object = reader.store.schema.object(set.object);
        let Some(column) = object.fields[usize::from(set.lookup)].column() else { return Vec::new() };
        let mut rows: Vec<u32> = reader
            .store
            .table(object.table)
            .referring(column, parent.pack())
            .filter(|row| self.scope.sees_row(object, *row))
            .filter(|row| set.filter.as_ref().is_none_or(|filter| filter.accepts(reader, *row)))
            .collect();
        rows.sort_unstable();
        if !set.order.is_empty() {
            order::sort(&mut rows, &set.order, reader);
        }
        let skip = usize::try_from(set.offset).unwrap_or(usize::MAX);
        let take = set.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        rows.into_iter().skip(skip).take(take).collect()
    }
}

/// One row of an aggregate answer.
pub(crate) fn write_group(groups: &Groups, row: usize, reader: Reader<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"attributes\":{\"type\":\"AggregateResult\"}");
    for (key, value) in groups.keys.iter().zip(&groups.rows[row]) {
        write_key(key, out);
        let whole = matches!(value, Value::Number(_, 0));
        write_value(value, if whole { FieldType::Int } else { FieldType::Double }, reader, out);
    }
    out.push(b'}');
}

fn record_url(object: &str, id: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"/services/data/");
    out.extend_from_slice(API_VERSION.as_bytes());
    out.extend_from_slice(b"/sobjects/");
    out.extend_from_slice(object.as_bytes());
    out.push(b'/');
    out.extend_from_slice(id);
}

fn write_key(key: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
}

/// Appends a value in the form of section 3.4.
pub(crate) fn write_value(value: &Value<'_>, kind: FieldType, reader: Reader<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(on) => out.extend_from_slice(if *on { b"true" } else { b"false" }),
        Value::Number(mantissa, 0) if kind == FieldType::Int => write_integer(*mantissa, out),
        Value::Number(mantissa, scale) => write_decimal(*mantissa, *scale, out),
        Value::Date(days) => {
            out.push(b'"');
            write_date(*days, out);
            out.push(b'"');
        }
        Value::Stamp(seconds) => {
            out.push(b'"');
            write_stamp(*seconds, out);
            out.extend_from_slice(b"+0000\"");
        }
        // History values are kept as the JSON that they are answered with.
        Value::Text(text) if kind == FieldType::AnyType => out.extend_from_slice(text.as_bytes()),
        Value::Text(text) => write_text(text, out),
        Value::Reference(at) => {
            out.push(b'"');
            out.extend_from_slice(&reader.store.id_of(*at).long());
            out.push(b'"');
        }
    }
}

/// Appends a JSON string.
pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut start = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte >= 0x20 && *byte != b'"' && *byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[start..at]);
        start = at + 1;
        write_escape(*byte, out);
    }
    out.extend_from_slice(&bytes[start..]);
    out.push(b'"');
}

fn write_escape(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        other => {
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(other >> 4)]);
            out.push(HEX[usize::from(other & 15)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_from_a_json_parser() {
        for text in ["", "plain", "a\"b\\c\n\r\t\u{1}", "Ünïcödé 漢字 🙂", "\u{1f}"] {
            let mut out = Vec::new();
            write_text(text, &mut out);
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
