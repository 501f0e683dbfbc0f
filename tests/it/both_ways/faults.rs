//! What goes wrong at Salesforce while the app is followed: nothing is doubled, and the rest flows on.

use serde_json::json;
use sfsync::runtime::task::Command;
use sfsync_sandbox::{FaultKind, Rejection};

use super::bench::{ACCOUNTS, Bench};
use crate::harness::rig::PATIENCE;

const FILES: &[(&str, &str)] = &[("accounts.yaml", ACCOUNTS)];

#[tokio::test(flavor = "multi_thread")]
async fn a_create_with_a_match_value_whose_answer_is_lost_makes_no_twin() {
    let mut bench = Bench::new(FILES).await;
    bench.run().await;
    bench.is_silent("before").await;
    let mark = bench.mark();
    bench.fault(FaultKind::LostAnswer);
    bench.sql("INSERT INTO customers (id, domain, name) VALUES (50, 'acme.com', 'Acme')");
    bench
        .until("it has an id", |bench| {
            bench.app("SELECT id FROM customers WHERE id >= 50 AND salesforce_id IS NOT NULL").len() == 1
        })
        .await;
    bench.is_silent("after").await;
    assert_eq!(bench.org(&["Name"], "FROM Account WHERE Name = 'Acme'").len(), 1, "{}", bench.shown());
    let creates = bench.written_to_org(&mark).into_iter().filter(|write| write.starts_with("insert")).count();
    assert_eq!(creates, 2, "this one, and the last record: {:?}", bench.written_to_org(&mark));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_without_a_match_value_whose_answer_is_lost_makes_no_twin() {
    let mut bench = Bench::new(FILES).await;
    bench.run().await;
    bench.is_silent("before").await;
    bench.fault(FaultKind::LostAnswer);
    bench.sql("INSERT INTO customers (id, name) VALUES (50, 'Plain')");
    bench
        .until("it has an id", |bench| {
            bench.app("SELECT id FROM customers WHERE id = 50 AND salesforce_id IS NOT NULL").len() == 1
        })
        .await;
    bench.is_silent("after").await;
    assert_eq!(bench.org(&["Name"], "FROM Account WHERE Name = 'Plain'").len(), 1, "{}", bench.shown());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_whose_answer_is_lost_and_whose_record_is_edited_meanwhile_makes_no_twin() {
    let mut bench = Bench::new(FILES).await;
    bench.run().await;
    bench.is_silent("before").await;
    // Nothing is looked for before the record was edited.
    bench.daemon().command(&"accounts".into(), Command::Pause { by: "the test".into() }).await;
    bench.fault(FaultKind::LostAnswer);
    bench.sql("INSERT INTO customers (id, name, employees, phone) VALUES (50, 'Plain', 7, '1')");
    bench.daemon().command(&"accounts".into(), Command::Sync { full: false }).await;
    let stored = |bench: &Bench| bench.org(&["Id"], "FROM Account WHERE Name = 'Plain'");
    let wait = async {
        while stored(&bench).is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("it was stored");
    bench.update("Account", &stored(&bench)[0], json!({ "Phone": "2" }));
    bench.daemon().command(&"accounts".into(), Command::Resume).await;
    bench
        .until("it has an id", |bench| {
            bench.app("SELECT id FROM customers WHERE id = 50 AND salesforce_id IS NOT NULL").len() == 1
        })
        .await;
    assert_eq!(stored(&bench).len(), 1, "{}", bench.shown());
    bench.is_silent("after").await;
    assert_eq!(stored(&bench).len(), 1, "{}", bench.shown());
}

#[tokio::test(flavor = "multi_thread")]
async fn locked_rows_and_an_ended_session_do_no_harm() {
    let mut bench = Bench::new(FILES).await;
    bench.sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 450) \
               INSERT INTO customers (id, domain, name) SELECT i, 'c' || i || '.com', 'Customer ' || i FROM n");
    bench.fault(FaultKind::TokenRevoked);
    bench.run().await;
    bench
        .until("all have an id", |bench| {
            bench.app("SELECT id FROM customers WHERE salesforce_id IS NULL").is_empty()
        })
        .await;
    assert_eq!(bench.org(&["Id"], "FROM Account").len(), 450);
    bench.fault(FaultKind::RejectRecords {
        rejection: Rejection::LockedRow,
        object: None,
        rate: 0.3,
        seed: 7,
    });
    bench.sql("UPDATE customers SET phone = '5' WHERE id <= 300");
    bench
        .until("all have the phone", |bench| {
            bench.org(&["Id"], "FROM Account WHERE Phone = '5'").len() == 300
        })
        .await;
    assert_eq!(bench.failures(), []);
    bench.is_silent("at the end").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_rule_of_the_org_refuses_fails_with_its_words_and_the_rest_flows() {
    let mut bench = Bench::new(FILES).await;
    let acme = bench.insert("Account", json!({ "Name": "Acme" }));
    bench.run().await;
    bench.until("it is there", |bench| bench.app("SELECT id FROM customers").len() == 1).await;
    bench
        .sql(&format!("UPDATE customers SET name = 'Forbidden', phone = '9' WHERE salesforce_id = '{acme}'"));
    bench.sql("INSERT INTO customers (id, name) VALUES (50, 'Forbidden'), (51, 'Allowed')");
    bench
        .until("the good one", |bench| bench.org(&["Id"], "FROM Account WHERE Name = 'Allowed'").len() == 1)
        .await;
    bench.until("two failures", |bench| bench.failures().len() == 2).await;
    for failure in bench.failures() {
        assert_eq!(failure.code, "R211");
        assert!(failure.detail.contains("会社名を入力してください。"), "{}", failure.detail);
    }
    assert_eq!(bench.org(&["Name", "Phone"], "FROM Account WHERE Name = 'Acme'"), ["Acme|"]);
    bench.sql("UPDATE customers SET name = 'Mended' WHERE name = 'Forbidden'");
    bench
        .until("both are mended", |bench| bench.org(&["Id"], "FROM Account WHERE Name = 'Mended'").len() == 2)
        .await;
    assert_eq!(bench.failures(), []);
    bench.is_silent("at the end").await;
}
