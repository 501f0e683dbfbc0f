//! One pass of every pipeline without a daemon (`sfsync run`), parents before children.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::{Mutex, Notify, watch};

use super::{RunReport, WorkError, Workbench};
use crate::connect::Limit;
use crate::model::{Counts, PipelineName, Side};
use crate::plan::Pipeline;
use crate::runtime::batch::References;
use crate::runtime::build::{self, Workshop};
use crate::runtime::pass::{Asked, Observer};
use crate::runtime::registry::{Registry, Running};
use crate::runtime::supervisor::new_status;
use crate::store::Store;

/// What is to be run.
#[derive(Clone, Debug, Default)]
pub struct RunQuery {
    /// Pipelines; none: all.
    pub names: Vec<String>,
    /// Compare everything, too.
    pub full: bool,
    /// A person has allowed more deletes and changes than the files, for this run.
    pub approved: bool,
}

/// Counts what is committed, of every pipeline: also before an error, and of records that another pipeline has brought in.
struct Tally {
    counts: StdMutex<HashMap<PipelineName, Counts>>,
    observer: Arc<dyn Observer>,
}

impl Tally {
    fn of(&self, name: &PipelineName) -> Counts {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(name).copied().unwrap_or_default()
    }
}

impl Observer for Tally {
    fn settled(&self, pipeline: &PipelineName, counts: &Counts, loading: bool, total: Option<u64>) {
        let mut known = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *known.entry(pipeline.clone()).or_default() += *counts;
        drop(known);
        self.observer.settled(pipeline, counts, loading, total);
    }
}

impl Workbench {
    /// All runners of the folder, in the order in which they begin.
    async fn runners(&self, observer: &Arc<dyn Observer>) -> Result<Arc<Registry>, WorkError> {
        let Some(store) = &self.store else {
            return Err(WorkError::Unknown("this needs a state folder".to_owned()));
        };
        let shop = self.workshop(store);
        let registry = Arc::new(Registry::default());
        let plans = self.loaded.compiled.plans();
        registry.set_order(&plans);
        for plan in plans.iter().filter(|plan| plan.enabled) {
            let references: Arc<dyn References> = Arc::clone(&registry) as _;
            let known = (&self.loaded.files, &self.looked.catalog);
            let runner = build::runner(&shop, plan, known, references, Arc::clone(observer)).await?;
            let running = Running {
                runner: Arc::new(Mutex::new(runner)),
                scope: plan.salesforce.scope,
                looks_up: plan.looks_up.clone(),
                plan: Arc::clone(plan),
                wake: Arc::new(Notify::new()),
                status: watch::Sender::new(new_status(&plan.name)).subscribe(),
            };
            registry.insert(plan.name.clone(), running);
        }
        Ok(registry)
    }

    /// What runners are made with.
    pub(in crate::runtime) fn workshop(&self, store: &Arc<Store>) -> Workshop {
        Workshop {
            world: Arc::clone(&self.world),
            store: Arc::clone(store),
            clock: Arc::clone(&self.clock),
            limit: Limit::default(),
            only_looks: false,
        }
    }

