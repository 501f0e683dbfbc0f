//! What people ask of pipelines that flow both ways: are both sides equal, take back what you wrote.

use std::process::Output;
use std::sync::Arc;

use assert_cmd::Command;
use assert_cmd::cargo::cargo_bin;
use serde_json::json;
use sfsync::model::PipelineName;
use sfsync::runtime::control::{Control, ControlErrorKind, UndoQuery};
use sfsync::runtime::doors::Door;
use sfsync::runtime::status::State;

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

fn sfsync(bench: &Bench, arguments: &[&str]) -> Output {
    let mut command = Command::new(cargo_bin("sfsync"));
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
    run(&["run", "accounts"], 0).await;
    assert_eq!(
        bench.app("SELECT name, phone FROM customers"),
        ["Acme|1"],
        "a look at changes writes nothing"
    );
    assert_eq!(bench.org(&["Name"], "FROM Account"), ["Acme Inc"]);
    let json: serde_json::Value =
        serde_json::from_str(&run(&["undo", "accounts", "--yes", "--json"], 0).await).unwrap();
    assert_eq!(json["restored"], 0);
}
