//! `sfsync sync`: look now.

use std::time::Duration;

use super::Context;
use super::exit::{Exit, Failure};
use super::progress::Bars;
use crate::runtime::status::{PipelineStatus, State};
use crate::serve::{Accepted, SyncQuery, shown};

/// How often a sync that is followed is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Look for changes now instead of at the next poll
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The pipeline
    name: String,
    /// Compare everything on both sides and repair what differs
    #[arg(long)]
    full: bool,
    /// Only this Salesforce record, even if it did not change
    #[arg(long, value_name = "ID", conflicts_with = "full")]
    record: Option<String>,
    /// Wait until it is done and show how far it is; Ctrl-C ends the waiting, not the sync
    #[arg(long, short)]
    wait: bool,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let daemon = context.daemon();
    let path = ["api", "pipelines", args.name.as_str()];
    let before: PipelineStatus = daemon.get(&path, &()).await?;
    let query = SyncQuery { full: args.full, record: args.record };
    let accepted: Accepted = daemon.post(&["api", "pipelines", &args.name, "sync"], &query).await?;
    if !args.wait {
        context
            .screen
            .show(&accepted, || format!("{0} looks now. See: sfsync status {0}", accepted.pipeline));
        return Ok(Exit::Done);
    }
    let mut bars = Bars::new(context.screen);
    let after = loop {
        tokio::time::sleep(LOOK).await;
        let status: PipelineStatus = daemon.get(&path, &()).await?;
        if let Some(progress) = status.progress {
            bars.at(&args.name, progress.done, progress.total);
        }
        if done(&before, &status, args.full) || !may_go_on(status.state) {
            break status;
        }
    };
    bars.done(&args.name);
    let done = done(&before, &after, args.full);
    context.screen.show(&after, || summary(&before, &after, done));
    Ok(if done && after.totals.failed == before.totals.failed { Exit::Done } else { Exit::Errors })
}

/// A pass that was under way when the request came does not count as a comparison of everything.
fn done(before: &PipelineStatus, now: &PipelineStatus, full: bool) -> bool {
    if full { now.comparisons > before.comparisons } else { now.passes > before.passes }
}

fn may_go_on(state: State) -> bool {
    matches!(state, State::Running | State::Loading | State::Degraded)
}

fn summary(before: &PipelineStatus, after: &PipelineStatus, done: bool) -> String {
    if !done {
        return format!("{} is {}: {}", after.name, after.state.name(), after.message);
    }
    let (old, new) = (&before.totals, &after.totals);
    let more = |new: u64, old: u64| shown::thousands(new.saturating_sub(old));
    format!(
        "{}: {} read, {} created, {} updated, {} deleted, {} failed",
        after.name,
        more(new.read, old.read),
        more(new.created, old.created),
        more(new.updated, old.updated),
        more(new.deleted, old.deleted),
        more(new.failed, old.failed)
    )
}
