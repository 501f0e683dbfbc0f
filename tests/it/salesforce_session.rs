//! Signing in, staying signed in, and what a connection forbids.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sfsync::connect::salesforce::{
    Auth, Call, Callback, Client, Config, Environment, MemoryTokens, Purpose, Services, StoredToken,
    TokenStore, TokenStoreError,
};
use sfsync::model::{Class, Clock};
use sfsync_sandbox::{
    Fault, FaultKind, JwtKey, LimitKind, OAuthClient, ResourceKind, Sandbox, TokensRevoked,
};

use crate::salesforce_rig::{Rig, WrongClock, client_config, sandbox_config, services};

async fn ask(client: &Client) -> Result<u16, sfsync::connect::ConnectError> {
    let path = format!("{}/query?q=SELECT+COUNT()+FROM+Account", client.data_path().await?);
    client.send(&Call::get(path, Purpose::Poll)).await.map(|answer| answer.status)
}

#[tokio::test]
async fn one_sign_in_for_many_callers() {
    let rig = Rig::with(sandbox_config(), |_| {}).await;
    let asked = futures_util::future::join_all((0..20).map(|_| ask(&rig.client))).await;
    assert!(asked.iter().all(|answer| matches!(answer, Ok(200))));
    assert_eq!(rig.sandbox.calls().of(ResourceKind::Token), 1);
}

#[tokio::test]
async fn a_session_that_ends_is_renewed_once_for_all() {
    let rig = Rig::with(sandbox_config(), |_| {}).await;
    ask(&rig.client).await.unwrap();
    assert_eq!(rig.sandbox.revoke_tokens(TokensRevoked::Access), 1);
    let asked = futures_util::future::join_all((0..20).map(|_| ask(&rig.client))).await;
    assert!(asked.iter().all(|answer| matches!(answer, Ok(200))));
    assert_eq!(rig.sandbox.calls().of(ResourceKind::Token), 2);
}

