//! The pipelines that run, as they see each other: who brings records in on demand, who waits for whose first load, who has to look
//! again when somebody else has linked a record.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{Mutex, Notify, watch};

use super::batch::{Demand, Partners, References};
use super::pass::{PassError, Runner};
use super::status::{PipelineStatus, State};
use crate::connect::ConnectError;
use crate::model::{Class, ConnectionName, Key, PipelineName, ResourceName, Side};
use crate::plan::{Pipeline, Push, Scope};

/// A pipeline that runs.
#[derive(Clone)]
pub struct Running {
    /// What its passes work with; locked for the length of a pass.
    pub runner: Arc<Mutex<Runner>>,
    /// Whether its records come in on demand.
    pub scope: Scope,
    /// Pipelines it looks up.
    pub looks_up: Vec<PipelineName>,
    /// The plan it runs by.
    pub plan: Arc<Pipeline>,
    /// Wakes its task.
    pub wake: Arc<Notify>,
    /// As it is now.
    pub status: watch::Receiver<PipelineStatus>,
}

/// A way of news at once to a pipeline: a side, and how that side tells.
pub type PushSource = (Side, Push);

/// How news at once come to a pipeline in one way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushState {
    /// Whether they come.
    pub up: bool,
    /// Why they do not come, and what happens instead, where that is to be told. Nothing, while the way is being made or made again.
    pub problem: Option<String>,
}

impl PushState {
    /// A way that is being made.
    const CONNECTING: Self = Self { up: false, problem: None };

    /// They come, unless there is a problem.
    pub fn of(problem: Option<String>) -> Self {
        Self { up: problem.is_none(), problem }
    }
}

/// How news at once come to a pipeline, all ways together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushShown {
    /// For `status`: the way that is used, for each side that has one.
    pub word: String,
    /// Why none of the ways of a side works.
    pub problem: Option<String>,
}

/// The first way that works counts, in the order of the file.
fn shown(ways: &BTreeMap<PushSource, PushState>, plan: &Pipeline) -> Option<PushShown> {
    let mut all = PushShown::default();
    for (side, order) in [(Side::Salesforce, &plan.salesforce.push), (Side::App, &plan.app.push)] {
        let known = || order.iter().filter_map(|way| Some((way.word(), ways.get(&(side, *way))?)));
        let Some((first, state)) = known().next() else { continue };
        let word = if let Some((word, _)) = known().find(|(_, state)| state.up) {
            word.to_owned()
        } else {
            all.problem = all.problem.or_else(|| state.problem.clone());
            if *state == PushState::CONNECTING {
                format!("{first} connecting")
            } else {
                format!("{first} off")
            }
        };
        if all.word != word {
            let comma = if all.word.is_empty() { "" } else { ", " };
            all.word = format!("{}{comma}{word}", all.word);
        }
    }
    (!all.word.is_empty()).then_some(all)
}

/// How long a record waits for a pipeline that is about to run.
const ARRIVAL: Duration = Duration::from_secs(10);

/// All pipelines that run.
#[derive(Default)]
pub struct Registry {
    running: RwLock<HashMap<PipelineName, Running>>,
    order: RwLock<HashMap<PipelineName, (usize, Scope)>>,
    /// All of the files, those that rest or cannot run included: what they made stays theirs.
    plans: RwLock<Vec<Arc<Pipeline>>>,
    arrived: Notify,
    /// Told whenever a pipeline begins or ends and when files were loaded; one listener.
    moved: Notify,
    push: RwLock<BTreeMap<PipelineName, BTreeMap<PushSource, PushState>>>,
    /// Those whose tasks are being made: parents among them are waited for, too.
    beginning: RwLock<HashSet<PipelineName>>,
    absent: RwLock<BTreeMap<PipelineName, String>>,
    turns: std::sync::Mutex<BTreeMap<Resource, Arc<Mutex<()>>>>,
}

/// A connection and a resource of it.
type Resource = (ConnectionName, ResourceName);

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.read().keys()).finish()
    }
}

impl Registry {
    fn read(&self) -> std::sync::RwLockReadGuard<'_, HashMap<PipelineName, Running>> {
        self.running.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looked-up pipelines come first. Only earlier ones are waited for, so there is no circle. Set whenever the files were loaded,
    /// before anything begins: a pipeline that is about to run is not taken for absent.
    pub fn set_order(&self, plans: &[Arc<Pipeline>]) {
        let place =
            |(place, plan): (usize, &Arc<Pipeline>)| (plan.name.clone(), (place, plan.salesforce.scope));
        let order = plans.iter().enumerate().map(place).collect();
        *self.order.write().unwrap_or_else(PoisonError::into_inner) = order;
        *self.plans.write().unwrap_or_else(PoisonError::into_inner) = plans.to_vec();
    }

    /// The pipelines that files look up and that do not run, with the reason: lookups go on with their remembered links. Wakes those
    /// that look them up, now or before.
    pub fn set_absent(&self, absent: BTreeMap<PipelineName, String>) {
        let before = std::mem::replace(
            &mut *self.absent.write().unwrap_or_else(PoisonError::into_inner),
            absent.clone(),
        );
        if before != absent {
            before.keys().chain(absent.keys()).for_each(|name| self.wake_users_of(name));
        }
    }

