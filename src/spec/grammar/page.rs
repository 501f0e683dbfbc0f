//! The table in words: `sfsync explain <key>` and the reference page.

use std::fmt::Write;

use super::connections::CONNECTION;
use super::describe::short;
use super::pipelines::PIPELINE;
use super::settings::SETTINGS;
use super::shape::{ByWord, Key, Mapping, Shape};

/// Every mapping of the language, in reading order, each once.
fn mappings() -> Vec<&'static Mapping> {
    let mut found = Vec::new();
    visit(&SETTINGS, &mut found);
    visit_cases(&CONNECTION, &mut found);
    visit(&PIPELINE, &mut found);
    found
}

fn visit(mapping: &'static Mapping, found: &mut Vec<&'static Mapping>) {
    if found.iter().any(|known| std::ptr::eq(*known, mapping)) {
        return;
    }
    found.push(mapping);
    for key in mapping.keys {
        visit_shape(&key.shape, found);
    }
}

fn visit_cases(by: &'static ByWord, found: &mut Vec<&'static Mapping>) {
    for (_, mapping) in by.cases {
        visit(mapping, found);
    }
}

fn visit_shape(shape: &'static Shape, found: &mut Vec<&'static Mapping>) {
    match shape {
        Shape::Map(mapping) => visit(mapping, found),
        Shape::Either(short, mapping) => {
            visit_shape(short, found);
            visit(mapping, found);
        }
        Shape::ByWord(by) => visit_cases(by, found),
        Shape::List(item) | Shape::OneOrMore(item) => visit_shape(item, found),
        Shape::MapOf(each) => visit_shape(&each.value, found),
        _ => {}
    }
}

/// What `sfsync explain <key>` prints: every place that has the key. `None` if there is none.
pub fn explain_key(name: &str) -> Option<String> {
    let mut page = String::new();
    for mapping in mappings() {
        let Some(key) = mapping.key(name) else { continue };
        if !page.is_empty() {
            page.push('\n');
        }
        explain(&mut page, mapping, key);
    }
    (!page.is_empty()).then_some(page)
}

fn explain(page: &mut String, mapping: &Mapping, key: &Key) {
    // Writing into a String cannot fail.
    let _ = writeln!(page, "{} in {}", key.name, mapping.noun.replace('`', ""));
    let _ = writeln!(page, "  {}", key.doc);
    let _ = writeln!(page, "  value    {}", short(&key.shape).replace('`', ""));
    if key.required {
        let _ = writeln!(page, "  required");
    } else if !key.default.is_empty() {
        let _ = writeln!(page, "  default  {}", key.default);
    }
    if let Some(choices) = choices(&key.shape) {
        let width = choices.iter().map(|choice| choice.word.len()).max().unwrap_or(0);
        for choice in choices.iter().filter(|choice| !choice.meaning.is_empty()) {
            let _ = writeln!(page, "    {:width$}  {}", choice.word, meaning(choice.meaning));
        }
    }
}

fn meaning(text: &str) -> String {
    text.replace("{lookup}", "other record")
}

fn choices(shape: &Shape) -> Option<&'static [crate::spec::Choice]> {
    match shape {
        Shape::Choice(choices) => Some(choices),
        Shape::List(item) | Shape::OneOrMore(item) | Shape::Either(item, _) => choices(item),
        Shape::MapOf(each) => choices(&each.value),
        _ => None,
    }
}

/// All keys of the language as Markdown.
pub fn reference() -> String {
    let mut page = String::from(
        "# Reference of the files\n\nGenerated from the grammar; every key `check` accepts is here.\n",
    );
    for mapping in mappings() {
        let _ = write!(page, "\n## {}\n\n{}\n\n", mapping.name, mapping.doc);
        page.push_str("| Key | Value | Default | Meaning |\n|---|---|---|---|\n");
        for key in mapping.keys {
            let default = if key.required { "required" } else { key.default };
            let cell = |text: &str| text.replace('|', "\\|");
            let _ = writeln!(
                page,
                "| `{}` | {} | {} | {} |",
                key.name,
                cell(&short(&key.shape)),
                cell(default),
                cell(key.doc)
            );
        }
        for key in mapping.keys {
            let Some(choices) = choices(&key.shape) else { continue };
            let told: Vec<_> = choices.iter().filter(|choice| !choice.meaning.is_empty()).collect();
            if told.is_empty() {
                continue;
            }
            let _ = write!(page, "\n`{}`:\n\n", key.name);
            for choice in told {
                let _ = writeln!(page, "- `{}`: {}", choice.word, meaning(choice.meaning));
            }
        }
    }
    page
}
