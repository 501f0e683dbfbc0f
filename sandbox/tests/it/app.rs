//! The app as a client of its API and as a test of somebody else meets it.

use std::collections::BTreeSet;

use axum::http::Method;
use reqwest::{Client, Response};
use serde_json::{Value as Json, json};
use sfsync_sandbox::app::{App, AppError, AppSettings, Description, Fault};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const SHOP: &str = "
base: /v2
auth: { header: { name: X-Api-Key, value: key } }
pages: { by: PAGES, param: place, size: 10, size_param: limit, next: links.next }
webhooks: { secret: s3cret, header: X-Signature }
resources:
  orders:
    path: /orders
    records: data
    wrap: order
    updated: changed_at
    since: changed_after
    finds: { code: code }
    unique: [code]
    webhook: { event: type, name: order, record: order }
    fields:
      code: { type: text, required: true }
      total: { type: decimal }
      state: { type: text, one_of: [open, shipped] }
      changed_at: { type: datetime, read_only: true }
  lines:
    path: /orders/{parent}/lines
    parent: order_id
    fields: { order_id: { type: integer }, what: { type: text } }
    seed: [{ what: Sugar }]
";

async fn shop(pages: &str) -> App {
    App::start(Description::parse(&SHOP.replace("PAGES", pages)).unwrap()).await.unwrap()
}

struct Caller(Client, String);

impl Caller {
    fn of(app: &App) -> Self {
        Self(crate::rig::client(), app.address())
    }

    async fn send(&self, method: Method, path: &str, body: Json) -> (u16, Json) {
        let address = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.1) };
        let mut request = self.0.request(method, address).header("x-api-key", "key");
        if !body.is_null() {
            request = request.json(&body);
        }
        read(request.send().await.unwrap()).await
    }

    async fn get(&self, path: &str) -> Json {
        let (status, body) = self.send(Method::GET, path, Json::Null).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }
}

async fn read(response: Response) -> (u16, Json) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, if text.is_empty() { Json::Null } else { serde_json::from_str(&text).unwrap() })
}

#[tokio::test]
async fn records_are_made_asked_for_changed_and_deleted_with_all_their_digits() {
    let app = shop("whole").await;
    let caller = Caller::of(&app);
    let total: Json = serde_json::from_str("12345678901234567.10").unwrap();
    let (status, made) =
        caller.send(Method::POST, "/orders", json!({ "order": { "code": "A 1", "total": total } })).await;
    assert_eq!((status, &made["id"], &made["state"]), (201, &json!(1), &Json::Null));
    assert_eq!(caller.get("/orders/1").await["total"].to_string(), "12345678901234567.10");
    assert_eq!(caller.get("/orders?code=A+1").await["data"].as_array().unwrap().len(), 1);
    assert_eq!(caller.get("/orders?code=A+2").await["data"], json!([]));
    let changes = json!({ "order": { "state": "shipped" } });
    assert_eq!(caller.send(Method::PATCH, "/orders/1", changes).await.0, 200);
    let row = app.query("SELECT code, total, state, changed_at IS NULL AS never FROM orders").unwrap();
    assert_eq!(
        Json::Object(row[0].clone()),
        json!({ "code": "A 1", "total": "12345678901234567.10", "state": "shipped", "never": 0 })
    );
    assert_eq!(caller.send(Method::DELETE, "/orders/1", Json::Null).await.0, 204);
    assert_eq!(caller.send(Method::GET, "/orders/1", Json::Null).await.0, 404);
    assert_eq!(app.records("orders").unwrap().len(), 0);
    assert!(matches!(app.edit("orders", 1, json!({})), Err(AppError::NoRecord(1))));
}

#[tokio::test]
async fn what_does_not_fit_is_refused_with_the_field() {
    let app = shop("whole").await;
    let caller = Caller::of(&app);
    app.put("orders", json!({ "code": "A" })).unwrap();
    for (order, status, said) in [
        (json!({}), 422, "code"),
        (json!({ "code": 7 }), 422, "code"),
        (json!({ "code": "B", "total": "12" }), 422, "total"),
        (json!({ "code": "B", "state": "lost" }), 422, "state"),
        (json!({ "code": "B", "changed_at": "2026-01-01T00:00:00Z" }), 422, "changed_at"),
        (json!({ "code": "B", "colour": "red" }), 422, "colour"),
        (json!({ "code": "A" }), 409, "code is taken"),
    ] {
        let (got, body) = caller.send(Method::POST, "/orders", json!({ "order": order })).await;
        assert!(got == status && body.to_string().contains(said), "{order}: {got} {body}");
    }
    assert_eq!(caller.send(Method::POST, "/orders", json!({ "code": "B" })).await.0, 400, "not wrapped");
    let address = format!("{}/orders", app.address());
    assert_eq!(caller.0.get(address).send().await.unwrap().status().as_u16(), 401);
    assert_eq!(app.records("orders").unwrap().len(), 1);
}

