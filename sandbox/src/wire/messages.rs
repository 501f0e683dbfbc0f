//! Sends outbound messages until they are taken. Plain HTTP to this machine only: a test or a demo listens there.
//! May not decide what is sent. Read [`send`].

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::org::{Org, Sending};

/// How often it is looked whether the clock has moved on while something waits.
const LOOK: Duration = Duration::from_millis(50);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Requests at the same time.
const AT_ONCE: usize = 8;
/// Bytes of an answer that are read.
const ANSWER: u64 = 64 << 10;

/// Sends what waits until `stop` is cancelled.
pub(crate) async fn send(org: Arc<Org>, stop: CancellationToken) {
    let mut under_way = tokio::task::JoinSet::new();
    loop {
        while under_way.len() < AT_ONCE {
            let Some((parcel, sending)) = org.next_sending() else { break };
            let org = Arc::clone(&org);
            under_way.spawn(async move {
                let taken = match sending {
                    Some(sending) => {
                        tokio::time::timeout(PATIENCE, posted(&sending)).await.ok().flatten().unwrap_or(false)
                    }
                    // The message itself is gone.
                    None => true,
                };
                org.sent(&parcel, taken);
            });
        }
        let waits = org.waiting_messages() > 0;
        tokio::select! {
            () = stop.cancelled() => return,
            () = org.metadata().news() => {}
            Some(_) = under_way.join_next() => {}
            () = tokio::time::sleep(LOOK), if waits => {}
        }
    }
}

/// Whether the listener answered `Ack` in the only form that counts (section 5.3).
async fn posted(sending: &Sending) -> Option<bool> {
    let rest = sending.endpoint.strip_prefix("http://")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(host).await.ok()?;
    let body = &sending.envelope;
    let head = format!(
        "POST /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/xml; charset=utf-8\r\nSOAPAction: \"\"\r\n\
         User-Agent: SFDC-Callout/66.0\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(body.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.take(ANSWER).read_to_end(&mut answer).await.ok()?;
    let answer = String::from_utf8(answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let is_ok = head.split(' ').nth(1) == Some("200");
    let is_xml = head.to_ascii_lowercase().contains("xml");
    let is_ack = body.contains("http://soap.sforce.com/2005/09/outbound") && body.contains("<Ack>true</Ack>");
    Some(is_ok && is_xml && is_ack && body.trim_start().starts_with('<'))
}
