//! The compiled pipeline: the single value from which the decisions, the connectors and the runtime work.

use std::sync::Arc;
use std::time::Duration;

use super::row::{Flow, Mapping, RowSet};
use crate::diag::Span;
use crate::expr::Bound;
use crate::model::{
    BECAME, CONVERTED, ConnectionName, Key, Ops, PipelineName, ResourceName, Row, Schema, Side, Value,
};
use crate::spec::values::{Period, Schedule};

/// A pipeline that may run. Built by compilation only; immutable afterwards and shared by `Arc`.
#[derive(Debug)]
pub struct Pipeline {
    /// Name of the file.
    pub name: PipelineName,
    /// Printed path of the file.
    pub file: Arc<str>,
    /// Increased in the file to start over with fresh links.
    pub generation: u32,
    /// `enabled: false` keeps links and cursors and does nothing.
    pub enabled: bool,
    /// The Salesforce side.
    pub salesforce: SalesforceSide,
    /// The app side.
    pub app: AppSide,
    /// What flows from Salesforce to the app.
    pub to_app: Ops,
    /// What flows from the app to Salesforce.
    pub to_salesforce: Ops,
    /// The rows, in the order of the file.
    pub rows: Vec<Mapping>,
    /// Rows that identify a record, in the order in which they are tried.
    pub matching: Vec<usize>,
    /// How many Salesforce records may share an app record.
    pub links: LinkRule,
    /// Pairs given by hand; stronger than `match`.
    pub manual_links: Vec<ManualLink>,
    /// Identity of the rows, so that stored baselines survive a reload that moves rows.
    pub row_set: RowSet,
    /// When everything is compared.
    pub reconcile: Schedule,
    /// The most deletes one run may do; required where `delete` is listed.
    pub max_deletes: Option<u64>,
    /// The most creates and updates one reconciliation may do.
    pub max_changes: u64,
    /// Tries per failed record.
    pub retries: u32,
    /// Failures in a row after which the pipeline pauses itself.
    pub pause_after: u32,
    /// Where problems go; empty: as `settings.yaml` says.
    pub notify: Vec<ConnectionName>,
    /// How records are carried.
    pub lane: Lane,
    /// Pipelines this one looks up, without itself.
    pub looks_up: Vec<PipelineName>,
    /// An expression asks for the linked record (`other`): it has to be fetched before anything is mapped.
    pub reads_other: bool,
    /// What expressions ask of the last state of a record (`old`), by side, Salesforce first: positions in the schema of that side.
    /// `None`: nothing, not even whether there was one.
    pub reads_old: [Option<Box<[usize]>>; 2],
}

impl Pipeline {
    /// The operations that may be performed on a side.
    pub fn ops_on(&self, side: Side) -> Ops {
        match side {
            Side::App => self.to_app,
            Side::Salesforce => self.to_salesforce,
        }
    }

    /// The fields of the last state of a record that expressions ask for (`old`); `None` where nobody asks.
    pub fn reads_old(&self, side: Side) -> Option<&[usize]> {
        let [salesforce, app] = &self.reads_old;
        match side {
            Side::Salesforce => salesforce.as_deref(),
            Side::App => app.as_deref(),
        }
    }

    /// Which records of a side take part.
    pub fn selection(&self, side: Side) -> &Selection {
        match side {
            Side::Salesforce => &self.salesforce.selection,
            Side::App => &self.app.selection,
        }
    }

    /// What happens to a linked record of a side that no longer passes the filters.
    pub fn on_leave(&self, side: Side) -> OnLeave {
        match side {
            Side::Salesforce => self.salesforce.on_leave,
            Side::App => self.app.on_leave,
        }
    }

