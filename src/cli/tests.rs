//! The texts of the verbs from fixed values, beside the mock-ups of section 7.2 of the language.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Screen;
use crate::model::{FailureKind, FailureWay, Key, PipelineName, Side};
use crate::runtime::control::{ApiUse, Why, WhyEntry};
use crate::runtime::planner::{ApiNeed, PlanCounts, PlanEntry, PlanField, PlanReport};
use crate::runtime::planning::{Difference, FileChange, PlanAnswer};
use crate::runtime::sign_in::{Connected, Disconnected, Unseen};
use crate::runtime::status::{PipelineStatus, Progress, State};
use crate::runtime::workbench::{CheckReport, FileCheck};
use crate::serve::fake::{failure, status, time};

const PLAIN: Screen = Screen { json: false, color: false, terminal: false };

fn now() -> Timestamp {
    time("2026-03-01T15:00:00Z")
}

fn pipelines() -> Vec<PipelineStatus> {
    let mut projects = status("projects");
    projects.push = "webhook".to_owned();
    (projects.counts.queued, projects.counts.held) = (2, 1);
    (projects.config.current, projects.config.errors) = (false, 1);
    let mut tasks = status("tasks");
    tasks.state = State::Degraded;
    tasks.caught_up = Some(time("2026-03-01T14:56:00Z"));
    tasks.push = "cdc off".to_owned();
    tasks.message = "no CDC slot for Task: 5 of 5 objects selected. Polling every 10 minutes.".to_owned();
    let mut customers = status("customers");
    customers.state = State::Approval;
    customers.counts.failed = 3;
    customers.message = "reconciliation wants 12 480 updates, max_changes is 10 000.".to_owned();
    let mut history = status("stage_history");
    history.state = State::Loading;
    history.progress = Some(Progress { done: 6_100, total: Some(10_000) });
    history.counts.queued = 8_120;
    vec![status("people"), projects, tasks, customers, history]
}

