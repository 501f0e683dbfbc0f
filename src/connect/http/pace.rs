//! When the next request may go out: `rate_limit`, and the pause that an app asked for with 429.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::spec::values::Rate;

/// Spreads the requests of a connection.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    next: Mutex<Instant>,
    /// Until when the app wants to be left alone.
    held: Mutex<Instant>,
}

impl Pace {
    pub(super) fn new(rate: Option<Rate>) -> Self {
        let (interval, now) = (rate.map(Rate::interval).unwrap_or_default(), Instant::now());
        Self { interval, next: Mutex::new(now), held: Mutex::new(now) }
    }

    /// Waits for the turn of one request. Whoever would wait longer than `patience` does not: the pause that is left.
    pub(super) async fn turn(&self, patience: Duration) -> Result<(), Duration> {
        let left = self
            .held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .saturating_duration_since(Instant::now());
        if left > patience {
            return Err(left);
        }
        tokio::time::sleep_until(self.reserve(Instant::now())).await;
        Ok(())
    }

    /// When the next request may go out; the place is taken.
    fn reserve(&self, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let at = (*next).max(now).max(*self.held.lock().unwrap_or_else(PoisonError::into_inner));
        *next = at + self.interval;
        at
    }

    /// Nothing goes out for so long.
    pub(super) fn hold(&self, pause: Duration) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        *held = (*held).max(Instant::now() + pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_spreads_requests_and_a_pause_holds_them() {
        let pace = Pace::new(Rate::parse("10 per second").ok());
        let now = Instant::now() + Duration::from_secs(1);
        let wait = |pace: &Pace| (pace.reserve(now) - now).as_millis();
        assert_eq!([wait(&pace), wait(&pace), wait(&pace)], [0, 100, 200]);
        pace.hold(Duration::from_secs(60));
        assert!(wait(&pace) > 50_000);
    }

    #[tokio::test]
    async fn a_pause_longer_than_patience_is_told_instead_of_waited_for() {
        let pace = Pace::new(None);
        assert!(pace.turn(Duration::ZERO).await.is_ok());
        pace.hold(Duration::from_secs(600));
        assert!(pace.turn(Duration::from_secs(60)).await.is_err_and(|left| left.as_secs() > 500));
    }

    #[test]
    fn without_a_rate_nobody_waits() {
        let (pace, now) = (Pace::new(None), Instant::now() + Duration::from_secs(1));
        assert!((0..1000).all(|_| pace.reserve(now) == now));
    }
}
