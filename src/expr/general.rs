//! Evaluation by the engine: everything the language has, closures and `switch` included.

use std::sync::Arc;

use rhai::{AST, Dynamic, EvalAltResult, Position};

use crate::model::Value;

use super::Inputs;
use super::bound::{Bound, Place, inside, row_of};
use super::chain::byte_of_position;
use super::dynamic::{Record, Thrown, from_value, to_value};
use super::exchange::{TOO_MANY, Variables, run};
use super::operators::condition;
use super::script::{Compiled, Var};
use super::stop::{Outcome, Stop, limit, misfit};

/// The tree of an expression and the engine that runs it.
#[derive(Debug)]
pub(super) struct General {
    pub(super) engine: Arc<rhai::Engine>,
    pub(super) ast: AST,
}

impl General {
    pub(super) fn eval(&self, bound: &Bound, inputs: &Inputs<'_>) -> Outcome<Value> {
        let compiled = &bound.script.0;
        let variables = variables(compiled, bound, inputs);
        run(inputs.context, &variables, || match self.engine.eval_ast::<Dynamic>(&self.ast) {
            Ok(result) => Ok(to_value(&result)),
            Err(error) => Err(stop(&compiled.text, &error)),
        })
    }
}

/// Only the variables that the expression uses, only the fields that it names.
fn variables(compiled: &Compiled, bound: &Bound, inputs: &Inputs<'_>) -> Variables {
    let value = |var: &Var| {
        let value = match var {
            Var::Record | Var::Other | Var::Old => record(*var, compiled, bound, inputs),
            Var::Value => from_value(inputs.value),
            Var::Op => inputs.op.name().into(),
            Var::Now => from_value(&Value::DateTime(inputs.now)),
            Var::Today => from_value(&Value::Date(inputs.today)),
            Var::Pipeline => {
                let (name, generation) = inputs.pipeline;
                let fields =
                    [("name".into(), name.into()), ("generation".into(), i64::from(generation).into())];
                rhai::Map::from(fields).into()
            }
        };
        (var.name(), value)
    };
    compiled.analysis.variables.iter().map(value).collect()
}

fn record(var: Var, compiled: &Compiled, bound: &Bound, inputs: &Inputs<'_>) -> Dynamic {
    let Some(row) = row_of(var, inputs) else { return Dynamic::UNIT };
    let uses = compiled.analysis.fields.iter().zip(&*bound.places).filter(|((of, _), _)| *of == var);
    let fields = uses.map(|((_, field), place)| {
        let value = match place {
            Place::Position(position) => Some(row.get(*position).clone()),
            Place::Json(position, rest) => Some(inside(row.get(*position), rest)),
            Place::Missing => None,
        };
        (Arc::clone(&field.path), value)
    });
    let computed = compiled.analysis.computed.iter().any(|(of, _)| *of == var);
    let schema = &bound.schemas[super::bound::record_index(var)];
    let all = schema.as_ref().filter(|_| computed).map(|schema| (Arc::clone(schema), row.clone()));
    Dynamic::from(Record::new(fields.collect(), all))
}

/// What an error of the engine means. Its own texts may hold values, so none of them is passed on.
#[allow(clippy::unnecessary_box_returns)] // outcomes hold boxes
fn stop(text: &str, error: &EvalAltResult) -> Box<Stop> {
    let inner = innermost(error);
    let position = match inner.position() {
        Position::NONE => None,
        position => Some(byte_of_position(text, position)),
    };
    let stopped = match inner {
        EvalAltResult::ErrorRuntime(thrown, _) => match thrown.clone().try_cast::<Thrown>() {
            Some(Thrown(stop)) => return Box::new(stop.at(position)),
            None => misfit::<()>("the expression cannot be evaluated"),
        },
        EvalAltResult::ErrorTerminated(..) | EvalAltResult::ErrorTooManyOperations(_) => limit(TOO_MANY),
        EvalAltResult::ErrorStackOverflow(_) => limit("stopped: nested deeper than 32 levels"),
        EvalAltResult::ErrorDataTooLarge(..) => {
            limit("stopped: a text of more than 1 MiB or a list of more than 1 000 items")
        }
        EvalAltResult::ErrorMismatchDataType(_, found, _) if found == "()" => {
            condition(&Value::Null).map(drop)
        }
        EvalAltResult::ErrorMismatchDataType(..) => misfit("a condition is not true or false"),
        EvalAltResult::ErrorArrayBounds(..) | EvalAltResult::ErrorStringBounds(..) => {
            misfit("there is no item at this index")
        }
        EvalAltResult::ErrorIndexingType(..)
        | EvalAltResult::ErrorDotExpr(..)
        | EvalAltResult::ErrorPropertyNotFound(..) => misfit("this value has no such field"),
        EvalAltResult::ErrorVariableNotFound(..) => misfit("the item of a closure is used outside of it"),
        _ => misfit("the expression cannot be evaluated for this record"),
    };
    let stop = stopped.err().unwrap_or_else(|| Box::new(Stop::Keep));
    Box::new(stop.at(position))
}

/// An error inside of a closure is wrapped once per call.
fn innermost(mut error: &EvalAltResult) -> &EvalAltResult {
    while let EvalAltResult::ErrorInFunctionCall(_, _, inner, _) = error {
        error = inner;
    }
    error
}
