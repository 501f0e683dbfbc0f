//! Writes by Bulk API 2.0: the same org as by REST, all three files read, nothing lost and nothing doubled.

use std::collections::{BTreeMap, BTreeSet};

use sfsync::connect::salesforce::WriteSpec;
use sfsync::model::{Kind, Value, WriteOp};
use sfsync_sandbox::{BulkSettings, Fault, FaultKind, Rejection, ResourceKind, SandboxConfig};

use crate::salesforce_rig::Rig;
use crate::salesforce_write_rig::{ACCOUNT, Accounts, delete, key, refusal, word, write_config};

async fn start() -> Rig {
    let bulk = BulkSettings { ingest_at_once: true, ..BulkSettings::default() };
    Rig::start(SandboxConfig { bulk, ..write_config() }).await
}

impl Rig {
    async fn bulk_accounts(&self, border: usize) -> Accounts {
        let mut spec = self.write_spec("Account", ACCOUNT).await;
        spec.lanes.bulk = border;
        self.destination(spec)
    }

    async fn keyed_bulk(&self, border: usize) -> Accounts {
        let mut spec = self.write_spec("Account", ACCOUNT).await;
        spec.lanes.bulk = border;
        let matches = vec![spec.schema.position("Key__c").unwrap()];
        self.destination(WriteSpec { matches, ..spec })
    }
}

fn creates(accounts: &Accounts, count: usize) -> Vec<WriteOp> {
    // Several have the same content, so that rows have to be told apart by it as far as they can.
    let name = |at: usize| Value::from(format!("Acme \"{}\",\nInc.", at / 2));
    let city = |at: usize| Value::from(format!("City {}", at / 2));
    (0..count).map(|at| accounts.create(&[("Name", name(at)), ("BillingCity", city(at))])).collect()
}

#[tokio::test]
async fn many_records_cost_a_constant_number_of_calls() {
    let rig = start().await;
    let mut accounts = rig.bulk_accounts(2_000).await;
    let mut calls = BTreeSet::new();
    for count in [2_500, 5_000] {
        let ops = creates(&accounts, count);
        rig.sandbox.reset_calls();
        let outcomes = accounts.write(ops).await;
        calls.insert(rig.sandbox.calls().total);
        assert_eq!(outcomes.iter().map(key).collect::<BTreeSet<_>>().len(), count);
        for at in [0, 1, 777, count - 1] {
            let record = rig.record("Account", &key(&outcomes[at]), &["Name"]);
            assert_eq!(record["Name"], format!("Acme \"{}\",\nInc.", at / 2));
        }
        assert_eq!(rig.sandbox.calls().of(ResourceKind::CollectionsWrite), 0);
    }
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert!(calls.iter().all(|calls| *calls <= 8), "{calls:?}");
    assert_eq!(rig.count("Account"), 7_500);
}

#[tokio::test]
async fn refused_rows_are_told_apart_from_stored_ones() {
    let rig = start().await;
    let taken = rig.insert("Account", serde_json::json!({ "Name": "Taken", "Key__c": "K3" }));
    let mut accounts = rig.bulk_accounts(5).await;
    let ops = (0..8)
        .map(|at| accounts.create(&[("Name", "Same".into()), ("Key__c", Value::from(format!("K{at}")))]))
        .collect();
    let outcomes = accounts.write(ops).await;
    for (at, outcome) in outcomes.iter().enumerate() {
        assert_eq!(word(outcome), if at == 3 { "R232" } else { "written" });
    }
    assert_eq!(refusal(&outcomes[3]).existing.keys()[0].as_str(), taken);
    let stored = rig.record("Account", &key(&outcomes[5]), &["Key__c"]);
    assert_eq!(stored["Key__c"], "K5");
}

