//! `GET /jobs/query`: the jobs of the last seven days, 1,000 a page (section 7.5).

use serde_json::{Value, json};

use crate::wire::reply::Reply;
use crate::wire::request::WireRequest;
use crate::wire::resources::Exchange;

const PAGE: usize = 1_000;

pub(crate) fn list(exchange: &Exchange, request: &WireRequest) -> Reply {
    let wanted = request.query.get("jobType").is_none_or(|kind| kind == "V2Query");
    let jobs = if wanted { exchange.server.jobs.all() } else { Vec::new() };
    let start = request.query.get("queryLocator").and_then(|locator| locator.parse().ok()).unwrap_or(0);
    let records: Vec<Value> = jobs.iter().skip(start).take(PAGE).map(|job| job.description(false)).collect();
    let next = start + records.len();
    let done = next >= jobs.len();
    // The documentation shows `ingest` in this address for query jobs, too.
    let url = (!done).then(|| format!("{}/jobs/ingest?queryLocator={next}", exchange.base()));
    Reply::json(200, &json!({ "done": done, "records": records, "nextRecordsUrl": url }))
}
