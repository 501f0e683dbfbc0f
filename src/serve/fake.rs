//! A daemon in memory for the tests of the doors: it remembers what it was told.

use std::sync::Mutex;

use bytes::Bytes;
use jiff::Timestamp;

use crate::model::{
    ConnectionName, Counts, Failure, FailureId, FailureKind, FailureWay, Key, PipelineName, Side,
};
use crate::runtime::batch::FailureDetail;
use crate::runtime::control::{
    ApiUse, Control, ControlError, ControlErrorKind, FailureFilter, FailureView, FileReport, LinkView,
    PlanQuery, ReloadReport, SignInBegun, SignInState, UndoQuery, Why, WhyEntry,
};
use crate::runtime::hooks::{HookHead, HookOpen, HookRefusal, HookTaken};
use crate::runtime::planning::PlanAnswer;
use crate::runtime::schemas::Schemas;
use crate::runtime::sign_in::Disconnected;
use crate::runtime::status::{ConfigStatus, PipelineStatus, State, StatusCounts};
use crate::runtime::undo::UndoReport;

/// One pipeline `projects`, two failures, one link.
#[derive(Default)]
pub(crate) struct FakeDaemon {
    pub(crate) told: Mutex<Vec<String>>,
    pub(crate) ready: bool,
    pub(crate) broken: bool,
}

impl FakeDaemon {
    fn tell(&self, text: String) {
        self.told.lock().unwrap().push(text);
    }

    fn known(name: &PipelineName) -> Result<(), ControlError> {
        if name.as_str() == "projects" {
            Ok(())
        } else {
            Err(missing(&format!("there is no pipeline {name}")))
        }
    }

    fn report(&self) -> ReloadReport {
        let errors = usize::from(self.broken);
        let file = FileReport { file: "pipelines/projects.yaml".to_owned(), errors, ..FileReport::default() };
        ReloadReport { files: vec![file], diagnostics: Vec::new() }
    }
}

fn missing(message: &str) -> ControlError {
    ControlError::new(ControlErrorKind::NotFound, message)
}

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A pipeline that runs.
pub(crate) fn status(name: &str) -> PipelineStatus {
    PipelineStatus {
        name: PipelineName::from(name),
        state: State::Running,
        message: String::new(),
        config: ConfigStatus {
            file: format!("pipelines/{name}.yaml"),
            loaded_at: Some(time("2026-03-01T14:02:11Z")),
            current: true,
            generation: 1,
            errors: 0,
            problem: None,
        },
        conditions: Vec::new(),
        counts: StatusCounts::default(),
        caught_up: Some(time("2026-03-01T14:59:57Z")),
        push: "–".to_owned(),
        progress: None,
        totals: Counts::default(),
        passes: 0,
        comparisons: 0,
        comparison: None,
        next_look: None,
    }
}

/// A failed record.
pub(crate) fn failure(id: &str, code: &str) -> FailureView {
    let failure = Failure {
        id: FailureId(id.to_owned()),
        pipeline: PipelineName::from("projects"),
        way: FailureWay::ToApp,
        kind: FailureKind::Failed,
        source: (Side::Salesforce, Key::salesforce("001C8")),
        target: None,
        code: code.to_owned(),
        remote: None,
        place: None,
        detail: String::new(),
        tries: 3,
        since: time("2026-03-01T09:20:00Z"),
        last: time("2026-03-01T09:20:00Z"),
        next_try: Some(time("2026-03-01T09:48:00Z")),
    };
    let view = FailureDetail {
        title: "Gamma Ltd".to_owned(),
        message: "startdeliver answered 503".to_owned(),
        ..FailureDetail::default()
    };
    FailureView { failure, view }
}

fn link() -> LinkView {
    let (salesforce, app) = (Key::salesforce("006B7"), Key::app("881"));
    LinkView { salesforce, app, state: "active".to_owned(), settled: None }
}

