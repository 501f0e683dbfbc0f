//! The sets that a demo can show: their files, so that the program alone is enough, and what stands in for the systems that they name.

use std::collections::BTreeMap;

use sfsync_sandbox::app::{App, Description};
use sfsync_sandbox::{Customization, Sandbox};

use super::adapt;

/// What callers of the org have to show to the daemon of a demo.
const HOOK_TOKEN: &str = "demo-hook-token";

/// A set of pipelines that the repository ships.
#[derive(Debug)]
pub struct Set {
    /// Of the folder below `pipelines`, and of the connection to the app.
    pub name: &'static str,
    /// Names below the folder, and texts.
    pub files: &'static [(&'static str, &'static str)],
    /// A question to the app's database that shows something.
    pub(super) question: &'static str,
    /// The file and the change that the hint at the end names.
    pub(super) change: &'static str,
    /// Where users of the app write while the demo runs: the resource, and a field of text.
    pub(super) users_write: Option<(&'static str, &'static str)>,
    /// A custom setting that an installed package reads.
    pub(super) package: Option<&'static str>,
}

macro_rules! files {
    ($set:literal: $($name:literal)*) => {
        &[$((concat!($name, ".yaml"), include_str!(concat!("../../../pipelines/", $set, "/", $name, ".yaml")))),*]
    };
}

/// All of them, the quickstart first.
pub static SETS: [Set; 6] = [
    Set {
        name: "quickstart",
        files: files!("quickstart":
            "connections/salesforce" "connections/warehouse" "accounts" "opportunities" "owners"),
        question: "SELECT size, count(*) FROM deals GROUP BY 1",
        change: "opportunities.yaml: 100000 to 50000 in the row of `size`, or `money: off` under groups",
        users_write: None,
        package: None,
    },
    Set {
        name: "operating",
        files: files!("operating":
            "connections/operating" "connections/ops-slack" "connections/salesforce" "budgets" "clients"
            "deals" "people" "projects" "settings"),
        question: "SELECT status, count(*) FROM projects GROUP BY 1",
        change: "projects.yaml: `project: always` to `project: on_create`, which stops keeping project properties in sync",
        users_write: None,
        package: Some("Operating__Sync__c"),
    },
    Set {
        name: "smvue",
        files: files!("smvue":
            "connections/ops-mail" "connections/salesforce" "connections/smvue" "account_collaborators"
            "accounts" "contact_roles" "contacts" "deal_collaborators" "emails" "events" "lead_history"
            "leads" "opportunities" "pipelines" "settings" "stage_history" "stages" "tasks"
            "team_members"),
        question: "SELECT stage, count(*) FROM opportunities GROUP BY 1",
        change: "opportunities.yaml: take the row of `Competitor__c` out and put it back, which fills one column",
        users_write: None,
        package: None,
    },
    Set {
        name: "worksights",
        files: files!("worksights":
            "connections/ops-hook" "connections/salesforce" "connections/worksights" "accounts"
            "case_comments" "case_history" "cases" "contacts" "emails" "events" "leads" "notes"
            "opportunities" "opportunity_history" "settings" "tasks" "updates" "users"),
        question: "SELECT kind, count(*) FROM activities GROUP BY 1",
        change: "tasks.yaml: an email address into `exclude`, which leaves out the tasks of a person",
        users_write: None,
        package: None,
    },
    Set {
        name: "startdeliver",
        files: files!("startdeliver":
            "connections/cs-slack" "connections/salesforce" "connections/startdeliver" "comments"
            "customers" "emails" "meetings" "notes" "settings" "task_comments" "tasks" "team" "users"),
        question: "SELECT count(*) FROM customers",
        change: "notes.yaml: `enabled: true` to `enabled: false`, which stops bringing notes in",
        users_write: Some(("customers", "phone")),
        package: None,
    },
    Set {
        name: "conversion",
        files: files!("conversion":
            "connections/conversion" "connections/marketing-slack" "connections/salesforce" "accounts"
            "contacts" "events" "leads" "settings" "tasks"),
        question: "SELECT count(*) FROM contacts",
        change: "tasks.yaml: `[create, update]` to `[create]`, which leaves engagements as they were made",
        users_write: Some(("contacts", "phone")),
        package: None,
    },
];

