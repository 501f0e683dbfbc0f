//! The remembered pair of a Salesforce record and an app record, with what each side looked like when they last agreed.

use super::{Key, Side, Version};

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
    /// The Salesforce record left the filters and `on_leave: stop` says to leave the pair alone.
    Stopped,
    /// The app record did. If both left, this one has to be back before the other is asked.
    StoppedInApp,
    /// The Salesforce record is gone: remembered so that nothing revives it.
    Gone,
    /// The app record is gone: remembered so that nothing revives it.
    GoneInApp,
}

impl LinkState {
    /// The record of this side is gone.
    pub fn gone_on(side: Side) -> Self {
        match side {
            Side::Salesforce => Self::Gone,
            Side::App => Self::GoneInApp,
        }
    }

    /// The record of this side left the filters.
    pub fn stopped_on(side: Side) -> Self {
        match side {
            Side::Salesforce => Self::Stopped,
            Side::App => Self::StoppedInApp,
        }
    }

    /// One of the records is gone: lookups do not find the pair.
    pub fn is_gone(self) -> bool {
        matches!(self, Self::Gone | Self::GoneInApp)
    }
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
    /// The side on which the record was made for this pair; `None`: both were there (`own_records: skip` asks).
    pub made: Option<Side>,
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

impl Link {
    /// The record of a side.
    pub fn key(&self, side: Side) -> &Key {
        match side {
            Side::Salesforce => &self.salesforce,
            Side::App => &self.app,
        }
    }

    /// The same pair with another record on a side.
    #[must_use]
    pub fn with_key(mut self, side: Side, key: Key) -> Self {
        match side {
            Side::Salesforce => self.salesforce = key,
            Side::App => self.app = key,
        }
        self
    }

    /// What was last seen on a side, row by row.
    pub fn baseline(&self, side: Side) -> &[Fingerprint] {
        match side {
            Side::Salesforce => &self.salesforce_baseline,
            Side::App => &self.app_baseline,
        }
    }

    /// Stamp of the record of a side when it was last settled.
    pub fn version(&self, side: Side) -> Option<Version> {
        match side {
            Side::Salesforce => self.salesforce_version,
            Side::App => self.app_version,
        }
    }

    /// Remembers the stamp of a side.
    pub fn set_version(&mut self, side: Side, version: Option<Version>) {
        match side {
            Side::Salesforce => self.salesforce_version = version,
            Side::App => self.app_version = version,
        }
    }
}
