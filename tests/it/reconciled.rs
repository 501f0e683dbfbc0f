//! What only a comparison of everything can find: records that are gone without a trace, values that changed without a stamp.

use serde_json::json;

use crate::harness::small::{DEALS, Small};

#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_finds_records_that_are_gone_without_a_trace() {
    let rig = Small::empty(10).await;
    rig.write("accounts.yaml", crate::harness::small::ACCOUNTS);
    let deals = DEALS.replace("poll: 1 second", "poll: 1 hour");
    rig.write(
        "deals.yaml",
        &deals.replace("to_app: [create, update]", "to_app: [create, update, delete]\nmax_deletes: 5"),
    );
    let small = Small::of(rig).await;
    let (_, gone) = small.deal("Gone");
    let (_, stays) = small.deal("Stays");
    small.caught_up().await;
    let count = |id: &str| small.number(&format!("SELECT count(*) FROM deals WHERE salesforce_id = '{id}'"));
    assert_eq!((count(&gone), count(&stays)), (1, 1));
    // No recycle bin has it, and nothing tells of it.
    small.rig.sandbox.org().hard_delete("Opportunity", &gone).unwrap();
    small.rig.sandbox.org().purge_recycle_bin();
    small.caught_up().await;
    small.full("deals").await;
    assert_eq!((count(&gone), count(&stays)), (0, 1));
    small.update("Opportunity", &stays, json!({ "Name": "Still followed" }));
    small.caught_up().await;
    assert_eq!(count(&stays), 1);
}
