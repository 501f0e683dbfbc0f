//! `sfsync failures`: records that could not be settled.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::bench::{self, Bench};
use super::exit::{Exit, Failure};
use super::{Context, failure_form, failure_groups, table};
use crate::model::{FailureId, FailureKind, FailureWay, Side};
use crate::runtime::control::FailureView;
use crate::runtime::workbench::Workbench;
use crate::serve::{FailureList, FailureQuery, Forgotten, ResolveQuery, Resolved, Retried};

/// Show, retry or drop records that could not be settled
///
/// A failure is kept until its record is settled. Most are tried again by themselves (column NEXT); held ones wait for a person: say whose
/// values count (`resolve`), or edit the record on one side, or the rule in the file, then retry.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List failures by their cause, newest first
    List {
        /// Only of this pipeline
        pipeline: Option<String>,
        /// Only with this code, such as R211
        #[arg(long)]
        code: Option<String>,
        /// A line for every record
        #[arg(long)]
        all: bool,
    },
    /// Show one failure with all that is known
    Show {
        /// Its id, or the beginning of it
        id: String,
    },
    /// Try again now: one by its id, or all of a pipeline
    Retry {
        /// A pipeline, or the id of a failure
        which: String,
        /// Only with this code, such as R102
        #[arg(long)]
        code: Option<String>,
    },
    /// Decide about a held conflict, or link to the one record that is there already: the values of this side count
    Resolve {
        /// Its id, or the beginning of it
        id: String,
        /// Whose values count where both sides changed
        #[arg(long, value_name = "salesforce|app", value_parser = side)]
        take: Side,
    },
    /// Forget a failure; its record is looked at again when it changes
    Drop {
        /// Its id, or the beginning of it
        id: String,
    },
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    match args.what {
        What::List { pipeline, code, all } => {
            list(&FailureQuery { pipeline, code, id: None }, all, context).await
        }
        What::Show { id } => show(&id, context).await,
        What::Retry { which, code } => retry(&which, code, context).await,
        What::Resolve { id, take } => {
            let daemon = context.daemon();
            let resolved: Resolved =
                daemon.post(&["api", "failures", &id, "resolve"], &ResolveQuery { take }).await?;
            context.screen.show(&resolved, || {
                format!("{}: the values of {} count; it is looked at now.", resolved.resolved, resolved.take)
            });
            Ok(Exit::Done)
        }
        What::Drop { id } => forget(&id, context).await,
    }
}

async fn show(id: &str, context: &Context) -> Result<Exit, Failure> {
    let found: FailureView = match bench::daemon_or_state(context)? {
        Bench::Daemon(daemon) => daemon.get(&["api", "failures", id], &()).await?,
        Bench::Free(bench) => bench.failure(id)?,
    };
    context.screen.show(&found, || {
        let file = failure_form::file_of(&found, &context.folder());
        let message = failure_form::message(&found, file, context.screen.color);
        format!("{message}\n\n{}", details(&found, Timestamp::now(), &TimeZone::system()))
    });
    Ok(Exit::Done)
}

async fn forget(id: &str, context: &Context) -> Result<Exit, Failure> {
    let dropped: Forgotten = match bench::daemon_or_state(context)? {
        Bench::Daemon(daemon) => daemon.delete(&["api", "failures", id]).await?,
        Bench::Free(bench) => {
            let failure = bench.failure(id)?.failure;
            bench.drop_failure(&failure.id)?;
            Forgotten { forgotten: failure.id.0 }
        }
    };
    context.screen.show(&dropped, || format!("Dropped {}.", dropped.forgotten));
    Ok(Exit::Done)
}

fn side(text: &str) -> Result<Side, String> {
    match text {
        "salesforce" => Ok(Side::Salesforce),
        "app" => Ok(Side::App),
        _ => Err("say salesforce or app".to_owned()),
    }
}

async fn list(query: &FailureQuery, all: bool, context: &Context) -> Result<Exit, Failure> {
    let list: FailureList = match bench::daemon_or_state(context)? {
        Bench::Daemon(daemon) => daemon.get(&["api", "failures"], query).await?,
        Bench::Free(bench) => FailureList { failures: bench.failures(&query.clone().into())? },
    };
    context.screen.show(&list, || listed(&list.failures, all, (Timestamp::now(), &TimeZone::system())));
    Ok(Exit::Done)
}

/// A word that names a pipeline means all of its failures; anything else is an id.
async fn retry(which: &str, code: Option<String>, context: &Context) -> Result<Exit, Failure> {
    let daemon = match bench::daemon_or_state(context)? {
        Bench::Daemon(daemon) => daemon,
        Bench::Free(bench) => return retry_later(&bench, which, code, context),
    };
    let known: crate::serve::StatusAnswer = daemon.get(&["api", "pipelines"], &()).await?;
    let retried: Retried = if known.pipelines.iter().any(|status| status.name.as_str() == which) {
        let query = FailureQuery { pipeline: Some(which.to_owned()), code, id: None };
        daemon.post(&["api", "failures", "retry"], &query).await?
    } else {
        daemon.post(&["api", "failures", which, "retry"], &()).await?
    };
    context.screen.show(&retried, || format!("{} tried again now.", records(retried.retried)));
    Ok(Exit::Done)
}

/// Without a daemon: the next run tries them.
fn retry_later(
    bench: &Workbench,
    which: &str,
    code: Option<String>,
    context: &Context,
) -> Result<Exit, Failure> {
    let query = if bench.names().iter().any(|name| name.as_str() == which) {
        FailureQuery { pipeline: Some(which.to_owned()), code, id: None }
    } else {
        FailureQuery { id: Some(bench.failure(which)?.failure.id.0), ..FailureQuery::default() }
    };
    let retried = Retried { retried: bench.retry_failures(&query.into())? };
    context.screen.show(&retried, || {
        format!("{} tried again with the next sfsync run or daemon.", records(retried.retried))
    });
    Ok(Exit::Done)
}

