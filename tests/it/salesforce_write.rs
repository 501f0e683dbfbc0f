//! Writes by sObject Collections: one outcome per record, few calls, nothing doubled, nothing overwritten that moved.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};
use sfsync::connect::salesforce::WriteSpec;
use sfsync::connect::{Destination, Trace};
use sfsync::model::{Class, Kind, Outcome, Value};
use sfsync_sandbox::{Fault, FaultKind, Rejection, ResourceKind};

use crate::salesforce_rig::Rig;
use crate::salesforce_write_rig::{ACCOUNT, Accounts, account, delete, key, refusal, word, write_config};

impl Rig {
    /// A destination that knows records by their external id.
    async fn keyed_accounts(&self) -> Accounts {
        let spec = self.write_spec("Account", ACCOUNT).await;
        let matches = vec![spec.schema.position("Key__c").unwrap()];
        self.destination(WriteSpec { matches, ..spec })
    }

    fn stamp(&self, id: &str) -> String {
        let record = self.record("Account", id, &["SystemModstamp"]);
        record["SystemModstamp"].as_str().unwrap().replace("+0000", "Z")
    }

    fn insert_many(&self, count: usize) -> Vec<String> {
        (0..count).map(|at| self.insert("Account", account(&format!("Acme {at}")))).collect()
    }

    fn fault(&self, fault: Fault) {
        self.sandbox.faults().add(fault);
    }
}

#[tokio::test]
async fn each_record_has_its_outcome_in_the_order_of_the_operations() {
    let rig = Rig::start(write_config()).await;
    let kept =
        rig.insert("Account", json!({ "Name": "Kept", "Fax": "1", "BillingCity": "Rome", "Key__c": "K1" }));
    let (doomed, gone) = (rig.insert("Account", account("Doomed")), rig.insert("Account", account("Gone")));
    rig.sandbox.org().delete("Account", &gone).unwrap();
    let mut accounts = rig.accounts().await;
    let ops = vec![
        accounts
            .create(&[("Name", " New ".into()), ("AnnualRevenue", Value::Decimal("10.50".parse().unwrap()))]),
        accounts.update(&gone, &[("BillingCity", "Paris".into())]),
        delete(&gone),
        accounts.update(&kept, &[("BillingCity", Value::Null), ("Industry", "Energy".into())]),
        accounts.create(&[("Name", "Twin".into()), ("Key__c", "K1".into())]),
        delete(&doomed),
    ];
    rig.sandbox.reset_calls();
    let outcomes = accounts.write(ops).await;
    let words: Vec<&str> = outcomes.iter().map(word).collect();
    assert_eq!(words, ["written", "R231", "unchanged", "written", "R232", "written"]);
    // Creates, updates, deletes; and the delete of a record that an operation before it updates.
    assert_eq!(rig.sandbox.calls().of(ResourceKind::CollectionsWrite), 4);
    let fields = ["Name", "Fax", "BillingCity", "Industry"];
    assert_eq!(
        rig.record("Account", &kept, &fields),
        json!({ "Name": "Kept", "Fax": "1", "BillingCity": null, "Industry": "Energy" })
    );
    assert_eq!(rig.record("Account", &key(&outcomes[0]), &["Name"]), json!({ "Name": "New" }));
    let twin = refusal(&outcomes[4]);
    assert_eq!(
        (twin.remote.as_deref(), twin.existing.keys()[0].as_str()),
        (Some("DUPLICATE_VALUE"), kept.as_str())
    );
    assert_eq!(twin.class, Class::Record);
    assert_eq!(rig.count("Account"), 2);
}

