//! Apps that repeat a secret where a list goes on: the cursor that is stored has none in it, and leads to the same place after a restart.

use std::sync::atomic::{AtomicUsize, Ordering};

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::json;
use sfsync::connect::http::HttpApp;
use sfsync::connect::{Limit, Source as _};
use sfsync::model::{ChangeEvent, Cursor, Read};

use super::liar::{Heard, Liar, Says};
use super::rig::{keys, open, open_knowing, source};

/// One batch of one record, as after a restart.
async fn one(http: &HttpApp, from: Option<&Cursor>) -> (Vec<ChangeEvent>, Cursor) {
    let limit = Limit { records: 1, ..Limit::default() };
    match source(http, "people").read(from, limit).await.unwrap() {
        Read::Batch { events, next, .. } => (events, next),
        Read::CursorLost => panic!("no cursor is lost"),
    }
}

/// A cursor as the state keeps it.
fn stored(cursor: &Cursor) -> Cursor {
    let text = format!("{cursor:?}");
    let plain = percent_decode_str(&text).decode_utf8_lossy().into_owned();
    let plainer = percent_decode_str(&plain).decode_utf8_lossy().into_owned();
    for shown in [&text, &plain, &plainer] {
        for secret in ["s3cret", "an0ther", "t0ken"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
    cursor.clone()
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// What an app says that shows its list only to whoever knows the key: record by record, with the key where the next one is.
fn guarded(heard: &Heard, key: &str, next: impl Fn(usize) -> Option<(&'static str, String)>) -> Says {
    let written = heard.param("api_key").unwrap_or_default().replace('+', " ");
    let given = percent_decode_str(&written).decode_utf8_lossy();
    if given != key {
        return Says::json(json!({ "error": "no such key" })).status(403);
    }
    let at = heard.number("cursor").max(1);
    let more = (at < 3).then(|| next(at + 1)).flatten();
    let place = more.as_ref().filter(|(at, _)| *at == "next").map(|(_, next)| next.clone());
    let says = Says::json(json!({ "data": [{ "id": at }], "next": place }));
    match more {
        Some(("link", link)) => says.header("link", format!("<{link}>; rel=\"next\"")),
        _ => says,
    }
}

const NEXT_URL: &str = "paginate: { type: next_url, next: $.next }\n";

fn guarded_file(paginate: &str) -> String {
    format!(
        "base_url: URL\nresources: {{ people: {{ path: /people, records: $.data, params: {{ api_key: '${{env:SECRET}}' }} }} }}\n{paginate}"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_next_address_repeats_is_not_in_the_cursor() {
    let link_header = "paginate: { type: link_header }\n";
    for (paginate, place) in [(NEXT_URL, "next"), (link_header, "link")] {
        for secret in ["s3cret", "s3cret/+ &é=1"] {
            let app = Liar::start(move |heard| {
                let next = |at| format!("/people?api_key={}&cursor={at}", encoded(secret));
                guarded(heard, secret, |at| Some((place, next(at))))
            })
            .await;
            let (mut cursor, mut seen) = (None, Vec::new());
            for _ in 0..3 {
                // Nobody remembers anything but the cursor.
                let http = open_knowing(secret, &app.url, &guarded_file(paginate), None).await.unwrap();
                let (events, next) = one(&http, cursor.as_ref()).await;
                seen.extend(keys(&events));
                cursor = Some(stored(&next));
            }
            assert_eq!(seen, ["1", "2", "3"], "{paginate} {secret}");
            assert!(matches!(cursor, Some(Cursor::Changes { .. })), "{cursor:?}");
            assert_eq!(app.heard().len(), 3, "no page was asked for twice");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_an_address_within_the_address_is_not_in_the_cursor() {
    let app = Liar::start(|heard| {
        let inner = |at| encoded(&format!("/people?api_key={}&cursor={at}", encoded("s3cret/1")));
        let next = |at| format!("/people?api_key=s3cret%2F1&back={}&cursor={at}", inner(at));
        guarded(heard, "s3cret/1", |at| Some(("next", next(at))))
    })
    .await;
    let http = open_knowing("s3cret/1", &app.url, &guarded_file(NEXT_URL), None).await.unwrap();
    let (_, cursor) = one(&http, None).await;
    let (events, cursor) = one(&http, Some(&stored(&cursor))).await;
    stored(&cursor);
    assert_eq!(keys(&events), ["2"]);
    let heard = &app.heard()[1];
    let back = percent_decode_str(heard.param("back").unwrap()).decode_utf8_lossy();
    assert_eq!(back, "/people?api_key=s3cret%2F1&cursor=2", "the app gets the address that it gave");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_replaced_while_a_list_is_read_is_the_new_one_in_the_address() {
    let app = Liar::start(|heard| {
        let secret = if heard.param("cursor").is_none() { "s3cret" } else { "an0ther" };
        guarded(heard, secret, |at| Some(("next", format!("/people?cursor={at}&api_key={secret}"))))
    })
    .await;
    let text = guarded_file(NEXT_URL);
    let http = open(&app.url, &text).await.unwrap();
    let (_, cursor) = one(&http, None).await;
    let http = open_knowing("an0ther", &app.url, &text, None).await.unwrap();
    let (events, next) = one(&http, Some(&stored(&cursor))).await;
    assert_eq!(keys(&events), ["2"]);
    stored(&next);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_whose_key_is_gone_is_read_from_its_beginning() {
    let app = Liar::start(|heard| {
        let at = heard.number("cursor").max(1);
        let next = (at < 3).then(|| format!("/people?api_key=s3cret&cursor={}", at + 1));
        Says::json(json!({ "data": [{ "id": at * 10 }, { "id": at * 10 + 1 }], "next": next }))
    })
    .await;
    let http = open(&app.url, &guarded_file(NEXT_URL)).await.unwrap();
    let mut cursor = None;
    // In the middle of the second page.
    for _ in 0..3 {
        cursor = Some(stored(&one(&http, cursor.as_ref()).await.1));
    }
    let open_to_all = guarded_file(NEXT_URL).replace(", params: { api_key: '${env:SECRET}' }", "");
    let http = open(&app.url, &open_to_all).await.unwrap();
    let (events, _) = one(&http, cursor.as_ref()).await;
    assert_eq!(keys(&events), ["10"]);
}

/// Three batches, each by a connection of its own, as after a restart, from the stored cursor.
async fn in_three_lives(url: &str, text: &str) -> Vec<String> {
    let (mut cursor, mut seen) = (None, Vec::new());
    for _ in 0..3 {
        let http = open(url, text).await.unwrap();
        let (events, next) = one(&http, cursor.as_ref()).await;
        seen.extend(keys(&events));
        cursor = Some(stored(&next));
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_the_app_with_a_key_in_it_is_not_in_the_cursor() {
    let app = Liar::start(|heard| {
        let at = match heard.param("after").map(|after| percent_decode_str(after).decode_utf8_lossy()) {
            None => 1,
            Some(after) => after.strip_prefix("s3cret:").and_then(|at| at.parse().ok()).unwrap_or(99),
        };
        let next = (at < 3).then(|| format!("s3cret:{}", at + 1));
        Says::json(json!({ "data": [{ "id": at }], "next": next }))
    })
    .await;
    let text = guarded_file("paginate: { type: cursor, next: $.next, param: after }\n");
    assert_eq!(in_three_lives(&app.url, &text).await, ["1", "2", "3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_in_the_next_address_is_the_one_of_today() {
    let count = AtomicUsize::new(0);
    let app = Liar::start(move |heard| {
        if heard.path == "/token" {
            let n = count.fetch_add(1, Ordering::Relaxed);
            return Says::json(json!({ "access_token": format!("t0ken-{n}"), "expires_in": 3600 }));
        }
        let token = heard.authorization.trim_start_matches("Bearer ");
        if heard.param("access_token").is_some_and(|given| given != token) {
            return Says::json(json!({ "error": "the token is over" })).status(400);
        }
        let at = heard.number("cursor").max(1);
        let next = (at < 3).then(|| format!("/people?access_token={token}&cursor={}", at + 1));
        Says::json(json!({ "data": [{ "id": at }], "next": next }))
    })
    .await;
    let text = format!(
        "base_url: URL\nauth: {{ type: oauth2, grant: client_credentials, token_url: URL/token, client_id: me, client_secret: '${{env:SECRET}}' }}\nresources: {{ people: {{ path: /people, records: $.data }} }}\n{NEXT_URL}"
    );
    assert_eq!(in_three_lives(&app.url, &text).await, ["1", "2", "3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_quoted_in_another_form_does_not_get_into_a_message() {
    for (file, said) in [
        ("params: { tenant: '${env:SECRET}' }", "no ?tenant=s3cret%2Fone here"),
        ("headers: { Authorization: 'Token ${env:SECRET}' }", "no s3cret/one here"),
        ("auth: { type: basic, user: kim, password: '${env:SECRET}' }", "no Basic a2ltOnMzY3JldC9vbmU= here"),
    ] {
        let app = Liar::start(move |_| Says::json(json!({ "error": said })).status(403)).await;
        let text = format!("base_url: URL\nresources: {{ people: {{ path: /people }} }}\n{file}\n");
        let http = open_knowing("s3cret/one", &app.url, &text, None).await.unwrap();
        let error = source(&http, "people").read(None, Limit::default()).await.unwrap_err();
        assert!(error.message.contains("… here"), "{error}");
    }
}
