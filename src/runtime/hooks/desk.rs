//! What calls share while the daemon runs: proofs, allowances, the numbers of calls that were heard, and who is being told to look.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::pace::{Allowance, Heard};
use super::proof::Proof;
use crate::model::{ConnectionName, PipelineName};
use crate::store::{Store, StoreError, Touch};

/// Calls that wait to be stored. One has at most 2,000 records.
const WAITING: usize = 256;

/// A call that is to be stored.
pub(super) struct Job {
    touches: Vec<Touch>,
    done: oneshot::Sender<Result<(), String>>,
}

/// Whether a pipeline is being told to look.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Telling {
    Once,
    Again,
}

/// Shared by all calls.
pub(in crate::runtime) struct HookDesk {
    proofs: Mutex<BTreeMap<ConnectionName, (u64, Option<Proof>)>>,
    allowances: Mutex<HashMap<String, Allowance>>,
    heard: Mutex<Heard>,
    telling: Mutex<BTreeMap<PipelineName, Telling>>,
    jobs: mpsc::Sender<Job>,
    waiting: Mutex<Option<mpsc::Receiver<Job>>>,
}

impl Default for HookDesk {
    fn default() -> Self {
        let (jobs, waiting) = mpsc::channel(WAITING);
        Self {
            proofs: Mutex::default(),
            allowances: Mutex::default(),
            heard: Mutex::default(),
            telling: Mutex::default(),
            jobs,
            waiting: Mutex::new(Some(waiting)),
        }
    }
}

impl HookDesk {
    /// How calls of a connection prove themselves; asked again when the file or a secret has changed.
    pub(super) fn proof(
        &self,
        connection: &ConnectionName,
        version: u64,
        ask: impl FnOnce() -> Option<Proof>,
    ) -> Option<Proof> {
        let mut proofs = locked(&self.proofs);
        match proofs.get(connection) {
            Some((known, proof)) if *known == version => proof.clone(),
            _ => {
                let proof = ask();
                proofs.insert(connection.clone(), (version, proof.clone()));
                proof
            }
        }
    }

    /// Takes one call of a source that has proved who it is; there are as many as files name.
    pub(super) fn allow(&self, source: String, now: Timestamp) -> Result<(), Duration> {
        locked(&self.allowances).entry(source).or_insert_with(|| Allowance::full(now)).take(now)
    }

    pub(super) fn knows(&self, source: &str, nonce: &str) -> bool {
        locked(&self.heard).knows(source, nonce)
    }

    pub(super) fn remember(&self, source: &str, nonce: &str, now: Timestamp) {
        locked(&self.heard).remember(source, nonce, now);
    }

    /// Stores durably what a call names; returns when it is. `None`: too many wait, or the daemon ends.
    pub(super) async fn store(&self, touches: Vec<Touch>) -> Option<Result<(), String>> {
        let (done, answer) = oneshot::channel();
        self.jobs.try_send(Job { touches, done }).ok()?;
        answer.await.ok()
    }

    /// The other end, once.
    pub(super) fn take_jobs(&self) -> Option<mpsc::Receiver<Job>> {
        locked(&self.waiting).take()
    }

    /// Whether somebody has to begin to tell this pipeline to look; otherwise it is being told, and will be again.
    pub(super) fn begin_telling(&self, name: &PipelineName) -> bool {
        let mut telling = locked(&self.telling);
        let before = telling.get(name).copied();
        telling.insert(name.clone(), if before.is_some() { Telling::Again } else { Telling::Once });
        before.is_none()
    }

    /// It was told; whether it has to be told once more.
    pub(super) fn told(&self, name: &PipelineName) -> bool {
        let mut telling = locked(&self.telling);
        if telling.get(name) == Some(&Telling::Again) {
            telling.insert(name.clone(), Telling::Once);
            return true;
        }
        telling.remove(name);
        false
    }
}

/// Stores what waits, all of it in one transaction, and answers.
pub(super) async fn store_together(
    store: &Arc<Store>,
    first: Job,
    jobs: &mut mpsc::Receiver<Job>,
) -> Vec<PipelineName> {
    let mut together = vec![first];
    while let Ok(job) = jobs.try_recv() {
        together.push(job);
    }
    let (touches, answers): (Vec<_>, Vec<_>) =
        together.into_iter().map(|job| (job.touches, job.done)).unzip();
    let touches: Vec<Touch> = touches.into_iter().flatten().collect();
    let mut names: Vec<PipelineName> = touches.iter().map(|touch| touch.pipeline.clone()).collect();
    names.sort();
    names.dedup();
    let store = Arc::clone(store);
    let stored = tokio::task::spawn_blocking(move || store.touch_all(&touches)).await;
    let stored = match stored {
        Ok(stored) => stored.map_err(|error: StoreError| error.to_string()),
        Err(_) => Err("storing a call broke off".to_owned()),
    };
    for answer in answers {
        // Who no longer waits will call again; the records are queued all the same.
        let _ = answer.send(stored.clone());
    }
    if stored.is_ok() { names } else { Vec::new() }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