    /// Why the first of these does not run, if one does not.
    pub fn absent(&self, names: &[PipelineName]) -> Option<String> {
        let absent = self.absent.read().unwrap_or_else(PoisonError::into_inner);
        names.iter().find_map(|name| absent.get(name).cloned())
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

    /// The task of a pipeline is being made, or could not be made.
    pub fn set_beginning(&self, name: &PipelineName, begins: bool) {
        let mut beginning = self.beginning.write().unwrap_or_else(PoisonError::into_inner);
        if begins {
            beginning.insert(name.clone())
        } else {
            beginning.remove(name)
        };
    }

    /// Adds or replaces a pipeline.
    pub fn insert(&self, name: PipelineName, running: Running) {
        self.set_beginning(&name, false);
        self.running.write().unwrap_or_else(PoisonError::into_inner).insert(name, running);
        self.arrived.notify_waiters();
        self.moved.notify_one();
    }

    /// Returns when a pipeline has begun or ended since the last call. For one listener.
    pub async fn moved(&self) {
        self.moved.notified().await;
    }

    /// The files say something else now.
    pub fn tell_moved(&self) {
        self.moved.notify_one();
    }

    /// How news at once come to a pipeline in a way; `None` where nobody listens for it any more.
    pub fn set_push(&self, name: &PipelineName, source: PushSource, state: Option<PushState>) {
        let mut push = self.push.write().unwrap_or_else(PoisonError::into_inner);
        let ways = push.entry(name.clone()).or_default();
        let before = match state.clone() {
            Some(state) => ways.insert(source, state),
            None => ways.remove(&source),
        };
        if ways.is_empty() {
            push.remove(name);
        }
        drop(push);
        if before != state
            && let Some(running) = self.get(name)
        {
            running.wake.notify_one();
        }
    }

    /// A way is being made, or made again. What is known to be wrong with it stays told until it is up.
    pub fn push_connects(&self, name: &PipelineName, source: PushSource) {
        let push = self.push.read().unwrap_or_else(PoisonError::into_inner);
        let known = push.get(name).and_then(|ways| ways.get(&source));
        let is_wrong = known.is_some_and(|state| state.problem.is_some());
        drop(push);
        if !is_wrong {
            self.set_push(name, source, Some(PushState::CONNECTING));
        }
    }

    /// How news at once come to a pipeline; `None` where nobody listens for it.
    pub fn push(&self, plan: &Pipeline) -> Option<PushShown> {
        let push = self.push.read().unwrap_or_else(PoisonError::into_inner);
        shown(push.get(&plan.name)?, plan)
    }

    /// The lock of a resource that several pipelines share.
    fn turn(&self, pipeline: &Pipeline) -> Arc<Mutex<()>> {
        let resource = (pipeline.app.connection.clone(), pipeline.app.resource.clone());
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(resource).or_default())
    }

    /// Removes all pipelines.
    pub fn clear(&self) {
        self.running.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Removes a pipeline.
    pub fn remove(&self, name: &PipelineName) {
        self.running.write().unwrap_or_else(PoisonError::into_inner).remove(name);
        self.moved.notify_one();
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

    /// Looked-up pipelines whose first load is under way or about to begin: children wait for them, so that parents come first.
    pub fn loading(&self, names: &[PipelineName]) -> Vec<PipelineName> {
        let all = self.read();
        let loads = |running: &Running| {
            running.status.borrow().state == State::Loading && running.scope == Scope::All
        };
        let loading = |name: &&PipelineName| all.get(*name).map_or_else(|| self.begins(name), loads);
        names.iter().filter(loading).cloned().collect()
    }

    fn begins(&self, name: &PipelineName) -> bool {
        self.beginning.read().unwrap_or_else(PoisonError::into_inner).contains(name)
    }
}

#[async_trait::async_trait]
impl References for Registry {
    fn on_demand(&self, asking: &PipelineName, pipeline: &PipelineName) -> Demand {
        let order = self.order.read().unwrap_or_else(PoisonError::into_inner);
        match (order.get(pipeline), order.get(asking)) {
            (None | Some((_, Scope::All)), _) => Demand::No,
            (Some((asked, Scope::Referenced)), Some((asking, _))) if asked < asking => Demand::Now,
            (Some((_, Scope::Referenced)), _) => Demand::Later,
        }
    }

    fn partners(&self, pipeline: &Pipeline) -> Partners {
        let plans = self.plans.read().unwrap_or_else(PoisonError::into_inner);
        Partners::of(pipeline, &plans, &self.turn(pipeline))
    }

    async fn require(&self, pipeline: &PipelineName, keys: Vec<Key>) -> Result<(), ConnectError> {
        let Ok(running) = tokio::time::timeout(ARRIVAL, self.arrival(pipeline)).await else {
            let message = format!("{pipeline}, which brings in what is looked up, does not run");
            return Err(ConnectError::new("R110", Class::TRANSIENT, message));
        };
        let mut runner = running.runner.lock().await;
        runner.run = runner.clock.now();
        let brought = runner.records(Side::Salesforce, &keys, true).await;
        drop(runner);
        // Its task did not see it: it shows what is linked and held now.
        running.wake.notify_one();
        match brought {
            // Deletes among them wait for a person, whom that pipeline asks itself; the rest is there.
            Ok(_) | Err(PassError::Approval(_)) => Ok(()),
            Err(PassError::Connect(error)) => Err(error),
            Err(error) => Err(ConnectError::new(
                "R110",
                Class::TRANSIENT,
                format!("{pipeline} could not bring records in: {error}"),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_that_is_about_to_begin_is_waited_for() {
        let registry = Registry::default();
        let parent = PipelineName::from("accounts");
        let loading = || registry.loading(std::slice::from_ref(&parent));
        assert!(loading().is_empty(), "a pipeline that nobody begins is not waited for");
        registry.set_beginning(&parent, true);
        assert_eq!(loading(), std::slice::from_ref(&parent));
        registry.set_beginning(&parent, false);
        assert!(loading().is_empty(), "one that could not begin holds nobody up");
    }
}
