//! Signing in, and what never leaves: secrets.

use axum::http::Method;
use serde_json::json;
use sfsync::connect::Source as _;
use sfsync::model::Class;
use sfsync::store::{Store, StoreKey};

use super::rig::{open, open_with, read_all, source};
use crate::harness::app::{App, AppAuth, AppConfig, AppPages, AppResource, Fault};

const RESOURCES: &str = "resources: { people: { path: /people } }\n";

async fn app_with(auth: AppAuth) -> App {
    let app = App::start(AppConfig { auth, ..AppConfig::new(vec![AppResource::new("/people")]) }).await;
    app.put("/people", json!({ "name": "Kim" }));
    app
}

fn oauth(refresh: Option<&str>, rotates: bool) -> AppAuth {
    AppAuth::Oauth { secret: "s3cret", refresh: refresh.map(str::to_owned), rotates }
}

const CREDENTIALS: &str = "base_url: URL\nauth: { type: oauth2, grant: client_credentials, token_url: URL/token, client_id: me, client_secret: '${env:SECRET}', scopes: [people] }\n";
const REFRESH: &str = "base_url: URL\nauth: { type: oauth2, grant: refresh_token, token_url: URL/token, client_id: me, client_secret: '${env:SECRET}', refresh_token: '${env:SECRET}' }\n";

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_proof_is_accepted() {
    for (auth, text) in [
        (
            AppAuth::Header("authorization", "Bearer s3cret".into()),
            "auth: { type: bearer, token: '${env:SECRET}' }",
        ),
        (
            AppAuth::Header("authorization", "Basic a2ltOnMzY3JldA==".into()),
            "auth: { type: basic, user: kim, password: '${env:SECRET}' }",
        ),
        (
            AppAuth::Header("x-api-key", "s3cret".into()),
            "auth: { type: api_key, key: '${env:SECRET}', header: X-API-KEY }",
        ),
        (
            AppAuth::Param("api_key", "s3cret".into()),
            "auth: { type: api_key, key: '${env:SECRET}', param: api_key }",
        ),
        (AppAuth::Header("x-tenant", "s3cret".into()), "headers: { X-Tenant: '${env:SECRET}' }"),
        (AppAuth::Param("tenant", "s3cret".into()), "params: { tenant: '${env:SECRET}' }"),
    ] {
        let app = app_with(auth).await;
        let http = open(&app.url, &format!("base_url: URL\n{text}\n{RESOURCES}")).await.unwrap();
        let (events, _, _) = read_all(&mut source(&http, "people"), None, 10).await.unwrap();
        assert_eq!(events.len(), 1, "{text}");
        let http = open(&app.url, &format!("base_url: URL\n{RESOURCES}")).await.unwrap();
        let error = read_all(&mut source(&http, "people"), None, 10).await.unwrap_err();
        assert_eq!((error.code, error.class), ("R104", Class::Session));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_asked_for_once_however_many_requests_wait() {
    let app = app_with(oauth(None, false)).await;
    for at in 0..8 {
        app.put("/people", json!({ "name": format!("P{at}") }));
    }
    let http = open(&app.url, &format!("{CREDENTIALS}concurrency: 8\n{RESOURCES}")).await.unwrap();
    let keys: Vec<sfsync::model::Key> = (1..=9).map(|at| sfsync::model::Key::app(at.to_string())).collect();
    let mut source = source(&http, "people");
    assert_eq!(source.fetch(&keys).await.unwrap().len(), 9);
    assert_eq!(app.count(&Method::POST, "/token"), 1);
    // The token ends in the middle: all of the requests hear of it, one asks.
    app.revoke();
    assert_eq!(source.fetch(&keys).await.unwrap().len(), 9);
    assert_eq!(app.count(&Method::POST, "/token"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_was_replaced_is_kept_over_restarts() {
    let app = app_with(oauth(Some("s3cret"), true)).await;
    let folder = tempfile::tempdir().unwrap();
    let store = || std::sync::Arc::new(Store::open(folder.path(), &StoreKey::File).unwrap());
    for _ in 0..3 {
        let http = open_with(&app.url, &format!("{REFRESH}{RESOURCES}"), Some(store())).await.unwrap();
        assert_eq!(read_all(&mut source(&http, "people"), None, 10).await.unwrap().0.len(), 1);
    }
    assert_eq!(app.count(&Method::POST, "/token"), 3);
    let on_disk = std::fs::read_dir(folder.path())
        .unwrap()
        .flat_map(|entry| std::fs::read(entry.unwrap().path()).unwrap_or_default());
    let bytes: Vec<u8> = on_disk.collect();
    assert!(!bytes.windows(9).any(|window| window == b"refresh-1"), "encrypted at rest");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_client_is_named_without_its_secrets() {
    let app = app_with(AppAuth::Oauth { secret: "another", refresh: None, rotates: false }).await;
    let http = open(&app.url, &format!("{CREDENTIALS}{RESOURCES}")).await.unwrap();
    let error = read_all(&mut source(&http, "people"), None, 10).await.unwrap_err();
    assert_eq!((error.code, error.class), ("R104", Class::Session));
    assert!(error.message.contains("400 (invalid_grant)"), "{error}");
    assert!(!format!("{error:?} {http:?}").contains("s3cret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_repeats_the_token_does_not_put_it_into_messages() {
    let app = app_with(AppAuth::Header("authorization", "Bearer right".into())).await;
    let text = format!("base_url: URL\nauth: {{ type: bearer, token: '${{env:SECRET}}' }}\n{RESOURCES}");
    let http = open(&app.url, &text).await.unwrap();
    let error = read_all(&mut source(&http, "people"), None, 10).await.unwrap_err();
    assert!(error.message.contains("401 unauthorized"), "{error}");
    assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_followed_within_the_app_and_nowhere_else() {
    let (app, other) = (app_with(AppAuth::Open).await, app_with(AppAuth::Open).await);
    let http = open(&app.url, &format!("base_url: URL\n{RESOURCES}")).await.unwrap();
    app.fault(Method::GET, "/people", Fault::Redirect("/people?page=1".into()));
    assert_eq!(read_all(&mut source(&http, "people"), None, 10).await.unwrap().0.len(), 1);
    app.fault(Method::GET, "/people", Fault::Redirect(format!("{}/people", other.url)));
    let error = read_all(&mut source(&http, "people"), None, 10).await.unwrap_err();
    assert_eq!((error.code, other.seen().len()), ("R125", 0), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_the_address_never_enters_a_cursor() {
    let config = AppConfig {
        auth: AppAuth::Param("api_key", "s3cret".into()),
        pages: AppPages::NextUrl,
        page: 1,
        ..AppConfig::new(vec![AppResource { records: Some("data"), ..AppResource::new("/people") }])
    };
    let app = App::start(config).await;
    for at in 0..3 {
        app.put("/people", json!({ "name": format!("P{at}") }));
    }
    let text = "base_url: URL\nauth: { type: api_key, key: '${env:SECRET}', param: api_key }\npaginate: { type: next_url, next: $.links.next }\nresources: { people: { path: /people, records: $.data } }\n";
    let http = open(&app.url, text).await.unwrap();
    let limit = sfsync::connect::Limit { records: 1, ..Default::default() };
    let read = source(&http, "people").read(None, limit).await.unwrap();
    let sfsync::model::Read::Batch { next, .. } = read else { panic!("a batch") };
    assert!(format!("{next:?}").contains("cursor=1"), "{next:?}");
    assert!(!format!("{next:?}").contains("s3cret"), "{next:?}");
    assert_eq!(read_all(&mut source(&http, "people"), Some(next), 10).await.unwrap().0.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ping_tells_whether_the_app_answers() {
    let app = app_with(AppAuth::Open).await;
    let http = open(&app.url, &format!("base_url: URL\nping: GET /me\n{RESOURCES}")).await.unwrap();
    assert!(http.ping().await.unwrap());
    app.fault(Method::GET, "/me", Fault::Page);
    assert_eq!(http.ping().await.unwrap_err().code, "R106");
    let http = open(&app.url, &format!("base_url: URL\nping: GET /nowhere\n{RESOURCES}")).await.unwrap();
    assert_eq!(http.ping().await.unwrap_err().code, "R143");
    let http =
        open("http://127.0.0.1:9", &format!("base_url: URL\nping: GET /me\n{RESOURCES}")).await.unwrap();
    let error = http.ping().await.unwrap_err();
    assert_eq!((error.code, error.class), ("R105", Class::TRANSIENT));
}
