//! What a destination tells of records before it writes, and what it refuses without a call.

use std::collections::BTreeSet;

use serde_json::json;
use sfsync::connect::{Destination, MatchQuery};
use sfsync::expr::NormalForm;
use sfsync::model::{Class, Key, Kind, Ops, Outcome, Value};

use crate::salesforce_rig::Rig;
use crate::salesforce_write_rig::{ACCOUNT, ALL, account, delete, refusal, word, write_config};

#[tokio::test]
async fn records_are_fetched_in_few_calls_and_deleted_ones_are_not_there() {
    let rig = Rig::start(write_config()).await;
    let ids: Vec<String> =
        (0..2_300).map(|at| rig.insert("Account", account(&format!("Acme {at}")))).collect();
    rig.sandbox.org().delete("Account", &ids[7]).unwrap();
    let mut accounts = rig.accounts().await;
    let keys: Vec<Key> = ids
        .iter()
        .map(|id| Key::salesforce(id))
        .chain([Key::app("none"), Key::salesforce(&ids[0][..15])])
        .collect();
    rig.sandbox.reset_calls();
    let found = accounts.to.fetch(&keys).await.unwrap();
    assert_eq!((found.len(), rig.sandbox.calls().total), (2_299, 2));
    let name = accounts.schema.position("Name").unwrap();
    let (key, row) = found.iter().find(|(key, _)| key.as_str() == ids[42]).unwrap();
    assert_eq!((key.as_str(), row.get(name).as_text()), (ids[42].as_str(), Some("Acme 42")));
    let present = accounts.to.presence(&keys).await.unwrap();
    assert!(present.len() == 2_299 && !present.contains(&Key::salesforce(&ids[7])));
}

#[tokio::test]
async fn keys_come_in_order() {
    let rig = Rig::start(write_config()).await;
    let ids: BTreeSet<Key> =
        (0..30).map(|at| Key::salesforce(&rig.insert("Account", account(&format!("A{at}"))))).collect();
    let mut accounts = rig.accounts().await;
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let some = accounts.to.keys(after.as_ref(), 7).await.unwrap();
        after = some.last().cloned();
        if some.is_empty() {
            break;
        }
        all.extend(some);
    }
    assert_eq!(all, ids.into_iter().collect::<Vec<_>>());
}

#[tokio::test]
async fn matching_is_trimmed_and_without_case() {
    let rig = Rig::start(write_config()).await;
    let ids: Vec<String> =
        ["O'Brien \\ Sons", "ACME", "Acme"].iter().map(|name| rig.insert("Account", account(name))).collect();
    let many: Vec<String> =
        (0..900).map(|at| rig.insert("Account", account(&format!("Company number {at}")))).collect();
    let mut accounts = rig.accounts().await;
    let field = accounts.schema.position("Name").unwrap();
    let mut values = vec![" acme ".into(), "o'brien \\ sons".into(), "nobody".into(), Value::Null];
    values.extend((0..900).map(|at| Value::from(format!("company NUMBER {at}"))));
    rig.sandbox.reset_calls();
    let found = accounts.to.find(&MatchQuery::exact(field, values)).await.unwrap();
    assert!(rig.sandbox.calls().total <= 4, "{} calls", rig.sandbox.calls().total);
    let pairs: BTreeSet<(usize, &str)> =
        found.iter().map(|found| (found.value, found.key.as_str())).collect();
    let mut expected: BTreeSet<(usize, &str)> =
        [(0, ids[1].as_str()), (0, ids[2].as_str()), (1, ids[0].as_str())].into();
    expected.extend(many.iter().enumerate().map(|(at, id)| (at + 4, id.as_str())));
    assert_eq!(pairs, expected);
}

