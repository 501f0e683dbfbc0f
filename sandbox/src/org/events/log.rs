//! The events that are kept, and the positions in them: 72 hours on the org's clock.
//! May not know who listens. Read [`EventLog`] first.

use std::collections::VecDeque;
use std::sync::Arc;

use super::event::Event;

/// How long events are kept, in seconds.
const KEPT: i64 = 72 * 3_600;
/// Memory is bounded even if the clock stands.
const MOST: usize = 500_000;

/// A place in the log: an event, or only a moment that a keepalive told.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) number: u64,
    at: i64,
    pub(crate) event: Option<Arc<Event>>,
}

/// All entries that are kept, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct EventLog {
    entries: VecDeque<Entry>,
    last: u64,
}

impl EventLog {
    /// Appends an event; numbers have gaps, as those of Salesforce have.
    pub(super) fn push(&mut self, event: Event, now: i64) -> u64 {
        let event = Some(Arc::new(event));
        self.append(event, now)
    }

    fn append(&mut self, event: Option<Arc<Event>>, now: i64) -> u64 {
        self.last += 1 + self.last % 3;
        self.entries.push_back(Entry { number: self.last, at: now, event });
        self.drop_old(now);
        self.last
    }

    /// The newest position, which is good for as long as an event of this moment.
    pub(crate) fn position(&mut self, now: i64) -> u64 {
        self.drop_old(now);
        match self.entries.back() {
            Some(last) if last.at == now => last.number,
            _ => self.append(None, now),
        }
    }

    /// Whether the position is still kept; one of another stream or of later than now is not.
    pub(crate) fn knows(&mut self, number: u64, now: i64) -> bool {
        self.drop_old(now);
        self.entries.binary_search_by_key(&number, |entry| entry.number).is_ok()
    }

    /// The position before the first entry that is kept.
    pub(crate) fn start(&mut self, now: i64) -> u64 {
        self.drop_old(now);
        self.entries.front().map_or(self.last, |entry| entry.number - 1)
    }

    /// At most `count` entries behind a position.
    pub(crate) fn after(&self, number: u64, count: usize) -> Vec<Entry> {
        let from = self.entries.partition_point(|entry| entry.number <= number);
        self.entries.range(from..).take(count).cloned().collect()
    }

    /// Begins a new stream: no position of the old one is known any more.
    pub(super) fn reset(&mut self) {
        self.entries.clear();
        self.last += 1_000;
    }

    fn drop_old(&mut self, now: i64) {
        while self.entries.front().is_some_and(|entry| entry.at + KEPT < now) || self.entries.len() > MOST {
            self.entries.pop_front();
        }
    }
}

/// A position as it stands on the wire: ten bytes, the number first.
pub(crate) fn replay_id(number: u64) -> [u8; 10] {
    let mut id = [0; 10];
    id[..8].copy_from_slice(&number.to_be_bytes());
    id
}

/// The number of a position; `None` if it has another form.
pub(crate) fn replay_number(id: &[u8]) -> Option<u64> {
    let (number, rest) = id.split_first_chunk::<8>()?;
    (rest == [0, 0]).then(|| u64::from_be_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_good_for_72_hours() {
        let mut log = EventLog::default();
        let quiet = log.position(1_000);
        assert_eq!(log.position(1_000), quiet);
        assert!(log.knows(quiet, 1_000 + KEPT));
        assert!(!log.knows(quiet, 1_001 + KEPT));
        assert!(!log.knows(quiet + 500, 1_000));
        let later = log.position(2_000 + KEPT);
        assert!(later > quiet && log.after(quiet, 10).len() == 1);
        log.reset();
        assert!(!log.knows(later, 2_000 + KEPT));
    }

    #[test]
    fn replay_ids_are_ten_bytes() {
        assert_eq!(replay_id(1_104_717), [0, 0, 0, 0, 0, 0x10, 0xDB, 0x4D, 0, 0]);
        assert_eq!(replay_number(&replay_id(7)), Some(7));
        assert_eq!(replay_number(b"1104717"), None);
        assert_eq!(replay_number(&7u64.to_be_bytes()), None);
    }
}
