//! The complete example configurations of the repository compile, offline and with the schema of the simulated org.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use sfsync::diag::{Diagnostic, all_to_text};
use sfsync::expr::Engine;
use sfsync::model::ConnectionName;
use sfsync::plan::{Catalog, Compiled, Files, compile_all};

use crate::diagnostics::catalog::{offer, simulated_org};
use crate::diagnostics::{read_folder, read_into, tools, yaml_files};

const SETS: [&str; 6] = ["quickstart", "operating", "smvue", "worksights", "startdeliver", "conversion"];

fn set(name: &str) -> Files {
    read_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines").join(name))
}

fn online() -> Catalog {
    let customizations: Vec<String> = ["operating", "smvue", "startdeliver"]
        .iter()
        .map(|name| {
            let path = format!("{}/sandbox/orgs/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
            fs::read_to_string(path).unwrap()
        })
        .collect();
    let texts: Vec<&str> = customizations.iter().map(String::as_str).collect();
    let mut catalog = Catalog::default();
    let mut org = simulated_org(&texts);
    let stages = |kind: &str, values: &[&str]| {
        (kind.to_owned(), values.iter().map(|value| (*value).to_owned()).collect())
    };
    offer(
        &mut org,
        "Account.Type",
        &BTreeMap::from([stages("Company", &["Customer", "Customer - Channel"])]),
    );
    catalog.orgs.insert(ConnectionName::from("salesforce"), org);
    catalog
}

fn assert_compiles(name: &str, catalog: &Catalog, engine: &Engine) -> Compiled {
    let files = set(name);
    let compiled = compile_all(&files, catalog, &tools(engine, true));
    let errors: Vec<Diagnostic> =
        compiled.diagnostics.iter().filter(|error| error.is_error()).cloned().collect();
    assert!(errors.is_empty(), "{name}:\n{}", all_to_text(&errors, &files.map, false));
    assert_eq!(compiled.plans().len(), files.pipelines.len(), "{name}");
    compiled
}

#[test]
fn every_set_compiles_without_any_system() {
    let engine = Engine::new();
    for name in SETS {
        let compiled = assert_compiles(name, &Catalog::default(), &engine);
        assert!(
            compiled
                .notes
                .contains(&"checked without the schema of salesforce: run with --online".to_owned())
        );
    }
}

#[test]
fn every_set_compiles_against_the_simulated_org() {
    let (engine, catalog) = (Engine::new(), online());
    for name in SETS {
        let compiled = assert_compiles(name, &catalog, &engine);
        assert!(!compiled.notes.iter().any(|note| note.contains("schema of salesforce")), "{name}");
    }
}

#[test]
fn the_example_of_somebody_elses_app_compiles() {
    let files = read_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/directus"));
    let compiled = compile_all(&files, &online(), &tools(&Engine::new(), true));
    let errors: Vec<Diagnostic> = compiled.diagnostics.into_iter().filter(Diagnostic::is_error).collect();
    assert!(errors.is_empty(), "{}", all_to_text(&errors, &files.map, false));
}

#[test]
fn what_is_looked_up_begins_first() {
    let compiled = assert_compiles("operating", &Catalog::default(), &Engine::new());
    let names: Vec<String> = compiled.plans().iter().map(|plan| plan.name.to_string()).collect();
    assert_eq!(names, ["clients", "people", "projects", "budgets", "deals"]);
}

/// Every file of the sets, as (printed path, text).
fn all_texts(name: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines").join(name);
    yaml_files(&root).into_iter().map(|(shown, path)| (shown, fs::read_to_string(path).unwrap())).collect()
}

/// One careless edit: a line is lost, doubled or shortened, or a word is put where another stood.
fn careless(text: &str, (line, word, kind): (usize, usize, u8)) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let at = line % lines.len();
    let other: Vec<&str> = text.split_whitespace().collect();
    match kind % 4 {
        0 => drop(lines.remove(at)),
        1 => lines.insert(at, lines[at].clone()),
        2 => {
            let half = lines[at].chars().count() / 2;
            lines[at] = lines[at].chars().take(half).collect();
        }
        _ => {
            let mut words: Vec<&str> = lines[at].split(' ').collect();
            let place = word % words.len();
            words[place] = other[(line + word) % other.len()];
            lines[at] = words.join(" ");
        }
    }
    lines.join("\n") + "\n"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn careless_edits_give_messages(
        set in 0..SETS.len(), file in 0_usize..100, edits in prop::collection::vec((0_usize..200, 0_usize..20, 0_u8..4), 1..4),
    ) {
        static KNOWN: LazyLock<(Engine, Catalog)> = LazyLock::new(|| (Engine::new(), online()));
        let mut texts = all_texts(SETS[set]);
        let file = file % texts.len();
        for edit in edits {
            texts[file].1 = careless(&texts[file].1, edit);
        }
        let mut files = Files::default();
        for (shown, text) in &texts {
            read_into(&mut files, shown, text.as_bytes());
        }
        for catalog in [&KNOWN.1, &Catalog::default()] {
            let compiled = compile_all(&files, catalog, &tools(&KNOWN.0, false));
            let refused = compiled.pipelines.values().filter(|plan| plan.is_err()).count();
            let errors = compiled.diagnostics.iter().filter(|error| error.is_error()).count();
            prop_assert!(refused <= errors, "{refused} files are refused with {errors} errors");
            let _ = all_to_text(&compiled.diagnostics, &files.map, false);
        }
    }
}
