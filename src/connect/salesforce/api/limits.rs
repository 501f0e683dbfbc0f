//! Usage of the org's API allocation: the `Sforce-Limit-Info` header and `/limits` (section 9).

use std::collections::BTreeMap;

use serde::Deserialize;

/// Calls of everybody in the org during the rolling day, and the allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Calls used.
    pub used: u64,
    /// Calls allowed.
    pub max: u64,
}

/// Reads `api-usage=10018/100000` out of a header that may hold more. `None` for anything else.
pub fn parse_limit_info(header: &str) -> Option<Usage> {
    header.split(';').find_map(|part| {
        let (used, max) = part.trim().strip_prefix("api-usage=")?.split_once('/')?;
        let digits = max.len() - max.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        Some(Usage { used: used.parse().ok()?, max: max[..digits].parse().ok()? })
    })
}

/// One entry of `/limits`. `remaining` goes below zero past a soft limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Limit {
    /// Allocation.
    #[serde(rename = "Max")]
    pub max: i64,
    /// What is left.
    #[serde(rename = "Remaining")]
    pub remaining: i64,
}

/// Reads `/limits`. Entries of a shape that is not known are left out.
pub fn parse_limits(body: &[u8]) -> Result<BTreeMap<String, Limit>, serde_json::Error> {
    let all: BTreeMap<String, serde_json::Value> = serde_json::from_slice(body)?;
    Ok(all.into_iter().filter_map(|(name, value)| Some((name, Limit::deserialize(value).ok()?))).collect())
}

/// The API allocation in an answer of `/limits`.
pub fn daily_api_requests(limits: &BTreeMap<String, Limit>) -> Option<Usage> {
    let limit = limits.get("DailyApiRequests")?;
    let used = limit.max.saturating_sub(limit.remaining);
    Some(Usage { used: u64::try_from(used).ok()?, max: u64::try_from(limit.max).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_read_tolerantly() {
        let usage = |used, max| Some(Usage { used, max });
        for (header, expected) in [
            ("api-usage=10018/100000", usage(10018, 100_000)),
            ("api-usage=25/5000; per-app-api-usage=17/250(appName=sample-connected-app)", usage(25, 5000)),
            ("per-app-api-usage=17/250(appName=x); api-usage=25/5000", usage(25, 5000)),
            ("per-app-api-usage=17/250", None),
            ("api-usage=x/5", None),
            ("", None),
        ] {
            assert_eq!(parse_limit_info(header), expected, "{header}");
        }
    }

    #[test]
    fn limits_may_be_nested_or_negative() {
        let body = br#"{"DailyApiRequests":{"Max":5000,"Remaining":-3},
            "PermissionSets":{"Max":1500,"Remaining":1499,"CreateCustom":{"Max":1000,"Remaining":999}},"Odd":[1]}"#;
        let limits = parse_limits(body).unwrap();
        assert_eq!(daily_api_requests(&limits), Some(Usage { used: 5003, max: 5000 }));
        assert_eq!(limits.len(), 2);
    }
}
