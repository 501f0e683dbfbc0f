//! A simulated org with a destination on one of its objects.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use sfsync::connect::salesforce::{SalesforceDestination, WriteSpec};
use sfsync::connect::{ConnectError, Destination, WriteMode};
use sfsync::model::{Key, Kind, ObjectInfo, Ops, Outcome, RecordError, Row, Schema, Value, Version, WriteOp};
use sfsync_sandbox::org::Customization;
use sfsync_sandbox::{OrgConfig, SandboxConfig};

use crate::salesforce_rig::{Rig, sandbox_config};

pub(crate) const ALL: Ops = Ops { create: true, update: true, delete: true, archive: false, link: true };

/// The columns of most tests.
pub(crate) const ACCOUNT: &[(&str, Kind)] = &[
    ("Id", Kind::Id),
    ("Name", Kind::Text),
    ("BillingCity", Kind::Text),
    ("Industry", Kind::Text),
    ("AnnualRevenue", Kind::Decimal),
    ("NumberOfEmployees", Kind::Int),
    ("Key__c", Kind::Text),
    ("Grade__c", Kind::Text),
    ("Tags__c", Kind::List),
    ("Checked__c", Kind::Bool),
    ("Seen__c", Kind::DateTime),
    ("SystemModstamp", Kind::DateTime),
];

const CUSTOM: &str = "
fields:
  Account:
    Key__c: { type: text, length: 40, unique: true, external_id: true, label: Key }
    Grade__c: { type: picklist, restricted: true, values: [A, B, C], label: Grade }
    Tags__c: { type: multipicklist, restricted: true, values: [Red, Green, Blue], label: Tags }
    Checked__c: { type: checkbox, label: Checked }
    Seen__c: { type: datetime, label: Seen }
";

pub(crate) fn write_config() -> SandboxConfig {
    let custom = Customization::parse("write", CUSTOM).unwrap();
    let config = sandbox_config();
    SandboxConfig { org: OrgConfig { customizations: vec![custom], ..config.org }, ..config }
}

impl Rig {
    pub(crate) async fn describe(&self, object: &str) -> Arc<ObjectInfo> {
        Arc::new(self.client.describe(object, None).await.unwrap().unwrap().object)
    }

    /// What a pipeline with all operations writes to an object.
    pub(crate) async fn write_spec(&self, object: &str, columns: &[(&str, Kind)]) -> WriteSpec {
        WriteSpec::new(self.describe(object).await, Schema::of(columns), ALL)
    }

    pub(crate) async fn accounts(&self) -> Accounts {
        let spec = self.write_spec("Account", ACCOUNT).await;
        self.destination(spec)
    }

    pub(crate) fn destination(&self, spec: WriteSpec) -> Accounts {
        let schema = Arc::clone(&spec.schema);
        Accounts { to: SalesforceDestination::new(Arc::clone(&self.client), spec), schema }
    }

    /// A record as the org has it.
    pub(crate) fn record(&self, object: &str, id: &str, fields: &[&str]) -> Json {
        let record = self.sandbox.org().get(object, id, Some(fields)).unwrap();
        let mut record: Json = serde_json::from_slice(&record).unwrap();
        record.as_object_mut().unwrap().retain(|name, _| fields.contains(&name.as_str()));
        record
    }
}

/// A destination with its schema.
pub(crate) struct Accounts {
    pub(crate) to: SalesforceDestination,
    pub(crate) schema: Arc<Schema>,
}

impl Accounts {
    /// A row with these values; the rest is absent.
    pub(crate) fn row(&self, values: &[(&str, Value)]) -> Row {
        let mut row = Row::absent(self.schema.len());
        for (name, value) in values {
            row.set(self.schema.position(name).unwrap(), value.clone());
        }
        row
    }

    pub(crate) fn create(&self, values: &[(&str, Value)]) -> WriteOp {
        WriteOp::Create { row: self.row(values) }
    }

    pub(crate) fn update(&self, id: &str, values: &[(&str, Value)]) -> WriteOp {
        WriteOp::Update { key: Key::salesforce(id), row: self.row(values), expected: None }
    }

    pub(crate) fn guarded(&self, id: &str, expected: &str, values: &[(&str, Value)]) -> WriteOp {
        let expected = Some(Version(expected.parse().unwrap()));
        WriteOp::Update { key: Key::salesforce(id), row: self.row(values), expected }
    }

    pub(crate) async fn write(&mut self, ops: Vec<WriteOp>) -> Vec<Outcome> {
        self.try_write(ops).await.unwrap()
    }

    pub(crate) async fn try_write(&mut self, ops: Vec<WriteOp>) -> Result<Vec<Outcome>, ConnectError> {
        self.to.write(ops, WriteMode::Changes).await
    }
}

pub(crate) fn delete(id: &str) -> WriteOp {
    WriteOp::Delete { key: Key::salesforce(id) }
}

/// The key of a record that was stored.
pub(crate) fn key(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Written { key, .. } => key.to_string(),
        other => panic!("{other:?}"),
    }
}

/// Why a record was refused.
pub(crate) fn refusal(outcome: &Outcome) -> &RecordError {
    match outcome {
        Outcome::Rejected(error) => error,
        other => panic!("{other:?}"),
    }
}

/// What an outcome is, in a word.
pub(crate) fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Written { .. } => "written",
        Outcome::Unchanged { .. } => "unchanged",
        Outcome::Stale => "stale",
        Outcome::Rejected(error) => error.code,
        Outcome::Unknown(_) => "unknown",
    }
}

pub(crate) fn account(name: &str) -> Json {
    json!({ "Name": name })
}
