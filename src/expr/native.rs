//! The common shapes of expressions in a form that needs no engine: fields, `??`, comparisons, arithmetic, texts,
//! `if` and calls. About ten times as fast; a property test holds it against the engine.
//!
//! Everything it computes, it computes with [`operators`](super::operators) and [`functions`](super::functions), as the
//! engine does. What has no form here (closures, `switch`, literals of lists) has no form at all: [`compile`] says `None`.

use std::borrow::Cow;

use rhai::{AST, Expr, FnCallExpr, Position, Stmt, StmtBlock};

use crate::model::Value;

use super::bound::{Bound, Place, inside, row_of};
use super::chain::{Step, byte_of_position, chain, is_null, path, variable};
use super::functions::{self, Body, Function};
use super::operators::{Operator, append, apply, condition, negate, not};
use super::script::Var;
use super::stop::{Outcome, misfit};
use super::walk::Analysis;
use super::{Context, Inputs};

/// Most arguments a function has.
const MAX_ARGUMENTS: usize = 3;

#[derive(Debug)]
pub(super) enum Node {
    Literal(Value),
    Var(Var),
    PipelineName,
    PipelineGeneration,
    /// The field use with this number.
    Field(Var, usize),
    /// A member of a JSON value.
    Member(Box<Node>, Box<str>, usize),
    /// `record == null`
    Missing(Var),
    Coalesce(Box<[Node]>),
    And(Box<[Node]>, usize),
    Or(Box<[Node]>, usize),
    Not(Box<Node>, usize),
    Negate(Box<Node>, usize),
    Binary(Operator, Box<[Node; 2]>, usize),
    If(Box<[Node; 3]>, usize),
    Text(Box<[Node]>, usize),
    Call(&'static Function, Box<[Node]>, usize),
}

/// The native form, if the whole expression has one.
pub(super) fn compile(text: &str, ast: &AST, analysis: &Analysis) -> Option<Node> {
    let compiler = Compiler { text, analysis };
    match ast.statements() {
        [statement] => compiler.statement(statement),
        _ => None,
    }
}

struct Compiler<'a> {
    text: &'a str,
    analysis: &'a Analysis,
}

