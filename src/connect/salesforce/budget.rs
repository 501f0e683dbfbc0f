//! The governor of one org: how many API calls this connection made in the rolling day, and what may go on.
//!
//! Pure: time comes in as an argument, counters go out through [`UsageStore`]. At 80 % of the budget backfills and reconciliation
//! wait, at 100 % everything but push does. Read [`Budget`] first.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::ApiBudget;
use super::api::limits::Usage;

/// Hours of the rolling day.
const HOURS: i64 = 24;
/// How long everything rests when the org itself says that its day is used up and the counters give no better answer.
const REST: SignedDuration = SignedDuration::from_mins(15);

/// The counters are asked this often while it rests.
const ASK_AGAIN: SignedDuration = SignedDuration::from_secs(5);

/// What a call is for; decides at which level it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Answers a push signal or a person: never held back by the budget.
    Push,
    /// A regular look for changes.
    Poll,
    /// A first load.
    Backfill,
    /// A comparison of both sides.
    Reconcile,
    /// Describe, checks and sign-in: a handful of calls that everything else needs.
    Control,
}

/// Whether a call may be made now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Yes.
    Go,
    /// Not before this time.
    WaitUntil(Timestamp),
}

/// What status and metrics show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetStatus {
    /// Own calls in the rolling day.
    pub used: u64,
    /// Own calls since the client was made.
    pub counted: u64,
    /// Calls this connection may make in a day; `None` until the org told its allocation.
    pub budget: Option<u64>,
    /// What is left of the budget.
    pub remaining: Option<u64>,
    /// Calls of everybody in the org and the org's allocation, as last told.
    pub org: Option<(u64, u64)>,
}

/// Keeps the counters of own calls over restarts, by hour.
pub trait UsageStore: Send + Sync {
    /// All stored hours (hours since 1970) with their calls. Called once, when the client is made.
    fn load(&self) -> Vec<(i64, u64)>;
    /// Stores the calls of one hour; replaces what was there. Called every few calls; a loss costs accuracy only.
    fn save(&self, hour: i64, calls: u64);
}

/// Counts own calls and says what may go on.
#[derive(Clone, Debug)]
pub struct Budget {
    allowance: ApiBudget,
    hours: BTreeMap<i64, u64>,
    org: Option<Usage>,
    counted: u64,
    /// The org refused a call because its day is used up.
    spent_until: Option<Timestamp>,
    /// When its counters were asked about that last.
    asked: Option<Timestamp>,
}

impl Budget {
    /// A governor that remembers the stored hours.
    pub fn new(allowance: ApiBudget, stored: impl IntoIterator<Item = (i64, u64)>) -> Self {
        Self {
            allowance,
            hours: stored.into_iter().collect(),
            org: None,
            counted: 0,
            spent_until: None,
            asked: None,
        }
    }

    /// Counts one call that Salesforce counts. Gives the hour and its new count, to store.
    pub fn count(&mut self, now: Timestamp) -> (i64, u64) {
        let hour = hour_of(now);
        self.hours.retain(|&old, _| old > hour - HOURS);
        let calls = self.hours.entry(hour).or_insert(0);
        *calls += 1;
        self.counted += 1;
        (hour, *calls)
    }

    /// Takes what an answer said about the org's usage (`Sforce-Limit-Info`, `/limits`).
    pub fn observe(&mut self, usage: Usage) {
        if usage.used < usage.max {
            self.spent_until = None;
        }
        self.org = Some(usage);
    }

    /// The org refused a call because the whole allocation is used: rest, because asking again costs nothing but brings nothing.
    pub fn refused(&mut self, now: Timestamp) {
        self.spent_until = Some(now + REST);
    }

    /// Whether to ask the counters of the org now: everything rests because the org said so, and nobody has asked in the last moments.
    /// However many pipelines rest, they ask together.
    pub fn may_ask(&mut self, now: Timestamp) -> bool {
        let rests = self.spent_until.is_some_and(|until| until > now);
        let lately = self.asked.is_some_and(|asked| now.duration_since(asked) < ASK_AGAIN);
        if rests && !lately {
            self.asked = Some(now);
        }
        rests && !lately
    }

    /// Whether a call of this purpose may be made now.
    pub fn admit(&self, purpose: Purpose, now: Timestamp) -> Admission {
        let share = match purpose {
            Purpose::Push | Purpose::Control => return Admission::Go,
            Purpose::Poll => 100,
            Purpose::Backfill | Purpose::Reconcile => 80,
        };
        if let Some(until) = self.spent_until.filter(|until| *until > now) {
            return Admission::WaitUntil(until);
        }
        match self.budget() {
            Some(budget) if self.used(now) * 100 >= budget * share => {
                Admission::WaitUntil(self.below(budget * share / 100, now))
            }
            _ => Admission::Go,
        }
    }

    /// What status and metrics show.
    pub fn status(&self, now: Timestamp) -> BudgetStatus {
        let used = self.used(now);
        let budget = self.budget();
        BudgetStatus {
            used,
            counted: self.counted,
            budget,
            remaining: budget.map(|budget| budget.saturating_sub(used)),
            org: self.org.map(|usage| (usage.used, usage.max)),
        }
    }

    fn budget(&self) -> Option<u64> {
        match (self.allowance, self.org) {
            (ApiBudget::Calls(calls), _) => Some(calls),
            (ApiBudget::PerMille(share), Some(usage)) => Some(usage.max * u64::from(share) / 1000),
            (ApiBudget::PerMille(_), None) => None,
        }
    }

