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
use crate::connect::salesforce::api::describe::note_offers;
use crate::connect::sql::{SqlConnection, TableName};
use crate::model::{ConnectionName, ObjectInfo, PipelineName};
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

/// What to look at.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// Look at everything that the files name, the orgs' own facts included.
    pub everything: bool,
    /// Connections that lead elsewhere since the last look: nothing that is known of them holds.
    pub moved: BTreeSet<ConnectionName>,
    /// Pipelines whose objects and tables are looked at even if they are known.
    pub pipelines: BTreeSet<PipelineName>,
    /// Objects are described again even if that was done within the hour.
    pub again: bool,
}

/// What the files name of each connection: objects or tables.
fn wanted(files: &Files, of: impl Fn(&PipelineName) -> bool) -> BTreeMap<ConnectionName, BTreeSet<String>> {
    let mut wanted: BTreeMap<ConnectionName, BTreeSet<String>> = BTreeMap::new();
    for file in files.pipelines.iter().filter(|file| of(&file.name)).filter_map(|file| file.value()) {
        wanted
            .entry(file.salesforce.connection_name())
            .or_default()
            .insert(file.salesforce.object.value.clone());
        let app = &file.app.resource;
        wanted.entry(app.connection.value.clone()).or_default().insert(app.resource.value.to_string());
    }
    wanted
}

/// Record types that files name in `include` and `exclude`, by connection and object (in small letters): what these offer in picklists is
/// asked for.
type Kinds = BTreeMap<(ConnectionName, String), BTreeSet<String>>;

fn named_kinds(files: &Files) -> Kinds {
    let mut kinds = Kinds::new();
    for side in files.pipelines.iter().filter_map(|file| file.value()).map(|file| &file.salesforce) {
        let filters = [&side.include, &side.exclude].into_iter().flatten().flat_map(|entry| &entry.value);
        let of_kind = filters
            .flat_map(|filter| &filter.conditions)
            .filter(|condition| condition.field.value.as_str() == "RecordType");
        let names = of_kind.flat_map(|condition| &condition.values).filter_map(|value| value.text());
        let object = (side.connection_name(), side.object.value.to_ascii_lowercase());
        kinds.entry(object).or_default().extend(names.map(str::to_owned));
    }
    kinds
}

/// Whether a record type is named of which nobody has asked yet what it offers.
fn lacks_offers(object: &ObjectInfo, kinds: Option<&BTreeSet<String>>) -> bool {
    let is_unread = |name: &String| {
        object.record_types.iter().any(|kind| kind.developer_name == *name && !kind.offers_read)
    };
    kinds.is_some_and(|names| names.iter().any(is_unread))
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
    let look = Look { everything: true, again, ..Look::default() };
    refresh(files, (world, store), stored(files, world, store), (&look, now)).await
}

/// Looks at those systems of which something is asked or not known yet; the others are not even opened.
pub async fn refresh(
    files: &Files,
    (world, store): (&World, Option<&Store>),
    before: Catalog,
    (look, now): (&Look, Timestamp),
) -> Looked {
    let mut looked = Looked { catalog: before, ..Looked::default() };
    looked.catalog.missing_secrets.clear();
    let kinds = named_kinds(files);
    let (wanted_by_all, asked) =
        (wanted(files, |_| true), wanted(files, |name| look.pipelines.contains(name)));
    for file in files.connections.iter().filter_map(|file| file.value()) {
        note_missing_secrets(&mut looked.catalog, file, world);
        let Some(names) = wanted_by_all.get(&file.name) else { continue };
        if look.everything && matches!(file.kind, ConnectionKind::Http(_)) {
            match ping(file, world).await {
                Ok(true) => drop(looked.reached.insert(file.name.clone())),
                Ok(false) => {}
                Err(error) => drop(looked.unreachable.insert(file.name.clone(), error)),
            }
        }
        let Some(known) = Known::take(&mut looked.catalog, file) else { continue };
        let before = known.clone();
        let (known, result) =
            ask(file, (world, &kinds), known, (names, asked.get(&file.name)), (look, now)).await;
        if result.as_ref().is_ok_and(|asked| *asked) {
            // One file that changed asks for one table: what says the same is not written again, only its age is.
            if look.everything || look.again || !known.says_the_same(&before) {
                known.save(store, &file.name);
            }
            looked.reached.insert(file.name.clone());
        }
        known.put(&mut looked.catalog, &file.name);
        if let Err(error) = result {
            looked.unreachable.insert(file.name.clone(), error);
        }
    }
    looked
}

