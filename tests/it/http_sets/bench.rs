//! A whole set: the org, the app of the set with its calls, the daemon that listens, and where its messages go.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::select_all;
use jiff::SignedDuration;
use serde_json::{Map, Value as Json};
use sfsync::model::{Clock, Failure, PipelineName};
use sfsync::runtime::control::Control;
use sfsync::runtime::doors::Door;
use sfsync::runtime::status::{PipelineStatus, State};
use sfsync::runtime::supervisor::{Options, Supervisor};
use sfsync::runtime::task::Command;
use sfsync::serve::{ControlSlot, Listening, Serving};
use sfsync::store::{FailureFilter, Store};
use sfsync_sandbox::app::{App, Description, Record};
use sfsync_sandbox::org::{Customization, QueryOptions};
use sfsync_sandbox::{OrgConfig, SandboxConfig};
use tokio_util::sync::CancellationToken;

use crate::harness::clock::Ahead;
use crate::harness::inbox::Inbox;
use crate::harness::rig::{PATIENCE, Rig, until};

/// What a bench is made of.
pub struct Set {
    /// Name of the folder.
    pub name: &'static str,
    /// The app, and the connection that leads to it.
    pub app: (&'static str, &'static str),
    /// Its kinds of records that call when they change.
    pub calls: &'static [&'static str],
    /// Custom fields of the org.
    pub custom: &'static str,
    /// Secrets of its connection.
    pub secrets: &'static [(&'static str, &'static str)],
    /// What stands in its connections instead, so that they lead to this machine.
    pub edits: &'static [(&'static str, &'static str, &'static str)],
}

/// The org of every set on this machine, whose user signs in by itself.
pub const ORG: &str = "login_url: ${env:SF_LOGIN_URL}\npubsub_url: ${env:SF_LOGIN_URL}";

pub struct Bench {
    /// What the daemon takes for the time.
    pub clock: Arc<Ahead>,
    pub rig: Rig,
    pub app: App,
    /// What came to the channel or address of the set.
    pub told: Inbox,
    set: Set,
    address: Option<String>,
    running: Option<Running>,
}

