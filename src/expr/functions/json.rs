//! Functions of JSON.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;

use jsonpath_rust::parser::model::{JpQuery, Segment, Selector};
use jsonpath_rust::parser::parse_json_path;
use jsonpath_rust::query::js_path_process;
use serde_json::Value as Json;

use crate::expr::Context;
use crate::expr::operators::{MAX_ITEMS, MAX_TEXT};
use crate::expr::stop::{Outcome, limit, misfit};
use crate::model::Value;

use super::{Args, Function, arg, text_arg};

const GROUP: &str = "JSON";

pub(super) const TABLE: &[Function] = &[
    Function::new(
        GROUP,
        "path(x, jsonpath)",
        "What a JSONPath (RFC 9535) finds: one value, or a list if the path can find several.",
        (2, 2),
        path,
    )
    .examples(&[
        (r#"path(#{a: [#{b: 7}]}, "$.a[0].b")"#, "7"),
        (r#"path(#{a: [#{b: 7}, #{b: 8}]}, "$.a[*].b")"#, "[7, 8]"),
        (r#"path(#{a: 1}, "$.x")"#, "null"),
    ])
    .literal(|argument, text| {
        let fine = argument != 1 || parse_json_path(text).is_ok();
        if fine { Ok(()) } else { Err("the JSONPath is not valid, write it as in \"$.a[0].b\"".to_owned()) }
    }),
    Function::new(GROUP, "json(x)", "As JSON text.", (1, 1), |_, args| {
        Ok(arg("json", args, 0)?.to_json().to_string().into())
    })
    .examples(&[(r#"json(["a", 1.5])"#, r#""[\"a\",1.5]""#)]),
    Function::new(GROUP, "parse_json(text)", "What the JSON text says.", (1, 1), parse_json)
        .examples(&[(r#"parse_json("[1, 2.50]")"#, "[1, 2.5]"), (r#"parse_json("{\"a\": 1}").a"#, "1")]),
];

fn parse_json(_: &dyn Context, args: Args<'_>) -> Outcome<Value> {
    let text = text_arg("parse_json", args, 0)?;
    match text.trim() {
        "" => Ok(Value::Null),
        trimmed if trimmed.len() > MAX_TEXT => limit("a text of more than 1 MiB"),
        trimmed => match serde_json::from_str::<Json>(trimmed) {
            Ok(json) => Ok(Value::from_json(&json)),
            Err(_) => misfit("parse_json(): the text is not JSON"),
        },
    }
}

fn path(_: &dyn Context, args: Args<'_>) -> Outcome<Value> {
    let value = arg("path", args, 0)?;
    let json = match value {
        Value::Json(json) => Cow::Borrowed(&**json),
        other => Cow::Owned(other.to_json()),
    };
    with_path(&text_arg("path", args, 1)?, |query| {
        let Ok(found) = js_path_process(query, &*json) else {
            return misfit("path(): the JSONPath cannot be followed");
        };
        let mut found = found.into_iter().map(|item| Value::from_json(item.val()));
        if finds_one(query) {
            return Ok(found.next().unwrap_or_default());
        }
        let items: Vec<Value> = found.take(MAX_ITEMS + 1).collect();
        Ok(Value::List(items.into()))
    })
}

/// RFC 9535 calls this a singular query: names and indexes only.
fn finds_one(query: &JpQuery) -> bool {
    query
        .segments
        .iter()
        .all(|segment| matches!(segment, Segment::Selector(Selector::Name(_) | Selector::Index(_))))
}

/// Paths are nearly always literals: parsed once per thread, the few latest are kept.
fn with_path(text: &str, apply: impl FnOnce(&JpQuery) -> Outcome<Value>) -> Outcome<Value> {
    thread_local! {
        static PARSED: RefCell<HashMap<String, JpQuery>> = RefCell::default();
    }
    PARSED.with_borrow_mut(|parsed| {
        if let Some(query) = parsed.get(text) {
            return apply(query);
        }
        let Ok(query) = parse_json_path(text) else { return misfit("path(): the JSONPath is not valid") };
        if parsed.len() >= 64 {
            parsed.clear();
        }
        apply(parsed.entry(text.to_owned()).or_insert(query))
    })
}
