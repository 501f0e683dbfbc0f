//! The set `worksights` where the org does not give what it asks for: each pipeline says how it is, and goes on by polling.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use sfsync::runtime::status::{PipelineStatus, State};
use sfsync::runtime::supervisor::Supervisor;
use sfsync_sandbox::org::VisibilityRule;
use sfsync_sandbox::{Edition, EventSettings, OrgConfig, SandboxConfig};

use crate::harness::app::{App, AppAuth, AppConfig, AppPages, AppResource};
use crate::harness::clock::Fast;
use crate::harness::rig::{PATIENCE, Rig, until};
use crate::salesforce_rig::object_of;

const ACTIVITIES: &str = "/activities";
/// Pipelines that want change events, with their objects.
const WITH_NEWS: [(&str, &str); 5] = [
    ("cases", "Case"),
    ("contacts", "Contact"),
    ("events", "Event"),
    ("opportunities", "Opportunity"),
    ("tasks", "Task"),
];
/// Those that only look every ten minutes.
const WITHOUT: [&str; 8] = [
    "accounts",
    "case_comments",
    "case_history",
    "emails",
    "leads",
    "opportunity_history",
    "updates",
    "users",
];

/// Ten minutes take a second.
const FASTER: u32 = 600;

struct Bench {
    rig: Rig,
    app: App,
    daemon: Arc<Supervisor>,
    user: String,
}

fn worksights() -> AppConfig {
    let users =
        AppResource { records: Some("users"), finds: &[("email", "email")], ..AppResource::new("/users") };
    let activities = AppResource {
        records: Some("activities"),
        wrap: Some("activity"),
        finds: &[("source_id", "source_id")],
        unique: &["source_id"],
        ..AppResource::new(ACTIVITIES)
    };
    AppConfig {
        auth: AppAuth::Header("x-api-key", "s3cret".to_owned()),
        pages: AppPages::Page,
        page: 200,
        ..AppConfig::new(vec![users, activities])
    }
}

impl Bench {
    async fn new(config: SandboxConfig, prepare: impl FnOnce(&Rig)) -> Self {
        let mut rig = Rig::new(config).await;
        let app = App::start(worksights()).await;
        rig.copy_set("worksights");
        std::fs::remove_file(rig.folder().join("settings.yaml")).unwrap();
        let sign_in = [
            (
                "domain: acme.my.salesforce.com",
                "login_url: ${env:SF_LOGIN_URL}\npubsub_url: ${env:SF_LOGIN_URL}",
            ),
            ("flow: authorization_code", "flow: client_credentials"),
        ];
        rig.edit_file("connections/salesforce.yaml", &sign_in);
        let place = [
            ("https://api.worksights.example/v2", "${env:WORKSIGHTS_URL}"),
            ("rate_limit: 20 per second", "rate_limit: 2000 per second"),
        ];
        rig.edit_file("connections/worksights.yaml", &place);
        rig.secrets.0.insert("WORKSIGHTS_URL".to_owned(), app.url.clone());
        rig.secrets.0.insert("WORKSIGHTS_API_KEY".to_owned(), "s3cret".to_owned());
        let users = rig.sandbox.org().records("User", false).unwrap();
        let ann = users.iter().find(|user| user["LastName"] == "Example").unwrap();
        let user = ann["Id"].as_str().unwrap().to_owned();
        app.put("/users", json!({ "email": ann["Email"], "name": "Ann" }));
        prepare(&rig);
        rig.clock = Arc::new(Fast::by(FASTER));
        let daemon = rig.start().await;
        Self { rig, app, daemon, user }
    }

    fn insert(&self, object: &str, fields: Json) -> String {
        let mut fields = object_of(fields);
        fields.insert("OwnerId".to_owned(), Json::from(self.user.clone()));
        self.rig.sandbox.org().insert(object, fields).unwrap().to_string()
    }

    /// A record of each object whose events the set wants.
    fn insert_all(&self, mark: &str) -> Vec<(&'static str, String)> {
        let title = |object: &str| format!("{mark} {object}");
        let day = Timestamp::now().to_string();
        vec![
            ("Case", self.insert("Case", json!({ "Subject": title("Case") }))),
            ("Event", self.insert("Event", json!({ "Subject": title("Event"), "StartDateTime": day, "DurationInMinutes": 30 }))),
            ("Opportunity", self.insert("Opportunity", json!({ "Name": title("Opportunity"), "StageName": "Prospecting", "CloseDate": "2027-01-01" }))),
            ("Task", self.insert("Task", json!({ "Subject": title("Task") }))),
        ]
    }

