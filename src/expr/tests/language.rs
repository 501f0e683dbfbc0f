//! Meaning: variables, types, null, functions, limits.

use crate::expr::testing::{both, bound, engine, eval, inputs, problems, row, schema, shown};
use crate::expr::{ScriptKind, Var};
use crate::model::{Kind, Row, Schema, Value};

fn table(cases: &[(&str, &str)]) {
    let wrong: Vec<String> = cases
        .iter()
        .map(|(text, wanted)| (text, wanted, shown(&eval(text))))
        .filter(|(_, wanted, found)| found != *wanted)
        .map(|(text, wanted, found)| format!("{text}\n   is {found}\n  not {wanted}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn variables() {
    table(&[
        ("value", r#""Value""#),
        ("record.Name", r#""Acme""#),
        ("record.Account.Name", r#""Acme Group""#),
        (r#"record["My Field"]"#, r#""mine""#),
        ("record.custom.next_step", r#""call""#),
        ("record.custom.deep.x", "1.5"),
        ("record.custom.list[1]", "2"),
        ("other.Name", r#""Acme""#),
        ("old == null", "true"),
        ("other == null", "false"),
        ("null != other", "true"),
        ("old.Name", "null"),
        ("op", r#""update""#),
        ("now", "2026-03-15T10:00:00Z"),
        ("today", "2026-03-15"),
        ("pipeline.name", r#""deals""#),
        ("pipeline.generation", "2"),
        (r#"record["Na" + "me"]"#, r#""Acme""#),
        (r#"record["No" + "thing"]"#, "null"),
    ]);
}

#[test]
fn examples_of_the_language() {
    table(&[
        ("record.Partner_Owner__c ?? record.Id", r#""006M000000qfPyS""#),
        (r#"if record.Employees > 250 { "large" } else { "small" }"#, r#""small""#),
        ("money(record.Amount)", "1250.5"),
        ("if other != null && other.Employees > 50 { keep() } else { value }", "keep"),
        (r#"`${record.Empty ?? "(empty)"} → ${record.Name ?? "(empty)"}`"#, r#""(empty) → Acme""#),
        ("`${record.Name} · ${record.Amount ?? 0}`", r#""Acme · 1250.5""#),
        ("currency_of(record)", r#""EUR""#),
        ("record.currency_of()", r#""EUR""#),
        ("salesforce_url(record.Id)", r#""https://acme.my.salesforce.com/006M000000qfPyS""#),
        (r#"value ?? "[not provided]""#, r#""Value""#),
        ("value ?? add_hours(record.CreatedDate, 1)", r#""Value""#),
        ("record.Empty ?? add_hours(record.CreatedDate, 1)", "2026-02-28T23:30:00Z"),
        ("record.Tags.map(|t| lower(t))", r#"["beta", "alpha"]"#),
        (r#"record.Tags.filter(|t| starts_with(t, "A")).first()"#, r#""Alpha""#),
        (r#"record.Tags.map(|t| `${record.Name}: ${t}`).join(", ")"#, r#""Acme: Beta, Acme: Alpha""#),
        (r#"switch record.Name { "Acme" => 1, "Beta" => 2, _ => 3 }"#, "1"),
        (
            r#"switch record.Employees { 0..50 => "small", 50..=100 => "middle", _ => "large" }"#,
            r#""middle""#,
        ),
        (r#"switch record.Name { "X" => 1 }"#, "null"),
        (r#"if record.Active { "a" } else if value == null { "b" } else { "c" }"#, r#""a""#),
        ("if false { 1 }", "null"),
        (r#"linked("accounts", "001M000000qfPyS") ?? 0"#, "17"),
        (r#"["001M000000qfPyS", "x"].map(|id| linked("accounts", id))"#, "[17, null]"),
        (r#"["EUR"].map(|c| convert(10, c, "SEK"))"#, "[112]"),
        (r"#{name: record.Name, n: 1}", r#"{"n":1,"name":"Acme"}"#),
        (r#"[1, "a", null]"#, r#"[1, "a", null]"#),
        ("\"Sales\" in record.Tags", "false"),
        ("\"Beta\" in record.Tags", "true"),
        ("\"cm\" in record.Name", "true"),
        ("\"x\" !in record.Name", "true"),
        ("record.Name.lower().upper()", r#""ACME""#),
    ]);
}

/// 5.3, first sentence.
#[test]
fn numbers_are_decimals() {
    table(&[
        ("0.1 + 0.2", "0.3"),
        ("19.99 * 0.24", "4.7976"),
        ("10 / 3", "3.3333333333333333333333333333"),
        ("10 / 4", "2.5"),
        ("10 / 5", "2"),
        ("1 / 3 * 3 == 1", "false"),
        ("7 % 4", "3"),
        ("62.0 == 62", "true"),
        ("-record.Amount", "-1250.5"),
        ("- 5 + 3", "-2"),
        ("9223372036854775807 + 1", "9223372036854775808"),
        ("1.5 > 1", "true"),
        ("1 / 0", "R402: division by zero"),
        ("79228162514264337593543950335.0 * 10", "R402: the number has more than 28 digits"),
        ("switch record.Employees { 62.0 => \"yes\", _ => \"no\" }", r#""yes""#),
        ("switch to_decimal(\"62.50\") { 62.5 => \"yes\", _ => \"no\" }", r#""yes""#),
    ]);
}

/// 5.3, second and third sentence.
#[test]
fn null() {
    let zero = "R402: `+` cannot calculate with null: write `?? 0` after what may be empty";
    let condition = "R402: the condition is null: write `?? false` after what may be empty";
    table(&[
        ("null", "null"),
        ("()", "null"),
        ("null == ()", "true"),
        ("record.Missing", "null"),
        ("record.Missing == null", "true"),
        ("record.Account.Owner.Name ?? \"nobody\"", r#""nobody""#),
        ("record.Account?.Owner?.Name ?? \"nobody\"", r#""nobody""#),
        ("record.Empty.Anything.At.All", "null"),
        ("record.custom.nothing.at.all", "null"),
        ("null.x", "null"),
        ("record.Empty.lower().trim()", "null"),
        ("\"a\" + null", r#""a""#),
        ("null + \"a\"", r#""a""#),
        ("`a${null}b${record.Empty}`", r#""ab""#),
        ("null > 5", "false"),
        ("null < 5", "false"),
        ("5 >= null", "false"),
        ("null <= null", "false"),
        ("record.Empty == \"\"", "false"),
        ("record.Empty != \"x\"", "true"),
        ("1 + null", zero),
        ("record.Empty + record.Missing", zero),
        ("-record.Empty", "R402: `-` cannot calculate with null: write `?? 0` after what may be empty"),
        ("(record.Empty ?? 0) + 1", "1"),
        ("if record.Empty { 1 } else { 2 }", condition),
        ("if record.Empty ?? false { 1 } else { 2 }", "2"),
        ("record.Empty && true", condition),
        ("!record.Empty", condition),
        ("[1].filter(|x| record.Empty)", condition),
        ("if record.Employees { 2 }", "R402: the condition is integer, not true or false"),
        ("record.Empty ?? record.Missing ?? 3", "3"),
        ("false ?? true", "false"),
        ("0 ?? 1", "0"),
    ]);
}

#[test]
fn text_comparison_is_exact() {
    table(&[
        ("record.Name == \"acme\"", "false"),
        ("record.Name == \"Acme \"", "false"),
        ("\"b\" > \"a\"", "true"),
        ("\"1\" == 1", "false"),
        ("\"1\" > 1", "R402: cannot compare text with integer"),
        ("\"a\" + 1 + true", r#""a1true""#),
        ("record.Tags == [\"Beta\", \"Alpha\"]", "true"),
    ]);
}

#[test]
fn dates_compare_and_subtract() {
    table(&[
        ("record.CloseDate < today", "true"),
        ("today - record.CloseDate", "14"),
        ("today + 1", "2026-03-16"),
        ("today - 30", "2026-02-13"),
        ("record.CloseDate > \"2026-02-28\"", "true"),
        ("record.CloseDate == \"2026-03-01\"", "true"),
        ("record.CloseDate == \"soon\"", "false"),
        ("record.CloseDate < \"soon\"", "R402: cannot compare date with text that is no date"),
        ("now - record.CreatedDate > 14", "true"),
        // Midnight of 1 March in Helsinki is 22:00 of the day before in UTC.
        ("record.CreatedDate >= record.CloseDate", "true"),
        ("datetime(record.CloseDate)", "2026-02-28T22:00:00Z"),
        ("date(record.CreatedDate)", "2026-03-01"),
        ("days_between(record.CreatedDate, today)", "14"),
        // The clocks go forward on 29 March 2026.
        ("add_days(datetime(\"2026-03-28T10:00:00Z\"), 1)", "2026-03-29T09:00:00Z"),
        ("today + 99999999", "R402: the date is out of range"),
    ]);
}

#[test]
fn errors_have_a_place_and_no_values() {
    for (text, position) in [
        ("record.Name - 1", 12),
        ("lower(record.Tags)", 0),
        ("if record.Name { 1 }", 3),
        ("\"åäö\" + record.Tags.map(|t| t * 2)", 33),
    ] {
        let error = eval(text).unwrap_err();
        assert_eq!(error.position, Some(position), "{text}: {error}");
        for secret in ["Acme", "Alpha", "Beta"] {
            assert!(!error.message.contains(secret), "{text}: {error}");
        }
    }
}

#[test]
fn an_expression_may_have_several_lines() {
    let text = "if record.Active {\n  // yes\n  record.Name\n} else {\n  null\n}\n";
    assert_eq!(shown(&eval(text)), r#""Acme""#);
    let found = problems("if record.Active {\n  nmae\n} else { 1 }\n");
    assert_eq!((found[0].start, found[0].end), (21, 25));
}

#[test]
fn control() {
    table(&[
        ("if value == \"Value\" { skip(`no ${record.Name}`) }", "skip: no Acme"),
        ("record.Empty ?? fail(\"empty\")", "fail: empty"),
        ("[1].map(|x| skip(\"inside\"))", "skip: inside"),
        ("keep()", "keep"),
    ]);
}

/// 5.5
#[test]
fn limits() {
    let long = "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30]";
    let deep = format!("{long}.map(|a| {long}.map(|b| {long}.map(|c| {long}.map(|d| a + b + c + d))))");
    table(&[
        (&deep, "R401: stopped after 50 000 operations"),
        ("pad(\"x\", 2000000)", "R401: a text of more than 1 MiB"),
        ("replace(pad(\"x\", 1000000), \"0\", \"00\")", "R401: a text of more than 1 MiB"),
        ("pad(\"x\", 1000000) + pad(\"x\", 1000000)", "R401: a text of more than 1 MiB"),
        ("[1,2,3].map(|x| pad(x, 600000))", "R401: a list with more than 1 MiB of text"),
        (
            "split(pad(\"x\", 900, \";\"), \";\").map(|x| unique(split(pad(\"x\", 900, \";\"), \";\")))",
            "R401: stopped after 50 000 operations",
        ),
        ("split(pad(\"x\", 2000, \";\"), \";\")", "R401: a list of more than 1 000 items"),
    ]);
    let nested = format!("{}1{}", "(".repeat(40), ")".repeat(40));
    assert_eq!(problems(&nested)[0].title, "the expression is nested deeper than 32 levels");
    let nested = format!("{}1{}", "(".repeat(30), ")".repeat(30));
    assert_eq!(shown(&eval(&nested)), "1");
    let chain = vec!["1"; 60].join(" + ");
    assert_eq!(shown(&eval(&chain)), "60");
    assert_eq!(problems(&"1 +".repeat(10_000))[0].title, "the expression is too long");
}

/// 5.6, 1 and 2: nothing of a record is in the compiled expression.
#[test]
fn one_script_serves_many_records() {
    let bound = bound("if record.Amount > 1000 { \"large\" } else { \"small\" }");
    let rich = row();
    let mut poor = row();
    poor.set(2, Value::Int(5));
    for (row, size) in [(&rich, "large"), (&poor, "small"), (&rich, "large")] {
        assert_eq!(shown(&both(&bound, &inputs(&Value::Null, row, None))), format!("{size:?}"));
    }
}

/// 5.6, 6: functions make new values.
#[test]
fn functions_change_nothing_in_place() {
    table(&[
        ("\"a; b\".split(\";\").map(|t| t.trim())", r#"["a", "b"]"#),
        ("[record.Tags.sort(), record.Tags]", r#"[["Alpha", "Beta"], ["Beta", "Alpha"]]"#),
    ]);
}

#[test]
fn what_a_script_uses() {
    let text = r#"if other == null { record.Account.Name } else { currency_of(record) + record["My Field"] + record["a" + op] + linked("accounts", value) }"#;
    let script = engine().compile(text, ScriptKind::Row).unwrap();
    let fields: Vec<(&str, &str, bool)> = script
        .fields(Var::Record)
        .map(|field| (&*field.path, &text[field.span.clone()], field.optional))
        .collect();
    assert_eq!(
        fields,
        [
            ("Account.Name", "Account.Name", false),
            ("CurrencyIsoCode", "currency_of", true),
            ("My Field", "\"My Field\"", false)
        ]
    );
    assert_eq!(script.fields(Var::Other).count(), 0);
    assert!(
        script.uses(Var::Other) && script.uses(Var::Value) && script.uses(Var::Op) && !script.uses(Var::Old)
    );
    assert_eq!(script.computed(Var::Record).count(), 1);
    let linked: Vec<(&str, &str)> = script.linked().map(|(name, place)| (name, &text[place])).collect();
    assert_eq!(linked, [("accounts", "\"accounts\"")]);
}

#[test]
fn fields_inside_closures_are_found() {
    let script =
        engine().compile("record.Tags.any(|t| t == record.Name && old != null)", ScriptKind::Filter).unwrap();
    let fields: Vec<&str> = script.fields(Var::Record).map(|field| &*field.path).collect();
    assert_eq!(fields, ["Tags", "Name"]);
    assert!(script.uses(Var::Old));
}

#[test]
fn currency_of_reads_the_record_where_it_can() {
    let schema = Schema::of(&[("CurrencyIsoCode", Kind::Text)]);
    let script = engine().compile("currency_of(record)", ScriptKind::Row).unwrap();
    let row = Row::from(vec!["SEK".into()]);
    let bound = script.bind(&schema, None, None);
    assert_eq!(shown(&both(&bound, &inputs(&Value::Null, &row, None))), r#""SEK""#);
}

#[test]
fn a_row_that_is_too_short_has_absent_fields() {
    let script = engine().compile("record.Name ?? \"none\"", ScriptKind::Row).unwrap();
    let short = Row::from(vec![]);
    let bound = script.bind(&schema(), None, None);
    assert_eq!(shown(&both(&bound, &inputs(&Value::Absent, &short, None))), r#""none""#);
}
