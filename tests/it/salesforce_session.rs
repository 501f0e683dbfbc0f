//! Signing in, staying signed in, and what a connection forbids.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sfsync::connect::salesforce::{
    Call, Client, MemoryTokens, Purpose, Services, StoredToken, TokenStore, TokenStoreError,
};
use sfsync::model::Class;
use sfsync_sandbox::{Fault, FaultKind, LimitKind, ResourceKind, Sandbox, TokensRevoked};

use crate::salesforce_rig::{Rig, WrongClock, client_config, sandbox_config, services};

async fn ask(client: &Client) -> Result<u16, sfsync::connect::ConnectError> {
    let path = format!("{}/query?q=SELECT+COUNT()+FROM+Account", client.data_path().await?);
    client.send(&Call::get(path, Purpose::Poll)).await.map(|answer| answer.status)
}

#[tokio::test]
async fn one_sign_in_for_many_callers() {
    let rig = Rig::start(sandbox_config()).await;
    let asked = futures_util::future::join_all((0..20).map(|_| ask(&rig.client))).await;
    assert!(asked.iter().all(|answer| matches!(answer, Ok(200))));
    assert_eq!(rig.sandbox.calls().of(ResourceKind::Token), 1);
}

#[tokio::test]
async fn a_session_that_ends_is_renewed_once_for_all() {
    let rig = Rig::start(sandbox_config()).await;
    ask(&rig.client).await.unwrap();
    assert_eq!(rig.sandbox.revoke_tokens(TokensRevoked::Access), 1);
    let asked = futures_util::future::join_all((0..20).map(|_| ask(&rig.client))).await;
    assert!(asked.iter().all(|answer| matches!(answer, Ok(200))));
    assert_eq!(rig.sandbox.calls().of(ResourceKind::Token), 2);
}

#[tokio::test]
async fn a_second_401_is_believed() {
    let rig = Rig::start(sandbox_config()).await;
    rig.sandbox.faults().add(Fault::new(FaultKind::Unauthorized).on(ResourceKind::Query));
    let error = ask(&rig.client).await.unwrap_err();
    assert_eq!((error.class, error.code), (Class::Session, "R104"));
    assert_eq!(rig.sandbox.calls().of(ResourceKind::Query), 2);
}

#[tokio::test]
async fn a_wrong_secret_is_said_and_not_tried_again() {
    let sandbox = Sandbox::start(sandbox_config()).await.unwrap();
    let mut config = client_config(&sandbox);
    config.auth = sfsync::connect::salesforce::Auth::ClientCredentials {
        client_id: Sandbox::CLIENT_ID.into(),
        client_secret: "wrong".into(),
    };
    let client = Client::new(config, services()).unwrap();
    let error = ask(&client).await.unwrap_err();
    assert_eq!((error.class, error.remote.as_deref()), (Class::Pipeline, Some("invalid_client")));
    assert!(error.help.unwrap().contains("client_secret"));
    assert_eq!(sandbox.calls().of(ResourceKind::Token), 1);
}

#[tokio::test]
async fn a_busy_sign_in_is_tried_again() {
    let rig = Rig::start(sandbox_config()).await;
    rig.sandbox.faults().add(Fault::new(FaultKind::BadGateway).on(ResourceKind::Token).times(2));
    ask(&rig.client).await.unwrap();
    assert_eq!(rig.sandbox.calls().of(ResourceKind::Token), 3);
}

/// Fails to store, and counts.
#[derive(Default)]
struct Broken(AtomicUsize);

impl TokenStore for Broken {
    fn load(&self) -> Result<Option<StoredToken>, TokenStoreError> {
        Ok(None)
    }

    fn save(&self, _token: &StoredToken) -> Result<(), TokenStoreError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Err(TokenStoreError("the disk is full".into()))
    }
}

#[tokio::test]
async fn a_token_that_cannot_be_stored_is_not_used() {
    let sandbox = Sandbox::start(sandbox_config()).await.unwrap();
    let store = Arc::new(Broken::default());
    let tokens: Arc<dyn TokenStore> = Arc::clone(&store) as _;
    let services = Services { clock: Arc::new(WrongClock), tokens, usage: None };
    let client = Client::new(client_config(&sandbox), services).unwrap();
    assert_eq!(ask(&client).await.unwrap_err().message, "the disk is full");
    assert_eq!(store.0.load(Ordering::SeqCst), 1);
    assert_eq!(sandbox.calls().of(ResourceKind::Query), 0);
}

#[tokio::test]
async fn stored_tokens_are_used_after_a_restart() {
    let sandbox = Sandbox::start(sandbox_config()).await.unwrap();
    let tokens: Arc<dyn TokenStore> = Arc::new(MemoryTokens::default());
    for _ in 0..2 {
        let services = Services { clock: Arc::new(WrongClock), tokens: Arc::clone(&tokens), usage: None };
        let client = Client::new(client_config(&sandbox), services).unwrap();
        ask(&client).await.unwrap();
    }
    assert_eq!(sandbox.calls().of(ResourceKind::Token), 1);
}

#[tokio::test]
async fn writes_are_refused_where_the_connection_forbids_them() {
    let write = |fields: &[&str]| Call {
        writes: Some(("Account".into(), fields.iter().map(|field| (*field).to_owned()).collect())),
        ..Call::post("/services/data/v66.0/sobjects/Account", "{}", Purpose::Push)
    };
    let rig = Rig::with(sandbox_config(), |config| config.read_only = true).await;
    assert_eq!(rig.client.send(&write(&["Name"])).await.unwrap_err().code, "R114");
    let rig = Rig::with(sandbox_config(), |config| config.protect = vec!["Account.OwnerId".into()]).await;
    assert_eq!(rig.client.send(&write(&["Name", "ownerid"])).await.unwrap_err().code, "R114");
    assert_eq!(rig.sandbox.calls().of(ResourceKind::RecordWrite), 0);
}

#[tokio::test]
async fn the_two_limits_are_told_apart() {
    let rig = Rig::start(sandbox_config()).await;
    ask(&rig.client).await.unwrap();
    let limit = |limit| Fault::new(FaultKind::RequestLimit { limit }).on(ResourceKind::Query).once();
    rig.sandbox.faults().add(limit(LimitKind::Concurrent));
    assert_eq!(ask(&rig.client).await.unwrap(), 200);
    rig.sandbox.faults().add(limit(LimitKind::Total));
    assert_eq!(ask(&rig.client).await.unwrap_err().class, Class::Quota);
    rig.sandbox.reset_calls();
    // The connection rests: nothing is even asked.
    assert_eq!(ask(&rig.client).await.unwrap_err().code, "R108");
    assert_eq!(rig.sandbox.calls().total, 0);
}

#[tokio::test]
async fn the_budget_follows_what_the_org_says() {
    let mut config = sandbox_config();
    config.allocation = Some(20);
    let rig = Rig::start(config).await;
    for _ in 0..10 {
        ask(&rig.client).await.unwrap();
    }
    let status = rig.client.budget_status();
    assert_eq!(
        (status.used, status.budget, status.remaining, status.org),
        (10, Some(10), Some(0), Some((10, 20)))
    );
    let error = ask(&rig.client).await.unwrap_err();
    assert_eq!((error.code, error.class), ("R108", Class::Quota));
    assert_eq!(rig.sandbox.calls().total, 10);
}
