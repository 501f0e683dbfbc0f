//! An app behind an HTTP API, to be talked to: tables in memory, as its configuration says, with a log of the requests and scripted
//! faults. It shares no code with the connector.

mod answer;
mod script;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Map, Value as Json};

pub use script::{Fault, Seen};

/// How the app wants requests to prove themselves.
#[derive(Clone, Debug, Default)]
pub enum AppAuth {
    /// Anybody may.
    #[default]
    Open,
    /// `Authorization: <this>`
    Header(&'static str, String),
    /// `?<name>=<value>`
    Param(&'static str, String),
    /// Tokens that `POST /token` gives.
    Oauth { secret: &'static str, refresh: Option<String>, rotates: bool },
}

/// How lists go on.
#[derive(Clone, Copy, Debug, Default)]
pub enum AppPages {
    /// Everything at once.
    #[default]
    Whole,
    /// `?page=2&per_page=…`
    Page,
    /// `?offset=…&limit=…`
    Offset,
    /// `?cursor=…`, `meta.next_cursor` in the answer
    Cursor,
    /// `Link: <…>; rel="next"`
    Link,
    /// `links.next` in the answer
    NextUrl,
    /// `?page=…` is not understood: always the first page
    Deaf,
    /// `links.next` leads to the same page
    Circle,
    /// `links.next` leads to pages without records, for ever
    Endless,
}

/// One kind of record.
#[derive(Clone, Debug)]
pub struct AppResource {
    /// `/people`, `/tasks/{parent}/comments`
    pub path: &'static str,
    /// Member of list answers that has the records.
    pub records: Option<&'static str>,
    /// Member of single answers that has the record.
    pub record: Option<&'static str>,
    /// Member of bodies that has the record.
    pub wrap: Option<&'static str>,
    /// Field with the change time.
    pub updated: Option<&'static str>,
    /// Parameter that asks for changes since.
    pub since: Option<&'static str>,
    /// Deleted records stay, and say so here.
    pub deleted: Option<&'static str>,
    /// Parameters that ask by a field.
    pub finds: &'static [(&'static str, &'static str)],
    /// Fields that a record needs.
    pub required: &'static [&'static str],
    /// Fields of which no value comes twice.
    pub unique: &'static [&'static str],
    /// Records of these names are not taken: what is answered instead.
    pub refused: &'static [(&'static str, u16, &'static str)],
    /// Field that holds the parent.
    pub parent: Option<&'static str>,
    /// Ids are text.
    pub text_ids: bool,
    /// Creates answer without the record: its address is in `Location`.
    pub only_location: bool,
}

impl AppResource {
    pub fn new(path: &'static str) -> Self {
        Self {
            path,
            records: None,
            record: None,
            wrap: None,
            updated: None,
            since: None,
            deleted: None,
            finds: &[],
            required: &[],
            unique: &[],
            refused: &[],
            parent: None,
            text_ids: false,
            only_location: false,
        }
    }
}

/// The whole app.
#[derive(Clone, Debug)]
pub struct AppConfig {
    pub auth: AppAuth,
    pub pages: AppPages,
    /// Records of a page at most.
    pub page: usize,
    pub resources: Vec<AppResource>,
}

impl AppConfig {
    pub fn new(resources: Vec<AppResource>) -> Self {
        Self { auth: AppAuth::Open, pages: AppPages::Whole, page: 100, resources }
    }
}

/// A record of a table.
pub type Record = Map<String, Json>;

#[derive(Default)]
struct State {
    /// By path of the resource, by number.
    tables: BTreeMap<&'static str, BTreeMap<u64, Record>>,
    number: u64,
    seen: Vec<Seen>,
    faults: Vec<(Method, String, Fault)>,
    /// Tokens given so far; only the last one holds.
    tokens: u64,
    refresh: Option<String>,
    attempts: BTreeMap<String, u64>,
}

/// The running app; dropped, it is gone.
pub struct App {
    pub url: String,
    inner: Arc<Inner>,
    task: tokio::task::JoinHandle<()>,
}

struct Inner {
    config: Mutex<AppConfig>,
    state: Mutex<State>,
    url: String,
}

impl Drop for App {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl App {
    /// Starts it on a port of this machine.
    pub async fn start(config: AppConfig) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let refresh = match &config.auth {
            AppAuth::Oauth { refresh, .. } => refresh.clone(),
            _ => None,
        };
        let state = Mutex::new(State { refresh, ..State::default() });
        let inner = Arc::new(Inner { config: Mutex::new(config), state, url: url.clone() });
        let router = Router::new().fallback(handle).with_state(Arc::clone(&inner));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { url, inner, task }
    }

