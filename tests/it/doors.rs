//! What people do with a daemon that runs, and without one: sign in through a browser, sign out, look at what a sync would do.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use sfsync::model::{ConnectionName, PipelineName};
use sfsync::runtime::control::{Control, ControlErrorKind, PlanQuery};
use sfsync::runtime::doors::Door;
use sfsync::runtime::status::State;
use sfsync::runtime::supervisor::Supervisor;
use sfsync_sandbox::{OAuthClient, ResourceKind, Sandbox, SandboxConfig, TokensRevoked};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

use crate::harness::rig::{Rig, until};
use crate::harness::small::{ACCOUNTS, DEALS, Small};

/// Where the browser comes back to in these tests; nobody listens there, the test brings the answer itself.
const CALLBACK: &str = "http://127.0.0.1:9/oauth/callback";

/// A connection that a person signs in to.
const WEB: &str = "\
type: salesforce
environment: production
login_url: ${env:SF_LOGIN_URL}
auth:
  flow: authorization_code
  client_id: web-app
  client_secret: ${env:WEB_SECRET}
";

/// A user of every sandbox, who approves the page at once.
async fn username() -> String {
    let sandbox = Sandbox::start(SandboxConfig::default()).await.unwrap();
    sandbox.org().users().into_iter().find(|user| user.is_active).unwrap().username
}

/// An org whose sign-in page approves at once, two pipelines, and nobody signed in.
async fn nobody_signed_in() -> Rig {
    let app = OAuthClient::new("web-app", "web-secret")
        .redirect_uri(CALLBACK)
        .redirect_uri("http://localhost:1717/OauthRedirect");
    let population = Some(sfsync_sandbox::Population::around(20));
    let config = SandboxConfig {
        population,
        clients: vec![app],
        auto_approve: Some(username().await),
        ..SandboxConfig::default()
    };
    let mut rig = Rig::new(config).await;
    rig.secrets.0.insert("WEB_SECRET".to_owned(), "web-secret".to_owned());
    rig.copy_set("quickstart");
    for name in ["owners", "opportunities"] {
        std::fs::remove_file(rig.folder().join(format!("{name}.yaml"))).unwrap();
    }
    rig.write("connections/salesforce.yaml", WEB);
    rig.write("accounts.yaml", ACCOUNTS);
    rig.write("deals.yaml", DEALS);
    rig
}

/// What a browser does: opens the address, is sent back. Gives the query that it comes back with.
async fn browse(url: &str) -> String {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let answer = client.get(url).send().await.unwrap();
    let back = answer.headers()["location"].to_str().unwrap();
    back.split_once('?').unwrap().1.to_owned()
}

fn salesforce() -> ConnectionName {
    ConnectionName::from("salesforce")
}

async fn signed_in(door: &Door) -> sfsync::runtime::sign_in::Connected {
    let begun = door.sign_in(&salesforce()).await.unwrap();
    assert_eq!(begun.callback.as_deref(), Some(CALLBACK));
    let query = browse(&begun.url.unwrap()).await;
    let told = door.sign_in_answered(&query).await.unwrap();
    assert!(told.contains("salesforce is signed in"), "{told}");
    door.signed_in(&salesforce()).await.unwrap().connected.unwrap()
}

async fn started(rig: &mut Rig) -> (Arc<Supervisor>, Door) {
    let daemon = rig.start().await;
    daemon.is_reached_at(CALLBACK.to_owned());
    (Arc::clone(&daemon), Door(daemon))
}

#[tokio::test]
async fn a_daemon_that_runs_takes_up_a_sign_in_and_its_pipelines_go_on() {
    let mut rig = nobody_signed_in().await;
    let (daemon, door) = started(&mut rig).await;
    let before = until(&daemon, "accounts", |status| status.state == State::Blocked).await;
    assert!(before.message.contains("sfsync connect salesforce"), "{}", before.message);
    let connected = signed_in(&door).await;
    assert_eq!((connected.org.as_str(), connected.environment.as_str()), ("Acme", "production"));
    assert_eq!(connected.can_read, ["Account", "Opportunity"]);
    assert_eq!(connected.cannot_read, []);
    assert!(connected.calls.is_some_and(|(all, budget)| budget < all), "{:?}", connected.calls);
    for name in ["accounts", "deals"] {
        until(&daemon, name, |status| status.state == State::Running && status.passes > 0).await;
    }
    let rows: i64 = rig.database().query_row("SELECT count(*) FROM clients", [], |row| row.get(0)).unwrap();
    assert!(rows > 0);
    // The token is kept over a restart, and not in clear text.
    rig.stop().await;
    drop((daemon, door));
    let state = std::fs::read(rig.dir.path().join("state/state.redb")).unwrap();
    assert!(!state.windows(4).any(|bytes| bytes == b"5Aep"), "a refresh token can be read in the state");
    let (daemon, _door) = started(&mut rig).await;
    until(&daemon, "accounts", |status| status.state == State::Running && status.passes > 0).await;
    rig.stop().await;
}