#[tokio::test]
async fn a_thousand_guarded_updates_cost_five_writes_and_one_look() {
    let rig = Rig::start(write_config()).await;
    let ids = rig.insert_many(1_000);
    let read = rig.stamp(&ids[0]);
    rig.sandbox.org().clock().advance(jiff::SignedDuration::from_secs(60));
    for at in [3, 500, 999] {
        rig.update("Account", &ids[at], json!({ "BillingCity": "Oslo" }));
    }
    rig.sandbox.org().delete("Account", &ids[7]).unwrap();
    let mut accounts = rig.accounts().await;
    let ops = ids.iter().map(|id| accounts.guarded(id, &read, &[("BillingCity", "Paris".into())])).collect();
    rig.sandbox.reset_calls();
    let outcomes = accounts.write(ops).await;
    assert_eq!(rig.sandbox.calls().total, 5 + 1);
    for (at, outcome) in outcomes.iter().enumerate() {
        let expected = if [3, 7, 500, 999].contains(&at) { "stale" } else { "written" };
        assert_eq!(word(outcome), expected, "{at}");
    }
    assert_eq!(rig.record("Account", &ids[3], &["BillingCity"]), json!({ "BillingCity": "Oslo" }));
}

#[tokio::test]
async fn a_lost_answer_leaves_creates_unknown_and_repeats_what_cannot_double() {
    for kind in [FaultKind::LostAnswer, FaultKind::LostRequest, FaultKind::InternalError] {
        let done = kind == FaultKind::LostAnswer;
        let rig = Rig::start(write_config()).await;
        let kept = rig.insert("Account", account("Kept"));
        let mut accounts = rig.accounts().await;
        let create = |at: usize| {
            vec![("Name", Value::from(format!("New {at}"))), ("Key__c", Value::from(format!("N{at}")))]
        };
        let ops = (0..3).map(|at| accounts.create(&create(at))).collect();
        rig.fault(Fault::new(kind.clone()).on(ResourceKind::CollectionsWrite).once());
        let outcomes = accounts.write(ops).await;
        assert!(outcomes.iter().all(|outcome| word(outcome) == "unknown"), "{kind:?} {outcomes:?}");
        assert_eq!(rig.count("Account"), if done { 4 } else { 1 });
        let since = rig.client.clock().now();
        let traces: Vec<Trace> =
            (0..3).map(|at| Trace { key: None, row: accounts.row(&create(at)), since }).collect();
        let traced = accounts.to.trace(&traces).await.unwrap();
        let places: BTreeSet<usize> = traced.iter().map(|found| found.value).collect();
        assert_eq!(places.len(), if done { 3 } else { 0 });
        // Known by an external id they are found again, whatever became of them.
        let mut keyed = rig.keyed_accounts().await;
        let ops = (0..3).map(|at| keyed.create(&create(at))).collect();
        rig.fault(Fault::new(kind.clone()).on(ResourceKind::CollectionsWrite).once());
        let outcomes = keyed.write(ops).await;
        assert!(outcomes.iter().all(|outcome| word(outcome) == "written"), "{kind:?} {outcomes:?}");
        assert_eq!(rig.count("Account"), 4);
        let op = accounts.update(&kept, &[("BillingCity", "Paris".into())]);
        rig.fault(Fault::new(kind.clone()).on(ResourceKind::CollectionsWrite).once());
        assert_eq!(word(&accounts.write(vec![op]).await[0]), "written");
        rig.fault(Fault::new(kind.clone()).on(ResourceKind::CollectionsWrite).once());
        assert!(["written", "unchanged"].contains(&word(&accounts.write(vec![delete(&kept)]).await[0])));
        assert_eq!(rig.count("Account"), 3);
    }
}

#[tokio::test]
async fn a_session_that_ends_in_the_middle_doubles_nothing() {
    let rig = Rig::start(write_config()).await;
    let mut accounts = rig.accounts().await;
    for kind in [FaultKind::Unauthorized, FaultKind::TokenRevoked] {
        let before = rig.count("Account");
        let ops = (0..900).map(|at| accounts.create(&[("Name", Value::from(format!("A{at}")))])).collect();
        rig.fault(Fault::new(kind).on(ResourceKind::CollectionsWrite).nth(3));
        let outcomes = accounts.write(ops).await;
        let keys: BTreeSet<String> = outcomes.iter().map(key).collect();
        assert_eq!((keys.len(), rig.count("Account") - before), (900, 900));
        // Each key is that of its own operation.
        for at in [0, 450, 899] {
            let name = rig.record("Account", &key(&outcomes[at]), &["Name"]);
            assert_eq!(name, json!({ "Name": format!("A{at}") }));
        }
    }
}

