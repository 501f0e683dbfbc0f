//! gRPC over HTTP/2: messages in frames, and the status at the end. Read [`Requests`] and [`Status`] first.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response};
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::stream;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::sync::mpsc;

/// Requests are small.
const LARGEST: usize = 1 << 20;

/// What is sent on a stream; an error drops it without a status.
pub(super) type Part = Result<Frame<Bytes>, std::io::Error>;

/// How a call ends: a gRPC status, and the code that Salesforce puts beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) code: u16,
    /// Without its prefix; empty for a good end.
    pub(crate) error: String,
    pub(crate) message: String,
}

impl Status {
    pub(super) fn new(code: u16, error: &str, message: &str) -> Self {
        Self { code, error: error.to_owned(), message: message.to_owned() }
    }

    pub(super) fn good() -> Self {
        Self::new(0, "", "")
    }

    /// As trailers, or as the headers of an answer without messages.
    pub(super) fn trailers(&self, rpc: &str) -> HeaderMap {
        const RPC_ID: &str = "45b0e87b-e00f-48c5-94cf-34a043854962";
        let mut out = HeaderMap::new();
        let mut add = |name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                out.insert(HeaderName::from_static(name), value);
            }
        };
        add("grpc-status", &self.code.to_string());
        if self.code != 0 {
            add("grpc-message", &format!("{} rpcId: {RPC_ID}", self.message));
            add("error-code", &format!("sfdc.platform.eventbus.grpc.{}", self.error));
            add("rpc-id", RPC_ID);
            add("type", rpc);
        }
        out
    }
}

/// A message in its frame.
pub(super) fn framed(message: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(message.len() + 5);
    out.put_u8(0);
    out.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    out.put_slice(message);
    out.freeze()
}

/// The messages of a request, one after the other.
pub(super) struct Requests {
    body: Body,
    held: BytesMut,
}

impl Requests {
    pub(super) fn new(body: Body) -> Self {
        Self { body, held: BytesMut::new() }
    }

    /// The next message; `None` at the end of the request, or where it breaks. May be dropped while it waits.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        loop {
            if self.held.len() >= 5 {
                let length = u32::from_be_bytes([self.held[1], self.held[2], self.held[3], self.held[4]]);
                let length = usize::try_from(length).ok().filter(|length| *length <= LARGEST)?;
                if self.held.len() >= 5 + length {
                    return Some(self.held.split_to(5 + length).split_off(5).freeze());
                }
            }
            let frame = self.body.frame().await?.ok()?;
            if let Ok(data) = frame.into_data() {
                self.held.extend_from_slice(&data);
            }
        }
    }
}

/// The answer to a call with one message, or with none.
pub(super) fn unary(rpc: &str, outcome: Result<Vec<u8>, Status>) -> Response<Body> {
    let (parts, receiver) = mpsc::channel(2);
    let (message, status) = match outcome {
        Ok(message) => (Some(message), Status::good()),
        Err(status) => (None, status),
    };
    // There is room for both.
    if let Some(message) = message {
        let _ = parts.try_send(Ok(Frame::data(framed(&message))));
    }
    let _ = parts.try_send(Ok(Frame::trailers(status.trailers(rpc))));
    streamed(receiver)
}

/// An answer whose messages come by and by.
pub(super) fn streamed(parts: mpsc::Receiver<Part>) -> Response<Body> {
    let parts =
        stream::unfold(parts, |mut parts| async move { parts.recv().await.map(|part| (part, parts)) });
    let mut response = Response::new(Body::new(StreamBody::new(Box::pin(parts))));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}