#[tokio::test]
async fn what_the_user_cannot_read_is_named_with_its_place() {
    let mut rig = nobody_signed_in().await;
    rig.edit_file("accounts.yaml", &[("salesforce: Name,", "salesforce: Nowhere__c,")]);
    rig.edit_file(
        "deals.yaml",
        &[
            ("object: Opportunity", "object: Secret__c"),
            ("lookup: accounts, missing: empty", "missing: empty"),
        ],
    );
    let (daemon, door) = started(&mut rig).await;
    let connected = signed_in(&door).await;
    let told: Vec<(&str, String)> = connected
        .cannot_read
        .iter()
        .map(|unseen| (unseen.what.as_str(), unseen.needed_by.rsplit('/').next().unwrap().to_owned()))
        .collect();
    assert_eq!(
        told,
        [("Account.Nowhere__c", "accounts.yaml:8".to_owned()), ("Secret__c", "deals.yaml:1".to_owned())]
    );
    assert_eq!(connected.can_read, ["Account"]);
    drop(daemon);
    rig.stop().await;
}

#[tokio::test]
async fn an_org_of_the_wrong_environment_is_refused_and_nothing_is_kept() {
    let mut rig = nobody_signed_in().await;
    rig.edit_file("connections/salesforce.yaml", &[("environment: production", "environment: sandbox")]);
    let (daemon, door) = started(&mut rig).await;
    let begun = door.sign_in(&salesforce()).await.unwrap();
    let query = browse(&begun.url.unwrap()).await;
    let error = door.sign_in_answered(&query).await.unwrap_err();
    assert_eq!(error.message, "the org is production, but `environment` says sandbox");
    assert!(error.help.contains("environment: production"), "{}", error.help);
    let error = door.signed_in(&salesforce()).await.unwrap_err();
    assert_eq!(error.message, "the org is production, but `environment` says sandbox");
    assert_eq!(rig.sandbox.revoke_tokens(TokensRevoked::All), 0, "the tokens of the wrong org are over");
    assert_eq!(daemon.statuses().iter().map(|status| status.totals.created).sum::<u64>(), 0);
    drop((daemon, door));
    rig.stop().await;
}

#[tokio::test]
async fn an_answer_of_another_sign_in_changes_nothing() {
    let mut rig = nobody_signed_in().await;
    let (daemon, door) = started(&mut rig).await;
    let first = door.sign_in(&salesforce()).await.unwrap().url.unwrap();
    let stale = browse(&first).await;
    door.sign_in(&salesforce()).await.unwrap();
    for query in [stale.as_str(), "code=a&state=b", ""] {
        let error = door.sign_in_answered(query).await.unwrap_err();
        assert!(error.message.contains("another one has replaced it"), "{error}");
    }
    let unknown = door.sign_in(&ConnectionName::from("salesfroce")).await.unwrap_err();
    assert!(unknown.help.contains("the folder has: salesforce, warehouse"), "{}", unknown.help);
    drop((daemon, door));
    rig.stop().await;
}

#[tokio::test]
async fn a_sign_out_stops_the_pipelines_and_the_next_sign_in_lets_them_go_on() {
    let mut rig = nobody_signed_in().await;
    let (daemon, door) = started(&mut rig).await;
    signed_in(&door).await;
    for name in ["accounts", "deals"] {
        until(&daemon, name, |status| status.state == State::Running && status.passes > 0).await;
    }
    // One that a person paused stays paused.
    door.pause(&PipelineName::from("deals"), "jane").await.unwrap();
    until(&daemon, "deals", |status| status.state == State::Paused).await;
    let links = door.links(&PipelineName::from("accounts"), None, 10_000).await.unwrap().len();
    let done = door.disconnect(&salesforce()).await.unwrap();
    assert_eq!(
        (done.stopped, done.revoked, done.failed),
        (vec!["accounts".to_owned(), "deals".to_owned()], true, None)
    );
    let stopped = until(&daemon, "accounts", |status| status.state == State::Paused).await;
    assert!(stopped.message.contains("sfsync disconnect salesforce"), "{}", stopped.message);
    assert_eq!(rig.sandbox.revoke_tokens(TokensRevoked::All), 0, "nothing is left to revoke");
    assert_eq!(door.links(&PipelineName::from("accounts"), None, 10_000).await.unwrap().len(), links);
    let again = door.disconnect(&salesforce()).await.unwrap();
    assert!(!again.revoked, "nobody is signed in any more");
    signed_in(&door).await;
    until(&daemon, "accounts", |status| status.state == State::Running).await;
    until(&daemon, "deals", |status| status.state == State::Paused && status.message.contains("jane")).await;
    drop((daemon, door));
    rig.stop().await;
}

