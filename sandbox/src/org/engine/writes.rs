//! Writes of single records, the generator and random edits.
//! May not keep the rules of writes. Read [`Org::insert`] first.

use serde_json::{Map, Value as Json};

use super::{Org, State, lock};
use crate::org::change_log::Change;
use crate::org::dml::Session;
use crate::org::error::ApiError;
use crate::org::generate::edits::{self, EditMix};
use crate::org::generate::rng::Rng;
use crate::org::generate::{self, Population};
use crate::org::ids::Id;
use crate::org::write::{Conversion, Converted};

impl Org {
    /// Creates a record as the integration user.
    pub fn insert(&self, object: &str, fields: Map<String, Json>) -> Result<Id, ApiError> {
        let mut transaction = self.begin();
        transaction.insert(object, fields);
        let ids = transaction.commit()?;
        ids.into_iter().next().ok_or_else(ApiError::not_found)
    }

    /// Changes a record as the integration user; `null` clears a field.
    pub fn update(&self, object: &str, id: &str, fields: Map<String, Json>) -> Result<(), ApiError> {
        let mut transaction = self.begin();
        transaction.update(object, id, fields);
        transaction.commit().map(drop)
    }

    /// Moves a record to the recycle bin, with its children.
    pub fn delete(&self, object: &str, id: &str) -> Result<(), ApiError> {
        let mut transaction = self.begin();
        transaction.delete(object, id);
        transaction.commit().map(drop)
    }

    /// Brings a record back from the recycle bin, with what was deleted with it.
    pub fn undelete(&self, object: &str, id: &str) -> Result<(), ApiError> {
        self.at_once(object, |session, index| session.undelete(index, id))
    }

    /// Deletes past the recycle bin; queryAll sees the row for 24 hours more.
    pub fn hard_delete(&self, object: &str, id: &str) -> Result<(), ApiError> {
        self.at_once(object, |session, index| session.hard_delete(index, id))
    }

    /// Merges up to two records into a third, whose `fields` are set; gives the ids of the children that moved.
    pub fn merge(
        &self,
        object: &str,
        master: &str,
        losers: &[String],
        fields: &Map<String, Json>,
    ) -> Result<Vec<Id>, ApiError> {
        self.at_once(object, |session, index| {
            let moved = session.merge(index, master, losers, fields)?;
            Ok(moved.into_iter().map(|at| session.store.id_of(at)).collect())
        })
    }

    /// Converts a lead into an account, a contact and an opportunity.
    pub fn convert_lead(&self, wanted: &Conversion) -> Result<Converted, ApiError> {
        self.at_once("Lead", |session, _| session.convert_lead(wanted))
    }

    /// Moves SystemModstamp alone, as an automated process does.
    pub fn touch_by_system(&self, object: &str, id: &str) -> Result<(), ApiError> {
        self.at_once(object, |session, index| session.touch_by_system(index, id))
    }

    /// Empties the recycle bin.
    pub fn purge_recycle_bin(&self) {
        let _turn = lock(&self.turn);
        let mut state = self.write();
        let now = self.clock.now_seconds();
        let State { store, visibility, .. } = &mut *state;
        let mut session = Session::new(store, &self.setup, visibility, now, now);
        session.purge();
        session.finish();
    }

    fn at_once<T>(
        &self,
        object: &str,
        work: impl FnOnce(&mut Session<'_>, u16) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let _turn = lock(&self.turn);
        let mut state = self.write();
        let index = Self::visible(&state, object)?;
        let now = self.clock.now_seconds();
        let State { store, visibility, .. } = &mut *state;
        let mut session = Session::new(store, &self.setup, visibility, now, now);
        let done = work(&mut session, index)?;
        let changes = session.finish();
        self.committed(&mut state, changes, "");
        Ok(done)
    }

    /// Changes from a sequence number on (0 for all that are kept), and the number to ask for next.
    pub fn changes_since(&self, sequence: u64) -> (Vec<Change>, u64) {
        self.read().changes.since(sequence)
    }

    /// Adds generated records; the same seed and calls give the same records.
    pub fn generate(&self, population: &Population) {
        let _turn = lock(&self.turn);
        let mut state = self.write();
        let now = self.clock.now_seconds();
        state.generated += 1;
        let seed = self.config.seed.wrapping_add(state.generated << 32);
        generate::run(&mut state.store, &self.setup, now, seed, population);
    }

    /// Makes `count` random edits; the same seed on the same org gives the same edits.
    pub fn random_edits(&self, seed: u64, count: usize, mix: &EditMix) {
        let mut rng = Rng::new(seed, 2);
        for _ in 0..count {
            let _turn = lock(&self.turn);
            let mut state = self.write();
            let now = self.clock.now_seconds();
            let State { store, visibility, .. } = &mut *state;
            let mut session = Session::new(store, &self.setup, visibility, now, now);
            edits::one(&mut session, &mut rng, mix);
            let changes = session.finish();
            self.committed(&mut state, changes, "");
        }
    }
}
