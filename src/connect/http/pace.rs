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
}

impl Pace {
    pub(super) fn new(rate: Option<Rate>) -> Self {
        Self { interval: rate.map(Rate::interval).unwrap_or_default(), next: Mutex::new(Instant::now()) }
    }

    /// Waits for the turn of one request.
    pub(super) async fn turn(&self) {
        tokio::time::sleep_until(self.reserve(Instant::now())).await;
    }

    /// When the next request may go out; the place is taken.
    fn reserve(&self, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let at = (*next).max(now);
        *next = at + self.interval;
        at
    }

    /// Nothing goes out for so long.
    pub(super) fn hold(&self, pause: Duration) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next = (*next).max(Instant::now() + pause);
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

    #[test]
    fn without_a_rate_nobody_waits() {
        let (pace, now) = (Pace::new(None), Instant::now() + Duration::from_secs(1));
        assert!((0..1000).all(|_| pace.reserve(now) == now));
    }
}
