//! What is read from and written to the org for a plan, in the terms of the connector. Pure.

use std::sync::Arc;

use crate::connect::salesforce::{LoadScope, ReadSpec, WriteSpec};
use crate::model::{ObjectInfo, PipelineName};
use crate::plan::catalog::Catalog;
use crate::plan::{Files, Pipeline, Scope};

/// The object of a plan, as it was described.
pub(super) fn object<'a>(pipeline: &Pipeline, catalog: &'a Catalog) -> Option<&'a ObjectInfo> {
    catalog.org(&pipeline.salesforce.connection)?.object(&pipeline.salesforce.object).known()
}

/// First characters of the ids of the records on which notes are looked for: those of the pipelines that the row of `LinkedEntityId` looks
/// up, in their order. Empty where one of them is not known: then all records are looked at.
fn parents(pipeline: &Pipeline, files: &Files, catalog: &Catalog) -> Vec<String> {
    let schema = &pipeline.salesforce.schema;
    let lookups = pipeline
        .rows
        .iter()
        .filter(|row| row.salesforce.is_some_and(|at| &*schema.fields()[at].name == "LinkedEntityId"));
    let looked_up = lookups.filter_map(|row| row.lookup.as_ref()).flat_map(|lookup| &lookup.pipelines);
    let prefix = |name: &PipelineName| {
        let side = &files.pipeline(name)?.value()?.salesforce;
        let org = catalog.org(&pipeline.salesforce.connection)?;
        org.object(&side.object.value).known()?.key_prefix.clone()
    };
    looked_up.map(prefix).collect::<Option<Vec<_>>>().unwrap_or_default()
}

/// What the source reads.
pub(super) fn read_spec(pipeline: &Pipeline, files: &Files, catalog: &Catalog) -> ReadSpec {
    let side = &pipeline.salesforce;
    let mut spec = ReadSpec::new(&side.object, &[]);
    spec.schema = Arc::clone(&side.schema);
    if let Some(object) = object(pipeline, catalog) {
        spec = spec.with_facts(object);
    }
    spec.filter = (!side.condition.is_empty()).then(|| side.condition.clone());
    spec.parents = parents(pipeline, files, catalog);
    spec.leavers = spec.filter.is_some();
    let follows = pipeline.to_app.delete || pipeline.to_app.archive;
    spec.deletes = spec.has_is_deleted && follows;
    spec.delete_log = follows && object(pipeline, catalog).is_some_and(|object| object.replicateable);
    spec.load = match (&side.backfill, side.scope) {
        (_, Scope::Referenced) => LoadScope::Nothing,
        (range, _) if range.none => LoadScope::Nothing,
        (range, _) => range.condition.clone().map_or(LoadScope::All, LoadScope::Where),
    };
    spec
}

/// What the destination writes.
pub(super) fn write_spec(
    pipeline: &Pipeline,
    object: &ObjectInfo,
    (files, catalog): (&Files, &Catalog),
) -> WriteSpec {
    let side = &pipeline.salesforce;
    let mut spec = WriteSpec::new(Arc::new(object.clone()), Arc::clone(&side.schema), pipeline.to_salesforce);
    spec.matches = pipeline
        .matching
        .iter()
        .filter_map(|row| pipeline.rows.get(*row))
        .filter(|row| row.to_salesforce.is_on())
        .filter_map(|row| row.salesforce)
        .collect();
    spec.parents = parents(pipeline, files, catalog);
    spec
}
