//! The layer table of ARCHITECTURE.md, held against every `use` of the source: no import upwards, none sideways in layer 3.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Module → modules it may import, besides itself. The same table stands in ARCHITECTURE.md.
fn table() -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut table = BTreeMap::new();
    table.insert("model", vec!["diag"]);
    table.insert("diag", vec!["model"]);
    table.insert("expr", vec!["model", "diag"]);
    table.insert("spec", vec!["model", "diag", "expr"]);
    table.insert("plan", vec!["model", "diag", "expr", "spec"]);
    table.insert("sync", vec!["model", "diag", "expr", "plan"]);
    table.insert("connect", vec!["model", "diag", "expr", "spec"]);
    table.insert("store", vec!["model", "diag"]);
    table.insert(
        "runtime",
        vec!["model", "diag", "expr", "spec", "plan", "sync", "connect", "store", "telemetry"],
    );
    table.insert("telemetry", vec!["model", "diag", "spec"]);
    table.insert("serve", vec!["model", "diag", "runtime"]);
    table.insert("cli", vec!["model", "diag", "spec", "runtime", "serve", "telemetry"]);
    table
}

/// Crates that a layer never names.
fn banned() -> BTreeMap<&'static str, Vec<&'static str>> {
    let shell = vec!["tokio", "redb", "reqwest", "axum", "rusqlite", "tokio_postgres"];
    let mut banned = BTreeMap::new();
    for module in ["model", "diag"] {
        banned.insert(module, [shell.clone(), vec!["rhai"]].concat());
    }
    for module in ["expr", "spec", "plan", "sync"] {
        banned.insert(module, shell.clone());
    }
    banned.insert("runtime", vec!["axum"]);
    banned.insert("store", vec!["reqwest", "axum", "tokio"]);
    banned
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The modules a text imports by `crate::x`, tests left out.
fn imports(text: &str) -> Vec<String> {
    let production = text.split("#[cfg(test)]").next().unwrap_or_default();
    let code = production.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut found = Vec::new();
    for line in code {
        for part in line.split("crate::").skip(1) {
            let names = part.strip_prefix('{').unwrap_or(part);
            found.push(names.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    found
}

#[test]
fn every_import_follows_the_layer_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (table, banned) = (table(), banned());
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 50, "the source was not found");
    let mut wrong = Vec::new();
    for file in files {
        let relative = file.strip_prefix(&root).unwrap();
        let module = relative.iter().next().unwrap().to_string_lossy().trim_end_matches(".rs").to_owned();
        let Some(allowed) = table.get(module.as_str()) else { continue };
        let text = fs::read_to_string(&file).unwrap();
        for import in imports(&text) {
            if table.contains_key(import.as_str()) && import != module && !allowed.contains(&import.as_str())
            {
                wrong.push(format!("{}: {module} imports {import}", relative.display()));
            }
        }
        let production = text.split("#[cfg(test)]").next().unwrap_or_default();
        for name in banned.get(module.as_str()).into_iter().flatten() {
            if production.contains(&format!("{name}::")) {
                wrong.push(format!("{}: {module} names {name}", relative.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_document_quotes_the_same_table() {
    let document = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md")).unwrap();
    for (module, allowed) in table() {
        let row = format!(
            "| `{module}` | {} |",
            allowed.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" ")
        );
        assert!(document.contains(&row), "ARCHITECTURE.md lacks the row {row}");
    }
}
