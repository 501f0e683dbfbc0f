//! The pipelines of the quickstart against the simulated org, as a newcomer meets them.

use sfsync::runtime::status::State;
use sfsync_sandbox::{Population, SandboxConfig};

use crate::harness::rig::{Rig, caught_up, until};

async fn rig(opportunities: u32) -> Rig {
    let population = Population::around(opportunities);
    Rig::new(SandboxConfig { population: Some(population), ..SandboxConfig::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_owners_and_opportunities_flow() {
    let mut rig = rig(500).await;
    rig.copy_set("quickstart");
    let supervisor = rig.start().await;
    for name in ["owners", "accounts", "opportunities"] {
        until(&supervisor, name, |status| status.state == State::Running && status.passes > 0).await;
    }
    caught_up(&supervisor, "opportunities").await;
    let database = rig.database();
    let count = |sql: &str| database.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert!(count("SELECT count(*) FROM deals") > 400);
    assert!(count("SELECT count(*) FROM clients") > 10);
    assert_eq!(count("SELECT count(*) FROM deals WHERE owner_id IS NULL"), 0);
    assert_eq!(
        count("SELECT count(*) FROM deals d JOIN owners o ON o.id = d.owner_id"),
        count("SELECT count(*) FROM deals")
    );
    rig.stop().await;
}
