//! Apps that lie, move, break off and boast: nothing is taken for what it is not, nothing is left out in silence, and no secret is told.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::http::Method;
use serde_json::{Value as Json, json};
use sfsync::connect::http::HttpApp;
use sfsync::connect::{ConnectError, Destination as _, MatchQuery, Source as _, Trace};
use sfsync::model::{Change, Class, Cursor, Key, Value, WriteOp};

use super::liar::{Heard, Liar, Says};
use super::rig::{create, destination, keys, named, open, read_all, row, source, update, write};

const PLAIN: &str = "base_url: URL\nresources: { people: { path: /people } }\n";

async fn list(http: &HttpApp) -> Result<Vec<String>, ConnectError> {
    let (events, ..) = read_all(&mut source(http, "people"), None, 1000).await?;
    Ok(keys(&events))
}

/// What a list answer is taken for.
async fn told(says: Says, resource: &str) -> Result<Vec<String>, ConnectError> {
    let app = Liar::start(move |_| says.clone()).await;
    let text = format!("base_url: URL\nresources: {{ people: {{ path: /people{resource} }} }}\n");
    list(&open(&app.url, &text).await.unwrap()).await
}

fn people(from: usize, to: usize) -> Json {
    (from..to).map(|id| json!({ "id": id, "name": format!("P{id}") })).collect()
}

// Lists.

