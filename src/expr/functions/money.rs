//! Functions of money.

use crate::expr::Context;
use crate::expr::operators::number;
use crate::expr::stop::{Outcome, misfit};
use crate::model::Value;

use super::numbers::half_up;
use super::{Args, Body, Function, number_arg, text_arg};

const GROUP: &str = "money";

pub(super) const TABLE: &[Function] = &[
    Function::new(
        GROUP,
        "money(number, currency)",
        "Rounded to the digits of the currency; without one, to those of the org's.",
        (1, 2),
        money,
    )
    .examples(&[("money(19.999)", "20"), ("money(19.994)", "19.99"), (r#"money(1234.5, "JPY")"#, "1235")])
    .literal(|argument, text| if argument == 1 { currency_literal(text) } else { Ok(()) }),
    Function::with_body(
        GROUP,
        "currency_of(record)",
        "The `CurrencyIsoCode` of the record, or the org's own currency.",
        (1, 1),
        Body::Record("CurrencyIsoCode", |context, args| Ok(currency_of(context, args))),
    )
    .examples(&[("currency_of(record)", r#""EUR""#)])
    .with_null(),
    Function::new(
        GROUP,
        "convert(number, from, to)",
        "In another currency by the rates of the org, rounded to its digits.",
        (3, 3),
        convert,
    )
    .examples(&[(r#"convert(100, "EUR", "SEK")"#, "1120"), (r#"convert(56, "SEK", "EUR")"#, "5")])
    .literal(|argument, text| if argument > 0 { currency_literal(text) } else { Ok(()) }),
];

fn currency_literal(text: &str) -> Result<(), String> {
    let fine = text.len() == 3 && text.bytes().all(|letter| letter.is_ascii_alphabetic());
    if fine { Ok(()) } else { Err("a currency has three letters, as in \"EUR\"".to_owned()) }
}

/// Digits after the point, by ISO 4217.
fn digits(currency: &str) -> u32 {
    match currency.to_ascii_uppercase().as_str() {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI"
        | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        "CLF" | "UYW" => 4,
        _ => 2,
    }
}

fn money(context: &dyn Context, args: Args<'_>) -> Outcome<Value> {
    let value = number_arg("money", args, 0)?;
    let digits = match args.get(1) {
        Some(_) => digits(&text_arg("money", args, 1)?),
        None => digits(context.org_currency()),
    };
    Ok(number(half_up(value, digits)))
}

/// The argument is the field of the record, see [`Body::Record`].
fn currency_of(context: &dyn Context, args: Args<'_>) -> Value {
    match args.first().map(AsRef::as_ref) {
        Some(Value::Text(iso)) if !iso.trim().is_empty() => Value::Text(iso.clone()),
        _ => context.org_currency().into(),
    }
}

fn convert(context: &dyn Context, args: Args<'_>) -> Outcome<Value> {
    let value = number_arg("convert", args, 0)?;
    let (from, to) = (text_arg("convert", args, 1)?, text_arg("convert", args, 2)?);
    if from.eq_ignore_ascii_case(&to) {
        return Ok(number(half_up(value, digits(&to))));
    }
    let (Some(from_rate), Some(to_rate)) = (context.rate(&from), context.rate(&to)) else {
        return misfit("convert() needs currencies that the org has a rate for");
    };
    match value.checked_mul(to_rate).and_then(|value| value.checked_div(from_rate)) {
        Some(value) => Ok(number(half_up(value, digits(&to)))),
        None => misfit("convert() comes to no number with these rates"),
    }
}