impl Compiler<'_> {
    fn at(&self, position: Position) -> usize {
        byte_of_position(self.text, position)
    }

    fn statement(&self, statement: &Stmt) -> Option<Node> {
        match statement {
            Stmt::Expr(expr) => self.expr(expr),
            Stmt::FnCall(call, position) => self.call(call, *position),
            Stmt::Block(block) => self.block(block),
            Stmt::If(flow, _) => {
                let position = self.at(flow.expr.start_position());
                let parts = [self.expr(&flow.expr)?, self.block(&flow.body)?, self.block(&flow.branch)?];
                Some(Node::If(Box::new(parts), position))
            }
            _ => None,
        }
    }

    fn block(&self, block: &StmtBlock) -> Option<Node> {
        match block.statements() {
            [] | [Stmt::Noop(_)] => Some(Node::Literal(Value::Null)),
            [statement] => self.statement(statement),
            _ => None,
        }
    }

    fn all<'e>(&self, parts: impl IntoIterator<Item = &'e Expr>) -> Option<Box<[Node]>> {
        parts.into_iter().map(|part| self.expr(part)).collect()
    }

    fn expr(&self, expr: &Expr) -> Option<Node> {
        match expr {
            Expr::BoolConstant(value, _) => Some(Node::Literal(Value::Bool(*value))),
            Expr::IntegerConstant(value, _) => Some(Node::Literal(Value::Int(*value))),
            Expr::StringConstant(text, _) => Some(Node::Literal(text.as_str().into())),
            Expr::DynamicConstant(value, _) => {
                value.clone().try_cast().map(|value| Node::Literal(Value::Decimal(value)))
            }
            null if is_null(null) => Some(Node::Literal(Value::Null)),
            Expr::InterpolatedString(parts, position) => {
                Some(Node::Text(self.all(parts.iter())?, self.at(*position)))
            }
            Expr::Variable(..) => variable(expr).filter(|var| !var.is_record()).map(Node::Var),
            Expr::Stmt(block) => self.block(block),
            Expr::FnCall(call, position) => self.call(call, *position),
            Expr::Dot(..) | Expr::Index(..) => self.chain(expr),
            Expr::And(parts, position) => Some(Node::And(self.all(parts.iter())?, self.at(*position))),
            Expr::Or(parts, position) => Some(Node::Or(self.all(parts.iter())?, self.at(*position))),
            Expr::Coalesce(parts, _) => Some(Node::Coalesce(self.all(parts.iter())?)),
            _ => None,
        }
    }

    fn call(&self, call: &FnCallExpr, position: Position) -> Option<Node> {
        let at = self.at(position);
        if !call.is_operator_call() || call.name == "contains" {
            return self.function(functions::find(&call.name)?, None, &call.args, at);
        }
        match (call.name.as_str(), call.args.as_slice()) {
            ("!", [only]) => Some(Node::Not(Box::new(self.expr(only)?), at)),
            ("-", [only]) => Some(Node::Negate(Box::new(self.expr(only)?), at)),
            (name @ ("==" | "!="), [left, right]) if is_null(left) || is_null(right) => {
                let other = if is_null(right) { left } else { right };
                let missing = match variable(other).filter(|var| var.is_record()) {
                    Some(var) => Node::Missing(var),
                    None => Node::Binary(
                        Operator::Equal,
                        Box::new([self.expr(other)?, Node::Literal(Value::Null)]),
                        at,
                    ),
                };
                Some(if name == "==" { missing } else { Node::Not(Box::new(missing), at) })
            }
            (name, [left, right]) => {
                let operator = Operator::of(name)?;
                Some(Node::Binary(operator, Box::new([self.expr(left)?, self.expr(right)?]), at))
            }
            _ => None,
        }
    }

    fn function(
        &self,
        function: &'static Function,
        receiver: Option<Node>,
        args: &[Expr],
        at: usize,
    ) -> Option<Node> {
        let mut nodes: Vec<Node> = receiver.into_iter().collect();
        for arg in args {
            let node = match (function.body(), variable(arg)) {
                (Body::Closure(_), _) => return None,
                (Body::Record(field, _), Some(var)) => self.field(var, field, at)?,
                _ => self.expr(arg)?,
            };
            nodes.push(node);
        }
        let fits = nodes.len() <= MAX_ARGUMENTS && !matches!(function.body(), Body::Closure(_));
        fits.then(|| Node::Call(function, nodes.into(), at))
    }

    fn field(&self, var: Var, path: &str, at: usize) -> Option<Node> {
        let number = self
            .analysis
            .fields
            .iter()
            .position(|(of, field)| *of == var && &*field.path == path && field.span.start == at)?;
        Some(Node::Field(var, number))
    }

    fn chain(&self, expr: &Expr) -> Option<Node> {
        let (root, steps) = chain(expr)?;
        let (mut node, taken) = match (variable(root), steps.first()) {
            (Some(var), Some(Step::Method(call, position))) if var.is_record() => {
                let Body::Record(field, _) = functions::find(&call.name)?.body() else { return None };
                let node = self.field(var, field, self.at(*position))?;
                (Node::Call(functions::find(&call.name)?, Box::new([node]), self.at(*position)), 1)
            }
            (Some(var), _) if var.is_record() => {
                let (path, span, taken) = path(self.text, &steps)?;
                (self.field(var, &path, span.start)?, taken)
            }
            (Some(Var::Pipeline), Some(Step::Field("name", _))) => (Node::PipelineName, 1),
            (Some(Var::Pipeline), Some(Step::Field("generation", _))) => (Node::PipelineGeneration, 1),
            _ => (self.expr(root)?, 0),
        };
        for step in &steps[taken..] {
            node = match step {
                Step::Field(name, position) => {
                    Node::Member(Box::new(node), Box::from(*name), self.at(*position))
                }
                Step::Index(_) => return None,
                Step::Method(call, position) => {
                    self.function(functions::find(&call.name)?, Some(node), &call.args, self.at(*position))?
                }
            };
        }
        Some(node)
    }
}

/// Evaluates the native form.
pub(super) fn eval(node: &Node, bound: &Bound, inputs: &Inputs<'_>) -> Outcome<Value> {
    let run = Run { bound, inputs };
    run.node(node).map(Cow::into_owned)
}

const NULL: Value = Value::Null;

struct Run<'a> {
    bound: &'a Bound,
    inputs: &'a Inputs<'a>,
}

impl<'a> Run<'a> {
    fn context(&self) -> &dyn Context {
        self.inputs.context
    }

