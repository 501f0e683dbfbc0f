//! `sfsync plan`: what a sync would do.

use std::fmt::Write as _;

use super::bench;
use super::exit::{Exit, Failure};
use super::{Context, Screen, table};
use crate::model::Key;
use crate::runtime::planner::{PlanEntry, PlanField, PlanReport};
use crate::serve::shown::thousands;

/// Show what a sync would do, record by record; writes nothing
///
/// Reads the systems and the state, which a running daemon holds: stop it, or give this command another state folder. Exit code 3
/// if there are changes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Pipelines; without names all
    names: Vec<String>,
    /// Only this Salesforce record
    #[arg(long, value_name = "ID")]
    record: Option<String>,
    /// List at most so many records of each pipeline; all are counted
    #[arg(long, default_value_t = 20)]
    limit: usize,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let mut workbench = bench::with_state(context)?;
    let record = args.record.as_deref().map(Key::salesforce);
    let reports = workbench.plan(&args.names, record.as_ref(), args.limit).await?;
    context.screen.show(&reports, || {
        let texts = reports.iter().map(|report| render(report, context.screen));
        texts.collect::<Vec<_>>().join("\n")
    });
    Ok(if reports.iter().any(changes) { Exit::Changes } else { Exit::Done })
}

fn changes(report: &PlanReport) -> bool {
    report.counts.create + report.counts.update + report.counts.delete > 0
}

/// One pipeline.
pub(super) fn render(report: &PlanReport, screen: Screen) -> String {
    let head = format!("{}: {}", report.pipeline, report.way);
    let mut text = format!("{head:<62} nothing is written by plan\n\n");
    if report.looked_at > 0 {
        let _ = writeln!(text, "  {} records were looked at", thousands(report.looked_at));
    }
    let _ = writeln!(text, "  {}\n", counts(report));
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
    if changes(report) {
        let _ = writeln!(text, "\n  do it: sfsync sync {}", report.pipeline);
    }
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

fn record(entry: &PlanEntry, screen: Screen) -> String {
    let mark = match entry.op.as_str() {
        "create" => "+",
        "update" | "link" => "~",
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
