//! Every text knows where it is written.

use proptest::prelude::*;

use super::File;
use crate::diag::SourceMap;
use crate::spec::yaml::{self, Node};
use crate::spec::{Flow, Scalar};

/// The scalar of key `a`.
fn scalar(text: &str) -> (SourceMap, Scalar) {
    let mut map = SourceMap::default();
    let source = map.add("a.yaml", text);
    let root = yaml::tree(source, text).unwrap();
    let scalar = root.get("a").and_then(Node::scalar).unwrap().clone();
    (map, scalar)
}

/// What is written where a part of the text is.
fn written(file: &str, part: &str) -> String {
    let (map, scalar) = scalar(file);
    let start = scalar.text.find(part).unwrap_or_else(|| panic!("no {part:?} in {:?}", scalar.text));
    let span = scalar.span_in(start, start + part.len());
    map.get(span.source).unwrap().text[span.start as usize..span.end as usize].to_owned()
}

#[test]
fn parts_of_texts_in_every_style() {
    for (file, part, expected) in [
        ("a: plain value # c\n", "value", "value"),
        ("é: ö\na: 'x == 1'\n", "==", "=="),
        ("a: 'it''s here'\n", "here", "here"),
        ("a: 'it''s here'\n", "t's", "t''s"),
        ("a: \"say \\\"x\\\" now\"\n", "x", "x"),
        ("a: \"say \\\"x\\\" now\"\n", "\"", "\\\""),
        ("a: \"\\u00e9t\\u00e9 b\"\n", "b", "b"),
        ("a: |\n  one\n  two\n\n  three\n", "three", "three"),
        ("a: |\n  one\n    two\n", "two", "two"),
        ("a: |-\n    deep\n    er\n", "er", "er"),
        ("a: >\n  one\n  two\n", "two", "two"),
        ("a: one\n  two three\n", "three", "three"),
        ("a: \"one\n  two \\\n  three\"\n", "three", "three"),
    ] {
        assert_eq!(written(file, part), expected, "{file:?}");
    }
}

#[test]
fn offsets_beyond_the_end_are_the_end() {
    let (_, scalar) = scalar("a: 'abc'\n");
    let span = scalar.span_in(90, 99);
    assert!(span.start <= span.end && span.end <= scalar.span.end, "{span:?}");
    let empty = scalar.span_in(3, 3);
    assert_eq!(empty.start, empty.end);
}

#[test]
fn expressions_and_resources_of_a_pipeline_have_places() {
    let text = "salesforce: Account\napp: { resource: w.clients }\nto_app: [create]\nfields:\n  - app: a\n    to_app: |\n      if record.X {\n        1 } else { 2 }\n";
    let (file, parsed) = File::pipeline(text);
    assert_eq!(parsed.diagnostics, []);
    let pipeline = parsed.value.unwrap();
    assert_eq!(file.at(pipeline.app.resource.connection.span), "w");
    assert_eq!(file.at(pipeline.app.resource.resource.span), "clients");
    let row = &pipeline.fields[0];
    let Some(Flow::Expression(scalar)) = row.to_app.as_ref().map(|flow| &flow.value) else {
        panic!("{row:?}")
    };
    let at = scalar.text.find("else").unwrap();
    assert_eq!(file.at(scalar.span_in(at, at + 4)), "else");
    assert_eq!(file.at(row.to_app.as_ref().unwrap().key), "to_app");
    assert!(file.at(row.span).starts_with("app: a"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// A letter of the text is the same letter in the file, whatever stands around it.
    #[test]
    fn letters_are_found_again(words in proptest::collection::vec("[a-zé]{1,3}( |'|\"|\\\\|\n|  ){0,2}", 1..8), style in 0..3) {
        let text = words.concat();
        let text = text.trim();
        let file = match style {
            0 => format!("a: '{}'\n", text.replace('\'', "''").replace('\n', "\n  ")),
            1 => format!("a: \"{}\"\n", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")),
            _ => format!("a: |\n  {}\n", text.replace('\n', "\n  ")),
        };
        let mut map = SourceMap::default();
        let source = map.add("a.yaml", &file);
        let Some(root) = yaml::tree(source, &file) else { return Ok(()) };
        let scalar = root.get("a").and_then(Node::scalar).unwrap().clone();
        for (at, c) in scalar.text.char_indices().filter(|(_, c)| c.is_alphabetic()) {
            let span = scalar.span_in(at, at + c.len_utf8());
            let found = file.get(span.start as usize..).and_then(|rest| rest.chars().next());
            prop_assert_eq!(found, Some(c), "{:?} at {}", file, at);
        }
    }
}