    fn node(&self, node: &'a Node) -> Outcome<Cow<'a, Value>> {
        match node {
            Node::Literal(value) => Ok(Cow::Borrowed(value)),
            Node::Var(var) => Ok(self.variable(*var)),
            Node::PipelineName => Ok(Cow::Owned(self.inputs.pipeline.0.into())),
            Node::PipelineGeneration => Ok(Cow::Owned(Value::Int(self.inputs.pipeline.1.into()))),
            Node::Field(var, number) => Ok(self.field(*var, *number)),
            Node::Member(of, name, at) => {
                let member = self.node(of).and_then(|value| member(&value, name));
                member.map(Cow::Owned).map_err(|stop| Box::new(stop.at(Some(*at))))
            }
            Node::Missing(var) => Ok(Cow::Owned(Value::Bool(row_of(*var, self.inputs).is_none()))),
            Node::Coalesce(parts) => self.coalesce(parts),
            Node::And(parts, at) => self.junction(parts, false, *at),
            Node::Or(parts, at) => self.junction(parts, true, *at),
            Node::Not(of, at) => self.unary(not, of, *at),
            Node::Negate(of, at) => self.unary(negate, of, *at),
            Node::Binary(operator, sides, at) => {
                let (left, right) = (self.node(&sides[0])?, self.node(&sides[1])?);
                let result = apply(*operator, &left, &right, self.context());
                result.map(Cow::Owned).map_err(|stop| Box::new(stop.at(Some(*at))))
            }
            Node::If(parts, at) => {
                let holds = self.holds(&parts[0], *at)?;
                self.node(if holds { &parts[1] } else { &parts[2] })
            }
            Node::Text(parts, at) => self.text(parts, *at),
            Node::Call(function, args, at) => self.call(function, args, *at),
        }
    }

    fn variable(&self, var: Var) -> Cow<'a, Value> {
        match var {
            Var::Value => Cow::Borrowed(self.inputs.value),
            Var::Op => Cow::Owned(self.inputs.op.name().into()),
            Var::Now => Cow::Owned(Value::DateTime(self.inputs.now)),
            Var::Today => Cow::Owned(Value::Date(self.inputs.today)),
            Var::Record | Var::Other | Var::Old | Var::Pipeline => Cow::Owned(Value::Null),
        }
    }

    fn field(&self, var: Var, number: usize) -> Cow<'a, Value> {
        let Some(row) = row_of(var, self.inputs) else { return Cow::Owned(Value::Null) };
        match self.bound.places.get(number) {
            Some(Place::Position(position)) => Cow::Borrowed(row.get(*position)),
            Some(Place::Json(position, rest)) => Cow::Owned(inside(row.get(*position), rest)),
            Some(Place::Missing) | None => Cow::Owned(Value::Null),
        }
    }

    fn unary(&self, apply: fn(&Value) -> Outcome<Value>, of: &'a Node, at: usize) -> Outcome<Cow<'a, Value>> {
        let value = self.node(of)?;
        apply(&value).map(Cow::Owned).map_err(|stop| Box::new(stop.at(Some(at))))
    }

    fn coalesce(&self, parts: &'a [Node]) -> Outcome<Cow<'a, Value>> {
        for part in parts {
            let value = self.node(part)?;
            if !value.is_null() {
                return Ok(value);
            }
        }
        Ok(Cow::Owned(Value::Null))
    }

    /// `&&` stops at the first false, `||` at the first true.
    fn junction(&self, parts: &'a [Node], decisive: bool, at: usize) -> Outcome<Cow<'a, Value>> {
        for part in parts {
            if self.holds(part, at)? == decisive {
                return Ok(Cow::Owned(Value::Bool(decisive)));
            }
        }
        Ok(Cow::Owned(Value::Bool(!decisive)))
    }

    fn holds(&self, node: &'a Node, at: usize) -> Outcome<bool> {
        let value = self.node(node)?;
        condition(&value).map_err(|stop| Box::new(stop.at(Some(at))))
    }

    fn text(&self, parts: &'a [Node], at: usize) -> Outcome<Cow<'a, Value>> {
        let mut text = String::new();
        for part in parts {
            let value = self.node(part)?;
            append(&mut text, &value).map_err(|stop| Box::new(stop.at(Some(at))))?;
        }
        Ok(Cow::Owned(text.into()))
    }

    fn call(&self, function: &'static Function, args: &'a [Node], at: usize) -> Outcome<Cow<'a, Value>> {
        let mut values: [Cow<'a, Value>; MAX_ARGUMENTS] = [const { Cow::Owned(NULL) }; MAX_ARGUMENTS];
        for (slot, arg) in values.iter_mut().zip(args) {
            *slot = self.node(arg)?;
        }
        let result = function.call(self.context(), &values[..args.len().min(MAX_ARGUMENTS)]);
        result.map(Cow::Owned).map_err(|stop| Box::new(stop.at(Some(at))))
    }
}

/// A member of a JSON object; of null it is null.
pub(super) fn member(value: &Value, name: &str) -> Outcome<Value> {
    match value {
        Value::Null | Value::Absent => Ok(Value::Null),
        Value::Json(json) => Ok(json.get(name).map_or(Value::Null, Value::from_json)),
        other => misfit(format!("{} has no fields, so no `{name}`", other.kind_name())),
    }
}
