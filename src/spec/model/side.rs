//! The two sides of a pipeline.

use super::Literal;
use crate::diag::Span;
use crate::model::{ConnectionName, ResourceName};
use crate::spec::soql::SoqlCondition;
use crate::spec::spanned::says_the_same;
use crate::spec::values::{Path, Period, TimeWindow, Unit};
use crate::spec::words::words;
use crate::spec::{Entry, Scalar, Spanned};

words! {
    /// Which records of a side are read.
    pub enum Scope {
        All = "all", "every record that passes the filters (default)";
        Referenced = "referenced", "only records that a `lookup` of another pipeline needs";
    }
}

words! {
    /// What happens when a linked record no longer passes the filters.
    pub enum OnLeave {
        Keep = "keep", "keep syncing it (default)";
        Stop = "stop", "stop updating it";
        Delete = "delete", "treat it as deleted";
    }
}

words! {
    /// Whether records are picked up that another pipeline of this daemon created.
    pub enum OwnRecords {
        Skip = "skip", "leave them out (default)";
        Sync = "sync", "treat them like any other record";
    }
}

words! {
    /// How news arrive from Salesforce at once.
    pub enum Push {
        None = "none", "they do not; changes are found by polling (default)";
        Cdc = "cdc", "Change Data Capture; needs a slot for the object";
        OutboundMessage = "outbound_message", "a flow sends the id of each changed record";
        Webhook = "webhook", "an installed package calls the daemon";
    }
}

words! {
    /// How news arrive from the app at once.
    pub enum AppPush {
        None = "none", "they do not; changes are found by polling (default)";
        Webhook = "webhook", "the app calls the daemon";
        Listen = "listen", "PostgreSQL NOTIFY on the channel of the resource";
    }
}

/// `poll`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poll {
    /// `off`
    Off,
    /// So often.
    Every(Period),
}

impl Default for Poll {
    fn default() -> Self {
        Self::Every(Period::new(15, Unit::Minutes))
    }
}

/// `field: value` of a filter. A list means any of its values; an empty list is only possible in `exclude`, where it
/// excludes nothing.
#[derive(Clone, Debug)]
pub struct Condition {
    /// The field.
    pub field: Spanned<Path>,
    /// The values, any of which will do.
    pub values: Vec<Spanned<Literal>>,
    /// The whole value: the list with its brackets.
    pub span: Span,
}

says_the_same!(Condition { span } { field, values });

/// One mapping of `include` or `exclude`: all of its conditions hold.
#[derive(Clone, Debug)]
pub struct Filter {
    /// The whole mapping.
    pub span: Span,
    /// Its conditions.
    pub conditions: Vec<Condition>,
}

says_the_same!(Filter { span } { conditions });

/// `where`: text that is added to the query.
#[derive(Clone, Debug, PartialEq)]
pub struct Where {
    /// As written.
    pub scalar: Scalar,
    /// For Salesforce: what it says. `None` on the app side, where it is SQL and opaque, and where it has errors.
    pub soql: Option<SoqlCondition>,
}

/// A part of what exists, loaded first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BackfillWindow {
    /// `last`: so far back
    pub last: Option<Entry<Period>>,
    /// `by`: the date field that `last` speaks of
    pub by: Option<Entry<Path>>,
    /// `where` instead of `last`
    pub condition: Option<Entry<Where>>,
    /// `during`: only in these hours
    pub during: Option<Entry<TimeWindow>>,
}

/// `backfill`: what is loaded the first time.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Backfill {
    /// Everything.
    #[default]
    All,
    /// Nothing; only what changes from now on.
    None,
    /// A part, or everything at certain hours.
    Window(Box<BackfillWindow>),
}

/// Fields and the values they get, in the order of the file.
pub type FieldValues = Vec<(Spanned<Path>, Spanned<Literal>)>;

/// `connection.resource`
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceRef {
    /// Before the dot.
    pub connection: Spanned<ConnectionName>,
    /// After the dot.
    pub resource: Spanned<ResourceName>,
}

