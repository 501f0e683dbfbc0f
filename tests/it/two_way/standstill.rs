//! A record that moves whenever it is about to be written does not keep a pipeline busy for ever.

use sfsync::connect::memory::{Call, Fault};
use sfsync::model::Side;

use super::scenarios::BOTH;
use super::world::World;

const S: Side = Side::Salesforce;

#[tokio::test]
async fn a_record_that_always_moves_is_tried_again_with_pauses() {
    let mut world = World::new(BOTH);
    world.set(S, "s1", &[("Email__c", "a@x.com"), ("Name", "Ann")]);
    world.settle().await;
    world.set(S, "s1", &[("Name", "Anna")]);
    for _ in 0..20 {
        world.app.fault(Call::Write, Fault::Stale(vec![0]));
    }
    let name = world.pipeline.name.clone();
    let _ = world.runner().changes(false).await.unwrap();
    let mut looks = 1;
    loop {
        let keys = world.store().touched(&name, S, 10).unwrap();
        if keys.is_empty() {
            break;
        }
        looks += 1;
        assert!(looks < 10, "it is read again and again");
        let _ = world.runner().records(S, &keys, true).await.unwrap();
    }
    assert_eq!(looks, 5);
    assert_eq!(world.failures(), ["R237 s1"]);
    let due = world.store().next_retry(&name).unwrap().expect("it is tried again by itself");
    assert!(due.as_second() > 0, "after a pause");

    // The next try finds it moved once more: no five looks again, and a longer pause.
    let keys = [sfsync::model::Key::app("s1")];
    let _ = world.runner().records(S, &keys, true).await.unwrap();
    assert!(world.store().touched(&name, S, 10).unwrap().is_empty());
    assert!(world.store().next_retry(&name).unwrap().unwrap() > due);

    // It stands still at last.
    world.app.no_more_faults();
    let _ = world.runner().records(S, &keys, true).await.unwrap();
    assert!(world.failures().is_empty(), "{:?}", world.failures());
    let key = world.links()[0].app.to_string();
    assert_eq!(world.get(Side::App, &key, "name"), "Anna");
}
