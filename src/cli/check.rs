//! `sfsync check`: everything that can be known before running.

use std::fmt::Write as _;

use serde::Serialize;

use super::bench;
use super::exit::{Exit, Failure};
use super::{Context, Screen, table};
use crate::runtime::workbench::{CheckReport, FileCheck};

/// Check files: everything that can be known without, or with --online from, the systems
///
/// Reads all files of the folder, since they refer to each other; names choose what is reported. Schemas that an earlier run has read are
/// used offline. Exit code 1 with errors, 2 with --deny-warnings and warnings.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Pipelines and connections to report; without names all
    names: Vec<String>,
    /// Ask the systems too: sign in, describe objects and tables
    #[arg(long)]
    online: bool,
    /// Apply the corrections that are sure, then check again
    #[arg(long)]
    fix: bool,
    /// Warnings count as errors
    #[arg(long)]
    deny_warnings: bool,
}

/// The JSON form.
#[derive(Debug, Serialize)]
struct Checked {
    #[serde(flatten)]
    report: CheckReport,
    fixed: Vec<Fixed>,
}

/// A file that `--fix` changed.
#[derive(Debug, Serialize)]
struct Fixed {
    file: String,
    corrections: usize,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let mut workbench = bench::with_state_if_free(context)?;
    let mut fixed = Vec::new();
    if args.fix {
        for (file, text, corrections) in workbench.fixes() {
            super::write::whole(std::path::Path::new(&file), &text)?;
            fixed.push(Fixed { file, corrections });
        }
        if !fixed.is_empty() {
            drop(workbench);
            workbench = bench::with_state_if_free(context)?;
        }
    }
    if args.online {
        workbench.look(true).await;
    }
    let mut report = workbench.check(&args.names, context.screen.color);
    if args.online {
        report.notes.extend(workbench.news().await);
    }
    let exit = match (report.errors, report.warnings) {
        (1.., _) => Exit::Errors,
        (0, 1..) if args.deny_warnings => Exit::Warnings,
        _ => Exit::Done,
    };
    let checked = Checked { report, fixed };
    context.screen.show(&checked, || words(&checked, context.screen));
    Ok(exit)
}

fn words(checked: &Checked, screen: Screen) -> String {
    let mut text = String::new();
    for fixed in &checked.fixed {
        let _ = writeln!(text, "fixed  {}  {}", fixed.file, plural(fixed.corrections, "correction"));
    }
    text.push_str(&render(&checked.report, screen));
    text
}

/// A line for each file, the messages, what was not checked, and the sum.
pub(super) fn render(report: &CheckReport, screen: Screen) -> String {
    let rows: Vec<Vec<String>> =
        report.files.iter().map(|file| vec![file.file.clone(), verdict(file), detail(file)]).collect();
    let columns = [table::text("", 0), table::text("", 0), table::text("", 0)];
    let paint = |column: usize, padded: &str, cell: &str| match column {
        1 if cell == "ok" => screen.paint(padded, "ok"),
        1 if cell.contains("error") => screen.paint(padded, "failed"),
        _ => padded.to_owned(),
    };
    let mut text = table::render(&columns, &rows, paint);
    if !report.text.is_empty() {
        text.push('\n');
        text.push_str(&report.text);
    }
    for note in &report.notes {
        let _ = writeln!(text, "note: {note}");
    }
    text.push_str(&sum(report));
    text
}

fn verdict(file: &FileCheck) -> String {
    match (file.errors, file.warnings) {
        (0, 0) => "ok".to_owned(),
        (0, warnings) => plural(warnings, "warning"),
        (errors, 0) => plural(errors, "error"),
        (errors, warnings) => format!("{}, {}", plural(errors, "error"), plural(warnings, "warning")),
    }
}

fn detail(file: &FileCheck) -> String {
    match (file.passed, file.failed) {
        (0, 0) => file.facts.clone(),
        (passed, 0) => format!("{} passed", plural(passed, "test")),
        (passed, failed) => format!("{passed} of {} passed", plural(passed + failed, "test")),
    }
}

fn sum(report: &CheckReport) -> String {
    let files = report.files.len();
    let bad = report.files.iter().filter(|file| file.errors > 0).count();
    if files == 0 {
        return "There is no file of these names.\n".to_owned();
    }
    let verdict = match bad {
        0 => "all ok".to_owned(),
        bad => format!("{} ok, {bad} with errors", files - bad),
    };
    let verdict = match report.unreachable {
        0 => verdict,
        silent => format!("{verdict}, but {} did not answer", plural(silent, "connection")),
    };
    format!("{}: {verdict}.{}\n", plural(files, "file"), fields(report))
}

/// How much was held against the systems; nothing where no schema is known.
fn fields(report: &CheckReport) -> String {
    let salesforce = (report.salesforce_fields > 0).then_some(("Salesforce", report.salesforce_fields));
    let apps = report.app_fields.iter().map(|(name, count)| (name.as_str(), *count));
    let mut text = String::new();
    for (name, count) in salesforce.into_iter().chain(apps) {
        text += &if text.is_empty() {
            format!(" {} checked against {name}", plural(count, "field"))
        } else {
            format!(", {count} against {name}")
        };
    }
    if text.is_empty() { text } else { text + "." }
}

/// `1 error`, `2 errors`
pub(super) fn plural(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}
