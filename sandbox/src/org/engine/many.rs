//! Writes of several records with one outcome each, and transactions over several requests.
//! May not keep the rules of writes. Read [`Org::write_all`] first.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::Value as Json;

use super::{Org, State, lock};
use crate::org::change_log::Change;
use crate::org::dml::{Mark, Session, Undo, check_readable, key_text};
use crate::org::error::ApiError;
use crate::org::ids::Id;
use crate::org::locks::RowLocks;
use crate::org::value::RowRef;
use crate::org::write::{Action, Write, WriteOptions, Written};
use crate::org::write_log::LoggedWrite;

/// Records of one transaction; a longer list is cut into several (section 8.4).
pub(crate) const CHUNK: usize = 200;

/// What came of each write, in their order.
pub type Outcomes = Vec<Result<Written, ApiError>>;

/// What an atomic request has done so far.
#[derive(Debug, Default)]
pub struct Journal(Mutex<Done>);

#[derive(Debug, Default)]
struct Done {
    undo: Vec<Undo>,
    changes: Vec<Change>,
    logged: Vec<u64>,
    origin: String,
}

/// A transaction over several calls of [`Org::write_all`]: other writes wait until it ends. Dropped without
/// [`Atomic::keep`], it takes everything back.
pub struct Atomic<'a> {
    org: &'a Org,
    journal: Arc<Journal>,
    _turn: MutexGuard<'a, ()>,
}

impl Atomic<'_> {
    /// What belongs into [`WriteOptions`] of the writes of this transaction.
    pub(crate) fn journal(&self) -> Arc<Journal> {
        Arc::clone(&self.journal)
    }

    /// Ends the transaction with its changes.
    pub fn keep(self) {
        let mut done = lock(&self.journal.0);
        done.undo.clear();
        let (changes, origin) = (std::mem::take(&mut done.changes), std::mem::take(&mut done.origin));
        self.org.committed(&mut self.org.write(), changes, &origin);
    }
}

impl Drop for Atomic<'_> {
    fn drop(&mut self) {
        let mut done = lock(&self.journal.0);
        let undo = std::mem::take(&mut done.undo);
        if undo.is_empty() {
            return;
        }
        let mut state = self.org.write();
        let now = self.org.clock.now_seconds();
        let State { store, visibility, writes, .. } = &mut *state;
        writes.take_back(&done.logged, "PROCESSING_HALTED");
        // Dropped without an end, the session takes back what it took up.
        Session::new(store, &self.org.setup, visibility, now, now).resume(undo);
    }
}

impl Org {
    /// Begins a transaction over several calls; waits for other writes.
    pub fn atomic(&self) -> Atomic<'_> {
        Atomic { org: self, journal: Arc::default(), _turn: lock(&self.turn) }
    }

    /// Does writes in their order, 200 in one transaction. A refused one leaves nothing behind; with `all_or_none`
    /// (at most 200 writes) one refused one takes back all.
    pub fn write_all(&self, writes: &[Write], options: &mut WriteOptions) -> Outcomes {
        let _turn = options.journal.is_none().then(|| lock(&self.turn));
        let doubled = doubled_keys(writes);
        let mut outcomes = Vec::with_capacity(writes.len());
        for (number, chunk) in writes.chunks(CHUNK).enumerate() {
            let first = number * CHUNK;
            let doubled = |at: usize| doubled.get(&(first + at)).cloned();
            outcomes.extend(self.write_chunk(chunk, options, &doubled));
        }
        outcomes
    }

    fn write_chunk(
        &self,
        writes: &[Write],
        options: &mut WriteOptions,
        doubled: &dyn Fn(usize) -> Option<ApiError>,
    ) -> Outcomes {
        let mut state = self.write();
        let now = self.clock.now_seconds();
        let author = options.author.and_then(|id| state.store.find(&id));
        let State { store, visibility, writes: log, .. } = &mut *state;
        let mut session = Session::new(store, &self.setup, visibility, now, now);
        session.author = author.unwrap_or(session.author);
        session.options = std::mem::take(options);
        session.locks = Some(&self.locks);
        let mark = session.mark();
        let mut outcomes = Vec::with_capacity(writes.len());
        let mut logged = Vec::with_capacity(writes.len());
        for (at, write) in writes.iter().enumerate() {
            let mark = session.mark();
            let outcome = match doubled(at) {
                Some(error) => Err(error),
                None => session.apply(write),
            };
            logged.push(entry(&session, write, mark, &outcome));
            outcomes.push(outcome);
        }
        if session.options.all_or_none && outcomes.iter().any(Result::is_err) {
            session.take_back_to(mark);
            roll_back(&mut outcomes, &mut logged);
        }
        *options = std::mem::take(&mut session.options);
        let first = log.next();
        logged.into_iter().flatten().for_each(|write| log.push(write));
        let (undo, changed) = session.finish_part();
        match &options.journal {
            Some(journal) => {
                let mut done = lock(&journal.0);
                done.undo.extend(undo);
                done.changes.extend(changed);
                done.origin.clone_from(&options.origin);
                done.logged.extend(first..log.next());
            }
            None => self.committed(&mut state, changed, &options.origin),
        }
        outcomes
    }

    /// Holds the locks that these writes need, as far as nobody has them, until the result is dropped: writes of
    /// others to the same records or below the same parents fail with `UNABLE_TO_LOCK_ROW`.
    pub fn lock_for(&self, writes: &[Write]) -> RowLocks {
        let mut state = self.write();
        let now = self.clock.now_seconds();
        let State { store, visibility, .. } = &mut *state;
        let session = Session::new(store, &self.setup, visibility, now, now);
        let rows: Vec<RowRef> = writes
            .iter()
            .filter_map(|write| Some(session.lock_rows(session.store.schema.find(&write.object)?, write)))
            .flatten()
            .collect();
        session.finish();
        self.locks.hold(rows)
    }

    /// Holds the locks of these records, as a long transaction of somebody else does.
    pub fn lock_rows(&self, ids: &[Id]) -> RowLocks {
        let rows: Vec<RowRef> = ids.iter().filter_map(|id| self.read().store.find(id)).collect();
        self.locks.hold(rows)
    }

    /// Checks that the values of these writes can be read at all: one date that is none makes a REST body unreadable.
    pub fn check_readable(&self, writes: &[Write]) -> Result<(), ApiError> {
        let state = self.read();
        for write in writes {
            let Some(object) = state.store.schema.named(&write.object) else { continue };
            for (name, value) in &write.fields {
                object.field(name).map_or(Ok(()), |field| check_readable(field, value))?;
            }
        }
        Ok(())
    }

    /// The writes of API calls from a sequence number on (0 for all that are kept), and the number to ask for next.
    pub fn writes_since(&self, sequence: u64) -> (Vec<LoggedWrite>, u64) {
        self.read().writes.since(sequence)
    }
}

