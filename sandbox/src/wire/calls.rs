//! What was called: counters as Salesforce counts calls, and a log of the last requests. Read [`CallCounts`] first.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::HeaderMap;
use serde::Serialize;

use super::route::ResourceKind;

/// How many requests the log remembers.
const LOG_LENGTH: usize = 1_000;

/// The calls since the start or since the last reset.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CallCounts {
    /// API calls as Salesforce counts them: everything below `/services/data/vXX.0/` that was let in; a composite
    /// request is one, a batch counts each of its subrequests. Sign-in, version list and refused calls cost nothing.
    pub total: u64,
    /// Requests per kind of resource, whether counted against the allocation or not, refused ones included.
    pub by_kind: BTreeMap<ResourceKind, u64>,
    /// The last requests, oldest first.
    pub recent: Vec<CallRecord>,
}

impl CallCounts {
    /// Requests of one kind.
    pub fn of(&self, kind: ResourceKind) -> u64 {
        self.by_kind.get(&kind).copied().unwrap_or(0)
    }
}

/// One request in the log.
#[derive(Clone, Debug, Serialize)]
pub struct CallRecord {
    /// What was asked for.
    pub kind: ResourceKind,
    /// HTTP method.
    pub method: String,
    /// Path without the query string, as sent.
    pub path: String,
    /// Query string as sent, empty if there was none.
    pub query: String,
    /// Headers of Salesforce's own (`Sforce-…`), in small letters.
    pub sforce_headers: BTreeMap<String, String>,
    /// Status of the answer; 0 while the request is being worked on.
    pub status: u16,
    /// Bytes of the body sent so far, after compression.
    pub bytes: u64,
}

/// The counters behind [`CallCounts`].
#[derive(Default)]
pub(crate) struct CallLog {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    total: u64,
    by_kind: BTreeMap<ResourceKind, u64>,
    recent: VecDeque<Entry>,
}

struct Entry {
    record: CallRecord,
    call: Call,
}

/// A request that is being answered; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Call {
    status: Arc<AtomicU64>,
    bytes: Arc<AtomicU64>,
}

impl Call {
    pub(crate) fn set_status(&self, status: u16) {
        self.status.store(u64::from(status), Ordering::Relaxed);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

fn sforce(headers: &HeaderMap) -> BTreeMap<String, String> {
    let own = headers.iter().filter(|(name, _)| name.as_str().starts_with("sforce-"));
    own.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect()
}

impl CallLog {
    /// Notes a request that has arrived.
    pub(crate) fn begin(
        &self,
        kind: ResourceKind,
        method: &str,
        (path, query): (&str, &str),
        headers: &HeaderMap,
    ) -> Call {
        let call = Call::default();
        let record = CallRecord {
            kind,
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            sforce_headers: sforce(headers),
            status: 0,
            bytes: 0,
        };
        let mut inner = self.lock();
        *inner.by_kind.entry(kind).or_default() += 1;
        if inner.recent.len() == LOG_LENGTH {
            inner.recent.pop_front();
        }
        inner.recent.push_back(Entry { record, call: call.clone() });
        call
    }

    /// Adds calls that count against the allocation.
    pub(crate) fn count(&self, calls: u64) {
        self.lock().total += calls;
    }

    pub(crate) fn snapshot(&self) -> CallCounts {
        let inner = self.lock();
        CallCounts {
            total: inner.total,
            by_kind: inner.by_kind.clone(),
            recent: inner.recent.iter().map(Entry::record).collect(),
        }
    }

    pub(crate) fn reset(&self) {
        *self.lock() = Inner::default();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn record(&self) -> CallRecord {
        CallRecord {
            status: u16::try_from(self.call.status.load(Ordering::Relaxed)).unwrap_or(0),
            bytes: self.call.bytes.load(Ordering::Relaxed),
            ..self.record.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_log() {
        let log = CallLog::default();
        let call = log.begin(
            ResourceKind::Query,
            "GET",
            ("/services/data/v66.0/query", "q=SELECT"),
            &HeaderMap::new(),
        );
        log.count(1);
        call.set_status(200);
        call.sent(12);
        let counts = log.snapshot();
        assert_eq!((counts.total, counts.of(ResourceKind::Query), counts.of(ResourceKind::Token)), (1, 1, 0));
        assert_eq!((counts.recent[0].status, counts.recent[0].bytes), (200, 12));
        log.reset();
        assert_eq!(log.snapshot().recent.len(), 0);
    }

    #[test]
    fn the_log_is_bounded() {
        let log = CallLog::default();
        for _ in 0..=LOG_LENGTH {
            log.begin(ResourceKind::Limits, "GET", ("/", ""), &HeaderMap::new());
        }
        assert_eq!(log.snapshot().recent.len(), LOG_LENGTH);
        assert_eq!(log.snapshot().of(ResourceKind::Limits), LOG_LENGTH as u64 + 1);
    }
}