    /// One pass of each pipeline, then exit. Records that wait for each other are looked at again until nothing moves.
    pub async fn run(
        &mut self,
        query: &RunQuery,
        observer: Arc<dyn Observer>,
    ) -> Result<Vec<RunReport>, WorkError> {
        let RunQuery { names, full, approved } = query;
        self.look(false).await?;
        let plans = self.plans(names)?;
        self.enter_state()?;
        let begun = self.clock.now();
        let tally = Arc::new(Tally { counts: StdMutex::default(), observer });
        let registry = self.runners(&(Arc::clone(&tally) as Arc<dyn Observer>)).await?;
        let mut reports = BTreeMap::new();
        for plan in &plans {
            let Some(running) = registry.get(&plan.name) else { continue };
            if let Some(report) = self.paused(&plan.name)? {
                reports.insert(plan.name.clone(), report);
                continue;
            }
            let mut runner = running.runner.lock().await;
            let result = match (runner.changes(*approved).await, full) {
                (Ok(_), true) => runner.everything(*approved).await,
                (first, _) => first,
            };
            let error = result.err().map(WorkError::from);
            let counts = Counts::default();
            reports.insert(
                plan.name.clone(),
                RunReport { pipeline: plan.name.clone(), counts, standing: 0, error },
            );
        }
        let settled = self.settle_queues((&plans, *approved, begun), &registry, &mut reports).await;
        // Runners know each other by the registry: without this nobody else could open the state.
        registry.clear();
        settled?;
        for (name, report) in &mut reports {
            report.counts = tally.of(name);
            report.standing = self.standing(name)?;
        }
        let done = plans.iter().filter_map(|plan| reports.remove(&plan.name));
        Ok(done.chain(self.broken(names)).collect())
    }

    /// A pause holds here, too: after an undo, a pass would write again what was taken back.
    fn paused(&self, name: &PipelineName) -> Result<Option<RunReport>, WorkError> {
        let Some(store) = &self.store else { return Ok(None) };
        let report = |by| RunReport {
            pipeline: name.clone(),
            counts: Counts::default(),
            standing: 0,
            error: Some(WorkError::Paused { name: name.clone(), by }),
        };
        Ok(store.paused(name)?.map(|mark| report(mark.by)))
    }

    /// Pauses a pipeline, or lets it go on, for the passes to come and for a daemon.
    pub fn set_paused(&self, name: &str, by: Option<&str>) -> Result<(), WorkError> {
        let plans = self.plans(&[name.to_owned()])?;
        let (Some(store), Some(plan)) = (&self.store, plans.first()) else {
            return Err(WorkError::Unknown("this needs a state folder".to_owned()));
        };
        Ok(store.set_paused(&plan.name, by, self.clock.now())?)
    }

    /// Pipelines that cannot run because their files have errors, where all are asked for: nobody may take them for done.
    fn broken(&self, names: &[String]) -> Vec<RunReport> {
        let all = self.loaded.compiled.pipelines.iter().filter(|(_, plan)| names.is_empty() && plan.is_err());
        let report = |name: &PipelineName| RunReport {
            pipeline: name.clone(),
            counts: Counts::default(),
            standing: 0,
            error: Some(WorkError::Broken(name.clone())),
        };
        all.map(|(name, _)| report(name)).collect()
    }

    /// Looks at single records until nothing moves: those that other pipelines touched, and those that failed earlier and were due when
    /// this run began.
    async fn settle_queues(
        &self,
        (plans, approved, begun): (&[Arc<Pipeline>], bool, Timestamp),
        registry: &Registry,
        reports: &mut BTreeMap<PipelineName, RunReport>,
    ) -> Result<(), WorkError> {
        let Some(store) = &self.store else { return Ok(()) };
        for _ in 0..10 {
            let mut moved = false;
            for plan in plans {
                let Some(report) = reports.get_mut(&plan.name).filter(|report| report.error.is_none()) else {
                    continue;
                };
                let mut asked = Vec::new();
                for side in [Side::Salesforce, Side::App] {
                    let mut keys = store.touched(&plan.name, side, 10_000)?;
                    keys.extend(store.due_retries(&plan.name, side, begun, 10_000)?);
                    keys.sort();
                    keys.dedup();
                    asked.push(Asked { side, keys, take: None });
                }
                let waits = asked.iter().any(|asked| !asked.keys.is_empty());
                let Some(running) = registry.get(&plan.name).filter(|_| waits) else { continue };
                moved = true;
                let looked_at = running.runner.lock().await.asked_for(&asked, approved).await;
                report.error = looked_at.err().map(WorkError::from);
            }
            if !moved {
                return Ok(());
            }
        }
        Ok(())
    }
}
