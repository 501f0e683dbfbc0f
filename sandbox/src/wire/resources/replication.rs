//! getUpdated and getDeleted (sections 4.4 to 4.6).

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Exchange;
use crate::org::{ApiError, Id};
use crate::wire::reply::Reply;
use crate::wire::request::{WireRequest, api_datetime};

/// `GET /sobjects/X/updated?start=…&end=…`
pub(super) fn updated(exchange: &Exchange, name: &str, request: &WireRequest) -> Result<Reply, ApiError> {
    let (start, end) = window(request)?;
    let updated = exchange.server.org.updated(name, start, end)?;
    let ids: Vec<String> = updated.ids.iter().map(Id::to_string).collect();
    Ok(Reply::json(
        200,
        &json!({ "ids": ids, "latestDateCovered": api_datetime(updated.latest_date_covered) }),
    ))
}

/// `GET /sobjects/X/deleted?start=…&end=…`
pub(super) fn deleted(exchange: &Exchange, name: &str, request: &WireRequest) -> Result<Reply, ApiError> {
    let (start, end) = window(request)?;
    let deleted = exchange.server.org.deleted(name, start, end)?;
    let record =
        |(id, at): &(Id, Timestamp)| json!({ "id": id.to_string(), "deletedDate": api_datetime(*at) });
    let records: Vec<Value> = deleted.records.iter().map(record).collect();
    Ok(Reply::json(
        200,
        &json!({
            "deletedRecords": records,
            "earliestDateAvailable": api_datetime(deleted.earliest_date_available),
            "latestDateCovered": api_datetime(deleted.latest_date_covered),
        }),
    ))
}

fn window(request: &WireRequest) -> Result<(Timestamp, Timestamp), ApiError> {
    let date = |name| {
        let text = request.query.get(name).unwrap_or("");
        text.parse::<Timestamp>().map_err(|_| {
            ApiError::request("INVALID_REPLICATION_DATE", format!("{name} is not a date and time: '{text}'"))
        })
    };
    Ok((date("start")?, date("end")?))
}