#[tokio::test]
async fn lost_answers_of_a_job_double_nothing() {
    let resources = [
        ResourceKind::IngestCreate,
        ResourceKind::IngestUpload,
        ResourceKind::IngestChange,
        ResourceKind::IngestStatus,
        ResourceKind::IngestResults,
    ];
    for resource in resources {
        for kind in [FaultKind::LostAnswer, FaultKind::LostRequest, FaultKind::ServiceUnavailable] {
            let rig = start().await;
            let mut accounts = rig.bulk_accounts(5).await;
            rig.sandbox.faults().add(Fault::new(kind.clone()).on(resource).once());
            let ops = creates(&accounts, 20);
            let (stored, known) = match accounts.try_write(ops).await {
                Ok(outcomes) => (20, outcomes.iter().filter(|outcome| word(outcome) == "written").count()),
                // Nothing runs before the upload is closed, so the whole batch may come again.
                Err(error) => {
                    assert_eq!(resource, ResourceKind::IngestUpload, "{kind:?} {error}");
                    (0, 0)
                }
            };
            assert_eq!((rig.count("Account"), known), (stored, stored), "{resource:?} {kind:?}");
        }
    }
}

#[tokio::test]
async fn a_job_that_stops_early_leaves_no_row_without_an_outcome() {
    let rig = start().await;
    let mut accounts = rig.bulk_accounts(100).await;
    for aborted in [true, false] {
        let before = rig.count("Account");
        let message = "UNKNOWN_EXCEPTION : it broke".to_owned();
        rig.sandbox.faults().clear();
        rig.sandbox
            .faults()
            .add(Fault::new(FaultKind::IngestStops { after_rows: 400, aborted, message }).once());
        let outcomes = accounts.write(creates(&accounts, 900)).await;
        let written = outcomes.iter().filter(|outcome| word(outcome) == "written").count();
        assert_eq!((written, rig.count("Account") - before), (400, 400));
        for outcome in outcomes.iter().filter(|outcome| word(outcome) != "written") {
            assert!(refusal(outcome).class.is_retried(), "{outcome:?}");
        }
    }
    // Too many locks: the rest goes on by itself.
    let before = rig.count("Account");
    let message = "TooManyLockFailure : Too many lock failure retries".to_owned();
    rig.sandbox.faults().clear();
    rig.sandbox
        .faults()
        .add(Fault::new(FaultKind::IngestStops { after_rows: 200, aborted: false, message }).once());
    let outcomes = accounts.write(creates(&accounts, 900)).await;
    assert_eq!(outcomes.iter().map(key).collect::<BTreeSet<_>>().len(), 900);
    assert_eq!(rig.count("Account") - before, 900);
}

#[tokio::test]
async fn rows_that_no_file_speaks_of_are_never_success() {
    let rig = start().await;
    let mut accounts = rig.bulk_accounts(5).await;
    let fewer =
        |times| Fault::new(FaultKind::FewerRows { missing: 2 }).on(ResourceKind::IngestResults).times(times);
    rig.sandbox.faults().add(fewer(1));
    let ops = creates(&accounts, 20);
    assert!(accounts.write(ops).await.iter().all(|outcome| word(outcome) == "written"), "read again");
    rig.sandbox.faults().add(fewer(100));
    let ops = creates(&accounts, 20);
    let outcomes = accounts.write(ops).await;
    assert!(outcomes.iter().all(|outcome| word(outcome) == "unknown"), "{outcomes:?}");
    assert_eq!(rig.count("Account"), 40);
}

#[tokio::test]
async fn locked_rows_go_again_alone() {
    let rig = start().await;
    let mut accounts = rig.bulk_accounts(100).await;
    let locked =
        FaultKind::RejectRecords { rejection: Rejection::LockedRow, object: None, rate: 0.1, seed: 3 };
    rig.sandbox.faults().add(Fault::new(locked).on(ResourceKind::IngestCreate).once());
    let outcomes = accounts.write(creates(&accounts, 500)).await;
    assert_eq!(outcomes.iter().map(key).collect::<BTreeSet<_>>().len(), 500);
    assert_eq!(rig.count("Account"), 500);
}

