//! The inline tests of every set in the repository pass, those of pipelines that cannot run yet included.

use std::path::Path;
use std::sync::Arc;

use sfsync::runtime::clock::SystemClock;
use sfsync::runtime::workbench::Workbench;
use sfsync::runtime::world::ProcessSecrets;

#[test]
fn the_inline_tests_of_all_sets_pass() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines");
    let mut told = 0;
    let mut wrong = Vec::new();
    for set in std::fs::read_dir(root).unwrap() {
        let set = set.unwrap().path();
        let bench = Workbench::open(&set, None, Arc::new(ProcessSecrets), Arc::new(SystemClock)).unwrap();
        for (pipeline, results) in bench.stories(&[], None) {
            for result in results {
                told += 1;
                for mismatch in &result.mismatches {
                    wrong.push(format!("{}/{pipeline} {:?}: {mismatch:?}", set.display(), result.name));
                }
            }
        }
    }
    assert!(told >= 24, "{told} tests");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_set_compiles_and_what_cannot_run_yet_is_named() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines");
    for set in std::fs::read_dir(root).unwrap() {
        let set = set.unwrap().path();
        let bench = Workbench::open(&set, None, Arc::new(ProcessSecrets), Arc::new(SystemClock)).unwrap();
        let report = bench.check(&[], false);
        let others: Vec<_> = report.diagnostics.iter().filter(|message| message.code != "E601").collect();
        assert!(others.is_empty(), "{}: {others:?}", set.display());
    }
}
