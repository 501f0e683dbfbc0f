//! What can be asked of a supervisor while it runs, and told to its pipelines.

use std::sync::{Arc, PoisonError};

use tokio::sync::watch;

use super::{Supervisor, new_status};
use crate::model::PipelineName;
use crate::plan::Pipeline;
use crate::runtime::control::ReloadReport;
use crate::runtime::folder;
use crate::runtime::load::{self, Loading};
use crate::runtime::status::PipelineStatus;
use crate::runtime::task::Command;

impl Supervisor {
    pub(in crate::runtime) fn status_of(&self, name: &PipelineName) -> watch::Sender<PipelineStatus> {
        let mut statuses = self.statuses.write().unwrap_or_else(PoisonError::into_inner);
        statuses.entry(name.clone()).or_insert_with(|| watch::Sender::new(new_status(name))).clone()
    }

    pub(in crate::runtime) fn drop_status(&self, name: &PipelineName) {
        self.statuses.write().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// Checks the text of one file among the files that are there; nothing is taken over.
    pub fn check_text(&self, path: &str, text: &str) -> ReloadReport {
        let mut texts = folder::read(&self.folder).unwrap_or_default();
        let name = path
            .rsplit('/')
            .next()
            .unwrap_or(path)
            .trim_end_matches(".yaml")
            .trim_end_matches(".yml")
            .to_owned();
        let file = folder::File::new(path, text.as_bytes().to_vec());
        if path.contains("connections/") {
            texts.connections.insert(name, file);
        } else if name == "settings" {
            texts.settings = Some(file);
        } else {
            texts.pipelines.insert(name, file);
        }
        let latest = self.latest();
        let files = load::parse_after(&texts, &latest.desired, |path| self.since(path));
        let loading = Loading {
            engine: &self.engine,
            catalog: &latest.catalog,
            now: self.clock.now(),
            ignore_not_yet: false,
        };
        let loaded = load::load_after(files, &loading, &latest.earlier);
        let map = &loaded.files.map;
        let here = |message: &&crate::diag::Diagnostic| {
            message
                .primary
                .as_ref()
                .and_then(|label| map.get(label.span.source))
                .is_some_and(|source| &*source.path == path)
        };
        let diagnostics =
            loaded.compiled.diagnostics.iter().filter(here).map(|message| crate::diag::to_data(message, map));
        ReloadReport { files: Vec::new(), diagnostics: diagnostics.collect() }
    }

    /// All statuses by name.
    pub fn statuses(&self) -> Vec<PipelineStatus> {
        let statuses = self.statuses.read().unwrap_or_else(PoisonError::into_inner);
        statuses.values().map(|status| status.borrow().clone()).collect()
    }

    /// Follows the status of a pipeline.
    pub fn status_receiver(&self, name: &PipelineName) -> Option<watch::Receiver<PipelineStatus>> {
        let statuses = self.statuses.read().unwrap_or_else(PoisonError::into_inner);
        statuses.get(name).map(watch::Sender::subscribe)
    }

    /// Gives a command to a pipeline; false if there is none of that name with a task.
    pub async fn command(&self, name: &PipelineName, command: Command) -> bool {
        let sender = self.live.lock().await.get(name).map(|live| live.commands.clone());
        match sender {
            Some(sender) => sender.send(command).await.is_ok(),
            None => false,
        }
    }

    /// The plan that runs.
    pub async fn plan(&self, name: &PipelineName) -> Option<Arc<Pipeline>> {
        self.live.lock().await.get(name).map(|live| Arc::clone(&live.plan))
    }

    /// All plans that run.
    pub async fn plans(&self) -> Vec<Arc<Pipeline>> {
        self.live.lock().await.values().map(|live| Arc::clone(&live.plan)).collect()
    }
}
