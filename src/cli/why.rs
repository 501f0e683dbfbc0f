//! `sfsync why`: why a record is or is not synced.

use super::exit::{Exit, Failure};
use super::{Context, Screen, table};
use crate::runtime::control::Why;

/// Say why a record is or is not synced
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A Salesforce id, or a key of the app
    id: String,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let why: Why = context.daemon().get(&["api", "records", &args.id], &()).await?;
    context.screen.show(&why, || render(&why, context.screen));
    Ok(Exit::Done)
}

/// A line for each pipeline that could carry the record.
pub(super) fn render(why: &Why, screen: Screen) -> String {
    if why.entries.is_empty() {
        return format!("{}\n  no pipeline reads this object", why.record);
    }
    let rows: Vec<Vec<String>> = why
        .entries
        .iter()
        .map(|entry| {
            let linked = entry.linked.as_ref().map(|key| format!("linked to {key}")).unwrap_or_default();
            let reason = [entry.reason.as_str(), linked.as_str()].into_iter().filter(|part| !part.is_empty());
            let reason = reason.collect::<Vec<_>>().join("; ");
            vec![
                String::new(),
                entry.pipeline.to_string(),
                entry.verdict.clone(),
                reason,
                entry.place.clone().unwrap_or_default(),
            ]
        })
        .collect();
    let columns =
        [table::text("", 0), table::text("", 9), table::text("", 9), table::text("", 0), table::text("", 0)];
    let paint = |column: usize, padded: &str, cell: &str| {
        if column == 2 { screen.paint(padded, cell) } else { padded.to_owned() }
    };
    format!("{}\n{}", why.record, table::render(&columns, &rows, paint))
}
