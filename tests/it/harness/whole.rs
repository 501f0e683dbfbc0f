//! A shipped set as it runs: the org, the app behind HTTP with its database, somebody who takes notices, the daemon that listens for
//! calls. The files are those of `sfsync demo --set`.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Map, Value as Json};
use sfsync::cli::demo::sets::{self, Set, StandIns};
use sfsync::model::{Clock, ConnectionName, PipelineName};
use sfsync::runtime::control::{Control as _, FailureFilter, FailureView, PlanQuery, Why};
use sfsync::runtime::doors::Door;
use sfsync::runtime::planning::PlanAnswer;
use sfsync::runtime::sign_in::{Connected, Disconnected};
use sfsync::runtime::status::{PipelineStatus, State};
use sfsync::runtime::supervisor::{Options, Supervisor};
use sfsync::runtime::task::Command;
use sfsync::serve::{ControlSlot, Listening, Serving};
use sfsync_sandbox::app::{App, AppSettings};
use sfsync_sandbox::org::QueryOptions;
use sfsync_sandbox::{OAuthClient, OrgConfig, Population, SandboxConfig};
use tokio_util::sync::CancellationToken;

use super::clock::Ahead;
use super::rig::{PATIENCE, Rig, until};

/// Where a browser comes back to.
const CALLBACK: &str = "/oauth/callback";

/// How long nothing has to happen before it is looked again.
const MOMENT: Duration = Duration::from_millis(100);

/// The whole set; dropped, it is gone.
pub struct Whole {
    pub set: &'static Set,
    pub rig: Rig,
    /// What the daemon takes for the time.
    pub clock: Arc<Ahead>,
    app: Option<App>,
    pub notices: App,
    /// Where the daemon listens, the same over restarts.
    pub address: String,
    running: Option<Running>,
}

struct Running {
    daemon: Arc<Supervisor>,
    stop: CancellationToken,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
}

/// An org of the set with about so many opportunities.
pub fn org_of(set: &str, opportunities: u32) -> SandboxConfig {
    let set = Set::named(set).expect("it is shipped");
    let org = OrgConfig { customizations: set.customizations(), ..OrgConfig::default() };
    let population = (opportunities > 0).then(|| Population::around(opportunities));
    SandboxConfig { org, population, ..SandboxConfig::default() }
}

impl Whole {
    /// Everything but the daemon.
    pub async fn of(set: &str, config: SandboxConfig) -> Self {
        Self::at(&free_address(), set, config).await
    }

    /// The same, with the daemon at this address, whose sign-in is the one that is shipped: a person at a browser.
    pub async fn with_a_person(set: &str, config: SandboxConfig) -> Self {
        let address = free_address();
        let app = OAuthClient::new("web-app", "web-secret").redirect_uri(format!("{address}{CALLBACK}"));
        let auto_approve = Some("integration@acme.example".to_owned());
        let config = SandboxConfig { clients: vec![app], auto_approve, ..config };
        let mut whole = Self::at(&address, set, config).await;
        for (name, value) in [("SF_CLIENT_ID", "web-app"), ("SF_CLIENT_SECRET", "web-secret")] {
            whole.rig.secrets.0.insert(name.to_owned(), value.to_owned());
        }
        let here = [("flow: client_credentials", "flow: authorization_code")];
        whole.rig.edit_file("connections/salesforce.yaml", &here);
        whole
    }

    async fn at(address: &str, set: &str, config: SandboxConfig) -> Self {
        let set = Set::named(set).expect("it is shipped");
        let mut rig = Rig::new(config).await;
        let app = match set.app() {
            Some(description) => {
                let settings = AppSettings { seed: true, ..AppSettings::default() };
                Some(App::start_with(description, settings).await.expect("the app starts"))
            }
            None => None,
        };
        let notices = sets::notices().await.expect("it starts");
        let address = address.to_owned();
        let database = rig.secrets.0["WAREHOUSE_DB"].clone();
        let stand_ins = StandIns {
            sandbox: &rig.sandbox,
            app: app.as_ref(),
            notices: &notices,
            database: &database,
            public_url: &address,
        };
        let secrets = set.secrets(&stand_ins);
        stand_ins.call_back(set);
        rig.secrets.0.extend(secrets);
        for (name, text) in set.for_stand_ins() {
            rig.write(name, &text);
        }
        Self { set, rig, clock: Arc::default(), app, notices, address, running: None }
    }

