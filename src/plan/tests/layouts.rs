//! Which fields are read, what rows become, and that files do not take each other along.

use std::sync::Arc;

use crate::model::{Kind, Side, Value};
use crate::plan::testing::{POSTGRES, SALESFORCE, compile, database, files, plan};
use crate::plan::{Broken, Catalog, Flow, Missing, Pipeline, WritePolicy};

fn names(plan: &Pipeline, side: Side) -> Vec<String> {
    plan.schema(side).fields().iter().map(|field| field.name.to_string()).collect()
}

#[test]
fn everything_named_is_read_once() {
    let text = "salesforce:
  object: Opportunity
  include: { RecordType: New_Business, StageName: A }
  where: Amount > 0
  backfill: { last: 6 months, by: CreatedDate }
  filter: 'record.Owner.Email != null'
  select: [Extra__c]
app: db.t
to_app: [create, update]
match: [sid]
fields:
  - { salesforce: Id, app: sid }
  - { salesforce: Account.Name, app: account }
  - { app: url, to_app: 'record.StageName + other.note' }
";
    let plan = plan(POSTGRES, text, &Catalog::default());
    assert_eq!(
        names(&plan, Side::Salesforce),
        ["Id", "Account.Name", "Owner.Email", "StageName", "RecordType", "Extra__c"]
    );
    assert_eq!(names(&plan, Side::App), ["sid", "account", "url", "note", "id"]);
    assert_eq!((plan.salesforce.id, plan.app.key), (0, 4));
    assert_eq!(plan.matching, [0]);
    assert!(plan.salesforce.has_where && plan.salesforce.selection.filter.is_some());
    assert!(plan.salesforce.modified.is_none() && plan.salesforce.stamp.is_none());
}

#[test]
fn newest_needs_both_stamps() {
    let connection =
        ("connections/db.yaml", "type: sqlite\npath: /x\nresources: { t: { updated_at: changed } }\n");
    let text = "salesforce: Account\napp: db.t\nto_app: [update]\nto_salesforce: [update]\nconflict: newest\nfields:\n  - { salesforce: Name, app: name }\n";
    let plan = plan(connection, text, &Catalog::default());
    assert_eq!(names(&plan, Side::Salesforce), ["Name", "Id", "LastModifiedDate"]);
    assert_eq!(names(&plan, Side::App), ["name", "id", "changed"]);
    assert_eq!((plan.salesforce.modified, plan.app.modified), (Some(2), Some(2)));
}

#[test]
fn rows_become_mappings() {
    let text = "salesforce: Task
app: db.t
to_app: [create, update]
groups: { props: on_create }
fields:
  - { app: kind, const: 7 }
  - { salesforce: Subject, app: title, write: if_empty, group: props, default: 5 }
  - { salesforce: Status, app: size, values: { Open: 1, Deferred: 1, Done: 2, else: 3 } }
  - { salesforce: OwnerId, app: owner, lookup: one, missing: empty }
  - { salesforce: Phone, app: phone, to_app: false }
";
    let columns = [
        ("id", Kind::Int),
        ("kind", Kind::Text),
        ("title", Kind::Text),
        ("size", Kind::Int),
        ("owner", Kind::Int),
        ("phone", Kind::Text),
    ];
    let plan = plan(POSTGRES, text, &database("t", &columns, &[]));
    let [kind, title, size, owner, phone] = &plan.rows[..] else { panic!("{} rows", plan.rows.len()) };
    assert!(matches!(&kind.to_app, Flow::Const(Value::Text(text)) if text == "7"));
    assert_eq!((title.write, &title.default), (WritePolicy::OnCreate, &Some(Value::text("5"))));
    assert_eq!(&*title.name, "Subject → title");
    let map = size.values.as_ref().unwrap();
    assert_eq!((map.to_app.get("deferred"), &map.otherwise), (Some(&Value::Int(1)), &Some(Value::Int(3))));
    assert_eq!(map.to_salesforce.get("1"), Some(&vec![Value::text("Open"), Value::text("Deferred")]));
    assert_eq!(owner.lookup.as_ref().unwrap().missing, Missing::Empty);
    assert!(matches!(phone.to_app, Flow::Off) && matches!(phone.to_salesforce, Flow::Off));
    assert!(plan.looks_up.is_empty(), "itself is not listed");
}

