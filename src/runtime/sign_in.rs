//! Signing a connection in and out: the web sign-in that goes on while a person is at the browser, and what is told after it: who
//! signed in, where, what may be used and read. Read [`SignIns`] and [`Connected`] first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, watch};

use super::catalogs::{self, Look};
use super::control::ControlError;
use super::load::{self, Loading};
use super::news;
use super::world::{System, World};
use crate::connect::ConnectError;
use crate::connect::salesforce::{Auth, Client, WebSignIn};
use crate::expr::Engine;
use crate::model::{Class, Clock, ConnectionName};
use crate::plan::{Catalog, Files};
use crate::spec::values::Share;
use crate::spec::{ConnectionFile, ConnectionKind};
use crate::store::Store;

/// What came of a web sign-in; `None` while the person is still at it.
pub type Outcome = Option<Result<(), ControlError>>;

/// The web sign-ins that were begun, one for each connection.
#[derive(Default)]
pub struct SignIns {
    begun: Mutex<HashMap<ConnectionName, Begun>>,
    done: Notify,
}

struct Begun {
    sign_in: Arc<WebSignIn>,
    client: Arc<Client>,
    outcome: watch::Sender<Outcome>,
}

impl SignIns {
    /// Begins one; an earlier one of the same connection can no longer be finished. Gives the address to open.
    pub fn begin(&self, client: &Arc<Client>, redirect_uri: &str) -> Result<String, ConnectError> {
        let sign_in = Arc::new(client.begin_sign_in(redirect_uri)?);
        let url = sign_in.url.to_string();
        let begun = Begun { sign_in, client: Arc::clone(client), outcome: watch::Sender::new(None) };
        self.lock().insert(client.config().name.clone(), begun);
        Ok(url)
    }

    /// Finishes the one that a query belongs to. `None`: it belongs to none.
    pub async fn finish(&self, query: &str) -> Option<(ConnectionName, Result<(), ControlError>)> {
        let (name, client, sign_in, outcome) = {
            let all = self.lock();
            let (name, begun) = all.iter().find(|(_, begun)| begun.sign_in.is_answered_by(query))?;
            let parts = (&begun.client, &begun.sign_in);
            (name.clone(), Arc::clone(parts.0), Arc::clone(parts.1), begun.outcome.clone())
        };
        let result = client.finish_sign_in(&sign_in, query).await.map(|_| ()).map_err(ControlError::from);
        outcome.send_replace(Some(result.clone()));
        Some((name, result))
    }

    /// Hears what comes of the one that was begun last.
    pub fn outcome(&self, name: &ConnectionName) -> Option<watch::Receiver<Outcome>> {
        self.lock().get(name).map(|begun| begun.outcome.subscribe())
    }

    /// Somebody has signed in: what waits for that goes on.
    pub fn tell_done(&self) {
        self.done.notify_waiters();
    }

    /// Hears that somebody has signed in, from when it is enabled.
    pub fn done(&self) -> Notified<'_> {
        self.done.notified()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ConnectionName, Begun>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who is signed in, and what that is good for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connected {
    /// The connection.
    pub connection: String,
    /// Sign-in name of the integration user.
    pub user: String,
    /// Name of the org.
    pub org: String,
    /// Its id.
    pub org_id: String,
    /// `production` or `sandbox`.
    pub environment: String,
    /// `Enterprise Edition`; empty where the org does not tell.
    pub edition: String,
    /// `66.0`
    pub api_version: String,
    /// Calls of the whole org in a day, and the part of it that the connection may use.
    pub calls: Option<(u64, u64)>,
    /// `25 %`, where the budget is a share.
    pub share: Option<String>,
    /// Objects that the pipelines read and the user may.
    pub can_read: Vec<String>,
    /// What the pipelines need and the user does not see.
    pub cannot_read: Vec<Unseen>,
    /// What is to know of news at once: change events that will not come, what may be set up, what a person has to do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub news: Vec<String>,
    /// Pipelines that go on with this sign-in.
    pub pipelines: Vec<String>,
}

/// An object or a field that a pipeline needs and the integration user does not see.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unseen {
    /// `Opportunity.Description`
    pub what: String,
    /// What that may come from.
    pub why: String,
    /// `file:line` that names it.
    pub needed_by: String,
}

/// What a report is made from.
pub struct Asked<'a> {
    /// All files.
    pub files: &'a Files,
    /// The systems.
    pub world: &'a World,
    /// The state, which learns what is read.
    pub store: Option<&'a Store>,
    /// For the expressions of the files.
    pub engine: &'a Engine,
    /// What is known so far.
    pub catalog: Catalog,
    /// Time.
    pub clock: &'a dyn Clock,
}

