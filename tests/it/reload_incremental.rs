//! A load that compiles only what changed says exactly what a load from nothing says, whatever happened to the files and the systems
//! before; and it leaves alone what did not change.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use sfsync::diag::to_data;
use sfsync::expr::Engine;
use sfsync::model::{ColumnInfo, ConnectionName, Kind, PipelineName, TableInfo};
use sfsync::plan::{Catalog, DatabaseCatalog, Files, Pipeline};
use sfsync::runtime::folder::{File, Texts};
use sfsync::runtime::load::{Earlier, Loaded, Loading, load, load_after, parse, parse_after};

use crate::diagnostics::catalog::{now, simulated_org};

static ENGINE: LazyLock<Engine> = LazyLock::new(Engine::new);

const NAMES: [&str; 6] = ["accounts", "branches", "clients", "deals", "events", "firms"];

/// What a file may say. `NAME` is its own name, `OTHER` one of the others.
const PIPELINES: &[&str] = &[
    // A mirror, unless somebody looks it up.
    "salesforce: { object: Account }\napp: db.NAME\nto_app: [create, update]\nmatch: [sf_id]\nfields:\n  - { salesforce: Id, app: sf_id }\n  - { salesforce: Name, app: name, to_app: 'truncate(value, 80)' }\n",
    // Looks up another.
    "salesforce: { object: Opportunity }\napp: db.NAME\nto_app: [create, update]\nmatch: [sf_id]\nfields:\n  - { salesforce: Id, app: sf_id }\n  - { salesforce: AccountId, app: account, lookup: OTHER }\n  - { salesforce: Account.Industry, app: industry }\n",
    // Looks up another in an expression, and two levels of parents.
    "salesforce: { object: Contact }\napp: db.NAME\nto_app: [create, update]\nmatch: [sf_id]\nfields:\n  - { salesforce: Id, app: sf_id }\n  - { salesforce: AccountId, app: account, to_app: 'linked(\"OTHER\", value)' }\n  - { salesforce: Account.Owner.Name, app: owner }\n",
    // Writes the table of another (E207), in the time zone of the settings.
    "salesforce: { object: Account }\napp: db.OTHER\nto_app: [create, update]\nmatch: [sf_id]\nfields:\n  - { salesforce: Id, app: sf_id }\n  - { salesforce: Name, app: name }\n  - { app: since, const: 2026-03-01T10:00 }\n",
    // A field that is not there: its message tells how old the schema is.
    "salesforce: { object: Account }\napp: db.NAME\nto_app: [create, update]\nmatch: [sf_id]\nfields:\n  - { salesforce: Id, app: sf_id }\n  - { salesforce: Nmae, app: name }\n",
    // An expression that does not compile; a lookup that goes nowhere.
    "salesforce: { object: Account }\napp: db.NAME\nto_app: [create]\nmatch: [sf_id]\nfields:\n  - { salesforce: Id, app: sf_id }\n  - { salesforce: Name, app: name, to_app: 'value +' }\n  - { salesforce: ParentId, app: parent, lookup: OTHERS }\n",
    // No YAML; an unknown key.
    "salesforce: { object: Account\napp: [",
    "salesforce: { object: Account }\napp: db.NAME\nto_ap: [create]\nmatch: [sf_id]\nfields:\n  - { salesforce: Id, app: sf_id }\n",
    // Tests that pass, and one that fails.
    "salesforce: { object: Account }\napp: db.NAME\nto_app: [create, update]\nmatch: [sf_id]\nfields:\n  - { salesforce: Id, app: sf_id }\n  - { salesforce: Name, app: name, to_app: 'upper(value)' }\ntests:\n  - name: large\n    change:\n      salesforce: { Id: 001A1, Name: acme }\n    expect: { op: create, app: { name: ACME } }\n",
    "salesforce: { object: Account }\napp: db.NAME\nto_app: [create, update]\nmatch: [sf_id]\nfields:\n  - { salesforce: Id, app: sf_id }\n  - { salesforce: Name, app: name }\ntests:\n  - name: large\n    change:\n      salesforce: { Id: 001A1, Name: acme }\n    expect: { op: create, app: { name: ACME } }\n",
    // Cannot run yet, and warns.
    "salesforce: { object: Account, push: cdc }\napp: db.NAME\nto_app: [create, update]\nlinks: many_to_one\nmatch: [sf_id]\nfields:\n  - { salesforce: Id, app: sf_id }\n  - { salesforce: Name, app: name }\ntests:\n  - name: copied\n    change:\n      salesforce: { Id: 001A1, Name: acme }\n    expect: { op: create, app: { name: acme } }\n",
    // In a circle with another of its kind; an object that is not there; another connection.
    "salesforce: { object: Account }\napp: db.NAME\nto_app: [create, update]\nmatch: [sf_id]\nfields:\n  - { salesforce: Id, app: sf_id }\n  - { salesforce: ParentId, app: parent, lookup: OTHER }\n",
    "salesforce: { object: Acount }\napp: db.NAME\nto_app: [create]\nmatch: [sf_id]\nfields:\n  - { salesforce: Id, app: sf_id }\n",
    "salesforce: { object: Account, where: \"Id IN (SELECT AccountId FROM Contact WHERE Emial != null)\" }\napp: second.NAME\nto_app: [create]\nmatch: [sf_id]\nfields:\n  - { salesforce: Id, app: sf_id }\n",
];

