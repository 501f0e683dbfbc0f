//! Events of the parser to the tree. Holds the limits on nesting and number while it builds.

use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::feed::{self, Feed, Watch};
use super::limits::offset;
use super::{Data, MAX_DEPTH, MAX_VALUES, Node, anchors, translate};
use crate::diag::{Diagnostic, SourceId, Span};
use crate::spec::scalar::Anchor;
use crate::spec::{Scalar, Style};

/// A tree, and the problems that do not keep it from being read.
pub(super) struct Built {
    pub(super) root: Option<Node>,
    pub(super) problems: Vec<Diagnostic>,
}

type Stop = Box<Diagnostic>;

/// More duplicate keys of one file are not told.
const MAX_DUPLICATES: usize = 100;

/// A list or mapping that is not closed yet.
struct Open {
    start: usize,
    flow: bool,
    items: Vec<Node>,
    entries: Vec<(Scalar, Node)>,
    key: Option<Scalar>,
    seen: HashMap<Arc<str>, Span>,
    is_map: bool,
}

struct Builder<'t> {
    source: SourceId,
    text: &'t str,
    /// Byte offset of each character; empty for ASCII.
    bytes: Vec<u32>,
    open: Vec<Open>,
    root: Option<Node>,
    documents: usize,
    values: usize,
    problems: Vec<Diagnostic>,
}

/// Builds the tree of a text that passed the limits.
pub(super) fn build(source: SourceId, text: &str) -> Result<Built, Stop> {
    let bytes =
        if text.is_ascii() { Vec::new() } else { text.char_indices().map(|(at, _)| offset(at)).collect() };
    let mut builder = Builder {
        source,
        text,
        bytes,
        open: Vec::new(),
        root: None,
        documents: 0,
        values: 0,
        problems: Vec::new(),
    };
    let watch = Watch::default();
    for event in Parser::new_from_iter(Feed::new(text, &watch)) {
        match event {
            _ if watch.stopped().is_some() => break,
            Ok((event, span)) => {
                watch.event();
                builder.event(&event, span)?;
            }
            Err(error) => {
                let at = builder.byte(error.marker().index());
                return Err(Box::new(translate::problem(source, text, at, error.info())));
            }
        }
    }
    match watch.stopped() {
        Some(feed::Stop::Deep(at)) => Err(builder.too_deep(builder.byte(at))),
        Some(feed::Stop::Many(at)) => Err(builder.too_many(builder.byte(at))),
        None => Ok(Built { root: builder.root, problems: builder.problems }),
    }
}

