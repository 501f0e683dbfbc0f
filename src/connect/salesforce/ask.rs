//! One page of a query: by GET, or inside a composite request when its text is too long for an address (section 3.8). Both are one call.

use jiff::Timestamp;
use serde::de::Error as _;
use serde_json::json;

use super::api::composite::Composite;
use super::api::query::{Page, Shape, decode_page};
use super::api::soql::MAX_URI;
use super::budget::Purpose;
use super::client::{Call, Client};
use crate::connect::ConnectError;

/// A page with what its answer told besides.
#[derive(Debug)]
pub(super) struct Asked {
    /// The page.
    pub page: Page,
    /// Size of the answer.
    pub bytes: usize,
    /// Server time when it was asked for.
    pub sent_at: Option<Timestamp>,
}

/// Asks for the page at a path, a query's first one or a locator's.
pub(super) async fn ask(
    client: &Client,
    path: String,
    shape: &Shape,
    purpose: Purpose,
) -> Result<Asked, ConnectError> {
    if path.len() > MAX_URI {
        return ask_in_body(client, &path, shape, purpose).await;
    }
    let call = Call::get(path, purpose);
    let read = client.read(&call, |answer| {
        let page = decode_page(&answer.body, shape)?;
        Ok(Asked { page, bytes: answer.body.len(), sent_at: answer.asked_at })
    });
    read.await
}

async fn ask_in_body(
    client: &Client,
    path: &str,
    shape: &Shape,
    purpose: Purpose,
) -> Result<Asked, ConnectError> {
    let body = json!({ "compositeRequest": [{ "method": "GET", "url": path, "referenceId": "query" }] });
    let call = Call::post(format!("{}/composite", client.data_path().await?), body.to_string(), purpose);
    let read = client.read(&call, |answer| {
        let composite: Composite<'_> = serde_json::from_slice(&answer.body)?;
        let [part] = composite.parts.as_slice() else {
            return Err(serde_json::Error::custom("it has not one part"));
        };
        let body = match part.told() {
            Ok(body) => body,
            Err(refused) => return Ok(Err(refused)),
        };
        let page = decode_page(body.as_bytes(), shape)?;
        Ok(Ok(Asked { page, bytes: answer.body.len(), sent_at: answer.asked_at }))
    });
    read.await?
}
