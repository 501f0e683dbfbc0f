//! What was asked of the app, and what goes wrong with an answer.
//! May not look at records. Read [`Fault`].

use axum::body::Body;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value as Json;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    /// GET, POST, …
    pub method: Method,
    /// Without the query, percent signs spelled out.
    pub path: String,
    /// Parameters in their order.
    pub query: Vec<(String, String)>,
    /// All headers.
    pub headers: HeaderMap,
    /// The body, `null` if it is not JSON.
    pub body: Json,
    /// The body as it came.
    pub text: String,
}

impl Seen {
    pub(super) fn new(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Self {
        let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned();
        let path = percent_encoding::percent_decode_str(uri.path()).decode_utf8_lossy().into_owned();
        Self {
            method: method.clone(),
            path,
            query: query.collect(),
            headers: headers.clone(),
            body: serde_json::from_slice(body).unwrap_or(Json::Null),
            text: String::from_utf8_lossy(body).into_owned(),
        }
    }

    /// A query parameter.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// What goes wrong with one request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// This answer, and nothing is done.
    Status(u16, &'static str),
    /// 429, and how long to wait.
    SlowDown(u64),
    /// A web page.
    Page,
    /// 200 with this body, and nothing is done.
    Says(&'static str),
    /// It is done, and the connection breaks before the answer.
    LoseAnswer,
    /// It is done, and the answer is this status.
    DoneBut(u16),
    /// No answer ever.
    Silence,
    /// 302 to this address.
    Redirect(String),
}

/// An answer of a status, a kind of content and a body.
pub(super) fn answer(status: u16, kind: &'static str, body: impl Into<Body>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [("content-type", kind)], body.into()).into_response()
}

pub(super) async fn faulty(fault: Fault, work: impl FnOnce() -> Response) -> Response {
    match fault {
        Fault::Status(status, body) => answer(status, "application/json", body),
        Fault::SlowDown(seconds) => {
            (StatusCode::TOO_MANY_REQUESTS, [("retry-after", seconds.to_string())]).into_response()
        }
        Fault::Page => answer(200, "text/html", "<!doctype html><title>Sign in</title>"),
        Fault::Says(body) => answer(200, "application/json", body),
        Fault::LoseAnswer => {
            drop(work());
            let broken =
                futures_util::stream::once(async { Err::<Vec<u8>, _>(std::io::Error::other("cut")) });
            ([("content-length", "99")], Body::from_stream(broken)).into_response()
        }
        Fault::DoneBut(status) => {
            drop(work());
            answer(status, "application/json", Body::empty())
        }
        Fault::Silence => std::future::pending().await,
        Fault::Redirect(to) => (StatusCode::FOUND, [("location", to)]).into_response(),
    }
}