/// Whether an app answers; false where its file names no request to ask with.
async fn ping(file: &ConnectionFile, world: &World) -> Result<bool, ConnectError> {
    match world.open(file).await? {
        System::Http(app) => app.ping().await,
        System::Sql(_) | System::Salesforce(_) => Ok(false),
    }
}

/// What is known of one connection.
#[derive(Clone)]
enum Known {
    Org(OrgCatalog),
    Database(DatabaseCatalog),
}

impl Known {
    /// Takes it out of the catalog; `None` for connections that have no schema.
    fn take(catalog: &mut Catalog, file: &ConnectionFile) -> Option<Self> {
        let (org, database) = (catalog.orgs.remove(&file.name), catalog.databases.remove(&file.name));
        match &file.kind {
            ConnectionKind::Salesforce(_) => Some(Self::Org(org.unwrap_or_default())),
            ConnectionKind::Postgres(_) | ConnectionKind::Sqlite(_) => {
                Some(Self::Database(database.unwrap_or_default()))
            }
            _ => None,
        }
    }

    /// A catalog that knows nothing stays away: nothing was ever learned.
    fn put(self, catalog: &mut Catalog, name: &ConnectionName) {
        match self {
            Self::Org(org) if org != OrgCatalog::default() => drop(catalog.orgs.insert(name.clone(), org)),
            Self::Database(database) if database != DatabaseCatalog::default() => {
                drop(catalog.databases.insert(name.clone(), database));
            }
            _ => {}
        }
    }

    fn says_the_same(&self, before: &Self) -> bool {
        match (self, before) {
            (Self::Org(now), Self::Org(before)) => now.says_the_same(before),
            (Self::Database(now), Self::Database(before)) => now.says_the_same(before),
            _ => false,
        }
    }

    fn save(&self, store: Option<&Store>, name: &ConnectionName) {
        match self {
            Self::Org(org) => save(store, name, org),
            Self::Database(database) => save(store, name, database),
        }
    }
}

/// Asks one system, if there is something to ask. What was known stays where it cannot be reached.
async fn ask(
    file: &ConnectionFile,
    (world, kinds): (&World, &Kinds),
    known: Known,
    (names, asked): (&BTreeSet<String>, Option<&BTreeSet<String>>),
    (look, now): (&Look, Timestamp),
) -> (Known, Result<bool, ConnectError>) {
    let moved = look.moved.contains(&file.name);
    let is_asked =
        |name: &&String| look.everything || moved || asked.is_some_and(|asked| asked.contains(*name));
    match &known {
        Known::Org(org) => {
            let (mut next, again) =
                (if moved { OrgCatalog::default() } else { org.clone() }, look.everything || moved);
            let is_old = |name: &&String| {
                object_at(&next, name).is_none_or(|at| {
                    let object = &next.objects[at];
                    let named = kinds.get(&(file.name.clone(), name.to_ascii_lowercase()));
                    is_asked(name) && (look.again || !is_fresh(object, now) || lacks_offers(object, named))
                })
            };
            let names: Vec<&String> = names.iter().filter(is_old).collect();
            if names.is_empty() && org.facts.is_some() && !again {
                return (known, Ok(false));
            }
            let result = match world.open(file).await {
                Ok(System::Salesforce(client)) => {
                    ask_org((&client, kinds), file, &mut next, (&names, again)).await
                }
                Ok(System::Sql(_) | System::Http(_)) => Ok(()),
                Err(error) => Err(error),
            };
            settled(known, Known::Org(next), result)
        }
        Known::Database(database) => {
            let mut next = if moved { DatabaseCatalog::default() } else { database.clone() };
            let is_known = |name: &String| {
                let table = table_of(file, name);
                next.tables.iter().any(|known| known.name == table) || next.missing.contains(&table)
            };
            let names: Vec<&String> = names.iter().filter(|name| is_asked(name) || !is_known(name)).collect();
            if names.is_empty() {
                return (known, Ok(false));
            }
            let result = match world.open(file).await {
                Ok(System::Sql(system)) => ask_tables(&system, file, &mut next, &names).await,
                Ok(System::Salesforce(_) | System::Http(_)) => Ok(()),
                Err(error) => Err(error),
            };
            settled(known, Known::Database(next), result)
        }
    }
}

