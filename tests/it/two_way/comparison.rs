//! What a comparison of everything costs: each side streams by once, and only pairs of which a side moved are brought together.

use sfsync::connect::memory::{Call, Fault};
use sfsync::model::{Class, Side};

use super::scenarios::BOTH;
use super::world::World;

const S: Side = Side::Salesforce;
const A: Side = Side::App;

/// Pairs that were made in Salesforce, pairs that were made in the app, all settled.
async fn pairs(count: usize) -> World {
    let mut world = World::new(BOTH).with_batches_of(3);
    for number in 0..count {
        let email = format!("{number}@x.com");
        world.set(S, &format!("s{number}"), &[("Email__c", &email), ("Name", "Ann"), ("Phone", "1")]);
        let email = format!("{number}@y.com");
        world.set(A, &format!("a{number}"), &[("email", &email), ("name", "Bob"), ("industry", "Banking")]);
    }
    world.settle().await;
    world
}

/// Whoever asks for single records fails.
fn nobody_looks_anything_up(world: &World) {
    for table in [&world.salesforce, &world.app] {
        for call in [Call::Fetch, Call::Find, Call::SourceFetch] {
            table.fault(call, Fault::Fail(Class::Pipeline));
        }
    }
}

#[tokio::test]
async fn a_comparison_that_finds_nothing_looks_no_record_up() {
    let mut world = pairs(10).await;
    nobody_looks_anything_up(&world);
    let counts = world.runner().everything(false).await.unwrap();
    assert_eq!((counts.created, counts.updated, counts.linked), (0, 0, 0));
    assert_eq!(world.salesforce.faults_left() + world.app.faults_left(), 6, "nothing was looked up");
}

#[tokio::test]
async fn what_moved_on_a_side_is_brought_together_and_the_rest_is_not() {
    let mut world = pairs(10).await;
    // Nobody saw these: the next look would, and the comparison comes first.
    world.set(S, "s3", &[("Name", "Eve")]);
    world.set(A, "a4", &[("name", "Dan"), ("industry", "Media")]);
    let writes = (world.salesforce.changes_made(), world.app.changes_made());
    let counts = world.runner().everything(false).await.unwrap();
    assert_eq!((counts.updated, counts.created), (2, 0), "{}", world.shown());
    let partner = |world: &mut World, side: Side, key: &str| {
        let links = world.links();
        links.into_iter().find(|link| link.key(side).as_str() == key).unwrap().key(side.other()).to_string()
    };
    let (app, salesforce) = (partner(&mut world, S, "s3"), partner(&mut world, A, "a4"));
    assert_eq!(world.get(A, &app, "name"), "Eve");
    assert_eq!(world.get(S, &salesforce, "Name"), "Dan");
    assert_eq!(world.get(S, &salesforce, "Industry"), "Media");
    assert_eq!((world.salesforce.changes_made(), world.app.changes_made()), (writes.0 + 1, writes.1 + 1));
}

#[tokio::test]
async fn records_of_the_app_that_are_new_or_gone_are_found_by_a_comparison() {
    let file = BOTH.replace(
        "to_salesforce: [create, update]",
        "to_salesforce: [create, update, delete]\nmax_deletes: 5",
    );
    let mut world = World::new(&file).with_batches_of(3);
    for number in 0..10 {
        world.set(A, &format!("a{number}"), &[("email", &format!("{number}@y.com")), ("name", "Bob")]);
    }
    world.settle().await;
    world.app.remove(&sfsync::model::Key::app("a7"));
    world.set(A, "a99", &[("email", "99@y.com"), ("name", "New")]);
    let counts = world.runner().everything(false).await.unwrap();
    assert_eq!((counts.created, counts.deleted), (1, 1), "{}", world.shown());
    assert_eq!((world.salesforce.rows().len(), world.app.rows().len()), (10, 10), "{}", world.shown());
    world.settle().await;
    nobody_looks_anything_up(&world);
    world.runner().everything(false).await.unwrap();
}
