//! A linked Salesforce record that is not found any more, neither as it is nor as deleted: hidden, or gone from the recycle bin too.

use sfsync::connect::memory::MemorySource;
use sfsync::connect::{ConnectError, Limit, Source};
use sfsync::model::{Change, ChangeEvent, Cursor, FailureKind, Key, LinkState, Read, Side};
use sfsync::runtime::batch::FailureDetail;
use sfsync::runtime::pass::Runner;
use sfsync::store::FailureFilter;

use super::scenarios::BOTH;
use super::world::World;

const S: Side = Side::Salesforce;
const A: Side = Side::App;

/// Tells of no delete.
struct Forgetful(MemorySource);

fn remembered(mut events: Vec<ChangeEvent>) -> Vec<ChangeEvent> {
    events.retain(|event| !matches!(event.change, Change::Delete { .. }));
    events
}

#[async_trait::async_trait]
impl Source for Forgetful {
    async fn read(&mut self, from: Option<&Cursor>, limit: Limit) -> Result<Read, ConnectError> {
        Ok(match self.0.read(from, limit).await? {
            Read::Batch { events, next, more, total } => {
                Read::Batch { events: remembered(events), next, more, total }
            }
            Read::CursorLost => Read::CursorLost,
        })
    }

    async fn fetch(&mut self, keys: &[Key]) -> Result<Vec<ChangeEvent>, ConnectError> {
        Ok(remembered(self.0.fetch(keys).await?))
    }
}

fn runner(world: &mut World) -> Runner {
    let source = Forgetful(MemorySource::new(world.salesforce.clone()));
    Runner { source: Box::new(source), ..world.runner() }
}

async fn pairs() -> World {
    let mut world = World::new(BOTH);
    for name in ["s1", "s2"] {
        world.set(S, name, &[("Email__c", &format!("{name}@x.com")), ("Name", "Ann")]);
    }
    world.settle().await;
    world.salesforce.remove(&Key::app("s1"));
    world
}

fn app_of(world: &mut World, salesforce: &str) -> String {
    let links = world.links();
    links.iter().find(|link| link.salesforce.as_str() == salesforce).unwrap().app.to_string()
}

#[tokio::test]
async fn it_fails_with_its_message_once_and_the_rest_flows() {
    let mut world = pairs().await;
    let (gone, there) = (app_of(&mut world, "s1"), app_of(&mut world, "s2"));
    for key in [&gone, &there] {
        world.set(A, key, &[("phone", "5")]);
    }
    runner(&mut world).changes(false).await.unwrap();
    assert_eq!(world.get(S, "s2", "Phone"), "5", "the rest flows");
    let touched = world.store().touched(&world.pipeline.name.clone(), S, 9).unwrap();
    assert_eq!(touched, [Key::app("s1")], "only its own side can tell");
    runner(&mut world).records(S, &touched, true).await.unwrap();
    assert_eq!(world.failures(), ["R306 s1"]);
    let failure = world.store().failures(&FailureFilter::default()).unwrap().remove(0);
    assert_eq!((failure.kind, failure.source), (FailureKind::Failed, (S, Key::app("s1"))));
    assert_eq!(failure.target, Some(Key::app(gone.as_str())));
    assert_eq!(
        FailureDetail::from_text(&failure.detail).message,
        format!(
            "the linked record s1 is not found any more: deleted for good, or hidden from the integration user; the app record {gone} stays as it is"
        )
    );
    assert_eq!(world.get(A, &gone, "phone"), "5");
    assert_eq!(
        world.links().iter().find(|link| link.salesforce.as_str() == "s1").unwrap().state,
        LinkState::Gone
    );
    runner(&mut world).everything(false).await.unwrap();
    assert_eq!(world.failures(), ["R306 s1"], "told once");
    assert_eq!(world.salesforce.rows().len(), 1, "and not made again");
    // It was only hidden.
    world.set(S, "s1", &[("Email__c", "s1@x.com"), ("Name", "Ann")]);
    world.settle().await;
    assert_eq!(world.failures(), Vec::<String>::new());
    assert_eq!(world.get(S, "s1", "Phone"), "5");
}

