//! When a schedule is due next, in the time zone of the settings. What has no time of day is spread by the name of the pipeline, so that
//! five hundred daily comparisons do not begin at midnight.

use std::time::Duration;

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _, Zoned};
use xxhash_rust::xxh3::xxh3_64;

use crate::spec::values::{Schedule, WeeklyTime};

/// The next time after `now`; `None` for `off`. Periods without a time of day follow a grid that depends on the name alone, so a daemon that
/// is started again goes on with it; the next time is never nearer than half a period.
pub fn next(schedule: &Schedule, now: Timestamp, zone: &TimeZone, name: &str) -> Option<Timestamp> {
    let local = now.to_zoned(zone.clone());
    match schedule {
        Schedule::Off => None,
        Schedule::Every(period) => on_grid(period.about(), now, name),
        Schedule::Hourly => on_grid(Duration::from_secs(3600), now, name),
        Schedule::Daily(at) => daily(&local, at.unwrap_or_else(|| spread_time(name))),
        Schedule::Weekly(WeeklyTime { day, at }) => {
            weekly(&local, day.unwrap_or_else(|| spread_day(name)), at.unwrap_or_else(|| spread_time(name)))
        }
        Schedule::Cron(cron) => cron.find_next_occurrence(&local, false).ok().map(|at| at.timestamp()),
    }
}

/// How long what was missed while nobody was there waits: up to half an hour, always the same for the same name.
pub fn soon(name: &str) -> Duration {
    Duration::from_millis(xxh3_64(name.as_bytes()) % (30 * 60 * 1000))
}

fn on_grid(period: Duration, now: Timestamp, name: &str) -> Option<Timestamp> {
    let period = i64::try_from(period.as_millis()).ok().filter(|period| *period > 0)?;
    let place = i64::try_from(xxh3_64(name.as_bytes()) % period.unsigned_abs()).ok()?;
    let earliest = now.as_millisecond().checked_add(period / 2)?;
    let since = earliest.checked_sub(place)?.rem_euclid(period);
    Timestamp::from_millisecond(earliest.checked_add(period - since)?).ok()
}

/// The next time of a day.
pub(super) fn daily(now: &Zoned, at: Time) -> Option<Timestamp> {
    let today = now.date().to_datetime(at).to_zoned(now.time_zone().clone()).ok()?;
    let next = if today > *now {
        today
    } else {
        now.date().tomorrow().ok()?.to_datetime(at).to_zoned(now.time_zone().clone()).ok()?
    };
    Some(next.timestamp())
}

fn weekly(now: &Zoned, day: Weekday, at: Time) -> Option<Timestamp> {
    (0..=7).find_map(|days| {
        let candidate = now
            .date()
            .checked_add(days.days())
            .ok()?
            .to_datetime(at)
            .to_zoned(now.time_zone().clone())
            .ok()?;
        (candidate.weekday() == day && candidate > *now).then(|| candidate.timestamp())
    })
}

/// A minute of the night, always the same for the same name.
fn spread_time(name: &str) -> Time {
    let minute = xxh3_64(name.as_bytes()) % (5 * 60);
    let (hour, minute) = (i8::try_from(1 + minute / 60).unwrap_or(1), i8::try_from(minute % 60).unwrap_or(0));
    Time::new(hour, minute, 0, 0).unwrap_or(Time::midnight())
}

fn spread_day(name: &str) -> Weekday {
    let day = i8::try_from(xxh3_64(name.as_bytes()) % 7).unwrap_or(0);
    Weekday::from_monday_zero_offset(day).unwrap_or(Weekday::Sunday)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(schedule: &str, now: &str, zone: &str) -> String {
        let zone = TimeZone::get(zone).unwrap();
        let next = next(&Schedule::parse(schedule).unwrap(), now.parse().unwrap(), &zone, "projects");
        next.map_or("never".to_owned(), |at| at.to_string())
    }

    #[test]
    fn what_the_language_promises() {
        assert_eq!(at("off", "2026-03-01T00:00:00Z", "UTC"), "never");
        assert_eq!(at("daily at 02:00", "2026-03-01T01:00:00Z", "UTC"), "2026-03-01T02:00:00Z");
        assert_eq!(at("daily at 02:00", "2026-03-01T02:00:00Z", "UTC"), "2026-03-02T02:00:00Z");
        assert_eq!(at("sunday at 02:00", "2026-03-01T03:00:00Z", "UTC"), "2026-03-08T02:00:00Z");
        assert_eq!(at("daily at 02:00", "2026-03-01T00:30:00Z", "Europe/Helsinki"), "2026-03-02T00:00:00Z");
        assert_eq!(at("30 4 * * *", "2026-03-01T00:00:00Z", "UTC"), "2026-03-01T04:30:00Z");
    }

    #[test]
    fn a_time_that_does_not_exist_is_moved_by_the_zone() {
        // 2026-03-29 03:30 does not exist in Helsinki.
        assert_eq!(at("daily at 03:30", "2026-03-28T12:00:00Z", "Europe/Helsinki"), "2026-03-29T01:30:00Z");
    }

    #[test]
    fn names_spread() {
        let zone = TimeZone::UTC;
        let now: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        for schedule in ["daily", "weekly", "hourly", "6 hours"] {
            let schedule = Schedule::parse(schedule).unwrap();
            let times: std::collections::HashSet<_> =
                (0..50).filter_map(|n| next(&schedule, now, &zone, &format!("p{n}"))).collect();
            assert!(times.len() > 30, "{schedule:?}: {}", times.len());
            assert!((0..50).any(|n| soon(&format!("p{n}")) > Duration::from_secs(600)));
        }
    }

    #[test]
    fn periods_come_again_and_again_and_survive_a_restart() {
        let zone = TimeZone::UTC;
        let every = |text: &str, now: Timestamp| {
            next(&Schedule::parse(text).unwrap(), now, &zone, "projects").unwrap()
        };
        for (text, seconds) in [("6 hours", 6 * 3600), ("hourly", 3600), ("7 days", 7 * 86_400)] {
            let begun: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
            let first = every(text, begun);
            let after = first.duration_since(begun).as_secs();
            assert!((seconds / 2..=seconds * 3 / 2).contains(&after), "{text}: {after}");
            assert_eq!(every(text, first).duration_since(first).as_secs(), seconds, "{text}");
            // It took a while, and the daemon was started again meanwhile.
            let late = first + Duration::from_secs(seconds.unsigned_abs() / 3);
            assert_eq!(every(text, late), every(text, first), "{text}");
        }
    }

    #[test]
    fn the_time_of_day_stays_when_the_clocks_change() {
        assert_eq!(at("daily at 02:00", "2026-03-28T12:00:00Z", "Europe/Helsinki"), "2026-03-29T00:00:00Z");
        assert_eq!(at("daily at 02:00", "2026-03-29T12:00:00Z", "Europe/Helsinki"), "2026-03-29T23:00:00Z");
    }
}
