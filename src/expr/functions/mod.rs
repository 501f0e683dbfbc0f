//! The functions of expressions (language, 5.2): one table that drives registration, the check of names and arguments,
//! "did you mean", the documentation page and a test that runs every example.
//!
//! A function is pure, never changes its arguments and, unless the table says otherwise, is `null` as soon as one of
//! its arguments is. Read [`Function`] first.

mod control;
mod dates;
mod json;
mod lists;
mod money;
mod numbers;
mod people;
mod references;
mod rich_text;
mod text;

use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

use rust_decimal::prelude::ToPrimitive;

use crate::model::Value;

use super::Context;
use super::operators::{append, as_decimal, within_limits};
use super::stop::{Outcome, misfit};

pub(crate) use lists::Closure;
pub(crate) use people::{domain, email, phone};
pub(crate) use rich_text::plain_text;

/// One function of the language.
#[derive(Clone, Copy)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// The heading under which the documentation lists it.
    pub group: &'static str,
    /// Name and arguments, as people read them: `truncate(text, length)`.
    pub signature: &'static str,
    /// One sentence.
    pub doc: &'static str,
    /// Calls and what they come to. The first is shown in messages.
    pub examples: &'static [(&'static str, &'static str)],
    arity: (usize, usize),
    /// It is called also if an argument is null.
    takes_null: bool,
    /// Checks a literal argument when the expression is compiled: position of the argument and its text.
    literal: Option<LiteralCheck>,
    body: Body,
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.signature)
    }
}

/// What a literal argument must be; the error says what is wrong.
pub(crate) type LiteralCheck = fn(usize, &str) -> Result<(), String>;
pub(crate) type Args<'a> = &'a [Cow<'a, Value>];
type Call = fn(&dyn Context, Args<'_>) -> Outcome<Value>;

#[derive(Clone, Copy)]
pub(crate) enum Body {
    /// Of values.
    Values(Call),
    /// Of a list and a closure.
    Closure(Closure),
    /// Of a whole record, of which it looks at this field.
    Record(&'static str, Call),
}

/// All functions, in the order of the documentation.
pub fn all() -> impl Iterator<Item = &'static Function> {
    TABLE.iter()
}

/// A function by its name.
pub fn find(name: &str) -> Option<&'static Function> {
    TABLE.iter().find(|function| function.name == name)
}

static TABLE: LazyLock<Vec<Function>> = LazyLock::new(|| {
    [
        text::TABLE,
        people::TABLE,
        rich_text::TABLE,
        numbers::TABLE,
        money::TABLE,
        dates::TABLE,
        references::TABLE,
        json::TABLE,
        lists::TABLE,
        control::TABLE,
    ]
    .concat()
});

impl Function {
    /// How many arguments it takes.
    pub fn arity(&self) -> RangeInclusive<usize> {
        self.arity.0..=self.arity.1
    }

    pub(crate) fn body(&self) -> Body {
        self.body
    }

    pub(crate) fn check_literal(&self, argument: usize, text: &str) -> Result<(), String> {
        self.literal.map_or(Ok(()), |check| check(argument, text))
    }

    /// Calls it. The compiler has checked the number of arguments.
    pub(crate) fn call(&self, context: &dyn Context, args: Args<'_>) -> Outcome<Value> {
        let (Body::Values(body) | Body::Record(_, body)) = self.body else {
            return misfit(format!("{}() takes a list and a closure", self.name));
        };
        if !self.takes_null && args.iter().any(|arg| arg.is_null()) {
            return Ok(Value::Null);
        }
        within_limits(body(context, args)?)
    }

    const fn new(
        group: &'static str,
        signature: &'static str,
        doc: &'static str,
        arity: (usize, usize),
        call: Call,
    ) -> Self {
        Self::with_body(group, signature, doc, arity, Body::Values(call))
    }

    const fn with_body(
        group: &'static str,
        signature: &'static str,
        doc: &'static str,
        arity: (usize, usize),
        body: Body,
    ) -> Self {
        Self {
            name: before_parenthesis(signature),
            group,
            signature,
            doc,
            examples: &[],
            arity,
            takes_null: false,
            literal: None,
            body,
        }
    }

    const fn examples(mut self, examples: &'static [(&'static str, &'static str)]) -> Self {
        self.examples = examples;
        self
    }

    const fn with_null(mut self) -> Self {
        self.takes_null = true;
        self
    }

    const fn literal(mut self, check: LiteralCheck) -> Self {
        self.literal = Some(check);
        self
    }
}

const fn before_parenthesis(signature: &'static str) -> &'static str {
    let bytes = signature.as_bytes();
    let mut at = 0;
    while at < bytes.len() && bytes[at] != b'(' {
        at += 1;
    }
    signature.split_at(at).0
}

/// The argument as text: numbers are taken as they are written.
fn text_arg<'a>(function: &str, args: Args<'a>, at: usize) -> Outcome<Cow<'a, str>> {
    match args.get(at).map(Cow::as_ref) {
        Some(Value::Text(text)) => Ok(Cow::Borrowed(text.as_str())),
        Some(value @ (Value::Int(_) | Value::Decimal(_) | Value::Bool(_))) => {
            let mut text = String::new();
            append(&mut text, value)?;
            Ok(Cow::Owned(text))
        }
        Some(other) => wrong(function, "text", other),
        None => misfit(format!("{function}() needs more arguments")),
    }
}

