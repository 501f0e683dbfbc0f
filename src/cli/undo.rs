//! `sfsync undo`: take back what the last run of a pipeline wrote.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use super::bench::{self, Bench};
use super::exit::{Exit, Failure};
use super::{Context, Screen, plan, tell};
use crate::runtime::control::UndoQuery;
use crate::runtime::undo::UndoReport;
use crate::serve::shown::thousands;

/// Take back what the last run of a pipeline wrote, where the record has not moved since
///
/// It shows what it would do and asks. The values that updates replaced come back; records that the run created or deleted stay as they are,
/// and so do records that somebody has changed since. The pipeline is paused before, because the next comparison would write the same
/// again: correct the file or the records, then let it go on with resume. Exit code 3 if it only showed what it would do.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The pipeline
    name: String,
    /// Do it without asking
    #[arg(long)]
    yes: bool,
    /// List at most so many records; all are counted
    #[arg(long, default_value_t = 20)]
    limit: usize,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let mut bench = bench::bench(context)?;
    let mut query = UndoQuery { act: args.yes, run: None, by: tell::who(), limit: args.limit };
    let report = ask(&mut bench, &args.name, &query).await?;
    let is_planned = !report.done && report.restored > 0;
    if !is_planned || context.screen.json || !agrees(&report, context.screen) {
        context.screen.show(&report, || render(&report, context.screen));
        return Ok(ended(&report));
    }
    query = UndoQuery { act: true, run: report.run, limit: 0, ..query };
    let report = ask(&mut bench, &args.name, &query).await?;
    context.screen.show(&report, || render(&report, context.screen));
    Ok(ended(&report))
}

fn ended(report: &UndoReport) -> Exit {
    match (report.done, report.failed) {
        (true, 0) => Exit::Done,
        (true, _) => Exit::Errors,
        (false, _) if report.restored > 0 => Exit::Changes,
        (false, _) => Exit::Done,
    }
}

async fn ask(bench: &mut Bench, name: &str, query: &UndoQuery) -> Result<UndoReport, Failure> {
    match bench {
        Bench::Free(workbench) => Ok(workbench.undo(name, query).await?),
        Bench::Daemon(daemon) => daemon.post_slowly(&["api", "pipelines", name, "undo"], query).await,
    }
}

/// Shows the plan and asks, where somebody can answer.
fn agrees(report: &UndoReport, screen: Screen) -> bool {
    if !std::io::stdin().is_terminal() || !screen.terminal {
        return false;
    }
    screen.say(&render(report, screen));
    screen.say(&format!("Put {} back? [y/N]", records(report.restored)));
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

/// What it would do, or did.
pub(super) fn render(report: &UndoReport, screen: Screen) -> String {
    let name = &report.pipeline;
    if !report.impossible.is_empty() {
        return format!("Nothing of {name} can be undone: {}.\n", report.impossible);
    }
    let Some(run) = report.run else {
        return format!(
            "There is nothing to undo: no run of {name} has replaced a value that is still remembered.\n"
        );
    };
    let mut text = format!("{name}: the run of {}", run.strftime("%Y-%m-%d %H:%M:%S UTC"));
    text.push_str(if report.done { "\n\n" } else { "     nothing is written yet\n\n" });
    for entry in &report.entries {
        text.push_str(&plan::record(entry, screen));
    }
    if report.more > 0 {
        let _ = writeln!(text, "  … {} more", thousands(report.more));
    }
    let verb = match (report.done, report.restored) {
        (false, _) => "would be put back",
        (true, 1) => "was put back",
        (true, _) => "were put back",
    };
    let _ = writeln!(text, "\n  {} {verb}", records(report.restored));
    let stay = [
        (report.moved, "stay: changed since, gone, or not written by the file any more"),
        (report.failed, "could not be written; undo tries them again"),
        (report.created, "created by it or since: a create replaced nothing, and is not undone"),
        (report.deleted, "deleted or archived by it or since: they are not made again"),
    ];
    for (count, what) in stay.into_iter().filter(|(count, _)| *count > 0) {
        let _ = writeln!(text, "  {} {what}", records(count));
    }
    text.push_str(&next(report));
    text
}

fn next(report: &UndoReport) -> String {
    let name = &report.pipeline;
    if report.done {
        let earlier =
            if report.earlier { format!("\n  the run before it: sfsync undo {name}") } else { String::new() };
        return format!(
            "\n  {name} is paused. What differs now is written again when its record changes and by the next comparison: correct the\n  \
             file or the records first, look with sfsync plan {name}, then sfsync resume {name}{earlier}\n"
        );
    }
    if report.restored == 0 { String::new() } else { format!("  do it: sfsync undo {name} --yes\n") }
}

fn records(count: u64) -> String {
    if count == 1 { "1 record".to_owned() } else { format!("{} records", thousands(count)) }
}
