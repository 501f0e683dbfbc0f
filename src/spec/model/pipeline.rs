//! A pipeline file.

use super::{AppSide, Conflict, Literal, RowSpec, SalesforceSide, Switches, TestSpec};
use crate::diag::{SourceId, Span};
use crate::model::{ConnectionName, Op, Ops, PipelineName, Side};
use crate::spec::spanned::says_the_same;
use crate::spec::values::{Path, Schedule};
use crate::spec::words::words;
use crate::spec::{Entry, Spanned};

words! {
    /// How many records of Salesforce may belong to one record of the app.
    pub enum Links {
        OneToOne = "one_to_one", "one Salesforce record and one app record; a second one holds both (default)";
        ManyToOne = "many_to_one", "several Salesforce records share one app record; the most recently updated one fills it";
    }
}

words! {
    /// What a group of rows does: the switch of `groups`.
    pub enum GroupPolicy {
        Always = "always", "its rows are kept in sync";
        UnlessEdited = "unless_edited", "until someone changes the value on the other side";
        IfEmpty = "if_empty", "only into empty fields";
        OnCreate = "on_create", "only when the record is created";
        Off = "off", "its rows do nothing";
    }
}

/// The operations of one direction, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OpList {
    /// The same as flags.
    pub ops: Ops,
    /// The words with their places.
    pub items: Vec<Spanned<Op>>,
}

impl OpList {
    /// Where an operation is listed.
    pub fn span_of(&self, op: Op) -> Option<Span> {
        self.items.iter().find(|item| item.value == op).map(|item| item.span)
    }
}

/// A named switch.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupSpec {
    /// Its name.
    pub name: Spanned<String>,
    /// What its rows do.
    pub policy: Spanned<GroupPolicy>,
}

/// One end of a `manual_links` pair.
#[derive(Clone, Debug, PartialEq)]
pub enum PairSelector {
    /// An id of that side.
    Id(Literal),
    /// The one record with these values.
    Fields(Vec<(Spanned<Path>, Spanned<Literal>)>),
}

/// A pair that is linked because the file says so.
#[derive(Clone, Debug)]
pub struct ManualLink {
    /// The whole pair.
    pub span: Span,
    /// The record in Salesforce.
    pub salesforce: Entry<PairSelector>,
    /// The record in the app.
    pub app: Entry<PairSelector>,
}

says_the_same!(ManualLink { span } { salesforce, app });

/// What a pipeline file says. Made by [`crate::spec::read_pipeline`]; a file with errors gives as much as could be read.
#[derive(Clone, Debug)]
pub struct PipelineFile {
    /// The file.
    pub source: SourceId,
    /// The name of the file without its extension.
    pub name: PipelineName,
    /// `description`
    pub description: Option<Entry<String>>,
    /// `enabled`, default true
    pub enabled: Option<Entry<bool>>,
    /// `salesforce`
    pub salesforce: SalesforceSide,
    /// `app`
    pub app: AppSide,
    /// `to_app`: what flows from Salesforce to the app
    pub to_app: Option<Entry<OpList>>,
    /// `to_salesforce`: what flows from the app to Salesforce
    pub to_salesforce: Option<Entry<OpList>>,
    /// `match`: app fields that identify a record, in the order they are tried
    pub match_fields: Option<Entry<Vec<Spanned<Path>>>>,
    /// `links`
    pub links: Option<Entry<Links>>,
    /// `manual_links`
    pub manual_links: Vec<ManualLink>,
    /// `conflict`
    pub conflict: Option<Entry<Conflict>>,
    /// `groups`
    pub groups: Vec<GroupSpec>,
    /// `fields`; rows with errors are left out of it only if they are no mapping at all
    pub fields: Vec<RowSpec>,
    /// The key `fields`, for messages about rows that are missing.
    pub fields_key: Span,
    /// `reconcile`
    pub reconcile: Option<Entry<Schedule>>,
    /// `max_deletes`
    pub max_deletes: Option<Entry<u64>>,
    /// `max_changes`
    pub max_changes: Option<Entry<u64>>,
    /// `retries`
    pub retries: Option<Entry<u32>>,
    /// `pause_after`
    pub pause_after: Option<Entry<u32>>,
    /// `notify`; `None` means those of the settings
    pub notify: Option<Entry<Vec<Spanned<ConnectionName>>>>,
    /// `generation`
    pub generation: Option<Entry<u32>>,
    /// `renamed_from`
    pub renamed_from: Option<Entry<PipelineName>>,
    /// `tests`
    pub tests: Vec<TestSpec>,
}

