//! SMVue: a read-only import into PostgreSQL.

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, ToSpan as _, Zoned};
use serde_json::{Value as Json, json};
use sfsync::runtime::status::State;
use sfsync_sandbox::org::Id;
use sfsync_sandbox::{MetadataSettings, ResourceKind, SandboxConfig, VisibilityRule};
use tokio_postgres::{Client, SimpleQueryMessage};
use tracing::instrument::WithSubscriber as _;

use crate::harness::postgres;
use crate::harness::rig::PATIENCE;
use crate::harness::whole::{Whole, org_of};

const PIPELINES: [&str; 15] = [
    "team_members",
    "pipelines",
    "stages",
    "accounts",
    "contacts",
    "leads",
    "opportunities",
    "stage_history",
    "lead_history",
    "contact_roles",
    "deal_collaborators",
    "account_collaborators",
    "events",
    "tasks",
    "emails",
];

const TABLES: &str = include_str!("../../../pipelines/smvue/tables.sql");

/// The set with its own connection to PostgreSQL, in a schema of this test.
struct Smvue {
    whole: Whole,
    client: Client,
}

impl Smvue {
    /// Everything but the daemon.
    async fn of(config: SandboxConfig) -> Self {
        let mut whole = Whole::of("smvue", config).await;
        let schema = postgres::unique_name("walk");
        let (_, shipped) =
            whole.set.files.iter().find(|(name, _)| *name == "connections/smvue.yaml").unwrap();
        let here = shipped.replace("type: postgres\n", &format!("type: postgres\nschema: {schema}\n"));
        whole.rig.write("connections/smvue.yaml", &here);
        whole.rig.secrets.0.insert("SMVUE_DATABASE_URL".to_owned(), postgres::url().to_owned());
        let client = postgres::connect().await;
        let prepare =
            format!("CREATE SCHEMA {schema}; SET search_path TO {schema}; SET timezone TO 'UTC'; {TABLES}");
        client.batch_execute(&prepare).await.unwrap();
        Self { whole, client }
    }

    async fn quiet() -> Self {
        Self::of(org_of("smvue", 0)).await
    }

    async fn run(&mut self) {
        self.whole.run().await;
        self.whole.loaded(&PIPELINES).await;
        // Before the message is set up a change waits for the poll.
        self.whole.status("opportunities", |status| status.push == "outbound_message").await;
    }

