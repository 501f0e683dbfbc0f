//! Plans without any system: one pipeline between an object and a table that are told here.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use sfsync::expr::Engine;
use sfsync::model::{ColumnInfo, ConnectionName, FieldInfo, Kind, ObjectInfo, PipelineName, TableInfo};
use sfsync::plan::Pipeline;
use sfsync::plan::catalog::{Catalog, DatabaseCatalog, OrgCatalog};
use sfsync::runtime::folder::{File, Texts};
use sfsync::runtime::load::{Loading, load, parse};

const SALESFORCE: &str = "type: salesforce
environment: production
domain: acme.my.salesforce.com
auth: { flow: client_credentials, client_id: a, client_secret: '${env:SECRET}' }
";

/// The plan of one file between `salesforce` and a PostgreSQL database `shop`, which may be told about its resources.
pub fn plan(name: &str, pipeline: &str, resources: &str, catalog: &Catalog) -> Arc<Pipeline> {
    let file = |path: &str, text: &str| (path.to_owned(), File::new(path, text.into()));
    let shop = format!("type: postgres\nurl: ${{env:URL}}\n{resources}");
    let texts = Texts {
        settings: None,
        connections: BTreeMap::from([file("salesforce", SALESFORCE), file("shop", &shop)]),
        pipelines: BTreeMap::from([file(name, pipeline)]),
    };
    let engine = Engine::new();
    let loading = Loading { engine: &engine, catalog, now: Timestamp::UNIX_EPOCH, ignore_not_yet: true };
    let loaded = load(parse(&texts, |_| None), &loading);
    match loaded.compiled.pipelines.get(&PipelineName::from(name)).and_then(|plan| plan.as_ref().ok()) {
        Some(plan) => Arc::clone(plan),
        None => {
            panic!("{}", sfsync::diag::all_to_text(&loaded.compiled.diagnostics, &loaded.files.map, false))
        }
    }
}

/// An org with one object, and a database with one table whose key `id` the database makes.
pub fn catalog(
    (object, fields): (&str, Vec<FieldInfo>),
    (table, columns): (&str, Vec<ColumnInfo>),
) -> Catalog {
    let object = ObjectInfo {
        name: object.to_owned(),
        label: object.to_owned(),
        key_prefix: None,
        fields,
        record_types: Vec::new(),
        queryable: true,
        createable: true,
        updateable: true,
        deletable: true,
        replicateable: true,
        undeletable: true,
        read_at: Timestamp::UNIX_EPOCH,
    };
    let names = vec![object.name.clone()];
    let org = OrgCatalog { names, objects: vec![Arc::new(object)], ..OrgCatalog::default() };
    let table = TableInfo {
        name: table.to_owned(),
        columns,
        primary_key: vec!["id".to_owned()],
        unique: Vec::new(),
        read_at: Timestamp::UNIX_EPOCH,
    };
    let database = DatabaseCatalog { tables: vec![Arc::new(table)], ..DatabaseCatalog::default() };
    Catalog {
        orgs: [(ConnectionName::from("salesforce"), org)].into(),
        databases: [(ConnectionName::from("shop"), database)].into(),
        ..Catalog::default()
    }
}

/// A field; `Id` and `SystemModstamp` are Salesforce's own.
pub fn field(name: &str, wire: &str, kind: Kind, scale: u32) -> FieldInfo {
    let own = !matches!(name, "Id" | "SystemModstamp");
    FieldInfo {
        name: name.to_owned(),
        label: name.to_owned(),
        wire: wire.to_owned(),
        kind,
        length: 255,
        precision: if kind == Kind::Decimal { 18 } else { 0 },
        scale,
        nillable: true,
        defaulted_on_create: false,
        createable: own,
        updateable: own,
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

/// A column of this type.
pub fn column(name: &str, native: &str, kind: Kind) -> ColumnInfo {
    ColumnInfo {
        name: name.to_owned(),
        kind,
        native: native.to_owned(),
        nullable: true,
        has_default: name == "id",
        read_only: false,
        one_of: Vec::new(),
    }
}
