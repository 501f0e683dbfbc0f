//! An app behind an HTTP API with its records in SQLite, able to play any app that a [`Description`] describes: kinds of records, lists
//! that go on in any of the usual ways, sign-in, calls when something changes ([`App::subscribe`]), faults on demand ([`App::fault`]).
//! It shares no code with the connector that talks to it.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use serde_json::json;
//! use sfsync_sandbox::app::{App, Description};
//!
//! let app = App::start(Description::load("operating")?).await?;
//! let kim = app.put("people", json!({ "email": "kim@acme.com", "name": "Kim" }))?;
//! app.edit("people", kim, json!({ "name": "Kim Lee" }))?;
//! // Here the program under test talks to this address with this token.
//! let (address, token) = (app.address(), app.description().auth.secret());
//! # let _ = (address, token);
//! assert_eq!(app.query("SELECT name FROM people WHERE email = 'kim@acme.com'")?[0]["name"], "Kim Lee");
//! # Ok(())
//! # }
//! ```

mod answer;
mod database;
mod description;
mod hooks;
mod list;
mod script;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Extracted;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use serde_json::Value as Json;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::task::JoinHandle;

pub use database::Record;
pub use description::{Auth, Description, Field, FieldType, Hook, Pages, Paging, Refusal, Resource, Signing};
pub use script::{Fault, Seen};

use database::Database;
use hooks::News;

/// Why an app does not start, or what was asked of it is not there.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// Neither the name of a shipped app nor a readable file.
    #[error("no shipped app is called \"{0}\", and it cannot be read as a file: {1}")]
    Unreadable(String, std::io::Error),
    /// The file is no description.
    #[error("{0}")]
    Invalid(String),
    /// No such kind of record.
    #[error("the app has no {0}")]
    NoResource(String),
    /// No such record.
    #[error("there is no record {0}")]
    NoRecord(u64),
    /// A record is a JSON object.
    #[error("a record is an object")]
    NoObject,
    /// What SQLite says.
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
    /// No port.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Where the app listens and keeps its records.
#[derive(Clone, Debug, Default)]
pub struct AppSettings {
    /// Port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// A SQLite file; without one, the records are in memory.
    pub database: Option<PathBuf>,
    /// Puts the records of [`Resource::seed`] into resources that are empty.
    pub seed: bool,
}

/// What happened to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// It is new.
    Created,
    /// It is another.
    Updated,
    /// It is gone.
    Deleted,
}

impl Verb {
    fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }
}

/// The running app; dropped, it is gone.
#[derive(Debug)]
pub struct App {
    shared: Arc<Shared>,
    tasks: [JoinHandle<()>; 2],
}

#[derive(Debug)]
struct Shared {
    description: Description,
    url: String,
    state: Mutex<State>,
    news: UnboundedSender<News>,
}

#[derive(Debug)]
struct State {
    database: Database,
    seen: Vec<Seen>,
    faults: Vec<(Method, String, Fault)>,
    /// Tokens given so far; only the last one holds.
    tokens: u64,
    refresh: Option<String>,
    attempts: BTreeMap<String, u64>,
    /// Resource and address of those who want to be called.
    subscribed: Vec<(String, String)>,
    /// Calls that will be lost.
    lose: usize,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, resource: &str, verb: Verb, record: Record) {
        // Nobody listens while the app ends.
        let _ = self.news.send(News { resource: resource.to_owned(), verb, record });
    }

    /// Where to call about this resource; nowhere if the call is to be lost.
    fn subscribed(&self, resource: &str) -> Vec<String> {
        let mut state = self.lock();
        let wanted = state.subscribed.iter().filter(|(of, _)| of == resource);
        let addresses: Vec<String> = wanted.map(|(_, address)| address.clone()).collect();
        if !addresses.is_empty() && state.lose > 0 {
            state.lose -= 1;
            return Vec::new();
        }
        addresses
    }
}

impl Drop for App {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl App {
    /// Starts it on a free port with its records in memory.
    pub async fn start(description: Description) -> Result<Self, AppError> {
        Self::start_with(description, AppSettings::default()).await
    }