#[tokio::test]
async fn only_locked_records_are_sent_again() {
    let rig = Rig::start(write_config()).await;
    let parents = rig.insert_many(7);
    let columns = &[("LastName", Kind::Text), ("AccountId", Kind::Id)];
    let mut contacts = rig.destination(rig.write_spec("Contact", columns).await);
    let ops = (0..600)
        .map(|at| {
            contacts.create(&[
                ("LastName", Value::from(format!("P{at}"))),
                ("AccountId", Value::text(&parents[at % 7])),
            ])
        })
        .collect();
    let locked =
        FaultKind::RejectRecords { rejection: Rejection::LockedRow, object: None, rate: 0.2, seed: 5 };
    rig.fault(Fault::new(locked).on(ResourceKind::CollectionsWrite).times(5));
    let outcomes = contacts.write(ops).await;
    assert_eq!(outcomes.iter().map(key).collect::<BTreeSet<_>>().len(), 600);
    assert_eq!(rig.count("Contact"), 600, "each is made once");
    // What is always locked stays a failure that is tried again later, and its neighbours are written.
    let holder = rig.sandbox.org().lock_rows(&[sfsync_sandbox::org::Id::parse(&parents[0]).unwrap()]);
    let ops = (0..14)
        .map(|at| contacts.create(&[("LastName", "Q".into()), ("AccountId", Value::text(&parents[at % 7]))]))
        .collect();
    let outcomes = contacts.write(ops).await;
    drop(holder);
    for (at, outcome) in outcomes.iter().enumerate() {
        assert_eq!(word(outcome), if at % 7 == 0 { "R212" } else { "written" });
    }
    assert!(matches!(refusal(&outcomes[0]).class, Class::Transient { .. }));
}

#[tokio::test]
async fn a_request_that_fails_as_a_whole_is_cut_until_the_bad_record_is_alone() {
    let rig = Rig::start(write_config()).await;
    let columns = &[("Name", Kind::Text), ("StageName", Kind::Text), ("CloseDate", Kind::Date)];
    let mut deals = rig.destination(rig.write_spec("Opportunity", columns).await);
    let date = |at: usize| match at {
        57 => Value::text("2026-13-40"),
        _ => Value::Date("2026-04-01".parse().unwrap()),
    };
    let ops = (0..200)
        .map(|at| {
            deals.create(&[
                ("Name", "D".into()),
                ("StageName", "Prospecting".into()),
                ("CloseDate", date(at)),
            ])
        })
        .collect();
    rig.sandbox.reset_calls();
    let outcomes = deals.write(ops).await;
    for (at, outcome) in outcomes.iter().enumerate() {
        assert_eq!(matches!(outcome, Outcome::Written { .. }), at != 57, "{at} {outcome:?}");
    }
    assert_eq!(refusal(&outcomes[57]).class, Class::Record);
    assert_eq!(rig.count("Opportunity"), 199);
    let calls = rig.sandbox.calls().of(ResourceKind::CollectionsWrite);
    assert!(calls <= 17, "{calls} calls");
}

#[tokio::test]
async fn two_operations_on_one_record_keep_their_order() {
    let rig = Rig::start(write_config()).await;
    let id = rig.insert("Account", account("Acme"));
    let mut accounts = rig.accounts().await;
    let ops = vec![
        accounts.update(&id, &[("BillingCity", "Rome".into())]),
        accounts.update(&id, &[("BillingCity", "Paris".into())]),
        accounts.update(&id, &[("Industry", "Energy".into())]),
    ];
    assert!(accounts.write(ops).await.iter().all(|outcome| key(outcome) == id));
    assert_eq!(
        rig.record("Account", &id, &["BillingCity", "Industry"]),
        json!({ "BillingCity": "Paris", "Industry": "Energy" })
    );
}