const CONNECTIONS: &[&str] = &[
    "type: sqlite\npath: /tmp/one.db\ncreate_tables: true\n",
    "type: sqlite\npath: /tmp/one.db\n",
    "type: sqlite\npath: /tmp/one.db\ncreate_tables: true\nresources: { clients: { table: firms, key: sf_id } }\n",
    "type: postgres\nurl: ${env:DB}\n",
    "type: sqlite\npaht: /tmp/one.db\n",
];

const SETTINGS: &[&str] =
    &["timezone: Europe/Helsinki\n", "timezone: America/New_York\n", "timezone: Mars\n"];

/// Something that happens.
#[derive(Clone, Debug)]
enum Step {
    Write { name: usize, text: usize, other: usize },
    Delete(usize),
    Rename(usize, usize),
    Connection { second: bool, text: Option<usize> },
    Settings(Option<usize>),
    Table { name: usize, is: usize },
    Object { name: usize, is: usize },
    Secrets(bool),
    Later(u32),
    Loaded(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let name = || 0..NAMES.len();
    prop_oneof![
        8 => (name(), 0..PIPELINES.len(), name())
            .prop_map(|(name, text, other)| Step::Write { name, text, other }),
        2 => name().prop_map(Step::Delete),
        2 => (name(), name()).prop_map(|(from, to)| Step::Rename(from, to)),
        1 => (any::<bool>(), prop::option::weighted(0.8, 0..CONNECTIONS.len()))
            .prop_map(|(second, text)| Step::Connection { second, text }),
        1 => prop::option::of(0..SETTINGS.len()).prop_map(Step::Settings),
        2 => (name(), 0..4_usize).prop_map(|(name, is)| Step::Table { name, is }),
        2 => (0..3_usize, 0..4_usize).prop_map(|(name, is)| Step::Object { name, is }),
        1 => any::<bool>().prop_map(Step::Secrets),
        1 => (1..10_000_u32).prop_map(Step::Later),
        2 => name().prop_map(Step::Loaded),
    ]
}

/// A folder and what is known of the systems.
struct Scene {
    texts: Texts,
    catalog: Catalog,
    now: Timestamp,
    since: BTreeMap<String, Timestamp>,
}

fn file(path: &str, text: &str) -> File {
    File::new(path, text.as_bytes().to_vec())
}

const ORG: &str = "type: salesforce\nenvironment: production\nlogin_url: ${env:URL}\nauth: { flow: client_credentials, client_id: '${env:ID}', client_secret: '${env:SECRET}' }\n";

impl Scene {
    fn new() -> Self {
        static ONLINE: LazyLock<Catalog> = LazyLock::new(|| {
            let orgs = [(ConnectionName::from("salesforce"), simulated_org(&[]))];
            Catalog { orgs: orgs.into(), ..Catalog::default() }
        });
        let mut texts = Texts::default();
        texts.connections.insert("salesforce".to_owned(), file("connections/salesforce.yaml", ORG));
        texts.connections.insert("db".to_owned(), file("connections/db.yaml", CONNECTIONS[0]));
        let mut scene = Self { texts, catalog: ONLINE.clone(), now: now(), since: BTreeMap::new() };
        for name in 0..NAMES.len() {
            scene.take(&Step::Write { name, text: 0, other: 0 });
        }
        scene
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Write { name, text, other } => {
                let text = PIPELINES[*text].replace("NAME", NAMES[*name]).replace("OTHER", NAMES[*other]);
                self.write(NAMES[*name], &text);
            }
            Step::Delete(name) => drop(self.texts.pipelines.remove(NAMES[*name])),
            Step::Rename(from, to) => {
                if let Some(moved) = self.texts.pipelines.remove(NAMES[*from]) {
                    self.write(NAMES[*to], &String::from_utf8(moved.bytes).unwrap());
                }
            }
            Step::Connection { second, text } => {
                let name = if *second { "second" } else { "db" };
                self.texts.connections.remove(name);
                let text = text.map(|text| file(&format!("connections/{name}.yaml"), CONNECTIONS[text]));
                self.texts.connections.extend(text.map(|file| (name.to_owned(), file)));
            }
            Step::Settings(text) => {
                self.texts.settings = text.map(|text| file("settings.yaml", SETTINGS[text]));
            }
            Step::Table { name, is } => self.table(NAMES[*name], *is),
            Step::Object { name, is } => self.object(["Account", "Contact", "User"][*name], *is),
            Step::Secrets(missing) => {
                self.catalog.missing_secrets.clear();
                let lost = sfsync::plan::MissingSecret::Env("SECRET".to_owned());
                self.catalog.missing_secrets.extend(missing.then_some(lost));
            }
            Step::Later(seconds) => self.now += Duration::from_secs(u64::from(*seconds)),
            Step::Loaded(name) => {
                self.since.insert(format!("{}.yaml", NAMES[*name]), self.now);
            }
        }
    }