    /// The same with an org of about so many opportunities, and started.
    pub async fn started(set: &str, opportunities: u32) -> Self {
        let mut whole = Self::of(set, org_of(set, opportunities)).await;
        whole.run().await;
        whole
    }

    /// Starts the daemon.
    pub async fn run(&mut self) {
        let socket = self.rig.dir.path().join("sfsync.sock");
        let _ = std::fs::remove_file(&socket);
        let listen = self.address.trim_start_matches("http://").to_owned();
        let serving = Serving { listen, sockets: vec![socket], admin_token: None };
        let listening = Listening::bind(serving).await.expect("the port is free");
        let daemon = Supervisor::start(Options {
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            ..self.rig.options()
        })
        .await
        .expect("the daemon starts");
        daemon.is_reached_at(format!("{}{CALLBACK}", self.address));
        let (slot, stop) = (ControlSlot::default(), CancellationToken::new());
        let door: Arc<dyn sfsync::runtime::control::Control> = Arc::new(Door(Arc::clone(&daemon)));
        let _ = slot.set(door);
        let server = tokio::spawn(listening.serve(slot, stop.clone()));
        self.running = Some(Running { daemon, stop, server });
    }

    /// Ends the daemon.
    pub async fn stop(&mut self) {
        if let Some(Running { daemon, stop, server }) = self.running.take() {
            stop.cancel();
            server.await.expect("it ends").expect("it served");
            daemon.shutdown().await;
        }
    }

    pub fn app(&self) -> &App {
        self.app.as_ref().expect("the set has an app behind HTTP")
    }

    pub fn daemon(&self) -> &Arc<Supervisor> {
        &self.running.as_ref().expect("it runs").daemon
    }

    pub fn door(&self) -> Door {
        Door(Arc::clone(self.daemon()))
    }

    /// Waits until every one of these has looked at everything once.
    pub async fn loaded(&self, names: &[&str]) {
        for name in names {
            until(self.daemon(), name, |status| status.state == State::Running && status.passes > 0).await;
        }
    }

    /// These look, one after the other.
    pub async fn look(&self, names: &[&str]) {
        for name in names {
            self.pass(name, false).await;
        }
    }

    /// A pipeline compares everything.
    pub async fn compare(&self, name: &str) {
        self.pass(name, true).await;
    }

    async fn pass(&self, name: &str, full: bool) {
        let before = until(self.daemon(), name, |_| true).await.passes;
        self.daemon().command(&PipelineName::from(name), Command::Sync { full }).await;
        until(self.daemon(), name, |status| status.passes > before).await;
    }

