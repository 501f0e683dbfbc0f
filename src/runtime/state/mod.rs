//! The life of a pipeline as a table: where it stands, what happens, what follows. Pure: no clock, no store, no task; the shell
//! ([`super::task`]) brings what happens and carries out the effects.
//!
//! Read [`Life::on`] first. Three laws hold for any inputs in any order: there is never a second pass while one is under way, nothing
//! leaves (and so no other version of the plan comes) in the middle of a pass, and [`Input::Stop`] always ends in [`Phase::Stopped`].

mod hours;
mod life;
#[cfg(test)]
mod tests;
mod view;

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use self::hours::Hours;
pub use self::life::Life;
use super::mass::Approval;
use super::schedule;
use crate::model::{Class, PipelineName};
use crate::spec::values::Schedule;

/// A kind of pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Single records: asked for, touched by another pipeline's links, failed and due.
    Records,
    /// Changes since the cursor; until the first load is complete, that load.
    Changes,
    /// A comparison of everything.
    Everything,
}

/// A pass to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    /// Its kind.
    pub work: Work,
    /// A person has allowed a mass change.
    pub approved: bool,
}

/// What the file says about when to work.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The pipeline; times without a time of day are spread by it.
    pub name: PipelineName,
    /// `enabled`
    pub enabled: bool,
    /// `poll`
    pub poll: Option<Duration>,
    /// `reconcile`
    pub reconcile: Schedule,
    /// `backfill.during`
    pub hours: Option<Hours>,
    /// Time zone of schedules and hours.
    pub zone: TimeZone,
}

impl Rules {
    fn next_comparison(&self, after: Timestamp) -> Option<Timestamp> {
        schedule::next(&self.reconcile, after, &self.zone, self.name.as_str())
    }
}

/// What somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Look now.
    Look,
    /// Compare everything now.
    Compare,
    /// Look at single records, which the shell keeps.
    Records,
    /// Rest until told otherwise.
    Pause(String),
    /// Go on, and forget what went wrong.
    Resume,
    /// The mass change that waits may happen.
    Approve,
}

/// How a pass ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing is left to do.
    Done,
    /// At an edge between two batches, because it was asked to.
    Interrupted,
    /// It wants more than the file allows; nothing was written.
    Approval(Approval),
    /// So many records failed in a row that it stopped.
    FailuresInARow(u32),
    /// It failed as a whole.
    Failed {
        /// What may be done about it.
        class: Class,
        /// As people read it.
        message: String,
    },
}

/// Something that happens.
#[derive(Clone, Debug)]
pub enum Input {
    /// Time has passed, or something around has changed.
    Look {
        /// Single records wait.
        records: bool,
        /// A looked-up pipeline whose first load is under way.
        parent: Option<PipelineName>,
    },
    /// Somebody wants something.
    Told(Wish),
    /// The pass has ended.
    Ended {
        /// How.
        outcome: Outcome,
        /// Whether the first load is complete by now, as the cursor tells.
        loaded: bool,
    },
    /// The end: the daemon stops, or another version of the file comes.
    Stop,
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Make a pass; [`Input::Ended`] tells how it ended.
    Begin(Pass),
    /// End the pass that is under way at the next edge of a batch.
    Interrupt,
    /// Keep over a restart that it is paused, by whom; or that it is not.
    RememberPause(Option<String>),
    /// Keep over a restart when everything was compared last.
    RememberComparison(Timestamp),
    /// Keep over a restart which mass change a person has allowed; or that the word was used up.
    RememberApproval(Option<Work>),
    /// Nothing is under way and nothing will be: go.
    Leave,
}

/// What it is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Waits for a reason to work.
    Idle,
    /// A pass is under way.
    Running(Pass),
    /// A pass is under way and was asked to end.
    Draining(Pass),
    /// Waits after an error.
    Backoff,
    /// Rests until told otherwise.
    Paused,
    /// For good.
    Stopped,
}
