//! Results of a job: CSV pages by locator (section 7.3) and the list of pages for parallel download (section 7.4).

use std::ops::Range;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::find;
use super::job::Job;
use crate::org::{ApiError, Org};
use crate::wire::reply::{Render, Reply};
use crate::wire::request::WireRequest;
use crate::wire::resources::Exchange;

const CSV: &str = "text/csv;charset=UTF-8";
/// Rows rendered at a time: small enough that rows with long texts do not pile up.
const STEP: usize = 256;
/// URLs in one answer of `resultPages`.
const URLS: usize = 5;

/// `GET /jobs/query/{id}/results?locator=…&maxRecords=…`
pub(crate) fn results(exchange: &Exchange, id: &str, request: &WireRequest) -> Result<Reply, ApiError> {
    let job = complete(exchange, id)?;
    let total = job.result.len();
    let start = request.query.get("locator").map_or(Ok(0), row_of)?;
    if start > total {
        return Err(bad_locator());
    }
    let rows = match request.query.get("maxRecords") {
        None => exchange.server.config.bulk.page_rows,
        Some(text) => text.parse().ok().filter(|rows| *rows > 0).ok_or_else(|| {
            ApiError::request("INVALIDREQUEST", format!("maxRecords is not a number above 0: {text}"))
        })?,
    };
    let end = start.saturating_add(rows).min(total);
    let locator = if end < total { locator(end) } else { "null".to_owned() };
    let sent = end.saturating_sub(exchange.missing_rows()).max(start);
    let page = Page { org: exchange.server.org.clone(), job, rows: start..sent, begun: false };
    Ok(Reply::rendered(CSV, page)
        .with("sforce-locator", &locator)
        .with("sforce-numberofrecords", &(end - start).to_string()))
}

/// `GET /jobs/query/{id}/resultPages?locator=…`
pub(crate) fn pages(exchange: &Exchange, id: &str, request: &WireRequest) -> Result<Reply, ApiError> {
    let job = complete(exchange, id)?;
    let rows = exchange.server.config.bulk.page_rows.max(1);
    let total = job.result.len();
    let first = request.query.get("locator").map_or(Ok(0), row_of)?;
    let url = |start: usize| -> Value {
        json!({ "resultUrl": format!("{}/jobs/query/{}/results?locator={}", exchange.base(), job.id, locator(start)) })
    };
    // A job without rows has one page, with the header alone.
    let urls: Vec<Value> = (first..total.max(1)).step_by(rows).take(URLS).map(url).collect();
    let next = first.saturating_add(rows * URLS);
    let mut body = json!({ "resultPages": urls, "done": next >= total });
    if next < total {
        let url = format!("{}/jobs/query/{}/resultpages?locator={}", exchange.base(), job.id, locator(next));
        body["nextRecordsUrl"] = url.into();
    }
    Ok(Reply::json(200, &body))
}

fn complete(exchange: &Exchange, id: &str) -> Result<Arc<Job>, ApiError> {
    let job = find(exchange, id)?;
    if job.version != exchange.version {
        let message = format!("The job was created with API version {}", job.version);
        return Err(ApiError { status: 409, ..ApiError::request("CONFLICT", message) });
    }
    if !job.is_complete() {
        return Err(ApiError::request("INVALIDJOBSTATE", "Query job is not in state JobComplete"));
    }
    Ok(job)
}

/// The locator of a page that begins at `row`.
fn locator(row: usize) -> String {
    URL_SAFE_NO_PAD.encode(row.to_string())
}

fn row_of(locator: &str) -> Result<usize, ApiError> {
    let bytes = URL_SAFE_NO_PAD.decode(locator).map_err(|_| bad_locator())?;
    std::str::from_utf8(&bytes).ok().and_then(|row| row.parse().ok()).ok_or_else(bad_locator)
}

fn bad_locator() -> ApiError {
    ApiError::request("INVALID_QUERY_LOCATOR", "invalid query locator")
}

struct Page {
    org: Arc<Org>,
    job: Arc<Job>,
    rows: Range<usize>,
    begun: bool,
}

impl Render for Page {
    fn next(&mut self, out: &mut Vec<u8>) -> bool {
        let Job { result, style, .. } = &*self.job;
        if !self.begun {
            self.org.render_csv_header(result, *style, out);
            self.begun = true;
        }
        let end = (self.rows.start + STEP).min(self.rows.end);
        self.org.render_csv(result, self.rows.start..end, *style, out);
        self.rows.start = end;
        !self.rows.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locators_are_those_of_the_documentation() {
        assert_eq!(locator(10_000), "MTAwMDA");
        assert_eq!(row_of("MTAwMDA"), Ok(10_000));
        assert!(row_of("null").is_err() && row_of("!").is_err());
    }
}
