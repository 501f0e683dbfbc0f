//! From texts to plans: every file is read, checked, compiled and its inline tests are run, and only then may it be taken over. Pure but
//! for the expression engine; the same texts and catalog give the same result.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::folder::{File, Texts, Trouble};
use super::stories::{StoryResult, run_stories, switched};
use super::tables::Statements;
use crate::diag::{Diagnostic, Severity, SourceId, SourceMap, Span};
use crate::expr::Engine;
use crate::model::{ConnectionName, PipelineName};
use crate::plan::catalog::Catalog;
use crate::plan::{Compiled, FileOf, Files, Kept, Pipeline, Tools, compile_after};
use crate::spec::{self, Parsed};

/// What came of loading a set of texts.
#[derive(Debug)]
pub struct Loaded {
    /// The files as they were read.
    pub files: Files,
    /// Plans and everything there is to say about them.
    pub compiled: Compiled,
    /// Inline tests of each pipeline whose file could be read.
    pub stories: BTreeMap<PipelineName, Told>,
}

/// What came of the inline tests of a plan.
#[derive(Clone, Debug)]
pub struct Told {
    plan: Arc<Pipeline>,
    /// One result per test.
    pub results: Arc<[StoryResult]>,
}

/// What an earlier load leaves to the next one.
#[derive(Clone, Debug, Default)]
pub struct Earlier {
    plans: Kept,
    stories: BTreeMap<PipelineName, Told>,
}

/// How to load.
pub struct Loading<'a> {
    /// The expression engine of the process.
    pub engine: &'a Engine,
    /// What is known of the systems.
    pub catalog: &'a Catalog,
    /// Time of the load.
    pub now: Timestamp,
    /// Leave out the refusals of what cannot run yet.
    pub ignore_not_yet: bool,
}

/// Reads all texts.
pub fn parse(texts: &Texts, since: impl Fn(&str) -> Option<Timestamp>) -> Files {
    parse_after(texts, &Files::default(), since)
}

/// Reads the texts that differ from those of an earlier load; the others are shared with it.
pub fn parse_after(texts: &Texts, before: &Files, since: impl Fn(&str) -> Option<Timestamp>) -> Files {
    let mut files = Files { map: before.map.clone(), ..Files::default() };
    let map = &mut files.map;
    files.settings = texts.settings.as_ref().map(|file| {
        let (source, broken) = add(map, file);
        broken.unwrap_or_else(|| spec::read_settings(source, map))
    });
    for (name, file) in &texts.connections {
        let name = ConnectionName::from(name.as_str());
        let known = before.connection(&name).map(|known| (known.source, &known.parsed));
        let (source, parsed) =
            read(map, file, known, |source, map| spec::read_connection(source, map, name.as_str()));
        files.connections.push(FileOf { name, source, parsed, since: since(&file.path) });
    }
    let known: HashMap<&str, _> =
        before.pipelines.iter().map(|file| (file.name.as_str(), (file.source, &file.parsed))).collect();
    for (name, file) in &texts.pipelines {
        let known = known.get(name.as_str()).copied();
        let (source, parsed) = read(map, file, known, |source, map| spec::read_pipeline(source, map, name));
        let name = PipelineName::from(name.as_str());
        files.pipelines.push(FileOf { name, source, parsed, since: since(&file.path) });
    }
    files
}

/// What was read before, if the text is the same; else what the text says.
fn read<T>(
    map: &mut SourceMap,
    file: &File,
    known: Option<(SourceId, &Arc<Parsed<T>>)>,
    parse: impl FnOnce(SourceId, &SourceMap) -> Parsed<T>,
) -> (SourceId, Arc<Parsed<T>>) {
    let same = known.filter(|(source, parsed)| {
        let is_same =
            |known: &crate::diag::Source| *known.path == *file.path && known.text.as_bytes() == file.bytes;
        file.trouble.is_none() && !was_in_trouble(parsed) && map.get(*source).is_some_and(is_same)
    });
    if let Some((source, parsed)) = same {
        return (source, Arc::clone(parsed));
    }
    let (source, broken) = add(map, file);
    (source, Arc::new(broken.unwrap_or_else(|| parse(source, map))))
}

/// Adds a file; one that cannot be used at all, or whose bytes are no text, gives a message of its own.
fn add<T>(map: &mut SourceMap, file: &File) -> (SourceId, Option<Parsed<T>>) {
    if let Some(trouble) = &file.trouble {
        let source = map.put(&file.path, &String::from_utf8_lossy(&file.bytes));
        let diagnostics = vec![in_trouble(trouble, Span { source, start: 0, end: 0 })];
        return (source, Some(Parsed { value: None, diagnostics }));
    }
    match std::str::from_utf8(&file.bytes) {
        Ok(text) => (map.put(&file.path, text), None),
        Err(error) => {
            let source = map.put(&file.path, &String::from_utf8_lossy(&file.bytes));
            let start = u32::try_from(error.valid_up_to()).unwrap_or(u32::MAX);
            let span = Span { source, start, end: start.saturating_add(1) };
            let message =
                Diagnostic::error("E007", "the file is not UTF-8 text", span, "this byte is no text")
                    .help("save the file as UTF-8");
            (source, Some(Parsed { value: None, diagnostics: vec![message] }))
        }
    }
}

