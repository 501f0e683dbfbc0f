//! Date literals such as `TODAY` and `LAST_N_DAYS:n`, as ranges of days in UTC.
//! May not know fields. Read [`range`] first.

use jiff::civil::Date;
use jiff::{Span, ToSpan};

use crate::org::dates::{date_of, day_number};

/// The periods that literals count in. The fiscal year of this org begins in January.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Period {
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

const PERIODS: [(&str, Period); 7] = [
    ("FISCAL_QUARTER", Period::Quarter),
    ("FISCAL_YEAR", Period::Year),
    ("DAY", Period::Day),
    ("WEEK", Period::Week),
    ("MONTH", Period::Month),
    ("QUARTER", Period::Quarter),
    ("YEAR", Period::Year),
];

/// Which periods before or after the current one a literal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// This many periods away.
    One(i64),
    LastN,
    NextN,
    Ago,
}

/// Whether there is such a literal, in upper case.
pub(crate) fn is_known(name: &str) -> bool {
    shape_of(name).is_some()
}

/// Whether the literal needs `:n`.
pub(crate) fn takes_number(name: &str) -> bool {
    !matches!(name, "LAST_90_DAYS" | "NEXT_90_DAYS")
        && shape_of(name).is_some_and(|(_, shape)| !matches!(shape, Shape::One(_)))
}

fn shape_of(name: &str) -> Option<(Period, Shape)> {
    let single = |offset| Some((Period::Day, Shape::One(offset)));
    match name {
        "YESTERDAY" => return single(-1),
        "TODAY" => return single(0),
        "TOMORROW" => return single(1),
        "LAST_90_DAYS" => return Some((Period::Day, Shape::LastN)),
        "NEXT_90_DAYS" => return Some((Period::Day, Shape::NextN)),
        _ => {}
    }
    PERIODS.iter().find_map(|(word, period)| {
        let shape = match name {
            _ if name == format!("LAST_N_{word}S") => Shape::LastN,
            _ if name == format!("NEXT_N_{word}S") => Shape::NextN,
            _ if name == format!("N_{word}S_AGO") => Shape::Ago,
            _ if *period == Period::Day => return None,
            _ if name == format!("LAST_{word}") => Shape::One(-1),
            _ if name == format!("THIS_{word}") => Shape::One(0),
            _ if name == format!("NEXT_{word}") => Shape::One(1),
            _ => return None,
        };
        Some((*period, shape))
    })
}

/// The first day and the day behind the last one; `None` when it leaves the calendar.
pub(crate) fn range(name: &str, number: Option<i64>, today: i32) -> Option<(i32, i32)> {
    let (period, shape) = shape_of(name)?;
    let n = match name {
        "LAST_90_DAYS" | "NEXT_90_DAYS" => 90,
        _ => number.unwrap_or(0),
    };
    let current = start_of(period, date_of(today))?;
    let at = |offset: i64| shifted(period, current, offset).map(day_number);
    match shape {
        Shape::One(offset) => Some((at(offset)?, at(offset + 1)?)),
        Shape::Ago => Some((at(-n)?, at(1 - n)?)),
        // Days reach up to and with today; longer periods end before the current one.
        Shape::LastN if period == Period::Day => Some((at(-n)?, at(1)?)),
        Shape::LastN => Some((at(-n)?, at(0)?)),
        Shape::NextN => Some((at(1)?, at(n + 1)?)),
    }
}

fn start_of(period: Period, day: Date) -> Option<Date> {
    match period {
        Period::Day => Some(day),
        // The week of en_US begins on Sunday.
        Period::Week => day.checked_sub(i64::from(day.weekday().to_sunday_zero_offset()).days()).ok(),
        Period::Month => Some(day.first_of_month()),
        Period::Quarter => Date::new(day.year(), (day.month() - 1) / 3 * 3 + 1, 1).ok(),
        Period::Year => Some(day.first_of_year()),
    }
}

fn shifted(period: Period, from: Date, count: i64) -> Option<Date> {
    let span = match period {
        Period::Day => Span::new().try_days(count),
        Period::Week => Span::new().try_weeks(count),
        Period::Month => Span::new().try_months(count),
        Period::Quarter => Span::new().try_months(count.saturating_mul(3)),
        Period::Year => Span::new().try_years(count),
    };
    from.checked_add(span.ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_around_a_wednesday() {
        let today = day_number("2026-03-11".parse().unwrap());
        for (name, number, first, behind) in [
            ("TODAY", None, "2026-03-11", "2026-03-12"),
            ("YESTERDAY", None, "2026-03-10", "2026-03-11"),
            ("TOMORROW", None, "2026-03-12", "2026-03-13"),
            ("THIS_WEEK", None, "2026-03-08", "2026-03-15"),
            ("LAST_WEEK", None, "2026-03-01", "2026-03-08"),
            ("LAST_MONTH", None, "2026-02-01", "2026-03-01"),
            ("THIS_QUARTER", None, "2026-01-01", "2026-04-01"),
            ("NEXT_FISCAL_QUARTER", None, "2026-04-01", "2026-07-01"),
            ("LAST_YEAR", None, "2025-01-01", "2026-01-01"),
            ("LAST_90_DAYS", None, "2025-12-11", "2026-03-12"),
            ("NEXT_90_DAYS", None, "2026-03-12", "2026-06-10"),
            ("LAST_N_DAYS", Some(3), "2026-03-08", "2026-03-12"),
            ("NEXT_N_DAYS", Some(2), "2026-03-12", "2026-03-14"),
            ("N_DAYS_AGO", Some(2), "2026-03-09", "2026-03-10"),
            ("LAST_N_MONTHS", Some(2), "2026-01-01", "2026-03-01"),
            ("NEXT_N_WEEKS", Some(1), "2026-03-15", "2026-03-22"),
            ("N_YEARS_AGO", Some(1), "2025-01-01", "2026-01-01"),
            ("LAST_N_FISCAL_YEARS", Some(1), "2025-01-01", "2026-01-01"),
        ] {
            let (from, to) = range(name, number, today).unwrap();
            assert_eq!(
                (date_of(from).to_string(), date_of(to).to_string()),
                (first.into(), behind.into()),
                "{name}"
            );
            assert_eq!(takes_number(name), number.is_some(), "{name}");
        }
    }

    #[test]
    fn other_words_are_no_literals() {
        for name in ["LAST_DAY", "THIS_DAY", "SOMEDAY", "LAST_N_EONS", "N_DAYS"] {
            assert!(!is_known(name), "{name}");
        }
    }

    #[test]
    fn a_range_outside_the_calendar_is_none() {
        assert_eq!(range("LAST_N_YEARS", Some(i64::MAX), 0), None);
    }
}
