//! What another version of a file changes.

use crate::plan::testing::pipeline_file;
use crate::plan::{Effect, Gone, Identity, Running, check_generation, check_renames, diff};

const OLD: &str = "salesforce: { object: Opportunity, poll: 10 minutes }
app: db.projects
to_app: [create, update]
match: [sid]
groups: { project: always }
fields:
  - { salesforce: Id,   app: sid }
  - { salesforce: Name, app: name, group: project }
  - { salesforce: Site, app: site, group: project }
";

#[test]
fn changes_in_words() {
    for (from, to, what, effect) in [
        ("project: always", "project: on_create", "group `project`: always → on_create", Effect::NextRecord),
        ("10 minutes", "5 minutes", "`salesforce.poll` changed", Effect::AtOnce),
        ("poll: 10 minutes", "poll: 10 minutes, push: cdc", "`salesforce.push` changed", Effect::Reconnect),
        ("[create, update]", "[create]", "`update` removed from `to_app`", Effect::Dropped),
        ("[create, update]", "[create, update, archive]", "`archive` added to `to_app`", Effect::NextChange),
        ("groups:", "to_salesforce: [update]\ngroups:", "new direction `to_salesforce`", Effect::NextChange),
        ("match: [sid]", "match: [name]", "match: [sid] → [name]", Effect::NewGeneration),
        ("app: db.projects", "app: db.deals", "app: db.projects → db.deals", Effect::NewGeneration),
        ("fields:", "generation: 2\nfields:", "generation 1 → 2", Effect::NewGeneration),
        ("fields:", "enabled: false\nfields:", "enabled: true → false", Effect::AtOnce),
        ("fields:", "retries: 3\nfields:", "`retries` changed", Effect::AtOnce),
        ("app: site,", "app: place,", "row `Site → place` added", Effect::NextRecord),
        ("app: site,", "app: site, write: on_create,", "row `Site → site` changed", Effect::NextRecord),
        (
            "poll: 10 minutes",
            "include: { Type: A }, poll: 10 minutes",
            "`salesforce.include` changed",
            Effect::NextRecord,
        ),
    ] {
        let new = OLD.replacen(from, to, 1);
        assert_ne!(new, OLD);
        let changes = diff(&pipeline_file("p", OLD), &pipeline_file("p", &new));
        let found = changes.iter().find(|change| change.what == what);
        assert_eq!(found.map(|change| change.effect), Some(effect), "{to}: {changes:?}");
    }
}

#[test]
fn the_words_of_a_group() {
    let new = OLD.replace("project: always", "project: on_create");
    let changes = diff(&pipeline_file("p", OLD), &pipeline_file("p", &new));
    assert_eq!(changes.len(), 1);
    let meaning = "2 rows stop following Salesforce after import; nothing is written by the change itself";
    assert_eq!(changes[0].meaning.as_deref(), Some(meaning));
}

#[test]
fn layout_and_order_are_no_changes() {
    let moved = OLD.replace(
        "  - { salesforce: Name, app: name, group: project }\n  - { salesforce: Site, app: site, group: project }\n",
        "  # moved\n  - { salesforce: Site, app: site, group: project }\n  - salesforce: Name\n    app: name\n    group: project\n",
    );
    assert_ne!(moved, OLD);
    assert_eq!(diff(&pipeline_file("p", OLD), &pipeline_file("p", &moved)), []);
}

#[test]
fn a_new_generation_is_asked_for_only_where_links_would_change_their_meaning() {
    let identity = Identity::of(&pipeline_file("p", OLD));
    let says = |text: &str, links: u64| {
        let running = Running { identity: &identity, links, loaded: None };
        check_generation(running, &pipeline_file("p", text)).map(|error| error.title)
    };
    let changed = OLD.replace("match: [sid]", "match: [name]");
    assert_eq!(says(OLD, 5), None);
    assert_eq!(says(&changed, 5).as_deref(), Some("changing `match` needs a new generation"));
    assert_eq!(says(&changed, 0), None);
    assert_eq!(says(&changed.replace("fields:", "generation: 2\nfields:"), 5), None);
    assert_eq!(
        says(&OLD.replace("match: [sid]\n", ""), 5).as_deref(),
        Some("changing `match` needs a new generation")
    );
    let object = OLD.replace("Opportunity", "Account");
    assert_eq!(says(&object, 1).as_deref(), Some("changing the object needs a new generation"));
    assert_eq!(
        says(&OLD.replace("db.projects", "db.deals"), 1).as_deref(),
        Some("changing `app` needs a new generation")
    );
}

#[test]
fn a_file_that_looks_renamed_is_not_started() {
    let gone = [Gone { name: "clients".into(), identity: Identity::of(&pipeline_file("clients", OLD)) }];
    let said = |text: &str| check_renames(&gone, &[&pipeline_file("customers", text)]);
    let found = said(OLD);
    assert_eq!(found[0].0.as_str(), "customers");
    assert_eq!(found[0].1.title, "looks like `clients.yaml` was renamed to `customers.yaml`");
    assert!(said(&OLD.replace("fields:", "renamed_from: clients\nfields:")).is_empty());
    assert!(said(&OLD.replace("fields:", "generation: 1\nfields:")).is_empty());
    assert!(said(&OLD.replace("db.projects", "db.deals")).is_empty());
}
