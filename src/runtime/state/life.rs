//! The table: each input with what follows from it.

use std::time::Duration;

use jiff::Timestamp;
use xxhash_rust::xxh3::xxh3_64;

use super::hours::Opening;
use super::{Effect, Input, Outcome, Pass, Rules, Wish, Work};
use crate::model::{Class, PipelineName};
use crate::runtime::backoff;
use crate::runtime::mass::Approval;
use crate::runtime::schedule;
use crate::runtime::status::State as Shown;

/// What is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    Nothing,
    Pass { pass: Pass, interrupted: bool },
    Stopped,
}

/// Why a first load does not go on.
#[derive(Clone, Debug)]
pub(super) enum Waits {
    Hours(Opening),
    Parent(PipelineName),
}

/// Where a pipeline stands.
#[derive(Clone, Debug)]
pub struct Life {
    pub(super) doing: Doing,
    pub(super) stopping: bool,
    pub(super) loaded: bool,
    pub(super) paused: Option<String>,
    pub(super) approval: Option<(Work, Approval)>,
    approved: Option<Work>,
    /// Errors in a row, for the pause between tries.
    errors: u32,
    /// Not before.
    pub(super) until: Option<Timestamp>,
    /// The last error, as people read it.
    pub(super) trouble: Option<(Shown, String)>,
    /// What the first load waits for.
    pub(super) waits: Option<Waits>,
    pub(super) look_at: Timestamp,
    pub(super) compare_at: Option<Timestamp>,
    /// What somebody asked for. A look and a comparison are two wishes: one does not take the place of the other.
    wanted: Wanted,
    /// The last pass was one over single records: other work that is due comes before the next of them, so that a busy queue never
    /// keeps a look or a comparison from its turn.
    served: bool,
}

/// Passes that somebody asked for.
#[derive(Clone, Copy, Debug, Default)]
struct Wanted {
    look: bool,
    comparison: bool,
}

impl Wanted {
    fn any(self) -> bool {
        self.look || self.comparison
    }

    /// The look comes first: it is short.
    fn take(&mut self) -> Option<Work> {
        if std::mem::take(&mut self.look) {
            return Some(Work::Changes);
        }
        std::mem::take(&mut self.comparison).then_some(Work::Everything)
    }
}

/// How often a first load asks whether that of a looked-up pipeline is complete.
const ASK_PARENTS: Duration = Duration::from_millis(500);

/// Single records that wait for a person are not looked at again before.
const AFTER_RECORDS: Duration = Duration::from_secs(60);

impl Life {
    /// At its beginning: the first load or what was missed comes at once. `compared` is when everything was compared last.
    pub fn new(
        rules: &Rules,
        now: Timestamp,
        (loaded, paused, compared): (bool, Option<String>, Option<Timestamp>),
        approved: Option<Work>,
    ) -> Self {
        let compare_at = rules.next_comparison(compared.unwrap_or(now));
        // What was missed while nobody was there comes soon, not at once: all pipelines of a daemon begin together.
        let soon = now.saturating_add(schedule::soon(rules.name.as_str())).unwrap_or(now);
        let missed = |at: Timestamp| {
            let regular = || rules.next_comparison(now).map_or(soon, |next| next.min(soon));
            if at <= now { regular() } else { at }
        };
        Self {
            doing: Doing::Nothing,
            stopping: false,
            loaded,
            paused,
            approval: None,
            approved,
            errors: 0,
            until: None,
            trouble: None,
            waits: None,
            look_at: first_look(rules, now, loaded),
            compare_at: compare_at.map(missed),
            wanted: Wanted {
                look: approved == Some(Work::Changes),
                comparison: approved == Some(Work::Everything),
            },
            served: false,
        }
    }

    /// The next state, and what to do, in this order.
    #[must_use]
    pub fn on(mut self, rules: &Rules, now: Timestamp, input: Input) -> (Self, Vec<Effect>) {
        let effects = match input {
            Input::Look { records, parent } => self.look(rules, now, (records, parent)),
            Input::Told(wish) => self.told(rules, now, wish),
            Input::Ended { outcome, loaded } => self.ended(rules, now, (outcome, loaded)),
            Input::Stop => self.stop(),
        };
        (self, effects)
    }

    fn stop(&mut self) -> Vec<Effect> {
        self.stopping = true;
        match self.doing {
            Doing::Nothing => {
                self.doing = Doing::Stopped;
                vec![Effect::Leave]
            }
            Doing::Pass { .. } => self.interrupt(),
            Doing::Stopped => Vec::new(),
        }
    }

