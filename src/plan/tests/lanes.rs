//! When records stream without links, and what their tables need.

use crate::model::Kind;
use crate::plan::testing::{POSTGRES, SALESFORCE, compile, database, files, plan, without_table};
use crate::plan::{Catalog, Lane, WritePolicy, required};

const MIRROR: &str = "salesforce: Account
app: db.clients
to_app: [create, update]
match: [salesforce_id]
fields:
  - { salesforce: Id,      app: salesforce_id }
  - { salesforce: Name,    app: name, write: if_empty }
  - { salesforce: Website, app: domain, as: domain, write: on_create }
";

fn keyed() -> Catalog {
    let columns =
        [("id", Kind::Int), ("salesforce_id", Kind::Text), ("name", Kind::Text), ("domain", Kind::Text)];
    database("clients", &columns, &["salesforce_id"])
}

#[test]
fn a_mirror_streams_into_a_column_that_identifies_its_rows() {
    for (catalog, lane, key) in [
        (keyed(), Lane::Mirror, "salesforce_id"),
        (without_table("clients"), Lane::Mirror, "salesforce_id"),
        (Catalog::default(), Lane::Linked, "id"),
    ] {
        let plan = plan(POSTGRES, MIRROR, &catalog);
        assert_eq!(plan.lane, lane);
        assert_eq!(&*plan.app.schema.fields()[plan.app.key].name, key);
    }
}

#[test]
fn what_needs_links_is_no_mirror() {
    for (from, to) in [
        ("[create, update]", "[create]"),
        ("match: [salesforce_id]", "match: [name]"),
        ("write: if_empty", "write: unless_edited"),
        ("app: name,", "app: name, to_app: 'other.name ?? value',"),
        ("app: salesforce_id }", "app: salesforce_id, to_app: 'lower(value)' }"),
        ("salesforce: Account", "salesforce: { object: Account, scope: referenced }"),
        ("fields:", "manual_links:\n  - { salesforce: 001A1, app: 7 }\nfields:"),
        ("fields:", "links: many_to_one\nfields:"),
        ("app: name,", "app: name, lookup: one,"),
    ] {
        let text = MIRROR.replacen(from, to, 1);
        assert_ne!(text, MIRROR, "{from}");
        assert_eq!(plan(POSTGRES, &text, &keyed()).lane, Lane::Linked, "{to}");
    }
}

#[test]
fn what_others_look_up_keeps_links() {
    let user = "salesforce: Contact\napp: db.people\nto_app: [create]\nfields:\n  - { salesforce: AccountId, app: account, ROW }\n";
    for row in ["lookup: accounts", "to_app: 'linked(\"accounts\", value)'"] {
        let user = user.replace("ROW", row);
        let texts =
            [SALESFORCE, POSTGRES, ("pipelines/accounts.yaml", MIRROR), ("pipelines/people.yaml", &user)];
        let compiled = compile(&files(&texts), &keyed());
        let plans = compiled.plans();
        assert_eq!(plans.len(), 2, "{:?}", compiled.diagnostics);
        assert_eq!(plans[0].lane, Lane::Linked, "{row}");
        assert_eq!(plans[1].looks_up[0].as_str(), "accounts");
    }
}

#[test]
fn the_table_of_a_mirror() {
    let texts = [SALESFORCE, POSTGRES, ("pipelines/accounts.yaml", MIRROR)];
    let files = files(&texts);
    let compiled = compile(&files, &without_table("clients"));
    assert!(compiled.notes.contains(&"db: table clients will be created".to_owned()), "{:?}", compiled.notes);
    let plan = &compiled.plans()[0];
    let table = required(plan, files.connections[1].value().unwrap(), None, None).unwrap();
    assert_eq!((table.key.column.as_str(), table.key.in_row), ("salesforce_id", true));
    assert_eq!(table.unique, ["salesforce_id"]);
    assert!(table.create);
    let columns: Vec<(&str, Kind, Option<WritePolicy>)> =
        table.columns.iter().map(|column| (&*column.path, column.kind, column.policy)).collect();
    assert_eq!(
        columns,
        [
            ("salesforce_id", Kind::Id, Some(WritePolicy::Always)),
            ("name", Kind::Any, Some(WritePolicy::IfEmpty)),
            ("domain", Kind::Text, Some(WritePolicy::OnCreate)),
        ]
    );
}

#[test]
fn a_linked_table_gets_a_key_of_its_own() {
    let text = MIRROR.replace("write: if_empty", "write: unless_edited");
    let texts = [SALESFORCE, POSTGRES, ("pipelines/accounts.yaml", &text)];
    let files = files(&texts);
    let compiled = compile(&files, &without_table("clients"));
    let plan = &compiled.plans()[0];
    let table = required(plan, files.connections[1].value().unwrap(), None, None).unwrap();
    assert_eq!((table.key.column.as_str(), table.key.in_row), ("id", false));
    assert_eq!(
        (table.unique.as_slice(), table.match_columns.as_slice()),
        (&["salesforce_id".to_owned()][..], &["salesforce_id".to_owned()][..])
    );
    let key = table.columns.iter().find(|column| &*column.path == "id").unwrap();
    assert_eq!((key.kind, key.policy), (Kind::Int, None));
}
