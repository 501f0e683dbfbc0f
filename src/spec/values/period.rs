//! Lengths of time. Months and years stay calendar units: `6 months` before 31 August is 28 February.

use std::fmt;
use std::time::Duration;

use super::ValueError;

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// `30 seconds`, `30s`
    Seconds,
    /// `10 minutes`, `10m`
    Minutes,
    /// `2 hours`, `2h`
    Hours,
    /// `7 days`, `7d`
    Days,
    /// `2 weeks`, `2w`
    Weeks,
    /// `6 months`, no short form
    Months,
    /// `1 year`
    Years,
}

impl Unit {
    const ALL: [(Self, &'static str, &'static str); 7] = [
        (Self::Seconds, "second", "s"),
        (Self::Minutes, "minute", "m"),
        (Self::Hours, "hour", "h"),
        (Self::Days, "day", "d"),
        (Self::Weeks, "week", "w"),
        (Self::Months, "month", ""),
        (Self::Years, "year", ""),
    ];

    fn from_word(word: &str) -> Option<Self> {
        let singular = word.strip_suffix('s').filter(|stem| !stem.is_empty()).unwrap_or(word);
        Self::ALL
            .iter()
            .find(|(_, name, short)| *name == singular || (!short.is_empty() && *short == word))
            .map(|(unit, ..)| *unit)
    }

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(unit, ..)| *unit == self).map_or("", |(_, name, _)| name)
    }

    /// Seconds of one unit; `None` for months and years, whose length depends on the calendar.
    fn seconds(self) -> Option<u64> {
        match self {
            Self::Seconds => Some(1),
            Self::Minutes => Some(60),
            Self::Hours => Some(3600),
            Self::Days => Some(86_400),
            Self::Weeks => Some(604_800),
            Self::Months | Self::Years => None,
        }
    }
}

/// A length of time as a file writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Period {
    /// How many; at least 1.
    pub amount: u32,
    /// Of what.
    pub unit: Unit,
}

impl Period {
    /// A length of time; used for defaults.
    pub const fn new(amount: u32, unit: Unit) -> Self {
        Self { amount, unit }
    }

    /// Reads `30 seconds`, `10 minutes`, `2h`, `6 months`.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let text = text.trim();
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let unit = unit.trim_start();
        if number.is_empty() {
            return Err(ValueError::Other("not a length of time".to_owned()));
        }
        if unit.is_empty() {
            return Err(ValueError::NoUnit);
        }
        let unit = Unit::from_word(unit)
            .ok_or_else(|| ValueError::Other(format!("`{unit}` is not a unit of time")))?;
        let amount: u32 = number.parse().map_err(|_| ValueError::Other("too large".to_owned()))?;
        if amount == 0 || amount > 100_000_000 {
            return Err(ValueError::Other(if amount == 0 { "too short" } else { "too large" }.to_owned()));
        }
        Ok(Self { amount, unit })
    }

    /// The exact length; `None` for months and years.
    pub fn exact(self) -> Option<Duration> {
        Some(Duration::from_secs(self.unit.seconds()?.saturating_mul(u64::from(self.amount))))
    }

    /// The length with months taken as 30 and years as 365 days: for timers and limits, never for calendar arithmetic.
    pub fn about(self) -> Duration {
        let days = |days: u64| Duration::from_secs(days.saturating_mul(86_400));
        match self.unit {
            Unit::Months => days(u64::from(self.amount).saturating_mul(30)),
            Unit::Years => days(u64::from(self.amount).saturating_mul(365)),
            _ => self.exact().unwrap_or_default(),
        }
    }

    /// As a calendar span, for `now - 6 months` in a time zone.
    pub fn to_span(self) -> jiff::Span {
        let amount = i64::from(self.amount);
        let span = jiff::Span::new();
        let sized = match self.unit {
            Unit::Seconds => span.try_seconds(amount),
            Unit::Minutes => span.try_minutes(amount),
            Unit::Hours => span.try_hours(amount),
            Unit::Days => span.try_days(amount),
            Unit::Weeks => span.try_weeks(amount),
            Unit::Months => span.try_months(amount),
            Unit::Years => span.try_years(amount),
        };
        // Beyond what the calendar holds: as long as it can be, which is "everything" for every use.
        sized.unwrap_or_else(|_| span.years(10_000))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.amount == 1 { "" } else { "s" };
        write!(f, "{} {}{plural}", self.amount, self.unit.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_short_forms() {
        for (text, amount, unit) in [
            ("30 seconds", 30, Unit::Seconds),
            ("30s", 30, Unit::Seconds),
            ("1 minute", 1, Unit::Minutes),
            ("10m", 10, Unit::Minutes),
            ("2 hours", 2, Unit::Hours),
            ("2 h", 2, Unit::Hours),
            ("7 days", 7, Unit::Days),
            ("7d", 7, Unit::Days),
            ("2 weeks", 2, Unit::Weeks),
            ("6 months", 6, Unit::Months),
            ("1 year", 1, Unit::Years),
        ] {
            assert_eq!(Period::parse(text), Ok(Period { amount, unit }), "{text}");
        }
    }

    #[test]
    fn what_is_refused() {
        assert_eq!(Period::parse("10"), Err(ValueError::NoUnit));
        for text in [
            "",
            "ten minutes",
            "10 fortnights",
            "0 days",
            "-1 day",
            "1.5 hours",
            "99999999999 days",
            "10 s s",
        ] {
            assert!(matches!(Period::parse(text), Err(ValueError::Other(_))), "{text}");
        }
    }

    #[test]
    fn months_are_calendar_units() {
        let period = Period::new(6, Unit::Months);
        assert_eq!(period.exact(), None);
        let day = jiff::civil::date(2026, 8, 31);
        assert_eq!(day.checked_sub(period.to_span()).unwrap(), jiff::civil::date(2026, 2, 28));
        assert_eq!(period.to_string(), "6 months");
        assert_eq!(Period::new(1, Unit::Days).to_string(), "1 day");
        let _ = Period::new(100_000_000, Unit::Years).to_span();
    }
}
