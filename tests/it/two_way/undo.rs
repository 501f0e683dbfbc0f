//! Undo: what a run replaced is put back, nothing else is touched, and nothing carries it on or writes it again by itself.

use sfsync::connect::memory::{Call, Fault};
use sfsync::model::{Key, Side};
use sfsync::runtime::undo::UndoReport;

use super::scenarios::BOTH;
use super::world::World;

const S: Side = Side::Salesforce;
const A: Side = Side::App;

/// Pairs of `s1`, `s2`, … with the name Ann and the phone 1; gives the app keys.
async fn pairs(world: &mut World, count: usize) -> Vec<Key> {
    for n in 1..=count {
        let email = format!("{n}@x.com");
        world.set(S, &format!("s{n}"), &[("Email__c", &email), ("Name", "Ann"), ("Phone", "1")]);
    }
    world.settle().await;
    world.links().into_iter().map(|link| link.app).collect()
}

async fn undo(world: &mut World, act: bool) -> UndoReport {
    world.runner().undo(act, 10).await.unwrap()
}

fn numbers(report: &UndoReport) -> (u64, u64, u64) {
    (report.restored, report.moved, report.failed)
}

fn made(world: &World) -> (u64, u64) {
    (world.salesforce.changes_made(), world.app.changes_made())
}

#[tokio::test]
async fn writes_of_the_last_run_to_both_sides_are_put_back_and_nothing_follows_from_it() {
    let mut world = World::new(BOTH);
    let apps = pairs(&mut world, 2).await;
    world.set(S, "s1", &[("Name", "Anna")]);
    world.set(A, apps[1].as_str(), &[("phone", "2")]);
    world.settle().await;
    assert_eq!(
        (world.get(A, apps[0].as_str(), "name"), world.get(S, "s2", "Phone")),
        ("Anna".into(), "2".into())
    );
    let before = made(&world);
    let plan = undo(&mut world, false).await;
    assert_eq!((numbers(&plan), plan.done, plan.entries.len()), ((2, 0, 0), false, 2));
    let shown: Vec<String> = plan
        .entries
        .iter()
        .flat_map(|entry| &entry.fields)
        .map(|field| format!("{} {:?} {:?} {}", field.name, field.before, field.after, field.note))
        .collect();
    assert_eq!(
        shown,
        ["name Some(\"Anna\") Some(\"Ann\") in the app", "Phone Some(\"2\") Some(\"1\") in Salesforce"]
    );
    assert_eq!(made(&world), before, "a plan writes nothing");
    let done = undo(&mut world, true).await;
    assert_eq!((numbers(&done), done.done), ((2, 0, 0), true));
    assert_eq!(
        (world.get(A, apps[0].as_str(), "name"), world.get(S, "s2", "Phone")),
        ("Ann".into(), "1".into())
    );
    // The other sides stay as people left them, and no look carries anything on.
    let before = made(&world);
    world.settle().await;
    assert_eq!(made(&world), before, "{}", world.shown());
    assert_eq!(
        (world.get(S, "s1", "Name"), world.get(A, apps[1].as_str(), "phone")),
        ("Anna".into(), "2".into())
    );
    // A change of the record counts again.
    world.set(S, "s1", &[("Name", "Anne")]);
    world.settle().await;
    assert_eq!(world.get(A, apps[0].as_str(), "name"), "Anne");
    // So does a comparison of everything.
    world.runner().everything(false).await.unwrap();
    assert_eq!(world.get(A, apps[1].as_str(), "phone"), world.get(S, "s2", "Phone"));
}

#[tokio::test]
async fn what_somebody_has_changed_since_stays() {
    let mut world = World::new(BOTH);
    let apps = pairs(&mut world, 3).await;
    for id in ["s1", "s2", "s3"] {
        world.set(S, id, &[("Name", "Anna"), ("Phone", "1")]);
    }
    world.settle().await;
    world.set(A, apps[0].as_str(), &[("name", "by hand")]);
    world.app.remove(&apps[1]);
    let report = undo(&mut world, true).await;
    assert_eq!(numbers(&report), (1, 2, 0));
    let reasons: Vec<&str> = report.entries.iter().map(|entry| entry.reason.as_str()).collect();
    assert_eq!(reasons, ["changed since: name", "it is gone", ""]);
    assert_eq!(world.get(A, apps[0].as_str(), "name"), "by hand");
    assert_eq!(world.get(A, apps[2].as_str(), "name"), "Ann");
}

#[tokio::test]
async fn runs_are_undone_one_after_the_other_and_creates_are_told_and_stay() {
    let mut world = World::new(BOTH);
    let apps = pairs(&mut world, 1).await;
    let key = apps[0].as_str();
    for (name, other) in [("Anna", "4@x.com"), ("Anne", "5@x.com")] {
        world.set(S, "s1", &[("Name", name)]);
        world.set(S, &format!("new {other}"), &[("Email__c", other), ("Name", "New")]);
        world.look().await.unwrap();
        world.look().await.unwrap();
    }
    let records = world.app.rows().len();
    let report = undo(&mut world, true).await;
    assert_eq!((numbers(&report), report.created, report.earlier), ((1, 0, 0), 1, true));
    assert_eq!(world.get(A, key, "name"), "Anna");
    assert_eq!(numbers(&undo(&mut world, true).await), (1, 0, 0));
    assert_eq!((world.get(A, key, "name"), world.app.rows().len()), ("Ann".into(), records));
    assert_eq!(world.get(S, "s1", "Name"), "Anne");
}

