//! `sfsync check`: everything that can be known before running.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::bench;
use super::exit::{Exit, Failure};
use super::{Context, Screen, table};
use crate::model::PipelineName;
use crate::runtime::status::PipelineStatus;
use crate::runtime::workbench::{CheckReport, FileCheck, Workbench};
use crate::serve::StatusAnswer;
use crate::spec::grammar::closest;

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
    /// What the daemon runs, where there is one.
    running: Vec<Running>,
}

/// The version of a pipeline that a daemon runs.
#[derive(Debug, Serialize)]
pub(super) struct Running {
    pipeline: PipelineName,
    /// When it was loaded; nothing where no version ever was.
    loaded_at: Option<Timestamp>,
    /// Whether it is the one on disk.
    current: bool,
}

impl From<&PipelineStatus> for Running {
    fn from(status: &PipelineStatus) -> Self {
        let config = &status.config;
        Self { pipeline: status.name.clone(), loaded_at: config.loaded_at, current: config.current }
    }
}

/// `Running: projects (version of 14:02, still in use), customers (this version)`
pub(super) fn in_use(running: &[Running], zone: &TimeZone) -> String {
    if running.is_empty() {
        return String::new();
    }
    let version = |running: &Running| match (running.loaded_at, running.current) {
        (_, true) => "this version".to_owned(),
        (Some(at), false) => {
            format!("version of {}, still in use", at.to_zoned(zone.clone()).strftime("%H:%M"))
        }
        (None, false) => "no version yet".to_owned(),
    };
    let names: Vec<String> =
        running.iter().map(|running| format!("{} ({})", running.pipeline, version(running))).collect();
    format!("Running: {}\n", names.join(", "))
}

/// A file that `--fix` changed.
#[derive(Debug, Serialize)]
struct Fixed {
    file: String,
    corrections: usize,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let (mut workbench, mut daemon) = bench::to_check(context).await?;
    let mut fixed = Vec::new();
    if args.fix {
        for (file, text, corrections) in workbench.fixes() {
            super::write::whole(std::path::Path::new(&file), &text)?;
            fixed.push(Fixed { file, corrections });
        }
        if !fixed.is_empty() {
            drop(workbench);
            (workbench, daemon) = bench::to_check(context).await?;
        }
    }
    if args.online {
        workbench.look(true).await?;
    }
    known(&workbench, &args.names, context)?;
    let mut report = workbench.check(&args.names, context.screen.color);
    if args.online {
        report.notes.extend(workbench.news().await);
    }
    let exit = match (report.errors, report.warnings) {
        (1.., _) => Exit::Errors,
        (0, 1..) if args.deny_warnings => Exit::Warnings,
        _ => Exit::Done,
    };
    let running = match &daemon {
        Some(daemon) => daemon.get::<StatusAnswer>(&["api", "pipelines"], &()).await?.pipelines,
        None => Vec::new(),
    };
    let wanted = |status: &&PipelineStatus| {
        args.names.is_empty() || args.names.iter().any(|name| name == status.name.as_str())
    };
    let running: Vec<Running> = running.iter().filter(wanted).map(Running::from).collect();
    let checked = Checked { report, fixed, running };
    let versions = in_use(&checked.running, &TimeZone::system());
    context.screen.show(&checked, || words(&checked, context.screen) + versions.as_str());
    Ok(exit)
}

/// Whoever names a file wants to hear of it: a check of nothing is not a good one.
fn known(workbench: &Workbench, names: &[String], context: &Context) -> Result<(), Failure> {
    let files = workbench.file_names();
    if files.is_empty() {
        let message = format!("{} has no pipeline and no connection", context.folder().display());
        let help = "name the configuration folder with --config, go there, or begin one: sfsync new --help";
        return Err(Failure::new(message, help));
    }
    let Some(unknown) = names.iter().find(|name| !files.contains(name)) else { return Ok(()) };
    let meant = closest(unknown, files.iter().map(String::as_str));
    let help = match meant {
        Some(meant) => format!("did you mean {meant}?"),
        None => format!("the folder has {}", files.join(", ")),
    };
    let folder = context.folder();
    Err(Failure::new(format!("there is no pipeline or connection {unknown} in {}", folder.display()), help))
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