fn settled(
    before: Known,
    next: Known,
    result: Result<(), ConnectError>,
) -> (Known, Result<bool, ConnectError>) {
    match result {
        Ok(()) => (next, Ok(true)),
        Err(error) => (before, Err(error)),
    }
}

fn object_at(org: &OrgCatalog, name: &str) -> Option<usize> {
    org.objects.iter().position(|object| object.name.eq_ignore_ascii_case(name))
}

/// The org's facts and the objects that are named. An org that is another one than before begins with nothing.
async fn ask_org(
    (client, kinds): (&Arc<Client>, &Kinds),
    file: &ConnectionFile,
    org: &mut OrgCatalog,
    (names, again): (&[&String], bool),
) -> Result<(), ConnectError> {
    let mut names: Vec<String> = names.iter().map(|name| (*name).clone()).collect();
    // Before the facts: they come with the first answer, if they are not known.
    let mut described = Box::pin(client.describe_all(&names)).await?;
    if org.facts.is_none() || again {
        let facts = facts(client, file).await?;
        if org.facts.as_ref().is_some_and(|before| before.id != facts.id) {
            let known = |name: &String| names.iter().any(|known| known.eq_ignore_ascii_case(name));
            let others = org.objects.drain(..).map(|object| object.name.clone());
            let others: Vec<String> = others.filter(|name| !known(name)).collect();
            described.extend(Box::pin(client.describe_all(&others)).await?);
            names.extend(others);
            org.names.clear();
        }
        org.facts = Some(facts);
    }
    for (name, described) in names.iter().zip(described) {
        if let Some(at) = object_at(org, name) {
            org.objects.remove(at);
        }
        match described {
            Some(mut object) => {
                let named = kinds.get(&(file.name.clone(), name.to_ascii_lowercase()));
                ask_offers(client, &mut object, named).await;
                org.objects.push(Arc::new(object));
            }
            None if org.names.is_empty() || again => {
                org.names = client.objects().await?.into_iter().map(|object| object.name).collect();
            }
            None => {}
        }
    }
    tracing::debug!(connection = %file.name, objects = org.objects.len(), "schema is known");
    Ok(())
}

/// What the named record types offer. An org that does not tell (the UI API may be closed to the user) leaves it unknown, and unknown is no
/// error.
async fn ask_offers(client: &Client, object: &mut ObjectInfo, named: Option<&BTreeSet<String>>) {
    for name in named.into_iter().flatten() {
        let kind = object.record_types.iter().find(|kind| kind.developer_name == *name);
        let Some(id) = kind.map(|kind| kind.id.clone()) else { continue };
        match client.offers(&object.name, &id).await {
            Ok(offers) => note_offers(object, name, &offers),
            Err(error) => {
                tracing::debug!(object = object.name, %error, "what a record type offers is not known");
            }
        }
    }
}

/// What the org says about itself. Stops at an org of the wrong kind.
async fn facts(client: &Client, file: &ConnectionFile) -> Result<OrgFacts, ConnectError> {
    let org = client.reach().await?.clone();
    let default_currency = match &file.kind {
        ConnectionKind::Salesforce(spec) => spec.default_currency.as_ref().map(|entry| entry.value.clone()),
        _ => None,
    };
    Ok(OrgFacts {
        region: org.region(),
        id: org.id,
        name: org.name,
        is_sandbox: org.is_sandbox,
        edition: org.edition.unwrap_or_default(),
        multi_currency: false,
        currency: default_currency.unwrap_or_default(),
    })
}

fn is_fresh(object: &ObjectInfo, now: Timestamp) -> bool {
    now.duration_since(object.read_at).unsigned_abs() < FRESH
}

/// The tables that are named.
async fn ask_tables(
    system: &SqlConnection,
    file: &ConnectionFile,
    database: &mut DatabaseCatalog,
    names: &[&String],
) -> Result<(), ConnectError> {
    for name in names {
        let table = table_of(file, name);
        let info = system.inspect(&TableName::parse(&table)).await?;
        database.tables.retain(|known| known.name != table);
        database.missing.remove(&table);
        match info {
            Some(mut info) => {
                info.name = table;
                database.tables.push(Arc::new(info));
            }
            None => drop(database.missing.insert(table)),
        }
    }
    Ok(())
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
