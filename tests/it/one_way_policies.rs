//! What a pipeline from Salesforce into SQL may do to rows that are there: archive and delete them, within limits, with a person's word.
//! Each scenario runs with SQLite and with PostgreSQL where the database has a part in it; rows are read as another program reads them.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Map, Value as Json, json};
use sfsync::model::{Counts, PipelineName, Side};
use sfsync::runtime::clock::SystemClock;
use sfsync::runtime::control::{Control as _, FailureFilter as ControlFilter, PlanQuery};
use sfsync::runtime::doors::Door;
use sfsync::runtime::planning::quiet;
use sfsync::runtime::status::{PipelineStatus, State};
use sfsync::runtime::supervisor::Supervisor;
use sfsync::runtime::task::Command;
use sfsync::runtime::workbench::{RunQuery, RunReport, Workbench};
use sfsync::store::FailureFilter;
use sfsync_sandbox::SandboxConfig;

use crate::harness::postgres;
use crate::harness::rig::{Rig, caught_up, until};

/// Rows that are keyed by the Salesforce id, which nobody looks up.
const MIRROR: &str = "\
salesforce: { object: Contact, poll: 1 hour }
app: warehouse.people
to_app: [create, update]
match: [sf]
reconcile: off
fields:
  - { salesforce: Id,       app: sf }
  - { salesforce: LastName, app: name }
  - { salesforce: Email,    app: email }
";

/// The same with pairs that are remembered: a policy that has to know what it wrote.
fn linked(file: &str) -> String {
    file.replace("app: email }", "app: email, write: unless_edited }")
}

fn with(file: &str, changes: &[(&str, &str)]) -> String {
    let mut file = file.to_owned();
    for (from, to) in changes {
        assert!(file.contains(from), "{from}");
        file = file.replace(from, to);
    }
    file
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Sqlite,
    Postgres,
}

/// An org with contacts, a database, and the daemon between them.
struct Bench {
    rig: Rig,
    /// Of PostgreSQL.
    schema: Option<String>,
}

impl Bench {
    async fn new(kind: Kind, file: &str) -> Self {
        let mut rig = Rig::new(SandboxConfig::default()).await;
        rig.copy_set("quickstart");
        for name in ["accounts", "owners", "opportunities"] {
            std::fs::remove_file(rig.folder().join(format!("{name}.yaml"))).unwrap();
        }
        rig.write("people.yaml", file);
        let mut schema = None;
        if kind == Kind::Postgres {
            let name = postgres::unique_name("policies");
            postgres::connect().await.batch_execute(&format!("CREATE SCHEMA {name}")).await.unwrap();
            rig.secrets.0.insert("WAREHOUSE".to_owned(), postgres::url().to_owned());
            let connection =
                format!("type: postgres\nurl: ${{env:WAREHOUSE}}\nschema: {name}\ncreate_tables: true\n");
            rig.write("connections/warehouse.yaml", &connection);
            schema = Some(name);
        }
        Self { rig, schema }
    }

    /// So many contacts: their ids. Time goes by, so that the next look sees them.
    fn contacts(&self, names: &[&str]) -> Vec<String> {
        let insert = |name: &&str| {
            let fields = json!({ "LastName": name, "Email": format!("{name}@x.com") });
            self.rig.sandbox.org().insert("Contact", map(fields)).unwrap().to_string()
        };
        let ids = names.iter().map(insert).collect();
        self.later();
        ids
    }

    fn change(&self, id: &str, fields: Json) {
        self.rig.sandbox.org().update("Contact", id, map(fields)).unwrap();
        self.later();
    }

    fn delete(&self, ids: &[String]) {
        for id in ids {
            self.rig.sandbox.org().delete("Contact", id).unwrap();
        }
        self.later();
    }

    fn later(&self) {
        self.rig.sandbox.org().clock().advance(SignedDuration::from_secs(30));
    }

    async fn start(&mut self) -> Arc<Supervisor> {
        let daemon = self.rig.start().await;
        until(&daemon, "people", |status| status.state == State::Running && status.passes > 0).await;
        daemon
    }

    async fn execute(&self, sql: &str) {
        match &self.schema {
            None => self.rig.database().execute_batch(sql).unwrap(),
            Some(schema) => {
                let script = format!("SET search_path = {schema}; {sql}");
                postgres::connect().await.batch_execute(&script).await.unwrap();
            }
        }
    }

