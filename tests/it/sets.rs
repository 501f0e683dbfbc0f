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

/// Only the files of mistakes are exempt: what is wrong there is the point, and a first line would move every place.
#[test]
fn every_other_yaml_file_names_its_schema() {
    let mut folders = vec![root().to_owned()];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            if entry.file_type().unwrap().is_dir() {
                let skipped =
                    name.starts_with('.') || name == "target" || path == root().join("tests/diagnostics");
                folders.extend((!skipped).then_some(path));
            } else if name.ends_with(".yaml") || name.ends_with(".yml") {
                let text = fs::read_to_string(&path).unwrap();
                let named = text
                    .lines()
                    .next()
                    .and_then(|line| line.strip_prefix("# yaml-language-server: $schema="));
                let there = named.is_some_and(|named| folder.join(named).is_file());
                assert!(there, "{} names no schema in its first line", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 70, "{seen} files");
}

#[test]
fn the_apps_of_the_sandbox_fit_their_schema() {
    let text = fs::read_to_string(root().join("schemas/app.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap();
    for entry in fs::read_dir(root().join("sandbox/apps")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let value: serde_json::Value = serde_yaml::from_str(&text).unwrap();
        assert!(validator.is_valid(&value), "{text}");
        sfsync_sandbox::app::Description::parse(&text).unwrap();
    }
}

#[test]
fn the_schema_of_orgs_is_what_they_are_read_by() {
    let text = fs::read_to_string(root().join("schemas/org.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap();
    let fits = |yaml: &str| {
        // YAML 1.2, as editors read it: `on` and `no` are text.
        let options = serde_yaml::options! { strict_booleans: true };
        validator.is_valid(&serde_yaml::from_str_with_options::<serde_json::Value>(yaml, options).unwrap())
    };
    for entry in fs::read_dir(root().join("sandbox/orgs")).unwrap() {
        assert!(fits(&fs::read_to_string(entry.unwrap().path()).unwrap()));
    }
    let field = |field: &str| format!("fields: {{ Account: {{ A__c: {{ {field} }} }} }}");
    let good = [
        field("type: text, label: A, length: 20, required: true, unique: true, external_id: true"),
        field("type: number, precision: 10, scale: 2"),
        field("type: picklist, values: [a, b], restricted: true"),
        field("type: lookup, to: User, children: As__r, cascade: true, restrict: true"),
        field("type: formula, formula: Name, returns: text"),
        "objects: { B__c: { label: B, plural: Bs, fields: { C__c: { type: date } } } }".to_owned(),
        "picklists: { Account: { Type: [a, b] } }".to_owned(),
        "record_types: { Account: { A: { label: A, default: true, picklists: { Type: [a] } } } }".to_owned(),
        "validation_rules: { Account: { A: { when: Name = 'x', message: 'no', field: Name, on: update, changed: [Name] } } }".to_owned(),
        "duplicate_rules: { Lead: { A: { match: [Email], action: block, message: 'no', matching_rule: m, against: Contact, on: create } } }".to_owned(),
        "assignment_rules: { Lead: { A: { owner: x, when: Name = 'x' } } }".to_owned(),
    ];
    for yaml in &good {
        assert!(fits(yaml), "the schema refuses {yaml}");
        if let Err(error) = sfsync_sandbox::Customization::parse("good", yaml) {
            panic!("the org refuses {yaml}: {error}");
        }
    }
    let bad = [
        field("type: txt"),
        field("type: text, lenght: 20"),
        "fields: { Account: { A: { type: text } } }".to_owned(),
        "objects: { B: { label: B } }".to_owned(),
        "objects: { B__c: { plural: Bs } }".to_owned(),
        "validation_rules: { Account: { A: { message: 'no' } } }".to_owned(),
        "duplicate_rules: { Lead: { A: { match: [Email], action: stop } } }".to_owned(),
        "assignment_rules: { Lead: { A: { when: Name = 'x' } } }".to_owned(),
        "feilds: {}".to_owned(),
    ];
    for yaml in &bad {
        assert!(!fits(yaml), "the schema allows {yaml}");
        assert!(sfsync_sandbox::Customization::parse("bad", yaml).is_err(), "the org allows {yaml}");
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
