//! Query, queryAll and their further pages (section 3). Read [`first`] first.

use std::ops::Range;
use std::sync::Arc;

use serde_json::{Map, json};

use super::Exchange;
use crate::org::{ApiError, Id, Org, QueryOptions, QueryResult};
use crate::wire::reply::{JSON, Render, Reply};
use crate::wire::request::WireRequest;

/// Rows of a page unless the client asks for fewer; also the most.
const PAGE_ROWS: usize = 2_000;
const FEWEST_PAGE_ROWS: usize = 200;
/// Rows rendered at a time: small enough that rows with long texts do not pile up.
const STEP: usize = 100;

/// `GET /query?q=…` and `/queryAll?q=…`
pub(super) fn first(exchange: &Exchange, all: bool, request: &WireRequest) -> Result<Reply, ApiError> {
    let soql = request
        .query
        .get("q")
        .ok_or_else(|| ApiError::request("MALFORMED_QUERY", "A query string has to be specified"))?;
    if let Some(fields) = permissions_asked(soql) {
        return permissions(exchange, &fields);
    }
    let server = &exchange.server;
    let options = QueryOptions { include_deleted: all, ..QueryOptions::default() };
    let result = Arc::new(server.org.query(soql, &options)?);
    let page_rows = page_rows(request.header("sforce-query-options"));
    if result.len() <= page_rows {
        return Ok(page(exchange, result, 0, None));
    }
    let cursor = server.cursors.open(result.clone(), exchange.session.grant.user, page_rows, server.now());
    Ok(page(exchange, result, 0, Some((cursor, page_rows))))
}

/// The fields of `SELECT … FROM UserPermissionAccess`, which is no table: one row says what the user may do.
fn permissions_asked(soql: &str) -> Option<Vec<&str>> {
    let (fields, rest) = soql.trim().strip_prefix("SELECT ")?.split_once(" FROM ")?;
    (rest.trim() == "UserPermissionAccess").then(|| fields.split(',').map(str::trim).collect())
}

fn permissions(exchange: &Exchange, fields: &[&str]) -> Result<Reply, ApiError> {
    let config = &exchange.server.config;
    let url = format!("{}/sobjects/UserPermissionAccess/000000000000000AAA", exchange.base());
    let mut row = Map::new();
    row.insert("attributes".to_owned(), json!({ "type": "UserPermissionAccess", "url": url }));
    for field in fields {
        let may = match *field {
            "PermissionsCustomizeApplication" => config.events.customize,
            "PermissionsModifyMetadata" => config.metadata.permitted,
            "PermissionsModifyAllData" => false,
            "PermissionsApiEnabled" => true,
            other => {
                let text = format!("No such column '{other}' on entity 'UserPermissionAccess'.");
                return Err(ApiError::request("INVALID_FIELD", text));
            }
        };
        row.insert((*field).to_owned(), may.into());
    }
    Ok(Reply::json(200, &json!({ "totalSize": 1, "done": true, "records": [row] })))
}

/// `GET /query/{locator}`
pub(super) fn more(exchange: &Exchange, locator: &str) -> Result<Reply, ApiError> {
    let server = &exchange.server;
    let (id, cursor, start) = server
        .cursors
        .find(locator, exchange.session.grant.user, server.now())
        .ok_or_else(|| ApiError::request("INVALID_QUERY_LOCATOR", "invalid query locator"))?;
    let left = cursor.result.len() - start;
    let next = (left > cursor.page_rows).then_some((id, cursor.page_rows));
    Ok(page(exchange, cursor.result, start, next))
}

/// `batchSize=500` of the header `Sforce-Query-Options`; values out of range are clipped.
fn page_rows(options: Option<&str>) -> usize {
    let size = options
        .into_iter()
        .flat_map(|options| options.split([';', ',']))
        .filter_map(|option| option.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("batchsize"))
        .and_then(|(_, size)| size.trim().parse().ok());
    size.unwrap_or(PAGE_ROWS).clamp(FEWEST_PAGE_ROWS, PAGE_ROWS)
}

/// A page from row `start`; `next` is the cursor and its page size if there is more.
fn page(exchange: &Exchange, result: Arc<QueryResult>, start: usize, next: Option<(Id, usize)>) -> Reply {
    let end = next.map_or(result.len(), |(_, rows)| start + rows);
    let url = |(id, _)| format!("\"nextRecordsUrl\":\"{}/query/{id}-{end}\",", exchange.base());
    let url = next.map(url).unwrap_or_default();
    let head =
        format!("{{\"totalSize\":{},\"done\":{},{url}\"records\":[", result.total_size, next.is_none());
    let end = end.saturating_sub(exchange.missing_rows()).max(start);
    Reply::rendered(JSON, Page { org: exchange.server.org.clone(), result, head, rows: start..end })
}

struct Page {
    org: Arc<Org>,
    result: Arc<QueryResult>,
    /// Written before the next rows; empty once they have begun.
    head: String,
    rows: Range<usize>,
}

impl Render for Page {
    fn next(&mut self, out: &mut Vec<u8>) -> bool {
        if self.head.is_empty() {
            out.push(b',');
        }
        out.extend_from_slice(std::mem::take(&mut self.head).as_bytes());
        let end = (self.rows.start + STEP).min(self.rows.end);
        self.org.render_json(&self.result, self.rows.start..end, out);
        self.rows.start = end;
        if self.rows.is_empty() {
            out.extend_from_slice(b"]}");
        }
        !self.rows.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_sizes_are_clipped() {
        let table = [
            (None, 2_000),
            (Some("batchSize=500"), 500),
            (Some("batchSize=1"), 200),
            (Some("batchSize=9999"), 2_000),
            (Some("client=x; batchSize = 300"), 300),
            (Some("nonsense"), 2_000),
        ];
        for (header, rows) in table {
            assert_eq!(page_rows(header), rows, "{header:?}");
        }
    }
}
