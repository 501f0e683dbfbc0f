//! A simulated org with a client, and its records as the org itself has them, to compare with what a source reads.

#![allow(clippy::needless_pass_by_value)] // `json!` in the calls reads better without a reference

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value as Json};
use sfsync::connect::salesforce::{
    Auth, Client, Config, Environment, MemoryTokens, ReadSpec, SalesforceSource, Services,
};
use sfsync::connect::{ConnectError, Limit, Source};
use sfsync::model::{Change, ChangeEvent, Clock, Cursor, Kind, Read, Value};
use sfsync_sandbox::org::QueryOptions;
use sfsync_sandbox::{OrgConfig, Population, Sandbox, SandboxConfig};

/// The time at which the orgs of the tests stand.
pub(crate) const NOW: &str = "2026-03-11T10:00:00Z";

/// Our own clock stands 25 years behind and never waits: nothing may depend on it.
pub(crate) struct WrongClock;

#[async_trait::async_trait]
impl Clock for WrongClock {
    fn now(&self) -> Timestamp {
        "2001-01-01T00:00:00Z".parse().unwrap()
    }

    async fn sleep(&self, _length: Duration) {
        tokio::task::yield_now().await;
    }
}

pub(crate) struct Rig {
    pub(crate) sandbox: Sandbox,
    pub(crate) client: Arc<Client>,
}

pub(crate) fn sandbox_config() -> SandboxConfig {
    let org = OrgConfig { now: Some(NOW.parse().unwrap()), ..OrgConfig::default() };
    SandboxConfig { org, ..SandboxConfig::default() }
}

pub(crate) fn client_config(sandbox: &Sandbox) -> Config {
    let auth = Auth::ClientCredentials {
        client_id: Sandbox::CLIENT_ID.into(),
        client_secret: Sandbox::CLIENT_SECRET.into(),
    };
    let mut config = Config::new("salesforce", Environment::Production, auth);
    config.login_url = Some(sandbox.url().to_owned());
    config
}

pub(crate) fn services() -> Services {
    Services { clock: Arc::new(WrongClock), tokens: Arc::new(MemoryTokens::default()), usage: None }
}

impl Rig {
    /// An org that the client has reached already: version and environment are known.
    pub(crate) async fn start(config: SandboxConfig) -> Self {
        let rig = Self::with(config, |_| {}).await;
        rig.client.data_path().await.unwrap();
        rig
    }

    pub(crate) async fn with(config: SandboxConfig, change: impl FnOnce(&mut Config)) -> Self {
        let sandbox = Sandbox::start(config).await.unwrap();
        let mut config = client_config(&sandbox);
        change(&mut config);
        let client = Client::new(config, services()).unwrap();
        Self { sandbox, client }
    }

    /// An org with so many opportunities.
    pub(crate) async fn with_opportunities(count: u32) -> Self {
        let population = Population { accounts: 200, opportunities: count, ..Population::default() };
        Self::start(SandboxConfig { population: Some(population), ..sandbox_config() }).await
    }

    pub(crate) fn source(&self, spec: ReadSpec) -> SalesforceSource {
        SalesforceSource::new(Arc::clone(&self.client), spec)
    }

    /// Live records of an object; the generator leaves some in the recycle bin.
    pub(crate) fn count(&self, object: &str) -> usize {
        self.sandbox.org().record_count(object).unwrap()
    }

    /// Creates a record; gives its id.
    pub(crate) fn insert(&self, object: &str, fields: Json) -> String {
        self.sandbox.org().insert(object, object_of(fields)).unwrap().to_string()
    }

    pub(crate) fn update(&self, object: &str, id: &str, fields: Json) {
        self.sandbox.org().update(object, id, object_of(fields)).unwrap();
    }