struct Running {
    daemon: Arc<Supervisor>,
    store: Arc<Store>,
    stop: CancellationToken,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Bench {
    pub async fn new(set: Set) -> Self {
        Self::in_org(set, |_| {}).await
    }

    /// The same in an org of another kind.
    pub async fn in_org(set: Set, change: impl FnOnce(&mut SandboxConfig)) -> Self {
        let customizations = vec![Customization::parse("custom", set.custom).unwrap()];
        let mut config = SandboxConfig {
            org: OrgConfig { customizations, ..OrgConfig::default() },
            ..SandboxConfig::default()
        };
        change(&mut config);
        let mut rig = Rig::new(config).await;
        let app = App::start(Description::parse(set.app.0).unwrap()).await.unwrap();
        let told = Inbox::default();
        let inbox = told.http().await;
        let secrets = [
            ("APP_URL", app.address()),
            ("SLACK_WEBHOOK_URL", format!("{inbox}/slack")),
            ("ALERTS_URL", format!("{inbox}/open")),
        ];
        let own = set.secrets.iter().map(|(name, value)| (*name, (*value).to_owned()));
        rig.secrets.0.extend(secrets.into_iter().chain(own).map(|(name, value)| (name.to_owned(), value)));
        rig.copy_set(set.name);
        for (file, from, to) in set.edits {
            rig.edit_file(file, &[(from, to)]);
        }
        Self { clock: Arc::default(), rig, app, told, set, address: None, running: None }
    }

    /// Starts the daemon, which listens where it listened before.
    pub async fn run(&mut self) {
        let socket = self.rig.dir.path().join("sfsync.sock");
        let _ = std::fs::remove_file(&socket);
        let listen = self.address.clone().unwrap_or_else(|| "127.0.0.1:0".to_owned());
        let serving = Serving { listen, sockets: vec![socket], admin_token: None };
        let listening = Listening::bind(serving).await.unwrap();
        if self.address.is_none() {
            let address = listening.address().to_string();
            let settings = self.rig.folder().join("settings.yaml");
            let text = std::fs::read_to_string(&settings).unwrap();
            let text = text.replace("https://sync.acme.com", &format!("http://{address}"));
            std::fs::write(&settings, text).unwrap();
            for resource in self.set.calls {
                let hook = format!("http://{address}/hooks/{}/{resource}", self.set.app.1);
                self.app.subscribe(resource, &hook).unwrap();
            }
            self.address = Some(address);
        }
        let options = self.rig.options();
        let store = Arc::clone(&options.store);
        let daemon =
            Supervisor::start(Options { clock: Arc::clone(&self.clock) as Arc<dyn Clock>, ..options })
                .await
                .expect("the daemon starts");
        let (slot, stop) = (ControlSlot::default(), CancellationToken::new());
        let door: Arc<dyn Control> = Arc::new(Door(Arc::clone(&daemon)));
        let _ = slot.set(door);
        let server = tokio::spawn(listening.serve(slot, stop.clone()));
        let said: Vec<String> =
            daemon.reload_now(true).await.unwrap().diagnostics.iter().map(|one| format!("{one:?}")).collect();
        let invalid = daemon.statuses().into_iter().filter(|status| status.state == State::Invalid);
        assert_eq!(invalid.count(), 0, "{said:#?}");
        self.running = Some(Running { daemon, store, stop, server });
    }

    /// Starts the daemon and waits until everything was loaded once, and everybody hears what its file wants to hear.
    pub async fn loaded(&mut self) {
        self.run().await;
        for status in self.daemon().statuses() {
            until(self.daemon(), status.name.as_str(), |now| {
                matches!(now.state, State::Running | State::Disabled)
                    && (now.passes > 0 || now.state == State::Disabled)
            })
            .await;
        }
    }

    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop.cancel();
            running.server.await.unwrap().unwrap();
            running.daemon.shutdown().await;
        }
    }

    pub fn daemon(&self) -> &Arc<Supervisor> {
        &self.running.as_ref().expect("it runs").daemon
    }

    pub fn door(&self) -> Door {
        Door(Arc::clone(self.daemon()))
    }

    pub fn status(&self, name: &str) -> PipelineStatus {
        self.daemon().statuses().into_iter().find(|status| status.name.as_str() == name).expect("it is there")
    }

    pub fn failures(&self) -> Vec<Failure> {
        self.running.as_ref().expect("it runs").store.failures(&FailureFilter::default()).unwrap()
    }

    /// Signs in again, where nobody has to be at a browser.
    pub async fn sign_in(&self) {
        let begun = self.door().sign_in(&"salesforce".into()).await.unwrap();
        assert_eq!(begun.url, None);
        self.door().signed_in(&"salesforce".into()).await.unwrap();
    }

    /// Changes a file while everything runs.
    pub async fn edit(&self, file: &str, from: &str, to: &str) {
        self.edits(file, &[(from, to)]).await;
    }

    /// Changes several places of a file at once.
    pub async fn edits(&self, file: &str, changes: &[(&str, &str)]) {
        self.rig.edit_file(file, changes);
        let report = self.daemon().reload_now(false).await.unwrap();
        assert!(report.files.iter().all(|file| file.errors == 0), "{report:?}");
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

    /// Id and mail address of a person who works in the org, by number.
    pub fn person(&self, number: usize) -> (String, String) {
        let mail = format!("user{number:02}@acme.example");
        (self.org(&["Id"], &format!("FROM User WHERE Email LIKE '{mail}'")).remove(0), mail)
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

    /// What the org was asked to write by API calls so far, as `update Account`.
    pub fn written_to_org(&self) -> Vec<String> {
        let (writes, _) = self.rig.sandbox.org().writes_since(0);
        writes.into_iter().map(|write| format!("{} {}", write.action, write.object)).collect()
    }

    /// Records of the app: these fields, as `a|b`, sorted.
    pub fn shows(&self, resource: &str, fields: &[&str]) -> Vec<String> {
        let records = self.app.records(resource).unwrap();
        let mut shown: Vec<String> =
            records.into_iter().map(|record| said(&Json::Object(record), fields)).collect();
        shown.sort();
        shown
    }

    /// The record in which a field has this value.
    pub fn found(&self, resource: &str, field: &str, value: impl Into<Json>) -> Option<Record> {
        let value = value.into();
        self.app.records(resource).unwrap().into_iter().find(|record| record.get(field) == Some(&value))
    }

    /// A new record of the app; gives its number.
    pub fn put(&self, resource: &str, record: Json) -> u64 {
        self.app.put(resource, record).unwrap()
    }

    /// Waits until it is so, without asking anybody to look: what is looked at once in many minutes came by itself.
    pub async fn comes(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let names: Vec<PipelineName> =
            self.daemon().statuses().into_iter().map(|status| status.name).collect();
        let mut receivers: Vec<_> =
            names.iter().map(|name| self.daemon().status_receiver(name).expect("it is there")).collect();
        let wait = async {
            while !is_so(self) {
                let changes = receivers.iter_mut().map(|receiver| Box::pin(receiver.changed()));
                select_all(changes).await.0.expect("the pipelines live");
            }
        };
        let came = tokio::time::timeout(PATIENCE, wait).await.is_ok();
        assert!(came, "{what}: {}", self.shown());
    }

    /// So many minutes go by, and it comes: nobody asks to look.
    pub async fn comes_within(&self, minutes: i64, what: &str, is_so: impl Fn(&Self) -> bool) {
        assert!(!is_so(self), "{what}: it is so already");
        self.clock.by(SignedDuration::from_mins(minutes));
        self.comes(what, is_so).await;
    }

    /// One pass of these pipelines, as at the end of their minutes; of all, without names.
    pub async fn look(&self, names: &[&str], full: bool) {
        for status in self.daemon().statuses() {
            let is_meant = names.is_empty() || names.contains(&status.name.as_str());
            if is_meant && !matches!(status.state, State::Disabled) {
                self.daemon().command(&status.name, Command::Sync { full }).await;
                until(self.daemon(), status.name.as_str(), |now| now.passes > status.passes).await;
            }
        }
    }

    /// Looks at everything until it is so.
    pub async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let look = async {
            while !is_so(self) {
                self.look(&[], false).await;
            }
        };
        let came = tokio::time::timeout(PATIENCE, look).await.is_ok();
        assert!(came, "{what}: {}", self.shown());
    }

    /// Compares everything until it is so.
    pub async fn compared(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let look = async {
            while !is_so(self) {
                self.look(&[], true).await;
            }
        };
        let came = tokio::time::timeout(PATIENCE, look).await.is_ok();
        assert!(came, "{what}: {}", self.shown());
    }

    /// Requests by which the app was written.
    pub fn written_to_app(&self) -> Vec<String> {
        let seen = self.app.seen();
        let wrote = seen.into_iter().filter(|seen| seen.method != axum::http::Method::GET);
        wrote.map(|seen| format!("{} {} {}", seen.method, seen.path, seen.body)).collect()
    }

    /// Everything is compared, twice, and nobody writes.
    pub async fn nothing_is_written_any_more(&self) {
        self.look(&[], true).await;
        self.look(&[], true).await;
        let before = (self.written_to_org(), self.written_to_app());
        self.look(&[], false).await;
        self.look(&[], true).await;
        assert_eq!((self.written_to_org(), self.written_to_app()), before, "{}", self.shown());
        assert_eq!(self.failures(), [], "{}", self.shown());
    }

    /// Everything, for messages.
    pub fn shown(&self) -> String {
        let states: Vec<_> = self
            .daemon()
            .statuses()
            .into_iter()
            .map(|s| {
                format!(
                    "{} {:?} {} passes {} {} {:?}",
                    s.name, s.state, s.message, s.passes, s.push, s.totals
                )
            })
            .collect();
        let records: BTreeMap<&String, Vec<Record>> = self
            .app
            .description()
            .resources
            .keys()
            .map(|name| (name, self.app.records(name).unwrap()))
            .collect();
        let views: Vec<String> = self.failures().iter().map(|failure| format!("{failure:?}")).collect();
        format!(
            "app {records:#?}\nwritten to the org {:?}\nwritten to the app {:?}\nfailures {views:#?}\nstates {states:#?}",
            self.written_to_org(),
            self.written_to_app(),
        )
    }
}

fn said(record: &Json, fields: &[&str]) -> String {
    let shown = |value: &Json| match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    let at = |field: &&str| field.split('.').fold(record, |value, step| &value[step]);
    fields.iter().map(|field| shown(at(field))).collect::<Vec<_>>().join("|")
}

fn map(json: Json) -> Map<String, Json> {
    match json {
        Json::Object(map) => map,
        other => panic!("no object: {other}"),
    }
}
