//! Diagnostics as text for terminals and as data for machines. One layout everywhere, see section 6 of the language.

use std::fmt::Write;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};
use serde::{Deserialize, Serialize};

use super::excerpt::Excerpt;
use super::{Diagnostic, Label, Severity, SourceMap, Span};

/// At most so many messages per file are printed; the rest is counted.
const MOST_PER_FILE: usize = 20;

/// A diagnostic as JSON: for the reload endpoint, the editor, `--json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rendered {
    /// `E101`
    pub code: String,
    /// `error`, `warning`, `failed`
    pub severity: String,
    /// One line.
    pub title: String,
    /// Printed path; empty for messages that are in no file.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// One past the last character, on the same line.
    pub end_column: usize,
    /// Marked places.
    pub labels: Vec<RenderedLabel>,
    /// Facts.
    pub notes: Vec<String>,
    /// Ways out.
    pub help: Vec<String>,
    /// The sure correction, if there is one.
    pub fix: Option<RenderedFix>,
}

/// A marked place of a [`Rendered`]; the first one is the primary.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderedLabel {
    /// Printed path.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
    /// One past the last character.
    pub end_column: usize,
    /// What is there.
    pub text: String,
}

/// The text edit of a [`Rendered`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderedFix {
    /// Where.
    pub line: usize,
    /// From 1.
    pub column: usize,
    /// One past the last character.
    pub end_column: usize,
    /// What stands there instead.
    pub text: String,
}

impl Severity {
    /// The word of the messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }
}

/// The diagnostic as data.
pub fn to_data(diagnostic: &Diagnostic, map: &SourceMap) -> Rendered {
    let labels: Vec<RenderedLabel> = diagnostic
        .primary
        .iter()
        .chain(&diagnostic.labels)
        .filter_map(|label| label_data(label, map))
        .collect();
    let first = labels.first().cloned().unwrap_or_default();
    Rendered {
        code: diagnostic.code.to_string(),
        severity: diagnostic.severity.name().to_owned(),
        title: diagnostic.title.clone(),
        file: first.file,
        line: first.line,
        column: first.column,
        end_column: first.end_column,
        labels,
        notes: diagnostic.notes.clone(),
        help: diagnostic.help.clone(),
        fix: diagnostic.fix.as_ref().and_then(|fix| {
            let label = label_data(&Label { span: fix.span, text: fix.text.clone() }, map)?;
            Some(RenderedFix {
                line: label.line,
                column: label.column,
                end_column: label.end_column,
                text: label.text,
            })
        }),
    }
}

fn label_data(label: &Label, map: &SourceMap) -> Option<RenderedLabel> {
    let place = map.place(label.span)?;
    let source = map.get(label.span.source)?;
    let marked = source.text.get(range(label.span, &source.text)).unwrap_or_default();
    let length = marked.lines().next().unwrap_or_default().chars().count();
    let text = label.text.clone();
    let end_column = place.column + length;
    Some(RenderedLabel {
        file: place.path.to_string(),
        line: place.line,
        column: place.column,
        end_column,
        text,
    })
}

/// One diagnostic as text, without a trailing line break. A secret that it speaks of is masked; where several messages
/// are shown, [`all_to_text`] masks the secrets of all of them in each.
pub fn to_text(diagnostic: &Diagnostic, map: &SourceMap, color: bool) -> String {
    one_to_text(diagnostic, map, color, &masks(std::slice::from_ref(diagnostic)))
}

