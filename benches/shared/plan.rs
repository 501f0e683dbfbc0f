//! Pipelines over the measured table, compiled as they run.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use jiff::Timestamp;
use sfsync::expr::Engine;
use sfsync::model::{ColumnInfo, ConnectionName, FieldInfo, Kind, ObjectInfo, PipelineName, TableInfo};
use sfsync::plan::catalog::{Catalog, DatabaseCatalog, OrgCatalog};
use sfsync::plan::{Lane, Pipeline};
use sfsync::runtime::folder::{File, Texts};
use sfsync::runtime::load::{Loading, load, parse};

use super::deals::FIELDS;

/// The pipeline as it runs: with what describe and the database say about every field.
pub fn compiled(pipeline: &str, lane: Lane) -> Result<Arc<Pipeline>, Box<dyn Error>> {
    let file = |path: &str, text: &str| (path.to_owned(), File::new(path, text.into()));
    let salesforce = "type: salesforce\nenvironment: production\nauth: { flow: client_credentials, client_id: a, \
        client_secret: '${env:SECRET}' }\n";
    let texts = Texts {
        settings: None,
        connections: BTreeMap::from([
            file("salesforce", salesforce),
            file(
                "warehouse",
                "type: postgres\nurl: ${env:URL}\nresources:\n  deals: { updated_at: updated_at }\n",
            ),
        ]),
        pipelines: BTreeMap::from([file("deals", pipeline)]),
    };
    let (engine, catalog) = (Engine::new(), catalog());
    let loading =
        Loading { engine: &engine, catalog: &catalog, now: Timestamp::UNIX_EPOCH, ignore_not_yet: false };
    let loaded = load(parse(&texts, |_| None), &loading);
    let plan =
        loaded.compiled.pipelines.get(&PipelineName::from("deals")).and_then(|plan| plan.as_ref().ok());
    match plan {
        Some(plan) if plan.lane == lane => Ok(Arc::clone(plan)),
        Some(_) => Err("the pipeline takes the other lane".into()),
        None => Err(sfsync::diag::all_to_text(&loaded.compiled.diagnostics, &loaded.files.map, false).into()),
    }
}

fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    let org = OrgCatalog {
        names: vec!["Opportunity".to_owned()],
        objects: vec![object().into()],
        ..OrgCatalog::default()
    };
    catalog.orgs.insert(ConnectionName::from("salesforce"), org);
    let database = DatabaseCatalog { tables: vec![table().into()], ..DatabaseCatalog::default() };
    catalog.databases.insert(ConnectionName::from("warehouse"), database);
    catalog
}

fn table() -> TableInfo {
    let stamped = std::iter::once(("updated_at", "timestamptz"));
    let columns = FIELDS.map(|(_, name, native, _)| (name, native)).into_iter().chain(stamped);
    let columns = columns.map(|(name, native)| ColumnInfo {
        name: name.to_owned(),
        kind: kind(native),
        native: native.to_owned(),
        nullable: name != "id",
        has_default: false,
        read_only: false,
        one_of: Vec::new(),
    });
    TableInfo {
        name: "deals".to_owned(),
        columns: columns.collect(),
        primary_key: vec!["id".to_owned()],
        unique: Vec::new(),
        read_at: Timestamp::UNIX_EPOCH,
    }
}

fn kind(native: &str) -> Kind {
    match native.split('(').next() {
        Some("numeric") => Kind::Decimal,
        Some("integer") => Kind::Int,
        Some("date") => Kind::Date,
        Some("timestamptz") => Kind::DateTime,
        Some("boolean") => Kind::Bool,
        _ => Kind::Text,
    }
}

fn object() -> ObjectInfo {
    let mut fields: Vec<FieldInfo> = FIELDS.iter().map(|(name, _, native, _)| field(name, native)).collect();
    fields.push(field("SystemModstamp", "timestamptz"));
    ObjectInfo {
        name: "Opportunity".to_owned(),
        label: "Opportunity".to_owned(),
        key_prefix: Some("006".to_owned()),
        fields,
        record_types: Vec::new(),
        queryable: true,
        createable: true,
        updateable: true,
        deletable: true,
        replicateable: true,
        undeletable: true,
        read_at: Timestamp::UNIX_EPOCH,
    }
}

fn field(name: &str, native: &str) -> FieldInfo {
    let kind = if name.ends_with("Id") { Kind::Id } else { kind(native) };
    FieldInfo {
        name: name.to_owned(),
        label: name.to_owned(),
        wire: "string".to_owned(),
        kind,
        length: 255,
        precision: 18,
        scale: 2,
        nillable: true,
        defaulted_on_create: false,
        createable: true,
        updateable: true,
        calculated: false,
        auto_number: false,
        external_id: false,
        id_lookup: name == "Id",
        unique: name == "Id",
        filterable: true,
        sortable: true,
        reference_to: Vec::new(),
        relationship: None,
        picklist: Vec::new(),
        restricted: false,
        compound: None,
        html: false,
    }
}
