//! The hours of a first load (`backfill.during`), in the time zone of the settings.

use std::fmt;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::runtime::schedule;
use crate::spec::values::TimeWindow;

/// From a time of day until another, across midnight where the second is the smaller one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours(TimeWindow);

/// The next time that hours begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// When.
    pub at: Timestamp,
    /// The same on the clock of the settings.
    pub time: Time,
}

impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.time.hour(), self.time.minute())
    }
}

impl Hours {
    /// As a plan gives them.
    pub fn new((from, until): (Time, Time)) -> Self {
        Self(TimeWindow { from, until })
    }

    /// Outside of the hours: when they begin again.
    pub fn closed(self, now: Timestamp, zone: &TimeZone) -> Option<Opening> {
        if self.0.contains(now.to_zoned(zone.clone()).time()) {
            return None;
        }
        Some(Opening { at: next(now, zone, self.0.from), time: self.0.from })
    }

    /// Within the hours: when they end.
    pub fn closes(self, now: Timestamp, zone: &TimeZone) -> Timestamp {
        next(now, zone, self.0.until)
    }
}

/// The next time it is this late; on the last day of the calendar an hour has to do.
fn next(now: Timestamp, zone: &TimeZone, time: Time) -> Timestamp {
    let hour = now.saturating_add(SignedDuration::from_hours(1)).unwrap_or(Timestamp::MAX);
    schedule::daily(&now.to_zoned(zone.clone()), time).unwrap_or(hour)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(text: &str) -> Hours {
        Hours(TimeWindow::parse(text).unwrap())
    }

    fn opens(text: &str, now: &str, zone: &str) -> String {
        let closed = hours(text).closed(now.parse().unwrap(), &TimeZone::get(zone).unwrap());
        closed.map_or("open".to_owned(), |opens| format!("{} at {}", opens, opens.at))
    }

    #[test]
    fn across_midnight_and_within_a_day() {
        assert_eq!(opens("20:00-06:00", "2026-03-01T19:59:59Z", "UTC"), "20:00 at 2026-03-01T20:00:00Z");
        assert_eq!(opens("20:00-06:00", "2026-03-01T20:00:00Z", "UTC"), "open");
        assert_eq!(opens("20:00-06:00", "2026-03-02T05:59:59Z", "UTC"), "open");
        assert_eq!(opens("20:00-06:00", "2026-03-02T06:00:00Z", "UTC"), "20:00 at 2026-03-02T20:00:00Z");
        assert_eq!(opens("01:30-05:00", "2026-03-01T12:00:00Z", "UTC"), "01:30 at 2026-03-02T01:30:00Z");
        assert_eq!(
            opens("20:00-06:00", "2026-03-01T17:00:00Z", "Europe/Helsinki"),
            "20:00 at 2026-03-01T18:00:00Z"
        );
    }

    #[test]
    fn their_end() {
        let end = |now: &str| hours("20:00-06:00").closes(now.parse().unwrap(), &TimeZone::UTC).to_string();
        assert_eq!(end("2026-03-01T21:00:00Z"), "2026-03-02T06:00:00Z");
        assert_eq!(end("2026-03-02T05:00:00Z"), "2026-03-02T06:00:00Z");
    }
}
