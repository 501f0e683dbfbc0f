//! An installed package of the org: it reads address and token from a custom setting, and calls there when records change, as a flow
//! with a callout does. What nobody takes is tried a few times and then forgotten.
//! May not change records. Read [`run`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;

use crate::callout::post;
use crate::org::Org;

/// How often it is looked what changed.
const LOOK: Duration = Duration::from_millis(50);
/// How often a call is tried, and the pause between two tries.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(200);
/// Records of a call at most.
const RECORDS: usize = 200;

/// Calls about every change from this number on until `stop` is cancelled.
pub(crate) async fn run(org: Arc<Org>, (setting, mut next): (String, u64), stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        let (changes, end) = org.changes_since(next);
        next = end;
        let Some((address, token)) = setting_of(&org, &setting) else { continue };
        let mut changed: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for change in changes {
            changed.entry(change.object).or_default().push(change.id.to_string());
        }
        for (object, mut ids) in changed {
            ids.sort();
            ids.dedup();
            for part in ids.chunks(RECORDS) {
                let body = json!({ "object": object, "ids": part, "orgId": org.org_id().to_string() });
                tell(&address, &token, &body).await;
            }
        }
    }
}

/// `Url__c` and `Token__c`, once somebody filled them in.
fn setting_of(org: &Org, setting: &str) -> Option<(String, String)> {
    let records = org.records(setting, false).ok()?;
    let text = |field: &str| records.first()?[field].as_str().map(str::to_owned);
    Some((text("Url__c")?, text("Token__c")?))
}

async fn tell(address: &str, token: &str, body: &Json) {
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let body = body.to_string();
    for _ in 0..TRIES {
        let said = post(address, &headers, &body).await;
        if said.is_some_and(|said| (200..300).contains(&said.status)) {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
    tracing::warn!("nobody takes the calls of the package at {address}");
}