    /// Somebody who works in the app.
    async fn sql(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// Rows as `a|b`.
    async fn rows(&self, sql: &str) -> Vec<String> {
        let said = self.client.simple_query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        let rows = said.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        rows.map(|row| (0..row.len()).map(|at| row.get(at).unwrap_or_default()).collect::<Vec<_>>().join("|"))
            .collect()
    }

    /// Waits until a query answers so.
    async fn until(&self, sql: &str, wanted: &[&str]) {
        let began = std::time::Instant::now();
        loop {
            let found = self.rows(sql).await;
            if found == wanted {
                return;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "{sql}: {found:?}, not {wanted:?}: {:#?}",
                self.whole.daemon().statuses()
            );
            drop(tokio::time::timeout(std::time::Duration::from_millis(100), changed(&self.whole)).await);
        }
    }

    /// An open opportunity of a user, with changes to it.
    fn deal(&self, changes: Json) -> String {
        let mut fields = json!({
            "Name": "Acme", "StageName": "Prospecting", "Amount": 5000, "CloseDate": day(30),
            "OwnerId": self.whole.user("user03"),
        });
        let Json::Object(changes) = changes else { panic!("no object") };
        fields.as_object_mut().unwrap().extend(changes);
        self.whole.insert("Opportunity", fields)
    }

    /// Inserts as a user and not as the integration user.
    fn by(&self, user: &str, object: &str, fields: Json) -> String {
        let Json::Object(fields) = fields else { panic!("no object") };
        let mut work = self.whole.rig.sandbox.org().begin();
        work.set_author(Id::parse(user).unwrap());
        work.insert(object, fields);
        work.commit().unwrap()[0].to_string()
    }
}

/// What is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

async fn changed(whole: &Whole) {
    use sfsync::runtime::control::Control as _;
    whole.door().changed().await;
}

/// A day so many days from now.
fn day(days: i64) -> String {
    let now = Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC);
    now.checked_add(days.days()).unwrap().date().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_read_only_but_for_the_messages_which_a_disconnect_removes() {
    let mut smvue = Smvue::of(org_of("smvue", 30)).await;
    smvue.run().await;
    smvue.whole.status("opportunities", |status| status.push == "outbound_message").await;
    let org = smvue.whole.rig.sandbox.org().clone();
    assert!(org.deployed().iter().any(|what| what.contains("Opportunity")), "{:?}", org.deployed());
    let (writes, _) = org.writes_since(0);
    assert!(writes.is_empty(), "no record is written: {writes:?}");
    // A file that would write is refused.
    let back = "salesforce: Account\napp: smvue.accounts\nto_salesforce: [update]\nmatch: [name]\nfields:\n  \
                - { salesforce: Name, app: name }\n";
    smvue.whole.rig.write("back.yaml", back);
    let report = smvue.whole.daemon().reload_now(false).await.unwrap();
    assert!(
        report.diagnostics.iter().any(|told| told.title.contains("the connection is read-only")),
        "{report:#?}"
    );
    std::fs::remove_file(smvue.whole.rig.folder().join("back.yaml")).unwrap();
    smvue.whole.reload().await;
    let done = smvue.whole.disconnect().await;
    assert!(org.deployed().is_empty() && done.left.is_empty(), "{:?} {:?}", org.deployed(), done.left);
    smvue.whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_set_up_or_removed_is_listed_and_the_import_runs() {
    let metadata = MetadataSettings { permitted: false, ..MetadataSettings::default() };
    let mut smvue = Smvue::of(SandboxConfig { metadata, ..org_of("smvue", 0) }).await;
    smvue.deal(json!({}));
    smvue.whole.run().await;
    smvue.until("SELECT name FROM opportunities", &["Acme"]).await;
    smvue.whole.status("opportunities", |status| status.push == "outbound_message off").await;
    let log = Log::default();
    let (kept, writer) = (log.clone(), move || log.clone());
    let logging = tracing_subscriber::fmt().with_writer(writer).with_ansi(false).finish();
    let done = smvue.whole.disconnect().with_subscriber(logging).await;
    assert!(done.left.iter().any(|left| left.contains("Opportunity") && left.contains("Setup")), "{done:?}");
    let logged = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
    assert!(
        logged.contains("what was set up stays in the org") && logged.contains("of Opportunity"),
        "{logged}"
    );
    smvue.whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn open_opportunities_those_closed_in_12_months_and_activities_of_6() {
    let mut smvue = Smvue::quiet().await;
    let owner = smvue.whole.user("user03");
    let open = smvue.deal(json!({ "Name": "open and old", "CloseDate": day(-800) }));
    for (name, stage, days) in [
        ("won lately", "Closed Won", -300),
        ("lost lately", "Closed Lost", -30),
        ("won long ago", "Closed Won", -420),
    ] {
        smvue.deal(json!({ "Name": name, "StageName": stage, "CloseDate": day(days) }));
    }
    for (subject, days) in [("call lately", -150), ("call long ago", -220)] {
        let task = json!({ "Subject": subject, "ActivityDate": day(days), "OwnerId": owner });
        smvue.whole.insert("Task", task);
        let event = json!({
            "Subject": subject, "StartDateTime": format!("{}T10:00:00Z", day(days)),
            "ActivityDate": day(days), "DurationInMinutes": 30, "OwnerId": owner,
        });
        smvue.whole.insert("Event", event);
        let email = json!({ "Subject": subject, "MessageDate": format!("{}T10:00:00Z", day(days)), "Status": "3", "RelatedToId": open });
        smvue.by(&owner, "EmailMessage", email);
    }
    // What changes from now on comes whatever its age, and the first look reaches back a little.
    smvue.whole.rig.sandbox.org().clock().advance(SignedDuration::from_mins(30));
    smvue.run().await;
    let names = smvue.rows("SELECT name FROM opportunities ORDER BY 1").await;
    assert_eq!(names, ["lost lately", "open and old", "won lately"]);
    let subjects = smvue.rows("SELECT kind, subject FROM activities ORDER BY 1").await;
    assert_eq!(subjects, ["email|call lately", "event|call lately", "task|call lately"]);
    smvue.whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_associated_accounts_and_contacts_come() {
    let mut smvue = Smvue::quiet().await;
    let whole = &smvue.whole;
    let account = whole.insert("Account", json!({ "Name": "Acme", "Website": "https://www.acme.com/x" }));
    whole.insert("Account", json!({ "Name": "nobody's" }));
    let kim = json!({ "LastName": "Kim", "AccountId": account, "Email": " Kim@Acme.com" });
    let kim = whole.insert("Contact", kim);
    whole.insert("Contact", json!({ "LastName": "Lee", "AccountId": account }));
    let deal = smvue.deal(json!({ "AccountId": account }));
    whole.insert(
        "OpportunityContactRole",
        json!({ "OpportunityId": deal, "ContactId": kim, "Role": "Decision Maker", "IsPrimary": true }),
    );
    smvue.run().await;
    smvue.until("SELECT name, domain FROM accounts", &["Acme|acme.com"]).await;
    smvue
        .until(
            "SELECT c.name, c.email, a.name FROM contacts c JOIN accounts a ON a.id = c.account_id",
            &["Kim|kim@acme.com|Acme"],
        )
        .await;
    smvue.whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leads_histories_and_team_members_come_where_they_are_there() {
    let mut smvue = Smvue::quiet().await;
    let whole = &smvue.whole;
    let (zoe, jose) = (whole.user("user03"), whole.user("user04"));
    let lead =
        json!({ "LastName": "Ray", "Company": "Beta", "OwnerId": zoe, "Status": "Open - Not Contacted" });
    let lead = whole.insert("Lead", lead);
    whole.update("Lead", &lead, json!({ "Status": "Working - Contacted" }));
    let account = whole.insert("Account", json!({ "Name": "Acme" }));
    let deal = smvue.deal(json!({ "OwnerId": zoe, "AccountId": account }));
    whole.update("Opportunity", &deal, json!({ "StageName": "Qualification" }));
    let member = |user: &str| json!({ "OpportunityId": deal, "UserId": user, "TeamMemberRole": "Sales Rep" });
    whole.insert("OpportunityTeamMember", member(&zoe));
    whole.insert("OpportunityTeamMember", member(&jose));
    let member = json!({ "AccountId": account, "UserId": zoe, "TeamMemberRole": "Account Manager" });
    whole.insert("AccountTeamMember", member);
    smvue.run().await;
    smvue.until("SELECT name, company, status FROM leads", &["Ray|Beta|Working - Contacted"]).await;
    smvue
        .until(
            "SELECT stage FROM opportunity_stage_history ORDER BY changed_at, id",
            &["Prospecting", "Qualification"],
        )
        .await;
    let status = "SELECT old_value, new_value FROM lead_history WHERE field = 'Status'";
    smvue.until(status, &["Open - Not Contacted|Working - Contacted"]).await;
    // José owns nothing, so he is not mapped and no collaborator.
    let team =
        "SELECT t.name, c.role FROM opportunity_collaborators c JOIN team_members t ON t.id = c.member_id";
    smvue.until(team, &["Zoë Lindström|Sales Rep"]).await;
    smvue.until("SELECT role FROM account_collaborators", &["Account Manager"]).await;
    smvue.whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_that_is_not_tracked_is_blocked_and_nothing_else_stops() {
    let mut smvue = Smvue::quiet().await;
    smvue.deal(json!({}));
    smvue.whole.rig.sandbox.org().set_visibility(&[VisibilityRule::HideObject("LeadHistory".to_owned())]);
    smvue.whole.run().await;
    smvue.whole.status("lead_history", |status| status.state == State::Blocked).await;
    let others: Vec<&str> = PIPELINES.into_iter().filter(|name| *name != "lead_history").collect();
    smvue.whole.loaded(&others).await;
    smvue.until("SELECT name FROM opportunities", &["Acme"]).await;
    // Somebody turns the tracking on: it begins by itself with the next look at the org.
    smvue.whole.rig.sandbox.org().set_visibility(&[]);
    smvue.whole.daemon().reload_now(true).await.unwrap();
    smvue.whole.loaded(&["lead_history"]).await;
    smvue.whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn news_come_at_once_a_resync_finds_the_rest_and_a_reconciliation_repairs() {
    let mut smvue = Smvue::quiet().await;
    let id = smvue.deal(json!({}));
    smvue.run().await;
    smvue.whole.status("opportunities", |status| status.push == "outbound_message").await;
    smvue.whole.update("Opportunity", &id, json!({ "Name": "At once" }));
    smvue.until("SELECT name FROM opportunities", &["At once"]).await;
    // Roles have no messages: the resync brings them, after half an hour, though nobody asks.
    let contact = smvue.whole.insert("Contact", json!({ "LastName": "Kim" }));
    smvue.whole.insert("OpportunityContactRole", json!({ "OpportunityId": id, "ContactId": contact }));
    smvue.whole.clock.by(SignedDuration::from_mins(31));
    smvue
        .until("SELECT c.name FROM opportunity_contacts r JOIN contacts c ON c.id = r.contact_id", &["Kim"])
        .await;
    // Somebody broke a row.
    smvue.sql("UPDATE opportunities SET amount = 1, stage = 'nonsense'").await;
    smvue.whole.look(&["opportunities"]).await;
    let broken = smvue.rows("SELECT amount, stage FROM opportunities").await;
    assert_eq!(broken, ["1.00|nonsense"], "a look has no reason to touch it");
    // The reconciliation is on Sunday.
    smvue.whole.clock.by(SignedDuration::from_hours(7 * 24 + 1));
    smvue.until("SELECT amount, stage FROM opportunities", &["5000.00|Prospecting"]).await;
    smvue.whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_fields_and_selected_custom_fields_are_mapped() {
    let mut smvue = Smvue::quiet().await;
    let id = smvue.deal(json!({ "Competitor__c": "Globex", "NextStep": "Call", "Probability": 35 }));
    smvue.run().await;
    let shown = "SELECT name, amount, currency, stage, probability, is_closed, is_won, custom->>'competitor', custom->>'next_step' FROM opportunities";
    smvue.until(shown, &["Acme|5000.00|USD|Prospecting|35|f|f|Globex|Call"]).await;
    // What the app keeps beside them in the same column stays.
    smvue.sql(r#"UPDATE opportunities SET custom = custom || '{"colour": "red"}'"#).await;
    smvue.whole.update("Opportunity", &id, json!({ "Competitor__c": "Initech" }));
    let custom = "SELECT custom->>'competitor', custom->>'colour' FROM opportunities";
    smvue.until(custom, &["Initech|red"]).await;
    smvue.whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stage_probability_is_imported_and_an_override_stays_here() {
    let mut smvue = Smvue::quiet().await;
    let id = smvue.deal(json!({}));
    smvue.run().await;
    smvue.until("SELECT probability FROM crm_stages WHERE name = 'Qualification'", &["10.00"]).await;
    smvue.until("SELECT probability FROM opportunities", &["10"]).await;
    smvue.sql("UPDATE opportunities SET probability = 25; UPDATE crm_stages SET probability = 15 WHERE name = 'Qualification'").await;
    smvue.whole.update("Opportunity", &id, json!({ "StageName": "Negotiation/Review" }));
    smvue.until("SELECT stage, probability FROM opportunities", &["Negotiation/Review|25"]).await;
    smvue.whole.compare("stages").await;
    smvue.whole.compare("opportunities").await;
    smvue.until("SELECT probability FROM crm_stages WHERE name = 'Qualification'", &["15.00"]).await;
    let found = smvue.whole.org("SELECT Probability FROM Opportunity");
    assert_eq!(found[0]["Probability"].to_string(), "90.0", "Salesforce is not affected");
    // Emptied, it is imported again.
    smvue.sql("UPDATE opportunities SET probability = NULL").await;
    smvue.whole.compare("opportunities").await;
    smvue.until("SELECT probability FROM opportunities", &["90"]).await;
    smvue.whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_who_own_opportunities_come_and_their_role_is_chosen_here() {
    let mut smvue = Smvue::quiet().await;
    let zoe = smvue.whole.user("user03");
    smvue.deal(json!({ "OwnerId": zoe }));
    smvue.run().await;
    let members = "SELECT m.name, m.email, m.coached, m.role, b.name FROM team_members m LEFT JOIN team_members b ON b.id = m.manager_id \
                   WHERE m.email IS NOT NULL";
    smvue.until(members, &["Zoë Lindström|user03@acme.example|f|AE|"]).await;
    smvue.sql("INSERT INTO team_members (name) VALUES ('The boss')").await;
    smvue.sql("UPDATE team_members SET role = 'Manager', coached = true, manager_id = (SELECT id FROM team_members WHERE name = 'The boss') WHERE email IS NOT NULL").await;
    smvue.whole.update("User", &zoe, json!({ "LastName": "Lind" }));
    smvue.whole.look(&["team_members"]).await;
    smvue.whole.compare("team_members").await;
    smvue.until(members, &["Zoë Lind|user03@acme.example|t|Manager|The boss"]).await;
    smvue.whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn record_types_are_pipelines_and_the_default_is_chosen_here() {
    let mut smvue = Smvue::quiet().await;
    let renewal = smvue.whole.record_type("Renewal");
    smvue.deal(json!({ "RecordTypeId": renewal }));
    smvue.run().await;
    let pipelines = "SELECT code, name, is_default FROM crm_pipelines ORDER BY 1";
    smvue.until(pipelines, &["New_Business|New Business|f", "Renewal|Renewal|f"]).await;
    let of_deal = "SELECT p.code FROM opportunities o JOIN crm_pipelines p ON p.id = o.pipeline_id";
    smvue.until(of_deal, &["Renewal"]).await;
    smvue.sql("UPDATE crm_pipelines SET is_default = code = 'Renewal'").await;
    smvue.whole.compare("pipelines").await;
    smvue.until(pipelines, &["New_Business|New Business|f", "Renewal|Renewal|t"]).await;
    smvue.whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_share_of_the_orgs_api_calls_is_kept() {
    let mut config = org_of("smvue", 30);
    config.allocation = Some(60);
    let mut smvue = Smvue::of(config).await;
    smvue.whole.run().await;
    let told = smvue.whole.status("opportunities", |status| status.message.contains("API budget")).await;
    assert!(matches!(told.state, State::Degraded | State::Blocked), "{told:?}");
    // 30 % of 60.
    let sandbox = &smvue.whole.rig.sandbox;
    // What is set up in the org comes besides.
    let calls = sandbox.calls();
    let used: u64 = [ResourceKind::Query, ResourceKind::Composite].iter().map(|kind| calls.of(*kind)).sum();
    assert!(used <= 18, "{used} calls: {:?}", calls.by_kind);
    // Every pipeline stands still for one reason: a notice for each, in fewer letters than there are pipelines.
    let of_budget = |whole: &Whole| {
        let told = whole
            .told()
            .into_iter()
            .flatten()
            .filter(|[kind, _, text]| kind == "budget" && text.contains("API budget"));
        let mut names: Vec<String> = told.map(|[_, name, _]| name).collect();
        names.sort();
        names
    };
    smvue
        .whole
        .told_in_time("the budget", |whole| of_budget(whole).contains(&"opportunities".to_owned()))
        .await;
    let mut once = of_budget(&smvue.whole);
    once.dedup();
    assert_eq!(once, of_budget(&smvue.whole), "each once");
    smvue.whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_sync_waits_for_its_hours() {
    let mut smvue = Smvue::quiet().await;
    smvue.deal(json!({}));
    let zone = jiff::tz::TimeZone::get("America/Los_Angeles").unwrap();
    let time = |hours: i64| {
        let at = Zoned::now().with_time_zone(zone.clone()) + SignedDuration::from_hours(hours);
        at.strftime("%H:%M").to_string()
    };
    let window =
        |from: i64, until: i64| format!("LAST_N_MONTHS:12, during: {}-{} }}", time(from), time(until));
    let later = window(2, 3);
    smvue.whole.rig.edit_file("opportunities.yaml", &[("LAST_N_MONTHS:12 }", &later)]);
    smvue.whole.run().await;
    let opens = time(2);
    let waits = smvue.whole.status("opportunities", |status| status.message.contains(&opens)).await;
    smvue.whole.loaded(&["team_members", "stages"]).await;
    assert_eq!(smvue.rows("SELECT count(*) FROM opportunities").await, ["0"], "{waits:?}");
    smvue.whole.rig.edit_file("opportunities.yaml", &[(&later, &window(-1, 1))]);
    smvue.whole.reload().await;
    smvue.until("SELECT count(*) FROM opportunities", &["1"]).await;
    smvue.whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn why_says_why_an_opportunity_is_missing() {
    let mut smvue = Smvue::quiet().await;
    smvue.deal(json!({}));
    smvue.run().await;
    // Nobody imports an owner before the comparison of the night.
    let id = smvue.deal(json!({ "Name": "of somebody new", "OwnerId": smvue.whole.user("user05") }));
    smvue.whole.look(&["opportunities"]).await;
    assert_eq!(smvue.rows("SELECT name FROM opportunities").await, ["Acme"]);
    let why = smvue.whole.why(&id).await;
    let told = why.entries.iter().find(|entry| entry.pipeline.as_str() == "opportunities").unwrap();
    let reason = "row 8: it has no link in team_members (missing: skip)";
    assert_eq!((told.verdict.as_str(), told.reason.as_str()), ("left out", reason));
    // The row of the owner, which a person can go to.
    let (_, line) = told.place.as_ref().unwrap().rsplit_once("opportunities.yaml:").unwrap();
    let file = std::fs::read_to_string(smvue.whole.rig.folder().join("opportunities.yaml")).unwrap();
    assert!(file.lines().nth(line.parse::<usize>().unwrap() - 1).unwrap().contains("OwnerId"), "{why:#?}");
    smvue.whole.compare("team_members").await;
    smvue.until("SELECT name FROM opportunities ORDER BY 1", &["Acme", "of somebody new"]).await;
    smvue.whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn account_hierarchy_contact_roles_and_emails_come() {
    let mut smvue = Smvue::quiet().await;
    let zoe = smvue.whole.user("user03");
    let above = smvue.whole.insert("Account", json!({ "Name": "Holding" }));
    let account = smvue.whole.insert("Account", json!({ "Name": "Acme", "ParentId": above }));
    let deal = smvue.deal(json!({ "AccountId": account }));
    let contact = smvue.whole.insert("Contact", json!({ "LastName": "Kim", "AccountId": account }));
    let role = json!({ "OpportunityId": deal, "ContactId": contact, "Role": "Economic Buyer" });
    smvue.whole.insert("OpportunityContactRole", role);
    let at = format!("{}T08:00:00Z", day(-3));
    let email = json!({
        "Subject": "Offer", "TextBody": "As discussed", "RelatedToId": deal, "MessageDate": at, "Status": "3",
    });
    smvue.by(&zoe, "EmailMessage", email);
    smvue.run().await;
    let parents = "SELECT a.name, p.name FROM accounts a JOIN accounts p ON p.id = a.parent_id";
    smvue.until(parents, &["Acme|Holding"]).await;
    smvue.until("SELECT role FROM opportunity_contacts", &["Economic Buyer"]).await;
    let emails = "SELECT a.kind, a.subject, a.body, t.name, o.name FROM activities a JOIN team_members t ON t.id = a.member_id \
                  JOIN opportunities o ON o.id = a.opportunity_id";
    smvue.until(emails, &["email|Offer|As discussed|Zoë Lindström|Acme"]).await;
    smvue.whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wrong_environment_is_told_before_anything_runs() {
    let mut config = org_of("smvue", 0);
    config.org.is_sandbox = true;
    let mut smvue = Smvue::of(config).await;
    smvue.deal(json!({}));
    smvue.whole.run().await;
    for name in ["opportunities", "leads"] {
        let status = smvue.whole.status(name, |status| status.state == State::Invalid).await;
        let told = "E603: the org is a sandbox, but `environment` says production";
        assert!(status.message.starts_with(told), "{status:?}");
    }
    assert_eq!(smvue.rows("SELECT count(*) FROM opportunities").await, ["0"]);
    smvue.whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_of_rows_is_toggled_and_a_disconnect_and_a_reconnect_double_nothing() {
    let mut smvue = Smvue::of(org_of("smvue", 60)).await;
    smvue.run().await;
    let count = "SELECT count(*) FROM opportunities";
    let before = smvue.rows(count).await;
    assert!(before[0].parse::<u32>().unwrap() > 20, "{before:?}");
    // The row of a custom field is taken out, and is put back: the column follows without a new import.
    let row = "  - { salesforce: Competitor__c,    app: custom.competitor }                   # selected custom fields\n";
    smvue.whole.rig.edit_file("opportunities.yaml", &[(row, "")]);
    smvue.whole.reload().await;
    let id = smvue.deal(json!({ "Name": "new one", "Competitor__c": "Globex" }));
    let competitor = "SELECT custom->>'competitor' FROM opportunities WHERE name = 'new one'";
    smvue.until(competitor, &[""]).await;
    smvue.whole.rig.edit_file(
        "opportunities.yaml",
        &[("  - { salesforce: NextStep", &format!("{row}  - {{ salesforce: NextStep"))],
    );
    smvue.whole.reload().await;
    smvue.until(competitor, &["Globex"]).await;
    let done = smvue.whole.disconnect().await;
    assert!(done.left.is_empty(), "{done:?}");
    smvue.whole.status("opportunities", |status| status.state == State::Paused).await;
    smvue.whole.update("Opportunity", &id, json!({ "Name": "while nobody looked" }));
    smvue.whole.connect().await;
    smvue.until("SELECT count(*) FROM opportunities WHERE name = 'while nobody looked'", &["1"]).await;
    let after = smvue.rows(count).await;
    assert_eq!(after[0].parse::<u32>().unwrap(), before[0].parse::<u32>().unwrap() + 1);
    smvue.whole.stop().await;
}

/// API calls of the whole first load, the setting up of messages included.
async fn calls_of_an_import(opportunities: u32) -> u64 {
    let mut smvue = Smvue::of(org_of("smvue", opportunities)).await;
    smvue.run().await;
    let sandbox = &smvue.whole.rig.sandbox;
    let calls = sandbox.limits().usage(sandbox.org().clock().now()).used;
    smvue.whole.stop().await;
    calls
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_of_ten_times_the_records_needs_few_calls_more() {
    let (few, many) = (calls_of_an_import(100).await, calls_of_an_import(1_000).await);
    // 10,000 opportunities must not need 400 (`cargo bench --bench smvue` counts them).
    assert!(many < 200 && many < few + 80, "{few} calls for 100 opportunities, {many} for 1,000");
}