/// Whether a file was not read for what it says.
fn was_in_trouble<T>(parsed: &Parsed<T>) -> bool {
    parsed.diagnostics.iter().any(|message| ["E009", "E211"].contains(&message.code.0))
}

fn in_trouble(trouble: &Trouble, span: Span) -> Diagnostic {
    match trouble {
        Trouble::Unreadable(why) => {
            let title = format!("the file cannot be read: {why}");
            Diagnostic::error("E009", title, span, "")
                .help("let the user of the daemon read it (chown, chmod), or remove it")
        }
        Trouble::Twin(other) => Diagnostic::error("E211", "two files have the same name", span, "")
            .note(format!("the other is {other}"))
            .help("keep one of them"),
    }
}

/// Compiles files and runs their inline tests.
pub fn load(files: Files, loading: &Loading<'_>) -> Loaded {
    load_after(files, loading, &Earlier::default())
}

/// Compiles what changed since an earlier load with the same engine, and runs the inline tests of what changed. It says exactly what
/// [`load`] would: the files must come from [`parse_after`] over the files of that load.
pub fn load_after(files: Files, loading: &Loading<'_>, earlier: &Earlier) -> Loaded {
    let tools = |ignore_not_yet| Tools {
        engine: loading.engine,
        now: loading.now,
        ignore_not_yet,
        tables: Some(&Statements),
    };
    let mut compiled = compile_after(&files, loading.catalog, &tools(loading.ignore_not_yet), &earlier.plans);
    let stories = tell_stories((&files, &compiled), (loading, tools), &earlier.stories);
    for (name, told) in &stories {
        let failed: Vec<&StoryResult> = told.results.iter().filter(|result| !result.passed()).collect();
        if !failed.is_empty() {
            compiled.diagnostics.extend(failed.into_iter().map(story_error));
            compiled.pipelines.insert(name.clone(), Err(crate::plan::Broken));
        }
    }
    Loaded { files, compiled, stories }
}

/// Tests are told by the policy alone, so those of pipelines that cannot run yet are told as well. A plan that is the same tells the same.
fn tell_stories<'a>(
    (files, compiled): (&Files, &Compiled),
    (loading, tools): (&Loading<'a>, impl Fn(bool) -> Tools<'a>),
    earlier: &BTreeMap<PipelineName, Told>,
) -> BTreeMap<PipelineName, Told> {
    let has_tests = |file: &&FileOf<PipelineName, spec::PipelineFile>| {
        file.value().is_some_and(|file| !file.tests.is_empty())
    };
    let refused = files
        .pipelines
        .iter()
        .filter(has_tests)
        .any(|file| matches!(compiled.pipelines.get(&file.name), Some(Err(_))));
    let all = (refused && !loading.ignore_not_yet)
        .then(|| compile_after(files, loading.catalog, &tools(true), &compiled.kept));
    let plans = all.as_ref().unwrap_or(compiled);
    let told = files.pipelines.iter().filter(has_tests).filter_map(|file| {
        let plan = plans.pipelines.get(&file.name)?.as_ref().ok()?;
        let known = earlier.get(&file.name).filter(|told| Arc::ptr_eq(&told.plan, plan));
        let results = if let Some(told) = known {
            Arc::clone(&told.results)
        } else {
            let compile = |files: &Files| compile_after(files, loading.catalog, &tools(true), &plans.kept);
            let switched = |switches: &_| switched(files, file, switches, compile);
            run_stories(plan, file.value()?, &switched).into()
        };
        Some((file.name.clone(), Told { plan: Arc::clone(plan), results }))
    });
    told.collect()
}

fn story_error(result: &StoryResult) -> Diagnostic {
    let title = format!("test failed: {}", result.name);
    let span = result.mismatches.iter().find_map(|mismatch| mismatch.span).unwrap_or(result.span);
    let mut error = Diagnostic::error("E505", title, span, "").help(
        "if the change is meant, change the test too; a test about a switch says how it stands: `with: { groups: { owners: off } }`",
    );
    for mismatch in &result.mismatches {
        error = error
            .note(format!("expected  {}", mismatch.expected))
            .note(format!("got       {}", mismatch.got));
        if let Some(because) = &mismatch.because {
            error = error.note(format!("because   {because}"));
        }
    }
    error
}

impl Loaded {
    /// For the next load.
    pub fn earlier(&self) -> Earlier {
        Earlier { plans: self.compiled.kept.clone(), stories: self.stories.clone() }
    }

    /// Errors and warnings of one file.
    pub fn counts(&self, source: SourceId) -> (usize, usize) {
        let of = |severity: Severity| {
            let here = |diagnostic: &&Diagnostic| {
                diagnostic.severity == severity
                    && diagnostic.primary.as_ref().is_some_and(|label| label.span.source == source)
            };
            self.compiled.diagnostics.iter().filter(here).count()
        };
        (of(Severity::Error), of(Severity::Warning))
    }

    /// Inline tests of a pipeline that passed and failed.
    pub fn tests(&self, name: &PipelineName) -> (usize, usize) {
        let results = self.stories.get(name).map_or(&[][..], |told| &told.results);
        let passed = results.iter().filter(|result| result.passed()).count();
        (passed, results.len() - passed)
    }
}
