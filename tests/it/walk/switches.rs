//! The switches that the shipped files offer: whoever turns one gets what he asked for, and the inline tests of the file still say the truth.

use jiff::Timestamp;
use sfsync::diag::all_to_text;
use sfsync::expr::Engine;
use sfsync::model::PipelineName;
use sfsync::plan::Catalog;
use sfsync::runtime::folder::{Texts, read};
use sfsync::runtime::load::{Loaded, Loading, load, load_after, parse, parse_after};

use crate::harness::rig::copy_set;

/// Set, file, what stands there, what may stand there as a comment or the README of the set says.
const OFFERED: [(&str, &str, &str, &str); 25] = [
    ("operating", "projects.yaml", "project: always", "project: on_create"),
    ("operating", "clients.yaml", "client: always", "client: on_create"),
    ("operating", "budgets.yaml", "to_app: [create] ", "to_app: [create, update] "),
    (
        "operating",
        "projects.yaml",
        "Renewal,      StageName: [Quote Sent, Closed Won]",
        "Renewal,      StageName: [Closed Won]",
    ),
    ("smvue", "opportunities.yaml", ", during: 20:00-06:00", ""),
    ("smvue", "opportunities.yaml", "reconcile: sunday at 02:00", "reconcile: daily"),
    ("worksights", "events.yaml", "[jane@acme.com]", "[]"),
    ("worksights", "tasks.yaml", "Owner.Email: []", "Owner.Email: [jane@acme.com]"),
    ("worksights", "opportunities.yaml", "  push: cdc\n", ""),
    ("startdeliver", "customers.yaml", "  owners: off  ", "  owners: always  "),
    ("startdeliver", "customers.yaml", "  owners: off  ", "  owners: on_create  "),
    ("startdeliver", "notes.yaml", "enabled: true", "enabled: false"),
    ("startdeliver", "comments.yaml", "enabled: true", "enabled: false"),
    ("startdeliver", "tasks.yaml", "to_salesforce: [create, update]", "to_salesforce: [update]"),
    ("conversion", "leads.yaml", "to_salesforce: [create, update]  ", ""),
    ("conversion", "leads.yaml", "to_salesforce: [create, update]", "to_salesforce: [create]"),
    ("conversion", "leads.yaml", "to_salesforce: [create, update]", "to_salesforce: [update]"),
    (
        "conversion",
        "leads.yaml",
        "to_salesforce: [create, update]",
        "max_deletes: 5\nto_salesforce: [create, update, delete]",
    ),
    (
        "conversion",
        "leads.yaml",
        "to_salesforce: [create, update]",
        "max_deletes: 5\nto_salesforce: [delete]",
    ),
    ("conversion", "contacts.yaml", "to_salesforce: [update]", "to_salesforce: [create]"),
    ("conversion", "contacts.yaml", "to_salesforce: [update]", "to_salesforce: [create, update]"),
    ("conversion", "contacts.yaml", "to_salesforce: [update]  ", ""),
    ("conversion", "accounts.yaml", "to_salesforce: [update]", "to_salesforce: [create, update]"),
    ("conversion", "accounts.yaml", "to_salesforce: [update]", "max_deletes: 5\nto_salesforce: [delete]"),
    ("conversion", "tasks.yaml", "[create, update]", "[create]"),
];

/// A set as it is shipped, loaded once: a switch compiles what it turns.
struct Shipped {
    texts: Texts,
    engine: Engine,
    loaded: Loaded,
}

impl Shipped {
    fn of(set: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy_set(set, folder.path());
        let (texts, engine) = (read(folder.path()).unwrap(), Engine::new());
        let loaded = load(parse(&texts, |_| None), &loading(&engine, &Catalog::default()));
        Self { texts, engine, loaded }
    }

    /// What is wrong with a file that says this instead of that.
    fn turned(&self, file: &str, from: &str, to: &str) -> Option<String> {
        let (mut texts, name) = (self.texts.clone(), file.trim_end_matches(".yaml"));
        let source = texts.pipelines.get_mut(name).unwrap();
        let text = std::str::from_utf8(&source.bytes).unwrap();
        assert!(text.contains(from), "{file} has no {from:?}");
        let untold = text.contains("\ntests:").then_some(0);
        source.bytes = text.replacen(from, to, 1).into_bytes();
        let files = parse_after(&texts, &self.loaded.files, |_| None);
        let catalog = Catalog::default();
        let loaded = load_after(files, &loading(&self.engine, &catalog), &self.loaded.earlier());
        let name = PipelineName::from(name);
        let file = loaded.files.pipelines.iter().find(|file| file.name == name).unwrap();
        let (errors, (passed, failed)) = (loaded.counts(file.source).0, loaded.tests(&name));
        let said = || all_to_text(&loaded.compiled.diagnostics, &loaded.files.map, false);
        (errors > 0 || failed > 0 || Some(passed) == untold)
            .then(|| format!("{passed} passed, {failed} failed: {}", said()))
    }
}

fn loading<'a>(engine: &'a Engine, catalog: &'a Catalog) -> Loading<'a> {
    Loading { engine, catalog, now: Timestamp::UNIX_EPOCH, ignore_not_yet: false }
}

#[test]
fn every_offered_switch_can_be_turned_and_the_tests_of_its_file_pass() {
    let mut told = Vec::new();
    let mut shipped: Option<(&str, Shipped)> = None;
    for (set, file, from, to) in OFFERED {
        let (_, loaded) = match shipped.take() {
            Some(before) if before.0 == set => shipped.insert(before),
            _ => shipped.insert((set, Shipped::of(set))),
        };
        // What comes before the line of a rule that is taken out is a comment then.
        let to = if to.is_empty() && from.starts_with("to_") { "# " } else { to };
        told.extend(
            loaded.turned(file, from, to).map(|said| format!("{set}/{file}: {from} to {to}: {said}")),
        );
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
}
