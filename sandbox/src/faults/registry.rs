//! The scripted faults of a running org: picks the fault of a call, remembers what was hit, lets held calls go.
//! Read [`Faults`] first.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Fault, FaultKind};
use crate::wire::ResourceKind;

/// How many hits are remembered.
const FIRED_LENGTH: usize = 10_000;

/// Names a fault that was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FaultId(pub u64);

/// A hit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FiredFault {
    /// The fault.
    pub id: FaultId,
    /// What happened.
    pub fault: FaultKind,
    /// The resource of the call.
    pub resource: ResourceKind,
    /// HTTP method of the call.
    pub method: String,
    /// Path and query string of the call, percent-decoded.
    pub path: String,
}

/// The faults of one org. All methods may be called at any time, from any thread.
pub struct Faults {
    inner: Mutex<Inner>,
    held: watch::Sender<usize>,
}

#[derive(Default)]
struct Inner {
    next: u64,
    rules: Vec<Rule>,
    fired: Vec<FiredFault>,
}

struct Rule {
    id: FaultId,
    fault: Fault,
    seen: u64,
    hits: u64,
    random: u64,
    release: CancellationToken,
}

/// What is known of a call before it is answered.
#[derive(Clone, Debug)]
pub(crate) struct CallFacts {
    pub(crate) resource: ResourceKind,
    pub(crate) method: String,
    /// Decoded path and query.
    pub(crate) path: String,
}

/// The fault that one call meets.
#[derive(Clone)]
pub(crate) struct Armed {
    pub(crate) kind: FaultKind,
    pub(crate) release: CancellationToken,
    /// How often the fault has hit, this time included.
    pub(crate) hit: u64,
}

impl Default for Faults {
    fn default() -> Self {
        Self { inner: Mutex::default(), held: watch::Sender::new(0) }
    }
}

impl Faults {
    /// Adds a fault behind those that are there.
    pub fn add(&self, fault: impl Into<Fault>) -> FaultId {
        let fault = fault.into();
        let mut inner = self.lock();
        inner.next += 1;
        let id = FaultId(inner.next);
        let random = fault.seed;
        inner.rules.push(Rule { id, fault, seen: 0, hits: 0, random, release: CancellationToken::new() });
        id
    }

    /// Removes a fault and lets go the calls that it holds. Nothing happens if it is gone already.
    pub fn remove(&self, id: FaultId) {
        let mut inner = self.lock();
        inner.rules.retain(|rule| {
            if rule.id == id {
                rule.release.cancel();
            }
            rule.id != id
        });
    }

    /// Removes all faults, lets go all held calls; what was hit stays on record.
    pub fn clear(&self) {
        for rule in self.lock().rules.drain(..) {
            rule.release.cancel();
        }
    }

    /// Lets go the calls that a [`FaultKind::Hold`] or [`FaultKind::HoldTransaction`] holds; later calls are held again while the fault has hits left.
    pub fn release(&self, id: FaultId) {
        for rule in self.lock().rules.iter_mut().filter(|rule| rule.id == id) {
            std::mem::take(&mut rule.release).cancel();
        }
    }

    /// Waits until so many calls are held at the same time.
    pub async fn wait_held(&self, calls: usize) {
        // The sender lives as long as `self`, so waiting can only end with the condition met.
        let _ = self.held.subscribe().wait_for(|held| *held >= calls).await;
    }

    /// All hits, oldest first (at most the first 10,000).
    pub fn fired(&self) -> Vec<FiredFault> {
        self.lock().fired.clone()
    }

    /// Forgets the hits.
    pub fn forget_fired(&self) {
        self.lock().fired.clear();
    }

    /// The faults that still have hits left, in the order in which they are tried.
    pub fn active(&self) -> Vec<(FaultId, Fault)> {
        let inner = self.lock();
        inner.rules.iter().filter(|rule| !rule.spent()).map(|rule| (rule.id, rule.fault.clone())).collect()
    }

