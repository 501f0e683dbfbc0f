//! Text of the wire into values: the same value whether it came by REST or by Bulk. A text that does not read as its kind is kept
//! as text, so that one odd value fails one record and not the whole read. Hot: no allocation but for long text.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use rust_decimal::Decimal;

use crate::model::{Kind, Text, Value};

/// A value from its text; empty text is nothing, as Salesforce stores it.
#[inline]
pub fn from_text(text: &str, kind: Kind) -> Value {
    if text.is_empty() {
        return Value::Null;
    }
    let read = match kind {
        Kind::Id | Kind::Text | Kind::Any => None,
        Kind::Bool => boolean(text).map(Value::Bool),
        Kind::Int => integer(text).map(Value::Int),
        Kind::Decimal => decimal(text).map(Value::Decimal),
        Kind::Date => date(text.as_bytes()).map(Value::Date),
        Kind::Time => time(text.as_bytes()).map(Value::Time),
        Kind::DateTime => instant(text).map(Value::DateTime),
        Kind::List => Some(list(text)),
        Kind::Json => serde_json::from_str(text).ok().map(|json| Value::Json(Arc::new(json))),
    };
    read.unwrap_or_else(|| Value::Text(Text::new(text)))
}

/// The choices of a multi-picklist, in the order of the wire.
fn list(text: &str) -> Value {
    Value::List(text.split(';').map(|item| Value::Text(Text::new(item))).collect())
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// A whole number; REST prints some as `100.0`.
fn integer(text: &str) -> Option<i64> {
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let (whole, fraction) = text.split_once('.')?;
    fraction.bytes().all(|digit| digit == b'0').then(|| whole.parse().ok())?
}

/// An exact decimal, without the zeros at its end: `50000.00` by one API is `50000` by another.
pub fn decimal(text: &str) -> Option<Decimal> {
    short_decimal(text.as_bytes()).or_else(|| {
        let exact = if text.contains(['e', 'E']) {
            Decimal::from_scientific(text)
        } else {
            Decimal::from_str_exact(text)
        };
        exact.ok().map(|number| number.normalize())
    })
}

/// Up to 18 digits without an exponent, which is nearly every number of Salesforce.
#[inline]
fn short_decimal(text: &[u8]) -> Option<Decimal> {
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, text),
    };
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    let (mut number, mut scale, mut point, mut count) = (0_i64, 0_u32, false, 0_u32);
    for &byte in digits {
        match byte {
            b'0'..=b'9' if count < 18 => {
                number = number * 10 + i64::from(byte - b'0');
                scale += u32::from(point);
                count += 1;
            }
            b'.' if !point && count > 0 => point = true,
            _ => return None,
        }
    }
    while scale > 0 && number % 10 == 0 {
        number /= 10;
        scale -= 1;
    }
    Some(Decimal::new(if negative { -number } else { number }, scale))
}

/// `2026-03-11`.
#[inline]
fn date(text: &[u8]) -> Option<Date> {
    if text.len() != 10 || text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    let year = i16::try_from(digits(&text[..4])?).ok()?;
    let month = i8::try_from(digits(&text[5..7])?).ok()?;
    let day = i8::try_from(digits(&text[8..10])?).ok()?;
    Date::new(year, month, day).ok()
}

/// `09:30:00.000Z`, or without fraction and zone.
#[inline]
fn time(text: &[u8]) -> Option<Time> {
    if text.len() < 8 || text[2] != b':' || text[5] != b':' {
        return None;
    }
    let hour = i8::try_from(digits(&text[..2])?).ok()?;
    let minute = i8::try_from(digits(&text[3..5])?).ok()?;
    let second = i8::try_from(digits(&text[6..8])?).ok()?;
    let nanos = match &text[8..] {
        [] | [b'Z'] => 0,
        [b'.', millis @ ..] if millis.len() >= 3 && matches!(&millis[3..], [] | [b'Z']) => {
            digits(&millis[..3])? * 1_000_000
        }
        _ => return None,
    };
    Time::new(hour, minute, second, i32::try_from(nanos).ok()?).ok()
}

