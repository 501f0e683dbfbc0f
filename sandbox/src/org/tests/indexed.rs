//! Queries over indexes give what a look at every row gives.

use std::sync::OnceLock;

use proptest::prelude::*;

use super::*;

/// An org that was edited, with its ids and stamps to draw literals from.
fn edited() -> &'static (Org, Vec<String>, Vec<String>) {
    static ORG: OnceLock<(Org, Vec<String>, Vec<String>)> = OnceLock::new();
    ORG.get_or_init(|| {
        let org = org();
        org.generate(&Population::around(900));
        org.random_edits(3, 300, &EditMix::default());
        let all = records(&org, "SELECT Id, SystemModstamp FROM Opportunity");
        let texts = |key: &str| all.iter().map(|row| row[key].as_str().unwrap().to_owned()).collect();
        let (ids, stamps) = (texts("Id"), texts("SystemModstamp"));
        (org, ids, stamps)
    })
}

fn operator() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["=", "!=", "<", "<=", ">", ">="])
}

fn leaf() -> impl Strategy<Value = String> {
    let (_, ids, stamps) = edited();
    let id = || prop::sample::select(ids.clone());
    let stamp = || prop::sample::select(stamps.clone());
    prop_oneof![
        (operator(), stamp()).prop_map(|(op, stamp)| format!("SystemModstamp {op} {stamp}")),
        (operator(), id()).prop_map(|(op, id)| format!("Id {op} '{id}'")),
        prop::collection::vec(id(), 1..4).prop_map(|ids| format!("Id IN ('{}')", ids.join("','"))),
        operator().prop_map(|op| format!("Probability {op} 50")),
        Just("AccountId = null".to_owned()),
        Just("AccountId IN (SELECT Id FROM Account WHERE Industry = 'Banking')".to_owned()),
        Just("OwnerId IN (SELECT Id FROM User WHERE IsActive = false)".to_owned()),
        Just("StageName LIKE 'closed%'".to_owned()),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    leaf().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(|all| format!("({})", all.join(" AND "))),
            prop::collection::vec(inner.clone(), 1..4).prop_map(|any| format!("({})", any.join(" OR "))),
            inner.prop_map(|one| format!("(NOT ({one}))")),
        ]
    })
}

fn tail() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "ORDER BY SystemModstamp, Id",
        "ORDER BY SystemModstamp DESC, Id DESC LIMIT 20",
        "ORDER BY SystemModstamp, Id LIMIT 7 OFFSET 3",
        "ORDER BY Id",
        "ORDER BY Id DESC LIMIT 5",
        "ORDER BY Amount DESC NULLS LAST, Id LIMIT 9",
        "",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn indexes_change_nothing_but_the_time(condition in condition(), tail in tail(), deleted: bool) {
        let (org, ..) = edited();
        let soql = format!("SELECT Id FROM Opportunity WHERE {condition} {tail}");
        let with = org.rows_of(&soql, deleted, true).unwrap();
        let without = org.rows_of(&soql, deleted, false).unwrap();
        prop_assert_eq!(with, without, "{}", soql);
    }
}