#[test]
fn a_row_keeps_its_identity_when_it_moves() {
    let rows = [
        "  - { salesforce: Name, app: name }\n",
        "  - { salesforce: Phone, app: phone }\n",
        "  - { app: kind, const: x }\n",
    ];
    let with = |order: &[usize], more: &str| -> Arc<Pipeline> {
        let rows: String = order.iter().map(|at| rows[*at]).collect();
        let text = format!("salesforce: Account\napp: db.t\nto_app: [create]\nfields:\n{rows}{more}");
        plan(POSTGRES, &text, &Catalog::default())
    };
    let (before, moved, more) =
        (with(&[0, 1, 2], ""), with(&[2, 0, 1], ""), with(&[0, 1, 2], "  - { salesforce: Fax, app: fax }\n"));
    assert_eq!(before.row_set.rows[0], moved.row_set.rows[1]);
    assert_eq!(before.row_set.rows[2], moved.row_set.rows[0]);
    assert_ne!(before.row_set.id, moved.row_set.id);
    assert_eq!(before.row_set.rows, more.row_set.rows[..3]);
    assert_eq!(before.row_set, with(&[0, 1, 2], "").row_set);
}

#[test]
fn a_row_is_known_by_what_it_was_while_it_flowed_both_ways() {
    let with = |ways: &str| -> Arc<Pipeline> {
        let text =
            format!("salesforce: Account\napp: db.t\n{ways}fields:\n  - {{ salesforce: Name, app: name }}\n");
        plan(POSTGRES, &text, &Catalog::default())
    };
    let (both, one) = (with("to_app: [update]\nto_salesforce: [update]\n"), with("to_app: [update]\n"));
    assert_ne!(both.row_set.rows, one.row_set.rows, "a direction that is added takes a fresh baseline");
    assert_eq!(both.row_set.rows, one.row_set.both, "one that is taken away leaves it");
}

#[test]
fn a_broken_file_takes_nobody_along() {
    let good = "salesforce: Account\napp: db.a\nto_app: [create]\nfields:\n  - { salesforce: OwnerId, app: owner, lookup: bad }\n";
    let bad =
        "salesforce: User\napp: nowhere.b\nto_app: [create]\nfields:\n  - { salesforce: Name, app: name }\n";
    let worse = "salesforce: [\n";
    let texts = [
        SALESFORCE,
        POSTGRES,
        ("pipelines/good.yaml", good),
        ("pipelines/bad.yaml", bad),
        ("pipelines/worse.yaml", worse),
    ];
    let compiled = compile(&files(&texts), &Catalog::default());
    assert!(compiled.pipelines[&"good".into()].is_ok(), "{:?}", compiled.diagnostics);
    assert_eq!(compiled.pipelines[&"bad".into()].as_ref().err(), Some(&Broken));
    assert_eq!(compiled.pipelines[&"worse".into()].as_ref().err(), Some(&Broken));
}

#[test]
fn circles_that_may_be_filled_in_later_have_an_order() {
    let one = |object: &str, table: &str, lookup: &str, missing: &str| {
        format!(
            "salesforce: {object}\napp: db.{table}\nto_app: [create]\nfields:\n  - {{ salesforce: X__c, app: x, lookup: {lookup}, missing: {missing} }}\n"
        )
    };
    let texts = [
        ("pipelines/a.yaml", one("A__c", "a", "b", "empty")),
        ("pipelines/b.yaml", one("B__c", "b", "a", "wait")),
    ];
    let texts: Vec<(&str, &str)> = [SALESFORCE, POSTGRES]
        .into_iter()
        .chain(texts.iter().map(|(path, text)| (*path, text.as_str())))
        .collect();
    let compiled = compile(&files(&texts), &Catalog::default());
    let names: Vec<String> = compiled.plans().iter().map(|plan| plan.name.to_string()).collect();
    assert_eq!(names, ["a", "b"], "{:?}", compiled.diagnostics);
}
