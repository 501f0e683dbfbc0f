//! The one sandboxed expression engine: what people write in `to_app`, `to_salesforce` and `filter`.
//!
//! An expression is compiled once when a plan is made ([`Engine::compile`]), bound to the schemas of its records
//! ([`Script::bind`]) and evaluated per record ([`Bound::eval`]). Everything is pure: no input or output, no clock but
//! [`Inputs::now`], no randomness; what an org knows arrives through [`Context`]. Read [`Engine`] first.
//!
//! The functions of the language are one table, [`functions`]; the normal forms of `as:` are in [`normal`]; the
//! conversions a row makes without being asked are in [`mod@convert`].

mod bound;
mod chain;
pub mod convert;
mod dynamic;
mod engine;
mod exchange;
pub mod functions;
mod general;
mod hints;
mod inputs;
mod native;
pub mod normal;
mod operators;
mod problem;
mod scan;
mod script;
mod spelling;
mod stop;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod walk;

pub use bound::Bound;
pub use convert::{ConvertError, convert, convertible, read_decimal};
pub use engine::Engine;
pub use inputs::{Context, Eval, EvalError, Inputs};
pub use normal::{NormalForm, normalise};
pub use problem::{ExprProblem, TextFix};
pub use script::{FieldUse, Script, ScriptKind, Var};
pub use spelling::pieces;
