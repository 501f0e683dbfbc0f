//! The messages of the language: each folder of `tests/diagnostics` holds the files of a mistake and `expected.txt`.
//!
//! A folder is read like a configuration folder: `connections/*.yaml`, `settings.yaml`, every other YAML file is a pipeline. With a
//! Salesforce connection it is compiled as well. `UPDATE=1 cargo test` writes what is printed now; look at the difference before you commit it.
//!
//! Beside the configuration a folder may hold what is known of the systems:
//! `org.txt` the simulated org was read 2 hours ago, with these custom fields (the file may be empty);
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
use sfsync::spec::{add_file, read_connection, read_pipeline, read_settings};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics")
}

/// The YAML files of a folder with their names as messages print them, in order.
pub(crate) fn yaml_files(folder: &Path) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    for (kind, folder) in [("pipelines", folder.to_owned()), ("connections", folder.join("connections"))] {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
                found.push((format!("{kind}/{name}"), path));
            }
        }
    }
    found.sort();
    found
}

/// Reads one file into a set of files. What it is follows from its name.
pub(crate) fn read_into(files: &mut Files, shown: &str, bytes: &[u8]) {
    let source = add_file(&mut files.map, shown, bytes);
    let stem = Path::new(shown).file_stem().unwrap().to_str().unwrap();
    if shown.starts_with("connections/") {
        let parsed = read_connection(source, &files.map, stem);
        files.connections.push(FileOf {
            name: ConnectionName::from(stem),
            source,
            parsed: std::sync::Arc::new(parsed),
            since: None,
        });
    } else if stem == "settings" {
        files.settings = Some(read_settings(source, &files.map));
    } else {
        let parsed = read_pipeline(source, &files.map, stem);
        files.pipelines.push(FileOf {
            name: PipelineName::from(stem),
            source,
            parsed: std::sync::Arc::new(parsed),
            since: None,
        });
    }
}

/// Everything that is wrong with one file by itself.
pub(crate) fn read_file(map: &mut SourceMap, shown: &str, bytes: &[u8]) -> Vec<Diagnostic> {
    let mut files = Files { map: std::mem::take(map), ..Files::default() };
    read_into(&mut files, shown, bytes);
    *map = std::mem::take(&mut files.map);
    alone(&files)
}

fn alone(files: &Files) -> Vec<Diagnostic> {
    let mut all: Vec<Diagnostic> =
        files.connections.iter().flat_map(|file| &file.parsed.diagnostics).cloned().collect();
    all.extend(files.pipelines.iter().flat_map(|file| &file.parsed.diagnostics).cloned());
    all.extend(files.settings.iter().flat_map(|parsed| &parsed.diagnostics).cloned());
    all
}

/// The files of a configuration folder.
pub(crate) fn read_folder(folder: &Path) -> Files {
    let mut files = Files::default();
    for (shown, path) in yaml_files(folder) {
        read_into(&mut files, &shown, &fs::read(path).unwrap());
    }
    files
}

/// What lies beside the YAML files.
fn beside(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = entries
        .filter(|path| path.is_file() && path.extension().is_none_or(|end| end != "yaml" && end != "yml"));
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    files.map(|path| (name(&path), String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned())).collect()
}

/// What `check` prints for a folder.
fn load(folder: &Path, engine: &Engine) -> String {
    let (files, texts) = (read_folder(folder), beside(folder));
    let diagnostics = if files.connection(&"salesforce".into()).is_some() {
        let tools = tools(engine, !texts.contains_key("not_yet"));
        let mut compiled = compile_all(&files, &catalog::of_fixture(&texts), &tools);
        compiled.diagnostics.extend(generations(&files, &texts));
        compiled.diagnostics
    } else {
        alone(&files)
    };
    all_to_text(&diagnostics, &files.map, false).trim_end().to_owned() + "\n"
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

#[test]
fn every_mistake_has_its_message() {
    let engine = Engine::new();
    let mut folders: Vec<PathBuf> = fs::read_dir(fixtures())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    let mut wrong: Vec<String> = Vec::new();
    for folder in &folders {
        let (printed, expected) = (load(folder, &engine), folder.join("expected.txt"));
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&expected, &printed).unwrap();
        }
        if fs::read_to_string(&expected).unwrap_or_default() != printed {
            wrong.push(format!("--- {}\n{printed}", folder.display()));
        }
        let code = folder.file_name().unwrap().to_str().unwrap().split('_').nth(1).unwrap();
        if !printed.contains(&format!("[{code}]")) {
            wrong.push(format!("--- {} does not give {code}", folder.display()));
        }
    }
    assert!(
        wrong.is_empty(),
        "these print something else than their expected.txt (UPDATE=1 writes it):\n{}",
        wrong.join("\n")
    );
    assert!(folders.len() >= 50, "fixtures are missing");
}
