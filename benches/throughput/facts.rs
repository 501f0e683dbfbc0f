//! What is printed: the machine, each run, and the table with the targets.

use std::process::Command;
use std::time::Duration;

use super::Column;
use super::daemon::Load;
use super::databases::answer;
use super::events::{Events, Spread};
use super::idle::Idle;
use super::links::Links;

/// The machine and the programs.
pub fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let line = |text: &str, name: &str| {
        let found = text.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
        found.unwrap_or_default().trim_start_matches([' ', '\t', ':']).to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = line(&read("/proc/meminfo"), "MemTotal");
    let load = read("/proc/loadavg");
    let sqlite = answer(Command::new("sqlite3").arg("--version")).unwrap_or_default();
    format!(
        "{cores} cores ({}), {memory}, load before: {}, sqlite3 {}",
        line(&read("/proc/cpuinfo"), "model name"),
        load.split(' ').next().unwrap_or_default(),
        sqlite.split(' ').next().unwrap_or_default(),
    )
}

/// What the org and `curl` alone take.
pub fn alone(records: u32, took: Duration) -> String {
    format!("{records} records; the org and curl alone, into nothing: {}", seconds(took))
}

/// One run of the floor and of sfsync.
pub fn run(name: &str, floor: Duration, load: &Load) -> String {
    format!(
        "  {name}: floor {}, sfsync {} and {} before the first page",
        seconds(floor),
        seconds(load.moving()),
        seconds(load.waiting)
    )
}

/// One look after changes.
pub fn look(name: &str, (took, changed): (Duration, u64)) -> String {
    format!("  {name}: a look after 1 % changed, {} for {changed} records", seconds(took))
}

/// The table of a database.
pub fn table(column: &Column) -> String {
    let Some(load) = column.loads.iter().min_by_key(|load| load.moving()) else { return String::new() };
    let floor = column.floor.iter().min().copied().unwrap_or_default();
    let ratio = floor.as_secs_f64() / load.moving().as_secs_f64();
    let wanted = if column.name == "SQLite" { "1.2" } else { "0.9" };
    let (calls, pages) = load.calls;
    let (changes, changed) = column.looks.iter().min().copied().unwrap_or_default();
    let slowest = column.looks.iter().max().map_or(changes, |look| look.0);
    let share = |of: Duration| 100.0 * changes.as_secs_f64() / of.as_secs_f64();
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header([column.name, "measured", "wanted"]);
    let mut row = |what: &str, measured: String, wanted: &str| {
        table.add_row([what.to_owned(), measured, wanted.to_owned()]);
    };
    row("floor", rate(load.records, floor), "");
    row("sfsync, from the first page to the last commit", rate(load.records, load.moving()), "");
    row("ratio to the floor", format!("{ratio:.2}"), &format!("≥ {wanted}"));
    row("before the first page: sign-in, describe, the job", seconds(load.waiting), "");
    row("most memory of the process", format!("{} MB", column.peaks.iter().max().unwrap_or(&0)), "≤ 100 MB");
    row(
        "API calls until the look after the load is done, besides the result pages",
        format!("{} + {pages} pages", calls - pages),
        "≤ 6",
    );
    row("API calls of an idle look", column.idle_calls.to_string(), "1");
    row(
        "look after 1 % changed, as a share of the whole backfill",
        format!(
            "{:.1} % ({} for {changed} records, at most {})",
            share(load.whole),
            seconds(changes),
            seconds(slowest)
        ),
        "≤ 3 %",
    );
    row("the same, of the part from the first page on", format!("{:.1} %", share(load.moving())), "");
    table.to_string()
}

/// The table of a pipeline both ways.
pub fn links(links: &Links) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header(["both ways", "measured", "wanted"]);
    let mut row = |what: &str, measured: String, wanted: &str| {
        table.add_row([what.to_owned(), measured, wanted.to_owned()]);
    };
    let ratio = links.reconciliation.as_secs_f64() / links.reread.as_secs_f64();
    row("links", links.pairs.to_string(), "");
    row("reading both sides alone", seconds(links.reread), "");
    row("a reconciliation that finds nothing", seconds(links.reconciliation), "");
    row("ratio", format!("{ratio:.2}"), "≤ 1.5");
    row("state for a link", format!("{} bytes", links.state / links.pairs.max(1)), "< 400");
    row("most memory of the process, the load included", format!("{} MB", links.memory), "< 200 MB");
    for (changed, writes, all) in &links.calls {
        let wanted = match changed {
            0 => "0".to_owned(),
            changed if *changed <= 1_000 => format!("≤ {}", changed.div_ceil(200) + 2),
            _ => "a constant".to_owned(),
        };
        row(
            &format!("calls that write for {changed} changed rows of the app"),
            format!("{writes} ({all} with the looks)"),
            &wanted,
        );
    }
    table.to_string()
}

/// What pipelines cost that have nothing to do.
pub fn idle(idle: &Idle) -> String {
    format!(
        "{} idle pipelines: {:.2} % of a core (wanted ≤ 1 %), {} MB (wanted ≤ 100 MB), {} MB at most while they loaded",
        idle.pipelines,
        100.0 * idle.share,
        idle.memory.0,
        idle.memory.1
    )
}

/// The table of change events.
pub fn events(events: &Events) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header(["change events, 10,000 at 200/s", "middle", "99 of 100", "worst"]);
    let mut row = |what: &str, spread: Spread| {
        let times = [spread.middle, spread.most, spread.worst].map(millis);
        table.add_row([what].into_iter().map(str::to_owned).chain(times));
    };
    row("floor: at a client that only reads events", events.bare);
    row("in PostgreSQL, committed (wanted ≤ 50 ms, ≤ 250 ms)", events.postgres);
    row("in the app behind HTTP, stored (the same is wanted)", events.app);
    let (count, read, through) = events.backlog;
    let a_second = |took: Duration| f64::from(count) / took.as_secs_f64();
    format!(
        "{table}\n{count} events that wait: floor {:.0} a second, read {}; through to rows of PostgreSQL {:.0} a second, {} (wanted ≥ 10,000), ratio {:.2}",
        a_second(read),
        seconds(read),
        a_second(through),
        seconds(through),
        read.as_secs_f64() / through.as_secs_f64(),
    )
}

fn millis(took: Duration) -> String {
    format!("{:.1} ms", took.as_secs_f64() * 1000.0)
}

fn rate(records: u64, took: Duration) -> String {
    #[allow(clippy::cast_precision_loss)] // a figure for people
    let rate = records as f64 / took.as_secs_f64() / 1000.0;
    format!("{} ({rate:.0} k records/s)", seconds(took))
}

fn seconds(took: Duration) -> String {
    format!("{:.2} s", took.as_secs_f64())
}
