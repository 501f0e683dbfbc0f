//! Writes: validation, stamps, history, deletes, all inside one transaction.
//! May not lock or take the time: it is given both. Read [`Session`] first.

mod apply;
mod assign;
mod checks;
mod content;
mod history;
mod input;
mod merge;
mod removal;
mod rules;
mod save;

pub(crate) use apply::{key_field, key_text};
pub(crate) use content::preview_of;
pub(crate) use input::check_readable;

use jiff::Timestamp;

use super::change_log::{Change, ChangeKind};
use super::error::ApiError;
use super::ids::Id;
use super::locks::Locks;
use super::setup::Setup;
use super::store::{Reader, Store};
use super::table::Removal;
use super::value::{RowRef, Value};
use super::visibility::Visibility;
use super::write::WriteOptions;

/// One transaction while it is applied. What it did is taken back unless [`Session::finish`] is called.
pub(crate) struct Session<'a> {
    pub(crate) store: &'a mut Store,
    pub(crate) setup: &'a Setup,
    pub(crate) visibility: &'a Visibility,
    /// The stamp of everything that is written.
    pub(crate) stamp: i64,
    /// The present, which may be later than the stamp.
    pub(crate) now: i64,
    pub(crate) author: RowRef,
    pub(crate) options: WriteOptions,
    /// The row locks of others; `None` does not ask.
    pub(crate) locks: Option<&'a Locks>,
    undo: Vec<Undo>,
    changes: Vec<Change>,
}

/// A point in a transaction to which it can be taken back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    undo: usize,
    changes: usize,
}

/// How to take back one step.
#[derive(Debug)]
pub(crate) enum Undo {
    Cell { at: RowRef, column: u16, before: Value<'static> },
    Added(RowRef),
    Removal { at: RowRef, before: Option<Removal> },
    Logged { table: u16 },
    Unlogged { table: u16, entry: (i64, u32) },
}

impl<'a> Session<'a> {
    pub(crate) fn new(
        store: &'a mut Store,
        setup: &'a Setup,
        visibility: &'a Visibility,
        stamp: i64,
        now: i64,
    ) -> Self {
        let author = setup.integration_user;
        let (options, locks, undo, changes) = (WriteOptions::default(), None, Vec::new(), Vec::new());
        Self { store, setup, visibility, stamp, now, author, options, locks, undo, changes }
    }

    /// Ends the transaction; its changes may be published.
    pub(crate) fn finish(self) -> Vec<Change> {
        self.finish_part().1
    }

    /// Ends a part of a larger transaction: how to take it back, and its changes.
    pub(crate) fn finish_part(mut self) -> (Vec<Undo>, Vec<Change>) {
        (std::mem::take(&mut self.undo), std::mem::take(&mut self.changes))
    }

    /// Takes up what [`Session::finish_part`] left, so that it is taken back with this session.
    pub(crate) fn resume(&mut self, undo: Vec<Undo>) {
        self.undo = undo;
    }

    fn reader(&self) -> Reader<'_> {
        self.store.reader(self.now)
    }

    /// Writes one column, remembering what was there.
    fn set(&mut self, at: RowRef, column: u16, value: &Value<'_>) {
        let before = self.store.table(at.table).get(column, at.row, &self.store.symbols).into_owned();
        if before == *value {
            return;
        }
        self.undo.push(Undo::Cell { at, column, before });
        self.store.put(at, column, value);
    }

    /// Writes a named field if the object keeps it.
    fn set_named(&mut self, at: RowRef, field: &str, value: &Value<'_>) {
        let column = self.store.schema.table_object(at.table).column(field);
        if let Some(column) = column {
            self.set(at, column, value);
        }
    }

    fn add_row(&mut self, table: u16) -> RowRef {
        let row = self.store.table_mut(table).add_row();
        let at = RowRef { table, row };
        self.undo.push(Undo::Added(at));
        at
    }

    fn set_removal(&mut self, at: RowRef, removal: Option<Removal>) {
        let before = self.store.table(at.table).removal(at.row).copied();
        self.undo.push(Undo::Removal { at, before });
        self.store.table_mut(at.table).set_removal(at.row, removal);
    }

    /// Reads a named field of a record.
    fn value(&self, at: RowRef, field: &str) -> Value<'_> {
        let object = self.store.schema.table_object(at.table);
        object.field(field).map_or(Value::Null, |field| self.reader().read(object, field, at.row))
    }

    /// Stamps a change: `LastModified…` for a user's change, SystemModstamp for every one.
    fn touch(&mut self, at: RowRef) {
        let system = self.store.schema.table_object(at.table).system;
        let stamp = Value::Stamp(self.stamp);
        let author: Value<'_> = self.author.into();
        for (column, value) in
            [(system.modified_date, &stamp), (system.modstamp, &stamp), (system.modified_by, &author)]
        {
            if let Some(column) = column {
                self.set(at, column, value);
            }
        }
    }

    fn publish(&mut self, at: RowRef, kind: ChangeKind, fields: Vec<String>) {
        self.changes.push(Change {
            sequence: 0,
            object: self.store.schema.table_object(at.table).name.clone(),
            id: self.store.id_of(at),
            kind,
            fields,
            replaced: Vec::new(),
            stamp: Timestamp::from_second(self.stamp).unwrap_or_default(),
            author: self.store.id_of(self.author),
        });
    }

    /// The record with an id in its 15- or 18-character form, deleted or not.
    fn locate(&self, object: u16, id: &str) -> Result<RowRef, ApiError> {
        let id = Id::parse(id)?;
        let object = self.store.schema.object(object);
        let at = self.store.find(&id).filter(|at| at.table == object.table);
        let at = at.filter(|at| self.store.in_view(object, at.row));
        at.ok_or_else(ApiError::not_found)
    }

    /// A record that is not deleted.
    fn live(&self, object: u16, id: &str) -> Result<RowRef, ApiError> {
        let at = self.locate(object, id)?;
        let table = self.store.table(at.table);
        if !table.is_visible(at.row, true, self.now) {
            return Err(ApiError::not_found());
        }
        if table.is_deleted(at.row) {
            return Err(ApiError::entity_is_deleted());
        }
        Ok(at)
    }
}

impl Session<'_> {
    /// Takes back, last first, what was done since the mark.
    pub(crate) fn take_back_to(&mut self, mark: Mark) {
        self.changes.truncate(mark.changes);
        while self.undo.len() > mark.undo {
            let Some(undo) = self.undo.pop() else { return };
            match undo {
                Undo::Cell { at, column, before } => self.store.put(at, column, &before),
                Undo::Added(at) => {
                    self.store.table_mut(at.table).set_removal(at.row, Some(Removal::never_seen()));
                }
                Undo::Removal { at, before } => self.store.table_mut(at.table).set_removal(at.row, before),
                Undo::Logged { table } => {
                    self.store.table_mut(table).delete_log.pop();
                }
                Undo::Unlogged { table, entry } => self.store.table_mut(table).delete_log.push(entry),
            }
        }
    }
}

impl Drop for Session<'_> {
    /// Takes back what was not finished.
    fn drop(&mut self) {
        self.take_back_to(Mark { undo: 0, changes: 0 });
    }
}
