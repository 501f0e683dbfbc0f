//! Values inside the engine, and the functions and operators it is given.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use rhai::{Dynamic, Engine, EvalAltResult, FnPtr, ImmutableString, Map, NativeCallContext, Position};
use rust_decimal::Decimal;

use crate::model::{Row, Schema, Value};

use super::exchange::{TOO_MANY, charge, with_context};
use super::functions::{self, Body, Closure, Function};
use super::native::member;
use super::operators::{Operator, append, apply, negate, not, number};
use super::stop::{Outcome, Stop, limit, misfit};

type RhaiResult = Result<Dynamic, Box<EvalAltResult>>;

/// A value that the engine only carries: dates, lists, objects.
#[derive(Clone)]
struct Carried(Value);

/// A stop on its way through the engine.
#[derive(Clone)]
pub(super) struct Thrown(pub(super) Stop);

/// `record`, `other` or `old`: the fields an expression names, nothing else.
#[derive(Clone)]
pub(super) struct Record {
    fields: Arc<Fields>,
    /// `Account` of `record.Account.Name`; empty for the record itself.
    prefix: Arc<str>,
}

struct Fields {
    /// By path. `None`: the schema has no such field.
    named: HashMap<Arc<str>, Option<Value>>,
    /// The whole row, for names that are computed.
    all: Option<(Arc<Schema>, Row)>,
}

impl Record {
    pub(super) fn new(named: HashMap<Arc<str>, Option<Value>>, all: Option<(Arc<Schema>, Row)>) -> Self {
        Self { fields: Arc::new(Fields { named, all }), prefix: Arc::from("") }
    }

    fn get(&self, name: &str) -> Dynamic {
        let path = if self.prefix.is_empty() {
            Cow::Borrowed(name)
        } else {
            Cow::Owned(format!("{}.{name}", self.prefix))
        };
        if let Some(Some(value)) = self.fields.named.get(&*path) {
            return from_value(value);
        }
        let computed =
            self.fields.all.as_ref().and_then(|(schema, row)| Some(row.get(schema.position(&path)?)));
        if let Some(value) = computed {
            return from_value(value);
        }
        let is_inside =
            |field: &Arc<str>| field.strip_prefix(&*path).is_some_and(|rest| rest.starts_with('.'));
        if self.fields.named.keys().any(is_inside) {
            return Dynamic::from(Self { fields: Arc::clone(&self.fields), prefix: Arc::from(path) });
        }
        Dynamic::UNIT
    }
}

/// A value for the engine.
pub(super) fn from_value(value: &Value) -> Dynamic {
    match value {
        Value::Absent | Value::Null => Dynamic::UNIT,
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => (*value).into(),
        Value::Decimal(value) => match number(*value) {
            Value::Int(whole) => whole.into(),
            _ => value.normalize().into(),
        },
        Value::Text(text) => text.as_str().into(),
        other => Dynamic::from(Carried(other.clone())),
    }
}

/// A value of the engine. A record as a whole is no value.
pub(super) fn to_value(value: &Dynamic) -> Value {
    if let Some(carried) = value.read_lock::<Carried>() {
        return carried.0.clone();
    }
    if let Some(text) = value.read_lock::<ImmutableString>() {
        return text.as_str().into();
    }
    if let Some(items) = value.read_lock::<rhai::Array>() {
        return Value::List(items.iter().map(to_value).collect());
    }
    if let Some(map) = value.read_lock::<Map>() {
        return Value::object(map.iter().map(|(name, value)| (name.to_string(), to_value(value))));
    }
    if let Some(decimal) = value.read_lock::<Decimal>() {
        return Value::Decimal(*decimal);
    }
    if let Ok(whole) = value.as_int() {
        return Value::Int(whole);
    }
    if let Ok(letter) = value.as_char() {
        return letter.to_string().into();
    }
    value.as_bool().map_or(Value::Null, Value::Bool)
}

fn result(outcome: Outcome<Value>) -> RhaiResult {
    outcome.map(|value| from_value(&value)).map_err(thrown)
}

#[allow(clippy::boxed_local, clippy::unnecessary_box_returns)] // both sides of this meet boxes
fn thrown(stop: Box<Stop>) -> Box<EvalAltResult> {
    Box::new(EvalAltResult::ErrorRuntime(Dynamic::from(Thrown(*stop)), Position::NONE))
}

/// Gives the engine everything the language has, and nothing else.
pub(super) fn register(engine: &mut Engine) {
    register_operators(engine);
    register_members(engine);
    for function in functions::all() {
        match function.body() {
            Body::Values(_) => register_values(engine, function),
            Body::Record(field, _) => register_record(engine, function, field),
            Body::Closure(closure) => register_closure(engine, function, closure),
        }
    }
}

