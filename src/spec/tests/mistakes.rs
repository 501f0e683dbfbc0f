//! Mistakes, the code each gets, and the place that is marked.

use super::File;

/// Head of a pipeline that is right; the mistake follows.
const HEAD: &str = "salesforce: Account\napp: w.clients\nto_app: [create]\n";
const ROWS: &str = "fields:\n  - { salesforce: Name, app: name }\n";

#[test]
fn mistakes_in_yaml() {
    for (text, code, marked) in [
        ("a: `x`\n", "E010", "`"),
        ("a: { b: @x }\n", "E010", "@"),
        ("to_app: f(\"a #b\", 1)\n", "E011", "#b\", 1)"),
        ("a: 'it's'\n", "E012", "s'"),
        ("a: \"x\nb: 1\n", "E012", "\"x"),
        ("a: \"x\nb: \"y\"\n", "E012", "\"x"),
        ("a: [1, 2\nb: 3\n", "E013", "["),
        ("a: [1, { b: 2 ]\n", "E013", "]"),
        ("a: {b: 1\n", "E013", "{"),
        ("a: { b: x[0] }\n", "E002", "["),
        ("a: { b: if x { 1 } else { 2 } }\n", "E002", "{"),
        ("a: { b: c: d }\n", "E002", "c: d"),
        ("description: Note: this\n", "E002", "Note: this"),
        ("to_app: value == null ? \"none\" : value\n", "E002", "\"none\" : value"),
        ("a:\n  b: 1\n c: 2\n", "E006", "c:"),
        ("a: 1\n b: 2\n", "E006", ""),
        ("? [a]\n: 1\n", "E006", "["),
        ("a: !x 1\n", "E003", "!x"),
        ("a:\n\tb: 1\n", "E001", "\t"),
        ("\ta: 1\n", "E001", "\t"),
    ] {
        let (file, parsed) = File::pipeline(text);
        let marks = file.marks(&parsed.diagnostics);
        assert!(parsed.value.is_none(), "{text:?}");
        assert_eq!(marks.len(), 1, "{text:?}: {marks:?}");
        assert_eq!(marks[0].0, code, "{text:?}: {marks:?}");
        if !marked.is_empty() {
            assert!(
                marks[0].1.starts_with(marked.trim_start_matches(": ")) || marks[0].1 == marked,
                "{text:?}: {marks:?}"
            );
        }
    }
}

#[test]
fn text_that_only_looks_like_a_mistake() {
    for line in [
        "description: it's {fine} [really], 100% `ok` @ 5 & more * # comment",
        "description: \"a: b #c\"",
        "description: http://example.com:80/x",
        "description: |\n  \ttabs: are text here\n  { [ '",
        "description: >\n  also: here\n  it's",
        "description: 'several\n  lines: of text'",
        "x-note: { a: [1, 2], b: \"}\" }",
        "x-empty:\nx-list:\n- a\n- b",
        "description: a\n  b \"c",
    ] {
        let (_, parsed) = File::pipeline(&format!("{HEAD}{line}\n{ROWS}"));
        assert_eq!(parsed.diagnostics, [], "{line}");
    }
}

