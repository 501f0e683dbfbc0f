//! The messages of the language: each folder of `tests/diagnostics` holds the files of a mistake and `expected.txt`.
//!
//! A folder is read like a configuration folder: `connections/*.yaml`, `settings.yaml`, everything else is a pipeline.
//! `UPDATE=1 cargo test` writes what is printed now; look at the difference before you commit it.

use std::fs;
use std::path::{Path, PathBuf};

use sfsync::diag::{Diagnostic, SourceMap, all_to_text};
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

/// Everything that is wrong with one file.
pub(crate) fn read_file(map: &mut SourceMap, shown: &str, bytes: &[u8]) -> Vec<Diagnostic> {
    let source = add_file(map, shown, bytes);
    let file = shown.rsplit('/').next().unwrap();
    let name = file.strip_suffix(".yaml").or_else(|| file.strip_suffix(".yml")).unwrap();
    if shown.starts_with("connections/") {
        read_connection(source, map, name).diagnostics
    } else if name == "settings" {
        read_settings(source, map).diagnostics
    } else {
        read_pipeline(source, map, name).diagnostics
    }
}

/// What `check` prints for a folder.
fn load(folder: &Path) -> String {
    let mut map = SourceMap::default();
    let mut diagnostics = Vec::new();
    for (shown, path) in yaml_files(folder) {
        diagnostics.extend(read_file(&mut map, &shown, &fs::read(path).unwrap()));
    }
    all_to_text(&diagnostics, &map, false).trim_end().to_owned() + "\n"
}

#[test]
fn every_mistake_has_its_message() {
    let mut folders: Vec<PathBuf> = fs::read_dir(fixtures())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    let mut wrong = String::new();
    for folder in &folders {
        let (printed, expected) = (load(folder), folder.join("expected.txt"));
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&expected, &printed).unwrap();
        }
        if fs::read_to_string(&expected).unwrap_or_default() != printed {
            wrong += &["--- ", &folder.display().to_string(), "\n", &printed, "\n"].concat();
        }
    }
    assert!(
        wrong.is_empty(),
        "these print something else than their expected.txt (UPDATE=1 writes it):\n{wrong}"
    );
    assert!(folders.len() >= 13, "fixtures are missing");
}
