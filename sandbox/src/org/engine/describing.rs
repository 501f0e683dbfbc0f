//! Describe and the replication calls.
//! May not change records. Read [`Org::describe`] first.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value as Json;

use super::{Org, State, lock};
use crate::org::describe::{self, Describe};
use crate::org::error::ApiError;
use crate::org::ids::Id;
use crate::org::replication::{self, Deleted, Updated};
use crate::org::visibility::{Visibility, VisibilityRule};

impl Org {
    /// Replaces all visibility rules. Describe changes with them, and so does its stamp.
    pub fn set_visibility(&self, rules: &[VisibilityRule]) {
        let mut state = self.write();
        state.visibility = Visibility::new(&state.store.schema, rules);
        state.described_at = self.clock.now();
        lock(&self.described).clear();
    }

    fn sight<'a>(&'a self, state: &'a State) -> describe::Sight<'a> {
        describe::Sight {
            store: &state.store,
            setup: &self.setup,
            visibility: &state.visibility,
            instance_url: &self.config.instance_url,
        }
    }

    /// Describe global (section 4.1).
    pub fn describe_global(&self) -> Arc<Describe> {
        let state = self.read();
        Arc::new(Describe::new(&describe::global(self.sight(&state)), state.described_at))
    }

    /// The entry of describe global for one object.
    pub fn describe_brief(&self, object: &str) -> Result<Json, ApiError> {
        let state = self.read();
        let index = Self::visible(&state, object)?;
        Ok(describe::brief(self.sight(&state), index))
    }

    /// Describe of one object (section 4.2).
    pub fn describe(&self, object: &str) -> Result<Arc<Describe>, ApiError> {
        let state = self.read();
        let index = Self::visible(&state, object)?;
        if let Some(known) = lock(&self.described).get(&index) {
            return Ok(Arc::clone(known));
        }
        let made = Arc::new(Describe::new(&describe::object(self.sight(&state), index), state.described_at));
        lock(&self.described).insert(index, Arc::clone(&made));
        Ok(made)
    }

    /// The picklist values that a record type offers, as the UI API answers them.
    pub fn record_type_picklists(&self, object: &str, record_type: &str) -> Result<Json, ApiError> {
        let state = self.read();
        let index = Self::visible(&state, object)?;
        let id = Id::parse(record_type)?;
        describe::record_type_picklists(self.sight(&state), index, &id).ok_or_else(ApiError::not_found)
    }

    /// Ids created or changed in a window (section 4.4).
    pub fn updated(&self, object: &str, start: Timestamp, end: Timestamp) -> Result<Updated, ApiError> {
        let state = self.read();
        replication::updated(&self.replication(&state, object, start, end)?)
    }

    /// Ids deleted in a window (section 4.5).
    pub fn deleted(&self, object: &str, start: Timestamp, end: Timestamp) -> Result<Deleted, ApiError> {
        let state = self.read();
        replication::deleted(&self.replication(&state, object, start, end)?)
    }

    fn replication<'a>(
        &self,
        state: &'a State,
        object: &str,
        start: Timestamp,
        end: Timestamp,
    ) -> Result<replication::Request<'a>, ApiError> {
        Ok(replication::Request {
            store: &state.store,
            object: state.store.schema.object(Self::visible(state, object)?),
            start,
            end,
            now: self.clock.now_seconds(),
            open: lock(&self.open).iter().min().copied(),
        })
    }
}