    /// Waits until it is so, without asking anybody to look.
    pub async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let waits = async {
            while !is_so(self) {
                let door = self.door();
                let changed = door.changed();
                drop(tokio::time::timeout(MOMENT, changed).await);
            }
        };
        let never = tokio::time::timeout(PATIENCE, waits).await.is_err();
        let shown = if never { self.shown().await } else { String::new() };
        assert!(!never, "{what} never came: {shown}");
    }

    /// So many minutes go by, and it comes: nobody asks to look.
    pub async fn comes_within(&self, minutes: i64, what: &str, is_so: impl Fn(&Self) -> bool) {
        assert!(!is_so(self), "{what}: it is so already");
        self.clock.by(SignedDuration::from_mins(minutes));
        self.until(what, is_so).await;
    }

    /// Time goes by until people are told so.
    pub async fn told_in_time(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let waits = async {
            while !is_so(self) {
                self.clock.by(SignedDuration::from_secs(15));
                drop(tokio::time::timeout(MOMENT, self.door().changed()).await);
            }
        };
        let never = tokio::time::timeout(PATIENCE, waits).await.is_err();
        assert!(!never, "nobody was told of {what}: {:?}", self.told());
    }

    /// What came to the place that is notified: kind, pipeline and text, letter by letter.
    pub fn told(&self) -> Vec<Vec<[String; 3]>> {
        let letters = self.notices.records("notices").expect("they are kept");
        // A channel gets the text alone: a line for each thing, with all pipelines that have it.
        let line = |line: &str| {
            let mut parts = line.splitn(3, ": ").map(str::to_owned);
            let (kind, names) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            let text = parts.next().unwrap_or_default();
            let one = |name: &str| [kind.clone(), name.to_owned(), text.clone()];
            names.split(", ").map(one).collect::<Vec<_>>()
        };
        letters
            .iter()
            .map(|letter| letter["text"].as_str().unwrap_or_default().lines().flat_map(line).collect())
            .collect()
    }

    /// Waits for a status.
    pub async fn status(&self, name: &str, wanted: impl Fn(&PipelineStatus) -> bool) -> PipelineStatus {
        until(self.daemon(), name, wanted).await
    }

    /// The files as they are now are taken over.
    pub async fn reload(&self) {
        let report = self.daemon().reload_now(false).await.expect("the folder is readable");
        let errors: usize = report.files.iter().map(|file| file.errors).sum();
        assert_eq!(errors, 0, "{report:#?}");
    }

    pub async fn why(&self, id: &str) -> Why {
        self.door().why(id).await.expect("why answers")
    }

    pub async fn plan(&self, names: &[&str]) -> PlanAnswer {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        self.door().plan(PlanQuery { names, limit: 50, ..PlanQuery::default() }).await.expect("plan answers")
    }

    pub async fn failures(&self) -> Vec<FailureView> {
        self.door().failures(FailureFilter::default()).await.expect("failures are listed")
    }

    pub async fn disconnect(&self) -> Disconnected {
        self.door().disconnect(&ConnectionName::from("salesforce")).await.expect("it disconnects")
    }

    /// Signs in again; where a person has to, that person opens the address and is sent back to the daemon. What was told before.
    pub async fn connect(&self) -> (Vec<String>, Connected) {
        let name = ConnectionName::from("salesforce");
        let begun = self.door().sign_in(&name).await.expect("it begins");
        if let Some(url) = begun.url {
            let _ = rustls::crypto::ring::default_provider().install_default();
            let browser = reqwest::Client::builder().no_proxy().build().expect("a browser");
            let page = browser.get(url).send().await.expect("a page").text().await.expect("a text");
            assert!(page.contains("salesforce is signed in"), "{page}");
        }
        let state = self.door().signed_in(&name).await.expect("it is signed in");
        (begun.needs, state.connected.expect("somebody is signed in"))
    }

    pub fn insert(&self, object: &str, fields: Json) -> String {
        self.rig.sandbox.org().insert(object, map(fields)).expect("the org takes it").to_string()
    }

    pub fn update(&self, object: &str, id: &str, fields: Json) {
        self.rig.sandbox.org().update(object, id, map(fields)).expect("the org takes it");
    }

    /// Records of the org.
    pub fn org(&self, soql: &str) -> Vec<Map<String, Json>> {
        let org = self.rig.sandbox.org();
        let result =
            org.query(soql, &QueryOptions::default()).unwrap_or_else(|error| panic!("{soql}: {error:?}"));
        let mut body = b"[".to_vec();
        org.render_json(&result, 0..result.len(), &mut body);
        body.push(b']');
        serde_json::from_slice(&body).expect("JSON")
    }

    /// Rows of the app's database as `a|b`.
    pub fn rows(&self, sql: &str) -> Vec<String> {
        let rows = self.app().query(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let shown = |value: &Json| match value {
            Json::Null => String::new(),
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        rows.iter().map(|row| row.values().map(shown).collect::<Vec<_>>().join("|")).collect()
    }

    /// Requests that wrote to the app so far.
    pub fn writes(&self) -> usize {
        self.app().seen().iter().filter(|seen| seen.method != axum::http::Method::GET).count()
    }

    /// The id of a user of the org, by the beginning of the email address.
    pub fn user(&self, email: &str) -> String {
        let found = self.org(&format!("SELECT Id FROM User WHERE Email LIKE '{email}%'"));
        found[0]["Id"].as_str().expect("an id").to_owned()
    }

    /// The id of a record type of opportunities.
    pub fn record_type(&self, name: &str) -> String {
        let soql = format!(
            "SELECT Id FROM RecordType WHERE SobjectType = 'Opportunity' AND DeveloperName = '{name}'"
        );
        self.org(&soql)[0]["Id"].as_str().expect("an id").to_owned()
    }

    async fn shown(&self) -> String {
        let states = self.daemon().statuses();
        let states: Vec<_> =
            states.into_iter().map(|one| (one.name, one.state, one.push, one.message)).collect();
        let failures = self.failures().await;
        let failures: Vec<_> =
            failures.iter().map(|one| (&one.failure.pipeline, &one.failure.code, &one.view)).collect();
        format!("{states:#?}\n{failures:#?}")
    }
}

/// A free port, which stays the daemon's.
fn free_address() -> String {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    format!("http://{}", free.local_addr().expect("an address"))
}

fn map(json: Json) -> Map<String, Json> {
    match json {
        Json::Object(map) => map,
        other => panic!("no object: {other}"),
    }
}
