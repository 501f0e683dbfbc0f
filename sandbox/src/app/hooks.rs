//! The app's own calls when a record changes: one after the other, tried again a few times. Plain HTTP to this machine only.
//! May not decide what changed. Read [`Caller`].

use std::sync::Arc;
use std::time::Duration;

use ring::hmac;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedReceiver;

use super::database::Record;
use super::description::Signing;
use super::{Shared, Verb};

/// How often a call is tried.
const TRIES: u32 = 6;
/// The pause before the second try; it doubles.
const PAUSE: Duration = Duration::from_millis(100);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of an answer that are read.
const ANSWER: u64 = 16 << 10;

/// Something to tell.
#[derive(Debug)]
pub(super) struct News {
    pub(super) resource: String,
    pub(super) verb: Verb,
    pub(super) record: Record,
}

/// Calls whoever subscribed, until the app is gone.
pub(super) async fn call(shared: Arc<Shared>, mut news: UnboundedReceiver<News>) {
    while let Some(news) = news.recv().await {
        let Some(resource) = shared.description.resources.get(&news.resource) else { continue };
        let Some(hook) = &resource.webhook else { continue };
        let said = format!("{}.{}", hook.name, news.verb.word());
        let body = json!({ &hook.event: said, &hook.record: Json::Object(news.record) }).to_string();
        for address in shared.subscribed(&news.resource) {
            deliver(&address, &shared.description.webhooks, &body).await;
        }
    }
}

async fn deliver(address: &str, signing: &Signing, body: &str) {
    for attempt in 0..TRIES {
        let taken = tokio::time::timeout(PATIENCE, posted(address, signing, body)).await;
        if taken.ok().flatten() == Some(true) {
            return;
        }
        tokio::time::sleep(PAUSE * 2_u32.pow(attempt)).await;
    }
    tracing::warn!("nobody takes calls at {address}");
}

/// Whether the listener answered with 2xx.
async fn posted(address: &str, signing: &Signing, body: &str) -> Option<bool> {
    let rest = address.strip_prefix("http://")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut head = format!(
        "POST /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    if let Some(token) = &signing.token {
        head.push_str(&format!("Authorization: Bearer {token}\r\n"));
    }
    if let (Some(secret), Some(header)) = (&signing.secret, &signing.header) {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), body.as_bytes());
        let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        head.push_str(&format!("{header}: {hex}\r\n"));
    }
    let mut stream = TcpStream::connect(host).await.ok()?;
    stream.write_all(format!("{head}\r\n{body}").as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.take(ANSWER).read_to_end(&mut answer).await.ok()?;
    let line = String::from_utf8_lossy(&answer);
    Some(line.split(' ').nth(1).is_some_and(|status| status.starts_with('2')))
}
