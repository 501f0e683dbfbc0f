//! What goes wrong, and what was asked.

use axum::body::Body;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use serde_json::Value as Json;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: Method,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Json,
    pub text: String,
}

impl Seen {
    pub fn new(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Self {
        let query = uri.query().unwrap_or_default();
        let query = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (spelled_out(name), spelled_out(value))
        });
        Self {
            method: method.clone(),
            path: spelled_out(uri.path()),
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

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

fn spelled_out(text: &str) -> String {
    percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
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

pub async fn faulty(fault: Fault, work: impl FnOnce() -> Response) -> Response {
    let answer = |status: u16, kind: &str, body: String| {
        Response::builder()
            .status(status)
            .header("content-type", kind)
            .body(Body::from(body))
            .expect("an answer")
    };
    match fault {
        Fault::Status(status, body) => answer(status, "application/json", body.to_owned()),
        Fault::SlowDown(seconds) => Response::builder()
            .status(429)
            .header("retry-after", seconds.to_string())
            .body(Body::empty())
            .expect("an answer"),
        Fault::Page => answer(200, "text/html", "<!doctype html><title>Sign in</title>".to_owned()),
        Fault::Says(body) => answer(200, "application/json", body.to_owned()),
        Fault::LoseAnswer => {
            drop(work());
            let broken =
                futures_util::stream::once(async { Err::<Vec<u8>, _>(std::io::Error::other("cut")) });
            Response::builder()
                .header("content-length", "99")
                .body(Body::from_stream(broken))
                .expect("an answer")
        }
        Fault::DoneBut(status) => {
            drop(work());
            answer(status, "application/json", String::new())
        }
        Fault::Silence => std::future::pending().await,
        Fault::Redirect(to) => {
            Response::builder().status(302).header("location", to).body(Body::empty()).expect("an answer")
        }
    }
}