says_the_same!(PipelineFile { source, fields_key } { name, description, enabled, salesforce, app, to_app, to_salesforce, match_fields, links, manual_links, conflict, groups, fields, reconcile, max_deletes, max_changes, retries, pause_after, notify, generation, renamed_from, tests });

impl PipelineFile {
    /// Whether it runs (default: yes).
    pub fn enabled(&self) -> bool {
        self.enabled.as_ref().is_none_or(|entry| entry.value)
    }

    /// The same file with other switches, for a test that says how they stand.
    #[must_use]
    pub fn switched(&self, switches: &Switches) -> Self {
        let mut file = self.clone();
        for group in &mut file.groups {
            let named = switches.groups.iter().find(|named| named.name.value == group.name.value);
            group.policy.value = named.map_or(group.policy.value, |named| named.policy.value);
        }
        for (ops, own) in
            [(&switches.to_app, &mut file.to_app), (&switches.to_salesforce, &mut file.to_salesforce)]
        {
            if ops.is_some() {
                own.clone_from(ops);
            }
        }
        file
    }

    /// The operations towards a side; nothing where the key is missing.
    pub fn ops_to(&self, side: Side) -> Ops {
        let list = match side {
            Side::App => &self.to_app,
            Side::Salesforce => &self.to_salesforce,
        };
        list.as_ref().map_or_else(Ops::default, |entry| entry.value.ops)
    }

    /// Whether both directions are there.
    pub fn is_two_way(&self) -> bool {
        self.to_app.is_some() && self.to_salesforce.is_some()
    }

    /// The match fields; empty where the key is missing.
    pub fn match_fields(&self) -> &[Spanned<Path>] {
        self.match_fields.as_ref().map_or(&[], |entry| &entry.value)
    }

    /// `links` (default: one to one).
    pub fn links(&self) -> Links {
        self.links.as_ref().map_or(Links::OneToOne, |entry| entry.value)
    }

    /// `conflict` of the pipeline (default: Salesforce wins).
    pub fn conflict(&self) -> Conflict {
        self.conflict.as_ref().map_or(Conflict::Salesforce, |entry| entry.value)
    }

    /// A switch by its name.
    pub fn group(&self, name: &str) -> Option<&GroupSpec> {
        self.groups.iter().find(|group| group.name.value == name)
    }

    /// `reconcile` (default: daily).
    pub fn reconcile(&self) -> Schedule {
        self.reconcile.as_ref().map_or(Schedule::Daily(None), |entry| entry.value.clone())
    }

    /// `max_deletes`; required with `delete`, so `None` means that nothing is deleted.
    pub fn max_deletes(&self) -> Option<u64> {
        self.max_deletes.as_ref().map(|entry| entry.value)
    }

    /// `max_changes` (default: 10 000).
    pub fn max_changes(&self) -> u64 {
        self.max_changes.as_ref().map_or(10_000, |entry| entry.value)
    }

    /// `retries` (default: 8).
    pub fn retries(&self) -> u32 {
        self.retries.as_ref().map_or(8, |entry| entry.value)
    }

    /// `pause_after` (default: 100 failures in a row).
    pub fn pause_after(&self) -> u32 {
        self.pause_after.as_ref().map_or(100, |entry| entry.value)
    }

    /// `generation` (default: 1).
    pub fn generation(&self) -> u32 {
        self.generation.as_ref().map_or(1, |entry| entry.value)
    }
}