    /// The rows of an answer, the values of one separated by bars.
    async fn rows(&self, sql: &str) -> Vec<String> {
        let Some(schema) = &self.schema else {
            let database = self.rig.database();
            let mut statement = database.prepare(sql).unwrap();
            let count = statement.column_count();
            let rows = statement.query_map([], |row| {
                let value = |at| match row.get::<_, rusqlite::types::Value>(at).unwrap() {
                    rusqlite::types::Value::Null => String::new(),
                    rusqlite::types::Value::Text(text) => text,
                    rusqlite::types::Value::Integer(number) => number.to_string(),
                    other => format!("{other:?}"),
                };
                Ok((0..count).map(value).collect::<Vec<_>>().join("|"))
            });
            return rows.unwrap().map(Result::unwrap).collect();
        };
        let client = postgres::connect().await;
        client.batch_execute(&format!("SET search_path = {schema}")).await.unwrap();
        let rows = client.simple_query(sql).await.unwrap().into_iter().filter_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let values = |row: tokio_postgres::SimpleQueryRow| {
            let value = |at| row.get(at).unwrap_or_default().to_owned();
            (0..row.len()).map(value).collect::<Vec<_>>().join("|")
        };
        rows.map(values).collect()
    }

    /// Ends the daemon: no record is left that it would read again.
    async fn is_settled(&mut self) {
        self.rig.stop().await;
        let (store, name) = (self.rig.store(), PipelineName::from("people"));
        assert_eq!(store.touched(&name, Side::Salesforce, 10).unwrap(), []);
        assert_eq!(store.failures(&FailureFilter::default()).unwrap(), []);
    }

    /// One pass without a daemon.
    async fn run(&self, query: &RunQuery) -> RunReport {
        let (secrets, clock) = (Arc::new(self.rig.secrets.clone()), Arc::new(SystemClock));
        let store = Some(self.rig.store());
        let mut bench = Workbench::open(&self.rig.folder(), store, secrets, clock).unwrap();
        bench.run(query, quiet()).await.unwrap().pop().unwrap()
    }
}

fn map(json: Json) -> Map<String, Json> {
    match json {
        Json::Object(map) => map,
        other => panic!("no object: {other}"),
    }
}

async fn told(daemon: &Supervisor, command: Command) {
    assert!(daemon.command(&PipelineName::from("people"), command).await);
}

/// Looks, and gives the question that the look ends with.
async fn asks(daemon: &Supervisor) -> PipelineStatus {
    told(daemon, Command::Sync { full: false }).await;
    until(daemon, "people", |status| status.state == State::Approval).await
}

fn names(names: &[&str]) -> RunQuery {
    RunQuery { names: names.iter().map(ToString::to_string).collect(), ..RunQuery::default() }
}

macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite { $(#[tokio::test(flavor = "multi_thread")] async fn $name() { super::$name(super::Kind::Sqlite).await; })+ }
        mod postgresql { $(#[tokio::test(flavor = "multi_thread")] async fn $name() { super::$name(super::Kind::Postgres).await; })+ }
    };
}

on_both!(
    a_deleted_record_archives_its_row_and_one_that_was_never_there_nothing,
    the_policy_of_a_row_does_not_keep_it_from_being_archived,
    deletes_beyond_the_limit_wait_for_a_person_once,
    deletes_at_the_end_of_a_long_window_hold_its_cursor,
    a_record_that_leaves_the_filter_is_deleted,
    a_change_of_other_fields_writes_nothing,
);

const ARCHIVE: [(&str, &str); 2] = [
    ("[create, update]", "[create, update, archive]"),
    ("app: warehouse.people", "app: { resource: warehouse.people, archive: { gone: 1 } }"),
];

async fn a_deleted_record_archives_its_row_and_one_that_was_never_there_nothing(kind: Kind) {
    for file in [MIRROR.to_owned(), linked(MIRROR)] {
        let mut bench = Bench::new(kind, &with(&file, &ARCHIVE)).await;
        // The column that only the archive fills.
        bench.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, sf varchar(18) UNIQUE, name text, email text, gone int)").await;
        if kind == Kind::Postgres {
            bench.execute("ALTER TABLE people ALTER id ADD GENERATED ALWAYS AS IDENTITY").await;
        }
        let ids = bench.contacts(&["Ann", "Bob"]);
        let daemon = bench.start().await;
        bench.delete(&ids[1..]);
        let never = bench.contacts(&["Cid", "Dan", "Eve"]);
        bench.delete(&never);
        let before = bench.rig.sandbox.calls().total;
        let status = caught_up(&daemon, "people").await;
        assert_eq!((status.totals.deleted, status.totals.failed), (1, 0), "{:?}", status.totals);
        let spent = bench.rig.sandbox.calls().total - before;
        assert!(spent < 10, "{spent} calls");
        assert_eq!(
            bench.rows("SELECT name, email, gone FROM people ORDER BY name").await,
            ["Ann|Ann@x.com|", "Bob|Bob@x.com|1"],
        );
        drop(daemon);
        bench.is_settled().await;
    }
}

async fn the_policy_of_a_row_does_not_keep_it_from_being_archived(kind: Kind) {
    let file = with(
        MIRROR,
        &[
            ("[create, update]", "[create, update, archive]"),
            ("app: warehouse.people", "app: { resource: warehouse.people, archive: { status: archived } }"),
        ],
    ) + "  - { app: status, const: active, write: on_create }\n";
    for file in [file.clone(), linked(&file)] {
        let mut bench = Bench::new(kind, &file).await;
        let ids = bench.contacts(&["Ann", "Bob"]);
        let daemon = bench.start().await;
        bench.execute("UPDATE people SET status = 'known' WHERE name = 'Ann'").await;
        bench.delete(&ids[1..]);
        bench.change(&ids[0], json!({ "LastName": "Anna" }));
        let status = caught_up(&daemon, "people").await;
        assert_eq!(
            bench.rows("SELECT name, status FROM people ORDER BY name").await,
            ["Anna|known", "Bob|archived"],
            "the policy holds for what rows say, not for the archive"
        );
        assert_eq!(
            (status.totals.updated, status.totals.deleted),
            (1, 1),
            "an archived row counts as deleted"
        );

        // A comparison finds nothing to do: what is archived stays so.
        told(&daemon, Command::Sync { full: true }).await;
        until(&daemon, "people", |status| status.comparisons > 0).await;
        assert_eq!(
            bench.rows("SELECT name, status FROM people ORDER BY name").await,
            ["Anna|known", "Bob|archived"],
        );
        bench.rig.stop().await;
    }
}

const DELETE: [(&str, &str); 1] = [("[create, update]", "[create, update, delete]\nmax_deletes: 3")];

async fn deletes_beyond_the_limit_wait_for_a_person_once(kind: Kind) {
    for file in [MIRROR.to_owned(), linked(MIRROR)] {
        let mut bench = Bench::new(kind, &with(&file, &DELETE)).await;
        let ids = bench.contacts(&["A", "B", "C", "D", "E", "F", "G"]);
        let daemon = bench.start().await;
        bench.delete(&ids[..5]);
        bench.change(&ids[5], json!({ "LastName": "Fay" }));
        let status = asks(&daemon).await;
        assert!(
            status.message.starts_with("this run wants 5 deletes in the app, max_deletes is 3"),
            "{}",
            status.message
        );
        assert_eq!(
            bench.rows("SELECT name FROM people ORDER BY name").await,
            ["A", "B", "C", "D", "E", "Fay", "G"],
            "not one of them is deleted before"
        );
        told(&daemon, Command::Approve).await;
        until(&daemon, "people", |status| status.state == State::Running && status.totals.deleted == 5).await;
        assert_eq!(bench.rows("SELECT name FROM people ORDER BY name").await, ["Fay", "G"]);

        // The window of the next look overlaps: it hears of the same deletes, and of a new one.
        caught_up(&daemon, "people").await;
        caught_up(&daemon, "people").await;
        bench.delete(&ids[5..6]);
        told(&daemon, Command::Sync { full: false }).await;
        let ended = |status: &PipelineStatus| status.totals.deleted == 6 || status.state == State::Approval;
        let status = until(&daemon, "people", ended).await;
        assert_eq!(status.state, State::Running, "{}", status.message);
        assert_eq!(bench.rows("SELECT name FROM people").await, ["G"]);
        bench.rig.stop().await;
    }
}

/// A window of several pages is written by two writers at once, its last page too.
async fn deletes_at_the_end_of_a_long_window_hold_its_cursor(kind: Kind) {
    let mut bench = Bench::new(kind, &with(MIRROR, &DELETE)).await;
    let some: Vec<String> = (0..4_300).map(|at| format!("n{at}")).collect();
    let ids = bench.contacts(&some.iter().map(String::as_str).collect::<Vec<_>>());
    let daemon = bench.start().await;
    for id in &ids[..4_295] {
        bench.rig.sandbox.org().update("Contact", id, map(json!({ "Email": "new@x.com" }))).unwrap();
    }
    bench.later();
    bench.delete(&ids[4_295..]);
    let status = asks(&daemon).await;
    assert!(status.message.contains("wants 5 deletes in the app, max_deletes is 3"), "{}", status.message);
    let changed = "SELECT count(*) FROM people WHERE email = 'new@x.com'";
    assert_eq!(bench.rows(changed).await, ["4295"], "what is no delete is written");
    drop(daemon);
    bench.rig.stop().await;

    // Whoever starts again asks again: the window is not over.
    let daemon = bench.rig.start().await;
    until(&daemon, "people", |status| status.state == State::Approval).await;
    assert_eq!(bench.rows("SELECT count(*) FROM people").await, ["4300"]);
    told(&daemon, Command::Approve).await;
    until(&daemon, "people", |status| status.state == State::Running && status.totals.deleted == 5).await;
    assert_eq!(bench.rows("SELECT count(*) FROM people").await, ["4295"]);
    drop(daemon);
    bench.is_settled().await;
}

async fn a_record_that_leaves_the_filter_is_deleted(kind: Kind) {
    let file = with(
        MIRROR,
        &[DELETE[0], ("poll: 1 hour }", "poll: 1 hour, include: { Department: Sales }, on_leave: delete }")],
    );
    for file in [file.clone(), linked(&file)] {
        let mut bench = Bench::new(kind, &file).await;
        let ids = bench.contacts(&["Ann", "Bob", "Cid"]);
        bench.change(&ids[0], json!({ "Department": "Sales" }));
        bench.change(&ids[1], json!({ "Department": "Sales" }));
        let daemon = bench.start().await;
        assert_eq!(bench.rows("SELECT name FROM people ORDER BY name").await, ["Ann", "Bob"]);
        bench.change(&ids[0], json!({ "Department": "Research" }));
        bench.change(&ids[2], json!({ "Department": "Sales" }));
        let status = caught_up(&daemon, "people").await;
        assert_eq!(status.totals.deleted, 1);
        assert_eq!(
            bench.rows("SELECT name, email FROM people ORDER BY name").await,
            ["Bob|Bob@x.com", "Cid|Cid@x.com"]
        );
        bench.change(&ids[0], json!({ "Department": "Sales" }));
        caught_up(&daemon, "people").await;
        assert_eq!(
            bench.rows("SELECT name FROM people ORDER BY name").await,
            ["Ann", "Bob", "Cid"],
            "a record that comes back is there again"
        );
        bench.rig.stop().await;
    }
}

async fn a_change_of_other_fields_writes_nothing(kind: Kind) {
    for file in [MIRROR.to_owned(), linked(MIRROR)] {
        let mut bench = Bench::new(kind, &file).await;
        let ids = bench.contacts(&["Ann", "Bob", "Cid"]);
        let daemon = bench.start().await;
        let before = caught_up(&daemon, "people").await.totals;
        // Whoever writes a row leaves a trace: a trigger counts, or the row has another version.
        let trace = match kind {
            Kind::Sqlite => {
                bench
                    .execute(
                        "CREATE TABLE writes (n INT); \
                         CREATE TRIGGER count_updates AFTER UPDATE ON people BEGIN INSERT INTO writes VALUES (1); END",
                    )
                    .await;
                "SELECT count(*) FROM writes"
            }
            Kind::Postgres => "SELECT string_agg(xmin::text, ' ' ORDER BY sf) FROM people",
        };
        let versions = bench.rows(trace).await;
        for id in &ids {
            bench.change(id, json!({ "Title": "Director", "Department": "Sales" }));
        }
        let after = caught_up(&daemon, "people").await.totals;
        assert!(after.read >= before.read + 3, "they were read: {after:?}");
        assert_eq!((after.created, after.updated, after.deleted), (before.created, before.updated, 0));
        assert_eq!(bench.rows(trace).await, versions);
        // The trace can be left.
        bench.change(&ids[0], json!({ "LastName": "Anna" }));
        let after = caught_up(&daemon, "people").await.totals;
        assert_eq!(after.updated, before.updated + 1);
        assert_ne!(bench.rows(trace).await, versions);
        bench.rig.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_that_left_nothing_in_a_recycle_bin_is_followed_by_a_comparison_within_the_limit() {
    let roles = with(
        MIRROR,
        &[("Contact", "OpportunityContactRole"), ("LastName", "Role"), ("Email", "OpportunityId"), DELETE[0]],
    );
    for file in [roles.clone(), linked(&roles)] {
        let mut bench = Bench::new(Kind::Sqlite, &file).await;
        let contacts = bench.contacts(&["A", "B", "C", "D", "E", "F", "G"]);
        let org = bench.rig.sandbox.org();
        let deal = json!({ "Name": "Acme", "StageName": "Prospecting", "CloseDate": "2026-12-01" });
        let deal = org.insert("Opportunity", map(deal)).unwrap().to_string();
        let mut ids = Vec::new();
        for (contact, role) in contacts.iter().zip(["A", "B", "C", "D", "E", "F", "G"]) {
            let fields = json!({ "OpportunityId": deal, "ContactId": contact, "Role": role });
            ids.push(org.insert("OpportunityContactRole", map(fields)).unwrap().to_string());
        }
        bench.later();
        let daemon = bench.start().await;
        let gone = |ids: &[String]| {
            for id in ids {
                bench.rig.sandbox.org().delete("OpportunityContactRole", id).unwrap();
            }
            bench.rig.sandbox.org().clock().advance(SignedDuration::from_mins(3));
        };
        gone(&ids[..5]);
        caught_up(&daemon, "people").await;
        assert_eq!(bench.rows("SELECT count(*) FROM people").await, ["7"], "no look can tell");
        told(&daemon, Command::Sync { full: true }).await;
        let status = asks(&daemon).await;
        assert!(
            status.message.starts_with("reconciliation wants 5 deletes in the app, max_deletes is 3"),
            "{}",
            status.message
        );
        assert_eq!(bench.rows("SELECT count(*) FROM people").await, ["7"], "not one is deleted before");
        told(&daemon, Command::Approve).await;
        until(&daemon, "people", |status| status.state == State::Running && status.totals.deleted == 5).await;
        assert_eq!(bench.rows("SELECT name FROM people ORDER BY name").await, ["F", "G"]);
        gone(&ids[5..6]);
        told(&daemon, Command::Sync { full: true }).await;
        until(&daemon, "people", |status| status.totals.deleted == 6).await;
        assert_eq!(bench.rows("SELECT name FROM people").await, ["G"]);
        drop(daemon);
        bench.is_settled().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_currency_of_a_record_is_that_of_the_org_unless_the_connection_says_otherwise() {
    let file = with(
        MIRROR,
        &[("{ salesforce: Email,    app: email }", "{ app: email, to_app: 'currency_of(record)' }")],
    );
    for (says, wanted) in [("", "EUR"), ("default_currency: SEK\n", "SEK")] {
        let mut bench = Bench::new(Kind::Sqlite, &file).await;
        let connection =
            std::fs::read_to_string(bench.rig.folder().join("connections/salesforce.yaml")).unwrap();
        bench.rig.write("connections/salesforce.yaml", &format!("{connection}{says}"));
        bench.contacts(&["Ann"]);
        let daemon = bench.start().await;
        assert_eq!(bench.rows("SELECT email FROM people").await, [wanted]);
        drop(daemon);
        bench.rig.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_left_out_record_without_a_row_is_not_read_again() {
    let file = with(MIRROR, &[("poll: 1 hour }", "poll: 1 hour, filter: 'record.LastName != \"Bob\"' }")]);
    let mut bench = Bench::new(Kind::Sqlite, &file).await;
    let ids = bench.contacts(&["Ann", "Bob"]);
    let daemon = bench.start().await;
    bench.change(&ids[1], json!({ "Email": "b@y.com" }));
    let status = caught_up(&daemon, "people").await;
    assert_eq!(status.totals.created, 1);
    assert_eq!(bench.rows("SELECT name FROM people").await, ["Ann"]);
    drop(daemon);
    bench.is_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_without_a_daemon_asks_too_and_takes_the_word_of_a_person() {
    let bench = Bench::new(Kind::Sqlite, &with(MIRROR, &DELETE)).await;
    let ids = bench.contacts(&["A", "B", "C", "D", "E", "F"]);
    let report = bench.run(&RunQuery::default()).await;
    assert!(report.error.is_none(), "{report:?}");
    assert_eq!(report.counts.created, 6);
    bench.delete(&ids[..4]);
    bench.change(&ids[5], json!({ "LastName": "Fay" }));
    let report = bench.run(&RunQuery::default()).await;
    let error = report.error.expect("it asks").to_string();
    assert_eq!(error, "this run wants 4 deletes in the app, max_deletes is 3");
    assert_eq!(report.counts.updated, 1, "what was done before it asked is counted: {:?}", report.counts);
    let report = bench.run(&RunQuery { approved: true, ..names(&["people"]) }).await;
    assert!(report.error.is_none(), "{report:?}");
    assert_eq!(report.counts.deleted, 4);
    assert_eq!(bench.rows("SELECT name FROM people ORDER BY name").await, ["E", "Fay"]);
    bench.delete(&ids[4..5]);
    let report = bench.run(&RunQuery::default()).await;
    assert!(report.error.is_none(), "deletes that are done are not counted again: {report:?}");
    assert_eq!(report.counts.deleted, 1);
    assert_eq!(bench.rows("SELECT name FROM people").await, ["Fay"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_says_how_much_it_compared() {
    for file in [MIRROR.to_owned(), linked(MIRROR)] {
        let bench = Bench::new(Kind::Sqlite, &file).await;
        bench.contacts(&["A", "B", "C"]);
        let _ = bench.run(&RunQuery::default()).await;
        // Nothing changed within the window of the next look.
        bench.rig.sandbox.org().clock().advance(SignedDuration::from_hours(1));
        let _ = bench.run(&RunQuery::default()).await;
        bench.execute("UPDATE people SET name = 'X' WHERE name = 'B'").await;
        let report = bench.run(&RunQuery { full: true, ..RunQuery::default() }).await;
        let expected = Counts { read: 3, updated: 1, unchanged: 2, ..Counts::default() };
        assert_eq!(report.counts, expected, "{file}");
        assert_eq!(bench.rows("SELECT name FROM people ORDER BY name").await, ["A", "B", "C"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_failures_in_a_row_pause_the_pipeline_and_are_counted() {
    let file = format!("{MIRROR}pause_after: 3\n");
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let mut bench = Bench::new(kind, &file).await;
        bench
            .execute("CREATE TABLE people (sf varchar(18) PRIMARY KEY, name text CHECK (name <> 'Bad'), email text)")
            .await;
        let good = bench.contacts(&["Ann"]);
        let report = bench.run(&RunQuery::default()).await;
        assert!(report.error.is_none(), "{report:?}");
        let bad = bench.contacts(&["Bad", "Bad", "Bad", "Bad"]);
        let report = bench.run(&RunQuery::default()).await;
        assert_eq!(report.error.expect("it stops").to_string(), "4 records failed in a row (pause_after)");
        assert_eq!(report.counts.failed, 4, "{:?}", report.counts);

        // A daemon pauses, also over a restart; a person who corrected the cause lets it go on.
        for id in &bad {
            bench.change(id, json!({ "Title": "Director" }));
        }
        let daemon = bench.rig.start().await;
        let status = until(&daemon, "people", |status| status.state == State::Paused).await;
        assert!(status.message.contains("records failed in a row (pause_after)"), "{}", status.message);
        assert_eq!(status.counts.failed, 4);
        bench.rig.stop().await;
        drop(daemon);
        let daemon = bench.rig.start().await;
        until(&daemon, "people", |status| status.state == State::Paused).await;
        for (at, id) in bad.iter().enumerate() {
            bench.change(id, json!({ "LastName": format!("Good{at}") }));
        }
        bench.change(&good[0], json!({ "LastName": "Anna" }));
        told(&daemon, Command::Resume).await;
        let status =
            until(&daemon, "people", |status| status.state == State::Running && status.counts.failed == 0)
                .await;
        assert_eq!(status.totals.failed, 0, "{:?}", status.totals);
        assert_eq!(
            bench.rows("SELECT name FROM people ORDER BY name").await,
            ["Anna", "Good0", "Good1", "Good2", "Good3"]
        );
        bench.rig.stop().await;
        drop(daemon);
        let left = bench.rig.store().failures(&FailureFilter::default()).unwrap();
        assert!(left.is_empty(), "{left:?}");
    }
}

fn planned() -> PlanQuery {
    PlanQuery { names: vec!["people".to_owned()], record: None, limit: 20 }
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_and_why_tell_of_deletes_that_wait() {
    for file in [MIRROR.to_owned(), linked(MIRROR)] {
        let mut bench = Bench::new(Kind::Sqlite, &with(&file, &DELETE)).await;
        let ids = bench.contacts(&["A", "B", "C", "D", "E"]);
        let daemon = bench.start().await;
        bench.delete(&ids[..4]);
        asks(&daemon).await;
        let door = Door(Arc::clone(&daemon));
        let plan = door.plan(planned()).await.unwrap().pipelines.pop().unwrap();
        assert_eq!((plan.counts.delete, plan.counts.create, plan.counts.update), (4, 0, 0), "{plan:?}");
        let deleted: Vec<&str> = plan
            .entries
            .iter()
            .filter(|entry| entry.op == "delete")
            .map(|entry| entry.salesforce.as_ref().unwrap().as_str())
            .collect();
        assert_eq!(deleted.len(), 4);
        assert!(ids[..4].iter().all(|id| deleted.contains(&id.as_str())), "{deleted:?}");
        let why = door.why(&ids[0]).await.unwrap().entries.pop().unwrap();
        assert_eq!(why.verdict, "to be: delete", "{why:?}");
        assert!(why.reason.contains("waits for approval: sfsync approve people"), "{why:?}");
        told(&daemon, Command::Approve).await;
        until(&daemon, "people", |status| status.totals.deleted == 4).await;
        let plan = door.plan(planned()).await.unwrap().pipelines.pop().unwrap();
        assert_eq!(plan.counts.delete, 0, "{plan:?}");
        drop(door);
        bench.rig.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_record_says_where_and_why_and_no_other_value_of_its_row() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let mut bench = Bench::new(kind, MIRROR).await;
        bench
            .execute("CREATE TABLE people (sf varchar(18) PRIMARY KEY, name text, email text NOT NULL)")
            .await;
        let ids = bench.contacts(&["Secretive"]);
        bench.change(&ids[0], json!({ "Email": null }));
        let daemon = bench.start().await;
        let door = Door(Arc::clone(&daemon));
        let view = door.failures(ControlFilter::default()).await.unwrap().pop().unwrap();
        assert_eq!(
            (view.failure.code.as_str(), view.view.fields.as_slice()),
            ("R222", &["email".to_owned()][..])
        );
        let place = view.failure.place.as_deref().unwrap_or_default();
        assert!(place.ends_with("people.yaml row 3"), "{place}");
        assert!(!view.view.message.contains("Secretive"), "{}", view.view.message);
        let why = door.why(&ids[0]).await.unwrap().entries.pop().unwrap();
        assert_eq!(why.verdict, "failed", "{why:?}");
        assert!(why.reason.starts_with("R222 ") && why.reason.contains("(tried "), "{why:?}");

        // A slip of the pen is no empty list.
        let of = |pipeline: Option<&str>, code: Option<&str>| ControlFilter {
            pipeline: pipeline.map(PipelineName::from),
            code: code.map(str::to_owned),
            ..ControlFilter::default()
        };
        for (filter, said, help) in [
            (of(Some("peple"), None), "there is no pipeline peple", "did you mean people?"),
            (of(None, Some("R22")), "there is no code R22", "did you mean R2"),
        ] {
            let error = door.failures(filter.clone()).await.unwrap_err();
            assert_eq!(error.message, said);
            assert!(error.help.contains(help), "{}", error.help);
            assert!(door.retry(filter).await.is_err());
        }
        drop(door);
        bench.rig.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_counts_records_that_another_pipeline_brought_in() {
    let population = Some(sfsync_sandbox::Population::around(30));
    let rig = Rig::new(SandboxConfig { population, ..SandboxConfig::default() }).await;
    rig.copy_set("quickstart");
    let bench = Bench { rig, schema: None };
    let (secrets, clock) = (Arc::new(bench.rig.secrets.clone()), Arc::new(SystemClock));
    let store = Some(bench.rig.store());
    let mut workbench = Workbench::open(&bench.rig.folder(), store, secrets, clock).unwrap();
    let reports = workbench.run(&RunQuery::default(), quiet()).await.unwrap();
    let owners = reports.iter().find(|report| report.pipeline.as_str() == "owners").unwrap();
    let there: u64 = bench.rows("SELECT count(*) FROM owners").await[0].parse().unwrap();
    assert!(there > 0);
    assert_eq!(owners.counts.created, there, "{reports:?}");
}