    fn interrupt(&mut self) -> Vec<Effect> {
        match &mut self.doing {
            Doing::Pass { interrupted, .. } if !*interrupted => {
                *interrupted = true;
                vec![Effect::Interrupt]
            }
            _ => Vec::new(),
        }
    }

    fn told(&mut self, rules: &Rules, now: Timestamp, wish: Wish) -> Vec<Effect> {
        if self.stopping {
            return Vec::new();
        }
        // A comparison would begin from the start: neither a look nor a hint is worth that, or a busy pipeline would never complete one.
        let compares = matches!(self.doing, Doing::Pass { pass: Pass { work: Work::Everything, .. }, .. });
        let waits = compares && matches!(wish, Wish::Look | Wish::Records);
        let mut effects = if waits { Vec::new() } else { self.interrupt() };
        match wish {
            Wish::Look => self.want(Work::Changes),
            Wish::Compare => self.want(Work::Everything),
            Wish::Records => {}
            Wish::Pause(by) => {
                self.paused = Some(by.clone());
                effects.push(Effect::RememberPause(Some(by)));
            }
            Wish::Resume => {
                (self.paused, self.approval) = (None, None);
                effects.extend(self.approved.take().map(|_| Effect::RememberApproval(None)));
                (self.errors, self.until, self.trouble) = (0, None, None);
                self.look_at = first_look(rules, now, self.loaded);
                effects.push(Effect::RememberPause(None));
            }
            Wish::Approve => {
                if let Some((work, _)) = self.approval.take() {
                    self.approved = Some(work);
                    self.until = None;
                    // What is in the queue of single records asks again: after a restart it may be something else.
                    if work != Work::Records {
                        self.want(work);
                        effects.push(Effect::RememberApproval(Some(work)));
                    }
                }
            }
        }
        effects
    }

    fn want(&mut self, work: Work) {
        match work {
            Work::Everything => self.wanted.comparison = true,
            Work::Changes | Work::Records => self.wanted.look = true,
        }
        self.until = None;
    }

    /// The most urgent pass that is due, or nothing.
    fn look(
        &mut self,
        rules: &Rules,
        now: Timestamp,
        (records, parent): (bool, Option<PipelineName>),
    ) -> Vec<Effect> {
        match self.doing {
            Doing::Stopped => return Vec::new(),
            Doing::Pass { pass, .. } => {
                return if self.is_over(rules, pass, now) { self.interrupt() } else { Vec::new() };
            }
            Doing::Nothing => {}
        }
        if !records {
            self.forget_records();
        }
        if self.until.is_some_and(|until| until <= now) {
            self.until = None;
        }
        if !self.wanted.any() && (self.until.is_some() || self.rests(rules)) {
            return Vec::new();
        }
        if !self.may_load(rules, now, parent) {
            // Single records are no load.
            let asked = records && matches!(self.waits, Some(Waits::Hours(_)));
            return if asked { self.begin(Work::Records) } else { Vec::new() };
        }
        let others = self.wanted.any() || self.due_work(now).is_some();
        if records && !(self.served && others) {
            return self.begin(Work::Records);
        }
        let Some(work) = self.wanted.take().or_else(|| self.due_work(now)) else { return Vec::new() };
        if work == Work::Everything {
            self.compare_at = rules.next_comparison(now);
        } else {
            self.look_at = rules.poll.and_then(|poll| now.checked_add(poll).ok()).unwrap_or(Timestamp::MAX);
        }
        self.begin(work)
    }

    /// Nothing happens by itself: paused or disabled.
    pub(super) fn rests(&self, rules: &Rules) -> bool {
        self.paused.is_some() || !rules.enabled
    }

    fn begin(&mut self, work: Work) -> Vec<Effect> {
        let approved = self.approved == Some(work);
        if approved {
            self.approved = None;
        }
        let pass = Pass { work, approved };
        self.served = work == Work::Records;
        self.doing = Doing::Pass { pass, interrupted: false };
        vec![Effect::Begin(pass)]
    }

    /// Whether a first load may go on now: at its hours, and after those of the pipelines it looks up. What somebody asks for does not
    /// wait for parents, but for the hours.
    fn may_load(&mut self, rules: &Rules, now: Timestamp, parent: Option<PipelineName>) -> bool {
        self.waits = None;
        if self.loaded {
            return true;
        }
        if let Some(opens) = rules.hours.and_then(|hours| hours.closed(now, &rules.zone)) {
            self.look_at = self.look_at.max(opens.at);
            self.waits = Some(Waits::Hours(opens));
        } else if let Some(parent) = parent.filter(|_| !self.wanted.any()) {
            self.look_at = now.saturating_add(ASK_PARENTS).unwrap_or(now);
            self.waits = Some(Waits::Parent(parent));
        }
        self.waits.is_none()
    }

