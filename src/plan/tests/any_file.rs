//! Whatever can be decoded can be compiled: with messages, never with a panic.

use proptest::prelude::*;

use crate::model::Kind;
use crate::plan::Catalog;
use crate::plan::testing::{POSTGRES, SALESFORCE, compile, database, files};

const WORDS: &[&str] = &[
    "Id",
    "Name",
    "StageName",
    "RecordType",
    "Account.Name",
    "Content",
    "LinkedEntityId",
    "salesforce_id",
    "name",
    "custom.x",
    "$.a[0]",
    "db.t",
    "db.u",
    "nowhere.x",
    "salesforce",
    "one",
    "two",
    "always",
    "off",
    "null",
    "true",
    "7",
    "62.0",
    "2026-03-01",
    "cdc",
    "newest",
    "'record.Name'",
    "'record[value]'",
    "'other.x ?? linked(\"two\", value)'",
    "'('",
    "[]",
    "[a, b]",
    "{ Name: x }",
    "6 months",
    "wait",
    "é",
];

const KEYS: &[&str] = &[
    "salesforce",
    "app",
    "to_app",
    "to_salesforce",
    "const",
    "lookup",
    "missing",
    "values",
    "as",
    "default",
    "write",
    "group",
    "on_null",
    "conflict",
    "on_error",
];

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(WORDS).prop_map(str::to_owned)
}

fn row() -> impl Strategy<Value = String> {
    prop::collection::btree_map(prop::sample::select(KEYS), word(), 1..5).prop_map(|pairs| {
        let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}: {value}")).collect();
        format!("  - {{ {} }}\n", pairs.join(", "))
    })
}

prop_compose! {
    fn pipeline()(
        object in prop::sample::select(vec!["Account", "ContentNote", "Opportunity", "X__c"]),
        side in prop::sample::select(vec![
            "", ", include: { Name: x, RecordType: y }", ", exclude: [{ Amount: null }, { Name: [] }]", ", push: cdc, scope: referenced",
            ", where: \"Amount > 0 AND Owner.Name = 'x'\"", ", backfill: { last: 6 months, by: Name }", ", filter: 'record.X == 1'",
        ]),
        app in prop::sample::select(vec!["db.t", "db.u", "nowhere.x", "{ resource: db.t, include: { name: 5 }, archive: { name: x } }"]),
        ops in prop::sample::select(vec![
            "to_app: [create, update]", "to_salesforce: [create, archive]", "to_app: [link]", "to_app: [update]\nto_salesforce: [update]",
        ]),
        matched in prop::collection::vec(word(), 0..3),
        rows in prop::collection::vec(row(), 0..6),
    ) -> String {
        let matched = if matched.is_empty() { String::new() } else { format!("match: [{}]\n", matched.join(", ")) };
        format!("salesforce: {{ object: {object}{side} }}\napp: {app}\n{ops}\n{matched}fields:\n{}", rows.concat())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn compiling_never_panics(one in pipeline(), two in pipeline()) {
        let files = files(&[SALESFORCE, POSTGRES, ("pipelines/one.yaml", &one), ("pipelines/two.yaml", &two)]);
        let columns = [("id", Kind::Int), ("name", Kind::Text), ("custom", Kind::Json), ("salesforce_id", Kind::Text)];
        for catalog in [Catalog::default(), database("t", &columns, &["salesforce_id"])] {
            let compiled = compile(&files, &catalog);
            prop_assert_eq!(compiled.pipelines.len(), 2);
            // A plan is never made of a file with an error, and every refusal has a message.
            let refused = compiled.pipelines.values().any(Result::is_err);
            prop_assert_eq!(refused, compiled.diagnostics.iter().any(crate::diag::Diagnostic::is_error));
            let _ = crate::diag::all_to_text(&compiled.diagnostics, &files.map, false);
        }
    }
}
