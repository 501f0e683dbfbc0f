//! Adds generated rows with their stamps.
//! May not decide what records look like. Read [`Maker`] first.

use std::sync::Arc;

use super::rng::Rng;
use crate::org::dates::DAY;
use crate::org::schema::{Object, Schema};
use crate::org::setup::Setup;
use crate::org::store::Store;
use crate::org::table::{BIN_SECONDS, Removal};
use crate::org::value::{RowRef, Value};

/// How far back generated records were created.
const YEARS_BACK: i64 = 2;
/// Moments at which an administrator changed many records at once.
const MASS_UPDATES: usize = 40;

/// Adds rows.
pub(super) struct Maker<'a> {
    pub(super) store: &'a mut Store,
    pub(super) schema: Arc<Schema>,
    pub(super) setup: &'a Setup,
    pub(super) now: i64,
    pub(super) rng: Rng,
    mass_updates: Vec<i64>,
}

/// When and by whom a record was made and changed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Life {
    pub(super) created: i64,
    pub(super) modified: i64,
    pub(super) author: RowRef,
    pub(super) owner: RowRef,
}

impl<'a> Maker<'a> {
    pub(super) fn new(store: &'a mut Store, setup: &'a Setup, now: i64, seed: u64) -> Self {
        let schema = Arc::clone(&store.schema);
        let mut rng = Rng::new(seed, 1);
        let mass_updates = (0..MASS_UPDATES).map(|_| now - rng.between(3_600, 400 * DAY)).collect();
        Self { store, schema, setup, now, rng, mass_updates }
    }

    /// Draws the life of one record.
    pub(super) fn life(&mut self) -> Life {
        let owners = &self.setup.owners;
        let fallback = self.setup.integration_user;
        let owner = self.rng.pick(owners).copied().unwrap_or(fallback);
        let author = if self.rng.chance(20) { fallback } else { owner };
        let created = self.now - self.rng.between(600, YEARS_BACK * 365 * DAY);
        let modified = if self.rng.chance(30) {
            self.rng.pick(&self.mass_updates).copied().unwrap_or(created).max(created)
        } else {
            created + self.rng.between(0, (self.now - created - 300).max(1))
        };
        Life { created, modified, author, owner }
    }

    /// Adds a row with owner and stamps.
    pub(super) fn add(&mut self, object: &Object, life: &Life, values: &[(&str, Value<'_>)]) -> u32 {
        let row = self.store.table_mut(object.table).add_row();
        let at = RowRef { table: object.table, row };
        let system = &object.system;
        let stamps = [
            (system.created_date, Value::Stamp(life.created)),
            (system.modified_date, Value::Stamp(life.modified)),
            (system.modstamp, Value::Stamp(life.modified)),
            (system.created_by, life.author.into()),
            (system.modified_by, life.author.into()),
            (system.owner, life.owner.into()),
        ];
        for (column, value) in stamps {
            if let Some(column) = column {
                self.store.put(at, column, &value);
            }
        }
        self.store.put_all(object, row, values);
        row
    }

    /// Puts a row into the recycle bin, some days ago.
    pub(super) fn remove(&mut self, object: &Object, row: u32) {
        let deleted_at = self.now - self.rng.between(60, 13 * DAY);
        let at = RowRef { table: object.table, row };
        for column in [object.system.modstamp, object.system.modified_date].into_iter().flatten() {
            self.store.put(at, column, &Value::Stamp(deleted_at));
        }
        let batch = self.store.next_delete();
        let table = self.store.table_mut(object.table);
        let removal = Removal { deleted_at, purged_at: deleted_at + BIN_SECONDS, batch };
        table.set_removal(row, Some(removal));
        table.delete_log.push((deleted_at, row));
    }

    /// Fills the custom fields of an object with values that fit their types, for most records.
    pub(super) fn fill_custom(&mut self, object: &Object, row: u32) {
        use crate::org::schema::{FieldType, Flags};
        for field in object.fields.iter().filter(|field| field.has(Flags::CUSTOM)) {
            let Some(column) = field.column() else { continue };
            if !self.rng.chance(70) && field.has(Flags::NILLABLE) {
                continue;
            }
            let unique = field.has(Flags::UNIQUE) || field.has(Flags::EXTERNAL);
            let value: Value<'_> = match field.kind {
                FieldType::Picklist => self.rng.pick(&field.picklist).map(String::as_str).into(),
                FieldType::MultiPicklist => self.several(&field.picklist).into(),
                FieldType::Boolean => self.rng.chance(50).into(),
                FieldType::Date => Value::Date(self.day_around_now()),
                FieldType::Datetime => Value::Stamp(self.now - self.rng.between(0, 90 * DAY)),
                FieldType::Double | FieldType::Currency => {
                    Value::Number(self.rng.between(0, 10_000_000), field.scale)
                }
                FieldType::Percent => Value::Number(self.rng.between(0, 10_000), field.scale.max(2)),
                FieldType::Email => super::words::Texts::email(&mut self.rng, row).into(),
                FieldType::Phone => super::words::Texts::phone(&mut self.rng).into(),
                FieldType::Url => super::words::Texts::website(&mut self.rng).into(),
                FieldType::Reference if field.targets.iter().any(|target| target == "User") => {
                    self.rng.pick(&self.setup.owners).copied().into()
                }
                FieldType::Text if unique => format!("{}-{row}", object.name).into(),
                FieldType::Text | FieldType::TextArea => {
                    clip(super::words::Texts::sentence(&mut self.rng), field.length).into()
                }
                _ => Value::Null,
            };
            self.store.put(RowRef { table: object.table, row }, column, &value);
        }
    }

    /// Some values of a multi-select picklist, in its order.
    pub(super) fn several(&mut self, values: &[String]) -> String {
        let chosen: Vec<&str> = values.iter().filter(|_| self.rng.chance(35)).map(String::as_str).collect();
        chosen.join(";")
    }

    /// A day from a year ago to half a year ahead.
    pub(super) fn day_around_now(&mut self) -> i32 {
        let days = self.now.div_euclid(DAY) + self.rng.between(-365, 180);
        i32::try_from(days).unwrap_or(0)
    }

    /// A value of a field's picklist.
    pub(super) fn choice<'b>(&mut self, object: &'b Object, field: &str) -> Value<'b> {
        object.field(field).and_then(|field| self.rng.pick(&field.picklist)).map(String::as_str).into()
    }

    /// A row out of all that an object has, if it has any.
    pub(super) fn any(&mut self, object: &str) -> Option<RowRef> {
        let schema = Arc::clone(&self.schema);
        let table = schema.named(object)?.table;
        let rows = self.store.table(table).rows();
        if rows == 0 {
            return None;
        }
        let row = u32::try_from(self.rng.below(u64::from(rows))).ok()?;
        let at = RowRef { table, row };
        (!self.store.table(table).is_deleted(row)).then_some(at)
    }
}

/// The text cut to so many characters, without blanks around it.
pub(super) fn clip(text: &str, length: u32) -> String {
    let cut: String = text.chars().take(length as usize).collect();
    cut.trim().to_owned()
}
