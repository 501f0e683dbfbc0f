//! The one door to a running daemon: HTTP, the command line and tests speak to it. Nothing behind it is shown.

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::batch::FailureDetail;
use super::hooks::{HookHead, HookOpen, HookRefusal, HookTaken};
use super::planning::PlanAnswer;
use super::schemas::Schemas;
use super::sign_in::{Connected, Disconnected};
use super::status::PipelineStatus;
use super::undo::UndoReport;
use crate::connect::ConnectError;
use crate::diag::Rendered;
use crate::model::{ConnectionName, Failure, FailureId, Key, PipelineName, Side};

/// A request that cannot be carried out, in words for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{message}")]
pub struct ControlError {
    /// What kind: decides the HTTP status.
    pub kind: ControlErrorKind,
    /// One sentence.
    pub message: String,
    /// The way out; may be empty.
    #[serde(default)]
    pub help: String,
}

impl ControlError {
    /// Without a way out of its own.
    pub fn new(kind: ControlErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), help: String::new() }
    }

    /// Adds the way out.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: help.into(), ..self }
    }
}

impl From<ConnectError> for ControlError {
    fn from(error: ConnectError) -> Self {
        Self::new(ControlErrorKind::Failed, error.message).help(error.help.unwrap_or_default())
    }
}

/// Kinds of [`ControlError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ControlErrorKind {
    /// No such pipeline, failure or record.
    NotFound,
    /// It does not fit what is there now.
    Conflict,
    /// A system or the state failed.
    Failed,
}

/// A failure with what people may read of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureView {
    /// As stored.
    #[serde(flatten)]
    pub failure: Failure,
    /// Decrypted.
    pub view: FailureDetail,
}

/// Which failures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureFilter {
    /// Of this pipeline.
    pub pipeline: Option<PipelineName>,
    /// With this id, or an id that begins so.
    pub id: Option<String>,
    /// With this code.
    pub code: Option<String>,
}

/// A remembered pair, for lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkView {
    /// The Salesforce record.
    pub salesforce: Key,
    /// The app record.
    pub app: Key,
    /// `active`, `stopped`, `gone`.
    pub state: String,
    /// Stamp of the Salesforce record when it was last settled.
    pub settled: Option<Timestamp>,
}

/// Why a record is or is not synced, one entry per pipeline that could carry it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhyEntry {
    /// The pipeline.
    pub pipeline: PipelineName,
    /// `in sync`, `left out`, `held`, `failed`, `waiting`, `would be created`, …
    pub verdict: String,
    /// The reason in words.
    pub reason: String,
    /// `file:line`.
    pub place: Option<String>,
    /// The linked record.
    pub linked: Option<Key>,
}

/// The answer of `why`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// Object, id, title.
    pub record: String,
    /// Per pipeline.
    pub entries: Vec<WhyEntry>,
}

/// What a load of the files came to, per file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadReport {
    /// Files that were taken over or unchanged, and files that were not.
    pub files: Vec<FileReport>,
    /// All diagnostics as data.
    pub diagnostics: Vec<Rendered>,
}

/// One file of a [`ReloadReport`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileReport {
    /// Printed path.
    pub file: String,
    /// Errors.
    pub errors: usize,
    /// Warnings.
    pub warnings: usize,
    /// Inline tests that passed and failed.
    pub tests: (usize, usize),
    /// `unchanged`, `taken over`, `last good of 14:02`, `invalid`, `removed`.
    pub state: String,
}

/// Use of the API of an org.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiUse {
    /// The connection.
    pub connection: String,
    /// Calls of this daemon in the last 24 hours.
    pub used: u64,
    /// Calls of this daemon since it started, or since the connection changed.
    #[serde(default)]
    pub counted: u64,
    /// Calls this daemon may make in 24 hours.
    pub budget: Option<u64>,
    /// Calls of the whole org, and its allocation.
    pub org: Option<(u64, u64)>,
}

/// A sign-in that goes on in a browser, or needs none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInBegun {
    /// The address to open, where a person has to sign in.
    pub url: Option<String>,
    /// Where the browser comes back to; the app in Salesforce has to allow this address.
    pub callback: Option<String>,
    /// What the org has to have for what the files ask, told before anybody signs in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
}

/// How a sign-in stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInState {
    /// Who is signed in; `None` while the person is at the browser.
    pub connected: Option<Connected>,
}

/// What a plan is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanQuery {
    /// Pipelines; without names all.
    #[serde(default)]
    pub names: Vec<String>,
    /// Only this record: a Salesforce id, or a key of the app.
    #[serde(default)]
    pub record: Option<String>,
    /// Records of each pipeline that are listed.
    #[serde(default)]
    pub limit: usize,
}

