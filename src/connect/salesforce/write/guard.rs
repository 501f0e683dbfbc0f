//! The look before the write: records that moved since they were read are not overwritten, and parents that lock become known.
//! One call for 2,000 records.

use std::collections::HashMap;

use super::door::Context;
use super::ledger::Ledger;
use super::prepare::Prepared;
use crate::connect::ConnectError;
use crate::connect::salesforce::api::collections::{self, MAX_IDS};
use crate::connect::salesforce::api::columns::{Columns, Record, Role};
use crate::connect::salesforce::api::query::{Shape, decode_records};
use crate::connect::salesforce::client::{Call, Client};
use crate::model::{Field, Key, Kind, Outcome, Schema};

/// Settles as stale the updates whose record moved or is gone, and gives the others back.
pub(super) async fn unmoved(
    context: &Context,
    ledger: &mut Ledger,
    records: Vec<Prepared>,
) -> Result<Vec<Prepared>, ConnectError> {
    let wanted: Vec<Key> = records
        .iter()
        .filter(|record| record.expected.is_some())
        .filter_map(|record| record.id.clone())
        .collect();
    if wanted.is_empty() {
        return Ok(records);
    }
    let stamps = now(context, &wanted).await?;
    let mut kept = Vec::with_capacity(records.len());
    for mut record in records {
        let (Some(expected), Some(id)) = (record.expected, &record.id) else {
            kept.push(record);
            continue;
        };
        match stamps.get(id) {
            Some(now) if now.stamp.is_none_or(|stamp| stamp.as_second() <= expected.0.as_second()) => {
                if record.parent.is_none() {
                    record.parent = now.row.get(0).as_text().map(Key::salesforce);
                }
                kept.push(record);
            }
            _ => ledger.settle(record.at, Outcome::Stale),
        }
    }
    Ok(kept)
}

/// Stamp and parent of records, as they are now.
async fn now(context: &Context, keys: &[Key]) -> Result<HashMap<Key, Record>, ConnectError> {
    let object = &context.spec.object;
    let parent = context.targets.parent.iter().map(|name| Field { name: name.clone(), kind: Kind::Id });
    let mut roles = vec![(Role::Id, "Id")];
    roles.extend(object.stamp_field().map(|field| (Role::Stamp, field.name.as_str())));
    let shape = Shape::new(Columns::new(&Schema::new(parent), &roles));
    let records = retrieve(&context.client, (&object.name, &shape), keys, context.purpose).await?;
    Ok(records.into_iter().map(|record| (record.id.clone(), record)).collect())
}

/// Records by id, 2,000 with one call. Those that are gone or hidden are left out.
pub(super) async fn retrieve(
    client: &Client,
    (object, shape): (&str, &Shape),
    keys: &[Key],
    purpose: crate::connect::salesforce::Purpose,
) -> Result<Vec<Record>, ConnectError> {
    let path = collections::retrieve_path(client.data_path().await?, object);
    let fields: Vec<&str> = shape.columns().wire().iter().map(|column| column.path.as_str()).collect();
    let mut found = Vec::with_capacity(keys.len());
    for chunk in keys.chunks(MAX_IDS) {
        let ids: Vec<&str> = chunk.iter().map(Key::as_str).collect();
        let call = Call::post(path.clone(), collections::retrieve_body(&ids, &fields), purpose);
        found.extend(client.read(&call, |answer| decode_records(&answer.body, shape)).await?);
    }
    Ok(found)
}
