//! All tables of the org, and reading of fields, lookups and derived values.
//! May not check permissions or keep rules of writes. Read [`Store`] first.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::column::{Cell, Symbols};
use super::dates::{civil, days_of_stamp};
use super::ids::Id;
use super::schema::{Constant, Derived, Field, FieldPath, FieldRef, Object, RollUp, Schema, Source, Storage};
use super::soql::literal::parse_number;
use super::table::{Table, row_of_sequence, sequence_of};
use super::value::{RowRef, Value, equals_folded, fold, to_scale};

/// Two characters that every id of this org carries behind the key prefix.
const INSTANCE: [u8; 2] = *b"Hq";

/// The records of the org.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) schema: Arc<Schema>,
    pub(crate) tables: Vec<Table>,
    pub(crate) symbols: Symbols,
    by_prefix: HashMap<([u8; 3], u8), u16>,
    deletes: u64,
}

impl Store {
    pub(crate) fn new(schema: Arc<Schema>) -> Self {
        let tables = schema.tables.iter().map(Table::new).collect();
        let by_prefix = (0u16..)
            .zip(&schema.tables)
            .map(|(index, table)| ((schema.object(table.object).prefix, table.discriminator), index))
            .collect();
        Self { schema, tables, symbols: Symbols::default(), by_prefix, deletes: 0 }
    }

    pub(crate) fn table(&self, table: u16) -> &Table {
        &self.tables[usize::from(table)]
    }

    pub(crate) fn table_mut(&mut self, table: u16) -> &mut Table {
        &mut self.tables[usize::from(table)]
    }

    /// A number for one delete call, never given twice: what has it comes back together.
    pub(crate) fn next_delete(&mut self) -> u64 {
        self.deletes += 1;
        self.deletes
    }

    /// The id of a record.
    pub(crate) fn id_of(&self, at: RowRef) -> Id {
        let layout = &self.schema.tables[usize::from(at.table)];
        let prefix = self.schema.object(layout.object).prefix;
        Id::assemble(prefix, INSTANCE, layout.discriminator, sequence_of(at.row))
    }

    /// The table that ids of this kind belong to, whether or not the record exists.
    pub(crate) fn table_of(&self, id: &Id) -> Option<u16> {
        let (prefix, _, discriminator, _) = id.parts();
        self.by_prefix.get(&(prefix, discriminator)).copied()
    }

    /// The record with this id, deleted or not.
    pub(crate) fn find(&self, id: &Id) -> Option<RowRef> {
        let (_, instance, _, sequence) = id.parts();
        let table = self.table_of(id)?;
        let row = row_of_sequence(sequence)?;
        (instance == INSTANCE && row < self.table(table).rows()).then_some(RowRef { table, row })
    }

    /// Whether a row belongs to an object that shows only a part of its table.
    pub(crate) fn in_view(&self, object: &Object, row: u32) -> bool {
        object.view.as_ref().is_none_or(|(column, text)| {
            self.table(object.table).get(*column, row, &self.symbols).as_text() == Some(text)
        })
    }

    /// Writes a value into a column: picklist texts are interned, numbers brought to the column's scale.
    pub(crate) fn put(&mut self, at: RowRef, column: u16, value: &Value<'_>) {
        let (storage, scale) = self.schema.tables[usize::from(at.table)].columns[usize::from(column)];
        let cell = match value {
            Value::Null => Cell::Null,
            Value::Bool(on) => Cell::Bool(*on),
            Value::Number(mantissa, decimals) => {
                to_scale((*mantissa, *decimals), scale).map_or(Cell::Null, Cell::Number)
            }
            Value::Date(days) => Cell::Date(*days),
            Value::Stamp(seconds) => Cell::Stamp(*seconds),
            Value::Text(text) if storage == Storage::Symbol => Cell::Symbol(self.symbols.intern(text)),
            Value::Text(text) => Cell::Text(Cow::Borrowed(text)),
            Value::Reference(to) => Cell::Reference(*to),
        };
        self.table_mut(at.table).set(column, at.row, &cell);
    }

    /// Writes named fields of a record; names that are no stored field of this org are passed over.
    pub(crate) fn put_all(&mut self, object: &Object, row: u32, values: &[(&str, Value<'_>)]) {
        for (name, value) in values {
            if let Some(column) = object.column(name) {
                self.put(RowRef { table: object.table, row }, column, value);
            }
        }
    }

    /// A reader at a point in time.
    pub(crate) fn reader(&self, now: i64) -> Reader<'_> {
        Reader { store: self, now }
    }
}

/// Reads values as they are at one moment.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) store: &'a Store,
    pub(crate) now: i64,
}

