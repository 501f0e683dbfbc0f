//! The typed results of reading a file. Keys that a file leaves out are `None`; the methods named like the keys give the
//! value that counts, default included. Read [`PipelineFile`] first.

mod connection;
mod http;
mod literal;
mod pipeline;
mod row;
mod settings;
mod side;
mod sql;
mod story;
mod template;

pub use connection::{
    ConnectionFile, ConnectionKind, Duplicates, EmailConnection, Environment, Manage, ProtectedField,
    SalesforceAuth, SalesforceConnection, SalesforceWebhook, SlackConnection, WebhookConnection,
};
pub use http::{
    ApiKeyPlace, HookSpec, HttpAuth, HttpConnection, Paginate, Pairs, Request, ResourceField,
    ResourceFieldKind, ResourceSpec, SinceFormat, WebhookProof,
};
pub use literal::Literal;
pub use pipeline::{GroupPolicy, GroupSpec, Links, ManualLink, OpList, PairSelector, PipelineFile};
pub use row::{Conflict, Flow, Missing, NormalForm, OnError, OnNull, RowSpec, ValueMap, Write};
pub use settings::{LogLevel, Settings};
pub use side::{
    AppPush, AppSide, Backfill, BackfillWindow, Condition, FieldValues, Filter, OnLeave, OwnRecords, Poll,
    Push, ResourceRef, SalesforceSide, Scope, Where,
};
pub use sql::{PostgresConnection, SqlResource, SqliteConnection, TlsMode};
pub use story::{
    Change, ChangeSide, Expect, ExpectedOp, LookupStory, RecordStory, Records, Switches, TestSpec,
};
pub use template::{SecretRef, SecretSource, Template, TemplatePart};
