//! What is asked after a write, so that a refusal names the records it is about: the duplicates that a rule found, the survivor of a merge.
//! Few calls, and none where nothing was refused.

use std::collections::HashMap;

use super::door::Context;
use super::ledger::{Ledger, written};
use super::prepare::{Prepared, Verb};
use super::rest::alone;
use crate::connect::ConnectError;
use crate::connect::salesforce::api::columns::{Columns, Role};
use crate::connect::salesforce::api::error::record_of;
use crate::connect::salesforce::api::query::Shape;
use crate::connect::salesforce::api::soql::{self, Select};
use crate::connect::salesforce::ask::ask;
use crate::model::{Key, Outcome, Schema};

/// Records that are sent once more alone, to learn which ones a duplicate rule means.
const MOST_ASKED: usize = 5;

/// Completes the refusals.
pub(super) async fn name_others(context: &Context, ledger: &mut Ledger, sent: &[Prepared]) {
    if ledger.is_stopped() {
        return;
    }
    let (mut nameless, mut gone) = (Vec::new(), HashMap::new());
    let by_place: HashMap<usize, &Prepared> = sent.iter().map(|record| (record.at, record)).collect();
    for (at, error) in ledger.refused() {
        let Some(record) = by_place.get(&at) else { continue };
        match (error.remote.as_deref(), &record.id) {
            (Some("DUPLICATES_DETECTED"), _) if error.existing.keys().is_empty() => nameless.push(*record),
            (Some("ENTITY_IS_DELETED"), Some(id)) => {
                gone.insert(id.clone(), at);
            }
            _ => {}
        }
    }
    for record in nameless.into_iter().filter(|record| record.verb != Verb::Upsert).take(MOST_ASKED) {
        if let Some(outcome) = asked_alone(context, record).await {
            ledger.settle(record.at, outcome);
        }
    }
    if !gone.is_empty() && context.spec.object.field("MasterRecordId").is_some() {
        // Nobody needs to know why the survivor stays unknown: the record is refused either way.
        let survivors = survivors(context, gone.keys().cloned().collect()).await.unwrap_or_default();
        for (at, error) in ledger.refused() {
            let survivor = survivors.iter().find(|(id, _)| gone.get(id) == Some(&at));
            if let Some((_, survivor)) = survivor {
                error.message = format!("{}; it was merged into {survivor}", error.message);
                error.existing = std::iter::once(survivor.clone()).collect();
            }
        }
    }
}

async fn asked_alone(context: &Context, record: &Prepared) -> Option<Outcome> {
    match alone(context, record, None).await {
        // The duplicate went away in between.
        Ok(saved) => saved.id.map(written),
        Err(error) if crate::connect::salesforce::api::error::maybe_stored(&error) => {
            Some(Outcome::Unknown(record_of(&error)))
        }
        Err(error) => Some(Outcome::Rejected(record_of(&error))),
    }
}

/// Losers of merges with the records that survived.
async fn survivors(context: &Context, ids: Vec<Key>) -> Result<Vec<(Key, Key)>, ConnectError> {
    let shape =
        Shape::new(Columns::new(&Schema::default(), &[(Role::Id, "Id"), (Role::Master, "MasterRecordId")]));
    let data = context.client.data_path().await?;
    let columns = shape.columns().select();
    let mut found = Vec::new();
    for list in soql::id_lists(&ids, 400) {
        let conditions = vec![list, "MasterRecordId != null".to_owned()];
        let select =
            Select { columns: &columns, object: &context.spec.object.name, conditions, ..Select::default() };
        let path = soql::query_path(data, true, &select.text());
        let page = ask(&context.client, path, &shape, context.purpose).await?.page;
        found.extend(page.records.into_iter().filter_map(|record| Some((record.id, record.master?))));
    }
    Ok(found)
}
