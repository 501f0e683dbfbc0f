//! What the systems say about their records, for the checks and the plans: read when it is missing or old, kept in the state, so that
//! files can be checked with yesterday's schema while a system cannot be reached.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::world::{System, World};
use crate::connect::ConnectError;
use crate::connect::salesforce::Client;
use crate::connect::sql::{SqlConnection, TableName};
use crate::model::{ConnectionName, ObjectInfo};
use crate::plan::Files;
use crate::plan::catalog::{Catalog, DatabaseCatalog, MissingSecret, OrgCatalog, OrgFacts};
use crate::spec::{ConnectionFile, ConnectionKind};
use crate::store::Store;

/// A schema that is older than this is read again when files are loaded.
const FRESH: Duration = Duration::from_secs(3600);
/// Name under which the state keeps what a connection said.
const SCHEMA: &str = "schema";

/// What came of looking at all systems.
#[derive(Debug, Default)]
pub struct Looked {
    /// What is known now.
    pub catalog: Catalog,
    /// Systems that could not be reached, with the reason.
    pub unreachable: BTreeMap<ConnectionName, ConnectError>,
    /// Systems that answered just now.
    pub reached: BTreeSet<ConnectionName>,
}

/// What the files name of each connection: objects or tables.
fn wanted(files: &Files) -> BTreeMap<ConnectionName, BTreeSet<String>> {
    let mut wanted: BTreeMap<ConnectionName, BTreeSet<String>> = BTreeMap::new();
    for file in files.pipelines.iter().filter_map(|file| file.value()) {
        wanted
            .entry(file.salesforce.connection_name())
            .or_default()
            .insert(file.salesforce.object.value.clone());
        let app = &file.app.resource;
        wanted.entry(app.connection.value.clone()).or_default().insert(app.resource.value.to_string());
    }
    wanted
}

/// Looks at what is stored, without talking to anybody.
pub fn stored(files: &Files, world: &World, store: Option<&Store>) -> Catalog {
    let mut catalog = Catalog::default();
    for file in files.connections.iter().filter_map(|file| file.value()) {
        note_missing_secrets(&mut catalog, file, world);
        match &file.kind {
            ConnectionKind::Salesforce(_) => {
                catalog.orgs.extend(load(store, &file.name).map(|org| (file.name.clone(), org)));
            }
            ConnectionKind::Postgres(_) | ConnectionKind::Sqlite(_) => {
                catalog
                    .databases
                    .extend(load(store, &file.name).map(|database| (file.name.clone(), database)));
            }
            _ => {}
        }
    }
    catalog
}

fn note_missing_secrets(catalog: &mut Catalog, file: &ConnectionFile, world: &World) {
    for secret in &file.secrets {
        if world.secrets().get(&secret.source).is_none() {
            catalog.missing_secrets.insert(MissingSecret::of(&secret.source));
        }
    }
}

fn load<T: DeserializeOwned>(store: Option<&Store>, name: &ConnectionName) -> Option<T> {
    store?.fact(name, SCHEMA).ok().flatten()
}

fn save<T: Serialize>(store: Option<&Store>, name: &ConnectionName, value: &T) {
    if let Some(Err(error)) = store.map(|store| store.save_fact(name, SCHEMA, value)) {
        tracing::warn!(connection = %name, %error, "the schema could not be stored");
    }
}

/// Looks at the systems: what is missing or old is read, `again` reads everything. A system that cannot be reached leaves what is stored.
pub async fn look(
    files: &Files,
    world: &World,
    store: Option<&Store>,
    now: Timestamp,
    again: bool,
) -> Looked {
    let mut looked = Looked { catalog: stored(files, world, store), ..Looked::default() };
    let wanted = wanted(files);
    for file in files.connections.iter().filter_map(|file| file.value()) {
        let Some(names) = wanted.get(&file.name) else { continue };
        if !matches!(
            file.kind,
            ConnectionKind::Salesforce(_) | ConnectionKind::Postgres(_) | ConnectionKind::Sqlite(_)
        ) {
            continue;
        }
        let before =
            (looked.catalog.orgs.get(&file.name).cloned(), looked.catalog.databases.get(&file.name).cloned());
        let result = match world.open(file).await {
            Ok(System::Salesforce(client)) => {
                org(&client, file, before.0, names, (now, again)).await.map(|org| {
                    save(store, &file.name, &org);
                    looked.catalog.orgs.insert(file.name.clone(), org);
                })
            }
            Ok(System::Sql(database)) => tables(&database, file, names).await.map(|database| {
                save(store, &file.name, &database);
                looked.catalog.databases.insert(file.name.clone(), database);
            }),
            Err(error) => Err(error),
        };
        match result {
            Ok(()) => drop(looked.reached.insert(file.name.clone())),
            Err(error) => drop(looked.unreachable.insert(file.name.clone(), error)),
        }
    }
    looked
}