    /// Whether the hours of a first load that is under way are over.
    fn is_over(&self, rules: &Rules, pass: Pass, now: Timestamp) -> bool {
        let closed = || rules.hours.is_some_and(|hours| hours.closed(now, &rules.zone).is_some());
        !self.loaded && pass.work != Work::Records && closed()
    }

    fn due_work(&self, now: Timestamp) -> Option<Work> {
        if self.look_at <= now {
            return Some(Work::Changes);
        }
        (self.loaded && self.compare_at.is_some_and(|at| at <= now)).then_some(Work::Everything)
    }

    /// What follows from a pass.
    fn ended(&mut self, rules: &Rules, now: Timestamp, (outcome, loaded): (Outcome, bool)) -> Vec<Effect> {
        let Doing::Pass { pass, .. } = self.doing else { return Vec::new() };
        self.doing = if self.stopping { Doing::Stopped } else { Doing::Nothing };
        let was_loaded = self.loaded;
        self.loaded |= loaded || (outcome == Outcome::Done && pass.work == Work::Changes);
        let mut effects = Vec::new();
        if self.loaded && (!was_loaded || (outcome == Outcome::Done && pass.work == Work::Everything)) {
            effects.push(Effect::RememberComparison(now));
        }
        if pass.approved && pass.work != Work::Records && outcome != Outcome::Interrupted {
            effects.push(Effect::RememberApproval(None));
        }
        match outcome {
            Outcome::Done => self.done(pass.work),
            Outcome::Interrupted => self.interrupted(pass, now),
            Outcome::Approval(approval) => self.asks(pass.work, approval, now),
            Outcome::FailuresInARow(count) => {
                let by = format!("itself: {count} records failed in a row (pause_after)");
                self.paused = Some(by.clone());
                effects.push(Effect::RememberPause(Some(by)));
            }
            Outcome::Failed { class, message } => self.failed(rules, now, (class, message)),
        }
        effects.extend(self.stopping.then_some(Effect::Leave));
        effects
    }

    /// Single records that wait for a person keep the rest waiting for a short while only.
    fn asks(&mut self, work: Work, approval: Approval, now: Timestamp) {
        if work == Work::Records {
            self.until = now.checked_add(AFTER_RECORDS).ok();
        }
        self.approval = Some((work, approval));
    }

    /// There are no single records any more: what was asked about them is over, and an answer is no answer to the next question.
    fn forget_records(&mut self) {
        if self.approval.as_ref().is_some_and(|(work, _)| *work == Work::Records) {
            self.approval = None;
        }
        self.approved = self.approved.filter(|work| *work != Work::Records);
    }

    /// Single records say little about the rest: only a pass over changes or everything ends trouble.
    fn done(&mut self, work: Work) {
        if work == Work::Records {
            return self.forget_records();
        }
        (self.errors, self.trouble) = (0, None);
        if self.approval.as_ref().is_some_and(|(waiting, _)| *waiting == work) {
            self.approval = None;
        }
    }

    /// It is taken up at once, with the approval that it had.
    fn interrupted(&mut self, pass: Pass, now: Timestamp) {
        match pass.work {
            Work::Records => {}
            Work::Changes => self.look_at = self.look_at.min(now),
            Work::Everything => self.compare_at = Some(now),
        }
        if pass.approved {
            self.approved = Some(pass.work);
        }
    }

    /// A pass failed as a whole: pause and try again; what needs a person is tried rarely.
    fn failed(&mut self, rules: &Rules, now: Timestamp, (class, message): (Class, String)) {
        self.errors = self.errors.saturating_add(1);
        let seed = xxh3_64(rules.name.as_str().as_bytes()) ^ now.as_microsecond().unsigned_abs();
        let again = now.saturating_add(backoff::pause(class, self.errors, seed)).unwrap_or(now);
        let shown = if class.is_retried() { Shown::Degraded } else { Shown::Blocked };
        (self.until, self.look_at, self.trouble) = (Some(again), again, Some((shown, message)));
    }
}

/// A pipeline that begins or goes on looks at once, unless it follows no changes.
fn first_look(rules: &Rules, now: Timestamp, loaded: bool) -> Timestamp {
    if loaded && rules.poll.is_none() { Timestamp::MAX } else { now }
}
