//! The allocation of API calls per rolling 24 hours, the limit of concurrent long requests, and the `/limits`
//! document (REST API guide, Limits; wire reference section 9). Read [`Limits`] first.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Why a call is refused with 403 `REQUEST_LIMIT_EXCEEDED`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LimitHit {
    Total,
    Concurrent,
}

impl LimitHit {
    pub(crate) fn message(self) -> &'static str {
        match self {
            LimitHit::Total => "TotalRequests Limit exceeded.",
            LimitHit::Concurrent => "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
        }
    }
}

/// The limits of the org; tests change them while it runs.
pub struct Limits {
    inner: Mutex<Inner>,
    running: Arc<Mutex<Running>>,
}

struct Inner {
    allocation: u64,
    concurrent: usize,
    long_request: Duration,
    /// Calls per hour since 1970: the window rolls in hourly steps.
    hours: BTreeMap<i64, u64>,
}

#[derive(Default)]
struct Running {
    next: u64,
    since: HashMap<u64, Instant>,
}

/// The state of the allocation at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Calls in the last 24 hours.
    pub used: u64,
    /// Calls that the org may make in 24 hours.
    pub allocation: u64,
}

/// A call that is being answered; it counts as running until this is dropped.
pub(crate) struct InFlight {
    running: Arc<Mutex<Running>>,
    number: u64,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        lock(&self.running).since.remove(&self.number);
    }
}

impl Limits {
    pub(crate) fn new(allocation: u64, concurrent: usize) -> Limits {
        let inner =
            Inner { allocation, concurrent, long_request: Duration::from_secs(20), hours: BTreeMap::new() };
        Limits { inner: Mutex::new(inner), running: Arc::default() }
    }

    /// Sets how many calls may be made in 24 hours. May be called at any time; a value below the present use makes
    /// every further call fail with `TotalRequests Limit exceeded.`
    pub fn set_allocation(&self, calls: u64) {
        lock(&self.inner).allocation = calls;
    }

    /// Pretends that `used` calls were made in the hour of `now` and none before.
    pub fn set_used(&self, now: Timestamp, used: u64) {
        lock(&self.inner).hours = BTreeMap::from([(hour(now), used)]);
    }

    /// Sets how many requests may run for `long_request` or longer at the same time (25 after 20 s in production,
    /// 5 in Developer Edition). Real time, not the org's clock.
    pub fn set_concurrent(&self, requests: usize, long_request: Duration) {
        let mut inner = lock(&self.inner);
        inner.concurrent = requests;
        inner.long_request = long_request;
    }

    /// The use at `now`, on the org's clock.
    pub fn usage(&self, now: Timestamp) -> Usage {
        lock(&self.inner).usage(now)
    }

    /// Lets one call in and counts it, or says which limit is hit; a refused call is not counted.
    pub(crate) fn admit(&self, now: Timestamp) -> Result<InFlight, LimitHit> {
        let mut inner = lock(&self.inner);
        let usage = inner.usage(now);
        if usage.used >= usage.allocation {
            return Err(LimitHit::Total);
        }
        let mut running = lock(&self.running);
        let long = running.since.values().filter(|since| since.elapsed() >= inner.long_request).count();
        if long >= inner.concurrent {
            return Err(LimitHit::Concurrent);
        }
        *inner.hours.entry(hour(now)).or_default() += 1;
        let number = running.next;
        running.next += 1;
        running.since.insert(number, Instant::now());
        Ok(InFlight { running: self.running.clone(), number })
    }

    /// Counts calls beyond the one that was let in: the subrequests of a batch.
    pub(crate) fn add(&self, now: Timestamp, calls: u64) {
        *lock(&self.inner).hours.entry(hour(now)).or_default() += calls;
    }

    /// The value of the `Sforce-Limit-Info` header.
    pub(crate) fn info(&self, now: Timestamp) -> String {
        let usage = self.usage(now);
        format!("api-usage={}/{}", usage.used, usage.allocation)
    }

