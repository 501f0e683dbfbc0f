//! Diagnostics as text for terminals. What a secret is written at is masked wherever a line of its file is shown.
//!
//! Read [`Renderer`] first.

use std::fmt::Write;
use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Snippet};

use super::excerpt::Excerpt;
use super::{Diagnostic, Label, Severity, SourceId, SourceMap, Span};

/// At most so many messages of one file are printed; then a count.
pub const MAX_PER_FILE: usize = 20;

/// Renders diagnostics of one load.
#[derive(Clone, Copy, Debug)]
pub struct Renderer<'m> {
    map: &'m SourceMap,
    colours: bool,
}

impl<'m> Renderer<'m> {
    /// Without colours.
    pub fn plain(map: &'m SourceMap) -> Self {
        Self { map, colours: false }
    }

    /// With ANSI colours, for a terminal.
    pub fn coloured(map: &'m SourceMap) -> Self {
        Self { map, colours: true }
    }

    /// All messages, in the given order, with an empty line between; at most 20 of a file, then how many more there are.
    pub fn all(&self, diagnostics: &[Diagnostic]) -> String {
        let masks = masks(diagnostics);
        let mut text = String::new();
        let mut counts: Vec<(Option<SourceId>, usize)> = Vec::new();
        for diagnostic in diagnostics {
            let source = diagnostic.primary.as_ref().map(|label| label.span.source);
            let seen = match counts.iter_mut().find(|(known, _)| *known == source) {
                Some((_, seen)) => seen,
                None => {
                    counts.push((source, 0));
                    let last = counts.len() - 1;
                    &mut counts[last].1
                }
            };
            *seen += 1;
            if *seen <= MAX_PER_FILE {
                if !text.is_empty() {
                    text.push('\n');
                }
                text.push_str(&self.one(diagnostic, &masks));
            }
        }
        for (source, seen) in counts.into_iter().filter(|(_, seen)| *seen > MAX_PER_FILE) {
            let path = source.and_then(|id| self.map.get(id)).map_or("no file", |source| &source.path);
            // Writing into a String cannot fail.
            let _ = writeln!(text, "\n{path}: {} more", seen - MAX_PER_FILE);
        }
        text
    }

    /// One message, ending with a line break. `masks` are places that hold secrets; see [`masks`].
    pub fn one(&self, diagnostic: &Diagnostic, masks: &[Span]) -> String {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Failed => Level::ERROR.with_name("failed"),
        };
        let excerpts = self.excerpts(diagnostic, masks);
        let mut group: Group<'_> = level.primary_title(one_line(&diagnostic.title)).id(diagnostic.code.0).elements(
            excerpts.iter().map(|(label, excerpt, annotations)| self.snippet(label, excerpt, annotations)),
        );
        if excerpts.is_empty() {
            if let Some(path) = self.path_of(diagnostic) {
                group = group.element(Origin::path(path));
            }
        }
        for note in &diagnostic.notes {
            group = group.element(Level::NOTE.message(note.as_str()));
        }
        for help in &diagnostic.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        let renderer =
            if self.colours { annotate_snippets::Renderer::styled() } else { annotate_snippets::Renderer::plain() };
        let text = renderer.decor_style(DecorStyle::Ascii).term_width(200).render(&[group]);
        text.lines().fold(String::new(), |text, line| text + line.trim_end() + "\n")
    }

    fn path_of(&self, diagnostic: &Diagnostic) -> Option<&'m str> {
        let source = self.map.get(diagnostic.primary.as_ref()?.span.source)?;
        Some(&source.path)
    }

    /// The parts of files to show: that of the primary place first.
    fn excerpts<'d>(&self, diagnostic: &'d Diagnostic, masks: &[Span]) -> Vec<Shown<'d>> {
        let Some(primary) = &diagnostic.primary else { return Vec::new() };
        let mut sources = vec![primary.span.source];
        for label in &diagnostic.labels {
            if !sources.contains(&label.span.source) {
                sources.push(label.span.source);
            }
        }
        sources.into_iter().filter_map(|source| self.excerpt(source, diagnostic, masks)).collect()
    }

    fn excerpt<'d>(&self, source: SourceId, diagnostic: &'d Diagnostic, masks: &[Span]) -> Option<Shown<'d>> {
        let primary = diagnostic.primary.iter().map(|label| (label, true));
        let others = diagnostic.labels.iter().map(|label| (label, false));
        let here: Vec<(&Label, bool)> = primary.chain(others).filter(|(label, _)| label.span.source == source).collect();
        let spans: Vec<Span> = here.iter().map(|(label, _)| label.span).collect();
        let text = &self.map.get(source)?.text;
        let excerpt = Excerpt::new(text, &spans, masks);
        let annotations = here
            .into_iter()
            .map(|(label, primary)| (excerpt.range(label.span), primary, label.text.as_str()))
            .collect();
        Some((source, excerpt, annotations))
    }

    fn snippet<'s>(
        &self,
        source: &SourceId,
        excerpt: &'s Excerpt,
        annotations: &'s [(Range<usize>, bool, &'s str)],
    ) -> Snippet<'s, Annotation<'s>>
    where
        'm: 's,
    {
        let path = self.map.get(*source).map(|source| &*source.path);
        Snippet::source(excerpt.text.as_str())
            .line_start(excerpt.first_line)
            .path(path)
            .annotations(annotations.iter().map(|(range, primary, text)| {
                let kind = if *primary { AnnotationKind::Primary } else { AnnotationKind::Context };
                let label = (!text.is_empty()).then_some(*text);
                kind.span(range.clone()).label(label)
            }))
    }
}

type Shown<'d> = (SourceId, Excerpt, Vec<(Range<usize>, bool, &'d str)>);

/// The places of a list of diagnostics that hold secrets (W602).
pub fn masks(diagnostics: &[Diagnostic]) -> Vec<Span> {
    let secrets = diagnostics.iter().filter(|diagnostic| diagnostic.code.0 == "W602");
    secrets.filter_map(|diagnostic| Some(diagnostic.primary.as_ref()?.span)).collect()
}

/// `pipelines/projects.yaml   2 errors, 1 warning`: one line per file that `check` looked at, in columns. `extra` is said
/// of files without errors: `4 tests passed`.
pub fn summary(files: &[(String, Counted, Option<String>)]) -> String {
    let width = files.iter().map(|(path, ..)| path.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (path, counted, extra) in files {
        let mut said = counted.words();
        if let Some(extra) = extra.as_ref().filter(|_| counted.errors == 0) {
            said = format!("{said}, {extra}");
        }
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{path:width$}  {said}");
    }
    text
}

/// How many errors and warnings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Errors.
    pub errors: usize,
    /// Warnings.
    pub warnings: usize,
}

impl Counted {
    /// Counts a list.
    pub fn of(diagnostics: &[Diagnostic]) -> Self {
        let count = |severity| diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count();
        Self { errors: count(Severity::Error), warnings: count(Severity::Warning) }
    }

    /// `2 errors, 1 warning`; `ok`.
    pub fn words(self) -> String {
        let some = |count: usize, word: &str| match count {
            0 => None,
            1 => Some(format!("1 {word}")),
            _ => Some(format!("{count} {word}s")),
        };
        let parts: Vec<String> = [some(self.errors, "error"), some(self.warnings, "warning")].into_iter().flatten().collect();
        if parts.is_empty() { "ok".to_owned() } else { parts.join(", ") }
    }
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
