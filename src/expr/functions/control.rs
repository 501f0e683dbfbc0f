//! Functions that end an evaluation without a value.

use crate::expr::Context;
use crate::expr::operators::append;
use crate::expr::stop::{Outcome, Stop};
use crate::model::Value;

use super::{Args, Function};

const GROUP: &str = "control";

pub(super) const TABLE: &[Function] = &[
    Function::new(GROUP, "skip(reason)", "Leave this record out.", (1, 1), |_, args| {
        Err(Box::new(Stop::Skip(reason(args)?)))
    })
    .examples(&[(r#"skip("no owner")"#, "skip: no owner")])
    .with_null(),
    Function::new(GROUP, "fail(reason)", "Report this record as failed.", (1, 1), |_, args| {
        Err(Box::new(Stop::Fail(reason(args)?)))
    })
    .examples(&[(r#"fail("no price")"#, "fail: no price")])
    .with_null(),
    Function::new(GROUP, "keep()", "Leave this field as it is.", (0, 0), keep)
        .examples(&[("keep()", "keep")]),
];

fn reason(args: Args<'_>) -> Outcome<String> {
    let mut text = String::new();
    for arg in args {
        append(&mut text, arg)?;
    }
    Ok(text)
}

fn keep(_: &dyn Context, _: Args<'_>) -> Outcome<Value> {
    Err(Box::new(Stop::Keep))
}
