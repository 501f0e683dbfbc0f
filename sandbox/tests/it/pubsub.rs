//! A bare gRPC client for the tests: messages are put together and taken apart by hand.

use bytes::{Bytes, BytesMut};
use h2::client::SendRequest;
use h2::{RecvStream, SendStream};
use tokio::net::TcpStream;

use super::rig::Rig;

/// A length-delimited field.
pub(crate) fn text(field: u8, value: &[u8]) -> Vec<u8> {
    let mut out = vec![field << 3 | 2];
    assert!(value.len() < 128);
    out.push(u8::try_from(value.len()).unwrap());
    out.extend_from_slice(value);
    out
}

/// A number below 128.
pub(crate) fn number(field: u8, value: u8) -> Vec<u8> {
    vec![field << 3, value]
}

/// The fields of a message that are bytes, by number, and those that are numbers.
#[derive(Debug, Default)]
pub(crate) struct Message {
    pub(crate) bytes: Vec<(u64, Vec<u8>)>,
    pub(crate) numbers: Vec<(u64, u64)>,
}

impl Message {
    pub(crate) fn read(mut wire: &[u8]) -> Self {
        fn varint(wire: &mut &[u8]) -> u64 {
            let (mut value, mut shift) = (0, 0);
            loop {
                let byte = wire[0];
                *wire = &wire[1..];
                value |= u64::from(byte & 0x7F) << shift;
                shift += 7;
                if byte < 0x80 {
                    return value;
                }
            }
        }
        let mut message = Self::default();
        while !wire.is_empty() {
            let tag = varint(&mut wire);
            let value = varint(&mut wire);
            if tag & 7 == 2 {
                let (content, rest) = wire.split_at(usize::try_from(value).unwrap());
                message.bytes.push((tag >> 3, content.to_vec()));
                wire = rest;
            } else {
                message.numbers.push((tag >> 3, value));
            }
        }
        message
    }

    pub(crate) fn all(&self, field: u64) -> Vec<&[u8]> {
        self.bytes.iter().filter(|(known, _)| *known == field).map(|(_, bytes)| bytes.as_slice()).collect()
    }

    pub(crate) fn text(&self, field: u64) -> String {
        self.all(field).first().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
    }

    pub(crate) fn number(&self, field: u64) -> u64 {
        self.numbers.iter().find(|(known, _)| *known == field).map_or(0, |(_, value)| *value)
    }
}

/// One call.
pub(crate) struct Call {
    send: SendStream<Bytes>,
    receive: RecvStream,
    held: BytesMut,
    _connection: SendRequest<Bytes>,
}

/// What a call ended with: status and error code; nothing when it broke off.
pub(crate) type Ended = Option<(String, String)>;

impl Call {
    pub(crate) async fn open(rig: &Rig, method: &str, token: &str) -> Self {
        let address = rig.sandbox.url().strip_prefix("http://").unwrap();
        let socket = TcpStream::connect(address).await.unwrap();
        let (client, connection) = h2::client::handshake(socket).await.unwrap();
        tokio::spawn(connection);
        let mut client = client.ready().await.unwrap();
        let request = http::Request::post(format!("{}/eventbus.v1.PubSub/{method}", rig.sandbox.url()))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("accesstoken", token)
            .header("instanceurl", rig.sandbox.url())
            .header("tenantid", rig.sandbox.org().org_id().to_string())
            .body(())
            .unwrap();
        let (response, send) = client.send_request(request, false).unwrap();
        let receive = response.await.unwrap().into_body();
        Self { send, receive, held: BytesMut::new(), _connection: client }
    }

    pub(crate) fn say(&mut self, message: &[u8]) {
        let mut frame = vec![0, 0, 0, 0, u8::try_from(message.len()).unwrap()];
        frame.extend_from_slice(message);
        // A stream that was ended at once takes nothing more.
        let _ = self.send.send_data(frame.into(), false);
    }

    /// The next message, or how the call ended.
    pub(crate) async fn next(&mut self) -> Result<Message, Ended> {
        loop {
            if self.held.len() >= 5 {
                let length = u32::from_be_bytes(self.held[1..5].try_into().unwrap()) as usize;
                if self.held.len() >= 5 + length {
                    return Ok(Message::read(&self.held.split_to(5 + length)[5..]));
                }
            }
            match self.receive.data().await {
                Some(Ok(data)) => {
                    self.receive.flow_control().release_capacity(data.len()).unwrap();
                    self.held.extend_from_slice(&data);
                }
                Some(Err(_)) => return Err(None),
                None => {
                    let Ok(Some(trailers)) = self.receive.trailers().await else { return Err(None) };
                    let value = |name: &str| {
                        trailers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned()
                    };
                    let code = value("error-code").replace("sfdc.platform.eventbus.grpc.", "");
                    return Err(Some((value("grpc-status"), code)));
                }
            }
        }
    }
}

/// A call with one message and one answer.
pub(crate) async fn ask(rig: &Rig, method: &str, asked: &str) -> Result<Message, Ended> {
    // The answer of a unary call begins after its message.
    let token = rig.token.clone();
    let address = rig.sandbox.url().strip_prefix("http://").unwrap();
    let socket = TcpStream::connect(address).await.unwrap();
    let (client, connection) = h2::client::handshake(socket).await.unwrap();
    tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let request = http::Request::post(format!("{}/eventbus.v1.PubSub/{method}", rig.sandbox.url()))
        .header("accesstoken", token)
        .header("instanceurl", rig.sandbox.url())
        .header("tenantid", rig.sandbox.org().org_id().to_string())
        .body(())
        .unwrap();
    let (response, mut send) = client.send_request(request, false).unwrap();
    let message = if asked.is_empty() { Vec::new() } else { text(1, asked.as_bytes()) };
    let mut frame = vec![0, 0, 0, 0, u8::try_from(message.len()).unwrap()];
    frame.extend_from_slice(&message);
    send.send_data(frame.into(), true).unwrap();
    let receive = response.await.unwrap().into_body();
    Call { send, receive, held: BytesMut::new(), _connection: client }.next().await
}
