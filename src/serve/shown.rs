//! A status in the words and columns of `sfsync status`: the same on the status page and on the command line.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::runtime::control::ApiUse;
use crate::runtime::status::{ConfigStatus, PipelineStatus, State};

/// The columns of the table.
pub const COLUMNS: [&str; 8] =
    ["PIPELINE", "STATE", "CAUGHT UP", "PUSH", "QUEUE", "HELD", "FAILED", "CONFIG"];

/// A pipeline as a line of the table.
pub fn cells(status: &PipelineStatus, now: Timestamp) -> [String; 8] {
    let counts = &status.counts;
    [
        status.name.to_string(),
        status.state.name().to_owned(),
        caught_up(status, now),
        if status.push.is_empty() { "–".to_owned() } else { status.push.clone() },
        thousands(counts.queued),
        thousands(counts.held),
        thousands(counts.failed),
        config(&status.config),
    ]
}

/// The sentence below the table, for every pipeline that has one and does not simply run.
pub fn remark(status: &PipelineStatus) -> Option<String> {
    let silent = status.message.is_empty() || status.state == State::Running;
    (!silent).then(|| status.message.clone())
}

/// Use of an org's API: `salesforce 10 790 of 25 000 in 24 hours (the whole org 60 120 of 100 000)`.
pub fn api_use(api: &ApiUse) -> String {
    let mut text = format!("{} {}", api.connection, thousands(api.used));
    if let Some(budget) = api.budget {
        let _ = write!(text, " of {}", thousands(budget));
    }
    text.push_str(" in 24 hours");
    if let Some((used, allocation)) = api.org {
        let _ = write!(text, " (the whole org {} of {})", thousands(used), thousands(allocation));
    }
    text
}

fn caught_up(status: &PipelineStatus, now: Timestamp) -> String {
    match (status.state, status.progress, status.caught_up) {
        (State::Loading, Some(progress), _) => match progress.total.filter(|total| *total > 0) {
            Some(total) => format!("{} %", (progress.done.saturating_mul(100) / total).min(100)),
            None => thousands(progress.done),
        },
        (_, _, Some(at)) => ago(at, now),
        (_, _, None) => "–".to_owned(),
    }
}

fn config(config: &ConfigStatus) -> String {
    let errors = match config.errors {
        0 => String::new(),
        1 => " (1 error)".to_owned(),
        many => format!(" ({many} errors)"),
    };
    match (config.current, config.loaded_at) {
        (true, _) => "current".to_owned(),
        (false, Some(at)) => format!("last good of {}{errors}", at.strftime("%H:%M")),
        (false, None) => format!("never loaded{errors}"),
    }
}

/// `3 s ago`, `4 min ago`, `2 h ago`, `5 days ago`.
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(at).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

/// `4 310`
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_as_people_read_them() {
        for (number, text) in
            [(0, "0"), (999, "999"), (4_310, "4 310"), (100_000, "100 000"), (1_234_567, "1 234 567")]
        {
            assert_eq!(thousands(number), text);
        }
        let now: Timestamp = "2026-03-01T14:00:00Z".parse().unwrap();
        for (at, text) in [
            ("2026-03-01T13:59:57Z", "3 s ago"),
            ("2026-03-01T13:56:00Z", "4 min ago"),
            ("2026-03-01T11:00:00Z", "3 h ago"),
            ("2026-02-20T14:00:00Z", "9 days ago"),
            ("2026-03-01T14:00:09Z", "0 s ago"),
        ] {
            assert_eq!(ago(at.parse().unwrap(), now), text);
        }
    }
}
