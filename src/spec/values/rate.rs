//! Rates of requests and shares of limits.

use std::time::Duration;

use rust_decimal::Decimal;

use super::ValueError;

/// `10 per second`, `100 per minute`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many; at least 1.
    pub count: u32,
    /// In how long.
    pub per: Duration,
}

impl Rate {
    /// Reads `10 per second`, `100 per minute`, `1000 per hour`.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let wrong = || ValueError::Other("not a rate".to_owned());
        let mut words = text.split_whitespace();
        let (Some(count), Some("per"), Some(unit), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(wrong());
        };
        let count: u32 = count.parse().ok().filter(|count| *count > 0).ok_or_else(wrong)?;
        let seconds = match unit {
            "second" => 1,
            "minute" => 60,
            "hour" => 3600,
            "day" => 86_400,
            _ => return Err(wrong()),
        };
        Ok(Self { count, per: Duration::from_secs(seconds) })
    }

    /// The pause between two requests that keeps the rate.
    pub fn interval(self) -> Duration {
        self.per / self.count.max(1)
    }
}

/// `25%` of a limit, or a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// Percent of the limit, above 0 and at most 100.
    Percent(Decimal),
    /// That many.
    Count(u64),
}

impl Share {
    /// Reads `25%`, `12.5%`, `25000`.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let text = text.trim();
        if let Some(percent) = text.strip_suffix('%') {
            let percent: Decimal =
                percent.trim_end().parse().map_err(|_| ValueError::Other("not a percentage".to_owned()))?;
            return if percent > Decimal::ZERO && percent <= Decimal::ONE_HUNDRED {
                Ok(Self::Percent(percent))
            } else {
                Err(ValueError::Other("a percentage is above 0 and at most 100".to_owned()))
            };
        }
        match text.parse::<u64>() {
            Ok(count) if count > 0 => Ok(Self::Count(count)),
            _ => Err(ValueError::Other("neither a percentage nor a number".to_owned())),
        }
    }

    /// How many of `limit` that is.
    pub fn of(self, limit: u64) -> u64 {
        match self {
            Self::Count(count) => count.min(limit),
            Self::Percent(percent) => {
                let share = Decimal::from(limit) * percent / Decimal::ONE_HUNDRED;
                u64::try_from(share.trunc()).unwrap_or(limit)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates() {
        assert_eq!(Rate::parse("10 per second").unwrap().interval(), Duration::from_millis(100));
        assert_eq!(Rate::parse("100 per minute").unwrap().interval(), Duration::from_millis(600));
        for text in ["10", "10/s", "0 per second", "10 per fortnight", "ten per second", "10 per second now"]
        {
            assert!(Rate::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn shares() {
        assert_eq!(Share::parse("25%").unwrap().of(100_000), 25_000);
        assert_eq!(Share::parse("12.5 %").unwrap().of(1000), 125);
        assert_eq!(Share::parse("5000").unwrap().of(1000), 1000);
        for text in ["", "0%", "101%", "-5%", "much", "0", "25 percent"] {
            assert!(Share::parse(text).is_err(), "{text}");
        }
    }
}
