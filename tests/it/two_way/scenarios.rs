//! One thing at a time.

use sfsync::connect::memory::{Call, Fault};
use sfsync::model::{Class, LinkState, Side};

use super::world::World;

const S: Side = Side::Salesforce;
const A: Side = Side::App;

/// Both ways, found by email; the app remembers the Salesforce id; one row each way only.
pub const BOTH: &str = "\
salesforce: Account
app: shop.customers
to_app: [create, update]
to_salesforce: [create, update]
match: [salesforce_id, email]
fields:
  - { salesforce: Id,       app: salesforce_id, to_salesforce: false }
  - { salesforce: Email__c, app: email }
  - { salesforce: Name,     app: name }
  - { salesforce: Phone,    app: phone, conflict: app }
  - { salesforce: Industry, app: industry, to_app: false }
";

fn with(from: &str, to: &str) -> String {
    assert!(BOTH.contains(from));
    BOTH.replace(from, to)
}

#[tokio::test]
async fn records_of_both_sides_are_created_on_the_other_and_the_id_comes_back() {
    let mut world = World::new(BOTH);
    world.set(S, "s1", &[("Email__c", "a@x.com"), ("Name", "Ann")]);
    world.set(A, "a1", &[("email", "b@x.com"), ("name", "Bob"), ("industry", "Banking")]);
    world.settle().await;
    assert_eq!((world.salesforce.rows().len(), world.app.rows().len()), (2, 2), "{}", world.shown());
    let links = world.links();
    let made = links.iter().find(|link| link.app.as_str() == "a1").unwrap();
    let id = made.salesforce.as_str().to_owned();
    assert_eq!(world.get(A, "a1", "salesforce_id"), id);
    assert_eq!(world.get(S, &id, "Industry"), "Banking");
    assert_eq!(made.made, Some(S));
}

#[tokio::test]
async fn existing_records_are_matched_and_a_first_link_erases_nothing() {
    let mut world = World::new(BOTH);
    world.set(S, "s1", &[("Email__c", "A@x.com"), ("Name", "Ann"), ("Phone", "")]);
    world.set(A, "a1", &[("email", "a@x.com"), ("name", ""), ("phone", "123")]);
    world.settle().await;
    assert_eq!((world.salesforce.rows().len(), world.app.rows().len()), (1, 1), "{}", world.shown());
    assert_eq!(world.get(A, "a1", "name"), "Ann");
    assert_eq!(world.get(S, "s1", "Phone"), "123");
    assert_eq!(world.get(A, "a1", "salesforce_id"), "s1");
}

#[tokio::test]
async fn a_record_is_found_whichever_way_its_address_is_spelled() {
    let mut world = World::new(
        &with("app: email }", "app: email, as: domain }")
            .replace("to_app: [create, update]", "to_app: [update]"),
    );
    world.set(S, "s1", &[("Email__c", "https://www.acme.com/about"), ("Name", "Acme")]);
    world.set(S, "s2", &[("Email__c", "http://globex.com"), ("Name", "One")]);
    world.set(S, "s3", &[("Email__c", "www.globex.com"), ("Name", "Other")]);
    world.settle().await;
    world.set(A, "a1", &[("email", "acme.com"), ("name", "Acme")]);
    world.set(A, "a2", &[("email", "globex.com"), ("name", "Globex")]);
    world.settle().await;
    assert_eq!(world.salesforce.rows().len(), 3, "{}", world.shown());
    assert_eq!(world.get(A, "a1", "salesforce_id"), "s1");
    assert_eq!(world.get(S, "s1", "Email__c"), "https://www.acme.com/about");
    assert_eq!(world.failures(), ["R301 a2"]);
}