#[tokio::test]
async fn matching_in_a_normal_form_finds_every_spelling() {
    let rig = Rig::start(write_config()).await;
    let firm = |site: &str, phone: &str| json!({ "Name": "Firm", "Website": site, "Phone": phone });
    let insert = |site: &str, phone: &str| rig.insert("Account", firm(site, phone));
    let about = insert("https://www.acme.com/about", "040-123 45 67");
    let plain = insert("ACME.com", "+358401234567");
    insert("https://notacme.com", "+358 40 1234568");
    insert("acmeXcom.fi", "1");
    let many: Vec<String> = (0..400).map(|at| insert(&format!("http://c{at}.com"), "")).collect();
    let mut accounts =
        rig.destination(rig.write_spec("Account", &[("Website", Kind::Text), ("Phone", Kind::Text)]).await);
    let mut find = async |field: usize, form: NormalForm, values: Vec<Value>| {
        let query = MatchQuery {
            form: Some(form),
            region: Some("FI".to_owned()),
            ..MatchQuery::exact(field, values)
        };
        let found = accounts.to.find(&query).await.unwrap();
        found.iter().map(|found| (found.value, found.key.to_string())).collect::<BTreeSet<_>>()
    };
    let both = BTreeSet::from([(0, about.clone()), (0, plain.clone())]);
    assert_eq!(find(0, NormalForm::Domain, vec!["acme.com".into(), "acme_com.fi".into()]).await, both);
    assert_eq!(find(1, NormalForm::Phone, vec!["+358401234567".into()]).await, both);
    assert_eq!(find(1, NormalForm::Phone, vec!["'; %\\".into()]).await, BTreeSet::new());
    rig.sandbox.reset_calls();
    let domains = (0..400).map(|at| Value::from(format!("c{at}.com"))).collect();
    let expected: BTreeSet<(usize, String)> = many.into_iter().enumerate().collect();
    assert_eq!(find(0, NormalForm::Domain, domains).await, expected);
    assert!(rig.sandbox.calls().total <= 4, "{} calls", rig.sandbox.calls().total);
}

#[tokio::test]
async fn numbers_dates_and_record_types_match_too() {
    let rig = Rig::with_opportunities(40).await;
    let columns = &[
        ("Amount", Kind::Decimal),
        ("CloseDate", Kind::Date),
        ("RecordType", Kind::Text),
        ("Account.Name", Kind::Text),
    ];
    let mut deals = rig.destination(rig.write_spec("Opportunity", columns).await);
    let soql = "SELECT Id, Amount, CloseDate, RecordType.DeveloperName, Account.Name FROM Opportunity";
    let truth = rig.truth(
        soql,
        &[("Amount", Kind::Decimal), ("CloseDate", Kind::Date), ("RecordType.DeveloperName", Kind::Text)],
    );
    let (id, values) = truth.iter().find(|(_, values)| values.iter().all(|value| value != "null")).unwrap();
    for (field, value) in [
        Value::Decimal(values[0].parse().unwrap()),
        Value::Date(values[1].parse().unwrap()),
        Value::text(values[2].to_uppercase()),
    ]
    .into_iter()
    .enumerate()
    {
        let found = deals.to.find(&MatchQuery::exact(field, vec![value])).await.unwrap();
        let expected = truth.values().filter(|other| other[field] == values[field]).count();
        assert_eq!(found.len(), expected);
        assert!(found.iter().any(|found| found.key.as_str() == id));
    }
    // With a field of another record it goes by query.
    let keys: Vec<Key> = truth.keys().map(|id| Key::salesforce(id)).collect();
    assert_eq!(deals.to.fetch(&keys).await.unwrap().len(), truth.len());
}

