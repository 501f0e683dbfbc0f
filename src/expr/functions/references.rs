//! Functions of references between records.

use crate::expr::Context;
use crate::expr::stop::Outcome;
use crate::model::{SalesforceId, Value};

use super::{Args, Function, arg, text_arg};

const GROUP: &str = "references";

pub(super) const TABLE: &[Function] = &[
    Function::new(
        GROUP,
        "linked(pipeline, id)",
        "The linked id of a record in another pipeline, or null. Never waits: `lookup` does.",
        (2, 2),
        linked,
    )
    .examples(&[
        (r#"linked("accounts", "001M000000qfPyS")"#, "17"),
        (r#"linked("accounts", "none")"#, "null"),
    ]),
    Function::new(
        GROUP,
        "salesforce_url(id)",
        "Where people see the record in Salesforce.",
        (1, 1),
        |context, args| Ok(context.record_url(&text_arg("salesforce_url", args, 0)?).into()),
    )
    .examples(&[(
        r#"salesforce_url("001M000000qfPyS")"#,
        r#""https://acme.my.salesforce.com/001M000000qfPyS""#,
    )]),
    Function::new(
        GROUP,
        "id18(id)",
        "A Salesforce id in 18 characters; null if it is none.",
        (1, 1),
        |_, args| {
            let id = SalesforceId::parse(text_arg("id18", args, 0)?.trim());
            Ok(id.map_or(Value::Null, |id| id.as_str().into()))
        },
    )
    .examples(&[(r#"id18("001M000000qfPyS")"#, r#""001M000000qfPySIAU""#)]),
];

fn linked(context: &dyn Context, args: Args<'_>) -> Outcome<Value> {
    let pipeline = text_arg("linked", args, 0)?;
    Ok(context.linked(&pipeline, arg("linked", args, 1)?).unwrap_or(Value::Null))
}