#[tokio::test]
async fn a_second_401_is_believed() {
    let rig = Rig::with(sandbox_config(), |_| {}).await;
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
    let rig = Rig::with(sandbox_config(), |_| {}).await;
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

    fn forget(&self) -> Result<(), TokenStoreError> {
        Ok(())
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
    assert_eq!(rig.client.send(&write(&["Name"])).await.unwrap_err().code, "R126");
    let rig = Rig::with(sandbox_config(), |config| config.protect = vec!["Account.OwnerId".into()]).await;
    assert_eq!(rig.client.send(&write(&["Name", "ownerid"])).await.unwrap_err().code, "R126");
    assert_eq!(rig.sandbox.calls().of(ResourceKind::RecordWrite), 0);
}

#[tokio::test]
async fn the_two_limits_are_told_apart() {
    let rig = Rig::with(sandbox_config(), |_| {}).await;
    ask(&rig.client).await.unwrap();
    let limit = |limit| Fault::new(FaultKind::RequestLimit { limit }).on(ResourceKind::Query).once();
    rig.sandbox.faults().add(limit(LimitKind::Concurrent));
    assert_eq!(ask(&rig.client).await.unwrap(), 200);
    rig.sandbox.faults().add(limit(LimitKind::Total));
    assert_eq!(ask(&rig.client).await.unwrap_err().class, Class::Quota);
    rig.sandbox.reset_calls();
    // The connection rests as long as the counters do not tell otherwise: nothing but them is asked.
    let of_counters = Fault::new(FaultKind::RequestLimit { limit: LimitKind::Total });
    rig.sandbox.faults().add(of_counters.on(ResourceKind::Limits).once());
    assert_eq!(ask(&rig.client).await.unwrap_err().code, "R121");
    // They were asked just now, so that not even they are: they would say that there is something left.
    assert_eq!(ask(&rig.client).await.unwrap_err().code, "R121");
    assert_eq!(rig.sandbox.calls().of(ResourceKind::Query), 0);
}

#[tokio::test]
async fn counters_that_know_better_end_the_rest() {
    let rig = Rig::with(sandbox_config(), |_| {}).await;
    let limit = Fault::new(FaultKind::RequestLimit { limit: LimitKind::Total });
    rig.sandbox.faults().add(limit.on(ResourceKind::Query).once());
    assert_eq!(ask(&rig.client).await.unwrap_err().class, Class::Quota);
    assert_eq!(ask(&rig.client).await.unwrap(), 200, "they say that there is something left");
}

#[tokio::test]
async fn the_budget_follows_what_the_org_says() {
    let mut config = sandbox_config();
    config.allocation = Some(20);
    let rig = Rig::with(config, |_| {}).await;
    // The first asks for the organization as well.
    for _ in 0..9 {
        ask(&rig.client).await.unwrap();
    }
    let status = rig.client.budget_status();
    assert_eq!(
        (status.used, status.budget, status.remaining, status.org),
        (10, Some(10), Some(0), Some((10, 20)))
    );
    let error = ask(&rig.client).await.unwrap_err();
    assert_eq!((error.code, error.class), ("R121", Class::Quota));
    assert_eq!(rig.sandbox.calls().total, 10);
}

const PRIVATE_KEY: &str = include_str!("../../sandbox/tests/fixtures/test_only_private_key.pem");
const PUBLIC_KEY: &str = include_str!("../../sandbox/tests/fixtures/test_only_public_key.pem");

#[tokio::test]
async fn a_signed_assertion_signs_in() {
    let key = JwtKey::from_pem(PUBLIC_KEY).unwrap();
    let mut config = sandbox_config();
    config.clients = vec![OAuthClient::new("jwt-app", "unused").jwt_key(key)];
    let sandbox = Sandbox::start(config).await.unwrap();
    let username = sandbox.org().users().into_iter().find(|user| user.is_active).unwrap().username;
    let client = |private_key: &str| {
        let mut config = client_config(&sandbox);
        config.auth = Auth::JwtBearer {
            client_id: "jwt-app".into(),
            username: username.clone(),
            private_key: private_key.into(),
        };
        // Assertions are good for minutes, so this clock must be right.
        Client::new(config, Services { clock: Arc::new(OrgClock(Arc::clone(sandbox.org()))), ..services() })
            .unwrap()
    };
    assert_eq!(ask(&client(PRIVATE_KEY)).await.unwrap(), 200);
    let error = ask(&client("no key")).await.unwrap_err();
    assert_eq!((error.code, error.class), ("R104", Class::Pipeline));
}

/// The org's time.
struct OrgClock(Arc<sfsync_sandbox::Org>);

#[async_trait::async_trait]
impl Clock for OrgClock {
    fn now(&self) -> jiff::Timestamp {
        self.0.clock().now()
    }

    async fn sleep(&self, _length: std::time::Duration) {
        tokio::task::yield_now().await;
    }
}

/// A sandbox whose sign-in page approves at once, and the configuration of an app for it.
async fn web(rotating: bool, redirect_uri: &str) -> (Sandbox, Config) {
    let mut config = sandbox_config();
    let app = OAuthClient::new("web-app", "web-secret").redirect_uri(redirect_uri);
    config.clients = vec![if rotating { app.rotating() } else { app }];
    config.auto_approve = Some(username(&config).await);
    let sandbox = Sandbox::start(config).await.unwrap();
    let mut config = client_config(&sandbox);
    config.auth =
        Auth::AuthorizationCode { client_id: "web-app".into(), client_secret: Some("web-secret".into()) };
    (sandbox, config)
}

async fn username(config: &sfsync_sandbox::SandboxConfig) -> String {
    let sandbox = Sandbox::start(config.clone()).await.unwrap();
    sandbox.org().users().into_iter().find(|user| user.is_active).unwrap().username
}

/// Does what a browser does: opens the page and follows it back.
async fn browse(url: &str) {
    let _ = reqwest::get(url).await.unwrap().text().await;
}

#[tokio::test]
async fn a_person_signs_in_once_and_tokens_rotate() {
    let callback = Callback::bind(0).await.unwrap();
    let (sandbox, config) = web(true, callback.redirect_uri()).await;
    let tokens: Arc<dyn TokenStore> = Arc::new(MemoryTokens::default());
    let made = || {
        let services = Services { clock: Arc::new(WrongClock), tokens: Arc::clone(&tokens), usage: None };
        Client::new(config.clone(), services).unwrap()
    };
    let client = made();
    assert_eq!(ask(&client).await.unwrap_err().class, Class::Session);
    let sign_in = client.begin_sign_in(callback.redirect_uri()).unwrap();
    let (query, ()) = tokio::join!(callback.wait(), browse(sign_in.url.as_str()));
    client.finish_sign_in(&sign_in, &query.unwrap()).await.unwrap();
    assert_eq!(ask(&client).await.unwrap(), 200);
    let mut seen = std::collections::BTreeSet::new();
    for round in 0..4 {
        sandbox.revoke_tokens(TokensRevoked::Access);
        // Every second round is a new process.
        let client = if round % 2 == 0 { Arc::clone(&client) } else { made() };
        let asked = futures_util::future::join_all((0..5).map(|_| ask(&client))).await;
        assert!(asked.iter().all(Result::is_ok), "{asked:?}");
        let refresh = tokens.load().unwrap().unwrap().refresh_token.unwrap();
        assert!(
            seen.insert(secrecy::ExposeSecret::expose_secret(&refresh).to_owned()),
            "the token did not rotate"
        );
    }
    client.revoke().await.unwrap();
    assert!(tokens.load().unwrap().is_none(), "the token is forgotten");
    let error = ask(&client).await.unwrap_err();
    assert_eq!((error.class, error.help.as_deref()), (Class::Session, Some("sfsync connect salesforce")));
    assert_eq!(sandbox.revoke_tokens(TokensRevoked::All), 0, "and it is over at the org, too");
}

#[tokio::test]
async fn the_wrong_environment_stops_everything() {
    let rig = Rig::with(sandbox_config(), |config| config.environment = Environment::Sandbox).await;
    let check = rig.client.check().await.unwrap();
    assert_eq!(
        (check.org.name.as_str(), check.org.is_sandbox, check.api_version.as_str()),
        ("Acme", false, "66.0")
    );
    let problem = check.problem.unwrap();
    assert_eq!(problem.code, "E603");
    assert_eq!(problem.message, "the org is production, but `environment` says sandbox");
    assert_eq!(
        problem.help.as_deref(),
        Some("environment: production, or sign in to the other org: sfsync connect salesforce")
    );
    assert_eq!(ask(&rig.client).await.unwrap_err().code, "E603");
    let spec = sfsync::connect::salesforce::ReadSpec::new("Account", &[]);
    let error =
        crate::salesforce_rig::try_drain(&mut rig.source(spec), None, sfsync::connect::Limit::default())
            .await;
    assert_eq!(error.err().map(|error| error.code), Some("E603"));
    let right = Rig::with(sandbox_config(), |_| {}).await;
    assert!(right.client.check().await.unwrap().problem.is_none());
}

#[tokio::test]
async fn describe_tells_what_the_user_sees_and_what_changed() {
    let rig = Rig::start(sandbox_config()).await;
    let described = rig.client.describe("Opportunity", None).await.unwrap().unwrap();
    assert_eq!(described.object.stamp_field().unwrap().name, "SystemModstamp");
    assert_eq!(described.object.field("AccountId").unwrap().relationship.as_deref(), Some("Account"));
    assert!(rig.client.describe("Opportunity", described.last_modified).await.unwrap().is_none());
    let missing = rig.client.describe("Nothing__c", None).await.unwrap_err();
    assert_eq!((missing.class, missing.remote.as_deref()), (Class::Pipeline, Some("NOT_FOUND")));
    let objects = rig.client.objects().await.unwrap();
    assert!(
        objects.iter().any(|object| object.name == "Account" && object.key_prefix.as_deref() == Some("001"))
    );
    assert!(rig.client.limits().await.unwrap().contains_key("DailyApiRequests"));
}

#[tokio::test]
async fn the_org_and_its_objects_are_asked_for_in_one_call() {
    let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let found = |objects: Vec<Option<sfsync::model::ObjectInfo>>| -> Vec<String> {
        objects.into_iter().map(|object| object.map_or("-".to_owned(), |object| object.name)).collect()
    };
    let rig = Rig::with(sandbox_config(), |_| {}).await;
    let objects = rig.client.describe_all(&named(&["Opportunity", "Nothing__c", "account"])).await.unwrap();
    assert_eq!(found(objects), ["Opportunity", "-", "Account"]);
    rig.client.reach().await.unwrap();
    assert_eq!(rig.sandbox.calls().total, 1);
    let mut many = named(&["Contact"; 11]);
    many[10] = "Nothing__c".to_owned();
    let objects = rig.client.describe_all(&many).await.unwrap();
    assert_eq!((objects.len(), objects[9].is_some(), objects[10].is_none()), (11, true, true));
    assert_eq!(rig.sandbox.calls().total, 3);
}

#[tokio::test]
async fn objects_are_asked_for_one_by_one_where_several_at_once_are_refused() {
    for fault in [FaultKind::ApiCurrentlyDisabled, FaultKind::ServiceUnavailable] {
        let rig = Rig::with(sandbox_config(), |_| {}).await;
        rig.sandbox.faults().add(Fault::new(fault).on(ResourceKind::Composite).times(1));
        let names = ["Opportunity".to_owned(), "Nothing__c".to_owned(), "Account".to_owned()];
        let objects = rig.client.describe_all(&names).await.unwrap();
        let found: Vec<bool> = objects.iter().map(Option::is_some).collect();
        assert_eq!((found, rig.sandbox.faults().fired().len()), (vec![true, false, true], 1));
    }
}
