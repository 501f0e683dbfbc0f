//! The org, an app behind HTTP, and the daemon between them.

use std::sync::Arc;

use axum::http::Method;
use serde_json::{Map, Value as Json};
use sfsync::model::Failure;
use sfsync::runtime::status::State;
use sfsync::runtime::supervisor::Supervisor;
use sfsync::runtime::task::Command;
use sfsync::store::{FailureFilter, Store};
use sfsync_sandbox::SandboxConfig;
use sfsync_sandbox::org::QueryOptions;

use crate::harness::app::{App, AppAuth, AppConfig, AppPages, AppResource};
use crate::harness::rig::{PATIENCE, Rig, until};

/// Customers of the app.
pub const CUSTOMERS: &str = "/customers";
/// People of customers.
pub const PEOPLE: &str = "/people";

/// The app of these tests: text ids of one kind, numbers of the other, pages, a key in a header.
pub fn config() -> AppConfig {
    let customers = AppResource {
        records: Some("data"),
        updated: Some("updatedAt"),
        since: Some("updatedAfter"),
        deleted: Some("archived"),
        finds: &[("external_id", "salesforce_id"), ("domain", "domain")],
        required: &["name"],
        unique: &["salesforce_id"],
        refused: &[
            ("Sanctioned", 422, r#"{"errors": {"name": ["is on the sanctions list"]}}"#),
            ("Late", 200, r#"{"ok": false, "error": "seats are used up"}"#),
        ],
        ..AppResource::new(CUSTOMERS)
    };
    let people = AppResource { records: Some("data"), text_ids: true, ..AppResource::new(PEOPLE) };
    AppConfig {
        auth: AppAuth::Header("x-api-key", "s3cret".to_owned()),
        pages: AppPages::Offset,
        page: 7,
        ..AppConfig::new(vec![customers, people])
    }
}

/// How its connection file says so. `people` has neither a change time nor a question.
pub const CONNECTION: &str = "\
type: http
base_url: ${env:CRM_URL}
auth: { type: api_key, header: X-API-KEY, key: '${env:CRM_KEY}' }
paginate: { type: offset, param: offset, size_param: limit, size: 7 }
ping: GET /me
resources:
  customers:
    path: /customers
    records: $.data
    updated_at: updatedAt
    since: updatedAfter
    deleted: archived
    find: { salesforce_id: 'GET /customers?external_id={value}', domain: 'GET /customers?domain={value}' }
    fields:
      id: integer
      name: { type: text, required: true }
      salesforce_id: text
      domain: text
      employees: integer
      phone: text
      archived: boolean
      updatedAt: { type: datetime, read_only: true }
  people:
    path: /people
    records: $.data
";

pub struct Bench {
    pub rig: Rig,
    pub app: App,
    daemon: Option<(Arc<Supervisor>, Arc<Store>)>,
}

impl Bench {
    pub async fn new(files: &[(&str, &str)]) -> Self {
        Self::with(config(), CONNECTION, files).await
    }

    pub async fn with(app: AppConfig, connection: &str, files: &[(&str, &str)]) -> Self {
        let mut rig = Rig::new(SandboxConfig::default()).await;
        let app = App::start(app).await;
        rig.secrets.0.insert("CRM_URL".to_owned(), app.url.clone());
        rig.secrets.0.insert("CRM_KEY".to_owned(), "s3cret".to_owned());
        rig.copy_set("quickstart");
        for name in ["accounts", "owners", "opportunities", "connections/warehouse"] {
            std::fs::remove_file(rig.folder().join(format!("{name}.yaml"))).unwrap();
        }
        rig.write("connections/crm.yaml", connection);
        for (name, text) in files {
            rig.write(name, text);
        }
        Self { rig, app, daemon: None }
    }

    /// Starts the daemon.
    pub async fn run(&mut self) {
        let options = self.rig.options();
        let store = Arc::clone(&options.store);
        let daemon = Supervisor::start(options).await.expect("the daemon starts");
        let said: Vec<String> =
            daemon.reload_now(true).await.unwrap().diagnostics.iter().map(|one| format!("{one:?}")).collect();
        let invalid = daemon.statuses().into_iter().filter(|status| status.state == State::Invalid);
        assert_eq!(invalid.count(), 0, "{said:#?}");
        self.daemon = Some((daemon, store));
    }

    /// Ends the daemon and starts the next one.
    pub async fn again(&mut self) {
        if let Some((daemon, store)) = self.daemon.take() {
            daemon.shutdown().await;
            drop((daemon, store));
        }
        self.run().await;
    }

    pub fn daemon(&self) -> &Arc<Supervisor> {
        &self.daemon.as_ref().expect("it runs").0
    }

    pub fn failures(&self) -> Vec<Failure> {
        let (_, store) = self.daemon.as_ref().expect("it runs");
        store.failures(&FailureFilter::default()).unwrap()
    }

    pub fn insert(&self, object: &str, fields: Json) -> String {
        self.rig.sandbox.org().insert(object, map(fields)).unwrap().to_string()
    }

    pub fn update(&self, object: &str, id: &str, fields: Json) {
        self.rig.sandbox.org().update(object, id, map(fields)).unwrap();
    }

    pub fn delete(&self, object: &str, id: &str) {
        self.rig.sandbox.org().delete(object, id).unwrap();
    }

    /// Records of the org: these fields, as `a|b`.
    pub fn org(&self, fields: &[&str], rest: &str) -> Vec<String> {
        let org = self.rig.sandbox.org();
        let soql = format!("SELECT {} {rest}", fields.join(","));
        let result = org.query(&soql, &QueryOptions::default()).unwrap();
        let mut body = b"[".to_vec();
        org.render_json(&result, 0..result.len(), &mut body);
        body.push(b']');
        let records: Vec<Json> = serde_json::from_slice(&body).unwrap();
        records.iter().map(|record| said(record, fields)).collect()
    }

    /// Records of the app: these fields, as `a|b`.
    pub fn in_app(&self, path: &'static str, fields: &[&str]) -> Vec<String> {
        self.app.records(path).into_iter().map(|record| said(&Json::Object(record), fields)).collect()
    }

    /// One pass of every pipeline, whatever comes of it.
    pub async fn look(&self, full: bool) {
        for status in self.daemon().statuses() {
            self.daemon().command(&status.name, Command::Sync { full }).await;
            until(self.daemon(), status.name.as_str(), |now| now.passes > status.passes).await;
        }
    }

    /// Looks until it is so.
    pub async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let look = async {
            while !is_so(self) {
                self.look(false).await;
            }
        };
        let came = tokio::time::timeout(PATIENCE, look).await.is_ok();
        assert!(came, "{what}: {}", self.shown());
    }

    /// Writes to either side so far.
    pub fn writes(&self) -> (Vec<String>, Vec<String>) {
        let (org, _) = self.rig.sandbox.org().writes_since(0);
        let org = org.into_iter().map(|write| format!("{} {}", write.action, write.object)).collect();
        let wrote = self.app.seen().into_iter().filter(|seen| seen.method != Method::GET);
        (org, wrote.map(|seen| format!("{} {}", seen.method, seen.path)).collect())
    }

    /// Everything is compared, twice, and nobody writes.
    pub async fn nothing_is_written_any_more(&self) {
        self.look(true).await;
        self.look(true).await;
        let before = self.writes();
        self.look(false).await;
        self.look(true).await;
        assert_eq!(self.writes(), before, "{}", self.shown());
        assert_eq!(self.failures(), [], "{}", self.shown());
    }

    /// Everything, for messages.
    pub fn shown(&self) -> String {
        let states: Vec<_> =
            self.daemon().statuses().into_iter().map(|s| (s.name, s.state, s.message)).collect();
        format!(
            "app {:?} {:?}\norg {:?} {:?}\nwrites {:?}\nfailures {:?}\nstates {states:?}",
            self.app.records(CUSTOMERS),
            self.app.records(PEOPLE),
            self.org(&["Id", "Name", "Website", "Phone"], "FROM Account"),
            self.org(&["Id", "LastName", "Email", "AccountId"], "FROM Contact"),
            self.writes(),
            self.failures(),
        )
    }
}

fn said(record: &Json, fields: &[&str]) -> String {
    let shown = |value: &Json| match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    fields.iter().map(|field| shown(&record[*field])).collect::<Vec<_>>().join("|")
}

fn map(json: Json) -> Map<String, Json> {
    match json {
        Json::Object(map) => map,
        other => panic!("no object: {other}"),
    }
}
