//! What a table needs so that its changes can be read.

use crate::model::Kind;
use crate::plan::testing::{SALESFORCE, compile, database, files, plan};
use crate::plan::{Catalog, Compiled};

const PIPELINE: &str = "salesforce: Account
app: { resource: db.clients BACKFILL }
to_salesforce: [create, update]
match: [name]
fields:
  - { salesforce: Name, app: name }
";

fn connection(resource: &str) -> String {
    format!("type: postgres\nurl: \"${{env:DATABASE_URL}}\"\nresources:\n  clients: {resource}\n")
}

fn catalog() -> Catalog {
    let columns =
        [("no", Kind::Int), ("name", Kind::Text), ("changed", Kind::DateTime), ("gone", Kind::Bool)];
    database("clients", &columns, &[])
}

fn compiled(resource: &str, backfill: &str) -> Compiled {
    let (connection, pipeline) = (connection(resource), PIPELINE.replace(" BACKFILL", backfill));
    let texts = [SALESFORCE, ("connections/db.yaml", &connection), ("pipelines/clients.yaml", &pipeline)];
    compile(&files(&texts), &catalog())
}

/// The errors as `code title`.
fn errors(resource: &str, backfill: &str) -> Vec<String> {
    let compiled = compiled(resource, backfill);
    let errors = compiled.diagnostics.iter().filter(|message| message.is_error());
    errors.map(|message| format!("{} {}", message.code, message.title)).collect()
}

#[test]
fn columns_that_a_resource_names_must_be_there() {
    assert_eq!(errors("{ updated_at: changed, deleted_at: gone }", ""), [""; 0]);
    assert_eq!(errors("{ updated_at: change }", ""), ["E310 clients has no column `change`"]);
    assert_eq!(errors("{ deleted_at: deleted }", ""), ["E310 clients has no column `deleted`"]);
    assert_eq!(errors("{ updated_at: name }", ""), ["E322 `name` holds no times"]);
    assert_eq!(errors("{ key: number }", ""), ["E311 nothing identifies a row of clients"]);
    assert_eq!(errors("{ key: name }", ""), ["E311 `name` does not identify a row of clients"]);
}

#[test]
fn a_part_is_loaded_only_where_new_rows_are_told_from_old_ones() {
    let refused = ["E322 `backfill` leaves rows out, and nothing tells them from new ones"];
    for backfill in
        [", backfill: none", ", backfill: { where: no > 5 }", ", backfill: { last: 3 days, by: changed }"]
    {
        assert_eq!(errors("{ key: no }", backfill), refused, "{backfill}");
        assert_eq!(errors("{ updated_at: changed }", backfill), [""; 0], "{backfill}");
    }
    assert_eq!(errors("{ key: no }", ", backfill: all"), [""; 0]);
}

#[test]
fn a_table_without_a_change_time_is_said_to_be_read_as_a_whole() {
    let note =
        "clients: every look at clients reads all of its rows, because its resource names no `updated_at`";
    assert!(compiled("{ key: no }", "").notes.contains(&note.to_owned()));
    assert!(!compiled("{ updated_at: changed }", "").notes.contains(&note.to_owned()));
}

#[test]
fn the_app_side_knows_its_change_time_and_key() {
    let (connection, pipeline) = (connection("{ updated_at: changed }"), PIPELINE.replace(" BACKFILL", ""));
    let plan = plan(("connections/db.yaml", &connection), &pipeline, &catalog());
    let name = |at: usize| &*plan.app.schema.fields()[at].name;
    assert_eq!((name(plan.app.key), plan.app.modified.map(name)), ("no", Some("changed")));
}

#[test]
fn a_change_time_is_a_time_however_sqlite_keeps_it() {
    let sqlite = "type: sqlite\npath: /x\nresources:\n  clients: { updated_at: changed }\n";
    for kept in [Kind::Text, Kind::Int, Kind::DateTime] {
        let catalog = database("clients", &[("no", Kind::Int), ("name", Kind::Text), ("changed", kept)], &[]);
        let plan = plan(("connections/db.yaml", sqlite), &PIPELINE.replace(" BACKFILL", ""), &catalog);
        let modified = plan.app.modified.unwrap();
        assert_eq!(plan.app.schema.fields()[modified].kind, Kind::DateTime, "{kept:?}");
    }
}
