//! Avro datums, read by the schema of their writer. What comes from outside cannot make it panic, recurse without end, or take more
//! memory than the datum is long. Read [`Schema`] first.

use std::collections::HashMap;

use serde_json::Value as Json;

/// How deep schemas and datums may go.
const DEEPEST: usize = 24;
/// Items of one datum that take no bytes: an array of them would be memory for nothing.
const MOST_EMPTY: usize = 10_000;

/// A schema or a datum that cannot be read, and where it stopped making sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event cannot be read: {0}")]
pub(super) struct Unreadable(pub(super) &'static str);

/// A schema that was read.
#[derive(Debug)]
pub(super) struct Schema {
    nodes: Vec<Node>,
    root: usize,
}

#[derive(Debug)]
enum Node {
    Null,
    Boolean,
    Number,
    Float,
    Double,
    Bytes,
    Fixed(usize),
    Text,
    Enum(Vec<String>),
    Array(usize),
    Map(usize),
    Union(Vec<usize>),
    Record(Vec<(String, usize)>),
}

/// A value of a datum.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // the kinds of Avro
pub(super) enum Datum<'a> {
    Null,
    Boolean(bool),
    Number(i64),
    Double(f64),
    Bytes(&'a [u8]),
    Text(&'a str),
    /// The symbol; nothing for one that the schema does not have.
    Symbol(Option<&'a str>),
    List(Vec<Datum<'a>>),
    Record(Vec<(&'a str, Datum<'a>)>),
}

impl<'a> Datum<'a> {
    /// A field of a record.
    pub(super) fn field(&self, name: &str) -> Option<&Datum<'a>> {
        match self {
            Self::Record(fields) => fields.iter().find(|(known, _)| *known == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// A text, or the word of an enum.
    pub(super) fn text(&self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Symbol(symbol) => *symbol,
            _ => None,
        }
    }

    /// A whole number.
    pub(super) fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The texts of a list.
    pub(super) fn texts(&self) -> Option<Vec<&'a str>> {
        match self {
            Self::List(items) => items.iter().map(Datum::text).collect(),
            _ => None,
        }
    }
}

impl Schema {
    /// Reads the text of a schema.
    pub(super) fn parse(json: &str) -> Result<Self, Unreadable> {
        let json: Json = serde_json::from_str(json).map_err(|_| Unreadable("its schema is no JSON"))?;
        let mut builder = Builder::default();
        let root = builder.node(&json, 0)?;
        Ok(Self { nodes: builder.nodes, root })
    }

    /// Names of the fields of the record, in their order, each with the fields of its own record if it is a compound.
    pub(super) fn fields(&self) -> Vec<(&str, Vec<&str>)> {
        let Node::Record(fields) = &self.nodes[self.root] else { return Vec::new() };
        fields.iter().map(|(name, node)| (name.as_str(), self.parts(*node))).collect()
    }

    fn parts(&self, node: usize) -> Vec<&str> {
        match &self.nodes[node] {
            Node::Record(fields) => fields.iter().map(|(name, _)| name.as_str()).collect(),
            Node::Union(branches) => {
                let record = branches.iter().find(|branch| matches!(self.nodes[**branch], Node::Record(_)));
                record.map(|record| self.parts(*record)).unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }

    /// The whole datum.
    #[cfg(test)]
    pub(super) fn read<'a>(&'a self, datum: &'a [u8]) -> Result<Datum<'a>, Unreadable> {
        let mut reader = Reader { schema: self, rest: datum, empty: 0 };
        let value = reader.value(self.root, 0)?;
        if reader.rest.is_empty() { Ok(value) } else { Err(Unreadable("bytes are left over")) }
    }

    /// The first field of the record alone: the header of a change event, without a look at the rest.
    pub(super) fn read_first<'a>(&'a self, datum: &'a [u8]) -> Result<Datum<'a>, Unreadable> {
        let Node::Record(fields) = &self.nodes[self.root] else { return Err(Unreadable("it is no record")) };
        let (_, first) = fields.first().ok_or(Unreadable("it has no fields"))?;
        Reader { schema: self, rest: datum, empty: 0 }.value(*first, 0)
    }
}

#[derive(Default)]
struct Builder {
    nodes: Vec<Node>,
    named: HashMap<String, usize>,
}

impl Builder {
    fn add(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn node(&mut self, json: &Json, depth: usize) -> Result<usize, Unreadable> {
        if depth > DEEPEST {
            return Err(Unreadable("its schema is too deep"));
        }
        match json {
            Json::String(name) => self.called(name),
            Json::Array(branches) => {
                let branches =
                    branches.iter().map(|branch| self.node(branch, depth + 1)).collect::<Result<_, _>>()?;
                Ok(self.add(Node::Union(branches)))
            }
            Json::Object(_) => self.complex(json, depth),
            _ => Err(Unreadable("its schema has an unknown type")),
        }
    }

    fn called(&mut self, name: &str) -> Result<usize, Unreadable> {
        let node = match name {
            "null" => Node::Null,
            "boolean" => Node::Boolean,
            "int" | "long" => Node::Number,
            "float" => Node::Float,
            "double" => Node::Double,
            "bytes" => Node::Bytes,
            "string" => Node::Text,
            other => {
                let known = self.named.get(other.rsplit('.').next().unwrap_or(other));
                return known.copied().ok_or(Unreadable("its schema names an unknown type"));
            }
        };
        Ok(self.add(node))
    }

    fn complex(&mut self, json: &Json, depth: usize) -> Result<usize, Unreadable> {
        let kind = &json["type"];
        match kind.as_str() {
            Some("record") => {
                // A name of its own before its fields: a field may be of the record's own type.
                let at = self.add(Node::Record(Vec::new()));
                self.name(json, at);
                let fields = json["fields"].as_array().ok_or(Unreadable("a record has no fields"))?;
                let mut read = Vec::with_capacity(fields.len());
                for field in fields {
                    let name = field["name"].as_str().ok_or(Unreadable("a field has no name"))?;
                    read.push((name.to_owned(), self.node(&field["type"], depth + 1)?));
                }
                self.nodes[at] = Node::Record(read);
                Ok(at)
            }
            Some("enum") => {
                let symbols = json["symbols"].as_array().ok_or(Unreadable("an enum has no symbols"))?;
                let symbols = symbols.iter().filter_map(Json::as_str).map(str::to_owned).collect();
                let at = self.add(Node::Enum(symbols));
                self.name(json, at);
                Ok(at)
            }
            Some("fixed") => {
                let size = json["size"].as_u64().and_then(|size| usize::try_from(size).ok());
                let at = self.add(Node::Fixed(size.ok_or(Unreadable("a fixed type has no size"))?));
                self.name(json, at);
                Ok(at)
            }
            Some("array") => {
                let items = self.node(&json["items"], depth + 1)?;
                Ok(self.add(Node::Array(items)))
            }
            Some("map") => {
                let values = self.node(&json["values"], depth + 1)?;
                Ok(self.add(Node::Map(values)))
            }
            _ => self.node(kind, depth + 1),
        }
    }

    fn name(&mut self, json: &Json, at: usize) {
        if let Some(name) = json["name"].as_str() {
            self.named.insert(name.rsplit('.').next().unwrap_or(name).to_owned(), at);
        }
    }
}

struct Reader<'a> {
    schema: &'a Schema,
    rest: &'a [u8],
    empty: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, node: usize, depth: usize) -> Result<Datum<'a>, Unreadable> {
        if depth > DEEPEST {
            return Err(Unreadable("it is too deep"));
        }
        let schema = self.schema;
        Ok(match &schema.nodes[node] {
            Node::Null => Datum::Null,
            Node::Boolean => Datum::Boolean(self.take(1)? != [0]),
            Node::Number => Datum::Number(self.long()?),
            Node::Float => Datum::Double(f64::from(f32::from_le_bytes(self.array()?))),
            Node::Double => Datum::Double(f64::from_le_bytes(self.array()?)),
            Node::Bytes => Datum::Bytes(self.counted()?),
            Node::Fixed(size) => Datum::Bytes(self.take(*size)?),
            Node::Text => Datum::Text(self.text()?),
            Node::Enum(symbols) => {
                let at = usize::try_from(self.long()?).map_err(|_| Unreadable("an enum is negative"))?;
                Datum::Symbol(symbols.get(at).map(String::as_str))
            }
            Node::Array(items) => {
                Datum::List(self.blocks(depth, |reader, depth| reader.value(*items, depth))?)
            }
            Node::Map(values) => Datum::List(self.blocks(depth, |reader, depth| {
                reader.text()?;
                reader.value(*values, depth)
            })?),
            Node::Union(branches) => {
                let branch = usize::try_from(self.long()?).ok().and_then(|at| branches.get(at));
                self.value(*branch.ok_or(Unreadable("a union has no such branch"))?, depth + 1)?
            }
            Node::Record(fields) => {
                let mut read = Vec::with_capacity(fields.len());
                for (name, field) in fields {
                    read.push((name.as_str(), self.value(*field, depth + 1)?));
                }
                Datum::Record(read)
            }
        })
    }

    /// Blocks of items until an empty one; a negative count has the size of the block behind it.
    fn blocks(
        &mut self,
        depth: usize,
        mut item: impl FnMut(&mut Self, usize) -> Result<Datum<'a>, Unreadable>,
    ) -> Result<Vec<Datum<'a>>, Unreadable> {
        let mut items = Vec::new();
        loop {
            let count = self.long()?;
            if count < 0 {
                self.long()?;
            }
            if count == 0 {
                return Ok(items);
            }
            for _ in 0..count.unsigned_abs() {
                let before = self.rest.len();
                items.push(item(self, depth + 1)?);
                self.empty += usize::from(before == self.rest.len());
                if self.empty > MOST_EMPTY {
                    return Err(Unreadable("it has too many empty items"));
                }
            }
        }
    }

    fn long(&mut self) -> Result<i64, Unreadable> {
        let mut value: u64 = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
            }
        }
        Err(Unreadable("a number has no end"))
    }

    fn text(&mut self) -> Result<&'a str, Unreadable> {
        std::str::from_utf8(self.counted()?).map_err(|_| Unreadable("a text is no UTF-8"))
    }

    fn counted(&mut self) -> Result<&'a [u8], Unreadable> {
        let length = usize::try_from(self.long()?).map_err(|_| Unreadable("a length is negative"))?;
        self.take(length)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        self.take(N)?.try_into().map_err(|_| Unreadable("it is cut off"))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Unreadable> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Unreadable("it is cut off"))?;
        self.rest = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests;
