//! Functions of numbers. All of them exact: there are no binary floats.

use rust_decimal::{Decimal, RoundingStrategy};

use crate::expr::Context;
use crate::expr::convert::read_decimal;
use crate::expr::operators::{number, order};
use crate::expr::stop::{Outcome, misfit};
use crate::model::Value;

use super::{Args, Function, arg, number_arg, text_arg, whole_arg};

const GROUP: &str = "numbers";

pub(super) const TABLE: &[Function] = &[
    Function::new(
        GROUP,
        "round(number, digits)",
        "Rounded half up, to whole numbers without digits.",
        (1, 2),
        round,
    )
    .examples(&[
        ("round(2.345, 2)", "2.35"),
        ("round(2.5)", "3"),
        ("round(-2.5)", "-3"),
        ("round(1250, -2)", "1300"),
    ]),
    Function::new(GROUP, "floor(number)", "The whole number below.", (1, 1), |_, args| {
        Ok(number(number_arg("floor", args, 0)?.floor()))
    })
    .examples(&[("floor(2.9)", "2"), ("floor(-2.1)", "-3")]),
    Function::new(GROUP, "ceil(number)", "The whole number above.", (1, 1), |_, args| {
        Ok(number(number_arg("ceil", args, 0)?.ceil()))
    })
    .examples(&[("ceil(2.1)", "3")]),
    Function::new(GROUP, "abs(number)", "Without its sign.", (1, 1), |_, args| {
        Ok(number(number_arg("abs", args, 0)?.abs()))
    })
    .examples(&[("abs(-2.5)", "2.5")]),
    Function::new(
        GROUP,
        "min(a, b)",
        "The smaller of two values, or the smallest of a list.",
        (1, 2),
        |context, args| extreme("min", context, args, std::cmp::Ordering::is_lt),
    )
    .examples(&[("min(3, 2.5)", "2.5"), ("min([3, 1, 2])", "1")]),
    Function::new(
        GROUP,
        "max(a, b)",
        "The larger of two values, or the largest of a list.",
        (1, 2),
        |context, args| extreme("max", context, args, std::cmp::Ordering::is_gt),
    )
    .examples(&[("max(3, 2.5)", "3"), ("max([3, null, 7])", "7")]),
    Function::new(
        GROUP,
        "to_integer(x)",
        "A whole number from text or a number; a fraction is cut off.",
        (1, 1),
        to_integer,
    )
    .examples(&[(r#"to_integer("42")"#, "42"), ("to_integer(7.9)", "7")]),
    Function::new(GROUP, "to_decimal(x)", "A number from text.", (1, 1), to_decimal)
        .examples(&[(r#"to_decimal("19.90")"#, "19.9")]),
];

fn round(_: &dyn Context, args: Args<'_>) -> Outcome<Value> {
    let value = number_arg("round", args, 0)?;
    let digits = if args.len() > 1 { whole_arg("round", args, 1)? } else { 0 };
    if digits >= 0 {
        return Ok(number(half_up(value, u32::try_from(digits).unwrap_or(u32::MAX))));
    }
    let Some(unit) = u32::try_from(-digits).ok().and_then(|power| 10i64.checked_pow(power)) else {
        return Ok(Value::Int(0));
    };
    let unit = Decimal::from(unit);
    let rounded = value.checked_div(unit).and_then(|units| half_up(units, 0).checked_mul(unit));
    rounded.map_or_else(|| misfit("the number has more than 28 digits"), |value| Ok(number(value)))
}

/// Half up as Salesforce rounds: away from zero in the middle.
pub(super) fn half_up(value: Decimal, digits: u32) -> Decimal {
    value.round_dp_with_strategy(digits.min(28), RoundingStrategy::MidpointAwayFromZero)
}

fn extreme(
    name: &str,
    context: &dyn Context,
    args: Args<'_>,
    better: fn(std::cmp::Ordering) -> bool,
) -> Outcome<Value> {
    let pair: Vec<Value>;
    let items: &[Value] = match (arg(name, args, 0)?, args.len()) {
        (Value::List(items), 1) => items,
        (_, 1) => return misfit(format!("{name}() takes two values or a list")),
        _ => {
            pair = args.iter().map(|value| value.as_ref().clone()).collect();
            &pair
        }
    };
    let mut best = &Value::Null;
    for item in items.iter().filter(|item| !item.is_null()) {
        if best.is_null() || order(item, best, context)?.is_some_and(better) {
            best = item;
        }
    }
    Ok(best.clone())
}

fn to_integer(context: &dyn Context, args: Args<'_>) -> Outcome<Value> {
    match to_decimal(context, args)? {
        Value::Decimal(value) => match number(value.trunc()) {
            whole @ Value::Int(_) => Ok(whole),
            _ => misfit("to_integer() cannot use so large a number"),
        },
        other => Ok(other),
    }
}

fn to_decimal(_: &dyn Context, args: Args<'_>) -> Outcome<Value> {
    if let Value::Bool(value) = arg("to_decimal", args, 0)? {
        return Ok(Value::Int((*value).into()));
    }
    let text = text_arg("to_decimal", args, 0)?;
    match text.trim() {
        "" => Ok(Value::Null),
        text => match read_decimal(text) {
            Some(value) => Ok(number(value)),
            None => misfit("the text is no number"),
        },
    }
}
