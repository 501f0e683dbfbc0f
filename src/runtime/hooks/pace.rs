//! How often a source may call, and which calls were heard before. Both are bounded whatever anybody sends.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use xxhash_rust::xxh3::xxh3_128;

/// Calls of one source in a second, for long.
const PER_SECOND: f64 = 200.0;
/// Calls at once, after a rest.
const AT_ONCE: f64 = 1_000.0;
/// How old a call may be that says when it was made, and how long its number is remembered.
pub(super) const FRESH: SignedDuration = SignedDuration::from_mins(10);
/// Numbers that are remembered, 16 bytes each.
const REMEMBERED: usize = 65_536;

/// The allowance of one source: it fills up with time.
#[derive(Debug)]
pub(super) struct Allowance {
    left: f64,
    at: Timestamp,
}

impl Allowance {
    pub(super) fn full(now: Timestamp) -> Self {
        Self { left: AT_ONCE, at: now }
    }

    /// Takes one call, or tells how long to wait for it.
    pub(super) fn take(&mut self, now: Timestamp) -> Result<(), Duration> {
        let passed = now.duration_since(self.at).as_secs_f64().max(0.0);
        self.left = (self.left + passed * PER_SECOND).min(AT_ONCE);
        self.at = now;
        if self.left < 1.0 {
            return Err(Duration::from_secs(1));
        }
        self.left -= 1.0;
        Ok(())
    }
}

/// The numbers of calls that were taken, as long as a call with one of them could still be fresh.
#[derive(Debug, Default)]
pub(super) struct Heard {
    order: VecDeque<(Timestamp, u128)>,
    known: HashSet<u128>,
}

impl Heard {
    /// Whether this number was heard from this source.
    pub(super) fn knows(&self, source: &str, nonce: &str) -> bool {
        self.known.contains(&digest(source, nonce))
    }

    /// Remembers it; called once what it says is stored.
    pub(super) fn remember(&mut self, source: &str, nonce: &str, now: Timestamp) {
        // Twice: a call that is made ahead of our time is fresh for as long again.
        while let Some((at, number)) = self.order.front().copied() {
            if self.order.len() < REMEMBERED && now.duration_since(at) <= FRESH * 2 {
                break;
            }
            self.order.pop_front();
            self.known.remove(&number);
        }
        let number = digest(source, nonce);
        if self.known.insert(number) {
            self.order.push_back((now, number));
        }
    }
}

fn digest(source: &str, nonce: &str) -> u128 {
    xxh3_128(format!("{source}\n{nonce}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowance_ends_and_fills_up_again() {
        let begin = Timestamp::UNIX_EPOCH;
        let mut allowance = Allowance::full(begin);
        for _ in 0..1_000 {
            assert_eq!(allowance.take(begin), Ok(()));
        }
        assert_eq!(allowance.take(begin), Err(Duration::from_secs(1)));
        let later = begin + SignedDuration::from_millis(50);
        assert_eq!((0..20).filter(|_| allowance.take(later).is_ok()).count(), 10);
        // A clock that is put back gives nothing and takes nothing.
        assert!(allowance.take(begin).is_err());
        let much_later = later + SignedDuration::from_hours(9);
        assert_eq!((0..2_000).filter(|_| allowance.take(much_later).is_ok()).count(), 1_000);
    }

    #[test]
    fn numbers_are_remembered_while_they_count_and_never_too_many() {
        let begin = Timestamp::UNIX_EPOCH;
        let mut heard = Heard::default();
        heard.remember("a", "1", begin);
        assert!(heard.knows("a", "1") && !heard.knows("b", "1") && !heard.knows("a", "2"));
        heard.remember("a", "2", begin + FRESH);
        assert!(heard.knows("a", "1"));
        heard.remember("a", "3", begin + FRESH * 2 + SignedDuration::from_secs(1));
        assert!(!heard.knows("a", "1") && heard.knows("a", "2"));
        for number in 0..REMEMBERED + 10 {
            heard.remember("c", &number.to_string(), begin);
        }
        assert_eq!((heard.order.len(), heard.known.len()), (REMEMBERED, REMEMBERED));
    }
}
