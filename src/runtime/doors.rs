//! The supervisor behind the [`Control`] door.

use std::sync::Arc;

use bytes::Bytes;

use crate::model::{ConnectionName, Failure, FailureId, FailureKind, Key, LinkState, PipelineName, Side};

use super::batch::{BACK_AND_FORTH, FailureDetail};
use super::control::{
    ApiUse, Control, ControlError, ControlErrorKind, FailureFilter, FailureView, LinkView, PlanQuery,
    ReloadReport, SignInBegun, SignInState, UndoQuery, Why,
};
use super::failing;
use super::hooks::{HookHead, HookOpen, HookRefusal, HookTaken};
use super::planning::PlanAnswer;
use super::schemas::Schemas;
use super::sign_in::Disconnected;
use super::status::PipelineStatus;
use super::supervisor::Supervisor;
use super::task::Command;
use super::undo::UndoReport;

/// The door of a daemon.
#[derive(Clone, Debug)]
pub struct Door(pub Arc<Supervisor>);

fn failed(error: impl std::fmt::Display) -> ControlError {
    ControlError::new(ControlErrorKind::Failed, error.to_string())
}

fn no_pipeline(name: &PipelineName) -> ControlError {
    ControlError::new(ControlErrorKind::NotFound, format!("there is no pipeline {name} that runs"))
}

impl Door {
    async fn tell(&self, name: &PipelineName, command: Command) -> Result<(), ControlError> {
        if self.0.command(name, command).await { Ok(()) } else { Err(no_pipeline(name)) }
    }

    /// A name or a code that nobody knows is a slip of the pen, not an empty list.
    fn knows(&self, filter: &FailureFilter) -> Result<(), ControlError> {
        let running = self.0.statuses().into_iter().map(|status| status.name);
        let kept = self.0.store.pipelines().into_iter().map(|(name, _)| name);
        failing::check(filter, &running.chain(kept).collect::<Vec<_>>())
    }

    async fn generation(&self, name: &PipelineName) -> Result<u32, ControlError> {
        self.0.plan(name).await.map(|plan| plan.generation).ok_or_else(|| no_pipeline(name))
    }
}

#[async_trait::async_trait]
impl Control for Door {
    fn folder(&self) -> Option<std::path::PathBuf> {
        std::fs::canonicalize(&self.0.folder).ok()
    }

    fn pipelines(&self) -> Vec<PipelineStatus> {
        self.0.statuses()
    }

    fn pipeline(&self, name: &PipelineName) -> Option<PipelineStatus> {
        self.0.statuses().into_iter().find(|status| status.name == *name)
    }

    async fn changed(&self) {
        tokio::select! {
            () = self.0.changed.notified() => {}
            () = self.0.stop.cancelled() => {}
        }
    }

    fn api_use(&self) -> Vec<ApiUse> {
        let clients = self.0.world.clients().into_iter();
        clients
            .map(|(name, client)| {
                let status = client.budget_status();
                ApiUse {
                    connection: name.to_string(),
                    used: status.used,
                    counted: status.counted,
                    budget: status.budget,
                    org: status.org,
                }
            })
            .collect()
    }

    fn is_ready(&self) -> bool {
        self.0.is_ready()
    }

    fn metrics(&self) -> String {
        for usage in self.api_use() {
            self.0.metrics.api(&usage);
        }
        self.0.metrics.text()
    }

    async fn sync(&self, name: &PipelineName, full: bool, record: Option<Key>) -> Result<(), ControlError> {
        let command = match record {
            Some(key) => Command::Records(Side::Salesforce, vec![Key::salesforce(key.as_str())]),
            None => Command::Sync { full },
        };
        self.tell(name, command).await
    }

    async fn pause(&self, name: &PipelineName, by: &str) -> Result<(), ControlError> {
        self.tell(name, Command::Pause { by: by.to_owned() }).await
    }

    async fn resume(&self, name: &PipelineName) -> Result<(), ControlError> {
        self.tell(name, Command::Resume).await
    }

    async fn approve(&self, name: &PipelineName) -> Result<(), ControlError> {
        let waiting =
            self.pipeline(name).is_some_and(|status| status.state == super::status::State::Approval);
        if !waiting {
            let message = format!("nothing of {name} waits for approval");
            return Err(ControlError::new(ControlErrorKind::Conflict, message));
        }
        self.tell(name, Command::Approve).await
    }

    async fn failures(&self, filter: FailureFilter) -> Result<Vec<FailureView>, ControlError> {
        self.knows(&filter)?;
        failing::views(&self.0.store, &filter).map_err(failed)
    }

    async fn retry(&self, filter: FailureFilter) -> Result<usize, ControlError> {
        self.knows(&filter)?;
        let now = self.0.clock.now();
        let failures = self.0.store.failures(&failing::of_store(&filter)).map_err(failed)?;
        let count = self.0.store.retry_failures(&failing::of_store(&filter), now).map_err(failed)?;
        for failure in failures {
            if let Some(running) = self.0.registry.get(&failure.pipeline) {
                running.wake.notify_one();
            }
        }
        Ok(count)
    }

    async fn resolve(&self, id: &FailureId, take: Side) -> Result<(), ControlError> {
        let Some(failure) = self.0.store.failure(id).map_err(failed)? else {
            return Err(ControlError::new(
                ControlErrorKind::NotFound,
                format!("there is no failure {}", id.0),
            ));
        };
        if let Some(message) = undecidable(&failure) {
            return Err(ControlError::new(ControlErrorKind::Conflict, message));
        }
        let (side, key) = failure.source;
        self.tell(&failure.pipeline, Command::Resolve { records: (side, vec![key]), take }).await
    }

