//! Deletes that no query shows: of records that have no recycle bin (contact roles, campaign members), or that are gone from it.
//!
//! Such a record is missing just as one is that the integration user may not see. The org's delete log tells them apart: it names what was
//! deleted in the last 15 days, and nothing else. An org that does not answer for it, or no longer that far back, is no evidence of anything.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::ReadSpec;
use super::api::error::{Reaction, reaction};
use super::api::soql;
use super::budget::Purpose;
use super::client::{Call, Client};
use crate::connect::ConnectError;
use crate::model::{Change, ChangeEvent, Class, Key};

/// How far back the log is asked. It reaches 15 days at most, and less far where somebody emptied it: then only what the comparisons of
/// two days need is asked for.
const REACH: [SignedDuration; 2] = [SignedDuration::from_hours(15 * 24 - 1), SignedDuration::from_hours(49)];

#[derive(Deserialize)]
struct Told<'a> {
    #[serde(rename = "deletedRecords", borrow)]
    records: Vec<Deleted<'a>>,
}

#[derive(Deserialize)]
struct Deleted<'a> {
    #[serde(borrow)]
    id: std::borrow::Cow<'a, str>,
}

/// Which of these records, all of which a query by id did not find, were deleted.
pub(super) async fn deleted(
    client: &Client,
    spec: &ReadSpec,
    missing: &[Key],
) -> Result<Vec<ChangeEvent>, ConnectError> {
    if missing.is_empty() || !spec.delete_log {
        return Ok(Vec::new());
    }
    let Some(now) = client.server_now() else { return Ok(Vec::new()) };
    for reach in REACH {
        match asked(client, spec, (now - reach, now), missing).await {
            Ok(events) => return Ok(events),
            Err(error) if matches!(reaction(&error), Reaction::Compare | Reaction::Narrow) => {}
            Err(error) if error.class == Class::Pipeline => {
                tracing::debug!(object = %spec.object, code = error.code, "the delete log cannot be read");
                return Ok(Vec::new());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Vec::new())
}

async fn asked(
    client: &Client,
    spec: &ReadSpec,
    (start, end): (Timestamp, Timestamp),
    missing: &[Key],
) -> Result<Vec<ChangeEvent>, ConnectError> {
    let wanted: HashSet<&str> = missing.iter().map(Key::as_str).collect();
    let (object, data) = (&spec.object, client.data_path().await?);
    let window = format!("start={}&end={}", soql::instant(start), soql::instant(end));
    let call = Call::get(format!("{data}/sobjects/{object}/deleted/?{window}"), Purpose::Push);
    let read = client.read(&call, |answer| {
        let told: Told<'_> = serde_json::from_slice(&answer.body)?;
        let keys = told.records.iter().map(|record| Key::salesforce(&record.id));
        Ok(keys.filter(|key| wanted.contains(key.as_str())).collect::<HashSet<Key>>())
    });
    let event = |key| ChangeEvent { key, change: Change::Delete { merged_into: None }, version: None };
    Ok(read.await?.into_iter().map(event).collect())
}