    /// Starts it where the settings say.
    pub async fn start_with(description: Description, settings: AppSettings) -> Result<Self, AppError> {
        let listener = TcpListener::bind(("127.0.0.1", settings.port)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let database = Database::open(settings.database.as_deref(), &description)?;
        let refresh = match &description.auth {
            Auth::Oauth { refresh, .. } => refresh.clone(),
            _ => None,
        };
        let state = Mutex::new(State {
            database,
            refresh,
            seen: Vec::new(),
            faults: Vec::new(),
            tokens: 0,
            attempts: BTreeMap::new(),
            subscribed: Vec::new(),
            lose: 0,
        });
        let (news, told) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared { description, url, state, news });
        let router = Router::new().fallback(handle).with_state(Arc::clone(&shared));
        let serving = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        let calling = tokio::spawn(hooks::call(Arc::clone(&shared), told));
        let app = Self { shared, tasks: [serving, calling] };
        if settings.seed {
            app.sow()?;
        }
        Ok(app)
    }

    fn sow(&self) -> Result<(), AppError> {
        for (name, resource) in &self.shared.description.resources {
            if self.records(name)?.is_empty() {
                for record in &resource.seed {
                    self.put(name, Json::Object(record.clone()))?;
                }
            }
        }
        Ok(())
    }

    /// What it plays.
    pub fn description(&self) -> &Description {
        &self.shared.description
    }

    /// Scheme, host and port.
    pub fn url(&self) -> &str {
        &self.shared.url
    }

    /// The address of its API: `http://127.0.0.1:40000/v1`
    pub fn address(&self) -> String {
        format!("{}{}", self.shared.url, self.shared.description.base)
    }

    /// Calls this address when a record of the resource changes, whoever changes it.
    pub fn subscribe(&self, resource: &str, address: &str) -> Result<(), AppError> {
        let (name, _) = self.shared.description.named(resource)?;
        self.lock().subscribed.push((name.to_owned(), address.to_owned()));
        Ok(())
    }

    /// The next so many calls are never made.
    pub fn lose_calls(&self, count: usize) {
        self.lock().lose = count;
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

    /// Stores a record as a user of the app would; answers its number.
    pub fn put(&self, resource: &str, record: Json) -> Result<u64, AppError> {
        let (name, resource) = self.shared.description.named(resource)?;
        let mut state = self.lock();
        let number = state.database.store(name, resource, object(record)?)?;
        let record = state.database.get(name, number)?.unwrap_or_default();
        self.shared.tell(name, Verb::Created, record);
        Ok(number)
    }

    /// Changes fields of a record as a user of the app would.
    pub fn edit(&self, resource: &str, number: u64, changes: Json) -> Result<(), AppError> {
        let (name, resource) = self.shared.description.named(resource)?;
        let record = self.lock().database.change(name, resource, number, object(changes)?)?;
        self.shared.tell(name, Verb::Updated, record.ok_or(AppError::NoRecord(number))?);
        Ok(())
    }

    /// Removes a record as a user of the app would.
    pub fn remove(&self, resource: &str, number: u64) -> Result<(), AppError> {
        let (name, resource) = self.shared.description.named(resource)?;
        let record = self.lock().database.remove(name, resource, number)?;
        self.shared.tell(name, Verb::Deleted, record.ok_or(AppError::NoRecord(number))?);
        Ok(())
    }

    /// All records of a resource, by number.
    pub fn records(&self, resource: &str) -> Result<Vec<Record>, AppError> {
        let (name, _) = self.shared.description.named(resource)?;
        let all = database::Question { limit: usize::MAX >> 1, ..database::Question::default() };
        Ok(self.lock().database.list(name, &all)?.into_iter().map(|(_, record)| record).collect())
    }

    /// Rows of a query on the database, by column. Each kind of record is a table, each declared field a column.
    pub fn query(&self, sql: &str) -> Result<Vec<Record>, AppError> {
        Ok(self.lock().database.query(sql)?)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock()
    }
}

fn object(record: Json) -> Result<Record, AppError> {
    match record {
        Json::Object(record) => Ok(record),
        _ => Err(AppError::NoObject),
    }
}

async fn handle(
    Extracted(shared): Extracted<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let seen = Seen::new(&method, &uri, &headers, &body);
    let fault = {
        let mut state = shared.lock();
        state.seen.push(seen.clone());
        let at = state.faults.iter().position(|(of, path, _)| *of == method && seen.path.contains(path));
        at.map(|at| state.faults.remove(at).2)
    };
    match fault {
        None => answer::answer(&shared, &seen),
        Some(fault) => script::faulty(fault, || answer::answer(&shared, &seen)).await,
    }
}
