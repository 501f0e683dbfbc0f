//! What people ask of pipelines that flow both ways: are both sides equal, take back what you wrote.

use std::process::Output;
use std::sync::Arc;

use assert_cmd::cargo::cargo_bin;
use serde_json::json;
use sfsync::model::PipelineName;
use sfsync::runtime::control::{Control, ControlErrorKind, PlanQuery, UndoQuery};
use sfsync::runtime::doors::Door;
use sfsync::runtime::status::State;
use sfsync::runtime::task::Command;

use super::bench::{ACCOUNTS, Bench};
use crate::harness::rig::until;

const FILES: &[(&str, &str)] = &[("accounts.yaml", ACCOUNTS)];

fn accounts() -> PipelineName {
    PipelineName::from("accounts")
}

/// The line of a metric.
fn metric(door: &Door, name: &str) -> String {
    let text = door.metrics();
    let line = text.lines().find(|line| line.starts_with(&format!("{name}{{pipeline=\"accounts\"}}")));
    line.and_then(|line| line.rsplit(' ').next()).unwrap_or("none").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_proves_that_both_sides_are_equal_or_tells_how_many_are_not() {
    let mut bench = Bench::new(FILES).await;
    for name in ["Acme", "Globex", "Initech"] {
        bench.insert("Account", json!({ "Name": name }));
    }
    bench.run().await;
    bench.until("all", |bench| bench.app("SELECT id FROM customers").len() == 3).await;
    let door = Door(bench.supervisor());
    assert_eq!(metric(&door, "sfsync_differences"), "none", "nothing was compared yet");
    bench.look(true).await;
    let compared = |bench: &Bench| bench.daemon().statuses()[0].comparison.map(|known| known.differed);
    assert_eq!((compared(&bench), metric(&door, "sfsync_differences")), (Some(0), "0".to_owned()));
    // A program that does not stamp what it writes: no poll sees it, the comparison does.
    bench.sql(
        "UPDATE customers SET name = 'Acme Inc', updated_at = '2001-01-01T00:00:00.000Z' WHERE name = 'Acme'",
    );
    bench.look(true).await;
    assert_eq!((compared(&bench), metric(&door, "sfsync_differences")), (Some(1), "1".to_owned()));
    assert_eq!(metric(&door, "sfsync_reconcile_differences_total"), "1");
    bench.look(true).await;
    assert_eq!((compared(&bench), metric(&door, "sfsync_differences")), (Some(0), "0".to_owned()));
    assert_eq!(bench.org(&["Name"], "FROM Account WHERE Name = 'Acme Inc'").len(), 1, "{}", bench.shown());
    drop(door);
    // The next process knows it, too.
    bench.again().await;
    until(bench.daemon(), "accounts", |status| status.comparison.is_some()).await;
    assert_eq!(metric(&Door(bench.supervisor()), "sfsync_differences"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_of_a_daemon_pauses_the_pipeline_and_nothing_is_written_again_by_itself() {
    let mut bench = Bench::new(FILES).await;
    let acme = bench.insert("Account", json!({ "Name": "Acme", "Phone": "1" }));
    bench.run().await;
    bench.until("it is there", |bench| bench.app("SELECT id FROM customers").len() == 1).await;
    bench.is_silent("before").await;
    bench.update("Account", &acme, json!({ "Name": "Acme Inc" }));
    let name = |bench: &Bench| bench.app("SELECT name FROM customers WHERE phone = '1'");
    bench.until("the change", |bench| name(bench) == ["Acme Inc"]).await;
    let door = Door(bench.supervisor());
    let plan = door.undo(&accounts(), UndoQuery { limit: 9, ..UndoQuery::default() }).await.unwrap();
    assert_eq!((plan.restored, plan.entries.len(), plan.done), (1, 1, false));
    assert_eq!(bench.daemon().statuses()[0].state, State::Running, "a plan pauses nothing");
    let wrong = UndoQuery { act: true, run: Some(jiff::Timestamp::UNIX_EPOCH), ..UndoQuery::default() };
    let refused = door.undo(&accounts(), wrong).await.unwrap_err();
    assert_eq!(refused.kind, ControlErrorKind::Conflict, "it is not the run that was looked at");
    let query = UndoQuery { act: true, run: plan.run, by: "kim".to_owned(), limit: 9 };
    let done = door.undo(&accounts(), query).await.unwrap();
    assert_eq!((done.restored, done.done, name(&bench)), (1, true, vec!["Acme".to_owned()]));
    let status = until(bench.daemon(), "accounts", |status| status.state == State::Paused).await;
    assert_eq!(status.message, "paused by undo by kim");
    let mark = bench.mark();
    door.resume(&accounts()).await.unwrap();
    until(bench.daemon(), "accounts", |status| status.state == State::Running).await;
    bench.look(false).await;
    bench.look(false).await;
    assert_eq!(bench.written_to_org(&mark), Vec::<String>::new());
    assert_eq!(bench.written_to_app(&mark), Vec::<String>::new());
    assert_eq!(bench.org(&["Name"], &format!("FROM Account WHERE Id = '{acme}'")), ["Acme Inc"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_the_app_can_be_asked_about_whether_it_is_linked_or_not() {
    let mut bench = Bench::new(FILES).await;
    bench.insert("Account", json!({ "Name": "Acme", "Website": "acme.com" }));
    bench.run().await;
    bench.until("it is there", |bench| bench.app("SELECT id FROM customers").len() == 1).await;
    bench.daemon().command(&accounts(), Command::Pause { by: "the test".to_owned() }).await;
    until(bench.daemon(), "accounts", |status| status.state == State::Paused).await;
    bench.sql("INSERT INTO customers (id, domain, name) VALUES (70, 'globex.com', 'Globex')");
    let door = Door(bench.supervisor());
    let linked = door.why("1").await.unwrap();
    assert_eq!((linked.entries[0].verdict.as_str(), linked.entries.len()), ("in sync", 1));
    assert!(
        linked.record.starts_with("Account 001") && linked.record.ends_with("\"Acme\""),
        "{}",
        linked.record
    );
    let new = door.why("70").await.unwrap();
    assert_eq!(new.record, "crm.customers 70 \"Globex\"");
    assert_eq!(new.entries[0].verdict, "to be: create");
    assert!(new.entries[0].reason.contains("writes Name in Salesforce"), "{}", new.entries[0].reason);
    let unknown = door.why("71").await.unwrap_err();
    assert_eq!(unknown.kind, ControlErrorKind::NotFound);
    bench.sql("UPDATE customers SET name = 'Acme Inc' WHERE id = 1");
    let edited = door.why("1").await.unwrap();
    assert_eq!(edited.entries[0].verdict, "to be: update");
    assert_eq!(edited.entries[0].reason, "writes Name in Salesforce");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_shows_what_both_sides_would_write_and_why_the_rest_stays() {
    let file = ACCOUNTS.replace(
        "{ salesforce: NumberOfEmployees, app: employees }",
        "{ salesforce: NumberOfEmployees, app: employees, to_salesforce: false, write: if_empty }",
    );
    let mut bench = Bench::new(&[("accounts.yaml", &file)]).await;
    let acme = bench.insert("Account", json!({ "Name": "Acme", "NumberOfEmployees": 5 }));
    bench.insert("Account", json!({ "Name": "Globex", "NumberOfEmployees": 6 }));
    bench.run().await;
    bench.until("all", |bench| bench.app("SELECT id FROM customers").len() == 2).await;
    bench.daemon().command(&accounts(), Command::Pause { by: "the test".to_owned() }).await;
    until(bench.daemon(), "accounts", |status| status.state == State::Paused).await;
    bench.update("Account", &acme, json!({ "Name": "Acme Inc", "NumberOfEmployees": 50 }));
    bench.sql(&format!("UPDATE customers SET phone = '7' WHERE salesforce_id = '{acme}'"));
    bench.sql("UPDATE customers SET employees = 7 WHERE name = 'Globex'");
    bench.sql("INSERT INTO customers (id, name) VALUES (70, 'Initech')");
    let door = Door(bench.supervisor());
    let plan = |record: Option<&str>| PlanQuery {
        record: record.map(str::to_owned),
        limit: 9,
        ..PlanQuery::default()
    };
    let report = door.plan(plan(None)).await.unwrap().pipelines.remove(0);
    assert_eq!(report.way, "Account ↔ crm.customers");
    let mut shown: Vec<String> = Vec::new();
    for entry in &report.entries {
        for field in &entry.fields {
            let (before, after) =
                (field.before.as_deref().unwrap_or("-"), field.after.as_deref().unwrap_or("stays"));
            shown.push(format!("{} {} {before} {after} ({})", entry.op, field.name, field.note));
        }
    }
    shown.sort();
    assert_eq!(
        shown,
        [
            "create Name - Initech (in Salesforce)",
            "keep employees 7 stays (write: if_empty, is not empty; the other side says 6)",
            "update Phone empty 7 (in Salesforce)",
            "update employees 5 stays (write: if_empty, is not empty; the other side says 50)",
            "update name Acme Acme Inc (in the app)",
        ]
    );
    assert_eq!((report.counts.create, report.counts.update, report.stays), (1, 1, 1));
    let one = door.plan(plan(Some("70"))).await.unwrap().pipelines.remove(0);
    assert_eq!((one.entries.len(), one.entries[0].op.as_str()), (1, "create"), "a key of the app names it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_gives_the_reason_for_every_field_that_differs_and_stays() {
    let file = ACCOUNTS
        .replace("app: employees }", "app: employees, write: on_create }")
        .replace("app: phone, conflict: app }", "app: phone, group: phones }\ngroups: { phones: off }");
    let mut bench = Bench::new(&[("accounts.yaml", &file)]).await;
    let acme = bench.insert("Account", json!({ "Name": "Acme", "NumberOfEmployees": 5 }));
    bench.run().await;
    bench.until("it is there", |bench| bench.app("SELECT id FROM customers") == ["1"]).await;
    bench.update("Account", &acme, json!({ "NumberOfEmployees": 6 }));
    bench.sql("UPDATE customers SET phone = '7'");
    bench.look(true).await;
    assert_eq!(bench.app("SELECT employees, phone FROM customers"), ["5|7"]);
    let door = Door(bench.supervisor());
    let query = PlanQuery { limit: 9, ..PlanQuery::default() };
    let plan = door.plan(query).await.unwrap().pipelines.remove(0);
    let told: Vec<(String, String, String)> = plan.entries[0]
        .fields
        .iter()
        .map(|field| (field.name.clone(), field.before.clone().unwrap_or_default(), field.note.clone()))
        .collect();
    let line = |name: &str, held: &str, why: &str| (name.to_owned(), held.to_owned(), why.to_owned());
    assert_eq!((plan.stays, plan.entries[0].op.as_str()), (1, "keep"));
    assert_eq!(
        told,
        [
            line("employees", "5", "write: on_create; the other side says 6"),
            line("phone", "7", "group is off; the other side says empty"),
        ]
    );
    let why = door.why(&acme).await.unwrap().entries.remove(0);
    assert_eq!(why.verdict, "in sync");
    assert!(why.reason.contains("employees stays (write: on_create"), "{}", why.reason);
}

fn sfsync(bench: &Bench, arguments: &[&str]) -> Output {
    let mut command = assert_cmd::Command::new(cargo_bin("sfsync"));
    let folder = bench.rig.folder();
    command.current_dir(&folder).args(arguments).env_remove("SFSYNC_CONFIG").env_remove("SFSYNC_SOCKET");
    command.env("XDG_RUNTIME_DIR", bench.rig.dir.path()).envs(&bench.rig.secrets.0);
    command.output().unwrap()
}

fn told(output: &Output) -> String {
    [output.stdout.as_slice(), output.stderr.as_slice()].map(String::from_utf8_lossy).concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_shows_what_it_would_undo_and_does_it_when_it_is_told_to() {
    let bench = Arc::new(Bench::new(FILES).await);
    let state = bench.rig.dir.path().join("state");
    bench.rig.write("settings.yaml", &format!("listen: 127.0.0.1:0\nstate: {}\n", state.display()));
    let acme = bench.insert("Account", json!({ "Name": "Acme", "Phone": "1" }));
    let run = |arguments: &'static [&'static str], code: i32| {
        let bench = Arc::clone(&bench);
        async move {
            let output = tokio::task::spawn_blocking(move || sfsync(&bench, arguments)).await.unwrap();
            assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", told(&output));
            told(&output)
        }
    };
    run(&["run", "accounts"], 0).await;
    let nothing = run(&["undo", "accounts"], 0).await;
    assert!(nothing.contains("There is nothing to undo"), "{nothing}");
    bench.update("Account", &acme, json!({ "Name": "Acme Inc", "Phone": "2" }));
    run(&["run", "accounts"], 0).await;
    assert_eq!(bench.app("SELECT name, phone FROM customers"), ["Acme Inc|2"]);
    let plan = run(&["undo", "accounts"], 3).await;
    for part in [
        "nothing is written yet",
        "Acme Inc → Acme",
        "1 record would be put back",
        "sfsync undo accounts --yes",
    ] {
        assert!(plan.contains(part), "{part}: {plan}");
    }
    assert_eq!(bench.app("SELECT name FROM customers"), ["Acme Inc"]);
    let done = run(&["undo", "accounts", "--yes"], 0).await;
    assert!(done.contains("1 record was put back"), "{done}");
    assert!(done.contains("accounts is paused"), "{done}");
    assert_eq!(bench.app("SELECT name, phone FROM customers"), ["Acme|1"]);
    let paused = run(&["run", "accounts"], 1).await;
    assert!(paused.contains("it is paused by undo by "), "{paused}");
    assert!(paused.contains("it goes on after: sfsync resume accounts"), "{paused}");
    run(&["run", "accounts", "--full"], 1).await;
    assert_eq!(bench.app("SELECT name, phone FROM customers"), ["Acme|1"]);
    let resumed = run(&["resume", "accounts"], 0).await;
    assert!(resumed.contains("accounts goes on with the next sfsync run or daemon."), "{resumed}");
    run(&["run", "accounts"], 0).await;
    assert_eq!(
        bench.app("SELECT name, phone FROM customers"),
        ["Acme|1"],
        "a look at changes writes nothing"
    );
    let rests = run(&["pause", "accounts"], 0).await;
    assert!(rests.contains("accounts rests, until: sfsync resume accounts"), "{rests}");
    run(&["run", "accounts"], 1).await;
    assert_eq!(bench.org(&["Name"], "FROM Account"), ["Acme Inc"]);
    let json: serde_json::Value =
        serde_json::from_str(&run(&["undo", "accounts", "--yes", "--json"], 0).await).unwrap();
    assert_eq!(json["restored"], 0);
}
