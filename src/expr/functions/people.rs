//! Functions of people and the web: what CRM data holds in every spelling there is.

use phonenumber::Mode;
use phonenumber::country::Id as Country;

use crate::expr::Context;
use crate::expr::stop::Outcome;
use crate::model::Value;

use super::{Args, Function, text_arg};

const GROUP: &str = "people, web";

pub(super) const TABLE: &[Function] = &[
    Function::new(GROUP, "email(text)", "Trimmed, in small letters; null if it is no address.", (1, 1), |_, args| {
        Ok(optional(email(&text_arg("email", args, 0)?)))
    })
    .examples(&[(r#"email(" Kim@Acme.COM ")"#, r#""kim@acme.com""#), (r#"email("n/a")"#, "null")]),
    Function::new(
        GROUP,
        "domain(text)",
        "The host of a URL, host name or email, without `www.`; null if there is none.",
        (1, 1),
        |_, args| Ok(optional(domain(&text_arg("domain", args, 0)?))),
    )
    .examples(&[
        (r#"domain("https://www.acme.com/x")"#, r#""acme.com""#),
        (r#"domain("kim@acme.com")"#, r#""acme.com""#),
        (r#"domain("n/a")"#, "null"),
    ]),
    Function::new(
        GROUP,
        "phone(text)",
        "In the international form E.164, of this country if the number does not say; null if it is no number.",
        (1, 2),
        phone_call,
    )
    .examples(&[
        (r#"phone("+358 40 123 4567")"#, r#""+358401234567""#),
        (r#"phone("040 123 4567", "FI")"#, r#""+358401234567""#),
        (r#"phone("ask Kim")"#, "null"),
    ])
    .literal(|argument, text| {
        let known = argument != 1 || text.parse::<Country>().is_ok();
        if known { Ok(()) } else { Err("a country has two letters, as in \"FI\"".to_owned()) }
    }),
    Function::new(GROUP, "first_name(text)", "The first name of a full name; null if there is one word only.", (1, 1), |_, args| {
        Ok(optional(names(&text_arg("first_name", args, 0)?).0))
    })
    .examples(&[
        (r#"first_name("Kim van Dam")"#, r#""Kim""#),
        (r#"first_name("van Dam, Kim")"#, r#""Kim""#),
        (r#"first_name("Kim")"#, "null"),
    ]),
    Function::new(GROUP, "last_name(text)", "The rest of a full name, or its only word.", (1, 1), |_, args| {
        Ok(optional(names(&text_arg("last_name", args, 0)?).1))
    })
    .examples(&[(r#"last_name("Kim van Dam")"#, r#""van Dam""#), (r#"last_name("Kim")"#, r#""Kim""#)]),
];

fn optional(text: Option<String>) -> Value {
    text.map_or(Value::Null, Value::from)
}

/// The address in its normal form, if it is one.
pub(crate) fn email(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let (local, host) = text.split_once('@')?;
    let bad =
        |letter: char| letter.is_whitespace() || letter.is_control() || "<>()[],;:\"\\".contains(letter);
    let fine = !local.is_empty() && !local.contains(bad) && is_host(host);
    fine.then_some(text)
}

/// The host of a URL, host name or address, if there is one.
pub(crate) fn domain(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let text = text.strip_prefix("mailto:").unwrap_or(&text);
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let host = authority.rsplit('@').next()?;
    let host = host.split(':').next()?.trim_end_matches('.');
    let host = host.strip_prefix("www.").unwrap_or(host);
    is_host(host).then(|| host.to_owned())
}

fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|letter| letter.is_alphanumeric() || letter == '-' || letter == '_')
    };
    host.len() <= 253 && host.contains('.') && host.split('.').all(label)
}

fn phone_call(context: &dyn Context, args: Args<'_>) -> Outcome<Value> {
    let number = text_arg("phone", args, 0)?;
    match args.get(1) {
        Some(_) => Ok(optional(phone(&number, Some(&text_arg("phone", args, 1)?)))),
        None => Ok(optional(phone(&number, context.default_region()))),
    }
}

/// The number in E.164. Numbers without `+` belong to the region and have to be valid there; those that say their country are only
/// brought into form, because number plans change faster than programs.
pub(crate) fn phone(text: &str, region: Option<&str>) -> Option<String> {
    // Longer than any number with an extension: not worth parsing.
    if text.len() > 100 {
        return None;
    }
    let region = region.and_then(|region| region.to_uppercase().parse::<Country>().ok());
    let parsed = phonenumber::parse(region, text.trim()).ok().filter(phonenumber::PhoneNumber::is_valid);
    parsed.map(|number| number.format().mode(Mode::E164).to_string()).or_else(|| international(text))
}

/// `+` and digits, where the text is nothing but those and separators.
fn international(text: &str) -> Option<String> {
    let rest = text.trim().strip_prefix('+')?;
    let separator = |c: char| c.is_whitespace() || matches!(c, '-' | '.' | '/' | '(' | ')');
    let digits: String = rest.chars().filter(|c| !separator(*c)).collect();
    let fits = (7..=15).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
    fits.then(|| format!("+{digits}"))
}

/// First and last name of `Kim van Dam` or `van Dam, Kim`.
fn names(full: &str) -> (Option<String>, Option<String>) {
    let some = |text: &str| {
        let words: Vec<&str> = text.split_whitespace().collect();
        (!words.is_empty()).then(|| words.join(" "))
    };
    if let Some((last, first)) = full.split_once(',') {
        return (some(first), some(last));
    }
    let full = full.trim();
    match full.split_once(char::is_whitespace) {
        Some((first, last)) => (some(first), some(last)),
        None => (None, some(full)),
    }
}
