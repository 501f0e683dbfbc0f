//! Change times as programs keep them in SQLite, which has no type of its own for them. Pure.

use rusqlite::types::ValueRef;

use crate::connect::sql::convert;

/// Numbers below this are Julian days, as SQLite's own functions take them (`auto`).
const JULIAN_END: f64 = 5_373_484.5;
/// The Julian day of 1970-01-01.
const JULIAN_EPOCH: f64 = 2_440_587.5;

/// Microseconds since 1970 of a stored time: ISO text (in UTC where it names no zone), Julian days, seconds, milliseconds or
/// microseconds since 1970, told apart by their size. `None` for what is no time.
pub(super) fn micros(stored: ValueRef<'_>) -> Option<i64> {
    match stored {
        ValueRef::Integer(number) => of_integer(number),
        ValueRef::Real(number) => of_number(number),
        ValueRef::Text(text) => of_text(std::str::from_utf8(text).ok()?.trim()),
        ValueRef::Null | ValueRef::Blob(_) => None,
    }
}

fn of_text(text: &str) -> Option<i64> {
    if let Ok(number) = text.parse() {
        return of_integer(number);
    }
    if let Some(at) = convert::timestamp(text) {
        return Some(at.as_microsecond());
    }
    let day = convert::date(text).and_then(convert::midnight);
    day.map(jiff::Timestamp::as_microsecond).or_else(|| of_number(text.parse().ok()?))
}

fn of_integer(number: i64) -> Option<i64> {
    match number.unsigned_abs() {
        ..5_373_485 => of_number(f64::from(i32::try_from(number).ok()?)),
        5_373_485..100_000_000_000 => number.checked_mul(1_000_000),
        100_000_000_000..100_000_000_000_000 => number.checked_mul(1000),
        100_000_000_000_000..100_000_000_000_000_000 => Some(number),
        _ => Some(number / 1000),
    }
}

fn of_number(number: f64) -> Option<i64> {
    let seconds = match number {
        _ if !number.is_finite() => return None,
        _ if (0.0..JULIAN_END).contains(&number) => (number - JULIAN_EPOCH) * 86_400.0,
        _ if number.abs() < 1e11 => number,
        _ if number.abs() < 1e14 => number / 1e3,
        _ => number / 1e6,
    };
    #[allow(clippy::cast_possible_truncation)] // out of range saturates: far in the future
    let micros = (seconds * 1e6).round() as i64;
    Some(micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_time() {
        let text = |text: &str| micros(ValueRef::Text(text.as_bytes()));
        for written in [
            "2026-10-20T08:20:30.25Z",
            "2026-10-20 08:20:30.250",
            "2026-10-20T10:20:30.25+02:00",
            " 2026-10-20 08:20:30.25 ",
            "1792484430250",
        ] {
            assert_eq!(text(written), Some(1_792_484_430_250_000), "{written}");
        }
        assert_eq!(text("2026-10-20"), Some(1_792_454_400_000_000));
        let whole = 1_792_484_430;
        for number in [whole, whole * 1000, whole * 1_000_000, whole * 1_000_000_000] {
            assert_eq!(micros(ValueRef::Integer(number)), Some(whole * 1_000_000), "{number}");
        }
        assert_eq!(micros(ValueRef::Real(1_792_484_430.25)), Some(1_792_484_430_250_000));
        assert_eq!(micros(ValueRef::Real(2_440_588.5)), Some(86_400_000_000));
        assert_eq!(micros(ValueRef::Integer(2_440_588)), Some(43_200_000_000));
        for nothing in ["", "soon", "2026-13-01"] {
            assert_eq!(text(nothing), None, "{nothing}");
        }
        assert_eq!(micros(ValueRef::Null), None);
    }
}