#[tokio::test]
async fn a_comparison_finds_it_by_itself() {
    let mut world = pairs().await;
    runner(&mut world).everything(false).await.unwrap();
    assert_eq!(world.failures(), ["R306 s1"]);
    assert_eq!(world.app.rows().len(), 2, "nothing is deleted for it");
    runner(&mut world).everything(false).await.unwrap();
    assert_eq!(world.failures(), ["R306 s1"]);
}

/// Deletes flow into the app, one at a time.
fn deletes() -> String {
    BOTH.replacen("update]", "update, delete]", 1) + "max_deletes: 1\n"
}

async fn pairs_with_deletes(count: usize) -> World {
    let mut world = World::new(&deletes());
    for n in 1..=count {
        world.set(S, &format!("s{n}"), &[("Email__c", &format!("{n}@x.com")), ("Name", "Ann")]);
    }
    world.settle().await;
    world
}

#[tokio::test]
async fn evidence_that_comes_later_is_followed() {
    let mut world = pairs_with_deletes(2).await;
    world.salesforce.remove(&Key::app("s1"));
    runner(&mut world).everything(false).await.unwrap();
    // Trying again without evidence changes nothing, and is not taken for an answer.
    runner(&mut world).records(S, &[Key::app("s1")], true).await.unwrap();
    assert_eq!((world.failures(), world.app.rows().len()), (vec!["R306 s1".to_owned()], 2));
    let counts = world.runner().everything(false).await.unwrap();
    assert_eq!((counts.deleted, world.app.rows().len()), (1, 1), "{}", world.shown());
    assert_eq!(world.failures(), Vec::<String>::new());
    world.settle().await;
    assert_eq!((world.salesforce.rows().len(), world.app.rows().len()), (1, 1), "nothing revives it");
}

#[tokio::test]
async fn evidence_for_many_at_once_asks_first() {
    let mut world = pairs_with_deletes(4).await;
    for name in ["s1", "s2", "s3"] {
        world.salesforce.remove(&Key::app(name));
    }
    runner(&mut world).everything(false).await.unwrap();
    assert_eq!(world.failures().len(), 3);
    let asked = world.runner().everything(false).await.unwrap_err().to_string();
    assert_eq!(asked, "reconciliation wants 3 deletes in the app, max_deletes is 1");
    assert_eq!((world.failures().len(), world.app.rows().len()), (3, 4));
    let counts = world.runner().everything(true).await.unwrap();
    assert_eq!((counts.deleted, world.app.rows().len()), (3, 1), "{}", world.shown());
    assert_eq!(world.failures(), Vec::<String>::new());
}

#[tokio::test]
async fn a_pipeline_that_follows_no_deletes_does_nothing_for_the_evidence() {
    let mut world = pairs().await;
    runner(&mut world).everything(false).await.unwrap();
    world.runner().everything(false).await.unwrap();
    assert_eq!((world.failures(), world.app.rows().len()), (vec!["R306 s1".to_owned()], 2));
}

/// A list that ends before its end, and tells of no delete.
struct CutShort(MemorySource);

#[async_trait::async_trait]
impl Source for CutShort {
    async fn read(&mut self, from: Option<&Cursor>, limit: Limit) -> Result<Read, ConnectError> {
        Ok(match self.0.read(from, limit).await? {
            Read::Batch { next, more, total, .. } => Read::Batch { events: Vec::new(), next, more, total },
            Read::CursorLost => Read::CursorLost,
        })
    }

    async fn fetch(&mut self, keys: &[Key]) -> Result<Vec<ChangeEvent>, ConnectError> {
        self.0.fetch(keys).await
    }
}

#[tokio::test]
async fn a_list_that_was_cut_short_deletes_nothing() {
    let mut world = pairs_with_deletes(3).await;
    let source = CutShort(MemorySource::new(world.salesforce.clone()));
    let mut runner = Runner { source: Box::new(source), ..world.runner() };
    let counts = runner.everything(true).await.unwrap();
    drop(runner);
    assert_eq!((counts.deleted, world.app.rows().len(), world.failures().len()), (0, 3, 0));
}