fn records(count: usize) -> String {
    if count == 1 { "1 record is".to_owned() } else { format!("{count} records are") }
}

/// Records that share a cause are one line, unless every record is asked for.
pub(super) fn listed(failures: &[FailureView], all: bool, (now, zone): (Timestamp, &TimeZone)) -> String {
    let groups = failure_groups::groups(failures);
    if all || groups.len() == failures.len() {
        return render(failures, now, zone);
    }
    failure_groups::render(&groups, id_length(failures), (now, zone))
}

const COLUMNS: [table::Column; 7] = [
    table::text("ID", 4),
    table::text("WHEN", 5),
    table::text("WAY", 14),
    table::text("RECORD", 20),
    table::number("TRIES"),
    table::text("NEXT", 7),
    table::text("REASON", 0),
];

/// Shortest unambiguous ids of at least four characters; times of today as a time of day.
pub(super) fn render(failures: &[FailureView], now: Timestamp, zone: &TimeZone) -> String {
    if failures.is_empty() {
        return "No failures.".to_owned();
    }
    let length = id_length(failures);
    let rows = failures.iter().map(|view| {
        let failure = &view.failure;
        vec![
            short(&failure.id, length),
            moment(failure.last, now, zone),
            way(failure.way).to_owned(),
            record(view),
            failure.tries.to_string(),
            failure.next_try.map_or_else(|| "–".to_owned(), |at| moment(at, now, zone)),
            reason(view),
        ]
    });
    table::render(&COLUMNS, &rows.collect::<Vec<_>>(), table::plain)
}

/// The beginning of an id.
pub(super) fn short(id: &FailureId, length: usize) -> String {
    id.0.chars().take(length).collect()
}

fn id_length(failures: &[FailureView]) -> usize {
    let unique = |length: &usize| {
        let mut short: Vec<String> =
            failures.iter().map(|view| view.failure.id.0.chars().take(*length).collect()).collect();
        short.sort();
        short.windows(2).all(|pair| pair[0] != pair[1])
    };
    (4..64).find(unique).unwrap_or(64)
}

pub(super) fn moment(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let (at, now) = (at.to_zoned(zone.clone()), now.to_zoned(zone.clone()));
    let form = if at.date() == now.date() { "%H:%M" } else { "%d %b %H:%M" };
    at.strftime(form).to_string()
}

fn way(way: FailureWay) -> &'static str {
    match way {
        FailureWay::ToApp => "to_app",
        FailureWay::ToSalesforce => "to_salesforce",
        FailureWay::Both => "both",
    }
}

pub(super) fn record(view: &FailureView) -> String {
    let (_, key) = &view.failure.source;
    match (&view.failure.target, view.view.title.as_str()) {
        (Some(target), title) => format!("{key} {title} ↔ {target}").replace("  ", " "),
        (None, title) => format!("{key} {title}").trim_end().to_owned(),
    }
}

pub(super) fn reason(view: &FailureView) -> String {
    match &view.failure.kind {
        FailureKind::Held => format!("held: {}", view.view.message),
        FailureKind::Waiting { pipeline, key } => format!("waits until {key} is linked in {pipeline}"),
        FailureKind::Failed => format!("{} {}", view.failure.code, view.view.message),
    }
}

/// What a person can do about a held record.
fn decisions(view: &FailureView) -> Vec<(&'static str, String)> {
    let (failure, existing) = (&view.failure, &view.view.existing);
    let resolve = format!("sfsync failures resolve {} --take salesforce|app", failure.id.0);
    let mut rows = Vec::new();
    match (failure.kind == FailureKind::Held, existing.as_slice()) {
        (true, []) if !view.view.values.is_empty() => rows.push(("decide", resolve)),
        (true, [one]) if failure.target.is_none() => {
            rows.push(("is there", one.to_string()));
            rows.push(("decide", format!("{resolve}   links them; these values count where both have one")));
        }
        (true, [_, ..]) => {
            let all: Vec<&str> = existing.iter().map(crate::model::Key::as_str).collect();
            rows.push(("is there", all.join(", ")));
            let pair = match &failure.source {
                (Side::App, key) => format!("{{ salesforce: {}, app: {key} }}", all[0]),
                (Side::Salesforce, key) => format!("{{ salesforce: {key}, app: {} }}", all[0]),
            };
            rows.push(("decide", format!("manual_links: [{pair}] in the pipeline, or edit one of them")));
        }
        _ => {}
    }
    rows
}

/// What is known of a failure besides its message.
pub(super) fn details(view: &FailureView, now: Timestamp, zone: &TimeZone) -> String {
    let moment = |at: Timestamp| moment(at, now, zone);
    let failure = &view.failure;
    let mut rows = vec![
        ("failure", failure.id.0.clone()),
        ("pipeline", failure.pipeline.to_string()),
        ("way", way(failure.way).to_owned()),
        ("record", record(view)),
    ];
    rows.extend(failure.place.iter().map(|place| ("place", place.clone())));
    rows.push((
        "tries",
        format!("{}, since {}, last {}", failure.tries, moment(failure.since), moment(failure.last)),
    ));
    rows.push(("next", failure.next_try.map_or_else(|| "when it changes, or by hand".to_owned(), moment)));
    rows.extend(decisions(view));
    rows.push(("retry", format!("sfsync failures retry {}", failure.id.0)));
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
    table::render(&[table::text("", 10), table::text("", 0)], &rows, table::plain)
}
