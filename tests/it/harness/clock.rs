//! Clocks that people do not wait for: one that can be put ahead, and one that runs faster.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use sfsync::model::Clock;
use sfsync::runtime::clock::SystemClock;
use tokio::sync::Notify;

/// Whoever sleeps on it wakes when his time has come, by itself or because the clock was put ahead.
#[derive(Default)]
pub struct Ahead {
    seconds: AtomicI64,
    moved: Notify,
}

impl Ahead {
    /// So much time goes by at once.
    pub fn by(&self, length: SignedDuration) {
        self.seconds.fetch_add(length.as_secs(), Ordering::Relaxed);
        self.moved.notify_waiters();
    }
}

#[async_trait::async_trait]
impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock.now() + SignedDuration::from_secs(self.seconds.load(Ordering::Relaxed))
    }

    async fn sleep(&self, length: Duration) {
        let length = length.min(Duration::from_secs(365 * 24 * 3600));
        let until = self.now() + SignedDuration::try_from(length).expect("a year is one");
        loop {
            let moved = self.moved.notified();
            tokio::pin!(moved);
            moved.as_mut().enable();
            let Ok(left) = Duration::try_from(until.duration_since(self.now())) else { return };
            if left.is_zero() {
                return;
            }
            tokio::select! {
                () = SystemClock.sleep(left) => {}
                () = moved => {}
            }
        }
    }
}

/// So many times as fast as time: pauses between tries pass sooner, in the same order.
pub struct Fast {
    began: (Instant, Timestamp),
    times: u32,
}

impl Fast {
    /// Begins now.
    pub fn by(times: u32) -> Self {
        Self { began: (Instant::now(), Timestamp::now()), times }
    }
}

#[async_trait::async_trait]
impl Clock for Fast {
    fn now(&self) -> Timestamp {
        let (began, at) = self.began;
        at + SignedDuration::try_from(began.elapsed() * self.times).expect("a test is short")
    }

    async fn sleep(&self, length: Duration) {
        SystemClock.sleep(length / self.times).await;
    }
}
