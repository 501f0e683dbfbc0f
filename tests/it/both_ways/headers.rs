//! What requests that write carry besides the records, as the connection says: whether the org's assignment and duplicate rules apply.

use sfsync_sandbox::ResourceKind;

use super::bench::{ACCOUNTS, Bench};

/// The headers of all requests that wrote, by name.
fn sent(bench: &Bench, name: &str) -> Vec<Option<String>> {
    let calls = bench.rig.sandbox.calls().recent;
    let writes = calls
        .into_iter()
        .filter(|call| [ResourceKind::RecordWrite, ResourceKind::CollectionsWrite].contains(&call.kind));
    writes.map(|call| call.sforce_headers.get(name).cloned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_of_the_org_apply_as_the_connection_says() {
    for (said, assign, duplicates) in [
        ("", "FALSE", None),
        ("assignment_rules: true\n", "TRUE", None),
        ("duplicates: allow\n", "FALSE", Some("allowSave=true".to_owned())),
    ] {
        let mut bench = Bench::new(&[("accounts.yaml", ACCOUNTS)]).await;
        let kind = "type: salesforce\n";
        bench.rig.edit_file("connections/salesforce.yaml", &[(kind, &format!("{kind}{said}"))]);
        bench.run().await;
        bench.sql("INSERT INTO customers (id, name) VALUES (50, 'One'), (51, 'Two')");
        bench
            .until("both", |bench| {
                bench.app("SELECT id FROM customers WHERE salesforce_id IS NOT NULL").len() == 2
            })
            .await;
        bench.sql("UPDATE customers SET phone = '5' WHERE id = 50");
        bench.until("one", |bench| bench.org(&["Id"], "FROM Account WHERE Phone = '5'").len() == 1).await;
        let writes = sent(&bench, "sforce-auto-assign");
        assert!(writes.len() >= 2, "{writes:?}");
        assert!(writes.iter().all(|value| value.as_deref() == Some(assign)), "{said:?} {writes:?}");
        let rules = sent(&bench, "sforce-duplicate-rule-header");
        assert!(rules.iter().all(|value| *value == duplicates), "{said:?} {rules:?}");
    }
}