#[async_trait::async_trait]
impl Control for FakeDaemon {
    fn folder(&self) -> Option<std::path::PathBuf> {
        Some("/etc/sfsync".into())
    }
    fn pipelines(&self) -> Vec<PipelineStatus> {
        vec![status("projects")]
    }
    fn pipeline(&self, name: &PipelineName) -> Option<PipelineStatus> {
        self.pipelines().into_iter().find(|status| status.name == *name)
    }
    async fn changed(&self) {}
    fn api_use(&self) -> Vec<ApiUse> {
        vec![ApiUse {
            counted: 0,
            connection: "salesforce".to_owned(),
            used: 10_790,
            budget: Some(25_000),
            org: Some((60_120, 100_000)),
        }]
    }
    fn is_ready(&self) -> bool {
        self.ready
    }
    fn metrics(&self) -> String {
        "sfsync_queue{pipeline=\"projects\"} 0\n# EOF\n".to_owned()
    }
    async fn sync(&self, name: &PipelineName, full: bool, record: Option<Key>) -> Result<(), ControlError> {
        Self::known(name)?;
        self.tell(format!("sync {name} full={full} record={record:?}"));
        Ok(())
    }
    async fn pause(&self, name: &PipelineName, by: &str) -> Result<(), ControlError> {
        Self::known(name)?;
        self.tell(format!("pause {name} by={by}"));
        Ok(())
    }
    async fn resume(&self, name: &PipelineName) -> Result<(), ControlError> {
        Self::known(name)?;
        self.tell(format!("resume {name}"));
        Ok(())
    }
    async fn approve(&self, name: &PipelineName) -> Result<(), ControlError> {
        Self::known(name)?;
        let message = "nothing waits for approval".to_owned();
        Err(ControlError::new(ControlErrorKind::Conflict, message))
    }
    async fn failures(&self, filter: FailureFilter) -> Result<Vec<FailureView>, ControlError> {
        let all = [failure("4f2a01", "R211"), failure("4f9b02", "R102")];
        let wanted = |view: &FailureView| {
            filter.id.as_ref().is_none_or(|id| view.failure.id.0.starts_with(id.as_str()))
                && filter.code.as_ref().is_none_or(|code| view.failure.code == *code)
        };
        Ok(all.into_iter().filter(wanted).collect())
    }
    async fn retry(&self, filter: FailureFilter) -> Result<usize, ControlError> {
        self.tell(format!("retry code={:?} id={:?}", filter.code, filter.id));
        Ok(1)
    }
    async fn resolve(&self, id: &FailureId, take: Side) -> Result<(), ControlError> {
        self.tell(format!("resolve {} take={take}", id.0));
        Ok(())
    }
    async fn drop_failure(&self, id: &FailureId) -> Result<(), ControlError> {
        self.tell(format!("drop {}", id.0));
        Ok(())
    }
    async fn links(
        &self,
        name: &PipelineName,
        _: Option<Key>,
        _: usize,
    ) -> Result<Vec<LinkView>, ControlError> {
        Self::known(name)?;
        Ok(vec![link()])
    }
    async fn link(&self, _: &PipelineName, side: Side, key: &Key) -> Result<Option<LinkView>, ControlError> {
        let link = link();
        let found = if side == Side::App { link.app == *key } else { link.salesforce == *key };
        Ok(found.then_some(link))
    }
    async fn unlink(&self, name: &PipelineName, salesforce: &Key) -> Result<(), ControlError> {
        self.tell(format!("unlink {name} {salesforce}"));
        Ok(())
    }
    async fn why(&self, id: &str) -> Result<Why, ControlError> {
        let entry = WhyEntry {
            pipeline: PipelineName::from("projects"),
            verdict: "left out".to_owned(),
            reason: "StageName is Proposal".to_owned(),
            place: Some("projects.yaml:7".to_owned()),
            linked: None,
        };
        Ok(Why { record: format!("Opportunity {id}"), entries: vec![entry] })
    }
    async fn reload(&self) -> Result<ReloadReport, ControlError> {
        self.tell("reload".to_owned());
        Ok(self.report())
    }
    async fn check(&self, file: &str, text: &str) -> Result<ReloadReport, ControlError> {
        self.tell(format!("check {file} {} bytes", text.len()));
        Ok(self.report())
    }
    fn schemas(&self) -> Schemas {
        Schemas::default()
    }
    async fn plan(&self, query: PlanQuery) -> Result<PlanAnswer, ControlError> {
        self.tell(format!("plan {:?} record={:?} limit={}", query.names, query.record, query.limit));
        Ok(PlanAnswer::default())
    }
    async fn undo(&self, name: &PipelineName, query: UndoQuery) -> Result<UndoReport, ControlError> {
        Self::known(name)?;
        self.tell(format!("undo {name} act={} by={}", query.act, query.by));
        Ok(UndoReport::new(name, query.act))
    }
    async fn sign_in(&self, connection: &ConnectionName) -> Result<SignInBegun, ControlError> {
        if connection.as_str() != "salesforce" {
            return Err(missing(&format!("there is no connection {connection}")));
        }
        let url = "https://login.salesforce.com/services/oauth2/authorize?state=x".to_owned();
        Ok(SignInBegun {
            url: Some(url),
            callback: Some("http://localhost:8480/oauth/callback".to_owned()),
            needs: Vec::new(),
        })
    }
    async fn sign_in_answered(&self, query: &str) -> Result<String, ControlError> {
        match query {
            "code=a&state=x" => Ok("Connection salesforce is signed in.".to_owned()),
            _ => Err(missing("this sign-in was not begun <here>").help("begin again")),
        }
    }
    async fn signed_in(&self, _: &ConnectionName) -> Result<SignInState, ControlError> {
        Ok(SignInState { connected: None })
    }
    async fn disconnect(&self, connection: &ConnectionName) -> Result<Disconnected, ControlError> {
        self.tell(format!("disconnect {connection}"));
        Ok(Disconnected::default())
    }
    fn hook(&self, _: &HookHead<'_>) -> Result<HookOpen, HookRefusal> {
        Err(HookRefusal::Unknown)
    }
    async fn hook_body(&self, _: HookOpen, _: Bytes) -> Result<HookTaken, HookRefusal> {
        Err(HookRefusal::Unknown)
    }
    async fn forget(&self, name: &PipelineName) -> Result<(), ControlError> {
        self.tell(format!("forget {name}"));
        Ok(())
    }
}
