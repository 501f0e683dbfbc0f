//! For tests: folders written in place, compiled.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use crate::expr::Engine;
use crate::model::{ColumnInfo, ConnectionName, Kind, PipelineName, TableInfo};
use crate::plan::{Catalog, Compiled, DatabaseCatalog, FileOf, Files, Pipeline, Tools, compile_all};
use crate::spec::{self, PipelineFile};

/// The files of a folder: (`pipelines/a.yaml`, text).
pub(super) fn files(texts: &[(&str, &str)]) -> Files {
    let mut files = Files::default();
    for (path, text) in texts {
        let stem = Path::new(path).file_stem().unwrap().to_string_lossy().into_owned();
        let source = files.map.add(path, text);
        if *path == "settings.yaml" {
            files.settings = Some(spec::read_settings(source, &files.map));
        } else if path.starts_with("connections/") {
            let parsed = spec::read_connection(source, &files.map, &stem);
            let name = ConnectionName::from(stem.as_str());
            files.connections.push(FileOf { name, source, parsed: Arc::new(parsed), since: None });
        } else {
            let parsed = spec::read_pipeline(source, &files.map, &stem);
            files.pipelines.push(FileOf {
                name: PipelineName::from(stem.as_str()),
                source,
                parsed: Arc::new(parsed),
                since: None,
            });
        }
    }
    files
}

pub(super) const SALESFORCE: (&str, &str) = (
    "connections/salesforce.yaml",
    "type: salesforce\nenvironment: production\nauth: { flow: authorization_code, client_id: x }\n",
);
pub(super) const POSTGRES: (&str, &str) =
    ("connections/db.yaml", "type: postgres\nurl: \"${env:DATABASE_URL}\"\ncreate_tables: true\n");
pub(super) const SQLITE: (&str, &str) = ("connections/db.yaml", "type: sqlite\npath: /tmp/x.db\n");

/// Compiles, what cannot run yet included.
pub(super) fn compile(files: &Files, catalog: &Catalog) -> Compiled {
    let engine = Engine::new();
    let tools =
        Tools { engine: &engine, now: jiff::Timestamp::UNIX_EPOCH, ignore_not_yet: true, tables: None };
    compile_all(files, catalog, &tools)
}

/// One pipeline between Salesforce and a database.
pub(super) fn plan(database: (&str, &str), text: &str, catalog: &Catalog) -> Arc<Pipeline> {
    let files = files(&[SALESFORCE, database, ("pipelines/one.yaml", text)]);
    let compiled = compile(&files, catalog);
    let messages = crate::diag::all_to_text(&compiled.diagnostics, &files.map, false);
    compiled.plans().pop().unwrap_or_else(|| panic!("no plan:\n{messages}"))
}

/// A pipeline file on its own.
pub(super) fn pipeline_file(name: &str, text: &str) -> PipelineFile {
    let mut files = files(&[(&format!("pipelines/{name}.yaml"), text)]);
    let parsed = files.pipelines.pop().unwrap().parsed;
    assert!(!parsed.has_errors(), "{:?}", parsed.diagnostics);
    parsed.value.clone().unwrap()
}

/// A database with one table of text columns; the first is the primary key if `key`.
pub(super) fn database(table: &str, columns: &[(&str, Kind)], unique: &[&str]) -> Catalog {
    let columns = columns.iter().map(|(name, kind)| ColumnInfo {
        name: (*name).to_owned(),
        kind: *kind,
        native: kind.name().to_owned(),
        nullable: true,
        has_default: false,
        read_only: false,
        one_of: Vec::new(),
    });
    let columns: Vec<ColumnInfo> = columns.collect();
    let info = TableInfo {
        name: table.to_owned(),
        primary_key: vec![columns[0].name.clone()],
        columns,
        unique: unique.iter().map(|name| vec![(*name).to_owned()]).collect(),
        read_at: jiff::Timestamp::UNIX_EPOCH,
    };
    let known = DatabaseCatalog { tables: vec![Arc::new(info)], missing: BTreeSet::new() };
    Catalog { databases: [(ConnectionName::from("db"), known)].into(), ..Catalog::default() }
}

/// A database in which the table surely is not.
pub(super) fn without_table(table: &str) -> Catalog {
    let known = DatabaseCatalog { tables: Vec::new(), missing: BTreeSet::from([table.to_owned()]) };
    Catalog { databases: [(ConnectionName::from("db"), known)].into(), ..Catalog::default() }
}
