//! `sfsync plan`: what a sync would do.

use std::fmt::Write as _;

use super::bench::{self, Bench};
use super::exit::{Exit, Failure};
use super::{Context, Screen, table};
use crate::runtime::control::PlanQuery;
use crate::runtime::planner::{PlanEntry, PlanField, PlanReport};
use crate::runtime::planning::{FileChange, PlanAnswer};
use crate::serve::shown::thousands;

/// Show what a sync would do, record by record, and what edited files would change; writes nothing
///
/// A daemon that runs is asked, since it has the state; without one the command looks itself, and compares the files with the versions
/// that a daemon ran last. Everything is compared, as `sfsync sync --full` does. Exit code 3 if there are changes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Pipelines; without names all
    names: Vec<String>,
    /// Only this record: a Salesforce id, or a key of the app
    #[arg(long, value_name = "ID")]
    record: Option<String>,
    /// List at most so many records of each pipeline; all are counted
    #[arg(long, default_value_t = 20)]
    limit: usize,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let query = PlanQuery { names: args.names, record: args.record, limit: args.limit };
    let (answer, verb) = match bench::looking(context)? {
        Bench::Free(mut workbench) => (workbench.plan(&query).await?, "run"),
        Bench::Daemon(daemon) => {
            let answer: PlanAnswer = daemon.post_slowly(&["api", "plan"], &query).await?;
            (answer, "sync")
        }
    };
    context.screen.show(&answer, || words(&answer, verb, context.screen));
    let changed = !answer.files.is_empty() || answer.pipelines.iter().any(changes);
    Ok(if changed { Exit::Changes } else { Exit::Done })
}

fn changes(report: &PlanReport) -> bool {
    report.counts.create + report.counts.update + report.counts.delete > 0 || !report.unplanned.is_empty()
}

/// Files first: they decide what the rest means.
pub(super) fn words(answer: &PlanAnswer, verb: &str, screen: Screen) -> String {
    let mut parts = Vec::new();
    if !answer.files.is_empty() {
        parts.push(files(&answer.files));
    }
    parts.extend(answer.pipelines.iter().map(|report| render(report, verb, screen)));
    if parts.is_empty() {
        return "Nothing to plan: no pipeline runs.\n".to_owned();
    }
    parts.join("\n")
}

/// What loading the files would change.
fn files(changes: &[FileChange]) -> String {
    let width = changes.iter().map(|change| name(change).chars().count()).max().unwrap_or_default();
    let mut text = String::new();
    for change in changes {
        let mut file = name(change);
        for difference in &change.changes {
            let _ = writeln!(text, "{file:<width$}  {}", difference.what);
            if !difference.meaning.is_empty() {
                let _ = writeln!(text, "{:<width$}  {}", "", difference.meaning);
            }
            file = "";
        }
    }
    text
}

fn name(change: &FileChange) -> &str {
    let from =
        change.file.rfind("connections/").unwrap_or_else(|| change.file.rfind('/').map_or(0, |at| at + 1));
    &change.file[from..]
}

/// One pipeline.
pub(super) fn render(report: &PlanReport, verb: &str, screen: Screen) -> String {
    let head = format!("{}: {}", report.pipeline, report.way);
    let mut text = format!("{head:<62} nothing is written by plan\n\n");
    if !report.unplanned.is_empty() {
        let _ = writeln!(
            text,
            "  cannot be compared yet: {}\n  with create_tables: true it is added when the pipeline runs: sfsync {verb} {}",
            report.unplanned, report.pipeline
        );
        return text;
    }
    if report.looked_at > 0 {
        let passed = report.looked_at.saturating_sub(report.left_out);
        let (passed, all) = (thousands(passed), thousands(report.looked_at));
        let _ = writeln!(text, "  {passed} of {all} records that were read pass the filters");
    }
    if report.by_id > 0 {
        let records = if report.by_id == 1 { "linked record was" } else { "linked records were" };
        let _ = writeln!(
            text,
            "  {} more {records} asked for by id: no list brings what is filtered out or gone",
            thousands(report.by_id)
        );
    }
    let _ = writeln!(text, "  {}\n", counts(report));
    if report.stays > 0 {
        let records = if report.stays == 1 { "record has" } else { "records have" };
        let _ =
            writeln!(text, "  {} unchanged {records} fields that differ and stay\n", thousands(report.stays));
    }
    for entry in &report.entries {
        text.push_str(&record(entry, screen));
    }
    if report.more > 0 {
        let all = report.more + report.entries.len() as u64;
        let _ = writeln!(
            text,
            "  … {} more: sfsync plan {} --limit {all}",
            thousands(report.more),
            report.pipeline
        );
    }
    text.push_str(&needs(report, verb));
    text
}

