//! `sfsync fmt`: small edits of the text, never a new writing of it, so that comments and layout stay.

use super::grammar::{self, Mapping, Shape};
use super::yaml::{self, Data, Node, in_single_quotes};
use super::{Scalar, Style};
use crate::diag::{Fix, SourceId, Span};

/// The text with tabs that indent as spaces, quotes around expressions, without trailing spaces, with one line break at the
/// end. `None` if nothing changes. A text that cannot be read keeps what is not surely understood.
pub fn format(text: &str) -> Option<String> {
    let mut formatted = apply(text, tabs_as_spaces(text));
    // A repair can uncover the next mistake of the same line.
    for _ in 0..4 {
        let repairs = yaml::repairs(SOURCE, &formatted);
        if yaml::tree(SOURCE, &formatted).is_some() || repairs.is_empty() {
            break;
        }
        formatted = apply(&formatted, repairs);
    }
    if let Some(root) = yaml::tree(SOURCE, &formatted) {
        let mut edits = Vec::new();
        if root.get("salesforce").is_some() && root.get("app").is_some() {
            quote_expressions(&root, grammar::pipeline(), &mut edits);
        }
        formatted = apply(&formatted, edits);
        formatted = trim_lines(&formatted);
    }
    (formatted != text).then_some(formatted)
}

/// The text is looked at alone.
const SOURCE: SourceId = SourceId(0);

fn apply(text: &str, mut edits: Vec<Fix>) -> String {
    edits.sort_by_key(|edit| edit.span.start);
    let mut result = String::with_capacity(text.len() + 16);
    let mut at = 0;
    for edit in edits {
        let (start, end) = (edit.span.start as usize, edit.span.end as usize);
        if let (Some(before), Some(_)) = (text.get(at..start), text.get(start..end)) {
            result.push_str(before);
            result.push_str(&edit.text);
            at = end;
        }
    }
    result.push_str(&text[at..]);
    result
}

/// Two spaces for each tab.
fn tabs_as_spaces(text: &str) -> Vec<Fix> {
    let fix = |span: Span| {
        let margin = text.get(span.start as usize..span.end as usize)?;
        Some(Fix { span, text: margin.replace('\t', "  ") })
    };
    yaml::tabs(SOURCE, text).into_iter().filter_map(fix).collect()
}

/// Walks the tree along the table to the values that are expressions.
fn quote_expressions(node: &Node, mapping: &Mapping, edits: &mut Vec<Fix>) {
    let Some(entries) = node.entries() else { return };
    if let Some(fix) = grammar::spilled_expression(entries) {
        edits.push(fix);
        return;
    }
    for (key, value) in entries {
        if let Some(known) = mapping.key(&key.text) {
            quote_value(value, &known.shape, edits);
        }
    }
}

fn quote_value(node: &Node, shape: &Shape, edits: &mut Vec<Fix>) {
    match (shape, &node.data) {
        (Shape::Expression | Shape::Flow, Data::Scalar(scalar)) => edits.extend(quoted(scalar, shape)),
        (Shape::Map(mapping) | Shape::Either(_, mapping), Data::Map(_)) => {
            quote_expressions(node, mapping, edits);
        }
        (Shape::List(item), Data::List(items)) => {
            for each in items {
                quote_value(each, item, edits);
            }
        }
        _ => {}
    }
}

fn quoted(scalar: &Scalar, shape: &Shape) -> Option<Fix> {
    let is_word = matches!(shape, Shape::Flow) && matches!(&*scalar.text, "true" | "false");
    if scalar.style != Style::Plain || scalar.text.is_empty() || is_word {
        return None;
    }
    Some(Fix { span: scalar.span, text: in_single_quotes(&scalar.text) })
}

/// Trailing spaces go, except in blocks, where they are part of the text; one line break ends the file.
fn trim_lines(text: &str) -> String {
    let mut blocks = Vec::new();
    if let Some(root) = yaml::tree(SOURCE, text) {
        blocks_of(&root, &mut blocks);
    }
    let mut result = String::with_capacity(text.len());
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let inside =
            blocks.iter().any(|block| (block.start as usize) < at + line.len() && at < block.end as usize);
        at += line.len();
        if inside {
            result.push_str(line);
        } else {
            result.push_str(line.trim_end());
            result.push('\n');
        }
    }
    if blocks.last().is_some_and(|block| block.end as usize >= text.trim_end().len()) {
        return result;
    }
    result.truncate(result.trim_end().len());
    result.push('\n');
    result
}

fn blocks_of(node: &Node, blocks: &mut Vec<Span>) {
    match &node.data {
        Data::Scalar(scalar) if matches!(scalar.style, Style::Literal | Style::Folded) => {
            blocks.push(scalar.span);
        }
        Data::List(items) => items.iter().for_each(|item| blocks_of(item, blocks)),
        Data::Map(entries) => entries.iter().for_each(|(_, value)| blocks_of(value, blocks)),
        Data::Scalar(_) | Data::Bad => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "salesforce: Account   # the object\napp: w.clients\nto_app: [create]\n";

    #[test]
    fn expressions_get_their_quotes() {
        let rows = "fields:\n  - { app: a, to_app: money(value) }\n  - { app: b, to_app: truncate(value, 20) }\n  - app: c\n    to_app: if value == \"a\" { \"x: y\" } else { \"it's\" }   # why\n  - { salesforce: D, app: d, to_app: true }\n";
        let quoted = "fields:\n  - { app: a, to_app: 'money(value)' }\n  - { app: b, to_app: 'truncate(value, 20)' }\n  - app: c\n    to_app: 'if value == \"a\" { \"x: y\" } else { \"it''s\" }'   # why\n  - { salesforce: D, app: d, to_app: true }\n";
        assert_eq!(format(&format!("{HEAD}{rows}")), Some(format!("{HEAD}{quoted}")));
        assert_eq!(format(&format!("{HEAD}{quoted}")), None);
    }

    #[test]
    fn tabs_spaces_and_the_last_line() {
        let text = "salesforce:\n\tobject: Account  \n\n# a comment \napp: w.clients\ndescription: |\n  kept  \n  \tkept\nto_app: [create]";
        let expected = "salesforce:\n  object: Account\n\n# a comment\napp: w.clients\ndescription: |\n  kept  \n  \tkept\nto_app: [create]\n";
        assert_eq!(format(text).as_deref(), Some(expected));
    }

    #[test]
    fn secrets_get_their_quotes() {
        let text = "type: http\nauth: { type: bearer, token: ${env:A} }\n";
        let expected = "type: http\nauth: { type: bearer, token: \"${env:A}\" }\n";
        assert_eq!(format(text).as_deref(), Some(expected));
    }

    #[test]
    fn what_cannot_be_read_is_left_alone() {
        assert_eq!(format("a: [1, 2  \nb: 'x\n"), None);
    }
}
