//! Rows as written → mappings with positions and values.

use std::collections::HashMap;
use std::sync::Arc;

use super::app::AppField;
use super::columns::Layout;
use super::literals::literal_for;
use super::salesforce::SalesforceField;
use super::scripts::{At, Scripts};
use super::unit::{Out, RowView, Unit};
use crate::diag::Span;
use crate::expr;
use crate::model::{Kind, Side, StoredForm, Value};
use crate::plan::{Conflict, Flow, Lookup, Mapping, Missing, OnError, OnNull, ValueMap};
use crate::spec::{self, Literal, RowSpec};

/// All rows, in the order of the file.
pub(super) fn mappings(unit: &Unit<'_>, scripts: &Scripts, layout: &Layout, out: &mut Out) -> Vec<Mapping> {
    unit.rows
        .iter()
        .enumerate()
        .map(|(at, row)| Build { unit, scripts, layout, at, row }.mapping(out))
        .collect()
}

struct Build<'a> {
    unit: &'a Unit<'a>,
    scripts: &'a Scripts,
    layout: &'a Layout,
    at: usize,
    row: &'a RowView<'a>,
}

impl Build<'_> {
    fn mapping(&self, out: &mut Out) -> Mapping {
        let spec = self.row.spec;
        let to_app = self.flow(Side::App, out);
        let to_salesforce = self.flow(Side::Salesforce, out);
        let towards = if to_app.is_on() { Side::App } else { Side::Salesforce };
        Mapping {
            span: spec.span,
            name: row_name(spec),
            salesforce: self.position(Side::Salesforce),
            app: self.position(Side::App),
            to_app,
            to_salesforce,
            lookup: spec.lookup.as_ref().map(|lookup| Lookup {
                pipelines: lookup.value.iter().map(|name| name.value.clone()).collect(),
                missing: missing(spec.missing()),
            }),
            values: spec.values.as_ref().map(|entry| self.values(&entry.value, out)),
            form: spec.normal_form.as_ref().map(|entry| form(entry.value)),
            default: spec
                .default
                .as_ref()
                .map(|entry| self.literal(towards, (&entry.value, entry.span), out)),
            write: self.row.write,
            on_null: match spec.on_null() {
                spec::OnNull::Clear => OnNull::Clear,
                spec::OnNull::Keep => OnNull::Keep,
            },
            conflict: conflict(spec.conflict.as_ref().map_or(self.unit.file.conflict(), |entry| entry.value)),
            on_error: match spec.on_error() {
                spec::OnError::Fail => OnError::Fail,
                spec::OnError::Skip => OnError::Skip,
            },
            salesforce_kind: self.kind(Side::Salesforce),
            app_kind: self.kind(Side::App),
            salesforce_form: self.salesforce_form(),
            app_form: self.app_form(),
        }
    }

    /// Of a field of the object itself: only those are written.
    fn salesforce_form(&self) -> Option<StoredForm> {
        let (path, _) = self.row.field(Side::Salesforce).filter(|(path, _)| !path.contains('.'))?;
        match self.unit.salesforce.field(path) {
            SalesforceField::Field(field, _) => Some(StoredForm::of(field)),
            _ => None,
        }
    }

    fn app_form(&self) -> Option<StoredForm> {
        let (path, _) = self.row.field(Side::App).filter(|_| self.unit.app.is_sql())?;
        match self.unit.app.field(path) {
            AppField::Column(column) => StoredForm::of_column(column),
            _ => None,
        }
    }

    fn position(&self, side: Side) -> Option<usize> {
        let (path, _) = self.row.field(side)?;
        self.layout.position(side, path)
    }

    fn kind(&self, side: Side) -> Kind {
        self.row.field(side).map_or(Kind::Any, |(path, _)| self.unit.kind_of(side, path))
    }

    /// What flows to a side. Linking alone computes too: that is what matching compares.
    fn flow(&self, side: Side, out: &mut Out) -> Flow {
        let spec = self.row.spec;
        if !self.unit.file.ops_to(side).any() || !spec.writes(side) {
            return Flow::Off;
        }
        if let Some(constant) = &spec.constant {
            return Flow::Const(self.literal(side, (&constant.value, constant.span), out));
        }
        match spec.expression_to(side) {
            Some(_) => {
                self.scripts.bound(At::Row(self.at, side), self.layout).map_or(Flow::Off, Flow::Compute)
            }
            None => Flow::Copy,
        }
    }

    fn literal(&self, side: Side, literal: (&Literal, Span), out: &mut Out) -> Value {
        let path = self.row.field(side).map_or("", |(path, _)| path);
        literal_for(self.unit, side, path, literal, out)
    }

    fn values(&self, written: &spec::ValueMap, out: &mut Out) -> ValueMap {
        let (mut to_app, mut to_salesforce) = (HashMap::new(), HashMap::<String, Vec<Value>>::new());
        for (salesforce, app) in &written.pairs {
            let left = self.literal(Side::Salesforce, (&salesforce.value, salesforce.span), out);
            let right = self.literal(Side::App, (&app.value, app.span), out);
            to_salesforce.entry(spelled(&right)).or_default().push(left.clone());
            to_app.entry(spelled(&left)).or_insert(right);
        }
        let otherwise = written
            .otherwise
            .as_ref()
            .map(|literal| self.literal(Side::App, (&literal.value, literal.span), out));
        ValueMap { to_app, to_salesforce, otherwise }
    }
}

