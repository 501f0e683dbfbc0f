//! What runs becomes what was judged: tasks end, begin and stay; state moves with a new name.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::judge::Judged;
use crate::model::{ConnectionName, PipelineName};
use crate::plan::catalog::{Catalog, Knowledge};
use crate::plan::{Files, Pipeline, diff};
use crate::runtime::catalogs::table_of;
use crate::runtime::lineage::Made;
use crate::runtime::load::Loaded;
use crate::runtime::supervisor::{Latest, MadeOf, Seed, Supervisor};
use crate::spec::{ConnectionKind, PipelineFile};
use crate::store::StoreError;

impl Supervisor {
    /// Starts what is new, swaps what changed, ends what is gone.
    pub(super) async fn apply(
        self: &Arc<Self>,
        judged: &Judged,
        before: &Latest,
        catalog: &Arc<Catalog>,
    ) -> Result<(), StoreError> {
        let loaded = judged.running();
        let files = Arc::new(loaded.files.clone());
        let is_there = |name: &PipelineName| judged.desired.files.pipeline(name).is_some();
        let plans: Vec<Arc<Pipeline>> =
            loaded.compiled.plans().into_iter().filter(|plan| is_there(&plan.name)).collect();
        let systems = self.systems(&files);
        let (mut ending, mut beginning) = (Vec::new(), Vec::new());
        {
            let live = self.live.lock().await;
            ending.extend(live.keys().filter(|name| !is_there(name)).cloned());
            for plan in &plans {
                let made_of = made_of(&files, &systems, plan, catalog);
                let known = live.get(&plan.name);
                if known.is_some_and(|live| live.made_of == made_of && same_plan(&live.plan, plan)) {
                    continue;
                }
                ending.extend(known.map(|_| plan.name.clone()));
                beginning.push((Arc::clone(plan), made_of));
            }
        }
        self.end_all(&ending).await;
        self.forget_gone(&judged.desired, ending.iter().filter(|name| !is_there(name)))?;
        self.registry.set_order(&plans);
        for (plan, made_of) in beginning {
            let Some(file) = files.pipeline(&plan.name).and_then(|file| file.value()) else { continue };
            if let Err(error) = self.meaning().rename(&files, file) {
                tracing::error!(pipeline = %plan.name, %error, "the state could not be renamed; the pipeline is not started");
                continue;
            }
            log_changes(&before.files, file);
            let (path, version) = (files.path(file.source), (&plan.name, &*made_of.text));
            if let Err(error) = self.meaning().try_again(version, self.good(path).as_ref(), self.clock.now())
            {
                tracing::error!(pipeline = %plan.name, %error, "what failed could not be made due");
            }
            let made = Made::of(file, &plan, catalog);
            self.begin(Seed { plan, made, made_of, files: Arc::clone(&files), catalog: Arc::clone(catalog) })
                .await;
        }
        self.registry.set_absent(judged.absent.clone());
        Ok(())
    }

    /// Notes since when files are gone, unless another file may be the same under a new name.
    fn forget_gone<'a>(
        &self,
        desired: &Loaded,
        ended: impl Iterator<Item = &'a PipelineName>,
    ) -> Result<(), StoreError> {
        for name in ended {
            self.drop_status(name);
            tracing::info!(pipeline = %name, "pipeline removed; its state is kept");
        }
        self.meaning().forget_gone(desired, self.clock.now())
    }

    /// Both sides of every pipeline, secrets included, as hashes.
    fn systems(&self, files: &Files) -> BTreeMap<ConnectionName, u64> {
        let readable = files.connections.iter().filter_map(|file| Some((&file.name, file.value()?)));
        readable.map(|(name, file)| (name.clone(), self.world.identity(file))).collect()
    }
}

fn made_of(
    files: &Files,
    systems: &BTreeMap<ConnectionName, u64>,
    plan: &Pipeline,
    catalog: &Catalog,
) -> MadeOf {
    let source = files.pipeline(&plan.name).and_then(|file| files.map.get(file.source));
    let system = |name: &ConnectionName| systems.get(name).copied().unwrap_or_default();
    MadeOf {
        text: source.map_or_else(|| Arc::from(""), |source| Arc::clone(&source.text)),
        systems: [system(&plan.salesforce.connection), system(&plan.app.connection)],
        zone: files.timezone().iana_name().unwrap_or_default().to_owned(),
        known: known(files, plan, catalog),
    }
}

/// Whether the systems have told of the object and of the table.
fn known(files: &Files, plan: &Pipeline, catalog: &Catalog) -> [bool; 2] {
    let org = catalog.org(&plan.salesforce.connection);
    let object = org.is_some_and(|org| org.object(&plan.salesforce.object).known().is_some());
    let file = files.connection(&plan.app.connection).and_then(|file| file.value());
    let table = file.is_none_or(|file| match &file.kind {
        ConnectionKind::Postgres(_) | ConnectionKind::Sqlite(_) => {
            let name = table_of(file, plan.app.resource.as_str());
            let database = catalog.database(&plan.app.connection);
            database.is_some_and(|known| !matches!(known.table(&name), Knowledge::Unknown))
        }
        _ => true,
    });
    [object, table]
}

/// Whether two plans of the same text are the same: what is known of the systems may have changed in between.
fn same_plan(one: &Arc<Pipeline>, other: &Arc<Pipeline>) -> bool {
    let fields =
        |plan: &Pipeline| (plan.salesforce.schema.fields().to_vec(), plan.app.schema.fields().to_vec());
    Arc::ptr_eq(one, other)
        || (one.lane == other.lane && one.row_set == other.row_set && fields(one) == fields(other))
}

fn log_changes(before: &Files, file: &PipelineFile) {
    let Some(old) = before.pipeline(&file.name).and_then(|file| file.value()) else {
        tracing::info!(pipeline = %file.name, "pipeline loaded");
        return;
    };
    for change in diff(old, file) {
        tracing::info!(pipeline = %file.name, change = %change.what, effect = %change.effect, "file taken over");
    }
}
