//! References to records of other pipelines. The shell asks [`needed`] which ids a batch wants, reads their links at once,
//! and hands the answers to the mapping as a [`LookupTable`].

use std::collections::HashMap;

use crate::model::{Key, Kind, PipelineName, Row, Side, Value};
use crate::plan::{Flow, Pipeline, WritePolicy};

/// One id that a row wants translated, and the pipelines that may know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    /// Index of the row.
    pub row: usize,
    /// The id on the source side.
    pub key: Key,
}

/// The ids that the copied lookups of a record want, for a flow towards a side. Computed lookups are found while mapping:
/// the mapping then stops with the key it lacks.
pub fn needed(pipeline: &Pipeline, source: &Row, towards: Side) -> Vec<Needed> {
    let mut all = Vec::new();
    for (row, mapping) in pipeline.rows.iter().enumerate() {
        let silent = mapping.write == WritePolicy::Off || !matches!(mapping.flow_to(towards), Flow::Copy);
        if mapping.lookup.is_none() || silent {
            continue;
        }
        let Some(field) = mapping.field_on(towards.other()) else { continue };
        if let Some(key) = lookup_key(source.get(field), towards.other()) {
            all.push(Needed { row, key });
        }
    }
    all
}

/// The key a value stands for on a side; `None` for nothing.
pub fn lookup_key(value: &Value, side: Side) -> Option<Key> {
    match (side, value) {
        (_, value) if value.is_blank() => None,
        (Side::Salesforce, Value::Text(id)) => Some(Key::salesforce(id)),
        (_, value) => Key::from_value(value),
    }
}

/// What is known about ids of other pipelines: (pipeline, source side, key) → linked key. A key that is present with `None` was
/// looked up and is not linked.
#[derive(Clone, Debug, Default)]
pub struct LookupTable {
    known: HashMap<(PipelineName, Side, Key), Option<Key>>,
}

impl LookupTable {
    /// Remembers an answer.
    pub fn insert(&mut self, pipeline: PipelineName, from: Side, key: Key, linked: Option<Key>) {
        self.known.insert((pipeline, from, key), linked);
    }

    /// Whether the answer is known, linked or not.
    pub fn knows(&self, pipeline: &PipelineName, from: Side, key: &Key) -> bool {
        self.known.contains_key(&(pipeline.clone(), from, key.clone()))
    }

    /// The linked key.
    pub fn linked(&self, pipeline: &PipelineName, from: Side, key: &Key) -> Option<&Key> {
        self.known.get(&(pipeline.clone(), from, key.clone())).and_then(Option::as_ref)
    }
}

/// A linked key as a value of the target field.
pub(super) fn key_value(key: &Key, kind: Kind) -> Value {
    match kind {
        Kind::Int | Kind::Decimal | Kind::Any => {
            key.as_str().parse().map_or_else(|_| Value::text(key.as_str()), Value::Int)
        }
        _ => Value::text(key.as_str()),
    }
}
