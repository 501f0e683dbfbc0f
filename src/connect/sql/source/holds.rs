//! How far a window may reach while transactions are under way. Pure.
//!
//! A transaction stamps its rows with the time of its beginning and shows them when it commits. A window must therefore not end after the
//! beginning of one that still runs. PostgreSQL tells everybody which transactions run, and only some users since when. For the
//! others it is enough to know when they were not there yet: one that was not seen by the last look began after it, and one that is met by
//! the first look of a process began after the stored end of the last window, because that end kept this very rule.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

/// A transaction that is never ended does not hold windows back further than this; the comparison of everything finds its rows.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);
/// How old a transaction may be of which nothing is known when a first load begins.
const UNKNOWN: SignedDuration = SignedDuration::from_hours(1);

/// A transaction under way.
#[derive(Clone, Debug)]
pub(in crate::connect::sql) struct Running {
    /// Names it as long as it runs.
    pub(in crate::connect::sql) id: String,
    /// When it began, where this user may know.
    pub(in crate::connect::sql) since: Option<Timestamp>,
    /// It was prepared for a two-phase commit: it had another name before.
    pub(in crate::connect::sql) prepared: bool,
}

/// The database's clock, and the transactions that ran just after it was read.
#[derive(Clone, Debug)]
pub(in crate::connect::sql) struct Moment {
    pub(in crate::connect::sql) now: Timestamp,
    pub(in crate::connect::sql) running: Vec<Running>,
}

/// What is known of the transactions that were seen running.
#[derive(Debug, Default)]
pub(super) struct Holds {
    /// None of them began before this.
    began: HashMap<String, Timestamp>,
    looked: Option<Timestamp>,
}

impl Holds {
    /// The end of a window that is read now, after one that ended at `from`.
    pub(super) fn end(&mut self, moment: Moment, from: Option<Timestamp>, lag: SignedDuration) -> Timestamp {
        let Moment { now, running } = moment;
        let began = |running: Running| {
            let unseen = if running.prepared { None } else { self.looked };
            let known = running.since.or_else(|| self.began.get(&running.id).copied());
            let began = known.or(unseen).or(from).unwrap_or(now - UNKNOWN);
            (running.id, began)
        };
        let began: HashMap<String, Timestamp> = running.into_iter().map(began).collect();
        let oldest = began.values().min().copied().unwrap_or(now).max(now - LONGEST);
        self.began = began;
        self.looked = Some(now);
        let end = oldest.min(now - lag);
        from.map_or(end, |from| end.max(from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn runs(id: &str, since: Option<i64>) -> Running {
        Running { id: id.to_owned(), since: since.map(at), prepared: false }
    }

    fn end(holds: &mut Holds, now: i64, running: &[Running], from: Option<i64>) -> i64 {
        let moment = Moment { now: at(now), running: running.to_vec() };
        let end = holds.end(moment, from.map(at), SignedDuration::from_secs(2));
        end.as_second() - 1_800_000_000
    }

    #[test]
    fn a_window_ends_before_what_still_runs() {
        let mut holds = Holds::default();
        assert_eq!(end(&mut holds, 100, &[], Some(50)), 98);
        assert_eq!(end(&mut holds, 200, &[runs("a", Some(150))], Some(98)), 150);
    }

    #[test]
    fn an_unknown_beginning_is_after_the_look_that_did_not_see_it() {
        let mut holds = Holds::default();
        // Met by the first look of a process: it may have begun right after the last window of the process before.
        assert_eq!(end(&mut holds, 100, &[runs("a", None)], Some(50)), 50);
        assert_eq!(end(&mut holds, 200, &[runs("b", None)], Some(50)), 100);
        assert_eq!(end(&mut holds, 300, &[runs("b", None), runs("c", None)], Some(100)), 100);
        assert_eq!(end(&mut holds, 400, &[runs("c", None)], Some(100)), 200);
        assert_eq!(end(&mut holds, 500, &[], Some(200)), 498);
    }

    #[test]
    fn a_prepared_transaction_may_be_one_that_had_another_name() {
        let mut holds = Holds::default();
        end(&mut holds, 100, &[], Some(50));
        let prepared = Running { prepared: true, ..runs("p", None) };
        assert_eq!(end(&mut holds, 200, &[prepared], Some(98)), 98);
    }

    #[test]
    fn a_transaction_that_never_ends_holds_for_a_day() {
        let day = 86_400;
        let mut holds = Holds::default();
        assert_eq!(end(&mut holds, 3 * day, &[runs("a", Some(0))], Some(0)), 2 * day);
        assert_eq!(end(&mut Holds::default(), 3 * day, &[runs("a", None)], None), 3 * day - 3600);
    }

    #[test]
    fn a_window_never_ends_before_it_began() {
        assert_eq!(end(&mut Holds::default(), 100, &[runs("a", Some(10))], Some(50)), 50);
    }
}
