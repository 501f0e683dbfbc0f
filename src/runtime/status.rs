//! What people and machines are shown of a pipeline: one value, the same in `status`, in `GET /api/pipelines/<name>` and in tests that wait.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{Counts, PipelineName};

/// The states of section 7.2 of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Follows changes.
    Running,
    /// The first load is under way.
    Loading,
    /// Works, slower.
    Degraded,
    /// Cannot work: permission, object missing, signed out.
    Blocked,
    /// A mass change waits for a person.
    Approval,
    /// Paused by somebody, or by itself.
    Paused,
    /// `enabled: false`.
    Disabled,
    /// No version ever loaded.
    Invalid,
}

impl State {
    /// The word of `status`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Loading => "loading",
            Self::Degraded => "degraded",
            Self::Blocked => "blocked",
            Self::Approval => "approval",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
            Self::Invalid => "invalid",
        }
    }
}

/// Which version of the file runs, and what is wrong with the one on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigStatus {
    /// Printed path.
    pub file: String,
    /// When the running version was loaded.
    pub loaded_at: Option<Timestamp>,
    /// Whether the file on disk is what runs.
    pub current: bool,
    /// `generation` of the running version.
    pub generation: u32,
    /// Errors of the file on disk.
    pub errors: usize,
    /// Code and title of the first of them, where another version runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<(String, String)>,
}

impl ConfigStatus {
    /// Whether the file on disk runs, and if not, why.
    pub fn loaded(&self) -> Condition {
        let (reason, message) = self.problem.clone().unwrap_or_default();
        Condition { kind: "Loaded".to_owned(), status: self.current, reason, message, since: self.loaded_at }
    }
}

/// A fact about a pipeline that is true or false since some time, with the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// `Loaded`, `CaughtUp`, `Push`, `Backfill`, `Allowed`.
    #[serde(rename = "type")]
    pub kind: String,
    /// True or false.
    pub status: bool,
    /// Code or word.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// One sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Since when.
    pub since: Option<Timestamp>,
}

/// How many records are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusCounts {
    /// Remembered pairs.
    pub linked: u64,
    /// Known to need work: waiting for a lookup, touched, not yet loaded.
    pub queued: u64,
    /// Held for a person.
    pub held: u64,
    /// Failed.
    pub failed: u64,
}

/// Progress of a first load or of a reconciliation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Records settled.
    pub done: u64,
    /// Records in all, where the source tells.
    pub total: Option<u64>,
}

/// What came of the last comparison of everything that went through: the proof that both sides are equal, or how far they are from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// When it was complete.
    pub at: Timestamp,
    /// Records that differed when they were compared, those that are held, fail or wait included; what policies keep apart is no
    /// difference. 0: both sides were equal.
    pub differed: u64,
}

/// A pipeline as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipelineStatus {
    /// Its name.
    pub name: PipelineName,
    /// Its state.
    pub state: State,
    /// One sentence about the state, for all states but `running`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Its file.
    pub config: ConfigStatus,
    /// Facts with reasons.
    pub conditions: Vec<Condition>,
    /// Where its records are.
    pub counts: StatusCounts,
    /// Everything before this was read and settled.
    pub caught_up: Option<Timestamp>,
    /// How changes arrive: `–`, `webhook`, `cdc connecting`, `cdc off`, …
    pub push: String,
    /// Of a load or reconciliation under way.
    pub progress: Option<Progress>,
    /// What was done since the process started.
    pub totals: Counts,
    /// Completed passes since the process started; tests wait on it.
    pub passes: u64,
    /// Completed comparisons of everything since the process started; `sync --full --wait` waits on it.
    #[serde(default)]
    pub comparisons: u64,
    /// The last comparison of everything, also of an earlier process.
    #[serde(default)]
    pub comparison: Option<Comparison>,
    /// When it will look next.
    pub next_look: Option<Timestamp>,
}

impl PipelineStatus {
    /// What `push` says when the file asks for no news at once.
    pub const NO_PUSH: &str = "–";

    /// Whether the file asks for news at once; otherwise their absence is nothing to tell.
    pub fn asks_for_news(&self) -> bool {
        self.push != Self::NO_PUSH
    }

    /// Whether they arrive.
    pub fn news_arrive(&self) -> bool {
        self.asks_for_news() && !self.push.contains(" off") && !self.push.contains(" connecting")
    }
}
