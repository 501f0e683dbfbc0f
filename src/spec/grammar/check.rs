//! Holds a tree against the table. Everything that does not fit is reported once and marked, so that what reads the tree
//! afterwards takes it for missing and no second message follows from the first.

use super::describe::noun;
use super::shape::{ByWord, Each, Mapping, Shape};
use super::spill::spill;
use super::suggest::{closest, singular};
use super::values;
use crate::diag::{Diagnostic, SourceMap, Span};
use crate::spec::yaml::{Data, Node};
use crate::spec::{Choice, Scalar};

/// Collects what does not fit.
pub(crate) struct Checker<'a> {
    map: &'a SourceMap,
    out: &'a mut Vec<Diagnostic>,
    /// What `lookup` of the row at hand names, for the words of `missing`.
    lookup: Option<String>,
}

/// More problems of one file are not collected.
const MAX_PROBLEMS: usize = 500;

impl<'a> Checker<'a> {
    /// Problems go to `out`.
    pub(crate) fn new(map: &'a SourceMap, out: &'a mut Vec<Diagnostic>) -> Self {
        Self { map, out, lookup: None }
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        if self.out.len() < MAX_PROBLEMS {
            self.out.push(diagnostic);
        }
    }

    /// A whole file whose keys are known.
    pub(crate) fn file(&mut self, root: &mut Node, mapping: &'static Mapping) {
        if self.is_mapping(root, mapping.noun) {
            self.mapping(root, mapping);
        }
    }

    /// A whole file whose keys depend on a word.
    pub(crate) fn file_by_word(&mut self, root: &mut Node, by: &'static ByWord) {
        if self.is_mapping(root, "a connection") {
            self.by_word(root, by);
        }
    }

    fn is_mapping(&mut self, root: &Node, what: &str) -> bool {
        if root.entries().is_some() {
            return true;
        }
        let title = format!("{what} is a mapping of keys and values");
        self.report(
            Diagnostic::error("E103", title, first_line(root.span, self.map), "")
                .help("key: value, one per line"),
        );
        false
    }

    fn mapping(&mut self, node: &mut Node, mapping: &'static Mapping) {
        let span = node.span;
        let Data::Map(entries) = &mut node.data else { return };
        let outer = self.lookup.take();
        self.lookup = entries
            .iter()
            .find(|(key, _)| &*key.text == "lookup")
            .and_then(|(_, value)| value.scalar())
            .map(|scalar| singular(&scalar.text));
        let present: Vec<String> = entries.iter().map(|(key, _)| key.text.to_string()).collect();
        let mut meant: Vec<&'static str> = Vec::new();
        let mut spilled = spill(entries);
        for (at, (key, value)) in entries.iter_mut().enumerate() {
            if key.text.starts_with("x-") {
                value.data = Data::Bad;
                continue;
            }
            if spilled.as_ref().is_some_and(|spill| spill.members.contains(&at)) {
                value.data = Data::Bad;
                if let Some(spill) = spilled.as_mut().filter(|spill| !spill.reported) {
                    spill.reported = true;
                    let diagnostic = spill.diagnostic(key);
                    self.report(diagnostic);
                }
                continue;
            }
            if let Some(known) = mapping.key(&key.text) {
                self.value(key, value, &known.shape);
            } else {
                value.data = Data::Bad;
                meant.extend(self.unknown_key(key, mapping, &present));
            }
        }
        self.missing_keys(mapping, &present, &meant, entries.first().map_or(span, |(key, _)| key.span));
        if let Some(spill) = spilled {
            entries[spill.owner].1.data = Data::Bad;
        }
        self.lookup = outer;
    }

