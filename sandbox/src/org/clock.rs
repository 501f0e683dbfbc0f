//! The clock of the org: everything that has a stamp takes it from here.
//! May not touch records. Read [`Clock`] first.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// A controllable clock. It runs with the wall clock (plus an offset) or stands still.
#[derive(Debug)]
pub struct Clock(Mutex<Mode>);

#[derive(Debug, Clone, Copy)]
enum Mode {
    Running { offset: SignedDuration },
    Frozen { at: Timestamp },
}

impl Clock {
    /// A clock that shows the wall-clock time.
    pub fn real() -> Self {
        Self(Mutex::new(Mode::Running { offset: SignedDuration::ZERO }))
    }

    /// A clock that stands at `at` until it is moved.
    pub fn frozen(at: Timestamp) -> Self {
        Self(Mutex::new(Mode::Frozen { at }))
    }

    /// The time at whole seconds, the precision of every stamp that Salesforce stores.
    pub fn now(&self) -> Timestamp {
        let at = match *self.mode() {
            Mode::Running { offset } => shifted(Timestamp::now(), offset),
            Mode::Frozen { at } => at,
        };
        Timestamp::from_second(at.as_second()).unwrap_or(at)
    }

    /// Whole seconds since 1970.
    pub(crate) fn now_seconds(&self) -> i64 {
        self.now().as_second()
    }

    /// Sets the time; a running clock runs on from there, a frozen one stays there.
    pub fn set(&self, at: Timestamp) {
        let mut mode = self.mode();
        *mode = match *mode {
            Mode::Running { .. } => Mode::Running { offset: at.duration_since(Timestamp::now()) },
            Mode::Frozen { .. } => Mode::Frozen { at },
        };
    }

    /// Moves the time forward, or back with a negative duration.
    pub fn advance(&self, by: SignedDuration) {
        let mut mode = self.mode();
        *mode = match *mode {
            Mode::Running { offset } => Mode::Running { offset: offset.saturating_add(by) },
            Mode::Frozen { at } => Mode::Frozen { at: shifted(at, by) },
        };
    }

    /// Stops the clock at the time that it shows.
    pub fn freeze(&self) {
        let at = self.now();
        *self.mode() = Mode::Frozen { at };
    }

    /// Lets a frozen clock run on from the time that it shows.
    pub fn run(&self) {
        let at = self.now();
        *self.mode() = Mode::Running { offset: at.duration_since(Timestamp::now()) };
    }

    fn mode(&self) -> std::sync::MutexGuard<'_, Mode> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shifted(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_clock_moves_only_when_told() {
        let start: Timestamp = "2026-03-11T09:00:00.9Z".parse().unwrap();
        let clock = Clock::frozen(start);
        assert_eq!(clock.now().to_string(), "2026-03-11T09:00:00Z");
        clock.advance(SignedDuration::from_hours(24));
        assert_eq!(clock.now().to_string(), "2026-03-12T09:00:00Z");
        clock.set(start);
        assert_eq!(clock.now().to_string(), "2026-03-11T09:00:00Z");
    }

    #[test]
    fn a_running_clock_keeps_its_offset() {
        let clock = Clock::real();
        clock.set("2030-01-01T00:00:00Z".parse().unwrap());
        assert!(clock.now().to_string().starts_with("2030-01-01T00:00:0"));
        clock.freeze();
        let at = clock.now();
        assert_eq!(clock.now(), at);
    }
}