/// What is to be undone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoQuery {
    /// Do it; else only tell what it would do. A pipeline is paused before.
    #[serde(default)]
    pub act: bool,
    /// The run whose plan was looked at: another one in its place is not undone. Without it, the last one.
    #[serde(default)]
    pub run: Option<Timestamp>,
    /// Who does it; shown in the status.
    #[serde(default)]
    pub by: String,
    /// Records that are listed.
    #[serde(default)]
    pub limit: usize,
}

/// Everything that can be asked of a running daemon.
#[async_trait::async_trait]
pub trait Control: Send + Sync {
    /// The configuration folder, absolute, where it is known.
    fn folder(&self) -> Option<std::path::PathBuf> {
        None
    }

    /// All pipelines, by name.
    fn pipelines(&self) -> Vec<PipelineStatus>;
    /// One pipeline.
    fn pipeline(&self, name: &PipelineName) -> Option<PipelineStatus>;
    /// Returns when the status of any pipeline has changed since the last call of this waiter, or at shutdown.
    async fn changed(&self);
    /// Use of each org's API.
    fn api_use(&self) -> Vec<ApiUse>;
    /// State opened and first load of files done.
    fn is_ready(&self) -> bool;
    /// The registry in the text format of Prometheus.
    fn metrics(&self) -> String;

    /// Look now; `full` reconciles; `record` reads just that one. Answers when the request is accepted.
    async fn sync(&self, name: &PipelineName, full: bool, record: Option<Key>) -> Result<(), ControlError>;
    /// Pause until resumed, also over a restart.
    async fn pause(&self, name: &PipelineName, by: &str) -> Result<(), ControlError>;
    /// Go on.
    async fn resume(&self, name: &PipelineName) -> Result<(), ControlError>;
    /// Approve the mass change that waits.
    async fn approve(&self, name: &PipelineName) -> Result<(), ControlError>;

    /// Failures, newest first.
    async fn failures(&self, filter: FailureFilter) -> Result<Vec<FailureView>, ControlError>;
    /// Try these again now; returns how many.
    async fn retry(&self, filter: FailureFilter) -> Result<usize, ControlError>;
    /// Decide about a held record: the values of a side count where both changed.
    async fn resolve(&self, id: &FailureId, take: Side) -> Result<(), ControlError>;
    /// Forget a failure.
    async fn drop_failure(&self, id: &FailureId) -> Result<(), ControlError>;

    /// Remembered pairs after a key, in the order of Salesforce ids.
    async fn links(
        &self,
        name: &PipelineName,
        after: Option<Key>,
        limit: usize,
    ) -> Result<Vec<LinkView>, ControlError>;
    /// The pair of a record of a side.
    async fn link(
        &self,
        name: &PipelineName,
        side: Side,
        key: &Key,
    ) -> Result<Option<LinkView>, ControlError>;
    /// Forget a pair; nothing is deleted.
    async fn unlink(&self, name: &PipelineName, salesforce: &Key) -> Result<(), ControlError>;

    /// Why a record is or is not synced.
    async fn why(&self, id: &str) -> Result<Why, ControlError>;
    /// Load the files now; answers when it is done.
    async fn reload(&self) -> Result<ReloadReport, ControlError>;
    /// Check the text of one file against what is known; nothing is taken over.
    async fn check(&self, file: &str, text: &str) -> Result<ReloadReport, ControlError>;
    /// What the systems said of their records when they were last asked.
    fn schemas(&self) -> Schemas;
    /// What a sync would do, and what the files on disk would change; nothing is written.
    async fn plan(&self, query: PlanQuery) -> Result<PlanAnswer, ControlError>;

    /// What the last run of a pipeline wrote is taken back, or what that would be.
    async fn undo(&self, name: &PipelineName, query: UndoQuery) -> Result<UndoReport, ControlError>;

    /// Signs a connection in, or begins to where a person is needed. A second call makes the address of the first one invalid.
    async fn sign_in(&self, connection: &ConnectionName) -> Result<SignInBegun, ControlError>;
    /// The query of the call that the browser came back with. Returns one sentence for the person at the browser.
    async fn sign_in_answered(&self, query: &str) -> Result<String, ControlError>;
    /// Who is signed in. Waits up to a minute for a sign-in that was begun.
    async fn signed_in(&self, connection: &ConnectionName) -> Result<SignInState, ControlError>;
    /// Stops the pipelines of a connection, ends its tokens and forgets them.
    async fn disconnect(&self, connection: &ConnectionName) -> Result<Disconnected, ControlError>;

    /// Whether the body of a call from outside may be read.
    fn hook(&self, head: &HookHead<'_>) -> Result<HookOpen, HookRefusal>;
    /// Takes the body of a call from outside; what it names is stored when this returns.
    async fn hook_body(&self, open: HookOpen, body: Bytes) -> Result<HookTaken, HookRefusal>;

    /// Drop the state of a removed pipeline.
    async fn forget(&self, name: &PipelineName) -> Result<(), ControlError>;
}
