//! Records by id, as they are now: who passes the filter, who left it, who is deleted with evidence.

use std::collections::HashSet;

use super::ReadSpec;
use super::api::columns::{Columns, Record, Role};
use super::api::query::Shape;
use super::api::soql::{self, Select};
use super::ask::ask;
use super::budget::Purpose;
use super::client::Client;
use super::delete_log;
use super::notes::Notes;
use crate::connect::ConnectError;
use crate::model::{Change, ChangeEvent, Key, Schema, Version};

/// The shapes of the queries of one source.
pub(super) struct Shapes {
    /// Live records.
    pub live: Shape,
    /// Records of queryAll, with what it knows of deletes.
    pub all: Shape,
    /// Ids alone.
    pub ids: Shape,
}

impl Shapes {
    pub(super) fn new(spec: &ReadSpec) -> Self {
        let live = vec![(Role::Id, "Id"), (Role::Stamp, spec.stamp_field.as_str())];
        let mut all = live.clone();
        if spec.has_is_deleted {
            all.push((Role::Deleted, "IsDeleted"));
        }
        if spec.has_master_record_id {
            all.push((Role::Master, "MasterRecordId"));
        }
        let schema = Notes::readable(&spec.object, &spec.schema);
        Self {
            live: Shape::new(Columns::new(&schema, &live)),
            all: Shape::new(Columns::new(&schema, &all)),
            ids: Shape::new(Columns::new(&Schema::default(), &live[..1])),
        }
    }
}

/// The records of these ids: `Upsert` if they pass the filter, `Left` if they are there and do not, `Delete` on evidence.
/// Ids that are not found at all are left out, unless the org's delete log names them: that is no evidence.
pub(super) async fn fetch(
    client: &Client,
    spec: &ReadSpec,
    shapes: &Shapes,
    keys: &[Key],
) -> Result<Vec<ChangeEvent>, ConnectError> {
    let by = Ask { filter: "", all: spec.has_is_deleted, purpose: Purpose::Push };
    let records = by_id(client, spec, &shapes.all, keys, by).await?;
    let found: HashSet<&Key> = records.iter().map(|record| &record.id).collect();
    let missing: Vec<Key> = keys.iter().filter(|key| !found.contains(key)).cloned().collect();
    let mut events = judge(client, spec, shapes, records, Purpose::Push).await?;
    events.extend(delete_log::deleted(client, spec, &missing).await?);
    Ok(events)
}

/// What records that were read without the filter are evidence of. Without a filter, and without live records, costs no call.
pub(super) async fn judge(
    client: &Client,
    spec: &ReadSpec,
    shapes: &Shapes,
    records: Vec<Record>,
    purpose: Purpose,
) -> Result<Vec<ChangeEvent>, ConnectError> {
    let Some(filter) = spec.filter.as_deref() else {
        return Ok(records.into_iter().map(Record::into_event).collect());
    };
    let live: Vec<Key> =
        records.iter().filter(|record| !record.deleted).map(|record| record.id.clone()).collect();
    let passing = by_id(client, spec, &shapes.ids, &live, Ask { filter, all: false, purpose }).await?;
    let passing: HashSet<Key> = passing.into_iter().map(|record| record.id).collect();
    let event = |record: Record| {
        if record.deleted || passing.contains(&record.id) {
            return record.into_event();
        }
        let version = record.stamp.map(Version);
        ChangeEvent { key: record.id, change: Change::Left(Some(record.row)), version }
    };
    Ok(records.into_iter().map(event).collect())
}

/// How records are asked for by id.
#[derive(Clone, Copy)]
struct Ask<'a> {
    filter: &'a str,
    all: bool,
    purpose: Purpose,
}

async fn by_id(
    client: &Client,
    spec: &ReadSpec,
    shape: &Shape,
    keys: &[Key],
    by: Ask<'_>,
) -> Result<Vec<Record>, ConnectError> {
    let data = client.data_path().await?;
    let columns = shape.columns().select();
    let path = |list: String| {
        let conditions = vec![list, by.filter.to_owned()];
        let select = Select { columns: &columns, object: &spec.object, conditions, order: "", limit: None };
        soql::query_path(data, by.all, &select.text())
    };
    let mut found = Vec::with_capacity(keys.len());
    for list in soql::id_lists(keys, path(String::new()).len() + 20) {
        let mut next = Some(path(list));
        while let Some(path) = next {
            let page = ask(client, path, shape, by.purpose).await?.page;
            found.extend(page.records);
            next = page.next;
        }
    }
    Ok(found)
}