/// `salesforce:`
#[derive(Clone, Debug)]
pub struct SalesforceSide {
    /// The key `salesforce`.
    pub key: Span,
    /// `object`
    pub object: Spanned<String>,
    /// `connection`; see [`SalesforceSide::connection_name`]
    pub connection: Option<Entry<ConnectionName>>,
    /// `include`: any of these
    pub include: Option<Entry<Vec<Filter>>>,
    /// `exclude`: none of these
    pub exclude: Option<Entry<Vec<Filter>>>,
    /// `where`: a SOQL condition
    pub condition: Option<Entry<Where>>,
    /// `filter`: an expression
    pub filter: Option<Entry<Scalar>>,
    /// `scope`
    pub scope: Option<Entry<Scope>>,
    /// `backfill`
    pub backfill: Option<Entry<Backfill>>,
    /// `push`: tried in this order
    pub push: Option<Entry<Vec<Spanned<Push>>>>,
    /// `poll`
    pub poll: Option<Entry<Poll>>,
    /// `on_leave`
    pub on_leave: Option<Entry<OnLeave>>,
    /// `own_records`
    pub own_records: Option<Entry<OwnRecords>>,
    /// `archive`: what `archive` sets in Salesforce
    pub archive: Option<Entry<FieldValues>>,
    /// `select`: additional fields for expressions that compute a field name
    pub select: Option<Entry<Vec<Spanned<Path>>>>,
}

says_the_same!(SalesforceSide { key } { object, connection, include, exclude, condition, filter, scope, backfill, push, poll, on_leave, own_records, archive, select });

impl SalesforceSide {
    /// The connection (default: `salesforce`).
    pub fn connection_name(&self) -> ConnectionName {
        self.connection
            .as_ref()
            .map_or_else(|| ConnectionName::from("salesforce"), |entry| entry.value.clone())
    }

    /// `scope` (default: all).
    pub fn scope(&self) -> Scope {
        self.scope.as_ref().map_or(Scope::All, |entry| entry.value)
    }

    /// `poll` (default: 15 minutes).
    pub fn poll(&self) -> Poll {
        self.poll.as_ref().map_or_else(Poll::default, |entry| entry.value)
    }

    /// `on_leave` (default: keep).
    pub fn on_leave(&self) -> OnLeave {
        self.on_leave.as_ref().map_or(OnLeave::Keep, |entry| entry.value)
    }

    /// `own_records` (default: skip).
    pub fn own_records(&self) -> OwnRecords {
        self.own_records.as_ref().map_or(OwnRecords::Skip, |entry| entry.value)
    }

    /// `push` without `none`, in the order they are tried.
    pub fn push(&self) -> impl Iterator<Item = &Spanned<Push>> {
        self.push.iter().flat_map(|entry| &entry.value).filter(|push| push.value != Push::None)
    }
}

/// `app:`
#[derive(Clone, Debug)]
pub struct AppSide {
    /// The key `app`.
    pub key: Span,
    /// `resource`
    pub resource: ResourceRef,
    /// `include`: any of these
    pub include: Option<Entry<Vec<Filter>>>,
    /// `exclude`: none of these
    pub exclude: Option<Entry<Vec<Filter>>>,
    /// `where`: a SQL condition, opaque
    pub condition: Option<Entry<Where>>,
    /// `filter`: an expression
    pub filter: Option<Entry<Scalar>>,
    /// `scope`
    pub scope: Option<Entry<Scope>>,
    /// `backfill`
    pub backfill: Option<Entry<Backfill>>,
    /// `push`
    pub push: Option<Entry<AppPush>>,
    /// `poll`
    pub poll: Option<Entry<Poll>>,
    /// `on_leave`
    pub on_leave: Option<Entry<OnLeave>>,
    /// `own_records`
    pub own_records: Option<Entry<OwnRecords>>,
    /// `archive`: what `archive` sets in the app
    pub archive: Option<Entry<FieldValues>>,
}

says_the_same!(AppSide { key } { resource, include, exclude, condition, filter, scope, backfill, push, poll, on_leave, own_records, archive });

impl AppSide {
    /// `scope` (default: all).
    pub fn scope(&self) -> Scope {
        self.scope.as_ref().map_or(Scope::All, |entry| entry.value)
    }

    /// `poll` (default: 15 minutes).
    pub fn poll(&self) -> Poll {
        self.poll.as_ref().map_or_else(Poll::default, |entry| entry.value)
    }

    /// `push` (default: none).
    pub fn push(&self) -> AppPush {
        self.push.as_ref().map_or(AppPush::None, |entry| entry.value)
    }

    /// `on_leave` (default: keep).
    pub fn on_leave(&self) -> OnLeave {
        self.on_leave.as_ref().map_or(OnLeave::Keep, |entry| entry.value)
    }

    /// `own_records` (default: skip).
    pub fn own_records(&self) -> OwnRecords {
        self.own_records.as_ref().map_or(OwnRecords::Skip, |entry| entry.value)
    }
}