/// The org's facts and the objects that are named. Objects that are known and fresh are not asked for again.
async fn org(
    client: &Arc<Client>,
    file: &ConnectionFile,
    before: Option<OrgCatalog>,
    names: &BTreeSet<String>,
    (now, again): (Timestamp, bool),
) -> Result<OrgCatalog, ConnectError> {
    let mut org = before.unwrap_or_default();
    if org.facts.is_none() || again {
        org.facts = Some(facts(client, file).await?);
    }
    for name in names {
        let known = org.objects.iter().position(|object| object.name.eq_ignore_ascii_case(name));
        let is_fresh = known.is_some_and(|at| is_fresh(&org.objects[at], now));
        if is_fresh && !again {
            continue;
        }
        match described(client, name).await? {
            Some(object) => {
                known.map(|at| org.objects.remove(at));
                org.objects.push(object);
            }
            None => {
                known.map(|at| org.objects.remove(at));
                if org.names.is_empty() || again {
                    org.names = client.objects().await?.into_iter().map(|object| object.name).collect();
                }
            }
        }
    }
    tracing::debug!(connection = %file.name, objects = org.objects.len(), "schema is known");
    Ok(org)
}

/// What the org says about itself. Stops at an org of the wrong kind.
async fn facts(client: &Client, file: &ConnectionFile) -> Result<OrgFacts, ConnectError> {
    let check = client.check().await?;
    if let Some(problem) = check.problem {
        return Err(problem);
    }
    let default_currency = match &file.kind {
        ConnectionKind::Salesforce(org) => org.default_currency.as_ref().map(|entry| entry.value.clone()),
        _ => None,
    };
    Ok(OrgFacts {
        id: check.org.id,
        name: check.org.name,
        is_sandbox: check.org.is_sandbox,
        edition: check.org.edition.unwrap_or_default(),
        multi_currency: false,
        currency: default_currency.unwrap_or_default(),
    })
}

/// An object as the integration user sees it; `None` where there is none, which looks the same as a hidden one.
pub async fn described(client: &Client, name: &str) -> Result<Option<ObjectInfo>, ConnectError> {
    match client.describe(name, None).await {
        Ok(described) => Ok(described.map(|described| described.object)),
        Err(error) if error.remote.as_deref() == Some("NOT_FOUND") => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_fresh(object: &ObjectInfo, now: Timestamp) -> bool {
    now.duration_since(object.read_at).unsigned_abs() < FRESH
}

/// The tables that are named. Reading them is cheap, so it is always done.
async fn tables(
    database: &SqlConnection,
    file: &ConnectionFile,
    names: &BTreeSet<String>,
) -> Result<DatabaseCatalog, ConnectError> {
    let mut catalog = DatabaseCatalog::default();
    for name in names {
        let table = table_of(file, name);
        match database.inspect(&TableName::parse(&table)).await? {
            Some(mut info) => {
                info.name = table;
                catalog.tables.push(info);
            }
            None => drop(catalog.missing.insert(table)),
        }
    }
    Ok(catalog)
}

/// The table of a resource.
pub fn table_of(file: &ConnectionFile, resource: &str) -> String {
    let resources = match &file.kind {
        ConnectionKind::Postgres(database) => &database.resources,
        ConnectionKind::Sqlite(database) => &database.resources,
        _ => return resource.to_owned(),
    };
    let named =
        resources.iter().find(|spec| spec.name.value == resource).and_then(|spec| spec.table.as_ref());
    named.map_or_else(|| resource.to_owned(), |table| table.value.clone())
}
