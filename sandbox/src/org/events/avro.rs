//! Avro as events are written: datums, the parsing canonical form of a schema, and the id that is made of it.
//! May not know objects. Read [`schema_id`] first.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use md5::{Digest, Md5};
use serde_json::{Value as Json, json};

/// Namespace of all event schemas.
pub(super) const NAMESPACE: &str = "com.sforce.eventbus";

/// Appends a whole number: zigzag, seven bits a byte.
pub(super) fn long(value: i64, out: &mut Vec<u8>) {
    let mut rest = (value << 1).cast_unsigned() ^ (value >> 63).cast_unsigned();
    while rest >= 0x80 {
        out.push(low_bits(rest) | 0x80);
        rest >>= 7;
    }
    out.push(low_bits(rest));
}

fn low_bits(value: u64) -> u8 {
    u8::try_from(value & 0x7F).unwrap_or(0)
}

/// Appends a text behind its length.
pub(super) fn text(value: &str, out: &mut Vec<u8>) {
    long(i64::try_from(value.len()).unwrap_or(i64::MAX), out);
    out.extend_from_slice(value.as_bytes());
}

/// Appends an array of texts: one block, then its end.
pub(super) fn texts(values: &[String], out: &mut Vec<u8>) {
    if !values.is_empty() {
        long(i64::try_from(values.len()).unwrap_or(i64::MAX), out);
        for value in values {
            text(value, out);
        }
    }
    out.push(0);
}

/// The id of a schema: MD5 of its canonical form, in base 64 for addresses without padding.
pub(super) fn schema_id(schema: &Json) -> String {
    URL_SAFE_NO_PAD.encode(Md5::digest(canonical(schema).to_string()))
}

/// The parsing canonical form: full names, and nothing but what a reader needs, in the prescribed order.
fn canonical(schema: &Json) -> Json {
    match schema {
        Json::Array(branches) => branches.iter().map(canonical).collect(),
        Json::String(name) if is_primitive(name) => schema.clone(),
        Json::String(name) => full_name(name).into(),
        Json::Object(given) => match given.get("type").and_then(Json::as_str) {
            Some("record") => {
                let fields: Json = given["fields"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|field| json!({ "name": field["name"], "type": canonical(&field["type"]) }))
                    .collect();
                json!({ "name": name_of(schema), "type": "record", "fields": fields })
            }
            Some("enum") => json!({ "name": name_of(schema), "type": "enum", "symbols": given["symbols"] }),
            Some("array") => json!({ "type": "array", "items": canonical(&given["items"]) }),
            _ => canonical(&given["type"]),
        },
        _ => Json::Null,
    }
}

fn is_primitive(name: &str) -> bool {
    matches!(name, "null" | "boolean" | "int" | "long" | "float" | "double" | "bytes" | "string")
}

fn name_of(schema: &Json) -> String {
    full_name(schema["name"].as_str().unwrap_or(""))
}

fn full_name(name: &str) -> String {
    format!("{NAMESPACE}.{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_zigzag() {
        for (value, bytes) in [
            (0, vec![0]),
            (-1, vec![1]),
            (1, vec![2]),
            (64, vec![0x80, 1]),
            (i64::MIN, {
                let mut longest = vec![0xFF; 9];
                longest.push(1);
                longest
            }),
        ] {
            let mut out = Vec::new();
            long(value, &mut out);
            assert_eq!(out, bytes, "{value}");
        }
    }

    #[test]
    fn texts_are_a_block_and_an_end() {
        let mut out = Vec::new();
        texts(&["ab".to_owned()], &mut out);
        texts(&[], &mut out);
        assert_eq!(out, [2, 4, b'a', b'b', 0, 0]);
    }
}