#[tokio::test]
async fn what_cannot_go_on_never_repeats_what_is_stored() {
    let rig = Rig::with(write_config(), |config| config.concurrency = 1).await;
    let mut accounts = rig.accounts().await;
    let ops = |accounts: &Accounts| {
        (0..600).map(|at| accounts.create(&[("Name", Value::from(format!("A{at}")))])).collect()
    };
    let forbidden = || Fault::new(FaultKind::ApiCurrentlyDisabled).on(ResourceKind::CollectionsWrite);
    rig.sandbox.faults().add(forbidden().nth(1));
    let error = accounts.try_write(ops(&accounts)).await.unwrap_err();
    assert_eq!((error.code, error.class, rig.count("Account")), ("R120", Class::Pipeline, 0));
    rig.sandbox.faults().clear();
    rig.sandbox.faults().add(forbidden().nth(2));
    let outcomes = accounts.write(ops(&accounts)).await;
    let written = outcomes.iter().filter(|outcome| word(outcome) == "written").count();
    assert_eq!((written, rig.count("Account")), (200, 200));
    assert!(
        outcomes
            .iter()
            .filter(|outcome| word(outcome) != "written")
            .all(|outcome| refusal(outcome).code == "R120")
    );
}

#[tokio::test]
async fn record_types_are_written_by_their_developer_name() {
    let rig = Rig::with_opportunities(20).await;
    let columns = &[
        ("Name", Kind::Text),
        ("StageName", Kind::Text),
        ("CloseDate", Kind::Date),
        ("RecordType", Kind::Text),
    ];
    let spec = rig.write_spec("Opportunity", columns).await;
    let kind = spec
        .object
        .record_types
        .iter()
        .rfind(|kind| kind.available && kind.developer_name != "Master")
        .unwrap();
    let (name, id) = (kind.developer_name.clone(), kind.id.clone());
    let mut deals = rig.destination(spec);
    let deal = |kind: &str| -> Vec<(&str, Value)> {
        let date = Value::Date("2026-04-01".parse().unwrap());
        vec![
            ("Name", "D".into()),
            ("StageName", "Prospecting".into()),
            ("CloseDate", date),
            ("RecordType", kind.into()),
        ]
    };
    let ops = vec![deals.create(&deal(&name.to_lowercase())), deals.create(&deal("Nonsense"))];
    let outcomes = deals.write(ops).await;
    assert_eq!(
        rig.record("Opportunity", &key(&outcomes[0]), &["RecordTypeId"]),
        json!({ "RecordTypeId": id })
    );
    let error = refusal(&outcomes[1]);
    assert!(error.code == "R213" && error.message.contains(&name), "{error}");
}

#[tokio::test]
async fn the_orgs_own_words_are_in_the_refusal() {
    let rig = Rig::start(write_config()).await;
    let mut accounts = rig.accounts().await;
    for (rejection, code, class) in [
        (Rejection::ValidationRule("名前を入力してください".into()), "R211", Class::Record),
        (Rejection::TriggerFailed, "R211", Class::Record),
        (Rejection::InApproval, "R234", Class::TRANSIENT),
        (Rejection::StorageFull, "R235", Class::Quota),
    ] {
        rig.sandbox.faults().clear();
        let kind = FaultKind::RejectRecords { rejection, object: None, rate: 1.0, seed: 1 };
        rig.sandbox.faults().add(Fault::new(kind.clone()).on(ResourceKind::CollectionsWrite).once());
        let op = accounts.create(&[("Name", "A".into())]);
        let outcomes = accounts.write(vec![op]).await;
        let error = refusal(&outcomes[0]);
        assert_eq!((error.code, error.class), (code, class), "{kind:?}");
        assert!(code != "R211" || !error.message.is_empty());
    }
}

/// The headers say what the connection says.
#[tokio::test]
async fn a_quiet_write_leaves_what_it_does_not_name() {
    let rig = Rig::start(write_config()).await;
    let id = rig.insert("Account", json!({ "Name": "Acme", "Fax": "1", "Checked__c": true }));
    let mut accounts = rig.accounts().await;
    let op = accounts.update(&id, &[("Checked__c", Value::Null), ("Name", "  Acme ".into())]);
    assert_eq!(key(&accounts.write(vec![op]).await[0]), id);
    let (log, _) = rig.sandbox.org().writes_since(0);
    let sent: Vec<&Json> = log.last().unwrap().fields.values().collect();
    assert_eq!(sent, [&json!("Acme"), &json!(false)]);
}
