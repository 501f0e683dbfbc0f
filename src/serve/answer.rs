//! What is answered when something cannot be done: always JSON, always with a way out.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::runtime::control::{ControlError, ControlErrorKind};

/// The body of every answer that is not a success.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// What is wrong, in one sentence.
    pub error: String,
    /// The way out; may be empty.
    #[serde(default)]
    pub help: String,
}

/// The answer to `DELETE`: what is no longer remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forgotten {
    /// A failure's id, a Salesforce id, a pipeline.
    pub forgotten: String,
}

/// A refusal on its way out.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    body: Refused,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, error: impl Into<String>, help: impl Into<String>) -> Self {
        Self { status, body: Refused { error: error.into(), help: help.into() } }
    }

    pub(super) fn not_found(error: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, error, help)
    }

    pub(super) fn bad_request(error: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error, help)
    }
}

impl From<ControlError> for Refusal {
    fn from(error: ControlError) -> Self {
        let (status, help) = match error.kind {
            ControlErrorKind::NotFound => (StatusCode::NOT_FOUND, "sfsync status shows what is there"),
            ControlErrorKind::Conflict => (StatusCode::CONFLICT, ""),
            ControlErrorKind::Failed => (StatusCode::BAD_GATEWAY, "the log of the daemon has the details"),
        };
        let help = if error.help.is_empty() { help.to_owned() } else { error.help };
        Self::new(status, error.message, help)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let unauthorized = self.status == StatusCode::UNAUTHORIZED;
        let mut response = (self.status, Json(self.body)).into_response();
        if unauthorized {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