#[test]
fn mistakes_in_the_grammar() {
    for (lines, expected) in [
        ("enabled: yes\n", vec![("E103", "yes")]),
        ("enabled:\n", vec![("E103", "enabled")]),
        ("match: name\n", vec![("E103", "name")]),
        ("match: [name, name]\n", vec![("E111", "name")]),
        ("links: one_to_onee\n", vec![("E104", "one_to_onee")]),
        ("retries: 1000\n", vec![("E108", "1000")]),
        ("retries: -1\n", vec![("E103", "-1")]),
        ("max_changes: 10_000\n", vec![("E103", "10_000")]),
        ("reconcile: someday at 02:00\n", vec![("E103", "someday at 02:00")]),
        ("renamed_from: Old Name\n", vec![("E103", "Old Name")]),
        ("notify: [Ops]\n", vec![("E103", "Ops")]),
        ("to_salesforce: [link, update]\n", vec![("E112", "link")]),
        ("to_salesforce: []\n", vec![("E110", "[]")]),
        ("to_salesforce: [create, create]\n", vec![("E111", "create")]),
        ("gruops: { a: always }\n", vec![("E101", "gruops")]),
        ("groups: { a: sometimes }\n", vec![("E104", "sometimes")]),
        ("tests:\n  - { name: x, change: {}, expect: { op: none } }\n", vec![("E113", "change")]),
        (
            "tests:\n  - { change: { app: { a: 1 } }, expect: { op: nothing } }\n",
            vec![("E102", "change"), ("E104", "nothing")],
        ),
    ] {
        let (file, parsed) = File::pipeline(&format!("{HEAD}{lines}{ROWS}"));
        assert_eq!(file.marks(&parsed.diagnostics), expected, "{lines}");
        assert!(parsed.has_errors(), "{lines}");
    }
}

#[test]
fn mistakes_in_rows() {
    for (row, expected) in [
        ("app: a", ("E106", "app")),
        ("write: on_create", ("E106", "{")),
        ("salesforce: A, app: a, const: 1", ("E106", "const")),
        ("app: a, const: 1, to_app: 'value'", ("E106", "const")),
        ("salesforce: A, to_app: 'value'", ("E106", "to_app")),
        ("salesforce: A, app: a, missing: skip", ("E106", "missing")),
        ("salesforce: A, app: a, group: x", ("E209", "x")),
        ("salesforce: A, app: a, lookup: [people, B]", ("E103", "B")),
        ("salesforce: A..B, app: a", ("E103", "A..B")),
        ("salesforce: A, app: '$.[', to_app: true", ("E103", "'$.['")),
        ("salesforce: A, app: a, to_app:", ("E103", "to_app")),
        ("salesforce: A, app: a, as: emial", ("E104", "emial")),
        ("salesforce: A, app: a, to_app: f(a, b, c), write: on_create", ("E101", "b")),
    ] {
        let (file, parsed) = File::pipeline(&format!("{HEAD}fields:\n  - {{ {row} }}\n"));
        assert_eq!(file.marks(&parsed.diagnostics), [expected], "{row}");
    }
}

#[test]
fn mistakes_in_the_sides() {
    for (lines, expected) in [
        ("include: {}", ("E110", "{}")),
        ("include: { StageName: [] }", ("E110", "[]")),
        ("include: { StageName: { a: 1 } }", ("E103", "{ a: 1 }")),
        ("exclude: [Name]", ("E103", "Name")),
        ("poll: often", ("E103", "often")),
        ("backfill: { last: 6 months }", ("E102", "last")),
        ("backfill: { by: CreatedDate }", ("E106", "by")),
        ("backfill: { last: 6 months, by: A, where: B = 1 }", ("E105", "where")),
        ("backfill: some", ("E104", "some")),
        ("backfill: { during: 20:00 }", ("E103", "20:00")),
        ("push: [cdc, carrier_pigeon]", ("E104", "carrier_pigeon")),
        ("where: A == 1", ("E319", "==")),
        ("objct: Account", ("E101", "objct")),
        ("select: Name", ("E103", "Name")),
    ] {
        let text =
            format!("salesforce:\n  object: Account\n  {lines}\napp: w.clients\nto_app: [create]\n{ROWS}");
        let (file, parsed) = File::pipeline(&text);
        assert_eq!(file.marks(&parsed.diagnostics), [expected], "{lines}");
    }
}

