//! `sfsync status`: what every pipeline does now.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;

use super::exit::{Exit, Failure};
use super::{Context, Screen, table};
use crate::runtime::control::ApiUse;
use crate::runtime::status::{PipelineStatus, State};
use crate::serve::{StatusAnswer, shown};

/// Show what every pipeline does now
///
/// States: running; loading (first load); degraded (works, slower); blocked (cannot work: permission, object missing, signed
/// out); approval (a mass change waits for a person); paused; disabled; invalid (no version of the file ever loaded).
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only this pipeline, with its conditions
    name: Option<String>,
    /// Show it again whenever it changes, until Ctrl-C
    #[arg(long, short)]
    watch: bool,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    if !args.watch {
        show(args.name.as_deref(), context).await.map(|text| context.screen.say(&text))?;
        return Ok(Exit::Done);
    }
    let mut last = String::new();
    loop {
        let text = show(args.name.as_deref(), context).await?;
        if context.screen.terminal {
            // To the top left, and clear what is below.
            context.screen.say(&format!("\x1b[H\x1b[2J{text}"));
        } else if text != last {
            context.screen.say(&text);
        }
        last = text;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn show(name: Option<&str>, context: &Context) -> Result<String, Failure> {
    let daemon = context.daemon();
    if let Some(name) = name {
        let status: PipelineStatus = daemon.get(&["api", "pipelines", name], &()).await?;
        let json = || serde_json::to_string_pretty(&status).unwrap_or_default();
        return Ok(if context.screen.json { json() } else { one(&status, Timestamp::now(), context.screen) });
    }
    let answer: StatusAnswer = daemon.get(&["api", "pipelines"], &()).await?;
    let json = || serde_json::to_string_pretty(&answer).unwrap_or_default();
    Ok(if context.screen.json {
        json()
    } else {
        all(&answer.pipelines, &answer.api, Timestamp::now(), context.screen)
    })
}

const COLUMNS: [table::Column; 8] = [
    table::text(shown::COLUMNS[0], 0),
    table::text(shown::COLUMNS[1], 9),
    table::text(shown::COLUMNS[2], 10),
    table::text(shown::COLUMNS[3], 10),
    table::number(shown::COLUMNS[4]),
    table::number(shown::COLUMNS[5]),
    table::number(shown::COLUMNS[6]),
    table::text(shown::COLUMNS[7], 0),
];

/// The table, the sentences below it, and the use of the API.
pub(super) fn all(pipelines: &[PipelineStatus], api: &[ApiUse], now: Timestamp, screen: Screen) -> String {
    if pipelines.is_empty() {
        return "There is no pipeline yet. Add a file to the configuration folder, or begin one with sfsync new.".to_owned();
    }
    let mut text = rows(pipelines, now, screen);
    let mut below: Vec<Vec<String>> = Vec::new();
    for status in pipelines {
        if let Some(remark) = shown::remark(status) {
            below.push(vec![
                status.name.to_string(),
                status.state.name().to_owned(),
                remark + way_out(status),
            ]);
        }
    }
    for api in api {
        below.push(vec!["API".to_owned(), shown::api_use(api)]);
    }
    if !below.is_empty() {
        text.push('\n');
        text.push_str(&table::render(
            &[table::text("", 0), table::text("", 0), table::text("", 0)],
            &wide(below),
            table::plain,
        ));
    }
    text
}

/// The line of the API has two cells; the second must not widen the column of states.
fn wide(rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    let states =
        rows.iter().filter(|row| row.len() == 3).map(|row| row[1].chars().count()).max().unwrap_or(0);
    let join = |row: Vec<String>| match row.as_slice() {
        [name, state, remark] => vec![name.clone(), format!("{state:<states$}  {remark}")],
        _ => row,
    };
    rows.into_iter().map(join).collect()
}

fn way_out(status: &PipelineStatus) -> &'static str {
    match status.state {
        State::Approval => "  Look with sfsync plan, go on with sfsync approve.",
        State::Paused => "  Go on with sfsync resume.",
        State::Invalid => "  See sfsync check.",
        _ => "",
    }
}

fn rows(pipelines: &[PipelineStatus], now: Timestamp, screen: Screen) -> String {
    let rows: Vec<Vec<String>> = pipelines.iter().map(|status| shown::cells(status, now).to_vec()).collect();
    table::render(&COLUMNS, &rows, |column, padded, cell| match column {
        1 => screen.paint(padded, cell),
        6 if cell != "0" => screen.paint(padded, "failed"),
        _ => padded.to_owned(),
    })
}

/// One pipeline with its facts.
pub(super) fn one(status: &PipelineStatus, now: Timestamp, screen: Screen) -> String {
    let mut text = rows(std::slice::from_ref(status), now, screen);
    if let Some(remark) = shown::remark(status) {
        let _ = write!(text, "\n{remark}{}\n", way_out(status));
    }
    let mut facts = vec![
        vec!["file".to_owned(), status.config.file.clone()],
        vec!["linked".to_owned(), format!("{} records", shown::thousands(status.counts.linked))],
        vec!["done".to_owned(), totals(status)],
    ];
    if let Some(comparison) = &status.comparison {
        let when = shown::ago(comparison.at, now);
        let what = match comparison.differed {
            0 => "both sides were equal".to_owned(),
            1 => "1 record differed".to_owned(),
            many => format!("{} records differed", shown::thousands(many)),
        };
        facts.push(vec!["compared".to_owned(), format!("{when}: {what}")]);
    }
    if let Some(next) = status.next_look {
        let seconds = next.duration_since(now).as_secs().max(0);
        facts.push(vec!["next look".to_owned(), format!("in {seconds} s")]);
    }
    for condition in &status.conditions {
        let word = if condition.status { "yes" } else { "no" };
        let reason = [condition.reason.as_str(), condition.message.as_str()];
        let reason: Vec<&str> = reason.into_iter().filter(|part| !part.is_empty()).collect();
        facts.push(vec![condition.kind.clone(), format!("{word}  {}", reason.join(": "))]);
    }
    text.push('\n');
    text.push_str(&table::render(&[table::text("", 0), table::text("", 0)], &facts, table::plain));
    text
}

fn totals(status: &PipelineStatus) -> String {
    let totals = &status.totals;
    format!(
        "{} read, {} created, {} updated, {} deleted since the daemon started",
        shown::thousands(totals.read),
        shown::thousands(totals.created),
        shown::thousands(totals.updated),
        shown::thousands(totals.deleted)
    )
}
