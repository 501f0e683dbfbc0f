//! What the README files of the sets promise: the demo runs, the inline tests pass, `check --online` is clean, the commands exist.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use assert_cmd::cargo::cargo_bin;
use sfsync::cli::demo::sets::{SETS, Set};

use crate::harness::whole::{Whole, org_of};

pub fn sfsync(folder: &Path, secrets: &BTreeMap<String, String>, arguments: &[&str]) -> Output {
    let mut command = Command::new(cargo_bin("sfsync"));
    command.current_dir(folder).args(arguments).envs(secrets);
    command.env_remove("SFSYNC_CONFIG").env_remove("SFSYNC_SOCKET").env_remove("SFSYNC_STATE_KEY");
    command.env("XDG_RUNTIME_DIR", folder);
    command.output().unwrap()
}

pub fn said(output: &Output) -> String {
    String::from_utf8([output.stdout.as_slice(), output.stderr.as_slice()].concat()).unwrap()
}

fn pipelines(set: &Set) -> Vec<&'static str> {
    let of_pipelines = |(name, _): &(&'static str, &'static str)| {
        let name = name.strip_suffix(".yaml")?;
        (!name.contains('/') && name != "settings").then_some(name)
    };
    set.files.iter().filter_map(of_pipelines).collect()
}

/// The demo of a set, for a moment: no pipeline fails, these write something, and the database shows rows.
fn demo_shows_something(name: &str, works: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["demo", "--set", name, "--for", "8s", "--opportunities", "40", "--folder", "demo"];
    let output = sfsync(folder.path(), &BTreeMap::new(), &arguments);
    let told = said(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("Loaded after") && told.contains("Records are edited in the org now"), "{told}");
    let set = Set::named(name).unwrap();
    for pipeline in pipelines(set) {
        let is_it = |line: &&str| {
            line.trim_start().starts_with(&format!("{pipeline} ")) && line.contains(" left out, ")
        };
        let line = told.lines().find(is_it);
        let line = line.unwrap_or_else(|| panic!("{pipeline} is not told of: {told}"));
        assert!(line.contains(", 0 failed"), "{line}: {told}");
        assert!(!works.contains(&pipeline) || !line.contains(" 0 created"), "{line}: {told}");
    }
    // What to do next can be done as it stands.
    assert!(told.contains(&format!("(sfsync demo --set {name} --folder demo;")), "{told}");
    // The question that it names has an answer.
    let (_, question) = told.split_once("sqlite3 ").unwrap();
    let (database, question) = question.lines().next().unwrap().split_once(" '").unwrap();
    let database = rusqlite::Connection::open(folder.path().join(database)).unwrap();
    let question = question.trim_end_matches('\'');
    let rows = database.prepare(question).unwrap().query_map([], |_| Ok(())).unwrap().count();
    assert!(rows > 0, "{question}");
}

#[test]
fn the_demo_of_operating_shows_something() {
    demo_shows_something("operating", &["people", "clients", "projects", "deals", "budgets"]);
}

#[test]
fn the_demo_of_smvue_shows_something() {
    demo_shows_something(
        "smvue",
        &["team_members", "opportunities", "accounts", "contacts", "tasks", "events", "stage_history"],
    );
}

#[test]
fn the_demo_of_worksights_shows_something() {
    demo_shows_something("worksights", &["opportunities", "tasks", "contacts"]);
}

#[test]
fn the_demo_of_startdeliver_shows_something() {
    demo_shows_something("startdeliver", &["customers", "tasks"]);
}

#[test]
fn the_demo_of_conversion_shows_something() {
    demo_shows_something("conversion", &["accounts", "leads"]);
}

#[test]
fn a_demo_has_every_file_of_its_set() {
    for set in &SETS {
        let folder = root().join("pipelines").join(set.name);
        let mut there: Vec<String> = ["", "connections"]
            .iter()
            .flat_map(|part| std::fs::read_dir(folder.join(part)).unwrap())
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|end| end == "yaml"))
            .map(|path| path.strip_prefix(&folder).unwrap().display().to_string())
            .collect();
        let mut known: Vec<String> = set.files.iter().map(|(name, _)| (*name).to_owned()).collect();
        there.sort();
        known.sort();
        assert_eq!(known, there, "{}", set.name);
    }
}

#[test]
fn only_connections_and_waiting_times_are_other_than_in_the_repository() {
    for set in &SETS {
        for ((name, shipped), (_, here)) in set.files.iter().zip(set.for_stand_ins()) {
            let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
            let (shipped, here) = (lines(shipped), lines(&here));
            let other: Vec<&String> = here.iter().filter(|line| !shipped.contains(line)).collect();
            let expected = name.contains('/') || *name == "settings.yaml";
            let waits = |line: &&String| line.contains("poll:") || line.contains("backfill:");
            assert!(expected || other.iter().all(waits), "{}/{name}: {other:#?}", set.name);
        }
    }
}

#[test]
fn the_inline_tests_of_all_sets_pass() {
    let mut count = 0;
    for set in &SETS {
        let folder = root().join("pipelines").join(set.name);
        let output = sfsync(&folder, &BTreeMap::new(), &["test", "--json"]);
        assert_eq!(output.status.code(), Some(0), "{}: {}", set.name, said(&output));
        count += set.files.iter().map(|(_, text)| text.matches("\n  - name: ").count()).sum::<usize>();
    }
    assert!(count >= 20, "{count} tests");
}

/// `check --online` against the stand-ins of a set: no error, and no warning but that Salesforce has nothing by which a create could be found
/// again, which is so for records that are made there without a field for the id of the app.
async fn check_is_clean(name: &str) {
    let whole = Whole::of(name, org_of(name, 20)).await;
    let folder = whole.rig.folder();
    let secrets: BTreeMap<String, String> = whole.rig.secrets.0.clone().into_iter().collect();
    let output = tokio::task::spawn_blocking(move || {
        sfsync(&folder, &secrets, &["check", "--online", "--config", "."])
    });
    let output = output.await.unwrap();
    let told = said(&output);
    assert_eq!(output.status.code(), Some(0), "{name}: {told}");
    let warnings: Vec<&str> = told.lines().filter(|line| line.starts_with("warning[")).collect();
    assert!(warnings.iter().all(|line| line.starts_with("warning[W307]")), "{name}: {told}");
    let writes_there = ["startdeliver", "conversion"].contains(&name);
    assert!(writes_there || warnings.is_empty(), "{name}: {told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_online_is_clean_for_operating() {
    check_is_clean("operating").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_online_is_clean_for_smvue() {
    check_is_clean("smvue").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_online_is_clean_for_worksights() {
    check_is_clean("worksights").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_online_is_clean_for_startdeliver() {
    check_is_clean("startdeliver").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_online_is_clean_for_conversion() {
    check_is_clean("conversion").await;
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_readme_of_a_set_says_what_it_does_what_to_set_and_how_to_try_it() {
    for set in SETS.iter().filter(|set| set.name != "quickstart") {
        let text =
            std::fs::read_to_string(root().join("pipelines").join(set.name).join("README.md")).unwrap();
        let lines = text.lines().filter(|line| !line.trim().is_empty()).count();
        assert!((6..=14).contains(&lines), "{}: {lines} lines", set.name);
        assert!(text.contains(&format!("sfsync demo --set {}", set.name)), "{}", set.name);
        // Every secret that the files name is said.
        for (_, file) in set.files {
            for (at, _) in file.match_indices("${env:") {
                let name = file[at + 6..].split('}').next().unwrap();
                assert!(text.contains(name), "{}: the README does not name {name}", set.name);
            }
        }
    }
}
