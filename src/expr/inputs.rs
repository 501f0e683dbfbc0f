//! What goes into an evaluation and what comes out of it.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use crate::model::{Op, Row, Value};

/// Everything one evaluation may look at. The rows have the schemas that were given to [`Script::bind`](super::Script::bind).
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// The source field of this row; `Null` if the row names none.
    pub value: &'a Value,
    /// The source record.
    pub record: &'a Row,
    /// The linked record on the target side now; `None` on create.
    pub other: Option<&'a Row>,
    /// The source record at the last sync; `None` the first time.
    pub old: Option<&'a Row>,
    /// `Create` or `Update`.
    pub op: Op,
    /// The same for a whole run.
    pub now: Timestamp,
    /// The date of `now` in the time zone of the settings.
    pub today: Date,
    /// `pipeline.name` and `pipeline.generation`.
    pub pipeline: (&'a str, u32),
    /// What the org and the links know.
    pub context: &'a dyn Context,
}

/// What functions ask that is not in the record. Answers must not change within a run, so that plans are exact.
pub trait Context {
    /// The linked id of a record in another pipeline, `None` if there is none now. Never waits.
    fn linked(&self, pipeline: &str, id: &Value) -> Option<Value>;
    /// ISO code of the org's own currency.
    fn org_currency(&self) -> &str;
    /// Rate of `CurrencyType`: units of this currency for one unit of the org's own. `None` for an unknown currency.
    fn rate(&self, iso: &str) -> Option<Decimal>;
    /// Where people see the record: the org's address with the id.
    fn record_url(&self, id: &str) -> String;
    /// Time zone of the settings, for date ↔ date-time.
    fn timezone(&self) -> &TimeZone;
    /// Two-letter country for phone numbers without a `+`; `None` if numbers must be international.
    fn default_region(&self) -> Option<&str>;
}

/// What an expression came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Eval {
    /// This value.
    Value(Value),
    /// `skip("reason")`: leave this record out.
    Skip(String),
    /// `fail("reason")`: report this record.
    Fail(String),
    /// `keep()`: leave this field as it is.
    Keep,
}

/// An evaluation that failed: this record fails, nothing else. The message never contains values of the record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EvalError {
    /// `R401` a limit was reached, `R402` a value does not fit, `R403` the engine itself failed (a bug).
    pub code: &'static str,
    /// Byte in the text of the expression, where known.
    pub position: Option<usize>,
    /// What happened and what to write instead.
    pub message: String,
}

impl EvalError {
    /// A limit of 5.5 was reached.
    pub(crate) fn limit(message: impl Into<String>) -> Self {
        Self { code: "R401", position: None, message: message.into() }
    }

    /// A value does not fit.
    pub(crate) fn value(message: impl Into<String>) -> Self {
        Self { code: "R402", position: None, message: message.into() }
    }

    /// A bug in the engine.
    pub(crate) fn bug() -> Self {
        let message = "the expression engine failed; this is a bug in sfsync".to_owned();
        Self { code: "R403", position: None, message }
    }

    /// Adds the place if none is known yet: the innermost place wins.
    pub(crate) fn at(mut self, position: Option<usize>) -> Self {
        self.position = self.position.or(position);
        self
    }
}
