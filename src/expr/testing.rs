//! An org for the tests of expressions, and short ways to evaluate one.

use std::sync::Arc;

use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use crate::model::{Kind, Op, Row, Schema, Value};

use super::{Bound, Context, Engine, Eval, EvalError, ExprProblem, Inputs, ScriptKind};

/// An org in Finland.
pub(crate) struct Facts {
    timezone: TimeZone,
}

impl Default for Facts {
    fn default() -> Self {
        Self { timezone: TimeZone::get("Europe/Helsinki").unwrap() }
    }
}

impl Context for Facts {
    fn linked(&self, pipeline: &str, id: &Value) -> Option<Value> {
        (pipeline == "accounts" && id.as_text() == Some("001M000000qfPyS")).then_some(Value::Int(17))
    }
    fn org_currency(&self) -> &'static str {
        "EUR"
    }
    fn rate(&self, iso: &str) -> Option<Decimal> {
        match iso {
            "EUR" => Some(Decimal::ONE),
            "SEK" => Some(Decimal::new(112, 1)),
            _ => None,
        }
    }
    fn record_url(&self, id: &str) -> String {
        format!("https://acme.my.salesforce.com/{id}")
    }
    fn timezone(&self) -> &TimeZone {
        &self.timezone
    }
    fn default_region(&self) -> Option<&str> {
        None
    }
}

/// The record of the tests: a bit of everything.
pub(crate) fn schema() -> Arc<Schema> {
    Schema::of(&[
        ("Id", Kind::Id),
        ("Name", Kind::Text),
        ("Amount", Kind::Decimal),
        ("Employees", Kind::Int),
        ("Active", Kind::Bool),
        ("CloseDate", Kind::Date),
        ("CreatedDate", Kind::DateTime),
        ("Tags", Kind::List),
        ("custom", Kind::Json),
        ("Account.Name", Kind::Text),
        ("My Field", Kind::Text),
        ("Empty", Kind::Text),
    ])
}

pub(crate) fn row() -> Row {
    let json = serde_json::from_str(r#"{"next_step": "call", "deep": {"x": 1.50}, "list": [1, 2]}"#).unwrap();
    Row::from(vec![
        "006M000000qfPyS".into(),
        "Acme".into(),
        Value::Decimal("1250.50".parse().unwrap()),
        Value::Int(62),
        Value::Bool(true),
        Value::Date("2026-03-01".parse().unwrap()),
        Value::DateTime("2026-02-28T22:30:00Z".parse().unwrap()),
        Value::List(["Beta".into(), "Alpha".into()].into()),
        Value::Json(Arc::new(json)),
        "Acme Group".into(),
        "mine".into(),
        Value::Null,
    ])
}

pub(crate) fn engine() -> Engine {
    static ENGINE: std::sync::LazyLock<Engine> = std::sync::LazyLock::new(Engine::new);
    ENGINE.clone()
}

/// What is wrong with an expression of a row.
pub(crate) fn problems(text: &str) -> Vec<ExprProblem> {
    engine().compile(text, ScriptKind::Row).err().unwrap_or_default()
}

pub(crate) fn bound(text: &str) -> Bound {
    let script =
        engine().compile(text, ScriptKind::Row).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
    script.bind(&schema(), Some(&schema()), Some(&schema()))
}

/// Evaluates with the record of the tests; `other` is there with the same fields, `old` is not.
pub(crate) fn eval(text: &str) -> Result<Eval, EvalError> {
    let row = row();
    both(&bound(text), &inputs(&Value::from("Value"), &row, Some(&row)))
}

pub(crate) fn inputs<'a>(value: &'a Value, record: &'a Row, other: Option<&'a Row>) -> Inputs<'a> {
    static FACTS: std::sync::LazyLock<Facts> = std::sync::LazyLock::new(Facts::default);
    Inputs {
        value,
        record,
        other,
        old: None,
        op: Op::Update,
        now: "2026-03-15T10:00:00Z".parse().unwrap(),
        today: "2026-03-15".parse().unwrap(),
        pipeline: ("deals", 2),
        context: &*FACTS,
    }
}

/// Evaluates in both ways and holds them against each other.
pub(crate) fn both(bound: &Bound, inputs: &Inputs<'_>) -> Result<Eval, EvalError> {
    let native = bound.eval(inputs);
    let general = bound.eval_general(inputs);
    assert!(
        agree(&native, &general),
        "{}: {native:?} but the engine says {general:?}",
        bound.script().text()
    );
    native
}

fn agree(native: &Result<Eval, EvalError>, general: &Result<Eval, EvalError>) -> bool {
    match (native, general) {
        (Ok(Eval::Value(native)), Ok(Eval::Value(general))) => literal(native) == literal(general),
        (Ok(native), Ok(general)) => native == general,
        (Err(native), Err(general)) => native.code == general.code,
        _ => false,
    }
}

/// A result as the table of functions writes it.
pub(crate) fn shown(result: &Result<Eval, EvalError>) -> String {
    match result {
        Ok(Eval::Value(value)) => literal(value),
        Ok(Eval::Skip(reason)) => format!("skip: {reason}"),
        Ok(Eval::Fail(reason)) => format!("fail: {reason}"),
        Ok(Eval::Keep) => "keep".to_owned(),
        Err(error) => format!("{}: {}", error.code, error.message),
    }
}

fn literal(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("{:?}", text.as_str()),
        Value::Decimal(value) => value.normalize().to_string(),
        Value::List(items) => format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(", ")),
        Value::Absent => "null".to_owned(),
        other => other.to_string(),
    }
}