fn entry(
    session: &Session<'_>,
    write: &Write,
    mark: Mark,
    outcome: &Result<Written, ApiError>,
) -> Option<LoggedWrite> {
    let named = || write.action.id().and_then(|id| Id::parse(id).ok());
    let id = outcome.as_ref().map_or_else(|_| named(), |written| Some(written.id));
    Some(LoggedWrite {
        sequence: 0,
        at: jiff::Timestamp::from_second(session.now).unwrap_or_default(),
        source: session.options.source?,
        action: write.action.name(),
        object: write.object.clone(),
        id,
        created: outcome.as_ref().is_ok_and(|written| written.created),
        user: Some(session.store.id_of(session.author)),
        fields: write.fields.clone(),
        changed: id.map(|id| session.changed_since(mark, id)).unwrap_or_default(),
        error: outcome.as_ref().err().map(|error| error.code),
    })
}

/// The good ones of a transaction that failed (section 6.2).
fn roll_back(outcomes: &mut Outcomes, logged: &mut [Option<LoggedWrite>]) {
    const CODE: &str = "ALL_OR_NONE_OPERATION_ROLLED_BACK";
    let message =
        "Record rolled back because not all records were valid and the request was using AllOrNone header";
    for (outcome, write) in outcomes.iter_mut().zip(logged) {
        if outcome.is_ok() {
            *outcome = Err(ApiError::dml(CODE, message, &[]));
            if let Some(write) = write {
                write.error = Some(CODE);
                write.changed.clear();
            }
        }
    }
}

/// Upserts that have the key of another one: all of them fail, by their position.
pub(crate) fn doubled_keys(writes: &[Write]) -> HashMap<usize, ApiError> {
    let mut first: HashMap<(&str, String), (usize, String)> = HashMap::new();
    let mut doubled = HashMap::new();
    for (at, write) in writes.iter().enumerate() {
        let Action::Upsert(key) = &write.action else { continue };
        let Some((text, folded)) = key_of(write, key) else { continue };
        let error = |text: &str| {
            let message = format!("Duplicate external id specified: {text}");
            ApiError::dml("DUPLICATE_EXTERNAL_ID", message, &[])
        };
        match first.entry((&write.object, folded)) {
            Entry::Vacant(entry) => {
                entry.insert((at, text));
            }
            Entry::Occupied(entry) => {
                let (other, other_text) = entry.get();
                doubled.entry(*other).or_insert_with(|| error(other_text));
                doubled.insert(at, error(&text));
            }
        }
    }
    doubled
}

/// The key of an upsert as sent, and as it is compared.
fn key_of(write: &Write, key: &str) -> Option<(String, String)> {
    let value: &Json = write.fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(key))?.1;
    let text = key_text(value)?;
    let folded = text.to_lowercase();
    Some((text, folded))
}