#[tokio::test]
async fn a_plan_of_a_daemon_that_runs_writes_nothing() {
    let small = Small::loaded(30).await;
    let door = Door(Arc::clone(&small.daemon));
    let plan = |names: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        door.plan(PlanQuery { names, record: None, limit: 5 })
    };
    let answer = plan(&[]).await.unwrap();
    assert_eq!(answer.files, []);
    assert_eq!(answer.pipelines.len(), 2);
    for report in &answer.pipelines {
        assert!(report.looked_at > 0 && report.counts.unchanged == report.looked_at, "{report:?}");
    }
    // A record that is changed by hand in the app is what a full sync would repair.
    small.rig.database().execute("UPDATE deals SET name = 'by hand' WHERE rowid = 1", []).unwrap();
    let answer = plan(&["deals"]).await.unwrap();
    let report = &answer.pipelines[0];
    assert_eq!((report.counts.update, report.counts.create), (1, 0));
    assert_eq!(report.entries[0].fields[0].before.as_deref(), Some("by hand"));
    let api = report.api.unwrap();
    assert!(api.calls >= 1 && api.left.is_some() && api.budget.is_some(), "{api:?}");
    let name: String = small
        .rig
        .database()
        .query_row("SELECT name FROM deals WHERE rowid = 1", [], |row| row.get(0))
        .unwrap();
    assert_eq!(name, "by hand");
    let error = plan(&["deels"]).await.unwrap_err();
    assert!(error.help.contains("sfsync check deels"), "{error:?}");
}

#[tokio::test]
async fn a_plan_tells_what_edited_files_would_change() {
    let small = Small::loaded(10).await;
    let door = Door(Arc::clone(&small.daemon));
    small.rig.edit_file("deals.yaml", &[("  - { salesforce: StageName, app: stage }\n", "")]);
    small.rig.edit_file("accounts.yaml", &[("to_app", "to_ap")]);
    small.rig.write("more.yaml", &ACCOUNTS.replace("warehouse.clients", "warehouse.more"));
    let answer = door.plan(PlanQuery { limit: 5, ..PlanQuery::default() }).await.unwrap();
    let told: Vec<(&str, &str, &str)> = answer
        .files
        .iter()
        .map(|file| {
            let change = &file.changes[0];
            (file.file.rsplit('/').next().unwrap(), change.what.as_str(), change.meaning.as_str())
        })
        .collect();
    assert_eq!(
        told,
        [
            ("accounts.yaml", "not loadable, see: sfsync check accounts", "the version that runs goes on"),
            ("deals.yaml", "row `StageName → stage` removed", "the values it wrote stay where they are"),
            ("more.yaml", "new", "begins with a first load"),
        ]
    );
    assert!(answer.pipelines.iter().all(|report| report.counts.update == 0), "what runs is planned");
    let tables: i64 = small
        .rig
        .database()
        .query_row("SELECT count(*) FROM sqlite_master WHERE name = 'more'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(tables, 0, "a plan creates no table");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_known_is_forgotten() {
    let small = Small::loaded(5).await;
    let door = Door(Arc::clone(&small.daemon));
    let error = door.forget(&"acounts".into()).await.unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (ControlErrorKind::NotFound, "there is no state of a pipeline acounts")
    );
    assert!(door.forget(&"accounts".into()).await.is_err(), "it runs");
}

/// The program itself, in the folder of a rig.
pub(crate) fn sfsync(rig: &Rig, arguments: &[&str]) -> tokio::process::Command {
    let mut command = tokio::process::Command::new(assert_cmd::cargo::cargo_bin("sfsync"));
    command.current_dir(rig.folder()).args(arguments).envs(&rig.secrets.0).kill_on_drop(true);
    command.env_remove("SFSYNC_CONFIG").env_remove("SFSYNC_SOCKET").env_remove("SFSYNC_STATE_KEY");
    command.env("XDG_RUNTIME_DIR", rig.dir.path()).env("SFSYNC_CONFIG", ".");
    command
}

