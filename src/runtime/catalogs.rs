//! What the systems say about their records, for the checks and the plans: read when it is missing or old, kept in the state, so that
//! files can be checked with yesterday's schema while a system cannot be reached.

mod asking;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use self::asking::ask;
use super::world::{System, World};
use crate::connect::ConnectError;
use crate::model::{ConnectionName, PipelineName};
use crate::plan::Files;
use crate::plan::catalog::{Catalog, DatabaseCatalog, MissingSecret, OrgCatalog};
use crate::spec::{ConnectionFile, ConnectionKind};
use crate::store::Store;

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
