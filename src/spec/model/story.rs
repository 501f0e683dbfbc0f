//! Inline tests: small stories of what was, what changed, what should happen.

use super::{GroupSpec, Literal, OpList};
use crate::diag::Span;
use crate::model::PipelineName;
use crate::spec::spanned::says_the_same;
use crate::spec::values::Path;
use crate::spec::words::words;
use crate::spec::{Entry, Spanned};

words! {
    /// What a test expects to happen.
    pub enum ExpectedOp {
        Create = "create", "a record is created";
        Update = "update", "a record is updated";
        Delete = "delete", "a record is deleted";
        Archive = "archive", "a record is archived";
        Link = "link", "a pair is remembered, nothing is written";
        None = "none", "nothing happens";
        Skip = "skip", "the record is left out";
        Wait = "wait", "the record waits for a lookup";
        Hold = "hold", "the record is held for a decision";
        Fail = "fail", "the record fails";
    }
}

/// Fields of one record, in the order of the file.
#[derive(Clone, Debug)]
pub struct RecordStory {
    /// The whole mapping.
    pub span: Span,
    /// Field and value.
    pub fields: Vec<(Spanned<Path>, Spanned<Literal>)>,
}

says_the_same!(RecordStory { span } { fields });

impl RecordStory {
    /// The value of a field, by its exact name.
    pub fn get(&self, field: &str) -> Option<&Spanned<Literal>> {
        self.fields.iter().find(|(name, _)| name.value.as_str() == field).map(|(_, value)| value)
    }
}

/// What changes on one side.
#[derive(Clone, Debug, PartialEq)]
pub enum ChangeSide {
    /// These fields.
    Fields(RecordStory),
    /// `deleted`
    Deleted,
}

/// `change`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// In Salesforce.
    pub salesforce: Option<Entry<ChangeSide>>,
    /// In the app.
    pub app: Option<Entry<ChangeSide>>,
}

/// Records of both sides: `before`, `others`. A single record is a list of one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Records {
    /// In Salesforce.
    pub salesforce: Vec<RecordStory>,
    /// In the app.
    pub app: Vec<RecordStory>,
}

/// Links of another pipeline, for lookups.
#[derive(Clone, Debug, PartialEq)]
pub struct LookupStory {
    /// That pipeline.
    pub pipeline: Spanned<PipelineName>,
    /// Salesforce id and app id.
    pub pairs: Vec<(Spanned<Literal>, Spanned<Literal>)>,
}

/// `expect`
#[derive(Clone, Debug)]
pub struct Expect {
    /// The whole mapping.
    pub span: Span,
    /// `op`
    pub op: Option<Entry<ExpectedOp>>,
    /// `app`: fields that must be written there; several records for several writes
    pub app: Vec<RecordStory>,
    /// `salesforce`: fields that must be written there
    pub salesforce: Vec<RecordStory>,
    /// `untouched`: fields that must not be written, of either side
    pub untouched: Vec<Spanned<Path>>,
    /// `exact: true`: no other fields either
    pub exact: Option<Entry<bool>>,
    /// `error`: part of the message
    pub error: Option<Entry<String>>,
}

says_the_same!(Expect { span } { op, app, salesforce, untouched, exact, error });

/// `with`: how the switches of the file stand in a test, whatever the file says now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Switches {
    /// `groups`: those that are named; the others stand as in the file
    pub groups: Vec<GroupSpec>,
    /// `to_app`
    pub to_app: Option<Entry<OpList>>,
    /// `to_salesforce`
    pub to_salesforce: Option<Entry<OpList>>,
}

/// One inline test.
#[derive(Clone, Debug)]
pub struct TestSpec {
    /// The whole test.
    pub span: Span,
    /// `name`
    pub name: Spanned<String>,
    /// `with`
    pub with: Option<Entry<Switches>>,
    /// `before`: linked and in sync
    pub before: Option<Entry<Records>>,
    /// `change`
    pub change: Option<Entry<Change>>,
    /// `others`: exist on their side, not linked
    pub others: Option<Entry<Records>>,
    /// `lookups`
    pub lookups: Vec<LookupStory>,
    /// `now`
    pub now: Option<Entry<jiff::Timestamp>>,
    /// `expect`
    pub expect: Option<Entry<Expect>>,
}

says_the_same!(TestSpec { span } { name, with, before, change, others, lookups, now, expect });