/// What it takes to do it.
fn needs(report: &PlanReport, verb: &str) -> String {
    let counts = &report.counts;
    let writes = counts.create + counts.update + counts.delete;
    if writes == 0 {
        return String::new();
    }
    let mut text = String::from("\n");
    if let Some(api) = report.api {
        let left = match (api.left, api.budget) {
            (Some(left), Some(budget)) => {
                format!(" ({} of the budget of {} left today)", thousands(left), thousands(budget))
            }
            _ => String::new(),
        };
        let noun = if writes == 1 { "write" } else { "writes" };
        let calls = if api.calls == 1 { "call" } else { "calls" };
        let _ = writeln!(
            text,
            "  needs about {} Salesforce API {calls}{left} and {} {noun} to {}",
            thousands(api.calls),
            thousands(writes),
            report.app
        );
    }
    let _ = writeln!(text, "  do it: sfsync {verb} {} --full", report.pipeline);
    text
}

fn counts(report: &PlanReport) -> String {
    let counts = &report.counts;
    let always = [
        ("create", counts.create),
        ("update", counts.update),
        ("unchanged", counts.unchanged),
        ("skip", counts.skip),
    ];
    let rare = [("delete", counts.delete), ("wait", counts.wait)].into_iter().filter(|(_, count)| *count > 0);
    let last = [("hold", counts.hold), ("fail", counts.fail)];
    let words = always
        .into_iter()
        .chain(rare)
        .chain(last)
        .map(|(word, count)| format!("{word} {}", thousands(count)));
    words.collect::<Vec<_>>().join("   ")
}

/// One record and its fields.
pub(super) fn record(entry: &PlanEntry, screen: Screen) -> String {
    let mark = match entry.op.as_str() {
        "create" => "+",
        "update" | "link" | "undo" => "~",
        "delete" | "archive" => "-",
        "fail" => "!",
        _ => "=",
    };
    let app = entry.app.as_ref().map(|key| format!(" ↔ {key}")).unwrap_or_default();
    let reason = if entry.reason.is_empty() { String::new() } else { format!("     {}", entry.reason) };
    let salesforce = entry.salesforce.as_ref().map_or("new", |key| key.as_str());
    let head = format!("{mark} {:<7} {salesforce}  {}{app}{reason}", entry.op, entry.title);
    let mut text = screen.paint(head.trim_end(), &entry.op) + "\n";
    let rows: Vec<Vec<String>> = entry.fields.iter().map(field).collect();
    let columns = [table::text("", 11), table::text("", 0), table::text("", 0)];
    for line in table::render(&columns, &rows, table::plain).lines() {
        let _ = writeln!(text, "      {line}");
    }
    text
}

fn field(field: &PlanField) -> Vec<String> {
    let value = match (&field.before, &field.after) {
        (None, Some(after)) => after.clone(),
        (Some(before), Some(after)) => format!("{before} → {after}"),
        (before, None) => format!("{}   kept", before.as_deref().unwrap_or_default()),
    };
    let note = if field.note.is_empty() { String::new() } else { format!("({})", field.note) };
    vec![field.name.clone(), value.replace('\n', "⏎"), note]
}