    /// All of these come to the app, without anybody asking for a look.
    async fn come(&self, records: &[(&'static str, String)]) {
        let there = |id: &String| self.app.find(ACTIVITIES, "source_id", id.clone()).is_some();
        let mut any = self.daemon.status_receiver(&"tasks".into()).unwrap();
        let all = async {
            while !records.iter().all(|(_, id)| there(id)) {
                // The app has no bell.
                drop(tokio::time::timeout(Duration::from_millis(100), any.changed()).await);
            }
        };
        if tokio::time::timeout(PATIENCE, all).await.is_err() {
            let missing: Vec<_> = records.iter().filter(|(_, id)| !there(id)).collect();
            panic!("{missing:?} never came: {:#?}", self.daemon.statuses());
        }
    }

    async fn state(&self, name: &str, state: State, push: &str) -> PipelineStatus {
        until(&self.daemon, name, |status| status.state == state && status.push == push).await
    }

    /// Every pipeline that is not one of these runs, with news or without as its file says.
    async fn others_run(&self, but: &[&str]) {
        for (name, push) in
            WITH_NEWS.map(|(name, _)| (name, "cdc")).into_iter().chain(WITHOUT.map(|name| (name, "–")))
        {
            if !but.contains(&name) {
                self.state(name, State::Running, push).await;
            }
        }
    }

    /// Every pipeline that is not one of these looks again by itself.
    async fn polls(&self, but: &[&str]) {
        let names = WITH_NEWS.map(|(name, _)| name).into_iter().chain(WITHOUT);
        let before: Vec<PipelineStatus> = self.daemon.statuses();
        for name in names.filter(|name| !but.contains(name)) {
            let passes = before.iter().find(|status| status.name.as_str() == name).unwrap().passes;
            until(&self.daemon, name, |status| status.passes > passes + 1).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_slot_too_few_is_told_of_one_pipeline_and_taken_when_it_is_free() {
    let bench = Bench::new(SandboxConfig::default(), |rig| {
        rig.sandbox.org().select_for_events("Lead").unwrap();
    })
    .await;
    let status = bench.state("tasks", State::Degraded, "cdc off").await;
    assert_eq!(
        status.message,
        "no CDC slot for Task: 5 of 5 objects selected (by others 1, sfsync 4). Polling every 10 minutes."
    );
    bench.others_run(&["tasks"]).await;
    bench.come(&bench.insert_all("polled")).await;
    bench.polls(&[]).await;
    assert!(bench.rig.sandbox.org().deselect_for_events("Lead"));
    bench.others_run(&[]).await;
    let selected = bench.rig.sandbox.org().selected_for_events();
    let own = selected.iter().filter(|(channel, _)| channel == "WorkSights__chn").count();
    assert_eq!(own, 5, "{selected:?}");
    bench.come(&bench.insert_all("at once")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edition_without_change_events_is_told_and_polled() {
    let org = OrgConfig { edition: Edition::Professional, ..OrgConfig::default() };
    let bench = Bench::new(SandboxConfig { org, ..SandboxConfig::default() }, |_| ()).await;
    let names = WITH_NEWS.map(|(name, _)| name);
    for name in names {
        let status = bench.state(name, State::Degraded, "cdc off").await;
        assert_eq!(
            status.message,
            "Professional Edition has no Change Data Capture. Polling every 10 minutes."
        );
    }
    bench.others_run(&names).await;
    bench.come(&bench.insert_all("polled")).await;
    bench.polls(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_that_is_missing_is_told_where_it_is_missing() {
    let events = EventSettings { customize: false, ..EventSettings::default() };
    let bench = Bench::new(SandboxConfig { events, ..SandboxConfig::default() }, |rig| {
        let hidden = VisibilityRule::HideObject("EmailMessage".to_owned());
        let field = VisibilityRule::HideField("Lead".to_owned(), "Status".to_owned());
        rig.sandbox.org().set_visibility(&[hidden, field]);
    })
    .await;
    for (name, _) in WITH_NEWS {
        let status = bench.state(name, State::Degraded, "cdc off").await;
        assert_eq!(
            status.message,
            "the integration user may not change channels: it needs the permission Customize Application. Polling every 10 minutes."
        );
    }
    // An object may be granted later; a field that is named and is not there is a fault of the file.
    let both = [
        ("emails", State::Blocked, "unknown object `EmailMessage`"),
        ("leads", State::Invalid, "Lead has no field `Status`"),
    ];
    for (name, state, what) in both {
        let status = until(&bench.daemon, name, |status| status.state == state).await;
        assert!(status.message.contains(what), "{}", status.message);
    }
    bench.come(&bench.insert_all("polled")).await;
    bench.polls(&["emails", "leads"]).await;
}