    fn write(&mut self, name: &str, text: &str) {
        self.texts.pipelines.insert(name.to_owned(), file(&format!("{name}.yaml"), text));
    }

    /// A table is not known, surely not there, there, or there with one column less.
    fn table(&mut self, name: &str, is: usize) {
        let column = |name: &str| ColumnInfo {
            name: name.to_owned(),
            kind: Kind::Text,
            native: "text".to_owned(),
            nullable: true,
            has_default: false,
            read_only: false,
            one_of: Vec::new(),
        };
        let known: &mut DatabaseCatalog =
            self.catalog.databases.entry(ConnectionName::from("db")).or_default();
        known.tables.retain(|table| table.name != name);
        known.missing.remove(name);
        let all = ["sf_id", "name", "account", "industry", "owner", "parent"];
        match is {
            0 => {}
            1 => drop(known.missing.insert(name.to_owned())),
            _ => known.tables.push(Arc::new(TableInfo {
                name: name.to_owned(),
                columns: all.iter().take(8 - is).map(|name| column(name)).collect(),
                primary_key: vec!["sf_id".to_owned()],
                unique: Vec::new(),
                read_at: self.now,
            })),
        }
    }

    /// An object is read again, is read with a field less, is forgotten, or comes back as it was.
    fn object(&mut self, name: &str, is: usize) {
        let org = self.catalog.orgs.get_mut(&ConnectionName::from("salesforce")).unwrap();
        let at = org.objects.iter().position(|object| object.name == name);
        match (is, at) {
            (0, Some(at)) => Arc::make_mut(&mut org.objects[at]).read_at = self.now,
            (1, Some(at)) => Arc::make_mut(&mut org.objects[at]).fields.retain(|field| field.name != "Name"),
            (_, Some(at)) => drop(org.objects.remove(at)),
            (_, None) => {}
        }
        if is == 3 {
            let fresh = Self::new().catalog.orgs.remove(&ConnectionName::from("salesforce")).unwrap();
            org.objects.extend(fresh.objects.into_iter().filter(|object| object.name == name));
        }
    }

