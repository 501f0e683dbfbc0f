//! `sfsync pause`, `resume`, `approve`, `forget`, `reload`: one sentence to the daemon, one back. A pause is in the state, so without a
//! daemon `pause` and `resume` are for the next `run`.

use reqwest::Method;

use super::Context;
use super::bench::{self, Bench};
use super::call::refused;
use super::exit::{Exit, Failure};
use crate::model::PipelineName;
use crate::runtime::control::ReloadReport;
use crate::runtime::workbench::Workbench;
use crate::serve::{Accepted, Forgotten, PauseQuery};

/// A verb about one pipeline.
#[derive(Debug, clap::Args)]
pub(super) struct Named {
    /// The pipeline
    name: String,
}

/// Who gives the command, for the status.
pub(super) fn who() -> String {
    let names = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    names.unwrap_or_else(|| "the command line".to_owned())
}

pub(super) async fn pause(args: Named, context: &Context) -> Result<Exit, Failure> {
    let query = PauseQuery { by: who() };
    let daemon = match bench::bench(context)? {
        Bench::Daemon(daemon) => daemon,
        Bench::Free(bench) => return rested(&bench, &args.name, Some(&query.by), context),
    };
    let answer: Accepted = daemon.post(&["api", "pipelines", &args.name, "pause"], &query).await?;
    context.screen.show(&answer, || {
        format!("{0} pauses at the end of its batch, until: sfsync resume {0}", answer.pipeline)
    });
    Ok(Exit::Done)
}

pub(super) async fn resume(args: Named, context: &Context) -> Result<Exit, Failure> {
    let daemon = match bench::bench(context)? {
        Bench::Daemon(daemon) => daemon,
        Bench::Free(bench) => return rested(&bench, &args.name, None, context),
    };
    let answer: Accepted = daemon.post(&["api", "pipelines", &args.name, "resume"], &()).await?;
    context.screen.show(&answer, || format!("{} goes on from where it was.", answer.pipeline));
    Ok(Exit::Done)
}

/// Nobody runs it now.
fn rested(bench: &Workbench, name: &str, by: Option<&str>, context: &Context) -> Result<Exit, Failure> {
    bench.set_paused(name, by)?;
    let what = if by.is_some() { "pause" } else { "resume" };
    let answer = Accepted { pipeline: PipelineName::from(name), accepted: what.to_owned() };
    context.screen.show(&answer, || match by {
        Some(_) => format!("{name} rests, until: sfsync resume {name}"),
        None => format!("{name} goes on with the next sfsync run or daemon."),
    });
    Ok(Exit::Done)
}

pub(super) async fn approve(args: Named, context: &Context) -> Result<Exit, Failure> {
    let daemon = context.daemon();
    if !daemon.answers() {
        let help = format!("look: sfsync plan {0}; then: sfsync run {0} --approve", args.name);
        return Err(Failure::new("no daemon is running, so nothing waits for approval", help));
    }
    let answer: Accepted = daemon.post(&["api", "pipelines", &args.name, "approve"], &()).await?;
    context.screen.show(&answer, || format!("Approved. {0} goes on: sfsync status {0}", answer.pipeline));
    Ok(Exit::Done)
}

pub(super) async fn forget(args: Named, context: &Context) -> Result<Exit, Failure> {
    let answer: Forgotten = context.daemon().delete(&["api", "pipelines", &args.name]).await?;
    context.screen.show(&answer, || {
        format!(
            "The state of {} is gone: links, cursors, failures. No record was changed or deleted.",
            answer.forgotten
        )
    });
    Ok(Exit::Done)
}

/// 0 if every file may run, 1 if one may not; the daemon keeps running what was good.
pub(super) async fn reload(context: &Context) -> Result<Exit, Failure> {
    let answer = context.daemon().ask(Method::POST, &["-", "reload"], &(), String::new()).await?;
    if !matches!(answer.status, 200 | 422) {
        return Err(refused(&answer));
    }
    let report: ReloadReport = answer.read()?;
    context.screen.show(&report, || told(&report));
    Ok(if answer.status == 200 { Exit::Done } else { Exit::Errors })
}

/// A line for each file, and each message with its way out; `check` shows them with their places marked.
pub(super) fn told(report: &ReloadReport) -> String {
    let rows: Vec<Vec<String>> = report
        .files
        .iter()
        .map(|file| {
            let errors = match file.errors {
                0 => "ok".to_owned(),
                1 => "1 error".to_owned(),
                many => format!("{many} errors"),
            };
            vec![file.file.clone(), errors, file.state.clone()]
        })
        .collect();
    let columns = [super::table::text("", 0), super::table::text("", 0), super::table::text("", 0)];
    let mut text = super::table::render(&columns, &rows, super::table::plain);
    for message in &report.diagnostics {
        let place = if message.file.is_empty() {
            String::new()
        } else {
            format!("  {}:{}:{}", message.file, message.line, message.column)
        };
        text.push_str(&[&message.severity, "[", &message.code, "]: ", &message.title, &place, "\n"].concat());
        for help in &message.help {
            text.push_str(&["  = help: ", &help.replace('\n', "\n          "), "\n"].concat());
        }
    }
    text
}