#[test]
fn status_is_the_table_of_the_language() {
    let api = [ApiUse {
        counted: 0,
        connection: "salesforce".to_owned(),
        used: 10_790,
        budget: Some(25_000),
        org: Some((60_120, 100_000)),
    }];
    insta::assert_snapshot!(super::status::all(&pipelines(), &api, now(), PLAIN), @r"
    PIPELINE       STATE      CAUGHT UP   PUSH        QUEUE  HELD  FAILED  CONFIG
    people         running    3 s ago     –               0     0       0  current
    projects       running    3 s ago     webhook         2     1       0  last good of 14:02 (1 error)
    tasks          degraded   4 min ago   cdc off         0     0       0  current
    customers      approval   3 s ago     –               0     0       3  current
    stage_history  loading    61 %        –           8 120     0       0  current

    tasks      degraded  no CDC slot for Task: 5 of 5 objects selected. Polling every 10 minutes.
    customers  approval  reconciliation wants 12 480 updates, max_changes is 10 000.  Look with sfsync plan, go on with sfsync approve.
    API        salesforce 10 790 of 25 000 in 24 hours (the whole org 60 120 of 100 000)
    ");
}

#[test]
fn colours_do_not_change_the_columns() {
    let colored = Screen { color: true, ..PLAIN };
    let text = super::status::all(&pipelines(), &[], now(), colored);
    assert!(text.contains("\x1b[32mrunning  \x1b[0m  3 s ago"), "{text:?}");
    let strip = anstream::adapter::strip_str(&text).to_string();
    assert_eq!(strip, super::status::all(&pipelines(), &[], now(), PLAIN));
}

#[test]
fn failures_are_listed_with_short_ids() {
    let mut held = failure("5d11aa", "R301");
    held.failure.kind = FailureKind::Held;
    held.failure.way = FailureWay::Both;
    held.failure.target = Some(Key::app("31"));
    held.failure.next_try = None;
    held.failure.source = (Side::Salesforce, Key::salesforce("001D2"));
    held.view.title = "Delta".to_owned();
    held.view.message = "both sides changed `industry` (conflict: hold)".to_owned();
    let list = [failure("51c0bb", "R102"), held];
    insta::assert_snapshot!(super::failures::render(&list, now(), &TimeZone::UTC), @r"
    ID    WHEN   WAY             RECORD                TRIES  NEXT     REASON
    51c0  09:20  to_app          001C8 Gamma Ltd           3  09:48    R102 startdeliver answered 503
    5d11  09:20  both            001D2 Delta ↔ 31          3  –        held: both sides changed `industry` (conflict: hold)
    ");
    assert_eq!(super::failures::render(&[], now(), &TimeZone::UTC), "No failures.");
    let alike = [failure("51c0bb", "R102"), failure("51c0bc", "R102")];
    assert!(super::failures::render(&alike, now(), &TimeZone::UTC).contains("51c0bc"));
}

#[test]
fn failures_of_one_cause_are_one_line() {
    let many = (0..54).map(|at| {
        let mut one = failure(&format!("{at:02}c0bb"), "R222");
        one.failure.place = Some("/etc/sfsync/contacts.yaml row 3".to_owned());
        one.view.fields = vec!["email".to_owned()];
        one.view.message = "null value in column \"email\"".to_owned();
        one.failure.next_try = None;
        if at == 7 {
            one.failure.since = time("2026-03-01T08:00:00Z");
            one.view.title = "Acme".to_owned();
        }
        one
    });
    let mut list: Vec<_> = many.collect();
    list.push(failure("f1c0bb", "R102"));
    let told = super::failures::listed(&list, false, (now(), &TimeZone::UTC));
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 5, "a title, two causes, a way to see more: {told}");
    assert!(lines[1].trim_start().starts_with("54  "), "{told}");
    for part in ["R222", "contacts.yaml row 3 (email)", "07c0", "Acme", "null value in column"] {
        assert!(lines[1].contains(part), "{part}: {told}");
    }
    assert!(lines[2].trim_start().starts_with("1  ") && lines[2].contains("09:48"), "{told}");
    assert!(told.contains("sfsync failures list --all"), "{told}");
    let all = super::failures::listed(&list, true, (now(), &TimeZone::UTC));
    assert_eq!(all.lines().count(), 56);
    let shown = super::failures::details(&list[54], now(), &TimeZone::UTC);
    assert!(shown.contains("09:48") && !shown.contains("2026-03-01T"), "{shown}");
}

#[test]
fn a_failure_is_the_message_of_the_language() {
    let mut refused = failure("4f2a0b", "R211");
    refused.failure.pipeline = PipelineName::from("customers");
    refused.failure.way = FailureWay::ToSalesforce;
    refused.failure.source = (Side::App, Key::app("12"));
    refused.failure.target = Some(Key::salesforce("001B1"));
    refused.failure.remote = Some("FIELD_CUSTOM_VALIDATION_EXCEPTION".to_owned());
    refused.failure.place = Some("pipelines/customers.yaml row 2".to_owned());
    (refused.failure.tries, refused.failure.next_try) = (1, None);
    refused.view.title = "Beta Oy".to_owned();
    refused.view.message =
        "FIELD_CUSTOM_VALIDATION_EXCEPTION: Please enter a number in international form".to_owned();
    refused.view.fields = vec!["Phone".to_owned()];
    let text = "salesforce: Account\napp: startdeliver.customers\nto_app: [update]\nto_salesforce: [update]\n\
        match: [salesforce_id]\nfields:\n  - { salesforce: Id, app: salesforce_id }\n  \
        - { salesforce: Phone, app: phone, as: phone }\n";
    let file = Some(("pipelines/customers.yaml".to_owned(), text.to_owned()));
    insta::assert_snapshot!(super::failure_form::message(&refused, file, false), @r#"
    failed[R211]: Salesforce refused the update: FIELD_CUSTOM_VALIDATION_EXCEPTION
     --> pipelines/customers.yaml:8:19
      |
    8 |   - { salesforce: Phone, app: phone, as: phone }
      |                   ^^^^^ Phone: "Please enter a number in international form"
      |
      = note: customers: app record 12 Beta Oy ↔ 001B1
      = note: tried 1 time; not retried (the answer would be the same)
      = help: correct the record in the app (it syncs by itself), or: sfsync failures retry 4f2a
    "#);
    let without = super::failure_form::message(&refused, None, false);
    assert!(without.contains("= note: Phone: \"Please enter"), "{without}");
    let busy = super::failure_form::message(&failure("51c0bb", "R102"), None, false);
    assert!(busy.starts_with("failed[R102]: startdeliver answered 503"), "{busy}");
    assert!(busy.contains("tried 3 times; next 2026-03-01 09:48 UTC"), "{busy}");
}

#[test]
fn why_names_the_reason_and_the_place() {
    let entry = |pipeline: &str, reason: &str, place: &str| WhyEntry {
        pipeline: PipelineName::from(pipeline),
        verdict: "left out".to_owned(),
        reason: reason.to_owned(),
        place: Some(place.to_owned()),
        linked: None,
    };
    let entries = vec![
        entry("projects", "StageName is Proposal; the file includes Quote Sent", "projects.yaml:7"),
        entry("budgets", "row 1: it has no link in projects (missing: skip)", "budgets.yaml:9"),
    ];
    let why = Why { record: "Opportunity 006A2 \"Early renewal\"".to_owned(), entries };
    insta::assert_snapshot!(super::why::render(&why, PLAIN), @r#"
    Opportunity 006A2 "Early renewal"
      projects   left out   StageName is Proposal; the file includes Quote Sent  projects.yaml:7
      budgets    left out   row 1: it has no link in projects (missing: skip)    budgets.yaml:9
    "#);
}

#[test]
fn plan_shows_fields_before_and_after() {
    let field = |name: &str, before: Option<&str>, after: Option<&str>, note: &str| PlanField {
        name: name.to_owned(),
        before: before.map(str::to_owned),
        after: after.map(str::to_owned),
        note: note.to_owned(),
    };
    let entry = |op: &str, id: &str, app: Option<&str>, title: &str, fields: Vec<PlanField>| PlanEntry {
        op: op.to_owned(),
        salesforce: Some(Key::salesforce(id)),
        app: app.map(Key::app),
        title: title.to_owned(),
        fields,
        reason: String::new(),
    };
    let kept = field("owner_id", Some("55"), None, "write: if_empty, is not empty");
    let report = PlanReport {
        pipeline: "projects".to_owned(),
        way: "Opportunity → operating.projects".to_owned(),
        looked_at: 4_310,
        by_id: 2,
        stays: 0,
        counts: PlanCounts {
            create: 37,
            update: 12,
            unchanged: 160,
            skip: 2,
            hold: 1,
            ..PlanCounts::default()
        },
        entries: vec![
            entry(
                "create",
                "006A1",
                None,
                "Acme rollout",
                vec![field("status", None, Some("tentative"), "")],
            ),
            entry(
                "update",
                "006B7",
                Some("881"),
                "Beta expansion",
                vec![field("probability", Some("40"), Some("60"), ""), kept],
            ),
        ],
        more: 47,
        left_out: 4_098,
        api: Some(ApiNeed { calls: 4, left: Some(14_210), budget: Some(25_000) }),
        app: "operating".to_owned(),
        unplanned: String::new(),
    };
    insta::assert_snapshot!(super::plan::render(&report, "sync", PLAIN), @r"
    projects: Opportunity → operating.projects                     nothing is written by plan

      212 of 4 310 records that were read pass the filters
      2 more linked records were asked for by id: no list brings what is filtered out or gone
      create 37   update 12   unchanged 160   skip 2   hold 1   fail 0

    + create  006A1  Acme rollout
          status       tentative
    ~ update  006B7  Beta expansion ↔ 881
          probability  40 → 60
          owner_id     55   kept  (write: if_empty, is not empty)
      … 47 more: sfsync plan projects --limit 49

      needs about 4 Salesforce API calls (14 210 of the budget of 25 000 left today) and 49 writes to operating
      do it: sfsync sync projects --full
    ");
}

#[test]
fn plan_tells_what_edited_files_would_change() {
    let change = |file: &str, what: &str, meaning: &str| {
        let change = Difference { what: what.to_owned(), meaning: meaning.to_owned() };
        FileChange { file: file.to_owned(), changes: vec![change] }
    };
    let stops = "12 rows stop following Salesforce after import; nothing is written by the change itself";
    let files = vec![
        change("/etc/sfsync/projects.yaml", "group `project`: always → on_create", stops),
        change("/etc/sfsync/customers.yaml", "not loadable, see: sfsync check customers", ""),
        change("/etc/sfsync/connections/crm.yaml", "changed", "its pipelines connect again"),
    ];
    let answer = PlanAnswer { files, pipelines: Vec::new() };
    insta::assert_snapshot!(super::plan::words(&answer, "sync", PLAIN), @r"
    projects.yaml         group `project`: always → on_create
                          12 rows stop following Salesforce after import; nothing is written by the change itself
    customers.yaml        not loadable, see: sfsync check customers
    connections/crm.yaml  changed
                          its pipelines connect again
    ");
}

#[test]
fn connect_tells_who_is_signed_in_and_what_is_missing() {
    let connected = Connected {
        connection: "salesforce".to_owned(),
        user: "integration@acme.com".to_owned(),
        org: "Acme".to_owned(),
        org_id: "00D5f000000abcd".to_owned(),
        environment: "production".to_owned(),
        edition: "Enterprise Edition".to_owned(),
        api_version: "66.0".to_owned(),
        calls: Some((100_000, 25_000)),
        share: Some("25 %".to_owned()),
        can_read: ["Account", "Opportunity", "User"].map(str::to_owned).to_vec(),
        cannot_read: vec![Unseen {
            what: "Opportunity.Description".to_owned(),
            why: "no such field, or hidden by field-level security".to_owned(),
            needed_by: "projects.yaml:24".to_owned(),
        }],
        news: Vec::new(),
        pipelines: Vec::new(),
    };
    insta::assert_snapshot!(super::connect::render(&connected), @r"
    Signed in: integration@acme.com, Acme (00D5f000000abcd), production, Enterprise Edition
      API                   v66.0: 100 000 calls per day, budget 25 % = 25 000
      can read              Account, Opportunity, User
      cannot read           Opportunity.Description (no such field, or hidden by field-level security)  needed by projects.yaml:24
    What cannot be read stops its pipeline. Give the integration user the permission in Salesforce, then: sfsync reload
    ");
}

#[test]
fn disconnect_promises_what_it_does() {
    let mut done = Disconnected {
        connection: "salesforce".to_owned(),
        stopped: ["projects", "deals"].map(str::to_owned).to_vec(),
        revoked: true,
        failed: None,
        ..Disconnected::default()
    };
    insta::assert_snapshot!(super::connect::goodbye(&done, PLAIN), @r"
    Stopped: projects, deals. What was written stays as it is; links and cursors are kept. To go on: sfsync connect salesforce
    revoked  the tokens of the integration user, and forgotten here
    ");
    (done.revoked, done.failed) = (false, Some("no answer within 60 s".to_owned()));
    let told = super::connect::goodbye(&done, PLAIN);
    assert!(
        told.contains(
            "FAILED   the tokens could not be revoked and are kept: no answer within 60 s. Run this again"
        ),
        "{told}"
    );
}

#[test]
fn check_says_which_version_runs() {
    let versions: Vec<super::check::Running> =
        pipelines().iter().take(2).rev().map(super::check::Running::from).collect();
    assert_eq!(
        super::check::in_use(&versions, &TimeZone::UTC),
        "Running: projects (version of 14:02, still in use), people (this version)\n"
    );
    assert_eq!(super::check::in_use(&[], &TimeZone::UTC), "");
}

#[test]
fn check_sums_up() {
    let file = |file: &str, errors: usize, passed: usize| FileCheck {
        file: file.to_owned(),
        errors,
        warnings: 0,
        passed,
        failed: 0,
        facts: String::new(),
    };
    let report = CheckReport {
        files: vec![
            file("pipelines/people.yaml", 0, 0),
            file("pipelines/projects.yaml", 1, 0),
            file("pipelines/deals.yaml", 0, 2),
        ],
        text: "error[E306]: `Propsal` is not a StageName\n\n".to_owned(),
        errors: 1,
        salesforce_fields: 31,
        app_fields: std::collections::BTreeMap::from([("operating".to_owned(), 24)]),
        ..CheckReport::default()
    };
    insta::assert_snapshot!(super::check::render(&report, PLAIN), @r"
    pipelines/people.yaml    ok
    pipelines/projects.yaml  1 error
    pipelines/deals.yaml     ok       2 tests passed

    error[E306]: `Propsal` is not a StageName

    3 files: 2 ok, 1 with errors. 31 fields checked against Salesforce, 24 against operating.
    ");
}