    /// E101. Gives the key that was probably meant.
    fn unknown_key(
        &mut self,
        key: &Scalar,
        mapping: &'static Mapping,
        present: &[String],
    ) -> Option<&'static str> {
        let title = format!("unknown key `{}`", clip(&key.text));
        let diagnostic =
            Diagnostic::error("E101", title, key.span, format!("{} has no such key", mapping.noun));
        let free =
            mapping.keys.iter().map(|known| known.name).filter(|name| !present.iter().any(|key| key == name));
        let suggestion = if self.out.len() < 50 { closest(&key.text, free) } else { None };
        let diagnostic = if let Some(name) = suggestion {
            diagnostic.help(format!("did you mean `{name}`?")).fix(key.span, name)
        } else {
            let names: Vec<&str> = mapping.keys.iter().map(|known| known.name).collect();
            diagnostic.help(format!("keys here: {}", names.join(", ")))
        };
        self.report(diagnostic);
        suggestion
    }

    /// E102, unless an unknown key was probably meant to be it.
    fn missing_keys(&mut self, mapping: &'static Mapping, present: &[String], meant: &[&str], span: Span) {
        for known in mapping.keys.iter().filter(|known| known.required) {
            if present.iter().any(|key| key == known.name) || meant.contains(&known.name) {
                continue;
            }
            let title = format!("`{}` is missing", known.name);
            let label = format!("{} needs it", mapping.noun);
            self.report(Diagnostic::error("E102", title, span, label).help(known.doc));
        }
    }

    fn by_word(&mut self, node: &mut Node, by: &'static ByWord) {
        let span = node.span;
        let words = || by.cases.iter().map(|(choice, _)| choice.word).collect::<Vec<_>>().join(" · ");
        let Some(word) = node.get(by.key).and_then(Node::scalar).cloned() else {
            let at = node.entries().and_then(|entries| entries.first()).map_or(span, |(key, _)| key.span);
            let title = format!("`{}` is missing", by.key);
            self.report(
                Diagnostic::error("E102", title, at, format!("the keys of `{}` depend on it", by.name))
                    .help(words()),
            );
            node.data = Data::Bad;
            return;
        };
        if let Some((_, mapping)) = by.cases.iter().find(|(choice, _)| choice.word == &*word.text) {
            self.mapping(node, mapping);
            return;
        }
        let choices: Vec<Choice> = by.cases.iter().map(|(choice, _)| *choice).collect();
        self.no_choice(by.key, &word, &choices);
        node.data = Data::Bad;
    }

    /// One value of a key.
    fn value(&mut self, key: &Scalar, node: &mut Node, shape: &Shape) {
        let absent_is_value = matches!(shape, Shape::Literal | Shape::Selector);
        if node.is_nothing() && !absent_is_value {
            self.no_value(key, node, shape);
            return;
        }
        match (shape, &mut node.data) {
            (Shape::Literal, _) | (_, Data::Bad) | (Shape::Selector, Data::Scalar(_)) => {}
            (Shape::List(item) | Shape::OneOrMore(item), Data::List(items)) => {
                for each in items {
                    self.value(key, each, item);
                }
            }
            (Shape::OneOrMore(item), _) => self.value(key, node, item),
            (Shape::Map(mapping) | Shape::Either(_, mapping), Data::Map(_)) => self.mapping(node, mapping),
            (Shape::Either(short, _), Data::Scalar(_)) => self.value(key, node, short),
            (Shape::ByWord(by), Data::Map(_)) => self.by_word(node, by),
            (Shape::MapOf(each), Data::Map(_)) => self.each(key, node, each),
            (Shape::Filters { empty_list }, _) => self.filters(key, node, *empty_list),
            (Shape::Record | Shape::RecordOrDeleted | Shape::Selector, Data::Map(_)) => {
                self.record(key, node);
            }
            (Shape::RecordOrDeleted, Data::Scalar(scalar)) if &*scalar.text == "deleted" => {}
            (Shape::Choice(choices), Data::Scalar(scalar)) => {
                if !choices.iter().any(|choice| choice.word == &*scalar.text) {
                    let scalar = scalar.clone();
                    self.no_choice(&key.text, &scalar, choices);
                    node.data = Data::Bad;
                }
            }
            (shape, Data::Scalar(scalar)) if takes_scalar(shape) => {
                if let Err(misfit) = values::fits(shape, scalar) {
                    let scalar = scalar.clone();
                    self.misfit(&key.text, &scalar, shape, misfit);
                    node.data = Data::Bad;
                }
            }
            _ => self.wrong_kind(key, node, shape),
        }
    }

    /// E103: `key:` and nothing.
    fn no_value(&mut self, key: &Scalar, node: &mut Node, shape: &Shape) {
        let title = format!("`{}` has no value", clip(&key.text));
        self.report(
            Diagnostic::error("E103", title, key.span, "nothing follows")
                .help(format!("write {} after it, or remove the key", noun(shape))),
        );
        node.data = Data::Bad;
    }

    /// A mapping with free keys.
    fn each(&mut self, key: &Scalar, node: &mut Node, each: &Each) {
        let Data::Map(entries) = &mut node.data else { return };
        for (name, value) in entries {
            if let Err(misfit) = values::fits(&each.key, name) {
                self.misfit(&key.text, name, &each.key, misfit);
                value.data = Data::Bad;
                continue;
            }
            self.value(name, value, &each.value);
        }
    }

    /// Fields and values.
    fn record(&mut self, key: &Scalar, node: &mut Node) {
        self.each(key, node, &Each { key: Shape::Path, value: Shape::Literal });
    }

    fn filters(&mut self, key: &Scalar, node: &mut Node, empty_list: bool) {
        match &mut node.data {
            Data::Map(_) => self.filter(key, node, empty_list),
            Data::List(items) if items.is_empty() => self.empty_filter(key, node),
            Data::List(items) => {
                for item in items {
                    match item.data {
                        Data::Map(_) => self.filter(key, item, empty_list),
                        _ => self.wrong_kind(key, item, &Shape::Record),
                    }
                }
            }
            _ => self.wrong_kind(key, node, &Shape::Filters { empty_list }),
        }
    }

    fn filter(&mut self, key: &Scalar, node: &mut Node, empty_list: bool) {
        if node.entries().is_some_and(<[_]>::is_empty) {
            self.empty_filter(key, node);
            return;
        }
        self.record(key, node);
        let Data::Map(entries) = &mut node.data else { return };
        for (field, value) in entries {
            let empty = value.items().is_some_and(<[_]>::is_empty);
            if (empty && !empty_list) || value.is_nothing() {
                let title = format!("`{}` has no value to compare `{}` with", key.text, clip(&field.text));
                self.report(
                    Diagnostic::error("E110", title, value.span, "no record would pass")
                        .help("name at least one value, or remove the line; `null` means empty"),
                );
                value.data = Data::Bad;
            } else if value.entries().is_some()
                || value.items().is_some_and(|items| items.iter().any(|item| item.scalar().is_none()))
            {
                self.wrong_kind(field, value, &Shape::OneOrMore(&Shape::Literal));
            }
        }
    }

    fn empty_filter(&mut self, key: &Scalar, node: &mut Node) {
        let title = format!("`{}` is empty", key.text);
        self.report(Diagnostic::error("E110", title, node.span, "").help("name a field, or remove the key"));
        node.data = Data::Bad;
    }

    /// E103: a list where a text is wanted, and so on.
    fn wrong_kind(&mut self, key: &Scalar, node: &mut Node, shape: &Shape) {
        let given = match &node.data {
            Data::List(_) => "a list",
            Data::Map(_) => "a mapping",
            _ => "a single value",
        };
        let title = format!("`{}` is {}, not {given}", clip(&key.text), noun(shape));
        let mut diagnostic = Diagnostic::error("E103", title, first_line(node.span, self.map), "");
        if let (Shape::List(item), Data::Scalar(scalar)) = (shape, &node.data)
            && (takes_scalar(item) || matches!(item, Shape::Choice(_)))
        {
            let listed = format!("[{}]", self.written(scalar.span));
            diagnostic = diagnostic.help(format!("{}: {listed}", key.text)).fix(node.span, listed);
        }
        self.report(diagnostic);
        node.data = Data::Bad;
    }

    fn written(&self, span: Span) -> String {
        let text = self.map.get(span.source).map_or("", |source| &source.text);
        text.get(span.start as usize..span.end as usize).unwrap_or_default().to_owned()
    }

    /// E103, E108: a single value that does not fit.
    fn misfit(&mut self, key: &str, scalar: &Scalar, shape: &Shape, misfit: values::Misfit) {
        let is_number = scalar.text.parse::<rust_decimal::Decimal>().is_ok();
        let out_of_range = matches!(shape, Shape::Int { .. }) && scalar.text.parse::<u64>().is_ok();
        let (code, title) = if out_of_range {
            ("E108", format!("`{key}` is {}", misfit.label))
        } else if is_number && !matches!(shape, Shape::Int { .. }) {
            ("E103", format!("`{key}` is {}, not a number", noun(shape)))
        } else {
            ("E103", format!("`{key}` is {}, not `{}`", noun(shape), clip(&scalar.text)))
        };
        let label = if out_of_range { String::new() } else { misfit.label };
        let mut diagnostic = Diagnostic::error(code, title, scalar.span, label);
        if let Some(repaired) = &misfit.repaired {
            diagnostic = diagnostic.help(format!("{key}: {repaired}")).fix(scalar.span, repaired.clone());
        }
        for help in misfit.help {
            diagnostic = diagnostic.help(help);
        }
        self.report(diagnostic);
    }

    /// E104.
    fn no_choice(&mut self, key: &str, scalar: &Scalar, choices: &[Choice]) {
        let title = format!("`{key}: {}` is not a choice", clip(&scalar.text));
        let mut diagnostic = Diagnostic::error("E104", title, scalar.span, "");
        if let Some(word) = closest(&scalar.text, choices.iter().map(|choice| choice.word)) {
            diagnostic = diagnostic.help(format!("did you mean `{word}`?")).fix(scalar.span, word);
        }
        if choices.iter().all(|choice| choice.meaning.is_empty()) {
            let words: Vec<&str> = choices.iter().map(|choice| choice.word).collect();
            diagnostic = diagnostic.help(words.join(" · "));
        } else {
            let width = choices.iter().map(|choice| choice.word.len()).max().unwrap_or(0);
            let lookup = self.lookup.clone().unwrap_or_else(|| "other record".to_owned());
            for choice in choices {
                let meaning = choice.meaning.replace("{lookup}", &lookup);
                diagnostic = diagnostic.help(format!("{:width$} = {meaning}", choice.word));
            }
        }
        self.report(diagnostic);
    }
}

/// Shapes that are one text.
fn takes_scalar(shape: &Shape) -> bool {
    !matches!(
        shape,
        Shape::List(_)
            | Shape::Map(_)
            | Shape::ByWord(_)
            | Shape::MapOf(_)
            | Shape::Filters { .. }
            | Shape::Record
            | Shape::RecordOrDeleted
    )
}

/// Long texts of a file are not repeated in a title.
pub(in crate::spec) fn clip(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() <= 40 && line.len() == text.len() {
        return text.to_owned();
    }
    line.chars().take(37).chain("...".chars()).collect()
}

/// The part of a span on its first line.
pub(in crate::spec) fn first_line(span: Span, map: &SourceMap) -> Span {
    let text = map.get(span.source).map_or("", |source| &source.text);
    let covered = text.get(span.start as usize..span.end as usize).unwrap_or_default();
    let len = covered.find('\n').unwrap_or(covered.len());
    span.part(0, u32::try_from(len).unwrap_or(u32::MAX))
}
