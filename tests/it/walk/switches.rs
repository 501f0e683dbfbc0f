//! The switches that the shipped files offer: whoever turns one gets what he asked for, and the inline tests of the file still say the truth.

use std::collections::BTreeMap;

use super::demos::{said, sfsync};
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

#[test]
fn every_offered_switch_can_be_turned_and_the_tests_of_its_file_pass() {
    let mut told = Vec::new();
    for (set, file, from, to) in OFFERED {
        let folder = tempfile::tempdir().unwrap();
        copy_set(set, folder.path());
        // What comes before the line of a rule that is taken out is a comment then.
        let to = if to.is_empty() && from.starts_with("to_") { "# " } else { to };
        let path = folder.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{set}/{file} has no {from:?}");
        std::fs::write(path, text.replacen(from, to, 1)).unwrap();
        let name = file.trim_end_matches(".yaml");
        let output = sfsync(folder.path(), &BTreeMap::new(), &["test", name, "--config", "."]);
        if output.status.code() != Some(0) {
            told.push(format!("{set}/{file}: {from} to {to}: {}", said(&output)));
        }
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
}