impl Set {
    /// The set of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        SETS.iter().find(|set| set.name == name)
    }

    /// The files as they run against stand-ins on this machine; nothing but connections and waiting times is other than in the
    /// repository.
    pub fn for_stand_ins(&self) -> Vec<(&'static str, String)> {
        let text = |(name, text): &(&'static str, &'static str)| (*name, adapt::file(self.name, name, text));
        self.files.iter().map(text).collect()
    }

    /// What the simulated org has besides the standard.
    pub fn customizations(&self) -> Vec<Customization> {
        let shipped = Customization::shipped().any(|name| name == self.name);
        shipped.then(|| Customization::load(self.name).ok()).flatten().into_iter().collect()
    }

    /// What the app is, if it is one behind HTTP.
    pub fn app(&self) -> Option<Description> {
        let shipped = Description::shipped().any(|name| name == self.name);
        shipped.then(|| Description::load(self.name).ok()).flatten()
    }

    /// The secrets of all connections.
    pub fn secrets(&self, stand_ins: &StandIns<'_>) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        let mut add = |name: &str, value: String| drop(all.insert(name.to_owned(), value));
        add("SF_LOGIN_URL", stand_ins.sandbox.url().to_owned());
        add("SF_CLIENT_ID", Sandbox::CLIENT_ID.to_owned());
        add("SF_CLIENT_SECRET", Sandbox::CLIENT_SECRET.to_owned());
        add("SF_WEBHOOK_TOKEN", HOOK_TOKEN.to_owned());
        add("SFSYNC_PUBLIC_URL", stand_ins.public_url.to_owned());
        add("WAREHOUSE_DB", stand_ins.database.to_owned());
        let notices = format!("{}/notices", stand_ins.notices.address());
        add("NOTICES_URL", notices.clone());
        add("SLACK_WEBHOOK_URL", notices);
        if let Some(app) = stand_ins.app {
            let (prefix, signing) = (self.name.to_ascii_uppercase(), &app.description().webhooks);
            add("APP_URL", app.address());
            for name in ["TOKEN", "API_KEY"] {
                add(&format!("{prefix}_{name}"), app.description().auth.secret().to_owned());
            }
            add(&format!("{prefix}_WEBHOOK_TOKEN"), signing.token.clone().unwrap_or_default());
            add(&format!("{prefix}_WEBHOOK_SECRET"), signing.secret.clone().unwrap_or_default());
        }
        all
    }
}

/// What stands in for the systems of a set.
#[derive(Clone, Copy)]
pub struct StandIns<'a> {
    /// For Salesforce.
    pub sandbox: &'a Sandbox,
    /// For the app, if it is one behind HTTP.
    pub app: Option<&'a App>,
    /// For the places that are notified.
    pub notices: &'a App,
    /// For a database of the user: a SQLite file.
    pub database: &'a str,
    /// Where the daemon listens.
    pub public_url: &'a str,
}

impl StandIns<'_> {
    /// Lets the app and the installed package of the org tell the daemon of changes.
    pub fn call_back(&self, set: &Set) {
        if let Some(setting) = set.package {
            self.sandbox.install_package(setting);
        }
        let Some(app) = self.app else { return };
        for (name, _) in app.description().resources.iter().filter(|(_, resource)| resource.webhook.is_some())
        {
            // The resource is one of the app's own.
            let _ = app.subscribe(name, &format!("{}/hooks/{}/{name}", self.public_url, set.name));
        }
    }
}

/// What takes the notices of a demo.
pub async fn notices() -> Result<App, sfsync_sandbox::app::AppError> {
    App::start(Description::parse("resources: { notices: { path: /notices } }")?).await
}
