//! The one sandboxed expression engine: what people write in `to_app`, `to_salesforce` and `filter`.
//!
//! Everything is pure: no input or output, no clock but [`Inputs::now`], no randomness; what an org knows arrives
//! through [`Context`]. Read [`Inputs`] and [`Eval`] first.

mod inputs;
mod problem;
mod script;

pub use inputs::{Context, Eval, EvalError, Inputs};
pub use problem::{ExprProblem, TextFix};
pub use script::{FieldUse, ScriptKind, Var};
