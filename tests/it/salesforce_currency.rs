//! What an org calculates with: one currency, which it tells in one place alone, or several with their rates.

use sfsync::connect::salesforce::Currencies;
use sfsync_sandbox::{Fault, FaultKind, OrgConfig, SandboxConfig};

use crate::salesforce_rig::{Rig, sandbox_config};

fn config(change: impl FnOnce(&mut OrgConfig)) -> SandboxConfig {
    let mut config = sandbox_config();
    change(&mut config.org);
    config
}

#[tokio::test]
async fn an_org_with_one_currency_tells_it_once() {
    let rig = Rig::start(config(|org| org.currency = "SEK".to_owned())).await;
    rig.sandbox.reset_calls();
    for _ in 0..3 {
        let currencies = rig.client.currencies().await.unwrap();
        assert_eq!(currencies.own.as_deref(), Some("SEK"));
        assert!(currencies.rates.is_empty());
    }
    assert_eq!(rig.sandbox.calls().total, 1);
}

#[tokio::test]
async fn an_org_with_several_currencies_has_rates_exactly() {
    let rig = Rig::start(config(|org| org.multicurrency = true)).await;
    let currencies = rig.client.currencies().await.unwrap();
    assert_eq!(currencies.own.as_deref(), Some("EUR"));
    let mut rates: Vec<String> =
        currencies.rates.iter().map(|(code, rate)| format!("{code} {}", rate.normalize())).collect();
    rates.sort();
    assert_eq!(rates, ["EUR 1", "JPY 162.5", "USD 1.085"]);
}

#[tokio::test]
async fn an_org_that_does_not_tell_is_no_failure_and_one_that_is_late_is() {
    let rig = Rig::start(sandbox_config()).await;
    rig.sandbox.faults().add(Fault::new(FaultKind::ServiceUnavailable).path("/connect/"));
    assert!(rig.client.currencies().await.is_err(), "asked again by the next run");
    rig.sandbox.faults().clear();
    rig.sandbox.faults().add(Fault::new(FaultKind::ApiDisabledForOrg).path("/connect/"));
    assert_eq!(rig.client.currencies().await.unwrap(), &Currencies::default());
}
