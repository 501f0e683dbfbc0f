//! The app of the sandbox, described in Rust as the tests of the connector need it, and without results: a test that cannot go on fails.

use serde_json::Value as Json;
use sfsync_sandbox::app::{self, Auth, Description, Field, FieldType, Pages, Paging, Refusal, Resource};

pub use sfsync_sandbox::app::{Fault, Paging as AppPages, Record};

/// How the app wants requests to prove themselves.
#[derive(Clone, Debug, Default)]
pub enum AppAuth {
    /// Anybody may.
    #[default]
    Open,
    /// `<name>: <value>`
    Header(&'static str, String),
    /// `?<name>=<value>`
    Param(&'static str, String),
    /// Tokens that `POST /token` gives.
    Oauth { secret: &'static str, refresh: Option<String>, rotates: bool },
}

/// One kind of record.
#[derive(Clone, Debug, Default)]
pub struct AppResource {
    pub path: &'static str,
    pub records: Option<&'static str>,
    pub record: Option<&'static str>,
    pub wrap: Option<&'static str>,
    pub updated: Option<&'static str>,
    pub since: Option<&'static str>,
    pub deleted: Option<&'static str>,
    pub finds: &'static [(&'static str, &'static str)],
    /// Fields that it finds however small letters and capitals stand.
    pub finds_any_case: &'static [&'static str],
    pub required: &'static [&'static str],
    pub unique: &'static [&'static str],
    pub refused: &'static [(&'static str, u16, &'static str)],
    pub parent: Option<&'static str>,
    pub text_ids: bool,
    pub only_location: bool,
}

impl AppResource {
    pub fn new(path: &'static str) -> Self {
        Self { path, ..Self::default() }
    }

    fn described(&self) -> Resource {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let required = |_: &&str| Field { required: true, r#type: FieldType::Json, ..Field::default() };
        Resource {
            path: self.path.to_owned(),
            records: owned(self.records),
            record: owned(self.record),
            wrap: owned(self.wrap),
            updated: owned(self.updated),
            since: owned(self.since),
            deleted: owned(self.deleted),
            finds: self.finds.iter().map(|(param, field)| ((*param).into(), (*field).into())).collect(),
            finds_any_case: self.finds_any_case.iter().map(|field| (*field).to_owned()).collect(),
            unique: self.unique.iter().map(|field| (*field).to_owned()).collect(),
            refused: self
                .refused
                .iter()
                .map(|(name, status, body)| Refusal {
                    name: (*name).to_owned(),
                    status: *status,
                    body: (*body).to_owned(),
                })
                .collect(),
            parent: owned(self.parent),
            text_ids: self.text_ids,
            only_location: self.only_location,
            fields: self.required.iter().map(|name| ((*name).to_owned(), required(name))).collect(),
            takes_anything: true,
            webhook: None,
            seed: Vec::new(),
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

    fn described(&self) -> Description {
        let (param, next, size_param) = match self.pages {
            Paging::Page => ("page", "", "per_page"),
            Paging::Offset => ("offset", "", "limit"),
            Paging::Cursor => ("cursor", "meta.next_cursor", "limit"),
            _ => ("cursor", "links.next", "limit"),
        };
        let auth = match &self.auth {
            AppAuth::Open => Auth::Open,
            AppAuth::Header(name, value) => Auth::Header { name: (*name).into(), value: value.clone() },
            AppAuth::Param(name, value) => Auth::Param { name: (*name).into(), value: value.clone() },
            AppAuth::Oauth { secret, refresh, rotates } => {
                Auth::Oauth { secret: (*secret).into(), refresh: refresh.clone(), rotates: *rotates }
            }
        };
        let pages = Pages {
            by: self.pages,
            size: self.page,
            size_param: Some(size_param.to_owned()),
            param: param.to_owned(),
            next: next.to_owned(),
        };
        let named = |resource: &AppResource| (resource.path.to_owned(), resource.described());
        let resources = self.resources.iter().map(named).collect();
        Description { auth, pages, resources, ..Description::default() }
    }
}

/// The running app; dropped, it is gone.
pub struct App {
    pub url: String,
    app: app::App,
}

impl std::ops::Deref for App {
    type Target = app::App;

    fn deref(&self) -> &Self::Target {
        &self.app
    }
}

impl App {
    /// Starts it on a port of this machine.
    pub async fn start(config: AppConfig) -> Self {
        let app = app::App::start(config.described()).await.expect("it starts");
        Self { url: app.url().to_owned(), app }
    }

    /// Stores a record as somebody else would; answers its number.
    pub fn put(&self, path: &str, record: Json) -> u64 {
        self.app.put(path, record).expect("it is stored")
    }

    /// Changes fields of a record as somebody else would.
    pub fn edit(&self, path: &str, number: u64, changes: Json) {
        self.app.edit(path, number, changes).expect("it is there");
    }

    /// Removes a record as somebody else would.
    pub fn remove(&self, path: &str, number: u64) {
        self.app.remove(path, number).expect("it is there");
    }

    /// All records of a resource, by number.
    pub fn records(&self, path: &str) -> Vec<Record> {
        self.app.records(path).expect("the resource is there")
    }

    /// The record in which a field has this value.
    pub fn find(&self, path: &str, field: &str, value: impl Into<Json>) -> Option<Record> {
        let value = value.into();
        self.records(path).into_iter().find(|record| record.get(field) == Some(&value))
    }
}
