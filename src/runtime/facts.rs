//! What is the same for a whole run: its instant, why it runs, and what the org knows. Expressions see it through [`RunContext`].

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use crate::expr::Context;
use crate::model::{Key, PipelineName, Side, Value};
use crate::sync::{Fingerprints, LookupTable, Mode};

/// Facts of an org that expressions may ask for. Read once per connection and refreshed with the schema.
#[derive(Clone, Debug, Default)]
pub struct OrgFacts {
    /// Where records are seen: `https://acme.my.salesforce.com`.
    pub instance_url: String,
    /// ISO code of the org's own currency, or `default_currency` of the connection.
    pub currency: String,
    /// `CurrencyType` rates; empty in a single-currency org.
    pub rates: HashMap<String, Decimal>,
    /// Country for phone numbers without a `+`.
    pub region: Option<String>,
}

/// One instant, one reason, one set of facts for all records of a run, so that plans are exact.
#[derive(Clone, Debug)]
pub struct RunFacts {
    /// Now, for the whole run.
    pub now: Timestamp,
    /// Its date in the time zone of the settings.
    pub today: Date,
    /// Time zone of the settings.
    pub zone: TimeZone,
    /// Changes or everything.
    pub mode: Mode,
    /// With the secret seed of the state.
    pub fingerprints: Fingerprints,
}

impl RunFacts {
    /// Facts of a run that begins now.
    pub fn new(now: Timestamp, zone: TimeZone, mode: Mode, fingerprints: Fingerprints) -> Self {
        let today = now.to_zoned(zone.clone()).date();
        Self { now, today, zone, mode, fingerprints }
    }
}

/// What expressions may ask during one batch. Links they ask for and that nobody looked up yet are noted in `asked`: the batch
/// reads them and maps again.
pub struct RunContext<'a> {
    org: &'a OrgFacts,
    facts: &'a RunFacts,
    lookups: &'a LookupTable,
    from: Side,
    asked: Mutex<BTreeSet<(PipelineName, Key)>>,
}

impl<'a> RunContext<'a> {
    /// For records of a side.
    pub fn new(org: &'a OrgFacts, facts: &'a RunFacts, lookups: &'a LookupTable, from: Side) -> Self {
        Self { org, facts, lookups, from, asked: Mutex::default() }
    }

    /// The links that were asked for and are not in the table.
    pub fn asked(self) -> BTreeSet<(PipelineName, Key)> {
        self.asked.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Context for RunContext<'_> {
    fn linked(&self, pipeline: &str, id: &Value) -> Option<Value> {
        let pipeline = PipelineName::from(pipeline);
        let key = match (self.from, id) {
            (Side::Salesforce, Value::Text(id)) => Key::salesforce(id),
            (_, id) => Key::from_value(id)?,
        };
        if !self.lookups.knows(&pipeline, self.from, &key) {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            asked.insert((pipeline, key));
            return None;
        }
        let linked = self.lookups.linked(&pipeline, self.from, &key)?;
        Some(linked.as_str().parse().map_or_else(|_| Value::text(linked.as_str()), Value::Int))
    }

    fn org_currency(&self) -> &str {
        &self.org.currency
    }

    fn rate(&self, iso: &str) -> Option<Decimal> {
        self.org.rates.get(iso).copied()
    }

    fn record_url(&self, id: &str) -> String {
        format!("{}/{id}", self.org.instance_url.trim_end_matches('/'))
    }

    fn timezone(&self) -> &TimeZone {
        &self.facts.zone
    }

    fn default_region(&self) -> Option<&str> {
        self.org.region.as_deref()
    }
}