/// Settings with a state of the rig's own.
pub(crate) fn settings(rig: &Rig, state: &Path) {
    rig.write("settings.yaml", &format!("listen: 127.0.0.1:0\nstate: {}\n", state.display()));
}

#[tokio::test]
async fn without_a_daemon_the_command_listens_for_the_browser_itself() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let rig = nobody_signed_in().await;
    settings(&rig, &rig.dir.path().join("state"));
    let mut command = sfsync(&rig, &["connect", "salesforce"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut url = None;
    while let Some(line) = lines.next_line().await.unwrap() {
        if line.trim().starts_with("http") {
            url = Some(line.trim().to_owned());
            break;
        }
    }
    // A browser follows the page back to the command.
    let page = reqwest::get(url.expect("an address to open")).await.unwrap().text().await.unwrap();
    assert!(page.contains("Signed in. You can close this window"), "{page}");
    let mut told = String::new();
    lines.into_inner().read_to_string(&mut told).await.unwrap();
    assert!(child.wait().await.unwrap().success(), "{told}");
    assert!(told.contains("Signed in: ") && told.contains(", production, Enterprise"), "{told}");
    assert!(told.contains("can read              Account, Opportunity"), "{told}");
    // The token is there for the next command.
    let output = sfsync(&rig, &["run", "accounts"]).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let output = sfsync(&rig, &["disconnect", "salesforce"]).output().await.unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && told.contains("Stopped: accounts, deals.") && told.contains("revoked"),
        "{told}"
    );
    assert_eq!(rig.sandbox.revoke_tokens(TokensRevoked::All), 0);
}

#[tokio::test]
async fn a_check_knows_what_a_record_type_offers_and_asks_only_for_those_that_are_named() {
    let rig = Small::empty(5).await;
    rig.write("accounts.yaml", ACCOUNTS);
    let stages = "include: [{ RecordType: Renewal, StageName: [Closed Won, Prospecting] }]";
    rig.write("deals.yaml", &DEALS.replace("poll: 1 second }", &format!("poll: 1 second, {stages} }}")));
    settings(&rig, &rig.dir.path().join("state"));
    std::fs::create_dir(rig.dir.path().join("state")).unwrap();
    let online = sfsync(&rig, &["check", "--online"]).output().await.unwrap();
    let told = String::from_utf8_lossy(&online.stdout).into_owned();
    assert_eq!(online.status.code(), Some(1), "{told}");
    assert!(told.contains("error[E306]: `Prospecting` is not a StageName of record type Renewal"), "{told}");
    assert!(told.contains("Negotiation/Review") && !told.contains("Qualification"), "{told}");
    assert!(told.contains(" fields checked against Salesforce"), "{told}");
    assert_eq!(rig.sandbox.calls().of(ResourceKind::PicklistValues), 1);
    // Kept: without the org the same is known, and how old it is.
    let offline = sfsync(&rig, &["check"]).output().await.unwrap();
    let told = String::from_utf8_lossy(&offline.stdout).into_owned();
    assert!(told.contains("error[E306]: `Prospecting` is not a StageName of record type Renewal"), "{told}");
    assert!(told.contains("note: checked against salesforce as read just now"), "{told}");
    assert_eq!(rig.sandbox.calls().of(ResourceKind::PicklistValues), 1);
    // A file that begins to name another one brings that in.
    rig.edit_file(
        "deals.yaml",
        &[("RecordType: Renewal, StageName: [Closed Won, Prospecting]", "RecordType: New_Business")],
    );
    let online = sfsync(&rig, &["check", "--online"]).output().await.unwrap();
    assert_eq!(online.status.code(), Some(0), "{}", String::from_utf8_lossy(&online.stdout));
    assert_eq!(rig.sandbox.calls().of(ResourceKind::PicklistValues), 2);
}

#[tokio::test]
async fn a_new_file_names_a_schema_that_is_there_and_checks() {
    let rig = Small::empty(3).await;
    settings(&rig, &rig.dir.path().join("state"));
    let arguments = ["new", "people", "--salesforce", "Contact", "--app", "warehouse.people"];
    for (name, file) in [("people", "people.yaml"), ("others", "others.yaml")] {
        let mut arguments = arguments;
        let table = format!("warehouse.{name}");
        (arguments[1], arguments[5]) = (name, &table);
        let output = sfsync(&rig, &arguments).output().await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = std::fs::read_to_string(rig.folder().join(file)).unwrap();
        let named = text.lines().next().unwrap().strip_prefix("# yaml-language-server: $schema=").unwrap();
        assert!(rig.folder().join(named).is_file(), "{named} is not there");
    }
    let output = sfsync(&rig, &["check", "people"]).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
