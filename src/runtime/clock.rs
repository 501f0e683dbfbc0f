//! The clocks: the system's, and one that a test moves by hand. Everything else in the runtime asks a [`Clock`] for the time.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::model::Clock;

/// The time of the system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait::async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep(&self, length: Duration) {
        tokio::time::sleep(length).await;
    }
}

/// A clock that stands still until it is moved. Sleepers wake when it reaches their moment, all of them, in any order.
#[derive(Debug)]
pub struct ManualClock {
    now: watch::Sender<Timestamp>,
}

impl ManualClock {
    /// A clock at a moment.
    pub fn new(now: Timestamp) -> Self {
        Self { now: watch::Sender::new(now) }
    }

    /// Moves it forwards. Beyond the end of time it stays there.
    pub fn advance(&self, length: Duration) {
        self.now.send_modify(|now| *now = now.checked_add(length).unwrap_or(Timestamp::MAX));
    }

    /// Moves it to a moment, also backwards.
    pub fn set(&self, now: Timestamp) {
        self.now.send_replace(now);
    }

    /// How many sleep at this instant: a test waits for them before it moves the clock.
    pub fn sleepers(&self) -> usize {
        self.now.receiver_count()
    }
}

#[async_trait::async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    async fn sleep(&self, length: Duration) {
        let mut moves = self.now.subscribe();
        let until = moves.borrow().checked_add(length).unwrap_or(Timestamp::MAX);
        // An error would mean that the clock is gone; it cannot be, it is borrowed.
        let _ = moves.wait_for(|now| *now >= until).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn sleepers_wake_when_their_moment_comes() {
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        let sleeper = Arc::clone(&clock);
        let task = tokio::spawn(async move { sleeper.sleep(Duration::from_secs(10)).await });
        while clock.sleepers() == 0 {
            tokio::task::yield_now().await;
        }
        clock.advance(Duration::from_secs(9));
        tokio::task::yield_now().await;
        assert!(!task.is_finished());
        clock.advance(Duration::from_secs(1));
        task.await.unwrap();
        assert_eq!(clock.now(), Timestamp::from_second(10).unwrap());
        clock.sleep(Duration::ZERO).await;
    }
}
