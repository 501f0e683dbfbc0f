//! What the first load brings, as a condition in the language of the side.
//!
//! `last: 6 months` is written with the date literals of the system (`LAST_N_MONTHS:6`, `now() - interval`), not as a fixed
//! date: the plan stays the same from day to day, a load that starts over tomorrow means the same thing, and the org's
//! own clock decides. Salesforce counts whole days and months, so a little more than asked for may come, never less.

use super::app::AppKind;
use super::selection::sql_text;
use super::sql;
use super::unit::Unit;
use crate::model::{Kind, Side};
use crate::plan::BackfillRange;
use crate::spec::values::{Period, TimeWindow, Unit as TimeUnit};
use crate::spec::{Backfill, BackfillWindow, Entry};

/// The range of a side.
pub(super) fn range(unit: &Unit<'_>, side: Side) -> BackfillRange {
    let entry: Option<&Entry<Backfill>> = match side {
        Side::Salesforce => unit.file.salesforce.backfill.as_ref(),
        Side::App => unit.file.app.backfill.as_ref(),
    };
    match entry.map(|entry| &entry.value) {
        None | Some(Backfill::All) => BackfillRange::default(),
        Some(Backfill::None) => BackfillRange { none: true, ..BackfillRange::default() },
        Some(Backfill::Window(window)) => BackfillRange {
            none: false,
            condition: condition(unit, side, window),
            last: (side == Side::App && unit.app.kind == Some(AppKind::Http)).then(|| last(window)).flatten(),
            during: window.during.as_ref().map(|entry| hours(entry.value)),
        },
    }
}

fn last(window: &BackfillWindow) -> Option<(std::sync::Arc<str>, Period)> {
    Some((window.by.as_ref()?.value.to_arc(), window.last.as_ref()?.value))
}

fn hours(window: TimeWindow) -> (jiff::civil::Time, jiff::civil::Time) {
    (window.from, window.until)
}

fn condition(unit: &Unit<'_>, side: Side, window: &BackfillWindow) -> Option<String> {
    if let Some(written) = &window.condition {
        return match side {
            Side::Salesforce => written.value.soql.as_ref().map(|soql| soql.text.clone()),
            Side::App => unit.app.is_sql().then(|| sql_text(&written.value)),
        };
    }
    let (last, by) = (window.last.as_ref()?.value, window.by.as_ref()?.value.as_str());
    match side {
        Side::Salesforce => Some(format!("{by} >= {}", soql_since(last))),
        Side::App => sql_since(unit, by, last),
    }
}

/// SOQL and SOSL Reference, "Date Formats and Date Literals". `LAST_N_DAYS:n` begins at midnight n days ago, `LAST_N_MONTHS:n` on the
/// first of the month n months ago. Shorter times become whole days; years become months, because `LAST_N_YEARS` would
/// begin in January.
fn soql_since(last: Period) -> String {
    match last.unit {
        TimeUnit::Months => format!("LAST_N_MONTHS:{}", last.amount),
        TimeUnit::Years => format!("LAST_N_MONTHS:{}", u64::from(last.amount).saturating_mul(12)),
        _ => format!("LAST_N_DAYS:{}", last.about().as_secs().div_ceil(86_400).max(1)),
    }
}

fn sql_since(unit: &Unit<'_>, by: &str, last: Period) -> Option<String> {
    let column = sql::column(unit.app.kind, by);
    match unit.app.kind {
        Some(AppKind::Postgres) => Some(format!("{column} >= now() - interval '{last}'")),
        Some(AppKind::Sqlite) => {
            let days = if last.unit == TimeUnit::Weeks {
                format!("{} days", last.amount * 7)
            } else {
                last.to_string()
            };
            let (function, format) = match unit.app.kind_of(by) {
                Kind::Date => ("date", ""),
                _ => ("strftime", "'%Y-%m-%dT%H:%M:%SZ', "),
            };
            Some(format!("{column} >= {function}({format}'now', '-{days}')"))
        }
        Some(AppKind::Http) | None => None,
    }
}
