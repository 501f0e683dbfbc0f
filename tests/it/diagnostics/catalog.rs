//! What fixtures know of the systems.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use sfsync::connect::salesforce::api::describe::{decode_global, decode_object};
use sfsync::model::{ConnectionName, ObjectInfo, PicklistValue, RecordTypeInfo, TableInfo};
use sfsync::plan::{
    Catalog, DatabaseCatalog, MissingSecret, OrgCatalog, OrgFacts, RequiredTable, TableWriter,
};
use sfsync_sandbox::{Customization, Org, OrgConfig};

/// The time of all fixtures.
pub(crate) fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

/// Two hours before.
fn read_at() -> Timestamp {
    "2026-03-01T10:00:00Z".parse().unwrap()
}

/// Everything that lies beside the files of a fixture.
pub(super) fn of_fixture(texts: &BTreeMap<String, String>) -> Catalog {
    let mut catalog = Catalog::default();
    if let Some(customization) = texts.get("org.txt") {
        static PLAIN: LazyLock<OrgCatalog> = LazyLock::new(|| simulated_org(&[]));
        let plain = customization.trim().is_empty();
        let mut org = if plain { PLAIN.clone() } else { simulated_org(&[customization]) };
        for (field, values) in texts.get("picklists.json").map(|text| picklists(text)).unwrap_or_default() {
            offer(&mut org, &field, &values);
        }
        catalog.orgs.insert(ConnectionName::from("salesforce"), org);
    }
    if let Some(facts) = texts.get("facts.json") {
        let facts: OrgFacts = serde_json::from_str(facts).unwrap();
        catalog.orgs.entry(ConnectionName::from("salesforce")).or_default().facts = Some(facts);
    }
    if let Some(databases) = texts.get("databases.json") {
        let databases: BTreeMap<ConnectionName, DatabaseCatalog> = serde_json::from_str(databases).unwrap();
        catalog.databases = databases;
    }
    if let Some(missing) = texts.get("missing_secrets.json") {
        let missing: Vec<MissingSecret> = serde_json::from_str(missing).unwrap();
        catalog.missing_secrets = missing.into_iter().collect();
    }
    catalog
}

/// The describes of the simulated org.
pub(crate) fn simulated_org(customizations: &[&str]) -> OrgCatalog {
    let parse = |yaml: &&str| Customization::parse("org.txt", yaml).unwrap();
    let config =
        OrgConfig { customizations: customizations.iter().map(parse).collect(), ..OrgConfig::default() };
    let org = Org::new(config).unwrap();
    let names =
        decode_global(&org.describe_global().json).unwrap().into_iter().map(|object| object.name).collect();
    let objects = org.object_names().iter().filter_map(|name| described(&org, name)).map(Arc::new).collect();
    OrgCatalog { facts: None, names, objects }
}

fn described(org: &Org, name: &str) -> Option<ObjectInfo> {
    let describe = org.describe(name).ok()?;
    decode_object(&describe.json, read_at()).ok()
}

pub(crate) type Values = BTreeMap<String, Vec<String>>;

/// `"Opportunity.StageName": { "New_Business": ["Proposal", …] }`
fn picklists(text: &str) -> BTreeMap<String, Values> {
    serde_json::from_str(text).unwrap()
}

/// Makes a picklist offer these values, by record type.
pub(crate) fn offer(org: &mut OrgCatalog, field: &str, values: &Values) {
    let (object, field) = field.split_once('.').unwrap();
    let object = org.objects.iter_mut().find(|known| known.name == object).unwrap();
    let object = Arc::make_mut(object);
    for name in values.keys() {
        if !object.record_types.iter().any(|kind| kind.developer_name == *name) {
            object.record_types.push(RecordTypeInfo {
                id: "012000000000001AAA".to_owned(),
                developer_name: name.clone(),
                name: name.replace('_', " "),
                available: true,
                active: true,
            });
        }
    }
    let field = object.fields.iter_mut().find(|known| known.name == field).unwrap();
    let mut picklist: Vec<PicklistValue> = Vec::new();
    for (kind, value) in values.iter().flat_map(|(kind, all)| all.iter().map(move |value| (kind, value))) {
        match picklist.iter_mut().find(|choice| choice.value == *value) {
            Some(choice) => choice.record_types.push(kind.clone()),
            None => picklist.push(PicklistValue {
                value: value.clone(),
                active: true,
                record_types: vec![kind.clone()],
            }),
        }
    }
    field.picklist = picklist;
}

/// Names columns instead of writing real statements, so that the messages do not depend on the types of a dialect.
pub(crate) struct Sketch;

impl TableWriter for Sketch {
    fn statements(&self, wanted: &RequiredTable, existing: Option<&TableInfo>) -> Option<String> {
        let is_there = |path: &str| existing.is_some_and(|table| table.column(path).is_some());
        let columns = wanted.columns.iter().filter(|column| !is_there(&column.path));
        let columns: Vec<String> =
            columns.map(|column| format!("{} {}", column.path, column.kind.name())).collect();
        let verb = if existing.is_some() { "ALTER TABLE" } else { "CREATE TABLE" };
        (!columns.is_empty()).then(|| format!("{verb} {} ({});", wanted.table, columns.join(", ")))
    }
}