    /// The `/limits` document.
    pub(crate) fn document(&self, now: Timestamp, bulk_jobs_today: u64, batches_today: u64) -> Value {
        let usage = self.usage(now);
        let mut out = Map::new();
        for (name, max) in OTHER_LIMITS {
            let (max, remaining) = match *name {
                "DailyApiRequests" => (usage.allocation, signed_difference(usage.allocation, usage.used)),
                "DailyBulkV2QueryJobs" => (*max, signed_difference(*max, bulk_jobs_today)),
                "DailyBulkApiBatches" => (*max, signed_difference(*max, batches_today)),
                _ => (*max, signed_difference(*max, 0)),
            };
            out.insert((*name).to_owned(), json!({ "Max": max, "Remaining": remaining }));
        }
        Value::Object(out)
    }
}

impl Inner {
    fn usage(&mut self, now: Timestamp) -> Usage {
        let now = hour(now);
        self.hours.retain(|hour, _| *hour > now - 24);
        Usage { used: self.hours.values().sum(), allocation: self.allocation }
    }
}

fn hour(now: Timestamp) -> i64 {
    now.as_second().div_euclid(3_600)
}

/// `Remaining` may go below zero once the allocation was lowered under the use.
fn signed_difference(max: u64, used: u64) -> i64 {
    i64::try_from(max).unwrap_or(i64::MAX).saturating_sub(i64::try_from(used).unwrap_or(i64::MAX))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Names and maxima of the documentation's sample; those with a meaning here are filled in by `document`.
const OTHER_LIMITS: &[(&str, u64)] = &[
    ("ActiveScratchOrgs", 3),
    ("AnalyticsExternalDataSizeMB", 40_960),
    ("ConcurrentAsyncGetReportInstances", 200),
    ("ConcurrentSyncReportRuns", 20),
    ("DailyApiRequests", 0),
    ("DailyAsyncApexExecutions", 250_000),
    ("DailyAsyncApexTests", 500),
    ("DailyBulkApiBatches", 15_000),
    ("DailyBulkV2QueryFileStorageMB", 976_562),
    ("DailyBulkV2QueryJobs", 10_000),
    ("DailyDeliveredPlatformEvents", 10_000),
    ("DailyDurableGenericStreamingApiEvents", 10_000),
    ("DailyDurableStreamingApiEvents", 10_000),
    ("DailyGenericStreamingApiEvents", 10_000),
    ("DailyScratchOrgs", 6),
    ("DailyStandardVolumePlatformEvents", 10_000),
    ("DailyStreamingApiEvents", 10_000),
    ("DailyWorkflowEmails", 100_000),
    ("DataStorageMB", 1_024),
    ("DurableStreamingApiConcurrentClients", 20),
    ("FileStorageMB", 1_024),
    ("HourlyAsyncReportRuns", 1_200),
    ("HourlyDashboardRefreshes", 200),
    ("HourlyDashboardResults", 5_000),
    ("HourlyODataCallout", 20_000),
    ("HourlyPublishedPlatformEvents", 50_000),
    ("HourlyPublishedStandardVolumePlatformEvents", 1_000),
    ("HourlySyncReportRuns", 500),
    ("HourlyTimeBasedWorkflow", 1_000),
    ("MassEmail", 5_000),
    ("SingleEmail", 5_000),
    ("StreamingApiConcurrentClients", 20),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_window_rolls_in_hourly_steps() {
        let limits = Limits::new(2, 25);
        let start = at(1_773_220_000);
        assert!(limits.admit(start).is_ok() && limits.admit(start).is_ok());
        assert_eq!(limits.admit(start).err(), Some(LimitHit::Total));
        assert_eq!(limits.info(start), "api-usage=2/2");
        let next_day = at(1_773_220_000 + 24 * 3_600);
        assert!(limits.admit(next_day).is_ok());
        assert_eq!(limits.usage(next_day).used, 1);
    }

    #[test]
    fn long_requests_count_while_they_run() {
        let limits = Limits::new(100, 1);
        limits.set_concurrent(1, Duration::ZERO);
        let first = limits.admit(at(0));
        assert!(first.is_ok());
        assert_eq!(limits.admit(at(0)).err(), Some(LimitHit::Concurrent));
        drop(first);
        assert!(limits.admit(at(0)).is_ok());
    }

    #[test]
    fn remaining_may_be_negative() {
        let limits = Limits::new(10, 25);
        limits.set_used(at(0), 12);
        assert_eq!(limits.document(at(0), 3, 0)["DailyApiRequests"], json!({"Max": 10, "Remaining": -2}));
        assert_eq!(limits.document(at(0), 3, 0)["DailyBulkV2QueryJobs"]["Remaining"], json!(9_997));
    }
}
