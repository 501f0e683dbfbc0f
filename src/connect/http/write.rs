//! Writes, one request per record, each with its own outcome. A fault that concerns all of them ends the batch: what was not sent is
//! decided again, and where nothing was stored the call fails as a whole.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Map, Value as Json};

use super::client::{Answer, Call, Client, Trouble};
use super::fault;
use super::record::Columns;
use super::resource::{Endpoint, Filling, Resource};
use super::several::{Work, in_order};
use super::single::{denies, record};
use super::source::version;
use super::walk::named;
use crate::connect::ConnectError;
use crate::model::{Class, Existing, Key, Outcome, RecordError, Row, WriteOp};

/// So many records in a row that the app could not answer for are the app's fault, not theirs.
const FAILING: u32 = 5;

/// Writes of one batch.
pub(super) struct Writing<'a> {
    pub(super) client: &'a Client,
    pub(super) resource: &'a Resource,
    pub(super) columns: &'a Columns,
    failing: AtomicU32,
    stopped: std::sync::Mutex<Option<ConnectError>>,
}

impl<'a> Writing<'a> {
    pub(super) fn new(client: &'a Client, resource: &'a Resource, columns: &'a Columns) -> Self {
        Self { client, resource, columns, failing: AtomicU32::new(0), stopped: std::sync::Mutex::default() }
    }

