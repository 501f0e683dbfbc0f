//! When a schedule comes round next, in the time zone of the settings. What a schedule leaves open (the hour of `daily`, the day of
//! `weekly`) is spread by the name of the pipeline, so that five hundred pipelines do not reconcile at midnight. Pure.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};
use xxhash_rust::xxh3::xxh3_64;

use crate::spec::values::{Schedule, WeeklyTime};

/// The first moment after `now`; `None` for `off` and for a cron expression that never comes (30 February).
pub fn next(schedule: &Schedule, now: Timestamp, zone: &TimeZone, name: &str) -> Option<Timestamp> {
    let spread = Spread(xxh3_64(name.as_bytes()));
    let local = now.to_zoned(zone.clone());
    match schedule {
        Schedule::Off => None,
        Schedule::Every(period) => local.checked_add(period.to_span()).ok().map(|at| at.timestamp()),
        Schedule::Hourly => hourly(&local, spread),
        Schedule::Daily(at) => first_day(&local, at.unwrap_or_else(|| spread.time()), |_| true),
        Schedule::Weekly(WeeklyTime { day, at }) => {
            let day = day.unwrap_or_else(|| spread.day());
            first_day(&local, at.unwrap_or_else(|| spread.time()), |date| date.weekday() == day)
        }
        Schedule::Cron(cron) => cron.find_next_occurrence(&local, false).ok().map(|at| at.timestamp()),
    }
}

fn hourly(local: &Zoned, spread: Spread) -> Option<Timestamp> {
    let hour = local.with().minute(0).second(0).subsec_nanosecond(0).build().ok()?;
    let in_hours = |hours: i64| hour.checked_add(hours.hours().seconds(spread.below(3_600))).ok();
    (0..=1).filter_map(in_hours).map(|at| at.timestamp()).find(|at| *at > local.timestamp())
}

/// A time of day that a change of the clocks skips comes an hour later; one that it repeats comes once.
fn first_day(local: &Zoned, at: Time, fits: impl Fn(Date) -> bool) -> Option<Timestamp> {
    let days = local.date().series(1.day()).take(9).filter(|date| fits(*date));
    let moments = days.filter_map(|date| date.to_datetime(at).to_zoned(local.time_zone().clone()).ok());
    moments.map(|moment| moment.timestamp()).find(|moment| *moment > local.timestamp())
}

/// The pipeline's place within an hour, a day, a week.
#[derive(Clone, Copy)]
struct Spread(u64);

impl Spread {
    fn below(self, bound: u64) -> i64 {
        i64::try_from(self.0 % bound).unwrap_or_default()
    }

    fn time(self) -> Time {
        Time::midnight().wrapping_add(self.below(86_400).seconds())
    }

    fn day(self) -> Weekday {
        let offset = i8::try_from((self.0 >> 32) % 7).unwrap_or_default();
        Weekday::from_monday_zero_offset(offset).unwrap_or(Weekday::Sunday)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn after(schedule: &str, now: &str, zone: &str) -> String {
        let schedule = Schedule::parse(schedule).unwrap();
        let zone = TimeZone::get(zone).unwrap();
        let next = next(&schedule, now.parse().unwrap(), &zone, "deals").unwrap();
        next.to_zoned(zone).strftime("%a %Y-%m-%d %H:%M").to_string()
    }

    #[test]
    fn what_is_written_is_what_happens() {
        let table = [
            ("daily at 02:00", "2026-03-01T00:59:00Z", "UTC", "Sun 2026-03-01 02:00"),
            ("daily at 02:00", "2026-03-01T02:00:00Z", "UTC", "Mon 2026-03-02 02:00"),
            ("daily at 02:00", "2026-03-01T00:30:00Z", "Europe/Helsinki", "Mon 2026-03-02 02:00"),
            ("daily at 03:30", "2026-03-28T23:00:00Z", "Europe/Helsinki", "Sun 2026-03-29 04:30"),
            ("sunday at 02:00", "2026-03-01T03:00:00Z", "UTC", "Sun 2026-03-08 02:00"),
            ("6 hours", "2026-03-01T03:00:00Z", "UTC", "Sun 2026-03-01 09:00"),
            ("1 month", "2026-01-31T03:00:00Z", "UTC", "Sat 2026-02-28 03:00"),
            ("30 4 * * 1", "2026-03-01T03:00:00Z", "UTC", "Mon 2026-03-02 04:30"),
            ("*/15 * * * *", "2026-03-01T03:00:00Z", "UTC", "Sun 2026-03-01 03:15"),
        ];
        for (schedule, now, zone, expected) in table {
            assert_eq!(after(schedule, now, zone), expected, "{schedule} after {now} in {zone}");
        }
    }

    #[test]
    fn what_is_left_open_is_spread_by_name_and_comes_at_the_same_time_again() {
        let zone = TimeZone::UTC;
        let now: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        for (word, seconds) in [("hourly", 3_600), ("daily", 86_400), ("weekly", 7 * 86_400)] {
            let schedule = Schedule::parse(word).unwrap();
            let mut moments = HashSet::new();
            for n in 0..50 {
                let name = format!("pipeline-{n}");
                let first = next(&schedule, now, &zone, &name).unwrap();
                let second = next(&schedule, first, &zone, &name).unwrap();
                assert_eq!(second.as_second() - first.as_second(), seconds, "{word}");
                assert!(first > now && first.as_second() - now.as_second() <= seconds, "{word}");
                moments.insert(first);
            }
            assert!(moments.len() > 40, "{word}: {}", moments.len());
        }
    }

    #[test]
    fn some_schedules_never_come() {
        let now: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        for text in ["off", "0 0 30 2 *"] {
            assert_eq!(next(&Schedule::parse(text).unwrap(), now, &TimeZone::UTC, "deals"), None);
        }
    }
}
