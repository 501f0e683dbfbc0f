//! Two systems that answer each other for ever are stopped, record by record.

use sfsync::model::{Key, Side};
use sfsync::store::FailureFilter;

use super::scenarios::BOTH;
use super::world::World;

const S: Side = Side::Salesforce;
const A: Side = Side::App;

/// A pair whose app makes another name of every name that is written to it, so often.
async fn answered(world: &mut World, times: usize) -> Key {
    world.set(S, "s1", &[("Email__c", "a@x.com"), ("Name", "Ann")]);
    world.settle().await;
    let key = world.links()[0].app.clone();
    again(world, &key, times).await;
    key
}

async fn again(world: &mut World, key: &Key, times: usize) {
    for time in 0..times {
        let name = world.get(A, key.as_str(), "name");
        world.set(A, key.as_str(), &[("name", &format!("{name}!"))]);
        world.look().await.unwrap();
        let name = world.get(S, "s1", "Name");
        world.set(S, "s1", &[("Name", &format!("{name}{time}"))]);
        world.look().await.unwrap();
    }
}

fn is_held(world: &mut World) -> bool {
    world.failures().iter().any(|failure| failure.starts_with("R307"))
}

fn equal(world: &World, key: &Key) -> bool {
    world.get(S, "s1", "Name") == world.get(A, key.as_str(), "name")
}

#[tokio::test]
async fn a_record_that_goes_back_and_forth_is_held_and_the_rest_flows() {
    let mut world = World::new(BOTH);
    let key = answered(&mut world, 4).await;
    assert!(!is_held(&mut world), "some turns are life: {:?}", world.failures());
    again(&mut world, &key, 2).await;
    assert!(is_held(&mut world), "{:?}\n{}", world.failures(), world.shown());
    let before = (world.salesforce.changes_made(), world.app.changes_made());
    again(&mut world, &key, 3).await;
    let made = (world.salesforce.changes_made() - before.0, world.app.changes_made() - before.1);
    assert_eq!(made, (3, 3), "only what they did themselves: {}", world.shown());
    world.set(S, "s2", &[("Email__c", "b@x.com"), ("Name", "Bob")]);
    world.look().await.unwrap();
    assert_eq!(world.app.rows().len(), 2, "the rest flows");
}

#[tokio::test]
async fn what_is_held_stays_held_over_a_restart_until_a_person_decides() {
    let mut world = World::new(BOTH);
    let key = answered(&mut world, 6).await;
    assert!(is_held(&mut world));
    world.die();
    again(&mut world, &key, 1).await;
    assert!(is_held(&mut world) && !equal(&world, &key), "{}", world.shown());
    world.runner().resolved(S, &[Key::app("s1")], A).await.unwrap();
    assert!(equal(&world, &key), "{}", world.shown());
    world.settle().await;
    assert_eq!(world.failures(), Vec::<String>::new());
    again(&mut world, &key, 2).await;
    assert!(equal(&world, &key) && !is_held(&mut world), "it begins anew: {}", world.shown());
}

#[tokio::test]
async fn a_loop_that_outlives_the_daemon_is_stopped_all_the_same() {
    let mut world = World::new(BOTH);
    let key = answered(&mut world, 2).await;
    for _ in 0..4 {
        world.die();
        assert!(!is_held(&mut world), "{}", world.shown());
        again(&mut world, &key, 1).await;
    }
    assert!(is_held(&mut world), "{}", world.shown());
    // A person decides, and the daemon begins anew: the loop has all its turns again.
    world.runner().resolved(S, &[Key::app("s1")], A).await.unwrap();
    world.settle().await;
    world.die();
    again(&mut world, &key, 2).await;
    assert!(equal(&world, &key) && !is_held(&mut world), "{}", world.shown());
}

#[tokio::test]
async fn what_is_remembered_of_a_loop_is_of_its_rows_only() {
    let edits = [
        // The rows are the same, so the loop goes on.
        ("phone, conflict: app }", "phone, conflict: salesforce }", true),
        // Others: a position may be another row.
        ("industry, to_app: false }", "industry }", false),
    ];
    for (from, to, held) in edits {
        let mut world = World::new(BOTH);
        let key = answered(&mut world, 4).await;
        assert!(BOTH.contains(from));
        world.edit(&BOTH.replace(from, to));
        again(&mut world, &key, 2).await;
        assert_eq!(is_held(&mut world), held, "{to}: {}", world.shown());
    }
}

#[tokio::test]
async fn another_try_that_somebody_asks_for_is_made() {
    let mut world = World::new(BOTH);
    let key = answered(&mut world, 6).await;
    assert!(is_held(&mut world));
    world.settle().await;
    assert!(!equal(&world, &key));
    let store = world.store();
    assert!(store.retry_failures(&FailureFilter::default(), jiff::Timestamp::UNIX_EPOCH).unwrap() > 0);
    world.settle().await;
    assert!(equal(&world, &key), "{}", world.shown());
    assert_eq!(world.failures(), Vec::<String>::new());
}
