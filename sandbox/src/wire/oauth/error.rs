//! Errors of the OAuth endpoints (section 1.14): always an object, HTTP 400 unless said otherwise.

use serde_json::json;

use crate::wire::reply::Reply;

/// An answer `{"error": …, "error_description": …}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OAuthError {
    pub(crate) error: String,
    pub(crate) description: String,
}

impl OAuthError {
    pub(crate) fn new(error: &str, description: &str) -> Self {
        Self { error: error.to_owned(), description: description.to_owned() }
    }

    pub(crate) fn invalid_grant(description: &str) -> Self {
        Self::new("invalid_grant", description)
    }

    pub(crate) fn unknown_client() -> Self {
        Self::new("invalid_client_id", "client identifier invalid")
    }

    pub(crate) fn wrong_secret() -> Self {
        Self::new("invalid_client", "invalid client credentials")
    }

    pub(crate) fn missing(parameter: &str) -> Self {
        Self::new("invalid_request", &format!("missing required parameter: {parameter}"))
    }

    pub(crate) fn unsupported_grant_type() -> Self {
        Self::new("unsupported_grant_type", "grant type not supported")
    }

    pub(crate) fn reply(&self) -> Reply {
        Reply::json(400, &json!({ "error": self.error, "error_description": self.description }))
    }
}
