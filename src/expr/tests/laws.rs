//! Laws, on random expressions and values.

use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::expr::hints::NO_CONDITION;
use crate::expr::testing::{both, engine, inputs, row, schema};
use crate::expr::{Eval, ScriptKind};
use crate::model::{Row, Value};

fn leaf() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("value".to_owned()),
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("today".to_owned()),
        Just("now".to_owned()),
        Just("op".to_owned()),
        Just("pipeline.generation".to_owned()),
        (0i64..100).prop_map(|n| n.to_string()),
        (0i64..1000, 1u32..3).prop_map(|(n, scale)| format!("{:?}", Decimal::new(n, scale))),
        "[a-z;]{0,4}".prop_map(|text| format!("{text:?}")),
        prop_oneof![
            Just("Id"),
            Just("Name"),
            Just("Amount"),
            Just("Employees"),
            Just("Active"),
            Just("CloseDate"),
            Just("CreatedDate"),
            Just("Tags"),
            Just("custom"),
            Just("custom.next_step"),
            Just("custom.deep.x"),
            Just("Account.Name"),
            Just("Empty"),
            Just("Nope"),
        ]
        .prop_flat_map(|field| {
            prop_oneof![Just("record"), Just("other"), Just("old")]
                .prop_map(move |var| format!("{var}.{field}"))
        }),
    ]
}

/// Expressions from the pieces people use, well-formed but of any sense.
fn expression() -> impl Strategy<Value = String> {
    leaf().prop_recursive(4, 24, 3, |inner| {
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            (
                pair.clone(),
                prop_oneof![
                    Just("+"),
                    Just("-"),
                    Just("*"),
                    Just("/"),
                    Just("%"),
                    Just("=="),
                    Just("!="),
                    Just("<"),
                    Just("<="),
                    Just(">"),
                    Just(">="),
                    Just("&&"),
                    Just("||"),
                    Just("??"),
                    Just("in"),
                ]
            )
                .prop_map(|((a, b), sign)| format!("({a} {sign} {b})")),
            (inner.clone(), pair.clone()).prop_map(|(c, (a, b))| format!("if {c} {{ {a} }} else {{ {b} }}")),
            (inner.clone(), pair.clone())
                .prop_map(|(c, (a, b))| format!("if ({c}) == null {{ {a} }} else {{ {b} }}")),
            pair.clone().prop_map(|(a, b)| format!("`x${{{a}}}-${{{b}}}`")),
            inner.clone().prop_map(|a| format!("!({a})")),
            inner.clone().prop_map(|a| format!("-({a})")),
            (
                inner.clone(),
                prop_oneof![
                    Just("lower"),
                    Just("trim"),
                    Just("to_text"),
                    Just("is_blank"),
                    Just("money"),
                    Just("date"),
                    Just("len"),
                    Just("json"),
                    Just("first"),
                    Just("sort"),
                    Just("email"),
                    Just("plain_text"),
                    Just("end_of_month"),
                    Just("to_decimal"),
                    Just("abs"),
                ]
            )
                .prop_map(|(a, name)| format!("{name}({a})")),
            (
                pair.clone(),
                prop_oneof![
                    Just("truncate"),
                    Just("contains"),
                    Just("min"),
                    Just("round"),
                    Just("add_days"),
                    Just("join"),
                    Just("split"),
                    Just("days_between"),
                ]
            )
                .prop_map(|((a, b), name)| format!("({a}).{name}({b})")),
            inner.clone().prop_map(|a| format!("linked(\"accounts\", {a})")),
            inner.clone().prop_map(|a| format!("({a}).x")),
            pair.prop_map(|(a, b)| format!("[{a}, {b}].map(|item| item ?? {a})")),
        ]
    })
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(Value::Absent),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        (any::<i64>(), 0u32..28).prop_map(|(units, scale)| Value::Decimal(Decimal::new(units, scale))),
        "\\PC{0,8}".prop_map(Value::from),
        Just(Value::Date(jiff::civil::date(2026, 3, 29))),
        Just(Value::DateTime(jiff::Timestamp::UNIX_EPOCH)),
        proptest::collection::vec("[ab]{0,2}".prop_map(Value::from), 0..3)
            .prop_map(|items| Value::List(items.into())),
    ]
}

fn any_row() -> impl Strategy<Value = Row> {
    prop_oneof![Just(row()), proptest::collection::vec(any_value(), 12).prop_map(Row::from)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// `both` compares the native form with the engine.
    #[test]
    fn native_and_engine_agree(text in expression(), value in any_value(), record in any_row(), other in proptest::option::of(any_row())) {
        let script = match engine().compile(&text, ScriptKind::Row) {
            Ok(script) => script,
            Err(problems) => {
                // The only mistake this generator makes: a text or number as a condition.
                prop_assert!(problems.iter().all(|problem| problem.label == NO_CONDITION), "{text}: {problems:?}");
                return Ok(());
            }
        };
        let bound = script.bind(&schema(), Some(&schema()), None);
        let first = both(&bound, &inputs(&value, &record, other.as_ref()));
        prop_assert!(first.as_ref().err().is_none_or(|error| error.code != "R403"), "{}", text);
        prop_assert_eq!(first, bound.eval(&inputs(&value, &record, other.as_ref())));
    }

    #[test]
    fn compiling_never_panics(text in "\\PC{0,40}") {
        let _ = engine().compile(&text, ScriptKind::Row);
    }

    #[test]
    fn compiling_the_ruins_of_an_expression_never_panics(text in expression(), cut in 0usize..60, noise in "[`$'\"(){}|=?;\\\\ ]{0,3}") {
        let at = text.char_indices().map(|(at, _)| at).nth(cut).unwrap_or(text.len());
        for text in [format!("{}{noise}{}", &text[..at], &text[at..]), format!("{}{noise}", &text[..at])] {
            if let Err(problems) = engine().compile(&text, ScriptKind::Row) {
                prop_assert!(!problems.is_empty());
                for problem in problems {
                    prop_assert!(problem.start <= problem.end && problem.end <= text.len(), "{text}: {problem:?}");
                    prop_assert!(text.is_char_boundary(problem.start) && text.is_char_boundary(problem.end), "{text}: {problem:?}");
                    prop_assert!(!problem.notes.iter().any(|note| note.contains("bug")), "{text}: {problem:?}");
                }
            }
        }
    }

    #[test]
    fn decimals_obey_the_laws(a in -1_000_000i64..1_000_000, b in 1i64..1_000_000, scale in 0u32..6) {
        let (a, b) = (Decimal::new(a, scale).to_string(), Decimal::new(b, scale).to_string());
        for law in [
            "(A) + (B) == (B) + (A)",
            "(A) + (B) - (B) == (A)",
            "(A) * (B) / (B) == (A)",
            "(A) * 2 == (A) + (A)",
            "-(-(A)) == (A)",
            "abs(round(A, 2) - (A)) <= 0.005",
        ] {
            let text = law.replace('A', &a).replace('B', &b);
            let row = Row::from(vec![]);
            let bound = engine().compile(&text, ScriptKind::Row).unwrap().bind(&schema(), None, None);
            let result = both(&bound, &inputs(&Value::Null, &row, None));
            prop_assert_eq!(result, Ok(Eval::Value(Value::Bool(true))), "{}", text);
        }
    }
}