/// `Name → name`: what identifies a row in plans and across reloads.
pub(in crate::plan) fn row_name(row: &RowSpec) -> Arc<str> {
    let salesforce = row.salesforce.as_ref().map(|entry| entry.value.as_str());
    let app = row.app.as_ref().map(|entry| entry.value.as_str());
    match (salesforce, app) {
        (Some(salesforce), Some(app)) => Arc::from(format!("{salesforce} → {app}")),
        (one, other) => Arc::from(one.or(other).unwrap_or_default()),
    }
}

/// How `values` spells a value: trimmed, lower case.
fn spelled(value: &Value) -> String {
    match value {
        Value::Null | Value::Absent => String::new(),
        value => value.to_string().trim().to_lowercase(),
    }
}

fn missing(missing: spec::Missing) -> Missing {
    match missing {
        spec::Missing::Wait => Missing::Wait,
        spec::Missing::Empty => Missing::Empty,
        spec::Missing::Skip => Missing::Skip,
        spec::Missing::Fail => Missing::Fail,
    }
}

fn conflict(conflict: spec::Conflict) -> Conflict {
    match conflict {
        spec::Conflict::Salesforce => Conflict::Salesforce,
        spec::Conflict::App => Conflict::App,
        spec::Conflict::Newest => Conflict::Newest,
        spec::Conflict::Hold => Conflict::Hold,
    }
}

fn form(form: spec::NormalForm) -> expr::NormalForm {
    match form {
        spec::NormalForm::Email => expr::NormalForm::Email,
        spec::NormalForm::Domain => expr::NormalForm::Domain,
        spec::NormalForm::Phone => expr::NormalForm::Phone,
        spec::NormalForm::PlainText => expr::NormalForm::PlainText,
    }
}

/// `archive` of a side: what it sets. Values that do not fit are reported.
pub(super) fn archive(unit: &Unit<'_>, side: Side, layout: &Layout, out: &mut Out) -> Vec<(usize, Value)> {
    let entry = match side {
        Side::Salesforce => unit.file.salesforce.archive.as_ref(),
        Side::App => unit.file.app.archive.as_ref(),
    };
    let mut set = Vec::new();
    for (path, literal) in entry.into_iter().flat_map(|entry| &entry.value) {
        let path = path.value.as_str();
        let value = literal_for(unit, side, path, (&literal.value, literal.span), out);
        set.extend(layout.position(side, path).map(|position| (position, value)));
    }
    set
}
