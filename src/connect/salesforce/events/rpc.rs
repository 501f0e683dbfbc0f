//! gRPC over HTTP/2, as much as a reader of events needs: calls with one message, and one stream. TLS unless the address is on this machine.
//! Read [`Wire`] first.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use reqwest::Url;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::BuilderVerifierExt as _;
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::fault::{Status, broken, senseless};
use crate::connect::ConnectError;
use crate::connect::salesforce::session::Live;
use crate::model::Class;

/// No message may be larger: a hundred events of a megabyte do not come in one.
const LARGEST: usize = 16 << 20;
/// What the other side may send before it is read.
const WINDOW: u32 = 4 << 20;

/// Who calls: the headers of every call.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) live: Arc<Live>,
    /// Id of the org, 18 characters.
    pub(super) tenant: String,
}

/// A connection to the event bus. Ends when it is dropped.
pub(super) struct Wire {
    send: SendRequest<Bytes>,
    base: Url,
    driver: JoinHandle<()>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Something that must not take longer.
pub(super) async fn within<T>(
    limit: Duration,
    what: &str,
    work: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    if let Ok(done) = tokio::time::timeout(limit, work).await {
        return done;
    }
    let text = format!("the stream of changes: no {what} within {} seconds", limit.as_secs());
    Err(ConnectError::new("R101", Class::TRANSIENT, text))
}

impl Wire {
    /// Connects.
    pub(super) async fn connect(base: &Url) -> Result<Self, ConnectError> {
        let host = base.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let port = base.port_or_known_default().unwrap_or(443);
        let failed = |cause| broken("it cannot be reached", cause);
        let socket = TcpStream::connect((host, port)).await.map_err(failed)?;
        socket.set_nodelay(true).map_err(failed)?;
        if base.scheme() == "http" {
            return Self::greet(socket, base).await;
        }
        let name =
            ServerName::try_from(host.to_owned()).map_err(|cause| broken("its name is none", cause))?;
        let connector = tokio_rustls::TlsConnector::from(Arc::new(tls()?));
        Self::greet(connector.connect(name, socket).await.map_err(failed)?, base).await
    }

    async fn greet<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        socket: S,
        base: &Url,
    ) -> Result<Self, ConnectError> {
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOW).enable_push(false);
        let (send, connection) =
            builder.handshake(socket).await.map_err(|cause| broken("it does not speak HTTP/2", cause))?;
        // How it ends is told by the calls on it.
        let driver = tokio::spawn(async move { drop(connection.await) });
        Ok(Self { send, base: base.clone(), driver })
    }

    /// Begins a call.
    pub(super) async fn call(&self, method: &str, caller: &Caller) -> Result<Stream, ConnectError> {
        let failed = |cause| broken("the connection broke", cause);
        let mut send = self.send.clone().ready().await.map_err(failed)?;
        let (response, send) = send.send_request(self.request(method, caller)?, false).map_err(failed)?;
        Ok(Stream { send, answer: Answer::Waited(response), held: BytesMut::new() })
    }

    /// A call with one message and one answer.
    pub(super) async fn ask(
        &self,
        method: &str,
        caller: &Caller,
        message: &Bytes,
    ) -> Result<Bytes, ConnectError> {
        let mut call = self.call(method, caller).await?;
        call.say(message, true)?;
        call.next().await
    }

    fn request(&self, method: &str, caller: &Caller) -> Result<http::Request<()>, ConnectError> {
        let uri = self.base.join(&format!("/eventbus.v1.PubSub/{method}")).map_err(senseless)?;
        let instance = caller.live.base.as_str().trim_end_matches('/');
        let mut token =
            http::HeaderValue::from_str(caller.live.access_token.expose_secret()).map_err(|_| {
                ConnectError::new(
                    "R104",
                    Class::Session,
                    "the access token holds bytes that no header may have",
                )
            })?;
        token.set_sensitive(true);
        http::Request::post(uri.as_str())
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("user-agent", concat!("sfsync/", env!("CARGO_PKG_VERSION")))
            .header("accesstoken", token)
            .header("instanceurl", instance)
            .header("tenantid", &caller.tenant)
            .body(())
            .map_err(senseless)
    }
}

fn tls() -> Result<rustls::ClientConfig, ConnectError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let failed = |cause: rustls::Error| {
        ConnectError::new("R105", Class::Pipeline, "no TLS client can be made on this machine")
            .caused_by(cause)
    };
    let builder = rustls::ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().map_err(failed)?;
    let mut config = builder.with_platform_verifier().map_err(failed)?.with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

enum Answer {
    Waited(ResponseFuture),
    Comes(RecvStream),
}

/// A call that is under way.
pub(super) struct Stream {
    send: SendStream<Bytes>,
    answer: Answer,
    held: BytesMut,
}

impl Stream {
    /// Sends a message; requests are small and do not wait for room.
    pub(super) fn say(&mut self, message: &Bytes, last: bool) -> Result<(), ConnectError> {
        let mut frame = BytesMut::with_capacity(message.len() + 5);
        frame.put_u8(0);
        frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
        frame.put_slice(message);
        self.send.send_data(frame.freeze(), last).map_err(|cause| broken("the connection broke", cause))
    }

    /// The next message. The end of the stream is an error too: nothing ends it but the other side. May be dropped while it waits.
    pub(super) async fn next(&mut self) -> Result<Bytes, ConnectError> {
        let lost = |cause| broken("it broke off", cause);
        if let Answer::Waited(response) = &mut self.answer {
            let response = response.await.map_err(lost)?;
            if response.status() != http::StatusCode::OK {
                return Err(senseless(format!("HTTP status {}", response.status())));
            }
            if let Some(status) =
                response.headers().get("grpc-status").and_then(|_| Status::of(response.headers()))
            {
                return Err(status.error());
            }
            self.answer = Answer::Comes(response.into_body());
        }
        let Answer::Comes(body) = &mut self.answer else { return Err(senseless("no answer")) };
        loop {
            if let Some(message) = whole(&mut self.held)? {
                return Ok(message);
            }
            let Some(data) = body.data().await else {
                let trailers = body.trailers().await.map_err(lost)?;
                let status = trailers.and_then(|trailers| Status::of(&trailers));
                return Err(
                    status.map_or_else(|| broken("it ended", "the other side closed it"), Status::error)
                );
            };
            let data = data.map_err(lost)?;
            // A stream that is over needs no room.
            let _ = body.flow_control().release_capacity(data.len());
            self.held.extend_from_slice(&data);
        }
    }
}

/// A message that has arrived whole.
fn whole(held: &mut BytesMut) -> Result<Option<Bytes>, ConnectError> {
    let Some(header) = held.first_chunk::<5>() else { return Ok(None) };
    let [compressed, length @ ..] = *header;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if compressed != 0 || length > LARGEST {
        return Err(senseless("a message is compressed or too large"));
    }
    if held.len() < 5 + length {
        return Ok(None);
    }
    held.advance(5);
    Ok(Some(held.split_to(length).freeze()))
}
