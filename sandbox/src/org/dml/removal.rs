//! Delete, undelete, and leaving the recycle bin (section 12.2).
//! May not validate fields. Read [`Session::delete`] first.

use super::{Session, Undo};
use crate::org::change_log::ChangeKind;
use crate::org::error::ApiError;
use crate::org::table::{BIN_SECONDS, Removal};
use crate::org::value::{RowRef, Value};

impl Session<'_> {
    /// Moves a record and what belongs to it to the recycle bin.
    pub(crate) fn delete(&mut self, object: u16, id: &str) -> Result<RowRef, ApiError> {
        let definition = self.store.schema.object(object);
        if definition.abilities.has("nodelete") || !self.visibility.changes_object(object) {
            let message = "insufficient access rights on object id";
            return Err(ApiError::dml("INSUFFICIENT_ACCESS_OR_READONLY", message, &[]));
        }
        let without_bin = definition.abilities.has("nobin");
        let at = self.live(object, id)?;
        let schema = std::sync::Arc::clone(&self.store.schema);
        self.check_deletable(schema.object(object), at)?;
        let batch = self.store.next_delete();
        self.remove(at, batch, !without_bin);
        Ok(at)
    }

    fn remove(&mut self, at: RowRef, batch: u64, bin: bool) {
        let removal = if bin {
            Removal { deleted_at: self.stamp, purged_at: self.stamp + BIN_SECONDS, batch }
        } else {
            Removal { deleted_at: self.stamp, ..Removal::never_seen() }
        };
        self.set_removal(at, Some(removal));
        self.touch(at);
        self.undo.push(Undo::Logged { table: at.table });
        let stamp = self.stamp;
        self.store.table_mut(at.table).delete_log.push((stamp, at.row));
        self.publish(at, ChangeKind::Delete, Vec::new());
        for child in self.cascaded(at) {
            self.remove(child, batch, bin);
        }
    }

    /// Live records that go with their parent.
    fn cascaded(&self, at: RowRef) -> Vec<RowRef> {
        let schema = &self.store.schema;
        let parent = schema.tables[usize::from(at.table)].object;
        let mut found = Vec::new();
        for child in schema.children_of(parent).into_iter().filter(|child| child.cascade) {
            let table = schema.object(child.lookup.object).table;
            let Some(column) = schema.field(child.lookup).column() else { continue };
            let records = self.store.table(table);
            let rows = records.referring(column, at.pack()).filter(|row| !records.is_deleted(*row));
            found.extend(rows.map(|row| RowRef { table, row }));
        }
        found.dedup();
        found
    }

    /// Brings back a record from the recycle bin, with everything that was deleted by the same call.
    pub(crate) fn undelete(&mut self, object: u16, id: &str) -> Result<(), ApiError> {
        let at = self.locate(object, id)?;
        let removal = self.store.table(at.table).removal(at.row).copied();
        let removal = removal
            .filter(|removal| self.now < removal.purged_at)
            .ok_or_else(|| ApiError::dml("UNDELETE_FAILED", "Entity is not in the recycle bin", &["Id"]))?;
        let mut together = Vec::new();
        for (table, records) in (0u16..).zip(&self.store.tables) {
            let same = |row: &u32| records.removal(*row).is_some_and(|other| other.batch == removal.batch);
            together.extend(records.removed_rows().into_iter().filter(same).map(|row| RowRef { table, row }));
        }
        for at in together {
            self.restore(at);
        }
        Ok(())
    }

    fn restore(&mut self, at: RowRef) {
        self.set_removal(at, None);
        self.set_named(at, "MasterRecordId", &Value::Null);
        self.touch(at);
        let log = &mut self.store.table_mut(at.table).delete_log;
        if let Some(position) = log.iter().rposition(|(_, row)| *row == at.row) {
            let entry = log.remove(position);
            self.undo.push(Undo::Unlogged { table: at.table, entry });
        }
        self.publish(at, ChangeKind::Undelete, Vec::new());
    }

    /// Takes a record past the recycle bin; a live one is deleted first.
    pub(crate) fn hard_delete(&mut self, object: u16, id: &str) -> Result<(), ApiError> {
        let at = self.locate(object, id)?;
        if !self.store.table(at.table).is_deleted(at.row) {
            self.delete(object, id)?;
        }
        let now = self.now;
        if let Some(removal) = self.store.table(at.table).removal(at.row).copied()
            && removal.purged_at > now
        {
            self.set_removal(at, Some(Removal { purged_at: now, ..removal }));
        }
        Ok(())
    }

    /// Moves SystemModstamp alone, as an automated process does (section 12.1).
    pub(crate) fn touch_by_system(&mut self, object: u16, id: &str) -> Result<(), ApiError> {
        let at = self.live(object, id)?;
        if let Some(column) = self.store.schema.object(object).system.modstamp {
            let stamp = Value::Stamp(self.stamp);
            self.set(at, column, &stamp);
        }
        self.publish(at, ChangeKind::Update, Vec::new());
        Ok(())
    }

    /// Empties the recycle bin.
    pub(crate) fn purge(&mut self) {
        let now = self.now;
        for table in (0u16..).take(self.store.tables.len()) {
            for row in self.store.table(table).removed_rows() {
                let at = RowRef { table, row };
                if let Some(removal) = self.store.table(table).removal(row).copied()
                    && removal.purged_at > now
                {
                    self.set_removal(at, Some(Removal { purged_at: now, ..removal }));
                }
            }
        }
    }
}
