//! JSON schemas (draft 2020-12) for editors, from the table.

use serde_json::{Map, Value, json};

use super::connections::CONNECTION;
use super::pipelines::PIPELINE;
use super::settings::SETTINGS;
use super::shape::{ByWord, Mapping, Shape};
use crate::spec::Choice;

/// The names of the schema files under `schemas/`.
pub const SCHEMAS: [&str; 3] = ["pipeline", "connection", "settings"];

/// The text of a schema file; `None` for another name.
pub fn render_schema(name: &str) -> Option<String> {
    let (title, mut schema) = match name {
        "pipeline" => ("sfsync pipeline", mapping(&PIPELINE)),
        "connection" => ("sfsync connection", by_word(&CONNECTION)),
        "settings" => ("sfsync settings", mapping(&SETTINGS)),
        _ => return None,
    };
    if let Value::Object(map) = &mut schema {
        let rest = std::mem::take(map);
        map.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        map.insert("title".to_owned(), json!(title));
        map.extend(rest);
    }
    serde_json::to_string_pretty(&schema).ok().map(|text| text + "\n")
}

fn mapping(mapping: &Mapping) -> Value {
    let mut properties = Map::new();
    for key in mapping.keys {
        let mut value = shape(&key.shape);
        if let Value::Object(map) = &mut value {
            let default =
                if key.default.is_empty() { String::new() } else { format!("\n\nDefault: {}", key.default) };
            map.insert("description".to_owned(), json!(format!("{}{default}", key.doc)));
        }
        properties.insert(key.name.to_owned(), value);
    }
    let required: Vec<&str> = mapping.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    let mut schema = json!({
        "type": "object",
        "description": mapping.doc,
        "properties": properties,
        "patternProperties": { "^x-": {} },
        "additionalProperties": false,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn by_word(by: &ByWord) -> Value {
    let cases: Vec<Value> = by
        .cases
        .iter()
        .map(|(choice, case)| {
            let mut schema = mapping(case);
            schema["properties"][by.key] = json!({ "const": choice.word, "description": choice.meaning });
            schema
        })
        .collect();
    json!({ "type": "object", "required": [by.key], "oneOf": cases })
}

fn choice(choices: &[Choice]) -> Value {
    let words: Vec<Value> =
        choices.iter().map(|choice| json!({ "const": choice.word, "description": choice.meaning.replace("{lookup}", "other record") })).collect();
    json!({ "oneOf": words })
}

/// Text, or a number or boolean that editors take for one: unquoted text in YAML.
fn text() -> Value {
    json!({ "type": ["string", "number", "boolean"] })
}

fn pattern(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern })
}

const PERIOD: &str = r"^[0-9]+ ?(s|m|h|d|w|seconds?|minutes?|hours?|days?|weeks?|months?|years?)$";

fn record() -> Value {
    json!({ "type": "object" })
}

fn shape(of: &Shape) -> Value {
    match of {
        Shape::Text | Shape::Template | Shape::Secret | Shape::Path | Shape::Sql | Shape::Timestamp => text(),
        Shape::Url | Shape::Soql | Shape::Timezone | Shape::Schedule | Shape::Expression => {
            json!({ "type": "string" })
        }
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::Int { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Shape::Period => pattern(PERIOD),
        Shape::Poll => json!({ "anyOf": [pattern(PERIOD), { "const": "off" }] }),
        Shape::Rate => pattern("^[0-9]+ per (second|minute|hour|day)$"),
        Shape::Share => {
            json!({ "anyOf": [pattern(r"^[0-9]+(\.[0-9]+)? ?%$"), { "type": "integer", "minimum": 1 }] })
        }
        Shape::Hours => pattern("^[0-9]{1,2}:[0-9]{2} ?- ?[0-9]{1,2}:[0-9]{2}$"),
        Shape::Name => pattern("^[a-z0-9_-]{1,60}$"),
        Shape::Object => pattern("^[A-Za-z][A-Za-z0-9_]*$"),
        Shape::ResourceRef => pattern(r"^[a-z0-9_-]{1,60}\.\S+$"),
        Shape::Protected => pattern(r"^[^.]+\.[^.].*$"),
        Shape::Request => pattern("^(none|(GET|POST|PUT|PATCH|DELETE) /[^ ]*)$"),
        Shape::UrlPath => pattern("^/"),
        Shape::Flow => json!({ "type": ["boolean", "string"] }),
        Shape::Literal => json!({}),
        Shape::Selector => json!({ "type": ["string", "number", "object"] }),
        Shape::Choice(choices) => choice(choices),
        Shape::List(item) => json!({ "type": "array", "items": shape(item) }),
        Shape::OneOrMore(item) => {
            json!({ "anyOf": [shape(item), { "type": "array", "items": shape(item) }] })
        }
        Shape::Map(case) => mapping(case),
        Shape::ByWord(by) => by_word(by),
        Shape::MapOf(each) => json!({ "type": "object", "additionalProperties": shape(&each.value) }),
        Shape::Either(short, case) => json!({ "anyOf": [shape(short), mapping(case)] }),
        Shape::Filters { .. } => {
            json!({ "anyOf": [record(), { "type": "array", "items": record(), "minItems": 1 }] })
        }
        Shape::Record => record(),
        Shape::RecordOrDeleted => json!({ "anyOf": [record(), { "const": "deleted" }] }),
    }
}
