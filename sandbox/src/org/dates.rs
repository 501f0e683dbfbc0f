//! Dates as day numbers, date-times as seconds, and their texts.
//! May not know the clock. Read [`civil`] first.

use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, Timestamp};

pub(crate) const DAY: i64 = 86_400;

/// Year, month and day of a number of days since 1970-01-01 (proleptic Gregorian calendar).
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // all parts are small and positive
pub(crate) fn civil(days: i32) -> (i32, u32, u32) {
    let shifted = i64::from(days) + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u32;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 } as u32;
    let year = (year_of_era + era * 400 + i64::from(month <= 2)) as i32;
    (year, month, day)
}

/// The day number of a date.
pub(crate) fn day_number(date: Date) -> i32 {
    let seconds = date.to_datetime(jiff::civil::Time::midnight()).duration_since(EPOCH).as_secs();
    i32::try_from(seconds.div_euclid(DAY)).unwrap_or(0)
}

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// The date of a day number; the epoch for numbers outside the calendar.
pub(crate) fn date_of(days: i32) -> Date {
    EPOCH.checked_add(SignedDuration::from_secs(i64::from(days) * DAY)).map_or(EPOCH.date(), DateTime::date)
}

/// The day (UTC) of a stamp.
pub(crate) fn days_of_stamp(seconds: i64) -> i32 {
    i32::try_from(seconds.div_euclid(DAY)).unwrap_or(i32::MAX)
}

/// `2026-03-11`; only dates from 1700 to 4000 exist in Salesforce.
pub(crate) fn parse_date(text: &str) -> Option<i32> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let date: Date = text.parse().ok()?;
    (1700..=4000).contains(&date.year()).then(|| day_number(date))
}

/// `2026-03-11T09:26:53Z` with optional fraction and with `Z`, `+01:00` or `+0100` as zone.
pub(crate) fn parse_stamp(text: &str) -> Option<i64> {
    if text.len() < 20 || text.as_bytes().get(10) != Some(&b'T') {
        return None;
    }
    let zone = text.len() - 5;
    let compact = text.as_bytes()[zone];
    let spelled = if (compact == b'+' || compact == b'-') && !text[zone..].contains(':') {
        format!("{}:{}", &text[..zone + 3], &text[zone + 3..])
    } else {
        text.to_owned()
    };
    let at: Timestamp = spelled.parse().ok()?;
    Some(at.as_second())
}

/// Appends `2026-03-11`.
pub(crate) fn write_date(days: i32, out: &mut Vec<u8>) {
    let (year, month, day) = civil(days);
    let year = u32::try_from(year).unwrap_or(0);
    two_digits(year / 100, out);
    two_digits(year % 100, out);
    out.push(b'-');
    two_digits(month, out);
    out.push(b'-');
    two_digits(day, out);
}

/// Appends `2026-03-11T09:26:53.000` without a zone.
pub(crate) fn write_stamp(seconds: i64, out: &mut Vec<u8>) {
    write_date(days_of_stamp(seconds), out);
    let rest = u32::try_from(seconds.rem_euclid(DAY)).unwrap_or(0);
    out.push(b'T');
    two_digits(rest / 3600, out);
    out.push(b':');
    two_digits(rest / 60 % 60, out);
    out.push(b':');
    two_digits(rest % 60, out);
    out.extend_from_slice(b".000");
}

#[allow(clippy::cast_possible_truncation)] // both digits are below ten
fn two_digits(value: u32, out: &mut Vec<u8>) {
    out.push(b'0' + (value / 10 % 10) as u8);
    out.push(b'0' + (value % 10) as u8);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn day_numbers_agree_with_the_calendar(days in -98_000i32..741_000) {
            let date = date_of(days);
            let (year, month, day) = civil(days);
            prop_assert_eq!(
                (i32::from(date.year()), u32::try_from(date.month()), u32::try_from(date.day())),
                (year, Ok(month), Ok(day))
            );
            prop_assert_eq!(day_number(date), days);
        }
    }

    #[test]
    fn stamps_are_read_in_every_zone_form() {
        for text in [
            "2026-03-01T00:00:00Z",
            "2026-03-01T00:00:00.000Z",
            "2026-03-01T01:00:00+01:00",
            "2026-03-01T00:00:00.000+0000",
            "2026-02-28T19:00:00-0500",
        ] {
            let seconds = parse_stamp(text).unwrap();
            let mut out = Vec::new();
            write_stamp(seconds, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), "2026-03-01T00:00:00.000", "{text}");
        }
        assert_eq!(parse_stamp("2026-03-01"), None);
        assert_eq!(parse_stamp("2026-03-01T00:00:00"), None);
        assert_eq!(parse_date("2026-13-01"), None);
        assert_eq!(parse_date("1600-01-01"), None);
    }
}
