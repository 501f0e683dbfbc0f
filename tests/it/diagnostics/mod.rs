//! One folder of `tests/diagnostics/` per mistake: the files of a configuration with the mistake in them, and in `expected.txt` what
//! sfsync says. `UPDATE=1 cargo test --test it diagnostics` writes the texts anew; read the difference before you commit it.
//!
//! Beside the configuration a folder may hold what is known of the systems:
//! `org.yaml` the simulated org was read 2 hours ago, with these custom fields (the file may be empty);
//! `picklists.json` values per record type of that org; `databases.json` tables; `facts.json` facts of the org;
//! `missing_secrets.json`; `running.json` what the running version was linked with; `not_yet` (empty) what cannot run yet is refused.

pub(crate) mod catalog;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sfsync::diag::{Diagnostic, SourceMap, all_to_text};
use sfsync::expr::Engine;
use sfsync::model::{ConnectionName, PipelineName};
use sfsync::plan::{self, FileOf, Files, Identity, Running, Tools, compile_all};
use sfsync::spec;

/// Everything under a folder, as (path inside it, text), in order.
fn texts(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
                // Not every fixture is text; what is none is there to be refused.
                found.insert(name, String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned());
            }
        }
    }
    found
}

/// The files of a configuration, printed as `pipelines/x.yaml` and `connections/y.yaml`.
pub(crate) fn read_files(texts: &BTreeMap<String, String>) -> Files {
    let mut files = Files::default();
    let mut map = SourceMap::default();
    for (path, text) in texts.iter().filter(|(path, _)| path.ends_with(".yaml") || path.ends_with(".yml")) {
        let stem = Path::new(path).file_stem().unwrap().to_string_lossy().into_owned();
        if path == "settings.yaml" {
            let source = map.add(path, text);
            files.settings = Some(spec::read_settings(source, &map));
        } else if path.starts_with("connections/") {
            let source = map.add(path, text);
            let parsed = spec::read_connection(source, &map, &stem);
            let name = ConnectionName::from(stem.as_str());
            files.connections.push(FileOf { name, source, parsed, since: None });
        } else if path.starts_with("pipelines/") {
            let source = map.add(path, text);
            let parsed = spec::read_pipeline(source, &map, &stem);
            files.pipelines.push(FileOf {
                name: PipelineName::from(stem.as_str()),
                source,
                parsed,
                since: None,
            });
        }
    }
    files.map = map;
    files
}

/// What sfsync says about a folder.
fn load(folder: &Path, engine: &Engine) -> String {
    let texts = texts(folder);
    let files = read_files(&texts);
    let catalog = catalog::of_fixture(&texts);
    let tools = tools(engine, !texts.contains_key("not_yet"));
    let mut compiled = compile_all(&files, &catalog, &tools);
    compiled.diagnostics.extend(generations(&files, &texts));
    all_to_text(&compiled.diagnostics, &files.map, false)
}

pub(crate) fn tools(engine: &Engine, ignore_not_yet: bool) -> Tools<'_> {
    Tools { engine, now: catalog::now(), ignore_not_yet, tables: Some(&catalog::Sketch) }
}

#[derive(serde::Deserialize)]
struct RunningFixture {
    links: u64,
    loaded: Option<String>,
    pipelines: BTreeMap<String, Identity>,
}

/// E504 against the version that runs.
fn generations(files: &Files, texts: &BTreeMap<String, String>) -> Vec<Diagnostic> {
    let Some(running) = texts.get("running.json") else { return Vec::new() };
    let running: RunningFixture = serde_json::from_str(running).unwrap();
    let changed = files.pipelines.iter().filter_map(|file| {
        let identity = running.pipelines.get(file.name.as_str())?;
        let running = Running { identity, links: running.links, loaded: running.loaded.as_deref() };
        plan::check_generation(running, file.value()?)
    });
    changed.collect()
}

fn fixtures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics");
    let mut all: Vec<PathBuf> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.retain(|path| path.is_dir());
    all.sort();
    all
}

#[test]
fn every_mistake_has_its_message() {
    let engine = Engine::new();
    let update = std::env::var_os("UPDATE").is_some();
    let mut wrong = Vec::new();
    let all = fixtures();
    assert!(all.len() > 30, "only {} fixtures were found", all.len());
    for folder in all {
        let said = load(&folder, &engine);
        let path = folder.join("expected.txt");
        if update {
            fs::write(&path, &said).unwrap();
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        if said != expected {
            wrong.push(format!("==== {name}\n---- expected\n{expected}\n---- said\n{said}"));
        }
        let code = name.split('_').nth(1).unwrap_or_default();
        if !said.contains(&format!("[{code}]")) {
            wrong.push(format!("==== {name} does not give {code}"));
        }
    }
    assert!(wrong.is_empty(), "{}\nUPDATE=1 writes the texts anew", wrong.join("\n"));
}
