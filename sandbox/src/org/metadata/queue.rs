//! Messages that wait to be sent: grouped, sent again with growing pauses, given up after a day.
//! May not send. Read [`Queue::due`].

use crate::org::ids::Id;

/// Notifications of one message.
const GROUP: usize = 100;
/// Seconds until what was not taken is sent again the first time; doubled each time.
const FIRST_PAUSE: i64 = 5;
/// Longest pause: two hours.
const LONGEST_PAUSE: i64 = 7_200;
/// Given up after a day.
const GIVEN_UP: i64 = 86_400;

/// A record that a message is to be sent about.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    /// `04l…`, the same whenever it is sent.
    pub(crate) id: Id,
    pub(crate) message: Id,
    pub(crate) record: Id,
    since: i64,
    next: i64,
    pause: i64,
    /// It is being sent.
    out: bool,
}

/// What goes out in one request.
#[derive(Debug, Clone)]
pub(crate) struct Parcel {
    pub(crate) message: Id,
    /// Ids of notifications and records.
    pub(crate) records: Vec<(Id, Id)>,
}

/// Everything that waits.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: Vec<Waiting>,
    /// So many were given up.
    pub(crate) given_up: usize,
}

impl Queue {
    /// Adds a record, unless it waits already and was never sent: it is read when it is sent.
    pub(crate) fn add(&mut self, (message, record): (Id, Id), now: i64, id: impl FnOnce() -> Id) {
        let fresh = |one: &Waiting| {
            one.message == message && one.record == record && !one.out && one.pause == FIRST_PAUSE
        };
        if !self.waiting.iter().any(fresh) {
            let id = id();
            let pause = FIRST_PAUSE;
            self.waiting.push(Waiting { id, message, record, since: now, next: now, pause, out: false });
        }
    }

    /// The next request, if anything is due.
    pub(crate) fn due(&mut self, now: i64) -> Option<Parcel> {
        let before = self.waiting.len();
        self.waiting.retain(|one| one.out || now - one.since < GIVEN_UP);
        self.given_up += before - self.waiting.len();
        let is_due = |one: &&mut Waiting| !one.out && one.next <= now;
        let message = self.waiting.iter().find(|one| !one.out && one.next <= now)?.message;
        let mine = self.waiting.iter_mut().filter(is_due).filter(|one| one.message == message);
        let records = mine.take(GROUP).map(|one| {
            one.out = true;
            (one.id, one.record)
        });
        Some(Parcel { message, records: records.collect() })
    }

    /// A request was answered.
    pub(crate) fn answered(&mut self, parcel: &Parcel, taken: bool, now: i64) {
        let mine = |one: &Waiting| parcel.records.iter().any(|(id, _)| *id == one.id);
        if taken {
            self.waiting.retain(|one| !mine(one));
            return;
        }
        for one in self.waiting.iter_mut().filter(|one| mine(one)) {
            one.out = false;
            one.next = now + one.pause;
            one.pause = (one.pause * 2).min(LONGEST_PAUSE);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> Id {
        Id::assemble(*b"04l", *b"Hq", 0, number)
    }

    #[test]
    fn what_is_not_taken_comes_again_later_and_is_given_up_after_a_day() {
        let mut queue = Queue::default();
        let (message, record) = (id(1), id(2));
        queue.add((message, record), 0, || id(3));
        queue.add((message, record), 0, || id(4));
        assert_eq!(queue.len(), 1, "several changes are one message");
        let mut sent = Vec::new();
        let mut now = 0;
        while queue.len() > 0 {
            if let Some(parcel) = queue.due(now) {
                assert_eq!(parcel.records, [(id(3), record)]);
                sent.push(now);
                queue.answered(&parcel, false, now);
            }
            now += 5;
        }
        assert_eq!(sent[..5], [0, 5, 15, 35, 75]);
        let pauses: Vec<i64> = sent.windows(2).map(|two| two[1] - two[0]).collect();
        assert_eq!(pauses.iter().max(), Some(&LONGEST_PAUSE));
        assert_eq!((queue.given_up, now / GIVEN_UP), (1, 1));
    }

    #[test]
    fn a_request_has_at_most_a_hundred_of_one_message() {
        let mut queue = Queue::default();
        for number in 0..150 {
            queue.add((id(1), id(1_000 + number)), 0, || id(2_000 + number));
        }
        queue.add((id(9), id(5_000)), 0, || id(6_000));
        let first = queue.due(0).unwrap();
        assert_eq!((first.message, first.records.len()), (id(1), 100));
        assert_eq!(queue.due(0).unwrap().records.len(), 50);
        assert_eq!(queue.due(0).unwrap().message, id(9));
        assert!(queue.due(0).is_none());
        queue.answered(&first, true, 0);
        assert_eq!(queue.len(), 51);
    }
}
