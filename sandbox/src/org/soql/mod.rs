//! SOQL: lexer, parser, names, conditions, order and execution.
//! May not write answers or change records. Read [`run::run`] first.

pub(crate) mod aggregate;
pub(crate) mod ast;
mod check;
mod conditions;
mod date_literal;
mod errors;
pub(crate) mod filter;
mod lexer;
mod like;
pub(crate) mod literal;
pub(crate) mod order;
pub(crate) mod parser;
mod plan;
pub(crate) mod resolve;
pub(crate) mod run;
pub(crate) mod select;
