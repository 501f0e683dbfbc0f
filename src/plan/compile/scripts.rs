//! The expressions of a pipeline: compiled once, their problems placed in the file, their fields collected, then bound to
//! the schemas.

use std::collections::HashMap;
use std::sync::Arc;

use super::columns::Layout;
use super::mentions::Role;
use super::unit::{Out, Unit};
use crate::diag::{Code, Diagnostic, Fix, Label, Severity, Span};
use crate::expr::{Bound, Engine, ExprProblem, Script, ScriptKind, Var};
use crate::model::{PipelineName, Side};
use crate::spec::Scalar;

/// Where an expression stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum At {
    /// Row (from 0) and the side it computes for.
    Row(usize, Side),
    /// `filter` of a side.
    Filter(Side),
}

impl At {
    /// The side whose records are `record`.
    pub(super) fn record(self) -> Side {
        match self {
            Self::Row(_, towards) => towards.other(),
            Self::Filter(side) => side,
        }
    }

    /// The variables that hold a Salesforce record.
    pub(super) fn salesforce_vars(self) -> Vec<Var> {
        match self.record() {
            Side::Salesforce => vec![Var::Record, Var::Old],
            Side::App => vec![Var::Other],
        }
    }

    fn kind(self) -> ScriptKind {
        match self {
            Self::Row(..) => ScriptKind::Row,
            Self::Filter(_) => ScriptKind::Filter,
        }
    }
}

/// The expressions of one pipeline that compile.
pub(super) struct Scripts {
    all: HashMap<At, (Script, Scalar)>,
    /// In the order of the file.
    order: Vec<At>,
}

/// A field that an expression names.
pub(super) struct ScriptField {
    pub(super) path: Arc<str>,
    pub(super) span: Span,
    pub(super) role: Role,
}

impl Scripts {
    /// Compiles every expression that its pipeline can use; problems become messages.
    pub(super) fn compile(unit: &Unit<'_>, engine: &Engine, out: &mut Out) -> Self {
        let mut scripts = Self { all: HashMap::new(), order: Vec::new() };
        for (at, scalar) in places(unit) {
            match engine.compile(&scalar.text, at.kind()) {
                Ok(script) => {
                    scripts.all.insert(at, (script, scalar.clone()));
                    scripts.order.push(at);
                }
                Err(problems) => out.extend(problems.into_iter().map(|problem| placed(scalar, problem))),
            }
        }
        scripts
    }

    /// Calls back for every field that an expression names.
    pub(super) fn fields(&self, mut each: impl FnMut(Side, ScriptField)) {
        for (at, script, scalar) in self.iter() {
            for (var, side) in
                [(Var::Record, at.record()), (Var::Old, at.record()), (Var::Other, at.record().other())]
            {
                for field in script.fields(var) {
                    let span = scalar.span_in(field.span.start, field.span.end);
                    let role = if field.optional { Role::Optional } else { Role::Expression };
                    each(side, ScriptField { path: Arc::clone(&field.path), span, role });
                }
            }
        }
    }

    /// Pipelines that `linked("…", …)` names, with their places.
    pub(super) fn linked(&self) -> Vec<(PipelineName, Span)> {
        let of = |script: &Script, scalar: &Scalar| -> Vec<(PipelineName, Span)> {
            let names = script.linked();
            names.map(|(name, at)| (PipelineName::from(name), scalar.span_in(at.start, at.end))).collect()
        };
        self.iter().flat_map(|(_, script, scalar)| of(script, scalar)).collect()
    }

    /// In the order of the file.
    pub(super) fn iter(&self) -> impl Iterator<Item = (At, &Script, &Scalar)> {
        self.order.iter().filter_map(|at| self.all.get(at).map(|(script, scalar)| (*at, script, scalar)))
    }

    /// The expression at a place, bound to the schemas.
    pub(super) fn bound(&self, at: At, layout: &Layout) -> Option<Arc<Bound>> {
        let (script, _) = self.all.get(&at)?;
        let record = layout.schema(at.record());
        let other = layout.schema(at.record().other());
        Some(Arc::new(script.bind(record, Some(other), Some(record))))
    }
}

/// Every expression that can be evaluated: those of a direction that does not flow are only checked for themselves.
fn places<'a>(unit: &Unit<'a>) -> Vec<(At, &'a Scalar)> {
    let mut all = Vec::new();
    for (side, filter) in
        [(Side::Salesforce, &unit.file.salesforce.filter), (Side::App, &unit.file.app.filter)]
    {
        all.extend(filter.as_ref().map(|entry| (At::Filter(side), &entry.value)));
    }
    for (number, row) in unit.rows.iter().enumerate() {
        for side in [Side::App, Side::Salesforce] {
            all.extend(row.spec.expression_to(side).map(|scalar| (At::Row(number, side), scalar)));
        }
    }
    all
}

/// A problem of an expression as a message about the file.
fn placed(scalar: &Scalar, problem: ExprProblem) -> Diagnostic {
    let span = scalar.span_in(problem.start, problem.end);
    let fix = problem.fix.map(|fix| Fix { span: scalar.span_in(fix.start, fix.end), text: fix.text });
    Diagnostic {
        code: Code(problem.code),
        severity: Severity::Error,
        title: problem.title,
        primary: Some(Label { span, text: problem.label }),
        labels: Vec::new(),
        notes: problem.notes,
        help: problem.help,
        fix,
    }
}
