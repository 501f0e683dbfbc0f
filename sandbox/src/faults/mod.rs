//! Faults on demand: what a test or a user scripts so that the org misbehaves as the real one sometimes does.
//! May not know HTTP types beyond status numbers; the wire applies what [`Faults`] picks. Read [`Fault`] first.

mod kind;
mod registry;

use serde::{Deserialize, Serialize};

pub use kind::{FaultKind, LimitKind};
pub(crate) use registry::{Armed, CallFacts};
pub use registry::{FaultId, Faults, FiredFault};

use crate::wire::ResourceKind;

/// One scripted fault: what happens, on which calls, how often.
///
/// Without further words a fault hits every call of the resources that its kind is about. Two faults may match one
/// call: the one that was added first and still has hits left is taken, and those behind it do not see the call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// What happens.
    pub kind: FaultKind,
    /// Only calls of this resource; `None`: what the kind is about ([`FaultKind::concerns`]).
    #[serde(default)]
    pub resource: Option<ResourceKind>,
    /// Only calls whose path and query string (percent-decoded) contain this text.
    #[serde(default)]
    pub path_contains: Option<String>,
    /// Matching calls that are let through before the first hit.
    #[serde(default)]
    pub skip: u64,
    /// Hits after which the fault is spent; `None`: never.
    #[serde(default)]
    pub times: Option<u64>,
    /// Chance of a hit on each matching call, 0 to 1.
    #[serde(default = "always")]
    pub probability: f64,
    /// Seed of the chance: the same seed hits the same calls in the same order.
    #[serde(default)]
    pub seed: u64,
}

fn always() -> f64 {
    1.0
}

impl From<FaultKind> for Fault {
    fn from(kind: FaultKind) -> Self {
        Self::new(kind)
    }
}

impl Fault {
    /// A fault that hits every call that its kind is about, until it is removed.
    pub fn new(kind: FaultKind) -> Self {
        Self { kind, resource: None, path_contains: None, skip: 0, times: None, probability: 1.0, seed: 0 }
    }

    /// Hits only calls of this resource.
    #[must_use]
    pub fn on(mut self, resource: ResourceKind) -> Self {
        self.resource = Some(resource);
        self
    }

    /// Hits only calls whose decoded path and query contain `text`.
    #[must_use]
    pub fn path(mut self, text: impl Into<String>) -> Self {
        self.path_contains = Some(text.into());
        self
    }

    /// Hits once, on the first matching call from now on.
    #[must_use]
    pub fn once(self) -> Self {
        self.times(1)
    }

    /// Hits once, on the `n`th matching call from now on (the first is 1).
    #[must_use]
    pub fn nth(mut self, n: u64) -> Self {
        self.skip = n.saturating_sub(1);
        self.once()
    }

    /// Hits so many times, then never again.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Hits each matching call by chance; `seed` makes a run repeatable.
    #[must_use]
    pub fn probability(mut self, probability: f64, seed: u64) -> Self {
        self.probability = probability;
        self.seed = seed;
        self
    }
}
