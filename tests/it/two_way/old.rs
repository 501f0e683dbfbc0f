//! `old` in expressions: what a record said when it was last settled.

use sfsync::connect::memory::{Call, Fault};
use sfsync::model::{Key, LinkState, Side};

use super::world::World;

const S: Side = Side::Salesforce;
const A: Side = Side::App;

/// The app is told when a name changed and what it was; Salesforce is told of the phone the same way.
const FILE: &str = "\
salesforce: Account
app: shop.customers
to_app: [create, update]
to_salesforce: [update]
match: [salesforce_id]
fields:
  - { salesforce: Id,       app: salesforce_id, to_salesforce: false }
  - { salesforce: Name,     app: name, to_salesforce: false }
  - { app: industry, to_app: 'if old != null && old.Name != record.Name { `was ${old.Name}` } else { keep() }' }
  - { salesforce: Type, to_salesforce: 'if old != null && old.phone != record.phone { `was ${old.phone}` } else { keep() }' }
";

fn with(from: &str, to: &str) -> String {
    assert!(FILE.contains(from));
    FILE.replace(from, to)
}

/// Looks, comparisons and a restart.
async fn again(world: &mut World) {
    for _ in 0..2 {
        world.runner().everything(false).await.unwrap();
        world.settle().await;
        world.die();
    }
}

#[tokio::test]
async fn the_last_state_is_null_the_first_time_and_then_what_was_synced() {
    let mut world = World::new(FILE);
    world.set(S, "s1", &[("Name", "Ann")]);
    world.settle().await;
    let key = world.links()[0].app.to_string();
    assert_eq!(world.get(A, &key, "industry"), "");
    world.set(S, "s1", &[("Name", "Anna")]);
    world.settle().await;
    assert_eq!(world.get(A, &key, "industry"), "was Ann");
    world.die();
    world.set(S, "s1", &[("Name", "Annika")]);
    world.settle().await;
    assert_eq!(world.get(A, &key, "industry"), "was Anna");
}

#[tokio::test]
async fn reading_the_same_state_again_gives_the_same_result() {
    // A value in every case: `keep()` would hide that the last state has become the state itself.
    let before = "if old != null && old.Name != record.Name { `was ${old.Name}` } else { keep() }";
    let mut world = World::new(&with(before, "old.Name ?? \"nobody\""));
    world.set(S, "s1", &[("Name", "Ann")]);
    world.settle().await;
    let key = world.links()[0].app.to_string();
    again(&mut world).await;
    assert_eq!(world.get(A, &key, "industry"), "nobody");
    world.set(S, "s1", &[("Name", "Anna")]);
    world.settle().await;
    let made = world.app.changes_made();
    again(&mut world).await;
    assert_eq!(world.get(A, &key, "industry"), "Ann");
    assert_eq!(world.app.changes_made(), made, "nothing is written again");
}

#[tokio::test]
async fn a_change_that_was_refused_is_not_the_last_state() {
    let mut world = World::new(FILE);
    world.set(S, "s1", &[("Name", "Ann")]);
    world.settle().await;
    let key = world.links()[0].app.to_string();
    world.set(S, "s1", &[("Name", "Anna")]);
    world.app.fault(Call::Write, Fault::Reject(vec![0]));
    world.settle().await;
    world.settle().await;
    assert_eq!(
        (world.get(A, &key, "name"), world.get(A, &key, "industry")),
        ("Anna".into(), "was Ann".into())
    );
}

#[tokio::test]
async fn the_app_side_has_a_last_state_of_its_own() {
    let mut world = World::new(FILE);
    world.set(S, "s1", &[("Name", "Ann")]);
    world.settle().await;
    let key = world.links()[0].app.to_string();
    world.set(A, &key, &[("phone", "1")]);
    world.settle().await;
    world.set(A, &key, &[("phone", "2")]);
    world.settle().await;
    assert_eq!(world.get(S, "s1", "Type"), "was 1");
    again(&mut world).await;
    assert_eq!(world.get(S, "s1", "Type"), "was 1");
}

#[tokio::test]
async fn a_filter_sees_the_last_state_of_what_takes_part_only() {
    let file = with(
        "salesforce: Account\n",
        "salesforce: { object: Account, filter: 'old == null || old.Name != record.Name', on_leave: stop }\n",
    );
    let mut world = World::new(&file);
    world.set(S, "s1", &[("Name", "Ann")]);
    world.settle().await;
    let key = world.links()[0].app.to_string();
    world.set(S, "s1", &[("Name", "Anna")]);
    world.settle().await;
    assert_eq!(world.get(A, &key, "name"), "Anna");
    world.set(S, "s1", &[("Type", "Partner")]);
    world.settle().await;
    assert_eq!(world.links()[0].state, LinkState::Stopped, "the name is as it was");
    again(&mut world).await;
    assert_eq!(world.links()[0].state, LinkState::Stopped);
    world.set(S, "s1", &[("Name", "Annika")]);
    world.settle().await;
    assert_eq!((world.get(A, &key, "name"), world.links()[0].state), ("Annika".into(), LinkState::Active));
}

#[tokio::test]
async fn a_record_that_is_made_again_has_no_past() {
    let mut world =
        World::new(&with("to_app: [create, update]", "to_app: [create, update, delete]\nmax_deletes: 10"));
    world.set(S, "s1", &[("Name", "Ann")]);
    world.settle().await;
    world.salesforce.remove(&Key::app("s1"));
    world.settle().await;
    let store = world.store();
    let seen = store.seen(&world.pipeline.name, 1, (S, &[Key::app("s1")])).unwrap();
    assert_eq!(seen, [None]);
}