    /// All of them, in any order but for writes to one record.
    pub(super) async fn all(self, ops: &[WriteOp]) -> Result<Vec<Outcome>, ConnectError> {
        let at_once = if repeats(ops) { 1 } else { self.client.config().concurrency.max(1) };
        let mut work: Vec<Work<'_, Option<Outcome>>> = Vec::with_capacity(ops.len());
        for op in ops {
            work.push(Box::pin(async { Ok(self.one(op).await) }));
        }
        let outcomes = in_order(work, at_once).await?;
        let stopped = self.stopped.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let is_known = |outcome: &Option<Outcome>| {
            matches!(outcome, Some(Outcome::Written { .. } | Outcome::Unchanged { .. } | Outcome::Unknown(_)))
        };
        match stopped {
            Some(error) if !outcomes.iter().any(is_known) => Err(error),
            // What was not sent is read and decided again; the next batch meets the fault first, and fails as a whole.
            _ => Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or(Outcome::Stale)).collect()),
        }
    }

    /// `None`: it was not sent.
    async fn one(&self, op: &WriteOp) -> Option<Outcome> {
        if self.lock().is_some() {
            return None;
        }
        if let WriteOp::Update { key, .. } | WriteOp::Archive { key, .. } | WriteOp::Delete { key } = op
            && !self.resource.can_name(key)
        {
            let message = format!("`{key}` is no id that a path can have");
            return Some(Outcome::Rejected(RecordError::new("R241", Class::Record, message)));
        }
        match op {
            WriteOp::Create { row } => self.create(row).await,
            WriteOp::Update { key, row, .. } | WriteOp::Archive { key, row } => self.update(key, row).await,
            WriteOp::Delete { key } => self.delete(key).await,
            WriteOp::Upsert { .. } => Some(Outcome::Rejected(cannot(self.resource, "upsert"))),
        }
    }

    async fn create(&self, row: &Row) -> Option<Outcome> {
        let Some(endpoint) = &self.resource.create else {
            return Some(Outcome::Rejected(cannot(self.resource, "create")));
        };
        let parent = self.columns.parent(row).unwrap_or_default();
        if self.resource.parent.is_some() && parent.is_empty() && endpoint.asks_for_parent() {
            let message = "a new record needs the record it belongs to: write a row for `parent.id`";
            return Some(Outcome::Rejected(RecordError::new("R241", Class::Record, message)));
        }
        let what = named(self.client, endpoint);
        let attempt = self.client.config().idempotency_header.as_ref().map(|_| attempt());
        let filling = Filling { parent: &parent, ..Filling::default() };
        let call = self.call(endpoint, filling, Some(self.columns.body(row)), attempt);
        let answer = match self.sent(call).await {
            Ok(answer) => answer,
            Err(trouble) if trouble.sent => return Some(Outcome::Unknown(lost(&what, &trouble.error))),
            Err(trouble) => return self.stop(*trouble.error),
        };
        if answer.status == 408 || answer.status >= 500 && answer.status != 501 {
            self.failing.fetch_add(1, Ordering::Relaxed);
            return Some(Outcome::Unknown(fault::rejected(&what, &answer)));
        }
        self.failing.store(0, Ordering::Relaxed);
        // Below a record that is gone nothing can be made: that is the fault of this one alone.
        let is_below = answer.status == 404 && endpoint.asks_for_parent() && answer.is_of_the_app();
        if matches!(answer.status, 300..=399 | 404 | 405 | 501) && !is_below {
            return self.stop(fault::refused_silently(&what, &answer));
        }
        Some(if answer.is_good() {
            self.made(&what, &answer, &parent)
        } else {
            let mut error = fault::rejected(&what, &answer);
            error.existing = self.in_the_way(&answer);
            Outcome::Rejected(error)
        })
    }

    /// The key of a record that was just made: from the answer, else from where the answer says it is.
    fn made(&self, what: &str, answer: &Answer, parent: &str) -> Outcome {
        let json: Option<Json> = serde_json::from_slice(&answer.body).ok();
        let parent = (!parent.is_empty()).then_some(parent);
        if json.as_ref().is_some_and(|json| self.says_no(json)) {
            return Outcome::Rejected(fault::rejected(what, answer));
        }
        if let Some(found) = json.as_ref().and_then(|json| record(self.resource, json))
            && let Some(key) = self.resource.key_of(found, parent)
        {
            return Outcome::Written { key, version: version(self.resource, found) };
        }
        let place =
            answer.header("location").and_then(|place| place.trim_end_matches('/').rsplit('/').next());
        let id = place.map(|id| percent_encoding::percent_decode_str(id).decode_utf8_lossy().into_owned());
        let stand_in = id.and_then(|id| {
            let names = self.resource.key.names()?;
            let record = names
                .iter()
                .rev()
                .fold(Json::from(id), |inner, name| Json::Object(Map::from_iter([(name.clone(), inner)])));
            self.resource.key_of(&record, parent)
        });
        match stand_in {
            Some(key) => Outcome::Written { key, version: None },
            None => Outcome::Unknown(RecordError::new(
                "R243",
                Class::TRANSIENT,
                format!(
                    "{what} was answered with {} but without `{}`: it is not known which record was made; correct `record` or `key` of the resource",
                    answer.status,
                    self.resource.key.text()
                ),
            )),
        }
    }

    /// Whether a good answer is none.
    fn says_no(&self, json: &Json) -> bool {
        denies(self.resource, self.columns, json)
    }

    /// A record that is there already, where the app names it.
    fn in_the_way(&self, answer: &Answer) -> Existing {
        let json: Option<Json> =
            (answer.status == 409).then(|| serde_json::from_slice(&answer.body).ok()).flatten();
        let found = json.as_ref().and_then(|json| record(self.resource, json));
        found.and_then(|found| self.resource.key_of(found, None)).into_iter().collect()
    }

    async fn update(&self, key: &Key, row: &Row) -> Option<Outcome> {
        let Some(endpoint) = &self.resource.update else {
            return Some(Outcome::Rejected(cannot(self.resource, "update")));
        };
        let body = self.columns.body(row);
        if body.is_empty() {
            return Some(Outcome::Unchanged { key: key.clone() });
        }
        self.changed(endpoint, key, Some(body), |answer, json| {
            if answer.is_gone() {
                return Some(Outcome::Stale);
            }
            let found = json.and_then(|json| record(self.resource, json));
            let version = found.and_then(|found| version(self.resource, found));
            (answer.is_good() && !json.is_some_and(|json| self.says_no(json)))
                .then(|| Outcome::Written { key: key.clone(), version })
        })
        .await
    }

    async fn delete(&self, key: &Key) -> Option<Outcome> {
        let Some(endpoint) = &self.resource.delete else {
            return Some(Outcome::Rejected(cannot(self.resource, "delete")));
        };
        self.changed(endpoint, key, None, |answer, json| {
            if answer.is_gone() {
                return Some(Outcome::Unchanged { key: key.clone() });
            }
            (answer.is_good() && !json.is_some_and(|json| self.says_no(json)))
                .then(|| Outcome::Written { key: key.clone(), version: None })
        })
        .await
    }

    /// A write to a record that is there: repeating it does no harm, so a lost answer is a failure that is tried again.
    async fn changed(
        &self,
        endpoint: &Endpoint,
        key: &Key,
        body: Option<Map<String, Json>>,
        done: impl Fn(&Answer, Option<&Json>) -> Option<Outcome>,
    ) -> Option<Outcome> {
        let what = named(self.client, endpoint);
        let (id, parent) = self.resource.split(key);
        let filling = Filling { id: &id, parent: &parent, ..Filling::default() };
        let answer = match self.sent(self.call(endpoint, filling, body, None)).await {
            Ok(answer) => answer,
            Err(trouble) if trouble.sent => {
                let failed = Outcome::Rejected(lost(&what, &trouble.error));
                return self.failed(failed, *trouble.error);
            }
            Err(trouble) => return self.stop(*trouble.error),
        };
        if answer.status >= 500 {
            let failed = Outcome::Rejected(fault::rejected(&what, &answer));
            return self.failed(failed, fault::refused_silently(&what, &answer));
        }
        self.failing.store(0, Ordering::Relaxed);
        let is_elses = answer.is_gone() && !answer.is_of_the_app();
        if matches!(answer.status, 300..=399 | 405) || is_elses {
            return self.stop(fault::refused_silently(&what, &answer));
        }
        let json: Option<Json> = serde_json::from_slice(&answer.body).ok();
        if json.is_none()
            && answer.is_good()
            && fault::json(&what, &answer).is_err_and(|error| error.class == Class::Pipeline)
        {
            return self.stop(fault::json(&what, &answer).err()?);
        }
        let outcome = done(&answer, json.as_ref());
        Some(outcome.unwrap_or_else(|| Outcome::Rejected(fault::rejected(&what, &answer))))
    }

    fn call(
        &self,
        endpoint: &Endpoint,
        filling: Filling<'_>,
        body: Option<Map<String, Json>>,
        attempt: Option<String>,
    ) -> Result<Call, ConnectError> {
        let body = body.map(Json::Object).map(|body| match &self.resource.wrap {
            Some(wrap) => Json::Object(Map::from_iter([(wrap.clone(), body)])),
            None => body,
        });
        let url = self.client.address(&endpoint.path(filling)?)?;
        Ok(Call { method: endpoint.method.clone(), url, body, attempt })
    }

    async fn sent(&self, call: Result<Call, ConnectError>) -> Result<Answer, Trouble> {
        match call {
            Ok(call) => self.client.send(&call).await,
            Err(error) => Err(Trouble::unsent(error)),
        }
    }

    /// One record failed; after a few in a row it is the app that fails.
    fn failed(&self, outcome: Outcome, error: ConnectError) -> Option<Outcome> {
        if self.failing.fetch_add(1, Ordering::Relaxed) + 1 >= FAILING {
            return self.stop(error);
        }
        Some(outcome)
    }

    /// Nothing more is sent.
    fn stop(&self, error: ConnectError) -> Option<Outcome> {
        self.lock().get_or_insert(error);
        None
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<ConnectError>> {
        self.stopped.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Whether a record is written twice in a batch.
fn repeats(ops: &[WriteOp]) -> bool {
    let mut keys = HashSet::new();
    ops.iter().any(|op| match op {
        WriteOp::Update { key, .. } | WriteOp::Archive { key, .. } | WriteOp::Delete { key } => {
            !keys.insert(key)
        }
        WriteOp::Create { .. } | WriteOp::Upsert { .. } => false,
    })
}

fn cannot(resource: &Resource, verb: &str) -> RecordError {
    let message = format!("`{}` offers no {verb} (`{verb}: none` of the resource)", resource.name);
    RecordError::new("R109", Class::Record, message)
}

fn lost(what: &str, error: &ConnectError) -> RecordError {
    RecordError::new(error.code, Class::TRANSIENT, format!("{what}: no answer came: {error}"))
}

/// A name that no other attempt has.
fn attempt() -> String {
    use ring::rand::SecureRandom as _;
    let mut bytes = [0; 16];
    // Without randomness the name is still this one's own within the process.
    if ring::rand::SystemRandom::new().fill(&mut bytes).is_err() {
        static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        bytes[..8].copy_from_slice(&COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    }
    format!("{:032x}", u128::from_be_bytes(bytes))
}
