//! One system is asked for what is missing or old: the facts of an org and its objects, the tables of a database.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{Kinds, Known, Look, table_of};
use crate::connect::ConnectError;
use crate::connect::salesforce::Client;
use crate::connect::salesforce::api::describe::note_offers;
use crate::connect::sql::{SqlConnection, TableName};
use crate::model::ObjectInfo;
use crate::plan::catalog::{DatabaseCatalog, OrgCatalog, OrgFacts};
use crate::runtime::world::{System, World};
use crate::spec::{ConnectionFile, ConnectionKind};

/// A schema that is older than this is read again when files are loaded.
const FRESH: Duration = Duration::from_secs(3600);

/// Asks one system, if there is something to ask. What was known stays where it cannot be reached.
pub(super) async fn ask(
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

/// Whether a record type is named of which nobody has asked yet what it offers.
fn lacks_offers(object: &ObjectInfo, kinds: Option<&BTreeSet<String>>) -> bool {
    let is_unread = |name: &String| {
        object.record_types.iter().any(|kind| kind.developer_name == *name && !kind.offers_read)
    };
    kinds.is_some_and(|names| names.iter().any(is_unread))
}
