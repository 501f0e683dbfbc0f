//! An answer before it is sent: status, headers and a body that may still have to be rendered. Read [`Reply`] first.

use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use bytes::Bytes;
use serde::Serialize;

use crate::org::ApiError;

/// Content type of all JSON answers.
pub(crate) const JSON: &str = "application/json;charset=UTF-8";

/// What is answered.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: ReplyBody,
}

/// The body of an answer.
pub(crate) enum ReplyBody {
    /// All of it.
    Full(Bytes),
    /// Rendered piece by piece while it is sent, so that a large answer needs no large memory.
    Rendered(Box<dyn Render>),
}

/// Renders a body in pieces.
pub(crate) trait Render: Send {
    /// Appends the next piece; false once nothing is left. Called until it gives false, never after.
    fn next(&mut self, out: &mut Vec<u8>) -> bool;
}

impl Reply {
    pub(crate) fn new(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut reply = Self::empty(status);
        reply.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        reply.body = ReplyBody::Full(body.into());
        reply
    }

    pub(crate) fn empty(status: u16) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, headers: HeaderMap::new(), body: ReplyBody::Full(Bytes::new()) }
    }

    pub(crate) fn json(status: u16, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => Self::new(status, JSON, body),
            Err(error) => {
                ApiError { status: 500, ..ApiError::request("INTERNAL_ERROR", error.to_string()) }.into()
            }
        }
    }

    pub(crate) fn rendered(content_type: &'static str, render: impl Render + 'static) -> Self {
        let mut reply = Self::new(200, content_type, Bytes::new());
        reply.body = ReplyBody::Rendered(Box::new(render));
        reply
    }

    /// Adds a header; a value that cannot stand in a header is left out.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    /// The whole body, rendered now: for composite requests.
    pub(crate) fn collect(self) -> (StatusCode, HeaderMap, Bytes) {
        let body = match self.body {
            ReplyBody::Full(body) => body,
            ReplyBody::Rendered(mut render) => {
                let mut out = Vec::new();
                while render.next(&mut out) {}
                out.into()
            }
        };
        (self.status, self.headers, body)
    }
}

impl From<ApiError> for Reply {
    fn from(error: ApiError) -> Self {
        Self::new(error.status, JSON, error.body())
    }
}