/// A stream of numbers that is the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn value(&mut self, name: &str) -> Value {
        let texts = ["#N/A", "N/A", " padded ", "a,b \"c\"\nd", "日本", "", "null", "x"];
        if self.roll(4) == 0 {
            return Value::Null;
        }
        match name {
            "AnnualRevenue" => {
                Value::Decimal(rust_decimal::Decimal::new(i64::try_from(self.roll(100_000)).unwrap(), 3))
            }
            "NumberOfEmployees" => Value::Int(i64::try_from(self.roll(900)).unwrap()),
            "Grade__c" => ["A", "B", "C", "D"][self.roll(4)].into(),
            "Tags__c" => Value::List(
                [vec!["Red".into()], vec!["Blue".into(), "Green".into()], vec![]][self.roll(3)]
                    .clone()
                    .into(),
            ),
            "Checked__c" => Value::Bool(self.roll(2) == 0),
            "Seen__c" => Value::DateTime(
                jiff::Timestamp::from_millisecond(
                    1_700_000_000_123 + i64::try_from(self.roll(9_999_999)).unwrap(),
                )
                .unwrap(),
            ),
            _ => texts[self.roll(texts.len())].into(),
        }
    }
}

const WRITTEN: [&str; 8] = [
    "BillingCity",
    "Industry",
    "AnnualRevenue",
    "NumberOfEmployees",
    "Grade__c",
    "Tags__c",
    "Checked__c",
    "Seen__c",
];

/// Writes a random history by one lane; gives every outcome and, by name, every record that is left.
async fn history(seed: u64, border: usize, keyed: bool) -> (Vec<String>, BTreeMap<String, Vec<String>>, u64) {
    let rig = start().await;
    let mut accounts = if keyed { rig.keyed_bulk(border).await } else { rig.bulk_accounts(border).await };
    let (mut dice, mut ids, mut said) = (Dice(seed), Vec::<String>::new(), Vec::new());
    for round in 0..4 {
        let mut ops = Vec::new();
        for at in 0..30 {
            let mut values: Vec<(&str, Value)> = Vec::new();
            for name in WRITTEN {
                if dice.roll(3) == 0 {
                    values.push((name, dice.value(name)));
                }
            }
            match dice.roll(4) {
                0 if !ids.is_empty() => ops.push(delete(&ids[dice.roll(ids.len())])),
                1 | 2 if !ids.is_empty() => ops.push(accounts.update(&ids[dice.roll(ids.len())], &values)),
                _ => {
                    // A key of an earlier round may come again.
                    let again = round > 0 && dice.roll(5) == 0;
                    let code = if again { format!("again {at}") } else { format!("{round} {at}") };
                    values.push(("Key__c", code.into()));
                    values.push(("Name", Value::from(format!("{round} {at}"))));
                    ops.push(accounts.create(&values));
                }
            }
        }
        let is_create: Vec<bool> = ops.iter().map(|op| matches!(op, WriteOp::Create { .. })).collect();
        for (outcome, is_create) in accounts.write(ops).await.iter().zip(is_create) {
            said.push(word(outcome).to_owned());
            if is_create && word(outcome) == "written" {
                ids.push(key(outcome));
            }
        }
    }
    let columns: Vec<(&str, Kind)> =
        ACCOUNT.iter().filter(|(name, _)| !["Id", "SystemModstamp"].contains(name)).copied().collect();
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let truth = rig.truth(&format!("SELECT Id, {} FROM Account", names.join(", ")), &columns);
    let left = truth.into_values().map(|row| (row[0].clone(), row)).collect();
    (said, left, rig.sandbox.calls().of(ResourceKind::IngestCreate))
}

#[tokio::test]
async fn the_same_history_by_rest_and_by_bulk_gives_the_same_org() {
    for seed in 0..4 {
        for keyed in [false, true] {
            let (rest_said, rest, rest_jobs) = history(seed, usize::MAX, keyed).await;
            let (bulk_said, bulk, bulk_jobs) = history(seed, 0, keyed).await;
            assert!(rest_jobs == 0 && bulk_jobs >= 8, "{rest_jobs} {bulk_jobs}");
            assert_eq!(rest_said, bulk_said, "seed {seed}");
            assert_eq!(rest, bulk, "seed {seed}");
            assert!(rest.len() > 20 && rest_said.iter().any(|said| said == "R213"));
        }
    }
}