    /// Whether an expression asks for the currency of the org, or for a rate.
    pub fn calculates_with_currencies(&self) -> bool {
        let asks = |script: &crate::expr::Script| {
            ["currency_of", "money", "convert"].iter().any(|name| script.text().contains(name))
        };
        let computes = |flow: &Flow| matches!(flow, Flow::Compute(bound) if asks(bound.script()));
        let filters = [&self.salesforce.selection, &self.app.selection];
        self.rows.iter().any(|row| computes(&row.to_app) || computes(&row.to_salesforce))
            || filters
                .iter()
                .any(|selection| selection.filter.as_ref().is_some_and(|filter| asks(filter.script())))
    }

    /// What `archive` sets on a side.
    pub fn archive(&self, side: Side) -> &[(usize, Value)] {
        match side {
            Side::Salesforce => &self.salesforce.archive,
            Side::App => &self.app.archive,
        }
    }

    /// Time between two looks at a side; `None` for `off`.
    pub fn poll(&self, side: Side) -> Option<Duration> {
        match side {
            Side::Salesforce => self.salesforce.poll,
            Side::App => self.app.poll,
        }
    }

    /// Whether only records of a side take part that a lookup needs.
    pub fn scope(&self, side: Side) -> Scope {
        match side {
            Side::Salesforce => self.salesforce.scope,
            Side::App => self.app.scope,
        }
    }

    /// The sides whose changes are followed: those from which anything flows.
    pub fn sources(&self) -> impl Iterator<Item = Side> + use<> {
        let (to_app, to_salesforce) = (self.to_app.any(), self.to_salesforce.any());
        let sides = [(Side::Salesforce, to_app), (Side::App, to_salesforce)];
        sides.into_iter().filter_map(|(side, flows)| flows.then_some(side))
    }

    /// The schema of the records of a side as they are read.
    pub fn schema(&self, side: Side) -> &Arc<Schema> {
        match side {
            Side::Salesforce => &self.salesforce.schema,
            Side::App => &self.app.schema,
        }
    }
}

/// How records are carried from Salesforce to the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// The app's rows are keyed by the Salesforce id and nobody looks the pipeline up: no link rows, records stream.
    Mirror,
    /// Every pair is remembered as a link.
    Linked,
}

/// The Salesforce side of a pipeline (section 3.6 of the language).
#[derive(Debug)]
pub struct SalesforceSide {
    /// Connection.
    pub connection: ConnectionName,
    /// API name of the object.
    pub object: Arc<str>,
    /// The fields that are selected: what rows, filters and expressions name, then id and stamp.
    pub schema: Arc<Schema>,
    /// Position of `Id`.
    pub id: usize,
    /// Position and name of the stamp field (`SystemModstamp` or what the object has instead). `None` offline.
    pub stamp: Option<usize>,
    /// Position of `LastModifiedDate`, where it is selected (for `conflict: newest`).
    pub modified: Option<usize>,
    /// Which records take part.
    pub selection: Selection,
    /// `include`, `exclude` and `where` as one SOQL condition; empty text for all records.
    pub condition: String,
    /// Whether `where` is part of the condition (it cannot be evaluated here).
    pub has_where: bool,
    /// Only records that another pipeline's lookup needs.
    pub scope: Scope,
    /// What the first load brings.
    pub backfill: BackfillRange,
    /// News at once, tried in order; empty for `none`.
    pub push: Vec<Push>,
    /// Time between two looks; `None` for `off`.
    pub poll: Option<Duration>,
    /// What happens to a linked record that no longer passes the filters.
    pub on_leave: OnLeave,
    /// Whether records that another pipeline of this daemon created are picked up.
    pub own_records: bool,
    /// What `archive` sets: position in the schema, value.
    pub archive: Vec<(usize, Value)>,
}

impl SalesforceSide {
    /// What a record became that was converted: objects with the ids of the records, the closest first. Nothing else than leads is.
    pub fn became(&self, row: &Row) -> Vec<(&'static str, Key)> {
        let value = |name: &str| self.schema.position(name).map(|at| row.get(at));
        if !self.object.eq_ignore_ascii_case("Lead") || value(CONVERTED) != Some(&Value::Bool(true)) {
            return Vec::new();
        }
        let id = |(object, field)| Some((object, Key::salesforce(value(field)?.as_text()?)));
        BECAME.into_iter().filter_map(id).collect()
    }
}

