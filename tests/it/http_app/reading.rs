//! Lists of all kinds are read to their end, once each, from any place; what lies is named.

use axum::http::Method;
use serde_json::json;
use sfsync::connect::{ConnectError, Source};
use sfsync::model::{Change, Class, Cursor, Key, Value};

use super::rig::{keys, open, read_all, source};
use crate::harness::app::{App, AppConfig, AppPages, AppResource, Fault};

const PEOPLE: &str = "/people";

fn people() -> AppResource {
    AppResource { records: Some("data"), ..AppResource::new(PEOPLE) }
}

async fn app_with(pages: AppPages, count: usize, resource: AppResource) -> App {
    let app = App::start(AppConfig { pages, page: 10, ..AppConfig::new(vec![resource]) }).await;
    for at in 0..count {
        app.put(PEOPLE, json!({ "name": format!("Person {at}") }));
    }
    app
}

fn file(paginate: &str) -> String {
    format!(
        "base_url: URL\npaginate: {paginate}\nresources: {{ people: {{ path: /people, records: $.data }} }}\n"
    )
}

/// How lists go on in the app, and how a file says so.
const WAYS: &[(AppPages, &str)] = &[
    (AppPages::Whole, "{ type: none }"),
    (AppPages::Page, "{ type: page, param: page, size_param: per_page, size: 10 }"),
    (AppPages::Page, "{ type: page, param: page }"),
    (AppPages::Page, "{ type: page, param: page, size_param: per_page, size: 200 }"),
    (AppPages::Offset, "{ type: offset, param: offset, size_param: limit, size: 10 }"),
    (AppPages::Offset, "{ type: offset, param: offset }"),
    (AppPages::Cursor, "{ type: cursor, next: $.meta.next_cursor, param: cursor }"),
    (AppPages::NextUrl, "{ type: next_url, next: $.links.next }"),
    (AppPages::Link, "{ type: link_header }"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_list_is_read_to_its_end_once() {
    for count in [0, 1, 10, 37] {
        for (pages, paginate) in WAYS {
            let app = app_with(*pages, count, people()).await;
            let http = open(&app.url, &file(paginate)).await.unwrap();
            let (events, next, _) = read_all(&mut source(&http, "people"), None, 1000).await.unwrap();
            let wanted: Vec<String> = (1..=count).map(|at| at.to_string()).collect();
            assert_eq!(keys(&events), wanted, "{paginate}");
            assert!(matches!(next, Cursor::Changes { within: None, .. }), "{paginate}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_is_taken_up_from_any_batch_by_another_process() {
    for (pages, paginate) in WAYS {
        let app = app_with(*pages, 37, people()).await;
        let http = open(&app.url, &file(paginate)).await.unwrap();
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            // Somebody else every time: nothing but the cursor is known.
            let limit = sfsync::connect::Limit { records: 4, ..Default::default() };
            let read = source(&http, "people").read(cursor.as_ref(), limit).await.unwrap();
            let sfsync::model::Read::Batch { events, next, .. } = read else { panic!("no cursor is lost") };
            assert!(events.len() <= 4, "{paginate}");
            seen.extend(keys(&events));
            if matches!(next, Cursor::Changes { .. }) {
                break;
            }
            cursor = Some(next);
        }
        assert_eq!(seen, (1..=37).map(|at| at.to_string()).collect::<Vec<_>>(), "{paginate}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_way_through_a_list_asks_for_each_page_once() {
    let app = app_with(AppPages::Cursor, 37, people()).await;
    let http =
        open(&app.url, &file("{ type: cursor, next: $.meta.next_cursor, param: cursor }")).await.unwrap();
    let (events, _, batches) = read_all(&mut source(&http, "people"), None, 3).await.unwrap();
    assert_eq!((events.len(), batches), (37, 13));
    assert_eq!(app.count(&Method::GET, PEOPLE), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_asked_for_by_since_and_deletes_are_told_by_their_mark() {
    let resource = AppResource {
        updated: Some("updated_at"),
        since: Some("since"),
        deleted: Some("archived"),
        ..people()
    };
    let app = app_with(AppPages::Page, 3, resource).await;
    let text = "base_url: URL\nresources:\n  people: { path: /people, records: $.data, updated_at: updated_at, since: since, deleted: archived }\n";
    let http = open(&app.url, text).await.unwrap();
    let mut source = source(&http, "people");
    let (_, loaded, _) = read_all(&mut source, None, 100).await.unwrap();
    app.edit(PEOPLE, 2, json!({ "name": "Renamed" }));
    app.remove(PEOPLE, 3);
    app.forget();
    let (events, next, _) = read_all(&mut source, Some(loaded.clone()), 100).await.unwrap();
    assert_eq!(keys(&events), ["1", "2", "-3"], "windows overlap, so the first comes again");
    assert!(events.iter().all(|event| event.version.is_some()));
    let asked: jiff::Timestamp = app.seen()[0].param("since").expect("it asks since").parse().unwrap();
    let Cursor::Changes { upto, .. } = loaded else { panic!("loaded") };
    assert_eq!((upto - asked).get_seconds().abs() / 60 + (upto - asked).get_minutes(), 10);
    assert!(matches!(next, Cursor::Changes { within: None, .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_since_a_look_passes_over_what_did_not_change() {
    let resource = AppResource { updated: Some("updated_at"), ..people() };
    let app = app_with(AppPages::Whole, 2, resource).await;
    let text =
        "base_url: URL\nresources: { people: { path: /people, records: $.data, updated_at: updated_at } }\n";
    let http = open(&app.url, text).await.unwrap();
    let mut source = source(&http, "people");
    let later = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
    let from = |upto| Some(Cursor::Changes { upto, within: None });
    assert_eq!(read_all(&mut source, from(later), 100).await.unwrap().0.len(), 0);
    assert_eq!(read_all(&mut source, from(jiff::Timestamp::now()), 100).await.unwrap().0.len(), 2);
    let text = "base_url: URL\nresources: { people: { path: /people, records: $.data } }\n";
    let http = open(&app.url, text).await.unwrap();
    let mut source = super::rig::source(&http, "people");
    assert_eq!(
        read_all(&mut source, from(later), 100).await.unwrap().0.len(),
        2,
        "nothing tells, so all come"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_parents_are_read_below_each_of_them() {
    let comments = AppResource { parent: Some("task_id"), ..AppResource::new("/tasks/{parent}/comments") };
    let config = AppConfig {
        pages: AppPages::Page,
        page: 2,
        ..AppConfig::new(vec![AppResource::new("/tasks"), comments])
    };
    let app = App::start(config).await;
    let tasks: Vec<u64> = (0..5).map(|at| app.put("/tasks", json!({ "name": format!("T{at}") }))).collect();
    for (task, count) in [(tasks[0], 3), (tasks[3], 2), (tasks[4], 1)] {
        for at in 0..count {
            app.put("/tasks/{parent}/comments", json!({ "task_id": task, "name": format!("C{at}") }));
        }
    }
    let text = "base_url: URL\npaginate: { type: page, param: page, size_param: per_page, size: 2 }\nresources:\n  tasks: { path: /tasks }\n  comments: { path: '/tasks/{parent.id}/comments', parent: tasks }\n";
    let http = open(&app.url, text).await.unwrap();
    for limit in [1, 2, 100] {
        let (events, _, _) = read_all(&mut source(&http, "comments"), None, limit).await.unwrap();
        assert_eq!(keys(&events), ["1/6", "1/7", "1/8", "4/9", "4/10", "5/11"]);
        let Change::Upsert(row) = &events[3].change else { panic!("a record") };
        assert_eq!(row.get(5), &Value::text("4"), "`parent.id`");
    }
    let asked = source(&http, "comments").fetch(&[Key::app("4/9"), Key::app("4/99")]).await.unwrap();
    assert_eq!(keys(&asked), ["4/9", "-4/99"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_asked_for_is_there_or_surely_not() {
    let app = app_with(AppPages::Whole, 2, people()).await;
    let http = open(&app.url, &file("{ type: none }")).await.unwrap();
    let asked = source(&http, "people").fetch(&[Key::app("2"), Key::app("9")]).await.unwrap();
    assert_eq!(keys(&asked), ["2", "-9"]);
    let text = "base_url: URL\nresources: { people: { path: /people, records: $.data, get: none } }\n";
    let http = open(&app.url, text).await.unwrap();
    let asked = source(&http, "people").fetch(&[Key::app("2"), Key::app("9")]).await.unwrap();
    assert_eq!(keys(&asked), ["2"], "what a list lacks is no evidence");
}

async fn error_of(app: &App, text: &str) -> ConnectError {
    let http = open(&app.url, text).await.unwrap();
    read_all(&mut source(&http, "people"), None, 100).await.expect_err("it lies")
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_without_an_end_are_named() {
    for (pages, paginate, why) in [
        (
            AppPages::Deaf,
            "{ type: page, param: page, size_param: per_page, size: 10 }",
            "the same records again",
        ),
        (AppPages::Circle, "{ type: next_url, next: $.links.next }", "read already"),
        (AppPages::Endless, "{ type: next_url, next: $.links.next }", "without a record"),
    ] {
        let app = app_with(pages, 15, people()).await;
        let error = error_of(&app, &file(paginate)).await;
        assert_eq!((error.code, error.class), ("R142", Class::Pipeline));
        assert!(error.message.contains(why) && error.message.contains("GET /people"), "{error}");
        assert!(error.help.unwrap().contains("paginate"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_lie_are_named_with_their_place_and_the_way_out() {
    for (body, code, says, help) in [
        (r#"{"items": []}"#, "R141", "nothing at `$.data`", "the answer has `items`"),
        (r#"{"data": {"id": 1}}"#, "R141", "an object at `$.data`", "`records`"),
        (
            r#"{"data": [{"id": 1}, {"name": "Kim"}]}"#,
            "R141",
            "record 2 of the answer has no id at `id`",
            "the record has `name`",
        ),
        (r#"{"data": [{"id": ""}]}"#, "R141", "no id", "`key`"),
        (r#"{"data": ["Kim"]}"#, "R141", "record 1 of the answer is a text", "`records`"),
        (r#"{"error": "no such workspace"}"#, "R143", "no such workspace", "own words"),
        (r#"{"data": [{"id": 1"#, "R106", "no JSON", "again"),
    ] {
        let app = app_with(AppPages::Whole, 0, people()).await;
        app.fault(Method::GET, PEOPLE, Fault::Says(body));
        let error = error_of(&app, &file("{ type: none }")).await;
        assert_eq!(error.code, code, "{error}");
        assert!(error.message.contains(says), "{error}");
        assert!(error.message.starts_with("app: GET /people"), "{error}");
        assert!(error.help.as_ref().is_some_and(|text| text.contains(help)), "{:?}", error.help);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_page_is_no_answer_and_no_delete() {
    let app = app_with(AppPages::Whole, 1, people()).await;
    app.fault(Method::GET, PEOPLE, Fault::Page);
    let error = error_of(&app, &file("{ type: none }")).await;
    assert_eq!((error.code, error.class), ("R106", Class::Pipeline));
    assert!(error.message.contains("a web page instead of JSON"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_are_repeated_where_the_app_fails_and_429_is_obeyed() {
    let app = app_with(AppPages::Whole, 3, people()).await;
    app.fault(Method::GET, PEOPLE, Fault::Status(502, ""));
    app.fault(Method::GET, PEOPLE, Fault::SlowDown(0));
    app.fault(Method::GET, PEOPLE, Fault::LoseAnswer);
    let http = open(&app.url, &file("{ type: none }")).await.unwrap();
    let (events, _, _) = read_all(&mut source(&http, "people"), None, 100).await.unwrap();
    assert_eq!((events.len(), app.faults_left(), app.count(&Method::GET, PEOPLE)), (3, 0, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_pause_that_the_app_asks_for_is_handed_on() {
    let app = app_with(AppPages::Whole, 3, people()).await;
    app.fault(Method::GET, PEOPLE, Fault::SlowDown(600));
    let error = error_of(&app, &file("{ type: none }")).await;
    let pause = Some(std::time::Duration::from_secs(600));
    assert_eq!((error.code, error.class), ("R103", Class::Transient { retry_after: pause }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_list_tells_the_apps_own_words() {
    let app = app_with(AppPages::Whole, 3, people()).await;
    app.fault(
        Method::GET,
        PEOPLE,
        Fault::Status(403, r#"{"error": {"message": "scope people:read is missing"}}"#),
    );
    let error = error_of(&app, &file("{ type: none }")).await;
    assert_eq!((error.code, error.class), ("R143", Class::Pipeline));
    assert!(error.message.contains("403: scope people:read is missing"), "{error}");
}
