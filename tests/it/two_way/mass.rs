//! Mass changes of pipelines that flow both ways: counted over both sides, asked about once, and nothing of them written before.

use sfsync::model::{Key, Side};
use sfsync::runtime::pass::{Asked, PassError};

use super::scenarios::BOTH;
use super::world::World;

const S: Side = Side::Salesforce;
const A: Side = Side::App;

/// Deletes flow both ways, one at a time.
fn deletes() -> String {
    BOTH.replace("update]", "update, delete]") + "max_deletes: 1\n"
}

/// Pairs of `s1`, `s2`, … in this order.
async fn pairs(world: &mut World, count: usize) -> Vec<Key> {
    for n in 1..=count {
        world.set(S, &format!("s{n}"), &[("Email__c", &format!("{n}@x.com")), ("Name", "Ann")]);
    }
    world.settle().await;
    world.links().into_iter().map(|link| link.app).collect()
}

fn asked(result: Result<sfsync::model::Counts, PassError>) -> String {
    match result {
        Err(PassError::Approval(approval)) => approval.to_string(),
        other => panic!("nobody is asked: {other:?}"),
    }
}

fn sizes(world: &World) -> (usize, usize) {
    (world.salesforce.rows().len(), world.app.rows().len())
}

#[tokio::test]
async fn deletes_of_both_sides_are_one_question_with_both_numbers() {
    let mut world = World::new(&deletes());
    let apps = pairs(&mut world, 4).await;
    world.salesforce.remove(&Key::app("s1"));
    world.app.remove(&apps[1]);
    world.app.remove(&apps[2]);
    let question = asked(world.runner().changes(false).await);
    assert_eq!(question, "this run wants 3 deletes (2 in Salesforce, 1 in the app), max_deletes is 1");
    assert_eq!(sizes(&world), (3, 2), "{}", world.shown());
    let counts = world.runner().changes(true).await.unwrap();
    assert_eq!((counts.deleted, sizes(&world)), (3, (1, 1)), "{}", world.shown());
    world.settle().await;
    assert_eq!(sizes(&world), (1, 1));
}

#[tokio::test]
async fn a_pair_of_which_both_sides_speak_is_one_delete() {
    let mut world = World::new(&deletes());
    let apps = pairs(&mut world, 2).await;
    world.salesforce.remove(&Key::app("s1"));
    world.set(A, apps[0].as_str(), &[("name", "edited meanwhile")]);
    assert_eq!(world.runner().changes(false).await.unwrap().deleted, 1);
    world.settle().await;
    assert_eq!(sizes(&world), (1, 1), "{}", world.shown());
}

#[tokio::test]
async fn what_was_written_beside_deletes_that_wait_is_remembered() {
    let mut world = World::new(&deletes());
    pairs(&mut world, 3).await;
    world.salesforce.remove(&Key::app("s1"));
    world.salesforce.remove(&Key::app("s2"));
    world.set(S, "s3", &[("Name", "Anna")]);
    world.set(S, "s4", &[("Email__c", "4@x.com"), ("Name", "New")]);
    asked(world.runner().changes(false).await);
    assert_eq!(world.app.rows().len(), 4);
    assert_eq!(world.links().len(), 4, "the new pair is remembered");
    let (name, store) = (world.pipeline.name.clone(), world.store());
    assert!(store.intents(&name, 1).unwrap().is_empty(), "no create is on its way");
    let before = world.app.changes_made();
    asked(world.runner().changes(false).await);
    assert_eq!(world.app.changes_made(), before, "asking again writes nothing");
}

#[tokio::test]
async fn a_reconciliation_writes_nothing_before_it_has_asked_about_everything() {
    let mut world = World::new(&(deletes() + "max_changes: 100\n"));
    let apps = pairs(&mut world, 4).await;
    world.set(S, "s4", &[("Name", "Anna")]);
    world.salesforce.remove(&Key::app("s1"));
    world.app.remove(&apps[1]);
    let before = (world.salesforce.changes_made(), world.app.changes_made());
    let question = asked(world.runner().everything(false).await);
    assert_eq!(question, "reconciliation wants 2 deletes (1 in Salesforce, 1 in the app), max_deletes is 1");
    assert_eq!((world.salesforce.changes_made(), world.app.changes_made()), before, "{}", world.shown());
    world.runner().everything(true).await.unwrap();
    assert_eq!(sizes(&world), (2, 2), "{}", world.shown());
    assert_eq!(world.get(A, apps[3].as_str(), "name"), "Anna");
}

#[tokio::test]
async fn single_records_ask_too_and_wait_in_their_queue() {
    let mut world = World::new(&deletes());
    let apps = pairs(&mut world, 3).await;
    world.app.remove(&apps[0]);
    world.app.remove(&apps[1]);
    let all = [Asked { side: A, keys: apps[..2].to_vec(), take: None }];
    let name = world.pipeline.name.clone();
    let touch = all[0].keys.iter().map(|key| (name.clone(), A, key.clone())).collect();
    let commit = sfsync::model::Commit { touch, ..Default::default() };
    world.store().commit(&name, 1, &commit).unwrap();
    let question = asked(world.runner().asked_for(&all, false).await);
    assert_eq!(question, "this run wants 2 deletes in Salesforce, max_deletes is 1");
    assert_eq!(world.store().touched(&name, A, 9).unwrap().len(), 2, "they are asked about again");
    assert_eq!(world.runner().asked_for(&all, true).await.unwrap().deleted, 2);
    assert!(world.store().touched(&name, A, 9).unwrap().is_empty());
    assert_eq!(sizes(&world), (1, 1));
}
