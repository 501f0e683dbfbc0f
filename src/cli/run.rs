//! `sfsync run`: one pass, then exit (cron, CI).

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use super::bench;
use super::exit::{Exit, Failure};
use super::progress::Bars;
use super::{Context, table};
use crate::model::{Counts, PipelineName};
use crate::runtime::pass::{Observer, PassError};
use crate::runtime::workbench::{RunQuery, RunReport, WorkError};
use crate::serve::shown::thousands;

/// Make one pass of each pipeline and exit, for cron and CI
///
/// The state remembers where it was, as that of a daemon; both cannot use the same state at once: while a daemon runs, sfsync sync asks it
/// to look. What failed is tried again when it is due, and when its file changed. Exit code 1 if a record failed, now or earlier, and is not
/// settled, or a pipeline ended early.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Pipelines; without names all
    names: Vec<String>,
    /// Compare everything on both sides, too
    #[arg(long)]
    full: bool,
    /// Allow this run more deletes and changes than max_deletes and max_changes; look at them first with sfsync plan
    #[arg(long, requires = "names")]
    approve: bool,
}

/// The JSON form of one pipeline.
#[derive(Debug, Serialize)]
struct Ran {
    pipeline: PipelineName,
    counts: Counts,
    /// Records that failed, now or earlier, and are not settled.
    standing: usize,
    error: Option<String>,
}

/// Shows how far the passes are.
struct Shown {
    bars: Mutex<(Bars, HashMap<PipelineName, u64>)>,
}

impl Observer for Shown {
    fn settled(&self, pipeline: &PipelineName, counts: &Counts, _: bool, total: Option<u64>) {
        let mut shown = self.bars.lock().unwrap_or_else(PoisonError::into_inner);
        let (bars, read) = &mut *shown;
        let read = read.entry(pipeline.clone()).or_default();
        *read += counts.read;
        bars.at(pipeline.as_str(), *read, total);
    }
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let mut workbench = bench::alone(context)?;
    let shown = Arc::new(Shown { bars: Mutex::new((Bars::new(context.screen), HashMap::new())) });
    let observer: Arc<dyn Observer> = shown.clone();
    let query = RunQuery { names: args.names, full: args.full, approved: args.approve };
    let reports = workbench.run(&query, observer).await?;
    for report in &reports {
        let mut shown = shown.bars.lock().unwrap_or_else(PoisonError::into_inner);
        shown.0.done(report.pipeline.as_str());
    }
    let ran: Vec<Ran> = reports.into_iter().map(|report| ran(report, query.full)).collect();
    context.screen.show(&ran, || render(&ran));
    let failed = ran.iter().any(|ran| ran.error.is_some() || ran.counts.failed > 0 || ran.standing > 0);
    Ok(if failed { Exit::Errors } else { Exit::Done })
}

fn ran(report: RunReport, full: bool) -> Ran {
    let RunReport { pipeline, counts, standing, error } = report;
    let error = error.map(|error| match error {
        WorkError::Pass(PassError::Approval(approval)) => {
            let full = if full { " --full" } else { "" };
            format!("{approval} (look: sfsync plan {pipeline}; then: sfsync run {pipeline}{full} --approve)")
        }
        error => Failure::from(error).in_one_line(),
    });
    Ran { pipeline, counts, standing, error }
}

fn render(ran: &[Ran]) -> String {
    let columns = [
        table::text("PIPELINE", 0),
        table::number("READ"),
        table::number("CREATED"),
        table::number("UPDATED"),
        table::number("DELETED"),
        table::number("UNCHANGED"),
        table::number("HELD"),
        table::number("FAILED"),
    ];
    let rows = ran.iter().map(|ran| {
        let counts = &ran.counts;
        let numbers = [
            counts.read,
            counts.created,
            counts.updated,
            counts.deleted,
            counts.unchanged,
            counts.held,
            counts.failed,
        ];
        std::iter::once(ran.pipeline.to_string()).chain(numbers.map(thousands)).collect()
    });
    let mut text = table::render(&columns, &rows.collect::<Vec<Vec<String>>>(), table::plain);
    for ran in ran {
        if let Some(error) = &ran.error {
            let _ = writeln!(text, "\n{}  not done: {error}", ran.pipeline);
        }
        if ran.standing > 0 {
            let records = if ran.standing == 1 { "record is" } else { "records are" };
            let _ = writeln!(
                text,
                "\n{0}  {1} {records} not settled: sfsync failures list {0}",
                ran.pipeline,
                thousands(ran.standing as u64)
            );
        }
    }
    text
}