/// `2026-03-11T09:26:53.000Z` (Bulk), `…+0000` (REST); other offsets go the slow way.
#[inline]
pub fn instant(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    if bytes.len() < 20 || bytes[10] != b'T' {
        return None;
    }
    let zone = if bytes.get(19) == Some(&b'.') { 23 } else { 19 };
    match bytes.get(zone..) {
        Some(b"Z" | b"+0000" | b"+00:00") => {
            let day = date(&bytes[..10])?.since(Date::constant(1970, 1, 1)).ok()?.get_days();
            let clock = time(&bytes[11..zone])?;
            let seconds =
                i64::from(clock.hour()) * 3600 + i64::from(clock.minute()) * 60 + i64::from(clock.second());
            Timestamp::new(i64::from(day) * 86_400 + seconds, clock.subsec_nanosecond()).ok()
        }
        _ => text.parse().ok().or_else(|| Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", text).ok()),
    }
}

#[inline]
fn digits(text: &[u8]) -> Option<u32> {
    text.iter()
        .try_fold(0_u32, |number, byte| byte.is_ascii_digit().then(|| number * 10 + u32::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rest_and_bulk_give_the_same_value() {
        for (kind, rest, bulk) in [
            (Kind::Decimal, "50000.00", "50000"),
            (Kind::Decimal, "-0.10", "-0.1"),
            (Kind::Decimal, "100.0", "1.0E2"),
            (Kind::Int, "100.0", "100"),
            (Kind::DateTime, "2026-03-11T09:26:53.000+0000", "2026-03-11T09:26:53.000Z"),
            (Kind::DateTime, "2026-03-11T09:26:53Z", "2026-03-11T10:26:53+01:00"),
            (Kind::DateTime, "2026-03-11T09:26:53.000+0000", "2026-03-11T10:26:53.000+0100"),
        ] {
            let (one, other) = (from_text(rest, kind), from_text(bulk, kind));
            assert_eq!(one, other, "{rest} {bulk}");
            assert_eq!(one.to_string(), other.to_string());
            assert!(one.as_text().is_none(), "{rest}");
        }
    }

    #[test]
    fn numbers_are_exact() {
        for (text, expected) in [
            ("0", "0"),
            ("-1", "-1"),
            ("0.1", "0.1"),
            ("123456789012345678", "123456789012345678"),
            ("99999999999999.9999", "99999999999999.9999"),
            ("1234567890123456789.123", "1234567890123456789.123"),
            ("1.0E-7", "0.0000001"),
            ("1500000.000", "1500000"),
        ] {
            assert_eq!(decimal(text).unwrap().to_string(), expected);
        }
        for odd in ["", "-", ".", "1.2.3", "abc", "1e400"] {
            assert_eq!(decimal(odd), None, "{odd}");
        }
    }

    #[test]
    fn what_does_not_read_stays_text() {
        for (text, kind) in [
            ("1e400", Kind::Decimal),
            ("2026-02-30", Kind::Date),
            ("2026-3-1", Kind::Date),
            ("25:00:00", Kind::Time),
            ("yes", Kind::Bool),
            ("1.5", Kind::Int),
            ("soon", Kind::DateTime),
            ("{", Kind::Json),
        ] {
            assert_eq!(from_text(text, kind), Value::text(text));
        }
    }

    #[test]
    fn dates_around_the_edges() {
        assert_eq!(from_text("1700-01-01", Kind::Date).to_string(), "1700-01-01");
        assert_eq!(from_text("4000-12-31", Kind::Date).to_string(), "4000-12-31");
        assert_eq!(instant("1969-12-31T23:59:59.000Z").unwrap().as_second(), -1);
        assert_eq!(instant("2024-02-29T00:00:00.000+0000").unwrap().to_string(), "2024-02-29T00:00:00Z");
        assert_eq!(from_text("09:30:00.500Z", Kind::Time).to_string(), "09:30:00.5");
        assert_eq!(from_text("a;b c;d", Kind::List).to_string(), "[a, b c, d]");
        assert_eq!(from_text("", Kind::Text), Value::Null);
        assert_eq!(from_text("N/A", Kind::Text), Value::text("N/A"));
    }
}
