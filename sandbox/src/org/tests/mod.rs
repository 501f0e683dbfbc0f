//! Tests of the org through its public face.

mod described;
mod generated;
mod indexed;
mod soql;
mod writes;

use super::*;

/// A small frozen org.
pub(super) fn org() -> Org {
    let now = Some("2026-03-11T09:30:00Z".parse().unwrap());
    Org::new(OrgConfig { now, ..OrgConfig::default() }).unwrap()
}

/// The records that a query answers with.
pub(super) fn records(org: &Org, soql: &str) -> Vec<serde_json::Value> {
    records_with(org, soql, &QueryOptions::default())
}

pub(super) fn records_with(org: &Org, soql: &str, options: &QueryOptions) -> Vec<serde_json::Value> {
    let result = org.query(soql, options).unwrap_or_else(|error| panic!("{soql}: {error}"));
    let mut out = b"[".to_vec();
    org.render_json(&result, 0..result.len(), &mut out);
    out.push(b']');
    serde_json::from_slice(&out).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&out)))
}