    /// The fault that this call meets, if any.
    pub(crate) fn pick(&self, call: &CallFacts) -> Option<Armed> {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let mut picked = None;
        for rule in inner.rules.iter_mut().filter(|rule| rule.matches(call)) {
            if picked.is_none() && rule.hit() {
                picked = Some(Armed {
                    kind: rule.fault.kind.clone(),
                    release: rule.release.clone(),
                    hit: rule.hits,
                });
                inner.fired.push(FiredFault {
                    id: rule.id,
                    fault: rule.fault.kind.clone(),
                    resource: call.resource,
                    method: call.method.clone(),
                    path: call.path.clone(),
                });
            }
        }
        inner.fired.truncate(FIRED_LENGTH);
        picked
    }

    /// Holds the caller until the fault is released.
    pub(crate) async fn hold(self: &Arc<Self>, armed: &Armed) {
        let _counted = Held::new(self.clone());
        armed.release.cancelled().await;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a held call while it exists: the client may hang up while it is held.
struct Held(Arc<Faults>);

impl Held {
    fn new(faults: Arc<Faults>) -> Self {
        faults.held.send_modify(|held| *held += 1);
        Self(faults)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.held.send_modify(|held| *held -= 1);
    }
}

impl Rule {
    fn spent(&self) -> bool {
        self.fault.times.is_some_and(|times| self.hits >= times)
    }

    fn matches(&self, call: &CallFacts) -> bool {
        let fault = &self.fault;
        let resource = match fault.resource {
            Some(resource) => resource == call.resource,
            None => fault.kind.concerns(call.resource),
        };
        resource && fault.path_contains.as_ref().is_none_or(|text| call.path.contains(text))
    }

    /// Counts a matching call and says whether it is hit.
    fn hit(&mut self) -> bool {
        self.seen += 1;
        if self.spent() || self.seen <= self.fault.skip {
            return false;
        }
        let hit = self.fault.probability >= 1.0 || self.chance() < self.fault.probability;
        if hit {
            self.hits += 1;
        }
        hit
    }

    /// The next number of SplitMix64 in 0..1.
    #[allow(clippy::cast_precision_loss)] // 53 bits are all that a double holds
    fn chance(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(resource: ResourceKind, path: &str) -> CallFacts {
        CallFacts { resource, method: "GET".into(), path: path.into() }
    }

    fn hits(fault: Fault, calls: usize) -> Vec<bool> {
        let faults = Faults::default();
        faults.add(fault);
        let call = call(ResourceKind::Query, "/services/data/v66.0/query?q=SELECT Id FROM Account");
        (0..calls).map(|_| faults.pick(&call).is_some()).collect()
    }

    #[test]
    fn nth_and_times() {
        let unavailable = || Fault::new(FaultKind::ServiceUnavailable);
        assert_eq!(hits(unavailable().nth(2), 4), [false, true, false, false]);
        assert_eq!(hits(unavailable().times(2), 4), [true, true, false, false]);
        assert_eq!(hits(unavailable().path("FROM Contact"), 1), [false]);
        assert_eq!(hits(unavailable().path("FROM Account"), 1), [true]);
        assert_eq!(hits(unavailable().on(ResourceKind::Describe), 1), [false]);
    }

    #[test]
    fn chance_is_repeatable_and_near_its_value() {
        let fault = Fault::new(FaultKind::QueryTimeout).probability(0.3, 7);
        let first = hits(fault.clone(), 1_000);
        assert_eq!(first, hits(fault, 1_000));
        let count = first.iter().filter(|hit| **hit).count();
        assert!((250..350).contains(&count), "{count} hits of 1000 at 0.3");
    }

    #[test]
    fn a_kind_hits_only_what_it_concerns() {
        let faults = Faults::default();
        faults.add(FaultKind::MissingResultPage);
        assert!(faults.pick(&call(ResourceKind::Query, "/")).is_none());
        assert!(faults.pick(&call(ResourceKind::BulkResults, "/")).is_some());
        assert_eq!(faults.fired().len(), 1);
        faults.clear();
        assert!(faults.pick(&call(ResourceKind::BulkResults, "/")).is_none());
        assert!(faults.active().is_empty());
    }

    #[test]
    fn faults_are_readable_as_json() {
        let fault: Fault = serde_json::from_str(
            r#"{"kind":{"connection_reset":{"after_bytes":10}},"resource":"bulk_results","times":1}"#,
        )
        .unwrap();
        assert_eq!(
            fault,
            Fault::new(FaultKind::ConnectionReset { after_bytes: 10 }).on(ResourceKind::BulkResults).once()
        );
    }
}