#[tokio::test]
async fn each_side_follows_what_the_other_changed_and_an_echo_writes_nothing() {
    let mut world = World::new(BOTH);
    world.set(S, "s1", &[("Email__c", "a@x.com"), ("Name", "Ann"), ("Phone", "1")]);
    world.settle().await;
    let key = world.links()[0].app.to_string();
    world.set(S, "s1", &[("Name", "Anna")]);
    world.set(A, &key, &[("phone", "2")]);
    world.settle().await;
    assert_eq!((world.get(A, &key, "name"), world.get(S, "s1", "Phone")), ("Anna".into(), "2".into()));
    let before = (world.salesforce.changes_made(), world.app.changes_made());
    for _ in 0..3 {
        world.look().await.unwrap();
        world.runner().everything(false).await.unwrap();
    }
    assert_eq!(
        (world.salesforce.changes_made(), world.app.changes_made()),
        before,
        "an echo is nothing to do"
    );
}

#[tokio::test]
async fn an_edit_of_a_record_that_was_just_made_in_salesforce_is_an_edit() {
    let mut world = World::new(BOTH);
    world.set(A, "a1", &[("email", "b@x.com"), ("phone", "1")]);
    world.runner().changes(false).await.unwrap();
    let made = world.links()[0].salesforce.to_string();
    world.set(S, &made, &[("Phone", "9")]);
    world.settle().await;
    assert_eq!((world.get(S, &made, "Phone"), world.get(A, "a1", "phone")), ("9".into(), "9".into()));
}

#[tokio::test]
async fn taking_back_in_salesforce_what_the_app_just_changed_there_is_an_edit() {
    let mut world = World::new(BOTH);
    world.set(S, "s1", &[("Email__c", "a@x.com"), ("Phone", "1")]);
    world.settle().await;
    let key = world.links()[0].app.to_string();
    world.set(A, &key, &[("phone", "2")]);
    world.runner().changes(false).await.unwrap();
    assert_eq!(world.get(S, "s1", "Phone"), "2");
    world.set(S, "s1", &[("Phone", "1")]);
    world.settle().await;
    assert_eq!((world.get(S, "s1", "Phone"), world.get(A, &key, "phone")), ("1".into(), "1".into()));
}

#[tokio::test]
async fn the_rule_of_the_row_decides_when_both_changed_it() {
    let mut world = World::new(BOTH);
    world.set(S, "s1", &[("Email__c", "a@x.com"), ("Name", "Ann"), ("Phone", "1")]);
    world.settle().await;
    let key = world.links()[0].app.to_string();
    world.set(S, "s1", &[("Name", "from salesforce"), ("Phone", "7")]);
    world.set(A, &key, &[("name", "from the app"), ("phone", "8")]);
    world.settle().await;
    assert_eq!(world.get(A, &key, "name"), "from salesforce");
    assert_eq!(world.get(S, "s1", "Phone"), "8");
}

#[tokio::test]
async fn a_held_conflict_waits_for_a_person_who_says_whose_values_count() {
    let mut world = World::new(&with("conflict: app", "conflict: hold"));
    world.set(S, "s1", &[("Email__c", "a@x.com"), ("Phone", "1")]);
    world.settle().await;
    let key = world.links()[0].app.to_string();
    world.set(S, "s1", &[("Phone", "7")]);
    world.set(A, &key, &[("phone", "8")]);
    world.settle().await;
    assert!(world.failures().iter().any(|failure| failure.starts_with("R303")), "{:?}", world.failures());
    assert_eq!((world.get(S, "s1", "Phone"), world.get(A, &key, "phone")), ("7".into(), "8".into()));
    world.runner().resolved(S, &[sfsync::model::Key::app("s1")], A).await.unwrap();
    world.settle().await;
    assert_eq!(world.get(S, "s1", "Phone"), "8");
    assert_eq!(world.failures(), Vec::<String>::new());
}

#[tokio::test]
async fn a_delete_that_is_not_listed_is_remembered_and_nothing_is_revived() {
    let mut world = World::new(BOTH);
    world.set(S, "s1", &[("Email__c", "a@x.com"), ("Name", "Ann")]);
    world.set(S, "s2", &[("Email__c", "b@x.com"), ("Name", "Bob")]);
    world.settle().await;
    let links = world.links();
    let app_of = |id: &str| links.iter().find(|link| link.salesforce.as_str() == id).unwrap().app.clone();
    world.app.remove(&app_of("s1"));
    world.salesforce.remove(&sfsync::model::Key::app("s2"));
    world.settle().await;
    assert_eq!((world.salesforce.rows().len(), world.app.rows().len()), (1, 1), "{}", world.shown());
    world.set(S, "s1", &[("Name", "Anna")]);
    world.set(A, app_of("s2").as_str(), &[("name", "Robert")]);
    world.settle().await;
    world.runner().everything(false).await.unwrap();
    assert_eq!((world.salesforce.rows().len(), world.app.rows().len()), (1, 1), "{}", world.shown());
    let states: Vec<LinkState> = world.links().into_iter().map(|link| link.state).collect();
    assert_eq!(states, [LinkState::GoneInApp, LinkState::Gone]);
}

