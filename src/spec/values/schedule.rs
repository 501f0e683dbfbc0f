//! When something runs by the clock, in the time zone of the settings.

use std::fmt;

use jiff::civil::Time;

use super::{Period, ValueError};

pub use jiff::civil::Weekday;

/// `daily at 02:00`, `sunday at 02:00`, `weekly`: parts that are missing are spread by pipeline name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeeklyTime {
    /// The day; `None` where the file says `weekly` without one.
    pub day: Option<Weekday>,
    /// The time of day; `None` where the file names none.
    pub at: Option<Time>,
}

/// A schedule as a file writes it.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// `off`
    Off,
    /// `6 hours`
    Every(Period),
    /// `hourly`
    Hourly,
    /// `daily`, `daily at 02:00`
    Daily(Option<Time>),
    /// `weekly`, `sunday at 02:00`
    Weekly(WeeklyTime),
    /// Five cron fields.
    Cron(Box<croner::Cron>),
}

impl Schedule {
    /// Reads a schedule.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            ["off"] => Ok(Self::Off),
            ["hourly"] => Ok(Self::Hourly),
            ["daily"] => Ok(Self::Daily(None)),
            ["weekly"] => Ok(Self::Weekly(WeeklyTime { day: None, at: None })),
            [day] if weekday(day).is_some() => Ok(Self::Weekly(WeeklyTime { day: weekday(day), at: None })),
            ["daily", "at", at] => Ok(Self::Daily(Some(time(at)?))),
            ["weekly", "at", at] => Ok(Self::Weekly(WeeklyTime { day: None, at: Some(time(at)?) })),
            [day, "at", at] if weekday(day).is_some() => {
                Ok(Self::Weekly(WeeklyTime { day: weekday(day), at: Some(time(at)?) }))
            }
            [day, "at", _] => Err(ValueError::Other(format!("`{day}` is not a day"))),
            [_, _, _, _, _] => cron(text),
            _ => Period::parse(text).map(Self::Every),
        }
    }
}

fn cron(text: &str) -> Result<Schedule, ValueError> {
    let parser = croner::parser::CronParser::builder().seconds(croner::parser::Seconds::Disallowed).build();
    match parser.parse(text) {
        Ok(cron) => Ok(Schedule::Cron(Box::new(cron))),
        Err(error) => Err(ValueError::Other(format!("not five cron fields: {error}"))),
    }
}

fn weekday(word: &str) -> Option<Weekday> {
    Some(match word {
        "monday" => Weekday::Monday,
        "tuesday" => Weekday::Tuesday,
        "wednesday" => Weekday::Wednesday,
        "thursday" => Weekday::Thursday,
        "friday" => Weekday::Friday,
        "saturday" => Weekday::Saturday,
        "sunday" => Weekday::Sunday,
        _ => return None,
    })
}

/// `HH:MM`, 24 hours.
fn time(text: &str) -> Result<Time, ValueError> {
    let wrong = || ValueError::Other(format!("`{text}` is not a time of day"));
    let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
    if hour.is_empty() || hour.len() > 2 || minute.len() != 2 {
        return Err(wrong());
    }
    let hour = hour.parse::<i8>().map_err(|_| wrong())?;
    let minute = minute.parse::<i8>().map_err(|_| wrong())?;
    Time::new(hour, minute, 0, 0).map_err(|_| wrong())
}

/// Hours of the day in which something may run: `20:00-06:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeWindow {
    /// From this time on.
    pub from: Time,
    /// Until this time; before `from` when the window crosses midnight.
    pub until: Time,
}

impl TimeWindow {
    /// Reads `20:00-06:00`.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let (from, until) =
            text.split_once('-').ok_or_else(|| ValueError::Other("not hours of the day".to_owned()))?;
        let (from, until) = (time(from.trim())?, time(until.trim())?);
        if from == until {
            return Err(ValueError::Other("an empty window".to_owned()));
        }
        Ok(Self { from, until })
    }

    /// Whether a time of day lies in the window.
    pub fn contains(self, at: Time) -> bool {
        if self.from < self.until {
            self.from <= at && at < self.until
        } else {
            at >= self.from || at < self.until
        }
    }
}

impl fmt::Display for TimeWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.from.strftime("%H:%M"), self.until.strftime("%H:%M"))
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::time as at;

    use super::*;
    use crate::spec::values::Unit;

    #[test]
    fn the_forms() {
        assert_eq!(Schedule::parse("off"), Ok(Schedule::Off));
        assert_eq!(Schedule::parse("6 hours"), Ok(Schedule::Every(Period::new(6, Unit::Hours))));
        assert_eq!(Schedule::parse("daily at 02:00"), Ok(Schedule::Daily(Some(at(2, 0, 0, 0)))));
        let sunday = WeeklyTime { day: Some(Weekday::Sunday), at: Some(at(2, 30, 0, 0)) };
        assert_eq!(Schedule::parse("sunday at 2:30"), Ok(Schedule::Weekly(sunday)));
        assert!(matches!(Schedule::parse("*/5 1-3 * * MON"), Ok(Schedule::Cron(_))));
    }

    #[test]
    fn what_is_refused() {
        assert_eq!(Schedule::parse("10"), Err(ValueError::NoUnit));
        for text in [
            "",
            "never",
            "daily at",
            "daily at 25:00",
            "someday at 02:00",
            "* * * *",
            "61 * * * *",
            "1 2 3 4 5 6",
        ] {
            assert!(Schedule::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_window_may_cross_midnight() {
        let night = TimeWindow::parse("20:00-06:00").unwrap();
        assert!(night.contains(at(23, 0, 0, 0)) && night.contains(at(5, 59, 0, 0)));
        assert!(!night.contains(at(6, 0, 0, 0)) && !night.contains(at(12, 0, 0, 0)));
        assert_eq!(night.to_string(), "20:00-06:00");
        assert!(TimeWindow::parse("06:00").is_err() && TimeWindow::parse("6-7").is_err());
    }
}