fn register_operators(engine: &mut Engine) {
    for operator in Operator::ALL {
        engine.register_fn(operator.symbol(), move |left: Dynamic, right: Dynamic| -> RhaiResult {
            if let Some(known) = record_against_null(operator, &left, &right) {
                return Ok(known.into());
            }
            let (left, right) = (to_value(&left), to_value(&right));
            result(with_context(|context| apply(operator, &left, &right, context)))
        });
    }
    engine.register_fn("!", |value: Dynamic| result(not(&to_value(&value))));
    engine.register_fn("-", |value: Dynamic| result(negate(&to_value(&value))));
    // What `${…}` writes.
    engine.register_fn("to_string", |value: Dynamic| -> Result<ImmutableString, Box<EvalAltResult>> {
        let mut text = String::new();
        append(&mut text, &to_value(&value)).map_err(thrown)?;
        Ok(text.into())
    });
}

/// `other == null`: the only comparison there is of a record.
fn record_against_null(operator: Operator, left: &Dynamic, right: &Dynamic) -> Option<bool> {
    let is_record = left.is::<Record>() || right.is::<Record>();
    match operator {
        Operator::Equal if is_record => Some(false),
        Operator::NotEqual if is_record => Some(true),
        _ => None,
    }
}

fn register_members(engine: &mut Engine) {
    engine.register_indexer_get(|record: &mut Record, name: ImmutableString| record.get(&name));
    engine.register_indexer_get(|(): &mut (), _: ImmutableString| ());
    engine.register_indexer_get(|(): &mut (), _: i64| ());
    engine.register_indexer_get(|carried: &mut Carried, name: ImmutableString| {
        result(member(&carried.0, &name))
    });
    engine.register_indexer_get(|carried: &mut Carried, index: i64| result(item(&carried.0, index)));
}

/// An item of a list, from the end if negative; null if there is none.
fn item(list: &Value, index: i64) -> Outcome<Value> {
    let Value::List(items) = list else { return misfit(format!("{} has no items", list.kind_name())) };
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let index = if index < 0 { index + length } else { index };
    let found = usize::try_from(index).ok().and_then(|index| items.get(index));
    Ok(found.cloned().unwrap_or_default())
}

fn call(function: &Function, args: &[Dynamic]) -> RhaiResult {
    let args: Vec<Cow<'_, Value>> = args.iter().map(|arg| Cow::Owned(to_value(arg))).collect();
    if !charge(args.iter().map(|arg| work(arg)).sum()) {
        return result(limit(TOO_MANY));
    }
    result(with_context(|context| function.call(context, &args)))
}

/// Steps a large argument counts as.
fn work(value: &Value) -> u32 {
    let size = match value {
        Value::List(items) => items.len() / 10,
        Value::Text(text) => text.len() / 1_000,
        _ => 0,
    };
    u32::try_from(size).unwrap_or(u32::MAX)
}

fn register_values(engine: &mut Engine, function: &'static Function) {
    let name = function.name;
    for count in function.arity() {
        match count {
            0 => engine.register_fn(name, move || call(function, &[])),
            1 => engine.register_fn(name, move |a: Dynamic| call(function, &[a])),
            2 => engine.register_fn(name, move |a: Dynamic, b: Dynamic| call(function, &[a, b])),
            _ => {
                engine.register_fn(name, move |a: Dynamic, b: Dynamic, c: Dynamic| call(function, &[a, b, c]))
            }
        };
    }
}

fn register_record(engine: &mut Engine, function: &'static Function, field: &'static str) {
    engine.register_fn(function.name, move |record: Dynamic| {
        let value = record.read_lock::<Record>().map_or(Dynamic::UNIT, |record| record.get(field));
        call(function, &[value])
    });
}

fn register_closure(engine: &mut Engine, function: &'static Function, closure: Closure) {
    engine.register_fn(function.name, move |context: NativeCallContext<'_>, list: Dynamic, body: FnPtr| {
        // An error of the engine itself has to come out as it is, with its place.
        let mut inner: Option<Box<EvalAltResult>> = None;
        let outcome = closure.apply(&to_value(&list), |item| {
            match body.call_within_context::<Dynamic>(&context, (from_value(item),)) {
                Ok(answer) => Ok(to_value(&answer)),
                Err(error) => {
                    inner = Some(error);
                    limit("the closure failed")
                }
            }
        });
        inner.map_or_else(|| result(outcome), Err)
    });
}
