//! Functions of lists. Those with a closure get their calls from the evaluator.

use std::collections::BTreeSet;

use crate::expr::Context;
use crate::expr::operators::{MAX_TEXT, condition, equal, order, weight};
use crate::expr::stop::{Outcome, limit, misfit};
use crate::model::Value;

use super::{Args, Body, Function, arg, list_arg, wrong};

const GROUP: &str = "lists";

/// What is done with the answers of a closure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closure {
    Map,
    Filter,
    Any,
    All,
}

pub(super) const TABLE: &[Function] = &[
    closure("map(list, |item| …)", "The list of what the closure makes of every item.", Closure::Map)
        .examples(&[(r#"["A", "B"].map(|item| lower(item))"#, r#"["a", "b"]"#)]),
    closure("filter(list, |item| …)", "The items for which the closure is true.", Closure::Filter)
        .examples(&[("[1, 5, 9].filter(|item| item > 3)", "[5, 9]")]),
    closure("any(list, |item| …)", "Whether the closure is true for one of the items.", Closure::Any)
        .examples(&[("[1, 5].any(|item| item > 3)", "true")]),
    closure("all(list, |item| …)", "Whether the closure is true for all items.", Closure::All)
        .examples(&[("[1, 5].all(|item| item > 3)", "false")]),
    Function::new(GROUP, "first(list)", "The first item, null if there is none.", (1, 1), |_, args| {
        Ok(list_arg("first", args, 0)?.first().cloned().unwrap_or_default())
    })
    .examples(&[("first([3, 1])", "3"), ("first([])", "null")]),
    Function::new(GROUP, "last(list)", "The last item, null if there is none.", (1, 1), |_, args| {
        Ok(list_arg("last", args, 0)?.last().cloned().unwrap_or_default())
    })
    .examples(&[("last([3, 1])", "1")]),
    Function::new(GROUP, "sort(list)", "In order, empty items last.", (1, 1), sort)
        .examples(&[(r#"sort(["b", "a"])"#, r#"["a", "b"]"#), ("sort([3, null, 1.5])", "[1.5, 3, null]")]),
    Function::new(
        GROUP,
        "unique(list)",
        "Every item once, in the order of first appearance.",
        (1, 1),
        unique,
    )
    .examples(&[(r#"unique(["a", "b", "a"])"#, r#"["a", "b"]"#)]),
    Function::new(GROUP, "len(x)", "The number of items of a list or of characters of a text.", (1, 1), len)
        .examples(&[("len([1, 2, 3])", "3"), (r#"len("Åre")"#, "3")]),
];

const fn closure(signature: &'static str, doc: &'static str, closure: Closure) -> Function {
    Function::with_body(GROUP, signature, doc, (2, 2), Body::Closure(closure))
}

impl Closure {
    fn name(self) -> &'static str {
        match self {
            Self::Map => "map",
            Self::Filter => "filter",
            Self::Any => "any",
            Self::All => "all",
        }
    }

    /// Runs the closure over the items. A list of nothing is nothing.
    pub(crate) fn apply(
        self,
        list: &Value,
        mut call: impl FnMut(&Value) -> Outcome<Value>,
    ) -> Outcome<Value> {
        let items = match list {
            Value::List(items) => items,
            Value::Null | Value::Absent => return Ok(Value::Null),
            other => return wrong(self.name(), "a list", other),
        };
        let mut holds = |item: &Value| call(item).and_then(|answer| condition(&answer));
        match self {
            Self::Map => {
                let mut made = Vec::with_capacity(items.len());
                let mut bytes = 0;
                for item in items.iter() {
                    let value = call(item)?;
                    bytes += weight(&value);
                    if bytes > MAX_TEXT {
                        return limit("a list with more than 1 MiB of text");
                    }
                    made.push(value);
                }
                Ok(Value::List(made.into()))
            }
            Self::Filter => {
                let mut kept = Vec::new();
                for item in items.iter() {
                    if holds(item)? {
                        kept.push(item.clone());
                    }
                }
                Ok(Value::List(kept.into()))
            }
            Self::Any => decide(items, |item| holds(item), true),
            Self::All => decide(items, |item| holds(item), false),
        }
    }
}

/// Stops at the first item whose answer decides.
fn decide(items: &[Value], mut holds: impl FnMut(&Value) -> Outcome<bool>, decisive: bool) -> Outcome<Value> {
    for item in items {
        if holds(item)? == decisive {
            return Ok(Value::Bool(decisive));
        }
    }
    Ok(Value::Bool(!decisive))
}

fn sort(context: &dyn Context, args: Args<'_>) -> Outcome<Value> {
    let mut items = list_arg("sort", args, 0)?.to_vec();
    // One kind only: an order between kinds would not be an order.
    let kinds = items.iter().filter(|item| !item.is_null()).map(|item| match item {
        Value::Int(_) => "decimal",
        other => other.kind_name(),
    });
    let kinds: BTreeSet<_> = kinds.collect();
    if kinds.len() > 1 || kinds.contains("list") || kinds.contains("object") {
        return misfit("sort() takes a list of texts, of numbers or of dates");
    }
    items.sort_by(|a, b| match order(a, b, context) {
        Ok(Some(order)) => order,
        _ => a.is_null().cmp(&b.is_null()),
    });
    Ok(Value::List(items.into()))
}

fn unique(context: &dyn Context, args: Args<'_>) -> Outcome<Value> {
    let mut kept: Vec<Value> = Vec::new();
    for item in list_arg("unique", args, 0)? {
        if !kept.iter().any(|known| equal(known, item, context)) {
            kept.push(item.clone());
        }
    }
    Ok(Value::List(kept.into()))
}

fn len(_: &dyn Context, args: Args<'_>) -> Outcome<Value> {
    let length = match arg("len", args, 0)? {
        Value::List(items) => items.len(),
        Value::Text(text) => text.chars().count(),
        Value::Json(json) => json.as_object().map_or(0, serde_json::Map::len),
        other => return wrong("len", "a list or text", other),
    };
    Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}
