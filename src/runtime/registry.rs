//! The pipelines that run, as they see each other: who brings records in on demand, who waits for whose first load, who has to look
//! again when somebody else has linked a record.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{Mutex, Notify, watch};

use super::batch::{Demand, References};
use super::pass::{PassError, Runner};
use super::status::{PipelineStatus, State};
use crate::connect::ConnectError;
use crate::model::{Class, Key, PipelineName};
use crate::plan::Scope;

/// A pipeline that runs.
#[derive(Clone)]
pub struct Running {
    /// What its passes work with; locked for the length of a pass.
    pub runner: Arc<Mutex<Runner>>,
    /// Its place among all: looked-up pipelines come first. Only earlier ones are waited for, so there is no circle.
    pub place: usize,
    /// Whether its records come in on demand.
    pub scope: Scope,
    /// Pipelines it looks up.
    pub looks_up: Vec<PipelineName>,
    /// Wakes its task.
    pub wake: Arc<Notify>,
    /// As it is now.
    pub status: watch::Receiver<PipelineStatus>,
}

/// What is known of a pipeline before it runs, so that those that begin sooner do not take it for absent.
#[derive(Clone)]
pub struct Declared {
    /// As in [`Running`].
    pub place: usize,
    /// As in [`Running`].
    pub scope: Scope,
    /// As in [`Running`].
    pub status: watch::Receiver<PipelineStatus>,
}

/// How long a record waits for a pipeline that is about to run.
const ARRIVAL: Duration = Duration::from_secs(10);

/// All pipelines that run.
#[derive(Default)]
pub struct Registry {
    running: RwLock<HashMap<PipelineName, Running>>,
    declared: RwLock<HashMap<PipelineName, Declared>>,
    arrived: Notify,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.read().keys()).finish()
    }
}

impl Registry {
    fn read(&self) -> std::sync::RwLockReadGuard<'_, HashMap<PipelineName, Running>> {
        self.running.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says which pipelines are going to run; called before any of them begins.
    pub fn declare(&self, all: HashMap<PipelineName, Declared>) {
        *self.declared.write().unwrap_or_else(PoisonError::into_inner) = all;
    }

    fn declared(&self) -> std::sync::RwLockReadGuard<'_, HashMap<PipelineName, Declared>> {
        self.declared.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds or replaces a pipeline.
    pub fn insert(&self, name: PipelineName, running: Running) {
        self.running.write().unwrap_or_else(PoisonError::into_inner).insert(name, running);
        self.arrived.notify_waiters();
    }

    /// The pipeline, once it runs.
    async fn arrival(&self, name: &PipelineName) -> Running {
        loop {
            let arrived = self.arrived.notified();
            tokio::pin!(arrived);
            arrived.as_mut().enable();
            if let Some(running) = self.get(name) {
                return running;
            }
            arrived.await;
        }
    }

    /// Removes a pipeline.
    pub fn remove(&self, name: &PipelineName) {
        self.running.write().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// Removes all pipelines.
    pub fn clear(&self) {
        self.running.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// One pipeline.
    pub fn get(&self, name: &PipelineName) -> Option<Running> {
        self.read().get(name).cloned()
    }

    /// Wakes the pipelines that look this one up: it has linked records that they may have waited for.
    pub fn wake_users_of(&self, name: &PipelineName) {
        for running in self.read().values().filter(|running| running.looks_up.contains(name)) {
            running.wake.notify_one();
        }
    }

    /// Looked-up pipelines whose first load is under way: children wait for them, so that parents come first.
    pub fn loading(&self, names: &[PipelineName]) -> Vec<PipelineName> {
        let all = self.declared();
        let loading = |name: &&PipelineName| {
            all.get(*name).is_some_and(|pipeline| {
                pipeline.scope == Scope::All && pipeline.status.borrow().state == State::Loading
            })
        };
        names.iter().filter(loading).cloned().collect()
    }
}

#[async_trait::async_trait]
impl References for Registry {
    fn on_demand(&self, asking: &PipelineName, pipeline: &PipelineName) -> Demand {
        let all = self.declared();
        let (Some(asking), Some(asked)) = (all.get(asking), all.get(pipeline)) else { return Demand::No };
        match asked.scope {
            Scope::All => Demand::No,
            Scope::Referenced if asked.place < asking.place => Demand::Now,
            Scope::Referenced => Demand::Later,
        }
    }

    async fn require(&self, pipeline: &PipelineName, keys: Vec<Key>) -> Result<(), ConnectError> {
        let Ok(running) = tokio::time::timeout(ARRIVAL, self.arrival(pipeline)).await else {
            let message = format!("{pipeline}, which brings in what is looked up, does not run");
            return Err(ConnectError::new("R110", Class::TRANSIENT, message));
        };
        let mut runner = running.runner.lock().await;
        match runner.records(&keys, true).await {
            Ok(_) => Ok(()),
            Err(PassError::Connect(error)) => Err(error),
            Err(error) => Err(ConnectError::new(
                "R110",
                Class::TRANSIENT,
                format!("{pipeline} could not bring records in: {error}"),
            )),
        }
    }
}
