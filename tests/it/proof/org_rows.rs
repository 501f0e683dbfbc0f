//! The org's own data, as an expectation sees it: rendered by the simulated org, never through sfsync.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use rust_decimal::Decimal;
use serde_json::{Map, Value as Json};
use sfsync_sandbox::Org;
use sfsync_sandbox::org::QueryOptions;

/// A record of the org by its id.
pub type Records = BTreeMap<String, Map<String, Json>>;

/// All live records that a query finds; `Id` must be selected.
pub fn records(org: &Org, soql: &str) -> Records {
    let result =
        org.query(soql, &QueryOptions::default()).unwrap_or_else(|error| panic!("{soql}: {error:?}"));
    let mut bytes = vec![b'['];
    org.render_json(&result, 0..result.len(), &mut bytes);
    bytes.push(b']');
    let records: Vec<Map<String, Json>> = serde_json::from_slice(&bytes).expect("the org renders JSON");
    records.into_iter().map(|record| (text(&record, "Id").expect("an id").to_owned(), record)).collect()
}

/// A field as text, if it is not empty.
pub fn text<'a>(record: &'a Map<String, Json>, field: &str) -> Option<&'a str> {
    record.get(field).and_then(Json::as_str).filter(|text| !text.is_empty())
}

/// A field as it is copied into a column: an empty text is nothing, numbers lose their trailing zeros.
pub fn copied(record: &Map<String, Json>, field: &str) -> Json {
    match record.get(field) {
        None => panic!("the query does not select {field}"),
        Some(Json::String(text)) if text.is_empty() => Json::Null,
        Some(value) => plain(value.clone()),
    }
}

/// A field of the parent record.
pub fn of_parent(record: &Map<String, Json>, parent: &str, field: &str) -> Json {
    record.get(parent).and_then(Json::as_object).map_or(Json::Null, |parent| copied(parent, field))
}

/// A number of a field, for conditions.
pub fn number(record: &Map<String, Json>, field: &str) -> Option<Decimal> {
    match record.get(field)? {
        Json::Number(number) => parse(&number.to_string()),
        _ => None,
    }
}

/// A number in the one form that both sides of a comparison have.
pub fn plain(value: Json) -> Json {
    let Json::Number(number) = &value else { return value };
    let Some(decimal) = parse(&number.to_string()) else { return value };
    decimal.normalize().to_string().parse::<serde_json::Number>().map_or(value, Json::Number)
}

fn parse(text: &str) -> Option<Decimal> {
    Decimal::from_str(text).or_else(|_| Decimal::from_scientific(text)).ok()
}

/// `as: email` by hand.
pub fn email(value: Option<&str>) -> Json {
    let folded = value.map(|text| text.trim().to_lowercase()).filter(|text| text.contains('@'));
    folded.map_or(Json::Null, Json::String)
}