impl<'a> Reader<'a> {
    pub(crate) fn field(&self, at: FieldRef, row: u32) -> Value<'a> {
        let object = self.store.schema.object(at.object);
        self.read(object, &object.fields[usize::from(at.field)], row)
    }

    pub(crate) fn read(&self, object: &Object, field: &Field, row: u32) -> Value<'a> {
        match &field.source {
            Source::Column(column) => self.column(object.table, *column, row),
            Source::Id => Value::Reference(RowRef { table: object.table, row }),
            Source::Deleted => Value::Bool(self.store.table(object.table).is_deleted(row)),
            Source::Derived(derived) => self.derived(object, derived, row),
        }
    }

    pub(crate) fn column(&self, table: u16, column: u16, row: u32) -> Value<'a> {
        self.store.table(table).get(column, row, &self.store.symbols)
    }

    /// The live records that hold a text or number in a field, without regard to case, in id order.
    pub(crate) fn holders(&self, object: &Object, field: &Field, text: &str) -> Vec<RowRef> {
        let table = self.store.table(object.table);
        let wanted = fold(text.trim());
        let number = parse_number(&wanted).and_then(|number| to_scale(number, field.scale));
        let holds = |row: &u32| match self.read(object, field, *row) {
            Value::Text(text) => equals_folded(&text, &wanted),
            Value::Number(mantissa, _) => Some(mantissa) == number,
            _ => false,
        };
        let live = |row: &u32| !table.is_deleted(*row) && self.store.in_view(object, *row);
        let rows: Vec<u32> = match (field.column(), field.kind.storage()) {
            (Some(column), Storage::Text) => {
                table.like_text(column, &wanted).filter(live).filter(holds).collect()
            }
            (Some(column), Storage::Number) => {
                let found = number.into_iter().flat_map(|mantissa| table.with_number(column, mantissa));
                found.filter(live).collect()
            }
            _ => (0..table.rows()).filter(live).filter(holds).collect(),
        };
        rows.into_iter().map(|row| RowRef { table: object.table, row }).collect()
    }

    /// A value over lookups; null as soon as one lookup is empty.
    pub(crate) fn path(&self, path: &FieldPath, row: u32) -> Value<'a> {
        let mut row = row;
        for hop in &path.hops {
            match self.field(*hop, row) {
                Value::Reference(at) => row = at.row,
                _ => return Value::Null,
            }
        }
        self.field(path.end, row)
    }

    fn derived(&self, object: &Object, derived: &Derived, row: u32) -> Value<'a> {
        let column = |column: u16| self.column(object.table, column, row);
        let date = |at: u16| match column(at) {
            Value::Date(days) => Some(civil(days)),
            _ => None,
        };
        match derived {
            Derived::ExpectedRevenue { amount, probability } => {
                expected_revenue(&column(*amount), &column(*probability))
            }
            Derived::DaysSince(at) => match column(*at) {
                Value::Date(days) => self.days_since(days),
                Value::Stamp(seconds) => self.days_since(days_of_stamp(seconds)),
                _ => Value::Null,
            },
            Derived::Fiscal(at) => date(*at).map_or(Value::Null, |(year, month, _)| {
                Value::Text(Cow::Owned(format!("{year} {}", quarter(month))))
            }),
            Derived::FiscalQuarter(at) => {
                date(*at).map_or(Value::Null, |(_, month, _)| Value::Number(i64::from(quarter(month)), 0))
            }
            Derived::FiscalYear(at) => {
                date(*at).map_or(Value::Null, |(year, ..)| Value::Number(i64::from(year), 0))
            }
            Derived::Photo => {
                let id = self.store.id_of(RowRef { table: object.table, row });
                Value::Text(Cow::Owned(format!("/services/images/photo/{id}")))
            }
            Derived::Paths(paths) => paths
                .iter()
                .map(|path| self.path(path, row))
                .find(|value| !value.is_null())
                .unwrap_or(Value::Null),
            Derived::RollUp(roll_up) => self.roll_up(roll_up, RowRef { table: object.table, row }),
            Derived::Constant(Constant::Text(text)) => Value::Text(Cow::Owned(text.clone())),
            Derived::Constant(Constant::Number(mantissa, scale)) => Value::Number(*mantissa, *scale),
            Derived::Constant(Constant::Bool(on)) => Value::Bool(*on),
            // Compounds are written by the renderers from their parts.
            Derived::Address(_) | Derived::Nothing => Value::Null,
        }
    }

    fn roll_up(&self, roll_up: &RollUp, parent: RowRef) -> Value<'a> {
        let below = self.store.schema.object(roll_up.object);
        let table = self.store.table(below.table);
        let live = |row: &u32| !table.is_deleted(*row) && self.store.in_view(below, *row);
        let rows = table.referring(roll_up.link, parent.pack()).filter(live);
        let Some((column, scale)) = roll_up.summed else {
            return Value::Number(i64::try_from(rows.count()).unwrap_or(i64::MAX), 0);
        };
        let amount = |row| match self.column(below.table, column, row) {
            Value::Number(mantissa, _) => mantissa,
            _ => 0,
        };
        Value::Number(rows.map(amount).sum(), scale)
    }

    fn days_since(&self, days: i32) -> Value<'a> {
        Value::Number(i64::from(days_of_stamp(self.now)) - i64::from(days), 0)
    }
}

fn quarter(month: u32) -> u32 {
    (month - 1) / 3 + 1
}

/// `Amount` in cents times a percentage, rounded half away from zero to cents.
fn expected_revenue(amount: &Value<'_>, probability: &Value<'_>) -> Value<'static> {
    match (amount, probability) {
        (Value::Number(cents, scale), Value::Number(percent, 0)) => {
            let product = i128::from(*cents) * i128::from(*percent);
            let rounded = (product + 50 * product.signum()) / 100;
            i64::try_from(rounded).map_or(Value::Null, |mantissa| Value::Number(mantissa, *scale))
        }
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expected_revenue_is_rounded_to_cents() {
        let of = |cents, percent| expected_revenue(&Value::Number(cents, 2), &Value::Number(percent, 0));
        assert_eq!(of(1001, 50), Value::Number(501, 2));
        assert_eq!(of(-1001, 50), Value::Number(-501, 2));
        assert_eq!(expected_revenue(&Value::Null, &Value::Number(50, 0)), Value::Null);
    }
}