/// The app side of a pipeline.
#[derive(Debug)]
pub struct AppSide {
    /// Connection.
    pub connection: ConnectionName,
    /// Resource or table.
    pub resource: ResourceName,
    /// The fields that rows, filters and expressions name, then the key.
    pub schema: Arc<Schema>,
    /// Position of the key field.
    pub key: usize,
    /// Position of the change time, where the resource has one.
    pub modified: Option<usize>,
    /// Which records take part when the app is a source.
    pub selection: Selection,
    /// SQL condition, for databases.
    pub condition: Option<String>,
    /// Only records that a lookup needs.
    pub scope: Scope,
    /// What the first load brings.
    pub backfill: BackfillRange,
    /// News at once; empty for `none`.
    pub push: Vec<Push>,
    /// Time between two looks.
    pub poll: Option<Duration>,
    /// What happens to a linked record that no longer passes the filters.
    pub on_leave: OnLeave,
    /// Whether records that another pipeline of this daemon created are picked up.
    pub own_records: bool,
    /// What `archive` sets: position in the schema, value.
    pub archive: Vec<(usize, Value)>,
}

/// `include`, `exclude` and `filter`, evaluated on rows. Text is compared without case; `Null` in the values means empty.
#[derive(Debug, Default)]
pub struct Selection {
    /// Any of these maps; empty: everything. Each map: all of (position, one of the values).
    pub include: Vec<Vec<(usize, Vec<Value>)>>,
    /// None of these maps.
    pub exclude: Vec<Vec<(usize, Vec<Value>)>>,
    /// True keeps the record.
    pub filter: Option<Arc<Bound>>,
    /// Place of `include`, `exclude` and `filter` in the file, for reasons.
    pub places: Vec<Span>,
}

/// `scope` of a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every record that passes the filters.
    All,
    /// Only records that a lookup of another pipeline needs.
    Referenced,
}

/// What the first load brings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackfillRange {
    /// Nothing is loaded.
    pub none: bool,
    /// Condition in the language of the side (SOQL or SQL), already with `last`/`by` written out.
    pub condition: Option<String>,
    /// Where the side has no conditions (an HTTP app): not older than this, by this field.
    pub last: Option<(Arc<str>, Period)>,
    /// Load only between these times of day (start, end), in the time zone of the settings.
    pub during: Option<(jiff::civil::Time, jiff::civil::Time)>,
}

/// A way to hear of changes at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Push {
    /// Change events.
    Cdc,
    /// Outbound messages.
    OutboundMessage,
    /// Calls to our hook.
    Webhook,
    /// PostgreSQL NOTIFY.
    Listen,
}

impl Push {
    /// The word of files and of `status`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cdc => "cdc",
            Self::OutboundMessage => "outbound_message",
            Self::Webhook => "webhook",
            Self::Listen => "listen",
        }
    }
}

/// What happens to a linked record that leaves the filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnLeave {
    /// Go on syncing it.
    Keep,
    /// Stop updating it.
    Stop,
    /// Treat it as deleted.
    Delete,
}

/// How many Salesforce records may share one app record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkRule {
    /// One; a second one holds both.
    OneToOne,
    /// Several, also from other pipelines on the same resource.
    ManyToOne,
}

/// A pair given by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManualLink {
    /// The Salesforce record.
    pub salesforce: ManualRecord,
    /// The app record.
    pub app: ManualRecord,
}

/// A record of a manual link: its key, or fields that select it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManualRecord {
    /// By key.
    Key(crate::model::Key),
    /// By field values: position in the side's schema, value.
    Fields(Vec<(usize, Value)>),
}