#[tokio::test]
async fn every_kind_of_list_has_each_record_once() {
    for pages in ["whole", "page", "offset", "cursor", "link", "next_url"] {
        let app = shop(pages).await;
        let caller = Caller::of(&app);
        for at in 0..37 {
            app.put("orders", json!({ "code": format!("{at}") })).unwrap();
        }
        let (mut ids, mut path, mut requests) = (Vec::new(), Some("/orders?limit=10".to_owned()), 0);
        while let Some(at) = path.take() {
            requests += 1;
            let address = if at.starts_with("http") { at } else { format!("{}{at}", app.address()) };
            let request = caller.0.get(&address).header("x-api-key", "key");
            let response = request.send().await.unwrap();
            let link = response.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
            let (_, body) = read(response).await;
            let found = body["data"].as_array().unwrap();
            ids.extend(found.iter().map(|order| order["id"].as_u64().unwrap()));
            let next = &body["links"]["next"];
            path = match pages {
                "page" if found.len() == 10 => Some(format!("/orders?limit=10&place={}", requests + 1)),
                "offset" if found.len() == 10 => Some(format!("/orders?limit=10&place={}", ids.len())),
                "cursor" => next.as_str().map(|cursor| format!("/orders?limit=10&place={cursor}")),
                "next_url" => next.as_str().map(str::to_owned),
                "link" => link.map(|link| link[1..link.find('>').unwrap()].to_owned()),
                _ => None,
            };
        }
        assert_eq!((ids.len(), ids.iter().collect::<BTreeSet<_>>().len()), (37, 37), "{pages}");
        assert_eq!(requests, if pages == "whole" { 1 } else { 4 }, "{pages}");
    }
}

#[tokio::test]
async fn changes_are_asked_for_by_time_and_children_by_their_parent() {
    let app = shop("whole").await;
    let caller = Caller::of(&app);
    let first = app.put("orders", json!({ "code": "A" })).unwrap();
    let second = app.put("orders", json!({ "code": "B" })).unwrap();
    app.edit("orders", second, json!({ "state": "open" })).unwrap();
    let stamp = app.records("orders").unwrap()[1]["changed_at"].as_str().unwrap().to_owned();
    let later = caller.get(&format!("/orders?changed_after={stamp}")).await;
    assert_eq!(later["data"].as_array().unwrap().len(), 1);
    let (status, line) =
        caller.send(Method::POST, &format!("/orders/{first}/lines"), json!({ "what": "Tea" })).await;
    assert_eq!((status, &line["order_id"]), (201, &json!(first)));
    assert_eq!(caller.get(&format!("/orders/{first}/lines")).await.as_array().unwrap().len(), 1);
    assert_eq!(caller.get(&format!("/orders/{second}/lines")).await, json!([]));
    let line = format!("/orders/{second}/lines/{}", line["id"]);
    assert_eq!(caller.send(Method::GET, &line, Json::Null).await.0, 404, "it is another order's");
}

#[tokio::test]
async fn whoever_subscribed_is_called_with_a_signature_until_it_answers() {
    let app = shop("whole").await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/hooks", listener.local_addr().unwrap());
    app.subscribe("orders", &address).unwrap();
    app.lose_calls(1);
    let number = app.put("orders", json!({ "code": "lost" })).unwrap();
    app.edit("orders", number, json!({ "state": "open" })).unwrap();
    let mut heard = Vec::new();
    for status in ["503 Busy", "202 Accepted"] {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut text = String::new();
        while !text.ends_with('}') {
            let mut part = [0; 1024];
            let length = stream.read(&mut part).await.unwrap();
            text.push_str(std::str::from_utf8(&part[..length]).unwrap());
        }
        stream.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes()).await.unwrap();
        heard.push(text);
    }
    let (head, body) = heard[1].split_once("\r\n\r\n").unwrap();
    let said: Json = serde_json::from_str(body).unwrap();
    assert_eq!((&said["type"], &said["order"]["code"]), (&json!("order.updated"), &json!("lost")));
    assert!(head.contains("\r\nX-Signature: ") && head.starts_with("POST /hooks HTTP/1.1"), "{head}");
    assert_eq!(heard[0], heard[1], "the same call again");
}

#[tokio::test]
async fn a_fault_hits_once_and_a_lost_answer_is_done() {
    let app = shop("whole").await;
    let caller = Caller::of(&app);
    app.fault(Method::POST, "/orders", Fault::DoneBut(502));
    let order = json!({ "order": { "code": "A" } });
    assert_eq!(caller.send(Method::POST, "/orders", order.clone()).await.0, 502);
    assert_eq!(caller.send(Method::POST, "/orders", order).await.0, 409);
    app.fault(Method::GET, "/orders", Fault::SlowDown(7));
    assert_eq!(caller.send(Method::GET, "/orders", Json::Null).await.0, 429);
    caller.get("/orders").await;
    assert_eq!((app.faults_left(), app.count(&Method::POST, "/orders"), app.seen().len()), (0, 2, 4));
}

#[tokio::test]
async fn a_database_in_a_file_outlives_the_app() {
    let dir = tempfile::tempdir().unwrap();
    let settings = AppSettings { database: Some(dir.path().join("shop.db")), ..AppSettings::default() };
    let shipped = Description::load("operating").unwrap();
    let app = App::start_with(shipped.clone(), settings.clone()).await.unwrap();
    let kim = app.put("people", json!({ "email": "kim@acme.com", "name": "Kim" })).unwrap();
    drop(app);
    let app = App::start_with(shipped, settings).await.unwrap();
    assert_eq!(app.records("people").unwrap()[0]["name"], "Kim");
    assert!(app.put("people", json!({ "email": "lee@acme.com", "name": "Lee" })).unwrap() > kim);
}

#[tokio::test]
async fn records_from_the_start_are_put_once() {
    let dir = tempfile::tempdir().unwrap();
    let database = Some(dir.path().join("shop.db"));
    for _ in 0..2 {
        let settings = AppSettings { database: database.clone(), seed: true, ..AppSettings::default() };
        let app = App::start_with(Description::parse(&SHOP.replace("PAGES", "whole")).unwrap(), settings);
        assert_eq!(app.await.unwrap().records("lines").unwrap().len(), 1);
    }
}

#[test]
fn every_shipped_app_is_readable() {
    for name in Description::shipped() {
        let description = Description::load(name).unwrap();
        assert!(!description.resources.is_empty() && !description.auth.secret().is_empty(), "{name}");
    }
}
