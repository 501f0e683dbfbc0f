//! The app's own calls when a record changes: one after the other, tried again a few times.
//! May not decide what changed. Read [`Caller`].

use std::sync::Arc;
use std::time::Duration;

use ring::hmac;
use serde_json::{Value as Json, json};
use tokio::sync::mpsc::UnboundedReceiver;

use super::database::Record;
use super::description::Signing;
use super::{Shared, Verb};
use crate::callout::post;

/// How often a call is tried.
const TRIES: u32 = 6;
/// The pause before the second try; it doubles.
const PAUSE: Duration = Duration::from_millis(100);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

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
    let mut headers = vec![("Content-Type", "application/json".to_owned())];
    if let Some(token) = &signing.token {
        headers.push(("Authorization", format!("Bearer {token}")));
    }
    if let (Some(secret), Some(header)) = (&signing.secret, &signing.header) {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), body.as_bytes());
        let hex = tag.as_ref().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        headers.push((header, hex));
    }
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let said = post(address, &headers, body).await?;
    Some((200..300).contains(&said.status))
}
