//! `docs/sets.md` says for every line of what a product does which test shows it: the page names nothing that is not there.

use std::collections::BTreeSet;
use std::path::Path;

const SETS: [&str; 5] = ["Operating", "SMVue", "WorkSights", "Startdeliver", "Conversion"];

/// What every set has to show besides the lines of its product.
const ALWAYS: [&str; 4] = ["First import", "Live changes", "toggle", "Sign out"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Names in backticks that point into the tests: `walk/operating::name`; or to inline tests: `projects.yaml: name`.
fn names(page: &str) -> BTreeSet<&str> {
    page.split('`')
        .skip(1)
        .step_by(2)
        .filter(|name| name.contains("::") || name.contains(".yaml: "))
        .collect()
}

/// The text of a file of the repository; empty where there is none.
fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_default()
}

fn is_a_test(path: &str, name: &str) -> bool {
    let text = text(path);
    text.contains(&format!("fn {name}(")) && !text.contains("#[ignore")
}

#[test]
fn every_test_that_the_page_of_the_sets_names_is_there() {
    let page = std::fs::read_to_string(root().join("docs/sets.md")).unwrap();
    let mut count = 0;
    for name in names(&page) {
        let found = match (name.split_once("::"), name.split_once(": ")) {
            (Some((file, test)), _) => is_a_test(&format!("tests/it/{file}.rs"), test),
            (None, Some((file, test))) => {
                text(&format!("pipelines/{file}")).contains(&format!("- name: {test}\n"))
            }
            (None, None) => false,
        };
        assert!(found, "docs/sets.md names {name}, which is nowhere");
        count += 1;
    }
    assert!(count > 70, "{count} tests");
}

#[test]
fn every_line_of_the_page_of_the_sets_names_a_test() {
    let page = std::fs::read_to_string(root().join("docs/sets.md")).unwrap();
    for set in SETS {
        let (_, part) =
            page.split_once(&format!("\n## {set}")).unwrap_or_else(|| panic!("no part about {set}"));
        let part = part.split("\n## ").next().unwrap();
        let rows: Vec<&str> = part.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
        assert!(rows.len() > 12, "{set}: {} lines", rows.len());
        for row in &rows {
            assert!(!names(row).is_empty(), "{set}: {row} has no test");
        }
        for line in ALWAYS {
            assert!(rows.iter().any(|row| row.contains(line)), "{set}: nothing about {line}");
        }
    }
}

#[test]
fn every_walk_of_a_set_is_on_the_page() {
    let page = std::fs::read_to_string(root().join("docs/sets.md")).unwrap();
    let walks = [
        "walk/operating",
        "walk/smvue",
        "http_sets/worksights",
        "http_sets/worksights_timeline",
        "http_sets/startdeliver",
        "http_sets/startdeliver_switches",
        "http_sets/conversion",
    ];
    for file in walks {
        let text = std::fs::read_to_string(root().join("tests/it").join(format!("{file}.rs"))).unwrap();
        let tests = text.split("#[tokio::test(flavor = \"multi_thread\")]\nasync fn ").skip(1);
        for name in tests.map(|test| test.split('(').next().unwrap()) {
            assert!(
                page.contains(&format!("{file}::{name}`")),
                "docs/sets.md says nothing of {file}::{name}"
            );
        }
    }
}