    async fn drop_failure(&self, id: &FailureId) -> Result<(), ControlError> {
        let filter = crate::store::FailureFilter { id: Some(id.0.clone()), ..Default::default() };
        match self.0.store.drop_failures(&filter).map_err(failed)? {
            0 => Err(ControlError::new(ControlErrorKind::NotFound, format!("there is no failure {}", id.0))),
            _ => Ok(()),
        }
    }

    async fn links(
        &self,
        name: &PipelineName,
        after: Option<Key>,
        limit: usize,
    ) -> Result<Vec<LinkView>, ControlError> {
        let generation = self.generation(name).await?;
        let links = self.0.store.links(name, generation, after.as_ref(), limit).map_err(failed)?;
        Ok(links.iter().map(link_view).collect())
    }

    async fn link(
        &self,
        name: &PipelineName,
        side: Side,
        key: &Key,
    ) -> Result<Option<LinkView>, ControlError> {
        let generation = self.generation(name).await?;
        let keys = std::slice::from_ref(key);
        let link = match side {
            Side::Salesforce => self
                .0
                .store
                .links_by_salesforce(name, generation, keys)
                .map_err(failed)?
                .into_iter()
                .flatten()
                .next(),
            Side::App => self
                .0
                .store
                .links_by_app(name, generation, keys)
                .map_err(failed)?
                .into_iter()
                .flatten()
                .next(),
        };
        Ok(link.as_ref().map(link_view))
    }

    async fn unlink(&self, name: &PipelineName, salesforce: &Key) -> Result<(), ControlError> {
        let generation = self.generation(name).await?;
        let known = self
            .0
            .store
            .links_by_salesforce(name, generation, std::slice::from_ref(salesforce))
            .map_err(failed)?;
        let Some(link) = known.into_iter().flatten().next() else {
            let message = format!("{salesforce} is not linked in {name}");
            return Err(ControlError::new(ControlErrorKind::NotFound, message));
        };
        let commit =
            crate::model::Commit { unlinked: vec![(link.salesforce, link.app)], ..Default::default() };
        self.0.store.commit(name, generation, &commit).map_err(failed).map(|_| ())
    }

    async fn why(&self, id: &str) -> Result<Why, ControlError> {
        self.0.why(id).await
    }

    async fn reload(&self) -> Result<ReloadReport, ControlError> {
        self.0.reload_now(true).await.map_err(failed)
    }

    async fn check(&self, file: &str, text: &str) -> Result<ReloadReport, ControlError> {
        Ok(self.0.check_text(file, text))
    }

    fn schemas(&self) -> Schemas {
        self.0.schemas()
    }

    async fn plan(&self, query: PlanQuery) -> Result<PlanAnswer, ControlError> {
        self.0.plan_all(query).await
    }

    async fn undo(&self, name: &PipelineName, query: UndoQuery) -> Result<UndoReport, ControlError> {
        self.0.undo(name, query).await
    }

    async fn sign_in(&self, connection: &ConnectionName) -> Result<SignInBegun, ControlError> {
        self.0.begin_sign_in(connection).await
    }

    async fn sign_in_answered(&self, query: &str) -> Result<String, ControlError> {
        self.0.end_sign_in(query).await
    }

    async fn signed_in(&self, connection: &ConnectionName) -> Result<SignInState, ControlError> {
        self.0.who_signed_in(connection).await
    }

    async fn disconnect(&self, connection: &ConnectionName) -> Result<Disconnected, ControlError> {
        self.0.sign_out(connection).await
    }

    fn hook(&self, head: &HookHead<'_>) -> Result<HookOpen, HookRefusal> {
        self.0.hook(head)
    }

    async fn hook_body(&self, open: HookOpen, body: Bytes) -> Result<HookTaken, HookRefusal> {
        self.0.hook_body(open, body).await
    }

    async fn forget(&self, name: &PipelineName) -> Result<(), ControlError> {
        if self.0.plan(name).await.is_some() {
            let message = format!("{name} runs; remove its file first");
            return Err(ControlError::new(ControlErrorKind::Conflict, message));
        }
        if !self.0.store.pipelines().iter().any(|(known, _)| known == name) {
            let message = format!("there is no state of a pipeline {name}");
            return Err(ControlError::new(ControlErrorKind::NotFound, message));
        }
        self.0.store.forget(name).map_err(failed)
    }
}

fn link_view(link: &crate::model::Link) -> LinkView {
    let state = match link.state {
        LinkState::Active => "active",
        LinkState::Stopped => "stopped",
        LinkState::StoppedInApp => "stopped in the app",
        LinkState::Gone => "gone",
        LinkState::GoneInApp => "gone in the app",
    };
    LinkView {
        salesforce: link.salesforce.clone(),
        app: link.app.clone(),
        state: state.to_owned(),
        settled: link.salesforce_version.map(|version| version.0),
    }
}

/// Why a person cannot decide about a failure by saying whose values count.
fn undecidable(failure: &Failure) -> Option<String> {
    let id = &failure.id.0;
    let existing = FailureDetail::from_text(&failure.detail).existing;
    match (failure.kind == FailureKind::Held, existing.len()) {
        (true, 0) if matches!(failure.code.as_str(), "R303" | BACK_AND_FORTH) => None,
        (true, 1) if failure.target.is_none() => None,
        (true, 1) => Some(format!("{id} is linked to another record already: edit one of the two")),
        (true, 2..) => {
            Some(format!("{id} names {} records: say in `manual_links` which one it is", existing.len()))
        }
        _ => Some(format!("{id} is no conflict of two values: there is nothing to take")),
    }
}
