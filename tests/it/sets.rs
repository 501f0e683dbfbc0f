//! The pipelines of the repository: every file reads without a word, fits its schema and names it; schemas and pages are
//! what the tables say. `UPDATE=1 cargo test` writes the generated files anew.

use std::fs;
use std::path::{Path, PathBuf};

use sfsync::diag::{SourceMap, all_to_text, codes};
use sfsync::spec::grammar::{SCHEMAS, reference, render_schema};

use crate::diagnostics::{read_file, yaml_files};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Name as messages print it, path, and the schema it belongs to.
fn files() -> Vec<(String, PathBuf, &'static str)> {
    let mut found = Vec::new();
    for set in fs::read_dir(root().join("pipelines")).unwrap() {
        for (shown, path) in yaml_files(&set.unwrap().path()) {
            let kind = if shown.starts_with("connections/") {
                "connection"
            } else if shown.ends_with("/settings.yaml") {
                "settings"
            } else {
                "pipeline"
            };
            found.push((shown, path, kind));
        }
    }
    assert!(found.len() > 60, "pipelines are missing: {}", found.len());
    found
}

/// Compares a generated file with what is committed.
fn current(path: &str, text: &str) {
    let file = root().join(path);
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == text,
        "{path} is not what the tables say; write it with: UPDATE=1 cargo test --test it"
    );
}

#[test]
fn every_file_reads_without_a_word() {
    for (shown, path, _) in files() {
        let mut map = SourceMap::default();
        let diagnostics = read_file(&mut map, &shown, &fs::read(&path).unwrap());
        assert!(diagnostics.is_empty(), "{}\n{}", path.display(), all_to_text(&diagnostics, &map, false));
    }
}

#[test]
fn every_file_names_its_schema_and_fits_it() {
    for (_, path, kind) in files() {
        let text = fs::read_to_string(&path).unwrap();
        let named = text.lines().next().unwrap().strip_prefix("# yaml-language-server: $schema=").unwrap();
        let schema = path.parent().unwrap().join(named);
        assert_eq!(
            schema.canonicalize().unwrap(),
            root().join(format!("schemas/{kind}.schema.json")).canonicalize().unwrap()
        );
        let schema: serde_json::Value = serde_json::from_str(&fs::read_to_string(schema).unwrap()).unwrap();
        // YAML 1.2, as editors read it: `off` is text.
        let options = serde_yaml::options! { strict_booleans: true };
        let value: serde_json::Value = serde_yaml::from_str_with_options(&text, options).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        if let Some(error) = validator.iter_errors(&value).next() {
            panic!("{}: {error} at {}", path.display(), error.instance_path());
        }
    }
}

#[test]
fn a_schema_refuses_what_the_grammar_refuses() {
    let schema: serde_json::Value = serde_json::from_str(&render_schema("pipeline").unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let good = serde_json::json!({ "salesforce": "Account", "app": "w.clients", "to_app": ["create"], "fields": [] });
    assert!(validator.is_valid(&good));
    for (key, value) in [
        ("feilds", serde_json::json!([])),
        ("to_app", serde_json::json!(["crate"])),
        ("app", serde_json::json!("clients")),
        ("retries", serde_json::json!("many")),
        ("salesforce", serde_json::json!({ "object": "Task", "poll": 10 })),
    ] {
        let mut wrong = good.clone();
        wrong[key] = value;
        assert!(!validator.is_valid(&wrong), "{wrong}");
    }
}

#[test]
fn schemas_are_current() {
    for name in SCHEMAS {
        current(&format!("schemas/{name}.schema.json"), &render_schema(name).unwrap());
    }
}

#[test]
fn pages_are_current() {
    current("docs/errors.md", &codes::reference_page());
    current("docs/reference.md", &reference());
}
