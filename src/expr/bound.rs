//! An expression bound to schemas: what is evaluated per record.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde_json::Value as Json;

use crate::model::{Row, Schema, Value};

use super::script::{Script, Var};
use super::stop::{Outcome, Stop};
use super::{Eval, EvalError, Inputs, native};

/// An expression whose fields are positions. Cheap to clone, shared by all records of a plan.
#[derive(Clone, Debug)]
pub struct Bound {
    pub(super) script: Script,
    /// Per field use of the script.
    pub(super) places: Arc<[Place]>,
    /// Of `record`, `other` and `old`, for computed names.
    pub(super) schemas: [Option<Arc<Schema>>; 3],
}

/// Where a field is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A position of the row.
    Position(usize),
    /// Inside a JSON value at a position.
    Json(usize, Box<[Box<str>]>),
    /// The schema does not have it.
    Missing,
}

impl Bound {
    pub(super) fn new(script: Script, schemas: [Option<&Arc<Schema>>; 3]) -> Self {
        let place = |(var, field): &(Var, super::FieldUse)| {
            let schema = schemas[record_index(*var)];
            schema.map_or(Place::Missing, |schema| locate(schema, &field.path))
        };
        let places = script.0.analysis.fields.iter().map(place).collect();
        Self { places, schemas: schemas.map(|schema| schema.map(Arc::clone)), script }
    }

    /// The script that was bound.
    pub fn script(&self) -> &Script {
        &self.script
    }

    /// The positions of a record that are looked at: those of the named fields, or all of them where a name is computed. `None`: the
    /// variable is not used.
    pub fn positions(&self, var: Var) -> Option<Vec<usize>> {
        if !self.script.uses(var) {
            return None;
        }
        if self.script.computed(var).next().is_some() {
            let schema = self.schemas[record_index(var)].as_ref();
            return Some((0..schema.map_or(0, |schema| schema.len())).collect());
        }
        let uses = self.script.0.analysis.fields.iter().zip(self.places.iter());
        let place = |place: &Place| match place {
            Place::Position(at) | Place::Json(at, _) => Some(*at),
            Place::Missing => None,
        };
        Some(uses.filter(|((of, _), _)| *of == var).filter_map(|(_, at)| place(at)).collect())
    }

    /// Evaluates it for one record. The same inputs give the same result, always. An error concerns this record only;
    /// its message holds no values.
    pub fn eval(&self, inputs: &Inputs<'_>) -> Result<Eval, EvalError> {
        let run = || match &self.script.0.native {
            Some(node) => native::eval(node, self, inputs),
            None => self.script.0.general.eval(self, inputs),
        };
        finish(catch_unwind(AssertUnwindSafe(run)))
    }

    /// Evaluates through the engine even if there is a native form: the yardstick of the native form.
    #[cfg(test)]
    pub(super) fn eval_general(&self, inputs: &Inputs<'_>) -> Result<Eval, EvalError> {
        self.script.0.general.eval(self, inputs).map(Eval::Value).or_else(|stop| stop.into_eval())
    }
}

fn finish(run: std::thread::Result<Outcome<Value>>) -> Result<Eval, EvalError> {
    match run {
        Ok(Ok(Value::Absent)) => Ok(Eval::Value(Value::Null)),
        Ok(Ok(value)) => Ok(Eval::Value(value)),
        Ok(Err(stop)) => Stop::into_eval(*stop),
        Err(_) => {
            tracing::error!("bug: the expression engine panicked; the record fails");
            Err(EvalError::bug())
        }
    }
}

/// `record`, `other`, `old` as indexes of arrays of three.
pub(super) fn record_index(var: Var) -> usize {
    match var {
        Var::Other => 1,
        Var::Old => 2,
        _ => 0,
    }
}

/// The row of a variable.
pub(super) fn row_of<'a>(var: Var, inputs: &Inputs<'a>) -> Option<&'a Row> {
    match var {
        Var::Other => inputs.other,
        Var::Old => inputs.old,
        _ => Some(inputs.record),
    }
}

/// A field by its whole path, or the longest part of the path that is a field, and JSON from there.
fn locate(schema: &Schema, path: &str) -> Place {
    if let Some(position) = schema.position(path) {
        return Place::Position(position);
    }
    let mut end = path.len();
    while let Some(dot) = path[..end].rfind('.') {
        if let Some(position) = schema.position(&path[..dot]) {
            let rest = path[dot + 1..].split('.').map(Box::from).collect();
            return Place::Json(position, rest);
        }
        end = dot;
    }
    Place::Missing
}

/// What is inside a JSON value. Anything of what is no object is null: a missing field.
pub(super) fn inside(value: &Value, path: &[Box<str>]) -> Value {
    let Value::Json(json) = value else { return Value::Null };
    let found = path.iter().try_fold::<_, _, Option<&Json>>(&**json, |json, name| json.get(&**name));
    found.map_or(Value::Null, Value::from_json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Kind;

    #[test]
    fn a_panic_fails_the_record_only() {
        let result = finish(catch_unwind(|| panic!("in the engine")));
        assert_eq!(result, Err(EvalError::bug()));
    }

    #[test]
    fn fields_are_located_once() {
        let schema =
            Schema::of(&[("Name", Kind::Text), ("custom", Kind::Json), ("address.city", Kind::Text)]);
        for (path, place) in [
            ("Name", Place::Position(0)),
            ("address.city", Place::Position(2)),
            ("custom.a.b", Place::Json(1, ["a".into(), "b".into()].into())),
            ("address", Place::Missing),
            ("Nmae.x", Place::Missing),
        ] {
            assert_eq!(locate(&schema, path), place, "{path}");
        }
    }
}
