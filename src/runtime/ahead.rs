//! What a plan assumes of the pipelines that are looked up: a sync brings their records in first, so a record that they would make or
//! link counts as linked, although nothing is brought in and nothing is written. Read [`Ahead`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::batch::{Demand, Fate, Partners, References};
use super::build::{self, Workshop};
use super::pass::{PassError, Runner};
use super::planning::quiet;
use super::preview::Preview;
use super::registry::Registry;
use crate::connect::ConnectError;
use crate::model::{Key, PipelineName, Side};
use crate::plan::{Catalog, Files, Pipeline};
use crate::sync::{Decision, Mode};

/// The key of a record that is not made yet. It reads as a number, so that it fits where keys are numbers; no app gives it.
pub(super) const NEW: &str = "-9007199254740991";

/// How far lookups of looked-up records are followed.
const DEPTH: usize = 3;

/// What is known of the folder.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// The files.
    pub files: &'a Files,
    /// The systems.
    pub catalog: &'a Catalog,
    /// All plans of the folder.
    pub plans: &'a [Arc<Pipeline>],
}

/// A record of a pipeline by its key on a side.
type Place = (PipelineName, Side, Key);

/// Lookups as a sync would find them.
pub(super) struct Ahead {
    registry: Arc<Registry>,
    /// Runners of the looked-up pipelines; they only look.
    runners: HashMap<PipelineName, tokio::sync::Mutex<Runner>>,
    /// What was asked already.
    asked: Mutex<HashMap<Place, Option<Key>>>,
}

impl Ahead {
    /// For a plan. A looked-up pipeline that cannot be opened is assumed to make nothing.
    pub(super) async fn of(
        shop: &Workshop,
        plan: &Arc<Pipeline>,
        known: Known<'_>,
        registry: &Arc<Registry>,
    ) -> Arc<dyn References> {
        Self::at(shop, plan, known, (registry, DEPTH)).await
    }

    async fn at(
        shop: &Workshop,
        plan: &Arc<Pipeline>,
        known: Known<'_>,
        (registry, depth): (&Arc<Registry>, usize),
    ) -> Arc<dyn References> {
        let mut runners = HashMap::new();
        let looked_up =
            known.plans.iter().filter(|other| plan.looks_up.contains(&other.name) && other.enabled);
        for other in looked_up.filter(|_| depth > 0) {
            let references = Box::pin(Self::at(shop, other, known, (registry, depth - 1))).await;
            let built = build::runner(shop, other, (known.files, known.catalog), references, quiet()).await;
            if let Ok(runner) = built {
                runners.insert(other.name.clone(), tokio::sync::Mutex::new(runner));
            }
        }
        Arc::new(Self { registry: Arc::clone(registry), runners, asked: Mutex::default() })
    }

    fn asked(&self) -> std::sync::MutexGuard<'_, HashMap<Place, Option<Key>>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait::async_trait]
impl References for Ahead {
    fn on_demand(&self, asking: &PipelineName, pipeline: &PipelineName) -> Demand {
        match self.registry.on_demand(asking, pipeline) {
            Demand::No => Demand::No,
            Demand::Now | Demand::Later => Demand::Later,
        }
    }

    fn partners(&self, pipeline: &Pipeline) -> Partners {
        self.registry.partners(pipeline)
    }

    async fn require(&self, _: &PipelineName, _: Vec<Key>) -> Result<(), ConnectError> {
        Ok(())
    }

    async fn would_link(
        &self,
        pipeline: &PipelineName,
        from: Side,
        keys: &[Key],
    ) -> Result<Vec<(Key, Key)>, ConnectError> {
        let Some(runner) = self.runners.get(pipeline) else { return Ok(Vec::new()) };
        let place = |key: &Key| (pipeline.clone(), from, key.clone());
        let open: Vec<Key> = {
            let asked = self.asked();
            keys.iter().filter(|key| !asked.contains_key(&place(key))).cloned().collect()
        };
        if !open.is_empty() {
            let mut found = looked_at(&mut *runner.lock().await, from, &open).await?;
            let mut asked = self.asked();
            asked.extend(open.iter().map(|key| (place(key), found.remove(key))));
        }
        let asked = self.asked();
        let linked = |key: &Key| Some((key.clone(), asked.get(&place(key))?.clone()?));
        Ok(keys.iter().filter_map(linked).collect())
    }
}

/// Which of these records a sync would link, and with what.
async fn looked_at(runner: &mut Runner, from: Side, keys: &[Key]) -> Result<HashMap<Key, Key>, ConnectError> {
    let Ok(source) = runner.source_of(from) else { return Ok(HashMap::new()) };
    let events = source.fetch(keys).await?;
    let prepared = match runner.preview(from, events, Mode::Repair).await {
        Ok(Preview::Linked(prepared)) => prepared,
        Err(PassError::Connect(error)) => return Err(error),
        Ok(Preview::Mirror(_)) | Err(_) => return Ok(HashMap::new()),
    };
    let new = match from {
        Side::Salesforce => Key::app(NEW),
        Side::App => Key::salesforce(NEW),
    };
    let linked = prepared.items.into_iter().filter_map(|item| {
        let linked = match item.fate.as_ref()? {
            Fate::Decided(Decision::Create { .. }) | Fate::Postponed => new.clone(),
            Fate::Decided(Decision::Link { .. } | Decision::Update { linking: true, .. }) => {
                item.key_on(from.other())?.clone()
            }
            _ => return None,
        };
        Some((item.key, linked))
    });
    Ok(linked.collect())
}
