//! What each fault does to a call: an answer in place of the right one, or a broken body. Read [`at_the_edge`] first.

use super::reply::{JSON, Reply};
use super::send::BodyFault;
use crate::faults::{FaultKind, LimitKind};
use crate::org::ApiError;

const HTML: &str = "text/html;charset=UTF-8";

/// Faults of the edge: the call does not reach the org and is not counted. `None` for all other kinds.
pub(crate) fn at_the_edge(kind: &FaultKind) -> Option<Reply> {
    Some(match kind {
        FaultKind::ServiceUnavailable => error(503, "SERVER_UNAVAILABLE", "Server Unavailable"),
        FaultKind::BadGateway => Reply::new(502, HTML, page("502 Bad Gateway")),
        FaultKind::NoRoute => Reply::new(420, HTML, page("We are setting things up")),
        FaultKind::NotAcceptable => Reply::empty(406),
        FaultKind::HtmlPage => Reply::new(200, HTML, page("Data Not Available")),
        FaultKind::TooManyRequests { retry_after } => {
            let reply = error(429, "REQUEST_LIMIT_EXCEEDED", "Too many requests");
            match retry_after {
                Some(seconds) => reply.with("retry-after", &seconds.to_string()),
                None => reply,
            }
        }
        FaultKind::RequestLimit { limit } => error(403, "REQUEST_LIMIT_EXCEEDED", limit_message(*limit)),
        FaultKind::OauthError { error, description } => {
            Reply::json(400, &serde_json::json!({ "error": error, "error_description": description }))
        }
        _ => return None,
    })
}

/// Faults of the org: the call is let in, counted, and answered with an error. `None` for all other kinds.
pub(crate) fn in_the_org(kind: &FaultKind) -> Option<Reply> {
    Some(match kind {
        FaultKind::InternalError => error(
            500,
            "UNKNOWN_EXCEPTION",
            "An unexpected error occurred. Please include this ErrorId if you contact support: \
             1678459733-112656 (-771449107)",
        ),
        FaultKind::QueryTimeout => {
            error(400, "QUERY_TIMEOUT", "Your query request was running for too long.")
        }
        FaultKind::InvalidQueryLocator => error(400, "INVALID_QUERY_LOCATOR", "invalid query locator"),
        FaultKind::MissingResultPage => ApiError::not_found().into(),
        FaultKind::ReadOnlyMode => error(
            400,
            "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE",
            "Unable to save changes: the organization is in read-only mode",
        ),
        FaultKind::ApiDisabledForOrg => {
            error(403, "API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization.")
        }
        FaultKind::ApiCurrentlyDisabled => {
            error(403, "API_CURRENTLY_DISABLED", "API is disabled for this User")
        }
        _ => return None,
    })
}

/// How the fault breaks the body; `None` if it does not.
pub(crate) fn of_the_body(kind: &FaultKind) -> Option<BodyFault> {
    match kind {
        FaultKind::ConnectionReset { after_bytes } => Some(BodyFault::Reset { after: *after_bytes }),
        FaultKind::TruncatedBody { after_bytes } => Some(BodyFault::Truncate { after: *after_bytes }),
        _ => None,
    }
}

fn error(status: u16, code: &'static str, message: &str) -> Reply {
    let error = ApiError { status, ..ApiError::request(code, message) };
    Reply::new(status, JSON, error.body())
}

fn limit_message(limit: LimitKind) -> &'static str {
    match limit {
        LimitKind::Total => "TotalRequests Limit exceeded.",
        LimitKind::Concurrent => "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
        LimitKind::LongTransactions => "ConcurrentPerOrgLongTxn Limit exceeded.",
    }
}

fn page(title: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
    )
}
