//! All ids of an object that pass a filter, for the comparison that finds deletes which nothing else tells of.

use std::sync::Arc;

use super::budget::Purpose;
use super::client::Client;
use super::source::SalesforceSource;
use super::{LoadScope, ReadSpec};
use crate::connect::{ConnectError, Limit, Source};
use crate::model::{Cursor, Key, Read, Schema};

/// A run over all ids, by the lane that costs fewer calls. Complete or an error: the counts are compared.
pub struct IdScan {
    source: SalesforceSource,
    cursor: Option<Cursor>,
    started_at: Option<jiff::Timestamp>,
}

impl IdScan {
    /// A run over what a source reads. Makes no call until it is read.
    pub fn new(client: Arc<Client>, spec: &ReadSpec) -> Self {
        let spec = ReadSpec { schema: Arc::new(Schema::default()), load: LoadScope::All, ..spec.clone() };
        let source = SalesforceSource::for_purpose(client, spec, Purpose::Reconcile);
        Self { source, cursor: None, started_at: None }
    }

    /// Server time before which every record of the run was seen; `None` before the first batch. A record that is missing
    /// from the run and younger than this proves nothing.
    pub fn started_at(&self) -> Option<jiff::Timestamp> {
        self.started_at
    }

    /// The next ids; `None` after the last. After an error it goes on where it was.
    pub async fn next(&mut self) -> Result<Option<Vec<Key>>, ConnectError> {
        if matches!(self.cursor, Some(Cursor::Changes { .. })) {
            return Ok(None);
        }
        let limit = Limit { records: 20_000, ..Limit::default() };
        let Read::Batch { events, next, .. } = self.source.read(self.cursor.as_ref(), limit).await? else {
            return Ok(None);
        };
        self.started_at = match &next {
            Cursor::Backfill { anchor, .. } => Some(*anchor),
            Cursor::Changes { upto, .. } => Some(*upto),
        };
        self.cursor = Some(next);
        Ok(Some(events.into_iter().map(|event| event.key).collect()))
    }
}