/// The argument as a whole number.
fn whole_arg(function: &str, args: Args<'_>, at: usize) -> Outcome<i64> {
    let value = arg(function, args, at)?;
    match as_decimal(value) {
        Some(number) if number.fract().is_zero() => match number.to_i64() {
            Some(whole) => Ok(whole),
            None => misfit(format!("{function}() cannot use so large a number")),
        },
        _ => wrong(function, "a whole number", value),
    }
}

/// The argument as a number.
fn number_arg(function: &str, args: Args<'_>, at: usize) -> Outcome<rust_decimal::Decimal> {
    let value = arg(function, args, at)?;
    match as_decimal(value) {
        Some(number) => Ok(number),
        None => wrong(function, "a number", value),
    }
}

/// The argument as a list.
fn list_arg<'a>(function: &str, args: Args<'a>, at: usize) -> Outcome<&'a [Value]> {
    match arg(function, args, at)? {
        Value::List(items) => Ok(items),
        other => wrong(function, "a list", other),
    }
}

fn arg<'a>(function: &str, args: Args<'a>, at: usize) -> Outcome<&'a Value> {
    match args.get(at) {
        Some(value) => Ok(value),
        None => misfit(format!("{function}() needs more arguments")),
    }
}

fn wrong<T>(function: &str, wanted: &str, found: &Value) -> Outcome<T> {
    misfit(format!("{function}() takes {wanted}, not {}", found.kind_name()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::expr::testing::{Facts, eval, shown};

    #[test]
    fn every_example_comes_to_what_it_says() {
        let mut wrong = Vec::new();
        for function in all() {
            assert!(!function.examples.is_empty(), "{} has no example", function.name);
            for (call, result) in function.examples {
                let found = shown(&eval(call));
                if found != *result {
                    wrong.push(format!("{call}: {found}, not {result}"));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn names_are_unique_and_arguments_are_counted() {
        let names: BTreeSet<&str> = all().map(|function| function.name).collect();
        assert_eq!(names.len(), all().count());
        for function in all() {
            assert!(*function.arity().end() <= 3, "{}", function.name);
        }
    }

    /// The functions of 5.2, by name.
    #[test]
    fn the_table_of_the_language_is_complete() {
        let names = "lower upper trim title replace split join truncate contains starts_with ends_with matches extract \
            pad to_text is_blank email domain phone first_name last_name plain_text html round floor ceil abs min max \
            to_integer to_decimal money currency_of convert date datetime add_days add_months add_hours days_between \
            start_of_month end_of_month to_timezone format_date parse_date linked salesforce_url id18 path json \
            parse_json map filter any all first last sort unique len skip fail keep";
        let specified: BTreeSet<&str> = names.split_whitespace().collect();
        assert_eq!(all().map(|function| function.name).collect::<BTreeSet<_>>(), specified);
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            (-3i64..40).prop_map(Value::Int),
            (any::<i64>(), 0u32..20)
                .prop_map(|(units, scale)| Value::Decimal(rust_decimal::Decimal::new(units, scale))),
            "\\PC{0,12}".prop_map(Value::from),
            "[0-9+. @<>a-z%$-]{0,12}".prop_map(Value::from),
            prop_oneof![
                Just("%Y-%m-%d"),
                Just("$.a"),
                Just("EUR"),
                Just("2026-03-01"),
                Just("9999-12-31T23:59:59Z")
            ]
            .prop_map(Value::from),
            any::<i64>().prop_map(|seconds| {
                let stamp = jiff::Timestamp::from_second(seconds % 250_000_000_000).unwrap_or_default();
                Value::DateTime(stamp)
            }),
            (-9999i16..=9999, 1i8..=12, 1i8..=28)
                .prop_map(|(y, m, d)| Value::Date(jiff::civil::date(y, m, d))),
        ];
        leaf.prop_recursive(2, 6, 3, |item| {
            proptest::collection::vec(item, 0..3).prop_map(|items| Value::List(items.into()))
        })
    }

    proptest! {
        #[test]
        fn no_function_panics_and_null_gives_null(values in proptest::collection::vec(any_value(), 3)) {
            let context = Facts::default();
            for function in all().filter(|function| !matches!(function.body, Body::Closure(_))) {
                for count in function.arity() {
                    let args: Vec<Cow<'_, Value>> = values.iter().take(count).map(Cow::Borrowed).collect();
                    let result = function.call(&context, &args);
                    if !function.takes_null && args.iter().any(|arg| arg.is_null()) {
                        prop_assert_eq!(result, Ok(Value::Null));
                    }
                    for at in 0..count {
                        let mut with_null = args.clone();
                        with_null[at] = Cow::Owned(Value::Null);
                        let result = function.call(&context, &with_null);
                        prop_assert!(function.takes_null || result == Ok(Value::Null), "{}", function.name);
                    }
                }
            }
        }
    }
}
