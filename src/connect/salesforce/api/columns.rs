//! Which wire column fills which position: resolved once for each source, used for every row of REST and Bulk alike.
//! Read [`Columns`] first.

use crate::model::{Change, ChangeEvent, Key, Kind, Row, Schema, Value, Version};

use super::convert::instant;

/// What the reader itself needs of a record, besides the columns that the pipeline asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `Id`.
    Id,
    /// The stamp that orders changes.
    Stamp,
    /// `IsDeleted`.
    Deleted,
    /// `MasterRecordId`.
    Master,
}

/// One column of the SELECT list.
#[derive(Clone, Debug)]
pub struct WireColumn {
    /// Path on the wire: `Name`, `Account.Name`.
    pub path: String,
    /// What it holds.
    pub kind: Kind,
    positions: Vec<usize>,
    role: Option<Role>,
}

/// The SELECT list of a source and where each of its columns goes.
#[derive(Clone, Debug)]
pub struct Columns {
    wire: Vec<WireColumn>,
    width: usize,
}

/// A record while its columns arrive.
#[derive(Debug)]
pub struct Record {
    /// Its id.
    pub id: Key,
    /// Its stamp, if it was selected.
    pub stamp: Option<jiff::Timestamp>,
    /// It is in the recycle bin.
    pub deleted: bool,
    /// The record that survived a merge.
    pub master: Option<Key>,
    /// The columns that the pipeline asked for.
    pub row: Row,
}

impl Columns {
    /// The columns of a schema and the roles with their fields. A field that is asked for twice is selected once: Salesforce refuses
    /// duplicates.
    pub fn new(schema: &Schema, roles: &[(Role, &str)]) -> Self {
        let mut columns = Self { wire: Vec::with_capacity(schema.len() + roles.len()), width: schema.len() };
        for (role, path) in roles {
            let kind = match role {
                Role::Id | Role::Master => Kind::Id,
                Role::Stamp => Kind::DateTime,
                Role::Deleted => Kind::Bool,
            };
            columns.wire.push(WireColumn {
                path: (*path).to_owned(),
                kind,
                positions: Vec::new(),
                role: Some(*role),
            });
        }
        for (position, field) in schema.fields().iter().enumerate() {
            let path = wire_path(&field.name);
            match columns.wire.iter_mut().find(|column| column.path.eq_ignore_ascii_case(path)) {
                Some(column) => column.positions.push(position),
                None => columns.wire.push(WireColumn {
                    path: path.to_owned(),
                    kind: field.kind,
                    positions: vec![position],
                    role: None,
                }),
            }
        }
        columns
    }

    /// The columns in SELECT order.
    pub fn wire(&self) -> &[WireColumn] {
        &self.wire
    }

    /// The SELECT list.
    pub fn select(&self) -> String {
        self.wire.iter().map(|column| column.path.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// An empty record: everything that the pipeline asked for is null until it arrives.
    #[inline]
    pub fn record(&self) -> Record {
        let row = Row(vec![Value::Null; self.width].into_boxed_slice());
        Record { id: Key::app(""), stamp: None, deleted: false, master: None, row }
    }

    /// Puts the value of one wire column where it belongs.
    #[inline]
    pub fn place(&self, column: usize, value: Value, record: &mut Record) {
        let Some(column) = self.wire.get(column) else { return };
        match column.role {
            Some(Role::Id) => record.id = key(&value).unwrap_or_else(|| Key::app("")),
            Some(Role::Stamp) => record.stamp = stamp(&value),
            Some(Role::Deleted) => record.deleted = value == Value::Bool(true),
            Some(Role::Master) => record.master = key(&value),
            None => {}
        }
        if let Some((last, others)) = column.positions.split_last() {
            for position in others {
                record.row.set(*position, value.clone());
            }
            record.row.set(*last, value);
        }
    }
}

impl Record {
    /// The change that this record is evidence of.
    pub fn into_event(self) -> ChangeEvent {
        let change =
            if self.deleted { Change::Delete { merged_into: self.master } } else { Change::Upsert(self.row) };
        ChangeEvent { key: self.id, change, version: self.stamp.map(Version) }
    }
}

fn key(value: &Value) -> Option<Key> {
    value.as_text().map(Key::salesforce)
}

fn stamp(value: &Value) -> Option<jiff::Timestamp> {
    match value {
        Value::DateTime(stamp) => Some(*stamp),
        Value::Text(text) => instant(text),
        _ => None,
    }
}

/// The wire path of a column: virtual fields stand for a path. `RecordType` is the developer name of the record's type.
pub(crate) fn wire_path(path: &str) -> &str {
    if path.eq_ignore_ascii_case("RecordType") { "RecordType.DeveloperName" } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_loser_names_the_survivor() {
        let roles = [(Role::Id, "Id"), (Role::Deleted, "IsDeleted"), (Role::Master, "MasterRecordId")];
        let columns = Columns::new(&Schema::default(), &roles);
        let mut record = columns.record();
        columns.place(0, "001000000000001AAA".into(), &mut record);
        columns.place(1, true.into(), &mut record);
        columns.place(2, "001000000000002AAA".into(), &mut record);
        let merged_into = Some(Key::salesforce("001000000000002"));
        assert_eq!(record.into_event().change, Change::Delete { merged_into });
    }

    #[test]
    fn every_field_is_selected_once() {
        let schema = Schema::of(&[
            ("Name", Kind::Text),
            ("id", Kind::Id),
            ("RecordType", Kind::Text),
            ("RecordType.DeveloperName", Kind::Text),
            ("Account.Name", Kind::Text),
        ]);
        let columns = Columns::new(&schema, &[(Role::Id, "Id"), (Role::Stamp, "SystemModstamp")]);
        assert_eq!(columns.select(), "Id, SystemModstamp, Name, RecordType.DeveloperName, Account.Name");
        let mut record = columns.record();
        columns.place(0, "001000000000001".into(), &mut record);
        columns.place(3, "New_Business".into(), &mut record);
        assert_eq!(record.id.as_str(), "001000000000001AAA");
        assert_eq!(record.row.get(1).as_text(), Some("001000000000001"));
        assert_eq!(record.row.get(2), record.row.get(3));
        assert_eq!(record.row.get(4), &Value::Null);
    }
}