#[test]
fn mistakes_in_connections() {
    for (text, expected) in [
        ("type: mysql\n", ("E104", "mysql")),
        ("url: x\n", ("E102", "url")),
        ("type: postgres\n", ("E102", "type")),
        ("type: postgres\nurl: ${env:A}\nhost: x\n", ("E105", "host")),
        ("type: postgres\nurl: ${A}\n", ("E605", "${A}")),
        ("type: postgres\nurl: ${file:relative}\n", ("E605", "${file:relative}")),
        ("type: sqlite\npath: x.db\nresources: { a: { tabel: b } }\n", ("E101", "tabel")),
        ("type: http\nbase_url: x\nresources: { a: { path: a } }\n", ("E103", "a")),
        ("type: http\nbase_url: x\nresources: { a: { path: /a, delete: never } }\n", ("E103", "never")),
        (
            "type: http\nbase_url: x\nresources: { a: { path: /a, fields: { b: string } } }\n",
            ("E104", "string"),
        ),
        ("type: http\nbase_url: x\nrate_limit: 10\nresources: { a: { path: /a } }\n", ("E103", "10")),
        (
            "type: http\nbase_url: x\nauth: { type: api_key, key: \"${env:A}\" }\nresources: { a: { path: /a } }\n",
            ("E102", "key"),
        ),
        (
            "type: http\nbase_url: x\npaginate: { type: cursor, next: $.a }\nresources: { a: { path: /a } }\n",
            ("E102", "type"),
        ),
        (
            "type: salesforce\nenvironment: prod\nauth: { flow: authorization_code, client_id: a }\n",
            ("E104", "prod"),
        ),
        (
            "type: salesforce\nenvironment: sandbox\nauth: { flow: client_credentials, client_id: a, client_secret: \"${env:A}\" }\n",
            ("E102", "auth"),
        ),
        (
            "type: salesforce\nenvironment: sandbox\nlogin_url: http://example.com\nauth: { flow: authorization_code, client_id: a }\n",
            ("E606", "http://example.com"),
        ),
        (
            "type: salesforce\nenvironment: sandbox\nprotect: [OwnerId]\nauth: { flow: authorization_code, client_id: a }\n",
            ("E103", "OwnerId"),
        ),
    ] {
        let (file, parsed) = File::connection(text);
        assert_eq!(file.marks(&parsed.diagnostics), [expected], "{text}");
    }
    let local = "type: salesforce\nenvironment: sandbox\nlogin_url: http://127.0.0.1:8090\nauth: { flow: authorization_code, client_id: a }\n";
    assert_eq!(File::connection(local).1.diagnostics, []);
}

#[test]
fn all_mistakes_of_a_file_are_told_at_once_and_no_followers() {
    let text = "salesforce: { object: Account, poll: 10 }\napp: clients\nto_app: [crate]\nfeilds:\n  - { salesforce: A, app: a, group: x }\nretries: many\n";
    let (file, parsed) = File::pipeline(text);
    let expected =
        [("E103", "10"), ("E103", "clients"), ("E104", "crate"), ("E101", "feilds"), ("E103", "many")];
    assert_eq!(file.marks(&parsed.diagnostics), expected);

    let text = format!(
        "{HEAD}fields:\n  - {{ salesforce: A, app: a, to_app: f(a, 2) }}\n  - {{ salesforce: B, ap: b }}\n"
    );
    let (file, parsed) = File::pipeline(&text);
    assert_eq!(file.marks(&parsed.diagnostics), [("E101", "2)"), ("E101", "ap")]);
    assert!(parsed.value.unwrap().fields.iter().all(|row| row.incomplete && row.to_app.is_none()));
}

#[test]
fn a_file_of_nothing() {
    for text in ["", "\n\n", "# only a comment\n", "---\n"] {
        let (_, parsed) = File::pipeline(text);
        assert_eq!(parsed.diagnostics.len(), 1, "{text:?}: {:?}", parsed.diagnostics);
        assert_eq!(parsed.diagnostics[0].code.0, "E102", "{text:?}");
    }
    for text in ["just text\n", "- a\n- b\n"] {
        assert_eq!(File::pipeline(text).1.diagnostics[0].code.0, "E103", "{text:?}");
    }
}
