//! Writes: one outcome per record, no twin after a lost answer, nothing that the connection forbids.

use axum::http::Method;
use jiff::Timestamp;
use serde_json::{Value as Json, json};
use sfsync::connect::{Destination, MatchQuery, Trace};
use sfsync::expr::NormalForm;
use sfsync::model::{Class, Key, Value, WriteOp};

use super::rig::{create, destination, named, open, row, update, write};
use crate::harness::app::{App, AppConfig, AppPages, AppResource, Fault};

const PEOPLE: &str = "/people";

fn people() -> AppResource {
    AppResource {
        finds: &[("email", "email")],
        required: &["name"],
        unique: &["email"],
        ..AppResource::new(PEOPLE)
    }
}

async fn app() -> App {
    App::start(AppConfig::new(vec![people()])).await
}

const FILE: &str =
    "base_url: URL\nresources: { people: { path: /people, find: { email: 'GET /people?email={value}' } } }\n";

#[tokio::test(flavor = "multi_thread")]
async fn records_are_made_changed_and_deleted() {
    let app = app().await;
    let http = open(&app.url, &format!("{FILE}concurrency: 1\n")).await.unwrap();
    let mut to = destination(&http, "people");
    let whole = row(&[
        (1, Value::text("Kim")),
        (3, Value::Decimal("12345678901234567890.12".parse().unwrap())),
        (4, Value::text("Oulu")),
    ]);
    let made = write(&mut to, vec![WriteOp::Create { row: whole }, create("Lee")]).await.unwrap();
    assert_eq!(made, ["written 1", "written 2"]);
    let kim = &app.records(PEOPLE)[0];
    assert_eq!(kim["amount"].to_string(), "12345678901234567890.12", "exactly");
    assert_eq!(kim["address"], json!({ "city": "Oulu" }));
    assert!(!kim.contains_key("email"), "what is absent is not sent");
    let changed = vec![
        update("1", "Kim II"),
        WriteOp::Update { key: Key::app("2"), row: row(&[(2, Value::Null)]), expected: None },
        update("9", "Nobody"),
        WriteOp::Delete { key: Key::app("9") },
        WriteOp::Archive { key: Key::app("2"), row: named("Lee, archived") },
    ];
    let outcomes = write(&mut to, changed).await.unwrap();
    assert_eq!(outcomes, ["written 1", "written 2", "stale", "unchanged 9", "written 2"]);
    assert_eq!(app.records(PEOPLE)[1]["name"], json!("Lee, archived"));
    assert_eq!(app.records(PEOPLE)[1]["email"], Json::Null, "cleared, not left out");
    assert_eq!(write(&mut to, vec![WriteOp::Delete { key: Key::app("1") }]).await.unwrap(), ["written 1"]);
    assert_eq!(app.records(PEOPLE).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_record_never_costs_its_neighbours() {
    let app = app().await;
    let http = open(&app.url, FILE).await.unwrap();
    let mut to = destination(&http, "people");
    let mail =
        |name: &str| WriteOp::Create { row: row(&[(1, Value::text(name)), (2, Value::text("a@b.fi"))]) };
    let nameless = WriteOp::Create { row: row(&[(2, Value::text("x@y.fi"))]) };
    let outcomes = write(&mut to, vec![mail("Kim")]).await.unwrap();
    assert_eq!(outcomes, ["written 1"]);
    let outcomes = write(&mut to, vec![nameless, mail("Twin"), create("Lee")]).await.unwrap();
    assert!(
        outcomes[0].contains("rejected R241") && outcomes[0].contains("name is required"),
        "{outcomes:?}"
    );
    assert!(outcomes[1].contains("rejected R242") && outcomes[1].contains("email is taken"), "{outcomes:?}");
    assert_eq!(outcomes[2], "written 2");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_to_creates_are_read_wherever_the_record_is() {
    for (resource, text) in [
        (people(), "path: /people"),
        (AppResource { record: Some("data"), ..people() }, "path: /people, record: $.data"),
        (
            AppResource { record: Some("person"), wrap: Some("person"), ..people() },
            "path: /people, wrap: person",
        ),
        (
            AppResource { record: Some("data"), records: Some("data"), ..people() },
            "path: /people, records: $.data",
        ),
        (AppResource { only_location: true, ..people() }, "path: /people"),
    ] {
        let app = App::start(AppConfig::new(vec![resource])).await;
        let http =
            open(&app.url, &format!("base_url: URL\nresources: {{ people: {{ {text} }} }}\n")).await.unwrap();
        let mut to = destination(&http, "people");
        assert_eq!(write(&mut to, vec![create("Kim")]).await.unwrap(), ["written 1"], "{text}");
        let found = to.fetch(&[Key::app("1"), Key::app("7")]).await.unwrap();
        assert_eq!(found.len(), 1, "{text}");
        assert_eq!(found[0].1.get(1), &Value::text("Kim"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_in_a_good_answer_is_a_refusal() {
    let app = app().await;
    let http = open(&app.url, FILE).await.unwrap();
    let mut to = destination(&http, "people");
    app.put(PEOPLE, json!({ "name": "Kim" }));
    app.fault(Method::POST, PEOPLE, Fault::Says(r#"{"ok": false, "error": "quota of people is used up"}"#));
    app.fault(Method::PATCH, PEOPLE, Fault::Says(r#"{"errors": ["name is too long"]}"#));
    let outcomes = write(&mut to, vec![create("Lee"), update("1", "Kim II")]).await.unwrap();
    assert!(outcomes[0].contains("rejected") && outcomes[0].contains("quota of people"), "{outcomes:?}");
    assert!(outcomes[1].contains("rejected") && outcomes[1].contains("too long"), "{outcomes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_whose_answer_is_lost_is_found_by_its_values() {
    for text in [FILE, "base_url: URL\nresources: { people: { path: /people } }\n"] {
        let app = app().await;
        let http = open(&app.url, text).await.unwrap();
        let mut to = destination(&http, "people");
        app.put(PEOPLE, json!({ "name": "Lee" }));
        for (fault, place) in [(Fault::LoseAnswer, 0), (Fault::DoneBut(500), 1), (Fault::DoneBut(201), 2)] {
            app.fault(Method::POST, PEOPLE, fault);
            let mail = format!("kim{place}@acme.fi");
            let row = row(&[(1, Value::text("Kim")), (2, Value::text(&mail)), (3, Value::Int(5))]);
            let outcomes = write(&mut to, vec![WriteOp::Create { row: row.clone() }]).await.unwrap();
            assert!(outcomes[0].starts_with("unknown"), "{outcomes:?}");
            let traces = [
                Trace { key: None, row, since: Timestamp::now() },
                Trace { key: None, row: named("Nobody"), since: Timestamp::now() },
            ];
            let found = to.trace(&traces).await.unwrap();
            assert_eq!(found.len(), 1, "{text}");
            assert_eq!((found[0].value, found[0].key.as_str()), (0, (place + 2).to_string().as_str()));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_does_not_answer_is_not_waited_for_longer_than_its_timeout() {
    let app = app().await;
    let http = open(&app.url, &format!("{FILE}timeout: 1 second\n")).await.unwrap();
    let mut to = destination(&http, "people");
    app.fault(Method::POST, PEOPLE, Fault::Silence);
    let outcomes = write(&mut to, vec![create("Kim")]).await.unwrap();
    assert!(outcomes[0].starts_with("unknown R101"), "{outcomes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_knows_attempts_gets_the_same_create_again() {
    let app = app().await;
    let text = format!("{FILE}idempotency_header: Idempotency-Key\n");
    let http = open(&app.url, &text).await.unwrap();
    let mut to = destination(&http, "people");
    app.fault(Method::POST, PEOPLE, Fault::LoseAnswer);
    assert_eq!(write(&mut to, vec![create("Kim")]).await.unwrap(), ["written 1"]);
    assert_eq!((app.records(PEOPLE).len(), app.count(&Method::POST, PEOPLE)), (1, 2));
    write(&mut to, vec![create("Kim")]).await.unwrap();
    assert_eq!(app.records(PEOPLE).len(), 2, "another create has another name");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_concerns_all_records_ends_the_batch_and_nothing_is_taken_for_a_failure() {
    let app = app().await;
    let http = open(&app.url, &format!("{FILE}concurrency: 1\n")).await.unwrap();
    let mut to = destination(&http, "people");
    app.fault(Method::POST, PEOPLE, Fault::Status(401, "{}"));
    let error = write(&mut to, vec![create("A"), create("B")]).await.unwrap_err();
    assert_eq!((error.code, error.class), ("R104", Class::Session));
    assert_eq!(app.count(&Method::POST, PEOPLE), 1, "the second was not sent");
    app.fault(Method::PATCH, PEOPLE, Fault::SlowDown(900));
    let outcomes = write(&mut to, vec![create("A"), update("1", "B"), create("C")]).await.unwrap();
    assert_eq!(outcomes, ["written 1", "stale", "stale"], "what was not sent is decided again");
    assert_eq!(app.records(PEOPLE).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_fails_for_everybody_is_not_the_records_fault() {
    let app = app().await;
    let http = open(&app.url, &format!("{FILE}concurrency: 1\n")).await.unwrap();
    let mut to = destination(&http, "people");
    let ops: Vec<WriteOp> = (1..=20)
        .map(|at| {
            app.put(PEOPLE, json!({ "name": "x" }));
            update(&at.to_string(), "y")
        })
        .collect();
    app.fault(Method::PATCH, PEOPLE, Fault::Status(500, ""));
    let outcomes = write(&mut to, ops.clone()).await.unwrap();
    assert!(outcomes[0].starts_with("rejected R102"), "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|outcome| outcome.starts_with("written")).count(), 19);
    for _ in 0..20 {
        app.fault(Method::PATCH, PEOPLE, Fault::Status(500, ""));
    }
    app.forget();
    let error = write(&mut to, ops).await.unwrap_err();
    assert_eq!((error.code, error.class, app.count(&Method::PATCH, PEOPLE)), ("R102", Class::TRANSIENT, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_found_by_the_app_or_in_its_list() {
    for text in [FILE, "base_url: URL\nresources: { people: { path: /people } }\n"] {
        let app = app().await;
        let http = open(&app.url, text).await.unwrap();
        let mut to = destination(&http, "people");
        for mail in ["kim@acme.fi", "lee@acme.fi", "jane+x@acme.fi"] {
            app.put(PEOPLE, json!({ "name": "x", "email": mail }));
        }
        let values = ["lee@acme.fi", "nobody@acme.fi", "jane+x@acme.fi"].map(Value::text).to_vec();
        let query = MatchQuery::exact(2, values);
        let found = to.find(&query).await.unwrap();
        let mut found: Vec<(usize, String)> =
            found.iter().map(|hit| (hit.value, hit.key.to_string())).collect();
        found.sort();
        assert_eq!(found, [(0, "2".to_owned()), (2, "3".to_owned())]);
        let row = row(&[(1, Value::text("New")), (2, Value::text("new@acme.fi"))]);
        write(&mut to, vec![WriteOp::Create { row }]).await.unwrap();
        let found = to.find(&MatchQuery::exact(2, vec![Value::text("NEW@acme.fi ")])).await.unwrap();
        let is_exact = text == FILE;
        assert_eq!(found.len(), usize::from(!is_exact), "the index knows own writes, whatever their case");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_compares_letter_by_letter_is_found_out_and_its_list_is_read() {
    let app = app().await;
    let http = open(&app.url, FILE).await.unwrap();
    let mut to = destination(&http, "people");
    for mail in ["kim@acme.fi", "Jane.Doe@Acme.fi"] {
        app.put(PEOPLE, json!({ "name": "x", "email": mail }));
    }
    let mails = ["jane.doe@acme.fi", "nobody@acme.fi", "kim@acme.fi"].map(Value::text).to_vec();
    let exact = MatchQuery::exact(2, mails);
    assert_eq!(to.find(&exact).await.unwrap().len(), 1, "nothing says that other letters are the same");
    let query = MatchQuery { form: Some(NormalForm::Email), ..exact };
    let found = to.find(&query).await.unwrap();
    let mut found: Vec<(usize, String)> = found.iter().map(|hit| (hit.value, hit.key.to_string())).collect();
    found.sort();
    assert_eq!(found, [(0, "2".to_owned()), (2, "1".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_finds_every_spelling_is_asked_and_its_list_is_not_read() {
    let any_case = AppResource { finds_any_case: &["email"], ..people() };
    let config = AppConfig { pages: AppPages::Page, page: 10, ..AppConfig::new(vec![any_case]) };
    let app = App::start(config).await;
    for at in 0..300 {
        app.put(PEOPLE, json!({ "name": "x", "email": format!("p{at}@acme.fi") }));
    }
    let paged = format!("{FILE}paginate: {{ type: page, param: page, size_param: per_page, size: 10 }}\n");
    let http = open(&app.url, &paged).await.unwrap();
    let mut to = destination(&http, "people");
    let query = |mail: &str| MatchQuery {
        form: Some(NormalForm::Email),
        ..MatchQuery::exact(2, vec![Value::text(mail)])
    };
    assert_eq!(to.find(&query("nobody@acme.fi")).await.unwrap().len(), 0);
    assert_eq!(app.count(&Method::GET, PEOPLE), 3, "the question, a page, the question of the trial");
    assert_eq!(to.find(&query("no.one@acme.fi")).await.unwrap().len(), 0);
    assert_eq!(app.count(&Method::GET, PEOPLE), 4, "it is tried once");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_does_not_understand_the_question_is_named_and_makes_no_twin() {
    let config = AppConfig {
        pages: AppPages::Page,
        page: 10,
        ..AppConfig::new(vec![AppResource { finds: &[], ..people() }])
    };
    let app = App::start(config).await;
    for at in 0..300 {
        app.put(PEOPLE, json!({ "name": "x", "email": format!("p{at}@acme.fi") }));
    }
    let text = format!("{FILE}paginate: {{ type: page, param: page, size_param: per_page, size: 10 }}\n");
    let http = open(&app.url, &text).await.unwrap();
    let mut to = destination(&http, "people");
    let error = to.find(&MatchQuery::exact(2, vec![Value::text("nobody@acme.fi")])).await.unwrap_err();
    assert_eq!(error.code, "R141");
    assert!(error.help.unwrap().contains("does the app know the parameter of `find`?"));
    let found = to.find(&MatchQuery::exact(2, vec![Value::text("p150@acme.fi")])).await.unwrap();
    assert_eq!(found.len(), 1, "it is on a later page");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_below_a_parent_is_written_there() {
    let comments = AppResource { parent: Some("task_id"), ..AppResource::new("/tasks/{parent}/comments") };
    let app = App::start(AppConfig::new(vec![AppResource::new("/tasks"), comments])).await;
    app.put("/tasks", json!({ "name": "T" }));
    let text = "base_url: URL\nresources:\n  tasks: { path: /tasks }\n  comments: { path: '/tasks/{parent.id}/comments', parent: tasks }\n";
    let http = open(&app.url, text).await.unwrap();
    let mut to = destination(&http, "comments");
    let below = WriteOp::Create { row: row(&[(1, Value::text("Hello")), (5, Value::text("1"))]) };
    let outcomes = write(&mut to, vec![below, create("Nowhere")]).await.unwrap();
    assert_eq!(outcomes[0], "written 1/2");
    assert!(outcomes[1].contains("`parent.id`"), "{outcomes:?}");
    assert_eq!(write(&mut to, vec![update("1/2", "Hello again")]).await.unwrap(), ["written 1/2"]);
    let comment = &app.records("/tasks/{parent}/comments")[0];
    assert_eq!((&comment["name"], &comment["task_id"]), (&json!("Hello again"), &json!(1)));
    assert_eq!(
        write(&mut to, vec![WriteOp::Delete { key: Key::app("1/2") }]).await.unwrap(),
        ["written 1/2"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_only_reads_sends_no_write() {
    let app = app().await;
    let http = open(&app.url, &format!("{FILE}read_only: true\n")).await.unwrap();
    let mut to = destination(&http, "people");
    let error = write(&mut to, vec![create("Kim")]).await.unwrap_err();
    assert_eq!((error.code, error.class), ("R126", Class::Pipeline));
    let http = open(&app.url, &format!("{FILE}protect: [people.email]\n")).await.unwrap();
    let resource = http.resource("people").unwrap();
    let schema = super::rig::schema();
    let made = sfsync::connect::http::HttpDestination::new(
        std::sync::Arc::clone(http.client()),
        resource,
        &schema,
        &[1, 2],
    );
    assert_eq!(made.err().unwrap().code, "R126");
    assert!(app.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_app_does_not_offer_is_said_per_record() {
    let app = app().await;
    app.put(PEOPLE, json!({ "name": "Kim" }));
    let http = open(
        &app.url,
        "base_url: URL\nresources: { people: { path: /people, delete: none, update: 'PUT /people/{id}' } }\n",
    )
    .await
    .unwrap();
    let mut to = destination(&http, "people");
    let outcomes = write(&mut to, vec![update("1", "Lee")]).await.unwrap();
    assert_eq!((outcomes[0].as_str(), app.count(&Method::PUT, PEOPLE)), ("written 1", 1));
    let outcomes = write(&mut to, vec![WriteOp::Delete { key: Key::app("1") }]).await.unwrap();
    assert!(outcomes[0].contains("rejected R109"), "{outcomes:?}");
}