#[tokio::test]
async fn deletes_flow_where_they_are_listed_and_stop_above_the_limit() {
    let file = with("to_app: [create, update]", "to_app: [create, update, delete]\nmax_deletes: 1");
    let mut world = World::new(&file);
    for n in 1..=3 {
        let email = format!("{n}@x.com");
        world.set(S, &format!("s{n}"), &[("Email__c", &email)]);
    }
    world.settle().await;
    world.salesforce.remove(&sfsync::model::Key::app("s1"));
    world.settle().await;
    assert_eq!(world.app.rows().len(), 2);
    world.salesforce.remove(&sfsync::model::Key::app("s2"));
    world.salesforce.remove(&sfsync::model::Key::app("s3"));
    assert!(world.look().await.is_err(), "two deletes need a person");
    assert_eq!(world.app.rows().len(), 2);
    world.runner().changes(true).await.unwrap();
    assert_eq!(world.app.rows().len(), 0);
}

#[tokio::test]
async fn what_one_side_refuses_fails_alone_and_is_made_good_later() {
    let mut world = World::new(BOTH);
    world.set(A, "a1", &[("email", "a@x.com"), ("name", "Ann")]);
    world.set(A, "a2", &[("email", "b@x.com"), ("name", "Bob")]);
    world.salesforce.fault(Call::Write, Fault::Reject(vec![0]));
    let _ = world.runner().changes(false).await.unwrap();
    assert_eq!(world.salesforce.rows().len(), 1, "{}", world.shown());
    assert_eq!(world.failures().len(), 1);
    world.settle().await;
    assert_eq!(world.salesforce.rows().len(), 2);
    assert_eq!(world.failures(), Vec::<String>::new());
}

#[tokio::test]
async fn what_one_side_refuses_while_the_other_is_written_is_not_forgotten() {
    let mut world = World::new(BOTH);
    world.set(S, "s1", &[("Email__c", "a@x.com"), ("Name", "Ann"), ("Phone", "1")]);
    world.settle().await;
    let key = world.links()[0].app.to_string();
    world.set(S, "s1", &[("Name", "Anna")]);
    world.set(A, &key, &[("phone", "2")]);
    world.salesforce.fault(Call::Write, Fault::Stale(vec![0]));
    let _ = world.runner().changes(false).await.unwrap();
    assert_eq!(world.get(A, &key, "name"), "Anna", "one side was written");
    world.settle().await;
    assert_eq!(world.get(S, "s1", "Phone"), "2", "{}", world.shown());
}

#[tokio::test]
async fn the_survivor_of_a_merge_takes_the_place_of_the_record_also_in_one_batch() {
    let mut world = World::new(BOTH);
    world.set(S, "s1", &[("Email__c", "a@x.com"), ("Name", "Ann")]);
    world.settle().await;
    let key = world.links()[0].app.to_string();
    world.set(S, "s2", &[("Email__c", "b@x.com"), ("Name", "Bob")]);
    world.salesforce.merge(&sfsync::model::Key::app("s1"), &sfsync::model::Key::app("s2"));
    world.settle().await;
    assert_eq!(world.app.rows().len(), 1, "{}", world.shown());
    assert_eq!(
        (world.get(A, &key, "name"), world.get(A, &key, "salesforce_id")),
        ("Bob".into(), "s2".into())
    );
}