#[tokio::test(flavor = "multi_thread")]
async fn a_link_with_commas_in_it_is_followed() {
    let app = Liar::start(|heard| match heard.param("page") {
        Some("2") => Says::json(people(3, 4)),
        _ => Says::json(people(1, 3)).header(
            "link",
            "</people?fields=id,name&page=1>; title=\"this, one\"; rel=\"first\", </people?fields=id,name&page=2>; rel=next",
        ),
    })
    .await;
    let text = format!("{PLAIN}paginate: {{ type: link_header }}\n");
    assert_eq!(list(&open(&app.url, &text).await.unwrap()).await.unwrap(), ["1", "2", "3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_beside_an_empty_list_is_no_empty_list() {
    for body in [
        json!({ "ok": false, "data": [] }),
        json!({ "error": "search timed out", "data": [] }),
        json!({ "errors": [{ "message": "shard 3 did not answer" }], "data": [{ "id": 1 }] }),
    ] {
        let error = told(Says::json(&body), ", records: $.data").await.unwrap_err();
        assert_eq!((error.code, error.class), ("R143", Class::Pipeline), "{body}: {error}");
    }
    for body in [
        json!({ "ok": true, "error": 0, "errors": [], "data": [{ "id": 1 }] }),
        json!({ "error": "", "data": [{ "id": 1, "error": "a field of the record" }] }),
    ] {
        assert_eq!(told(Says::json(&body), ", records: $.data").await.unwrap(), ["1"], "{body}");
    }
    let error = told(Says::json(json!({ "error": "no such workspace" })), "").await.unwrap_err();
    assert_eq!(error.code, "R143", "{error}");
    assert!(error.message.contains("no such workspace"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_picks_records_needs_the_list_that_it_picks_from() {
    let picks = ", records: '$.items[*]'";
    assert_eq!(told(Says::json(json!({ "items": [] })), picks).await.unwrap(), [""; 0]);
    assert_eq!(told(Says::json(json!({ "items": [{ "id": 1 }] })), picks).await.unwrap(), ["1"]);
    let some = ", records: '$.items[?@.kind == 1]'";
    assert_eq!(told(Says::json(json!({ "items": [{ "id": 1, "kind": 2 }] })), some).await.unwrap(), [""; 0]);
    for body in [json!({ "data": [{ "id": 1 }] }), json!({ "state": "maintenance" }), json!([])] {
        for picks in [picks, some] {
            let error = told(Says::json(&body), picks).await.unwrap_err();
            assert_eq!((error.code, error.class), ("R141", Class::Pipeline), "{body}: {error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_are_none_and_ids_of_two_records_are_named() {
    for id in ["..", ".", " "] {
        let error = told(Says::json(json!([{ "id": id }])), "").await.unwrap_err();
        assert_eq!(error.code, "R141", "`{id}`: {error}");
    }
    let two = json!([{ "id": 1, "kind": "a", "name": "Kim" }, { "id": 2, "kind": "a", "name": "Lee" }]);
    let error = told(Says::json(&two), ", key: kind").await.unwrap_err();
    assert_eq!(error.code, "R141", "{error}");
    assert!(error.message.contains("records 1 and 2") && error.message.contains("`kind`"), "{error}");
    let twice = json!([{ "id": 1, "name": "Kim" }, { "id": 1, "name": "Kim" }]);
    assert_eq!(told(Says::json(&twice), "").await.unwrap(), ["1", "1"], "the same twice says nothing wrong");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_to_tell_is_an_empty_list_where_the_app_says_so() {
    assert_eq!(told(Says::empty(204), ", records: $.data").await.unwrap(), [""; 0]);
    let error = told(Says::empty(200), "").await.unwrap_err();
    assert_eq!((error.code, error.class), ("R106", Class::TRANSIENT));
    let marked = format!("\u{feff}{}", json!([{ "id": 1 }]));
    assert_eq!(told(Says::json(marked), "").await.unwrap(), ["1"], "a mark of the byte order is no lie");
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_read_exactly_however_large() {
    let body = r#"[{"id": 18446744073709551615, "amount": 0.1000000000000000000001},
                   {"id": 9007199254740993, "amount": 1.5e3}, {"id": "007", "amount": -0}]"#;
    let app = Liar::start(move |_| Says::json(body)).await;
    let http = open(&app.url, PLAIN).await.unwrap();
    let (events, ..) = read_all(&mut source(&http, "people"), None, 10).await.unwrap();
    let amount = |at: usize| match &events[at].change {
        Change::Upsert(row) => row.get(3).to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(keys(&events), ["18446744073709551615", "9007199254740993", "007"]);
    assert_eq!((amount(0), amount(1)), ("0.1000000000000000000001".to_owned(), "1500".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_move_up_while_an_offset_list_is_read_are_not_passed_over() {
    // Whoever asks for the second page finds that records of the first are gone.
    for (deleted, at) in [(1, 4), (3, 4), (4, 8), (9, 8)] {
        let left = Arc::new(Mutex::new((1..=40).collect::<Vec<usize>>()));
        let (rows, hit) = (Arc::clone(&left), AtomicBool::new(false));
        let app = Liar::start(move |heard| {
            let mut rows = rows.lock().unwrap();
            let (offset, limit) = (heard.number("offset"), heard.number("limit"));
            if offset + 1 >= at && offset > 0 && !hit.swap(true, Ordering::Relaxed) {
                rows.drain(..deleted);
            }
            let page: Vec<Json> =
                rows.iter().skip(offset).take(limit).map(|id| json!({ "id": id })).collect();
            Says::json(Json::from(page))
        })
        .await;
        let text =
            format!("{PLAIN}paginate: {{ type: offset, param: offset, size_param: limit, size: 4 }}\n");
        let seen = list(&open(&app.url, &text).await.unwrap()).await.unwrap();
        let missed: Vec<usize> =
            left.lock().unwrap().iter().copied().filter(|id| !seen.contains(&id.to_string())).collect();
        assert_eq!(missed, Vec::<usize>::new(), "{deleted} were deleted at {at}: {seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_knows_no_offset_but_those_of_pages_is_read_to_its_end_once() {
    let app = Liar::start(|heard| {
        let offset = heard.number("offset") / 4 * 4;
        Says::json(people(offset + 1, (offset + 5).min(17)))
    })
    .await;
    let text = format!("{PLAIN}paginate: {{ type: offset, param: offset, size_param: limit, size: 4 }}\n");
    let seen = list(&open(&app.url, &text).await.unwrap()).await.unwrap();
    assert_eq!(seen, (1..17).map(|id| id.to_string()).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_moved_while_its_lost_create_was_looked_for_makes_no_twin() {
    let made = Arc::new(AtomicBool::new(false));
    let first = Arc::clone(&made);
    // Pages by number, which no overlap helps: the record that is looked for moves from the second page to the first in between.
    let app = Liar::start(move |heard| {
        let moved = heard.param("page") == Some("2") && !first.swap(true, Ordering::Relaxed);
        match (heard.param("page"), moved, first.load(Ordering::Relaxed)) {
            (Some("1"), _, false) => Says::json(people(1, 6)),
            (Some("1"), _, true) => {
                Says::json(json!([{ "id": 9, "name": "Kim" }, { "id": 2, "name": "P2" }]))
            }
            _ => Says::json(people(0, 0)),
        }
    })
    .await;
    let text = format!("{PLAIN}paginate: {{ type: page, param: page, size_param: size, size: 5 }}\n");
    let http = open(&app.url, &text).await.unwrap();
    let trace = Trace { key: None, row: named("Kim"), since: jiff::Timestamp::now() };
    let found = destination(&http, "people").trace(&[trace]).await.unwrap();
    assert_eq!(found.iter().map(|found| found.key.as_str()).collect::<Vec<_>>(), ["9"]);
    assert!(made.load(Ordering::Relaxed));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_create_is_found_in_a_list_that_does_not_show_every_field() {
    let app = Liar::start(|heard| match heard.path.as_str() {
        "/people" => Says::json(json!([{ "id": 1, "name": "Kim" }, { "id": 2, "name": "Lee" }])),
        _ => Says::json(json!({ "id": 1, "name": "Kim", "email": "kim@x.com" })),
    })
    .await;
    let http = open(&app.url, PLAIN).await.unwrap();
    let row = row(&[(1, Value::text("Kim")), (2, Value::text("kim@x.com"))]);
    let trace = Trace { key: None, row, since: jiff::Timestamp::now() };
    let found = destination(&http, "people").trace(&[trace]).await.unwrap();
    assert_eq!(found.iter().map(|found| found.key.as_str()).collect::<Vec<_>>(), ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_far_ahead_does_not_end_following() {
    let app = Liar::start(|_| Says::json("[]").header("date", "Fri, 01 Jan 2100 00:00:00 GMT")).await;
    let text = "base_url: URL\nresources: { people: { path: /people, since: since } }\n";
    let http = open(&app.url, text).await.unwrap();
    let (_, next, _) = read_all(&mut source(&http, "people"), None, 10).await.unwrap();
    let Cursor::Changes { upto, .. } = next else { panic!("{next:?}") };
    assert!(upto < jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24), "{upto}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_path_below_parents_is_not_taken_for_records_without_children() {
    let text = "base_url: URL\nresources:\n  tasks: { path: /tasks }\n  notes: { path: '/tasks/{parent.id}/notes', parent: tasks }\n";
    for good in [false, true] {
        let app = Liar::start(move |heard| match heard.path.as_str() {
            "/tasks" => Says::json(people(1, 4)),
            "/tasks/1" | "/tasks/2" | "/tasks/3" => Says::json(json!({ "id": heard.path[7..].to_owned() })),
            "/tasks/3/notes" if good => Says::json(json!([{ "id": 7 }])),
            _ => Says::json(json!({ "error": "not found" })).status(404),
        })
        .await;
        let http = open(&app.url, text).await.unwrap();
        let read = read_all(&mut source(&http, "notes"), None, 10).await;
        match read {
            Ok((events, ..)) => assert!(good && keys(&events) == ["3/7"]),
            Err(error) => assert_eq!((good, error.code), (false, "R143"), "{error}"),
        }
    }
}

// Single records.

#[tokio::test(flavor = "multi_thread")]
async fn who_says_that_a_record_is_not_there_counts() {
    for (says, is_gone) in [
        (Says::json(json!({ "error": "not found" })).status(404), true),
        (Says::empty(404), true),
        (Says::empty(410), true),
        (Says::new(404, "text/plain; charset=utf-8", "404 page not found\n"), false),
        (Says::new(404, "text/html", "<h1>Not Found</h1>"), false),
    ] {
        let app = Liar::start(move |_| says.clone()).await;
        let http = open(&app.url, PLAIN).await.unwrap();
        let key = [Key::app("1")];
        let told = source(&http, "people").fetch(&key).await;
        let deleted = told.is_ok_and(|events| keys(&events) == ["-1"]);
        assert_eq!(deleted, is_gone);
        let deleted =
            write(&mut destination(&http, "people"), vec![WriteOp::Delete { key: key[0].clone() }]).await;
        assert_eq!(deleted.is_ok_and(|outcomes| outcomes == ["unchanged 1"]), is_gone);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_that_names_the_record_is_no_record() {
    let answers = [
        (json!({ "success": false, "id": 1, "message": "the record is locked" }), ""),
        (json!({ "error": "the record is locked", "data": { "id": 1, "name": "Kim" } }), ", record: $.data"),
    ];
    for (body, resource) in answers {
        let said = body.clone();
        let app = Liar::start(move |_| Says::json(&said)).await;
        let text = format!("base_url: URL\nresources: {{ people: {{ path: /people{resource} }} }}\n");
        let http = open(&app.url, &text).await.unwrap();
        let mut to = destination(&http, "people");
        let outcomes = write(&mut to, vec![update("1", "Kim II"), create("Kim")]).await.unwrap();
        for outcome in outcomes {
            assert!(outcome.contains("rejected R241") && outcome.contains("is locked"), "{body}: {outcome}");
        }
        let error = source(&http, "people").fetch(&[Key::app("1")]).await.unwrap_err();
        assert_eq!(error.code, "R143", "an error does not empty the other side: {error}");
    }
    // Fields of a record may have such names.
    let app =
        Liar::start(|_| Says::json(json!({ "id": 1, "name": "Kim", "success": false, "error": "x" }))).await;
    let http = open(&app.url, PLAIN).await.unwrap();
    let outcomes = write(&mut destination(&http, "people"), vec![update("1", "Kim II")]).await.unwrap();
    assert_eq!(outcomes, ["written 1"]);
    assert_eq!(source(&http, "people").fetch(&[Key::app("1")]).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_leads_to_its_record_and_nowhere_else() {
    let app = Liar::start(|_| Says::json(json!({ "id": "a/b" }))).await;
    let http = open(&app.url, PLAIN).await.unwrap();
    let mut to = destination(&http, "people");
    for key in ["..", ".", ""] {
        let outcomes = write(&mut to, vec![WriteOp::Delete { key: Key::app(key) }]).await;
        assert!(
            outcomes.is_err() || outcomes.as_ref().is_ok_and(|all| all[0].contains("rejected")),
            "{outcomes:?}"
        );
    }
    assert_eq!(app.heard().len(), 0, "nothing is sent: {:?}", app.heard());
    for (key, path) in [
        ("a/../b", "/people/a%2F..%2Fb"),
        ("x?y#z", "/people/x%3Fy%23z"),
        ("ä\r\nx: y", "/people/%C3%A4%0D%0Ax%3A%20y"),
    ] {
        write(&mut to, vec![WriteOp::Delete { key: Key::app(key) }]).await.unwrap();
        assert_eq!(app.heard().last().unwrap().path, path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parent_that_is_gone_costs_its_own_records_only() {
    let text = "base_url: URL\nconcurrency: 1\nresources:\n  tasks: { path: /tasks }\n  notes: { path: '/tasks/{parent.id}/notes', parent: tasks }\n";
    let app = Liar::start(|heard| match heard.path.as_str() {
        "/tasks/1/notes" => Says::json(json!({ "error": "no such task" })).status(404),
        _ => Says::json(json!({ "id": 5 })).status(201),
    })
    .await;
    let http = open(&app.url, text).await.unwrap();
    let mut to = destination(&http, "notes");
    let note =
        |parent: &str| WriteOp::Create { row: row(&[(1, Value::text("x")), (5, Value::text(parent))]) };
    let outcomes = write(&mut to, vec![note("1"), note("2")]).await.unwrap();
    assert!(outcomes[0].contains("rejected R241") && outcomes[0].contains("no such task"), "{outcomes:?}");
    assert!(outcomes[1].starts_with("written"), "{outcomes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_cannot_create_is_not_asked_for_every_record() {
    let app = Liar::start(|_| Says::json(json!({ "error": "not implemented" })).status(501)).await;
    let http = open(&app.url, &format!("{PLAIN}concurrency: 1\n")).await.unwrap();
    let ops = (0..5).map(|_| create("Kim")).collect();
    assert!(write(&mut destination(&http, "people"), ops).await.is_err());
    assert_eq!(app.heard().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_anybody_is_nobody() {
    let app = Liar::start(|_| Says::empty(204)).await;
    let text = "base_url: URL\nresources: { people: { path: /people, find: { email: 'GET /people?email={value}' } } }\n";
    let http = open(&app.url, text).await.unwrap();
    let query = MatchQuery::exact(2, vec![Value::text("kim@x.com")]);
    assert_eq!(destination(&http, "people").find(&query).await.unwrap().len(), 0);
}

// Pauses.

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_without_an_end_is_an_answer_too() {
    let app = Liar::start(|_| Says::empty(429).header("retry-after", u64::MAX)).await;
    let http = open(&app.url, PLAIN).await.unwrap();
    for _ in 0..2 {
        let error = list(&http).await.unwrap_err();
        assert_eq!(error.code, "R103");
        let Class::Transient { retry_after: Some(pause) } = error.class else { panic!("{error:?}") };
        assert!(pause.as_secs() <= 86_400, "a day is long enough to look again: {pause:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_is_being_mended_says_for_how_long() {
    let app = Liar::start(|_| Says::empty(503).header("retry-after", 300)).await;
    let error = list(&open(&app.url, PLAIN).await.unwrap()).await.unwrap_err();
    let pause = Some(std::time::Duration::from_secs(300));
    assert_eq!((error.code, error.class), ("R102", Class::Transient { retry_after: pause }));
    assert_eq!(app.heard().len(), 1, "nobody knocks again before");
}

// Signing in.

const OAUTH: &str = "base_url: URL\nauth: { type: oauth2, grant: refresh_token, token_url: URL/token, client_id: me, client_secret: '${env:SECRET}', refresh_token: '${env:SECRET}' }\nresources: { people: { path: /people } }\n";

/// An app whose token address answers so; a number is counted up in `{n}`.
async fn signs_in(token: &'static str) -> Liar {
    let count = AtomicUsize::new(0);
    Liar::start(move |heard| match heard.path.as_str() {
        "/token" => {
            let n = count.fetch_add(1, Ordering::Relaxed).to_string();
            Says::json(token.replace("{n}", &n))
        }
        _ => Says::json(json!([{ "id": 1 }])),
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn how_long_a_token_holds_is_read_as_it_is_meant() {
    for (lasts, asked) in [
        ("18446744073709551615", 1),
        ("3600.0", 1),
        ("\"3600\"", 1),
        ("30", 1),
        ("null", 1),
        // It is over when it comes: every request needs another.
        ("0", 3),
        ("-5", 3),
    ] {
        let token: &'static str =
            Box::leak(format!(r#"{{"access_token": "t{{n}}", "expires_in": {lasts}}}"#).into_boxed_str());
        let app = signs_in(token).await;
        let http = open(&app.url, OAUTH).await.unwrap();
        for _ in 0..3 {
            list(&http).await.unwrap();
        }
        assert_eq!(app.count(&Method::POST, "/token"), asked, "{lasts}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_address_that_breaks_leaves_no_create_in_doubt() {
    let app = Liar::start(|heard| match heard.path.as_str() {
        "/token" => Says::broken(),
        _ => Says::json(json!({ "id": 1 })),
    })
    .await;
    let http = open(&app.url, OAUTH).await.unwrap();
    let error = write(&mut destination(&http, "people"), vec![create("Kim")]).await.unwrap_err();
    assert_eq!(error.class, Class::TRANSIENT, "{error}");
    assert_eq!(app.count(&Method::POST, "/people"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_is_not_lost_with_the_run_that_asked_for_it() {
    // Each refresh token works once. The first answer comes when nobody waits for it any more.
    let (go, good) = (Arc::new(tokio::sync::Notify::new()), Arc::new(Mutex::new("s3cret".to_owned())));
    let (opens, current) = (Arc::clone(&go), Arc::clone(&good));
    let app = Liar::start_slow(move |heard: Heard| {
        let (opens, current) = (Arc::clone(&opens), Arc::clone(&current));
        async move {
            if heard.path != "/token" {
                return Says::json(json!([{ "id": 1 }]));
            }
            {
                let mut current = current.lock().unwrap();
                if !heard.body.contains(&format!("refresh_token={current}")) {
                    return Says::json(json!({ "error": "invalid_grant" })).status(400);
                }
                *current = "another".to_owned();
            }
            opens.notified().await;
            Says::json(json!({ "access_token": "t", "expires_in": 0, "refresh_token": "another" }))
        }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(sfsync::store::Store::open(folder.path(), &sfsync::store::StoreKey::File).unwrap());
    let http = super::rig::open_with(&app.url, OAUTH, Some(store)).await.unwrap();
    let asking = tokio::spawn({
        let http = http.clone();
        async move { list(&http).await }
    });
    while app.count(&Method::POST, "/token") == 0 {
        tokio::task::yield_now().await;
    }
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    go.notify_one();
    go.notify_one();
    let again = tokio::spawn(async move { list(&http).await });
    while !again.is_finished() {
        go.notify_one();
        tokio::task::yield_now().await;
    }
    assert_eq!(again.await.unwrap().unwrap(), ["1"]);
}

// Addresses and secrets.

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_nothing_can_be_added_to_is_refused() {
    for base in ["https://api.example.com/v1?tenant=7", "https://api.example.com/v1#top"] {
        let text = format!("base_url: '{base}'\nresources: {{ people: {{ path: /people }} }}\n");
        let error = open("", &text).await.unwrap_err();
        assert_eq!(error.code, "R125", "{base}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_quotes_a_secret_does_not_get_it_into_a_message() {
    for auth in [
        "auth: { type: bearer, token: '${env:SECRET}' }",
        "auth: { type: basic, user: kim, password: '${env:SECRET}' }",
        "auth: { type: api_key, key: '${env:SECRET}', header: X-Key }",
        "auth: { type: api_key, key: '${env:SECRET}', param: key }",
        "headers: { X-Tenant: '${env:SECRET}' }",
        "params: { tenant: '${env:SECRET}' }",
    ] {
        let app =
            Liar::start(|_| Says::json(json!({ "error": "the key s3cret may not do that" })).status(403))
                .await;
        let http = open(&app.url, &format!("{PLAIN}{auth}\n")).await.unwrap();
        let error = list(&http).await.unwrap_err();
        assert!(error.message.contains("the key … may not do that"), "{error}");
        let outcomes = write(&mut destination(&http, "people"), vec![create("Kim")]).await.unwrap();
        assert!(outcomes[0].contains("may not do that") && !outcomes[0].contains("s3cret"), "{outcomes:?}");
    }
    let app = Liar::start(|heard| match heard.path.as_str() {
        "/token" => Says::json(json!({ "access_token": "t0ken-of-today" })),
        _ => Says::json(json!({ "error": format!("bad header: {}", heard.authorization) })).status(403),
    })
    .await;
    let error = list(&open(&app.url, OAUTH).await.unwrap()).await.unwrap_err();
    assert!(error.message.contains("bad header") && !error.message.contains("t0ken"), "{error}");
}