    /// The next request of this method whose path has this in it goes wrong.
    pub fn fault(&self, method: Method, path: &str, fault: Fault) {
        self.lock().faults.push((method, path.to_owned(), fault));
    }

    /// Faults that did not happen yet.
    pub fn faults_left(&self) -> usize {
        self.lock().faults.len()
    }

    /// Requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.lock().seen.clone()
    }

    /// How many requests of this method had this in their path.
    pub fn count(&self, method: &Method, path: &str) -> usize {
        self.lock().seen.iter().filter(|seen| seen.method == *method && seen.path.contains(path)).count()
    }

    /// Forgets the requests so far.
    pub fn forget(&self) {
        self.lock().seen.clear();
    }

    /// The token that was given last does not hold any more.
    pub fn revoke(&self) {
        self.lock().tokens += 1;
    }

    /// Stores a record as somebody else would; answers its number.
    pub fn put(&self, path: &'static str, record: Json) -> u64 {
        let config = self.inner.config.lock().unwrap().clone();
        let resource = config.resources.iter().find(|resource| resource.path == path).expect("a resource");
        let Json::Object(record) = record else { panic!("no object") };
        self.lock().store(resource, record)
    }

    /// Changes fields of a record as somebody else would.
    pub fn edit(&self, path: &'static str, number: u64, changes: Json) {
        let config = self.inner.config.lock().unwrap().clone();
        let resource = config.resources.iter().find(|resource| resource.path == path).expect("a resource");
        let Json::Object(changes) = changes else { panic!("no object") };
        assert!(self.lock().change(resource, number, changes), "there is no {number}");
    }

    /// Removes a record as somebody else would.
    pub fn remove(&self, path: &'static str, number: u64) {
        let config = self.inner.config.lock().unwrap().clone();
        let resource = config.resources.iter().find(|resource| resource.path == path).expect("a resource");
        assert!(self.lock().remove(resource, number), "there is no {number}");
    }

    /// All records of a resource, by number.
    pub fn records(&self, path: &'static str) -> Vec<Record> {
        self.lock().tables.get(path).map(|table| table.values().cloned().collect()).unwrap_or_default()
    }

    /// The record in which a field has this value.
    pub fn find(&self, path: &'static str, field: &str, value: impl Into<Json>) -> Option<Record> {
        let value = value.into();
        self.records(path).into_iter().find(|record| record.get(field) == Some(&value))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap()
    }
}

impl State {
    fn store(&mut self, resource: &AppResource, mut record: Record) -> u64 {
        self.number += 1;
        let id =
            if resource.text_ids { Json::from(format!("r{}", self.number)) } else { Json::from(self.number) };
        record.insert("id".to_owned(), id);
        stamp(resource, &mut record);
        self.tables.entry(resource.path).or_default().insert(self.number, record);
        self.number
    }

    fn change(&mut self, resource: &AppResource, number: u64, changes: Record) -> bool {
        let Some(record) = self.tables.get_mut(resource.path).and_then(|table| table.get_mut(&number)) else {
            return false;
        };
        record.extend(changes);
        stamp(resource, record);
        true
    }

    fn remove(&mut self, resource: &AppResource, number: u64) -> bool {
        let Some(table) = self.tables.get_mut(resource.path) else { return false };
        match resource.deleted {
            Some(mark) => table.get_mut(&number).is_some_and(|record| {
                let was = record.insert(mark.to_owned(), Json::from(true));
                stamp(resource, record);
                was != Some(Json::from(true))
            }),
            None => table.remove(&number).is_some(),
        }
    }
}

fn stamp(resource: &AppResource, record: &mut Record) {
    if let Some(field) = resource.updated {
        record.insert(field.to_owned(), Json::from(Timestamp::now().to_string()));
    }
}

async fn handle(
    Shared(inner): Shared<Arc<Inner>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let seen = Seen::new(&method, &uri, &headers, &body);
    let fault = {
        let mut state = inner.state.lock().unwrap();
        state.seen.push(seen.clone());
        let at = state.faults.iter().position(|(of, path, _)| *of == method && seen.path.contains(path));
        at.map(|at| state.faults.remove(at).2)
    };
    match fault {
        None => answer::answer(&inner, &seen),
        Some(fault) => script::faulty(fault, || answer::answer(&inner, &seen)).await,
    }
}
