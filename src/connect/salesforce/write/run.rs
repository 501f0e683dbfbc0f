//! One write from beginning to end: checked, put in order, guarded, sent by the lane that costs fewer calls.

use std::collections::BTreeMap;

use super::bulk;
use super::door::Context;
use super::guard;
use super::ledger::{Ledger, written};
use super::linking;
use super::order::waves;
use super::prepare::{Prepared, Verb, prepare};
use super::rest::{self, Fate};
use super::sequel;
use crate::connect::ConnectError;
use crate::connect::salesforce::notes;
use crate::model::{Outcome, WriteOp};

/// Writes; one outcome per operation.
pub(super) async fn write(context: &Context, ops: &[WriteOp]) -> Result<Vec<Outcome>, ConnectError> {
    context.check(ops)?;
    let mut ledger = Ledger::new(ops.len());
    let mut records = Vec::with_capacity(ops.len());
    for (at, op) in ops.iter().enumerate() {
        match prepare(&context.spec, &context.targets, at, op) {
            Ok(record) => records.push(record),
            Err(outcome) => ledger.settle(at, outcome),
        }
    }
    let sent: Vec<Prepared> = records.clone();
    // A note that is only to hang somewhere else is not changed itself.
    records.retain(|record| {
        let is_moved = record.verb == Verb::Update && record.fields.is_empty();
        if let (true, Some(id)) = (is_moved, &record.id) {
            ledger.settle(record.at, written(id.clone()));
        }
        !is_moved
    });
    for wave in waves(records) {
        if ledger.is_stopped() {
            break;
        }
        if let Err(error) = Box::pin(send(context, &mut ledger, wave)).await {
            ledger.stop(error);
        }
    }
    linking::link(context, &mut ledger, &sent).await;
    sequel::name_others(context, &mut ledger, &sent).await;
    ledger.finish()
}

async fn send(context: &Context, ledger: &mut Ledger, wave: Vec<Prepared>) -> Result<(), ConnectError> {
    let wave = match wave.as_slice() {
        [Prepared { verb: Verb::Update, expected: Some(version), .. }] => {
            match rest::update_if_unmoved(context, &wave[0], version.0).await {
                Fate::Settled(outcome) => {
                    ledger.settle(wave[0].at, outcome);
                    return Ok(());
                }
                // Somebody else was writing it: look, and take the long way.
                Fate::Again(_) | Fate::Smaller(_) => guard::unmoved(context, ledger, wave).await?,
            }
        }
        _ => guard::unmoved(context, ledger, wave).await?,
    };
    // What is removed or changed first may free a unique value that is set next.
    for verb in [Verb::Delete, Verb::Update, Verb::Upsert, Verb::Create] {
        let records: Vec<Prepared> = wave.iter().filter(|record| record.verb == verb).cloned().collect();
        let (fitting, mut by_rest): (Vec<_>, Vec<_>) = records
            .into_iter()
            .partition(|record| record.fits_bulk() && !notes::are(&context.spec.object.name));
        for group in groups(verb, fitting) {
            if group.len() > context.spec.lanes.bulk && bulk::is_possible(context) && !ledger.is_stopped() {
                by_rest.extend(bulk::send(context, ledger, verb, group).await);
            } else {
                by_rest.extend(group);
            }
        }
        rest::send(context, ledger, verb, by_rest).await;
    }
    Ok(())
}

/// What may share a file of Bulk. An empty cell leaves a field of a record that exists alone, so updates may differ in their fields; for a
/// new record it would hide the default of the org.
fn groups(verb: Verb, records: Vec<Prepared>) -> Vec<Vec<Prepared>> {
    let mut groups: BTreeMap<Vec<String>, Vec<Prepared>> = BTreeMap::new();
    for record in records {
        let names = match verb {
            Verb::Update | Verb::Delete => Vec::new(),
            Verb::Create | Verb::Upsert => record.fields.iter().map(|(name, _)| name.to_string()).collect(),
        };
        groups.entry(names).or_default().push(record);
    }
    groups.into_values().collect()
}
