//! The order in which pipelines begin: what is looked up comes before what looks it up.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::PipelineName;
use crate::plan::{Missing, Pipeline};

/// Looked-up pipelines first, otherwise by name. Lookups that are filled in later (`missing: empty`) may be cut where they
/// would make a circle; a circle that is left (E208 reports it) is broken at its first name.
pub fn order(pipelines: &[Arc<Pipeline>]) -> Vec<PipelineName> {
    let mut waiting: BTreeMap<&PipelineName, &Pipeline> =
        pipelines.iter().map(|pipeline| (&pipeline.name, &**pipeline)).collect();
    let mut order = Vec::with_capacity(waiting.len());
    while let Some(next) = next(&waiting) {
        waiting.remove(&next);
        order.push(next);
    }
    order
}

fn next(waiting: &BTreeMap<&PipelineName, &Pipeline>) -> Option<PipelineName> {
    let free = |pipeline: &Pipeline, firm: bool| {
        !needs(pipeline, firm).any(|name| *name != pipeline.name && waiting.contains_key(name))
    };
    let of = |firm: bool| {
        waiting.iter().find(|(_, pipeline)| free(pipeline, firm)).map(|(name, _)| (*name).clone())
    };
    of(false).or_else(|| of(true)).or_else(|| waiting.keys().next().map(|name| (*name).clone()))
}

/// The pipelines that a pipeline looks up; `firm`: without those that may be filled in later.
fn needs(pipeline: &Pipeline, firm: bool) -> Box<dyn Iterator<Item = &PipelineName> + '_> {
    let rows = pipeline.rows.iter().filter_map(|row| row.lookup.as_ref());
    let rows = rows.filter(move |lookup| !firm || lookup.missing != Missing::Empty);
    let rows = rows.flat_map(|lookup| &lookup.pipelines);
    if firm { Box::new(rows) } else { Box::new(rows.chain(&pipeline.looks_up)) }
}