    fn used(&self, now: Timestamp) -> u64 {
        let hour = hour_of(now);
        self.hours.range(hour - HOURS + 1..=hour).map(|(_, calls)| calls).sum()
    }

    /// The start of the first hour at which so many old hours have left the day that fewer than `limit` calls remain.
    fn below(&self, limit: u64, now: Timestamp) -> Timestamp {
        let hour = hour_of(now);
        let mut used = self.used(now);
        for (&old, &calls) in self.hours.range(hour - HOURS + 1..=hour) {
            used -= calls;
            if used < limit {
                return start_of(old + HOURS);
            }
        }
        start_of(hour + HOURS)
    }
}

fn hour_of(time: Timestamp) -> i64 {
    time.as_second().div_euclid(3600)
}

fn start_of(hour: i64) -> Timestamp {
    Timestamp::from_second(hour * 3600).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64, minute: i64) -> Timestamp {
        Timestamp::from_second(500_000 * 3600 + hour * 3600 + minute * 60).unwrap()
    }

    fn spend(budget: &mut Budget, calls: u64, now: Timestamp) {
        for _ in 0..calls {
            budget.count(now);
        }
    }

    #[test]
    fn backfills_wait_at_80_percent_and_polls_at_100() {
        let mut budget = Budget::new(ApiBudget::PerMille(500), []);
        budget.observe(Usage { used: 10, max: 200 });
        spend(&mut budget, 79, at(0, 5));
        assert_eq!(budget.admit(Purpose::Backfill, at(0, 6)), Admission::Go);
        spend(&mut budget, 1, at(0, 6));
        assert_eq!(budget.admit(Purpose::Backfill, at(0, 7)), Admission::WaitUntil(at(24, 0)));
        assert_eq!(budget.admit(Purpose::Reconcile, at(0, 7)), Admission::WaitUntil(at(24, 0)));
        assert_eq!(budget.admit(Purpose::Poll, at(0, 7)), Admission::Go);
        spend(&mut budget, 20, at(1, 0));
        assert_eq!(budget.admit(Purpose::Poll, at(1, 0)), Admission::WaitUntil(at(24, 0)));
        assert_eq!(budget.admit(Purpose::Push, at(1, 0)), Admission::Go);
    }

    #[test]
    fn the_day_rolls() {
        let mut budget = Budget::new(ApiBudget::Calls(100), []);
        spend(&mut budget, 50, at(0, 0));
        spend(&mut budget, 50, at(10, 59));
        assert_eq!(budget.admit(Purpose::Poll, at(11, 0)), Admission::WaitUntil(at(24, 0)));
        assert_eq!(budget.admit(Purpose::Backfill, at(11, 0)), Admission::WaitUntil(at(24, 0)));
        assert_eq!(budget.status(at(23, 59)).used, 100);
        assert_eq!(budget.status(at(24, 0)).used, 50);
        assert_eq!(budget.status(at(24, 0)).counted, 100, "what was counted never falls");
        assert_eq!(budget.admit(Purpose::Poll, at(24, 0)), Admission::Go);
    }

    #[test]
    fn waiting_until_the_time_it_names_is_enough() {
        let mut budget = Budget::new(ApiBudget::Calls(10), []);
        for hour in 0..10 {
            spend(&mut budget, 1, at(hour, 30));
        }
        for purpose in [Purpose::Poll, Purpose::Backfill] {
            let Admission::WaitUntil(until) = budget.admit(purpose, at(12, 0)) else {
                panic!("it must wait")
            };
            assert_eq!(budget.admit(purpose, until), Admission::Go);
            assert!(matches!(
                budget.admit(purpose, until - SignedDuration::from_secs(1)),
                Admission::WaitUntil(_)
            ));
        }
    }

    #[test]
    fn without_an_allocation_nothing_waits_and_a_refusal_rests() {
        let mut budget = Budget::new(ApiBudget::PerMille(500), [(500_000, 7)]);
        assert_eq!(
            budget.status(at(1, 0)),
            BudgetStatus { used: 7, counted: 0, budget: None, remaining: None, org: None }
        );
        assert_eq!(budget.admit(Purpose::Backfill, at(1, 0)), Admission::Go);
        budget.refused(at(1, 0));
        assert_eq!(budget.admit(Purpose::Poll, at(1, 0)), Admission::WaitUntil(at(1, 15)));
        budget.observe(Usage { used: 10, max: 100 });
        assert_eq!(budget.admit(Purpose::Poll, at(1, 1)), Admission::Go);
    }

    #[test]
    fn the_counters_are_asked_while_it_rests_and_not_by_everybody_at_once() {
        let mut budget = Budget::new(ApiBudget::Calls(100), []);
        assert!(!budget.may_ask(at(0, 0)), "nobody said that the day is used up");
        budget.refused(at(0, 0));
        assert!(budget.may_ask(at(0, 0)));
        assert!(!budget.may_ask(at(0, 0)));
        assert!(budget.may_ask(at(0, 1)));
        assert!(matches!(budget.admit(Purpose::Poll, at(0, 1)), Admission::WaitUntil(_)));
        budget.observe(Usage { used: 1, max: 100 });
        assert_eq!(budget.admit(Purpose::Poll, at(0, 1)), Admission::Go);
        assert!(!budget.may_ask(at(0, 2)));
    }
}
