//! Reading single values out of a checked tree.

use crate::diag::{Diagnostic, Span};
use crate::model::{ConnectionName, PipelineName, Value};
use crate::spec::values::{Path, Period};
use crate::spec::yaml::{Data, Node};
use crate::spec::{Entry, Literal, Pairs, Scalar, SecretRef, Spanned, Template, secrets};

/// The entries of a mapping.
#[derive(Clone, Copy)]
pub(super) struct Fields<'n> {
    entries: &'n [(Scalar, Node)],
    pub(super) span: Span,
}

impl<'n> Fields<'n> {
    /// `None` where something else is, or something was reported.
    pub(super) fn of(node: &'n Node) -> Option<Self> {
        Some(Self { entries: node.entries()?, span: node.span })
    }

    pub(super) fn get(&self, key: &str) -> Option<(&'n Scalar, &'n Node)> {
        self.entries
            .iter()
            .find(|(name, value)| &*name.text == key && !matches!(value.data, Data::Bad))
            .map(|(name, value)| (name, value))
    }

    /// Whether the key is written at all, right or wrong.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(name, _)| &*name.text == key)
    }

    pub(super) fn entry<T>(
        &self,
        key: &str,
        mut read: impl FnMut(&'n Node) -> Option<T>,
    ) -> Option<Entry<T>> {
        let (name, node) = self.get(key)?;
        Some(Entry { key: name.span, value: read(node)?, span: node.span })
    }

    pub(super) fn text(&self, key: &str) -> Option<Entry<String>> {
        self.entry(key, text)
    }

    pub(super) fn bool(&self, key: &str) -> Option<Entry<bool>> {
        self.entry(key, |node| node.scalar()?.text.parse().ok())
    }

    pub(super) fn number<T: std::str::FromStr>(&self, key: &str) -> Option<Entry<T>> {
        self.entry(key, |node| node.scalar()?.text.parse().ok())
    }

    pub(super) fn word<T>(&self, key: &str, from_word: impl Fn(&str) -> Option<T>) -> Option<Entry<T>> {
        self.entry(key, |node| from_word(&node.scalar()?.text))
    }

    pub(super) fn path(&self, key: &str) -> Option<Entry<Path>> {
        self.entry(key, path)
    }

    pub(super) fn period(&self, key: &str) -> Option<Entry<Period>> {
        self.entry(key, |node| Period::parse(&node.scalar()?.text).ok())
    }

    /// A list, or one that stands for a list of one.
    pub(super) fn list<T>(
        &self,
        key: &str,
        read: impl Fn(&'n Node) -> Option<T>,
    ) -> Option<Entry<Vec<Spanned<T>>>> {
        self.entry(key, |node| Some(list(node, &read)))
    }

    /// The items of a list whose place does not matter.
    pub(super) fn items<T>(&self, key: &str, read: impl Fn(&'n Node) -> Option<T>) -> Vec<Spanned<T>> {
        self.list(key, read).map(|entry| entry.value).unwrap_or_default()
    }

    /// Free keys with their values.
    pub(super) fn pairs(&self) -> &'n [(Scalar, Node)] {
        self.entries
    }
}

/// The items of a node; one that is no list is a list of one.
pub(super) fn list<'n, T>(node: &'n Node, read: impl Fn(&'n Node) -> Option<T>) -> Vec<Spanned<T>> {
    let one = std::slice::from_ref(node);
    let items = node.items().unwrap_or(one);
    items.iter().filter_map(|item| Some(Spanned::new(read(item)?, item.span))).collect()
}

pub(super) fn text(node: &Node) -> Option<String> {
    Some(node.scalar()?.text.to_string())
}

pub(super) fn path(node: &Node) -> Option<Path> {
    Path::parse(&node.scalar()?.text).ok()
}

pub(super) fn pipeline_name(node: &Node) -> Option<PipelineName> {
    Some(PipelineName::from(&*node.scalar()?.text))
}

pub(super) fn connection_name(node: &Node) -> Option<ConnectionName> {
    Some(ConnectionName::from(&*node.scalar()?.text))
}

/// A key as a field name.
pub(super) fn key_path(key: &Scalar) -> Option<Spanned<Path>> {
    Some(Spanned::new(Path::parse(&key.text).ok()?, key.span))
}

/// Any value.
pub(super) fn literal(node: &Node) -> Option<Literal> {
    match &node.data {
        Data::Bad => None,
        Data::Scalar(scalar) => Some(Literal::of_scalar(scalar)),
        Data::List(items) => {
            let values: Option<Vec<Value>> = items.iter().map(|item| Some(literal(item)?.value)).collect();
            Some(Literal::of_value(Value::List(values?.into())))
        }
        Data::Map(_) => Some(Literal::of_value(Value::Json(json(node)?.into()))),
    }
}

fn json(node: &Node) -> Option<serde_json::Value> {
    Some(match &node.data {
        Data::Bad => return None,
        Data::List(items) => serde_json::Value::Array(items.iter().map(json).collect::<Option<_>>()?),
        Data::Map(entries) => {
            let pairs = entries.iter().map(|(key, value)| Some((key.text.to_string(), json(value)?)));
            serde_json::Value::Object(pairs.collect::<Option<_>>()?)
        }
        Data::Scalar(scalar) => match Literal::of_scalar(scalar).value {
            Value::Null | Value::Absent => serde_json::Value::Null,
            Value::Bool(value) => serde_json::Value::Bool(value),
            Value::Int(_) | Value::Decimal(_) => serde_json::from_str(&scalar.text).ok()?,
            _ => serde_json::Value::String(scalar.text.to_string()),
        },
    })
}

/// Field and value, of a record.
pub(super) fn record(node: &Node) -> Option<Vec<(Spanned<Path>, Spanned<Literal>)>> {
    let pairs = node.entries()?.iter();
    Some(
        pairs
            .filter_map(|(key, value)| Some((key_path(key)?, Spanned::new(literal(value)?, value.span))))
            .collect(),
    )
}

/// Texts with secrets of one file: collects the secrets, and what is wrong with them.
pub(super) struct Templates<'o> {
    /// The name of the connection, for names of variables.
    pub(super) owner: &'o str,
    pub(super) secrets: Vec<SecretRef>,
    pub(super) out: &'o mut Vec<Diagnostic>,
}

