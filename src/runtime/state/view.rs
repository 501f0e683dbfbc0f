//! What can be seen of a life from outside: what it is doing, when it wants to be looked at, what people are shown.

use jiff::Timestamp;

use super::life::{Doing, Life, Waits};
use super::{Phase, Rules, Work};
use crate::runtime::status::State as Shown;

impl Life {
    /// What it is doing.
    pub fn phase(&self) -> Phase {
        match self.doing {
            Doing::Stopped => Phase::Stopped,
            Doing::Pass { pass, interrupted: false } => Phase::Running(pass),
            Doing::Pass { pass, interrupted: true } => Phase::Draining(pass),
            Doing::Nothing if self.paused.is_some() => Phase::Paused,
            Doing::Nothing if self.until.is_some() => Phase::Backoff,
            Doing::Nothing => Phase::Idle,
        }
    }

    /// Whether it was told to stop.
    pub fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Whether the first load is complete.
    pub fn is_loaded(&self) -> bool {
        self.loaded
    }

    /// When to look next; `retry` is when a failed record is due. While a pass is under way: when its hours are over.
    pub fn due(&self, rules: &Rules, now: Timestamp, retry: Option<Timestamp>) -> Timestamp {
        match self.doing {
            Doing::Stopped => return Timestamp::MAX,
            Doing::Pass { pass, .. } => {
                let is_load = !self.loaded && pass.work != Work::Records;
                let closes = rules.hours.filter(|_| is_load).map(|hours| hours.closes(now, &rules.zone));
                return closes.unwrap_or(Timestamp::MAX);
            }
            Doing::Nothing => {}
        }
        if self.rests(rules) {
            return Timestamp::MAX;
        }
        if let Some(until) = self.until {
            return until;
        }
        let compare_at = self.compare_at.filter(|_| self.loaded);
        let retry = retry.filter(|_| self.waits.is_none());
        [Some(self.look_at), compare_at, retry].into_iter().flatten().min().unwrap_or(Timestamp::MAX)
    }

    /// What people are shown. `absent`: a looked-up pipeline does not run, and why.
    pub fn shown(&self, rules: &Rules, absent: impl FnOnce() -> Option<String>) -> (Shown, String) {
        if !rules.enabled {
            return (Shown::Disabled, "enabled: false".to_owned());
        }
        if let Some(by) = &self.paused {
            return (Shown::Paused, format!("paused by {by}"));
        }
        if let Some((_, approval)) = &self.approval {
            let name = &rules.name;
            return (Shown::Approval, format!("{approval}.  sfsync plan {name}, then sfsync approve {name}"));
        }
        if let Some((shown, message)) = &self.trouble {
            return (*shown, message.clone());
        }
        if !self.loaded {
            let waits = self.waits.as_ref().map(|waits| match waits {
                Waits::Hours(opens) => format!("waits until {opens}"),
                Waits::Parent(parent) => format!("waits for the first load of {parent}"),
            });
            return (Shown::Loading, waits.unwrap_or_default());
        }
        match absent() {
            Some(reason) => (Shown::Degraded, reason),
            None => (Shown::Running, String::new()),
        }
    }
}
