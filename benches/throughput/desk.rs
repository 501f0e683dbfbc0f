//! A small app behind HTTP with a SQLite table, which tells when a row was stored.

use std::error::Error;
use std::path::Path as File;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, patch};
use axum::{Json, Router};
use rusqlite::{Connection, OptionalExtension as _};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Its connection file; `URL` is its address.
pub const CONNECTION: &str = "\
type: http
base_url: URL
resources:
  deals:
    path: /deals
    find: { salesforce_id: 'GET /deals?salesforce_id={value}' }
    fields: { id: integer, salesforce_id: text, name: text, stage: text }
";

/// The pipeline: opportunities that are marked.
pub const PIPELINE: &str = "\
salesforce: { object: Opportunity, include: { NextStep: watched }, poll: 1 hour, push: cdc }
app: desk.deals
to_app: [create, update]
match: [salesforce_id]
fields:
  - { salesforce: Id,        app: salesforce_id }
  - { salesforce: Name,      app: name }
  - { salesforce: StageName, app: stage }
";

#[derive(Serialize, Deserialize)]
struct Deal {
    id: Option<i64>,
    salesforce_id: Option<String>,
    name: Option<String>,
    stage: Option<String>,
}

struct Desk {
    table: Mutex<Connection>,
    told: UnboundedSender<(String, Instant)>,
}

/// The app, where it is, and what is stored: name and moment.
pub async fn start(file: &File) -> Result<(String, UnboundedReceiver<(String, Instant)>), Box<dyn Error>> {
    let table = Connection::open(file)?;
    table.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; \
         CREATE TABLE deals (id INTEGER PRIMARY KEY, salesforce_id TEXT UNIQUE, name TEXT, stage TEXT)",
    )?;
    let (told, tells) = unbounded_channel();
    let desk = Arc::new(Desk { table: Mutex::new(table), told });
    let router = Router::new()
        .route("/deals", get(find).post(create))
        .route("/deals/{id}", patch(update).get(one))
        .with_state(desk);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok((url, tells))
}

fn rows(desk: &Desk, condition: &str, value: &str) -> Vec<Deal> {
    let table = desk.table.lock().unwrap();
    let sql = format!("SELECT id, salesforce_id, name, stage FROM deals WHERE {condition} = ?1");
    let mut question = table.prepare_cached(&sql).unwrap();
    let found = question.query_map([value], |row| {
        Ok(Deal { id: row.get(0)?, salesforce_id: row.get(1)?, name: row.get(2)?, stage: row.get(3)? })
    });
    found.unwrap().map(Result::unwrap).collect()
}

#[derive(Deserialize)]
struct Asked {
    salesforce_id: String,
}

async fn find(State(desk): State<Arc<Desk>>, Query(asked): Query<Asked>) -> Json<Vec<Deal>> {
    Json(rows(&desk, "salesforce_id", &asked.salesforce_id))
}

async fn one(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Result<Json<Deal>, StatusCode> {
    rows(&desk, "id", &id).pop().map(Json).ok_or(StatusCode::NOT_FOUND)
}

async fn create(State(desk): State<Arc<Desk>>, Json(deal): Json<Deal>) -> (StatusCode, Json<Deal>) {
    let id = {
        let table = desk.table.lock().unwrap();
        let sql = "INSERT INTO deals (salesforce_id, name, stage) VALUES (?1, ?2, ?3)";
        table.prepare_cached(sql).unwrap().execute((&deal.salesforce_id, &deal.name, &deal.stage)).unwrap();
        table.last_insert_rowid()
    };
    _ = desk.told.send((String::new(), Instant::now()));
    (StatusCode::CREATED, Json(Deal { id: Some(id), ..deal }))
}

async fn update(
    State(desk): State<Arc<Desk>>,
    Path(id): Path<i64>,
    Json(deal): Json<Deal>,
) -> Result<Json<Deal>, StatusCode> {
    {
        let table = desk.table.lock().unwrap();
        let sql = "UPDATE deals SET name = coalesce(?2, name), stage = coalesce(?3, stage) WHERE id = ?1 RETURNING id";
        let known: Option<i64> = table
            .prepare_cached(sql)
            .unwrap()
            .query_row((id, &deal.name, &deal.stage), |row| row.get(0))
            .optional()
            .unwrap();
        known.ok_or(StatusCode::NOT_FOUND)?;
    }
    _ = desk.told.send((deal.name.clone().unwrap_or_default(), Instant::now()));
    Ok(Json(Deal { id: Some(id), ..deal }))
}