impl Templates<'_> {
    pub(super) fn read(&mut self, node: &Node) -> Option<Template> {
        let template = secrets::template(node.scalar()?, self.out);
        self.secrets.extend(template.secrets().cloned());
        Some(template)
    }

    pub(super) fn entry(&mut self, fields: &Fields<'_>, key: &str) -> Option<Entry<Template>> {
        fields.entry(key, |node| self.read(node))
    }

    /// A value that nobody should read in the file (W602).
    pub(super) fn secret(&mut self, fields: &Fields<'_>, key: &str) -> Option<Entry<Template>> {
        let (name, node) = fields.get(key)?;
        let template = self.read(node)?;
        let scalar = node.scalar()?;
        if template.plain().is_some() && !scalar.text.contains("${") {
            self.out.push(secrets::written_out(self.owner, &name.text, scalar));
        }
        Some(Entry { key: name.span, value: template, span: node.span })
    }

    /// Headers, parameters.
    pub(super) fn pairs(&mut self, fields: &Fields<'_>, key: &str) -> Pairs {
        let Some(pairs) = fields.get(key).and_then(|(_, node)| Fields::of(node)) else { return Vec::new() };
        pairs
            .pairs()
            .iter()
            .filter_map(|(name, node)| {
                let template = self.read(node)?;
                Some((Spanned::new(name.text.to_string(), name.span), Spanned::new(template, node.span)))
            })
            .collect()
    }
}
