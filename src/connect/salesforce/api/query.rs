//! A page of a query (section 3) decoded straight into rows: the shape of the columns is known, so no tree of JSON is built,
//! and numbers are read from their text, never through a binary float. Read [`decode_page`] first.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::columns::{Columns, Record};
use super::convert::from_text;
use crate::model::{Kind, Text, Value};

/// One page.
#[derive(Debug)]
pub struct Page {
    /// Its records, in the order of the answer.
    pub records: Vec<Record>,
    /// Rows of the whole result.
    pub total: u64,
    /// Path of the next page; `None` on the last.
    pub next: Option<String>,
}

/// How the nested objects of a record map to columns.
#[derive(Debug)]
pub struct Shape {
    columns: Columns,
    root: Vec<Node>,
}

#[derive(Debug)]
struct Node {
    name: String,
    to: Target,
}

#[derive(Debug)]
enum Target {
    Column(usize, Kind),
    Parent(Vec<Node>),
}

impl Shape {
    /// Works out the shape of the columns once.
    pub fn new(columns: Columns) -> Self {
        let mut root = Vec::new();
        for (at, column) in columns.wire().iter().enumerate() {
            insert(&mut root, &column.path, Target::Column(at, column.kind));
        }
        Self { columns, root }
    }

    /// The columns.
    pub fn columns(&self) -> &Columns {
        &self.columns
    }
}

fn insert(nodes: &mut Vec<Node>, path: &str, leaf: Target) {
    let Some((parent, rest)) = path.split_once('.') else {
        nodes.push(Node { name: path.to_owned(), to: leaf });
        return;
    };
    let at = nodes
        .iter()
        .position(|node| matches!(node.to, Target::Parent(_)) && node.name.eq_ignore_ascii_case(parent))
        .unwrap_or_else(|| {
            nodes.push(Node { name: parent.to_owned(), to: Target::Parent(Vec::new()) });
            nodes.len() - 1
        });
    if let Target::Parent(children) = &mut nodes[at].to {
        insert(children, rest, leaf);
    }
}

/// Reads a page. Fails on anything that is not a page, such as HTML with status 200.
pub fn decode_page(body: &[u8], shape: &Shape) -> Result<Page, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(text(body)?);
    let page = PageSeed(shape).deserialize(&mut reader)?;
    reader.end()?;
    Ok(page)
}

/// Reads the answer of a retrieve by ids (section 6.2): a list in which records that are gone or hidden are null, which are left out.
pub fn decode_records(body: &[u8], shape: &Shape) -> Result<Vec<Record>, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(text(body)?);
    let mut records = RecordsSeed(shape).deserialize(&mut reader)?;
    reader.end()?;
    records.retain(|record| !record.id.as_str().is_empty());
    Ok(records)
}

/// A body as text: looked at once as a whole, not once more for each of its values.
fn text(body: &[u8]) -> Result<&str, serde_json::Error> {
    std::str::from_utf8(body).map_err(|error| serde_json::Error::custom(format!("it is not UTF-8: {error}")))
}

struct PageSeed<'a>(&'a Shape);

impl<'de> DeserializeSeed<'de> for PageSeed<'_> {
    type Value = Page;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Page, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for PageSeed<'_> {
    type Value = Page;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a page of a query")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Page, A::Error> {
        let (mut records, mut total, mut next, mut done) = (None, None, None, None);
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match key.as_ref() {
                "totalSize" => total = Some(map.next_value::<u64>()?),
                "done" => done = Some(map.next_value::<bool>()?),
                "nextRecordsUrl" => next = map.next_value::<Option<String>>()?,
                "records" => records = Some(map.next_value_seed(RecordsSeed(self.0))?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let records = records.ok_or_else(|| A::Error::missing_field("records"))?;
        let total = total.ok_or_else(|| A::Error::missing_field("totalSize"))?;
        if done == Some(false) && next.is_none() {
            return Err(A::Error::missing_field("nextRecordsUrl"));
        }
        Ok(Page { records, total, next })
    }
}

struct RecordsSeed<'a>(&'a Shape);

impl<'de> DeserializeSeed<'de> for RecordsSeed<'_> {
    type Value = Vec<Record>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Record>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for RecordsSeed<'_> {
    type Value = Vec<Record>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<Record>, A::Error> {
        let mut records = Vec::new();
        loop {
            let mut record = self.0.columns.record();
            let object = ObjectSeed { nodes: &self.0.root, columns: &self.0.columns, record: &mut record };
            if seq.next_element_seed(object)?.is_none() {
                return Ok(records);
            }
            records.push(record);
        }
    }
}

/// A record or one of its parents.
struct ObjectSeed<'a> {
    nodes: &'a [Node],
    columns: &'a Columns,
    record: &'a mut Record,
}

impl<'de> DeserializeSeed<'de> for ObjectSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ObjectSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    /// A missing parent: its columns stay null.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        // Keys come in SELECT order, so the next one is nearly always the expected one.
        let mut expected = 0;
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            let Some(at) = find(self.nodes, &key, expected) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            expected = at + 1;
            match &self.nodes[at].to {
                Target::Column(column, kind) => {
                    let value = map.next_value_seed(CellSeed(*kind))?;
                    self.columns.place(*column, value, self.record);
                }
                Target::Parent(nodes) => {
                    map.next_value_seed(ObjectSeed {
                        nodes,
                        columns: self.columns,
                        record: &mut *self.record,
                    })?;
                }
            }
        }
        Ok(())
    }
}

fn find(nodes: &[Node], key: &str, expected: usize) -> Option<usize> {
    match nodes.get(expected) {
        Some(node) if node.name == key => Some(expected),
        _ => nodes.iter().position(|node| node.name.eq_ignore_ascii_case(key)),
    }
}

/// One value.
struct CellSeed(Kind);

impl<'de> DeserializeSeed<'de> for CellSeed {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match self.0 {
            Kind::Int | Kind::Decimal => {
                let raw = <&serde_json::value::RawValue>::deserialize(deserializer)?.get();
                Ok(number(raw, self.0))
            }
            _ => deserializer.deserialize_any(self),
        }
    }
}

/// A number from its text as it stands in the answer.
fn number(raw: &str, kind: Kind) -> Value {
    match raw {
        "null" => Value::Null,
        text if text.starts_with('"') => {
            serde_json::from_str::<Cow<'_, str>>(text).map_or(Value::Null, |text| from_text(&text, kind))
        }
        text => from_text(text, kind),
    }
}

impl<'de> Visitor<'de> for CellSeed {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(from_text(text, self.0))
    }

    /// An object (address, location), or a number in a column of any kind, which arrives as a map as well.
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
        let json = serde_json::Value::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
        Ok(match json {
            serde_json::Value::Number(number) if self.0 == Kind::Any => {
                from_text(number.as_str(), Kind::Decimal)
            }
            serde_json::Value::Number(number) => Value::Text(Text::new(number.as_str())),
            other => Value::Json(Arc::new(other)),
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Value, A::Error> {
        let json = serde_json::Value::deserialize(serde::de::value::SeqAccessDeserializer::new(seq))?;
        Ok(Value::Json(Arc::new(json)))
    }
}

#[cfg(test)]
mod tests;
