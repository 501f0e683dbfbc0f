//! API versions: the list, which are retired or deprecated (section 2). Read [`check`] first.

use serde_json::{Value, json};

use super::reply::Reply;
use crate::org::ApiError;

const OLDEST: u16 = 31;
const NEWEST: u16 = 67;
/// Versions up to here answer with a warning.
const DEPRECATED: u16 = 40;

/// `GET /services/data/`
pub(crate) fn list() -> Reply {
    let versions: Vec<Value> = (OLDEST..=NEWEST)
        .map(|n| json!({ "label": label(n), "url": format!("/services/data/v{n}.0"), "version": format!("{n}.0") }))
        .collect();
    Reply::json(200, &versions)
}

/// Three releases a year since version 31 of Summer '14.
fn label(version: u16) -> String {
    let since = version - OLDEST;
    let (season, year) = match since % 3 {
        0 => ("Summer", 14 + since / 3),
        1 => ("Winter", 15 + since / 3),
        _ => ("Spring", 15 + since / 3),
    };
    // One label has a typographic apostrophe, and clients have stumbled over it.
    let apostrophe = if version == 42 { '\u{2019}' } else { '\'' };
    format!("{season} {apostrophe}{year}")
}

/// 410 for a retired version, 404 for one that never was.
pub(crate) fn check(version: &str) -> Result<(), ApiError> {
    match number(version) {
        Some(OLDEST..=NEWEST) => Ok(()),
        Some(7..OLDEST) => {
            let error = ApiError::request("UNSUPPORTED_API_VERSION", "The requested API version is retired");
            Err(ApiError { status: 410, ..error })
        }
        _ => Err(ApiError::not_found()),
    }
}

/// Adds the `Warning` header to answers of deprecated versions.
pub(crate) fn warn(version: &str, reply: Reply) -> Reply {
    if number(version).is_some_and(|n| n <= DEPRECATED) {
        return reply.with(
            "warning",
            "299 - \"This API is deprecated and will be removed by Summer '28. \
             Please see https://help.salesforce.com/articleView?id=000351312 for details.\"",
        );
    }
    reply
}

/// The number of `66.0`.
pub(crate) fn number(version: &str) -> Option<u16> {
    version.strip_suffix(".0")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_follow_the_releases() {
        let table = [
            (31, "Summer '14"),
            (32, "Winter '15"),
            (42, "Spring \u{2019}18"),
            (66, "Spring '26"),
            (67, "Summer '26"),
        ];
        for (version, text) in table {
            assert_eq!(label(version), text);
        }
    }

    #[test]
    fn retired_unknown_and_deprecated_versions() {
        assert_eq!(check("30.0").unwrap_err().status, 410);
        for unknown in ["68.0", "6.0", "66", "66.1", "x"] {
            assert_eq!(check(unknown).unwrap_err().status, 404, "{unknown}");
        }
        assert!(check("31.0").is_ok() && check("67.0").is_ok());
        assert!(warn("40.0", Reply::empty(200)).headers.contains_key("warning"));
        assert!(!warn("41.0", Reply::empty(200)).headers.contains_key("warning"));
    }
}
