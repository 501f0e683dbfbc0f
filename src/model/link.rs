//! The remembered pair of a Salesforce record and an app record, with what each side looked like when they last agreed.

use super::{Key, Version};

/// Keyed 64-bit hash of a value in its normal form. The state keeps these instead of customer data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Fingerprint(pub u64);

impl Fingerprint {
    /// Never seen: there is no baseline for this row on this side.
    pub const UNKNOWN: Self = Self(0);

    /// Whether there is a baseline.
    pub fn is_known(self) -> bool {
        self != Self::UNKNOWN
    }
}

/// Whether a link is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum LinkState {
    /// Both records are kept equal.
    Active,
    /// The record left the filters and `on_leave: stop` says to leave the pair alone.
    Stopped,
    /// The Salesforce record is gone and the pipeline does not delete: remembered so that nothing revives it.
    Gone,
}

/// The heart of the state: `salesforce id ↔ app key` and the baseline of both sides, row by row.
///
/// The sides have a fingerprint each because they may normalise differently (trim, rounding, html to text): a change on a
/// side is a fingerprint that differs from that side's own baseline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The Salesforce record.
    pub salesforce: Key,
    /// The app record.
    pub app: Key,
    /// Whether it is in use.
    pub state: LinkState,
    /// Stamp of the Salesforce record when it was last settled.
    pub salesforce_version: Option<Version>,
    /// Stamp of the app record when it was last settled.
    pub app_version: Option<Version>,
    /// Which set of rows the baselines belong to (see the plan's `RowSet`): rows may come and go by hot reload.
    pub row_set: u32,
    /// Per row of the set: what was last seen on the Salesforce side.
    pub salesforce_baseline: Box<[Fingerprint]>,
    /// Per row of the set: what was last seen on the app side.
    pub app_baseline: Box<[Fingerprint]>,
}