/// The client of a connection.
pub async fn client(world: &World, file: &ConnectionFile) -> Result<Arc<Client>, ConnectError> {
    match (&file.kind, world.open(file)) {
        (ConnectionKind::Salesforce(_), opening) => match opening.await? {
            System::Salesforce(client) => Ok(client),
            System::Sql(_) | System::Http(_) => Err(no_org(file)),
        },
        _ => Err(no_org(file)),
    }
}

fn no_org(file: &ConnectionFile) -> ConnectError {
    let text = format!("connection {} is no Salesforce org; nobody signs in to it", file.name);
    ConnectError::new("R104", Class::Pipeline, text).help("look at it with: sfsync check --online")
}

/// Whether a person has to go to the browser.
pub fn needs_a_person(client: &Client) -> bool {
    matches!(client.config().auth, Auth::AuthorizationCode { .. })
}

/// Tells who is signed in and what of the pipelines' needs is seen; signs in where no person is needed. An org of the wrong
/// environment is an error, and nothing more is asked of it.
pub async fn report(file: &ConnectionFile, asked: Asked<'_>) -> Result<Connected, ConnectError> {
    let client = client(asked.world, file).await?;
    let check = client.check().await?;
    if let Some(problem) = check.problem {
        return Err(problem);
    }
    let mut report = Connected {
        connection: file.name.to_string(),
        user: check.user.username,
        org: check.org.name,
        org_id: check.org.id,
        environment: (if check.org.is_sandbox { "sandbox" } else { "production" }).to_owned(),
        edition: check.org.edition.unwrap_or_default(),
        api_version: check.api_version,
        share: share(file),
        ..Connected::default()
    };
    report.news = news::news(&client, file, (asked.files, asked.world)).await?;
    needs(file, asked, &mut report).await?;
    let budget = client.budget_status();
    report.calls = budget.org.map(|(_, all)| all).zip(budget.budget);
    Ok(report)
}

fn share(file: &ConnectionFile) -> Option<String> {
    let ConnectionKind::Salesforce(org) = &file.kind else { return None };
    match org.api_budget() {
        Share::Percent(percent) => Some(format!("{} %", percent.normalize())),
        Share::Count(_) => None,
    }
}

/// Describes what the pipelines of the connection name, again, as the user who is signed in now.
async fn needs(file: &ConnectionFile, asked: Asked<'_>, report: &mut Connected) -> Result<(), ConnectError> {
    let files = asked.files;
    let mine: Vec<_> = files
        .pipelines
        .iter()
        .filter_map(|pipeline| pipeline.value())
        .filter(|pipeline| pipeline.salesforce.connection_name() == file.name)
        .collect();
    let look = Look {
        pipelines: mine.iter().map(|pipeline| pipeline.name.clone()).collect(),
        again: true,
        ..Look::default()
    };
    let now = asked.clock.now();
    let mut looked = catalogs::refresh(files, (asked.world, asked.store), asked.catalog, (&look, now)).await;
    if let Some(error) = looked.unreachable.remove(&file.name) {
        return Err(error);
    }
    let loading = Loading { engine: asked.engine, catalog: &looked.catalog, now, ignore_not_yet: true };
    let loaded = load::load(files.clone(), &loading);
    let place = |span| loaded.files.map.place(span).map(|at| format!("{}:{}", at.path, at.line));
    for pipeline in mine {
        let object = &pipeline.salesforce.object;
        let known = looked.catalog.org(&file.name).map(|org| org.object(&object.value));
        if known.is_none_or(|known| known.known().is_none()) {
            report.cannot_read.push(Unseen {
                what: object.value.clone(),
                why: "no such object, or no permission to read it".to_owned(),
                needed_by: place(object.span).unwrap_or_default(),
            });
            continue;
        }
        if !report.can_read.contains(&object.value) {
            report.can_read.push(object.value.clone());
        }
        for (path, span) in loaded.compiled.fields.get(&pipeline.name).iter().flat_map(|all| &all.unseen) {
            report.cannot_read.push(Unseen {
                what: format!("{}.{path}", object.value),
                why: "no such field, or hidden by field-level security".to_owned(),
                needed_by: place(*span).unwrap_or_default(),
            });
        }
    }
    report.can_read.sort();
    Ok(())
}

/// What a sign-out did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disconnected {
    /// The connection.
    pub connection: String,
    /// Pipelines that were stopped, until the connection is signed in again.
    pub stopped: Vec<String>,
    /// What was set up in the org and is taken away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
    /// What was set up in the org and stays, with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<String>,
    /// Somebody was signed in, and is no more.
    pub revoked: bool,
    /// Why the tokens could not be ended; they are kept then.
    pub failed: Option<String>,
}

/// By whom pipelines are paused that a sign-out stopped: the next sign-in lets these go on, and no others.
pub fn paused_by(connection: &ConnectionName) -> String {
    format!("sfsync disconnect {connection}")
}
