//! What is said about mistakes: messages 24 to 28 word by word, and the traps of 5.6.

use crate::expr::testing::{engine, problems};
use crate::expr::{ExprProblem, ScriptKind};

/// As it will be printed, without the file: code, title, the marked text, label, help.
fn printed(text: &str, problem: &ExprProblem) -> String {
    let mut lines = vec![format!("{}: {}", problem.code, problem.title)];
    lines.push(format!(
        "{}[{}] {}",
        problem.start,
        text.get(problem.start..problem.end).unwrap_or("?"),
        problem.label
    ));
    lines.extend(problem.notes.iter().map(|note| format!("note: {note}")));
    lines.extend(problem.help.iter().map(|help| format!("help: {help}")));
    lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
}

fn check(text: &str, wanted: &[&str]) {
    let found: Vec<String> = problems(text).iter().map(|problem| printed(text, problem)).collect();
    assert_eq!(found, wanted, "{text}");
}

#[test]
fn message_24_an_unclosed_parenthesis() {
    check(
        "truncate(value, 20",
        &[
            "E401: syntax error in expression\n18[] expected `)` to close truncate(\nhelp: truncate(value, 20)",
        ],
    );
}

#[test]
fn message_25_ternary() {
    check(
        r#"value == null ? "none" : value"#,
        &[
            "E401: `?:` does not exist in expressions\n14[?]\nhelp: if value == null { \"none\" } else { value }     or shorter:  value ?? \"none\"",
        ],
    );
    check(
        r#"record.A > 5 ? "x" : "y""#,
        &["E401: `?:` does not exist in expressions\n13[?]\nhelp: if record.A > 5 { \"x\" } else { \"y\" }"],
    );
}

#[test]
fn message_26_an_unknown_variable() {
    check(
        "currency_of(recrod)",
        &[
            "E402: unknown variable `recrod`\n12[recrod]\nhelp: did you mean `record`?  (record, value, other, old, now, today, op)",
        ],
    );
    check(
        "StageName",
        &[
            "E402: unknown variable `StageName`\n0[StageName]\nhelp: fields are written record.StageName; the variables are record, value, other, old, now, today, op",
        ],
    );
}

#[test]
fn message_27_an_unknown_function() {
    check(
        "domian(value)",
        &[
            "E403: unknown function `domian`\n0[domian]\nhelp: did you mean `domain`?  domain(\"https://www.acme.com/x\") → \"acme.com\"",
        ],
    );
}

#[test]
fn message_28_an_assignment() {
    check(
        r#"record.Status = "Open""#,
        &[
            "E405: `=` compares nothing\n14[=] an expression cannot change the record\nhelp: use `==` to compare:  record.Status == \"Open\"",
        ],
    );
}

