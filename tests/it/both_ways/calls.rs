//! What changes of the app cost: API calls are the budget of the org.

use serde_json::json;
use sfsync::runtime::control::Control as _;
use sfsync::runtime::doors::Door;
use sfsync_sandbox::ResourceKind;

use super::bench::{ACCOUNTS, Bench};

/// Calls of a job by which many records are written: made, filled, begun, looked at, and its three files read. The number of looks depends
/// on how long the org works on it.
const JOB: [ResourceKind; 4] = [
    ResourceKind::IngestCreate,
    ResourceKind::IngestUpload,
    ResourceKind::IngestChange,
    ResourceKind::IngestResults,
];

/// Calls that wrote records, and the looks at jobs.
fn writes(bench: &Bench) -> (u64, u64) {
    let calls = bench.rig.sandbox.calls();
    let of = |kinds: &[ResourceKind]| kinds.iter().map(|kind| calls.of(*kind)).sum::<u64>();
    let one_by_one = of(&[ResourceKind::RecordWrite, ResourceKind::CollectionsWrite]);
    (one_by_one + of(&JOB), of(&[ResourceKind::IngestStatus]))
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_cost_a_call_for_two_hundred_and_very_many_a_constant_number() {
    const RECORDS: u64 = 6_000;
    let quiet = ACCOUNTS.replace("poll: 1 second", "poll: 1 hour");
    let mut bench = Bench::new(&[("accounts.yaml", &quiet)]).await;
    for number in 0..RECORDS {
        bench.insert("Account", json!({ "Name": format!("Customer {number}"), "NumberOfEmployees": 1 }));
    }
    bench.run().await;
    let there = |bench: &Bench| {
        bench.app("SELECT count(*) FROM customers WHERE salesforce_id IS NOT NULL") == [RECORDS.to_string()]
    };
    bench.until("all are there", there).await;
    bench.look(false).await;
    let mut of_jobs = Vec::new();
    for changed in [0, 150, 1_000, 3_000, RECORDS] {
        bench.sql(&format!(
            "UPDATE customers SET employees = employees + 1 WHERE id IN (SELECT id FROM customers ORDER BY id LIMIT {changed})"
        ));
        bench.rig.sandbox.reset_calls();
        bench.look(false).await;
        let (calls, looks) = writes(&bench);
        match changed {
            0 => assert_eq!(calls, 0, "a record that did not change costs none"),
            150 | 1_000 => assert!(calls <= changed.div_ceil(200) + 2, "{changed}: {calls}"),
            _ => of_jobs.push(calls),
        }
        assert!(looks <= 4, "{changed}: {looks} looks at jobs");
    }
    assert_eq!(of_jobs[0], of_jobs[1], "the number is constant: {of_jobs:?}");
    assert!(of_jobs[0] <= 6, "{of_jobs:?}");
    let told = bench.org(&["NumberOfEmployees"], "FROM Account WHERE NumberOfEmployees >= 2");
    assert_eq!(told.len() as u64, RECORDS);
    assert_eq!(bench.failures(), []);
    let told = format!(
        "sfsync_records_total{{pipeline=\"accounts\",direction=\"to_salesforce\",op=\"update\"}} {}\n",
        150 + 1_000 + 3_000 + RECORDS
    );
    let metrics = Door(bench.supervisor()).metrics();
    assert!(metrics.contains(&told), "{metrics}");
}
