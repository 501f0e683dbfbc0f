//! What an app says of its deletes: `webhook.event` and `webhook.deletes` of a resource.

use reqwest::Method;
use serde_json::json;
use sfsync_sandbox::app::Fault;

use super::bench::Bench;
use super::startdeliver::{beta, hearing, startdeliver};

/// Two linked pairs in a set whose app does not answer for single users. Gives the numbers of the users and the ids of the contacts.
async fn two_users(deletes: &str) -> (Bench, [(u64, String); 2]) {
    let mut bench = startdeliver().await;
    bench.rig.edit_file(
        "connections/startdeliver.yaml",
        &[
            ("    path: /user\n", "    path: /user\n    get: none\n"),
            ("deletes: [user.deleted]", &format!("deletes: [{deletes}]")),
        ],
    );
    bench.rig.edit_file(
        "users.yaml",
        &[("to_salesforce: [create, update]", "to_salesforce: [create, update, delete]\nmax_deletes: 5")],
    );
    let beta = bench.insert("Account", beta());
    let contact = |name: &str| {
        let email = format!("{name}@beta.fi");
        bench.insert("Contact", json!({ "LastName": name, "Email": email, "AccountId": beta }))
    };
    let (mia, olli) = (contact("Mia"), contact("Olli"));
    hearing(&mut bench).await;
    bench.until("both are there", |bench| bench.shows("users", &["last_name"]) == ["Mia", "Olli"]).await;
    let number = |name: &str| bench.found("users", "last_name", name).unwrap()["id"].as_u64().unwrap();
    let pairs = [(number("Mia"), mia), (number("Olli"), olli)];
    (bench, pairs)
}

fn contacts(bench: &Bench) -> Vec<String> {
    bench.org(&["LastName"], "FROM Contact WHERE Email LIKE '%beta.fi' ORDER BY LastName")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_app_says_to_have_deleted_is_deleted_at_once() {
    let (bench, [_, (olli, contact)]) = two_users("user.deleted, user.merged").await;
    bench.app.remove("users", olli).unwrap();
    bench.comes("the delete", |bench| contacts(bench) == ["Mia"]).await;
    assert!(bench.rig.sandbox.org().update("Contact", &contact, serde_json::Map::new()).is_err());
    assert_eq!(bench.failures(), []);
    bench.nothing_is_written_any_more().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_the_file_does_not_list_deletes_nothing() {
    let (bench, [(mia, _), (olli, _)]) = two_users("user.merged").await;
    bench.app.remove("users", olli).unwrap();
    // That it is no longer in the list is no evidence. The call after it is worked on after it.
    bench.app.edit("users", mia, json!({ "title": "CFO" })).unwrap();
    bench
        .comes("the title", |bench| bench.org(&["Title"], "FROM Contact WHERE LastName = 'Mia'") == ["CFO"])
        .await;
    bench.look(&["users"], true).await;
    assert_eq!(contacts(&bench), ["Mia", "Olli"]);
    bench.nothing_is_written_any_more().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_that_was_said_survives_that_the_app_is_away() {
    let (mut bench, [_, (olli, _)]) = two_users("user.deleted").await;
    // The list cannot be read for a while, and the daemon is started again meanwhile.
    for _ in 0..3 {
        bench.app.fault(Method::GET, "/user", Fault::Status(503, ""));
    }
    bench.app.remove("users", olli).unwrap();
    bench.comes("a look that fails", |bench| bench.app.faults_left() < 3).await;
    bench.stop().await;
    hearing(&mut bench).await;
    bench.until("the delete", |bench| contacts(bench) == ["Mia"]).await;
    bench.nothing_is_written_any_more().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_there_is_not_deleted_whatever_was_said() {
    let (bench, [(mia, _), (olli, _)]) = two_users("user.updated").await;
    // This app calls its updates deletes.
    bench.app.edit("users", mia, json!({ "title": "CFO" })).unwrap();
    bench
        .comes("the title", |bench| bench.org(&["Title"], "FROM Contact WHERE LastName = 'Mia'") == ["CFO"])
        .await;
    // What was said before it was read says nothing later.
    bench.app.remove("users", mia).unwrap();
    bench.app.edit("users", olli, json!({ "title": "CTO" })).unwrap();
    bench
        .comes("the other", |bench| bench.org(&["Title"], "FROM Contact WHERE LastName = 'Olli'") == ["CTO"])
        .await;
    bench.look(&["users"], true).await;
    assert_eq!(contacts(&bench), ["Mia", "Olli"]);
    bench.nothing_is_written_any_more().await;
}
