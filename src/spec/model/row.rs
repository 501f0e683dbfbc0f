//! A row of `fields`.

use super::Literal;
use crate::diag::Span;
use crate::model::{PipelineName, Side};
use crate::spec::spanned::says_the_same;
use crate::spec::values::Path;
use crate::spec::words::words;
use crate::spec::{Entry, Scalar, Spanned};

words! {
    /// Who wins when both sides changed the same field.
    pub enum Conflict {
        Salesforce = "salesforce", "Salesforce wins (default)";
        App = "app", "the app wins";
        Newest = "newest", "the record that was changed last wins";
        Hold = "hold", "nobody wins; it is listed for a decision";
    }
}

words! {
    /// What to do when the record that `lookup` needs is not linked.
    pub enum Missing {
        Wait = "wait", "keep the record back until the {lookup} is linked (default)";
        Empty = "empty", "write nothing for now, fill it in later";
        Skip = "skip", "leave the whole record out until then";
        Fail = "fail", "report the record as failed";
    }
}

words! {
    /// Normal forms of values.
    pub enum NormalForm {
        Email = "email", "trimmed, lower case";
        Domain = "domain", "the host of a URL, host or email, without `www.`";
        Phone = "phone", "international form (E.164)";
        PlainText = "plain_text", "HTML without its markup";
    }
}

words! {
    /// When a row writes.
    pub enum Write {
        Always = "always", "whenever the values differ (default)";
        UnlessEdited = "unless_edited", "until someone changes it on the other side, again after it is emptied there";
        IfEmpty = "if_empty", "only into an empty field";
        OnCreate = "on_create", "only when the record is created";
    }
}

words! {
    /// What an emptied source does.
    pub enum OnNull {
        Clear = "clear", "it empties the target (default)";
        Keep = "keep", "the target stays as it is";
    }
}

words! {
    /// What a row does that cannot be computed.
    pub enum OnError {
        Fail = "fail", "the record fails (default)";
        Skip = "skip", "this field stays as it is, with a warning";
    }
}

/// `to_app`, `to_salesforce` of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Flow {
    /// `true`: copy as it is.
    Copy,
    /// `false`: does not flow this way.
    Off,
    /// Computed.
    Expression(Scalar),
}

/// `values`: Salesforce value to app value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ValueMap {
    /// In the order of the file, without `else`.
    pub pairs: Vec<(Spanned<Literal>, Spanned<Literal>)>,
    /// `else`: for all other values.
    pub otherwise: Option<Spanned<Literal>>,
}

/// A row as written. Whether it makes sense for its pipeline is checked by [`crate::spec::read_pipeline`] where the file
/// alone tells, and by the plan.
#[derive(Clone, Debug)]
pub struct RowSpec {
    /// The whole row.
    pub span: Span,
    /// Its number in the file, from 1.
    pub number: usize,
    /// True when a part of it had an error and is `None` for that reason; messages that only follow are left out.
    pub incomplete: bool,
    /// `salesforce`
    pub salesforce: Option<Entry<Path>>,
    /// `app`
    pub app: Option<Entry<Path>>,
    /// `to_app`
    pub to_app: Option<Entry<Flow>>,
    /// `to_salesforce`
    pub to_salesforce: Option<Entry<Flow>>,
    /// `const`
    pub constant: Option<Entry<Literal>>,
    /// `lookup`
    pub lookup: Option<Entry<Vec<Spanned<PipelineName>>>>,
    /// `missing`
    pub missing: Option<Entry<Missing>>,
    /// `values`
    pub values: Option<Entry<ValueMap>>,
    /// `as`
    pub normal_form: Option<Entry<NormalForm>>,
    /// `default`
    pub default: Option<Entry<Literal>>,
    /// `write`
    pub write: Option<Entry<Write>>,
    /// `group`
    pub group: Option<Entry<String>>,
    /// `on_null`
    pub on_null: Option<Entry<OnNull>>,
    /// `conflict`; `None` means that of the pipeline
    pub conflict: Option<Entry<Conflict>>,
    /// `on_error`
    pub on_error: Option<Entry<OnError>>,
}

says_the_same!(RowSpec { span } { number, incomplete, salesforce, app, to_app, to_salesforce, constant, lookup, missing, values, normal_form, default, write, group, on_null, conflict, on_error });

impl RowSpec {
    /// The field on a side, if the row names one there.
    pub fn field(&self, side: Side) -> Option<&Entry<Path>> {
        match side {
            Side::Salesforce => self.salesforce.as_ref(),
            Side::App => self.app.as_ref(),
        }
    }

    /// What the row says about the way to a side.
    pub fn flow_to(&self, side: Side) -> Option<&Entry<Flow>> {
        match side {
            Side::Salesforce => self.to_salesforce.as_ref(),
            Side::App => self.to_app.as_ref(),
        }
    }

    /// Whether the row writes to a side, if its pipeline flows that way: the side's field is named, the row does not say
    /// `false`, and there is something to write (the other side's field, an expression, or a constant of the one named side).
    pub fn writes(&self, side: Side) -> bool {
        let Some(_) = self.field(side) else { return false };
        if self.constant.is_some() {
            return self.field(side.other()).is_none() && !self.is_off(side);
        }
        match self.flow_to(side).map(|flow| &flow.value) {
            Some(Flow::Off) => false,
            Some(Flow::Expression(_)) => true,
            Some(Flow::Copy) | None => self.field(side.other()).is_some(),
        }
    }

    fn is_off(&self, side: Side) -> bool {
        self.flow_to(side).is_some_and(|flow| flow.value == Flow::Off)
    }

    /// The expression of the way to a side.
    pub fn expression_to(&self, side: Side) -> Option<&Scalar> {
        match self.flow_to(side).map(|flow| &flow.value) {
            Some(Flow::Expression(scalar)) => Some(scalar),
            _ => None,
        }
    }

    /// `missing` (default: wait).
    pub fn missing(&self) -> Missing {
        self.missing.as_ref().map_or(Missing::Wait, |entry| entry.value)
    }

    /// `write` (default: always), without the group.
    pub fn write(&self) -> Write {
        self.write.as_ref().map_or(Write::Always, |entry| entry.value)
    }

    /// `on_null` (default: clear).
    pub fn on_null(&self) -> OnNull {
        self.on_null.as_ref().map_or(OnNull::Clear, |entry| entry.value)
    }

    /// `on_error` (default: fail).
    pub fn on_error(&self) -> OnError {
        self.on_error.as_ref().map_or(OnError::Fail, |entry| entry.value)
    }
}
