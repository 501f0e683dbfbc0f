//! Sends a [`Reply`]: compression, rendering beside the connection with bounded memory, and the faults that break a
//! body. Read [`respond`] first.

use std::convert::Infallible;
use std::io::{Error, Write};
use std::pin::Pin;

use axum::body::Body;
use axum::http::header::{CONTENT_ENCODING, VARY};
use axum::http::{HeaderValue, Response};
use bytes::{Bytes, BytesMut};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream::{self, Stream, StreamExt};
use tokio::sync::mpsc;

use super::calls::Call;
use super::limits::InFlight;
use super::reply::{Render, Reply, ReplyBody};

/// Pieces are sent once they have this size.
const PIECE: usize = 256 * 1024;
/// Pieces that wait for a slow client.
const WAITING: usize = 4;
/// What a truncated body lacks at least: the trailer of gzip and a bit of the last block.
const TRAILER: usize = 12;

/// What breaks a body while it is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum BodyFault {
    /// The connection is dropped after so many bytes.
    Reset { after: u64 },
    /// The transfer ends properly, but early.
    Truncate { after: Option<u64> },
}

/// How an answer is sent.
pub(crate) struct Delivery {
    pub(crate) gzip: bool,
    pub(crate) fault: Option<BodyFault>,
    pub(crate) call: Call,
    /// The call runs until its body is sent.
    pub(crate) running: Option<InFlight>,
}

type Pieces = Pin<Box<dyn Stream<Item = Bytes> + Send>>;

/// Turns a reply into a response; must be called inside the runtime.
pub(crate) fn respond(reply: Reply, delivery: Delivery) -> Response<Body> {
    let Reply { status, mut headers, body } = reply;
    let gzip = delivery.gzip && !matches!(&body, ReplyBody::Full(bytes) if bytes.is_empty());
    if gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    delivery.call.set_status(status.as_u16());
    let mut response = Response::new(body_of(body, gzip, delivery));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn body_of(body: ReplyBody, gzip: bool, delivery: Delivery) -> Body {
    let Delivery { fault, call, running, .. } = delivery;
    let pieces: Pieces = match body {
        ReplyBody::Full(bytes) => {
            let bytes = if gzip { compressed(&bytes) } else { bytes };
            if fault.is_none() {
                call.sent(bytes.len());
                return Body::from(bytes);
            }
            Box::pin(stream::once(std::future::ready(bytes)))
        }
        ReplyBody::Rendered(render) => Box::pin(rendered(render, gzip)),
    };
    // `running` ends with the stream, so that a slow download counts as a long request.
    let counted = move |piece: &Bytes| {
        let _running = &running;
        call.sent(piece.len());
    };
    match fault {
        None => Body::from_stream(pieces.inspect(counted).map(Ok::<_, Infallible>)),
        Some(BodyFault::Truncate { after }) => {
            Body::from_stream(truncated(pieces, after).inspect(counted).map(Ok::<_, Infallible>))
        }
        Some(BodyFault::Reset { after }) => {
            Body::from_stream(reset(Box::pin(pieces.inspect(counted)), after))
        }
    }
}

fn compressed(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing into memory does not fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default().into()
}

/// Renders on a thread of its own; a client that is slow or gone stops it.
fn rendered(render: Box<dyn Render>, gzip: bool) -> impl Stream<Item = Bytes> {
    let (pieces, receiver) = mpsc::channel(WAITING);
    tokio::task::spawn_blocking(
        move || if gzip { pump_gzip(render, &pieces) } else { pump(render, &pieces) },
    );
    stream::unfold(
        receiver,
        |mut receiver| async move { receiver.recv().await.map(|piece| (piece, receiver)) },
    )
}

fn pump(mut render: Box<dyn Render>, pieces: &mpsc::Sender<Bytes>) {
    let mut piece = Vec::with_capacity(PIECE + PIECE / 4);
    let mut more = true;
    while more {
        more = render.next(&mut piece);
        if piece.len() >= PIECE || (!more && !piece.is_empty()) {
            let full = std::mem::replace(&mut piece, Vec::with_capacity(PIECE + PIECE / 4));
            if pieces.blocking_send(full.into()).is_err() {
                return;
            }
        }
    }
}

fn pump_gzip(mut render: Box<dyn Render>, pieces: &mpsc::Sender<Bytes>) {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let mut plain = Vec::with_capacity(PIECE);
    let mut more = true;
    while more {
        more = render.next(&mut plain);
        // Writing into memory does not fail.
        let _ = encoder.write_all(&plain);
        plain.clear();
        if encoder.get_ref().len() >= PIECE
            && pieces.blocking_send(std::mem::take(encoder.get_mut()).into()).is_err()
        {
            return;
        }
    }
    // The receiver may be gone; then nobody misses the end.
    let _ = pieces.blocking_send(encoder.finish().unwrap_or_default().into());
}

/// Ends early: after `after` bytes, and in any case before the last [`TRAILER`] bytes.
fn truncated(pieces: Pieces, after: Option<u64>) -> impl Stream<Item = Bytes> {
    let left = after.map_or(usize::MAX, |after| usize::try_from(after).unwrap_or(usize::MAX));
    stream::unfold((pieces, BytesMut::new(), left), |(mut pieces, mut held, mut left)| async move {
        while left > 0 {
            held.extend_from_slice(&pieces.next().await?);
            let ready = held.len().saturating_sub(TRAILER).min(left);
            if ready > 0 {
                left -= ready;
                return Some((held.split_to(ready).freeze(), (pieces, held, left)));
            }
        }
        None
    })
}

/// Drops the connection after `after` bytes, or at the end of a shorter body.
fn reset(pieces: Pieces, after: u64) -> impl Stream<Item = Result<Bytes, Error>> {
    let left = usize::try_from(after).unwrap_or(usize::MAX);
    stream::unfold((Some(pieces), left), |(pieces, left)| async move {
        let mut pieces = pieces?;
        let piece = if left > 0 { pieces.next().await } else { None };
        if let Some(mut piece) = piece {
            piece.truncate(left);
            let left = left - piece.len();
            return Some((Ok(piece), (Some(pieces), left)));
        }
        // Lets the connection flush what it has before it hears of the fault.
        tokio::task::yield_now().await;
        Some((Err(Error::other("connection reset by fault")), (None, 0)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(texts: &[&'static str]) -> Pieces {
        let pieces: Vec<Bytes> = texts.iter().map(|text| Bytes::from_static(text.as_bytes())).collect();
        Box::pin(stream::iter(pieces))
    }

    #[tokio::test]
    async fn truncation_loses_the_end() {
        let whole = || pieces(&["0123456789", "0123456789", "0123456789"]);
        let sent: Vec<Bytes> = truncated(whole(), None).collect().await;
        assert_eq!(sent.iter().map(Bytes::len).sum::<usize>(), 18);
        let sent: Vec<Bytes> = truncated(whole(), Some(5)).collect().await;
        assert_eq!(sent, [Bytes::from_static(b"01234")]);
        assert_eq!(truncated(whole(), Some(0)).count().await, 0);
    }

    #[tokio::test]
    async fn a_reset_always_ends_in_an_error() {
        let sent: Vec<_> = reset(pieces(&["01234", "56789"]), 7).collect().await;
        assert_eq!(sent[..2].iter().map(|p| p.as_ref().unwrap().len()).collect::<Vec<_>>(), [5, 2]);
        assert!(sent[2].is_err() && sent.len() == 3);
        let sent: Vec<_> = reset(pieces(&["0123"]), 1_000).collect().await;
        assert!(sent[0].is_ok() && sent[1].is_err() && sent.len() == 2);
    }
}