#[tokio::test]
async fn an_edit_in_the_app_before_a_merge_was_heard_of_loses_no_partner() {
    let mut world = World::new(
        &(BOTH.replace("to_app: [create, update]", "to_app: [create, update, delete]") + "max_deletes: 9\n"),
    );
    world.set(S, "s1", &[("Email__c", "a@x.com"), ("Name", "Ann")]);
    world.settle().await;
    let key = sfsync::model::Key::app(world.links()[0].app.as_str());
    world.set(S, "s2", &[("Email__c", "b@x.com"), ("Name", "Bob")]);
    world.salesforce.merge(&sfsync::model::Key::app("s1"), &sfsync::model::Key::app("s2"));
    world.set(A, key.as_str(), &[("phone", "7")]);
    world.runner().records(A, std::slice::from_ref(&key), true).await.unwrap();
    assert_eq!(world.app.rows().len(), 1, "only its own side can tell what became of a record");
    world.settle().await;
    assert_eq!(world.app.rows().len(), 1, "{}", world.shown());
    assert_eq!(world.get(A, key.as_str(), "salesforce_id"), "s2");
    assert_eq!(world.get(S, "s2", "Phone"), "7", "and the edit arrives");
}

#[tokio::test]
async fn a_pair_that_stopped_is_written_from_neither_side_until_its_record_is_back() {
    let filtered = "salesforce: { object: Account, filter: 'record.Industry != \"Closed\"', on_leave: stop }";
    let mut world = World::new(&with("salesforce: Account", filtered));
    world.set(S, "s1", &[("Email__c", "a@x.com"), ("Name", "Ann"), ("Industry", "Open")]);
    world.settle().await;
    let key = world.links()[0].app.to_string();
    world.set(S, "s1", &[("Industry", "Closed")]);
    world.settle().await;
    assert_eq!(world.links()[0].state, LinkState::Stopped);
    world.set(A, &key, &[("name", "Anna")]);
    world.settle().await;
    world.runner().everything(false).await.unwrap();
    assert_eq!(world.get(S, "s1", "Name"), "Ann", "{}", world.shown());
    world.set(S, "s1", &[("Industry", "Open again")]);
    world.settle().await;
    assert_eq!(world.get(S, "s1", "Name"), "Anna", "{}", world.shown());
}

#[tokio::test]
async fn a_pair_that_stopped_in_the_app_is_written_from_neither_side_until_its_record_is_back() {
    let filtered = "app: { resource: shop.customers, filter: 'record.phone != \"0\"', on_leave: stop }";
    let mut world = World::new(&with("app: shop.customers", filtered));
    world.set(S, "s1", &[("Email__c", "a@x.com"), ("Name", "Ann"), ("Phone", "1")]);
    world.settle().await;
    let key = world.links()[0].app.to_string();
    world.set(A, &key, &[("phone", "0")]);
    world.settle().await;
    assert_eq!(world.links()[0].state, LinkState::StoppedInApp);
    world.set(S, "s1", &[("Name", "Anna")]);
    world.settle().await;
    world.runner().everything(false).await.unwrap();
    world.settle().await;
    assert_eq!(world.get(A, &key, "name"), "Ann", "{}", world.shown());
    assert_eq!(world.get(S, "s1", "Phone"), "1", "{}", world.shown());
    world.set(A, &key, &[("phone", "2")]);
    world.settle().await;
    assert_eq!(world.links()[0].state, LinkState::Active);
    assert_eq!((world.get(A, &key, "name"), world.get(S, "s1", "Phone")), ("Anna".into(), "2".into()));
}

#[tokio::test]
async fn after_a_comparison_the_first_edit_of_a_changed_row_is_an_edit() {
    let one_way = with("app: phone, conflict: app", "app: phone, to_salesforce: false");
    let mut world = World::new(&one_way);
    world.set(S, "s1", &[("Email__c", "a@x.com"), ("Phone", "1")]);
    world.settle().await;
    world.edit(BOTH);
    world.runner().everything(false).await.unwrap();
    world.set(S, "s1", &[("Phone", "2")]);
    world.settle().await;
    let key = world.links()[0].app.to_string();
    assert_eq!((world.get(S, "s1", "Phone"), world.get(A, &key, "phone")), ("2".into(), "2".into()));
}