    fn loading(&self) -> Loading<'_> {
        Loading { engine: &ENGINE, catalog: &self.catalog, now: self.now, ignore_not_yet: false }
    }

    fn since(&self, path: &str) -> Option<Timestamp> {
        self.since.get(path).copied()
    }

    fn anew(&self) -> Loaded {
        load(parse(&self.texts, |path| self.since(path)), &self.loading())
    }

    fn after(&self, files: &Files, earlier: &Earlier) -> Loaded {
        load_after(parse_after(&self.texts, files, |path| self.since(path)), &self.loading(), earlier)
    }
}

/// Everything that a load says. Where a file came in the order of reading is nothing that anybody sees.
fn said(loaded: &Loaded) -> Vec<String> {
    let map = &loaded.files.map;
    let mut said: Vec<String> = loaded
        .compiled
        .diagnostics
        .iter()
        .map(|message| serde_json::to_string(&to_data(message, map)).unwrap())
        .collect();
    said.extend(loaded.compiled.notes.iter().map(|note| format!("note: {note}")));
    said.extend(loaded.compiled.connections.iter().map(|(name, is)| format!("{name}: {is:?}")));
    for (name, plan) in &loaded.compiled.pipelines {
        let plan = plan.as_ref().map_or("broken".to_owned(), |plan| without_sources(&format!("{plan:#?}")));
        said.push(format!("{name}: {plan}"));
    }
    for (name, told) in &loaded.stories {
        let results = told.results.iter().map(|result| (&result.name, &result.mismatches));
        said.push(without_sources(&format!("{name}: {:#?}", results.collect::<Vec<_>>())));
    }
    said.extend(loaded.compiled.plans().iter().map(|plan| format!("then {}", plan.name)));
    said
}

/// Ids of files in texts of debugging.
fn without_sources(text: &str) -> String {
    let mut lines = text.lines();
    let mut kept = Vec::new();
    while let Some(line) = lines.next() {
        kept.push(line.trim());
        if line.trim_end().ends_with("SourceId(") {
            lines.next();
        }
    }
    kept.join("\n")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_load_of_what_changed_says_what_a_load_anew_says(
        rounds in prop::collection::vec(prop::collection::vec(step(), 1..4), 1..12)
    ) {
        let mut scene = Scene::new();
        let mut last = scene.anew();
        for steps in rounds {
            for step in &steps {
                scene.take(step);
            }
            let next = scene.after(&last.files, &last.earlier());
            prop_assert_eq!(said(&next), said(&scene.anew()), "after {:?}", steps);
            last = next;
        }
    }
}

fn plan(loaded: &Loaded, name: &str) -> Arc<Pipeline> {
    Arc::clone(loaded.compiled.pipelines[&PipelineName::from(name)].as_ref().unwrap())
}

#[test]
fn what_did_not_change_keeps_its_plan_and_its_tests_are_not_run_again() {
    let mut scene = Scene::new();
    scene.take(&Step::Write { name: 4, text: 8, other: 0 });
    scene.take(&Step::Write { name: 3, text: 1, other: 2 });
    let first = scene.anew();
    scene.take(&Step::Write { name: 0, text: 8, other: 0 });
    scene.take(&Step::Later(4_000));
    scene.take(&Step::Object { name: 0, is: 0 });
    let second = scene.after(&first.files, &first.earlier());
    for name in ["branches", "clients", "deals", "events", "firms"] {
        assert!(Arc::ptr_eq(&plan(&first, name), &plan(&second, name)), "{name} was compiled again");
    }
    assert!(!Arc::ptr_eq(&plan(&first, "accounts"), &plan(&second, "accounts")));
    let results = |loaded: &Loaded| Arc::clone(&loaded.stories[&PipelineName::from("events")].results);
    assert!(Arc::ptr_eq(&results(&first), &results(&second)), "the tests of events ran again");

    // What looks up a file that changed is compiled with it; so is what is looked up for the first time.
    scene.take(&Step::Write { name: 2, text: 11, other: 5 });
    let third = scene.after(&second.files, &second.earlier());
    for (name, again) in [("accounts", false), ("clients", true), ("deals", true), ("firms", true)] {
        assert_eq!(Arc::ptr_eq(&plan(&second, name), &plan(&third, name)), !again, "{name}");
    }
}