#[tokio::test]
async fn what_describe_tells_is_refused_without_a_call() {
    let rig = Rig::start(write_config()).await;
    let id = rig.insert("Account", account("Acme"));
    let mut accounts = rig.accounts().await;
    let text = |length: usize| Value::text("x".repeat(length));
    let cases = [
        (vec![("Name", text(256))], "Name"),
        (vec![("Name", Value::Null)], "Name"),
        (vec![("Grade__c", "D".into())], "Grade__c"),
        (vec![("Tags__c", Value::List(vec!["Red".into(), "Pink".into()].into()))], "Tags__c"),
        (
            vec![("SystemModstamp", Value::DateTime("2026-01-01T00:00:00Z".parse().unwrap()))],
            "SystemModstamp",
        ),
        (vec![("NumberOfEmployees", Value::Int(123_456_789_012))], "NumberOfEmployees"),
    ];
    let mut ops: Vec<_> = cases.iter().map(|(values, _)| accounts.update(&id, values)).collect();
    ops.push(accounts.create(&[("BillingCity", "Paris".into())]));
    ops.push(accounts.update("not an id", &[("Name", "x".into())]));
    ops.push(accounts.update(&id, &[]));
    rig.sandbox.reset_calls();
    let outcomes = accounts.write(ops).await;
    assert_eq!(rig.sandbox.calls().total, 0);
    for ((_, field), outcome) in cases.iter().zip(&outcomes) {
        let error = refusal(outcome);
        assert_eq!(
            (error.code, error.class, error.fields.as_slice()),
            ("R213", Class::Record, &[(*field).to_owned()][..])
        );
    }
    assert_eq!(refusal(&outcomes[6]).fields, ["Name"]);
    assert_eq!(refusal(&outcomes[7]).code, "R231");
    assert!(matches!(&outcomes[8], Outcome::Unchanged { key } if key.as_str() == id));
}

#[tokio::test]
async fn what_is_not_listed_or_is_forbidden_is_never_sent() {
    let rig = Rig::start(write_config()).await;
    let id = rig.insert("Account", account("Acme"));
    let spec = rig.write_spec("Account", ACCOUNT).await;
    for (ops, written) in [
        (Ops { create: false, ..ALL }, 0),
        (Ops { update: false, ..ALL }, 1),
        (Ops { delete: false, ..ALL }, 2),
    ] {
        let mut accounts = rig.destination(sfsync::connect::salesforce::WriteSpec { ops, ..spec.clone() });
        let all = [
            accounts.create(&[("Name", "New".into())]),
            accounts.update(&id, &[("BillingCity", "Paris".into())]),
            delete(&id),
        ];
        rig.sandbox.reset_calls();
        let error = accounts.try_write(vec![all[written].clone()]).await.unwrap_err();
        assert_eq!((error.code, error.class, rig.sandbox.calls().total), ("R126", Class::Pipeline, 0));
    }
    let protecting =
        Rig::with(write_config(), |config| config.protect = vec!["account.billingcity".into()]).await;
    let id = protecting.insert("Account", account("Acme"));
    let mut accounts = protecting.accounts().await;
    let op = accounts.update(&id, &[("BillingCity", "Paris".into())]);
    let error = accounts.try_write(vec![op]).await.unwrap_err();
    assert_eq!((error.code, error.class), ("R126", Class::Pipeline));
    let frozen = Rig::with(write_config(), |config| config.read_only = true).await;
    let id = frozen.insert("Account", account("Acme"));
    let mut accounts = frozen.accounts().await;
    assert_eq!(accounts.try_write(vec![delete(&id)]).await.unwrap_err().code, "R126");
    assert_eq!(frozen.count("Account"), 1);
}

#[tokio::test]
async fn a_single_update_is_guarded_by_the_org_itself() {
    let rig = Rig::start(write_config()).await;
    let id = rig.insert("Account", json!({ "Name": "Acme", "Fax": "1", "BillingCity": "Rome" }));
    let read = rig.record("Account", &id, &["SystemModstamp"])["SystemModstamp"]
        .as_str()
        .unwrap()
        .replace("+0000", "Z");
    let mut accounts = rig.accounts().await;
    rig.sandbox.org().clock().advance(jiff::SignedDuration::from_secs(5));
    rig.sandbox.reset_calls();
    let op = accounts.guarded(&id, &read, &[("BillingCity", "Paris".into()), ("Industry", Value::Null)]);
    let outcomes = accounts.write(vec![op.clone()]).await;
    assert_eq!((word(&outcomes[0]), rig.sandbox.calls().total), ("written", 1));
    assert_eq!(
        rig.record("Account", &id, &["BillingCity", "Fax"]),
        json!({ "BillingCity": "Paris", "Fax": "1" })
    );
    // The write moved it.
    assert_eq!(word(&accounts.write(vec![op]).await[0]), "stale");
}
