//! Sends outbound messages until they are taken. Plain HTTP to this machine only: a test or a demo listens there.
//! May not decide what is sent. Read [`send`].

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::callout::post;
use crate::org::{Org, Sending};

/// How often it is looked whether the clock has moved on while something waits.
const LOOK: Duration = Duration::from_millis(50);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Requests at the same time.
const AT_ONCE: usize = 8;

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
    let headers = [
        ("Content-Type", "text/xml; charset=utf-8"),
        ("SOAPAction", "\"\""),
        ("User-Agent", "SFDC-Callout/66.0"),
    ];
    let said = post(&sending.endpoint, &headers, &sending.envelope).await?;
    let is_xml = said.head.to_ascii_lowercase().contains("xml");
    let is_ack = said.body.contains("http://soap.sforce.com/2005/09/outbound")
        && said.body.contains("<Ack>true</Ack>");
    Some(said.status == 200 && is_xml && is_ack && said.body.trim_start().starts_with('<'))
}
