//! Every kind of fault that the simulated org can play, as campaigns go through them.

use serde_json::{Map, json};
use sfsync_sandbox::{Fault, FaultId, FaultKind, Faults, LimitKind, Org, ResourceKind};

use super::org_rows::records;

/// In the address of every query for opportunities.
const DEALS: &str = "FROM Opportunity ";

/// A fault by name, as often as it hits.
pub struct Mishap {
    /// For messages.
    pub name: &'static str,
    /// What is scripted.
    pub fault: Fault,
}

/// Mishaps that are scripted together; each of them must happen, as often as it says.
pub struct Scripted(Vec<(FaultId, &'static str, usize)>);

impl Scripted {
    /// Scripts them in this order.
    pub fn new(faults: &Faults, mishaps: impl IntoIterator<Item = Mishap>) -> Self {
        let script = |mishap: Mishap| {
            let times = usize::try_from(mishap.fault.times.unwrap_or(1)).expect("a small number");
            (faults.add(mishap.fault), mishap.name, times)
        };
        Self(mishaps.into_iter().map(script).collect())
    }

    /// Those that did not hit as often as they were told to.
    pub fn missed(&self, faults: &Faults) -> Vec<String> {
        let fired = faults.fired();
        let hits = |id: FaultId| fired.iter().filter(|fired| fired.id == id).count();
        let rest = self.0.iter().filter(|(id, _, times)| hits(*id) < *times);
        rest.map(|(id, name, times)| format!("{name}: {} of {times}", hits(*id))).collect()
    }

    /// Takes them away after every one of them happened.
    pub fn end(self, faults: &Faults, when: &str) {
        let missed = self.missed(faults);
        assert!(missed.is_empty(), "{when}: what was scripted did not happen: {missed:?}");
        faults.clear();
        faults.forget_fired();
    }
}

fn on(name: &'static str, kind: FaultKind, resource: ResourceKind, times: u64) -> Mishap {
    Mishap { name, fault: Fault::new(kind).on(resource).times(times) }
}

fn any(name: &'static str, kind: FaultKind, times: u64) -> Mishap {
    Mishap { name, fault: Fault::new(kind).times(times) }
}

/// Those that a poll over REST can meet.
pub fn of_polls(org: &Org) -> Vec<Mishap> {
    use FaultKind as F;
    let late = |id: Option<String>, fields| F::LateCommit { object: "Opportunity".to_owned(), id, fields };
    let some =
        records(org, "SELECT Id FROM Opportunity WHERE StageName = 'Negotiation' LIMIT 1").into_keys().next();
    let created =
        fields(&[("Name", "committed late"), ("StageName", "Negotiation"), ("CloseDate", "2026-12-24")]);
    let mut created = created;
    created.insert("Amount".to_owned(), json!(1234));
    vec![
        any("503", F::ServiceUnavailable, 2),
        any("502 in HTML", F::BadGateway, 2),
        any("420 in HTML", F::NoRoute, 1),
        any("406", F::NotAcceptable, 1),
        any("429", F::TooManyRequests { retry_after: None }, 2),
        any("429 with Retry-After", F::TooManyRequests { retry_after: Some(1) }, 1),
        any("500", F::InternalError, 2),
        on("reset at the first byte", F::ConnectionReset { after_bytes: 0 }, ResourceKind::Query, 1),
        on("reset in mid-body", F::ConnectionReset { after_bytes: 700 }, ResourceKind::Query, 2),
        on("truncated", F::TruncatedBody { after_bytes: None }, ResourceKind::Query, 1),
        on("truncated in mid-body", F::TruncatedBody { after_bytes: Some(500) }, ResourceKind::Query, 1),
        any("HTML with 200", F::HtmlPage, 1),
        any("wrong content type", F::WrongContentType { content_type: "text/plain".to_owned() }, 2),
        any("401", F::Unauthorized, 1),
        any("a revoked token", F::TokenRevoked, 1),
        any("the daily limit", F::RequestLimit { limit: LimitKind::Total }, 1),
        any("the limit of concurrent requests", F::RequestLimit { limit: LimitKind::Concurrent }, 1),
        any("the limit of long transactions", F::RequestLimit { limit: LimitKind::LongTransactions }, 1),
        any("QUERY_TIMEOUT", F::QueryTimeout, 1),
        any("no API for the org", F::ApiDisabledForOrg, 1),
        any("no API for the user", F::ApiCurrentlyDisabled, 1),
        Mishap {
            name: "fewer rows than announced",
            fault: Fault::new(F::FewerRows { missing: 3 }).on(ResourceKind::Query).path(DEALS).times(1),
        },
        any("a slow answer", F::Delay { millis: 300 }, 2),
        Mishap {
            name: "a create with an older stamp",
            fault: Fault::new(late(None, created)).path(DEALS).times(1),
        },
        Mishap {
            name: "a change with an older stamp",
            fault: Fault::new(late(some, fields(&[("Name", "changed late")]))).path(DEALS).times(1),
        },
    ]
}

/// Those of a first load by bulk.
pub fn of_loads() -> Vec<Mishap> {
    use FaultKind as F;
    use ResourceKind as R;
    vec![
        on("a failed job", F::BulkJobFailed { message: "InternalServerError".to_owned() }, R::BulkCreate, 1),
        on("an aborted job", F::BulkJobAborted, R::BulkCreate, 1),
        on("a lost result page", F::MissingResultPage, R::BulkResults, 1),
        on("fewer rows in a result page", F::FewerRows { missing: 2 }, R::BulkResults, 1),
        on("a result page reset in mid-body", F::ConnectionReset { after_bytes: 20_000 }, R::BulkResults, 2),
        on("a truncated result page", F::TruncatedBody { after_bytes: Some(10_000) }, R::BulkResults, 1),
        on("503 while waiting for the job", F::ServiceUnavailable, R::BulkStatus, 2),
        on("a lost locator", F::InvalidQueryLocator, R::QueryMore, 1),
        on("a revoked token among the pages", F::TokenRevoked, R::BulkResults, 1),
    ]
}

fn fields(values: &[(&str, &str)]) -> Map<String, serde_json::Value> {
    values.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect()
}
