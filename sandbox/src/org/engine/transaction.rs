//! Transactions that commit later than their stamp.
//! May not keep the rules of writes. Read [`Txn`] first.

use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use super::{Org, State, lock};
use crate::org::dml::Session;
use crate::org::error::ApiError;
use crate::org::ids::Id;

impl Org {
    /// Takes a stamp now; nothing is visible until [`Txn::commit`], and then with that older stamp.
    pub fn begin(&self) -> Txn<'_> {
        let stamp = self.clock.now();
        lock(&self.open).push(stamp.as_second());
        Txn { org: self, stamp, author: None, steps: Vec::new() }
    }
}

/// A transaction that commits later than its stamp. Dropped without a commit, it did nothing.
pub struct Txn<'a> {
    org: &'a Org,
    stamp: Timestamp,
    author: Option<Id>,
    steps: Vec<(String, Step)>,
}

enum Step {
    Insert(Map<String, Json>),
    Update(String, Map<String, Json>),
    Delete(String),
}

impl Txn<'_> {
    /// The stamp that every record of this transaction will carry.
    pub fn stamp(&self) -> Timestamp {
        self.stamp
    }

    /// Another user than the integration user makes the changes.
    pub fn set_author(&mut self, user: Id) {
        self.author = Some(user);
    }

    /// Adds a create.
    pub fn insert(&mut self, object: &str, fields: Map<String, Json>) {
        self.steps.push((object.to_owned(), Step::Insert(fields)));
    }

    /// Adds a change.
    pub fn update(&mut self, object: &str, id: &str, fields: Map<String, Json>) {
        self.steps.push((object.to_owned(), Step::Update(id.to_owned(), fields)));
    }

    /// Adds a delete.
    pub fn delete(&mut self, object: &str, id: &str) {
        self.steps.push((object.to_owned(), Step::Delete(id.to_owned())));
    }

    /// Makes all of it visible at once, or nothing; gives the ids of the records in the order of the calls.
    pub fn commit(self) -> Result<Vec<Id>, ApiError> {
        let _turn = lock(&self.org.turn);
        let mut state = self.org.write();
        let now = self.org.clock.now_seconds();
        let author = self.author.and_then(|id| state.store.find(&id));
        let indexes: Vec<u16> =
            self.steps.iter().map(|(name, _)| Org::visible(&state, name)).collect::<Result<_, _>>()?;
        let State { store, visibility, .. } = &mut *state;
        let mut session = Session::new(store, &self.org.setup, visibility, self.stamp.as_second(), now);
        session.author = author.unwrap_or(session.author);
        let mut ids = Vec::with_capacity(self.steps.len());
        for (index, (_, step)) in indexes.into_iter().zip(&self.steps) {
            let id = match step {
                Step::Insert(fields) => {
                    let at = session.insert(index, fields)?;
                    session.store.id_of(at)
                }
                Step::Update(id, fields) => {
                    session.update(index, id, fields)?;
                    Id::parse(id)?
                }
                Step::Delete(id) => {
                    session.delete(index, id)?;
                    Id::parse(id)?
                }
            };
            ids.push(id);
        }
        let changes = session.finish();
        self.org.committed(&mut state, changes, "");
        Ok(ids)
    }
}

impl Drop for Txn<'_> {
    fn drop(&mut self) {
        let mut open = lock(&self.org.open);
        if let Some(position) = open.iter().position(|stamp| *stamp == self.stamp.as_second()) {
            open.swap_remove(position);
        }
    }
}
