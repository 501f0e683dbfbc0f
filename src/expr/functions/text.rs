//! Functions of text.

use std::cell::RefCell;
use std::collections::HashMap;

use regex::{Regex, RegexBuilder};

use crate::expr::Context;
use crate::expr::operators::{MAX_TEXT, append, equal};
use crate::expr::stop::{Outcome, limit, misfit};
use crate::model::Value;

use super::{Args, Function, arg, list_arg, text_arg, whole_arg};

const GROUP: &str = "text";

pub(super) const TABLE: &[Function] = &[
    Function::new(GROUP, "lower(text)", "In small letters.", (1, 1), lower)
        .examples(&[(r#"lower("Acme AB")"#, r#""acme ab""#)]),
    Function::new(GROUP, "upper(text)", "In capital letters.", (1, 1), upper)
        .examples(&[(r#"upper("se")"#, r#""SE""#)]),
    Function::new(GROUP, "trim(text)", "Without spaces and line breaks at both ends.", (1, 1), trim)
        .examples(&[(r#"trim("  Acme ")"#, r#""Acme""#)]),
    Function::new(GROUP, "title(text)", "Every word with a capital first letter.", (1, 1), title)
        .examples(&[(r#"title("new YORK")"#, r#""New York""#)]),
    Function::new(GROUP, "replace(text, old, new)", "Every `old` replaced by `new`.", (3, 3), replace)
        .examples(&[(r#"replace("a/b/c", "/", "-")"#, r#""a-b-c""#)]),
    Function::new(
        GROUP,
        "split(text, separator)",
        "The parts between the separators, as a list.",
        (2, 2),
        split,
    )
    .examples(&[(r#"split("a;b", ";")"#, r#"["a", "b"]"#)]),
    Function::new(
        GROUP,
        "join(list, separator)",
        "The items in one text; empty items are left out.",
        (2, 2),
        join,
    )
    .examples(&[(r#"join(["a", null, "b"], ", ")"#, r#""a, b""#)]),
    Function::new(GROUP, "truncate(text, length)", "At most this many characters.", (2, 2), truncate)
        .examples(&[(r#"truncate("Example", 4)"#, r#""Exam""#), (r#"truncate("Åbö", 2)"#, r#""Åb""#)]),
    Function::new(
        GROUP,
        "contains(text, part)",
        "Whether the text has this part, or the list this item; also `part in text`.",
        (2, 2),
        contains,
    )
    .examples(&[(r#"contains("Closed Won", "Won")"#, "true"), (r#""b" in ["a", "b"]"#, "true")]),
    Function::new(GROUP, "starts_with(text, start)", "Whether the text begins so.", (2, 2), starts_with)
        .examples(&[(r#"starts_with("006A1", "006")"#, "true")]),
    Function::new(GROUP, "ends_with(text, end)", "Whether the text ends so.", (2, 2), ends_with)
        .examples(&[(r#"ends_with("report.pdf", ".pdf")"#, "true")]),
    Function::new(GROUP, "matches(text, regex)", "Whether the regular expression is found.", (2, 2), matches)
        .examples(&[(r#"matches("INV-042", "^INV-\\d+$")"#, "true")])
        .literal(regex_literal),
    Function::new(
        GROUP,
        "extract(text, regex)",
        "What the first group of the regular expression found; null if nothing.",
        (2, 2),
        extract,
    )
    .examples(&[(r#"extract("INV-042", "(\\d+)")"#, r#""042""#), (r#"extract("none", "(\\d+)")"#, "null")])
    .literal(regex_literal),
    Function::new(
        GROUP,
        "pad(text, length)",
        "Filled at the front to this length, with zeros or with the character given as third argument.",
        (2, 3),
        pad,
    )
    .examples(&[(r"pad(42, 6)", r#""000042""#), (r#"pad("a", 3, ".")"#, r#""..a""#)]),
    Function::new(
        GROUP,
        "to_text(x)",
        "As text: numbers without needless zeros, dates as ISO 8601.",
        (1, 1),
        to_text,
    )
    .examples(&[("to_text(62.0)", r#""62""#), ("to_text(true)", r#""true""#)]),
    Function::new(
        GROUP,
        "is_blank(x)",
        "True for null, empty text, spaces and an empty list.",
        (1, 1),
        |_, args| Ok(Value::Bool(args.first().is_none_or(|value| value.is_blank()))),
    )
    .examples(&[(r#"is_blank("  ")"#, "true"), ("is_blank(null)", "true"), ("is_blank(0)", "false")])
    .with_null(),
];

fn lower(_: &dyn Context, args: Args<'_>) -> Outcome<Value> {
    Ok(text_arg("lower", args, 0)?.to_lowercase().into())
}

fn upper(_: &dyn Context, args: Args<'_>) -> Outcome<Value> {
    Ok(text_arg("upper", args, 0)?.to_uppercase().into())
}

fn trim(_: &dyn Context, args: Args<'_>) -> Outcome<Value> {
    Ok(text_arg("trim", args, 0)?.trim().into())
}

fn title(_: &dyn Context, args: Args<'_>) -> Outcome<Value> {
    let text = text_arg("title", args, 0)?;
    let mut titled = String::with_capacity(text.len());
    let mut inside = false;
    for letter in text.chars() {
        if inside {
            titled.extend(letter.to_lowercase());
        } else {
            titled.extend(letter.to_uppercase());
        }
        inside = letter.is_alphanumeric() || letter == '\'' || letter == '’';
    }
    Ok(titled.into())
}

fn replace(_: &dyn Context, args: Args<'_>) -> Outcome<Value> {
    let (text, old, new) =
        (text_arg("replace", args, 0)?, text_arg("replace", args, 1)?, text_arg("replace", args, 2)?);
    if old.is_empty() {
        return Ok(text.as_ref().into());
    }
    let found = text.matches(old.as_ref()).count();
    if text.len() + found * new.len() > MAX_TEXT {
        return limit("a text of more than 1 MiB");
    }
    Ok(text.replace(old.as_ref(), &new).into())
}

fn split(_: &dyn Context, args: Args<'_>) -> Outcome<Value> {
    let (text, separator) = (text_arg("split", args, 0)?, text_arg("split", args, 1)?);
    if separator.is_empty() {
        return misfit("split() needs a separator that is not empty");
    }
    if text.is_empty() {
        return Ok(Value::List([].into()));
    }
    Ok(Value::List(text.split(separator.as_ref()).map(Value::from).collect()))
}

fn join(_: &dyn Context, args: Args<'_>) -> Outcome<Value> {
    let (items, separator) = (list_arg("join", args, 0)?, text_arg("join", args, 1)?);
    let mut text = String::new();
    for item in items.iter().filter(|item| !item.is_blank()) {
        if !text.is_empty() {
            text.push_str(&separator);
        }
        append(&mut text, item)?;
    }
    Ok(text.into())
}

fn truncate(_: &dyn Context, args: Args<'_>) -> Outcome<Value> {
    let text = text_arg("truncate", args, 0)?;
    let length = usize::try_from(whole_arg("truncate", args, 1)?).unwrap_or(0);
    if text.len() <= length {
        return Ok(text.as_ref().into());
    }
    let end = match text.get(..length).filter(|start| start.is_ascii()) {
        Some(_) => length,
        None => text.char_indices().nth(length).map_or(text.len(), |(at, _)| at),
    };
    Ok(text[..end].into())
}

fn contains(context: &dyn Context, args: Args<'_>) -> Outcome<Value> {
    if let Value::List(items) = arg("contains", args, 0)? {
        let wanted = arg("contains", args, 1)?;
        return Ok(Value::Bool(items.iter().any(|item| equal(item, wanted, context))));
    }
    if let Value::Json(json) = arg("contains", args, 0)? {
        return Ok(Value::Bool(json.get(text_arg("contains", args, 1)?.as_ref()).is_some()));
    }
    Ok(Value::Bool(text_arg("contains", args, 0)?.contains(text_arg("contains", args, 1)?.as_ref())))
}

fn starts_with(_: &dyn Context, args: Args<'_>) -> Outcome<Value> {
    Ok(Value::Bool(text_arg("starts_with", args, 0)?.starts_with(text_arg("starts_with", args, 1)?.as_ref())))
}

fn ends_with(_: &dyn Context, args: Args<'_>) -> Outcome<Value> {
    Ok(Value::Bool(text_arg("ends_with", args, 0)?.ends_with(text_arg("ends_with", args, 1)?.as_ref())))
}

fn matches(_: &dyn Context, args: Args<'_>) -> Outcome<Value> {
    let text = text_arg("matches", args, 0)?;
    with_regex(&text_arg("matches", args, 1)?, |regex| Value::Bool(regex.is_match(&text)))
}

fn extract(_: &dyn Context, args: Args<'_>) -> Outcome<Value> {
    let text = text_arg("extract", args, 0)?;
    with_regex(&text_arg("extract", args, 1)?, |regex| {
        let found = regex.captures(&text).and_then(|groups| groups.get(1).or(groups.get(0)));
        found.map_or(Value::Null, |found| found.as_str().into())
    })
}

fn pad(_: &dyn Context, args: Args<'_>) -> Outcome<Value> {
    let text = text_arg("pad", args, 0)?;
    let length = usize::try_from(whole_arg("pad", args, 1)?).unwrap_or(0);
    if length > MAX_TEXT {
        return limit("a text of more than 1 MiB");
    }
    let filler = match args.get(2) {
        Some(_) => text_arg("pad", args, 2)?,
        None => "0".into(),
    };
    let missing = length.saturating_sub(text.chars().count());
    let padded: String = filler.chars().take(1).cycle().take(missing).chain(text.chars()).collect();
    Ok(padded.into())
}

fn to_text(_: &dyn Context, args: Args<'_>) -> Outcome<Value> {
    let value = arg("to_text", args, 0)?;
    let mut text = String::new();
    append(&mut text, value)?;
    Ok(text.into())
}

fn regex_literal(argument: usize, text: &str) -> Result<(), String> {
    if argument == 1 { regex(text).map(drop) } else { Ok(()) }
}

/// Size-limited: a pattern that would grow large when compiled is refused. Matching is linear in the text.
fn regex(pattern: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(pattern).size_limit(1 << 20).dfa_size_limit(1 << 20).nest_limit(32).build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "the regular expression is too large".to_owned(),
        _ => "the regular expression is not valid".to_owned(),
    })
}

/// Patterns are nearly always literals: compiled once per thread, the few latest are kept.
fn with_regex(pattern: &str, apply: impl FnOnce(&Regex) -> Value) -> Outcome<Value> {
    thread_local! {
        static COMPILED: RefCell<HashMap<String, Regex>> = RefCell::default();
    }
    COMPILED.with_borrow_mut(|compiled| {
        if let Some(regex) = compiled.get(pattern) {
            return Ok(apply(regex));
        }
        let regex = match regex(pattern) {
            Ok(regex) => regex,
            Err(problem) => return misfit(problem),
        };
        if compiled.len() >= 64 {
            compiled.clear();
        }
        Ok(apply(compiled.entry(pattern.to_owned()).or_insert(regex)))
    })
}