#[tokio::test]
async fn a_direction_that_is_added_leaves_the_differences_that_exist() {
    let both = with("  - { salesforce: Industry, app: industry, to_app: false }\n", "");
    let mut world = World::new(&both.replace("to_salesforce: [create, update]\n", ""));
    world.set(S, "s1", &[("Email__c", "a@x.com"), ("Name", "Ann")]);
    world.settle().await;
    let key = world.links()[0].app.to_string();
    world.set(A, &key, &[("name", "edited while it flowed one way")]);
    world.edit(&both);
    world.settle().await;
    assert_eq!(world.get(S, "s1", "Name"), "Ann", "{}", world.shown());
    world.set(A, &key, &[("name", "edited now")]);
    world.settle().await;
    assert_eq!(world.get(S, "s1", "Name"), "edited now");
}

#[tokio::test]
async fn an_operation_that_is_not_listed_does_not_happen() {
    let mut world = World::new(&with("to_salesforce: [create, update]", "to_salesforce: [update]"));
    world.set(A, "a1", &[("email", "a@x.com"), ("name", "Ann")]);
    world.settle().await;
    assert_eq!(world.salesforce.rows().len(), 0);
}

#[tokio::test]
async fn the_app_record_of_a_linked_salesforce_record_is_not_taken_by_another() {
    let mut world = World::new(BOTH);
    world.set(S, "s1", &[("Email__c", "a@x.com"), ("Name", "Ann")]);
    world.settle().await;
    world.set(A, "a9", &[("email", "a@x.com"), ("name", "Twin")]);
    world.settle().await;
    assert_eq!(world.salesforce.rows().len(), 1, "{}", world.shown());
    assert!(world.failures().iter().any(|failure| failure.starts_with("R302")), "{:?}", world.failures());
    assert_eq!(world.get(S, "s1", "Name"), "Ann");
}

#[tokio::test]
async fn a_comparison_makes_one_record_of_two_that_match_in_different_batches() {
    let mut world = World::new(BOTH).with_batches_of(1);
    world.settle().await;
    world.set(A, "a1", &[("email", "a@x.com"), ("name", "Ann")]);
    world.set(A, "a2", &[("email", "a@x.com"), ("name", "Ann again")]);
    world.runner().everything(false).await.unwrap();
    assert_eq!(world.salesforce.rows().len(), 1, "{}", world.shown());
    assert_eq!(world.links().len(), 1);
    assert!(world.failures().iter().any(|failure| failure.starts_with("R302")), "{:?}", world.failures());
}

#[tokio::test]
async fn a_comparison_links_a_record_to_one_of_two_that_match_in_different_batches() {
    let mut world = World::new(BOTH).with_batches_of(1);
    world.settle().await;
    world.set(S, "s1", &[("Email__c", "a@x.com"), ("Name", "Ann")]);
    world.set(A, "a1", &[("email", "a@x.com"), ("name", "Ann")]);
    world.set(A, "a2", &[("email", "a@x.com"), ("name", "Ann")]);
    world.runner().everything(false).await.unwrap();
    world.settle().await;
    assert_eq!(world.salesforce.rows().len(), 1, "{}", world.shown());
    assert!(!world.failures().is_empty(), "{}", world.shown());
}

#[tokio::test]
async fn the_cursor_waits_for_updates_that_are_gathered_over_batches() {
    let mut world = World::new(BOTH).with_batches_of(2);
    let names: Vec<String> = (1..=7).map(|number| format!("s{number}")).collect();
    for name in &names {
        world.set(S, name, &[("Email__c", &format!("{name}@x.com")), ("Phone", "1")]);
    }
    world.settle().await;
    for link in world.links() {
        world.set(A, link.app.as_str(), &[("phone", "2")]);
    }
    world.salesforce.fault(Call::Write, Fault::Fail(Class::TRANSIENT));
    world.runner().changes(false).await.unwrap_err();
    world.die();
    world.settle().await;
    let phones: Vec<String> = names.iter().map(|name| world.get(S, name, "Phone")).collect();
    assert_eq!(phones, ["2"; 7], "{}", world.shown());
}
