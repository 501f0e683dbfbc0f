//! A clock that runs like any other and can be put ahead.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

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
