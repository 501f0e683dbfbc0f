//! What a duplicate rule of the org is about: the record is held with the one that is there, and a person says whether they are the same.

use serde_json::json;
use sfsync::model::{FailureKind, Key, Side};
use sfsync::runtime::control::{Control as _, FailureFilter};
use sfsync::runtime::doors::Door;

use super::bench::{ACCOUNTS, Bench};

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_is_held_with_the_record_that_is_there_and_linked_when_a_person_says_so() {
    let files = [("accounts.yaml", &*ACCOUNTS.replace("to_app: [create, update]", "to_app: [update]"))];
    let mut bench = Bench::new(&files).await;
    let acme = bench.insert("Account", json!({ "Name": "Acme", "Phone": "1", "NumberOfEmployees": 7 }));
    bench.run().await;
    bench.look(false).await;
    bench.sql("INSERT INTO customers (id, name, phone) VALUES (1, 'Acme', '1'), (2, 'Globex', '1')");
    bench
        .until("the other is made, and this one is held", |bench| {
            bench.app("SELECT id FROM customers WHERE salesforce_id IS NOT NULL") == ["2"]
                && bench.failures().len() == 1
        })
        .await;
    let door = Door(bench.supervisor());
    let held = door.failures(FailureFilter::default()).await.unwrap().remove(0);
    assert_eq!((held.failure.code.as_str(), &held.failure.kind), ("R232", &FailureKind::Held));
    assert_eq!(held.failure.source, (Side::App, Key::app("1")));
    assert_eq!(held.failure.remote.as_deref(), Some("DUPLICATES_DETECTED"));
    assert_eq!(held.view.existing, [Key::salesforce(&acme)]);
    assert!(held.view.message.contains(&format!("{acme} is there already")), "{}", held.view.message);
    assert_eq!(bench.org(&["Id"], "FROM Account WHERE Name = 'Acme'").len(), 1);
    bench.look(true).await;
    assert_eq!(bench.failures().len(), 1, "it stays until somebody decides");
    door.resolve(&held.failure.id, Side::App).await.unwrap();
    bench
        .until("they are linked", |bench| {
            bench.app("SELECT salesforce_id, employees FROM customers WHERE id = 1") == [format!("{acme}|7")]
        })
        .await;
    assert_eq!(bench.org(&["Id"], "FROM Account WHERE Name = 'Acme'").len(), 1, "{}", bench.shown());
    assert_eq!(bench.failures(), []);
}
