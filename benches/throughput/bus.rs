//! The floor of change events: a client that asks the event bus for them and does nothing with what comes.

use std::error::Error;
use std::time::Instant;

use bytes::{BufMut as _, Bytes, BytesMut};
use h2::{RecvStream, SendStream};
use serde_json::Value;
use sfsync_sandbox::Sandbox;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Events that may be under way: the most that is allowed.
const CREDIT: u64 = 100;

/// A subscription.
pub struct Bus {
    send: SendStream<Bytes>,
    body: RecvStream,
    held: BytesMut,
    /// Where the last event was.
    pub position: Vec<u8>,
}

impl Bus {
    /// Subscribes to a topic, from now on or behind a position.
    pub async fn open(sandbox: &Sandbox, topic: &str, position: Option<&[u8]>) -> Outcome<Self> {
        let token = token(sandbox.url()).await?;
        let address = sandbox.url().trim_start_matches("http://");
        let socket = tokio::net::TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        let (send, connection) = h2::client::handshake(socket).await?;
        tokio::spawn(async move { drop(connection.await) });
        let request = http::Request::post(format!("{}/eventbus.v1.PubSub/Subscribe", sandbox.url()))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("accesstoken", token)
            .header("instanceurl", sandbox.url())
            .header("tenantid", sandbox.org().org_id().to_string())
            .body(())?;
        let (answer, mut send) = send.ready().await?.send_request(request, false)?;
        let mut first = BytesMut::new();
        put(1, topic.as_bytes(), &mut first);
        if let Some(position) = position {
            first.put_slice(&[2 << 3, 2]);
            put(3, position, &mut first);
        }
        say(&mut send, first, CREDIT)?;
        let body = answer.await?.into_body();
        Ok(Self { send, body, held: BytesMut::new(), position: Vec::new() })
    }

    /// Waits for the next events: how many came, and when.
    pub async fn next(&mut self) -> Outcome<(usize, Instant)> {
        loop {
            if let Some(length) = whole(&self.held) {
                let at = Instant::now();
                let message = self.held.split_to(5 + length).split_off(5).freeze();
                let (events, pending) = self.read(&message);
                if pending <= CREDIT / 2 {
                    say(&mut self.send, BytesMut::new(), CREDIT - pending)?;
                }
                return Ok((events, at));
            }
            let data = self.body.data().await.ok_or("the stream ended")??;
            self.body.flow_control().release_capacity(data.len())?;
            self.held.extend_from_slice(&data);
        }
    }

    /// How many events a response has, and how many more may come.
    fn read(&mut self, mut message: &[u8]) -> (usize, u64) {
        let (mut events, mut pending) = (0, 0);
        while !message.is_empty() {
            let tag = varint(&mut message);
            let number = varint(&mut message);
            if tag & 7 == 2 {
                let (value, rest) = message.split_at(usize::try_from(number).unwrap());
                message = rest;
                events += usize::from(tag >> 3 == 1);
                if tag >> 3 == 2 {
                    self.position = value.to_vec();
                }
            } else if tag >> 3 == 4 {
                pending = number;
            }
        }
        (events, pending)
    }
}

fn whole(held: &BytesMut) -> Option<usize> {
    let [_, length @ ..] = *held.first_chunk::<5>()?;
    let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
    (held.len() >= 5 + length).then_some(length)
}

fn varint(message: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let Some((byte, rest)) = message.split_first() else { return value };
        *message = rest;
        value |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    value
}

fn put(field: u8, value: &[u8], out: &mut BytesMut) {
    out.put_slice(&[field << 3 | 2, u8::try_from(value.len()).unwrap()]);
    out.put_slice(value);
}

fn say(send: &mut SendStream<Bytes>, mut message: BytesMut, credit: u64) -> Outcome<()> {
    message.put_slice(&[4 << 3, u8::try_from(credit)?]);
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len())?);
    frame.put_slice(&message);
    Ok(send.send_data(frame.freeze(), false)?)
}

async fn token(url: &str) -> Outcome<String> {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", Sandbox::CLIENT_ID),
        ("client_secret", Sandbox::CLIENT_SECRET),
    ];
    let asked = reqwest::Client::new().post(format!("{url}/services/oauth2/token")).form(&form);
    let answer: Value = serde_json::from_str(&asked.send().await?.error_for_status()?.text().await?)?;
    Ok(answer["access_token"].as_str().ok_or("no token")?.to_owned())
}