    /// The records of a query as the org renders them, by id: a path for each value.
    pub(crate) fn truth(&self, soql: &str, columns: &[(&str, Kind)]) -> BTreeMap<String, Vec<String>> {
        let org = self.sandbox.org();
        let result = org.query(soql, &QueryOptions::default()).unwrap();
        let mut body = b"[".to_vec();
        org.render_json(&result, 0..result.len(), &mut body);
        body.push(b']');
        let records: Vec<Json> = serde_json::from_slice(&body).unwrap();
        let row = |record: &Json| columns.iter().map(|(path, kind)| plain(record, path, *kind)).collect();
        records.iter().map(|record| (record["Id"].as_str().unwrap().to_owned(), row(record))).collect()
    }
}

pub(crate) fn object_of(fields: Json) -> Map<String, Json> {
    fields.as_object().unwrap().clone()
}

/// The columns of most tests: every type, two parents.
pub(crate) const OPPORTUNITY: &[(&str, Kind)] = &[
    ("Name", Kind::Text),
    ("StageName", Kind::Text),
    ("Amount", Kind::Decimal),
    ("CloseDate", Kind::Date),
    ("CreatedDate", Kind::DateTime),
    ("IsWon", Kind::Bool),
    ("AccountId", Kind::Id),
    ("Account.Name", Kind::Text),
    ("Owner.Email", Kind::Text),
    ("Description", Kind::Text),
];

pub(crate) const OPPORTUNITY_SOQL: &str = "SELECT Id, Name, StageName, Amount, CloseDate, CreatedDate, IsWon, AccountId, Account.Name, Owner.Email, Description FROM Opportunity";

/// A value of a record in a form that can be compared.
fn plain(record: &Json, path: &str, kind: Kind) -> String {
    let value = path.split('.').fold(record, |value, name| &value[name]);
    match (value, kind) {
        (Json::Null, _) => "null".to_owned(),
        (Json::String(text), Kind::DateTime) => {
            Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", text).unwrap().to_string()
        }
        (Json::String(text), _) => text.clone(),
        (Json::Number(number), _) => {
            number.to_string().parse::<rust_decimal::Decimal>().unwrap().normalize().to_string()
        }
        (other, _) => other.to_string(),
    }
}

/// A row in the same form.
pub(crate) fn texts(values: &[Value]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

/// Everything that a source brings until it waits.
pub(crate) struct Drained {
    pub(crate) events: Vec<ChangeEvent>,
    pub(crate) cursor: Cursor,
}

impl Drained {
    /// The last state of each record: its row, or why it has none.
    pub(crate) fn state(&self) -> BTreeMap<String, Vec<String>> {
        let mut state = BTreeMap::new();
        for event in &self.events {
            let row = match &event.change {
                Change::Upsert(row) => texts(&row.0),
                Change::Delete { merged_into } => vec![format!("deleted {merged_into:?}")],
                Change::Left(_) => vec!["left".to_owned()],
                Change::Touched => vec!["touched".to_owned()],
            };
            state.insert(event.key.to_string(), row);
        }
        state
    }
}

/// Reads until the source waits. Panics on errors.
pub(crate) async fn drain(source: &mut SalesforceSource, from: Option<Cursor>, limit: Limit) -> Drained {
    try_drain(source, from, limit).await.unwrap()
}

/// Reads until the source waits or fails.
pub(crate) async fn try_drain(
    source: &mut SalesforceSource,
    from: Option<Cursor>,
    limit: Limit,
) -> Result<Drained, ConnectError> {
    let mut cursor = from;
    let mut drained = Vec::new();
    for _ in 0..10_000 {
        let Read::Batch { events, next, more, .. } = source.read(cursor.as_ref(), limit).await? else {
            panic!("the cursor was lost");
        };
        assert!(events.len() <= limit.records, "{} events", events.len());
        drained.extend(events);
        if !more {
            return Ok(Drained { events: drained, cursor: next });
        }
        cursor = Some(next);
    }
    panic!("the source never rests");
}

pub(crate) fn records(count: usize) -> Limit {
    Limit { records: count, ..Limit::default() }
}
