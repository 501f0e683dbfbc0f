//! How an evaluation ends early: with an error, or because the expression says so.

use super::{Eval, EvalError};

/// The reason to stop. Boxed in [`Outcome`], since nearly every evaluation ends with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Skip(String),
    Fail(String),
    Keep,
    Error(EvalError),
}

/// What operators and functions return.
pub(crate) type Outcome<T> = Result<T, Box<Stop>>;

/// A value does not fit.
pub(crate) fn misfit<T>(message: impl Into<String>) -> Outcome<T> {
    Err(Box::new(Stop::Error(EvalError::value(message))))
}

/// A limit was reached.
pub(crate) fn limit<T>(message: impl Into<String>) -> Outcome<T> {
    Err(Box::new(Stop::Error(EvalError::limit(message))))
}

impl Stop {
    /// Adds the place to an error that has none yet.
    pub(crate) fn at(self, position: Option<usize>) -> Self {
        match self {
            Self::Error(error) => Self::Error(error.at(position)),
            other => other,
        }
    }

    pub(crate) fn into_eval(self) -> Result<Eval, EvalError> {
        match self {
            Self::Skip(reason) => Ok(Eval::Skip(reason)),
            Self::Fail(reason) => Ok(Eval::Fail(reason)),
            Self::Keep => Ok(Eval::Keep),
            Self::Error(error) => Err(error),
        }
    }
}
