//! A life for demos: random edits by the real clock, as if people worked in the org. Read [`live`].

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::org::{EditMix, Org};

/// Edits come in as many portions a second.
const PORTIONS: u32 = 4;

/// Makes so many edits a second until `stop` is cancelled; a rate below one a second waits in between.
pub(crate) fn live(org: Arc<Org>, edits_per_second: f64, stop: CancellationToken) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut ticks = interval(Duration::from_secs(1) / PORTIONS);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut portions = Portions { rate: edits_per_second.max(0.0) / f64::from(PORTIONS), due: 0.0 };
        let mut seed = org.config().seed;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let count = portions.next();
            seed = seed.wrapping_add(1);
            let org = org.clone();
            let edits = move || org.random_edits(seed, count, &EditMix::default());
            if count > 0 && tokio::task::spawn_blocking(edits).await.is_err() {
                tracing::error!("the random edits failed and have stopped");
                return;
            }
        }
    })
}

/// Cuts a rate into whole numbers without losing the fractions.
struct Portions {
    rate: f64,
    due: f64,
}

impl Portions {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // small and never negative
    fn next(&mut self) -> usize {
        self.due += self.rate;
        let count = self.due.floor();
        self.due -= count;
        count as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_not_lost() {
        let mut portions = Portions { rate: 0.75, due: 0.0 };
        let counts: Vec<usize> = (0..8).map(|_| portions.next()).collect();
        assert_eq!(counts, [0, 1, 1, 1, 0, 1, 1, 1]);
    }
}