#[test]
fn mistakes_that_people_make() {
    for (text, code, marked, says) in [
        ("'abc'", "E401", "'abc'", "text is written in double quotes"),
        ("value == 'a'", "E401", "'a'", "text is written in double quotes"),
        ("record.A and record.B", "E401", "and", "`and` is written `&&` in expressions"),
        ("record.A == 1 OR record.B == 2", "E401", "OR", "`OR` is written `||` in expressions"),
        ("not record.A", "E401", "not", "`not` is written `!` in expressions"),
        ("let x = 5", "E401", "let", "`let` does not exist in expressions"),
        ("return value", "E401", "return", "`return` does not exist in expressions"),
        ("value;", "E401", ";", "an expression is one value, without `;`"),
        ("fn f(x) { x }", "E401", "fn", "`fn` does not exist in expressions"),
        ("while true { 1 }", "E401", "while", "`while` does not exist in expressions"),
        ("import \"x\"", "E401", "import", "`import` does not exist in expressions"),
        ("eval(\"1\")", "E403", "eval", "unknown function `eval`"),
        ("value === null", "E401", "===", "`===` is written `==` in expressions"),
        ("value <> null", "E401", "<", "`<>` is written `!=` in expressions"),
        ("record.A += 1", "E405", "+=", "`+=` changes nothing"),
        ("", "E401", "", "the expression is empty"),
        ("\"abc", "E401", "\"abc", "syntax error in expression"),
        ("value.", "E401", "", "syntax error in expression"),
        ("1 + ", "E401", "", "syntax error in expression"),
        ("undefined", "E402", "undefined", "unknown variable `undefined`"),
        ("lower()", "E403", "lower", "`lower` takes 1 argument, not 0"),
        ("truncate(value)", "E403", "truncate", "`truncate` takes 2 arguments, not 1"),
        ("value.truncate(1, 2)", "E403", "truncate", "`truncate` takes 2 arguments, not 3"),
        ("phone()", "E403", "phone", "`phone` takes 1 or 2 arguments, not 0"),
        ("lower", "E402", "lower", "unknown variable `lower`"),
        ("record", "E406", "record", "`record` is not a value, it has fields"),
        ("json(record)", "E406", "record", "`record` is not a value, it has fields"),
        ("other ?? 1", "E406", "other", "`other` is not a value, it has fields"),
        ("currency_of(value)", "E406", "currency_of", "`currency_of` takes a whole record"),
        ("pipeline.x", "E402", "x", "`pipeline` has no `x`"),
        ("record.Tags.map(lower)", "E403", "l", "`map` takes a closure"),
        ("lower(|x| x)", "E403", "|", "a closure cannot stand here"),
        ("record.Tags.map(|record| 1)", "E402", "record", "`record` is already a variable"),
        ("record.Tags.map(|a, b| 1)", "E403", "a, b", "a closure gets one item"),
        ("record.Tags.map(|a| recrod.Name)", "E402", "recrod", "unknown variable `recrod`"),
        ("record.Tags.map(|a| record.Name = a)", "E405", "=", "`=` compares nothing"),
        ("if true { record.Name = 5 }", "E405", "=", "`=` compares nothing"),
        ("2 ** 3", "E401", "**", "`**` does not exist in expressions"),
        ("true & false", "E401", "&", "`&` does not exist in expressions"),
        ("matches(value, \"(\")", "E407", "\"(\"", "`matches` cannot use this text"),
        ("path(value, \"$[\")", "E407", "\"$[\"", "`path` cannot use this text"),
        ("to_timezone(now, \"Helsinki\")", "E407", "\"Helsinki\"", "`to_timezone` cannot use this text"),
        ("phone(value, \"Finland\")", "E407", "\"Finland\"", "`phone` cannot use this text"),
        ("print(value)", "E403", "print", "unknown function `print`"),
        ("Fn(\"linked\")", "E403", "Fn", "unknown function `Fn`"),
        ("type_of(value)", "E403", "type_of", "unknown function `type_of`"),
        ("this", "E401", "this", "`this` does not exist in expressions"),
        ("if 1 { 2 }", "E401", "1", "syntax error in expression"),
    ] {
        let found = problems(text);
        let Some(first) = found.first() else { panic!("{text} is no problem") };
        assert_eq!((first.code, first.title.as_str()), (code, says), "{text}: {first:?}");
        assert_eq!(text.get(first.start..first.end), Some(marked), "{text}: {first:?}");
    }
}

#[test]
fn all_mistakes_at_once() {
    let codes: Vec<&str> =
        problems("domian(recrod.x) + lower(1, 2) + foo").iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["E403", "E402", "E403", "E402"]);
}

#[test]
fn a_fix_makes_it_compile() {
    for (text, fixed) in [
        ("truncate(value, 20", "truncate(value, 20)"),
        ("record.Status = \"Open\"", "record.Status == \"Open\""),
        ("value == 'a'", "value == \"a\""),
        ("value == 'it is'", "value == \"it is\""),
        ("not record.A", "!record.A"),
        ("record.A and record.B", "record.A && record.B"),
        ("value;", "value"),
    ] {
        let fix = problems(text)[0].fix.clone().unwrap();
        let result = format!("{}{}{}", &text[..fix.start], fix.text, &text[fix.end..]);
        assert_eq!(result, fixed);
        assert!(problems(&result).is_empty(), "{result}");
    }
}

#[test]
fn a_filter_has_fewer_variables() {
    let filter = |text: &str| engine().compile(text, ScriptKind::Filter).err().unwrap_or_default();
    assert!(filter("record.Status == \"Open\" && old == null && today > record.D && now != null").is_empty());
    let found = filter("value == 1");
    assert_eq!(
        printed("value == 1", &found[0]),
        "E402: unknown variable `value`\n0[value]\nhelp: a filter looks at the whole record: record.Status == \"Open\"  (record, old, now, today)"
    );
}