#[tokio::test]
async fn what_is_refused_is_told_and_can_be_undone_again() {
    let mut world = World::new(BOTH);
    let apps = pairs(&mut world, 2).await;
    for id in ["s1", "s2"] {
        world.set(S, id, &[("Name", "Anna")]);
    }
    world.settle().await;
    world.app.fault(Call::Write, Fault::Reject(vec![0]));
    let report = undo(&mut world, true).await;
    assert_eq!(numbers(&report), (1, 0, 1));
    assert_eq!(report.entries.iter().filter(|entry| entry.op == "fail").count(), 1);
    assert_eq!(numbers(&undo(&mut world, true).await), (1, 0, 0), "only the one that failed is left");
    let names: Vec<String> = apps.iter().map(|key| world.get(A, key.as_str(), "name")).collect();
    assert_eq!(names, ["Ann", "Ann"]);
}

#[tokio::test]
async fn an_undo_that_died_on_its_way_is_repeated() {
    let mut world = World::new(BOTH);
    let apps = pairs(&mut world, 1).await;
    world.set(S, "s1", &[("Name", "Anna")]);
    world.settle().await;
    // It was written and not remembered.
    world.set(A, apps[0].as_str(), &[("name", "Ann")]);
    world.die();
    undo(&mut world, true).await;
    world.settle().await;
    assert_eq!(
        (world.get(S, "s1", "Name"), world.get(A, apps[0].as_str(), "name")),
        ("Anna".into(), "Ann".into())
    );
    assert_eq!(undo(&mut world, false).await.run, None, "nothing is left of that run");
}

#[tokio::test]
async fn what_the_file_does_not_write_any_more_is_not_touched() {
    let mut world = World::new(BOTH);
    let apps = pairs(&mut world, 1).await;
    world.set(S, "s1", &[("Name", "Anna")]);
    world.settle().await;
    world.edit(&BOTH.replace("to_app: [create, update]", "to_app: [create]"));
    let report = undo(&mut world, true).await;
    assert_eq!(
        (numbers(&report), report.entries[0].reason.as_str()),
        ((0, 1, 0), "update is not listed any more")
    );
    assert_eq!(world.get(A, apps[0].as_str(), "name"), "Anna");
}

#[tokio::test]
async fn where_a_row_flows_one_way_an_undo_counts_as_an_edit() {
    let file = "salesforce: Account\napp: shop.customers\nto_app: [create, update]\nmatch: [salesforce_id]\nfields:\n  \
                - { salesforce: Id, app: salesforce_id }\n  - { salesforce: Name, app: name, write: unless_edited }\n  \
                - { salesforce: Phone, app: phone }\n";
    let mut world = World::new(file);
    let apps = pairs(&mut world, 1).await;
    let key = apps[0].as_str();
    world.set(S, "s1", &[("Name", "Anna"), ("Phone", "2")]);
    world.settle().await;
    undo(&mut world, true).await;
    world.settle().await;
    assert_eq!((world.get(A, key, "name"), world.get(A, key, "phone")), ("Ann".into(), "1".into()));
    world.runner().everything(false).await.unwrap();
    assert_eq!((world.get(A, key, "name"), world.get(A, key, "phone")), ("Ann".into(), "2".into()));
}

#[tokio::test]
async fn an_app_record_that_several_share_is_put_back_for_all_of_them() {
    let mut world = World::new(
        &BOTH
            .replace("match: [salesforce_id, email]", "match: [email]\nlinks: many_to_one")
            .replace("  - { salesforce: Id,       app: salesforce_id, to_salesforce: false }\n", ""),
    );
    world.set(S, "s1", &[("Email__c", "a@x.com"), ("Name", "Ann")]);
    world.set(S, "s2", &[("Email__c", "a@x.com"), ("Name", "Ann")]);
    world.settle().await;
    assert_eq!(world.app.rows().len(), 1, "{}", world.shown());
    let key = world.links()[0].app.clone();
    world.set(S, "s1", &[("Name", "Anna")]);
    world.look().await.unwrap();
    assert_eq!(world.get(A, key.as_str(), "name"), "Anna");
    undo(&mut world, true).await;
    let before = made(&world);
    assert_eq!(world.get(A, key.as_str(), "name"), "Ann");
    for _ in 0..3 {
        world.look().await.unwrap();
        assert_eq!(made(&world), before, "no sibling takes it for an edit: {}", world.shown());
    }
    assert_eq!(world.get(S, "s1", "Name"), "Anna");
}