impl Builder<'_> {
    fn byte(&self, index: usize) -> usize {
        if self.bytes.is_empty() {
            return index.min(self.text.len());
        }
        self.bytes.get(index).map_or(self.text.len(), |at| *at as usize)
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span { source: self.source, start: offset(start), end: offset(end.max(start)) }
    }

    fn event(&mut self, event: &Event<'_>, marks: saphyr_parser::Span) -> Result<(), Stop> {
        let (start, end) = (self.byte(marks.start.index()), self.byte(marks.end.index()));
        match event {
            Event::DocumentStart(_) => self.document(start),
            Event::Alias(_) => Err(self.refused(start, "anchors and aliases are not supported")),
            Event::Scalar(_, _, anchor, tag) if *anchor > 0 || tag.is_some() => {
                Err(self.refused(start, "anchors and tags are not supported"))
            }
            Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag)
                if *anchor > 0 || tag.is_some() =>
            {
                Err(self.refused(start, "anchors and tags are not supported"))
            }
            Event::Scalar(text, style, ..) => self.scalar(text, *style, start, end),
            Event::SequenceStart(..) => self.begin(start, false),
            Event::MappingStart(..) => self.begin(start, true),
            Event::SequenceEnd | Event::MappingEnd => self.finish(),
            _ => Ok(()),
        }
    }

    fn refused(&self, at: usize, title: &str) -> Stop {
        Box::new(Diagnostic::error("E003", title, self.span(at, at), ""))
    }

    fn document(&mut self, at: usize) -> Result<(), Stop> {
        self.documents += 1;
        if self.documents == 1 {
            return Ok(());
        }
        let span = self.span(at, (at + 3).min(self.text.len()));
        Err(Box::new(
            Diagnostic::error(
                "E007",
                "the file holds more than one document",
                span,
                "a second one begins here",
            )
            .help("one file is one pipeline; move it to a file of its own"),
        ))
    }

    fn count(&mut self, at: usize) -> Result<(), Stop> {
        self.values += 1;
        if self.values <= MAX_VALUES { Ok(()) } else { Err(self.too_many(at)) }
    }

    fn too_many(&self, at: usize) -> Stop {
        let title = format!("the file holds more than {MAX_VALUES} values");
        let stopped = Diagnostic::error("E007", title, self.span(at, at), "reading stopped here");
        Box::new(stopped.help("split it"))
    }

    fn too_deep(&self, at: usize) -> Stop {
        let title = format!("the file is nested more than {MAX_DEPTH} levels deep");
        Box::new(
            Diagnostic::error("E007", title, self.span(at, at + 1), "reading stopped here")
                .help("no setting needs more than a few levels; is a bracket missing?"),
        )
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, start: usize, end: usize) -> Result<(), Stop> {
        self.count(start)?;
        let scalar = self.place(text, style, start, end);
        let is_key = self.open.last().is_some_and(|open| open.is_map && open.key.is_none());
        if is_key {
            self.key(scalar);
            return Ok(());
        }
        let span = scalar.span;
        self.value(Node { span, data: Data::Scalar(scalar) })
    }

    /// A scalar with its place: trailing space of the parser's span is not part of it.
    fn place(&self, text: &str, style: ScalarStyle, start: usize, end: usize) -> Scalar {
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted => Style::Single,
            ScalarStyle::DoubleQuoted => Style::Double,
            ScalarStyle::Literal => Style::Literal,
            ScalarStyle::Folded => Style::Folded,
        };
        let raw = self.text.get(start..end).unwrap_or_default().trim_end();
        let raw = if style == Style::Plain && text.is_empty() { "" } else { raw };
        let span = self.span(start, start + raw.len());
        let (inner, base) = match style {
            Style::Single | Style::Double => {
                (raw.get(1..raw.len().max(2) - 1).unwrap_or_default(), start + 1)
            }
            _ => (raw, start),
        };
        let line_start = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let anchors: Arc<[Anchor]> = anchors::anchors(text, inner, base, style, start - line_start);
        Scalar { text: Arc::from(text), span, style, anchors }
    }

    fn key(&mut self, scalar: Scalar) {
        if let Some(open) = self.open.last_mut() {
            open.key = Some(scalar);
        }
    }

    fn begin(&mut self, start: usize, is_map: bool) -> Result<(), Stop> {
        self.count(start)?;
        if self.open.last().is_some_and(|open| open.is_map && open.key.is_none()) {
            let title = "a key must be one word or text";
            return Err(Box::new(Diagnostic::error("E006", title, self.span(start, start + 1), "")));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(self.too_deep(start));
        }
        let flow = matches!(self.text.as_bytes().get(start), Some(b'{' | b'['))
            && self.text.as_bytes().get(start) == Some(if is_map { &b'{' } else { &b'[' });
        let (items, entries, seen) = (Vec::new(), Vec::new(), HashMap::new());
        self.open.push(Open { start, flow, items, entries, key: None, seen, is_map });
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Stop> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let last = if open.is_map {
            open.entries.last().map(|(_, value)| value.span.end)
        } else {
            open.items.last().map(|item| item.span.end)
        };
        let last = last.map_or(open.start + usize::from(open.flow), |end| end as usize);
        let end = if open.flow { self.closing_bracket(last) } else { last };
        let span = self.span(open.start, end);
        let data = if open.is_map { Data::Map(open.entries) } else { Data::List(open.items) };
        self.value(Node { span, data })
    }

    /// One past the bracket that closes a flow collection whose last item ends at `at`.
    fn closing_bracket(&self, at: usize) -> usize {
        let bytes = self.text.as_bytes();
        let mut at = at;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'}' | b']' => return at + 1,
                b'#' => at += self.text[at..].find('\n').unwrap_or(self.text.len() - at),
                _ => at += 1,
            }
        }
        at
    }

    fn value(&mut self, node: Node) -> Result<(), Stop> {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        if !open.is_map {
            open.items.push(node);
            return Ok(());
        }
        let Some(key) = open.key.take() else {
            let title = "a key must be one word or text";
            return Err(Box::new(Diagnostic::error("E006", title, node.span, "")));
        };
        if let Some(first) = open.seen.get(&key.text) {
            if self.problems.len() >= MAX_DUPLICATES {
                return Ok(());
            }
            let title = format!("`{}` is given twice", key.text);
            self.problems.push(
                Diagnostic::error("E004", title, key.span, "again here")
                    .also(*first, "first here")
                    .help("keep one of them"),
            );
            return Ok(());
        }
        open.seen.insert(Arc::clone(&key.text), key.span);
        open.entries.push((key, node));
        Ok(())
    }
}
