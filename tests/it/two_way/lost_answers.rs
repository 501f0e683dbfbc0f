//! The answer to an update is lost, or the process dies before it remembers it, and the side that was the reason moves on meanwhile: what it
//! says now is news, and our own write is nobody's edit.

use sfsync::connect::memory::{Call, Fault};
use sfsync::model::Side;

use super::scenarios::BOTH;
use super::world::World;

const S: Side = Side::Salesforce;
const A: Side = Side::App;

/// A pair that is settled, in a file whose conflicts are won by this side.
async fn pair(winner: Side) -> (World, String) {
    let rule = if winner == S { "salesforce" } else { "app" };
    let file = format!("{}conflict: {rule}\n", BOTH.replace(", conflict: app", ""));
    let mut world = World::new(&file);
    world.set(S, "s1", &[("Email__c", "a@x.com"), ("Name", "First"), ("Phone", "1")]);
    world.settle().await;
    let key = world.links()[0].app.to_string();
    (world, key)
}

/// The other side is written and the answer is lost in this way; then the source moves on, while the rule is for the other side.
async fn the_source_is_followed(source: Side, lost: Fault, dies: bool) {
    let target = source.other();
    let (mut world, key) = pair(target).await;
    let (keys, name) = if source == S {
        (["s1", key.as_str()], ["Name", "name"])
    } else {
        ([key.as_str(), "s1"], ["name", "Name"])
    };
    world.set(source, keys[0], &[(name[0], "Second")]);
    world.table(target).fault(Call::Write, lost);
    let _ = world.look().await;
    assert_eq!(world.get(target, keys[1], name[1]), "Second", "it was stored");
    if dies {
        world.die();
    }
    world.set(source, keys[0], &[(name[0], "Third")]);
    world.settle().await;
    for (side, key, name) in [(source, keys[0], name[0]), (target, keys[1], name[1])] {
        assert_eq!(world.get(side, key, name), "Third", "{source} {dies}\n{}", world.shown());
    }
    // Nothing is left that would be asked about for ever.
    let (pipeline, generation) = (world.pipeline.name.clone(), world.pipeline.generation);
    assert_eq!(world.store().intents(&pipeline, generation).unwrap(), []);
    assert_eq!(world.failures(), Vec::<String>::new());
}

#[tokio::test]
async fn an_edit_after_a_lost_answer_is_followed() {
    for source in [S, A] {
        for dies in [false, true] {
            the_source_is_followed(source, Fault::LoseAnswer, dies).await;
            the_source_is_followed(source, Fault::Unknown, dies).await;
        }
    }
}

#[tokio::test]
async fn an_update_that_never_came_is_no_reason_to_believe_anything() {
    let (mut world, key) = pair(A).await;
    world.set(S, "s1", &[("Name", "Second")]);
    world.app.fault(Call::Write, Fault::Fail(sfsync::model::Class::TRANSIENT));
    let _ = world.look().await;
    assert_eq!(world.get(A, &key, "name"), "First");
    world.die();
    // Both sides have moved now, and the app wins.
    world.set(A, &key, &[("name", "Of the app")]);
    world.settle().await;
    assert_eq!(world.get(S, "s1", "Name"), "Of the app");
    assert_eq!(world.get(A, &key, "name"), "Of the app");
}

#[tokio::test]
async fn what_somebody_changed_besides_is_kept() {
    let (mut world, key) = pair(S).await;
    world.set(S, "s1", &[("Name", "Second"), ("Phone", "2")]);
    world.app.fault(Call::Write, Fault::LoseAnswer);
    let _ = world.look().await;
    world.die();
    // The phone tells that the write was stored; so the name is an edit of the app, which nobody contradicts.
    world.set(A, &key, &[("name", "Of the app")]);
    world.settle().await;
    assert_eq!(world.get(S, "s1", "Name"), "Of the app");
    assert_eq!(world.get(S, "s1", "Phone"), "2");
}
