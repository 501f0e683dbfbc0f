//! How variables and functions inside the engine reach what an evaluation is given.
//!
//! Variables come from here and not from a scope of the engine: a closure that uses one would lock it there.
//! Functions of the engine outlive every evaluation, so they cannot borrow its [`Context`]. Since expressions are pure,
//! they need not: what a function asks is noted, the evaluation goes on with null, the questions are answered, and the
//! evaluation is run again with the answers. An evaluation without questions runs once.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use jiff::tz::TimeZone;
use rhai::Dynamic;
use rust_decimal::Decimal;

use crate::model::{Text, Value};

use super::Context;
use super::stop::{Outcome, limit, misfit};

/// Steps of the engine per evaluation (language, 5.5).
const MAX_OPERATIONS: u32 = 50_000;
/// What is said when there have been more.
pub(super) const TOO_MANY: &str = "stopped after 50 000 operations";
/// Rounds of questions and answers; each can only be needed by an answer of the one before.
const MAX_ROUNDS: usize = 32;

thread_local! {
    static CURRENT: RefCell<Option<Rc<Exchange>>> = const { RefCell::new(None) };
}

#[derive(Clone, PartialEq, Eq)]
enum Question {
    Linked(Text, Value),
    Rate(Text),
    Url(Text),
}

enum Answer {
    Linked(Option<Value>),
    Rate(Option<Decimal>),
    Url(String),
}

/// Variables by name.
pub(super) type Variables = Rc<[(&'static str, Dynamic)]>;

struct Exchange {
    variables: Variables,
    currency: Text,
    region: Option<Text>,
    timezone: TimeZone,
    answers: Vec<(Question, Answer)>,
    questions: RefCell<Vec<Question>>,
    operations: Cell<u32>,
}

/// Runs an evaluation until none of its questions is open.
pub(super) fn run(
    context: &dyn Context,
    variables: &Variables,
    mut evaluate: impl FnMut() -> Outcome<Value>,
) -> Outcome<Value> {
    let mut answers = Vec::new();
    for _ in 0..MAX_ROUNDS {
        let exchange = Rc::new(Exchange {
            variables: Rc::clone(variables),
            currency: context.org_currency().into(),
            region: context.default_region().map(Into::into),
            timezone: context.timezone().clone(),
            answers,
            questions: RefCell::default(),
            operations: Cell::new(0),
        });
        let guard = Guard(CURRENT.replace(Some(Rc::clone(&exchange))));
        let result = evaluate();
        drop(guard);
        let questions = exchange.questions.take();
        if questions.is_empty() {
            return result;
        }
        // The engine keeps no exchange beyond an evaluation, so this is the only one left.
        let Ok(exchange) = Rc::try_unwrap(exchange) else { return misfit("the evaluation did not end") };
        answers = exchange.answers;
        answers.extend(questions.into_iter().map(|question| answer(question, context)));
    }
    limit("the expression asks for links of links without end")
}

fn answer(question: Question, context: &dyn Context) -> (Question, Answer) {
    let answer = match &question {
        Question::Linked(pipeline, id) => Answer::Linked(context.linked(pipeline, id)),
        Question::Rate(iso) => Answer::Rate(context.rate(iso)),
        Question::Url(id) => Answer::Url(context.record_url(id)),
    };
    (question, answer)
}

/// Gives a function of the engine the context of the evaluation that calls it.
pub(super) fn with_context<T>(apply: impl FnOnce(&dyn Context) -> Outcome<T>) -> Outcome<T> {
    match CURRENT.with_borrow(Clone::clone) {
        Some(exchange) => apply(&*exchange),
        None => misfit("there is no evaluation"),
    }
}

/// A variable of the evaluation that runs.
pub(super) fn variable(name: &str) -> Option<Dynamic> {
    CURRENT.with_borrow(|current| {
        let (_, value) = current.as_ref()?.variables.iter().find(|(known, _)| *known == name)?;
        Some(value.clone())
    })
}

/// Counts steps. False when there have been too many: closures count into the same number.
pub(super) fn charge(steps: u32) -> bool {
    CURRENT.with_borrow(|current| {
        current.as_ref().is_none_or(|exchange| {
            exchange.operations.set(exchange.operations.get().saturating_add(steps));
            exchange.operations.get() <= MAX_OPERATIONS
        })
    })
}

/// Puts back what was there before, also after a panic.
struct Guard(Option<Rc<Exchange>>);

impl Drop for Guard {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

impl Exchange {
    fn ask(&self, question: Question) -> Option<&Answer> {
        let known = self.answers.iter().find(|(asked, _)| *asked == question).map(|(_, answer)| answer);
        if known.is_none() {
            let mut questions = self.questions.borrow_mut();
            if !questions.contains(&question) {
                questions.push(question);
            }
        }
        known
    }
}

impl Context for Exchange {
    fn linked(&self, pipeline: &str, id: &Value) -> Option<Value> {
        match self.ask(Question::Linked(pipeline.into(), id.clone())) {
            Some(Answer::Linked(value)) => value.clone(),
            _ => None,
        }
    }

    fn org_currency(&self) -> &str {
        &self.currency
    }

    fn rate(&self, iso: &str) -> Option<Decimal> {
        match self.ask(Question::Rate(iso.into())) {
            Some(Answer::Rate(rate)) => *rate,
            _ => None,
        }
    }

    fn record_url(&self, id: &str) -> String {
        match self.ask(Question::Url(id.into())) {
            Some(Answer::Url(url)) => url.clone(),
            _ => String::new(),
        }
    }

    fn timezone(&self) -> &TimeZone {
        &self.timezone
    }

    fn default_region(&self) -> Option<&str> {
        self.region.as_deref()
    }
}