fn one_to_text(diagnostic: &Diagnostic, map: &SourceMap, color: bool, masks: &[Span]) -> String {
    let level = match diagnostic.severity {
        Severity::Error | Severity::Failed => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let level = level.with_name(diagnostic.severity.name());
    let texts: Vec<Shown> = shown_sources(diagnostic, map, masks);
    let title = level.primary_title(diagnostic.title.as_str()).id(diagnostic.code.0);
    let mut group = annotate_snippets::Group::with_title(title);
    if texts.is_empty() {
        group = group.elements(Vec::<annotate_snippets::Element<'_>>::new());
    }
    for shown in &texts {
        let mut snippet = Snippet::source(shown.excerpt.text.as_str())
            .line_start(shown.excerpt.first_line)
            .path(shown.path.as_str())
            .fold(true);
        for mark in &shown.marks {
            let kind = if mark.primary { AnnotationKind::Primary } else { AnnotationKind::Context };
            let annotation = kind.span(mark.range.clone());
            snippet = snippet.annotation(if mark.text.is_empty() {
                annotation
            } else {
                annotation.label(mark.text.as_str())
            });
        }
        group = group.element(snippet);
    }
    if texts.is_empty() && diagnostic.primary.is_some() {
        group = group.element(Origin::path("?"));
    }
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(note.as_str()));
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let text = renderer.term_width(200).render(&[group]);
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// A file of a diagnostic as it is shown: few lines, tabs as arrows, secrets masked.
struct Shown {
    path: String,
    excerpt: Excerpt,
    marks: Vec<Mark>,
}

struct Mark {
    range: Range<usize>,
    text: String,
    primary: bool,
}

/// The files of a diagnostic, that of the primary place first.
fn shown_sources(diagnostic: &Diagnostic, map: &SourceMap, hidden: &[Span]) -> Vec<Shown> {
    let primary = diagnostic.primary.iter().map(|label| (label, true));
    let all: Vec<(&Label, bool)> =
        primary.chain(diagnostic.labels.iter().map(|label| (label, false))).collect();
    let mut shown: Vec<(u32, Shown)> = Vec::new();
    for (place, _) in &all {
        let id = place.span.source;
        let Some(source) = map.get(id).filter(|_| !shown.iter().any(|(known, _)| *known == id.0)) else {
            continue;
        };
        let here: Vec<_> = all.iter().filter(|(label, _)| label.span.source == id).collect();
        let spans: Vec<Span> = here.iter().map(|(label, _)| label.span).collect();
        let excerpt = Excerpt::new(&source.text, &spans, hidden);
        let mark = |(label, primary): &&(&Label, bool)| Mark {
            range: excerpt.range(label.span),
            text: label.text.clone(),
            primary: *primary,
        };
        let marks = here.iter().map(mark).collect();
        shown.push((id.0, Shown { path: source.path.to_string(), excerpt, marks }));
    }
    shown.into_iter().map(|(_, shown)| shown).collect()
}

/// The places that hold secrets, of a list of diagnostics (W602): masked wherever their lines are shown.
fn masks(diagnostics: &[Diagnostic]) -> Vec<Span> {
    let secrets = diagnostics.iter().filter(|diagnostic| diagnostic.code.0 == "W602");
    secrets.filter_map(|diagnostic| Some(diagnostic.primary.as_ref()?.span)).collect()
}

fn range(span: Span, text: &str) -> Range<usize> {
    let clip = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = clip(span.start as usize);
    start..clip(span.end as usize).max(start)
}

/// All diagnostics of a load as text: grouped by file in the order given, at most twenty of each.
pub fn all_to_text(diagnostics: &[Diagnostic], map: &SourceMap, color: bool) -> String {
    let masks = masks(diagnostics);
    let mut text = String::new();
    let mut counts: Vec<(u32, usize)> = Vec::new();
    for diagnostic in diagnostics {
        let file = diagnostic.primary.as_ref().map_or(u32::MAX, |label| label.span.source.0);
        let at = counts.iter().position(|(known, _)| *known == file).unwrap_or_else(|| {
            counts.push((file, 0));
            counts.len() - 1
        });
        counts[at].1 += 1;
        if counts[at].1 <= MOST_PER_FILE {
            text.push_str(&one_to_text(diagnostic, map, color, &masks));
            text.push_str("\n\n");
        }
    }
    for (file, count) in counts.iter().filter(|(_, count)| *count > MOST_PER_FILE) {
        let path = map.get(super::SourceId(*file)).map_or("", |source| &source.path);
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{path}: {} more problems", count - MOST_PER_FILE);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map() -> (SourceMap, super::super::SourceId) {
        let mut map = SourceMap::default();
        let id = map.add("pipelines/projects.yaml", "salesforce: Opportunity\nfeilds:\n\twhere: x\n");
        (map, id)
    }

    #[test]
    fn the_layout_of_the_language() {
        let (map, source) = map();
        let span = Span { source, start: 24, end: 30 };
        let diagnostic =
            Diagnostic::error("E101", "unknown key `feilds`", span, "a pipeline has no such key")
                .help("did you mean `fields`?");
        let expected = "error[E101]: unknown key `feilds`\n --> pipelines/projects.yaml:2:1\n  |\n2 | feilds:\n  | ^^^^^^ a pipeline has no such key\n  |\n  = help: did you mean `fields`?";
        assert_eq!(to_text(&diagnostic, &map, false), expected);
    }

    #[test]
    fn a_tab_is_an_arrow() {
        let (map, source) = map();
        let span = Span { source, start: 32, end: 33 };
        let text = to_text(&Diagnostic::error("E001", "a tab", span, "tab"), &map, false);
        assert!(text.contains("3 | →where: x\n  | ^ tab"), "{text}");
    }

    #[test]
    fn data_counts_from_one() {
        let (map, source) = map();
        let span = Span { source, start: 24, end: 30 };
        let data = to_data(&Diagnostic::error("E101", "x", span, ""), &map);
        assert_eq!((data.line, data.column, data.end_column), (2, 1, 7));
    }
}
