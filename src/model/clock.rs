//! Time as an input: the runtime asks a [`Clock`], so a test can replay any run.

use std::time::Duration;

use jiff::Timestamp;

/// Tells the time and waits. The runtime brings the implementations.
#[async_trait::async_trait]
pub trait Clock: Send + Sync {
    /// Now, in UTC.
    fn now(&self) -> Timestamp;
    /// Returns after this much time of this clock. May be dropped at any point.
    async fn sleep(&self, length: Duration);
}
